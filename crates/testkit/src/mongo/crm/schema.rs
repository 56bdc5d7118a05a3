//! Options and indexes of the collections, and the view.

use bson::{Bson, Document, doc};

/// What a collection is created with.
pub(super) fn options(collection: &str) -> Document {
    match collection {
        "users" => doc! {
            "validator": { "$jsonSchema": {
                "bsonType": "object",
                "required": ["email", "name"],
                "properties": {
                    "email": { "bsonType": "string", "maxLength": 200 },
                    "name": { "bsonType": "string" },
                    "roles": { "bsonType": "array", "items": { "enum": ["admin", "guest", "manager", "reader", "seller"] } },
                },
            } },
            "validationLevel": "strict",
            "validationAction": "error",
        },
        "tasks" => doc! {
            "validator": { "$jsonSchema": { "required": ["title"], "properties": { "done": { "bsonType": "bool" } } } },
            "validationLevel": "moderate",
            "validationAction": "warn",
        },
        "audit_log" => doc! { "capped": true, "size": 64 << 20 },
        "tags" => doc! { "collation": collation() },
        _ => Document::new(),
    }
}

/// The indexes as the server lists them.
pub(super) fn indexes(collection: &str) -> Vec<Document> {
    let more = match collection {
        "users" => vec![
            index(doc! { "email": 1 }, doc! { "unique": true }),
            index(doc! { "managerId": 1 }, doc! {}),
        ],
        "accounts" => vec![
            index(doc! { "ownerId": 1, "name": 1 }, doc! {}),
            index(
                doc! { "vatNumber": 1 },
                doc! { "unique": true, "partialFilterExpression": { "vatNumber": { "$type": "string" } } },
            ),
            index(doc! { "address.city": 1 }, doc! {}),
            index(doc! { "tagIds": 1 }, doc! {}),
        ],
        "contacts" => vec![
            index(doc! { "email": 1 }, doc! { "unique": true, "sparse": true }),
            text_index("notes_text_lastName_text", doc! { "lastName": 1, "notes": 5 }),
        ],
        "comments" => vec![
            index(doc! { "on.type": 1, "on.id": 1, "at": -1 }, doc! {}),
            text_index("text_text", doc! { "text": 1 }),
        ],
        "events" => vec![index(
            doc! { "place": "2dsphere" },
            doc! { "2dsphereIndexVersion": 3 },
        )],
        "notifications" => vec![index(
            doc! { "createdAt": 1 },
            doc! { "expireAfterSeconds": 2_000_000_000 },
        )],
        "sessions" => vec![
            index(doc! { "expiresAt": 1 }, doc! { "expireAfterSeconds": 0 }),
            index(doc! { "userId": "hashed" }, doc! {}),
        ],
        "invoices" => vec![index(doc! { "number": 1 }, doc! { "unique": true })],
        "tasks" => vec![
            index(doc! { "watchers": 1 }, doc! {}),
            index(
                doc! { "assigneeId": 1 },
                doc! { "partialFilterExpression": { "done": false } },
            ),
        ],
        "tags" => vec![index(
            doc! { "name": 1 },
            doc! { "unique": true, "collation": collation() },
        )],
        "settings" => vec![index(doc! { "value.$**": 1 }, doc! {})],
        _ => vec![],
    };
    let mut own = doc! { "v": 2, "key": { "_id": 1 }, "name": "_id_" };
    if let Some(collation) = options(collection).get("collation") {
        own.insert("collation", collation);
    }
    [own].into_iter().chain(more).collect()
}

fn index(key: Document, options: Document) -> Document {
    let parts: Vec<String> = key
        .iter()
        .map(|(name, order)| format!("{name}_{}", shown(order)))
        .collect();
    let mut index = doc! { "v": 2, "key": key, "name": parts.join("_") };
    index.extend(options);
    index
}

/// Fields with their weights, as the server keeps them.
fn text_index(name: &str, weights: Document) -> Document {
    doc! {
        "v": 2, "key": { "_fts": "text", "_ftsx": 1 }, "name": name, "weights": weights,
        "default_language": "english", "language_override": "language", "textIndexVersion": 3,
    }
}

/// Upper and lower case are the same, with everything that the server adds.
fn collation() -> Document {
    doc! {
        "locale": "en", "caseLevel": false, "caseFirst": "off", "strength": 2, "numericOrdering": false,
        "alternate": "non-ignorable", "maxVariable": "punct", "normalization": false, "backwards": false,
        "version": "57.1",
    }
}

fn shown(order: &Bson) -> String {
    match order {
        Bson::String(kind) => kind.clone(),
        other => other.to_string(),
    }
}

/// A view over the tasks that are not done.
pub(super) fn view() -> Document {
    doc! {
        "create": "open_tasks", "viewOn": "tasks",
        "pipeline": [{ "$match": { "done": false } }, { "$project": { "title": 1, "assigneeId": 1 } }],
    }
}
