//! One exchange: objects leave their schema, others come into it. Either direction is the same.

use std::collections::BTreeSet;

use migrate_core::plan::quote_ident;
use migrate_core::{Error, Result};
use migrate_pg_client::sqlx::Row;
use migrate_pg_client::sqlx::postgres::{PgConnection, PgRow};
use migrate_pg_client::{During, execute, query, query_scalar};

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

/// A foreign key of others whose rows nobody looked at since it leads elsewhere. That may take long, so it is done once the
/// exchange is over, and noted in the ledger until then.
#[derive(Debug)]
pub(super) struct Check {
    pub(super) name: String,
    sql: String,
}

const CREATE: &str = "
    create table if not exists migrate.recheck (
        name text primary key,
        sql  text not null
    );
    comment on table migrate.recheck is 'Foreign keys of others that lead to other tables now, and whose rows are to be looked at'";

const EXISTS: &str = "select to_regclass('migrate.recheck') is not null";

/// What is noted.
pub(super) async fn checks(connection: &mut PgConnection) -> Result<Vec<Check>> {
    let exists: bool = query_scalar(EXISTS)
        .fetch_one(&mut *connection)
        .await
        .map_err(statement)?;
    if !exists {
        return Ok(Vec::new());
    }
    let rows = query("select name, sql from migrate.recheck order by name")
        .fetch_all(connection)
        .await
        .map_err(statement)?;
    rows.iter()
        .map(|row| {
            Ok(Check {
                name: text(row, "name")?,
                sql: text(row, "sql")?,
            })
        })
        .collect()
}

impl Check {
    /// Looks, and forgets it, in the caller's transaction.
    pub(super) async fn carry_out(&self, connection: &mut PgConnection) -> Result<()> {
        execute(connection, self.sql.as_str(), During::Rows).await?;
        query("delete from migrate.recheck where name = $1")
            .bind(&self.name)
            .execute(connection)
            .await
            .map(drop)
            .map_err(statement)
    }
}

fn text(row: &PgRow, name: &str) -> Result<String> {
    row.try_get(name).map_err(statement)
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
            let flag = |name| key.try_get::<bool, _>(name).map_err(statement);
            locked.insert(table.clone());
            plan.statements
                .push(format!("alter table {table} drop constraint {name}"));
            let definition = text(key, "definition")?;
            let late = flag("validated")? && !flag("partitioned")?;
            let unchecked = if late { " not valid" } else { "" };
            added.push(format!(
                "alter table {table} add constraint {name} {definition}{unchecked}"
            ));
            let comment: Option<String> = key.try_get("comment").map_err(statement)?;
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

    /// Notes what is to be looked at afterwards, instead of what an earlier exchange noted.
    pub(super) async fn note_checks(&self, connection: &mut PgConnection) -> Result<()> {
        execute(connection, CREATE, During::Statement).await?;
        execute(connection, "delete from migrate.recheck", During::Statement).await?;
        query("insert into migrate.recheck (name, sql) select * from unnest($1::text[], $2::text[])")
            .bind(self.checks.iter().map(|c| c.name.as_str()).collect::<Vec<_>>())
            .bind(self.checks.iter().map(|c| c.sql.as_str()).collect::<Vec<_>>())
            .execute(connection)
            .await
            .map(drop)
            .map_err(statement)
    }

    pub(super) fn done(self, kept: Vec<String>) -> Swapped {
        Swapped {
            kept,
            views: self.views,
            foreign_keys: self.foreign_keys,
            not_valid: Vec::new(),
        }
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
