use std::fs;
use std::net::{Ipv4Addr, TcpListener};

use bson::doc;
use migrate_core::{Error, ErrorKind};
use migrate_testkit::mongo::{MongoServer, ServerOptions};

use super::fixture::{config, documents, int};
use crate::live::LiveStore;

async fn refused(url: &str) -> Error {
    match LiveStore::connect(&config(url)).await {
        Ok(_) => panic!("{url} was let in"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_wrong_password_is_told_from_a_missing_right() {
    let server = MongoServer::start_with(ServerOptions {
        standalone: true,
        auth: true,
        ..ServerOptions::default()
    });
    let host = server.host();
    server.run(
        "admin",
        doc! { "createUser": "root", "pwd": "hush-hush", "roles": ["root"] },
    );
    let error = refused(&format!("mongodb://root:nonsense@{host}/shop?authSource=admin")).await;
    assert_eq!(error.kind(), ErrorKind::Login, "{error}");
    assert!(!format!("{error:?}").contains("nonsense"), "{error:?}");
    // Without authSource, the user is looked for in the database to read.
    let error = refused(&format!("mongodb://root:hush-hush@{host}/shop")).await;
    assert_eq!(error.kind(), ErrorKind::Login, "{error}");
    assert!(error.hint_text().unwrap().contains("authSource=admin"));
    assert!(!format!("{error:?}").contains("hush"), "{error:?}");
    let error = refused(&format!("mongodb://{host}/shop")).await;
    assert_eq!(error.kind(), ErrorKind::Permission, "{error}");
}

#[tokio::test]
async fn an_unknown_database_is_answered_with_those_that_there_are() {
    let server = MongoServer::start();
    server.insert("shop", "things", documents(1, 1, int));
    let error = refused(&server.url("Shop")).await;
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    assert_eq!(
        error.hint_text(),
        Some("the deployment has these databases: shop")
    );
    let error = refused(&format!("mongodb://{}", server.host())).await;
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
}

#[tokio::test]
async fn nobody_there_is_a_connection_error() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let error = refused(&format!(
        "mongodb://127.0.0.1:{port}/shop?serverSelectionTimeoutMS=500"
    ))
    .await;
    assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
    assert!(error.is_transient());
}

#[tokio::test]
async fn a_server_without_tls_is_a_tls_error() {
    let server = MongoServer::start();
    let error = refused(&format!(
        "mongodb://{}/shop?tls=true&serverSelectionTimeoutMS=1500",
        server.host()
    ))
    .await;
    assert_eq!(error.kind(), ErrorKind::Tls, "{error}");
}

#[tokio::test]
async fn certificates_are_verified_unless_the_string_says_otherwise() {
    let directory = tempfile::tempdir().unwrap();
    let (certificate, both) = (
        directory.path().join("authority.pem"),
        directory.path().join("server.pem"),
    );
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    fs::write(&certificate, made.cert.pem()).unwrap();
    fs::write(&both, made.cert.pem() + &made.signing_key.serialize_pem()).unwrap();
    let server = MongoServer::start_with(ServerOptions {
        standalone: true,
        // The testkit speaks without TLS.
        arguments: [
            "--tlsMode",
            "preferTLS",
            "--tlsCertificateKeyFile",
            both.to_str().unwrap(),
        ]
        .map(str::to_owned)
        .into(),
        ..ServerOptions::default()
    });
    server.insert("shop", "things", documents(1, 1, int));
    let url = |options: &str| {
        format!(
            "mongodb://{}/shop?tls=true&serverSelectionTimeoutMS=2000{options}",
            server.host()
        )
    };
    let error = refused(&url("")).await;
    assert_eq!(error.kind(), ErrorKind::Tls, "{error}");
    assert!(error.hint_text().unwrap().contains("tlsCAFile"));
    for options in [
        format!("&tlsCAFile={}", certificate.display()),
        "&tlsAllowInvalidCertificates=true".to_owned(),
    ] {
        LiveStore::connect(&config(&url(&options))).await.unwrap();
    }
}
