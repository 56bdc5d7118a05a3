//! `model.xml`: the schema, in the shape of the export's model schema 3.5.
//!
//! Every object is an `Element` with properties, relationships and annotations, in that order. A property at its
//! default is left out.

use std::collections::BTreeMap;

use super::spec::*;
use super::types::SqlType;
use super::xml::{Xml, crlf};

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
        Table {
            spec: table,
            name: format!("[{}].[{}]", table.schema, table.name),
        }
        .write(xml);
    }
    for item in &database.functions {
        function(xml, item);
    }
    for item in &database.procedures {
        procedure(xml, database, item);
    }
    for item in &database.triggers {
        trigger(xml, database, item);
    }
    for item in &database.views {
        view(xml, database, item);
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

struct Table<'a> {
    spec: &'a TableSpec,
    /// Bracketed.
    name: String,
}

impl Table<'_> {
    fn write(&self, xml: &mut Xml) {
        xml.element("SqlTable", Some(&self.name), |xml| {
            xml.property("IsAnsiNullsOn", "True");
            xml.flag("IsSystemVersioningOn", self.spec.temporal.is_some());
            xml.relationship("Columns", &self.spec.columns, |xml, column| {
                self.column(xml, column)
            });
            schema_relationship(xml, &self.spec.schema);
            if let Some(temporal) = &self.spec.temporal {
                xml.reference("SystemTimePeriodEndColumn", &self.member(&temporal.end), false);
                xml.reference(
                    "SystemTimePeriodStartColumn",
                    &self.member(&temporal.start),
                    false,
                );
                let (schema, name) = &temporal.history;
                xml.reference(
                    "TemporalSystemVersioningHistoryTable",
                    &format!("[{schema}].[{name}]"),
                    false,
                );
            }
        });
        if let Some(key) = &self.spec.primary_key {
            self.key(xml, "SqlPrimaryKeyConstraint", key, true);
        }
        for key in &self.spec.unique {
            self.key(xml, "SqlUniqueConstraint", key, false);
        }
        for index in &self.spec.indexes {
            self.index(xml, index);
        }
        for key in &self.spec.foreign_keys {
            self.foreign_key(xml, key);
        }
        for check in &self.spec.checks {
            self.check(xml, check);
        }
        for column in &self.spec.columns {
            if let Some((name, expression)) = &column.default {
                self.default(xml, column, name, expression);
            }
        }
    }

    /// The full name of a column or index.
    fn member(&self, name: &str) -> String {
        format!("{}.[{name}]", self.name)
    }

    /// The full name of a constraint, which is not a member of the table.
    fn constraint(&self, name: &str) -> String {
        format!("[{}].[{name}]", self.spec.schema)
    }

    fn column(&self, xml: &mut Xml, column: &ColumnSpec) {
        let name = self.member(&column.name);
        if let Some((expression, persisted)) = &column.computed {
            xml.element("SqlComputedColumn", Some(&name), |xml| {
                xml.script("ExpressionScript", expression, false);
                xml.flag("IsPersisted", *persisted);
                if *persisted && !column.nullable {
                    xml.property("IsPersistedNullable", "False");
                }
                self.dependencies(xml, "ExpressionDependencies", expression);
            });
            return;
        }
        xml.element("SqlSimpleColumn", Some(&name), |xml| {
            if let Some(collation) = &column.collation {
                xml.property("Collation", collation);
            }
            if !column.nullable {
                xml.property("IsNullable", "False");
            }
            if let Some(identity) = &column.identity {
                xml.property("IsIdentity", "True");
                for (property, value) in [
                    ("IdentitySeed", identity.seed),
                    ("IdentityIncrement", identity.increment),
                ] {
                    if value != 1 {
                        xml.property(property, &value.to_string());
                    }
                }
            }
            xml.flag("IsRowGuidColumn", column.row_guid);
            if let Some(temporal) = &self.spec.temporal {
                match &column.name {
                    name if *name == temporal.start => xml.property("GeneratedAlwaysType", "1"),
                    name if *name == temporal.end => xml.property("GeneratedAlwaysType", "2"),
                    _ => {}
                }
            }
            type_specifier(xml, "TypeSpecifier", &column.ty);
            if let Some(last) = column.identity.and_then(|identity| identity.last) {
                online_annotation(xml, "[LastValue]", &last.to_string());
            }
        });
    }

    fn column_specifications(&self, xml: &mut Xml, columns: &[IndexColumn]) {
        xml.relationship("ColumnSpecifications", columns, |xml, column| {
            xml.element("SqlIndexedColumnSpecification", None, |xml| {
                if column.descending {
                    xml.property("IsAscending", "False");
                }
                xml.reference("Column", &self.member(&column.name), false);
            });
        });
    }

    fn key(&self, xml: &mut Xml, element: &str, key: &KeySpec, clustered_by_default: bool) {
        xml.element(element, Some(&self.constraint(&key.name)), |xml| {
            if key.clustered != clustered_by_default {
                xml.property("IsClustered", if key.clustered { "True" } else { "False" });
            }
            self.column_specifications(xml, &key.columns);
            xml.reference("DefiningTable", &self.name, false);
        });
    }

    fn index(&self, xml: &mut Xml, index: &IndexSpec) {
        xml.element("SqlIndex", Some(&self.member(&index.name)), |xml| {
            xml.flag("IsUnique", index.unique);
            xml.flag("IsClustered", index.clustered);
            if let Some(filter) = &index.filter {
                xml.script("FilterPredicate", filter, false);
                self.dependencies(xml, "BodyDependencies", filter);
            }
            self.column_specifications(xml, &index.columns);
            let include: Vec<_> = index.include.iter().map(|name| self.member(name)).collect();
            xml.references("IncludedColumns", &include);
            xml.reference("IndexedObject", &self.name, false);
        });
    }

    fn foreign_key(&self, xml: &mut Xml, key: &ForeignKeySpec) {
        let target = format!("[{}].[{}]", key.to.0, key.to.1);
        xml.element(
            "SqlForeignKeyConstraint",
            Some(&self.constraint(&key.name)),
            |xml| {
                for (property, action) in [
                    ("OnDeleteAction", key.on_delete),
                    ("OnUpdateAction", key.on_update),
                ] {
                    // The numbers of sys.foreign_keys.
                    let value = match action {
                        ReferentialAction::NoAction => continue,
                        ReferentialAction::Cascade => "1",
                        ReferentialAction::SetNull => "2",
                        ReferentialAction::SetDefault => "3",
                    };
                    xml.property(property, value);
                }
                xml.flag("IsDisabled", key.disabled);
                let own: Vec<_> = key.columns.iter().map(|name| self.member(name)).collect();
                xml.references("Columns", &own);
                xml.reference("DefiningTable", &self.name, false);
                let foreign: Vec<_> = key
                    .to_columns
                    .iter()
                    .map(|name| format!("{target}.[{name}]"))
                    .collect();
                xml.references("ForeignColumns", &foreign);
                xml.reference("ForeignTable", &target, false);
                not_trusted(xml, key.not_trusted);
            },
        );
    }

    fn check(&self, xml: &mut Xml, check: &CheckSpec) {
        xml.element("SqlCheckConstraint", Some(&self.constraint(&check.name)), |xml| {
            xml.script("CheckExpressionScript", &check.expression, false);
            xml.flag("IsDisabled", check.disabled);
            self.dependencies(xml, "CheckExpressionDependencies", &check.expression);
            xml.reference("DefiningTable", &self.name, false);
            not_trusted(xml, check.not_trusted);
        });
    }

    fn default(&self, xml: &mut Xml, column: &ColumnSpec, name: &str, expression: &str) {
        xml.element("SqlDefaultConstraint", Some(&self.constraint(name)), |xml| {
            xml.script("DefaultExpressionScript", expression, false);
            xml.reference("DefiningTable", &self.name, false);
            self.dependencies(xml, "ExpressionDependencies", expression);
            xml.reference("ForColumn", &self.member(&column.name), false);
        });
    }

    /// The columns, types and objects that an expression names in brackets.
    fn dependencies(&self, xml: &mut Xml, relationship: &str, expression: &str) {
        let mut targets: Vec<(String, bool)> = Vec::new();
        for parts in bracketed_names(expression) {
            let target = match &parts[..] {
                [name] if self.spec.columns.iter().any(|c| c.name == *name) => (self.member(name), false),
                [name] => (format!("[{name}]"), true),
                parts => (
                    parts
                        .iter()
                        .map(|p| format!("[{p}]"))
                        .collect::<Vec<_>>()
                        .join("."),
                    false,
                ),
            };
            if !targets.contains(&target) {
                targets.push(target);
            }
        }
        xml.relationship(relationship, &targets, |xml, (target, built_in)| {
            xml.reference_entry(target, *built_in);
        });
    }
}

