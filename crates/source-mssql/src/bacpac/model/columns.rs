//! Columns and their types.

use std::collections::{HashMap, HashSet};

use migrate_core::catalog::{AliasType, Collation, Column, Identity, ObjectName};
use migrate_core::{Error, Result};

use super::super::layout::StoredColumn;
use super::name;
use super::xml::{Entry, Node};
use crate::classify::{corrupt, unsupported};
use crate::schema::collation::collation;
use crate::schema::columns::{self, Declared};
use crate::types::{Base, NativeType, Stated};

/// The user-defined types of a database.
#[derive(Debug, Default)]
pub(crate) struct UserTypes {
    aliases: HashMap<ObjectName, (NativeType, bool)>,
    clr: HashSet<ObjectName>,
}

/// What a type specifier means.
struct Specified {
    declared: Declared,
    scale_stated: bool,
}

impl UserTypes {
    /// Takes an alias type in.
    pub(crate) fn add_alias(&mut self, node: &Node) -> Result<AliasType> {
        let name = name::object(&node.name)?;
        let specified = self.specified(node).map_err(|e| e.at("alias type", &name))?;
        let native = specified.declared.native;
        self.aliases
            .insert(name.clone(), (native, specified.scale_stated));
        Ok(AliasType {
            native: specified.declared.spelling,
            pg: native.pg(),
            name,
            comment: None,
        })
    }

    /// Takes in a type that an assembly defines.
    pub(crate) fn add_clr(&mut self, node: &Node) -> Result<()> {
        self.clr.insert(name::object(&node.name)?);
        Ok(())
    }

    /// Reads the facets and the `Type` of a specifier or an alias type.
    fn specified(&self, node: &Node) -> Result<Specified> {
        let Some(Entry::Reference {
            name: reference,
            built_in,
            ..
        }) = node.entries("Type").first()
        else {
            return Err(corrupt("a column does not refer to any type"));
        };
        let parts = name::parts(reference)?;
        let last = parts.last().map_or("", String::as_str);
        let system = *built_in || parts.len() == 1 || parts[0] == "sys";
        if !system {
            let alias = name::object(reference)?;
            if let Some((native, scale_stated)) = self.aliases.get(&alias) {
                let spelling = native.to_string();
                return Ok(Specified {
                    declared: Declared {
                        native: *native,
                        spelling,
                        alias: Some(alias),
                    },
                    scale_stated: *scale_stated,
                });
            }
            if self.clr.contains(&alias) {
                let spelling = format!("[{}].[{}]", alias.schema, alias.name);
                return Ok(Specified {
                    declared: Declared {
                        native: NativeType::clr(),
                        spelling,
                        alias: None,
                    },
                    scale_stated: true,
                });
            }
            return Err(
                unsupported(format!("the type {} is unknown", name::readable(reference))).hint(UNKNOWN_TYPE),
            );
        }
        let number = |property: &str| -> Result<Option<u32>> {
            let value = node.property(property).map(str::parse).transpose();
            value.map_err(|_| corrupt(format!("{property} is not a number")))
        };
        let small = |property: &str| -> Result<Option<u8>> {
            let value = number(property)?.map(u8::try_from).transpose();
            value.map_err(|_| corrupt(format!("{property} is too large")))
        };
        let stated = Stated {
            length: number("Length")?,
            max: node.flag("IsMax"),
            precision: small("Precision")?,
            scale: small("Scale")?,
        };
        match NativeType::new(&last.to_ascii_lowercase(), stated) {
            Some(Ok(native)) if matches!(native.base, Base::Json | Base::Vector) => Err(unsupported(
                format!("how a .bacpac holds the type {last} is not documented"),
            )
            .hint("read the running server instead, or make the column an nvarchar(max) and export again")),
            Some(Ok(native)) => Ok(Specified {
                declared: Declared {
                    native,
                    spelling: native.to_string(),
                    alias: None,
                },
                scale_stated: stated.scale.is_some(),
            }),
            Some(Err(reason)) => Err(corrupt(format!("the type {last}: {reason}"))),
            None => Err(unsupported(format!("the type {last} is unknown")).hint(UNKNOWN_TYPE)),
        }
    }
}

const UNKNOWN_TYPE: &str = "change the column to a type that is supported, or drop it, and export again";

/// A column as the catalog and the data files have it.
pub(crate) struct Built {
    pub(crate) column: Column,
    /// None for computed columns, which have no bytes.
    pub(crate) stored: Option<StoredColumn>,
    /// The Transact-SQL expression of a computed column, which is translated once all columns are known, and whether
    /// its values are stored.
    pub(crate) computed: Option<(String, bool)>,
    /// What a person should know about the column.
    pub(crate) notes: Vec<String>,
}

