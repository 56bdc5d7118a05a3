use bson::{Document, doc};

use super::*;

/// The catalog of one collection with these options.
fn described(kind: &str, options: &Document) -> String {
    let mut world = World::new(&[(
        "c",
        vec![
            doc! { "_id": 1, "name": "ab", "age": 5, "a": { "b": 1 }, "opt": "x" },
            doc! { "_id": 2, "name": "c", "age": 7, "a": { "b": 2 } },
        ],
    )]);
    world.collections[0].kind = kind.to_owned();
    world.collections[0].options = bytes(options);
    world.show()
}

const COLUMNS: &str = "_id: int -> integer not null
    name: string -> text
    age: int -> integer
    a.b: int -> integer
    opt: string -> text
    *: overflow -> jsonb, widened
    key _id";

#[test]
fn validators_become_constraints() {
    let schema = doc! {
        "bsonType": "object",
        "required": ["name", "a", "opt", "gone"],
        "properties": {
            "name": { "bsonType": "string", "maxLength": 2, "minLength": 1, "pattern": "^a" },
            "age": { "bsonType": "int", "minimum": 5, "maximum": 6.5, "exclusiveMaximum": true },
            "opt": { "enum": ["x", "it's", bson::Bson::Null] },
            "a": { "bsonType": "object", "required": ["b"], "properties": { "b": { "minimum": 0 } }, "additionalProperties": false },
        },
    };
    same(
        &described("collection", &doc! { "validator": { "$jsonSchema": schema } }),
        "c (2)
           _id: int -> integer not null
           name: string -> text not null
           age: int -> integer
           a.b: int -> integer not null
           opt: string -> text
           *: overflow -> jsonb, widened
           key _id
           check char_length(<name>) <= 2
           check char_length(<name>) >= 1 not valid
           check <age> >= 5
           check <age> < 6.5 not valid
           check <opt> in ('x', 'it''s') not valid
           check <a.b> >= 0
         manual validator c: these rules are not translated: name pattern, a additionalProperties",
    );
}

#[test]
fn validators_that_only_warn_are_listed() {
    let options =
        doc! { "validator": { "$jsonSchema": { "required": ["name"] } }, "validationAction": "warn" };
    same(
        &described("collection", &options),
        &format!(
            "c (2)\n{COLUMNS}\nmanual validator c: MongoDB only warns of documents that do not obey, or does not look"
        ),
    );
    let options = doc! { "validator": { "age": { "$gt": 0 } } };
    same(
        &described("collection", &options),
        &format!("c (2)\n{COLUMNS}\nmanual validator c: only $jsonSchema is translated"),
    );
}

#[test]
fn capped_and_time_series_collections_are_noted() {
    same(
        &described("collection", &doc! { "capped": true, "size": 4096, "max": 10 }),
        &format!(
            "c (2)\n{COLUMNS}\nnote is capped at 4096 bytes or 10 documents: MongoDB drops the oldest documents, PostgreSQL does not"
        ),
    );
    let series =
        doc! { "timeseries": { "timeField": "at", "metaField": "of" }, "expireAfterSeconds": 60_i64 };
    same(
        &described("timeseries", &series),
        &format!(
            "c (2)\n{COLUMNS}\nnote is a time series over at with metadata in of: a plain table here; partitions by time may help\n\
             note MongoDB deletes its documents after 60 seconds; PostgreSQL needs a job for that"
        ),
    );
    same(
        &described("collection", &doc! { "collation": { "locale": "de" } }),
        &format!("c (2)\n{COLUMNS}\nnote its default collation {{ \"locale\": \"de\" }} is not carried over"),
    );
}

#[test]
fn views_are_listed() {
    let options = doc! { "viewOn": "c", "pipeline": [{ "$match": { "a": 1 } }] };
    same(
        &described("view", &options),
        "manual view c: aggregation pipelines are not translated",
    );
}

#[test]
fn damaged_descriptions_are_refused() {
    let mut world = World::new(&[("c", vec![])]);
    world.collections[0].options = vec![5, 0, 0];
    let error = world.catalog().unwrap_err();
    assert_eq!(error.kind(), migrate_core::ErrorKind::Corrupt);
    assert!(error.to_string().contains("collection c"), "{error}");
}