fn not_trusted(xml: &mut Xml, value: bool) {
    if value {
        xml.empty("Annotation", &[("Type", "IsNotTrustedPropertyAnnotation")]);
    }
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

/// The tables that a module's text names, as its dependencies.
fn module_dependencies(xml: &mut Xml, relationship: &str, database: &DatabaseSpec, text: &str) {
    let mut targets = Vec::new();
    for parts in bracketed_names(text) {
        if let [schema, name] = &parts[..] {
            let target = format!("[{schema}].[{name}]");
            if database.find_table(schema, name).is_some() && !targets.contains(&target) {
                targets.push(target);
            }
        }
    }
    xml.references(relationship, &targets);
}

/// How the export remembers the part of a module's text that is not its body.
fn module_annotation(xml: &mut Xml, header: &str, body: &str) {
    let header = crlf(header);
    let length = header.encode_utf16().count() + crlf(body).encode_utf16().count();
    let offset = header.find("CREATE").unwrap_or(0);
    xml.tag("Annotation", &[("Type", "SysCommentsObjectAnnotation")], |xml| {
        xml.property("CreateOffset", &offset.to_string());
        xml.property("Length", &length.to_string());
        xml.property("StartLine", "1");
        xml.property("StartColumn", "1");
        xml.property("HeaderContents", &header);
    });
}

fn parameters(xml: &mut Xml, owner: &str, parameters: &[(String, SqlType)]) {
    xml.relationship("Parameters", parameters, |xml, (name, ty)| {
        xml.element(
            "SqlSubroutineParameter",
            Some(&format!("{owner}.[{name}]")),
            |xml| {
                type_specifier(xml, "Type", ty);
            },
        );
    });
}

fn view(xml: &mut Xml, database: &DatabaseSpec, view: &ViewSpec) {
    let name = format!("[{}].[{}]", view.schema, view.name);
    xml.element("SqlView", Some(&name), |xml| {
        xml.flag("IsSchemaBound", view.schema_bound);
        xml.script("QueryScript", &view.query, true);
        xml.property("IsAnsiNullsOn", "True");
        xml.relationship("Columns", &view.columns, |xml, (column, from)| {
            xml.element("SqlComputedColumn", Some(&format!("{name}.[{column}]")), |xml| {
                xml.references("ExpressionDependencies", from);
            });
        });
        module_dependencies(xml, "QueryDependencies", database, &view.query);
        schema_relationship(xml, &view.schema);
        module_annotation(xml, &view.header, &view.query);
    });
}

fn procedure(xml: &mut Xml, database: &DatabaseSpec, spec: &ProcedureSpec) {
    let name = format!("[{}].[{}]", spec.schema, spec.name);
    xml.element("SqlProcedure", Some(&name), |xml| {
        xml.script("BodyScript", &spec.body, true);
        xml.property("IsAnsiNullsOn", "True");
        module_dependencies(xml, "BodyDependencies", database, &spec.body);
        parameters(xml, &name, &spec.parameters);
        schema_relationship(xml, &spec.schema);
        module_annotation(xml, &spec.header, &spec.body);
    });
}

fn function(xml: &mut Xml, spec: &FunctionSpec) {
    let name = format!("[{}].[{}]", spec.schema, spec.name);
    xml.element("SqlScalarFunction", Some(&name), |xml| {
        xml.property("IsAnsiNullsOn", "True");
        xml.relationship("FunctionBody", [spec], |xml, spec| {
            xml.element("SqlScriptFunctionImplementation", None, |xml| {
                xml.script("BodyScript", &spec.body, true);
                module_annotation(xml, &spec.header, &spec.body);
            });
        });
        parameters(xml, &name, &spec.parameters);
        schema_relationship(xml, &spec.schema);
        type_specifier(xml, "Type", &spec.returns);
    });
}

fn trigger(xml: &mut Xml, database: &DatabaseSpec, spec: &TriggerSpec) {
    let name = format!("[{}].[{}]", spec.schema, spec.name);
    xml.element("SqlDmlTrigger", Some(&name), |xml| {
        xml.flag("IsInsertTrigger", spec.events.insert);
        xml.flag("IsUpdateTrigger", spec.events.update);
        xml.flag("IsDeleteTrigger", spec.events.delete);
        xml.property("SqlTriggerType", "2");
        xml.script("BodyScript", &spec.body, true);
        xml.property("IsAnsiNullsOn", "True");
        module_dependencies(xml, "BodyDependencies", database, &spec.body);
        xml.reference("Parent", &format!("[{}].[{}]", spec.schema, spec.table), false);
        module_annotation(xml, &spec.header, &spec.body);
    });
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
#[path = "model_tests.rs"]
mod tests;
