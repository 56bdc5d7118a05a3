//! Tables, their columns and their sizes.

use crate::live::catalog::answer::record;

record! {
    /// A table.
    TableRow {
        object_id: i64,
        schema_name: String,
        name: String,
        may_select: bool,
        may_unmask: Option<i64>,
        is_cdc: bool,
        is_filetable: bool,
        is_memory_optimized: bool,
        /// 1 if only the schema outlives a restart.
        durability: Option<i64>,
        /// 1 for a history table, 2 for a table with one.
        temporal_type: Option<i64>,
        history_schema: Option<String>,
        history_name: Option<String>,
        is_external: bool,
        is_graph: bool,
        /// 1 for a history table, 2 updatable, 3 append-only.
        ledger_type: Option<i64>,
        is_change_tracked: bool,
        /// Whether a security policy hides rows from somebody.
        is_filtered: bool,
    }
}

pub(crate) const TABLES: &str = "\
select convert(int, t.object_id) as object_id, s.name as schema_name, t.name as name,
       convert(int, has_perms_by_name(quotename(s.name) + '.' + quotename(t.name), 'OBJECT', 'SELECT')) as may_select,
       convert(int, has_perms_by_name(quotename(s.name) + '.' + quotename(t.name), 'OBJECT', 'UNMASK')) as may_unmask,
       convert(int, {tables.is_tracked_by_cdc ? t.is_tracked_by_cdc : 0}) as is_cdc,
       convert(int, {tables.is_filetable ? t.is_filetable : 0}) as is_filetable,
       convert(int, {tables.is_memory_optimized ? t.is_memory_optimized : 0}) as is_memory_optimized,
       convert(int, {tables.durability ? t.durability : null}) as durability,
       convert(int, {tables.temporal_type ? t.temporal_type : null}) as temporal_type,
       {tables.history_table_id ? hs.name : convert(nvarchar(128), null)} as history_schema,
       {tables.history_table_id ? h.name : convert(nvarchar(128), null)} as history_name,
       convert(int, {tables.is_external ? t.is_external : 0}) as is_external,
       {tables.is_node ? case when t.is_node = 1 or t.is_edge = 1 then 1 else 0 end : 0} as is_graph,
       convert(int, {tables.ledger_type ? t.ledger_type : null}) as ledger_type,
       {change_tracking_tables ? case when ct.object_id is null then 0 else 1 end : 0} as is_change_tracked,
       {security_predicates ? case when exists (
            select 1 from sys.security_predicates sp
            join sys.security_policies p on p.object_id = sp.object_id
            where sp.target_object_id = t.object_id and sp.predicate_type = 0 and p.is_enabled = 1
       ) then 1 else 0 end : 0} as is_filtered
from sys.tables t
join sys.schemas s on s.schema_id = t.schema_id
{change_tracking_tables ? left join sys.change_tracking_tables ct on ct.object_id = t.object_id : }
{tables.history_table_id ? left join sys.tables h on h.object_id = t.history_table_id
left join sys.schemas hs on hs.schema_id = h.schema_id : }
where t.is_ms_shipped = 0";

record! {
    /// A column of a table or view.
    ColumnRow {
        object_id: i64,
        column_id: i64,
        name: String,
        type_schema: String,
        type_name: String,
        is_user_defined: bool,
        is_assembly_type: bool,
        /// What an alias stands for.
        base_name: Option<String>,
        max_length: i64,
        precision: i64,
        scale: i64,
        is_nullable: bool,
        collation_name: Option<String>,
        is_computed: bool,
        computed: Option<String>,
        is_persisted: bool,
        is_identity: bool,
        seed: Option<String>,
        increment: Option<String>,
        last: Option<String>,
        has_default: bool,
        default_name: Option<String>,
        is_default_unnamed: bool,
        default_definition: Option<String>,
        /// A default object or a rule that was bound to it.
        has_bound_objects: bool,
        is_column_set: bool,
        is_filestream: bool,
        xml_schemas: Option<String>,
        /// 1 to 10: columns that the server fills.
        generated_always_type: Option<i64>,
        is_hidden: bool,
        is_encrypted: bool,
        is_masked: bool,
        /// Whether it is one of the columns that make a node or an edge.
        is_graph: bool,
        /// Whether the right to read it was taken away.
        is_denied: bool,
    }
}

