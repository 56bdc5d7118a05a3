//! Which of a plan's objects are there, and what they are.

use std::collections::BTreeMap;

use migrate_core::declared::DeclaredObject;
use migrate_core::plan::{Plan, TargetName};
use migrate_core::staging::{created, old_schema};
use migrate_core::{Error, ErrorKind, Result};
use migrate_pg_client::query;
use migrate_pg_client::sqlx::Row;
use migrate_pg_client::sqlx::postgres::{PgConnection, PgRow};

use crate::begin::wanted_names;
use crate::connect::statement;

/// Kinds of objects that can be exchanged, in an order in which they can be dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    View,
    Table,
    Sequence,
    Domain,
    Collation,
}

impl Kind {
    const ALL: [Self; 5] = [
        Self::View,
        Self::Table,
        Self::Sequence,
        Self::Domain,
        Self::Collation,
    ];

    /// What SQL calls it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Table => "table",
            Self::Sequence => "sequence",
            Self::Domain => "domain",
            Self::Collation => "collation",
        }
    }
}

/// An object that takes part in an exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Object {
    pub(super) kind: Kind,
    /// Where it is.
    pub(super) name: TargetName,
    /// The schema that it has, or had, or will have, when it serves.
    pub(super) home: String,
    pub(super) oid: i64,
}

impl Object {
    pub(super) fn from_row(row: &PgRow, home: Option<String>) -> Result<Self> {
        let text = |name| row.try_get::<String, _>(name).map_err(statement);
        let word = text("kind")?;
        let kind = Kind::ALL.into_iter().find(|k| k.word() == word);
        let schema = text("schema")?;
        Ok(Self {
            kind: kind.ok_or_else(|| {
                Error::new(ErrorKind::Internal, format!("a {word} among what is exchanged"))
            })?,
            home: home.unwrap_or_else(|| schema.clone()),
            name: TargetName {
                schema,
                name: text("name")?,
            },
            oid: row.try_get("oid").map_err(statement)?,
        })
    }

    pub(super) fn describe(&self) -> String {
        format!("{} {}", self.kind.word(), self.name)
    }
}

/// All of them by kind, as SQL takes them in one `drop`; collations one by one.
pub(super) fn by_kind(objects: &[Object]) -> Vec<(&'static str, String)> {
    let mut groups: BTreeMap<Kind, Vec<String>> = BTreeMap::new();
    for object in objects {
        groups.entry(object.kind).or_default().push(object.name.quoted());
    }
    let mut out = Vec::new();
    for (kind, names) in groups {
        if kind == Kind::Collation {
            out.extend(names.into_iter().map(|name| (kind.word(), name)));
        } else {
            out.push((kind.word(), names.join(", ")));
        }
    }
    out
}

/// Objects by name, with what keeps each from being exchanged, if anything does.
const THERE: &str = "
    select wanted.schema, wanted.name,
           case
               when coll.oid is not null then 'collation'
               when class.relkind = 'r' then 'table'
               when class.relkind = 'v' then 'view'
               when class.relkind = 'S' then 'sequence'
               when class.oid is null and type.typtype = 'd' then 'domain'
               else 'other'
           end as kind,
           coalesce(coll.oid, class.oid, type.oid)::bigint as oid,
           case
               when class.relkind = 'p' then 'a partitioned table'
               when class.relkind = 'f' then 'a foreign table'
               when class.relkind = 'm' then 'a materialized view'
               when class.relkind in ('i', 'I') then 'an index'
               when class.relkind = 'c' then 'a composite type'
               when class.oid is null and type.oid is not null and type.typtype <> 'd' then 'a type'
               when class.relispartition then 'a partition of another table'
               when exists (select from pg_inherits where inhparent = class.oid or inhrelid = class.oid)
                   then 'a table that inherits or is inherited from'
               when exists (select from pg_publication_rel where prrelid = class.oid)
                   then 'a table that a publication names'
               when not pg_has_role(coalesce(class.relowner, type.typowner, coll.collowner), 'USAGE')
                   then 'somebody else''s'
           end as why_not
    from (select distinct schema, name, kind
          from unnest($1::text[], $2::text[], $3::text[]) as wanted (schema, name, kind)) as wanted
    join pg_namespace as space on space.nspname = wanted.schema
    left join pg_class as class
      on class.relnamespace = space.oid and class.relname = wanted.name and wanted.kind <> 'collation'
    left join pg_type as type
      on type.typnamespace = space.oid and type.typname = wanted.name and wanted.kind in ('table', 'view', 'domain')
    left join pg_collation as coll
      on coll.collnamespace = space.oid and coll.collname = wanted.name and wanted.kind = 'collation'
    where class.oid is not null or type.oid is not null or coll.oid is not null
    order by 1, 2";

/// Names that indexes of a plan will have and that something has already, which is no part of an exchanged table.
const FOREIGN_INDEXES: &str = "
    select format('%s %I.%I', case class.relkind when 'i' then 'index' when 'I' then 'index' else 'relation' end,
                  wanted.schema, wanted.name)
    from unnest($1::text[], $2::text[]) as wanted (schema, name)
    join pg_namespace as space on space.nspname = wanted.schema
    join pg_class as class on class.relnamespace = space.oid and class.relname = wanted.name
    left join pg_index as index on index.indexrelid = class.oid
    where index.indrelid is null or index.indrelid <> all ($3::bigint[]::oid[])
    order by 1";

