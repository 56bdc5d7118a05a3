//! What a database answered becomes its catalog. Nothing here asks anything.

mod columns;
mod fingerprint;
mod foreign_keys;
mod indexes;
mod modules;
mod notes;
mod orders;
mod properties;
mod refusals;
mod server;

use std::collections::HashMap;

use migrate_core::Result;
use migrate_core::catalog::{AliasType, ManualObject, ObjectName, SourceInfo, Table};

use self::columns::BuiltColumn;
use super::facts::{Discovered, Engine, Refusal, ServerFacts, TableFacts};
use super::questions::{ColumnRow, IndexColumnRow, IndexRow, Recording, TableRow, TypeRow};
use crate::schema::manual::{bracketed, listed};
use crate::schema::{CheckDraft, SchemaDraft, Script, TableDraft};

/// Puts the answers together. `name` is how the server is called, without secrets.
///
/// # Errors
/// [`Unsupported`](migrate_core::ErrorKind::Unsupported) for alias types and identities that do not fit into the model.
pub(crate) fn discovered(recording: Recording, name: &str) -> Result<Discovered> {
    let server = server::facts(&recording.database);
    let host = name.split('/').next().unwrap_or_default();
    let mut draft = SchemaDraft {
        source: SourceInfo {
            kind: "mssql".to_owned(),
            name: format!("{host}/{}", server.database),
            version: server::version(&recording.database),
            collation: None,
            fingerprint: String::new(),
        },
        case_sensitive: server.collation.as_ref().is_some_and(|c| c.case_sensitive),
        collation: server.collation.clone(),
        ..SchemaDraft::default()
    };
    draft.schemas = created_schemas(recording.schemas.iter().map(|s| s.name.as_str()));
    types(&recording.types, &mut draft)?;

    let mut columns: HashMap<i64, Vec<ColumnRow>> = HashMap::new();
    for row in recording.columns {
        columns.entry(row.object_id).or_default().push(row);
    }
    for list in columns.values_mut() {
        list.sort_by_key(|c| c.column_id);
    }
    let mut indexes: HashMap<i64, Vec<IndexRow>> = HashMap::new();
    for row in recording.indexes {
        indexes.entry(row.object_id).or_default().push(row);
    }
    for list in indexes.values_mut() {
        list.sort_by_cached_key(|i| folded(i.name.as_deref().unwrap_or_default()));
    }
    let mut index_columns: HashMap<(i64, i64), Vec<IndexColumnRow>> = HashMap::new();
    for row in recording.index_columns {
        index_columns
            .entry((row.object_id, row.index_id))
            .or_default()
            .push(row);
    }
    for list in index_columns.values_mut() {
        list.sort_by_key(|c| (c.key_ordinal, c.index_column_id));
    }
    let sizes: HashMap<i64, _> = (recording.sizes.into_iter())
        .map(|s| (s.object_id, (s.row_count, s.byte_count)))
        .collect();

    let mut tables = recording.tables;
    tables.sort_by_cached_key(|t| (folded(&t.schema_name), folded(&t.name)));
    let mut facts = HashMap::new();
    let mut refusals = HashMap::new();
    // Places of the tables that are moved, by `object_id`.
    let mut places: HashMap<i64, usize> = HashMap::new();
    for row in &tables {
        let name = ObjectName::new(&*row.schema_name, &*row.name);
        if row.is_external {
            draft.manual.push(external(&name));
            continue;
        }
        let own = columns.get(&row.object_id).map_or(&[][..], Vec::as_slice);
        let built = own.iter().map(|c| columns::column(c, draft.collation.as_ref()));
        let built: Result<Vec<BuiltColumn>> = built.collect();
        let built = built.map_err(|e| e.at("table", &name))?;
        let own_indexes = indexes.get(&row.object_id).map_or(&[][..], Vec::as_slice);
        let refusal = refusals::of(row, own, &built, own_indexes, &recording.database);
        let size = sizes.get(&row.object_id).copied().unwrap_or_default();
        let parts = TableParts {
            row,
            rows: own,
            columns: &built,
            indexes: own_indexes,
            index_columns: &index_columns,
            engine: server.engine,
        };
        let (table, table_facts, manual) = parts.table(&name, size, refusal.as_ref());
        draft.manual.extend(manual);
        if let Some(refusal) = refusal {
            draft.manual.push(refusals::listed(&name, &refusal));
            refusals.insert(name.clone(), refusal);
        }
        places.insert(row.object_id, draft.tables.len());
        facts.insert(name, table_facts);
        draft.tables.push(table);
    }
    foreign_keys::add(recording.foreign_keys, &places, &server, &mut draft)?;
    checks(recording.checks, &places, &server, &mut draft);
    for row in &recording.sequences {
        match modules::sequence(row) {
            Ok(sequence) => draft.sequences.push(sequence),
            Err(manual) => draft.manual.push(manual),
        }
    }
    draft
        .sequences
        .sort_by_cached_key(|s| (folded(&s.name.schema), folded(&s.name.name)));
    modules::add(recording.modules, &columns, &indexes, &index_columns, &mut draft);
    modules::others(recording.others, &mut draft);
    draft.properties = properties::read(recording.properties);
    draft
        .manual
        .extend(refusals::of_database(&server, &recording.database));
    draft.source.fingerprint = fingerprint::of(&draft);
    Ok(Discovered {
        catalog: draft.into_catalog(),
        server,
        tables: facts,
        refusals,
    })
}

/// How names are sorted: without case, as an export sorts them, and with it where that leaves a tie.
fn folded(name: &str) -> (String, String) {
    (name.to_lowercase(), name.to_owned())
}

