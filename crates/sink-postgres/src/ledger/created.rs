//! `migrate.created`: what may be dropped again.

use migrate_core::Result;
use migrate_core::plan::TargetName;
use migrate_pg_client::query;
use migrate_pg_client::sqlx::postgres::PgConnection;
use migrate_pg_client::sqlx::{self, Row};

use crate::connect::statement;

/// Kinds of objects, in the order in which they are dropped.
pub(crate) const KINDS: [&str; 6] = ["view", "table", "sequence", "domain", "collation", "schema"];

const INSERT_SCHEMAS: &str = "
    insert into migrate.created (kind, schema, name, object)
    select 'schema', nspname, nspname, oid
    from pg_namespace
    where nspname = any ($1)";

/// Notes schemas.
pub(crate) async fn schemas(connection: &mut PgConnection, names: &[String]) -> Result<()> {
    query(INSERT_SCHEMAS)
        .bind(names)
        .execute(connection)
        .await
        .map(drop)
        .map_err(statement)
}

const INSERT_RELATIONS: &str = "
    insert into migrate.created (kind, schema, name, object)
    select $1, new.schema, new.name, class.oid
    from unnest($2::text[], $3::text[]) as new (schema, name)
    join pg_namespace as space on space.nspname = new.schema
    join pg_class as class on class.relnamespace = space.oid and class.relname = new.name";

const INSERT_TYPES: &str = "
    insert into migrate.created (kind, schema, name, object)
    select $1, new.schema, new.name, type.oid
    from unnest($2::text[], $3::text[]) as new (schema, name)
    join pg_namespace as space on space.nspname = new.schema
    join pg_type as type on type.typnamespace = space.oid and type.typname = new.name";

const INSERT_COLLATIONS: &str = "
    insert into migrate.created (kind, schema, name, object)
    select $1, new.schema, new.name, collation_.oid
    from unnest($2::text[], $3::text[]) as new (schema, name)
    join pg_namespace as space on space.nspname = new.schema
    join pg_collation as collation_ on collation_.collnamespace = space.oid and collation_.collname = new.name";

/// Notes objects of a kind other than schemas, which were just created.
pub(crate) async fn objects<'n>(
    connection: &mut PgConnection,
    kind: &'static str,
    names: impl Iterator<Item = &'n TargetName>,
) -> Result<()> {
    let (schemas, names): (Vec<&str>, Vec<&str>) =
        names.map(|n| (n.schema.as_str(), n.name.as_str())).unzip();
    let statement_of = match kind {
        "domain" => INSERT_TYPES,
        "collation" => INSERT_COLLATIONS,
        _ => INSERT_RELATIONS,
    };
    query(statement_of)
        .bind(kind)
        .bind(schemas)
        .bind(names)
        .execute(connection)
        .await
        .map(drop)
        .map_err(statement)
}

/// Something that the migration created and that is still there, under the name it has now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Created {
    pub(crate) kind: String,
    pub(crate) name: TargetName,
}

const STILL_THERE: &str = "
    select created.kind, space.nspname::text as schema, coalesce(class.relname, type.typname, coll.collname, space.nspname)::text as name
    from migrate.created
    left join pg_class as class on created.kind in ('table', 'view', 'sequence') and class.oid = created.object
    left join pg_type as type on created.kind = 'domain' and type.oid = created.object
    left join pg_collation as coll on created.kind = 'collation' and coll.oid = created.object
    join pg_namespace as space
      on space.oid = coalesce(class.relnamespace, type.typnamespace, coll.collnamespace,
                              case created.kind when 'schema' then created.object end)
    order by created.position desc";

/// What is still there, the latest first. An object that was dropped and created anew by somebody else is not ours.
pub(crate) async fn still_there(connection: &mut PgConnection) -> Result<Vec<Created>> {
    let rows = query(STILL_THERE)
        .fetch_all(connection)
        .await
        .map_err(statement)?;
    rows.iter()
        .map(|row| {
            Ok(Created {
                kind: row.try_get("kind")?,
                name: TargetName {
                    schema: row.try_get("schema")?,
                    name: row.try_get("name")?,
                },
            })
        })
        .collect::<sqlx::Result<_>>()
        .map_err(statement)
}
