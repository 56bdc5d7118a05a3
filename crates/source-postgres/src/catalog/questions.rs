//! What is asked of the source's catalog about tables: one statement for each kind of thing, for all tables at once.

use serde::Deserialize;

/// Schemas of people, and what is in them that no extension owns. `{kinds}` and `{schemas}` are filled in.
pub(super) struct Wanted {
    /// A condition on `n.nspname`.
    pub(super) schemas: String,
    pub(super) major: u32,
    /// Whether the source is a Supabase project whose own things stay behind.
    pub(super) supabase: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct TableRow {
    pub(super) oid: u32,
    pub(super) schema: String,
    pub(super) name: String,
    /// `r`, `p` or `f`.
    pub(super) kind: String,
    /// `p`ermanent or `u`nlogged.
    pub(super) persistence: String,
    pub(super) partition_by: Option<String>,
    pub(super) bound: Option<String>,
    pub(super) parents: Option<Vec<u32>>,
    pub(super) options: Option<Vec<String>>,
    pub(super) toast_options: Option<Vec<String>>,
    pub(super) access_method: Option<String>,
    pub(super) of_type: Option<String>,
    pub(super) replica: String,
    pub(super) replica_index: Option<String>,
    pub(super) row_security: bool,
    pub(super) forced: bool,
    pub(super) restricted: bool,
    pub(super) rows: f64,
    pub(super) bytes: u64,
    pub(super) comment: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ColumnRow {
    pub(super) table: u32,
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) ty: u32,
    pub(super) printed: String,
    pub(super) not_null: bool,
    /// Empty, `a`lways or by `d`efault.
    pub(super) identity: String,
    /// Empty, `s`tored or `v`irtual.
    pub(super) generated: String,
    pub(super) default: Option<String>,
    pub(super) collation: Option<String>,
    pub(super) local: bool,
    pub(super) storage: Option<String>,
    pub(super) compression: Option<String>,
    pub(super) statistics: Option<i32>,
    pub(super) options: Option<Vec<String>>,
    pub(super) comment: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ConstraintRow {
    pub(super) table: u32,
    pub(super) name: String,
    /// `p`, `u`, `f`, `c`, `x`, `n`, `t`.
    pub(super) kind: String,
    pub(super) definition: String,
    pub(super) validated: bool,
    pub(super) enforced: bool,
    pub(super) local: bool,
    pub(super) inherited: bool,
    pub(super) columns: Option<Vec<String>>,
    pub(super) other: u32,
    pub(super) other_columns: Option<Vec<String>>,
    pub(super) on_delete: String,
    pub(super) on_update: String,
    pub(super) index: u32,
    pub(super) comment: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct IndexRow {
    pub(super) oid: u32,
    pub(super) table: u32,
    pub(super) schema: String,
    pub(super) name: String,
    pub(super) definition: String,
    /// Key columns that are columns of the table, with whether they are sorted downwards.
    pub(super) columns: Option<Vec<String>>,
    pub(super) descending: Option<Vec<bool>>,
    pub(super) include: Option<Vec<String>>,
    pub(super) expressions: Option<String>,
    pub(super) condition: Option<String>,
    pub(super) method: String,
    pub(super) unique: bool,
    pub(super) valid: bool,
    pub(super) clustered: bool,
    pub(super) constraint: bool,
    pub(super) nulls_not_distinct: bool,
    pub(super) options: Option<Vec<String>>,
    pub(super) parent: Option<u32>,
    pub(super) statistics: Option<Vec<(i32, i32)>>,
    pub(super) comment: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct SequenceRow {
    pub(super) oid: u32,
    pub(super) schema: String,
    pub(super) name: String,
    pub(super) data_type: String,
    pub(super) start: i64,
    pub(super) increment: i64,
    pub(super) min: i64,
    pub(super) max: i64,
    pub(super) cache: i64,
    pub(super) cycle: bool,
    pub(super) unlogged: bool,
    pub(super) last: Option<i64>,
    /// The table and column that it belongs to.
    pub(super) owner: Option<u32>,
    pub(super) owner_column: Option<String>,
    /// Whether it is an identity's.
    pub(super) internal: bool,
    pub(super) comment: Option<String>,
}

/// Not a member of an extension.
fn own(class: &str, oid: &str) -> String {
    format!(
        "not exists (select from pg_depend own where own.classid = '{class}'::regclass and own.objid = {oid}
                     and own.deptype = 'e')"
    )
}

impl Wanted {
    /// Relations of the kinds that are a person's own: a condition on `c` and `n`.
    pub(super) fn relations(&self, kinds: &str) -> String {
        format!(
            "c.relkind in ({kinds}) and c.relpersistence <> 't' and {} and {}",
            self.schemas,
            own("pg_class", "c.oid")
        )
    }

    /// Objects of another catalog that no extension owns.
    pub(super) fn objects(&self, class: &str, oid: &str) -> String {
        format!("{} and {}", self.schemas, own(class, oid))
    }

    pub(super) fn tables(&self) -> String {
        let relations = self.relations("'r', 'p', 'f'");
        format!(
            "select c.oid::bigint as oid, n.nspname as schema, c.relname as name, c.relkind::text as kind,
                    c.relpersistence::text as persistence, pg_get_partkeydef(c.oid) as partition_by,
                    pg_get_expr(c.relpartbound, c.oid) as bound,
                    (select array_agg(i.inhparent::bigint order by i.inhseqno) from pg_inherits i where i.inhrelid = c.oid) as parents,
                    c.reloptions as options, toast.reloptions as toast_options, nullif(am.amname, 'heap') as access_method,
                    case when c.reloftype <> 0 then format_type(c.reloftype, null) end as of_type,
                    c.relreplident::text as replica,
                    (select ic.relname from pg_index i join pg_class ic on ic.oid = i.indexrelid
                     where i.indrelid = c.oid and i.indisreplident) as replica_index,
                    c.relrowsecurity as row_security, c.relforcerowsecurity as forced, row_security_active(c.oid) as restricted,
                    c.reltuples::float8 as rows,
                    case when c.relkind = 'r' then coalesce(pg_table_size(c.oid), 0) else 0 end as bytes,
                    obj_description(c.oid, 'pg_class') as comment
             from pg_class c
             join pg_namespace n on n.oid = c.relnamespace
             left join pg_class toast on toast.oid = c.reltoastrelid
             left join pg_am am on am.oid = c.relam
             where {relations}
             order by n.nspname, c.relname"
        )
    }

    pub(super) fn columns(&self) -> String {
        let relations = self.relations("'r', 'p', 'f'");
        let generated = if self.major >= 12 {
            "a.attgenerated::text"
        } else {
            "''"
        };
        let compression = if self.major >= 14 {
            "nullif(a.attcompression::text, '')"
        } else {
            "null::text"
        };
        format!(
            "select a.attrelid::bigint as \"table\", a.attname as name, a.atttypid::bigint as \"type\",
                    format_type(a.atttypid, a.atttypmod) as printed, a.attnotnull as not_null,
                    a.attidentity::text as identity, {generated} as generated, pg_get_expr(d.adbin, d.adrelid) as default,
                    case when a.attcollation <> t.typcollation
                         then quote_ident(cn.nspname) || '.' || quote_ident(co.collname) end as collation,
                    a.attislocal as local,
                    case when a.attstorage <> t.typstorage then a.attstorage::text end as storage,
                    {compression} as compression,
                    nullif(a.attstattarget, -1)::int as statistics, a.attoptions as options,
                    col_description(a.attrelid, a.attnum) as comment
             from pg_attribute a
             join pg_class c on c.oid = a.attrelid
             join pg_namespace n on n.oid = c.relnamespace
             join pg_type t on t.oid = a.atttypid
             left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
             left join pg_collation co on co.oid = a.attcollation
             left join pg_namespace cn on cn.oid = co.collnamespace
             where a.attnum > 0 and not a.attisdropped and {relations}
             order by a.attrelid, a.attnum"
        )
    }

    pub(super) fn constraints(&self) -> String {
        let relations = self.relations("'r', 'p', 'f'");
        let enforced = if self.major >= 18 { "k.conenforced" } else { "true" };
        let parent = if self.major >= 11 {
            "k.conparentid <> 0"
        } else {
            "false"
        };
        format!(
            "select k.conrelid::bigint as \"table\", k.conname as name, k.contype::text as kind,
                    pg_get_constraintdef(k.oid) as definition, k.convalidated as validated, {enforced} as enforced,
                    k.conislocal as local, k.coninhcount > 0 or {parent} as inherited,
                    (select array_agg(a.attname order by u.n) from unnest(k.conkey) with ordinality as u (num, n)
                     join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.num) as columns,
                    k.confrelid::bigint as other,
                    (select array_agg(a.attname order by u.n) from unnest(k.confkey) with ordinality as u (num, n)
                     join pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.num) as other_columns,
                    k.confdeltype::text as on_delete, k.confupdtype::text as on_update, k.conindid::bigint as index,
                    obj_description(k.oid, 'pg_constraint') as comment
             from pg_constraint k
             join pg_class c on c.oid = k.conrelid
             join pg_namespace n on n.oid = c.relnamespace
             where k.contype in ('p', 'u', 'f', 'c', 'x', 'n') and {relations}
             order by k.conrelid, k.contype, k.conname"
        )
    }

    pub(super) fn indexes(&self) -> String {
        let relations = self.relations("'r', 'p'");
        let keys = if self.major >= 11 {
            "i.indnkeyatts"
        } else {
            "i.indnatts"
        };
        let nulls = if self.major >= 15 {
            "i.indnullsnotdistinct"
        } else {
            "false"
        };
        format!(
            "select ic.oid::bigint as oid, i.indrelid::bigint as \"table\", n.nspname as schema, ic.relname as name,
                    pg_get_indexdef(ic.oid) as definition,
                    (select array_agg(a.attname order by u.n) from unnest(i.indkey::int2[]) with ordinality as u (num, n)
                     join pg_attribute a on a.attrelid = i.indrelid and a.attnum = u.num
                     where u.num > 0 and u.n <= {keys}) as columns,
                    (select array_agg(u.option & 1 = 1 order by u.n)
                     from unnest(i.indkey::int2[], i.indoption::int2[]) with ordinality as u (num, option, n)
                     where u.num > 0 and u.n <= {keys}) as descending,
                    (select array_agg(a.attname order by u.n) from unnest(i.indkey::int2[]) with ordinality as u (num, n)
                     join pg_attribute a on a.attrelid = i.indrelid and a.attnum = u.num where u.n > {keys}) as include,
                    pg_get_expr(i.indexprs, i.indrelid) as expressions, pg_get_expr(i.indpred, i.indrelid) as condition,
                    am.amname as method, i.indisunique as unique, i.indisvalid as valid, i.indisclustered as clustered,
                    k.oid is not null as constraint, {nulls} as nulls_not_distinct, ic.reloptions as options,
                    (select h.inhparent::bigint from pg_inherits h where h.inhrelid = ic.oid) as parent,
                    (select json_agg(json_build_array(a.attnum, a.attstattarget) order by a.attnum) from pg_attribute a
                     where a.attrelid = ic.oid and a.attstattarget >= 0) as statistics,
                    obj_description(ic.oid, 'pg_class') as comment
             from pg_index i
             join pg_class ic on ic.oid = i.indexrelid
             join pg_class c on c.oid = i.indrelid
             join pg_namespace n on n.oid = c.relnamespace
             join pg_am am on am.oid = ic.relam
             left join pg_constraint k on k.conindid = ic.oid and k.conrelid = c.oid and k.contype in ('p', 'u', 'x')
             where {relations}
             order by i.indrelid, ic.relname"
        )
    }

    pub(super) fn sequences(&self) -> String {
        let relations = self.relations("'S'");
        format!(
            "select c.oid::bigint as oid, n.nspname as schema, c.relname as name, format_type(s.seqtypid, null) as data_type,
                    s.seqstart as start, s.seqincrement as increment, s.seqmin as min, s.seqmax as max, s.seqcache as cache,
                    s.seqcycle as cycle, c.relpersistence = 'u' as unlogged,
                    case when has_sequence_privilege(c.oid, 'select, usage') then pg_sequence_last_value(c.oid) end as last,
                    d.refobjid::bigint as owner, a.attname as owner_column, coalesce(d.deptype = 'i', false) as internal,
                    obj_description(c.oid, 'pg_class') as comment
             from pg_sequence s
             join pg_class c on c.oid = s.seqrelid
             join pg_namespace n on n.oid = c.relnamespace
             left join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = c.oid
                  and d.refclassid = 'pg_class'::regclass and d.refobjsubid > 0 and d.deptype in ('a', 'i')
             left join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
             where {relations}
             order by n.nspname, c.relname"
        )
    }
}
