//! Northwind and pubs as Babelfish describes them, names in lower case included.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use migrate_core::catalog::{Catalog, Identity, ObjectName};
use migrate_core::pg_type::PgType;
use migrate_core::template::Translation;
use migrate_core::{Error, ErrorKind, Result};
use tokio::time::Instant;

use super::playback::Playback;
use crate::live::catalog::{Discovered, Engine, Storage, discover};
use crate::live::read::sessions::Sessions;
use crate::live::wire::Session;

fn northwind() -> Playback {
    Playback::new(include_str!("northwind.json"))
}

fn pubs() -> Playback {
    Playback::new(include_str!("pubs.json"))
}

async fn found(mut session: Playback) -> Discovered {
    discover(&mut session, None, "localhost:1433/whatever")
        .await
        .unwrap()
}

/// Tables, columns, primary keys, unique constraints, foreign keys, checks, indexes, defaults, identities and views.
pub(super) fn counts(catalog: &Catalog) -> [usize; 10] {
    let sum = |of: fn(&migrate_core::catalog::Table) -> usize| catalog.tables.iter().map(of).sum();
    [
        catalog.tables.len(),
        sum(|t| t.columns.len()),
        sum(|t| usize::from(t.primary_key.is_some())),
        sum(|t| t.uniques.len()),
        sum(|t| t.foreign_keys.len()),
        sum(|t| t.checks.len()),
        sum(|t| t.indexes.len()),
        sum(|t| t.columns.iter().filter(|c| c.default.is_some()).count()),
        sum(|t| t.columns.iter().filter(|c| c.identity.is_some()).count()),
        catalog.views.len(),
    ]
}

/// What [`counts`] gives for Northwind.
pub(super) const NORTHWIND: [usize; 10] = [13, 88, 13, 0, 13, 8, 26, 9, 6, 16];
/// What [`counts`] gives for pubs.
pub(super) const PUBS: [usize; 10] = [11, 64, 9, 0, 10, 6, 7, 9, 1, 1];

#[tokio::test]
async fn everything_of_northwind_is_found() {
    let found = found(northwind()).await;
    let catalog = &found.catalog;
    assert_eq!(counts(catalog), NORTHWIND);
    assert_eq!(catalog.source.kind, "mssql");
    assert_eq!(catalog.source.name, "localhost:1433/northwind");
    assert_eq!(
        catalog.source.version,
        "Babelfish for PostgreSQL with SQL Server Compatibility - 12.0.2000.8"
    );
    assert_eq!(catalog.schemas, ["dbo"]);
    assert_eq!(
        (
            found.server.engine,
            found.server.major,
            found.server.snapshot_isolation
        ),
        (Engine::Babelfish, 12, true)
    );
    let orders = catalog.tables.iter().find(|t| t.name.name == "orders").unwrap();
    assert_eq!(
        orders.columns[0].identity,
        Some(Identity {
            seed: 1,
            increment: 1,
            last: Some(11_077)
        })
    );
    assert_eq!(orders.column("shipname").unwrap().native, "nvarchar(40)");
    assert_eq!(
        orders.column("freight").unwrap().pg,
        PgType::Numeric(Some((19, 4)))
    );
    assert!(
        !orders
            .column("customerid")
            .unwrap()
            .collation
            .as_ref()
            .unwrap()
            .case_sensitive
    );
    // All that Babelfish says it made up the name of is named all the same.
    let keys: Vec<&str> = orders
        .foreign_keys
        .iter()
        .filter_map(|k| k.name.as_deref())
        .collect();
    assert_eq!(
        keys,
        ["fk_orders_customers", "fk_orders_employees", "fk_orders_shippers"]
    );
    assert_eq!(
        orders.primary_key.as_ref().unwrap().name.as_deref(),
        Some("pk_orders")
    );
    let details = catalog
        .tables
        .iter()
        .find(|t| t.name.name == "order details")
        .unwrap();
    assert_eq!(
        details.primary_key.as_ref().unwrap().columns,
        ["orderid", "productid"]
    );
    let procedures = catalog.manual.iter().filter(|m| m.kind == "procedure").count();
    assert_eq!((procedures, catalog.manual.len()), (7, 7));
    let untranslated: Vec<String> = (catalog.views.iter())
        .filter(|v| !matches!(v.query.translation, Translation::Done { .. }))
        .map(|v| format!("{}: {:?}", v.name, v.query.translation))
        .collect();
    assert_eq!(untranslated, Vec::<String>::new());
}

