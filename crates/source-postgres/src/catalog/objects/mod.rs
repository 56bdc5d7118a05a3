//! Everything beside tables: types, functions, views, triggers, policies, in an order in which they can be created.

mod attached;
mod graph;
mod questions;
mod standalone;
mod views;

use std::collections::BTreeMap;

use migrate_core::Result;
use migrate_core::catalog::ObjectName;
use migrate_core::declared::{Moment, Object};
use migrate_core::plan::{quote_ident, quote_literal};
use migrate_core::template::Template;
use migrate_pg_client::sqlx::postgres::PgConnection;

use super::names::Known;
use super::questions::Wanted;
use super::{Answers, Draft};
use crate::connect::ask;
use graph::{Graph, Node};
use questions::{Alias, EDGES, EXTENSIONS, Edge, Extension, Printed};

/// Adds types, functions, views, triggers and whatever else PostgreSQL prints.
pub(super) async fn draft(
    connection: &mut PgConnection,
    wanted: &Wanted,
    answers: &Answers,
    draft: &mut Draft,
) -> Result<()> {
    for extension in ask::<Extension>(connection, EXTENSIONS).await? {
        draft.declared.extensions.insert(extension.name, extension.schema);
    }
    let types: Vec<Printed> = ask(connection, &wanted.types()).await?;
    let functions: Vec<Printed> = ask(connection, &wanted.functions()).await?;
    let views: Vec<Printed> = ask(connection, &wanted.views()).await?;
    let view_columns: Vec<Printed> = ask(connection, &wanted.view_columns()).await?;
    let attached: Vec<Printed> = ask(connection, &wanted.attached()).await?;
    let others: Vec<Printed> = ask(connection, &wanted.others()).await?;
    let edges: Vec<Edge> = ask(connection, EDGES).await?;
    let aliases: Vec<Alias> = ask(connection, &questions::aliases(wanted.major)).await?;

    let mut found = Found::new(answers, &types, Graph::new(&edges, &aliases));
    for row in &types {
        found.a_type(row, draft);
    }
    for row in &functions {
        found.a_function(row, draft);
    }
    standalone::casts(connection, &mut found).await?;
    views::add(&mut found, &views, &view_columns);
    let ordered = found.ordered();
    draft.objects.splice(0..0, ordered);
    standalone::first(connection, wanted, draft).await?;
    attached::add(&found, &attached, draft);
    standalone::last(connection, wanted, &found, draft).await?;
    for row in &others {
        let name = match &row.schema {
            Some(schema) => format!("{schema}.{}", row.name),
            None => row.name.clone(),
        };
        draft.by_hand(&row.kind, name, "", "it is not carried over");
    }
    Ok(())
}

/// What was found, by its place in the graph.
pub(super) struct Found {
    known: Known,
    /// Names of relations and types, by node.
    names: BTreeMap<Node, ObjectName>,
    graph: Graph,
    objects: BTreeMap<Node, Object>,
    /// In the order in which they were found.
    order: Vec<Node>,
}

impl Found {
    fn new(answers: &Answers, types: &[Printed], graph: Graph) -> Self {
        let mut names: BTreeMap<Node, ObjectName> = answers
            .names
            .iter()
            .map(|(oid, name)| (Node::class(*oid), name.clone()))
            .collect();
        let mut known = Known {
            relations: answers.known.relations.clone(),
        };
        for row in types {
            let name = ObjectName::new(row.schema.clone().unwrap_or_default(), &row.name);
            known.relations.insert(name.clone(), Default::default());
            names.insert(Node::type_(row.oid), name);
        }
        Self {
            known,
            names,
            graph,
            objects: BTreeMap::new(),
            order: Vec::new(),
        }
    }

    fn add(&mut self, node: Node, object: Object) {
        self.objects.insert(node.clone(), object);
        self.order.push(node);
    }

    /// Relations and types whose names stand in the text of a node's definition.
    fn uses(&self, node: &Node) -> Vec<ObjectName> {
        self.graph
            .needs(node)
            .filter_map(|n| self.names.get(n).cloned())
            .collect()
    }

    /// Objects that a node needs, as the plan knows them.
    fn needs(&self, node: &Node) -> Vec<(String, String)> {
        let needs = self.graph.needs(node);
        needs
            .filter_map(|n| self.objects.get(n))
            .map(|o| (o.kind.clone(), o.name.clone()))
            .collect()
    }

    /// Whether a node, or something that it needs, is or needs a table or view: it is created after the rows then.
    fn is_late(&self, node: &Node) -> bool {
        self.graph.reaches(node, |n| n.is_class())
    }

