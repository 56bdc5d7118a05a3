//! `model.xml`: the schema.

mod columns;
mod comments;
mod constraints;
mod manual;
mod name;
mod views;
mod xml;

use std::collections::HashMap;
use std::io::Read;

use migrate_core::Result;
use migrate_core::catalog::{Catalog, ManualObject, ObjectName, Sequence, SourceInfo, Table};

use self::columns::{Built, UserTypes};
use self::xml::Node;
use super::layout::StoredColumn;
use crate::classify::{corrupt, unsupported};
use crate::schema::collation::collation;
use crate::schema::columns::{Inferred, duplicates_note};
use crate::schema::sequence::{self, Numbers};
use crate::schema::{ComputedDraft, DefaultDraft, SchemaDraft, Script, TableDraft};

/// The model's elements, sorted by what becomes of them.
#[derive(Default)]
struct Elements {
    options: Option<Node>,
    schemas: Vec<Node>,
    aliases: Vec<Node>,
    sequences: Vec<Node>,
    tables: Vec<Node>,
    /// Keys, foreign keys, checks, defaults and indexes.
    attached: Vec<Node>,
    views: Vec<Node>,
    properties: Vec<Node>,
    others: Vec<Node>,
}

impl Elements {
    fn take(&mut self, node: Node) {
        let list = match node.kind.as_str() {
            "SqlDatabaseOptions" => {
                self.options = Some(node);
                return;
            }
            "SqlSchema" => &mut self.schemas,
            "SqlUserDefinedDataType" => &mut self.aliases,
            "SqlSequence" => &mut self.sequences,
            "SqlTable" => &mut self.tables,
            "SqlPrimaryKeyConstraint"
            | "SqlUniqueConstraint"
            | "SqlForeignKeyConstraint"
            | "SqlCheckConstraint"
            | "SqlDefaultConstraint"
            | "SqlIndex" => &mut self.attached,
            "SqlView" => &mut self.views,
            "SqlExtendedProperty" => &mut self.properties,
            _ => &mut self.others,
        };
        list.push(node);
    }
}

/// What the model says.
pub(crate) struct Model {
    /// The schema, without numbers of rows.
    pub(crate) catalog: Catalog,
    /// For each table the columns that have bytes in its data files, in their order.
    pub(crate) stored: HashMap<ObjectName, Vec<StoredColumn>>,
}

impl Model {
    /// Reads a model. `info` gets the collation added.
    pub(crate) fn read(source: impl Read, info: SourceInfo) -> Result<Self> {
        let mut elements = Elements::default();
        let root = xml::read(source, |node| {
            elements.take(node);
            Ok(())
        })?;
        build(elements, &root, info)
    }
}

fn build(elements: Elements, root: &xml::Root, info: SourceInfo) -> Result<Model> {
    let option = |o: &Node| o.property("Collation").map(collation);
    let default_collation = elements.options.as_ref().and_then(option);
    let mut draft = SchemaDraft {
        source: info,
        case_sensitive: default_collation
            .as_ref()
            .map_or(root.case_sensitive.unwrap_or(false), |c| c.case_sensitive),
        collation: default_collation,
        ..SchemaDraft::default()
    };
    for node in &elements.schemas {
        draft.schemas.extend(name::parts(&node.name)?.pop());
    }
    let mut types = UserTypes::default();
    for node in elements.others.iter().filter(|n| n.kind == "SqlUserDefinedType") {
        types.add_clr(node)?;
    }
    for node in &elements.aliases {
        draft.alias_types.push(types.add_alias(node)?);
    }
    let mut stored = HashMap::new();
    let mut places: HashMap<ObjectName, usize> = HashMap::new();
    for node in &elements.tables {
        let (table, columns) = table(node, &types, draft.collation.as_ref())?;
        let name = table.table.name.clone();
        if places.insert(name.clone(), draft.tables.len()).is_some() {
            return Err(corrupt("the model has two tables of the same name").at("table", name));
        }
        stored.insert(name, columns);
        draft.tables.push(table);
    }
    for node in &elements.sequences {
        match sequence(node, &types)? {
            Ok(sequence) => draft.sequences.push(sequence),
            Err(reason) => draft.manual.push(manual::manual(node, Some(reason))),
        }
    }
    for node in &elements.views {
        match views::draft(node)? {
            Some(view) => draft.views.push(view),
            None => {
                let reason = "the model does not contain its query".to_owned();
                draft.manual.push(manual::manual(node, Some(reason)));
            }
        }
    }
    for node in &elements.attached {
        let owner = constraints::owner(node)?;
        let table = places.get(&owner).and_then(|i| draft.tables.get_mut(*i));
        match table {
            Some(table) => attach(node, table).map_err(|e| e.at("table", &owner))?,
            None => draft.manual.push(orphan(node)),
        }
    }
    let others = elements.others.iter().map(|node| manual::manual(node, None));
    draft.manual.extend(others);
    for node in &elements.properties {
        draft.properties.push(comments::read(node)?);
    }
    Ok(Model {
        catalog: draft.into_catalog(),
        stored,
    })
}

