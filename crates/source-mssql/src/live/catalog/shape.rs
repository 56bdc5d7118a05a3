//! Which parts of `sys.*` a server has: every version has more, and Babelfish has gaps.

use std::collections::HashSet;

use super::answer::record;

/// The question that [`Shape::new`] takes the answer to. The system's own views are described in every version. Babelfish
/// has no row for the schema `sys`, so its name is not joined.
pub(super) const QUESTION: &str = "\
select o.name as view_name, c.name as column_name
from sys.all_objects o
join sys.all_columns c on c.object_id = o.object_id
where schema_name(o.schema_id) = 'sys' and o.type = 'V'
    and (left(o.name, 3) <> 'dm_' or o.name = 'dm_db_partition_stats')";

record! {
    /// A column of a system view.
    SystemColumn {
        view_name: String,
        column_name: String,
    }
}

/// What there is to ask for.
#[derive(Debug, Default)]
pub(super) struct Shape {
    views: HashSet<String>,
    columns: HashSet<String>,
}

impl Shape {
    /// From what the server says.
    pub(super) fn new(columns: Vec<SystemColumn>) -> Self {
        let mut shape = Self::default();
        for SystemColumn {
            view_name,
            column_name,
        } in columns
        {
            let view = view_name.to_lowercase();
            shape
                .columns
                .insert(format!("{view}.{}", column_name.to_lowercase()));
            shape.views.insert(view);
        }
        shape
    }

    /// Whether there is a view, or, with a point in the name, a view with that column.
    pub(super) fn has(&self, name: &str) -> bool {
        self.views.contains(name) || self.columns.contains(name)
    }

    /// Settles the choices in a question: `{view.column ? what to say if it is there : what else}`.
    pub(super) fn settle(&self, sql: &str) -> String {
        let mut out = String::with_capacity(sql.len());
        let mut rest = sql;
        while let Some((before, choice)) = rest.split_once('{') {
            let (choice, after) = choice.split_once('}').unwrap_or((choice, ""));
            out.push_str(before);
            let (name, ways) = choice.split_once(" ? ").unwrap_or((choice, ""));
            let (there, missing) = ways.split_once(" : ").unwrap_or((ways, ""));
            out.push_str(if self.has(name.trim()) { there } else { missing });
            rest = after;
        }
        out.push_str(rest);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_asks_for_what_is_there() {
        let column = |view: &str, column: &str| SystemColumn {
            view_name: view.into(),
            column_name: column.into(),
        };
        let shape = Shape::new(vec![column("Tables", "Name"), column("tables", "temporal_type")]);
        assert!(shape.has("tables") && shape.has("tables.name"));
        assert!(!shape.has("sequences") && !shape.has("tables.ledger_type"));
        assert_eq!(
            shape.settle(
                "select {tables.temporal_type ? t.temporal_type : null} as a, {tables.ledger_type ? t.ledger_type : 0} as b\n\
                 from sys.tables t{sequences ? , sys.sequences : }"
            ),
            "select t.temporal_type as a, 0 as b\nfrom sys.tables t"
        );
        assert_eq!(shape.settle("no choice"), "no choice");
    }
}
