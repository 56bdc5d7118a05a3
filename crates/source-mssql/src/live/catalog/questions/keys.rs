//! Indexes, keys, foreign keys and checks.

use crate::live::catalog::answer::record;

record! {
    /// An index, or the heap that stands for none.
    IndexRow {
        object_id: i64,
        index_id: i64,
        name: Option<String>,
        /// 0 heap, 1 clustered, 2 nonclustered, 3 xml, 4 spatial, 5 and 6 columnstore, 7 hash.
        kind: i64,
        is_unique: bool,
        is_primary_key: bool,
        is_unique_constraint: bool,
        /// Whether the server chose the constraint's name.
        is_unnamed: bool,
        is_disabled: bool,
        ignores_duplicates: bool,
        has_filter: bool,
        filter_definition: Option<String>,
        partition_scheme: Option<String>,
        /// Whether it is the primary one of an xml column.
        is_primary_xml: bool,
    }
}

pub(crate) const INDEXES: &str = "\
select convert(int, i.object_id) as object_id, convert(int, i.index_id) as index_id, i.name as name,
       convert(int, i.type) as kind, convert(int, i.is_unique) as is_unique,
       convert(int, i.is_primary_key) as is_primary_key, convert(int, i.is_unique_constraint) as is_unique_constraint,
       convert(int, k.is_system_named) as is_unnamed, convert(int, i.is_disabled) as is_disabled,
       convert(int, i.ignore_dup_key) as ignores_duplicates, convert(int, i.has_filter) as has_filter,
       convert(nvarchar(max), i.filter_definition) as filter_definition,
       {partition_schemes ? ps.name : convert(nvarchar(128), null)} as partition_scheme,
       {xml_indexes.using_xml_index_id ? case when x.index_id is not null and x.using_xml_index_id is null then 1 else 0 end : 0}
           as is_primary_xml
from sys.indexes i
join sys.objects o on o.object_id = i.object_id
left join sys.key_constraints k
    on k.parent_object_id = i.object_id and k.name = i.name and (i.is_primary_key = 1 or i.is_unique_constraint = 1)
{partition_schemes ? left join sys.partition_schemes ps on ps.data_space_id = i.data_space_id : }
{xml_indexes.using_xml_index_id ? left join sys.xml_indexes x on x.object_id = i.object_id and x.index_id = i.index_id : }
where o.type in ('U', 'V') and o.is_ms_shipped = 0 and i.is_hypothetical = 0";

record! {
    /// A column of an index.
    IndexColumnRow {
        object_id: i64,
        index_id: i64,
        index_column_id: i64,
        /// 0 for columns that are not sorted by.
        key_ordinal: i64,
        /// 0 for columns that the table is not partitioned by.
        partition_ordinal: i64,
        is_descending: bool,
        is_included: bool,
        column_name: String,
    }
}

pub(crate) const INDEX_COLUMNS: &str = "\
select convert(int, ic.object_id) as object_id, convert(int, ic.index_id) as index_id,
       convert(int, ic.index_column_id) as index_column_id, convert(int, ic.key_ordinal) as key_ordinal,
       convert(int, ic.partition_ordinal) as partition_ordinal, convert(int, ic.is_descending_key) as is_descending,
       convert(int, ic.is_included_column) as is_included, c.name as column_name
from sys.index_columns ic
join sys.objects o on o.object_id = ic.object_id
join sys.columns c on c.object_id = ic.object_id and c.column_id = ic.column_id
where o.type in ('U', 'V') and o.is_ms_shipped = 0";

record! {
    /// A pair of columns of a foreign key.
    ForeignKeyRow {
        constraint_id: i64,
        name: String,
        is_unnamed: bool,
        object_id: i64,
        referenced_object_id: i64,
        referenced_schema: String,
        referenced_table: String,
        /// 0 no action, 1 cascade, 2 set null, 3 set default.
        delete_action: i64,
        update_action: i64,
        is_disabled: bool,
        is_not_trusted: bool,
        ordinal: i64,
        column_name: String,
        referenced_column: String,
    }
}

pub(crate) const FOREIGN_KEYS: &str = "\
select convert(int, f.object_id) as constraint_id, f.name as name, convert(int, f.is_system_named) as is_unnamed,
       convert(int, f.parent_object_id) as object_id, convert(int, f.referenced_object_id) as referenced_object_id,
       rs.name as referenced_schema, r.name as referenced_table,
       convert(int, f.delete_referential_action) as delete_action,
       convert(int, f.update_referential_action) as update_action, convert(int, f.is_disabled) as is_disabled,
       convert(int, f.is_not_trusted) as is_not_trusted, convert(int, fc.constraint_column_id) as ordinal,
       pc.name as column_name, rc.name as referenced_column
from sys.foreign_keys f
join sys.foreign_key_columns fc on fc.constraint_object_id = f.object_id
join sys.columns pc on pc.object_id = fc.parent_object_id and pc.column_id = fc.parent_column_id
join sys.columns rc on rc.object_id = fc.referenced_object_id and rc.column_id = fc.referenced_column_id
join sys.objects r on r.object_id = f.referenced_object_id
join sys.schemas rs on rs.schema_id = r.schema_id
where f.is_ms_shipped = 0";

record! {
    /// A check constraint.
    CheckRow {
        object_id: i64,
        name: String,
        is_unnamed: bool,
        definition: Option<String>,
        is_disabled: bool,
        is_not_trusted: bool,
    }
}

pub(crate) const CHECKS: &str = "\
select convert(int, c.parent_object_id) as object_id, c.name as name, convert(int, c.is_system_named) as is_unnamed,
       convert(nvarchar(max), c.definition) as definition, convert(int, c.is_disabled) as is_disabled,
       convert(int, c.is_not_trusted) as is_not_trusted
from sys.check_constraints c
where c.is_ms_shipped = 0";
