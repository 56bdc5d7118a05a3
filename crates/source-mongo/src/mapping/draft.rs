//! Tables as they take shape.

use migrate_core::catalog::{Column, Fidelity, ForeignKey, Index, Key, ObjectName, Table};
use migrate_core::pg_type::PgType;
use migrate_core::value::ValueKind;

use crate::infer::Node;
use crate::shape::{Path, RowsFrom, ValueFrom};

use super::native::{Native, NoRows, Types};
use super::types::Typed;

/// A table that is not finished.
pub(super) struct Draft<'a> {
    pub(super) rows_from: RowsFrom,
    pub(super) table: Table,
    pub(super) columns: Vec<Placed<'a>>,
}

/// A column and where it comes from.
pub(super) struct Placed<'a> {
    pub(super) from: ValueFrom,
    /// The path in the collection, as the options write it.
    pub(super) path: String,
    /// What was found there; none for keys and the overflow.
    pub(super) node: Option<&'a Node>,
    pub(super) column: Column,
}

impl<'a> Draft<'a> {
    pub(super) fn new(database: &str, rows_from: RowsFrom, rows: Option<u64>) -> Self {
        Self {
            table: Table {
                rows,
                ..Table::new(ObjectName::new(database, rows_from.to_string()), Vec::new())
            },
            rows_from,
            columns: Vec::new(),
        }
    }

    /// Names of the fields that lead to the table's arrays, one after the other.
    pub(super) fn prefix(&self) -> Path {
        self.rows_from.arrays.concat()
    }

    pub(super) fn push(&mut self, from: ValueFrom, path: String, node: Option<&'a Node>, column: Column) {
        self.columns.push(Placed {
            from,
            path,
            node,
            column,
        });
    }

    pub(super) fn ordinal(&mut self, up: usize, none: NoRows) {
        let from = ValueFrom::Ordinal(up);
        let mut column = column(
            &from,
            &Native::Ordinal(none),
            PgType::Int4,
            ValueKind::Int32,
            Fidelity::Exact,
        );
        column.nullable = false;
        self.push(from, String::new(), None, column);
    }

    pub(super) fn note(&mut self, text: impl Into<String>) {
        let text = text.into();
        if !self.table.notes.contains(&text) {
            self.table.notes.push(text);
        }
    }

    pub(super) fn key(&mut self, columns: &[&str]) {
        self.table.primary_key = Some(key(columns.iter().map(|c| (*c).to_owned()).collect()));
    }

    pub(super) fn finish(mut self) -> Table {
        self.table.columns = self.columns.into_iter().map(|p| p.column).collect();
        self.table
    }
}

/// A column of a type, which may be NULL.
pub(super) fn typed(from: &ValueFrom, typed: &Typed, null: bool, missing: bool) -> Column {
    let native = Native::Values(Types {
        types: typed.types.clone(),
        null,
        missing,
    });
    column(
        from,
        &native,
        typed.pg.clone(),
        typed.kind.clone(),
        typed.fidelity.clone(),
    )
}

pub(super) fn column(
    from: &ValueFrom,
    native: &Native,
    pg: PgType,
    kind: ValueKind,
    fidelity: Fidelity,
) -> Column {
    Column {
        name: from.to_string(),
        native: native.to_string(),
        alias: None,
        kind,
        pg,
        fidelity,
        nullable: true,
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

/// A key without a name.
pub(super) fn key(columns: Vec<String>) -> Key {
    Key {
        name: None,
        columns,
        clustered: false,
        comment: None,
    }
}

/// A foreign key that the data obey.
pub(super) fn foreign_key(
    columns: &[&str],
    references: ObjectName,
    referenced: &[&str],
    on_delete: migrate_core::catalog::Action,
) -> ForeignKey {
    let owned = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
    ForeignKey {
        name: None,
        columns: owned(columns),
        references,
        referenced_columns: owned(referenced),
        on_delete,
        on_update: migrate_core::catalog::Action::NoAction,
        enabled: true,
        trusted: true,
        comment: None,
    }
}

/// An index without columns.
pub(super) fn index(name: impl Into<String>) -> Index {
    Index {
        name: name.into(),
        columns: Vec::new(),
        include: Vec::new(),
        unique: false,
        clustered: false,
        using: None,
        expression: None,
        filter: None,
        disabled: false,
        comment: None,
    }
}
