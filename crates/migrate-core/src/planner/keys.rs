//! Which keys are rewritten, and which columns with them: a key and everything that refers to it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use crate::catalog::{Catalog, Column, Index, IndexColumn, ObjectName, Part, Table};
use crate::encode::{DEFAULT_NAMESPACE, is_key_type, table_namespace};
use crate::error::{Error, ErrorKind, Result};
use crate::mapping::{Keys, Legacy, Mapping};
use crate::pg_type::PgType;
use crate::plan::{Rekey, TargetName};

use super::polymorphic;

/// Source table and column.
pub(super) type Place = (ObjectName, String);

/// What is rewritten.
#[derive(Debug, Default)]
pub(super) struct Rewritten {
    /// For each column, the table whose keys it holds.
    columns: BTreeMap<Place, ObjectName>,
    /// Keys of one column that are no references: where new rows get new keys.
    own: BTreeSet<Place>,
    /// Columns beside rewritten ones that keep what they held.
    legacy: BTreeMap<Place, String>,
    /// Sequences that numbered keys which are rewritten.
    pub(super) idle: BTreeSet<ObjectName>,
    namespace: Uuid,
    /// Where keys that were given before are listed, by the table whose keys they are.
    known: BTreeMap<ObjectName, TargetName>,
    /// What a person should know.
    pub(super) notes: Vec<(String, String)>,
}

/// The catalog with columns for old keys, as the mapping asks for, and what is rewritten.
///
/// # Errors
/// [`Config`](ErrorKind::Config) where a key cannot be rewritten that a person chose, or would not fit to what it refers to.
pub(super) fn rewrite<'a>(
    catalog: Cow<'a, Catalog>,
    mapping: &Mapping,
) -> Result<(Cow<'a, Catalog>, Rewritten)> {
    let asked = mapping.keys != Keys::Keep
        || mapping.tables.values().any(|t| {
            t.key.is_some() || !t.polymorphic.is_empty() || t.columns.values().any(|c| c.references.is_some())
        });
    if !asked {
        return Ok((catalog, Rewritten::default()));
    }
    let mut catalog = catalog.into_owned();
    polymorphic::add(&mut catalog, mapping)?;
    let references = named_references(&mut catalog, mapping)?;
    let tables: Vec<&Table> = catalog.tables.iter().filter(|t| mapping.takes(&t.name)).collect();
    let mut rewritten = Rewritten {
        namespace: mapping.key_namespace.unwrap_or(DEFAULT_NAMESPACE),
        ..Rewritten::default()
    };
    let edges = edges(&tables, references);
    let chosen = rewritten.choose(&tables, mapping)?;
    rewritten.spread(&tables, &chosen, &edges);
    check_references(&rewritten, &chosen, &edges)?;
    rewritten.keep_old(&mut catalog, mapping);
    rewritten.find_idle(&catalog);
    Ok((Cow::Owned(catalog), rewritten))
}

/// The table's primary key, if it is one column.
pub(super) fn single_key(table: &Table) -> Option<&Column> {
    match table.primary_key.as_ref()?.columns.as_slice() {
        [name] => table.column(name),
        _ => None,
    }
}

fn config(message: String, table: &ObjectName) -> Error {
    Error::new(ErrorKind::Config, message).at("table", table)
}

/// A table that the mapping names, which must be part of the plan and have a key of one column.
pub(super) fn referenced<'c>(
    catalog: &'c Catalog,
    mapping: &Mapping,
    name: &str,
) -> Result<(&'c Table, &'c Column)> {
    let found = catalog.tables.iter().find(|t| t.name.to_string() == name);
    let table = found.filter(|t| mapping.takes(&t.name)).ok_or_else(|| {
        Error::new(
            ErrorKind::Config,
            format!("the plan refers to table `{name}`, which is not part of it"),
        )
        .hint("write it as schema.table, as the source spells it")
    })?;
    let key = single_key(table).ok_or_else(|| {
        config(
            "the plan refers to a table without a primary key of one column".to_owned(),
            &table.name,
        )
    })?;
    Ok((table, key))
}

