//! What depends on objects from outside (PostgreSQL's documentation, "System Catalogs", pg_depend).

use migrate_core::{Error, ErrorKind, Result};
use migrate_pg_client::query;
use migrate_pg_client::sqlx::Row;
use migrate_pg_client::sqlx::postgres::PgConnection;

use super::there::{Kind, Object};
use crate::connect::statement;

/// Others that have to be bound anew.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Dependents {
    /// Views.
    pub(super) views: Vec<i64>,
    /// Foreign keys.
    pub(super) foreign_keys: Vec<i64>,
}

/// A dependent is what it is a part of: a rule its view, a default or a policy its table. Sequences that columns own, and
/// types of rows, are parts of their tables.
const DEPENDENTS: &str = "
    with relation as (
        select oid::oid from unnest($1::bigint[]) as oid
        union
        select owned.objid
        from pg_depend as owned
        join pg_class as sequence on sequence.oid = owned.objid and sequence.relkind = 'S'
        where owned.classid = 'pg_class'::regclass and owned.refclassid = 'pg_class'::regclass
          and owned.deptype in ('a', 'i') and owned.refobjid = any ($1::bigint[]::oid[])
    ),
    mine as (
        select 'pg_class'::regclass as class, oid from relation
        union all
        select 'pg_type'::regclass, type.oid
        from pg_type as type
        join relation on type.typrelid = relation.oid
                      or type.typelem in (select oid from pg_type where typrelid = relation.oid) and type.typcategory = 'A'
        union all
        select 'pg_type'::regclass, unnest(array[oid, typarray]) from pg_type where oid = any ($2::bigint[]::oid[])
        union all
        select 'pg_collation'::regclass, oid::oid from unnest($3::bigint[]) as oid
    ),
    dependent as (
        select distinct depend.classid, depend.objid,
               case depend.classid
                   when 'pg_rewrite'::regclass then (select ev_class from pg_rewrite where oid = depend.objid)
                   when 'pg_attrdef'::regclass then (select adrelid from pg_attrdef where oid = depend.objid)
                   when 'pg_trigger'::regclass then (select tgrelid from pg_trigger where oid = depend.objid)
                   when 'pg_policy'::regclass then (select polrelid from pg_policy where oid = depend.objid)
                   when 'pg_statistic_ext'::regclass then (select stxrelid from pg_statistic_ext where oid = depend.objid)
                   when 'pg_constraint'::regclass then
                       (select case when contypid <> 0 then contypid else conrelid end from pg_constraint where oid = depend.objid)
                   when 'pg_class'::regclass then
                       coalesce((select indrelid from pg_index where indexrelid = depend.objid), depend.objid)
                   else depend.objid
               end as part_of
        from pg_depend as depend
        join mine on mine.class = depend.refclassid and mine.oid = depend.refobjid
        where not (depend.classid = 'pg_class'::regclass
                   and exists (select from pg_class where oid = depend.objid and relkind = 't'))
    )
    select dependent.objid::bigint as oid,
           case
               when dependent.classid = 'pg_rewrite'::regclass and class.relkind = 'v' then 'view'
               when con.contype = 'f' then 'foreign key'
               else 'other'
           end as kind,
           coalesce(class.oid, 0)::bigint as relation,
           pg_describe_object(dependent.classid, dependent.objid, 0) as description
    from dependent
    left join pg_class as class on class.oid = dependent.part_of
    left join pg_constraint as con on dependent.classid = 'pg_constraint'::regclass and con.oid = dependent.objid
    where dependent.part_of not in (select oid from mine)
      and coalesce(con.conparentid, 0) = 0
    order by description";

/// Views and foreign keys of others that depend on the objects.
///
/// # Errors
/// [`Conflict`](ErrorKind::Conflict) where anything else does: all of it is named.
pub(super) async fn of(connection: &mut PgConnection, objects: &[Object]) -> Result<Dependents> {
    let oids = |kinds: &[Kind]| -> Vec<i64> {
        objects
            .iter()
            .filter(|o| kinds.contains(&o.kind))
            .map(|o| o.oid)
            .collect()
    };
    let rows = query(DEPENDENTS)
        .bind(oids(&[Kind::Table, Kind::View, Kind::Sequence]))
        .bind(oids(&[Kind::Domain]))
        .bind(oids(&[Kind::Collation]))
        .fetch_all(connection)
        .await
        .map_err(statement)?;
    let (mut found, mut refused) = (Dependents::default(), Vec::new());
    for row in &rows {
        let number = |name| row.try_get::<i64, _>(name).map_err(statement);
        match row.try_get::<&str, _>("kind").map_err(statement)? {
            "view" => found.views.push(number("relation")?),
            "foreign key" => found.foreign_keys.push(number("oid")?),
            _ => refused.push(row.try_get::<String, _>("description").map_err(statement)?),
        }
    }
    found.views.sort_unstable();
    found.views.dedup();
    if refused.is_empty() {
        return Ok(found);
    }
    Err(Error::destination(
        ErrorKind::Conflict,
        format!(
            "the tables that are there cannot be replaced, because this depends on them: {}",
            refused.join(", ")
        ),
    )
    .hint("views and foreign keys are bound to the new tables; drop the others first, and create them again afterwards. Nothing was changed"))
}
