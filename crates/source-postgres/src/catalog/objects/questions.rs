//! What is asked of the source's catalog about everything beside tables.

use serde::Deserialize;

use super::super::questions::Wanted;

/// An object whose definition PostgreSQL prints, or is put together by the question itself.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Printed {
    pub(super) oid: u32,
    pub(super) kind: String,
    pub(super) schema: Option<String>,
    pub(super) name: String,
    /// For functions: the arguments, as `drop function` wants them.
    #[serde(default)]
    pub(super) arguments: Option<String>,
    /// The table that it belongs to.
    #[serde(default)]
    pub(super) table: Option<u32>,
    pub(super) definition: Option<String>,
    /// What follows the definition: a disabled state, for example.
    #[serde(default)]
    pub(super) more: Option<String>,
    #[serde(default)]
    pub(super) comment: Option<String>,
    /// For policies: the roles that they are for; none where they are for all.
    #[serde(default)]
    pub(super) roles: Option<Vec<String>>,
}

/// Something that needs something else, both as class and OID.
#[derive(Debug, Deserialize)]
pub(super) struct Edge {
    pub(super) class: String,
    pub(super) oid: u32,
    pub(super) needs_class: String,
    pub(super) needs: u32,
}

/// Extensions with the schema of their objects.
#[derive(Debug, Deserialize)]
pub(super) struct Extension {
    pub(super) name: String,
    pub(super) schema: String,
}

pub(super) const EXTENSIONS: &str = "
    select e.extname as name, n.nspname as schema
    from pg_extension e join pg_namespace n on n.oid = e.extnamespace
    where e.extname <> 'plpgsql'
    order by e.oid";

/// Which types and functions need which, and which relations. What a view needs is its rule's; what a table needs, its
/// defaults' and constraints' too.
pub(super) const EDGES: &str = "
    select distinct
           case when r.oid is not null or f.oid is not null or k.oid is not null then 'pg_class'
                else d.classid::regclass::text end as class,
           coalesce(r.ev_class, f.adrelid, k.conrelid, d.objid)::bigint as oid,
           d.refclassid::regclass::text as needs_class, d.refobjid::bigint as needs
    from pg_depend d
    left join pg_rewrite r on d.classid = 'pg_rewrite'::regclass and r.oid = d.objid
    left join pg_attrdef f on d.classid = 'pg_attrdef'::regclass and f.oid = d.objid
    left join pg_constraint k on d.classid = 'pg_constraint'::regclass and k.oid = d.objid and k.conrelid <> 0
    where d.deptype in ('n', 'a') and d.refobjid >= 16384
      and d.classid in ('pg_rewrite'::regclass, 'pg_attrdef'::regclass, 'pg_constraint'::regclass, 'pg_class'::regclass,
                        'pg_proc'::regclass, 'pg_type'::regclass, 'pg_trigger'::regclass, 'pg_policy'::regclass,
                        'pg_cast'::regclass)
      and d.refclassid in ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_type'::regclass)";

/// Types that stand for other things: arrays for their elements, row types for their relations, multiranges for ranges.
#[derive(Debug, Deserialize)]
pub(super) struct Alias {
    pub(super) class: String,
    pub(super) oid: u32,
    pub(super) stands_for: String,
    pub(super) target: u32,
}

pub(super) fn aliases(major: u32) -> String {
    let multiranges = if major >= 14 {
        "union all select 'pg_type', r.rngmultitypid::bigint, 'pg_type', r.rngtypid::bigint from pg_range r"
    } else {
        ""
    };
    format!(
        "select * from (
             select 'pg_type' as class, t.oid::bigint as oid, 'pg_type' as stands_for, t.typelem::bigint as target
             from pg_type t where t.typcategory = 'A' and t.typelem >= 16384
             union all
             select 'pg_type', t.oid::bigint, 'pg_class', t.typrelid::bigint
             from pg_type t join pg_class c on c.oid = t.typrelid where c.relkind <> 'c'
             union all
             select 'pg_class', c.oid::bigint, 'pg_type', c.reltype::bigint from pg_class c where c.relkind = 'c'
             {multiranges}
         ) as aliases where oid >= 16384"
    )
}

