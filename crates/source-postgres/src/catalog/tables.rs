//! Tables.

use migrate_core::catalog::{ObjectName, Table};
use migrate_core::declared::{Moment, Object};
use migrate_core::plan::quote_ident;
use migrate_core::template::Template;

use super::columns::{alter_column, column, declaration, options_list, settings};
use super::questions::{ColumnRow, TableRow};
use super::{Answers, Draft, keys};

/// Adds all tables with their columns, keys and indexes.
pub(super) fn draft(answers: &Answers, draft: &mut Draft) {
    for row in &answers.tables {
        let name = ObjectName::new(&row.schema, &row.name);
        if row.kind == "f" {
            draft.by_hand("foreign table", &name, "", "its rows are on another server");
            continue;
        }
        table(answers, row, &name, draft);
        statements(row, &name, draft);
        keys::draft(answers, row, &name, draft);
    }
}

fn table(answers: &Answers, row: &TableRow, name: &ObjectName, draft: &mut Draft) {
    let columns = answers.columns.get(&row.oid).map_or(&[][..], Vec::as_slice);
    let mut table = Table {
        name: name.clone(),
        columns: Vec::new(),
        primary_key: None,
        uniques: Vec::new(),
        foreign_keys: Vec::new(),
        checks: Vec::new(),
        indexes: Vec::new(),
        comment: row.comment.clone(),
        // Gathered by ANALYZE: an estimate.
        rows: (row.rows >= 1.0).then_some(row.rows as u64),
        bytes: Some(row.bytes),
        notes: Vec::new(),
    };
    let is_partition = row.bound.is_some();
    let parents: Vec<ObjectName> = row
        .parents
        .iter()
        .flatten()
        .filter_map(|oid| answers.names.get(oid).cloned())
        .collect();
    let mut declared = draft
        .declared
        .tables
        .remove(&name.to_string())
        .unwrap_or_default();
    declared.unlogged = row.persistence == "u";
    declared.partitioned = row.kind == "p";
    declared.parents = parents.clone();
    for c in columns {
        let (column, refused) = column(answers, row, name, c);
        if let Some(reason) = refused {
            draft.by_hand(
                "column",
                format!("{name}.{}", c.name),
                &c.printed,
                &format!("it is not copied: {reason}"),
            );
            continue;
        }
        table.columns.push(column);
        if !c.local && !is_partition {
            declared.inherited.push(c.name.clone());
            declared.after.extend(differs_from_parent(answers, row, name, c));
        }
        declared
            .columns
            .insert(c.name.clone(), declaration(answers, row, name, c));
        declared.after.extend(settings(name, c));
    }
    declared.tail = tail(answers, row, &parents);
    if let (Some(bound), Some(parent)) = (&row.bound, parents.first()) {
        let mut sql = Template::sql("alter table only ");
        sql.push_relation(parent.clone());
        sql.push_sql(" attach partition ");
        sql.push_relation(name.clone());
        sql.push_sql(" ");
        sql.push(answers.known.template(bound, None));
        declared.after.push(sql);
    }
    if let Some(clause) = match row.replica.as_str() {
        "f" => Some("full"),
        "n" => Some("nothing"),
        _ => None,
    } {
        declared
            .after
            .push(alter_table(name, &format!("replica identity {clause}")));
    }
    if let Some(of) = &row.of_type {
        table.notes.push(format!(
            "is declared with the columns of the type {of}; it becomes a table of its own"
        ));
    }
    draft.catalog.tables.push(table);
    draft.declared.tables.insert(name.to_string(), declared);
}

/// `alter table only t CLAUSE`
pub(super) fn alter_table(table: &ObjectName, clause: &str) -> Template {
    let mut sql = Template::sql("alter table only ");
    sql.push_relation(table.clone());
    sql.push_sql(&format!(" {clause}"));
    sql
}

/// What a column that is inherited has of its own.
fn differs_from_parent(
    answers: &Answers,
    row: &TableRow,
    name: &ObjectName,
    column: &ColumnRow,
) -> Vec<Template> {
    let parents = row
        .parents
        .iter()
        .flatten()
        .filter_map(|oid| answers.columns.get(oid))
        .flatten();
    let of_parents: Vec<&ColumnRow> = parents.filter(|c| c.name == column.name).collect();
    let mut out = Vec::new();
    if column.generated.is_empty() && of_parents.iter().all(|p| p.default != column.default) {
        let mut sql = alter_column(name, &column.name, "");
        match &column.default {
            Some(text) => {
                sql.push_sql("set default ");
                sql.push(answers.known.template(text, Some(name)));
            }
            None => sql.push_sql("drop default"),
        }
        out.push(sql);
    }
    if column.not_null && of_parents.iter().all(|p| !p.not_null) {
        out.push(alter_column(name, &column.name, "set not null"));
    }
    out
}

/// What follows the list of columns.
fn tail(answers: &Answers, row: &TableRow, parents: &[ObjectName]) -> Template {
    let mut sql = Template::new();
    if row.bound.is_none() && !parents.is_empty() {
        sql.push_sql(" inherits (");
        for (n, parent) in parents.iter().enumerate() {
            sql.push_sql(if n > 0 { ", " } else { "" });
            sql.push_relation(parent.clone());
        }
        sql.push_sql(")");
    }
    if let Some(by) = &row.partition_by {
        sql.push_sql(" partition by ");
        let name = ObjectName::new(&row.schema, &row.name);
        sql.push(partition_key(answers, by, &name));
    }
    if let Some(method) = &row.access_method {
        sql.push_sql(&format!(" using {}", quote_ident(method)));
    }
    let mut options = Vec::new();
    options.extend(row.options.as_ref().map(|o| options_list(o, "")));
    options.extend(row.toast_options.as_ref().map(|o| options_list(o, "toast.")));
    if !options.is_empty() {
        sql.push_sql(&format!(" with ({})", options.join(", ")));
    }
    sql
}

/// `RANGE (a, b)`: the word before the parenthesis is a keyword.
fn partition_key(answers: &Answers, by: &str, name: &ObjectName) -> Template {
    answers.known.template(by, Some(name))
}

/// Row security, and the replica identity by an index.
fn statements(row: &TableRow, name: &ObjectName, draft: &mut Draft) {
    let mut push = |kind: &str, moment, create| {
        draft.objects.push(Object {
            kind: kind.to_owned(),
            name: name.to_string(),
            relation: None,
            schema: None,
            moment,
            create,
            drop: None,
            table: Some(name.clone()),
            uses: Vec::new(),
            needs: Vec::new(),
            superuser: false,
            notes: Vec::new(),
        });
    };
    if let Some(index) = &row.replica_index {
        let clause = format!("replica identity using index {}", quote_ident(index));
        push("replica identity", Moment::Attach, alter_table(name, &clause));
    }
    if row.row_security || row.forced {
        let mut sql = Template::new();
        if row.row_security {
            sql.push(alter_table(name, "enable row level security"));
        }
        if row.forced {
            sql.push_sql(if row.row_security { ";\n" } else { "" });
            sql.push(alter_table(name, "force row level security"));
        }
        push("row security", Moment::Last, sql);
    }
}
