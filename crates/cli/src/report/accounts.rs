//! What became of accounts.

use std::collections::BTreeMap;

use migrate_sink_postgres::Accounts;

use super::number;
use super::text::printable;
use crate::ui::Style;

/// For a person: what was made, and what their owners or somebody else has to do.
pub(super) fn lines(accounts: &Accounts, style: Style) -> Vec<String> {
    let mut out = vec![format!(
        "{} {} made: {} with their password, {} without one; {} at other providers. Everybody signs in anew: sessions are not \
         carried over.",
        style.bold("Accounts:"),
        number::count(accounts.created),
        number::count(accounts.passwords_kept),
        number::count(accounts.without_password),
        number::of(accounts.identities, "identity"),
    )];
    let lost: u64 = accounts.passwords_lost.values().sum();
    if lost > 0 {
        out.push(format!(
            "{} of {} cannot be verified by Supabase ({}): their owners reset them by e-mail. `select id, password from \
             migrate.account where outcome = 'created' and password not in ('kept', 'none')` lists them.",
            style.yellow("Passwords"),
            number::of(lost, "account"),
            counted(&accounts.passwords_lost)
        ));
    }
    if !accounts.left_out.is_empty() {
        out.push(format!(
            "{} {}; `select id, outcome from migrate.account where outcome <> 'created'` lists them.",
            style.yellow("No account for"),
            counted(&accounts.left_out)
        ));
    }
    if !accounts.identities_left_out.is_empty() {
        out.push(format!(
            "{} at providers that Supabase does not have: {}.",
            style.yellow("No identity"),
            counted(&accounts.identities_left_out)
        ));
    }
    out
}

fn counted(counts: &BTreeMap<String, u64>) -> String {
    let parts = counts
        .iter()
        .map(|(what, n)| format!("{}: {}", printable(what), number::count(*n)));
    parts.collect::<Vec<_>>().join("; ")
}
