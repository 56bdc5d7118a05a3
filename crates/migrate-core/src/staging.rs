//! The same plan beside what is there: every name that it creates, in another schema.
//!
//! Where tables exist that a plan replaces, its own are made and filled in a schema for what is new, and take their names in
//! one transaction at the end. A schema of its own is all that this needs: indexes live in their table's schema and names of
//! constraints are their table's, so nothing clashes, and whatever refers to an object goes on doing so when it is moved.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::naming::MAX_NAME_BYTES;
use crate::plan::{Plan, TablePlan, TargetName, quote_ident};

/// What becomes of tables that exist under the names that a plan gives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exists {
    /// The run is refused, and all of them are named.
    #[default]
    Refuse,
    /// They serve until everything is copied and proven, and are replaced in one transaction; they are kept until the
    /// migration is cleaned up.
    Replace,
}

impl Exists {
    /// Whether it is the default.
    pub fn is_refuse(&self) -> bool {
        *self == Self::Refuse
    }
}

/// Where a schema's new objects wait.
pub fn new_schema(schema: &str) -> String {
    beside("migrate_new_", schema)
}

/// Where a schema's old objects are kept.
pub fn old_schema(schema: &str) -> String {
    beside("migrate_old_", schema)
}

/// Names that would be too long are cut, and told apart by a hash.
fn beside(prefix: &str, schema: &str) -> String {
    if prefix.len() + schema.len() <= MAX_NAME_BYTES {
        return format!("{prefix}{schema}");
    }
    let hash = format!("_{:016x}", Digest::hash(schema.as_bytes()) as u64);
    let mut end = MAX_NAME_BYTES - prefix.len() - hash.len();
    while !schema.is_char_boundary(end) {
        end -= 1;
    }
    format!("{prefix}{}{hash}", &schema[..end])
}

/// Everything that a plan creates under a name in a schema: collations, domains, sequences, tables, views and what a source
/// declares, in the plan's order.
pub fn created(plan: &Plan) -> Vec<&TargetName> {
    let mut names: Vec<&TargetName> = Vec::new();
    names.extend(plan.collations.iter().map(|c| &c.name));
    names.extend(plan.domains.iter().map(|d| &d.name));
    names.extend(plan.sequences.iter().map(|s| &s.name));
    names.extend(plan.tables.iter().map(|t| &t.target));
    names.extend(plan.views.iter().map(|v| &v.target));
    names.extend(plan.declared.objects.iter().filter_map(|o| o.relation.as_ref()));
    names
}

/// The plan as it is carried out beside what is there.
pub fn staged(plan: &Plan) -> Plan {
    let moved = Move {
        created: created(plan).into_iter().cloned().collect(),
    };
    let mut plan = plan.clone();
    moved.plan(&mut plan);
    plan.staged = true;
    plan
}

struct Move {
    created: BTreeSet<TargetName>,
}

impl Move {
    fn name(&self, name: &mut TargetName) {
        if self.created.contains(name) {
            name.schema = new_schema(&name.schema);
        }
    }

