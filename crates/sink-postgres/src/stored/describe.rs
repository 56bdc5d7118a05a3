//! What there is of a plan's objects, by the catalog (PostgreSQL's documentation, "System Catalogs"): one query for each
//! kind of object, whatever their number.

use migrate_core::Result;
use migrate_core::catalog::Action;
use migrate_core::plan::{Plan, TargetName};
use migrate_core::stored::{
    ColumnDescription, ConstraintDescription, ConstraintKind, Description, IndexDescription, Statistics,
};
use migrate_pg_client::sqlx::postgres::{PgConnection, PgRow};
use migrate_pg_client::sqlx::{self, Row};

use super::numbering;
use crate::connect::statement;

/// Statistics from which many rows have changed are stale only if autovacuum had its time: what sessions count as changed
/// arrives late, and may follow the ANALYZE at a migration's end.
const RELATIONS: &str = "
    select n.nspname::text as schema, c.relname::text as relation, c.relkind::text as kind,
           greatest(c.reltuples, 0)::bigint as rows,
           exists (select from pg_stats s where s.schemaname = n.nspname and s.tablename = c.relname) as gathered,
           case when greatest(pg_stat_get_last_analyze_time(c.oid), pg_stat_get_last_autoanalyze_time(c.oid))
                     < now() - interval '1 hour'
                then pg_stat_get_mod_since_analyze(c.oid) else 0 end as changed_since
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    join unnest($1::text[], $2::text[]) as wanted (schema, relation)
      on wanted.schema = n.nspname and wanted.relation = c.relname
    where c.relkind in ('r', 'p', 'v', 'm', 'S')";

const COLUMNS: &str = "
    select n.nspname::text as schema, c.relname::text as relation, a.attname::text as name,
           format_type(case t.typtype when 'd' then t.typbasetype else a.atttypid end,
                       case t.typtype when 'd' then t.typtypmod else a.atttypmod end) as type,
           case t.typtype when 'd' then tn.nspname::text end as domain_schema,
           case t.typtype when 'd' then t.typname::text end as domain_name,
           cn.nspname::text as collation_schema, co.collname::text as collation_name,
           not a.attnotnull as nullable, a.attidentity <> '' as identity, a.attgenerated <> '' as generated,
           pg_get_expr(d.adbin, d.adrelid) as expression
    from pg_attribute a
    join pg_class c on c.oid = a.attrelid and c.relkind in ('r', 'p')
    join pg_namespace n on n.oid = c.relnamespace
    join unnest($1::text[], $2::text[]) as wanted (schema, relation)
      on wanted.schema = n.nspname and wanted.relation = c.relname
    join pg_type t on t.oid = a.atttypid
    join pg_namespace tn on tn.oid = t.typnamespace
    left join pg_collation co on co.oid = a.attcollation and a.attcollation <> t.typcollation
    left join pg_namespace cn on cn.oid = co.collnamespace
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attnum > 0 and not a.attisdropped
    order by n.nspname, c.relname, a.attnum";

const CONSTRAINTS: &str = "
    select n.nspname::text as schema, c.relname::text as relation, k.conname::text as name, k.contype::text as kind,
           k.convalidated as validated, fn.nspname::text as parent_schema, fc.relname::text as parent,
           k.confdeltype::text as on_delete, k.confupdtype::text as on_update,
           coalesce(i.indisvalid and i.indisready and i.indislive, true) as usable,
           array(select a.attname::text
                 from unnest(k.conkey) with ordinality as o (number, place)
                 join pg_attribute a on a.attrelid = k.conrelid and a.attnum = o.number
                 order by o.place) as columns,
           array(select a.attname::text
                 from unnest(k.confkey) with ordinality as o (number, place)
                 join pg_attribute a on a.attrelid = k.confrelid and a.attnum = o.number
                 order by o.place) as parent_columns
    from pg_constraint k
    join pg_class c on c.oid = k.conrelid
    join pg_namespace n on n.oid = c.relnamespace
    join unnest($1::text[], $2::text[]) as wanted (schema, relation)
      on wanted.schema = n.nspname and wanted.relation = c.relname
    left join pg_class fc on fc.oid = k.confrelid
    left join pg_namespace fn on fn.oid = fc.relnamespace
    left join pg_index i on i.indexrelid = k.conindid and k.contype in ('p', 'u')
    where k.contype in ('p', 'u', 'f', 'c')
    order by n.nspname, c.relname, k.conname";

