//! Columns and their types.

use migrate_core::Result;
use migrate_core::catalog::{Collation, Column, ObjectName};
use migrate_core::{Error, ErrorKind};

use super::script;
use crate::classify::unsupported;
use crate::live::catalog::facts::{Engine, ReadColumn, Refusal};
use crate::live::catalog::questions::{ColumnRow, TypeRow};
use crate::schema::collation::collation;
use crate::schema::columns::{self, Declared, Inferred};
use crate::schema::{ComputedDraft, DefaultDraft, Script, TableDraft};
use crate::types::{NativeType, Stated};

/// A column as the catalog and the readers have it.
#[derive(Debug, Clone)]
pub(super) struct BuiltColumn {
    pub(super) column: Column,
    /// None for computed columns, which are not read.
    pub(super) read: Option<ReadColumn>,
    /// The type as the server states it, computed or not.
    pub(super) native: Option<NativeType>,
    /// Its expression, whether it is stored, and where its type comes from.
    computed: Option<(Script, bool, Inferred)>,
    default: Option<(String, bool, Script)>,
    /// Why it cannot be read.
    pub(super) refusal: Option<Refusal>,
}

pub(super) fn column(row: &ColumnRow, default_collation: Option<&Collation>) -> Result<BuiltColumn> {
    let declared = declared(row);
    let native = declared.as_ref().ok().map(|d| d.native);
    let own_collation = row.collation_name.as_deref().map(collation);
    let own_collation = own_collation.or_else(|| default_collation.cloned());
    if row.is_computed {
        let (column, inferred) = computed(row, declared.ok(), own_collation);
        return Ok(BuiltColumn {
            column,
            read: None,
            native,
            computed: Some((script(row.computed.as_ref()), row.is_persisted, inferred)),
            default: None,
            refusal: None,
        });
    }
    let identity = identity(row).map_err(|e| e.at("column", &row.name))?;
    let (declared, unknown) = match declared {
        Ok(declared) => (declared, None),
        Err(reason) => {
            let spelling = row.type_name.clone();
            (bytes_called(spelling), Some(reason))
        }
    };
    let read = ReadColumn {
        name: row.name.clone(),
        native: declared.native,
        nullable: row.is_nullable,
        collation: row.collation_name.clone(),
        hidden: row.is_hidden,
    };
    let default = row.has_default.then(|| {
        (
            row.default_name.clone().unwrap_or_default(),
            row.is_default_unnamed,
            script(row.default_definition.as_ref()),
        )
    });
    Ok(BuiltColumn {
        column: columns::stored(
            row.name.clone(),
            declared,
            row.is_nullable,
            identity,
            own_collation,
        ),
        read: Some(read),
        native,
        computed: None,
        default,
        refusal: unknown.map(|reason| unreadable(row, reason)),
    })
}

impl BuiltColumn {
    /// Gives the column's expressions to its table.
    pub(super) fn attach(&self, position: usize, engine: Engine, draft: &mut TableDraft) {
        if let Some((script, persisted, ty)) = &self.computed {
            draft.computed.push(ComputedDraft {
                position,
                script: script.clone(),
                persisted: *persisted,
                ty: *ty,
            });
        }
        if let Some((name, unnamed, script)) = &self.default {
            draft.defaults.push(DefaultDraft {
                position,
                name: super::constraint_name(name, *unnamed, engine),
                script: script.clone(),
            });
        }
    }
}

/// A computed column with the type that the server states, if this version knows it.
fn computed(row: &ColumnRow, declared: Option<Declared>, collation: Option<Collation>) -> (Column, Inferred) {
    let unknown = columns::computed(row.name.clone(), row.is_nullable);
    let Some(declared) = declared else {
        return (unknown, Inferred::FromExpression);
    };
    let column = Column {
        native: declared.spelling,
        pg: declared.native.pg(),
        collation: collation.filter(|_| declared.native.is_text()),
        ..unknown
    };
    (column, Inferred::Stated)
}

/// What stands for a type that is unknown, until a person decides about the table.
fn bytes_called(spelling: String) -> Declared {
    Declared {
        native: NativeType::clr(),
        spelling,
        alias: None,
    }
}

fn unreadable(row: &ColumnRow, reason: String) -> Refusal {
    Refusal {
        kind: ErrorKind::Unsupported,
        message: reason,
        remedy: "change the column to a type that is supported".to_owned(),
        column: Some(row.name.clone()),
    }
}

/// The type that a column is declared with, or why it is unknown.
fn declared(row: &ColumnRow) -> Result<Declared, String> {
    if row.is_assembly_type && row.is_user_defined {
        return Ok(Declared {
            native: NativeType::clr(),
            spelling: format!("[{}].[{}]", row.type_schema, row.type_name),
            alias: None,
        });
    }
    let base = if row.is_user_defined {
        row.base_name.as_deref()
    } else {
        Some(row.type_name.as_str())
    };
    let native = native(
        base.unwrap_or(&row.type_name),
        row.max_length,
        row.precision,
        row.scale,
    )?;
    Ok(Declared {
        native,
        spelling: native.to_string(),
        alias: row
            .is_user_defined
            .then(|| ObjectName::new(&*row.type_schema, &*row.type_name)),
    })
}

