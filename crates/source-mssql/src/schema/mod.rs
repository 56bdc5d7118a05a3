//! A database's schema on its way from SQL Server's words to the catalog.
//!
//! A model file and a running server say the same things in different forms. Both are read into one [`SchemaDraft`],
//! whose Transact-SQL is still as it was written; what happens to it from there on is the same for both. What stays
//! different: numbers of rows, the order of objects, line ends (XML keeps only one kind), the words of notes about features
//! that PostgreSQL lacks, and what is written for objects without a script of their own.

pub(crate) mod collation;
pub(crate) mod columns;
pub(crate) mod comments;
mod kinds;
pub(crate) mod manual;
pub(crate) mod sequence;
mod translate;
pub(crate) mod view_text;
pub(crate) mod views;

use std::collections::BTreeSet;

use migrate_core::catalog::{
    AliasType, Catalog, Check, Collation, Index, ManualObject, ObjectName, Sequence, SourceInfo, Table, View,
};

use self::columns::Inferred;
use self::comments::Extended;
use self::translate::Translator;
use self::views::ViewDraft;

/// Everything that a source says, before anything is translated.
#[derive(Debug, Default)]
pub(crate) struct SchemaDraft {
    /// Who says so, without the collation.
    pub(crate) source: SourceInfo,
    /// The database's default collation.
    pub(crate) collation: Option<Collation>,
    /// Whether names are compared with case.
    pub(crate) case_sensitive: bool,
    /// Schemas that somebody created, in order.
    pub(crate) schemas: Vec<String>,
    pub(crate) alias_types: Vec<AliasType>,
    pub(crate) sequences: Vec<Sequence>,
    pub(crate) tables: Vec<TableDraft>,
    pub(crate) views: Vec<ViewDraft>,
    /// What a person has to move.
    pub(crate) manual: Vec<ManualObject>,
    /// Descriptions and the other properties.
    pub(crate) properties: Vec<Extended>,
}

/// A piece of Transact-SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Script {
    /// As the source has it.
    Known(String),
    /// The source does not show it.
    Hidden,
}

impl Script {
    /// The text, or nothing.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Known(text) => text,
            Self::Hidden => "",
        }
    }
}

/// A table, and what about it is still to be translated.
#[derive(Debug)]
pub(crate) struct TableDraft {
    /// The table without defaults, checks and indexes.
    pub(crate) table: Table,
    pub(crate) computed: Vec<ComputedDraft>,
    pub(crate) defaults: Vec<DefaultDraft>,
    pub(crate) checks: Vec<CheckDraft>,
    pub(crate) indexes: Vec<IndexDraft>,
}

/// The expression of a computed column.
#[derive(Debug)]
pub(crate) struct ComputedDraft {
    /// The column's place in the table.
    pub(crate) position: usize,
    pub(crate) script: Script,
    /// Whether SQL Server stores the values.
    pub(crate) persisted: bool,
    /// Whether the column's type is known or has to be inferred.
    pub(crate) ty: Inferred,
}

/// A default.
#[derive(Debug)]
pub(crate) struct DefaultDraft {
    /// The column's place in the table.
    pub(crate) position: usize,
    /// The constraint's name, if somebody gave it one.
    pub(crate) name: Option<String>,
    pub(crate) script: Script,
}

/// A check constraint.
#[derive(Debug)]
pub(crate) struct CheckDraft {
    /// The constraint's name, if somebody gave it one.
    pub(crate) name: Option<String>,
    pub(crate) script: Script,
    pub(crate) enabled: bool,
    pub(crate) trusted: bool,
}

/// An index.
#[derive(Debug)]
pub(crate) struct IndexDraft {
    /// The index without its filter.
    pub(crate) index: Index,
    pub(crate) filter: Option<Script>,
}

impl TableDraft {
    /// A table of which only this much is known.
    pub(crate) fn new(table: Table) -> Self {
        Self {
            table,
            computed: Vec::new(),
            defaults: Vec::new(),
            checks: Vec::new(),
            indexes: Vec::new(),
        }
    }

