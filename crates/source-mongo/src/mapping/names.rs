//! What tables and columns might be called: paths are no names.

use std::collections::BTreeMap;

use migrate_core::catalog::{ObjectName, Proposals};

use crate::shape::{RowsFrom, ValueFrom};

use super::draft::Draft;
use super::reference::singular;

/// Proposes names for all tables and columns that are not called after one field. `targets` has the collections that
/// elements of arrays refer to, by table.
pub(super) fn propose(
    drafts: &[Draft<'_>],
    overflow: &str,
    targets: &BTreeMap<ObjectName, String>,
) -> Proposals {
    let mut out = Proposals::default();
    for draft in drafts {
        let table = &draft.table.name;
        let name = table_name(&draft.rows_from);
        if name != table.name {
            out.propose_table(table, name);
        }
        for placed in &draft.columns {
            let name = match &placed.from {
                ValueFrom::Field(path) => joined(path),
                ValueFrom::DocumentId => format!("{}_id", one_of(&draft.rows_from.collection)),
                ValueFrom::Ordinal(0) => "ordinal".to_owned(),
                ValueFrom::Ordinal(up) => {
                    let arrays = &draft.rows_from.arrays;
                    let array = arrays.len().checked_sub(up + 1).and_then(|at| arrays[at].last());
                    format!(
                        "{}_ordinal",
                        array.map_or_else(|| "parent".to_owned(), |name| one_of(name))
                    )
                }
                ValueFrom::Element => match targets.get(table) {
                    // Beside the key of the row above, which is called after the same collection.
                    Some(target) if *target == draft.rows_from.collection => {
                        let array = draft
                            .rows_from
                            .arrays
                            .last()
                            .map_or_else(String::new, |path| joined(path));
                        format!("{}_{}_id", one_of(&array), one_of(target))
                    }
                    Some(target) => format!("{}_id", one_of(target)),
                    None => "value".to_owned(),
                },
                ValueFrom::Overflow => overflow.to_owned(),
            };
            if name != placed.column.name {
                out.propose_column(table, &placed.column.name, name);
            }
        }
    }
    out
}

/// `posts[comments][likes]` as `posts_comments_likes`.
pub(super) fn table_name(rows_from: &RowsFrom) -> String {
    let mut parts = vec![rows_from.collection.replace('.', "_")];
    parts.extend(
        rows_from
            .arrays
            .iter()
            .filter(|path| !path.is_empty())
            .map(|path| joined(path)),
    );
    parts.join("_")
}

/// `owner.$id` as `owner_id`; never empty.
fn joined(path: &[String]) -> String {
    let names = path.iter().map(|name| name.strip_prefix('$').unwrap_or(name));
    let names: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
    if names.is_empty() {
        return "empty".to_owned();
    }
    names.join("_")
}

/// One thing of a collection's or an array's: the singular of the last word, and what is before it.
pub(super) fn one_of(name: &str) -> String {
    let last = name.rsplit('.').next().unwrap_or(name);
    let lower = last.to_lowercase();
    let one = singular(&lower);
    // The singular is made of lower case; what it left as it was keeps its capitals.
    let same = lower.bytes().zip(one.bytes()).take_while(|(a, b)| a == b).count();
    match (last.get(..same), one.get(same..)) {
        (Some(head), Some(tail)) if last.len() == lower.len() => format!("{head}{tail}"),
        _ => one,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_of_paths() {
        assert_eq!(one_of("users"), "user");
        assert_eq!(one_of("blogPosts"), "blogPost");
        assert_eq!(one_of("Companies"), "Company");
        assert_eq!(one_of("fs.files"), "file");
        let path = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        assert_eq!(joined(&path(&["owner", "$id"])), "owner_id");
        assert_eq!(joined(&path(&[""])), "empty");
        assert_eq!(joined(&path(&["a.b", "c"])), "a.b_c");
        let rows = RowsFrom::of("shop.orders").unfold(&path(&["items"])).unfold(&[]);
        assert_eq!(table_name(&rows), "shop_orders_items");
    }
}
