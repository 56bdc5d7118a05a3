//! What the application keeps for itself: activities, events, notifications, sessions, the audit log, settings, imports.

use bson::spec::BinarySubtype;
use bson::{Binary, Bson, Document, Timestamp, doc};

use super::Maker;
use super::work::subject;

pub(super) fn document(collection: &str, maker: Maker<'_>) -> Document {
    match collection {
        "activities" => activity(maker),
        "events" => event(maker),
        "notifications" => notification(maker),
        "sessions" => session(maker),
        "audit_log" => entry(maker),
        "settings" => setting(&maker),
        _ => import(maker),
    }
}

fn activity(mut m: Maker<'_>) -> Document {
    let kind = m.random.pick(&["call", "mail", "meeting"]);
    let mut document = doc! {
        "_id": m.oid("activities"),
        "kind": kind,
        "subject": subject(&mut m),
        "userId": m.any("users"),
        "at": m.made("activities"),
    };
    // Each kind has its own fields.
    match kind {
        "call" => document.insert("seconds", m.random.below(3600) as i32),
        "mail" => document.insert(
            "to",
            (0..=m.random.below(3))
                .map(|i| format!("a{i}@example.com"))
                .collect::<Vec<_>>(),
        ),
        _ => document.insert("participants", m.several("contacts", 4)),
    };
    document
}

fn event(mut m: Maker<'_>) -> Document {
    let start = m.made("events");
    doc! {
        "_id": m.oid("events"),
        "title": m.title(),
        "starts": start,
        "ends": if m.random.chance(80) { Bson::DateTime(m.later("events", 3)) } else { Bson::Null },
        "place": { "type": "Point", "coordinates": [m.random.between(-1700, 1700) as f64 / 10.0, m.random.between(-800, 800) as f64 / 10.0] },
        "attendees": (0..m.random.below(4)).map(|_| doc! { "userId": m.any("users"), "answer": m.random.pick(&["yes", "no", "maybe"]) }).collect::<Vec<Document>>(),
    }
}

fn notification(mut m: Maker<'_>) -> Document {
    doc! {
        "_id": m.oid("notifications"),
        "userId": m.any("users"),
        "text": m.title(),
        "read": m.random.chance(50),
        // Removed by the server after a hundred years.
        "createdAt": m.made("notifications"),
        "payload": if m.random.chance(50) { Bson::Document(subject(&mut m)) } else { Bson::Array(vec![1.into(), "two".into()]) },
    }
}

fn session(mut m: Maker<'_>) -> Document {
    // Old drivers wrote UUIDs as subtype 3.
    let subtype = if m.year < 2020 {
        BinarySubtype::UuidOld
    } else {
        BinarySubtype::Uuid
    };
    doc! {
        "_id": Binary { subtype, bytes: m.random.uuid().to_vec() },
        "userId": m.any("users"),
        "deviceId": Binary { subtype: BinarySubtype::Uuid, bytes: m.random.uuid().to_vec() },
        "expiresAt": bson::DateTime::from_millis(4_102_444_800_000 + i64::from(m.n)),
        "address": format!("192.0.2.{}", m.n % 256),
    }
}

fn entry(mut m: Maker<'_>) -> Document {
    doc! {
        "_id": m.oid("audit_log"),
        "user": { "$ref": "users", "$id": m.any("users"), "$db": "crm" },
        "action": m.random.pick(&["create", "update", "delete"]),
        "target": m.random.pick(&["accounts", "tasks"]),
        // Names of fields, some of them with dots.
        "changes": { "address.city": { "old": Bson::Null, "new": m.city() }, "name": { "new": m.title() } },
        "clock": Timestamp { time: m.ids.second("audit_log", m.n), increment: m.n },
    }
}

fn setting(m: &Maker<'_>) -> Document {
    let names = [
        "currency", "features", "formats", "holidays", "limits", "mail", "theme", "units",
    ];
    let value = match m.n % 4 {
        0 => Bson::String("EUR".to_owned()),
        1 => Bson::Document(doc! { "beta.search": true, "export": false, "limits": { "rows": 5000 } }),
        2 => Bson::Array(vec!["dd.MM.yyyy".into(), 24.into(), Bson::Null]),
        _ => Bson::Int64(i64::from(m.n) << 40),
    };
    doc! { "_id": names[m.n as usize % names.len()], "value": value }
}

fn import(mut m: Maker<'_>) -> Document {
    // Three programs imported things, each with keys of its own.
    let id = match m.n % 4 {
        0 => Bson::Int32(m.n as i32),
        1 => Bson::String(format!("import-{}", m.n)),
        2 => Bson::Document(doc! { "file": format!("{}.csv", m.n), "line": m.n as i32 }),
        _ => Bson::ObjectId(m.oid("imports")),
    };
    let mut rows = Document::new();
    for row in 0..m.random.below(5) {
        rows.insert(format!("row{row}"), m.random.below(1000) as i32);
    }
    doc! { "_id": id, "by": m.any("users"), "rows": rows, "ok": m.random.chance(90) }
}