#[tokio::test]
async fn everything_of_pubs_is_found() {
    let found = found(pubs()).await;
    assert_eq!(counts(&found.catalog), PUBS);
    let kinds: Vec<(&str, &str)> = (found.catalog.manual.iter())
        .map(|m| (m.kind.as_str(), m.name.as_str()))
        .collect();
    assert_eq!(
        kinds,
        [
            ("procedure", "dbo.byroyalty"),
            ("trigger", "dbo.employee_insupd"),
            ("procedure", "dbo.reptq1"),
            ("procedure", "dbo.reptq2"),
            ("procedure", "dbo.reptq3"),
        ]
    );
}

#[tokio::test]
async fn readers_learn_of_columns_and_orders() {
    let found = found(northwind()).await;
    let details = &found.tables[&ObjectName::new("dbo", "order details")];
    let columns: Vec<String> = (details.columns.iter())
        .map(|c| format!("{} {}{}", c.name, c.native, if c.nullable { "?" } else { "" }))
        .collect();
    assert_eq!(
        columns,
        [
            "orderid int",
            "productid int",
            "unitprice money",
            "quantity smallint",
            "discount real"
        ]
    );
    let [order] = &details.orders[..] else {
        panic!("{:?}", details.orders)
    };
    assert_eq!(
        (
            order.index.as_str(),
            order.unique,
            order.primary,
            order.clustered,
            order.hash
        ),
        ("pk_order_details", true, true, false, false)
    );
    let keys: Vec<&str> = order.columns.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(keys, ["orderid", "productid"]);
    assert_eq!(
        (
            details.storage,
            &details.partitioned_by,
            details.readable,
            details.rows,
            details.bytes
        ),
        (Storage::Heap, &None, true, Some(2155), None)
    );
    // Nobody counted an empty table.
    let empty = &found.tables[&ObjectName::new("dbo", "customercustomerdemo")];
    assert_eq!(empty.rows, None);
    for table in &found.catalog.tables {
        let facts = &found.tables[&table.name];
        let names: Vec<&String> = table.columns.iter().map(|c| &c.name).collect();
        assert_eq!(facts.columns.iter().map(|c| &c.name).collect::<Vec<_>>(), names);
    }
}

#[tokio::test]
async fn a_table_without_the_right_to_it_is_an_error_once_it_is_wanted() {
    let mut session = northwind();
    let orders = session
        .rows("reading tables")
        .iter_mut()
        .find(|r| r[2] == "orders")
        .unwrap();
    orders[3] = 0.into();
    let found = found(session).await;
    let name = ObjectName::new("dbo", "orders");
    assert!(!found.tables[&name].readable);
    let error = found.missing_right(&name).unwrap();
    assert_eq!(error.kind(), ErrorKind::Permission);
    assert_eq!(
        error.to_string(),
        "the login may not read the table (table dbo.orders)"
    );
    assert_eq!(
        error.hint_text(),
        Some(
            "run `grant select on [dbo].[orders] to [dbo]` as an owner of the database, or leave the table out"
        )
    );
    assert!(
        found
            .missing_right(&ObjectName::new("dbo", "customers"))
            .is_none()
    );
    let listed = found
        .catalog
        .manual
        .iter()
        .find(|m| m.kind == "missing right")
        .unwrap();
    assert_eq!(
        (listed.name.as_str(), listed.definition.as_str()),
        ("dbo.orders", "grant select on [dbo].[orders] to [dbo]")
    );
    // The plan can still be made, with everything that is known.
    assert_eq!(counts(&found.catalog), NORTHWIND);
    let notes = &found
        .catalog
        .tables
        .iter()
        .find(|t| t.name == name)
        .unwrap()
        .notes;
    assert_eq!(
        notes,
        &["cannot be read as it is: see the work that is left to a person"]
    );
}

#[tokio::test]
async fn texts_that_are_not_shown_are_missed() {
    let mut session = northwind();
    for row in session.rows("reading check constraints") {
        row[3] = serde_json::Value::Null;
    }
    for row in session.rows("reading views and procedures") {
        row[4] = serde_json::Value::Null;
    }
    let database = &mut session.rows("reading the database's options")[0];
    (database[0], database[10]) = ("Microsoft SQL Server 2019".into(), 0.into());
    let found = found(session).await;
    let reason = "the server does not show its text to this login, which lacks VIEW DEFINITION";
    for check in found.catalog.tables.iter().flat_map(|t| &t.checks) {
        let expected = Translation::Impossible {
            reason: reason.into(),
        };
        assert_eq!(check.expression.translation, expected);
    }
    assert_eq!(found.catalog.views.len(), 0);
    let hidden = |kind: &str| {
        let manual = &found.catalog.manual;
        manual
            .iter()
            .filter(|m| m.kind == kind && m.reason == reason)
            .count()
    };
    assert_eq!((hidden("view"), hidden("procedure")), (16, 7));
    let right = found
        .catalog
        .manual
        .iter()
        .find(|m| m.kind == "missing right")
        .unwrap();
    assert_eq!(
        (right.name.as_str(), right.definition.as_str()),
        ("view definition on northwind", "grant view definition to [dbo]")
    );
}

