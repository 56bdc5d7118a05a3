use bson::{Document, doc};

use super::*;

fn documents() -> Vec<Document> {
    vec![
        doc! { "_id": oid(1), "email": "a", "age": 1, "addr": { "city": "x" }, "raw": [1, "x"], "tags": ["t"],
        "items": [{ "sku": "s", "n": 1 }], "at": bson::DateTime::from_millis(0), "meta": { "2020": 1 }, "on": true },
        doc! { "_id": oid(2), "email": "b", "age": 2, "addr": { "city": "y" }, "raw": [], "tags": [],
        "items": [{ "sku": "s", "n": 2 }], "at": bson::DateTime::from_millis(0), "meta": { "2021": 1 } },
    ]
}

/// The lines about indexes, and the table that they are at.
fn indexed(index: Document) -> Vec<String> {
    let text = World::new(&[("users", documents())]).index(&index).show();
    let mut table = "";
    let mut out = Vec::new();
    for line in text.lines() {
        if !line.starts_with(' ') {
            table = line.split(' ').next().unwrap();
        }
        let line = line.trim();
        if ["index", "unique", "note index", "manual"]
            .iter()
            .any(|w| line.starts_with(w))
        {
            out.push(if line.starts_with("manual") {
                line.to_owned()
            } else {
                format!("{table}: {line}")
            });
        }
    }
    out
}

#[test]
fn ordinary_indexes() {
    assert!(indexed(doc! { "v": 2, "key": { "_id": 1 }, "name": "_id_" }).is_empty());
    assert_eq!(
        indexed(doc! { "key": { "age": 1 }, "name": "age_1" }),
        ["users: index users_age_idx (age)"]
    );
    assert_eq!(
        indexed(doc! { "key": { "age": -1, "addr.city": 1.0, "_id": 1 }, "name": "mine" }),
        ["users: index mine (age desc, addr.city, _id)"]
    );
    assert_eq!(
        indexed(doc! { "key": { "age": "hashed" }, "name": "age_hashed" }),
        [
            "users: index users_age_idx (age)",
            "users: note index age_hashed: it is hashed in MongoDB, and a B-tree here"
        ]
    );
    assert_eq!(
        indexed(doc! { "key": { "age": 1 }, "name": "age_1", "hidden": true }),
        [
            "users: index users_age_idx (age)",
            "users: note index age_1: it is hidden from MongoDB's planner"
        ]
    );
}

#[test]
fn unique_and_sparse_indexes() {
    assert_eq!(
        indexed(doc! { "key": { "email": 1 }, "name": "email_1", "unique": true }),
        ["users: unique email"]
    );
    assert_eq!(
        indexed(doc! { "key": { "age": 1, "email": -1 }, "name": "u", "unique": true }),
        ["users: unique index u (age, email desc)"]
    );
    assert_eq!(
        indexed(doc! { "key": { "email": 1 }, "name": "email_1", "unique": true, "sparse": true }),
        ["users: unique index users_email_idx (email) where <email> is not null"]
    );
    assert_eq!(
        indexed(doc! { "key": { "email": 1, "age": 1 }, "name": "s", "sparse": true }),
        ["users: index s (email, age) where <email> is not null or <age> is not null"]
    );
}

#[test]
fn partial_indexes() {
    let partial = |filter: Document| {
        indexed(
            doc! { "key": { "email": 1 }, "name": "p", "unique": true, "partialFilterExpression": filter },
        )
    };
    for (filter, sql) in [
        (doc! { "on": true }, "<on> = true"),
        (
            doc! { "age": { "$gt": 5, "$lte": 9.5 } },
            "<age> > 5 and <age> <= 9.5",
        ),
        (doc! { "email": { "$exists": true } }, "<email> is not null"),
        (doc! { "email": { "$type": "string" } }, "<email> is not null"),
        (doc! { "age": { "$type": "number" } }, "<age> is not null"),
        (
            doc! { "email": "it's", "age": 1_i64 },
            "<email> = 'it''s' and <age> = 1",
        ),
        (
            doc! { "$or": [{ "addr.city": { "$in": ["x", "y"] } }, { "on": false }], "age": bson::Bson::Null },
            "(<addr.city> in ('x', 'y') or <on> = false) and <age> is null",
        ),
        (
            doc! { "at": { "$gte": bson::DateTime::from_millis(0) } },
            "<at> >= timestamptz '1970-01-01T00:00:00Z'",
        ),
        (
            doc! { "email": 5 },
            "impossible: a value does not compare with text",
        ),
        (
            doc! { "age": { "$type": "string" } },
            "impossible: $type on age is not translated",
        ),
        (
            doc! { "items.n": 1 },
            "impossible: items.n is not a column of the table",
        ),
        (
            doc! { "age": { "$mod": [2, 0] } },
            "impossible: $mod on age is not translated",
        ),
    ] {
        assert_eq!(
            partial(filter),
            [format!("users: unique index p (email) where {sql}")]
        );
    }
}

