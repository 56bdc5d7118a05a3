//! Users, teams, roles; accounts, contacts, leads.

use bson::{Bson, Decimal128, Document, doc};

use super::Maker;
use super::words::{CURRENCIES, TAGS};

pub(super) fn document(collection: &str, maker: Maker<'_>) -> Document {
    match collection {
        "users" => user(maker),
        "teams" => team(maker),
        "roles" => role(&maker),
        "accounts" => account(maker),
        "contacts" => contact(maker),
        _ => lead(maker),
    }
}

fn user(mut m: Maker<'_>) -> Document {
    let first = m.first_name();
    let mut document = doc! {
        "_id": m.oid("users"),
        "email": m.email("user"),
        "name": format!("{first} {}", m.last_name()),
        "roles": ["reader", "seller"],
        "createdAt": m.made("users"),
    };
    if m.n == 0 {
        document.insert("roles", vec!["admin"]);
    }
    // A user's manager is another user: a tree.
    match m.earlier("users") {
        Some(manager) => document.insert("managerId", manager),
        None => document.insert("managerId", Bson::Null),
    };
    // First a number, then a flag, then nothing where it is the default.
    match m.year {
        ..=2018 => document.insert("active", i32::from(m.random.chance(80))),
        2019..=2021 => document.insert("active", m.random.chance(80)),
        _ if m.random.chance(20) => document.insert("active", false),
        _ => None,
    };
    if m.year > 2020 {
        document.insert(
            "preferences",
            doc! { "language": m.random.pick(&["de", "en", "pt-BR"]), "theme": "dark", "pageSize": 25 + 25 * (m.n as i32 % 3) },
        );
    }
    document
}

fn team(mut m: Maker<'_>) -> Document {
    doc! {
        "_id": m.oid("teams"),
        "name": format!("Team {}", m.city()),
        "leadId": m.any("users"),
        "memberIds": m.several("users", 8),
        "quota": f64::from(m.n) * 10_000.5,
    }
}

fn role(m: &Maker<'_>) -> Document {
    let name = ["admin", "guest", "manager", "reader", "seller"][m.n as usize % 5];
    doc! {
        "_id": name,
        "rights": { "read": true, "write": name != "reader" && name != "guest", "delete": name == "admin" },
        "level": i64::from(m.n),
    }
}

fn account(mut m: Maker<'_>) -> Document {
    let mut document = doc! { "_id": m.oid("accounts"), "name": m.company(), "ownerId": m.any("users") };
    // A group's companies name the company above them.
    if m.random.chance(30)
        && let Some(parent) = m.earlier("accounts")
    {
        document.insert("parentId", parent);
    }
    let city = m.city();
    if m.year < 2019 {
        document.insert("address", format!("Main Street {}, {city}", m.n));
    } else {
        let mut address = doc! { "street": format!("Main Street {}", m.n), "city": city, "country": "CH" };
        if m.year > 2022 {
            address.insert(
                "location",
                doc! { "type": "Point", "coordinates": [8.5 + f64::from(m.n) / 100.0, 47.25] },
            );
        }
        document.insert("address", address);
    }
    let revenue = m.random.below(50_000_000);
    match m.year {
        ..=2018 => document.insert("revenue", revenue as i32),
        2019..=2020 => document.insert("revenue", revenue as f64 + 0.25),
        2021..=2022 => document.insert("revenue", revenue as i64 * 1000),
        _ => document.insert("revenue", decimal(&format!("{revenue}.10"))),
    };
    // Words first, later references to the tags.
    if m.year < 2020 {
        document.insert("tags", vec![m.random.pick(&TAGS), "customer"]);
    } else {
        document.insert("tagIds", m.several("tags", 4));
    }
    document.insert("documentIds", m.several("documents", 4));
    if m.random.chance(50) {
        document.insert(
            "vatNumber",
            if m.random.chance(50) {
                Bson::Null
            } else {
                format!("CHE-{}", m.n).into()
            },
        );
    }
    document.insert("createdAt", m.made("accounts"));
    document.insert("updatedAt", m.later("accounts", 400));
    document
}

fn contact(mut m: Maker<'_>) -> Document {
    let (first, last) = (m.first_name(), m.last_name());
    let mut document = doc! { "_id": m.oid("contacts"), "accountId": m.any("accounts") };
    if m.year < 2019 {
        document.insert("name", format!("{first} {last}"));
    } else {
        document.insert("firstName", first);
        document.insert("lastName", last);
    }
    if m.random.chance(85) {
        document.insert("email", m.email("contact"));
    }
    let number = 41_790_000_000 + i64::from(m.n);
    match m.year {
        ..=2017 => document.insert("phone", number),
        2018..=2020 => document.insert("phone", format!("+{number}")),
        _ => {
            let mut phones = vec![doc! { "kind": "mobile", "number": format!("+{number}"), "primary": true }];
            if m.random.chance(40) {
                phones.push(doc! { "kind": "office", "number": format!("+{}", number + 1), "extension": 12 });
            }
            document.insert("phones", phones)
        }
    };
    match m.year {
        ..=2019 => document.insert(
            "birthday",
            format!("19{:02}-0{}-1{}", m.n % 100, 1 + m.n % 9, m.n % 10),
        ),
        _ if m.random.chance(60) => {
            let days = m.random.between(-9000, 12_000);
            document.insert("birthday", bson::DateTime::from_millis(days * 86_400_000))
        }
        _ => None,
    };
    document.insert("documentIds", m.several("documents", 2));
    document.insert(
        "consent",
        doc! { "newsletter": m.random.chance(40), "at": m.later("contacts", 30) },
    );
    document.insert("notes", m.text());
    document
}

fn lead(mut m: Maker<'_>) -> Document {
    let mut document = doc! {
        "_id": m.oid("leads"),
        "company": m.company(),
        "score": if m.year < 2021 { Bson::Int32(m.random.between(0, 100) as i32) } else { Bson::Double(m.random.below(1000) as f64 / 10.0) },
        "source": m.random.pick(&["fair", "web", "call", ""]),
        "ownerId": m.any("users"),
        "documentIds": m.several("documents", 3),
        "estimate": { "amount": decimal(&format!("{}.50", m.random.below(90_000))), "currency": m.random.pick(&CURRENCIES) },
    };
    // Campaigns were kept elsewhere and are gone; one in three of these refers to an event by chance.
    if m.random.chance(60) {
        let campaign = if m.random.chance(33) {
            m.any("events")
        } else {
            m.ids.oid("events", 9_000_000 + m.n)
        };
        document.insert("campaignId", campaign);
    }
    // Codes first, then words.
    let status = m.random.below(4) as usize;
    if m.year < 2020 {
        document.insert("status", status as i32);
    } else {
        document.insert("status", ["new", "open", "won", "lost"][status]);
    }
    if m.random.chance(30) {
        document.insert(
            "convertedTo",
            doc! { "contactId": m.any("contacts"), "accountId": m.any("accounts") },
        );
    }
    document
}

/// A decimal number as it is written.
pub(super) fn decimal(text: &str) -> Decimal128 {
    text.parse().expect("the number is written as a decimal")
}
