//! What belongs to a table for those who use it, and comes along to the one that takes its name: owner, grants, row-level
//! security, policies, triggers.
//!
//! Comments, constraints and indexes are the plan's; storage parameters and statistics objects are not carried.

use migrate_core::Result;
use migrate_pg_client::query_scalar;
use migrate_pg_client::sqlx::postgres::PgConnection;

use super::there::{Kind, Object};
use crate::connect::statement;

/// Statements for pairs of relations, in order; names are those after the exchange.
const CARRIED: &str = "
    with pair as (
        select old::oid, new::oid, kind, format('%I.%I', schema, name) as name
        from unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[]) as pair (old, new, kind, schema, name)
    ),
    relation as (
        select pair.*, before.relowner as owner, before.relacl as acl, after.relowner as new_owner, after.relacl as new_acl,
               before.relrowsecurity as secured, before.relforcerowsecurity as forced
        from pair
        join pg_class as before on before.oid = pair.old
        join pg_class as after on after.oid = pair.new
    ),
    carried as (
        select 1 as place, name, '' as part,
               format('alter %s %s owner to %I', kind, name, pg_get_userbyid(owner)) as sql
        from relation
        where owner <> new_owner
        union all
        -- What default privileges gave to the new one is taken back: it is as open as the old one, and no more.
        select distinct 2, name, grantee::text,
               format('revoke all on %s %s from %s', case kind when 'sequence' then kind else 'table' end, name,
                      case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end)
        from relation, aclexplode(new_acl)
        where grantee not in (new_owner, owner)
        union all
        select 3, name, grantee::text || privilege_type,
               format('grant %s on %s %s to %s%s', privilege_type, case kind when 'sequence' then kind else 'table' end, name,
                      case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end,
                      case when is_grantable then ' with grant option' else '' end)
        from relation, aclexplode(acl)
        where grantee <> owner
        union all
        select 4, name, attribute.attname || grantee::text || privilege_type,
               format('grant %s (%I) on table %s to %s%s', privilege_type, attribute.attname, name,
                      case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end,
                      case when is_grantable then ' with grant option' else '' end)
        from relation
        join pg_attribute as attribute on attribute.attrelid = old and attribute.attnum > 0 and not attribute.attisdropped
        cross join aclexplode(attribute.attacl)
        where exists (select from pg_attribute as same
                      where same.attrelid = new and same.attname = attribute.attname and not same.attisdropped)
        union all
        select 5, name, '', format('alter table %s enable row level security', name)
        from relation
        where kind = 'table' and secured
        union all
        select 6, name, '', format('alter table %s force row level security', name)
        from relation
        where kind = 'table' and forced
        union all
        select 7, name, policy.polname,
               format('create policy %I on %s as %s for %s to %s%s%s', policy.polname, name,
                      case when policy.polpermissive then 'permissive' else 'restrictive' end,
                      case policy.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update'
                                         when 'd' then 'delete' else 'all' end,
                      (select string_agg(case role when 0 then 'public' else quote_ident(pg_get_userbyid(role)) end, ', ')
                       from unnest(policy.polroles) as role),
                      ' using (' || pg_get_expr(policy.polqual, policy.polrelid) || ')',
                      ' with check (' || pg_get_expr(policy.polwithcheck, policy.polrelid) || ')')
        from relation
        join pg_policy as policy on policy.polrelid = old
        where not exists (select from pg_policy as same where same.polrelid = new and same.polname = policy.polname)
        union all
        select 8, name, trigger.tgname, pg_get_triggerdef(trigger.oid)
        from relation
        join pg_trigger as trigger on trigger.tgrelid = old and not trigger.tgisinternal
        where not exists (select from pg_trigger as same where same.tgrelid = new and same.tgname = trigger.tgname)
        union all
        select 9, name, trigger.tgname,
               format('alter table %s %s trigger %I', name,
                      case trigger.tgenabled when 'D' then 'disable' when 'R' then 'enable replica' else 'enable always' end,
                      trigger.tgname)
        from relation
        join pg_trigger as trigger on trigger.tgrelid = old and not trigger.tgisinternal and trigger.tgenabled <> 'O'
    )
    select sql from carried order by place, name, part";

/// The statements that make those who come as they leave.
pub(super) async fn along(
    connection: &mut PgConnection,
    leaving: &[Object],
    coming: &[Object],
) -> Result<Vec<String>> {
    let mut pairs: Vec<(&Object, &Object)> = Vec::new();
    for old in leaving
        .iter()
        .filter(|o| matches!(o.kind, Kind::Table | Kind::View | Kind::Sequence))
    {
        let same =
            |new: &&Object| new.kind == old.kind && new.home == old.home && new.name.name == old.name.name;
        pairs.extend(coming.iter().find(same).map(|new| (old, new)));
    }
    query_scalar(CARRIED)
        .bind(pairs.iter().map(|(old, _)| old.oid).collect::<Vec<_>>())
        .bind(pairs.iter().map(|(_, new)| new.oid).collect::<Vec<_>>())
        .bind(pairs.iter().map(|(old, _)| old.kind.word()).collect::<Vec<_>>())
        .bind(pairs.iter().map(|(_, new)| new.home.as_str()).collect::<Vec<_>>())
        .bind(
            pairs
                .iter()
                .map(|(_, new)| new.name.name.as_str())
                .collect::<Vec<_>>(),
        )
        .fetch_all(connection)
        .await
        .map_err(statement)
}
