//! Who may do what, and who owns what.
//!
//! An object's privileges (`aclitem[]`) are compared with those that every such object has (`acldefault`, for the schema
//! `public` what initdb gave it): what is more is granted, what is less is revoked. What owners may do with what is theirs is
//! left out, and grantors are not kept: in the destination it is the owner who grants.

use migrate_core::Result;
use migrate_core::catalog::ObjectName;
use migrate_core::declared::{Right, RightKind};
use migrate_core::plan::quote_ident;
use migrate_core::template::Template;
use migrate_pg_client::sqlx::postgres::PgConnection;
use serde::Deserialize;

use super::questions::Wanted;
use super::{Answers, Draft};
use crate::connect::ask;

/// The version that has `maintain`.
const MAINTAIN: u32 = 17;

/// What a role may do with an object, or may not although every role may.
#[derive(Debug, Deserialize)]
struct GrantRow {
    #[serde(flatten)]
    on: OnRow,
    /// None is `public`.
    role: Option<String>,
    privileges: Vec<String>,
    grantable: bool,
    revoked: bool,
    /// For default privileges: whose objects they are for.
    maker: Option<String>,
}

/// An object with an owner.
#[derive(Debug, Deserialize)]
struct OnRow {
    oid: u32,
    /// As `grant` and `alter` name it, but for the kinds of relations.
    kind: String,
    schema: Option<String>,
    name: String,
    /// Of functions.
    arguments: Option<String>,
    #[serde(default)]
    column: Option<String>,
    /// The table whose identity it numbers.
    identity_of: Option<u32>,
}

#[derive(Debug, Deserialize)]
struct OwnerRow {
    #[serde(flatten)]
    on: OnRow,
    owner: String,
}

/// Adds grants, default privileges, and owners: those of schemas last, because a new owner has to be able to create in them.
pub(super) async fn draft(
    connection: &mut PgConnection,
    wanted: &Wanted,
    answers: &Answers,
    draft: &mut Draft,
) -> Result<()> {
    for row in ask::<GrantRow>(connection, &wanted.grants()).await? {
        let maintain = |p: &String| p == "MAINTAIN";
        let (newer, older): (Vec<String>, Vec<String>) = row.privileges.iter().cloned().partition(maintain);
        for (privileges, since) in [(older, 0), (newer, MAINTAIN)] {
            if !privileges.is_empty() {
                draft
                    .declared
                    .rights
                    .extend(grant(answers, &row, &privileges, since));
            }
        }
    }
    for row in ask::<OwnerRow>(connection, &wanted.owners()).await? {
        draft.declared.rights.push(owner(&row));
    }
    Ok(())
}

fn grant(answers: &Answers, row: &GrantRow, privileges: &[String], since: u32) -> Option<Right> {
    let on = &row.on;
    let columns = |sql: &mut Template| {
        for (n, privilege) in privileges.iter().enumerate() {
            sql.push_sql(if n > 0 { ", " } else { "" });
            sql.push_sql(&privilege.to_lowercase());
            if let (Some(column), Some(schema)) = (&on.column, &on.schema) {
                sql.push_sql(" (");
                sql.push_column(ObjectName::new(schema, &on.name), column);
                sql.push_sql(")");
            }
        }
    };
    let mut sql = Template::new();
    if let Some(maker) = &row.maker {
        sql.push_sql("alter default privileges for role ");
        sql.push_role(maker.as_str());
        if let Some(schema) = &on.schema {
            sql.push_sql(" in schema ");
            sql.push_schema(schema.as_str());
        }
        sql.push_sql(" ");
    }
    sql.push_sql(if row.revoked { "revoke " } else { "grant " });
    columns(&mut sql);
    sql.push_sql(" on ");
    if row.maker.is_some() {
        sql.push_sql(&on.kind);
    } else {
        named(&mut sql, on, granted_as(&on.kind));
    }
    sql.push_sql(if row.revoked { " from " } else { " to " });
    match &row.role {
        Some(role) => sql.push_role(role.as_str()),
        None => sql.push_sql("public"),
    }
    if row.grantable {
        sql.push_sql(" with grant option");
    }
    let mut right = right(RightKind::Grant, on, sql);
    right.since = since;
    if let Some(maker) = &row.maker {
        let place = on
            .schema
            .as_deref()
            .map_or_else(String::new, |s| format!(" in {s}"));
        right.kind = RightKind::DefaultPrivilege;
        right.on = format!("of {maker}{place} for {}", on.kind);
        right.acts_as = Some(maker.clone());
    }
    if let Some(table) = on.identity_of {
        right.relation = Some(answers.names.get(&table)?.clone());
        right.verbatim = true;
    }
    Some(right)
}

