//! Short ways to say what a catalog holds.

use migrate_core::catalog::*;
use migrate_core::mapping::{ColumnMapping, Mapping, TableMapping};
use migrate_core::pg_type::PgType;
use migrate_core::plan::{Note, Plan, TablePlan, Target};
use migrate_core::planner;
use migrate_core::template::{Expr, Template, Translation};
use migrate_core::value::ValueKind;
use migrate_core::{Error, ErrorKind};

/// `schema.name`
pub(crate) fn name(text: &str) -> ObjectName {
    let (schema, name) = text.split_once('.').expect("a test writes schema.name");
    ObjectName::new(schema, name)
}

/// A column that takes no NULL.
pub(crate) fn col(name: &str, pg: PgType) -> Column {
    let kind = match pg {
        PgType::Bool => ValueKind::Bool,
        PgType::Int2 | PgType::Int4 | PgType::Int8 => ValueKind::Int64,
        PgType::Numeric(_) => ValueKind::Decimal,
        PgType::Timestamp(_) => ValueKind::Timestamp,
        PgType::Bytea | PgType::Geography | PgType::Geometry => ValueKind::Bytes,
        _ => ValueKind::Text,
    };
    Column {
        name: name.to_owned(),
        native: format!("native {pg}"),
        alias: None,
        kind,
        pg,
        fidelity: Fidelity::Exact,
        nullable: false,
        identity: None,
        default: None,
        default_name: None,
        computed: None,
        collation: None,
        comment: None,
        utc_offset: false,
        part: None,
    }
}

pub(crate) fn int(name: &str) -> Column {
    col(name, PgType::Int4)
}

/// `varchar(50)`, compared with or without regard to case.
pub(crate) fn text(name: &str, case_sensitive: bool) -> Column {
    let collation = Collation {
        name: "Test".into(),
        case_sensitive,
        accent_sensitive: true,
    };
    Column {
        collation: Some(collation),
        ..col(name, PgType::Varchar(Some(50)))
    }
}

pub(crate) fn table(source: &str, columns: Vec<Column>) -> Table {
    Table::new(name(source), columns)
}

pub(crate) fn strings(items: &[&str]) -> Vec<String> {
    items.iter().map(|s| (*s).to_owned()).collect()
}

pub(crate) fn key(name: &str, columns: &[&str]) -> Key {
    Key {
        name: Some(name.into()),
        columns: strings(columns),
        clustered: false,
        comment: None,
    }
}

pub(crate) fn fk(name_: &str, columns: &[&str], references: &str, referenced: &[&str]) -> ForeignKey {
    ForeignKey {
        name: Some(name_.into()),
        columns: strings(columns),
        references: name(references),
        referenced_columns: strings(referenced),
        on_delete: Action::NoAction,
        on_update: Action::NoAction,
        enabled: true,
        trusted: true,
        comment: None,
    }
}

pub(crate) fn check(name: &str, expression: Expr) -> Check {
    Check {
        name: Some(name.into()),
        expression,
        enabled: true,
        trusted: true,
        comment: None,
    }
}

pub(crate) fn index(name: &str, columns: &[&str]) -> Index {
    Index {
        name: name.into(),
        columns: columns
            .iter()
            .map(|c| IndexColumn {
                name: (*c).to_owned(),
                descending: false,
            })
            .collect(),
        include: Vec::new(),
        unique: false,
        clustered: false,
        filter: None,
        using: None,
        expression: None,
        disabled: false,
        comment: None,
    }
}

/// An expression that translates: `{c}` is column `c` of the table, `{@schema.name}` a relation. Its native form is the
/// same text in brackets.
pub(crate) fn expr(of: &str, sql: &str) -> Expr {
    let mut template = Template::new();
    let mut rest = sql;
    while let Some((before, after)) = rest.split_once('{') {
        template.push_sql(before);
        let (inside, tail) = after.split_once('}').expect("a test closes its braces");
        match inside.strip_prefix('@') {
            Some(relation) => template.push_relation(name(relation)),
            None => template.push_column(name(of), inside),
        }
        rest = tail;
    }
    template.push_sql(rest);
    Expr {
        native: format!("[{sql}]"),
        translation: Translation::Done {
            template,
            immutable: true,
            notes: Vec::new(),
        },
    }
}

/// The same, but its result may change.
pub(crate) fn changing(of: &str, sql: &str) -> Expr {
    let mut e = expr(of, sql);
    if let Translation::Done { immutable, .. } = &mut e.translation {
        *immutable = false;
    }
    e
}

/// An expression without translation.
pub(crate) fn untranslated(native: &str, reason: &str) -> Expr {
    Expr {
        native: native.into(),
        translation: Translation::Impossible {
            reason: reason.into(),
        },
    }
}

pub(crate) fn view(source: &str, columns: &[&str], query: Expr) -> View {
    View {
        name: name(source),
        columns: strings(columns),
        query,
        comment: None,
    }
}

pub(crate) fn catalog(tables: Vec<Table>) -> Catalog {
    let mut schemas: Vec<String> = tables.iter().map(|t| t.name.schema.clone()).collect();
    schemas.dedup();
    Catalog {
        schemas,
        tables,
        ..Catalog::default()
    }
}

/// A plan file of nothing but one column's entry.
pub(crate) fn deciding(table: &str, column: &str, decision: ColumnMapping) -> Mapping {
    let columns = [(column.to_owned(), decision)].into();
    Mapping {
        tables: [(
            table.to_owned(),
            TableMapping {
                columns,
                ..Default::default()
            },
        )]
        .into(),
        ..Default::default()
    }
}

pub(crate) fn of_type(ty: PgType) -> ColumnMapping {
    ColumnMapping {
        ty: Some(ty),
        ..Default::default()
    }
}

pub(crate) fn skipped() -> ColumnMapping {
    ColumnMapping {
        skip: true,
        ..Default::default()
    }
}

pub(crate) fn plan(catalog: &Catalog, mapping: &Mapping) -> Plan {
    planner::plan(catalog, mapping, &Target::default()).expect("the plan is sound")
}

/// The error of a plan that is refused: always a matter of configuration.
pub(crate) fn refused(catalog: &Catalog, mapping: &Mapping) -> Error {
    let error = planner::plan(catalog, mapping, &Target::default()).expect_err("the plan is refused");
    assert_eq!(error.kind(), ErrorKind::Config);
    error
}

pub(crate) fn planned<'p>(plan: &'p Plan, source: &str) -> &'p TablePlan {
    plan.table(&name(source)).expect("the table is in the plan")
}

/// Names of the planned columns with their types and defaults, as a person would write them.
pub(crate) fn columns(table: &TablePlan) -> Vec<String> {
    table
        .columns
        .iter()
        .map(|c| {
            let default = c
                .default
                .as_ref()
                .map(|d| format!(" default {d}"))
                .unwrap_or_default();
            format!("{} {}{default}", c.name, c.ty)
        })
        .collect()
}

/// Work by hand as `kind name: reason`.
pub(crate) fn manual(plan: &Plan) -> Vec<String> {
    plan.manual
        .iter()
        .map(|m| format!("{} {}: {}", m.kind, m.name, m.reason))
        .collect()
}

/// What the plan says about an object.
pub(crate) fn notes(plan: &Plan, object: &str) -> Vec<String> {
    plan.notes
        .iter()
        .filter(|n| n.object == object)
        .map(|Note { text, .. }| text.clone())
        .collect()
}
