//! One exchange: objects leave their schema, others come into it. Either direction is the same.

use std::collections::BTreeSet;

use migrate_core::plan::quote_ident;
use migrate_core::{Error, Result};
use migrate_pg_client::sqlx::Row;
use migrate_pg_client::sqlx::postgres::PgConnection;
use migrate_pg_client::{During, execute, query};

use super::there::{Kind, Object};
use super::{Swapped, carry, dependents};
use crate::connect::statement;

/// Statements, in order, in the caller's transaction.
#[derive(Debug, Default)]
pub(super) struct Exchange {
    statements: Vec<String>,
    views: Vec<String>,
    foreign_keys: Vec<String>,
    checks: Vec<Check>,
}

/// A check of rows that may wait until the exchange is over.
#[derive(Debug)]
pub(super) struct Check {
    pub(super) name: String,
    pub(super) sql: String,
}

const VIEWS: &str = "
    select format('%I.%I', space.nspname, class.relname) as name,
           format('create or replace view %I.%I%s as %s', space.nspname, class.relname,
                  ' with (' || array_to_string(class.reloptions, ', ') || ')',
                  rtrim(pg_get_viewdef(class.oid), ';')) as definition
    from pg_class as class
    join pg_namespace as space on space.oid = class.relnamespace
    where class.oid = any ($1::bigint[]::oid[])
    order by class.oid";

/// Definitions name the referenced table as it is called at this moment, which is what the other one will be called.
const FOREIGN_KEYS: &str = "
    select format('%I.%I', space.nspname, class.relname) as on_table, quote_ident(con.conname) as name,
           format('%I of %I.%I', con.conname, space.nspname, class.relname) as described,
           pg_get_constraintdef(con.oid) as definition, con.convalidated as validated,
           class.relkind = 'p' as partitioned, obj_description(con.oid, 'pg_constraint') as comment
    from pg_constraint as con
    join pg_class as class on class.oid = con.conrelid
    join pg_namespace as space on space.oid = class.relnamespace
    where con.oid = any ($1::bigint[]::oid[])
    order by con.oid";

impl Exchange {
    /// Plans it by what the catalog says now. `leaving` go to the schemas that `park` names, `coming` to their homes. The
    /// search path must be empty, so that definitions name their schemas. `carried` says whether what belongs to those who leave
    /// comes along to those who come: on their way back, they have it still.
    pub(super) async fn plan(
        connection: &mut PgConnection,
        leaving: &[Object],
        park: fn(&str) -> String,
        coming: &[Object],
        carried: bool,
    ) -> Result<Self> {
        let mut plan = Self::default();
        let others = dependents::of(connection, leaving).await?;
        let views = query(VIEWS)
            .bind(others.views)
            .fetch_all(&mut *connection)
            .await
            .map_err(statement)?;
        let keys = query(FOREIGN_KEYS)
            .bind(others.foreign_keys)
            .fetch_all(&mut *connection)
            .await
            .map_err(statement)?;
        let text = |row: &_, name: &str| -> Result<String> {
            <_ as Row>::try_get::<String, _>(row, name).map_err(statement)
        };
        // All locks first, in one order, so that nobody sees half of it and two of these do not wait for each other.
        let mut locked: BTreeSet<String> = leaving
            .iter()
            .chain(coming)
            .filter(|o| o.kind == Kind::Table)
            .map(|o| o.name.quoted())
            .collect();
        let mut added = Vec::new();
        for key in &keys {
            let (table, name) = (text(key, "on_table")?, text(key, "name")?);
            let flag = |name| <_ as Row>::try_get::<bool, _>(key, name).map_err(statement);
            locked.insert(table.clone());
            plan.statements
                .push(format!("alter table {table} drop constraint {name}"));
            let definition = text(key, "definition")?;
            let late = flag("validated")? && !flag("partitioned")?;
            let unchecked = if late { " not valid" } else { "" };
            added.push(format!(
                "alter table {table} add constraint {name} {definition}{unchecked}"
            ));
            let comment = <_ as Row>::try_get::<Option<String>, _>(key, "comment").map_err(statement)?;
            added.extend(comment.map(|comment| {
                format!(
                    "comment on constraint {name} on {table} is {}",
                    migrate_core::plan::quote_literal(&comment)
                )
            }));
            let described = text(key, "described")?;
            if late {
                plan.checks.push(Check {
                    name: described.clone(),
                    sql: format!("alter table {table} validate constraint {name}"),
                });
            }
            plan.foreign_keys.push(described);
        }
        if !locked.is_empty() {
            let tables: Vec<String> = locked.into_iter().collect();
            let lock = format!("lock table {} in access exclusive mode", tables.join(", "));
            plan.statements.insert(0, lock);
        }
        let carried = if carried {
            carry::along(connection, leaving, coming).await?
        } else {
            Vec::new()
        };
        let parks: BTreeSet<String> = leaving.iter().map(|o| park(&o.name.schema)).collect();
        plan.statements
            .extend(parks.iter().map(|p| format!("create schema {}", quote_ident(p))));
        plan.statements
            .extend(leaving.iter().map(|o| moving(o, &park(&o.name.schema))));
        plan.statements.extend(coming.iter().map(|o| moving(o, &o.home)));
        plan.statements.extend(carried);
        for view in &views {
            plan.views.push(text(view, "name")?);
            plan.statements.push(text(view, "definition")?);
        }
        plan.statements.extend(added);
        Ok(plan)
    }

    pub(super) async fn carry_out(&self, connection: &mut PgConnection) -> Result<()> {
        for sql in &self.statements {
            execute(connection, sql.as_str(), During::Statement)
                .await
                .map_err(|e: Error| e.at("exchanging tables", subject(sql)))?;
        }
        Ok(())
    }

    pub(super) fn done(self, kept: &[Object]) -> (Swapped, Vec<Check>) {
        let swapped = Swapped {
            kept: kept.iter().map(Object::describe).collect(),
            views: self.views,
            foreign_keys: self.foreign_keys,
            not_valid: Vec::new(),
        };
        (swapped, self.checks)
    }
}

fn moving(object: &Object, schema: &str) -> String {
    format!(
        "alter {} {} set schema {}",
        object.kind.word(),
        object.name.quoted(),
        quote_ident(schema)
    )
}

/// A statement's first words, which say what it is about.
fn subject(sql: &str) -> String {
    sql.split_whitespace().take(5).collect::<Vec<_>>().join(" ")
}