#[test]
fn indexes_of_arrays() {
    assert_eq!(
        indexed(doc! { "key": { "tags": 1 }, "name": "tags_1" }),
        ["users: index users_tags_idx using gin (tags)"]
    );
    assert_eq!(
        indexed(doc! { "key": { "raw": 1 }, "name": "raw_1" }),
        ["users: index users_raw_idx using gin (raw)"]
    );
    assert_eq!(
        indexed(doc! { "key": { "items.sku": 1, "items.n": -1, "_id": 1 }, "name": "x" }),
        ["users[items]: index x (sku, n desc, ^_id)"]
    );
    assert_eq!(
        indexed(doc! { "key": { "items.sku": 1 }, "name": "items.sku_1", "unique": true }),
        [
            "users[items]: index users_items_sku_idx (sku)",
            "users[items]: note index items.sku_1: it is unique over arrays' elements of different documents, which PostgreSQL \
             cannot say: the index here is not unique"
        ]
    );
    assert_eq!(
        indexed(doc! { "key": { "age": 1, "items.sku": 1 }, "name": "x" }),
        ["manual index users.x: its fields became columns of several tables"]
    );
    assert_eq!(
        indexed(doc! { "key": { "age": 1, "tags": 1 }, "name": "x" }),
        [
            "manual index users.x: it combines an array with other fields; a GIN index over the array alone may do"
        ]
    );
}

#[test]
fn indexes_over_expressions() {
    assert_eq!(
        indexed(doc! { "key": { "age": 1, "meta.2020": -1 }, "name": "x" }),
        ["users: index x (<age>, (<meta> -> '2020') desc)"]
    );
    assert_eq!(
        indexed(
            doc! { "key": { "email": 1 }, "name": "x", "unique": true, "collation": { "locale": "en", "strength": 2 } }
        ),
        [
            "users: unique index x (lower(<email>))",
            "users: note index x: it ignores case: queries have to compare lower()"
        ]
    );
    assert_eq!(
        indexed(
            doc! { "key": { "_fts": "text", "_ftsx": 1 }, "name": "t", "weights": { "email": 1, "addr.city": 5 }, "default_language": "german" }
        ),
        [
            "users: index t using gin (to_tsvector('german'::regconfig, coalesce(<email>, '') || ' ' || coalesce(<addr.city>, '')))",
            "users: note index t: its weights { \"email\": 1, \"addr.city\": 5 } are not carried over: see setweight()"
        ]
    );
}

#[test]
fn what_postgresql_has_not() {
    assert_eq!(
        indexed(doc! { "key": { "at": 1 }, "name": "at_1", "expireAfterSeconds": 3600 }),
        [
            "users: index users_at_idx (at)",
            "users: note index at_1: MongoDB deletes documents 3600 seconds after the date in it; PostgreSQL needs a job for that"
        ]
    );
    assert_eq!(
        indexed(doc! { "key": { "addr": "2dsphere" }, "name": "g" }),
        ["manual index users.g: 2dsphere indexes need PostGIS, and a geometry column made of the jsonb"]
    );
    assert_eq!(
        indexed(doc! { "key": { "$**": 1 }, "name": "w" }),
        [
            "manual index users.w: PostgreSQL has no wildcard indexes; a GIN index over the overflow's column is near to one"
        ]
    );
    assert_eq!(
        indexed(doc! { "key": { "nothing": 1 }, "name": "n" }),
        ["manual index users.n: nothing did not become a column"]
    );
    let mut long = documents();
    long[0].insert("email", "x".repeat(3000));
    let world = World::new(&[("users", long)]).index(&doc! { "key": { "email": 1 }, "name": "l" });
    assert!(
        world
            .show()
            .contains("manual index users.l: values are up to 3000 bytes long")
    );
}

#[test]
fn indexes_can_be_planned() {
    let world = World::new(&[("users", documents())])
        .index(&doc! { "key": { "tags": 1 }, "name": "tags_1" })
        .index(&doc! { "key": { "meta.2020": 1 }, "name": "m" })
        .index(&doc! { "key": { "email": 1 }, "name": "email_1", "unique": true, "partialFilterExpression": { "on": true } });
    let plan = world.plan();
    assert_eq!(plan.tables[0].indexes.len(), 3);
    assert_eq!(
        plan.tables[0].indexes[1].expression.as_deref(),
        Some("(\"meta\" -> '2020')")
    );
    assert_eq!(plan.tables[0].indexes[2].filter.as_deref(), Some("\"on\" = true"));
}
