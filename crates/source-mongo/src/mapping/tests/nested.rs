use bson::{Bson, Document, doc};

use super::*;

#[test]
fn nested_documents_become_columns() {
    same(
        &one(vec![
            doc! { "_id": 1, "address": { "city": "a", "geo": { "lat": 1.5, "lon": 2.5 } } },
            doc! { "_id": 2, "address": { "city": "b", "zip": "1" } },
            doc! { "_id": 3, "address": Bson::Null },
            doc! { "_id": 4 },
        ]),
        "c (4)
           _id: int -> integer not null
           address.city: string -> text
           address.geo.lat: double -> double precision
           address.geo.lon: double -> double precision
           address.zip: string -> text
           *: overflow -> jsonb, widened
           key _id",
    );
}

#[test]
fn irregular_rare_deep_and_map_like_documents_stay_jsonb() {
    let mut rare: Vec<Document> = (0..30).map(|n| doc! { "_id": n }).collect();
    rare[0].insert("rare", doc! { "a": 1 });
    let jsonb = "rare: object -> jsonb, lossy";
    assert_eq!(one(rare).lines().nth(2).unwrap().trim(), jsonb);

    let line = |value: Vec<Document>| {
        let documents = value
            .into_iter()
            .enumerate()
            .map(|(n, v)| doc! { "_id": n as i32, "v": v });
        one(documents.collect()).lines().nth(2).unwrap().trim().to_owned()
    };
    let jsonb = "v: object -> jsonb, lossy";
    // Each has a field of its own.
    assert_eq!(
        line(vec![doc! { "a": 1 }, doc! { "b": 1 }, doc! { "c": 1 }]),
        jsonb
    );
    assert_eq!(
        line(vec![doc! { "a": 1, "b": 1 }, doc! { "b": 1 }]),
        "v.a: int -> integer"
    );
    assert_eq!(line(vec![doc! { "2024-01-01": 1, "2024-01-02": 2 }]), jsonb);
    assert_eq!(line(vec![doc! { "0123456789abcdef01234567": 1 }]), jsonb);
    assert_eq!(
        line(vec![doc! { "type": "Point", "coordinates": [1.0, 2.0] }]),
        jsonb
    );
    assert_eq!(
        line(vec![doc! { "a": { "b": { "c": { "d": 1 } } } }]),
        "v.a.b.c: object -> jsonb, lossy"
    );
    let wide: Document = (0..40).map(|n| (format!("f{n}"), Bson::Int32(n))).collect();
    assert_eq!(line(vec![wide]), jsonb);
}

#[test]
fn arrays_of_scalars_become_arrays() {
    same(
        &one(vec![
            doc! { "_id": 1, "tags": ["a", Bson::Null], "n": [1, 2_i64], "mixed": [1, "a"], "deep": [[1], [2]] },
            doc! { "_id": 2, "tags": [], "n": Bson::Null, "mixed": [], "deep": [] },
        ]),
        "c (2)
           _id: int -> integer not null
           tags: array<string|null> -> text[]
           n: array<int|long>|null -> bigint[], widened
           mixed: array -> jsonb
           deep: array -> jsonb
           *: overflow -> jsonb, widened
           key _id",
    );
}

#[test]
fn arrays_of_documents_become_tables() {
    same(
        &one(vec![
            doc! { "_id": 1, "items": [
                { "sku": "a", "qty": 1, "discounts": [{ "code": "x" }, { "code": "y" }] },
                { "sku": "b", "qty": 2, "discounts": [] },
            ] },
            doc! { "_id": 2, "items": [] },
        ]),
        "c (2)
           _id: int -> integer not null
           *: overflow -> jsonb, widened
           key _id
         c[items] (2)
           ^_id: int -> integer not null
           #: ordinal|empty -> integer not null
           sku: string -> text
           qty: int -> integer
           *: overflow -> jsonb, widened
           key ^_id, #
           ^_id -> c (_id) cascade
         c[items][discounts] (2)
           ^_id: int -> integer not null
           ^#: ordinal -> integer not null
           #: ordinal|empty -> integer not null
           code: string -> text
           *: overflow -> jsonb, widened
           key ^_id, ^#, #
           ^_id, ^# -> c[items] (^_id, #) cascade",
    );
}

