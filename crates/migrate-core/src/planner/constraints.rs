//! Keys, indexes, foreign keys and checks, once all columns are planned.

use std::collections::BTreeMap;

use crate::catalog::{Check, Column, ForeignKey, Index, Key, ObjectName, Table};
use crate::naming::Namespace;
use crate::pg_type::PgType;
use crate::plan::{CheckPlan, ColumnPlan, ForeignKeyPlan, IndexPlan, KeyPlan, TablePlan};

use super::references::comparable;
use super::{Planner, text_keys};

/// Constraint names of one table; foreign keys and checks share it.
type Constraints = Namespace;

impl Planner<'_> {
    pub(super) fn constraints(
        &mut self,
        table: &Table,
        plan: &mut TablePlan,
        shapes: &BTreeMap<ObjectName, TablePlan>,
    ) {
        let mut names = Constraints::default();
        if let Some(key) = &table.primary_key {
            plan.primary_key = self.key(table, plan, key, true, &mut names);
        }
        for key in &table.uniques {
            let unique = self.key(table, plan, key, false, &mut names);
            plan.uniques.extend(unique);
        }
        for index in &table.indexes {
            let index = self.index(table, plan, index);
            plan.indexes.extend(index);
        }
        for fk in &table.foreign_keys {
            let fk = self.foreign_key(table, plan, fk, shapes, &mut names);
            plan.foreign_keys.extend(fk);
        }
        for check in &table.checks {
            let check = self.check(table, plan, check, &mut names);
            plan.checks.extend(check);
        }
    }

    /// New names of the columns, or the first that the destination does not have.
    fn renamed<'c>(
        &self,
        table: &ObjectName,
        columns: impl IntoIterator<Item = &'c String>,
    ) -> Result<Vec<String>, String> {
        columns
            .into_iter()
            .map(|c| {
                self.names
                    .column(table, c)
                    .ok_or_else(|| format!("column {c} is not in the destination"))
            })
            .collect()
    }

    /// Whether two NULLs must count as duplicates, as they do in SQL Server; with a note where they cannot.
    fn nulls(&mut self, table: &Table, plan: &TablePlan, object: &str, columns: &[String]) -> bool {
        if let Some(declared) = self.declared_nulls(table, object) {
            return declared;
        }
        let nullable = plan
            .columns
            .iter()
            .any(|c| c.nullable && columns.contains(&c.name));
        if nullable && self.target.version < 15 {
            self.note(
                format!("{}.{object}", table.name),
                "the source allows one NULL in this key; PostgreSQL before 15 allows many",
            );
        }
        nullable && self.target.version >= 15
    }

    fn note_case(&mut self, table: &Table, object: &str, columns: &[&String]) {
        let affected: Vec<String> = columns
            .iter()
            .filter(|c| {
                table.column(c).is_some_and(|c| {
                    c.pg.is_text() && c.collation.as_ref().is_some_and(|l| !l.case_sensitive)
                })
            })
            .map(|c| (*c).clone())
            .collect();
        if !affected.is_empty() {
            let text = text_keys::note(self.mapping.case_insensitive, &affected);
            self.note(format!("{}.{object}", table.name), text);
        }
    }

    /// Values that differ in what the mapping loses would be duplicates.
    fn note_lossy(&mut self, table: &Table, object: &str, columns: &[&String]) {
        let affected: Vec<&str> = columns
            .iter()
            .filter(|c| table.column(c).is_some_and(Column::merges_values))
            .map(|c| c.as_str())
            .collect();
        if !affected.is_empty() {
            self.note(
                format!("{}.{object}", table.name),
                format!(
                    "rows whose {} differ only in what is lost become duplicates, and the key is then refused",
                    affected.join(", ")
                ),
            );
        }
    }

    fn key(
        &mut self,
        table: &Table,
        plan: &TablePlan,
        key: &Key,
        primary: bool,
        names: &mut Constraints,
    ) -> Option<KeyPlan> {
        let kind = if primary {
            "primary key"
        } else {
            "unique constraint"
        };
        let label = key.name.clone().unwrap_or_else(|| key.columns.join(", "));
        let columns = match self.renamed(&table.name, &key.columns) {
            Ok(columns) => columns,
            Err(reason) => {
                self.by_hand(
                    kind,
                    format!("{}.{label}", table.name),
                    &key.columns.join(", "),
                    reason,
                );
                return None;
            }
        };
        let wanted = match &key.name {
            Some(name) => self.mapping.naming.apply(name),
            None if primary => format!("{}_pkey", plan.target.name),
            None => format!("{}_{}_key", plan.target.name, columns.join("_")),
        };
        let name = self
            .names
            .take(&plan.target.schema, &wanted, format!("{}.{label}", table.name));
        names.take(&name);
        self.note_case(table, &label, &key.columns.iter().collect::<Vec<_>>());
        self.note_lossy(table, &label, &key.columns.iter().collect::<Vec<_>>());
        let nulls_not_distinct = !primary && self.nulls(table, plan, &label, &columns);
        Some(KeyPlan {
            name,
            columns,
            nulls_not_distinct,
            comment: key.comment.clone(),
        })
    }

    fn index(&mut self, table: &Table, plan: &TablePlan, index: &Index) -> Option<IndexPlan> {
        let object = format!("{}.{}", table.name, index.name);
        if index.disabled {
            self.by_hand("index", &object, &describe(index), "it is disabled in the source");
            return None;
        }
        let keys = self.renamed(&table.name, index.columns.iter().map(|c| &c.name));
        let include = self.renamed(&table.name, &index.include);
        let filter = index.filter.as_ref().map(|f| self.render(f)).transpose();
        let expression = index.expression.as_ref().map(|e| self.render(e)).transpose();
        let (keys, include, filter, expression) = match (keys, include, filter, expression) {
            (Ok(keys), Ok(include), Ok(filter), Ok(expression)) => (keys, include, filter, expression),
            (Err(reason), ..) | (_, Err(reason), ..) | (_, _, Err(reason), _) | (.., Err(reason)) => {
                self.by_hand("index", &object, &describe(index), reason);
                return None;
            }
        };
        if [&filter, &expression].into_iter().flatten().any(|e| !e.immutable) {
            self.by_hand(
                "index",
                &object,
                &describe(index),
                "its condition is not immutable in PostgreSQL",
            );
            return None;
        }
        let declared = self.catalog.declared.table(&table.name).is_some();
        let (include, too_wide): (Vec<_>, Vec<_>) = include.into_iter().partition(|name| {
            declared
                || plan
                    .columns
                    .iter()
                    .find(|c| &c.name == name)
                    .is_none_or(|c| fits_in_index(&c.ty))
        });
        if !too_wide.is_empty() {
            self.note(
                &object,
                format!(
                    "does not include {}: a PostgreSQL index entry is limited to about 2,700 bytes",
                    too_wide.join(", ")
                ),
            );
        }
        let mut include = include;
        let room = MAX_INDEX_COLUMNS.saturating_sub(keys.len());
        if include.len() > room {
            let beyond = include.split_off(room).join(", ");
            self.note(
                &object,
                format!(
                    "does not include {beyond}: a PostgreSQL index has at most {MAX_INDEX_COLUMNS} columns"
                ),
            );
        }
        let wanted = self.mapping.naming.apply(&index.name);
        let name = self.index_name(table, plan, &wanted);
        if index.unique {
            let columns: Vec<&String> = index.columns.iter().map(|c| &c.name).collect();
            self.note_case(table, &index.name, &columns);
            self.note_lossy(table, &index.name, &columns);
        }
        let nulls_not_distinct = index.unique && self.nulls(table, plan, &index.name, &keys);
        for text in [&filter, &expression]
            .into_iter()
            .flatten()
            .flat_map(|e| &e.notes)
        {
            self.note(&object, text.clone());
        }
        Some(IndexPlan {
            name,
            columns: keys
                .into_iter()
                .zip(index.columns.iter().map(|c| c.descending))
                .collect(),
            include,
            unique: index.unique,
            nulls_not_distinct,
            filter: filter.map(|f| f.sql),
            using: index.using.clone(),
            expression: expression.map(|e| e.sql),
            comment: index.comment.clone(),
        })
    }

    /// SQL Server's index names are unique in a table only, PostgreSQL's in a schema: a taken name gets its table's name
    /// in front rather than a number.
    fn index_name(&mut self, table: &Table, plan: &TablePlan, wanted: &str) -> String {
        let schema = &plan.target.schema;
        let object = format!("{}.{wanted}", table.name);
        if self.names.is_taken(schema, wanted) {
            self.names
                .take_instead(schema, &format!("{}_{wanted}", plan.target.name), wanted, object)
        } else {
            self.names.take(schema, wanted, object)
        }
    }

    fn foreign_key(
        &mut self,
        table: &Table,
        plan: &TablePlan,
        fk: &ForeignKey,
        shapes: &BTreeMap<ObjectName, TablePlan>,
        names: &mut Constraints,
    ) -> Option<ForeignKeyPlan> {
        let label = fk
            .name
            .clone()
            .unwrap_or_else(|| format!("foreign key ({})", fk.columns.join(", ")));
        let object = format!("{}.{label}", table.name);
        let definition = format!(
            "foreign key ({}) references {} ({})",
            fk.columns.join(", "),
            fk.references,
            fk.referenced_columns.join(", ")
        );
        if !fk.enabled {
            self.by_hand(
                "foreign key",
                &object,
                &definition,
                "it is disabled in the source",
            );
            return None;
        }
        let Some(other) = shapes.get(&fk.references) else {
            self.by_hand(
                "foreign key",
                &object,
                &definition,
                format!("{} is not in the plan", fk.references),
            );
            return None;
        };
        let (columns, referenced_columns) = match (
            self.renamed(&table.name, &fk.columns),
            self.renamed(&fk.references, &fk.referenced_columns),
        ) {
            (Ok(a), Ok(b)) => (a, b),
            (Err(reason), _) | (_, Err(reason)) => {
                self.by_hand("foreign key", &object, &definition, reason);
                return None;
            }
        };
        if let Some(reason) = self.incomparable(plan, other, &columns, &referenced_columns) {
            self.by_hand("foreign key", &object, &definition, reason);
            return None;
        }
        let wanted = match &fk.name {
            Some(name) => self.mapping.naming.apply(name),
            None => format!("{}_{}_fkey", plan.target.name, columns.join("_")),
        };
        if !fk.trusted {
            self.note(
                &object,
                "the source never checked existing rows against it; it is created NOT VALID",
            );
        }
        Some(ForeignKeyPlan {
            name: self.constraint_name(&object, names, &wanted),
            columns,
            references: other.target.clone(),
            referenced_columns,
            on_delete: fk.on_delete,
            on_update: fk.on_update,
            validate: fk.trusted,
            comment: fk.comment.clone(),
        })
    }

    /// Why PostgreSQL would not take a foreign key over these columns, if so.
    fn incomparable(
        &self,
        from: &TablePlan,
        to: &TablePlan,
        columns: &[String],
        referenced: &[String],
    ) -> Option<String> {
        columns.iter().zip(referenced).find_map(|(a, b)| {
            let a = from.columns.iter().find(|c| &c.name == a)?;
            let b = to.columns.iter().find(|c| &c.name == b)?;
            let owner = |c: &ColumnPlan| c.rekey.as_ref().map(|r| r.namespace);
            if owner(a) != owner(b) {
                return Some(format!(
                    "the keys in {} and {} are not rewritten alike",
                    a.name, b.name
                ));
            }
            if !comparable(&a.ty, &b.ty) {
                return Some(format!(
                    "PostgreSQL does not compare {} of type {} with {} of type {}; give both one type",
                    a.name, a.ty, b.name, b.ty
                ));
            }
            (self.target.version >= 18 && a.collation != b.collation).then(|| {
                format!(
                    "{} and {} have different collations; give both one",
                    a.name, b.name
                )
            })
        })
    }

    fn constraint_name(&mut self, object: &str, names: &mut Constraints, wanted: &str) -> String {
        let (name, _) = names.take(wanted);
        if name != wanted {
            self.note(
                object,
                format!(
                    "is called \"{name}\": \"{wanted}\" is too long for PostgreSQL, or taken in the table"
                ),
            );
        }
        name
    }

    fn check(
        &mut self,
        table: &Table,
        plan: &TablePlan,
        check: &Check,
        names: &mut Constraints,
    ) -> Option<CheckPlan> {
        let label = check.name.clone().unwrap_or_else(|| "check".to_owned());
        let object = format!("{}.{label}", table.name);
        if !check.enabled {
            self.by_hand(
                "check",
                &object,
                &check.expression.native,
                "it is disabled in the source",
            );
            return None;
        }
        let rendered = match self.render(&check.expression) {
            Ok(rendered) => rendered,
            Err(reason) => {
                self.by_hand("check", &object, &check.expression.native, reason);
                return None;
            }
        };
        for text in rendered.notes {
            self.note(&object, text);
        }
        if !check.trusted {
            self.note(
                &object,
                "the source never checked existing rows against it; it is created NOT VALID",
            );
        }
        let wanted = match &check.name {
            Some(name) => self.mapping.naming.apply(name),
            None => format!("{}_check", plan.target.name),
        };
        Some(CheckPlan {
            name: self.constraint_name(&object, names, &wanted),
            expression: rendered.sql,
            validate: check.trusted,
            comment: check.comment.clone(),
        })
    }
}

