//! `model.xml`: the schema, in the shape of the export's model schema 3.5.
//!
//! Every object is an `Element` with properties, relationships and annotations, in that order. A property at its
//! default is left out.

mod module;
mod table;

use std::collections::BTreeMap;

use super::spec::{AliasType, DatabaseSpec, SequenceSpec};
use super::types::SqlType;
use super::xml::Xml;

pub(super) const NAMESPACE: &str = "http://schemas.microsoft.com/sqlserver/dac/Serialization/2012/02";
pub(super) const SCHEMA_VERSION: &str = "3.5";

/// The text of `model.xml`, and how many elements of each type it has.
pub(super) fn write(database: &DatabaseSpec) -> (String, BTreeMap<String, u64>) {
    let case_sensitive = if database.collation.contains("_CI") {
        "False"
    } else {
        "True"
    };
    let mut xml = Xml::new();
    xml.tag(
        "DataSchemaModel",
        &[
            ("FileFormatVersion", "1.2"),
            ("SchemaVersion", SCHEMA_VERSION),
            (
                "DspName",
                "Microsoft.Data.Tools.Schema.Sql.Sql160DatabaseSchemaProvider",
            ),
            ("CollationLcid", "1033"),
            ("CollationCaseSensitive", case_sensitive),
            ("xmlns", NAMESPACE),
        ],
        |xml| xml.tag("Model", &[], |xml| model(xml, database)),
    );
    let counts = xml.counts.clone();
    (xml.finish(), counts)
}

fn model(xml: &mut Xml, database: &DatabaseSpec) {
    options(xml, database);
    for schema in &database.schemas {
        xml.element("SqlSchema", Some(&format!("[{schema}]")), |xml| {
            xml.reference("Authorizer", "[dbo]", true);
        });
    }
    for alias in &database.alias_types {
        alias_type(xml, alias);
    }
    for item in &database.sequences {
        sequence(xml, item);
    }
    for table in &database.tables {
        table::write(xml, table);
    }
    for item in &database.functions {
        module::function(xml, item);
    }
    for item in &database.procedures {
        module::procedure(xml, database, item);
    }
    for item in &database.triggers {
        module::trigger(xml, database, item);
    }
    for item in &database.views {
        module::view(xml, database, item);
    }
    descriptions(xml, database);
}

fn options(xml: &mut Xml, database: &DatabaseSpec) {
    *xml.counts.entry("SqlDatabaseOptions".into()).or_default() += 1;
    xml.tag(
        "Element",
        &[("Type", "SqlDatabaseOptions"), ("Disambiguator", "1")],
        |xml| {
            xml.property("Collation", &database.collation);
            for name in [
                "IsAnsiNullsOn",
                "IsAnsiWarningsOn",
                "IsArithAbortOn",
                "IsConcatNullYieldsNullOn",
            ] {
                xml.property(name, "True");
            }
            xml.property("IsTornPageProtectionOn", "False");
            xml.property("RecoveryMode", "1");
            xml.reference("DefaultFilegroup", "[PRIMARY]", true);
        },
    );
}

fn schema_relationship(xml: &mut Xml, schema: &str) {
    xml.reference("Schema", &format!("[{schema}]"), schema == "dbo");
}

fn type_specifier(xml: &mut Xml, relationship: &str, ty: &SqlType) {
    let element = if *ty == SqlType::Xml {
        "SqlXmlTypeSpecifier"
    } else {
        "SqlTypeSpecifier"
    };
    xml.relationship(relationship, [ty], |xml, ty| {
        xml.element(element, None, |xml| {
            for (name, value) in ty.facets() {
                xml.property(name, &value);
            }
            let (name, built_in) = ty.reference();
            xml.reference("Type", &name, built_in);
        });
    });
}

fn alias_type(xml: &mut Xml, alias: &AliasType) {
    let name = format!("[{}].[{}]", alias.schema, alias.name);
    xml.element("SqlUserDefinedDataType", Some(&name), |xml| {
        for (name, value) in alias.base.facets() {
            xml.property(name, &value);
        }
        if !alias.nullable {
            xml.property("IsNullable", "False");
        }
        schema_relationship(xml, &alias.schema);
        let (base, built_in) = alias.base.reference();
        xml.reference("Type", &base, built_in);
    });
}

fn sequence(xml: &mut Xml, spec: &SequenceSpec) {
    let name = format!("[{}].[{}]", spec.schema, spec.name);
    xml.element("SqlSequence", Some(&name), |xml| {
        xml.flag("IsCycling", spec.cycle);
        xml.property(
            "HasNoMaxValue",
            if spec.maximum.is_none() { "True" } else { "False" },
        );
        xml.property(
            "HasNoMinValue",
            if spec.minimum.is_none() { "True" } else { "False" },
        );
        for (property, value) in [("MinValue", spec.minimum), ("MaxValue", spec.maximum)] {
            if let Some(value) = value {
                xml.property(property, &value.to_string());
            }
        }
        xml.property("Increment", &spec.increment.to_string());
        xml.property("StartValue", &spec.start.to_string());
        schema_relationship(xml, &spec.schema);
        type_specifier(xml, "TypeSpecifier", &spec.ty);
        if let Some(current) = spec.current {
            online_annotation(xml, "[CurrentValue]", &current.to_string());
        }
    });
}

/// What the export knows only because it looked at a live server.
fn online_annotation(xml: &mut Xml, name: &str, value: &str) {
    let attributes = [("Type", "OnlinePropertyAnnotation"), ("Name", name)];
    xml.tag("Annotation", &attributes, |xml| xml.property("Value", value));
}

/// The names in brackets in a T-SQL text, each with its parts, outside string literals.
fn bracketed_names(text: &str) -> Vec<Vec<String>> {
    let mut out: Vec<Vec<String>> = Vec::new();
    let mut chars = text.chars().peekable();
    let mut joined = false;
    while let Some(c) = chars.next() {
        match c {
            '\'' => {
                for c in chars.by_ref() {
                    if c == '\'' {
                        break;
                    }
                }
                joined = false;
            }
            '[' => {
                let name: String = chars.by_ref().take_while(|&c| c != ']').collect();
                match out.last_mut() {
                    Some(parts) if joined => parts.push(name),
                    _ => out.push(vec![name]),
                }
                joined = chars.next_if_eq(&'.').is_some();
            }
            _ => joined = false,
        }
    }
    out
}

fn descriptions(xml: &mut Xml, database: &DatabaseSpec) {
    for table in &database.tables {
        let name = format!("[{}].[{}]", table.schema, table.name);
        if let Some(text) = &table.description {
            description(xml, "SqlTableBase", &name, text);
        }
        for column in &table.columns {
            if let Some(text) = &column.description {
                description(xml, "SqlColumn", &format!("{name}.[{}]", column.name), text);
            }
        }
    }
    for item in &database.descriptions {
        description(xml, &item.host_kind, &item.host, &item.text);
    }
}

fn description(xml: &mut Xml, kind: &str, host: &str, text: &str) {
    let name = format!("[{kind}].{host}.[MS_Description]");
    xml.element("SqlExtendedProperty", Some(&name), |xml| {
        xml.script("Value", &format!("N'{}'", text.replace('\'', "''")), false);
        xml.reference("Host", host, false);
    });
}

#[cfg(test)]
mod tests;
