//! The source's schema, in set-based queries over `pg_catalog`.
//!
//! The search path is empty while they run, so that everything that PostgreSQL prints is qualified.

mod columns;
mod keys;
mod names;
mod objects;
mod questions;
mod rights;
mod sequences;
mod tables;

use std::collections::{BTreeMap, HashMap, HashSet};

use migrate_core::catalog::{Catalog, ManualObject, ObjectName, SourceInfo};
use migrate_core::declared::{Declarations, Object};
use migrate_core::digest::Digest;
use migrate_core::supabase::OWNED_SCHEMAS;
use migrate_core::template::{Expr, Template, Translation};
use migrate_core::{Error, ErrorKind, Result};
use migrate_pg_client::sqlx::postgres::PgConnection;
use serde::Deserialize;

use crate::config::PostgresOptions;
use crate::connect::{Facts, ask, execute};
use crate::types::{self, TypeRow, Types};
use names::Known;
use questions::{ColumnRow, ConstraintRow, IndexRow, SequenceRow, TableRow, Wanted};

/// Everything that was asked.
struct Answers {
    tables: Vec<TableRow>,
    columns: BTreeMap<u32, Vec<ColumnRow>>,
    constraints: BTreeMap<u32, Vec<ConstraintRow>>,
    indexes: BTreeMap<u32, Vec<IndexRow>>,
    /// Where each index stands among those of its table.
    index_places: HashMap<u32, (u32, usize)>,
    sequences: Vec<SequenceRow>,
    /// Sequences of identities, by table and column.
    identities: HashMap<(u32, String), usize>,
    types: Types,
    names: BTreeMap<u32, ObjectName>,
    known: Known,
}

/// What is being put together.
#[derive(Default)]
struct Draft {
    catalog: Catalog,
    declared: Declarations,
    /// Objects in the order in which they were found; sorted in the end.
    objects: Vec<Object>,
}

impl Draft {
    fn by_hand(&mut self, kind: &str, name: impl ToString, definition: impl Into<String>, reason: &str) {
        self.catalog.manual.push(ManualObject {
            kind: kind.to_owned(),
            name: name.to_string(),
            definition: definition.into(),
            reason: reason.to_owned(),
        });
    }
}

/// Reads the schema.
///
/// # Errors
/// [`Permission`](ErrorKind::Permission) where row security would hide rows from the role.
pub(crate) async fn read(
    connection: &mut PgConnection,
    facts: &Facts,
    options: &PostgresOptions,
    name: String,
) -> Result<Catalog> {
    // One moment for all questions.
    execute(
        connection,
        "begin isolation level repeatable read, read only; set local search_path = ''",
    )
    .await?;
    let wanted = Wanted {
        schemas: schemas(facts, options),
        major: facts.major(),
        supabase: facts.supabase && !options.supabase_schemas,
    };
    let answers = answers(connection, &wanted).await?;
    let hidden: Vec<String> = answers
        .tables
        .iter()
        .filter(|t| t.restricted)
        .map(|t| format!("{}.{}", t.schema, t.name))
        .collect();
    if !hidden.is_empty() {
        return Err(restricted(&hidden, &facts.user));
    }
    let mut draft = Draft::default();
    draft.catalog.source = SourceInfo {
        kind: "postgres".to_owned(),
        name,
        version: format!("PostgreSQL {}", facts.version),
        collation: Some(facts.collation.clone()),
        fingerprint: format!(
            "{:032x}",
            Digest::hash(format!("postgres {} {}", facts.system, facts.database).as_bytes())
        ),
    };
    sequences::draft(&answers, &mut draft);
    tables::draft(&answers, &mut draft);
    objects::draft(connection, &wanted, &answers, &mut draft).await?;
    rights::draft(connection, &wanted, &answers, &mut draft).await?;
    execute(connection, "commit").await?;
    if facts.encoding == "SQL_ASCII" {
        draft.by_hand(
            "encoding",
            &facts.database,
            "",
            "the source does not know its encoding (SQL_ASCII): rows whose text is not UTF-8 go to quarantine",
        );
    }
    let Draft {
        mut catalog,
        mut declared,
        objects,
    } = draft;
    declared.objects = objects;
    catalog.schemas = catalog.tables.iter().map(|t| t.name.schema.clone()).collect();
    catalog.schemas.sort();
    catalog.schemas.dedup();
    catalog.declared = declared;
    catalog.row_version = Some("xmin".to_owned());
    Ok(catalog)
}

/// Row security would hide rows of these tables from the role.
pub(crate) fn restricted(tables: &[String], user: &str) -> Error {
    let shown: Vec<&str> = tables.iter().take(5).map(String::as_str).collect();
    let more = tables.len().saturating_sub(shown.len());
    let rest = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    Error::source_side(
        ErrorKind::Permission,
        format!(
            "row security would hide rows from the role {user}: {}{rest}",
            shown.join(", ")
        ),
    )
    .hint("connect as the tables' owner, or let a superuser run: alter role ROLE bypassrls")
}