/// `INDEX_MAX_KEYS`; stored columns count too.
const MAX_INDEX_COLUMNS: usize = 32;

/// Whether a column's values always fit into an index entry beside a key. Text counts four bytes a character.
fn fits_in_index(ty: &PgType) -> bool {
    match ty {
        PgType::Varchar(Some(n)) | PgType::Char(n) => *n <= 256,
        PgType::Varchar(None)
        | PgType::Text
        | PgType::Citext
        | PgType::Bytea
        | PgType::Json
        | PgType::Jsonb
        | PgType::Xml
        | PgType::Geometry
        | PgType::Geography
        | PgType::Array(_) => false,
        _ => true,
    }
}

fn describe(index: &Index) -> String {
    let columns: Vec<String> = index
        .columns
        .iter()
        .map(|c| format!("{}{}", c.name, if c.descending { " desc" } else { "" }))
        .collect();
    let unique = if index.unique { "unique " } else { "" };
    let mut text = format!("{unique}index {} ({})", index.name, columns.join(", "));
    if let Some(expression) = &index.expression {
        text.push_str(&format!(" {}", expression.native));
    }
    if !index.include.is_empty() {
        text.push_str(&format!(" include ({})", index.include.join(", ")));
    }
    if let Some(filter) = &index.filter {
        text.push_str(&format!(" where {}", filter.native));
    }
    text
}