/// What is there under the names that the plan gives.
///
/// # Errors
/// [`Conflict`](ErrorKind::Conflict) where it cannot be exchanged: all of it is named.
pub(super) async fn of_plan(connection: &mut PgConnection, plan: &Plan) -> Result<Vec<Object>> {
    let wanted = wanted_names(plan);
    let (indexes, others): (Vec<_>, Vec<_>) = wanted.into_iter().partition(|(_, kind)| *kind == "index");
    let rows = query(THERE)
        .bind(others.iter().map(|(n, _)| n.schema.as_str()).collect::<Vec<_>>())
        .bind(others.iter().map(|(n, _)| n.name.as_str()).collect::<Vec<_>>())
        .bind(others.iter().map(|(_, kind)| *kind).collect::<Vec<_>>())
        .fetch_all(&mut *connection)
        .await
        .map_err(statement)?;
    let (mut objects, mut refused) = (Vec::new(), Vec::new());
    for row in &rows {
        let why: Option<String> = row.try_get("why_not").map_err(statement)?;
        match why {
            Some(why) => {
                let text = |name| row.try_get::<String, _>(name).map_err(statement);
                refused.push(format!("{}.{} is {why}", text("schema")?, text("name")?));
            }
            None => objects.push(Object::from_row(row, None)?),
        }
    }
    if !objects.is_empty() {
        let tables: Vec<i64> = objects
            .iter()
            .filter(|o| o.kind == Kind::Table)
            .map(|o| o.oid)
            .collect();
        let names: Vec<String> = migrate_pg_client::query_scalar(FOREIGN_INDEXES)
            .bind(indexes.iter().map(|(n, _)| n.schema.as_str()).collect::<Vec<_>>())
            .bind(indexes.iter().map(|(n, _)| n.name.as_str()).collect::<Vec<_>>())
            .bind(tables)
            .fetch_all(&mut *connection)
            .await
            .map_err(statement)?;
        refused.extend(
            names
                .into_iter()
                .map(|n| format!("{n} has a name that the plan gives")),
        );
        refused.extend(declared(plan));
        for object in &objects {
            let kept = old_schema(&object.home);
            let taken: bool = migrate_pg_client::query_scalar("select to_regnamespace($1) is not null")
                .bind(migrate_core::plan::quote_ident(&kept))
                .fetch_one(&mut *connection)
                .await
                .map_err(statement)?;
            let text = format!("the schema {kept}, where old tables would be kept, is there already");
            if taken && !refused.contains(&text) {
                refused.push(text);
            }
        }
    }
    if refused.is_empty() {
        return Ok(objects);
    }
    Err(Error::destination(
        ErrorKind::Conflict,
        format!("what is there cannot be replaced: {}", refused.join("; ")),
    )
    .hint("drop or rename it, or choose other names or schemas in the plan; nothing was changed"))
}

/// What a source declares and that could not be made beside what is there.
fn declared(plan: &Plan) -> Vec<String> {
    let alone = |o: &&DeclaredObject| match (&o.relation, &o.table) {
        (Some(_), _) => o.kind != "view",
        (None, table) => table.is_none(),
    };
    let objects = plan.declared.objects.iter().filter(alone);
    let objects = objects.map(|o| format!("{} {}", o.kind, o.name));
    let parts = plan
        .declared
        .tables
        .iter()
        .filter(|(_, t)| t.partitioned || !t.parents.is_empty());
    let parts = parts.map(|(name, _)| format!("table {name}, with its partitions or parents,"));
    objects
        .chain(parts)
        .map(|what| format!("{what} of the source cannot be made beside what is there"))
        .collect()
}

/// What the plan made, where `place` says that it is; `place` is given the schema of the plan.
///
/// # Errors
/// [`Conflict`](ErrorKind::Conflict) where some of it is not there any more.
pub(super) async fn made(
    connection: &mut PgConnection,
    plan: &Plan,
    place: fn(&str) -> String,
) -> Result<Vec<Object>> {
    let homes: BTreeMap<TargetName, &str> = created(plan)
        .into_iter()
        .map(|name| {
            let at = TargetName {
                schema: place(&name.schema),
                name: name.name.clone(),
            };
            (at, name.schema.as_str())
        })
        .collect();
    let kinds = wanted_names(plan)
        .into_iter()
        .filter(|(_, kind)| *kind != "index");
    let wanted: Vec<(String, String, &str)> = kinds
        .map(|(name, kind)| (place(&name.schema), name.name, kind))
        .collect();
    let rows = query(THERE)
        .bind(wanted.iter().map(|w| w.0.as_str()).collect::<Vec<_>>())
        .bind(wanted.iter().map(|w| w.1.as_str()).collect::<Vec<_>>())
        .bind(wanted.iter().map(|w| w.2).collect::<Vec<_>>())
        .fetch_all(connection)
        .await
        .map_err(statement)?;
    let mut objects = Vec::new();
    for row in &rows {
        if row.try_get::<String, _>("kind").map_err(statement)? == "other" {
            return Err(Error::destination(
                ErrorKind::Unsupported,
                "the plan made something that cannot be exchanged",
            ));
        }
        let mut object = Object::from_row(row, None)?;
        object.home = homes
            .get(&object.name)
            .map_or_else(|| object.home.clone(), |home| (*home).to_owned());
        objects.push(object);
    }
    if let Some(missing) = homes
        .keys()
        .find(|name| !objects.iter().any(|o| o.name == **name))
    {
        return Err(Error::destination(
            ErrorKind::Conflict,
            format!("{missing}, which the migration made, is not there any more"),
        )
        .hint("put it back, or take the migration back with `migrate clean --data`"));
    }
    Ok(objects)
}
