//! What SQL Server's error numbers mean for a migration (the numbers are those of `sys.messages` and of the list of
//! transient errors of Azure SQL Database).

use migrate_core::{Error, ErrorKind};

/// An error that the server sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ServerError<'a> {
    /// Its number in `sys.messages`.
    pub(crate) number: u32,
    /// Its severity, 0 to 25.
    pub(crate) class: u8,
    /// Its state, which tells the places apart that raise one number.
    pub(crate) state: u8,
    /// Its text.
    pub(crate) message: &'a str,
}

/// Kind, whether a retry may help, and what to do.
struct Meaning(ErrorKind, bool, &'static str);

const RETRY: &str = "the run tries again by itself; start it again if it gave up";

/// The workspace's error for one that the server sent while `purpose` was being done.
pub(crate) fn server(purpose: &str, error: ServerError<'_>) -> Error {
    let Meaning(kind, transient, hint) = meaning(error);
    let out = Error::source_side(
        kind,
        format!(
            "{purpose} failed: SQL Server error {}, {}",
            error.number,
            without_values(error.number, error.message)
        ),
    )
    .hint(hint);
    if transient { out.transient() } else { out }
}

fn meaning(error: ServerError<'_>) -> Meaning {
    use ErrorKind::{Connection, Corrupt, Internal, Login, NotFound, Permission, Resources, Unsupported};
    match error.number {
        // Chosen as the deadlock's victim.
        1205 => Meaning(Connection, true, RETRY),
        // Lock request time-out.
        1222 => Meaning(
            Connection,
            true,
            "a transaction of another session holds the rows; wait for it, or end it",
        ),
        // A snapshot's row version conflicts, or is gone.
        3960 | 3961 | 3966 | 3967 => Meaning(Connection, true, RETRY),
        // SNAPSHOT is not allowed in the database, or not for the object.
        3951 | 3952 | 3954 | 3957 | 3958 | 3964 => Meaning(
            Unsupported,
            false,
            "allow it with ALTER DATABASE ... SET ALLOW_SNAPSHOT_ISOLATION ON, or plan again without snapshot isolation",
        ),
        // Azure: throttled, moved, being reconfigured, out of workers or sessions.
        10928 | 10929 | 10936 | 40501 | 40544 | 40549 | 40550 | 40551 | 40552 | 40553 | 49918 | 49919
        | 49920 => Meaning(
            Resources,
            true,
            "the database is at its limits: lower --workers, or give it a larger service tier; the run tries again by itself",
        ),
        4221 | 40143 | 40166 | 40197 | 40540 | 40613 | 40648 | 42108 | 42109 => {
            Meaning(Connection, true, RETRY)
        }
        // The server is out of memory, or waits too long for it.
        701 | 802 | 8645 | 8651 => Meaning(Resources, true, "the server is short of memory: lower --workers"),
        9001 | 9002 => Meaning(
            Resources,
            false,
            "the database's transaction log is full or broken; ask its administrator",
        ),
        1101 | 1105 | 3959 => Meaning(
            Resources,
            false,
            "the server's disk or tempdb is full; ask its administrator",
        ),
        // Paused for long, or as a secondary not readable at the moment.
        976 | 978 | 979 | 982 | 983 => Meaning(
            Connection,
            true,
            "the replica does not take readers: connect to the primary, or with application_intent=readonly to the listener",
        ),
        // Shut down, failing over, broken pipe as a driver reports it.
        6001 | 6005 | 17142 | 17187 | 17188 | 17197 | 64 | 121 | 233 | 596 | 10053 | 10054 | 10060
        | 10061 => Meaning(Connection, true, RETRY),
        926 | 927 | 942 | 945 | 952 => Meaning(
            Connection,
            true,
            "the database is offline, restoring or recovering; wait until it is online",
        ),
        911 | 4060 | 4063 | 4064 => Meaning(
            NotFound,
            false,
            "check the database's name, and that the login has a user in it (CREATE USER ... FOR LOGIN ...)",
        ),
        40532 | 40615 | 47073 => Meaning(
            Login,
            false,
            "the server does not let this address in: add a firewall rule for it, or use the private endpoint",
        ),
        // A state of 38 or 40 is the database.
        18456 if matches!(error.state, 38 | 40) => Meaning(
            NotFound,
            false,
            "check the database's name, and that the login may open it",
        ),
        18456 | 18470 | 18486 | 18487 | 18488 => Meaning(
            Login,
            false,
            "check user and password; SQL logins need the server's mixed mode, and Azure wants user@server in old drivers",
        ),
        18452 | 17806 | 18401 => Meaning(
            Login,
            error.number == 18401,
            "the server takes no such login: use a SQL login, or Kerberos with integrated=true",
        ),
        229 | 230 | 262 | 297 | 300 | 371 | 15247 | 15562 | 916 => Meaning(
            Permission,
            false,
            "grant what is missing: SELECT on the tables (role db_datareader) and VIEW DEFINITION; for Azure also VIEW DATABASE STATE",
        ),
        208 | 207 | 4413 | 4902 => Meaning(
            NotFound,
            false,
            "the object is not there (any more): compare the database with the plan, and plan again",
        ),
        // The definition changed while it was read: the next attempt sees one or the other.
        1921 | 2801 | 8180 => Meaning(Connection, true, RETRY),
        601 | 3947 => Meaning(
            Connection,
            true,
            "data moved while it was read; the run tries again by itself",
        ),
        605 | 823 | 824 | 825 | 8966 | 211 => Meaning(
            Corrupt,
            false,
            "the database is damaged: run DBCC CHECKDB, and migrate from a sound backup",
        ),
        // Conversions, division by zero, overflow: of an expression, such as a computed column's.
        220 | 232 | 241 | 242 | 244 | 245 | 248 | 8114 | 8115 | 8134 | 9402..=9459 => Meaning(
            Corrupt,
            false,
            "an expression of the query cannot be worked out for a row; see computed columns",
        ),
        102 | 156 | 170 => Meaning(
            Internal,
            false,
            "please report this as a defect, with the server's version",
        ),
        _ if error.class >= 20 => Meaning(Connection, true, RETRY),
        _ if error.class >= 17 => Meaning(Resources, false, "ask the server's administrator"),
        _ => Meaning(
            Unsupported,
            false,
            "look the number up in SQL Server's documentation",
        ),
    }
}

/// The message, without the parts in which some messages quote a row's value.
fn without_values(number: u32, message: &str) -> String {
    let quoted = |open: &str, close: char| {
        let (before, rest) = message.split_once(open)?;
        let end = rest.rfind(close)?;
        Some(format!("{before}{open}...{}", &rest[end..]))
    };
    let cut = |at: &str| {
        message
            .split_once(at)
            .map(|(before, _)| format!("{before}{at} ..."))
    };
    let shortened = match number {
        // "... value 'abc' to data type int."
        244 | 245 | 248 => quoted("'", '\''),
        // "... data type tinyint, value = 300."
        220 | 232 | 234 | 235 => cut("value ="),
        2601 | 2627 => cut("key value is"),
        2628 => cut("Truncated value:"),
        _ => None,
    };
    // PostgreSQL's words, which a server that speaks TDS on top of it passes on.
    let shortened = shortened.or_else(|| {
        message
            .contains("invalid input syntax")
            .then(|| quoted("\"", '"'))?
    });
    shortened.unwrap_or_else(|| message.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(number: u32) -> Error {
        server(
            "reading dbo.t",
            ServerError {
                number,
                class: 14,
                state: 1,
                message: "text",
            },
        )
    }

    #[test]
    fn a_number_says_kind_and_whether_to_try_again() {
        use ErrorKind::*;
        for (number, kind, transient) in [
            (1205, Connection, true),
            (3960, Connection, true),
            (40501, Resources, true),
            (49918, Resources, true),
            (49920, Resources, true),
            (10928, Resources, true),
            (40197, Connection, true),
            (40613, Connection, true),
            (10054, Connection, true),
            (233, Connection, true),
            (4060, NotFound, false),
            (18456, Login, false),
            (40615, Login, false),
            (229, Permission, false),
            (230, Permission, false),
            (297, Permission, false),
            (300, Permission, false),
            (208, NotFound, false),
            (3952, Unsupported, false),
            (824, Corrupt, false),
            (8134, Corrupt, false),
            (50000, Unsupported, false),
        ] {
            let error = of(number);
            assert_eq!(
                (error.kind(), error.is_transient()),
                (kind, transient),
                "{number}"
            );
            assert_eq!(error.side(), migrate_core::Side::Source);
            assert_eq!(
                error.message(),
                format!("reading dbo.t failed: SQL Server error {number}, text")
            );
            assert!(error.hint_text().is_some_and(|hint| !hint.is_empty()));
        }
    }

    #[test]
    fn a_severity_decides_where_the_number_does_not() {
        let of = |class| {
            let error = server(
                "x",
                ServerError {
                    number: 77_777,
                    class,
                    state: 1,
                    message: "",
                },
            );
            (error.kind(), error.is_transient())
        };
        assert_eq!(of(20), (ErrorKind::Connection, true));
        assert_eq!(of(17), (ErrorKind::Resources, false));
        assert_eq!(of(16), (ErrorKind::Unsupported, false));
    }

    #[test]
    fn a_login_that_fails_for_its_database_is_told_apart() {
        let error = server(
            "logging in",
            ServerError {
                number: 18456,
                class: 14,
                state: 38,
                message: "m",
            },
        );
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }

    #[test]
    fn values_are_cut_out_of_messages() {
        for (number, message, shown) in [
            (
                245,
                "Conversion failed when converting the varchar value 'o'neil' to data type int.",
                "Conversion failed when converting the varchar value '...' to data type int.",
            ),
            (
                220,
                "Arithmetic overflow error for data type tinyint, value = 300.",
                "Arithmetic overflow error for data type tinyint, value = ...",
            ),
            (
                2627,
                "Violation of PRIMARY KEY constraint 'pk'. The duplicate key value is (7).",
                "Violation of PRIMARY KEY constraint 'pk'. The duplicate key value is ...",
            ),
            (
                8114,
                "invalid input syntax for type integer: \"a\"b\"",
                "invalid input syntax for type integer: \"...\"",
            ),
            (
                208,
                "Invalid object name 'dbo.t'.",
                "Invalid object name 'dbo.t'.",
            ),
        ] {
            assert_eq!(without_values(number, message), shown);
        }
    }
}
