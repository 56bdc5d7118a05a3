//! Opening a session.

use migrate_core::Result;

use super::config::{Driver, Login, MssqlConfig};
use super::wire::Session;
use crate::classify;

/// Opens a session with the driver that the configuration names, or the faster one of those that can do what it asks.
///
/// # Errors
/// One for each way in which connecting fails: name look-up, refusal, time-out, certificate, login, database, driver
/// that is not built in.
pub(crate) async fn connect(config: &MssqlConfig) -> Result<Box<dyn Session>> {
    match choose(config)? {
        #[cfg(feature = "tiberius")]
        Driver::Tiberius => Box::pin(super::wire::tiberius::connect(config)).await,
        #[cfg(feature = "mssql-tds")]
        Driver::MssqlTds => Box::pin(super::wire::mssql_tds::connect(config)).await,
        #[cfg(not(all(feature = "tiberius", feature = "mssql-tds")))]
        other => Err(not_built_in(other)),
    }
}

const BUILT_IN: &[Driver] = &[
    #[cfg(feature = "mssql-tds")]
    Driver::MssqlTds,
    #[cfg(feature = "tiberius")]
    Driver::Tiberius,
];

/// The first driver, in the order of speed, that can do what is asked.
fn choose(config: &MssqlConfig) -> Result<Driver> {
    if let Some(driver) = config.driver {
        return match (BUILT_IN.contains(&driver), lacks(driver, config)) {
            (false, _) => Err(not_built_in(driver)),
            (true, Some(what)) => Err(
                classify::config(format!("driver={} cannot do {what}", driver.name()))
                    .hint("leave the option `driver` out, or name the other driver"),
            ),
            (true, None) => Ok(driver),
        };
    }
    BUILT_IN
        .iter()
        .copied()
        .find(|driver| lacks(*driver, config).is_none())
        .ok_or_else(|| match BUILT_IN {
            [] => classify::config("this program was built without any SQL Server driver")
                .hint("build it with the feature `tiberius` or `mssql-tds`"),
            _ => classify::config(
                "no SQL Server driver of this program can do what the connection string asks",
            ),
        })
}

/// What the configuration asks for and the driver cannot do.
fn lacks(driver: Driver, config: &MssqlConfig) -> Option<&'static str> {
    let kerberos = cfg!(feature = "kerberos") || driver == Driver::MssqlTds;
    (matches!(config.login, Login::Integrated) && !kerberos)
        .then_some("`integrated` without the feature `kerberos`")
}

fn not_built_in(driver: Driver) -> migrate_core::Error {
    classify::config(format!("driver={} is not built into this program", driver.name()))
        .hint(format!("build it with the feature `{}`", driver.name()))
}

#[cfg(all(test, feature = "tiberius", feature = "mssql-tds"))]
mod tests {
    use secrecy::SecretString;

    use super::*;

    fn chosen(text: &str) -> Result<Driver> {
        choose(&MssqlConfig::parse(&SecretString::from(text)).expect("a connection string"))
    }

    #[test]
    fn the_faster_driver_is_taken_unless_told_otherwise() {
        for (text, driver) in [
            ("mssql://u:p@h", Driver::MssqlTds),
            ("mssql://u:p@h?ca=x.pem&encrypt=strict", Driver::MssqlTds),
            ("mssql://h?integrated=true", Driver::MssqlTds),
            ("mssql://u:p@h?driver=tiberius", Driver::Tiberius),
            ("mssql://u:p@h?driver=mssql-tds", Driver::MssqlTds),
        ] {
            assert_eq!(chosen(text).unwrap(), driver, "{text}");
        }
    }

    #[cfg(not(feature = "kerberos"))]
    #[test]
    fn a_driver_is_not_asked_for_what_it_cannot_do() {
        let error = chosen("mssql://h?integrated=true&driver=tiberius").unwrap_err();
        assert_eq!(error.kind(), migrate_core::ErrorKind::Config);
        assert_eq!(
            error.message(),
            "driver=tiberius cannot do `integrated` without the feature `kerberos`"
        );
    }
}
