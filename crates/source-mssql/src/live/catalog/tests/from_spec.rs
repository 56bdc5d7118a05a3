//! What the test kit's server answers about a database that the test kit describes.

use migrate_testkit::bacpac::{Cell as Said, DatabaseSpec};
pub(super) use migrate_testkit::tds::Computed;
use migrate_testkit::tds::Database;

use crate::live::catalog::answer::{Answer, Cell, Record, records};
use crate::live::catalog::questions::{
    CHECKS, COLUMNS, DATABASE, FOREIGN_KEYS, INDEX_COLUMNS, INDEXES, MODULES, PROPERTIES, Recording, SCHEMAS,
    SEQUENCES, SIZES, TABLES, TYPES,
};
use crate::live::catalog::shape::{self, Shape};

/// The answers, as records.
pub(super) fn recording(spec: &DatabaseSpec, computed: &Computed) -> Recording {
    let database = Database::new(spec.clone()).computed(computed.clone());
    let shape = Shape::new(records(answer(&database, shape::QUESTION)).unwrap());
    let mut recording = Recording {
        schemas: all(&database, &shape, SCHEMAS),
        types: all(&database, &shape, TYPES),
        tables: all(&database, &shape, TABLES),
        columns: all(&database, &shape, COLUMNS),
        indexes: all(&database, &shape, INDEXES),
        index_columns: all(&database, &shape, INDEX_COLUMNS),
        foreign_keys: all(&database, &shape, FOREIGN_KEYS),
        checks: all(&database, &shape, CHECKS),
        sequences: all(&database, &shape, SEQUENCES),
        modules: all(&database, &shape, MODULES),
        properties: all(&database, &shape, PROPERTIES),
        sizes: all(&database, &shape, SIZES),
        database: all(&database, &shape, DATABASE).remove(0),
        others: Vec::new(),
    };
    for size in &mut recording.sizes {
        (size.row_count, size.byte_count) = (Some(7), Some(8192));
    }
    recording
}

fn all<R: Record>(database: &Database, shape: &Shape, question: &str) -> Vec<R> {
    records(answer(database, &shape.settle(question))).unwrap()
}

fn answer(database: &Database, sql: &str) -> Answer {
    let (columns, rows) = database
        .catalog(sql)
        .unwrap_or_else(|| panic!("no answer to {sql}"));
    let cell = |cell: Said| match cell {
        Said::Null => Cell::Null,
        Said::Int(number) => Cell::Number(number),
        Said::Text(text) => Cell::Text(text),
        other => panic!("no question asks for {other:?}"),
    };
    Answer {
        columns: columns.into_iter().map(|c| c.name).collect(),
        cells: rows.into_iter().flatten().map(cell).collect(),
    }
}
