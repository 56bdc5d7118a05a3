//! `model.xml`: the schema.

mod collation;
mod columns;
mod comments;
mod constraints;
mod manual;
mod name;
mod translate;
mod views;
mod xml;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Read;

use migrate_core::catalog::{Catalog, ObjectName, Sequence, SourceInfo, Table, View};
use migrate_core::pg_type::PgType;
use migrate_core::{Error, Result};

use self::columns::{Built, UserTypes};
use self::translate::Translator;
use self::xml::Node;
use super::layout::StoredColumn;
use crate::classify::{corrupt, unsupported};
use crate::types::{Base, NativeType};

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

/// A table while its parts are put together.
struct Draft {
    table: Table,
    /// Transact-SQL of computed columns, by position.
    computed: Vec<(usize, String)>,
}

fn build(elements: Elements, root: &xml::Root, info: SourceInfo) -> Result<Model> {
    let mut catalog = Catalog {
        source: info,
        ..Catalog::default()
    };
    let default_collation = elements
        .options
        .as_ref()
        .and_then(|o| o.property("Collation"))
        .map(collation::collation);
    catalog.source.collation = default_collation.as_ref().map(|c| c.name.clone());
    let case_sensitive = default_collation
        .as_ref()
        .map_or(root.case_sensitive.unwrap_or(false), |c| c.case_sensitive);
    let mut types = UserTypes::default();
    for node in elements.others.iter().filter(|n| n.kind == "SqlUserDefinedType") {
        types.add_clr(node)?;
    }
    for node in &elements.aliases {
        catalog.alias_types.push(types.add_alias(node)?);
    }
    let mut stored = HashMap::new();
    let mut drafts: BTreeMap<ObjectName, Draft> = BTreeMap::new();
    let mut order = Vec::new();
    for node in &elements.tables {
        let (draft, columns) = table(node, &types, default_collation.as_ref())?;
        let name = draft.table.name.clone();
        stored.insert(name.clone(), columns);
        order.push(name.clone());
        if drafts.insert(name.clone(), draft).is_some() {
            return Err(corrupt("the model has two tables of the same name").at("table", name));
        }
    }
    for node in &elements.sequences {
        match sequence(node, &types)? {
            Ok(sequence) => catalog.sequences.push(sequence),
            Err(reason) => catalog.manual.push(manual::manual(node, Some(reason))),
        }
    }
    let mut views = Vec::new();
    for node in &elements.views {
        match views::draft(node)? {
            Some(draft) => views.push(draft),
            None => {
                let reason = "the model does not contain its query".to_owned();
                catalog.manual.push(manual::manual(node, Some(reason)));
            }
        }
    }

    let mut translator = Translator::new(
        case_sensitive,
        default_collation.as_ref(),
        &catalog.alias_types,
        drafts.values_mut().map(|d| (&mut d.table, &d.computed[..])),
    );
    for node in &elements.attached {
        attach(node, &mut drafts, &translator, &mut catalog)?;
    }
    let texts: Vec<_> = views.iter().map(|v| (&v.name, v.query.as_str())).collect();
    let mentioned = translator.mentioned(&texts);
    for (view, mentioned) in views.iter_mut().zip(mentioned) {
        view.needs.extend(mentioned);
    }
    for view in views::ordered(views) {
        let query = translator.view(&view.name, &view.query, &view.columns);
        catalog.views.push(View {
            name: view.name,
            columns: view.columns,
            query,
            comment: None,
        });
    }
    for name in order {
        catalog.tables.extend(drafts.remove(&name).map(|d| d.table));
    }
    catalog
        .manual
        .extend(elements.others.iter().map(|node| manual::manual(node, None)));
    catalog.schemas = schemas(&elements.schemas, &catalog)?;
    comments::apply(&elements.properties, &mut catalog)?;
    Ok(Model { catalog, stored })
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
) -> Result<(Draft, Vec<StoredColumn>)> {
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
        if let Some(expression) = built.computed {
            computed.push((columns.len(), expression));
        }
        columns.push(built.column);
    }
    if columns.is_empty() {
        return Err(corrupt("the table has no columns").at("table", name));
    }
    let table = Table {
        name,
        columns,
        primary_key: None,
        uniques: Vec::new(),
        foreign_keys: Vec::new(),
        checks: Vec::new(),
        indexes: Vec::new(),
        comment: None,
        rows: None,
        bytes: None,
        notes,
    };
    Ok((Draft { table, computed }, stored))
}