fn schemas(facts: &Facts, options: &PostgresOptions) -> String {
    let mut left_out = vec!["'information_schema'".to_owned(), "'migrate'".to_owned()];
    if facts.supabase && !options.supabase_schemas {
        left_out.extend(OWNED_SCHEMAS.iter().map(|s| format!("'{s}'")));
    }
    format!(
        "n.nspname !~ '^pg_' and n.nspname not in ({})",
        left_out.join(", ")
    )
}

#[derive(Deserialize)]
struct TypeName {
    schema: String,
    name: String,
}

#[derive(Deserialize)]
struct OtherRelation {
    oid: u32,
    schema: String,
    name: String,
    columns: Option<Vec<String>>,
}

async fn answers(connection: &mut PgConnection, wanted: &Wanted) -> Result<Answers> {
    let tables: Vec<TableRow> = ask(connection, &wanted.tables()).await?;
    let columns: Vec<ColumnRow> = ask(connection, &wanted.columns()).await?;
    let constraints: Vec<ConstraintRow> = ask(connection, &wanted.constraints()).await?;
    let indexes: Vec<IndexRow> = ask(connection, &wanted.indexes()).await?;
    let sequences: Vec<SequenceRow> = ask(connection, &wanted.sequences()).await?;
    let types = Types::new(ask::<TypeRow>(connection, &types::question(wanted.major)).await?);
    let views: Vec<OtherRelation> = ask(
        connection,
        &format!(
            "select c.oid::bigint as oid, n.nspname as schema, c.relname as name,
                    (select array_agg(a.attname) from pg_attribute a where a.attrelid = c.oid and a.attnum > 0) as columns
             from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where {}",
            wanted.relations("'v', 'm'")
        ),
    )
    .await?;
    let type_names: Vec<TypeName> = ask(
        connection,
        &format!(
            "select n.nspname as schema, t.typname as name
             from pg_type t
             join pg_namespace n on n.oid = t.typnamespace
             left join pg_class c on c.oid = t.typrelid
             where (t.typtype in ('d', 'e', 'r') or t.typtype = 'c' and c.relkind = 'c') and {}",
            wanted.objects("pg_type", "t.oid")
        ),
    )
    .await?;
    let mut names = BTreeMap::new();
    let mut known = Known::default();
    for ty in type_names {
        let name = ObjectName::new(ty.schema, ty.name);
        known.relations.insert(name, HashSet::default());
    }
    let columns = by_table(columns, |c| c.table);
    for table in &tables {
        let name = ObjectName::new(&table.schema, &table.name);
        let of_table = columns.get(&table.oid).into_iter().flatten();
        known
            .relations
            .insert(name.clone(), of_table.map(|c| c.name.clone()).collect());
        names.insert(table.oid, name);
    }
    for view in views {
        let name = ObjectName::new(&view.schema, &view.name);
        known
            .relations
            .insert(name.clone(), view.columns.into_iter().flatten().collect());
        names.insert(view.oid, name);
    }
    for sequence in sequences.iter().filter(|s| !s.internal) {
        let name = ObjectName::new(&sequence.schema, &sequence.name);
        known.relations.insert(name.clone(), Default::default());
        names.insert(sequence.oid, name);
    }
    let indexes = by_table(indexes, |i| i.table);
    let places = indexes.iter().flat_map(|(table, of_table)| {
        of_table
            .iter()
            .enumerate()
            .map(|(place, index)| (index.oid, (*table, place)))
    });
    let identities = sequences
        .iter()
        .enumerate()
        .filter(|(_, s)| s.internal)
        .filter_map(|(place, s)| Some(((s.owner?, s.owner_column.clone()?), place)));
    Ok(Answers {
        index_places: places.collect(),
        identities: identities.collect(),
        tables,
        columns,
        constraints: by_table(constraints, |c| c.table),
        indexes,
        sequences,
        types,
        names,
        known,
    })
}

fn by_table<T>(rows: Vec<T>, table: impl Fn(&T) -> u32) -> BTreeMap<u32, Vec<T>> {
    let mut map: BTreeMap<u32, Vec<T>> = BTreeMap::new();
    for row in rows {
        map.entry(table(&row)).or_default().push(row);
    }
    map
}

/// An expression that is PostgreSQL's already.
pub(super) fn expr(native: &str, template: Template) -> Expr {
    Expr {
        native: native.to_owned(),
        translation: Translation::Done {
            template,
            immutable: true,
            notes: Vec::new(),
        },
    }
}
