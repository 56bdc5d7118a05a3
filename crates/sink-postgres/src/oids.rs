//! The destination's numbers of types for the placeholders that batches and digests hold.

use std::collections::BTreeMap;
use std::sync::Arc;

use migrate_core::Result;
use migrate_core::oids::{FIRST_OWN_OID, Form, Oids, placeholder};
use migrate_core::plan::{Plan, TablePlan};
use migrate_pg_client::sqlx::postgres::PgConnection;
use migrate_pg_client::sqlx::{self, Row};

use crate::connect::{Shared, statement};

/// A person's own types, with what they are made of. Composite values say themselves of what.
const TYPES: &str = "
    select t.oid::bigint as oid, n.nspname::text as schema, t.typname::text as name, t.typtype::text as kind,
           case when t.typcategory = 'A' then t.typelem::bigint else 0 end as element,
           coalesce(nullif(t.typbasetype, 0), r.rngsubtype, m.rngtypid, 0)::bigint as base
    from pg_type t
    join pg_namespace n on n.oid = t.typnamespace
    left join pg_range r on r.rngtypid = t.oid
    left join pg_range m on m.rngmultitypid = t.oid
    where t.oid >= 16384";

const COLUMNS: &str = "
    select a.attname::text as name, a.atttypid::bigint as type
    from pg_attribute a
    where a.attrelid = $1::text::regclass and a.attnum > 0 and not a.attisdropped";

struct Type {
    name: String,
    kind: String,
    element: u32,
    base: u32,
}

/// What the source called types that the plan creates, by the names they have here.
#[derive(Debug, Default)]
pub(crate) struct Names(BTreeMap<String, String>);

impl Names {
    pub(crate) fn of(plan: &Plan) -> Option<Self> {
        if plan.declared.is_empty() {
            return None;
        }
        let objects = plan.declared.objects.iter();
        let names = objects.filter_map(|o| Some((o.relation.as_ref()?.to_string(), o.name.clone())));
        Some(Self(names.collect()))
    }
}

/// All types with both directions.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    /// From placeholders to the destination's numbers.
    inward: Oids,
    /// Back.
    outward: Oids,
    /// Types whose values hold numbers, with their placeholders.
    holders: BTreeMap<u32, u32>,
}

/// A table whose values hold numbers of types.
#[derive(Debug, Clone)]
pub(crate) struct TableOids {
    directory: Arc<Directory>,
    inward: Vec<Option<u32>>,
    outward: Vec<Option<u32>>,
}

impl TableOids {
    /// Makes a batch's tuples the destination's.
    pub(crate) fn inward(&self, tuple: &mut [u8]) -> Result<()> {
        self.directory.inward.replace_in_tuple(&self.inward, tuple)
    }

    /// Makes a tuple of the destination one that is compared with batches.
    pub(crate) fn outward(&self, tuple: &mut [u8]) -> Result<()> {
        self.directory.outward.replace_in_tuple(&self.outward, tuple)
    }
}

/// What has to be replaced in the table's rows; nothing for nearly all tables.
pub(crate) async fn of_table(
    shared: &Shared,
    connection: &mut PgConnection,
    table: &TablePlan,
) -> Result<Option<TableOids>> {
    let Some(names) = shared.names() else {
        return Ok(None);
    };
    let directory = match shared.directory() {
        Some(directory) => directory,
        None => {
            let directory = Arc::new(read(connection, &names).await?);
            shared.set_directory(Arc::clone(&directory));
            directory
        }
    };
    if directory.holders.is_empty() {
        return Ok(None);
    }
    let rows = sqlx::query(COLUMNS)
        .persistent(false)
        .bind(table.target.quoted())
        .fetch_all(connection)
        .await
        .map_err(statement)?;
    let mut types = BTreeMap::new();
    for row in &rows {
        let name: String = row.try_get("name").map_err(statement)?;
        let ty: i64 = row.try_get("type").map_err(statement)?;
        types.insert(name, ty as u32);
    }
    let holder = |name: &String| {
        types
            .get(name)
            .filter(|oid| directory.holders.contains_key(oid))
            .copied()
    };
    let outward: Vec<Option<u32>> = table.copied().map(|c| holder(&c.name)).collect();
    if outward.iter().all(Option::is_none) {
        return Ok(None);
    }
    let inward = outward
        .iter()
        .map(|oid| oid.and_then(|oid| directory.holders.get(&oid).copied()))
        .collect();
    Ok(Some(TableOids {
        directory,
        inward,
        outward,
    }))
}

async fn read(connection: &mut PgConnection, names: &Names) -> Result<Directory> {
    let mut types = BTreeMap::new();
    for row in sqlx::query(TYPES)
        .persistent(false)
        .fetch_all(connection)
        .await
        .map_err(statement)?
    {
        let read = || -> sqlx::Result<(u32, Type)> {
            let here = format!(
                "{}.{}",
                row.try_get::<String, _>("schema")?,
                row.try_get::<String, _>("name")?
            );
            let ty = Type {
                name: names.0.get(&here).cloned().unwrap_or(here),
                kind: row.try_get("kind")?,
                element: row.try_get::<i64, _>("element")? as u32,
                base: row.try_get::<i64, _>("base")? as u32,
            };
            Ok((row.try_get::<i64, _>("oid")? as u32, ty))
        };
        let (oid, ty) = read().map_err(statement)?;
        types.insert(oid, ty);
    }
    // An array is called after its elements: its own name depends on which names were free.
    let name = |oid: u32| -> Option<String> {
        let ty = types.get(&oid)?;
        match types.get(&ty.element) {
            Some(element) => Some(format!("{}[]", element.name)),
            None => Some(ty.name.clone()),
        }
    };
    let outside = |oid: u32| name(oid).map_or(oid, |n| placeholder(&n));
    let mut directory = Directory::default();
    for (oid, ty) in &types {
        let form = |of: &dyn Fn(u32) -> u32| match ty.kind.as_str() {
            "c" => Form::Composite,
            "d" => Form::Domain(of(ty.base)),
            "r" => Form::Range(of(ty.base)),
            "m" => Form::Multirange(of(ty.base)),
            _ if ty.element >= FIRST_OWN_OID => Form::Array(of(ty.element)),
            _ => Form::Plain,
        };
        let there = outside(*oid);
        directory.inward.add(there, form(&outside), Some(*oid));
        directory.outward.add(*oid, form(&|oid| oid), Some(there));
        if form(&|oid| oid) != Form::Plain {
            directory.holders.insert(*oid, there);
        }
    }
    Ok(directory)
}
