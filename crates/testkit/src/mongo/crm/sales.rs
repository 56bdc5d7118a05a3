//! Products, opportunities, quotes, orders, invoices.

use bson::{Bson, Document, doc};

use super::Maker;
use super::people::decimal;
use super::words::CURRENCIES;

pub(super) fn document(collection: &str, maker: Maker<'_>) -> Document {
    match collection {
        "products" => product(maker),
        "opportunities" => opportunity(maker),
        "quotes" => quote(maker),
        "orders" => order(maker),
        _ => invoice(maker),
    }
}

/// The key of a product: text.
fn sku(n: u32) -> String {
    format!("SKU-{n:05}")
}

fn any_sku(m: &mut Maker<'_>) -> String {
    let count = u64::from(m.ids.count("products"));
    sku(m.random.below(count) as u32)
}

fn product(mut m: Maker<'_>) -> Document {
    let mut prices = Document::new();
    // A map: its names are data.
    for currency in CURRENCIES {
        if m.random.chance(70) {
            prices.insert(
                currency,
                decimal(&format!("{}.{:02}", m.random.below(500), m.random.below(100))),
            );
        }
    }
    let mut document = doc! {
        "_id": sku(m.n),
        "name": m.title(),
        "prices": prices,
        "weight": m.random.below(20_000) as f64 / 1000.0,
        "stock": if m.random.chance(50) { Bson::Int32(m.n as i32) } else { Bson::Int64(i64::from(m.n) << 33) },
        "dimensions": [m.random.between(1, 90) as i32, m.random.between(1, 90) as i32, m.random.between(1, 90) as i32],
    };
    if m.random.chance(40) {
        document.insert("replaces", any_sku(&mut m));
    }
    document
}

fn opportunity(mut m: Maker<'_>) -> Document {
    let amount = m.random.below(1_000_000);
    let mut document = doc! {
        "_id": m.oid("opportunities"),
        "title": m.title(),
        "accountId": m.any("accounts"),
        "contactId": m.any("contacts"),
        "ownerId": m.any("users"),
        "documentIds": m.several("documents", 3),
        "stage": m.random.pick(&["prospect", "proposal", "negotiation", "won", "lost"]),
        "probability": m.random.below(101) as i32,
        "closeDate": if m.random.chance(10) { Bson::Null } else { m.later("opportunities", 365).into() },
    };
    match m.year {
        ..=2019 => document.insert("amount", amount as f64 + 0.1),
        2020..=2021 => document.insert("amount", format!("{amount}.10")),
        _ => document.insert("amount", decimal(&format!("{amount}.10"))),
    };
    // Each change is a document of its own with a reference.
    let mut history = Vec::new();
    for _ in 0..m.random.below(4) {
        history.push(doc! { "stage": "proposal", "by": m.any("users"), "at": m.later("opportunities", 90) });
    }
    document.insert("history", history);
    document
}

fn lines(m: &mut Maker<'_>) -> Vec<Document> {
    let count = 1 + m.random.below(4);
    (0..count)
        .map(|_| {
            let mut line = doc! { "sku": any_sku(m), "quantity": m.random.between(1, 40) as i32 };
            line.insert(
                "price",
                decimal(&format!("{}.{:02}", m.random.below(500), m.random.below(100))),
            );
            if m.random.chance(25) {
                line.insert(
                    "discounts",
                    vec![
                        doc! { "reason": "season", "percent": 2.5 },
                        doc! { "reason": "loyal" },
                    ],
                );
            }
            line
        })
        .collect()
}

fn quote(mut m: Maker<'_>) -> Document {
    doc! {
        "_id": m.oid("quotes"),
        "number": format!("Q-{}-{:04}", m.year, m.n),
        "opportunityId": m.any("opportunities"),
        "documentIds": m.several("documents", 2),
        "lines": lines(&mut m),
        "total": decimal(&format!("{}E+{}", m.random.below(9_999), m.random.below(3))),
        "validUntil": m.later("quotes", 60),
        "currency": m.random.pick(&CURRENCIES),
    }
}

fn order(mut m: Maker<'_>) -> Document {
    let quote = m.any("quotes");
    doc! {
        // Whole numbers, larger than 32 bits in the end.
        "_id": if m.year < 2022 { Bson::Int32(10_000 + m.n as i32) } else { Bson::Int64(5_000_000_000 + i64::from(m.n)) },
        "quote": { "$ref": "quotes", "$id": quote },
        "accountId": m.any("accounts"),
        "lines": lines(&mut m),
        "shipped": m.random.chance(70),
        "tracking": if m.random.chance(50) { Bson::String(format!("TRK{:09}", m.n)) } else { Bson::Undefined },
        "orderedAt": m.made("orders"),
    }
}

fn invoice(mut m: Maker<'_>) -> Document {
    let orders = u64::from(m.ids.count("orders"));
    let order = m.random.below(orders) as u32;
    let order_id = if m.ids.year("orders", order) < 2022 {
        Bson::Int32(10_000 + order as i32)
    } else {
        Bson::Int64(5_000_000_000 + i64::from(order))
    };
    let cents = m.random.below(10_000_000) as i64;
    doc! {
        "_id": m.oid("invoices"),
        "number": i64::from(m.year) * 1_000_000 + i64::from(m.n),
        "orderId": order_id,
        "documentIds": m.several("documents", 2),
        "totalCents": cents,
        "paid": if m.random.chance(60) { Bson::DateTime(m.later("invoices", 60)) } else { Bson::Boolean(false) },
        "reminders": (0..m.random.below(3)).map(|_| Bson::DateTime(m.later("invoices", 90))).collect::<Vec<Bson>>(),
    }
}
