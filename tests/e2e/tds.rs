//! SQL Server's protocol to its end, with each driver: the test kit's server on one side, PostgreSQL on the other. What lands
//! is compared with what the same database leaves out of a `.bacpac`.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use migrate_testkit::bacpac::{BacpacWriter, Cell, ColumnSpec, DatabaseSpec, Options, SqlType, TableSpec};
use migrate_testkit::random::SplitMix64;
use migrate_testkit::tds::{self, Fault, Rows, ServerError};
use migrate_testkit::{all_types, crm};

use crate::cli::{self, Call, Folder, migrate};
use crate::server::{Database, newest, oldest};

const SOURCE: i32 = 4;
const UNREACHABLE: i32 = 20;
const UNTRUSTED: i32 = 21;
const LOGIN: i32 = 22;
const FORBIDDEN: i32 = 23;
const NOT_FOUND: i32 = 24;

const DRIVERS: [&str; 2] = ["mssql-tds", "tiberius"];
const PASSWORD: &str = "not-to-be-seen";

/// A server with a database, and how to get there.
struct Source {
    database: Arc<tds::Database>,
    server: tds::Server,
    name: &'static str,
}

impl Source {
    fn new(name: &'static str, database: tds::Database) -> Self {
        let database = Arc::new(database.user("reader", PASSWORD));
        let server = tds::Server::start(Arc::clone(&database));
        Self {
            database,
            server,
            name,
        }
    }

    fn url(&self, driver: &str, options: &str) -> String {
        let (port, name) = (self.server.port(), self.name);
        format!("mssql://reader:{PASSWORD}@127.0.0.1:{port}/{name}?driver={driver}&{options}")
    }

    /// `migrate run` over encrypted connections.
    fn run(&self, folder: &Folder, driver: &str, flags: &[&str]) -> Call {
        run(folder, &self.url(driver, "trust_server_certificate=true"), flags)
    }
}

/// `migrate run`, with the source in a variable, since a command line is no place for a password.
fn run(folder: &Folder, url: &str, flags: &[&str]) -> Call {
    let arguments = ["run", "env:SOURCE"].into_iter().chain(flags.iter().copied());
    migrate(folder, arguments).env("SOURCE", url).secret(PASSWORD)
}

