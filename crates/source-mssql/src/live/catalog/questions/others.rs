//! Objects that are listed for a person, and extended properties.

use crate::live::catalog::answer::record;

record! {
    /// An object that nobody translates.
    OtherRow {
        /// What a model file calls such an object.
        kind: String,
        /// NULL for what lives in no schema.
        schema_name: Option<String>,
        name: String,
        /// What there is to say about it, in Transact-SQL as far as it is short.
        definition: Option<String>,
    }
}

/// One question for each kind of object: the view that has it, and the select.
pub(crate) const OTHERS: &[(&str, &str)] = &[
    (
        "synonyms",
        "select 'SqlSynonym', s.name, y.name,
                convert(nvarchar(max), y.base_object_name)
         from sys.synonyms y join sys.schemas s on s.schema_id = y.schema_id where y.is_ms_shipped = 0",
    ),
    (
        "assemblies.is_user_defined",
        "select 'SqlAssembly', convert(nvarchar(128), null), a.name, convert(nvarchar(max), a.clr_name)
         from sys.assemblies a where a.is_user_defined = 1",
    ),
    (
        "xml_schema_collections",
        "select 'SqlXmlSchemaCollection', s.name, x.name, convert(nvarchar(max), null)
         from sys.xml_schema_collections x join sys.schemas s on s.schema_id = x.schema_id where s.name <> 'sys'",
    ),
    (
        "fulltext_indexes",
        "select 'SqlFullTextIndex', s.name, o.name, convert(nvarchar(max), 'create fulltext index on '
                + quotename(s.name) + '.' + quotename(o.name))
         from sys.fulltext_indexes f join sys.objects o on o.object_id = f.object_id
         join sys.schemas s on s.schema_id = o.schema_id where o.is_ms_shipped = 0",
    ),
    (
        "fulltext_catalogs",
        "select 'SqlFullTextCatalog', convert(nvarchar(128), null), f.name, convert(nvarchar(max), 'create fulltext catalog ' + quotename(f.name))
         from sys.fulltext_catalogs f",
    ),
    (
        "fulltext_stoplists",
        "select 'SqlFullTextStopList', convert(nvarchar(128), null), f.name, convert(nvarchar(max), 'create fulltext stoplist ' + quotename(f.name))
         from sys.fulltext_stoplists f",
    ),
    (
        "partition_functions",
        "select 'SqlPartitionFunction', convert(nvarchar(128), null), p.name, convert(nvarchar(max), 'partition function with '
                + convert(nvarchar(10), p.fanout) + ' partitions, range '
                + case when p.boundary_value_on_right = 1 then 'right' else 'left' end)
         from sys.partition_functions p",
    ),
    (
        "partition_schemes",
        "select 'SqlPartitionScheme', convert(nvarchar(128), null), p.name, convert(nvarchar(max), 'partition scheme ' + quotename(p.name)
                + coalesce(' as partition ' + quotename(f.name), ''))
         from sys.partition_schemes p left join sys.partition_functions f on f.function_id = p.function_id",
    ),
    (
        "filegroups",
        "select 'SqlFilegroup', convert(nvarchar(128), null), f.name, convert(nvarchar(max), 'filegroup ' + quotename(f.name))
         from sys.filegroups f where f.name <> 'PRIMARY'",
    ),
    (
        "stats",
        "select 'SqlStatistic', s.name, o.name + '.' + t.name, convert(nvarchar(max), 'create statistics ' + quotename(t.name)
                + ' on ' + quotename(s.name) + '.' + quotename(o.name))
         from sys.stats t join sys.objects o on o.object_id = t.object_id join sys.schemas s on s.schema_id = o.schema_id
         where t.user_created = 1 and o.is_ms_shipped = 0",
    ),
    (
        "security_policies",
        "select 'SqlSecurityPolicy', s.name, p.name, convert(nvarchar(max), 'create security policy '
                + quotename(s.name) + '.' + quotename(p.name))
         from sys.security_policies p join sys.schemas s on s.schema_id = p.schema_id where p.is_ms_shipped = 0",
    ),
    (
        "external_data_sources",
        "select 'SqlExternalDataSource', convert(nvarchar(128), null), e.name, convert(nvarchar(max), 'create external data source ' + quotename(e.name))
         from sys.external_data_sources e",
    ),
    (
        "external_file_formats",
        "select 'SqlExternalFileFormat', convert(nvarchar(128), null), e.name, convert(nvarchar(max), 'create external file format ' + quotename(e.name))
         from sys.external_file_formats e",
    ),
    (
        "service_queues",
        "select 'SqlQueue', s.name, q.name, convert(nvarchar(max), 'create queue ' + quotename(s.name) + '.' + quotename(q.name))
         from sys.service_queues q join sys.schemas s on s.schema_id = q.schema_id where q.is_ms_shipped = 0",
    ),
    (
        "column_master_keys",
        "select 'SqlColumnMasterKey', convert(nvarchar(128), null), k.name, convert(nvarchar(max), 'column master key ' + quotename(k.name))
         from sys.column_master_keys k",
    ),
    (
        "column_encryption_keys",
        "select 'SqlColumnEncryptionKey', convert(nvarchar(128), null), k.name, convert(nvarchar(max), 'column encryption key ' + quotename(k.name))
         from sys.column_encryption_keys k",
    ),
    (
        "symmetric_keys",
        "select 'SqlSymmetricKey', convert(nvarchar(128), null), k.name, convert(nvarchar(max), 'symmetric key ' + quotename(k.name))
         from sys.symmetric_keys k where k.name not like '##%'",
    ),
    (
        "asymmetric_keys",
        "select 'SqlAsymmetricKey', convert(nvarchar(128), null), k.name, convert(nvarchar(max), 'asymmetric key ' + quotename(k.name))
         from sys.asymmetric_keys k where k.name not like '##%'",
    ),
    (
        "certificates",
        "select 'SqlCertificate', convert(nvarchar(128), null), k.name, convert(nvarchar(max), 'certificate ' + quotename(k.name))
         from sys.certificates k where k.name not like '##%'",
    ),
    (
        "database_scoped_credentials",
        "select 'SqlDatabaseCredential', convert(nvarchar(128), null), k.name, convert(nvarchar(max), 'database scoped credential ' + quotename(k.name))
         from sys.database_scoped_credentials k",
    ),
    (
        "database_principals.is_fixed_role",
        "select case p.type when 'R' then 'SqlRole' when 'A' then 'SqlApplicationRole' else 'SqlUser' end, convert(nvarchar(128), null), p.name,
                convert(nvarchar(max), case p.type when 'R' then 'create role ' when 'A' then 'create application role '
                else 'create user ' end + quotename(p.name))
         from sys.database_principals p
         where p.is_fixed_role = 0 and p.name not in ('public', 'dbo', 'guest', 'sys', 'INFORMATION_SCHEMA')
             and p.name not like '##%'",
    ),
    (
        "database_role_members",
        "select 'SqlRoleMembership', convert(nvarchar(128), null), r.name + ' of ' + m.name, convert(nvarchar(max), 'alter role ' + quotename(r.name)
                + ' add member ' + quotename(m.name))
         from sys.database_role_members x join sys.database_principals r on r.principal_id = x.role_principal_id
         join sys.database_principals m on m.principal_id = x.member_principal_id where m.name <> 'dbo'",
    ),
    (
        "database_permissions",
        "select 'SqlPermissionStatement', s.name, p.permission_name + ' to ' + g.name collate database_default
                    + coalesce(' on ' + o.name, ''),
                convert(nvarchar(max), lower(p.state_desc) collate database_default + ' ' + lower(p.permission_name)
                + coalesce(' on ' + quotename(s.name) + '.' + quotename(o.name), '') + ' to ' + quotename(g.name))
         from sys.database_permissions p join sys.database_principals g on g.principal_id = p.grantee_principal_id
         left join sys.objects o on p.class = 1 and o.object_id = p.major_id
         left join sys.schemas s on s.schema_id = o.schema_id
         where (p.class <> 1 or o.is_ms_shipped = 0) and g.name not in ('public', 'dbo')
             and not (p.class = 0 and p.type = 'CO')",
    ),
];