/// The built-in type behind an alias.
pub(super) fn alias_type(row: &TypeRow) -> Result<NativeType> {
    let base = row
        .base_name
        .as_deref()
        .ok_or_else(|| unsupported("the type behind the alias is unknown"))?;
    let native = native(base, row.max_length, row.precision, row.scale);
    native.map_err(|reason| unsupported(reason).hint("drop the alias type if nothing uses it"))
}

/// A built-in type from what `sys.types` and `sys.columns` say: lengths in bytes, -1 for `max`, and a precision and scale
/// for types that have none.
pub(super) fn native(name: &str, max_length: i64, precision: i64, scale: i64) -> Result<NativeType, String> {
    let name = name.to_lowercase();
    let small = |n: i64| u8::try_from(n).ok();
    let width = if name == "nchar" || name == "nvarchar" {
        2
    } else {
        1
    };
    let sized = matches!(
        name.as_str(),
        "char" | "varchar" | "nchar" | "nvarchar" | "binary" | "varbinary"
    );
    let exact = matches!(name.as_str(), "decimal" | "numeric" | "float");
    let timed = matches!(name.as_str(), "time" | "datetime2" | "datetimeoffset");
    let stated = Stated {
        length: (sized && max_length > 0)
            .then(|| u32::try_from(max_length / width).ok())
            .flatten(),
        max: sized && max_length == -1,
        precision: small(precision).filter(|_| exact),
        scale: small(scale).filter(|_| exact || timed),
    };
    match NativeType::new(&name, stated) {
        Some(Ok(native)) => Ok(native),
        Some(Err(reason)) => Err(format!("the type {name}: {reason}")),
        None => Err(format!("the type {name} is unknown")),
    }
}

fn identity(row: &ColumnRow) -> Result<Option<migrate_core::catalog::Identity>> {
    if !row.is_identity {
        return Ok(None);
    }
    let number = |text: Option<&String>| -> Result<i64, Error> {
        text.map_or(Ok(1), |t| t.trim().parse())
            .map_err(|_| unsupported("the numbers of the identity do not fit into 64 bits"))
    };
    let (seed, increment) = (number(row.seed.as_ref())?, number(row.increment.as_ref())?);
    let last = row.last.as_ref().and_then(|l| l.trim().parse().ok());
    Ok(Some(columns::identity(seed, increment, last)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_known_by_their_names() {
        for (name, length, precision, scale, expected) in [
            ("int", 4, 10, 0, "int"),
            ("NVARCHAR", 100, 0, 0, "nvarchar(50)"),
            ("nvarchar", -1, 0, 0, "nvarchar(max)"),
            ("varchar", 50, 0, 0, "varchar(50)"),
            ("nchar", 20, 0, 0, "nchar(10)"),
            ("varbinary", -1, 0, 0, "varbinary(max)"),
            ("decimal", 9, 12, 2, "decimal(12,2)"),
            ("money", 8, 19, 4, "money"),
            ("float", 8, 53, 0, "float"),
            ("real", 4, 24, 0, "real"),
            ("datetime", 8, 23, 3, "datetime"),
            ("datetime2", 8, 27, 7, "datetime2(7)"),
            ("time", 3, 8, 0, "time(0)"),
            ("date", 3, 10, 0, "date"),
            ("timestamp", 8, 0, 0, "rowversion"),
            ("sysname", 256, 0, 0, "nvarchar(128)"),
            ("xml", -1, 0, 0, "xml"),
            ("text", 16, 0, 0, "text"),
            ("hierarchyid", 892, 0, 0, "hierarchyid"),
            ("sql_variant", 8016, 0, 0, "sql_variant"),
            ("json", -1, 0, 0, "json"),
            ("vector", 20, 0, 0, "vector"),
        ] {
            let native = native(name, length, precision, scale).unwrap();
            assert_eq!(native.to_string(), expected, "{name}");
        }
        assert_eq!(
            native("tensor", 8, 0, 0).unwrap_err(),
            "the type tensor is unknown"
        );
        assert!(native("decimal", 17, 39, 0).unwrap_err().contains("39"));
    }

    #[test]
    fn an_alias_resolves_and_a_dotnet_type_does_not() {
        let row = ColumnRow {
            type_schema: "sales".into(),
            type_name: "Code".into(),
            is_user_defined: true,
            base_name: Some("nchar".into()),
            max_length: 8,
            ..ColumnRow::default()
        };
        let alias = declared(&row).unwrap();
        assert_eq!(
            (alias.spelling.as_str(), alias.alias),
            ("nchar(4)", Some(ObjectName::new("sales", "Code")))
        );
        let row = ColumnRow {
            is_assembly_type: true,
            ..row
        };
        let clr = declared(&row).unwrap();
        assert_eq!((clr.spelling.as_str(), clr.alias), ("[sales].[Code]", None));
        let system = ColumnRow {
            type_name: "geography".into(),
            is_user_defined: false,
            ..row
        };
        assert_eq!(declared(&system).unwrap().spelling, "geography");
    }
}
