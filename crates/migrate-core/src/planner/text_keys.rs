//! Keys whose source compares text without regard to case.

use std::collections::BTreeSet;

use crate::catalog::{Collation, Table};
use crate::mapping::CaseInsensitive;
use crate::plan::{CollationPlan, TablePlan, TargetName};

/// The collations that the planned columns use. ICU's level 2 compares letters and accents, level 1 letters alone.
pub(super) fn collations(planned: &[TablePlan]) -> Vec<CollationPlan> {
    let used: BTreeSet<&TargetName> = planned
        .iter()
        .flat_map(|t| &t.columns)
        .filter_map(|c| c.collation.as_ref())
        .collect();
    used.into_iter()
        .map(|name| CollationPlan {
            name: name.clone(),
            locale: if name.name == CI_AI {
                "und-u-ks-level1"
            } else {
                "und-u-ks-level2"
            }
            .to_owned(),
        })
        .collect()
}

const CI_AS: &str = "case_insensitive";
const CI_AI: &str = "case_accent_insensitive";

/// The collation for a column of a case-insensitive key.
pub(super) fn collation_name(schema: &str, collation: &Collation) -> TargetName {
    TargetName {
        schema: schema.to_owned(),
        name: if collation.accent_sensitive { CI_AS } else { CI_AI }.to_owned(),
    }
}

/// What a unique key over case-insensitive columns should tell a person.
pub(super) fn note(choice: CaseInsensitive, columns: &[String]) -> String {
    let columns = columns.join(", ");
    match choice {
        CaseInsensitive::Leave => format!(
            "the source compares {columns} without regard to case; here 'a' and 'A' will be two values: the key allows more, \
             and look-ups find less. `case_insensitive = \"citext\"` or `\"collation\"` in the plan file keeps the meaning"
        ),
        CaseInsensitive::Citext => format!(
            "{columns} become citext to go on comparing without regard to case; citext has no length limit, folds by the \
             database's locale, and is accent-sensitive"
        ),
        CaseInsensitive::Collation => format!(
            "{columns} get a nondeterministic ICU collation to go on comparing without regard to case; values that ICU \
             finds equal and the source did not would collide, and before PostgreSQL 18 LIKE does not work on them"
        ),
    }
}

/// The columns of a table's unique keys.
pub(super) fn unique_columns(table: &Table) -> impl Iterator<Item = &str> {
    let keys = table
        .primary_key
        .iter()
        .chain(&table.uniques)
        .flat_map(|k| k.columns.iter());
    let indexes = table
        .indexes
        .iter()
        .filter(|i| i.unique)
        .flat_map(|i| i.columns.iter().map(|c| &c.name));
    keys.chain(indexes).map(String::as_str)
}
