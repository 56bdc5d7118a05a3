//! MongoDB: a live deployment, and what `mongodump` would have written of it, through the whole program.

use bson::{Document, doc, oid::ObjectId};
use migrate_testkit::mongo::dump::{Dump, DumpedCollection};
use migrate_testkit::mongo::{MongoServer, ServerOptions};

use crate::cli::{Folder, migrate};
use crate::server::{Database, newest, oldest};

const UNREACHABLE: i32 = 20;
const LOGIN: i32 = 22;
const NOT_FOUND: i32 = 24;

fn id(n: u8) -> ObjectId {
    ObjectId::from_bytes([101, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, n])
}

/// A shop: users, and orders that name them, with lines, tags and a nested address.
fn shop() -> Vec<(&'static str, Vec<Document>)> {
    let users = (1..=3).map(|n| doc! { "_id": id(n), "name": format!("user {n}"), "since": i64::from(n) });
    let orders = (1..=6).map(|n| {
        let mut order = doc! {
            "_id": id(100 + n),
            "userId": id(n % 3 + 1),
            "total": f64::from(n) + 0.5,
            "address": { "city": "Bern", "zip": format!("30{n:02}") },
            "tags": ["a", format!("t{n}")],
            "lines": [{ "sku": format!("s{n}"), "count": i32::from(n) }, { "sku": "x", "count": 1 }],
        };
        if n == 6 {
            order.insert("note", "the only one");
        }
        order
    });
    vec![("users", users.collect()), ("orders", orders.collect())]
}

fn raw(documents: &[Document]) -> Vec<Vec<u8>> {
    documents.iter().map(|d| d.to_vec().unwrap()).collect()
}

fn dump() -> Dump {
    let collections = shop()
        .into_iter()
        .map(|(name, documents)| DumpedCollection::new("shop", name, raw(&documents)));
    Dump {
        collections: collections.collect(),
        ..Dump::default()
    }
}

/// What has to be in the destination, whichever way it came.
fn assert_shop(database: &Database) {
    database.assert_complete();
    for (query, expected) in [
        ("select count(*) from shop.users", "3"),
        (
            "select o._id, u.name, o.total, o.address_city, o.address_zip, o.tags from shop.orders o \
             join shop.users u on u._id = o.\"userId\" where o.total = 3.5",
            "65000000-0000-8000-8000-00019c000000|user 1|3.5|Bern|3003|{a,t3}",
        ),
        (
            "select count(*) from pg_constraint where contype = 'f' and convalidated and conrelid::regclass::text like 'shop.%'",
            "2",
        ),
        (
            "select note from shop.orders where note is not null",
            "the only one",
        ),
    ] {
        assert_eq!(database.sql(query), expected, "{query}");
    }
}

#[test]
fn live_and_dumped_alike() {
    let server = MongoServer::start();
    for (collection, documents) in shop() {
        server.insert("shop", collection, raw(&documents));
    }
    let folder = Folder::new();
    dump().write_directory(&folder.file("dump"), false).unwrap();
    dump().write_directory(&folder.file("dump-gzip"), true).unwrap();
    dump().write_archive(&folder.file("shop.archive"), false).unwrap();
    let live = server.url("shop");
    let mut contents = Vec::new();
    for source in [live.as_str(), "dump", "dump-gzip/shop", "shop.archive"] {
        let database = Database::new(&newest());
        migrate(&folder, ["run", source]).to(&database).ends(0);
        assert_shop(&database);
        migrate(&folder, ["run", source, "--json"])
            .to(&database)
            .ends(0)
            .says(&["\"nothing to do\""]);
        migrate(&folder, ["validate", source]).to(&database).ends(0);
        contents.push(database.content());
    }
    assert!(contents.iter().all(|c| *c == contents[0]));
    let database = Database::new(&oldest());
    migrate(&folder, ["run", "dump"]).to(&database).ends(0);
    assert_shop(&database);
}

#[test]
fn keys_as_numbers() {
    let folder = Folder::new();
    dump().write_directory(&folder.file("dump"), false).unwrap();
    let plan = "source = \"dump\"\n\n[options]\nkeys = \"bigint\"\n";
    std::fs::write(folder.file("plan.toml"), plan).unwrap();
    let database = Database::new(&newest());
    for round in 0..2 {
        migrate(&folder, ["run", "plan.toml"])
            .to(&database)
            .ends(0)
            .says(&["read back from the destination agree"]);
        // Against the dump itself too: the former keys are put together again.
        migrate(&folder, ["validate", "dump"]).to(&database).ends(0);
        for (query, expected) in [
            ("select string_agg(_id || ' ' || name, ',' order by _id) from shop.users", "1 user 1,2 user 2,3 user 3"),
            (
                "select o._id, u.name, o.legacy_id, l.sku from shop.orders o join shop.users u on u._id = o.\"userId\"
                 join shop.orders_lines l on l.order_id = o._id and l.ordinal = 0 where o.total = 3.5",
                "3|user 1|65000000-0000-8000-8000-00019c000000|s3",
            ),
            (
                "select count(*) from pg_constraint where contype = 'f' and convalidated and conrelid::regclass::text like 'shop.%'",
                "2",
            ),
            ("select count(*) from migrate.mapping", "9"),
        ] {
            assert_eq!(database.sql(query), expected, "{query}");
        }
        assert_eq!(
            database.sql("insert into shop.users (legacy_id) values (gen_random_uuid()) returning _id"),
            "4"
        );
        if round == 0 {
            migrate(&folder, ["clean", "--data", "--yes"])
                .to(&database)
                .ends(0);
        }
    }
}

