//! Connecting to real servers: every PostgreSQL that is installed here.

#![allow(clippy::unwrap_used, reason = "what fails in a helper fails the test")]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;

use migrate_core::ErrorKind;
use migrate_pg_client::sqlx::{self, PgConnection, Row};
use migrate_pg_client::{Connector, During, PgTarget, classify, execute};
use migrate_pg_embedded::{Cluster, find_all_installations, install_hint};

fn clusters() -> Vec<Cluster> {
    let installed: Vec<_> = find_all_installations()
        .into_iter()
        .filter(|i| i.version.major >= 14)
        .collect();
    assert!(
        !installed.is_empty(),
        "no PostgreSQL is installed: {:?}",
        install_hint()
    );
    installed
        .into_iter()
        .map(|i| Cluster::temporary(Some(i), &[]).expect("a cluster"))
        .collect()
}

fn connector(url: &str) -> Connector {
    Connector::new(PgTarget::parse(&url.to_owned().into()).unwrap())
}

async fn setting(connection: &mut PgConnection, name: &str) -> String {
    sqlx::query("select current_setting($1)")
        .bind(name)
        .fetch_one(connection)
        .await
        .unwrap()
        .get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_and_facts() {
    for cluster in clusters() {
        for url in [cluster.url("postgres"), cluster.socket_url("postgres")] {
            let mut connection = connector(&url).connect().await.unwrap();
            // Whatever the database's own settings are, the session's are these.
            for (name, value) in [
                ("application_name", "migrate"),
                ("DateStyle", "ISO, YMD"),
                ("TimeZone", "UTC"),
                ("client_encoding", "UTF8"),
                ("statement_timeout", "0"),
                ("idle_in_transaction_session_timeout", "0"),
                ("lock_timeout", "1min"),
                ("synchronous_commit", "on"),
                ("row_security", "off"),
                ("search_path", "public"),
            ] {
                assert_eq!(setting(&mut connection, name).await, value, "{name}");
            }
            Connector::disconnect(connection).await;
        }
        let url = cluster.url("postgres");
        let facts = connector(&url).probe().await.unwrap();
        assert_eq!(facts.target.version, cluster.major());
        assert!(facts.version.starts_with(&cluster.major().to_string()));
        assert_eq!(
            (facts.database.as_str(), facts.user.as_str()),
            ("postgres", "migrate")
        );
        assert_eq!(facts.extension_schema.as_deref(), Some("public"));
        assert!(facts.superuser && facts.may_create);
        assert!(!facts.standby && !facts.supabase && !facts.transaction_pooler);
        facts.check().unwrap();
        let mut connection = connector(&url).connect().await.unwrap();
        let xml = sqlx::query("select '<a/>'::xml::text")
            .fetch_one(&mut connection)
            .await
            .is_ok();
        assert_eq!(facts.target.xml, xml);
        let icu = execute(
            &mut connection,
            "create collation c (provider = icu, locale = 'und')",
            During::Statement,
        );
        assert_eq!(facts.target.icu, icu.await.is_ok());
        let citext = execute(&mut connection, "create extension citext", During::Statement);
        assert_eq!(facts.target.citext, citext.await.is_ok());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_the_server_have_their_kinds() {
    for cluster in clusters() {
        let connector = connector(&cluster.url("postgres"));
        let mut connection = connector.connect().await.unwrap();
        for (sql, kind, transient) in [
            ("select 1 from nowhere", ErrorKind::Conflict, false),
            ("create schema public", ErrorKind::Conflict, false),
            ("select * frmo x", ErrorKind::Unsupported, false),
            ("begin read only; create table t ()", ErrorKind::Permission, false),
        ] {
            let error = execute(&mut connection, sql, During::Statement)
                .await
                .unwrap_err();
            assert_eq!(
                (error.kind(), error.is_transient()),
                (kind, transient),
                "{sql}: {error}"
            );
        }
        execute(
            &mut connection,
            "rollback; set statement_timeout = 1",
            During::Statement,
        )
        .await
        .unwrap();
        let error = execute(&mut connection, "select pg_sleep(5)", During::Statement)
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind(), error.is_transient()),
            (ErrorKind::Cancelled, false),
            "{error}"
        );
        execute(&mut connection, "set statement_timeout = 0", During::Statement)
            .await
            .unwrap();
        // A value of a row is in the server's text and not in ours.
        let cast = "select x::int from (values ('4711-secret')) as v (x)";
        let error = sqlx::query(cast).fetch_all(&mut connection).await.unwrap_err();
        assert!(error.to_string().contains("4711-secret"));
        let error = classify(error, During::Rows);
        assert_eq!(error.to_string(), "invalid_text_representation (22P02)");
        assert!(!format!("{error:?}").contains("4711"));

        let mut other = connector.connect().await.unwrap();
        let pid: i32 = sqlx::query_scalar("select pg_backend_pid()")
            .fetch_one(&mut other)
            .await
            .unwrap();
        execute(
            &mut connection,
            format!("select pg_terminate_backend({pid})"),
            During::Statement,
        )
        .await
        .unwrap();
        let error = execute(&mut other, "select pg_sleep(5)", During::Statement)
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind(), error.is_transient()),
            (ErrorKind::Connection, true),
            "{error}"
        );
    }
}

