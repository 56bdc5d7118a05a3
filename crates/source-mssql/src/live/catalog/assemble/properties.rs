//! Extended properties.

use crate::live::catalog::questions::PropertyRow;
use crate::schema::comments::Extended;

/// The properties, in the order of what they are on.
pub(super) fn read(rows: Vec<PropertyRow>) -> Vec<Extended> {
    let mut properties: Vec<Extended> = rows.into_iter().map(property).collect();
    properties.sort_by_cached_key(|p| (p.host_kind.clone(), p.host.clone(), p.property.clone()));
    properties
}

/// The numbers are those of `sys.extended_properties.class`, the letters those of `sys.objects.type`.
fn property(row: PropertyRow) -> Extended {
    let letters = row.object_kind.as_deref().unwrap_or_default().trim_end();
    let host_kind = match (row.class, letters) {
        (0, _) => "SqlDatabaseOptions",
        (1, "U") if row.member_name.is_some() => "SqlColumn",
        (1, "V") if row.member_name.is_some() => "SqlColumn",
        (1, "U") => "SqlTableBase",
        (1, "V") => "SqlView",
        (1, "PK" | "UQ" | "F" | "C" | "D") => "SqlConstraint",
        (1, "P" | "PC") => "SqlProcedure",
        (1, "FN" | "IF" | "TF" | "FS" | "FT") => "SqlFunction",
        (1, "TR" | "TA") => "SqlDmlTrigger",
        (1, "SO") => "SqlSequence",
        (1, "SN") => "SqlSynonym",
        (2, _) => "SqlSubroutineParameter",
        (3, _) => "SqlSchema",
        (6, _) => "SqlType",
        (7, _) => "SqlIndexBase",
        _ => row.class_name.as_deref().unwrap_or("SqlObject"),
    };
    // What the server does not show of a name stays away, and the property is listed.
    let host = [
        row.schema_name.as_deref(),
        row.object_name.as_deref(),
        row.member_name.as_deref(),
    ];
    Extended {
        host: host.into_iter().flatten().map(str::to_owned).collect(),
        host_kind: host_kind.to_owned(),
        property: row.name,
        text: row.text.unwrap_or_default(),
    }
}
