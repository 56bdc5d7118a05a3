//! Rights on what was there before, and how they are taken back: in `migrate.created`, as statements.

use migrate_core::Result;
use migrate_pg_client::sqlx::postgres::PgConnection;
use migrate_pg_client::sqlx::{self, AssertSqlSafe};
use migrate_pg_client::{During, execute};

use crate::connect::statement;

/// What may be granted beside the objects that a migration makes, on schemas and by default privileges: each with the statement
/// that takes it away, the one that gives it, the schema, and whose objects it is about.
const RIGHTS: &str = "
    select format('revoke %s on schema %I from %s', a.privilege_type, n.nspname, who.quoted) as away,
           format('grant %s on schema %I to %s%s', a.privilege_type, n.nspname, who.quoted, with_option) as back,
           n.oid::bigint as schema, null as maker
    from pg_namespace n
    cross join aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) as a
    cross join lateral (select case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end as quoted,
                               case when a.is_grantable then ' with grant option' else '' end as with_option) as who
    where a.grantee <> n.nspowner
    union all
    select format('alter default privileges for role %I%s revoke %s on %s from %s', maker, place, a.privilege_type, what, who.quoted),
           format('alter default privileges for role %I%s grant %s on %s to %s%s', maker, place, a.privilege_type, what, who.quoted,
                  with_option),
           d.schema, maker
    from (select pg_get_userbyid(role) as maker, type, acl, role, space::bigint as schema,
                 case space when 0 then '' else format(' in schema %s', space::regnamespace) end as place,
                 case type when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions' when 'T' then 'types'
                           else 'schemas' end as what
          from (select defaclrole as role, defaclnamespace as space, defaclobjtype as type, defaclacl as acl from pg_default_acl
                union all
                -- What holds where nothing is said.
                select r.oid, 0, type, acldefault(case type when 'S' then 's' else type end, r.oid)
                from pg_roles as r, unnest('{r,S,f,T,n}'::\"char\"[]) as type
                where not exists (select from pg_default_acl
                                  where defaclrole = r.oid and defaclnamespace = 0 and defaclobjtype = type)) as every) as d
    cross join aclexplode(d.acl) as a
    cross join lateral (select case a.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(a.grantee)) end as quoted,
                               case when a.is_grantable then ' with grant option' else '' end as with_option) as who
    where a.grantee <> d.role and d.type <> 'L'";

/// Looks at the rights before a step, in its transaction.
pub(crate) async fn look(connection: &mut PgConnection) -> Result<()> {
    let sql = format!(
        "select set_config('migrate.rights', coalesce(json_agg(r)::text, '[]'), true) from ({RIGHTS}) as r"
    );
    execute(connection, sql, During::Statement).await.map(drop)
}

/// Notes what the step changed, in its transaction.
pub(crate) async fn note(connection: &mut PgConnection) -> Result<()> {
    let sql = format!(
        "with before as (
             select * from json_to_recordset(current_setting('migrate.rights')::json)
                      as r (away text, back text, schema bigint, maker text)
         ),
         after as ({RIGHTS})
         insert into migrate.created (kind, schema, name, object)
         select 'grant', coalesce(maker, ''), away, schema::oid from (select * from after except select * from before) as given
         union all
         select 'revoke', coalesce(maker, ''), back, schema::oid from (select * from before except select * from after) as taken"
    );
    execute(connection, sql, During::Statement).await.map(drop)
}

/// Takes back what was granted and is granted still, and gives back what was revoked: whatever else was granted stays.
pub(crate) async fn take_back(connection: &mut PgConnection) -> Result<()> {
    let sql = format!(
        "select c.name
         from migrate.created c
         where (c.object = 0 or exists (select from pg_namespace n where n.oid = c.object))
           and (c.kind = 'grant' and c.name in (select away from ({RIGHTS}) as r)
                or c.kind = 'revoke' and c.name not in (select back from ({RIGHTS}) as r)
                   and (c.schema = '' or c.schema in (select rolname from pg_roles)))
         order by c.position desc"
    );
    let statements: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql))
        .persistent(false)
        .fetch_all(&mut *connection)
        .await
        .map_err(statement)?;
    for sql in statements {
        execute(connection, sql, During::Statement).await?;
    }
    Ok(())
}