/// Schemas without those that every database has.
fn created_schemas<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    const OWN: [&str; 4] = ["dbo", "guest", "sys", "information_schema"];
    const ROLES: [&str; 9] = [
        "db_owner",
        "db_accessadmin",
        "db_securityadmin",
        "db_ddladmin",
        "db_backupoperator",
        "db_datareader",
        "db_datawriter",
        "db_denydatareader",
        "db_denydatawriter",
    ];
    let mut names: Vec<String> = names
        .filter(|n| {
            let n = n.to_lowercase();
            !OWN.contains(&&*n) && !ROLES.contains(&&*n)
        })
        .map(str::to_owned)
        .collect();
    names.sort_by_cached_key(|n| folded(n));
    names
}

fn types(rows: &[TypeRow], draft: &mut SchemaDraft) -> Result<()> {
    for row in rows {
        let name = ObjectName::new(&*row.schema_name, &*row.name);
        let kind = match (row.is_assembly_type, row.is_table_type) {
            (true, _) => Some(("SqlUserDefinedType", "create type")),
            (_, true) => Some(("SqlTableType", "create type")),
            _ => None,
        };
        if let Some((kind, verb)) = kind {
            let tail = if row.is_table_type {
                " as table"
            } else {
                " external name"
            };
            let definition = format!("{verb} {}{tail}", qualified(&name));
            draft
                .manual
                .push(listed(kind, name.to_string(), definition, None));
            continue;
        }
        let native = columns::alias_type(row).map_err(|e| e.at("alias type", &name))?;
        draft.alias_types.push(AliasType {
            name,
            native: native.to_string(),
            pg: native.pg(),
            comment: None,
        });
    }
    draft
        .alias_types
        .sort_by_cached_key(|a| (folded(&a.name.schema), folded(&a.name.name)));
    Ok(())
}

fn external(name: &ObjectName) -> ManualObject {
    let definition = format!("create external table {}", qualified(name));
    listed("SqlExternalTable", name.to_string(), definition, None)
}

/// Both parts in brackets.
fn qualified(name: &ObjectName) -> String {
    format!("{}.{}", bracketed(&name.schema), bracketed(&name.name))
}

/// The name of a constraint, unless the server made it up. Babelfish claims to have made up all of them.
fn constraint_name(name: &str, unnamed: bool, engine: Engine) -> Option<String> {
    (!unnamed || engine == Engine::Babelfish).then(|| name.to_owned())
}

/// Transact-SQL, or the fact that it is not shown.
fn script(text: Option<&String>) -> Script {
    text.map_or(Script::Hidden, |t| Script::Known(t.clone()))
}

fn checks(
    mut rows: Vec<super::questions::CheckRow>,
    places: &HashMap<i64, usize>,
    server: &ServerFacts,
    draft: &mut SchemaDraft,
) {
    rows.sort_by_cached_key(|c| folded(&c.name));
    for row in rows {
        let Some(table) = places.get(&row.object_id).and_then(|i| draft.tables.get_mut(*i)) else {
            continue;
        };
        table.checks.push(CheckDraft {
            name: constraint_name(&row.name, row.is_unnamed, server.engine),
            script: script(row.definition.as_ref()),
            enabled: !row.is_disabled,
            trusted: !row.is_not_trusted && !row.is_disabled,
        });
    }
}

/// A table and what belongs to it.
struct TableParts<'a> {
    row: &'a TableRow,
    rows: &'a [ColumnRow],
    columns: &'a [BuiltColumn],
    indexes: &'a [IndexRow],
    index_columns: &'a HashMap<(i64, i64), Vec<IndexColumnRow>>,
    engine: Engine,
}

impl TableParts<'_> {
    fn table(
        &self,
        name: &ObjectName,
        size: (Option<i64>, Option<i64>),
        refusal: Option<&Refusal>,
    ) -> (TableDraft, TableFacts, Vec<ManualObject>) {
        let count = |n: Option<i64>| n.and_then(|n| u64::try_from(n).ok());
        let (rows, bytes) = (count(size.0), count(size.1));
        // Babelfish knows nothing of a table before somebody analyses it, and then says that it is empty.
        let rows =
            rows.filter(|n| *n > 0 || (self.engine != Engine::Babelfish && !self.row.is_memory_optimized));
        let table = Table {
            name: name.clone(),
            columns: self.columns.iter().map(|c| c.column.clone()).collect(),
            primary_key: None,
            uniques: Vec::new(),
            foreign_keys: Vec::new(),
            checks: Vec::new(),
            indexes: Vec::new(),
            comment: None,
            rows,
            bytes: bytes.filter(|_| !self.row.is_memory_optimized),
            notes: Vec::new(),
        };
        let mut draft = TableDraft::new(table);
        notes::of(self.row, self.rows, self.columns, &mut draft.table.notes);
        if refusal.is_some() {
            let note = "cannot be read as it is: see the work that is left to a person";
            draft.table.notes.push(note.to_owned());
        }
        for (position, column) in self.columns.iter().enumerate() {
            column.attach(position, self.engine, &mut draft);
        }
        let manual = indexes::add(self, &mut draft);
        let facts = TableFacts {
            object_id: self.row.object_id,
            columns: self.columns.iter().filter_map(|c| c.read.clone()).collect(),
            orders: orders::unique(self),
            clustered: orders::clustered(self),
            storage: orders::storage(self),
            partitioned_by: orders::partitioned_by(self),
            readable: refusal.is_none(),
            rows: draft.table.rows,
            bytes: draft.table.bytes,
        };
        (draft, facts, manual)
    }

    /// The columns of an index, its keys first.
    fn columns_of(&self, index: &IndexRow) -> &[IndexColumnRow] {
        (self.index_columns.get(&(index.object_id, index.index_id))).map_or(&[], Vec::as_slice)
    }
}
