//! What is attached to tables and views: rules, triggers, policies, statistics, indexes of materialised views.

use migrate_core::catalog::ObjectName;
use migrate_core::declared::{Moment, Object};
use migrate_core::plan::quote_literal;

use super::super::Draft;
use super::Found;
use super::graph::Node;
use super::questions::Printed;

/// Adds them, in the order in which they were asked for.
pub(super) fn add(found: &Found, rows: &[Printed], draft: &mut Draft) {
    for row in rows {
        let Some(table) = row.table.and_then(|oid| found.names.get(&Node::class(oid))) else {
            continue;
        };
        draft.objects.push(object(found, row, table));
    }
}

fn object(found: &Found, row: &Printed, table: &ObjectName) -> Object {
    let definition = row
        .definition
        .as_deref()
        .unwrap_or_default()
        .trim_end()
        .trim_end_matches(';');
    let mut create = found.known.template(definition, None);
    if row.kind == "policy" {
        for (n, role) in row.roles.iter().flatten().enumerate() {
            create.push_sql(if n == 0 { " to " } else { ", " });
            create.push_role(role.as_str());
        }
        create.push(
            found
                .known
                .template(row.more.as_deref().unwrap_or_default(), None),
        );
    } else if let Some(more) = &row.more {
        create.push_sql(";\n");
        if row.kind == "statistics" {
            create.push_sql(more);
        } else {
            create.push_sql("alter table only ");
            create.push_relation(table.clone());
            create.push_sql(&format!(" {more}"));
        }
    }
    let place = row.arguments.as_deref().unwrap_or_default();
    if let Some(text) = &row.comment {
        create.push_sql(&format!(";\ncomment on {place}"));
        if place.ends_with(" on ") {
            create.push_relation(table.clone());
        }
        create.push_sql(&format!(" is {}", quote_literal(text)));
    }
    let mut needs = found.needs(&Node::of(&row.kind, row.oid));
    // The view that it is on, if it is on one.
    let view = row.table.and_then(|oid| found.objects.get(&Node::class(oid)));
    needs.extend(view.map(|o| (o.kind.clone(), o.name.clone())));
    Object {
        kind: row.kind.clone(),
        name: row.name.replace('"', ""),
        relation: None,
        schema: None,
        moment: Moment::Last,
        create,
        drop: None,
        table: Some(table.clone()),
        uses: vec![table.clone()],
        needs,
        superuser: false,
        notes: Vec::new(),
    }
}