/// Adds a key, constraint, default or index to its table.
fn attach(
    node: &Node,
    drafts: &mut BTreeMap<ObjectName, Draft>,
    translator: &Translator,
    catalog: &mut Catalog,
) -> Result<()> {
    let owner = constraints::owner(node)?;
    let place = |e: Error| e.at("table", &owner);
    let Some(draft) = drafts.get_mut(&owner) else {
        let reason = "it belongs to an object that is not moved as a table".to_owned();
        catalog.manual.push(manual::manual(node, Some(reason)));
        return Ok(());
    };
    let table = &mut draft.table;
    match node.kind.as_str() {
        "SqlPrimaryKeyConstraint" => {
            let key = constraints::key(node, &owner).map_err(place)?;
            if table.primary_key.replace(key).is_some() {
                return Err(place(corrupt("the table has two primary keys")));
            }
        }
        "SqlUniqueConstraint" => table.uniques.push(constraints::key(node, &owner).map_err(place)?),
        "SqlForeignKeyConstraint" => table
            .foreign_keys
            .push(constraints::foreign_key(node, &owner).map_err(place)?),
        "SqlCheckConstraint" => {
            let text = node.property("CheckExpressionScript");
            let text = text.ok_or_else(|| place(corrupt("a check constraint has no condition")))?;
            table
                .checks
                .push(constraints::check(node, translator.check(text, &owner)));
        }
        "SqlDefaultConstraint" => {
            let text = node.property("DefaultExpressionScript");
            let text = text.ok_or_else(|| place(corrupt("a default has no expression")))?;
            let column = node.references("ForColumn").next();
            let column = column.ok_or_else(|| place(corrupt("a default does not say for which column")))?;
            let (_, column) = name::member(column).map_err(place)?;
            let found = table.columns.iter_mut().find(|c| c.name == column);
            let found =
                found.ok_or_else(|| place(corrupt("a default is for a column that does not exist")))?;
            found.default = Some(translator.default(text, &owner, found));
            found.default_name = constraints::constraint_name(node);
        }
        _ => {
            let filter = node
                .property("FilterPredicate")
                .map(|text| translator.index_filter(text, &owner));
            table
                .indexes
                .push(constraints::index(node, &owner, filter).map_err(place)?);
            if node.flag("DoIgnoreDuplicateKey") || node.flag("IgnoreDuplicateKeys") {
                let name = name::readable(&node.name);
                table.notes.push(format!(
                    "index {name}: duplicates are refused, where SQL Server ignores them"
                ));
            }
        }
    }
    Ok(())
}

/// A sequence, or why it cannot be one in PostgreSQL.
fn sequence(node: &Node, types: &UserTypes) -> Result<Result<Sequence, String>> {
    let name = name::object(&node.name)?;
    let native = columns::sequence_type(node, types).map_err(|e| e.at("sequence", &name))?;
    let pg = match native.base {
        Base::TinyInt | Base::SmallInt => PgType::Int2,
        Base::Int => PgType::Int4,
        Base::BigInt | Base::Decimal | Base::Numeric => PgType::Int8,
        _ => return Ok(Err(format!("{native} is no type for a sequence"))),
    };
    let number = |properties: &[&str]| -> Result<Option<i64>, String> {
        let Some(text) = properties.iter().find_map(|p| node.property(p)) else {
            return Ok(None);
        };
        text.trim()
            .parse()
            .map(Some)
            .map_err(|_| format!("{text} does not fit into 64 bits"))
    };
    let sequence = || -> Result<Sequence, String> {
        let increment = number(&["Increment", "IncrementValue"])?.unwrap_or(1);
        // Without bounds of its own a sequence has those of its type, where PostgreSQL's begins at 1.
        let (lowest, highest) = sequence_range(&native);
        let min = if node.flag("HasNoMinValue") {
            None
        } else {
            number(&["MinValue"])?
        };
        let max = if node.flag("HasNoMaxValue") {
            None
        } else {
            number(&["MaxValue"])?
        };
        let (min, max) = (min.unwrap_or(lowest), max.unwrap_or(highest));
        Ok(Sequence {
            start: number(&["StartValue"])?.unwrap_or(if increment < 0 { max } else { min }),
            name: name.clone(),
            pg,
            increment,
            min: Some(min),
            max: Some(max),
            cycle: node.flag("IsCycling"),
            last: columns::online_value(node),
            comment: None,
        })
    };
    Ok(sequence())
}

/// The lowest and the highest value of a sequence's type, as far as 64 bits go.
fn sequence_range(native: &NativeType) -> (i64, i64) {
    match native.base {
        Base::TinyInt => (0, 255),
        Base::SmallInt => (i64::from(i16::MIN), i64::from(i16::MAX)),
        Base::Int => (i64::from(i32::MIN), i64::from(i32::MAX)),
        Base::Decimal | Base::Numeric => match 10_i64.checked_pow(u32::from(native.precision)) {
            Some(power) => (1 - power, power - 1),
            None => (i64::MIN, i64::MAX),
        },
        _ => (i64::MIN, i64::MAX),
    }
}

/// The model's schemas, and `dbo` and the like if anything lives there.
fn schemas(nodes: &[Node], catalog: &Catalog) -> Result<Vec<String>> {
    let mut out: Vec<String> = Vec::new();
    for node in nodes {
        out.extend(name::parts(&node.name)?.pop());
    }
    let used = (catalog.tables.iter().map(|t| &t.name))
        .chain(catalog.views.iter().map(|v| &v.name))
        .chain(catalog.sequences.iter().map(|s| &s.name))
        .chain(catalog.alias_types.iter().map(|a| &a.name));
    let built_in: BTreeSet<&String> = used.map(|n| &n.schema).filter(|s| !out.contains(s)).collect();
    let built_in: Vec<String> = built_in.into_iter().cloned().collect();
    Ok(built_in.into_iter().chain(out).collect())
}
