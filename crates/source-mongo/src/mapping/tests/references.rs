use bson::{Bson, Document, doc};

use super::*;

fn users(n: u8) -> (&'static str, Vec<Document>) {
    ("users", (1..=n).map(|n| doc! { "_id": oid(n) }).collect())
}

/// What is shown of the tables but the users'.
fn shown(collections: &[(&str, Vec<Document>)]) -> String {
    let text = World::new(collections).show();
    text.split("\nusers (").next().unwrap().to_owned()
}

#[test]
fn references_are_found_by_name_and_proven() {
    same(
        &shown(&[
            (
                "orders",
                vec![
                    doc! { "_id": 1, "userId": oid(1), "assignedTo": oid(2), "note": oid(77) },
                    doc! { "_id": 2, "userId": oid(2), "assignedTo": Bson::Null },
                ],
            ),
            users(3),
        ]),
        "orders (2)
           _id: int -> integer not null
           userId: objectId -> uuid
           assignedTo: objectId|null -> uuid
           note: objectId -> uuid
           *: overflow -> jsonb, widened
           key _id
           userId -> users (_id)
           assignedTo -> users (_id)",
    );
}

#[test]
fn what_dangles_is_a_note() {
    same(
        &shown(&[
            (
                "orders",
                vec![
                    doc! { "_id": 1, "userId": oid(1), "user": oid(99) },
                    doc! { "_id": 2, "userId": oid(88) },
                ],
            ),
            users(3),
        ]),
        "orders (2)
           _id: int -> integer not null
           userId: objectId -> uuid
           user: objectId -> uuid
           *: overflow -> jsonb, widened
           key _id
           note userId looks like a reference to users, but only 50.0 % of its different values are _ids there: no foreign key
           note user is called like a reference to users, but none of its values is an _id there",
    );
}

#[test]
fn other_types_refer_by_name_only() {
    let accounts = ("accounts", vec![doc! { "_id": 1 }, doc! { "_id": 2_i64 }]);
    let codes = ("codes", vec![doc! { "_id": "a" }, doc! { "_id": "b" }]);
    let orders = (
        "orders",
        vec![doc! { "_id": 5, "account_id": 2, "quantity": 1, "code": "b", "name": "a", "codeId": 1 }],
    );
    let text = World::new(&[orders, accounts, codes]).show();
    same(
        text.split("\naccounts (").next().unwrap(),
        "orders (1)
           _id: int -> integer not null
           account_id: int -> integer
           quantity: int -> integer
           code: string -> text
           name: string -> text
           codeId: int -> integer
           *: overflow -> jsonb, widened
           key _id
           account_id -> accounts (_id)
           code -> codes (_id)
           note codeId is called like a reference to codes, but none of its values is an _id there",
    );
}

#[test]
fn several_targets_are_a_note() {
    same(
        &shown(&[
            (
                "events",
                vec![
                    doc! { "_id": 1, "subject": oid(1), "subjectType": "user" },
                    doc! { "_id": 2, "subject": oid(50) },
                ],
            ),
            ("groups", vec![doc! { "_id": oid(50) }]),
            users(3),
        ]),
        "events (2)
           _id: int -> integer not null
           subject: objectId -> uuid
           subjectType: string -> text
           *: overflow -> jsonb, widened
           key _id
           note subject refers to several collections: groups (50.0 %), users (50.0 %): no foreign key; subjectType beside it seems to say which
         groups (1)
           _id: objectId -> uuid not null
           *: overflow -> jsonb, widened
           key _id",
    );
}

#[test]
fn arrays_of_references_become_junction_tables() {
    same(
        &shown(&[
            (
                "tasks",
                vec![
                    doc! { "_id": oid(100), "watchers": [oid(1), oid(2)], "others": [oid(90)] },
                    doc! { "_id": oid(101), "watchers": [], "others": [] },
                ],
            ),
            users(3),
        ]),
        "tasks (2)
           _id: objectId -> uuid not null
           others: array<objectId> -> uuid[]
           *: overflow -> jsonb, widened
           key _id
         tasks[watchers] (2)
           ^_id: objectId -> uuid not null
           #: ordinal|empty -> integer not null
           $: objectId -> uuid not null
           key ^_id, #
           ^_id -> tasks (_id) cascade
           $ -> users (_id) cascade
           index tasks_watchers_user_idx ($)",
    );
}

#[test]
fn trees_refer_to_themselves() {
    same(
        &one(vec![
            doc! { "_id": 1, "parentId": Bson::Null },
            doc! { "_id": 2, "parentId": 1 },
            doc! { "_id": 3, "parentId": 2 },
        ]),
        "c (3)
           _id: int -> integer not null
           parentId: int|null -> integer
           *: overflow -> jsonb, widened
           key _id
           parentId -> c (_id)",
    );
}

#[test]
fn the_columns_of_a_table_that_connects_a_collection_to_itself_have_names_of_their_own() {
    let tasks = vec![
        doc! { "_id": oid(1), "blockedBy": [oid(2)] },
        doc! { "_id": oid(2), "blockedBy": [oid(1)] },
    ];
    let plan = World::new(&[("tasks", tasks)])
        .index(&doc! { "key": { "blockedBy": 1 }, "name": "blockedBy_1" })
        .plan();
    let named: Vec<&str> = plan.tables[1].columns.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(plan.tables[1].target.name, "tasks_blockedBy");
    assert_eq!(named, ["task_id", "ordinal", "blockedBy_task_id"]);
    let indexes: Vec<&str> = plan.tables[1].indexes.iter().map(|i| i.name.as_str()).collect();
    assert_eq!(indexes, ["tasks_blockedBy_task_idx"]);
}

#[test]
fn dbrefs_become_columns() {
    same(
        &shown(&[
            (
                "orders",
                vec![
                    doc! { "_id": 1, "owner": { "$ref": "users", "$id": oid(1) }, "author": { "id": oid(2), "name": "x" } },
                ],
            ),
            users(3),
        ]),
        "orders (1)
           _id: int -> integer not null
           owner.\\$ref: string -> text
           owner.\\$id: objectId -> uuid
           author.id: objectId -> uuid
           author.name: string -> text
           *: overflow -> jsonb, widened
           key _id
           owner.\\$id -> users (_id)
           author.id -> users (_id)",
    );
}

#[test]
fn keys_as_json_are_not_referred_to() {
    let mixed = ("users", vec![doc! { "_id": oid(1) }, doc! { "_id": "x" }]);
    same(
        &shown(&[("orders", vec![doc! { "_id": 1, "userId": oid(1) }]), mixed]),
        "orders (1)
           _id: int -> integer not null
           userId: objectId -> uuid
           *: overflow -> jsonb, widened
           key _id
           note userId refers to users, whose _id is of another type: no foreign key",
    );
}

#[test]
fn a_sample_proves_nothing() {
    let mut world = World::new(&[("orders", vec![doc! { "_id": 1, "userId": oid(1) }]), users(3)]);
    world.sample = Some(100);
    let catalog = world.catalog().unwrap();
    assert!(catalog.tables.iter().all(|t| t.foreign_keys.is_empty()));
    assert_eq!(
        catalog.tables[0].notes,
        [
            "only a sample of about 100 documents was looked at: what others have besides goes to the overflow, and nothing is \
             proven"
        ]
    );
    assert_eq!(catalog.tables[0].rows, None);
}
