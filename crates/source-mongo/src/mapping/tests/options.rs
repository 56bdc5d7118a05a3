use bson::doc;
use migrate_core::ErrorKind;

use super::*;

fn world() -> World {
    World::new(&[
        (
            "orders",
            vec![
                doc! { "_id": oid(1), "address": { "city": "x", "zip": 1 }, "items": [{ "n": 1 }], "tags": ["a"], "ref": "u", "no": "12" },
                doc! { "_id": oid(2), "address": { "city": "y", "zip": 2 }, "items": [{ "n": 2 }], "tags": ["b"], "ref": "v", "no": "13" },
            ],
        ),
        ("users", vec![doc! { "_id": "u" }, doc! { "_id": "v" }]),
    ])
}

#[test]
fn choices_win() {
    let text = world()
        .with(
            "objectid = 'text'\noverflow = ''\nreferences = { 'orders.ref' = 'users' }\n\
             [paths.orders]\naddress = 'jsonb'\nitems = 'jsonb'\ntags = 'child'\nno = 'integer'",
        )
        .show();
    same(
        &text,
        "orders (2)
           _id: objectId -> text not null
           address: object -> jsonb, lossy
           items: array -> jsonb, lossy
           ref: string -> text
           no: string -> integer, widened
           key _id
           ref -> users (_id)
         orders[tags] (2)
           ^_id: objectId -> text not null
           #: ordinal -> integer not null
           $: string -> text not null
           key ^_id, #
           ^_id -> orders (_id) cascade
         users (2)
           _id: string -> text not null
           key _id",
    );
    let text = world()
        .with("[paths.orders]\nitems = 'array'\n'address.zip' = 'bigint'\n'address.city' = 'overflow'\ntags = 'varchar(3)[]'\n")
        .show();
    same(
        text.split("\nusers (").next().unwrap(),
        "orders (2)
           _id: objectId -> uuid not null
           address.zip: int -> bigint, widened
           items: array<object> -> jsonb[], lossy
           tags: array<string> -> varchar(3)[], widened
           ref: string -> text
           no: string -> text
           *: overflow -> jsonb, widened
           key _id
           note address.city is kept in the overflow, as the options say",
    );
}

#[test]
fn not_null_by_data() {
    let text = one_with(
        "not_null = 'data'",
        vec![doc! { "_id": 1, "a": 1, "b": 1 }, doc! { "_id": 2, "a": 2 }],
    );
    same(
        &text,
        "c (2)
           _id: int -> integer not null
           a: int -> integer not null
           b: int -> integer
           *: overflow -> jsonb, widened
           key _id",
    );
}

fn one_with(options: &str, documents: Vec<bson::Document>) -> String {
    World::new(&[("c", documents)]).with(options).show()
}

#[test]
fn old_uuids_have_an_order() {
    let uuid = bson::Bson::Binary(bson::Binary {
        subtype: bson::spec::BinarySubtype::UuidOld,
        bytes: vec![1; 16],
    });
    for (option, line) in [
        ("standard", "u: binary(3) -> uuid"),
        ("java", "u: binary(3 java) -> uuid"),
        ("csharp", "u: binary(3 csharp) -> uuid"),
        ("bytea", "u: binary(3) -> bytea"),
    ] {
        let text = one_with(
            &format!("uuid_binary = '{option}'"),
            vec![doc! { "_id": 1, "u": uuid.clone() }],
        );
        assert_eq!(text.lines().nth(2).unwrap().trim(), line);
    }
}

#[test]
fn choices_that_cannot_be_are_refused() {
    for options in [
        "[paths.orders]\nadress = 'jsonb'",
        "[paths.order]\naddress = 'jsonb'",
        "[paths.orders]\naddress = 'jsonb'\n'address.city' = 'text'",
        "[paths.orders]\nno = 'flatten'",
        "[paths.orders]\nno = 'child'",
        "[paths.orders]\ntags = 'junction'",
        "references = { 'orders.refs' = 'users' }",
        "references = { 'orders.ref' = 'user' }",
    ] {
        let error = world().with(options).catalog().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{options}");
        assert!(error.hint_text().is_some(), "{options}");
    }
}

#[test]
fn the_written_options_make_the_same_catalog() {
    let made = world().catalog().unwrap();
    let expected = "\
[options]
sample = 0                     # documents of each collection to look at; 0 for all
objectid = \"uuid\"              # uuid (reversible, same order), text or bytea
keys = \"keep\"                  # keep, or bigint: new numbers; the old keys stay in legacy_id and migrate.mapping
polymorphic = \"columns\"        # columns: a foreign key for each collection referred to; note: only say so
uuid_binary = \"standard\"       # binary subtype 3: standard, java, csharp (byte order) or bytea
nulls = \"keep\"                 # keep: null and missing stay different; same: both become NULL
not_null = \"validator\"         # validator: what it requires; data: what all documents have; keys
overflow = \"_extra\"            # the column for what no other column took

[options.paths.\"orders\"]
\"address\" = \"flatten\"                    # object 100 %
\"address.city\" = \"text\"                  # string 100 %; about 2 different; strings of bytes 1
\"address.zip\" = \"integer\"                # int 100 %; about 2 different; integers 1 to 2
\"items\" = \"child\"                        # array 100 %; elements 1
\"items[].n\" = \"integer\"                  # int 100 %; about 2 different; integers 1 to 2
\"tags\" = \"array\"                         # array 100 %; elements 1
\"ref\" = \"text\"                           # string 100 %; about 2 different; strings of bytes 1
\"no\" = \"text\"                            # string 100 %; about 2 different; strings of bytes 2
";
    assert_eq!(made.options, expected);
    let again: toml::Table = toml::from_str(&made.options).unwrap();
    let again = World {
        options: MongoOptions::from_map(
            serde_json::to_value(&again["options"])
                .unwrap()
                .as_object()
                .unwrap(),
        )
        .unwrap(),
        ..world()
    };
    assert_eq!(again.catalog().unwrap(), made);
}
