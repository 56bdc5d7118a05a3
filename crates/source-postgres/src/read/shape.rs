//! How a table's rows are asked for, and what is done to them.

use std::collections::BTreeMap;
use std::sync::Arc;

use migrate_core::catalog::ObjectName;
use migrate_core::oids::Oids;
use migrate_core::pg_type::PgType;
use migrate_core::plan::{Plan, TablePlan, quote_ident};
use migrate_core::value::ValueKind;
use migrate_core::{Error, ErrorKind, Result};
use migrate_pg_client::sqlx::postgres::PgConnection;
use serde::Deserialize;

use crate::connect::{Facts, ask};
use crate::split::Token;
use crate::types::{self, TypeRow, Types};

/// A table as it is read.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    pub(crate) oid: u32,
    pub(crate) columns: Vec<ColumnShape>,
    /// Whether tuples go through as they come.
    pub(crate) untouched: bool,
    /// What is replaced in values, with the type of each column in which something is.
    pub(crate) oids: Option<(Arc<Oids>, Vec<Option<u32>>)>,
    /// Whether the table is all that there is to be read: no part, no condition, no cast.
    plain: bool,
}

/// A column as it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ColumnShape {
    /// Its name in the source.
    name: String,
    pub(crate) delivery: Delivery,
}

/// What is delivered for a column's field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// Its bytes.
    Encoded,
    /// The value that the bytes of the type are.
    Value(PgType),
    /// Its text, as PostgreSQL prints it.
    Printed,
}

#[derive(Deserialize)]
struct TableRow {
    schema: String,
    name: String,
    oid: u32,
    readable: bool,
    restricted: bool,
}

#[derive(Deserialize)]
struct ColumnRow {
    #[serde(rename = "table")]
    table: u32,
    name: String,
    #[serde(rename = "type")]
    ty: u32,
    printed: String,
}

const TABLES: &str = "
    select n.nspname as schema, c.relname as name, c.oid::bigint as oid,
           has_any_column_privilege(c.oid, 'select') as readable, row_security_active(c.oid) as restricted
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'";

const COLUMNS: &str = "
    select a.attrelid::bigint as \"table\", a.attname as name, a.atttypid::bigint as \"type\",
           format_type(a.atttypid, a.atttypmod) as printed
    from pg_attribute a
    join pg_class c on c.oid = a.attrelid
    join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
      and a.attnum > 0 and not a.attisdropped";

/// The shapes of all tables of the plan, as the snapshot shows them.
///
/// # Errors
/// [`NotFound`](ErrorKind::NotFound) for a table or column that is gone; [`Permission`](ErrorKind::Permission) for a table that may
/// not be read, or of which row security would hide rows.
pub(crate) async fn shapes(
    session: &mut PgConnection,
    plan: &Plan,
    facts: &Facts,
) -> Result<BTreeMap<ObjectName, Arc<Shape>>> {
    let path: String = migrate_pg_client::sqlx::query_scalar("select set_config('search_path', '', true)")
        .fetch_one(&mut *session)
        .await
        .map_err(crate::connect::statement)?;
    debug_assert!(path.is_empty());
    let types = Types::new(ask::<TypeRow>(session, &types::question(facts.major())).await?);
    let outward = Arc::new(types.outward());
    let tables: Vec<TableRow> = ask(session, TABLES).await?;
    let columns: Vec<ColumnRow> = ask(session, COLUMNS).await?;
    let mut by_table: BTreeMap<u32, Vec<&ColumnRow>> = BTreeMap::new();
    for column in &columns {
        by_table.entry(column.table).or_default().push(column);
    }
    let found: BTreeMap<ObjectName, &TableRow> = tables
        .iter()
        .map(|t| (ObjectName::new(&t.schema, &t.name), t))
        .collect();
    let mut shapes = BTreeMap::new();
    for table in &plan.tables {
        let row = found
            .get(&table.source)
            .ok_or_else(|| missing("a table of the plan is not there any more").at("table", &table.source))?;
        check_readable(row, &table.source, &facts.user)?;
        let columns = by_table.get(&row.oid).map_or(&[][..], Vec::as_slice);
        let shape = shape(table, row.oid, columns, &types, &outward)?;
        shapes.insert(table.source.clone(), Arc::new(shape));
    }
    Ok(shapes)
}

fn missing(what: &str) -> Error {
    Error::source_side(ErrorKind::NotFound, what).hint("make the plan anew: the source has changed")
}

fn check_readable(row: &TableRow, table: &ObjectName, user: &str) -> Result<()> {
    if !row.readable {
        let text = format!("the role {user} may not read a table of the plan");
        return Err(Error::source_side(ErrorKind::Permission, text)
            .at("table", table)
            .hint(
                "let its owner run: grant select on TABLE to ROLE; or leave the table out with --exclude",
            ));
    }
    if row.restricted {
        return Err(crate::catalog::restricted(&[table.to_string()], user));
    }
    Ok(())
}

