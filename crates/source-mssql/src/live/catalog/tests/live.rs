//! Northwind and pubs on the server that `MSSQL_URL` names, with every driver. Where `MSSQL_RECORD` names a directory, what
//! the server answered is written there: that is how the recordings beside this file were made.

use std::path::PathBuf;

use migrate_core::catalog::Catalog;
use secrecy::SecretString;

use super::recorded::{NORTHWIND, PUBS, counts};
use super::recorder::Recorder;
use crate::live::catalog::{Discovered, discover};
use crate::live::config::{Driver, MssqlConfig};
use crate::live::connect::connect;

/// What the database says with each driver; nothing, and a word about it, without a server.
async fn found(database: &str) -> Vec<Discovered> {
    let Ok(url) = std::env::var("MSSQL_URL") else {
        println!("did not run: MSSQL_URL is not set");
        return Vec::new();
    };
    let config = MssqlConfig::parse(&SecretString::from(url)).unwrap();
    let mut out = Vec::new();
    for driver in [Driver::Tiberius, Driver::MssqlTds] {
        let config = MssqlConfig {
            driver: Some(driver),
            database: Some(database.to_owned()),
            ..config.clone()
        };
        let mut session = Recorder::new(connect(&config).await.unwrap());
        let found = discover(&mut session, None, &config.describe()).await.unwrap();
        if let Some(directory) = std::env::var_os("MSSQL_RECORD") {
            let file = PathBuf::from(directory).join(format!("{database}.json"));
            std::fs::write(file, session.finish()).unwrap();
        }
        assert_eq!(found.refusals.len(), 0, "{:?}", found.refusals);
        out.push(found);
    }
    if let [one, other] = &out[..] {
        assert_eq!(one.catalog, other.catalog);
        assert_eq!(one.tables, other.tables);
        assert_eq!(one.server, other.server);
    }
    out
}

fn kinds(catalog: &Catalog, kind: &str) -> usize {
    catalog.manual.iter().filter(|m| m.kind == kind).count()
}

#[tokio::test]
async fn northwind_is_complete() {
    for found in found("northwind").await {
        let catalog = &found.catalog;
        assert_eq!(counts(catalog), NORTHWIND);
        assert_eq!(kinds(catalog, "procedure"), 7);
        assert_eq!(catalog.alias_types.len(), 0);
        assert_eq!(catalog.schemas, ["dbo"]);
        assert!(catalog.source.name.to_lowercase().ends_with("/northwind"));
    }
}

#[tokio::test]
async fn pubs_is_complete() {
    for found in found("pubs").await {
        let catalog = &found.catalog;
        assert_eq!(counts(catalog), PUBS);
        assert_eq!((kinds(catalog, "procedure"), kinds(catalog, "trigger")), (4, 1));
        assert_eq!(catalog.alias_types.len(), 3);
    }
}
