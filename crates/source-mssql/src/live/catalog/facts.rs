//! What reading and splitting have to know about a server and its tables, beyond what the catalog says.

use std::collections::HashMap;

use migrate_core::catalog::{Catalog, Collation, ObjectName};
use migrate_core::{Error, ErrorKind};

use crate::types::NativeType;

/// Everything that was found out about a database.
#[derive(Debug, Clone)]
pub(crate) struct Discovered {
    /// The schema, with estimates of rows and bytes.
    pub(crate) catalog: Catalog,
    /// What the server is and allows.
    pub(crate) server: ServerFacts,
    /// One entry for each table of the catalog.
    pub(crate) tables: HashMap<ObjectName, TableFacts>,
    /// Why tables cannot be read as they are. The plan lists them; a run that includes one is refused.
    pub(crate) refusals: HashMap<ObjectName, Refusal>,
}

/// Why a table cannot be read as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// [`ErrorKind::Permission`] or [`ErrorKind::Unsupported`].
    pub(crate) kind: ErrorKind,
    /// What is in the way.
    pub(crate) message: String,
    /// What to do about it: the statement that gives the right, or advice.
    pub(crate) remedy: String,
    /// The column that is the reason, if one is.
    pub(crate) column: Option<String>,
}

/// What the server is and allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerFacts {
    /// The database's name.
    pub(crate) database: String,
    /// The first number of the version: 11 is SQL Server 2012, 17 is 2025; 12 on Azure, whatever it can do.
    pub(crate) major: u32,
    /// What kind of server it is.
    pub(crate) engine: Engine,
    /// Whether transactions under SNAPSHOT isolation can be begun in the database.
    pub(crate) snapshot_isolation: bool,
    /// Whether READ COMMITTED reads row versions instead of waiting for locks.
    pub(crate) read_committed_snapshot: bool,
    /// Whether nothing in the database can change: it is set read-only or is a readable secondary.
    pub(crate) read_only: bool,
    /// The default collation of the database.
    pub(crate) collation: Option<Collation>,
}

/// Kinds of servers, by `SERVERPROPERTY('EngineEdition')`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    /// A server that is installed somewhere, of any edition.
    Server,
    /// Azure SQL Database.
    AzureDatabase,
    /// Azure SQL Managed Instance.
    ManagedInstance,
    /// Azure Synapse and Fabric, whose catalogs are subsets.
    Warehouse,
    /// Babelfish, which is PostgreSQL and has gaps in its catalog.
    Babelfish,
}

/// What reading and splitting have to know about a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableFacts {
    /// `object_id`, for statistics.
    pub(crate) object_id: i64,
    /// Columns that have values of their own, in the catalog's order: all but the computed ones.
    pub(crate) columns: Vec<ReadColumn>,
    /// Unique orders in which rows can be read, without filter and not disabled. The best to read by comes first: the
    /// clustered one, then the primary key, then constraints and other indexes with the fewest columns.
    pub(crate) orders: Vec<Order>,
    /// The clustered index if it is not unique, in whose order reading is cheap all the same.
    pub(crate) clustered: Option<Order>,
    /// How the rows are kept.
    pub(crate) storage: Storage,
    /// The column by which it is partitioned; empty where the server does not say which.
    pub(crate) partitioned_by: Option<String>,
    /// Whether it can be read; otherwise [`Discovered::refusals`] says why not.
    pub(crate) readable: bool,
    /// Rows, as the server counts them: near the truth, and not exact while it changes.
    pub(crate) rows: Option<u64>,
    /// Bytes of the rows, without other indexes.
    pub(crate) bytes: Option<u64>,
}

/// How a table's rows are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Storage {
    /// Without order.
    Heap,
    /// In the order of a clustered index.
    Clustered,
    /// In columns.
    ColumnStore,
    /// In memory. SNAPSHOT is the level to read it at, and outside of a transaction nothing has to be said.
    Memory,
}

/// A column that is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReadColumn {
    /// Its name.
    pub(crate) name: String,
    /// Its type, aliases resolved.
    pub(crate) native: NativeType,
    /// Whether NULL is allowed.
    pub(crate) nullable: bool,
    /// The name of its collation, for text.
    pub(crate) collation: Option<String>,
    /// Whether it is given to `select *` only when it is named: a hidden period column.
    pub(crate) hidden: bool,
}

/// An index as an order of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Order {
    /// The index's name.
    pub(crate) index: String,
    /// `index_id`, for statistics.
    pub(crate) index_id: i64,
    /// Whether no two rows have the same key. NULLs are equal to each other here.
    pub(crate) unique: bool,
    /// Whether the table is stored in this order.
    pub(crate) clustered: bool,
    /// Whether it belongs to the primary key.
    pub(crate) primary: bool,
    /// Whether it can only be searched by whole keys (the hash index of a table in memory).
    pub(crate) hash: bool,
    /// Key columns in order.
    pub(crate) columns: Vec<OrderColumn>,
}

/// A column of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OrderColumn {
    /// Its name.
    pub(crate) name: String,
    /// Its type, aliases resolved.
    pub(crate) native: NativeType,
    /// Whether NULL is allowed.
    pub(crate) nullable: bool,
    /// Whether it is sorted downwards.
    pub(crate) descending: bool,
    /// The name of its collation, for text.
    pub(crate) collation: Option<String>,
    /// Whether it is computed, so that it is not among the columns that are read.
    pub(crate) computed: bool,
}

impl Discovered {
    /// The error for a table that cannot be read as it is (a right is missing, or a feature is in the way), or `None`.
    pub(crate) fn missing_right(&self, table: &ObjectName) -> Option<Error> {
        let refusal = self.refusals.get(table)?;
        let hint = match refusal.kind {
            ErrorKind::Permission => format!(
                "run `{}` as an owner of the database, or leave the table out",
                refusal.remedy
            ),
            _ => format!("{}, or leave the table out", refusal.remedy),
        };
        let error = Error::source_side(refusal.kind, &*refusal.message).hint(hint);
        let error = match &refusal.column {
            Some(column) => error.at("column", column),
            None => error,
        };
        Some(error.at("table", table))
    }
}
