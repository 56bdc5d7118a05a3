//! Each way in which connecting fails is told apart.

use migrate_core::{Error, ErrorKind};
use secrecy::SecretString;

use super::collect::Cell;
use super::{one, open, servers};
use crate::live::config::{Encrypt, Login, MssqlConfig, Trust};
use crate::live::connect::connect;

async fn refusal(config: &MssqlConfig) -> Error {
    match connect(config).await {
        Ok(_) => panic!("{config} was let in"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_wrong_password_is_told() {
    for mut config in servers() {
        let Login::Password { user, .. } = config.login.clone() else {
            return;
        };
        config.login = Login::Password {
            user,
            password: SecretString::from("not the password"),
        };
        let error = refusal(&config).await;
        assert_eq!(
            (error.kind(), error.is_transient()),
            (ErrorKind::Login, false),
            "{error}"
        );
        assert!(
            error
                .message()
                .starts_with("logging in failed: SQL Server error 18456, Login failed"),
            "{error}"
        );
        assert!(!format!("{error:?}").contains("not the password"));
    }
}

#[tokio::test]
async fn an_unknown_database_is_told() {
    for mut config in servers() {
        config.database = Some("no_such_database".into());
        let error = refusal(&config).await;
        assert_eq!(
            (error.kind(), error.is_transient()),
            (ErrorKind::NotFound, false),
            "{error}"
        );
        assert!(error.message().contains("no_such_database"), "{error}");
    }
}

#[tokio::test]
async fn a_closed_port_and_an_unknown_host_are_told() {
    for mut config in servers() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        config.host = "127.0.0.1".into();
        config.port = Some(port);
        let error = refusal(&config).await;
        assert_eq!(
            (error.kind(), error.is_transient()),
            (ErrorKind::Connection, true)
        );
        assert!(
            error
                .message()
                .starts_with(&format!("no connection to 127.0.0.1, port {port}: ")),
            "{error}"
        );
        config.host = "no-such-host.invalid".into();
        let error = refusal(&config).await;
        assert_eq!(error.kind(), ErrorKind::Connection);
        assert!(
            error
                .message()
                .starts_with("the name no-such-host.invalid cannot be looked up"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_host_that_does_not_answer_is_told() {
    for mut config in servers() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        config.host = "127.0.0.1".into();
        config.port = Some(listener.local_addr().unwrap().port());
        config.connect_timeout = std::time::Duration::from_secs(1);
        let error = refusal(&config).await;
        assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
        assert!(error.message().ends_with("within 1 seconds"), "{error}");
        assert!(error.hint_text().unwrap().contains("firewall"));
    }
}

#[tokio::test]
async fn certificates_are_verified_unless_told_otherwise() {
    for config in servers() {
        // Only a server whose authority is its own shows the difference.
        let Trust::CaFile(_) = config.trust else {
            println!("did not run: MSSQL_URL names no authority with ca=");
            return;
        };
        let mut session = open(&config).await;
        assert_eq!(one(&mut *session, "select 1 as c").await, [Cell::Int32(1)]);

        let untrusted = MssqlConfig {
            trust: Trust::System,
            ..config.clone()
        };
        let error = refusal(&untrusted).await;
        assert_eq!(
            (error.kind(), error.is_transient()),
            (ErrorKind::Tls, false),
            "{error}"
        );
        assert!(
            error.hint_text().unwrap().contains("ca=FILE"),
            "{:?}",
            error.hint_text()
        );

        let accepted = MssqlConfig {
            trust: Trust::Any,
            ..config.clone()
        };
        open(&accepted).await;

        let other_name = MssqlConfig {
            hostname_in_certificate: Some("another.example".into()),
            ..config.clone()
        };
        let error = refusal(&other_name).await;
        assert_eq!(error.kind(), ErrorKind::Tls, "{error}");
        assert!(
            error.hint_text().unwrap().contains("hostname_in_certificate"),
            "{:?}",
            error.hint_text()
        );

        let plain = MssqlConfig {
            encrypt: Encrypt::Optional,
            ..config.clone()
        };
        open(&plain).await;
    }
}
