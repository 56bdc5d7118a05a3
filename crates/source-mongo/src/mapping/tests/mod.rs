//! Catalogs of small collections, printed and compared as a whole.

mod any;
mod columns;
mod descriptions;
mod indexes;
mod nested;
mod options;
mod references;

use bson::oid::ObjectId;
use bson::{Bson, Document};
use migrate_core::catalog::{Action, Catalog, Fidelity, Index};
use migrate_core::mapping::Mapping;
use migrate_core::plan::{Plan, Target};
use migrate_core::template::{Expr, Translation};
use migrate_core::{Result, planner};

use crate::infer::{Inference, Limits, Tree};
use crate::store::{Collection, StoreInfo};

use super::*;

pub(super) fn bytes(document: &Document) -> Vec<u8> {
    let mut out = Vec::new();
    document.to_writer(&mut out).unwrap();
    out
}

pub(super) fn collection(name: &str) -> Collection {
    Collection {
        name: name.to_owned(),
        kind: "collection".to_owned(),
        options: Vec::new(),
        indexes: Vec::new(),
        documents: None,
        bytes: None,
    }
}

/// Collections with their documents.
pub(super) struct World {
    pub(super) collections: Vec<Collection>,
    pub(super) documents: Vec<Vec<Document>>,
    pub(super) options: MongoOptions,
    pub(super) sample: Option<u64>,
}

impl World {
    pub(super) fn new(collections: &[(&str, Vec<Document>)]) -> Self {
        Self {
            collections: collections.iter().map(|(name, _)| collection(name)).collect(),
            documents: collections.iter().map(|(_, d)| d.clone()).collect(),
            options: MongoOptions::default(),
            sample: None,
        }
    }

    pub(super) fn with(mut self, toml: &str) -> Self {
        let value = serde_json::to_value(toml::from_str::<toml::Table>(toml).unwrap()).unwrap();
        self.options = MongoOptions::from_map(value.as_object().unwrap()).unwrap();
        self
    }

    /// Gives the first collection an index.
    pub(super) fn index(mut self, index: &Document) -> Self {
        self.collections[0].indexes.push(bytes(index));
        self
    }

    pub(super) fn catalog(&self) -> Result<Catalog> {
        let looks = looks_like_reference(&self.collections, &self.options);
        let mut inference = Inference {
            sample: self.sample,
            ..Inference::default()
        };
        for (collection, documents) in self.collections.iter().zip(&self.documents) {
            if collection.kind == "view" {
                continue;
            }
            let looks = self.sample.is_none().then(|| Arc::clone(&looks));
            let mut tree = Tree::new(Limits::default(), looks.clone());
            for document in documents {
                tree.add(&bytes(document)).unwrap();
            }
            // As parts are put together, which sorts what was kept for proof.
            let mut whole = Tree::new(Limits::default(), looks);
            whole.merge(Tree::new(Limits::default(), None));
            whole.merge(tree);
            inference
                .collections
                .insert(collection.name.clone(), whole.sorted());
        }
        let info = StoreInfo {
            database: "shop".to_owned(),
            name: "host/shop".to_owned(),
            version: "7.0".to_owned(),
            fingerprint: "f".to_owned(),
        };
        catalog(&info, &self.collections, &inference, &self.options)
    }

    /// The tables as text.
    pub(super) fn show(&self) -> String {
        show(&self.catalog().unwrap())
    }

    /// The plan that is made of it: whatever the catalog names has to be there.
    pub(super) fn plan(&self) -> Plan {
        planner::plan(&self.catalog().unwrap(), &Mapping::default(), &Target::default()).unwrap()
    }
}

/// The catalog of one collection's documents.
pub(super) fn one(documents: Vec<Document>) -> String {
    World::new(&[("c", documents)]).show()
}

pub(super) fn oid(n: u8) -> Bson {
    Bson::ObjectId(ObjectId::from_bytes([n; 12]))
}

fn expression(expr: &Expr) -> String {
    match &expr.translation {
        Translation::Done { template, .. } => template
            .render(
                |_, column| Some(format!("<{column}>")),
                |relation| Some(relation.to_string()),
            )
            .unwrap(),
        Translation::Impossible { reason } => format!("impossible: {reason}"),
    }
}

fn index(index: &Index) -> String {
    let mut columns: Vec<String> = index
        .columns
        .iter()
        .map(|c| format!("{}{}", c.name, if c.descending { " desc" } else { "" }))
        .collect();
    columns.extend(index.expression.as_ref().map(expression));
    let unique = if index.unique { "unique " } else { "" };
    let using = index
        .using
        .as_ref()
        .map_or(String::new(), |u| format!(" using {u}"));
    let filter = index
        .filter
        .as_ref()
        .map_or(String::new(), |f| format!(" where {}", expression(f)));
    format!(
        "{unique}index {}{using} ({}){filter}",
        index.name,
        columns.join(", ")
    )
}

/// One line for each column, key, index and note.
pub(super) fn show(catalog: &Catalog) -> String {
    let mut out = String::new();
    let mut line = |text: String| out.push_str(&format!("{text}\n"));
    for table in &catalog.tables {
        let rows = table.rows.map_or("?".to_owned(), |n| n.to_string());
        line(format!("{} ({rows})", table.name.name));
        for c in &table.columns {
            let fidelity = match &c.fidelity {
                Fidelity::Exact => String::new(),
                Fidelity::Widened => ", widened".to_owned(),
                Fidelity::Lossy(_) => ", lossy".to_owned(),
            };
            let null = if c.nullable { "" } else { " not null" };
            line(format!("  {}: {} -> {}{null}{fidelity}", c.name, c.native, c.pg));
        }
        if let Some(key) = &table.primary_key {
            line(format!("  key {}", key.columns.join(", ")));
        }
        for key in &table.uniques {
            line(format!("  unique {}", key.columns.join(", ")));
        }
        for fk in &table.foreign_keys {
            let action = if fk.on_delete == Action::Cascade {
                " cascade"
            } else {
                ""
            };
            line(format!(
                "  {} -> {} ({}){action}",
                fk.columns.join(", "),
                fk.references.name,
                fk.referenced_columns.join(", ")
            ));
        }
        for reshape in catalog.reshapes.iter().filter(|r| r.table == table.name) {
            for n in &reshape.numbered {
                line(format!("  number {} of {}", n.column, n.key_of.name));
            }
            for r in &reshape.resolved {
                let when = r.when.as_ref().map_or(String::new(), |says| {
                    let loosely = if says.loosely { " loosely" } else { "" };
                    format!(" when {} is{loosely} {}", says.column, says.values.join(" or "))
                });
                line(format!(
                    "  add {}: {} -> {} ({}){when}",
                    r.name, r.from, r.references.name, r.key
                ));
            }
        }
        for check in &table.checks {
            let trusted = if check.trusted { "" } else { " not valid" };
            line(format!("  check {}{trusted}", expression(&check.expression)));
        }
        for i in &table.indexes {
            line(format!("  {}", index(i)));
        }
        for note in &table.notes {
            line(format!("  note {note}"));
        }
    }
    for manual in &catalog.manual {
        line(format!(
            "manual {} {}: {}",
            manual.kind, manual.name, manual.reason
        ));
    }
    out
}

/// Compares printed catalogs line by line, without regard to the indentation of what is expected.
#[track_caller]
pub(super) fn same(shown: &str, expected: &str) {
    let lines = |text: &str| -> Vec<String> {
        let lines = text.lines().map(|l| l.trim().to_owned());
        lines.filter(|l| !l.is_empty()).collect()
    };
    assert_eq!(lines(shown), lines(expected));
}