/// The database of every type, as far as both a file and a server have it and the destination takes it.
fn every_type() -> (DatabaseSpec, [&'static str; 4]) {
    let tables = ["Scalars", "Times", "Variants", "Order Details & more"];
    let mut spec = all_types::database();
    spec.tables
        .retain(|t| tables.contains(&t.name.as_str()) || t.name == "Empty");
    (spec, tables)
}

#[test]
fn every_type_arrives_as_out_of_a_file() {
    let (spec, tables) = every_type();
    let folder = Folder::new();
    let file = folder.file("types.bacpac");
    let mut writer = BacpacWriter::create(&file, spec.clone(), Options::default()).unwrap();
    let mut on_server = tds::Database::new(spec);
    for table in tables {
        writer
            .table_rows("dbo", table, 100, all_types::rows(table))
            .unwrap();
        on_server = on_server.rows(table, Rows::Cells(all_types::rows(table)));
    }
    writer.finish().unwrap();
    let source = Source::new("AllTypes", on_server);
    let expected = Database::new(&oldest());
    migrate(&folder, ["run", file.to_str().unwrap()])
        .to(&expected)
        .ends(0);
    for driver in DRIVERS {
        for options in [
            "encrypt=off",
            "trust_server_certificate=true",
            "encrypt=off&packet_size=512",
        ] {
            let database = Database::new(&oldest());
            run(&folder, &source.url(driver, options), &[])
                .to(&database)
                .ends(0);
            database.assert_complete();
            assert_eq!(database.content(), expected.content(), "{driver}, {options}");
        }
    }
}

#[test]
fn cut_twenty_times_and_the_same_rows() {
    let folder = Folder::new();
    let expected = Database::new(&newest());
    migrate(&folder, ["run", cli::crm().to_str().unwrap()])
        .to(&expected)
        .ends(0);
    let source = Source::new(crm::NAME, crm::on_server());
    let mut random = SplitMix64::new(20);
    for driver in DRIVERS {
        let cuts = (0..20).map(|_| Fault::CutAfter(random.between(1_000, 200_000) as usize));
        source.database.faults(cuts);
        let database = Database::new(&newest());
        let flags = ["--commit-every", "1", "--jobs", "3", "--json"];
        source.run(&folder, driver, &flags).to(&database).ends(0);
        assert_eq!(source.database.faults_left(), 0, "{driver}");
        database.assert_complete();
        assert_eq!(database.content(), expected.content(), "{driver}");
        if driver == DRIVERS[0] {
            // Read again, every row of every table, and compared; once, for it takes a while.
            let validate = migrate(&folder, ["validate", "env:SOURCE"])
                .env("SOURCE", source.url(driver, "trust_server_certificate=true"))
                .secret(PASSWORD);
            validate.to(&database).ends(0);
        }
    }
}

/// One table of a thousand rows.
fn thousand() -> tds::Database {
    let table = |name: &str| {
        TableSpec::new("dbo", name)
            .column(ColumnSpec::new("id", SqlType::Int).not_null())
            .column(ColumnSpec::new("name", SqlType::NVarChar(Some(60))))
            .primary_key(&format!("PK_{name}"), &["id"])
    };
    let rows = || (1..=1000).map(|n| vec![Cell::Int(n), Cell::Text(format!("{n} ").repeat(10))]);
    tds::Database::new(
        DatabaseSpec::new("Shop")
            .table(table("Big"))
            .table(table("Other")),
    )
    .rows("Big", Rows::Cells(rows().collect()))
    .rows("Other", Rows::Cells(rows().collect()))
}

#[test]
fn each_way_of_not_getting_in_has_its_own_number() {
    let source = Source::new("Shop", thousand());
    let unused = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = unused.local_addr().unwrap().port();
    drop(unused);
    for driver in DRIVERS {
        let (folder, database) = (Folder::new(), Database::new(&oldest()));
        let ends = |url: &str, code: i32, hint: &str| {
            run(&folder, url, &[])
                .to(&database)
                .ends(code)
                .complains(&["hint", hint]);
        };
        let good = source.url(driver, "trust_server_certificate=true");
        ends(&good.replace("reader:", "nobody:"), LOGIN, "18456");
        ends(&good.replace("/Shop", "/Shoes"), NOT_FOUND, "4060");
        let port = source.server.port().to_string();
        ends(
            &good.replace(&port, &closed.to_string()),
            UNREACHABLE,
            &closed.to_string(),
        );
        ends(&source.url(driver, "encrypt=on"), UNTRUSTED, "certificate");
        database.assert_untouched("a source that could not be read");
        // With the cause gone, the same command does it.
        run(&folder, &good, &[]).to(&database).ends(0);
        database.assert_complete();
        assert_eq!(database.number(r#"select count(*) from dbo."Big""#), 1000);
    }
}

#[test]
fn what_goes_wrong_with_one_table_ends_the_run_and_passes() {
    let source = Source::new("Shop", thousand());
    let flags = ["--jobs", "1", "--json"];
    for driver in DRIVERS {
        let (folder, database) = (Folder::new(), Database::new(&newest()));
        let run = |code: i32| source.run(&folder, driver, &flags).to(&database).ends(code);

        // What the catalog tells is told before anything is read.
        source.database.deny("Big", true);
        run(FORBIDDEN).complains(&["dbo.Big", "grant select"]);
        source.database.deny("Big", false);
        // The right was taken away, or the table dropped, after the catalog was read.
        let denied = ServerError::new(229, 14, "The SELECT permission was denied on the object 'Big'.");
        source.database.faults([Fault::Refuse(denied)]);
        run(FORBIDDEN).complains(&["229"]);
        let gone = ServerError::new(208, 16, "Invalid object name 'dbo.Big'.");
        source.database.faults([Fault::ErrorAfter(300, gone)]);
        run(NOT_FOUND).complains(&["208"]);
        // An error is no end: of the rows before it, none counts as the table.
        let damaged = ServerError::new(824, 23, "A page has a wrong checksum.");
        source.database.faults([Fault::ErrorAfter(700, damaged)]);
        run(SOURCE).complains(&["824"]);
        assert_eq!(source.database.faults_left(), 0);

        // A deadlock's victim tries again at once, behind the last row.
        let victim = ServerError::new(1205, 13, "You were chosen as the deadlock victim.");
        source.database.faults([Fault::ErrorAfter(500, victim)]);
        run(0);
        database.assert_complete();
        for table in ["Big", "Other"] {
            let rows = database.number(&format!(r#"select count(distinct id) from dbo."{table}""#));
            assert_eq!(
                (
                    rows,
                    database.number(&format!(r#"select count(*) from dbo."{table}""#))
                ),
                (1000, 1000)
            );
        }
        run(0).says(&["\"nothing to do\""]);
    }
}

#[test]
fn a_table_that_is_dropped_while_it_is_read() {
    let source = Source::new("Shop", thousand());
    let flags = ["--jobs", "1", "--json"];
    for driver in DRIVERS {
        let (folder, database) = (Folder::new(), Database::new(&oldest()));
        source.database.drop_table("Big", true);
        source
            .run(&folder, driver, &flags)
            .to(&database)
            .ends(NOT_FOUND)
            .complains(&["208", "plan again"]);
        source.database.drop_table("Big", false);
        source.run(&folder, driver, &flags).to(&database).ends(0);
        database.assert_complete();
        assert_eq!(database.number(r#"select sum(id) from dbo."Big""#), 500_500);
    }
}

#[test]
fn a_server_that_falls_silent_is_left_and_asked_again() {
    let source = Source::new("Shop", thousand());
    for driver in DRIVERS {
        let (folder, database) = (Folder::new(), Database::new(&oldest()));
        source.database.faults([Fault::StallAfter(100)]);
        let url = source.url(driver, "trust_server_certificate=true&statement_timeout=1");
        let started = std::time::Instant::now();
        run(&folder, &url, &[]).to(&database).ends(0);
        assert!(started.elapsed() >= Duration::from_secs(1), "nobody waited");
        database.assert_complete();
        assert_eq!(database.number(r#"select sum(id) from dbo."Big""#), 500_500);
    }
}

#[test]
fn json_and_vectors_arrive_as_the_server_writes_them() {
    let table = TableSpec::new("dbo", "New")
        .column(ColumnSpec::new("id", SqlType::Int).not_null())
        .column(ColumnSpec::new("document", SqlType::Json))
        .column(ColumnSpec::new("embedding", SqlType::Vector(3)))
        .primary_key("PK_New", &["id"]);
    let rows = vec![
        vec![
            Cell::Int(1),
            Cell::text(r#"{"b":[1.50,"\u00e9"],"a":{"b":null}}"#),
            Cell::text("[1.0000000e+000,-2.5000000e-001,3.0517578e-005]"),
        ],
        vec![Cell::Int(2), Cell::Null, Cell::Null],
    ];
    let database = tds::Database::new(DatabaseSpec::new("New").table(table)).rows("New", Rows::Cells(rows));
    let source = Source::new("New", database);
    for driver in DRIVERS {
        let (folder, database) = (Folder::new(), Database::new(&oldest()));
        source.run(&folder, driver, &[]).to(&database).ends(0);
        database.assert_complete();
        assert_eq!(
            database.sql(r#"select id, document, embedding, pg_typeof(document), pg_typeof(embedding) from dbo."New" order by id"#),
            "1|{\"b\":[1.50,\"\\u00e9\"],\"a\":{\"b\":null}}|{1,-0.25,3.0517578e-05}|json|real[]\n2|||json|real[]"
        );
    }
}