/// Properties that say nothing that PostgreSQL would have to know, or that are read here.
const READ: &[&str] = &[
    "IsNullable",
    "IsIdentity",
    "IdentitySeed",
    "IdentityIncrement",
    "IdentityIsNotForReplication",
    "IsRowGuidColumn",
    "Collation",
    "IsSparse",
    "ExpressionScript",
    "IsPersisted",
    "IsPersistedNullable",
];

/// Builds a column of a table.
pub(crate) fn column(
    node: &Node,
    table: &ObjectName,
    types: &UserTypes,
    default_collation: Option<&Collation>,
) -> Result<Built> {
    let (owner, name) = name::member(&node.name)?;
    let place = |e: Error| e.at("column", &name).at("table", table);
    if &owner != table {
        return Err(place(corrupt("the column belongs to another table")));
    }
    if !node.entries("ColumnEncryptionKey").is_empty() {
        return Err(place(unsupported(
            "the column is encrypted by the client (Always Encrypted)",
        ))
        .hint("decrypt the column in SQL Server and export again"));
    }
    if node.flag("IsColumnSet") {
        return Err(
            place(unsupported("column sets are not supported")).hint("drop the column set and export again")
        );
    }
    let mut notes = Vec::new();
    for p in &node.properties {
        if !READ.contains(&p.name.as_str()) {
            notes.push(format!(
                "column {name}: {} = {} is not carried over",
                p.name, p.value
            ));
        }
    }
    match node.kind.as_str() {
        "SqlSimpleColumn" => {
            let specifier = node.elements("TypeSpecifier").next();
            let specifier = specifier.ok_or_else(|| place(corrupt("the column has no type")))?;
            let specified = types.specified(specifier).map_err(place)?;
            let native = specified.declared.native;
            let nullable = node
                .property("IsNullable")
                .is_none_or(|v| v.eq_ignore_ascii_case("true"));
            let own_collation = node.property("Collation").map(collation);
            if let Some(schemas) = specifier.references("XmlSchemaCollection").next() {
                notes.push(columns::xml_note(&name, &name::readable(schemas)));
            }
            notes.extend(columns::type_note(&name, &native));
            let identity = identity(node).map_err(place)?;
            let stored = StoredColumn {
                name: name.clone(),
                native,
                nullable,
                scale_stated: specified.scale_stated,
            };
            let collation = own_collation.or_else(|| default_collation.cloned());
            let column = columns::stored(name, specified.declared, nullable, identity, collation);
            Ok(Built {
                column,
                stored: Some(stored),
                computed: None,
                notes,
            })
        }
        "SqlComputedColumn" => {
            let expression = node.property("ExpressionScript").unwrap_or_default().to_owned();
            let nullable = node
                .property("IsPersistedNullable")
                .is_none_or(|v| v.eq_ignore_ascii_case("true"));
            let column = columns::computed(name, nullable);
            Ok(Built {
                column,
                stored: None,
                computed: Some((expression, node.flag("IsPersisted"))),
                notes,
            })
        }
        other => Err(place(unsupported(format!(
            "columns of the kind {other} are not supported"
        )))),
    }
}

fn identity(node: &Node) -> Result<Option<Identity>> {
    if !node.flag("IsIdentity") {
        return Ok(None);
    }
    let number = |property: &str, default: i64| -> Result<i64> {
        node.property(property)
            .map_or(Ok(default), str::parse)
            .map_err(|_| unsupported(format!("{property} does not fit into 64 bits")))
    };
    let (seed, increment) = (number("IdentitySeed", 1)?, number("IdentityIncrement", 1)?);
    Ok(Some(columns::identity(seed, increment, online_value(node))))
}

/// The number that the export read off the running database.
pub(crate) fn online_value(node: &Node) -> Option<i64> {
    node.annotation("OnlinePropertyAnnotation")
        .and_then(|a| a.property("Value"))
        .and_then(|v| v.trim().parse().ok())
}

/// The type of a sequence.
pub(crate) fn sequence_type(node: &Node, types: &UserTypes) -> Result<NativeType> {
    match ["TypeSpecifier", "DataType", "Type"]
        .iter()
        .find_map(|r| node.elements(r).next())
    {
        Some(specifier) => Ok(types.specified(specifier)?.declared.native),
        None if node.entries("Type").is_empty() => match NativeType::new("bigint", Stated::default()) {
            Some(Ok(native)) => Ok(native),
            _ => Err(corrupt("a sequence has no type")),
        },
        None => Ok(types.specified(node)?.declared.native),
    }
}