#[test]
fn a_reference_to_nothing_keeps_its_number_until_somebody_puts_it_right() {
    let folder = Folder::new();
    let missing = id(77);
    let mut dump = dump();
    let order = doc! { "_id": id(99), "userId": missing, "total": 0.25 };
    dump.collections[1].documents.push(order.to_vec().unwrap());
    dump.write_directory(&folder.file("dump"), false).unwrap();
    let plan =
        "source = \"dump\"\n\n[options]\nkeys = \"bigint\"\nreferences = { \"orders.userId\" = \"users\" }\n";
    std::fs::write(folder.file("plan.toml"), plan).unwrap();
    let database = Database::new(&newest());
    migrate(&folder, ["run", "plan.toml"])
        .to(&database)
        .ends(3)
        .says(&[
            "Failed: rows of shop.orders against orders_userId_fkey",
            "read back from the destination agree",
        ]);
    // The three users were numbered first; the fourth number is that of the user who is not there.
    for (query, expected) in [
        ("select \"userId\" from shop.orders where total = 0.25", "4"),
        (
            "select legacy_key from migrate.mapping where source_table = 'shop.users' and new_key = '4'",
            "65000000-0000-8000-8000-000134000000",
        ),
    ] {
        assert_eq!(database.sql(query), expected, "{query}");
    }
    database.sql(
        "insert into shop.users (_id, legacy_id, name)
         select new_key::bigint, legacy_key::uuid, 'found' from migrate.mapping
         where source_table = 'shop.users' and new_key = '4'",
    );
    migrate(&folder, ["run", "plan.toml", "--no-validate"])
        .to(&database)
        .ends(0);
    assert_eq!(
        database.sql("insert into shop.users (legacy_id) values (gen_random_uuid()) returning _id"),
        "5"
    );
}

#[test]
fn how_consistently_it_was_read_is_said_at_the_end() {
    let server = MongoServer::start_with(ServerOptions {
        standalone: true,
        ..ServerOptions::default()
    });
    for (collection, documents) in shop() {
        server.insert("shop", collection, raw(&documents));
    }
    let (folder, database) = (Folder::new(), Database::new(&newest()));
    let told = "a server that belongs to no replica set keeps no past";
    migrate(&folder, ["run", &server.url("shop"), "--report", "report.json"])
        .to(&database)
        .ends(0)
        .says(&["Note:", told]);
    let report = std::fs::read_to_string(folder.file("report.json")).unwrap();
    assert!(report.contains(told), "{report}");
}

#[test]
fn documents_that_come_later_do_not_change_a_migration_that_was_begun() {
    let mut server = MongoServer::start();
    for (collection, documents) in shop() {
        server.insert("shop", collection, raw(&documents));
    }
    let (folder, database) = (Folder::new(), Database::new(&newest()));
    let url = server.url("shop");
    migrate(&folder, ["run", &url]).to(&database).ends(0);
    // Another type than the column has, and a field that nobody had seen.
    let later = doc! { "_id": id(200), "name": 5, "since": "yesterday", "new": true };
    server.insert("shop", "users", raw(&[later]));
    server.kill();
    server.restart();
    migrate(&folder, ["run", &url, "--json"])
        .to(&database)
        .ends(0)
        .says(&["\"nothing to do\""]);
    assert_shop(&database);
}

#[test]
fn a_plan_file_decides() {
    let folder = Folder::new();
    dump().write_directory(&folder.file("dump"), false).unwrap();
    migrate(&folder, ["plan", "dump", "-o", "plan.toml"]).ends(0);
    let plan = std::fs::read_to_string(folder.file("plan.toml")).unwrap();
    assert!(
        plan.contains("source = \"dump\"") && plan.contains("[options"),
        "{plan}"
    );
    let database = Database::new(&newest());
    migrate(&folder, ["run", "plan.toml"]).to(&database).ends(0);
    assert_shop(&database);
    std::fs::write(
        folder.file("other.toml"),
        "source = \"dump\"\n[options.paths.orders]\nlines = \"jsonb\"\naddress = \"jsonb\"\n",
    )
    .unwrap();
    let database = Database::new(&newest());
    migrate(&folder, ["run", "other.toml"]).to(&database).ends(0);
    assert_eq!(
        database.sql("select address, lines from shop.orders order by _id limit 1"),
        r#"{"zip": "3001", "city": "Bern"}|[{"sku": "s1", "count": 1}, {"sku": "x", "count": 1}]"#
    );
}

#[test]
fn what_cannot_be_read_is_said() {
    let server = MongoServer::start();
    let (folder, database) = (Folder::new(), Database::new(&newest()));
    let host = server.host();
    for (source, code, says) in [
        (
            "mongodb://sa:hunter2@127.0.0.1:1/db?serverSelectionTimeoutMS=300".to_owned(),
            UNREACHABLE,
            "127.0.0.1:1",
        ),
        (format!("mongodb://sa:hunter2@{host}/db"), LOGIN, &*host),
        (format!("mongodb://{host}/nowhere"), NOT_FOUND, "nowhere"),
        ("mongodb://sa:hunter2@".to_owned(), 2, "connection string"),
    ] {
        let run = migrate(&folder, ["run", source.as_str()])
            .to(&database)
            .secret("hunter2")
            .run();
        assert_eq!(run.code, Some(code), "{source}: {}", run.err);
        run.complains(&["error: ", says]);
    }
    database.assert_untouched("what cannot be read");
}