pub(crate) const COLUMNS: &str = "\
select convert(int, c.object_id) as object_id, convert(int, c.column_id) as column_id, c.name as name,
       schema_name(t.schema_id) as type_schema, t.name as type_name, convert(int, t.is_user_defined) as is_user_defined,
       convert(int, t.is_assembly_type) as is_assembly_type, b.name as base_name,
       convert(int, c.max_length) as max_length, convert(int, c.precision) as [precision], convert(int, c.scale) as scale,
       convert(int, c.is_nullable) as is_nullable, convert(nvarchar(128), c.collation_name) as collation_name,
       convert(int, c.is_computed) as is_computed, convert(nvarchar(max), cc.definition) as computed,
       convert(int, cc.is_persisted) as is_persisted, convert(int, c.is_identity) as is_identity,
       convert(nvarchar(60), ic.seed_value) as seed, convert(nvarchar(60), ic.increment_value) as increment,
       convert(nvarchar(60), ic.last_value) as last,
       case when dc.object_id is null then 0 else 1 end as has_default, dc.name as default_name,
       convert(int, dc.is_system_named) as is_default_unnamed,
       convert(nvarchar(max), dc.definition) as default_definition,
       case when c.rule_object_id <> 0 or (c.default_object_id <> 0 and dc.object_id is null) then 1 else 0 end
           as has_bound_objects,
       convert(int, c.is_column_set) as is_column_set, convert(int, c.is_filestream) as is_filestream,
       {xml_schema_collections ? xs.name + '.' + x.name : convert(nvarchar(257), null)} as xml_schemas,
       convert(int, {columns.generated_always_type ? c.generated_always_type : null}) as generated_always_type,
       convert(int, {columns.is_hidden ? c.is_hidden : 0}) as is_hidden,
       {columns.encryption_type ? case when c.encryption_type is null then 0 else 1 end : 0} as is_encrypted,
       convert(int, {columns.is_masked ? c.is_masked : 0}) as is_masked,
       {columns.graph_type ? case when c.graph_type is null then 0 else 1 end : 0} as is_graph,
       {database_permissions ? case when exists (
            select 1 from sys.database_permissions p
            where p.class = 1 and p.major_id = c.object_id and p.minor_id = c.column_id and p.state = 'D' and p.type = 'SL'
       ) then case when has_perms_by_name(quotename(os.name) + '.' + quotename(o.name), 'OBJECT', 'SELECT', c.name, 'COLUMN') = 1
            then 0 else 1 end
       else 0 end : 0} as is_denied
from sys.columns c
join sys.objects o on o.object_id = c.object_id
join sys.schemas os on os.schema_id = o.schema_id
join sys.types t on t.user_type_id = c.user_type_id
left join sys.types b on b.user_type_id = t.system_type_id and b.is_user_defined = 0
left join sys.computed_columns cc on cc.object_id = c.object_id and cc.column_id = c.column_id
left join sys.identity_columns ic on ic.object_id = c.object_id and ic.column_id = c.column_id
left join sys.default_constraints dc on dc.parent_object_id = c.object_id and dc.parent_column_id = c.column_id
{xml_schema_collections ? left join sys.xml_schema_collections x
    on x.xml_collection_id = c.xml_collection_id and c.xml_collection_id <> 0
left join sys.schemas xs on xs.schema_id = x.schema_id : }
where o.type in ('U', 'V') and o.is_ms_shipped = 0";

record! {
    /// How large a table is.
    SizeRow {
        object_id: i64,
        row_count: Option<i64>,
        byte_count: Option<i64>,
    }
}

/// Needs the right to see the database's state.
pub(crate) const SIZES: &str = "\
select convert(int, p.object_id) as object_id, convert(bigint, sum(p.row_count)) as row_count,
       convert(bigint, sum(p.used_page_count)) * 8192 as byte_count
from sys.dm_db_partition_stats p
where p.index_id in (0, 1)
group by p.object_id";

/// Needs no right besides that to the tables.
pub(crate) const SIZES_OF_PAGES: &str = "\
select convert(int, p.object_id) as object_id, convert(bigint, sum(p.rows)) as row_count,
       {allocation_units ? convert(bigint, sum(a.used_pages)) * 8192 : convert(bigint, null)} as byte_count
from sys.partitions p
{allocation_units ? left join (
    select p.partition_id, sum(a.used_pages) as used_pages
    from sys.partitions p
    join sys.allocation_units a
        on (a.type in (1, 3) and a.container_id = p.hobt_id) or (a.type = 2 and a.container_id = p.partition_id)
    where p.index_id in (0, 1)
    group by p.partition_id
) a on a.partition_id = p.partition_id : }
where p.index_id in (0, 1)
group by p.object_id";
