use migrate_core::ErrorKind;
use mongodb::options::{ReadConcern, Tls};

use super::*;

fn parsed(text: &str) -> MongoConfig {
    MongoConfig::parse(&SecretString::from(text)).unwrap()
}

fn refused(text: &str) -> Error {
    MongoConfig::parse(&SecretString::from(text)).unwrap_err()
}

#[tokio::test]
async fn a_url_is_read() {
    let config = parsed(
        "mongodb://an%40na:s%2Fecret@a.example:27018,[::1]:27019/crm?replicaSet=rs0&authSource=admin&tls=true\
         &readPreference=secondaryPreferred&readConcernLevel=majority&appName=x",
    );
    assert_eq!(config.database(), Some("crm"));
    assert_eq!(config.describe(), "mongodb://a.example:27018,[::1]:27019/crm");
    assert!(!config.lacks_password());
    let options = config.options().await.unwrap();
    let credential = options.credential.unwrap();
    assert_eq!(credential.username.as_deref(), Some("an@na"));
    assert_eq!(credential.password.as_deref(), Some("s/ecret"));
    assert_eq!(credential.source.as_deref(), Some("admin"));
    assert_eq!(options.app_name.as_deref(), Some("x"));
    assert_eq!(options.read_concern, Some(ReadConcern::majority()));
    let Some(Tls::Enabled(tls)) = options.tls else {
        panic!("TLS was asked for");
    };
    assert_eq!(tls.allow_invalid_certificates, None);
}

#[tokio::test]
async fn defaults_are_ours_and_can_be_overridden() {
    let options = parsed("mongodb://localhost").options().await.unwrap();
    assert_eq!(options.app_name.as_deref(), Some("migrate"));
    assert_eq!(options.server_selection_timeout, Some(SELECTION_TIMEOUT));
    assert_eq!(options.tls, None);
    let options = parsed("mongodb://localhost/?serverSelectionTimeoutMS=700")
        .options()
        .await
        .unwrap();
    assert_eq!(options.server_selection_timeout, Some(Duration::from_millis(700)));
    let config = parsed("mongodb://localhost/a").with_database("b");
    assert_eq!(config.database(), Some("b"));
}

#[tokio::test]
async fn a_password_may_come_from_elsewhere() {
    let config = parsed("mongodb://anna@localhost/crm");
    assert!(config.lacks_password());
    assert_eq!(config.options().await.unwrap_err().kind(), ErrorKind::Config);
    let config = config.with_password(SecretString::from("p@ss"));
    assert!(!config.lacks_password());
    let credential = config.options().await.unwrap().credential.unwrap();
    assert_eq!(credential.username.as_deref(), Some("anna"));
    assert_eq!(credential.password.as_deref(), Some("p@ss"));
    assert_eq!(credential.source.as_deref(), Some("crm"));
}

#[test]
fn secrets_are_never_shown() {
    let config = parsed("mongodb://anna:hush-hush@localhost/crm");
    for shown in [format!("{config}"), format!("{config:?}"), format!("{config:#?}")] {
        assert!(!shown.contains("hush") && !shown.contains("anna"), "{shown}");
    }
}

#[test]
fn raw_special_characters_in_passwords_are_refused_without_repeating_them() {
    for text in [
        "mongodb://anna:hush/hush@localhost/crm",
        "mongodb://anna:hush?hush@localhost/crm",
        "mongodb://anna:hush@hush@localhost/crm",
        "mongodb://anna:hush:hush@localhost/crm",
        "mongodb://anna:hush%hush@localhost/crm",
        "mongodb://anna:12?hush@localhost/crm",
        "mongodb://anna:12/hush@localhost/crm",
        "mongodb+srv://anna:hush/x@localhost/crm",
    ] {
        let error = refused(text);
        assert_eq!(error.kind(), ErrorKind::Config, "{text}");
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("hush") && !shown.contains("anna"), "{shown}");
        assert!(error.hint_text().unwrap().contains("%40"), "{text}");
    }
}

#[test]
fn what_is_no_url_of_mongodb_is_refused() {
    for text in [
        "",
        "crm",
        "postgres://localhost/crm",
        "mongodb://",
        "mongodb://localhost:port/crm",
        "mongodb://localhost/crm?readPreference",
        "mongodb://localhost/crm?readPreference=nearest-or-so",
        "mongodb+srv://localhost:27017/crm",
    ] {
        assert_eq!(refused(text).kind(), ErrorKind::Config, "{text}");
    }
}

#[tokio::test]
async fn options_that_do_not_concern_reading_are_no_obstacle() {
    for options in [
        "",
        "?",
        "?retryWrites=true&w=majority",
        "?socketTimeoutMS=20000&compressors=zstd,snappy&replicaSet=rs0",
        "?uuidRepresentation=standard&journal=true&wtimeoutMS=5",
    ] {
        for start in [
            "mongodb://localhost/crm",
            "mongodb://localhost/",
            "mongodb://localhost",
        ] {
            let config = parsed(&format!("{start}{options}"));
            assert_eq!(config.database(), start.ends_with("crm").then_some("crm"));
            let options = config.options().await.unwrap();
            assert_eq!(options.write_concern, None);
        }
    }
    let options = parsed("mongodb://localhost/?replicaSet=rs0&socketTimeoutMS=20000")
        .options()
        .await
        .unwrap();
    assert_eq!(options.repl_set_name.as_deref(), Some("rs0"));
    let error = refused("mongodb://localhost/crm?replikaSet=rs0");
    assert!(
        error.to_string().contains("replikaSet") || error.to_string().contains("replikaset"),
        "{error}"
    );
}
