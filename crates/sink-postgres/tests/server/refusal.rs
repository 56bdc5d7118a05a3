//! Servers that refuse, and secrets that stay secret.

use migrate_core::pg_type::PgType;
use migrate_core::sink::Sink;
use migrate_core::{Error, ErrorKind};
use migrate_sink_postgres::{PostgresSink, SinkOptions};

use crate::database::on_each_server;
use crate::fixture::*;

async fn refused(url: &str) -> Error {
    PostgresSink::connect(SinkOptions::new(url)).await.unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_says_what_to_do_and_never_the_password() {
    on_each_server(|db| async move {
        db.run(
            "do $$ begin
                 if not exists (select from pg_roles where rolname = 'guest') then
                     create role guest login password 'hunter2';
                 end if;
             end $$",
        )
        .await;
        let guest = refused(&db.url_as("guest", "hunter2")).await;
        assert_eq!(guest.kind(), ErrorKind::Permission, "{guest}");
        assert!(
            guest
                .to_string()
                .starts_with("the user guest may not create schemas in the database t")
        );

        let wrong = refused(&db.url_as("guest", "hunter2x")).await;
        assert_eq!(wrong.kind(), ErrorKind::Permission, "{wrong}");
        assert!(wrong.hint_text().is_some());

        let missing = refused(&format!("{}_missing", db.url)).await;
        assert_eq!(missing.kind(), ErrorKind::Config, "{missing}");

        // A port that was just free: nobody listens there.
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let nobody = refused(&format!("postgres://guest:hunter2@127.0.0.1:{port}/x")).await;
        assert_eq!(nobody.kind(), ErrorKind::Connection, "{nobody}");
        assert!(nobody.is_transient());
        assert_eq!(
            nobody.to_string(),
            format!("nothing answers at the server's address (server 127.0.0.1:{port}/x)")
        );

        for e in [guest, wrong, missing, nobody] {
            assert!(!format!("{e} {e:?} {:?}", e.hint_text()).contains("hunter2"));
        }
        let password = db.url.split([':', '@']).nth(2).unwrap();
        let sink = db.sink().await;
        assert!(
            password.len() > 5 && !format!("{sink:?} {:?}", SinkOptions::new(&db.url)).contains(password)
        );
        assert!(!sink.describe().contains(password));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_on_a_schema_are_checked_before_anything() {
    on_each_server(|db| async move {
        db.run(
            "do $$ begin
                 if not exists (select from pg_roles where rolname = 'builder') then
                     create role builder login password 'b';
                 end if;
             end $$",
        )
        .await;
        let name = db.words("select current_database()").await;
        db.run(&format!(
            "grant create on database {name} to builder; create schema \"Sales\""
        ))
        .await;
        let sink = PostgresSink::connect(SinkOptions::new(db.url_as("builder", "b")))
            .await
            .unwrap();
        let plan = plan(sink.target());
        let error = sink.begin(&plan).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Permission);
        assert_eq!(
            error.to_string(),
            "the user may not create tables in the schema Sales"
        );
        assert_eq!(db.ask("select to_regnamespace('migrate')").await, None);
        db.run("grant create, usage on schema \"Sales\" to builder").await;
        fill(&sink, &plan).await;
        assert_eq!(
            sink.complete(&plan, &migrate_core::observer::Silent)
                .await
                .unwrap()
                .failed,
            []
        );
        sink.clean(true).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_fails_takes_everything_back() {
    on_each_server(|db| async move {
        let sink = db.sink().await;
        let mut broken = plan(sink.target());
        broken.tables[1].columns[0].default = Some("no_such_function()".into());
        let error = sink.begin(&broken).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(
            error.to_string().ends_with("(creating table Sales.Order \"x\")"),
            "{error}"
        );
        assert_eq!(db.ask("select to_regnamespace('\"Sales\"')").await, None);
        assert_eq!(db.ask("select to_regnamespace('migrate')").await, None);

        let mut lacking = plan(sink.target());
        lacking.extensions.push("no such extension".into());
        let error = sink.begin(&lacking).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert_eq!(error.to_string(), "the server has no extension no such extension");

        let plan = plan(sink.target());
        assert!(!sink.begin(&plan).await.unwrap().resumed);
        sink.close().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn extensions_and_collations_are_created_where_they_are_found() {
    on_each_server(|db| async move {
        let sink = db.sink().await;
        if !sink.target().citext || !sink.target().icu {
            // A server without its contributed extensions cannot show this.
            return;
        }
        db.run("create schema extensions").await;
        let mut plan = plan(sink.facts().target.clone());
        plan.extensions.push("citext".into());
        let collation = name("ci");
        plan.collations.push(migrate_core::plan::CollationPlan {
            name: collation.clone(),
            locale: "und-u-ks-level2".into(),
        });
        plan.tables[0].columns[1].domain = None;
        plan.tables[0].columns[1].ty = PgType::Citext;
        let mut other = column("other", migrate_core::value::ValueKind::Text, PgType::Text, true);
        other.collation = Some(collation);
        plan.tables[1].columns.push(other);
        let sink = db.sink().await;
        sink.begin(&plan).await.unwrap();
        assert_eq!(
            db.words("select extnamespace::regnamespace from pg_extension where extname = 'citext'")
                .await,
            "extensions"
        );
        db.run(
            "insert into \"Sales\".\"Order \"\"x\"\"\" values (1, null, 'ABC');
             set search_path = extensions; insert into \"Sales\".\"Customer\" (\"Label\") values ('ABC')",
        )
        .await;
        assert_eq!(
            db.words("select no from \"Sales\".\"Order \"\"x\"\"\" where other = 'abc'")
                .await,
            "1"
        );
        sink.clean(true).await.unwrap();
        assert_eq!(
            db.words("select count(*) from pg_collation where collname = 'ci'")
                .await,
            "0"
        );
    })
    .await;
}