/// References that the mapping names; those that are to be foreign keys become some.
fn named_references(catalog: &mut Catalog, mapping: &Mapping) -> Result<Vec<(Place, Place)>> {
    let mut found = Vec::new();
    let mut foreign = Vec::new();
    for (name, decided) in &mapping.tables {
        for (column, choice) in &decided.columns {
            let Some(other) = &choice.references else {
                continue;
            };
            let at = |e: Error| e.at("column", column).at("table", name);
            let (to, key) = referenced(catalog, mapping, other).map_err(at)?;
            let Some(table) = catalog.tables.iter().find(|t| t.name.to_string() == *name) else {
                continue;
            };
            let Some(from) = table.column(column) else {
                continue;
            };
            if !same_texts(&from.pg, &key.pg) {
                let message = format!("{} cannot hold keys of {other}, which are {}", from.pg, key.pg);
                return Err(at(Error::new(ErrorKind::Config, message)));
            }
            if choice.foreign_key {
                foreign.push((
                    table.name.clone(),
                    column.clone(),
                    to.name.clone(),
                    key.name.clone(),
                ));
            }
            found.push((
                (table.name.clone(), column.clone()),
                (to.name.clone(), key.name.clone()),
            ));
        }
    }
    for (from, column, to, key) in foreign {
        if let Some(table) = catalog.tables.iter_mut().find(|t| t.name == from) {
            table
                .foreign_keys
                .push(polymorphic::foreign_key(&column, &to, &key));
        }
    }
    Ok(found)
}

/// Whether equal values of both types have equal texts.
fn same_texts(a: &PgType, b: &PgType) -> bool {
    let number = |ty: &PgType| ty.is_integer() || matches!(ty, PgType::Numeric(_));
    is_key_type(a) && is_key_type(b) && (number(a) && number(b) || a.is_text() && b.is_text() || a == b)
}

/// References from column to column, of which new keys of the second make new keys of the first.
fn edges(tables: &[&Table], named: Vec<(Place, Place)>) -> Vec<(Place, Place)> {
    let column = |(table, column): &Place| {
        let table = tables.iter().find(|t| t.name == *table)?;
        table.column(column)
    };
    let declared = tables.iter().flat_map(|table| {
        let enabled = table.foreign_keys.iter().filter(|fk| fk.enabled);
        enabled.flat_map(|fk| {
            let pairs = fk.columns.iter().zip(&fk.referenced_columns);
            pairs.map(|(from, to)| {
                (
                    (table.name.clone(), from.clone()),
                    (fk.references.clone(), to.clone()),
                )
            })
        })
    });
    declared
        .chain(named)
        .filter(|(from, to)| match (column(from), column(to)) {
            (Some(a), Some(b)) => a.computed.is_none() && same_texts(&a.pg, &b.pg),
            _ => false,
        })
        .collect()
}

/// A key that is rewritten and refers to one that is not would refer to nothing.
fn check_references(rewritten: &Rewritten, chosen: &BTreeSet<Place>, edges: &[(Place, Place)]) -> Result<()> {
    let broken = edges
        .iter()
        .find(|(from, to)| chosen.contains(from) && !rewritten.columns.contains_key(to));
    let Some(((table, column), (other, key))) = broken else {
        return Ok(());
    };
    let message = format!("the key {column} would be rewritten, and refers to {other}.{key}, which is kept");
    Err(config(message, table).hint(format!(
        "write key = \"uuid\" under [tables.\"{other}\"] too, or key = \"keep\" under [tables.\"{table}\"]"
    )))
}

