//! Keys, foreign keys, checks and indexes of a table.

use migrate_core::catalog::{Action, Check, ForeignKey, Index, IndexColumn, Key, ObjectName, Table};
use migrate_core::declared::{Moment, Object, TableDeclaration};
use migrate_core::plan::quote_ident;
use migrate_core::template::Template;

use super::columns::options_list;
use super::questions::{ConstraintRow, IndexRow, TableRow};
use super::tables::alter_table;
use super::{Answers, Draft, expr};

/// Adds what the constraints and indexes of the table that was added last are.
pub(super) fn draft(answers: &Answers, row: &TableRow, name: &ObjectName, draft: &mut Draft) {
    let key = name.to_string();
    let Some(mut table) = draft.catalog.tables.pop() else {
        return;
    };
    let mut declared = draft.declared.tables.remove(&key).unwrap_or_default();
    let mut parts = Parts {
        answers,
        name,
        table: &mut table,
        declared: &mut declared,
        objects: Vec::new(),
    };
    for constraint in answers.constraints.get(&row.oid).into_iter().flatten() {
        parts.constraint(constraint);
    }
    let mut invalid = Vec::new();
    for index in answers.indexes.get(&row.oid).into_iter().flatten() {
        if !index.valid && row.kind != "p" {
            invalid.push(index);
        } else {
            parts.index(index);
        }
    }
    let objects = parts.objects;
    draft.objects.extend(objects);
    draft.catalog.tables.push(table);
    draft.declared.tables.insert(key, declared);
    for index in invalid {
        draft.by_hand(
            "index",
            format!("{name}.{}", index.name),
            &index.definition,
            "it is invalid in the source",
        );
    }
}

struct Parts<'a> {
    answers: &'a Answers,
    name: &'a ObjectName,
    table: &'a mut Table,
    declared: &'a mut TableDeclaration,
    objects: Vec<Object>,
}

impl<'a> Parts<'a> {
    fn template(&self, sql: &str) -> Template {
        self.answers.known.template(sql, Some(self.name))
    }

    fn object(&mut self, kind: &str, name: &str, moment: Moment, create: Template) {
        self.objects.push(Object {
            kind: kind.to_owned(),
            name: format!("{}.{name}", self.name),
            relation: None,
            schema: None,
            moment,
            create,
            drop: None,
            table: Some(self.name.clone()),
            uses: Vec::new(),
            needs: Vec::new(),
            superuser: false,
            notes: Vec::new(),
        });
    }

    fn constraint(&mut self, row: &ConstraintRow) {
        let columns = row.columns.clone().unwrap_or_default();
        match row.kind.as_str() {
            "p" | "u" => {
                let index = self.index_of(row.index);
                if index.is_some_and(|i| i.nulls_not_distinct) {
                    self.declared.nulls_not_distinct.push(row.name.clone());
                }
                let template = self.template(&row.definition);
                self.declared.definitions.insert(row.name.clone(), template);
                let key = Key {
                    name: Some(row.name.clone()),
                    columns,
                    clustered: false,
                    comment: row.comment.clone(),
                };
                if row.kind == "p" {
                    self.table.primary_key = Some(key);
                } else {
                    self.table.uniques.push(key);
                }
            }
            "f" if !row.inherited => {
                let Some(other) = self.answers.names.get(&row.other).cloned() else {
                    return;
                };
                let template = self.foreign_key(&row.definition, &other);
                self.declared.definitions.insert(row.name.clone(), template);
                self.table.foreign_keys.push(ForeignKey {
                    name: Some(row.name.clone()),
                    columns,
                    references: other,
                    referenced_columns: row.other_columns.clone().unwrap_or_default(),
                    on_delete: action(&row.on_delete),
                    on_update: action(&row.on_update),
                    enabled: true,
                    trusted: row.validated && row.enforced,
                    comment: row.comment.clone(),
                });
            }
            "c" if row.local => {
                let template = self.template(&row.definition);
                self.declared
                    .definitions
                    .insert(row.name.clone(), template.clone());
                self.table.checks.push(Check {
                    name: Some(row.name.clone()),
                    expression: expr(&row.definition, template),
                    enabled: true,
                    trusted: row.validated && row.enforced,
                    comment: row.comment.clone(),
                });
            }
            "x" => {
                let mut create =
                    alter_table(self.name, &format!("add constraint {} ", quote_ident(&row.name)));
                create.push(self.template(&row.definition));
                if let Some(text) = &row.comment {
                    create.push_sql(&format!(
                        ";\ncomment on constraint {} on ",
                        quote_ident(&row.name)
                    ));
                    create.push_relation(self.name.clone());
                    create.push_sql(&format!(" is {}", migrate_core::plan::quote_literal(text)));
                }
                self.object("exclusion constraint", &row.name, Moment::Keys, create);
            }
            _ => {}
        }
    }