#[tokio::test]
async fn what_is_good_to_have_may_be_missing() {
    let mut session = northwind();
    session.refuse("reading the sizes of tables");
    session.refuse("reading objects that are not moved");
    let found = found(session).await;
    assert_eq!(counts(&found.catalog), NORTHWIND);
    assert!(found.catalog.tables.iter().all(|t| t.rows.is_none()));
    let unread: Vec<&str> = (found.catalog.manual.iter())
        .filter(|m| m.kind == "unreadable part of the catalog")
        .map(|m| m.name.as_str())
        .collect();
    assert!(
        unread.contains(&"sys.synonyms") && unread.len() == 14,
        "{unread:?}"
    );
}

#[tokio::test]
async fn a_broken_connection_is_no_gap_in_the_catalog() {
    for purpose in [
        "reading the sizes of tables",
        "reading objects that are not moved",
        "reading columns",
    ] {
        let mut session = northwind();
        session.breaks_at = Some(purpose);
        let error = discover(&mut session, None, "localhost").await.unwrap_err();
        assert!(
            error.is_transient() && error.kind() == ErrorKind::Connection,
            "{purpose}: {error}"
        );
    }
    // What cannot be done without is not guessed either.
    let mut session = northwind();
    session.refuse("reading foreign keys");
    let error = discover(&mut session, None, "localhost").await.unwrap_err();
    assert_eq!(error.to_string(), "the server refused");
}

/// Sessions of a server that is described by a recording.
struct Server {
    like: Playback,
    spare: usize,
    taken: AtomicUsize,
    given_back: AtomicUsize,
}

impl Server {
    fn new(like: Playback, spare: usize) -> Self {
        Self {
            like,
            spare,
            taken: AtomicUsize::new(0),
            given_back: AtomicUsize::new(0),
        }
    }
}

#[async_trait]
impl Sessions for Server {
    async fn take(&self) -> Result<Box<dyn Session>> {
        if self.taken.fetch_add(1, Ordering::SeqCst) == 1 {
            return Err(Error::source_side(ErrorKind::Resources, "no more sessions"));
        }
        Ok(Box::new(self.like.clone()))
    }

    fn give_back(&self, _: Box<dyn Session>) {
        self.given_back.fetch_add(1, Ordering::SeqCst);
    }

    fn spare(&self) -> usize {
        self.spare
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_server_is_asked_over_several_sessions() {
    let alone = found(northwind()).await;
    // Milliseconds that an answer takes, sessions that are free; the sessions that helped, and milliseconds in all. The second one
    // that is asked for is refused.
    for (takes, spare, helped, in_all) in [
        (40, 15, 0, 15 * 40),
        (50, 0, 0, 15 * 50),
        (50, 1, 1, (2 + 7) * 50),
        (50, 2, 1, (2 + 7) * 50),
        (50, 15, 2, (2 + 5) * 50),
    ] {
        let mut session = northwind();
        session.takes = Duration::from_millis(takes);
        let server = Server::new(session.clone(), spare);
        let began = Instant::now();
        let found = discover(&mut session, Some(&server), "localhost:1433/whatever").await;
        let found = found.unwrap();
        assert_eq!(found.catalog, alone.catalog);
        assert_eq!(found.tables, alone.tables);
        assert_eq!(server.given_back.load(Ordering::SeqCst), helped);
        assert_eq!(began.elapsed(), Duration::from_millis(in_all), "{takes} {spare}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_that_breaks_while_it_helps_is_no_gap_either() {
    let mut session = northwind();
    session.takes = Duration::from_millis(50);
    let mut other = session.clone();
    other.breaks_at = Some("reading views and procedures");
    let server = Server::new(other, 1);
    let error = discover(&mut session, Some(&server), "localhost")
        .await
        .unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert_eq!(server.given_back.load(Ordering::SeqCst), 0);
}