    fn names<'n>(&self, names: impl IntoIterator<Item = &'n mut TargetName>) {
        names.into_iter().for_each(|name| self.name(name));
    }

    /// SQL names an object of the plan as `"schema"."name"`, and nothing else is written so.
    fn text(&self, sql: &mut String) {
        let schemas: BTreeSet<&str> = self.created.iter().map(|n| n.schema.as_str()).collect();
        for schema in schemas {
            let before = format!("{}.", quote_ident(schema));
            if sql.contains(&before) {
                *sql = self.in_schema(sql, schema, &before);
            }
        }
    }

    fn in_schema(&self, sql: &str, schema: &str, before: &str) -> String {
        let after = format!("{}.", quote_ident(&new_schema(schema)));
        let mut out = String::with_capacity(sql.len() + 32);
        let mut rest = sql;
        while let Some(at) = rest.find(before) {
            let (head, tail) = rest.split_at(at);
            out.push_str(head);
            let name = identifier(&tail[before.len()..]);
            let ours = name.is_some_and(|name| {
                self.created.contains(&TargetName {
                    schema: schema.to_owned(),
                    name,
                })
            });
            out.push_str(if ours { &after } else { before });
            rest = &tail[before.len()..];
        }
        out.push_str(rest);
        out
    }

    fn texts<'t>(&self, texts: impl IntoIterator<Item = &'t mut String>) {
        texts.into_iter().for_each(|text| self.text(text));
    }

    fn plan(&self, plan: &mut Plan) {
        // Extensions are the whole database's, and stay where they are.
        let used: BTreeSet<&String> = self.created.iter().map(|n| &n.schema).collect();
        plan.schemas = used.into_iter().map(|schema| new_schema(schema)).collect();
        self.names(plan.collations.iter_mut().map(|c| &mut c.name));
        self.names(plan.domains.iter_mut().map(|d| &mut d.name));
        self.names(plan.sequences.iter_mut().map(|s| &mut s.name));
        plan.tables.iter_mut().for_each(|table| self.table(table));
        for view in &mut plan.views {
            self.name(&mut view.target);
            self.text(&mut view.query);
        }
        self.declared(plan);
        if let Some(supabase) = &mut plan.supabase {
            supabase.exposed = supabase.exposed.iter().map(|s| new_schema(s)).collect();
            self.names(&mut supabase.secured);
            self.names(&mut supabase.invoker_views);
            self.names(&mut supabase.closed_views);
            if let Some(accounts) = &mut supabase.accounts {
                self.name(&mut accounts.table);
                self.names(accounts.identities.iter_mut().map(|i| &mut i.table));
            }
        }
    }

    fn table(&self, table: &mut TablePlan) {
        self.name(&mut table.target);
        for column in &mut table.columns {
            self.names(column.domain.iter_mut().chain(column.collation.iter_mut()));
            self.texts(column.default.iter_mut().chain(column.generated.iter_mut()));
        }
        self.names(table.foreign_keys.iter_mut().map(|k| &mut k.references));
        self.texts(table.checks.iter_mut().map(|c| &mut c.expression));
        for index in &mut table.indexes {
            self.texts(index.expression.iter_mut().chain(index.filter.iter_mut()));
        }
    }

    fn declared(&self, plan: &mut Plan) {
        let tables = std::mem::take(&mut plan.declared.tables);
        let moved = tables.into_iter().map(|(mut name, mut table)| {
            self.text(&mut name);
            self.text(&mut table.tail);
            self.texts(&mut table.after);
            self.names(&mut table.parents);
            self.names(table.serial.values_mut());
            self.texts(table.columns.values_mut().map(|(_, clause)| clause));
            self.texts(table.definitions.values_mut());
            (name, table)
        });
        plan.declared.tables = moved.collect::<BTreeMap<_, _>>();
        for object in &mut plan.declared.objects {
            self.text(&mut object.create);
            self.texts(&mut object.drop);
            self.names(object.table.iter_mut().chain(object.relation.iter_mut()));
        }
        // What is there before and after keeps its rights: schemas, and what will be made later.
        plan.declared.rights.retain(|r| r.relation.is_some());
        for right in &mut plan.declared.rights {
            self.text(&mut right.sql);
            self.names(&mut right.relation);
        }
    }
}

/// The identifier in quotes at the start of the text.
fn identifier(text: &str) -> Option<String> {
    let mut rest = text.strip_prefix('"')?;
    let mut name = String::new();
    loop {
        let end = rest.find('"')?;
        name.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None => return Some(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_are_created_move() {
        let name = |name: &str| TargetName {
            schema: "a \"b\"".to_owned(),
            name: name.to_owned(),
        };
        let moved = Move {
            created: BTreeSet::from([name("t"), name("s\"q")]),
        };
        let mut sql =
            r#"nextval('"a ""b"""."s""q"') + (select 1 from "a ""b"""."t", "a ""b"""."other", "t"."a")"#
                .to_owned();
        moved.text(&mut sql);
        assert_eq!(
            sql,
            r#"nextval('"migrate_new_a ""b"""."s""q"') + (select 1 from "migrate_new_a ""b"""."t", "a ""b"""."other", "t"."a")"#
        );
    }

    #[test]
    fn long_schemas_keep_apart() {
        let (one, two) = (format!("{}é1", "x".repeat(60)), format!("{}é2", "x".repeat(60)));
        let names = [new_schema(&one), new_schema(&two), old_schema(&one)];
        assert!(names.iter().all(|n| n.len() <= MAX_NAME_BYTES));
        assert!(names[0] != names[1] && names[0] != names[2]);
        assert_eq!(new_schema("dbo"), "migrate_new_dbo");
    }
}