/// A constraint or index of something that is no table.
fn orphan(node: &Node) -> ManualObject {
    let reason = "it belongs to an object that is not moved as a table".to_owned();
    manual::manual(node, Some(reason))
}

/// Properties of tables that say nothing that PostgreSQL would have to know.
const TABLE_READ: &[&str] = &[
    "IsAnsiNullsOn",
    "IsAnsiNullsOption",
    "IsQuotedIdentifierOn",
    "IsQuotedIdentifier",
];
/// Relations of tables that are read, or that say where SQL Server keeps its bytes.
const TABLE_RELATIONS: &[&str] = &[
    "Columns",
    "Schema",
    "Filegroup",
    "FilegroupForTextImage",
    "LOBFilegroup",
    "FileStreamFilegroup",
];

fn table(
    node: &Node,
    types: &UserTypes,
    default_collation: Option<&migrate_core::catalog::Collation>,
) -> Result<(TableDraft, Vec<StoredColumn>)> {
    let name = name::object(&node.name)?;
    if node.flag("IsNode") || node.flag("IsEdge") {
        return Err(unsupported("graph tables are not supported")
            .at("table", name)
            .hint("copy the rows into an ordinary table and export again"));
    }
    let mut notes = Vec::new();
    for p in &node.properties {
        if !TABLE_READ.contains(&p.name.as_str()) {
            notes.push(format!("{} = {} is not carried over", p.name, p.value));
        }
    }
    for r in &node.relations {
        if !TABLE_RELATIONS.contains(&r.name.as_str()) {
            let names: Vec<String> = node.references(&r.name).map(name::readable).collect();
            notes.push(format!("{} {} is not carried over", r.name, names.join(", ")).replace("  ", " "));
        }
    }
    let mut columns = Vec::new();
    let mut stored = Vec::new();
    let mut computed = Vec::new();
    for node in node.elements("Columns") {
        let built: Built = columns::column(node, &name, types, default_collation)?;
        notes.extend(built.notes);
        stored.extend(built.stored);
        if let Some((expression, persisted)) = built.computed {
            computed.push(ComputedDraft {
                position: columns.len(),
                script: Script::Known(expression),
                persisted,
                ty: Inferred::FromExpression,
            });
        }
        columns.push(built.column);
    }
    if columns.is_empty() {
        return Err(corrupt("the table has no columns").at("table", name));
    }
    let table = Table {
        notes,
        ..Table::new(name, columns)
    };
    let draft = TableDraft {
        computed,
        ..TableDraft::new(table)
    };
    Ok((draft, stored))
}

/// Adds a key, constraint, default or index to its table.
fn attach(node: &Node, draft: &mut TableDraft) -> Result<()> {
    let table = &mut draft.table;
    let owner = &table.name;
    match node.kind.as_str() {
        "SqlPrimaryKeyConstraint" => {
            let key = constraints::key(node, owner)?;
            if table.primary_key.replace(key).is_some() {
                return Err(corrupt("the table has two primary keys"));
            }
        }
        "SqlUniqueConstraint" => table.uniques.push(constraints::key(node, owner)?),
        "SqlForeignKeyConstraint" => table.foreign_keys.push(constraints::foreign_key(node, owner)?),
        "SqlCheckConstraint" => draft.checks.push(constraints::check(node)?),
        "SqlDefaultConstraint" => {
            let text = node.property("DefaultExpressionScript");
            let text = text.ok_or_else(|| corrupt("a default has no expression"))?;
            let column = node.references("ForColumn").next();
            let column = column.ok_or_else(|| corrupt("a default does not say for which column"))?;
            let (_, column) = name::member(column)?;
            let position = table.columns.iter().position(|c| c.name == column);
            draft.defaults.push(DefaultDraft {
                position: position.ok_or_else(|| corrupt("a default is for a column that does not exist"))?,
                name: constraints::constraint_name(node),
                script: Script::Known(text.to_owned()),
            });
        }
        _ => {
            let index = constraints::index(node, owner)?;
            draft.indexes.push(index);
            if node.flag("DoIgnoreDuplicateKey") || node.flag("IgnoreDuplicateKeys") {
                table.notes.push(duplicates_note(&name::readable(&node.name)));
            }
        }
    }
    Ok(())
}

/// A sequence, or why it cannot be one in PostgreSQL.
fn sequence(node: &Node, types: &UserTypes) -> Result<Result<Sequence, String>> {
    let name = name::object(&node.name)?;
    let native = columns::sequence_type(node, types).map_err(|e| e.at("sequence", &name))?;
    let first = |properties: &[&str]| properties.iter().find_map(|p| node.property(p));
    let unless = |flag: &str, property: &str| {
        if node.flag(flag) {
            None
        } else {
            node.property(property)
        }
    };
    let numbers = Numbers {
        start: node.property("StartValue"),
        increment: first(&["Increment", "IncrementValue"]),
        min: unless("HasNoMinValue", "MinValue"),
        max: unless("HasNoMaxValue", "MaxValue"),
        cycle: node.flag("IsCycling"),
        last: columns::online_value(node),
    };
    Ok(sequence::sequence(name, &native, numbers))
}