const INDEXES: &str = "
    select n.nspname::text as schema, c.relname::text as relation, ic.relname::text as name, am.amname::text as method,
           i.indisunique as is_unique, i.indpred is not null as partial,
           i.indisvalid and i.indisready and i.indislive as usable,
           array(select a.attname::text
                 from generate_series(0, i.indnkeyatts - 1) as place
                 left join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[place]
                 order by place) as keys,
           array(select i.indoption[place]::int & 1 = 1
                 from generate_series(0, i.indnkeyatts - 1) as place order by place) as descending,
           array(select a.attname::text
                 from generate_series(i.indnkeyatts, i.indnatts - 1) as place
                 join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[place]
                 order by place) as include
    from pg_index i
    join pg_class ic on ic.oid = i.indexrelid
    join pg_am am on am.oid = ic.relam
    join pg_class c on c.oid = i.indrelid
    join pg_namespace n on n.oid = c.relnamespace
    join unnest($1::text[], $2::text[]) as wanted (schema, relation)
      on wanted.schema = n.nspname and wanted.relation = c.relname
    where not exists (select from pg_constraint k where k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x'))
    order by n.nspname, c.relname, ic.relname";

pub(super) async fn describe(connection: &mut PgConnection, plan: &Plan) -> Result<Description> {
    let names = (plan.tables.iter().map(|t| &t.target))
        .chain(plan.views.iter().map(|v| &v.target))
        .chain(plan.sequences.iter().map(|s| &s.name));
    let wanted: (Vec<String>, Vec<String>) = names.map(|n| (n.schema.clone(), n.name.clone())).unzip();
    let mut found = Description::default();
    let mut sequences = Vec::new();
    for row in ask(connection, RELATIONS, &wanted).await? {
        let name = name_of(&row)?;
        match text(&row, "kind")?.as_str() {
            "v" | "m" => {
                found.views.insert(name);
            }
            "S" => sequences.push(name),
            _ => {
                let table = found.tables.entry(name).or_default();
                table.statistics = statistics_of(&row).map_err(statement)?;
            }
        }
    }
    for row in ask(connection, COLUMNS, &wanted).await? {
        if let Some(table) = found.tables.get_mut(&name_of(&row)?) {
            table.columns.push(column_of(&row).map_err(statement)?);
        }
    }
    for row in ask(connection, CONSTRAINTS, &wanted).await? {
        if let Some(table) = found.tables.get_mut(&name_of(&row)?) {
            table.constraints.extend(constraint_of(&row).map_err(statement)?);
        }
    }
    for row in ask(connection, INDEXES, &wanted).await? {
        if let Some(table) = found.tables.get_mut(&name_of(&row)?) {
            table.indexes.push(index_of(&row).map_err(statement)?);
        }
    }
    numbering::look(connection, &wanted, sequences, &mut found).await?;
    Ok(found)
}

pub(super) async fn ask(
    connection: &mut PgConnection,
    question: &'static str,
    wanted: &(Vec<String>, Vec<String>),
) -> Result<Vec<PgRow>> {
    sqlx::query(question)
        .persistent(false)
        .bind(&wanted.0)
        .bind(&wanted.1)
        .fetch_all(connection)
        .await
        .map_err(statement)
}

pub(super) fn text(row: &PgRow, column: &str) -> Result<String> {
    row.try_get(column).map_err(statement)
}

/// The relation that a row is about.
pub(super) fn name_of(row: &PgRow) -> Result<TargetName> {
    Ok(TargetName {
        schema: text(row, "schema")?,
        name: text(row, "relation")?,
    })
}

fn qualified(schema: Option<String>, name: Option<String>) -> Option<TargetName> {
    Some(TargetName {
        schema: schema?,
        name: name?,
    })
}

fn statistics_of(row: &PgRow) -> sqlx::Result<Statistics> {
    Ok(Statistics {
        gathered: row.try_get("gathered")?,
        changed_since: row.try_get::<Option<i64>, _>("changed_since")?.unwrap_or(0) as u64,
        rows: row.try_get::<i64, _>("rows")? as u64,
    })
}

fn column_of(row: &PgRow) -> sqlx::Result<ColumnDescription> {
    let expression: Option<String> = row.try_get("expression")?;
    let generated: bool = row.try_get("generated")?;
    let (default, generated) = if generated {
        (None, expression)
    } else {
        (expression, None)
    };
    Ok(ColumnDescription {
        name: row.try_get("name")?,
        ty: row.try_get("type")?,
        domain: qualified(row.try_get("domain_schema")?, row.try_get("domain_name")?),
        collation: qualified(row.try_get("collation_schema")?, row.try_get("collation_name")?),
        nullable: row.try_get("nullable")?,
        identity: row.try_get("identity")?,
        default,
        generated,
    })
}

fn constraint_of(row: &PgRow) -> sqlx::Result<Option<ConstraintDescription>> {
    let kind: String = row.try_get("kind")?;
    let kind = match kind.as_str() {
        "p" => ConstraintKind::Primary,
        "u" => ConstraintKind::Unique,
        "f" => ConstraintKind::Foreign,
        "c" => ConstraintKind::Check,
        _ => return Ok(None),
    };
    let parent = qualified(row.try_get("parent_schema")?, row.try_get("parent")?);
    let (on_delete, on_update): (String, String) = (row.try_get("on_delete")?, row.try_get("on_update")?);
    let parent_columns: Vec<String> = row.try_get("parent_columns")?;
    Ok(Some(ConstraintDescription {
        name: row.try_get("name")?,
        kind,
        columns: row.try_get("columns")?,
        references: parent.map(|parent| (parent, parent_columns)),
        actions: (kind == ConstraintKind::Foreign).then(|| (action(&on_delete), action(&on_update))),
        validated: row.try_get("validated")?,
        usable: row.try_get("usable")?,
    }))
}

fn action(letter: &str) -> Action {
    match letter {
        "c" => Action::Cascade,
        "n" => Action::SetNull,
        "d" => Action::SetDefault,
        // `restrict` refuses as `no action` does, only at once.
        _ => Action::NoAction,
    }
}

fn index_of(row: &PgRow) -> sqlx::Result<IndexDescription> {
    let keys: Vec<Option<String>> = row.try_get("keys")?;
    let descending: Vec<bool> = row.try_get("descending")?;
    let columns = keys.into_iter().zip(descending);
    Ok(IndexDescription {
        name: row.try_get("name")?,
        columns: columns.map(|(key, down)| key.map(|key| (key, down))).collect(),
        include: row.try_get("include")?,
        unique: row.try_get("is_unique")?,
        method: row.try_get("method")?,
        partial: row.try_get("partial")?,
        usable: row.try_get("usable")?,
    })
}