impl Rewritten {
    /// How a column is rewritten, given its type before.
    pub(super) fn rekey(&self, table: &ObjectName, column: &str, old: PgType) -> Option<Rekey> {
        let owner = self.columns.get(&(table.clone(), column.to_owned()))?;
        Some(Rekey {
            table: owner.clone(),
            namespace: table_namespace(self.namespace, owner),
            old,
            known: self.known.get(owner).cloned(),
        })
    }

    /// The table whose keys the column holds, if they are rewritten.
    pub(super) fn owner(&self, table: &ObjectName, column: &str) -> Option<&ObjectName> {
        self.columns.get(&(table.clone(), column.to_owned()))
    }

    /// Whether the column is a key that refers to no other.
    pub(super) fn is_own(&self, table: &ObjectName, column: &str) -> bool {
        self.own.contains(&(table.clone(), column.to_owned()))
    }

    /// The column that keeps what a rewritten one held.
    pub(super) fn legacy(&self, table: &ObjectName, column: &str) -> Option<&str> {
        let kept = self.legacy.get(&(table.clone(), column.to_owned()))?;
        Some(kept)
    }

    /// The keys that a person chose to rewrite.
    fn choose(&mut self, tables: &[&Table], mapping: &Mapping) -> Result<BTreeSet<Place>> {
        let mut chosen = BTreeSet::new();
        for table in tables {
            let own = mapping
                .tables
                .get(&table.name.to_string())
                .and_then(|t| t.key.as_ref());
            let choice = own.unwrap_or(&mapping.keys);
            if let Keys::Mapping(listed) = choice {
                self.known.insert(table.name.clone(), list(listed)?);
            }
            if *choice == Keys::Keep {
                continue;
            }
            match single_key(table) {
                Some(key) if key.computed.is_none() && is_key_type(&key.pg) => {
                    let number = key.pg.is_integer() || matches!(key.pg, PgType::Numeric(_));
                    if own.is_some() || number {
                        chosen.insert((table.name.clone(), key.name.clone()));
                    } else if key.pg != PgType::Uuid {
                        self.notes.push((
                            table.name.to_string(),
                            format!(
                                "key {} is {} and stays; key = \"uuid\" under the table rewrites it",
                                key.name, key.pg
                            ),
                        ));
                    }
                }
                _ if own.is_some() => {
                    let message =
                        "the plan rewrites its key, which is not one column of numbers, text or UUIDs";
                    return Err(config(message.to_owned(), &table.name).hint(
                        "remove `key` from the plan file; references inside keys are rewritten anyway",
                    ));
                }
                _ => {}
            }
        }
        Ok(chosen)
    }

    /// Goes from keys to what refers to them. A key that is a reference itself has the new keys of what it refers to.
    fn spread(&mut self, tables: &[&Table], chosen: &BTreeSet<Place>, edges: &[(Place, Place)]) {
        let refers = |place: &Place| {
            edges
                .iter()
                .any(|(from, to)| from == place && to != place && chosen.contains(to))
        };
        for place in chosen.iter().filter(|p| !refers(p)) {
            self.columns.insert(place.clone(), place.0.clone());
            self.own.insert(place.clone());
        }
        loop {
            self.follow(edges);
            // Keys that refer to each other in a circle: one of them has to begin.
            let Some(place) = chosen.iter().find(|p| !self.columns.contains_key(*p)) else {
                break;
            };
            self.columns.insert(place.clone(), place.0.clone());
            self.own.insert(place.clone());
        }
        for (from, to) in edges {
            if let (Some(of), Some(other)) = (self.columns.get(from), self.columns.get(to))
                && of != other
            {
                let text = format!("refers to keys of {of} and of {other}; its new keys are those of {of}");
                self.notes.push((format!("{}.{}", from.0, from.1), text));
            }
        }
        for table in tables {
            self.note(table, edges);
        }
    }