    /// Translates what is left, once all computed columns have types.
    fn finish(self, translator: &Translator) -> Table {
        let mut table = self.table;
        for default in self.defaults {
            let Some(column) = table.columns.get_mut(default.position) else {
                continue;
            };
            column.default = Some(translator.default(&default.script, &table.name, column));
            column.default_name = default.name;
        }
        for check in self.checks {
            table.checks.push(Check {
                name: check.name,
                expression: translator.check(&check.script, &table.name),
                enabled: check.enabled,
                trusted: check.trusted,
                comment: None,
            });
        }
        for IndexDraft { index, filter } in self.indexes {
            let filter = filter.map(|f| translator.index_filter(&f, &table.name));
            table.indexes.push(Index { filter, ..index });
        }
        table
    }
}

impl SchemaDraft {
    /// Translates everything and puts it into its place.
    pub(crate) fn into_catalog(mut self) -> Catalog {
        let mut translator = Translator::new(
            self.case_sensitive,
            self.collation.as_ref(),
            &self.alias_types,
            &mut self.tables,
        );
        let mut views = self.views;
        for view in &mut views {
            if let (query, true) = view_text::without_check_option(&view.query) {
                self.manual.push(ManualObject {
                    kind: "view option".to_owned(),
                    name: view.name.to_string(),
                    definition: "with check option".to_owned(),
                    reason: "the view accepts rows that it does not show".to_owned(),
                });
                view.query = query.to_owned();
            }
        }
        translator.mention(&mut views);
        let views = views::ordered(views).into_iter().map(|view| {
            let query = translator.view(&view.name, &view.query, &view.columns);
            View {
                name: view.name,
                columns: view.columns,
                query,
                comment: None,
            }
        });
        let views = views.collect();
        let tables = self.tables.into_iter().map(|t| t.finish(&translator)).collect();
        let mut catalog = Catalog {
            source: SourceInfo {
                collation: self.collation.map(|c| c.name),
                ..self.source
            },
            alias_types: self.alias_types,
            sequences: self.sequences,
            tables,
            views,
            manual: self.manual,
            ..Catalog::default()
        };
        catalog.schemas = schemas(self.schemas, &catalog);
        comments::apply(&self.properties, &mut catalog);
        catalog
    }
}

/// The schemas that were created, behind `dbo` and the like if anything lives there.
fn schemas(created: Vec<String>, catalog: &Catalog) -> Vec<String> {
    let used = (catalog.tables.iter().map(|t| &t.name))
        .chain(catalog.views.iter().map(|v| &v.name))
        .chain(catalog.sequences.iter().map(|s| &s.name))
        .chain(catalog.alias_types.iter().map(|a| &a.name));
    let created_set: BTreeSet<&String> = created.iter().collect();
    let built_in: BTreeSet<&String> = used
        .map(|n: &ObjectName| &n.schema)
        .filter(|s| !created_set.contains(s))
        .collect();
    let built_in: Vec<String> = built_in.into_iter().cloned().collect();
    built_in.into_iter().chain(created).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_without_a_schema_mean_the_view_s_own_before_others() {
        let view = |schema: &str, name: &str, query: &str| ViewDraft {
            name: ObjectName::new(schema, name),
            columns: vec!["x".to_owned()],
            query: query.to_owned(),
            needs: HashSet::new(),
        };
        // Were `second` taken for b's as well, the two schemas' views would wait for each other.
        let draft = SchemaDraft {
            views: vec![
                view("b", "second", " select x from a.first"),
                view("a", "first", " select x from second"),
                view("a", "second", " select 1 as x"),
                view("b", "third", " select x from first"),
            ],
            ..SchemaDraft::default()
        };
        let catalog = draft.into_catalog();
        let names: Vec<String> = catalog.views.iter().map(|v| v.name.to_string()).collect();
        assert_eq!(names, ["a.second", "a.first", "b.second", "b.third"]);
        for view in &catalog.views {
            let done = matches!(
                view.query.translation,
                migrate_core::template::Translation::Done { .. }
            );
            assert!(done, "{view:?}");
        }
        assert_eq!(catalog.schemas, ["a", "b"]);
    }
}
