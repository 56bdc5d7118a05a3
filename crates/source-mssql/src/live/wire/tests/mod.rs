//! One suite for every driver: what a session must do, shown on a real server and on one made for the test.
//!
//! The live tests need `MSSQL_URL`, the URL of a server on which the login may use `tempdb`, and say so if it is not set.

mod collect;
mod connecting;
mod fake;
mod live;
mod scripted;
mod values;

use migrate_core::Result;
use secrecy::SecretString;

use self::collect::{Cell, Rows};
use super::{Fetch, Query, Session};
use crate::live::config::{Driver, MssqlConfig};
use crate::live::connect::connect;

const DRIVERS: &[Driver] = &[
    #[cfg(feature = "tiberius")]
    Driver::Tiberius,
    #[cfg(feature = "mssql-tds")]
    Driver::MssqlTds,
];

/// The live server with each driver, or nothing and a word about it.
fn servers() -> Vec<MssqlConfig> {
    let Ok(url) = std::env::var("MSSQL_URL") else {
        println!("did not run: MSSQL_URL is not set");
        return Vec::new();
    };
    let config = MssqlConfig::parse(&SecretString::from(url)).unwrap();
    DRIVERS
        .iter()
        .map(|&driver| MssqlConfig {
            driver: Some(driver),
            ..config.clone()
        })
        .collect()
}

async fn open(config: &MssqlConfig) -> Box<dyn Session> {
    connect(config).await.unwrap()
}

fn query(sql: &str) -> Query<'_> {
    Query {
        purpose: "testing",
        sql,
    }
}

/// All rows of a query.
async fn all(session: &mut dyn Session, sql: &str) -> Result<Vec<Vec<Cell>>> {
    session.start(query(sql)).await?;
    let mut rows = Rows::default();
    while session.fetch(&mut rows).await? == Fetch::More {}
    Ok(rows.rows)
}

/// The one row of a query.
async fn one(session: &mut dyn Session, sql: &str) -> Vec<Cell> {
    let mut rows = all(session, sql).await.unwrap();
    assert_eq!(rows.len(), 1, "{sql}");
    rows.remove(0)
}