/// A certificate for `localhost` that signs itself, in the server's hands.
fn give_certificate(cluster: &Cluster, ca_file: &Path) -> String {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(ca_file, made.cert.pem()).unwrap();
    // The server reads its key only if nobody else can.
    let pgdata = cluster.data_dir().join("pgdata");
    let owner = fs::metadata(pgdata.join("PG_VERSION")).unwrap();
    for (name, text) in [
        ("test.crt", made.cert.pem()),
        ("test.key", made.signing_key.serialize_pem()),
    ] {
        let file = pgdata.join(name);
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        chown(&file, Some(owner.uid()), Some(owner.gid())).unwrap();
    }
    "alter system set ssl_cert_file = 'test.crt';
     alter system set ssl_key_file = 'test.key';
     alter system set ssl = on;
     select pg_reload_conf()"
        .to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_checked() {
    for cluster in clusters() {
        let directory = tempfile::tempdir().unwrap();
        let ca = directory.path().join("ca.pem");
        let url = cluster.url("postgres");
        let mut connection = connector(&url).connect().await.unwrap();
        for statement in give_certificate(&cluster, &ca).split(';') {
            execute(&mut connection, statement, During::Statement)
                .await
                .unwrap();
        }
        let by_name = url.replace("127.0.0.1", "localhost");
        // The reload takes a moment.
        let mut encrypted = false;
        for _ in 0..100 {
            let mut connection = connector(&by_name).connect().await.unwrap();
            let row = sqlx::query("select ssl from pg_stat_ssl where pid = pg_backend_pid()");
            encrypted = row.fetch_one(&mut connection).await.unwrap().get(0);
            if encrypted {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        assert!(encrypted, "on this machine encryption is preferred");

        let unknown = connector(&format!("{by_name}?sslmode=verify-full"))
            .connect()
            .await
            .unwrap_err();
        assert_eq!(
            (unknown.kind(), unknown.is_transient()),
            (ErrorKind::Connection, false),
            "{unknown}"
        );
        assert!(unknown.hint_text().unwrap().contains("sslrootcert"));
        let ca = ca.display();
        for (query, fits) in [
            (format!("{by_name}?sslmode=verify-full&sslrootcert={ca}"), true),
            // The address is not what the certificate names.
            (format!("{url}?sslmode=verify-full&sslrootcert={ca}"), false),
            (format!("{url}?sslmode=verify-ca&sslrootcert={ca}"), true),
            (format!("{url}?sslmode=require&sslrootcert={ca}"), true),
            (format!("{url}?sslmode=require"), true),
        ] {
            assert_eq!(
                connector(&query).connect().await.is_ok(),
                fits,
                "{}",
                query.rsplit('?').next().unwrap()
            );
        }
    }
}

/// A statement whose client is gone ends, however long it would have taken.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_client_asked_for_ends() {
    for cluster in clusters() {
        let url = cluster.url("postgres");
        let mut asking = connector(&url).connect().await.unwrap();
        let task =
            tokio::spawn(
                async move { execute(&mut asking, "select pg_sleep(600)", During::Statement).await },
            );
        let mut other = connector(&url).connect().await.unwrap();
        let question =
            "select count(*) from pg_stat_activity where query = 'select pg_sleep(600)' and state = 'active'";
        let mut running =
            async || -> i64 { sqlx::query(question).fetch_one(&mut other).await.unwrap().get(0) };
        while running().await == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        // Its connection is dropped without a word, as by a process that is killed.
        task.abort();
        let began = std::time::Instant::now();
        while running().await > 0 {
            assert!(began.elapsed().as_secs() < 60, "the statement goes on");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
}