fn owner(row: &OwnerRow) -> Right {
    let on = &row.on;
    let mut sql = Template::sql("alter ");
    named(&mut sql, on, &on.kind);
    sql.push_sql(" owner to ");
    sql.push_role(row.owner.as_str());
    Right {
        acts_as: Some(row.owner.clone()),
        ..right(RightKind::Owner, on, sql)
    }
}

/// Views are tables to `grant`, and aggregates functions.
fn granted_as(kind: &str) -> &str {
    match kind {
        "view" | "materialized view" => "table",
        "aggregate" => "function",
        "domain" => "type",
        kind => kind,
    }
}

/// `KIND NAME`
fn named(sql: &mut Template, on: &OnRow, kind: &str) {
    sql.push_sql(&format!("{kind} "));
    let Some(schema) = &on.schema else {
        sql.push_schema(on.name.as_str());
        return;
    };
    match &on.arguments {
        Some(arguments) => {
            let arguments = if kind == "aggregate" && arguments.is_empty() {
                "*"
            } else {
                arguments
            };
            sql.push_sql(&format!(
                "{}.{}({arguments})",
                quote_ident(schema),
                quote_ident(&on.name)
            ));
        }
        None if on.identity_of.is_some() => {
            sql.push_sql(&format!("{}.{}", quote_ident(schema), quote_ident(&on.name)));
        }
        None => sql.push_relation(ObjectName::new(schema, &on.name)),
    }
}

fn right(kind: RightKind, on: &OnRow, sql: Template) -> Right {
    let shown = match (&on.schema, &on.arguments) {
        (Some(schema), Some(arguments)) => format!("{schema}.{}({arguments})", on.name),
        (Some(schema), None) => format!("{schema}.{}", on.name),
        (None, _) => on.name.clone(),
    };
    let is_relation = sql.relations().next().is_some();
    Right {
        kind,
        on: format!("{} {shown}", on.kind),
        relation: match &on.schema {
            Some(schema) if is_relation => Some(ObjectName::new(schema, &on.name)),
            _ => None,
        },
        verbatim: false,
        object: on.arguments.is_some().then(|| (on.kind.clone(), shown)),
        schema: match &on.schema {
            Some(schema) => Some(schema.clone()),
            None => (on.oid != 0).then(|| on.name.clone()),
        },
        acts_as: None,
        since: 0,
        sql,
    }
}

