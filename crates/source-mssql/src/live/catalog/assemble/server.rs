//! What the server is and allows.

use crate::live::catalog::facts::{Engine, ServerFacts};
use crate::live::catalog::questions::DatabaseRow;
use crate::schema::collation::collation;

pub(super) fn facts(row: &DatabaseRow) -> ServerFacts {
    let engine = if row.version.contains("Babelfish") {
        Engine::Babelfish
    } else {
        // The numbers are those of SERVERPROPERTY('EngineEdition').
        match row.engine_edition {
            Some(5 | 12) => Engine::AzureDatabase,
            Some(8) => Engine::ManagedInstance,
            Some(6 | 11) => Engine::Warehouse,
            _ => Engine::Server,
        }
    };
    let major = row.product_version.as_deref().and_then(|v| v.split('.').next());
    let updatable = |u: &str| !u.eq_ignore_ascii_case("READ_ONLY");
    ServerFacts {
        database: row.database_name.clone(),
        major: major.and_then(|m| m.trim().parse().ok()).unwrap_or_default(),
        engine,
        snapshot_isolation: row.snapshot_isolation_state == Some(1),
        read_committed_snapshot: row.is_read_committed_snapshot_on,
        read_only: row.is_read_only || !row.updateability.as_deref().is_none_or(updatable),
        collation: row.collation_name.as_deref().map(collation),
    }
}

/// The first line of `@@VERSION`: the rest is about the day it was built and the machine.
pub(super) fn version(row: &DatabaseRow) -> String {
    let first = row.version.lines().next().unwrap_or_default();
    first.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(version: &str, edition: i64) -> DatabaseRow {
        DatabaseRow {
            version: version.into(),
            product_version: Some("16.0.4115.5".into()),
            engine_edition: Some(edition),
            database_name: "D".into(),
            collation_name: Some("Latin1_General_BIN2".into()),
            ..DatabaseRow::default()
        }
    }

    #[test]
    fn servers_are_told_apart() {
        for (version, edition, engine) in [
            ("Microsoft SQL Server 2022", 3, Engine::Server),
            (
                "Microsoft SQL Azure (RTM) - 12.0.2000.8",
                5,
                Engine::AzureDatabase,
            ),
            (
                "Microsoft SQL Azure (RTM) - 12.0.2000.8",
                8,
                Engine::ManagedInstance,
            ),
            ("Microsoft Azure SQL Data Warehouse", 6, Engine::Warehouse),
            (
                "Babelfish for PostgreSQL with SQL Server Compatibility",
                2,
                Engine::Babelfish,
            ),
        ] {
            let facts = facts(&row(version, edition));
            assert_eq!((facts.engine, facts.major), (engine, 16), "{version}");
            assert!(facts.collation.unwrap().case_sensitive);
        }
    }

    #[test]
    fn a_database_can_be_read_only_in_two_ways() {
        let plain = row("", 3);
        assert!(!facts(&plain).read_only && !facts(&plain).snapshot_isolation);
        let replica = DatabaseRow {
            updateability: Some("READ_ONLY".into()),
            snapshot_isolation_state: Some(1),
            ..plain.clone()
        };
        assert!(facts(&replica).read_only && facts(&replica).snapshot_isolation);
        let set = DatabaseRow {
            is_read_only: true,
            snapshot_isolation_state: Some(2),
            ..plain
        };
        assert!(facts(&set).read_only && !facts(&set).snapshot_isolation);
    }

    #[test]
    fn the_version_is_one_line() {
        let text = "Microsoft SQL Server 2022 (RTM-CU12) - 16.0.4115.5 (X64) \n\tMar  4 2024";
        assert_eq!(
            version(&row(text, 3)),
            "Microsoft SQL Server 2022 (RTM-CU12) - 16.0.4115.5 (X64)"
        );
    }
}
