//! Sequences: stand-alone ones, those of serial columns, those of identities.

use migrate_core::catalog::{ObjectName, Sequence};
use migrate_core::declared::{Moment, Object};
use migrate_core::pg_type::PgType;
use migrate_core::plan::quote_ident;
use migrate_core::template::Template;

use super::questions::SequenceRow;
use super::{Answers, Draft};

/// Adds all sequences but those of identities.
pub(super) fn draft(answers: &Answers, draft: &mut Draft) {
    for row in answers.sequences.iter().filter(|s| !s.internal) {
        let name = ObjectName::new(&row.schema, &row.name);
        draft.catalog.sequences.push(Sequence {
            name: name.clone(),
            pg: PgType::printed(&row.data_type),
            start: row.start,
            increment: row.increment,
            min: Some(row.min),
            max: Some(row.max),
            cycle: row.cycle,
            last: row.last,
            comment: row.comment.clone(),
        });
        let mut options = Vec::new();
        if row.cache != 1 {
            options.push(format!("cache {}", row.cache));
        }
        let alter = |clause: &dyn Fn(&mut Template)| {
            let mut sql = Template::sql("alter sequence ");
            sql.push_relation(name.clone());
            clause(&mut sql);
            sql
        };
        let mut statements = Vec::new();
        if !options.is_empty() {
            statements.push(alter(&|sql| sql.push_sql(&format!(" {}", options.join(" ")))));
        }
        if row.unlogged {
            statements.push(alter(&|sql| sql.push_sql(" set unlogged")));
        }
        let owner = row.owner.and_then(|oid| answers.names.get(&oid));
        if let (Some(table), Some(column)) = (owner, &row.owner_column) {
            statements.push(alter(&|sql| {
                sql.push_sql(" owned by ");
                sql.push_relation(table.clone());
                sql.push_sql(".");
                sql.push_column(table.clone(), column);
            }));
            let declaration = draft.declared.tables.entry(table.to_string()).or_default();
            declaration.serial.insert(column.clone(), name.clone());
        }
        if let Some((first, rest)) = statements.split_first() {
            let mut create = first.clone();
            for statement in rest {
                create.push_sql(";\n");
                create.push(statement.clone());
            }
            draft.objects.push(Object {
                kind: "sequence option".to_owned(),
                name: name.to_string(),
                relation: None,
                schema: None,
                moment: Moment::AfterTables,
                create,
                drop: None,
                table: owner.cloned(),
                uses: Vec::new(),
                needs: Vec::new(),
                superuser: false,
                notes: Vec::new(),
            });
        }
    }
}

/// The sequence of a table's identity column.
pub(super) fn of_identity<'a>(answers: &'a Answers, table: u32, column: &str) -> Option<&'a SequenceRow> {
    let place = answers.identities.get(&(table, column.to_owned()))?;
    answers.sequences.get(*place)
}

/// All options of an identity's sequence, as they stand in parentheses.
pub(super) fn options(row: &SequenceRow, table: &ObjectName, column: &str) -> String {
    let mut text = String::new();
    if row.schema != table.schema || row.name != format!("{}_{column}_seq", table.name) {
        text.push_str(&format!(
            "sequence name {}.{} ",
            quote_ident(&row.schema),
            quote_ident(&row.name)
        ));
    }
    text.push_str(&format!(
        "start with {} increment by {} minvalue {} maxvalue {} cache {}",
        row.start, row.increment, row.min, row.max, row.cache
    ));
    if row.cycle {
        text.push_str(" cycle");
    }
    text
}
