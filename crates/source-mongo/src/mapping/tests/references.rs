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

/// Events about users and groups.
fn events() -> [(&'static str, Vec<Document>); 3] {
    [
        (
            "events",
            vec![
                doc! { "_id": 1, "subject": oid(1), "subjectType": "user" },
                doc! { "_id": 2, "subject": oid(50) },
                doc! { "_id": 3, "subject": oid(2) },
                doc! { "_id": 4, "subject": oid(99) },
            ],
        ),
        ("groups", vec![doc! { "_id": oid(50) }]),
        users(3),
    ]
}

#[test]
fn several_targets_get_a_column_each() {
    same(
        &shown(&events()),
        "events (4)
           _id: int -> integer not null
           subject: objectId -> uuid
           subjectType: string -> text
           *: overflow -> jsonb, widened
           key _id
           add subject_user_id: subject -> users (_id)
           add subject_group_id: subject -> groups (_id)
           note subject refers to several collections: users (50.0 %), groups (25.0 %); 1 different values are _ids in none of them: \
           a column with a foreign key for each, beside the one that keeps all values; subjectType beside it seems to say which
         groups (1)
           _id: objectId -> uuid not null
           *: overflow -> jsonb, widened
           key _id",
    );
}

#[test]
fn several_targets_may_be_a_note_only() {
    let text = World::new(&events()).with("polymorphic = \"note\"").show();
    assert!(
        text.contains("are _ids in none of them: no foreign key; subjectType beside it seems to say which"),
        "{text}"
    );
    assert!(!text.contains("add "), "{text}");
}

#[test]
fn other_keys_need_the_field_that_says_which() {
    let events = (
        "events",
        vec![
            doc! { "_id": 1, "about": { "type": "Account", "id": 1 } },
            doc! { "_id": 2, "about": { "type": "Blog Post", "id": 1 } },
        ],
    );
    let others = [
        ("accounts", vec![doc! { "_id": 1 }]),
        ("blog_posts", vec![doc! { "_id": 1 }]),
    ];
    let world = World::new(&[events, others[0].clone(), others[1].clone()])
        .with("references = { \"events.about.id\" = [\"accounts\", \"blog_posts\"] }");
    let text = world.show();
    for line in [
        "add about_account_id: about.id -> accounts (_id) when about.type is loosely account or accounts",
        "add about_blog_post_id: about.id -> blog_posts (_id) when about.type is loosely blogpost or blogposts",
    ] {
        assert!(text.contains(line), "{text}");
    }
    let plan = world.plan();
    let table = plan.tables.iter().find(|t| t.source.name == "events").unwrap();
    let check: Vec<&str> = table.checks.iter().map(|c| c.expression.as_str()).collect();
    assert_eq!(
        check,
        ["num_nonnulls(\"about_account_id\", \"about_blog_post_id\") <= 1"]
    );
    let keys: Vec<&str> = table
        .foreign_keys
        .iter()
        .map(|k| k.references.name.as_str())
        .collect();
    assert_eq!(keys, ["accounts", "blog_posts"]);
    // What the plan file says makes the same choice again.
    let text = world.catalog().unwrap().options;
    assert!(
        text.contains("\"events.about.id\" = [\"accounts\", \"blog_posts\"]"),
        "{text}"
    );
}

#[test]
fn dbrefs_say_which_collection_they_mean() {
    let refer = |to: &str, id: u8| doc! { "$ref": to, "$id": oid(id) };
    let events = (
        "events",
        vec![
            doc! { "_id": 1, "owner": refer("users", 1) },
            doc! { "_id": 2, "owner": refer("groups", 50) },
        ],
    );
    let text = World::new(&[events, ("groups", vec![doc! { "_id": oid(50) }]), users(3)]).show();
    for line in [
        "add owner_group_id: owner.\\$id -> groups (_id) when owner.\\$ref is groups",
        "add owner_user_id: owner.\\$id -> users (_id) when owner.\\$ref is users",
    ] {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn keys_and_what_refers_to_them_become_numbers() {
    let orders = (
        "orders",
        vec![
            doc! { "_id": oid(9), "userId": oid(1), "codeId": 1, "lines": [{ "n": 1 }], "userIds": [oid(2)] },
        ],
    );
    let world = World::new(&[orders, ("codes", vec![doc! { "_id": 1 }]), users(3)]).with("keys = \"bigint\"");
    let text = world.show();
    let numbers: Vec<&str> = text
        .lines()
        .filter(|l| l.contains("number "))
        .map(str::trim)
        .collect();
    // Whole numbers stay what they are.
    assert_eq!(
        numbers,
        [
            "number _id of orders",
            "number userId of users",
            "number ^_id of orders",
            "number ^_id of orders",
            "number $ of users",
            "number _id of users",
        ]
    );
    let plan = world.plan();
    let orders = plan.tables.iter().find(|t| t.source.name == "orders").unwrap();
    let columns: Vec<String> = orders
        .reshaped()
        .columns
        .iter()
        .map(|c| format!("{} {}", c.name, c.ty))
        .collect();
    assert_eq!(
        columns,
        [
            "_id bigint",
            "legacy_id uuid",
            "userId bigint",
            "codeId integer",
            "_extra jsonb"
        ]
    );
    assert_eq!(orders.uniques[0].columns, ["legacy_id"]);
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
