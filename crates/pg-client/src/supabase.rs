//! What of Supabase a host is, and what its refusals mean.
//!
//! A project has three addresses (<https://supabase.com/docs/guides/database/connecting-to-postgres>): the database itself,
//! which has only an IPv6 address unless the project pays for another, and one pooler for the region, whose port decides
//! between sessions (5432) and transactions (6543).

use migrate_core::{Error, ErrorKind};

use crate::config::PgTarget;

/// The port on which the pooler hands out server processes transaction by transaction; on the database's own host too.
const TRANSACTIONS: u16 = 6543;

/// What of Supabase a host is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SupabaseHost {
    /// The database itself, with its project's reference.
    Direct(String),
    /// The pooler, with a session for each connection.
    SessionPooler,
    /// The pooler, with a server process for each transaction.
    TransactionPooler,
}

impl SupabaseHost {
    pub(crate) fn of(host: &str, port: u16) -> Option<Self> {
        let host = host.to_ascii_lowercase();
        let host = host.trim_end_matches('.');
        let pooler = host.ends_with(".pooler.supabase.com");
        let direct = host
            .strip_suffix(".supabase.co")
            .map(|project| project.strip_prefix("db.").unwrap_or(project));
        match direct {
            _ if pooler && port == TRANSACTIONS => Some(Self::TransactionPooler),
            _ if pooler => Some(Self::SessionPooler),
            Some(_) if port == TRANSACTIONS => Some(Self::TransactionPooler),
            Some(project) => Some(Self::Direct(project.to_owned())),
            None => None,
        }
    }
}

/// Adds to a refusal what Supabase means by it. `reached` says whether anything answered.
pub(crate) fn advise(error: Error, target: &PgTarget, reached: bool) -> Error {
    match target.supabase() {
        Some(SupabaseHost::Direct(project)) if !reached && error.kind() == ErrorKind::Connection => {
            error.hint(format!(
                "a project's own host has only an IPv6 address, and this machine may have none: connect to the session \
                 pooler instead, postgres://postgres.{project}:PASSWORD@aws-0-REGION.pooler.supabase.com:5432/postgres (the \
                 dashboard's Connect button shows it)"
            ))
        }
        Some(SupabaseHost::SessionPooler | SupabaseHost::TransactionPooler)
            if reached && !target.user().contains('.') =>
        {
            error.hint(format!(
                "the pooler serves every project of its region and tells them apart by the user's name: \
                 {}.PROJECT-REFERENCE",
                target.user()
            ))
        }
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str) -> PgTarget {
        PgTarget::parse(&text.to_owned().into()).unwrap()
    }

    fn refused() -> Error {
        Error::destination(ErrorKind::Connection, "the server cannot be reached")
            .hint("check the host's name")
    }

    #[test]
    fn hosts_are_told_apart() {
        for (host, port, is) in [
            (
                "db.abcd.supabase.co",
                5432,
                Some(SupabaseHost::Direct("abcd".into())),
            ),
            (
                "DB.abcd.Supabase.co.",
                5432,
                Some(SupabaseHost::Direct("abcd".into())),
            ),
            ("db.abcd.supabase.co", 6543, Some(SupabaseHost::TransactionPooler)),
            (
                "aws-0-eu-west-1.pooler.supabase.com",
                5432,
                Some(SupabaseHost::SessionPooler),
            ),
            (
                "aws-1-us-east-2.pooler.supabase.com",
                6543,
                Some(SupabaseHost::TransactionPooler),
            ),
            ("supabase.co.example.com", 5432, None),
            ("127.0.0.1", 6543, None),
        ] {
            assert_eq!(SupabaseHost::of(host, port), is, "{host}:{port}");
        }
    }

    #[test]
    fn a_direct_host_that_is_not_reached_names_the_pooler() {
        let direct = target("postgres://postgres@db.abcd.supabase.co/postgres");
        let error = advise(refused(), &direct, false);
        let hint = error.hint_text().unwrap();
        assert!(hint.contains("only an IPv6 address"), "{hint}");
        assert!(
            hint.contains("postgres.abcd:PASSWORD@aws-0-REGION.pooler.supabase.com:5432"),
            "{hint}"
        );
        // A server that answered has another reason.
        assert_eq!(
            advise(refused(), &direct, true).hint_text(),
            Some("check the host's name")
        );
        let other = target("postgres://postgres@db.example.com/postgres");
        assert_eq!(
            advise(refused(), &other, false).hint_text(),
            Some("check the host's name")
        );
    }

    #[test]
    fn a_pooler_wants_the_project_in_the_users_name() {
        let pooler = "@aws-0-eu-west-1.pooler.supabase.com:6543/postgres";
        let error = advise(refused(), &target(&format!("postgres://postgres{pooler}")), true);
        assert!(error.hint_text().unwrap().ends_with("postgres.PROJECT-REFERENCE"));
        let error = advise(
            refused(),
            &target(&format!("postgres://postgres.abcd{pooler}")),
            true,
        );
        assert_eq!(error.hint_text(), Some("check the host's name"));
    }
}