fn shape(
    table: &TablePlan,
    oid: u32,
    columns: &[&ColumnRow],
    types: &Types,
    outward: &Arc<Oids>,
) -> Result<Shape> {
    let mut shape = Shape {
        oid,
        columns: Vec::new(),
        // Rewritten keys are values to the encoder, which makes others of them.
        untouched: table.copied().all(|c| c.rekey.is_none() && !c.is_derived()),
        oids: None,
        plain: table.filter.is_none(),
    };
    let mut holders = Vec::new();
    for planned in table.delivered() {
        let row = columns.iter().find(|c| c.name == planned.source).ok_or_else(|| {
            missing("a column of the plan is not there any more")
                .at("column", &planned.source)
                .at("table", &table.source)
        })?;
        let mapped = types.map(row.ty, &row.printed);
        let same = mapped.pg == planned.ty;
        let delivery = match (&planned.kind, same) {
            (ValueKind::Encoded, true) => Delivery::Encoded,
            (kind, _) if *kind == mapped.kind => Delivery::Value(mapped.pg.clone()),
            (ValueKind::Text, _) => Delivery::Printed,
            _ => {
                return Err(
                    missing("the type of a column is not the one that the plan was made with")
                        .at("column", &planned.source)
                        .at("table", &table.source),
                );
            }
        };
        shape.untouched &= same && delivery != Delivery::Printed;
        shape.plain &= delivery != Delivery::Printed;
        let holds = delivery != Delivery::Printed && types.holds_own_oids(row.ty);
        holders.push(holds.then_some(row.ty));
        shape.columns.push(ColumnShape {
            name: planned.source.clone(),
            delivery,
        });
    }
    shape.plain &= !shape.columns.is_empty();
    if holders.iter().any(Option::is_some) {
        shape.oids = Some((Arc::clone(outward), holders));
    }
    Ok(shape)
}

/// The table's name in the source, as SQL.
pub(crate) fn source_name(table: &TablePlan) -> String {
    format!(
        "{}.{}",
        quote_ident(&table.source.schema),
        quote_ident(&table.source.name)
    )
}

impl Shape {
    /// The same for a table plan with fewer columns, or in another order, than the one that the snapshot was taken for: two
    /// databases are compared by the columns that both have.
    ///
    /// # Errors
    /// [`Internal`](ErrorKind::Internal) for a column that the snapshot was not taken for.
    pub(crate) fn for_columns_of(self: &Arc<Self>, table: &TablePlan) -> Result<Arc<Self>> {
        if table
            .delivered()
            .map(|c| c.source.clone())
            .eq(self.columns.iter().map(|c| c.name.clone()))
        {
            return Ok(Arc::clone(self));
        }
        let places = table.delivered().map(|planned| {
            let place = self.columns.iter().position(|c| c.name == planned.source);
            place.ok_or_else(|| {
                Error::source_side(
                    ErrorKind::Internal,
                    "a column is read that the snapshot was not taken for",
                )
                .at("column", &planned.source)
                .at("table", &table.source)
            })
        });
        let places: Vec<usize> = places.collect::<Result<_>>()?;
        let oids = self.oids.as_ref().map(|(oids, holders)| {
            let holders = places.iter().map(|place| holders[*place]).collect();
            (Arc::clone(oids), holders)
        });
        Ok(Arc::new(Self {
            oid: self.oid,
            plain: self.plain && !places.is_empty(),
            columns: places.iter().map(|place| self.columns[*place].clone()).collect(),
            untouched: self.untouched,
            oids,
        }))
    }

    /// The COPY that delivers a part of the table.
    pub(crate) fn copy(&self, table: &TablePlan, token: &Token) -> String {
        let name = source_name(table);
        if self.plain && token.is_whole() {
            let columns: Vec<String> = self.columns.iter().map(|c| quote_ident(&c.name)).collect();
            return format!("copy {name} ({}) to stdout (format binary)", columns.join(", "));
        }
        let columns: Vec<String> = self.columns.iter().map(ColumnShape::select).collect();
        let filter = where_clause(table, token);
        format!(
            "copy (select {} from only {name}{filter}) to stdout (format binary)",
            columns.join(", ")
        )
    }
}

/// ` where ...`, for the rows of a part that meet the plan's condition.
pub(crate) fn where_clause(table: &TablePlan, token: &Token) -> String {
    let filter = table.filter.as_ref().map(|f| format!("({f})"));
    let conditions: Vec<String> = token.conditions().chain(filter).collect();
    if conditions.is_empty() {
        String::new()
    } else {
        format!(" where {}", conditions.join(" and "))
    }
}

impl ColumnShape {
    fn select(&self) -> String {
        let name = quote_ident(&self.name);
        if self.delivery == Delivery::Printed {
            format!("{name}::text")
        } else {
            name
        }
    }
}
