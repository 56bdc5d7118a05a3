//! The database itself, its schemas and its types.

use crate::live::catalog::answer::record;

record! {
    /// The database and the login.
    DatabaseRow {
        version: String,
        product_version: Option<String>,
        /// `SERVERPROPERTY('EngineEdition')`
        engine_edition: Option<i64>,
        database_name: String,
        collation_name: Option<String>,
        /// 1 if snapshots can be taken; 2 and 3 while that changes.
        snapshot_isolation_state: Option<i64>,
        is_read_committed_snapshot_on: bool,
        is_read_only: bool,
        updateability: Option<String>,
        user_name: Option<String>,
        /// NULL where the server does not know the question.
        may_view_definitions: Option<i64>,
        may_view_state: Option<i64>,
        may_unmask: Option<i64>,
    }
}

pub(crate) const DATABASE: &str = "\
select convert(nvarchar(400), @@version) as version,
       convert(nvarchar(128), serverproperty('ProductVersion')) as product_version,
       convert(int, serverproperty('EngineEdition')) as engine_edition,
       convert(nvarchar(128), db_name()) as database_name,
       convert(nvarchar(128), databasepropertyex(db_name(), 'Collation')) as collation_name,
       convert(int, d.snapshot_isolation_state) as snapshot_isolation_state,
       convert(int, d.is_read_committed_snapshot_on) as is_read_committed_snapshot_on,
       convert(int, d.is_read_only) as is_read_only,
       convert(nvarchar(60), databasepropertyex(db_name(), 'Updateability')) as updateability,
       convert(nvarchar(128), user_name()) as user_name,
       convert(int, has_perms_by_name(quotename(db_name()), 'DATABASE', 'VIEW DEFINITION')) as may_view_definitions,
       convert(int, has_perms_by_name(quotename(db_name()), 'DATABASE', 'VIEW DATABASE STATE')) as may_view_state,
       convert(int, has_perms_by_name(quotename(db_name()), 'DATABASE', 'UNMASK')) as may_unmask
from (select 1 as one) as o
left join sys.databases d on d.name = db_name()";

record! {
    /// A schema.
    SchemaRow {
        schema_id: i64,
        name: String,
    }
}

pub(crate) const SCHEMAS: &str = "\
select convert(int, s.schema_id) as schema_id, s.name as name
from sys.schemas s";

record! {
    /// A type that somebody created.
    TypeRow {
        user_type_id: i64,
        schema_name: String,
        name: String,
        /// What an alias stands for.
        base_name: Option<String>,
        max_length: i64,
        precision: i64,
        scale: i64,
        is_assembly_type: bool,
        is_table_type: bool,
    }
}

pub(crate) const TYPES: &str = "\
select convert(int, t.user_type_id) as user_type_id, s.name as schema_name, t.name as name, b.name as base_name,
       convert(int, t.max_length) as max_length, convert(int, t.precision) as [precision], convert(int, t.scale) as scale,
       convert(int, t.is_assembly_type) as is_assembly_type, convert(int, t.is_table_type) as is_table_type
from sys.types t
join sys.schemas s on s.schema_id = t.schema_id
left join sys.types b on b.user_type_id = t.system_type_id and b.is_user_defined = 0
where t.is_user_defined = 1";
