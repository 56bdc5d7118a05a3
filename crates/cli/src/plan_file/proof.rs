//! What a person wants proven beyond the rows.

use migrate_core::mapping::Mapping;
use migrate_core::proof::{Rule, TimedQuery};
use serde::Serialize;

use super::comments::Writer;

/// The share of rows that has to arrive.
pub(super) fn share(out: &mut Writer, mapping: &Mapping) {
    if let Some(success) = mapping.success {
        out.comment("The share of rows, in percent, that has to arrive for `migrate validate` to say go.");
        out.line(&format!("success = {success}"));
        out.blank();
    }
}

#[derive(Serialize)]
struct Lists<'m> {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    rule: &'m [Rule],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    query: &'m [TimedQuery],
}

/// Rules and timed queries, as they were written.
pub(super) fn rules_and_queries(out: &mut Writer, mapping: &Mapping) {
    if mapping.rules.is_empty() && mapping.queries.is_empty() {
        return;
    }
    out.rule("What `migrate validate` checks beyond the rows");
    let lists = Lists {
        rule: &mapping.rules,
        query: &mapping.queries,
    };
    // Plain data that came out of TOML goes back into it.
    let text = toml::to_string(&lists).unwrap_or_default();
    text.lines().for_each(|line| out.line(line));
    out.blank();
}