    /// The columns behind REFERENCES are the other table's.
    fn foreign_key(&self, definition: &str, other: &ObjectName) -> Template {
        let Some((own, rest)) = definition.split_once(") REFERENCES ") else {
            return self.template(definition);
        };
        let end = rest.find(')').map_or(rest.len(), |at| at + 1);
        let (referenced, tail) = rest.split_at(end);
        let mut sql = self.template(own);
        sql.push_sql(") REFERENCES ");
        match referenced.split_once('(') {
            Some((_, columns)) => {
                sql.push_relation(other.clone());
                sql.push_sql("(");
                sql.push(self.answers.known.template(columns, Some(other)));
            }
            None => sql.push(self.template(referenced)),
        }
        sql.push(self.template(tail));
        sql
    }

    fn index_of(&self, oid: u32) -> Option<&'a IndexRow> {
        let answers = self.answers;
        let (table, place) = answers.index_places.get(&oid)?;
        answers.indexes.get(table)?.get(*place)
    }

    fn index(&mut self, row: &IndexRow) {
        if !row.constraint {
            let template = self.template(&row.definition);
            self.declared.definitions.insert(row.name.clone(), template);
            if row.nulls_not_distinct {
                self.declared.nulls_not_distinct.push(row.name.clone());
            }
            let columns = row.columns.clone().unwrap_or_default();
            self.table.indexes.push(Index {
                name: row.name.clone(),
                columns: columns
                    .into_iter()
                    .zip(row.descending.iter().flatten())
                    .map(|(name, descending)| IndexColumn {
                        name,
                        descending: *descending,
                    })
                    .collect(),
                include: row.include.clone().unwrap_or_default(),
                unique: row.unique,
                clustered: row.clustered,
                filter: row.condition.as_ref().map(|c| expr(c, self.template(c))),
                using: (row.method != "btree").then(|| row.method.clone()),
                expression: row.expressions.as_ref().map(|e| expr(e, self.template(e))),
                disabled: false,
                comment: row.comment.clone(),
            });
        }
        let index = format!("{}.{}", quote_ident(&row.schema), quote_ident(&row.name));
        let mut settings = Vec::new();
        if row.constraint
            && let Some(options) = &row.options
        {
            settings.push(format!("alter index {index} set ({})", options_list(options, "")));
        }
        for (column, target) in row.statistics.iter().flatten() {
            settings.push(format!(
                "alter index {index} alter column {column} set statistics {target}"
            ));
        }
        if !settings.is_empty() {
            self.object(
                "index option",
                &row.name,
                Moment::Attach,
                Template::sql(settings.join(";\n")),
            );
        }
        if let Some(parent) = row.parent.and_then(|oid| self.index_of(oid)) {
            let parent = format!("{}.{}", quote_ident(&parent.schema), quote_ident(&parent.name));
            let sql = format!("alter index {parent} attach partition {index}");
            self.object("index partition", &row.name, Moment::Attach, Template::sql(sql));
        }
        if row.clustered {
            let clause = format!("cluster on {}", quote_ident(&row.name));
            self.object(
                "clustering",
                &row.name,
                Moment::Attach,
                alter_table(self.name, &clause),
            );
        }
    }
}

fn action(letter: &str) -> Action {
    match letter {
        "c" => Action::Cascade,
        "n" => Action::SetNull,
        "d" => Action::SetDefault,
        _ => Action::NoAction,
    }
}
