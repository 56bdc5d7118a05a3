//! Views and materialised views.

use migrate_core::catalog::ObjectName;
use migrate_core::declared::{Moment, Object};
use migrate_core::plan::{quote_ident, quote_literal};
use migrate_core::template::Template;

use super::graph::Node;
use super::questions::Printed;
use super::{Found, comment, drop_relation};

/// Adds all views.
pub(super) fn add(found: &mut Found, views: &[Printed], columns: &[Printed]) {
    for row in views {
        let own: Vec<&Printed> = columns.iter().filter(|c| c.oid == row.oid).collect();
        view(found, row, &own);
    }
}

fn view(found: &mut Found, row: &Printed, columns: &[&Printed]) {
    let schema = row.schema.clone().unwrap_or_default();
    let name = ObjectName::new(&schema, &row.name);
    let mut create = Template::sql(format!("create {} ", row.kind));
    create.push_relation(name.clone());
    let names: Vec<String> = columns.iter().map(|c| quote_ident(&c.name)).collect();
    if !names.is_empty() {
        create.push_sql(&format!(" ({})", names.join(", ")));
    }
    if let Some(options) = &row.arguments {
        create.push_sql(&format!(" with ({options})"));
    }
    create.push_sql(" as\n");
    let query = row
        .definition
        .as_deref()
        .unwrap_or_default()
        .trim_end()
        .trim_end_matches(';');
    create.push(found.known.template(query, None));
    if let Some(more) = &row.more {
        create.push_sql(&format!("\n{more}"));
    }
    comment(&mut create, &row.kind, &name, row.comment.as_deref());
    for column in columns {
        if let Some(text) = &column.comment {
            create.push_sql(";\ncomment on column ");
            create.push_relation(name.clone());
            create.push_sql(&format!(
                ".{} is {}",
                quote_ident(&column.name),
                quote_literal(text)
            ));
        }
        if let Some(default) = &column.definition {
            create.push_sql(";\nalter view ");
            create.push_relation(name.clone());
            create.push_sql(&format!(
                " alter column {} set default ",
                quote_ident(&column.name)
            ));
            create.push(found.known.template(default, None));
        }
    }
    let node = Node::class(row.oid);
    let object = Object {
        kind: row.kind.clone(),
        name: name.to_string(),
        relation: Some(name.clone()),
        schema: Some(schema),
        moment: Moment::Last,
        create,
        drop: Some(drop_relation(&row.kind, &name)),
        table: None,
        uses: found.uses(&node),
        needs: Vec::new(),
        superuser: false,
        notes: Vec::new(),
    };
    found.add(node, object);
}
