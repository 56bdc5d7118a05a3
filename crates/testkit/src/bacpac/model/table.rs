//! Tables with their columns, keys, checks, defaults and indexes.

use super::{bracketed_names, online_annotation, schema_relationship, type_specifier};
use crate::bacpac::table::{
    CheckSpec, ColumnSpec, ForeignKeySpec, IndexColumn, IndexSpec, KeySpec, ReferentialAction, TableSpec,
};
use crate::bacpac::xml::Xml;

/// Writes a table, its constraints and its indexes.
pub(super) fn write(xml: &mut Xml, spec: &TableSpec) {
    Table {
        spec,
        name: format!("[{}].[{}]", spec.schema, spec.name),
    }
    .write(xml);
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
