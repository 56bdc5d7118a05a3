//! What goes wrong in conversations, on a server made for the test.

use std::time::Duration;

use migrate_core::{Error, ErrorKind};
use migrate_testkit::tds::ServerError;
use secrecy::SecretString;

use super::collect::{Cell, Rows};
use super::fake::{Fake, Welcome};
use super::{DRIVERS, Fetch, all, open, query};
use crate::live::config::{Driver, Encrypt, Login, MssqlConfig};
use crate::live::connect::connect;
use crate::live::wire::Session;

fn config(driver: Driver, port: u16) -> MssqlConfig {
    MssqlConfig {
        port: Some(port),
        driver: Some(driver),
        encrypt: Encrypt::Never,
        statement_timeout: Some(Duration::from_secs(20)),
        ..MssqlConfig::new(
            "127.0.0.1",
            Login::Password {
                user: "u".into(),
                password: SecretString::from("p"),
            },
        )
    }
}

async fn sessions() -> Vec<(Driver, Fake, Box<dyn Session>)> {
    let mut out = Vec::new();
    for &driver in DRIVERS {
        let server = Fake::start(Welcome::Enter);
        let session = open(&config(driver, server.port)).await;
        out.push((driver, server, session));
    }
    out
}

/// Rows until an error, which must come.
async fn failure(session: &mut dyn Session, sql: &str) -> (usize, Error) {
    if let Err(error) = session.start(query(sql)).await {
        return (0, error);
    }
    let mut rows = Rows::default();
    loop {
        match session.fetch(&mut rows).await {
            Ok(Fetch::More) => {}
            Ok(Fetch::End) => panic!("an end after {} rows", rows.rows.len()),
            Err(error) => return (rows.rows.len(), error),
        }
    }
}

#[tokio::test]
async fn a_whole_answer_is_read_and_the_session_used_again() {
    for (driver, _server, mut session) in sessions().await {
        for _ in 0..3 {
            let rows = all(&mut *session, "three rows").await.unwrap();
            assert_eq!(rows, [1, 2, 3].map(|n| vec![Cell::Int32(n)]), "{driver:?}");
            session.execute(query("three rows")).await.unwrap();
            session.execute(query("nothing")).await.unwrap();
            assert_eq!(
                all(&mut *session, "nothing").await.unwrap(),
                Vec::<Vec<Cell>>::new()
            );
        }
        assert!(!session.is_broken());
    }
}

#[tokio::test]
async fn an_error_behind_rows_is_told_and_leaves_the_session_usable() {
    for (driver, _server, mut session) in sessions().await {
        let (rows, error) = failure(&mut *session, "error after three rows").await;
        assert!(rows <= 3, "{driver:?}");
        assert_eq!(
            error.message(),
            "testing failed: SQL Server error 1205, You lost."
        );
        assert_eq!(
            (error.kind(), error.is_transient()),
            (ErrorKind::Connection, true)
        );
        assert!(!session.is_broken(), "{driver:?}");
        let error = session
            .execute(query("error after three rows"))
            .await
            .unwrap_err();
        assert_eq!(
            error.message(),
            "testing failed: SQL Server error 1205, You lost."
        );
        assert_eq!(all(&mut *session, "three rows").await.unwrap().len(), 3);
    }
}

#[tokio::test]
async fn a_connection_that_breaks_is_no_end() {
    for sql in [
        "cut between rows",
        "cut within a row",
        "cut within a packet",
        "cut at once",
        "fatal error after three rows",
    ] {
        for (driver, _server, mut session) in sessions().await {
            let (rows, error) = failure(&mut *session, sql).await;
            assert!(rows <= 3);
            let seen = (error.kind(), error.is_transient());
            assert_eq!(seen, (ErrorKind::Connection, true), "{driver:?}, {sql}: {error}");
            assert!(session.is_broken(), "{driver:?}, {sql}");
            let error = session.start(query("three rows")).await.unwrap_err();
            assert_eq!(
                (error.kind(), error.is_transient()),
                (ErrorKind::Connection, true)
            );
        }
    }
}

#[tokio::test]
async fn silence_in_the_middle_is_no_end() {
    for &driver in DRIVERS {
        let server = Fake::start(Welcome::Enter);
        let config = MssqlConfig {
            statement_timeout: Some(Duration::from_millis(300)),
            ..config(driver, server.port)
        };
        let mut session = open(&config).await;
        let (rows, error) = failure(&mut *session, "three rows and silence").await;
        assert_eq!(rows, 3, "{driver:?}");
        assert_eq!(
            (error.kind(), error.is_transient()),
            (ErrorKind::Connection, true)
        );
        assert!(
            error
                .message()
                .starts_with("testing failed: the server said nothing for"),
            "{error}"
        );
        assert!(session.is_broken());
    }
}

