//! Documents and folders, boards with their sections and tasks, comments, tags.

use bson::spec::BinarySubtype;
use bson::{Binary, Bson, Document, doc};

use super::Maker;

pub(super) fn document(collection: &str, maker: Maker<'_>) -> Document {
    match collection {
        "documents" => file(maker),
        "folders" => folder(maker),
        "boards" => board(maker),
        "sections" => section(maker),
        "tasks" => task(maker),
        "comments" => comment(maker),
        _ => tag(maker),
    }
}

fn file(mut m: Maker<'_>) -> Document {
    let mut digest = vec![0; 16];
    m.random.fill(&mut digest);
    let mut document = doc! {
        "_id": m.oid("documents"),
        "name": format!("{} {}.pdf", m.title(), m.n),
        "folderId": m.any("folders"),
        "uploadedBy": m.any("users"),
        "bytes": if m.random.chance(90) { Bson::Int32(m.random.below(5_000_000) as i32) } else { Bson::Int64(6_000_000_000) },
        "md5": Binary { subtype: BinarySubtype::Md5, bytes: digest },
        "uploadedAt": m.made("documents"),
    };
    if m.random.chance(30) {
        let mut thumbnail = vec![0; m.random.below(200) as usize];
        m.random.fill(&mut thumbnail);
        document.insert(
            "thumbnail",
            Binary {
                subtype: BinarySubtype::Generic,
                bytes: thumbnail,
            },
        );
    }
    // Versions were counted, and later kept.
    if m.year < 2021 {
        document.insert("version", 1 + m.random.below(4) as i32);
    } else {
        let versions: Vec<Document> = (0..=m.random.below(3) as i32)
            .map(|number| doc! { "number": number, "by": m.any("users"), "note": Bson::Null })
            .collect();
        document.insert("versions", versions);
    }
    document
}

fn folder(mut m: Maker<'_>) -> Document {
    let mut document = doc! { "_id": m.oid("folders"), "name": m.title() };
    // A tree, with all folders above as an array of references too.
    if let Some(parent) = m.earlier("folders")
        && m.n > 2
    {
        document.insert("parentId", parent);
        document.insert("path", vec![m.ids.oid("folders", 0), parent]);
    } else {
        document.insert("path", Vec::<Bson>::new());
    }
    document
}

fn board(mut m: Maker<'_>) -> Document {
    doc! {
        "_id": m.oid("boards"),
        "name": m.title(),
        "teamId": m.any("teams"),
        "watchers": m.several("users", 6),
        "labels": [
            { "key": "red", "title": "urgent" },
            { "key": "blue", "title": "later", "archived": true },
        ],
        "columns": { "todo": 3, "doing": 2, "done": 0 },
        "createdAt": m.made("boards"),
    }
}

fn section(mut m: Maker<'_>) -> Document {
    doc! {
        "_id": m.oid("sections"),
        "boardId": m.any("boards"),
        "title": m.title(),
        "order": if m.year < 2022 { Bson::Int32(m.n as i32) } else { Bson::Double(f64::from(m.n) + 0.5) },
    }
}

fn task(mut m: Maker<'_>) -> Document {
    let mut document = doc! {
        "_id": m.oid("tasks"),
        "sectionId": m.any("sections"),
        "title": m.title(),
        "assigneeId": if m.random.chance(80) { Bson::ObjectId(m.any("users")) } else { Bson::Null },
        "watchers": m.several("users", 5),
        "documentIds": m.several("documents", 3),
        "done": m.random.chance(50),
    };
    if m.random.chance(70) {
        document.insert("description", m.text());
    }
    // Due dates were texts.
    if m.year < 2020 {
        document.insert("due", format!("{}-0{}-1{}", m.year + 1, 1 + m.n % 9, m.n % 10));
    } else {
        document.insert("due", m.later("tasks", 90));
    }
    let mut steps = Vec::new();
    for step in 0..m.random.below(4) as i32 {
        let mut entry = doc! { "text": m.title(), "done": step == 0 };
        if step == 2 {
            entry.insert(
                "parts",
                vec![doc! { "text": "first" }, doc! { "text": "second", "minutes": 15 }],
            );
        }
        steps.push(entry);
    }
    document.insert("checklist", steps);
    if m.random.chance(20)
        && let Some(other) = m.earlier("tasks")
    {
        document.insert("blockedBy", vec![other]);
    }
    if m.random.chance(40) {
        document.insert("estimate", doc! { "hours": m.random.below(80) as f64 / 4.0 });
    }
    document
}

/// What comments and activities are about: any of four collections.
pub(super) fn subject(m: &mut Maker<'_>) -> Document {
    let (kind, collection) = m.random.pick(&[
        ("Task", "tasks"),
        ("Account", "accounts"),
        ("Lead", "leads"),
        ("Opportunity", "opportunities"),
    ]);
    doc! { "type": kind, "id": m.any(collection) }
}

fn comment(mut m: Maker<'_>) -> Document {
    let mut document = doc! {
        "_id": m.oid("comments"),
        "on": subject(&mut m),
        "authorId": m.any("users"),
        "text": m.text(),
        "at": m.made("comments"),
    };
    // Answers to comments make threads, answers to answers too.
    if m.random.chance(50)
        && let Some(parent) = m.earlier("comments")
    {
        document.insert("replyTo", parent);
    }
    if m.random.chance(25) {
        // A map from users to what they think.
        let mut reactions = Document::new();
        for _ in 0..=m.random.below(3) {
            reactions.insert(m.any("users").to_hex(), m.random.pick(&["👍", "❤", "?"]));
        }
        document.insert("reactions", reactions);
    }
    document.insert("mentions", m.several("users", 2));
    document
}

fn tag(m: Maker<'_>) -> Document {
    doc! { "_id": m.oid("tags"), "name": format!("tag {}", m.n), "color": format!("#{:06x}", m.n * 4099) }
}