impl Wanted {
    /// Objects with an owner and privileges: a table of `oid`, `kind`, `schema`, `name`, `arguments`, `column`, `identity_of`,
    /// `owner`, `acl`, `base` (what every such object allows), `place` (where it comes in the order) and `part` (0 but for columns).
    fn with_privileges(&self) -> String {
        let relations = self.relations("'r', 'p', 'v', 'm', 'S'");
        let tables = self.relations("'r', 'p', 'v', 'm'");
        let functions = self.objects("pg_proc", "p.oid");
        let types = self.objects("pg_type", "t.oid");
        let schemas = self.objects("pg_namespace", "n.oid");
        let kind = if self.major >= 11 {
            "case p.prokind when 'p' then 'procedure' when 'a' then 'aggregate' else 'function' end"
        } else {
            "case when p.proisagg then 'aggregate' else 'function' end"
        };
        format!(
            "select n.oid::bigint as oid, 'schema' as kind, null::name as schema, n.nspname as name, null::text as arguments,
                    null::name as column, null::bigint as identity_of, n.nspowner as owner, n.nspacl as acl,
                    coalesce((select i.initprivs from pg_init_privs i
                              where i.classoid = 'pg_namespace'::regclass and i.objoid = n.oid and i.objsubid = 0),
                             acldefault('n', n.nspowner)) as base, 1 as place, 0 as part
             from pg_namespace n
             where {schemas}
             union all
             select t.oid::bigint, case t.typtype when 'd' then 'domain' else 'type' end, n.nspname, t.typname, null, null, null,
                    t.typowner, t.typacl, acldefault('T', t.typowner), 2, 0
             from pg_type t
             join pg_namespace n on n.oid = t.typnamespace
             left join pg_class c on c.oid = t.typrelid
             where t.typtype in ('c', 'd', 'e', 'r') and (c.oid is null or c.relkind = 'c') and {types}
             union all
             select p.oid::bigint, {kind}, n.nspname, p.proname, pg_get_function_identity_arguments(p.oid), null, null,
                    p.proowner, p.proacl, acldefault('f', p.proowner), 3, 0
             from pg_proc p
             join pg_namespace n on n.oid = p.pronamespace
             where {functions} and not exists (select from pg_depend made where made.classid = 'pg_proc'::regclass
                                               and made.objid = p.oid and made.deptype = 'i')
             union all
             select c.oid::bigint, case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'S' then 'sequence'
                                                  else 'table' end,
                    n.nspname, c.relname, null, null,
                    (select d.refobjid::bigint from pg_depend d
                     where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'i' and c.relkind = 'S'),
                    c.relowner, c.relacl, acldefault((case c.relkind when 'S' then 's' else 'r' end)::\"char\", c.relowner), 4, 0
             from pg_class c
             join pg_namespace n on n.oid = c.relnamespace
             where {relations}
             union all
             select c.oid::bigint, 'table', n.nspname, c.relname, null, a.attname, null, c.relowner, a.attacl, null, 4, a.attnum
             from pg_attribute a
             join pg_class c on c.oid = a.attrelid
             join pg_namespace n on n.oid = c.relnamespace
             where a.attacl is not null and a.attnum > 0 and not a.attisdropped and {tables}"
        )
    }

    /// What differs from what every such object allows, in the order in which it was granted.
    fn grants(&self) -> String {
        let objects = self.with_privileges();
        let default_privileges = format!(
            "select 0::bigint, case d.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions'
                                                   when 'T' then 'types' when 'n' then 'schemas' else 'large objects' end,
                    n.nspname, pg_get_userbyid(d.defaclrole), null, null, null, d.defaclrole, d.defaclacl,
                    case d.defaclnamespace when 0 then acldefault(case d.defaclobjtype when 'S' then 's' else d.defaclobjtype end,
                                                                 d.defaclrole)
                                           end,
                    5, 0, pg_get_userbyid(d.defaclrole), d.oid
             from pg_default_acl d
             left join pg_namespace n on n.oid = d.defaclnamespace
             where d.defaclobjtype <> 'L' and (n.oid is null or {})",
            self.schemas
        );
        format!(
            "with objects as (
                 select o.*, null::name as maker, o.oid::oid as number from ({objects}) as o
                 union all
                 {default_privileges}
             ),
             differences as (
                 select o.oid, o.kind, o.schema, o.name, o.arguments, o.\"column\", o.identity_of, o.maker, o.place, o.number, o.part,
                        has.grantee, has.privilege_type, has.is_grantable as grantable, false as revoked, min(has.n) as n
                 from objects o
                 cross join aclexplode(o.acl) with ordinality as has (grantor, grantee, privilege_type, is_grantable, n)
                 where has.grantee <> o.owner
                   and not exists (select from aclexplode(o.base) as b
                                   where (b.grantee, b.privilege_type, b.is_grantable)
                                         = (has.grantee, has.privilege_type, has.is_grantable))
                 group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14
                 union all
                 select o.oid, o.kind, o.schema, o.name, o.arguments, o.\"column\", o.identity_of, o.maker, o.place, o.number, o.part,
                        b.grantee, b.privilege_type, false, true, 0
                 from objects o
                 cross join aclexplode(o.base) as b
                 where o.acl is not null and b.grantee <> o.owner
                   and not exists (select from aclexplode(o.acl) as has
                                   where (has.grantee, has.privilege_type) = (b.grantee, b.privilege_type))
             )
             select oid, kind, schema, name, arguments, \"column\", identity_of, maker,
                    case grantee when 0 then null else pg_get_userbyid(grantee) end as role,
                    array_agg(privilege_type order by n, privilege_type) as privileges, grantable, revoked
             from differences
             group by oid, kind, schema, name, arguments, \"column\", identity_of, maker, place, number, part, grantee, grantable, revoked
             order by place, number, part, revoked desc, min(n)"
        )
    }

    /// Who owns what. A sequence of a column belongs to its table's owner, and the schema `public` is the server's.
    fn owners(&self) -> String {
        let objects = self.with_privileges();
        format!(
            "select o.oid, o.kind, o.schema, o.name, o.arguments, null::name as column, o.identity_of,
                    pg_get_userbyid(o.owner) as owner
             from ({objects}) as o
             where o.part = 0 and not (o.kind = 'schema' and o.name = 'public')
               and not exists (select from pg_depend d
                               where o.kind = 'sequence' and d.classid = 'pg_class'::regclass and d.objid = o.oid::oid
                                 and d.refclassid = 'pg_class'::regclass and d.deptype in ('a', 'i'))
             order by o.place = 1, o.place, o.oid"
        )
    }
}
