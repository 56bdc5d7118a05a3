//! The questions that are asked, each with the record that its answer consists of.

mod database;
mod keys;
mod modules;
mod others;
mod tables;

pub(crate) use database::{DatabaseRow, SchemaRow, TypeRow};
pub(crate) use keys::{CheckRow, ForeignKeyRow, IndexColumnRow, IndexRow};
pub(crate) use modules::{ModuleRow, SequenceRow};
pub(crate) use others::{OtherRow, PropertyRow};
pub(crate) use tables::{ColumnRow, SizeRow, TableRow};

pub(super) use database::{DATABASE, SCHEMAS, TYPES};
pub(super) use keys::{CHECKS, FOREIGN_KEYS, INDEX_COLUMNS, INDEXES};
pub(super) use modules::{MODULES, SEQUENCES};
pub(super) use others::{OTHERS, PROPERTIES};
pub(super) use tables::{COLUMNS, SIZES, SIZES_OF_PAGES, TABLES};

/// Everything that a database answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Recording {
    pub(crate) database: DatabaseRow,
    pub(crate) schemas: Vec<SchemaRow>,
    pub(crate) types: Vec<TypeRow>,
    pub(crate) tables: Vec<TableRow>,
    pub(crate) columns: Vec<ColumnRow>,
    pub(crate) indexes: Vec<IndexRow>,
    pub(crate) index_columns: Vec<IndexColumnRow>,
    pub(crate) foreign_keys: Vec<ForeignKeyRow>,
    pub(crate) checks: Vec<CheckRow>,
    pub(crate) sequences: Vec<SequenceRow>,
    pub(crate) modules: Vec<ModuleRow>,
    pub(crate) others: Vec<OtherRow>,
    pub(crate) properties: Vec<PropertyRow>,
    pub(crate) sizes: Vec<SizeRow>,
}