const NAME: &str = "quote_ident(n.nspname) || '.' || quote_ident";

impl Wanted {
    /// Enums, composite types, domains and ranges.
    pub(super) fn types(&self) -> String {
        let own = self.objects("pg_type", "t.oid");
        let multirange = if self.major >= 14 {
            // PostgreSQL makes the same name of the range's.
            "|| coalesce((select ', multirange_type_name = ' || quote_ident(mn.nspname) || '.' || quote_ident(mt.typname)
                 from pg_type mt join pg_namespace mn on mn.oid = mt.typnamespace
                 where mt.oid = r.rngmultitypid
                   and (mn.oid <> n.oid or mt.typname <> case when t.typname ~ 'range' then regexp_replace(t.typname, 'range', 'multirange')
                                                              else t.typname || '_multirange' end)), '')"
        } else {
            ""
        };
        format!(
            "select t.oid::bigint as oid,
                    case t.typtype when 'e' then 'enum' when 'c' then 'composite type' when 'd' then 'domain'
                                   when 'r' then 'range type' else 'base type' end as kind,
                    n.nspname as schema, t.typname as name,
                    case t.typtype
                    when 'e' then 'as enum (' || coalesce((select string_agg(quote_literal(e.enumlabel), ', ' order by e.enumsortorder)
                                                  from pg_enum e where e.enumtypid = t.oid), '') || ')'
                    when 'c' then 'as (' || coalesce((select string_agg(
                                     quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod)
                                     || coalesce((select ' collate ' || quote_ident(cn.nspname) || '.' || quote_ident(co.collname)
                                                  from pg_collation co join pg_namespace cn on cn.oid = co.collnamespace
                                                  join pg_type at on at.oid = a.atttypid
                                                  where co.oid = a.attcollation and a.attcollation <> at.typcollation), ''),
                                     ', ' order by a.attnum)
                                   from pg_attribute a where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped), '') || ')'
                    when 'd' then 'as ' || format_type(t.typbasetype, t.typtypmod)
                        || coalesce((select ' collate ' || quote_ident(cn.nspname) || '.' || quote_ident(co.collname)
                                     from pg_collation co join pg_namespace cn on cn.oid = co.collnamespace
                                     join pg_type bt on bt.oid = t.typbasetype
                                     where co.oid = t.typcollation and t.typcollation <> bt.typcollation), '')
                        || coalesce(' default ' || pg_get_expr(t.typdefaultbin, 0), ' default ' || quote_literal(t.typdefault), '')
                        || case when t.typnotnull and {no_named_null} then ' not null' else '' end
                        || coalesce((select string_agg(' constraint ' || quote_ident(k.conname) || ' '
                                            || case when k.contype = 'n' then 'NOT NULL' else pg_get_constraintdef(k.oid) end,
                                            '' order by k.conname)
                                     from pg_constraint k where k.contypid = t.oid and k.convalidated), '')
                    when 'r' then (select 'as range (subtype = ' || format_type(r.rngsubtype, null)
                                     || (select ', subtype_opclass = ' || quote_ident(opn.nspname) || '.' || quote_ident(opc.opcname)
                                         from pg_opclass opc join pg_namespace opn on opn.oid = opc.opcnamespace where opc.oid = r.rngsubopc)
                                     || coalesce((select ', collation = ' || quote_ident(cn.nspname) || '.' || quote_ident(co.collname)
                                                  from pg_collation co join pg_namespace cn on cn.oid = co.collnamespace
                                                  where co.oid = r.rngcollation and co.collname <> 'default'), '')
                                     || case when r.rngsubdiff <> 0 then ', subtype_diff = ' || r.rngsubdiff::regproc::text else '' end
                                     {multirange} || ')'
                                   from pg_range r where r.rngtypid = t.oid and r.rngcanonical = 0)
                    end as definition,
                    (select string_agg('alter domain ' || {NAME}(t.typname) || ' add constraint ' || quote_ident(k.conname) || ' '
                                       || pg_get_constraintdef(k.oid), ';' order by k.conname)
                     from pg_constraint k where k.contypid = t.oid and not k.convalidated) as more,
                    obj_description(t.oid, 'pg_type') as comment
             from pg_type t
             join pg_namespace n on n.oid = t.typnamespace
             left join pg_class c on c.oid = t.typrelid
             where t.typtype in ('b', 'c', 'd', 'e', 'r') and t.typcategory <> 'A' and (c.oid is null or c.relkind = 'c')
               and t.typisdefined and {own}
             order by t.oid",
            no_named_null = if self.major >= 17 {
                "not exists (select from pg_constraint k where k.contypid = t.oid and k.contype = 'n')"
            } else {
                "true"
            },
        )
    }

    /// Functions, procedures, aggregates.
    pub(super) fn functions(&self) -> String {
        let own = self.objects("pg_proc", "p.oid");
        let (kind, aggregate) = if self.major >= 11 {
            (
                "case p.prokind when 'p' then 'procedure' when 'a' then 'aggregate' else 'function' end",
                "p.prokind = 'a'",
            )
        } else {
            (
                "case when p.proisagg then 'aggregate' else 'function' end",
                "p.proisagg",
            )
        };
        format!(
            "select p.oid::bigint as oid, {kind} as kind, n.nspname as schema, p.proname as name,
                    pg_get_function_identity_arguments(p.oid) as arguments,
                    case when {aggregate} then
                        (select '(' || pg_get_function_arguments(p.oid) || ') (sfunc = ' || a.aggtransfn::regproc::text
                                || ', stype = ' || format_type(a.aggtranstype, null)
                                || case when a.aggtransspace <> 0 then ', sspace = ' || a.aggtransspace else '' end
                                || case when a.aggfinalfn <> 0 then ', finalfunc = ' || a.aggfinalfn::regproc::text else '' end
                                || case when a.aggfinalextra then ', finalfunc_extra' else '' end
                                || case when a.aggcombinefn <> 0 then ', combinefunc = ' || a.aggcombinefn::regproc::text else '' end
                                || case when a.aggserialfn <> 0 then ', serialfunc = ' || a.aggserialfn::regproc::text
                                   || ', deserialfunc = ' || a.aggdeserialfn::regproc::text else '' end
                                || coalesce(', initcond = ' || quote_literal(a.agginitval), '')
                                || case when a.aggmtransfn <> 0 then ', msfunc = ' || a.aggmtransfn::regproc::text
                                   || ', minvfunc = ' || a.aggminvtransfn::regproc::text
                                   || ', mstype = ' || format_type(a.aggmtranstype, null)
                                   || case when a.aggmfinalfn <> 0 then ', mfinalfunc = ' || a.aggmfinalfn::regproc::text else '' end
                                   || coalesce(', minitcond = ' || quote_literal(a.aggminitval), '') else '' end
                                || case when a.aggsortop <> 0 then ', sortop = ' || (select 'operator(' || quote_ident(on_.nspname)
                                   || '.' || o.oprname || ')' from pg_operator o join pg_namespace on_ on on_.oid = o.oprnamespace
                                   where o.oid = a.aggsortop) else '' end
                                || case p.proparallel when 's' then ', parallel = safe' when 'r' then ', parallel = restricted' else '' end
                                || ')'
                         from pg_aggregate a where a.aggfnoid = p.oid and a.aggkind = 'n')
                    else pg_get_functiondef(p.oid) end as definition,
                    obj_description(p.oid, 'pg_proc') as comment
             from pg_proc p
             join pg_namespace n on n.oid = p.pronamespace
             join pg_language l on l.oid = p.prolang
             where {own} and not exists (select from pg_depend made where made.classid = 'pg_proc'::regclass
                                         and made.objid = p.oid and made.deptype = 'i')
             order by {aggregate}, p.oid"
        )
    }

    /// Views and materialised views.
    pub(super) fn views(&self) -> String {
        let own = self.relations("'v', 'm'");
        format!(
            "select c.oid::bigint as oid, case c.relkind when 'v' then 'view' else 'materialized view' end as kind,
                    n.nspname as schema, c.relname as name,
                    pg_get_viewdef(c.oid) as definition,
                    (select string_agg(split_part(o, '=', 1) || '=' || quote_literal(substr(o, strpos(o, '=') + 1)), ', ')
                     from unnest(c.reloptions) as o) as arguments,
                    case when not c.relispopulated then 'with no data' end as more,
                    obj_description(c.oid, 'pg_class') as comment
             from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where {own}
             order by c.oid"
        )
    }

    /// Columns of views, in order, for their names and comments.
    pub(super) fn view_columns(&self) -> String {
        let own = self.relations("'v', 'm'");
        format!(
            "select c.oid::bigint as oid, 'column' as kind, null as schema, a.attname as name,
                    pg_get_expr(d.adbin, d.adrelid) as definition, col_description(c.oid, a.attnum) as comment
             from pg_class c
             join pg_namespace n on n.oid = c.relnamespace
             join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
             left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
             where {own}
             order by c.oid, a.attnum"
        )
    }

    /// Indexes of materialised views, rules, triggers and policies of tables and views, statistics objects.
    pub(super) fn attached(&self) -> String {
        let relations = self.relations("'r', 'p', 'v', 'm'");
        let not_inherited = if self.major >= 13 {
            "g.tgparentid = 0"
        } else {
            "true"
        };
        let permissive = "case when y.polpermissive then '' else ' as restrictive' end";
        format!(
            "select ic.oid::bigint as oid, 'view index' as kind, null as schema, quote_ident(n.nspname) || '.' || quote_ident(ic.relname) as name,
                    c.oid::bigint as \"table\", pg_get_indexdef(ic.oid) as definition, null as more,
                    'index ' || quote_ident(n.nspname) || '.' || quote_ident(ic.relname) as arguments,
                    obj_description(ic.oid, 'pg_class') as comment, 1 as rank, null::text[] as roles
             from pg_class c join pg_namespace n on n.oid = c.relnamespace
             join pg_index i on i.indrelid = c.oid join pg_class ic on ic.oid = i.indexrelid
             where c.relkind = 'm' and {relations}
             union all
             select r.oid::bigint, 'rule', null, quote_ident(n.nspname) || '.' || quote_ident(c.relname) || '.' || quote_ident(r.rulename),
                    c.oid::bigint, pg_get_ruledef(r.oid),
                    case r.ev_enabled when 'D' then 'disable rule ' when 'A' then 'enable always rule ' when 'R' then 'enable replica rule ' end
                    || quote_ident(r.rulename),
                    'rule ' || quote_ident(r.rulename) || ' on ', obj_description(r.oid, 'pg_rewrite'), 2, null
             from pg_rewrite r join pg_class c on c.oid = r.ev_class join pg_namespace n on n.oid = c.relnamespace
             where r.rulename <> '_RETURN' and {relations}
             union all
             select g.oid::bigint, 'trigger', null, quote_ident(n.nspname) || '.' || quote_ident(c.relname) || '.' || quote_ident(g.tgname),
                    c.oid::bigint, pg_get_triggerdef(g.oid),
                    case g.tgenabled when 'D' then 'disable trigger ' when 'A' then 'enable always trigger ' when 'R' then 'enable replica trigger ' end
                    || quote_ident(g.tgname),
                    'trigger ' || quote_ident(g.tgname) || ' on ', obj_description(g.oid, 'pg_trigger'), 3, null
             from pg_trigger g join pg_class c on c.oid = g.tgrelid join pg_namespace n on n.oid = c.relnamespace
             where not g.tgisinternal and {not_inherited} and {relations}
             union all
             select y.oid::bigint, 'policy', null, quote_ident(n.nspname) || '.' || quote_ident(c.relname) || '.' || quote_ident(y.polname),
                    c.oid::bigint,
                    'create policy ' || quote_ident(y.polname) || ' on ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname)
                    || {permissive}
                    || case y.polcmd when 'r' then ' for select' when 'a' then ' for insert' when 'w' then ' for update'
                                     when 'd' then ' for delete' else '' end,
                    coalesce(' using (' || pg_get_expr(y.polqual, y.polrelid) || ')', '')
                    || coalesce(' with check (' || pg_get_expr(y.polwithcheck, y.polrelid) || ')', ''),
                    'policy ' || quote_ident(y.polname) || ' on ', obj_description(y.oid, 'pg_policy'), 4,
                    (select array_agg(pg_get_userbyid(u.role)::text order by u.n)
                     from unnest(y.polroles) with ordinality as u (role, n) where u.role <> 0)
             from pg_policy y join pg_class c on c.oid = y.polrelid join pg_namespace n on n.oid = c.relnamespace
             where {relations}
             union all
             select s.oid::bigint, 'statistics', null, quote_ident(sn.nspname) || '.' || quote_ident(s.stxname), c.oid::bigint,
                    pg_get_statisticsobjdef(s.oid), {target},
                    'statistics ' || quote_ident(sn.nspname) || '.' || quote_ident(s.stxname),
                    obj_description(s.oid, 'pg_statistic_ext'), 0, null
             from pg_statistic_ext s join pg_namespace sn on sn.oid = s.stxnamespace
             join pg_class c on c.oid = s.stxrelid join pg_namespace n on n.oid = c.relnamespace
             where {relations}
             order by rank, oid",
            target = if self.major >= 13 {
                "case when s.stxstattarget >= 0 then 'alter statistics ' || quote_ident(sn.nspname) || '.' || quote_ident(s.stxname)
                      || ' set statistics ' || s.stxstattarget end"
            } else {
                "null"
            },
        )
    }

    /// What is only named: for a person to move.
    pub(super) fn others(&self) -> String {
        let of_schema = |class: &str, alias: &str| self.objects(class, &format!("{alias}.oid"));
        let operators = of_schema("pg_operator", "x");
        let classes = of_schema("pg_opclass", "x");
        let parsers = of_schema("pg_ts_parser", "x");
        let templates = of_schema("pg_ts_template", "x");
        format!(
            "select x.oid::bigint as oid, 'operator' as kind, n.nspname as schema,
                    x.oprname || ' (' || format_type(x.oprleft, null) || ', ' || format_type(x.oprright, null) || ')' as name,
                    null as definition
             from pg_operator x join pg_namespace n on n.oid = x.oprnamespace where {operators}
             union all
             select x.oid::bigint, 'operator class', n.nspname, x.opcname, null
             from pg_opclass x join pg_namespace n on n.oid = x.opcnamespace where {classes}
             union all
             select x.oid::bigint, 'text search parser', n.nspname, x.prsname, null
             from pg_ts_parser x join pg_namespace n on n.oid = x.prsnamespace where {parsers}
             union all
             select x.oid::bigint, 'text search template', n.nspname, x.tmplname, null
             from pg_ts_template x join pg_namespace n on n.oid = x.tmplnamespace where {templates}
             union all
             select x.oid::bigint, 'foreign server', null, x.srvname, null from pg_foreign_server x
             union all
             select 0, 'large objects', null, count(*) || ' of them', null from pg_largeobject_metadata having count(*) > 0
             order by kind, oid"
        )
    }
}