    fn follow(&mut self, edges: &[(Place, Place)]) {
        loop {
            let more: Vec<(Place, ObjectName)> = edges
                .iter()
                .filter(|(from, _)| !self.columns.contains_key(from))
                .filter_map(|(from, to)| Some((from.clone(), self.columns.get(to)?.clone())))
                .collect();
            if more.is_empty() {
                return;
            }
            for (place, owner) in more {
                self.columns.entry(place).or_insert(owner);
            }
        }
    }

    /// Says what becomes of a table's key.
    fn note(&mut self, table: &Table, edges: &[(Place, Place)]) {
        let Some(key) = single_key(table) else { return };
        let place = (table.name.clone(), key.name.clone());
        let Some(owner) = self.columns.get(&place) else {
            return;
        };
        let mut from: Vec<String> = edges
            .iter()
            .filter(|(from, to)| *to == place && self.columns.get(from) == Some(owner))
            .map(|((t, c), _)| format!("{t}.{c}"))
            .collect();
        from.sort();
        from.dedup();
        let with = if from.is_empty() {
            String::new()
        } else {
            format!(", and with it {}", from.join(", "))
        };
        let text = format!("key {} becomes uuid (version 5){with}", key.name);
        self.notes.push((table.name.to_string(), text));
    }

    /// Adds the columns that keep old keys, each behind its new one.
    fn keep_old(&mut self, catalog: &mut Catalog, mapping: &Mapping) {
        for table in &mut catalog.tables {
            let decided = mapping.tables.get(&table.name.to_string());
            let key = single_key(table).map(|k| k.name.clone());
            let mut taken: BTreeSet<String> = table.columns.iter().map(|c| c.name.to_lowercase()).collect();
            let mut columns = Vec::with_capacity(table.columns.len());
            for column in std::mem::take(&mut table.columns) {
                let place = (table.name.clone(), column.name.clone());
                let is_key = key.as_ref() == Some(&column.name);
                let asked = decided
                    .and_then(|t| t.columns.get(&column.name))
                    .and_then(|c| c.legacy);
                let keeps = self.columns.contains_key(&place)
                    && column.part.is_none()
                    && asked.unwrap_or(is_key || mapping.legacy == Legacy::All);
                let old = keeps.then(|| old_of(&column, &mut taken));
                columns.push(column);
                let Some(old) = old else { continue };
                if is_key {
                    table.indexes.push(unique_index(&table.name, &old.name));
                }
                self.legacy.insert(place, old.name.clone());
                columns.push(old);
            }
            table.columns = columns;
        }
    }
}

/// `schema.table` in the destination.
fn list(listed: &str) -> Result<TargetName> {
    match listed.split_once('.') {
        Some((schema, name)) if !schema.is_empty() && !name.is_empty() => Ok(TargetName {
            schema: schema.to_owned(),
            name: name.to_owned(),
        }),
        _ => Err(Error::new(
            ErrorKind::Config,
            format!("`{listed}` does not name a table of the destination"),
        )
        .hint("write keys = { mapping = \"schema.table\" }, such as migrate.mapping")),
    }
}

fn old_of(column: &Column, taken: &mut BTreeSet<String>) -> Column {
    let wanted = format!("legacy_{}", column.name);
    let mut name = wanted.clone();
    let mut number = 1;
    while !taken.insert(name.to_lowercase()) {
        number += 1;
        name = format!("{wanted}_{number}");
    }
    Column {
        name,
        // Rows that come later have no old key.
        nullable: true,
        identity: None,
        default: None,
        default_name: None,
        comment: None,
        utc_offset: false,
        part: Some(Part::Legacy {
            of: column.name.clone(),
        }),
        ..column.clone()
    }
}

fn unique_index(table: &ObjectName, column: &str) -> Index {
    Index {
        name: format!("{}_{column}_key", table.name),
        columns: vec![IndexColumn {
            name: column.to_owned(),
            descending: false,
        }],
        include: Vec::new(),
        unique: true,
        clustered: false,
        filter: None,
        using: None,
        expression: None,
        disabled: false,
        comment: None,
    }
}
