//! PostgreSQL's own definitions, with the names that the plan gives.

use std::collections::BTreeSet;

use crate::catalog::{Column, ObjectName, Table};
use crate::declared::{Declared, DeclaredObject, DeclaredTable, Moment, Object, TableDeclaration};
use crate::plan::TablePlan;
use crate::staging::Exists;
use crate::template::Template;

use super::Planner;

impl Planner<'_> {
    /// Whether two NULLs are equal in a key of a table whose definition is known.
    pub(super) fn declared_nulls(&self, table: &Table, key: &str) -> Option<bool> {
        let declaration = self.catalog.declared.table(&table.name)?;
        Some(declaration.nulls_not_distinct.iter().any(|k| k == key))
    }

    /// Fills names into everything that the source declares and that the plan takes.
    pub(super) fn declared(&mut self, planned: &[TablePlan]) -> Declared {
        let catalog = self.catalog;
        if catalog.declared.is_empty() {
            return Declared::default();
        }
        let mut declared = Declared::default();
        for (extension, schema) in &catalog.declared.extensions {
            self.extensions.insert(extension.clone());
            declared.extensions.insert(extension.clone(), schema.clone());
        }
        for plan in planned {
            let Some(declaration) = catalog.declared.table(&plan.source) else {
                continue;
            };
            let Some(table) = catalog.tables.iter().find(|t| t.name == plan.source) else {
                continue;
            };
            let filled = self.declared_table(table, plan, declaration);
            declared.tables.insert(plan.target.quoted(), filled);
        }
        let mut missing = BTreeSet::new();
        for object in &catalog.declared.objects {
            match self.declared_object(object, &missing) {
                Ok(Some(object)) => declared.objects.push(object),
                Ok(None) => {
                    missing.insert((object.kind.clone(), object.name.clone()));
                }
                Err(reason) => {
                    missing.insert((object.kind.clone(), object.name.clone()));
                    if let Some(relation) = &object.relation {
                        self.names.forget(relation);
                    }
                    self.by_hand(&object.kind, &object.name, &verbatim(&object.create), reason);
                }
            }
        }
        declared
    }

    /// Schemas of what the plan takes beyond tables. Those of extensions are theirs.
    pub(super) fn declared_schemas(&self, declared: &Declared) -> Vec<String> {
        let taken: BTreeSet<(&str, &str)> = declared
            .objects
            .iter()
            .map(|o| (o.kind.as_str(), o.name.as_str()))
            .collect();
        let objects = self.catalog.declared.objects.iter();
        let objects = objects.filter(|o| taken.contains(&(o.kind.as_str(), o.name.as_str())));
        let schemas = objects.filter_map(|o| o.schema.as_deref());
        let mut schemas: Vec<String> = schemas.map(|s| super::names::schema(self.mapping, s)).collect();
        schemas.extend(
            declared
                .extensions
                .values()
                .filter(|s| *s != "pg_catalog")
                .cloned(),
        );
        schemas
    }

    fn declared_table(
        &mut self,
        table: &Table,
        plan: &TablePlan,
        declaration: &TableDeclaration,
    ) -> DeclaredTable {
        let mut out = DeclaredTable {
            unlogged: declaration.unlogged,
            partitioned: declaration.partitioned,
            ..DeclaredTable::default()
        };
        out.parents = declaration
            .parents
            .iter()
            .filter_map(|p| self.names.relation(p))
            .collect();
        match self.render_template(&declaration.tail) {
            Ok(tail) => out.tail = tail,
            Err(reason) => self.by_hand("table option", &table.name, &verbatim(&declaration.tail), reason),
        }
        for statement in &declaration.after {
            match self.render_template(statement) {
                Ok(sql) => out.after.push(sql),
                Err(reason) => self.by_hand("table option", &table.name, &verbatim(statement), reason),
            }
        }
        // A table whose parents are left out has all columns of its own.
        if out.parents.len() == declaration.parents.len() {
            let names = declaration.inherited.iter();
            out.inherited = names.filter_map(|c| self.names.column(&table.name, c)).collect();
        }
        for column in &plan.columns {
            let (Some(source), Some(text)) = (
                table.column(&column.source),
                declaration.columns.get(&column.source),
            ) else {
                continue;
            };
            if let Ok(sql) = self.render_template(text) {
                out.columns.insert(column.name.clone(), (source.pg.clone(), sql));
            }
        }
        for (name, template) in &declaration.definitions {
            // It would read new keys where it was written for old ones: the neutral model knows what becomes of it.
            if self.keys.reads_old(template) {
                continue;
            }
            // Those that a person has to move were listed when the neutral model was planned.
            if let Ok(sql) = self.render_template(template) {
                out.definitions.insert(self.mapping.naming.apply(name), sql);
            }
        }
        for (column, sequence) in &declaration.serial {
            if let (Some(column), Some(sequence)) = (
                self.names.column(&table.name, column),
                self.names.relation(sequence),
            ) {
                out.serial.insert(column, sequence);
            }
        }
        out
    }

    /// An object with its names; nothing if it belongs to a table that is left out.
    fn declared_object(
        &mut self,
        object: &Object,
        missing: &BTreeSet<(String, String)>,
    ) -> Result<Option<DeclaredObject>, String> {
        let table = match &object.table {
            None => None,
            Some(name) => match self.names.relation(name) {
                Some(target) => Some(target),
                None => return Ok(None),
            },
        };
        if let Some((kind, name)) = object.needs.iter().find(|n| missing.contains(n)) {
            return Err(format!("it needs the {kind} {name}, which is not created"));
        }
        for used in &object.uses {
            let placed = object.create.relations().any(|r| r == used);
            self.keeps_its_names(used, placed)?;
        }
        if let Some(schema) = &object.schema
            && let Some(new) = self.moved_schema(schema)
            && object.relation.is_none()
            && object.table.is_none()
        {
            return Err(format!("its text names the schema {schema}, which becomes {new}"));
        }
        if let Some(missing) = object.create.roles().find(|r| !self.has_role(r)) {
            return Err(super::rights::no_role(self.role(missing)));
        }
        if object.moment == Moment::End && self.mapping.exists == Exists::Replace {
            return Err("it would speak of tables before they are replaced".to_owned());
        }
        if object.superuser && !self.is_superuser() {
            return Err("only a superuser may create it".to_owned());
        }
        let create = self.with_homes(&object.create);
        let numbers_no_more = |r: &ObjectName| self.keys.is_idle(r);
        if object.kind == "sequence option" && object.create.relations().any(numbers_no_more) {
            return Ok(None);
        }
        for text in &object.notes {
            self.note(format!("{} {}", object.kind, object.name), text);
        }
        Ok(Some(DeclaredObject {
            kind: object.kind.clone(),
            name: object.name.clone(),
            moment: object.moment,
            create: self.render_template(&create)?,
            drop: object
                .drop
                .as_ref()
                .map(|t| self.render_template(t))
                .transpose()?,
            table,
            relation: object.relation.as_ref().and_then(|r| self.names.relation(r)),
        }))
    }

    /// Whether a text that names the relation is true in the destination; its schema may change where the text has a
    /// place for it.
    fn keeps_its_names(&self, used: &ObjectName, placed: bool) -> Result<(), String> {
        let gone = || format!("it uses {used}, which is not in the plan");
        let target = self.names.relation(used).ok_or_else(gone)?;
        if (target.schema != used.schema && !placed) || target.name != used.name {
            return Err(format!(
                "its text uses {used}, which is called {target} in the destination"
            ));
        }
        let Some(table) = self.catalog.tables.iter().find(|t| &t.name == used) else {
            return Ok(());
        };
        match table.columns.iter().find(|c| !self.keeps_its_name(used, c)) {
            None => Ok(()),
            Some(column) => Err(format!(
                "its text uses {used}, whose column {} is renamed or left out",
                column.name
            )),
        }
    }

    fn keeps_its_name(&self, table: &ObjectName, column: &Column) -> bool {
        self.names.column(table, &column.name).as_deref() == Some(column.name.as_str())
    }

    /// What a schema is called in the destination, if not what it was.
    fn moved_schema(&self, schema: &str) -> Option<String> {
        let new = super::names::schema(self.mapping, schema);
        (new != schema).then_some(new)
    }
}

/// A template as the source would print it.
pub(super) fn verbatim(template: &Template) -> String {
    let column = |_: &ObjectName, column: &str| Some(crate::plan::quote_ident(column));
    let relation = |name: &ObjectName| {
        let (schema, name) = (
            crate::plan::quote_ident(&name.schema),
            crate::plan::quote_ident(&name.name),
        );
        Some(format!("{schema}.{name}"))
    };
    template.render(column, relation).unwrap_or_default()
}
