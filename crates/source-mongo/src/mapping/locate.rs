//! Finding the column that a path of MongoDB became.

use migrate_core::catalog::ObjectName;
use migrate_core::pg_type::PgType;
use migrate_core::plan::quote_literal;
use migrate_core::template::Template;

use crate::infer::Node;
use crate::shape::{Path, ValueFrom};

use super::draft::{Draft, Placed};

/// Where a path went.
#[derive(Clone, Copy)]
pub(super) struct Located<'d, 'a> {
    /// The table's place among the drafts.
    pub(super) draft: usize,
    /// The column.
    pub(super) placed: &'d Placed<'a>,
    /// Names that lead on inside of a jsonb column.
    pub(super) inside: usize,
}

/// A path as MongoDB's indexes and validators write it.
pub(super) fn split(path: &str) -> Path {
    path.split('.').map(str::to_owned).collect()
}

/// Finds the column of a collection's path: in the table of the innermost array that has it.
pub(super) fn locate<'d, 'a>(
    drafts: &'d [Draft<'a>],
    collection: &str,
    path: &[String],
) -> Option<Located<'d, 'a>> {
    let mut best: Option<(usize, Located<'d, 'a>)> = None;
    for (at, draft) in drafts.iter().enumerate() {
        if draft.rows_from.collection != collection {
            continue;
        }
        let prefix = draft.prefix();
        let Some(rest) = path.strip_prefix(prefix.as_slice()) else {
            continue;
        };
        let found = draft.columns.iter().find_map(|placed| match &placed.from {
            ValueFrom::Element if rest.is_empty() => Some((placed, 0)),
            ValueFrom::DocumentId if path == ["_id"] => Some((placed, 0)),
            ValueFrom::Field(names) => {
                let inside = rest.strip_prefix(names.as_slice())?;
                (inside.is_empty() || placed.column.pg == PgType::Jsonb).then_some((placed, inside.len()))
            }
            _ => None,
        });
        if let Some((placed, inside)) = found
            && best.as_ref().is_none_or(|(depth, _)| *depth < prefix.len())
        {
            let located = Located {
                draft: at,
                placed,
                inside,
            };
            best = Some((prefix.len(), located));
        }
    }
    best.map(|(_, located)| located)
}

impl<'a> Located<'_, 'a> {
    /// What was found at the path, inside of a jsonb column too.
    pub(super) fn node(&self, path: &[String]) -> Option<&'a Node> {
        let inside = &path[path.len() - self.inside..];
        inside.iter().try_fold(self.placed.node?, |node, name| {
            let through = node.element.as_deref().unwrap_or(node);
            through.field(name).or(through.map.as_deref().map(|m| &m.values))
        })
    }

    /// The column, or what is inside of it, as an expression.
    pub(super) fn expression(&self, table: &ObjectName, path: &[String]) -> Template {
        let mut out = Template::new();
        let inside = &path[path.len() - self.inside..];
        if inside.is_empty() {
            out.push_column(table.clone(), self.placed.column.name.clone());
            return out;
        }
        out.push_sql("(");
        out.push_column(table.clone(), self.placed.column.name.clone());
        for name in inside {
            out.push_sql(&format!(" -> {}", quote_literal(name)));
        }
        out.push_sql(")");
        out
    }
}