    fn moment(&self, node: &Node) -> Moment {
        if self.is_late(node) {
            Moment::Last
        } else {
            Moment::BeforeTables
        }
    }

    fn a_type(&mut self, row: &Printed, draft: &mut Draft) {
        let schema = row.schema.clone().unwrap_or_default();
        let name = ObjectName::new(&schema, &row.name);
        let Some(definition) = &row.definition else {
            draft.by_hand(
                &row.kind,
                &name,
                "",
                "it is made of functions in C, or has a canonical form of its own",
            );
            return;
        };
        let mut create = Template::sql("create type ");
        if row.kind == "domain" {
            create = Template::sql("create domain ");
        }
        create.push_relation(name.clone());
        create.push_sql(" ");
        create.push(self.known.template(definition, None));
        if let Some(more) = &row.more {
            create.push_sql(";\n");
            create.push(self.known.template(more, None));
        }
        let what = if row.kind == "domain" { "domain" } else { "type" };
        comment(&mut create, what, &name, row.comment.as_deref());
        let node = Node::type_(row.oid);
        let object = Object {
            kind: row.kind.clone(),
            name: name.to_string(),
            relation: Some(name.clone()),
            schema: Some(schema),
            moment: self.moment(&node),
            create,
            drop: Some(drop_relation(what, &name)),
            table: None,
            uses: Vec::new(),
            needs: Vec::new(),
            superuser: false,
            notes: Vec::new(),
        };
        self.add(node, object);
    }

    fn a_function(&mut self, row: &Printed, draft: &mut Draft) {
        let schema = row.schema.clone().unwrap_or_default();
        let arguments = row.arguments.as_deref().unwrap_or_default();
        let shown = format!("{schema}.{}({arguments})", row.name);
        let Some(definition) = &row.definition else {
            draft.by_hand(
                &row.kind,
                shown,
                "",
                "it is an ordered-set or hypothetical-set aggregate",
            );
            return;
        };
        let quoted = format!("{}.{}", quote_ident(&schema), quote_ident(&row.name));
        let what = row.kind.as_str();
        let mut text = String::new();
        if row.kind == "aggregate" {
            text.push_str(&format!("create aggregate {quoted}{definition}"));
        } else {
            // What a body names may be created later.
            text.push_str("set local check_function_bodies = off;\n");
            // PostgreSQL prints `CREATE OR REPLACE`; one that the destination has already is somebody else's.
            let definition = definition.trim_end();
            match definition.strip_prefix("CREATE OR REPLACE ") {
                Some(rest) => text.push_str(&format!("CREATE {rest}")),
                None => text.push_str(definition),
            }
        }
        let arguments = if row.kind == "aggregate" && arguments.is_empty() {
            "*"
        } else {
            arguments
        };
        if let Some(comment) = &row.comment {
            text.push_str(&format!(
                ";\ncomment on {what} {quoted}({arguments}) is {}",
                quote_literal(comment)
            ));
        }
        let node = Node::function(row.oid);
        let object = Object {
            kind: row.kind.clone(),
            name: shown,
            relation: None,
            schema: Some(schema),
            moment: self.moment(&node),
            create: Template::sql(text),
            drop: Some(Template::sql(format!(
                "drop {what} if exists {quoted}({arguments})"
            ))),
            table: None,
            uses: self.uses(&node),
            needs: Vec::new(),
            superuser: false,
            notes: Vec::new(),
        };
        self.add(node, object);
    }

    /// All objects, each after what it needs.
    fn ordered(&mut self) -> Vec<Object> {
        for node in self.order.clone() {
            let needs = self.needs(&node);
            if let Some(object) = self.objects.get_mut(&node) {
                object.needs = needs;
            }
        }
        let order = self.graph.sorted(&self.order);
        order
            .iter()
            .filter_map(|n| self.objects.get(n).cloned())
            .collect()
    }
}

/// `drop KIND if exists NAME`
fn drop_relation(kind: &str, name: &ObjectName) -> Template {
    let mut sql = Template::sql(format!("drop {kind} if exists "));
    sql.push_relation(name.clone());
    sql
}

/// `; comment on KIND NAME is '...'`, where there is one.
fn comment(sql: &mut Template, kind: &str, name: &ObjectName, text: Option<&str>) {
    if let Some(text) = text {
        sql.push_sql(&format!(";\ncomment on {kind} "));
        sql.push_relation(name.clone());
        sql.push_sql(&format!(" is {}", quote_literal(text)));
    }
}
