//! Sequences, and everything that is written in Transact-SQL.

use crate::live::catalog::answer::record;

record! {
    /// A sequence.
    SequenceRow {
        schema_name: String,
        name: String,
        type_name: String,
        base_name: Option<String>,
        precision: i64,
        start_value: Option<String>,
        increment: Option<String>,
        minimum_value: Option<String>,
        maximum_value: Option<String>,
        is_cycling: bool,
        current_value: Option<String>,
        /// NULL if no number was ever handed out.
        last_used_value: Option<String>,
        /// Whether the server can tell a fresh sequence from one of which one number was taken.
        knows_last_used: bool,
    }
}

pub(crate) const SEQUENCES: &str = "\
select s.name as schema_name, q.name as name, t.name as type_name, b.name as base_name,
       convert(int, q.precision) as [precision],
       convert(nvarchar(60), q.start_value) as start_value, convert(nvarchar(60), q.increment) as increment,
       convert(nvarchar(60), q.minimum_value) as minimum_value, convert(nvarchar(60), q.maximum_value) as maximum_value,
       convert(int, q.is_cycling) as is_cycling, convert(nvarchar(60), q.current_value) as current_value,
       {sequences.last_used_value ? convert(nvarchar(60), q.last_used_value) : convert(nvarchar(60), null)} as last_used_value,
       {sequences.last_used_value ? 1 : 0} as knows_last_used
from sys.sequences q
join sys.schemas s on s.schema_id = q.schema_id
join sys.types t on t.user_type_id = q.user_type_id
left join sys.types b on b.user_type_id = t.system_type_id and b.is_user_defined = 0
where q.is_ms_shipped = 0";

record! {
    /// A view, procedure, function, trigger, default or rule.
    ModuleRow {
        object_id: i64,
        /// NULL for triggers on the database.
        schema_name: Option<String>,
        name: String,
        /// `V`, `P`, `FN`...
        kind: String,
        definition: Option<String>,
        is_encrypted: bool,
        /// What a .NET assembly is called that has it.
        assembly: Option<String>,
    }
}

pub(crate) const MODULES: &str = "\
select convert(int, o.object_id) as object_id, s.name as schema_name, o.name as name,
       convert(nvarchar(2), o.type) as kind, convert(nvarchar(max), m.definition) as definition,
       convert(int, objectproperty(o.object_id, 'IsEncrypted')) as is_encrypted,
       {assembly_modules ? a.name collate database_default + '.' + am.assembly_class collate database_default
           + coalesce('.' + am.assembly_method collate database_default, '') : convert(nvarchar(400), null)}
           as assembly
from sys.objects o
join sys.schemas s on s.schema_id = o.schema_id
left join sys.sql_modules m on m.object_id = o.object_id
{assembly_modules ? left join sys.assembly_modules am on am.object_id = o.object_id
left join sys.assemblies a on a.assembly_id = am.assembly_id : }
where o.is_ms_shipped = 0
    and (o.type in ('V', 'P', 'FN', 'IF', 'TF', 'TR', 'R', 'PC', 'FS', 'FT', 'AF', 'TA') or (o.type = 'D' and o.parent_object_id = 0))
union all
select convert(int, t.object_id), convert(nvarchar(128), null), t.name, convert(nvarchar(2), t.type),
       convert(nvarchar(max), m.definition), case when m.object_id is not null and m.definition is null then 1 else 0 end,
       convert(nvarchar(400), null)
from sys.triggers t
left join sys.sql_modules m on m.object_id = t.object_id
where t.parent_class = 0 and t.is_ms_shipped = 0";