#[tokio::test]
async fn a_cancelled_query_is_stopped_and_the_session_used_again() {
    for (driver, _server, mut session) in sessions().await {
        session.start(query("three rows of many")).await.unwrap();
        let mut rows = Rows::pausing_after(2);
        assert_eq!(session.fetch(&mut rows).await.unwrap(), Fetch::More);
        session.cancel().await.unwrap();
        assert!(!session.is_broken(), "{driver:?}");
        assert_eq!(
            all(&mut *session, "three rows").await.unwrap().len(),
            3,
            "{driver:?}"
        );
        assert!(
            session.fetch(&mut Rows::default()).await.is_err(),
            "no query is open"
        );
    }
}

#[tokio::test]
async fn a_fetch_that_is_dropped_leaves_no_session_that_lies() {
    for (driver, _server, mut session) in sessions().await {
        session.start(query("three rows and silence")).await.unwrap();
        let mut rows = Rows::default();
        let dropped = tokio::time::timeout(Duration::from_millis(300), session.fetch(&mut rows)).await;
        assert!(dropped.is_err());
        assert_eq!(rows.rows.len(), 3);
        session.cancel().await.unwrap();
        // Either way is sound; what must not be is an answer that belongs to the other query.
        if !session.is_broken() {
            assert_eq!(
                all(&mut *session, "three rows").await.unwrap().len(),
                3,
                "{driver:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_refused_login_says_why() {
    let login_failed = || ServerError::new(18456, 14, "Login failed for user 'u'.");
    let no_database = ServerError::new(4060, 11, "Cannot open database \"d\" requested by the login.");
    for &driver in DRIVERS {
        for (errors, kind, message) in [
            (
                vec![login_failed()],
                ErrorKind::Login,
                "logging in failed: SQL Server error 18456, Login failed for user 'u'.",
            ),
            (
                vec![no_database.clone(), login_failed()],
                ErrorKind::NotFound,
                "logging in failed: SQL Server error 4060, Cannot open database \"d\" requested by the login.",
            ),
            (
                vec![ServerError::new(40615, 14, "Not from there.")],
                ErrorKind::Login,
                "logging in failed: SQL Server error 40615, Not from there.",
            ),
            (
                vec![ServerError::new(40613, 17, "Later.")],
                ErrorKind::Connection,
                "logging in failed: SQL Server error 40613, Later.",
            ),
        ] {
            let server = Fake::start(Welcome::Refuse(errors));
            let Err(error) = connect(&config(driver, server.port)).await else {
                panic!("{driver:?} was let in");
            };
            assert_eq!((error.kind(), error.message()), (kind, message), "{driver:?}");
            assert_eq!(error.is_transient(), kind == ErrorKind::Connection);
        }
    }
}

#[tokio::test]
async fn a_gateway_is_followed() {
    for &driver in DRIVERS {
        let database = Fake::start(Welcome::Enter);
        let gateway = Fake::start(Welcome::SendOn(database.port));
        let mut session = open(&config(driver, gateway.port)).await;
        assert_eq!(
            all(&mut *session, "three rows").await.unwrap().len(),
            3,
            "{driver:?}"
        );
    }
}

#[tokio::test]
async fn a_server_without_encryption_is_refused() {
    for &driver in DRIVERS {
        let server = Fake::start(Welcome::Enter);
        let config = MssqlConfig {
            encrypt: Encrypt::Mandatory,
            ..config(driver, server.port)
        };
        let Err(error) = connect(&config).await else {
            panic!("{driver:?} went on without encryption");
        };
        assert_eq!(
            (error.kind(), error.is_transient()),
            (ErrorKind::Tls, false),
            "{driver:?}: {error}"
        );
    }
}

#[tokio::test]
async fn a_server_that_names_no_packet_size_is_no_reason_to_panic() {
    for &driver in DRIVERS {
        let server = Fake::start(Welcome::EnterTersely);
        match connect(&config(driver, server.port)).await {
            Ok(mut session) => assert_eq!(all(&mut *session, "three rows").await.unwrap().len(), 3),
            Err(error) => {
                assert_eq!(driver, Driver::MssqlTds);
                let message =
                    "logging in failed: the server's answer cannot be read: it names no packet size";
                assert_eq!(error.message(), message);
            }
        }
    }
}

#[tokio::test]
async fn a_target_that_refuses_a_row_ends_the_session() {
    for (driver, _server, mut session) in sessions().await {
        session.start(query("three rows of many")).await.unwrap();
        let mut rows = Rows::refusing_at(2);
        assert_eq!(session.fetch(&mut rows).await.unwrap_err().message(), "no more");
        assert!(session.is_broken(), "{driver:?}");
        assert!(
            session
                .start(query("three rows"))
                .await
                .unwrap_err()
                .is_transient()
        );
    }
}