#[test]
fn tables_inside_of_flattened_documents_have_the_whole_path() {
    same(
        &one(vec![
            doc! { "_id": "a", "order": { "no": 1, "lines": [{ "sku": "a" }] } },
            doc! { "_id": "b", "order": { "no": 2, "lines": [] } },
            doc! { "_id": "c" },
        ]),
        "c (3)
           _id: string -> text not null
           order.no: int -> integer
           *: overflow -> jsonb, widened
           key _id
           note order.lines: 1 empty arrays are kept in the overflow, to be told from missing ones
         c[order.lines] (1)
           ^_id: string -> text not null
           #: ordinal -> integer not null
           sku: string -> text
           *: overflow -> jsonb, widened
           key ^_id, #
           ^_id -> c (_id) cascade",
    );
}

#[test]
fn arrays_of_irregular_documents_stay_jsonb() {
    let line = |array: Bson| {
        let shown = one(vec![doc! { "_id": 1, "v": array }]);
        shown.lines().nth(2).unwrap().trim().to_owned()
    };
    let jsonb = "v: array -> jsonb, lossy";
    assert_eq!(
        line(bson::bson!([{ "a": 1 }, { "b": 1 }, { "c": 1 }, { "d": 1 }])),
        jsonb
    );
    assert_eq!(line(bson::bson!([{ "a": 1 }, null])), jsonb);
    assert_eq!(line(bson::bson!([{ "a": 1 }, 1])), jsonb);
    assert_eq!(line(bson::bson!([{}])), jsonb);
}

#[test]
fn odd_names_are_escaped() {
    same(
        &one(vec![
            doc! { "_id": 1, "a.b": 1, "": 2, "$x": 3, "d": { "e.f": 4, "*": 5 }, "l[]": [{ "#": 1 }] },
        ]),
        "c (1)
           _id: int -> integer not null
           a\\.b: int -> integer
           \\e: int -> integer
           \\$x: int -> integer
           d.e\\.f: int -> integer
           d.\\*: int -> integer
           *: overflow -> jsonb, widened
           key _id
         c[l\\[\\]] (1)
           ^_id: int -> integer not null
           #: ordinal -> integer not null
           \\#: int -> integer
           *: overflow -> jsonb, widened
           key ^_id, #
           ^_id -> c (_id) cascade",
    );
}

#[test]
fn every_catalog_can_be_planned() {
    let world = World::new(&[(
        "posts",
        vec![
            doc! { "_id": oid(1), "title": "a", "comments": [{ "by": { "name": "x" }, "likes": [oid(9)] }], "$odd": 1 },
            doc! { "_id": oid(2), "title": "b", "comments": [], "n": [1.5] },
        ],
    )]);
    let plan = world.plan();
    let columns: Vec<String> = plan.tables[1]
        .columns
        .iter()
        .map(|c| format!("{} {}", c.source, c.ty))
        .collect();
    assert_eq!(
        columns,
        [
            "^_id uuid",
            "# integer",
            "by.name text",
            "likes uuid[]",
            "* jsonb"
        ]
    );
    assert_eq!(plan.tables[1].foreign_keys[0].referenced_columns, ["_id"]);
    assert!(plan.manual.is_empty(), "{:?}", plan.manual);
    let named: Vec<&str> = plan.tables[1].columns.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(plan.tables[1].target.name, "posts_comments");
    assert_eq!(named, ["post_id", "ordinal", "by_name", "likes", "_extra"]);
    assert_eq!(plan.tables[0].columns[2].name, "odd");
}