record! {
    /// An extended property with the names of what it is on.
    PropertyRow {
        class: i64,
        class_name: Option<String>,
        name: String,
        text: Option<String>,
        /// `U`, `V`, `PK`...
        object_kind: Option<String>,
        schema_name: Option<String>,
        object_name: Option<String>,
        /// The table that a constraint or a trigger belongs to.
        parent_name: Option<String>,
        /// A column, parameter or index.
        member_name: Option<String>,
    }
}

pub(crate) const PROPERTIES: &str = "\
select convert(int, e.class) as class, convert(nvarchar(60), e.class_desc) as class_name, e.name as name,
       convert(nvarchar(max), e.value) as text, convert(nvarchar(2), o.type) as object_kind,
       coalesce(os.name, ts.name, s.name) as schema_name, coalesce(o.name, t.name) as object_name,
       po.name as parent_name, coalesce(c.name, r.name, i.name) as member_name
from sys.extended_properties e
left join sys.objects o on e.class in (1, 2, 7) and o.object_id = e.major_id
left join sys.schemas os on os.schema_id = o.schema_id
left join sys.objects po on po.object_id = o.parent_object_id
left join sys.columns c on e.class = 1 and e.minor_id > 0 and c.object_id = e.major_id and c.column_id = e.minor_id
left join sys.all_parameters r on e.class = 2 and r.object_id = e.major_id and r.parameter_id = e.minor_id
left join sys.indexes i on e.class = 7 and i.object_id = e.major_id and i.index_id = e.minor_id
left join sys.schemas s on e.class = 3 and s.schema_id = e.major_id
left join sys.types t on e.class = 6 and t.user_type_id = e.major_id
left join sys.schemas ts on ts.schema_id = t.schema_id";
