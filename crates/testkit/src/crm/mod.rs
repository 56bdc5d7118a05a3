//! The bundled demo database: the CRM of a food-service wholesaler, as a web application would keep it.
//!
//! Ten tables with about 60,000 rows: the sign-in tables of the web framework (`Account`, `Session`, `User`,
//! `VerificationToken`) and the business (`Organization`, `Contact`, `Interaction`, `Opportunity`, `Lead`, `Contract`).
//! Names are in several scripts; there are NULLs, empty strings and long notes. All references hold. The content
//! depends on nothing but [`SEED`].

mod rows;
mod schema;
mod words;

use std::io::{self, Seek, Write};
use std::path::Path;

use crate::bacpac::{BacpacWriter, Options, SqlType};
use crate::tds::{Computed, Database, Rows};

pub use schema::{NAME, database};

/// The seed of the content.
pub const SEED: u64 = 0x00C0_FFEE;

/// The tables in the order in which they are written, with their number of rows.
pub const TABLES: [(&str, u64); 10] = [
    ("User", 400),
    ("Account", 520),
    ("Session", 1_500),
    ("VerificationToken", 300),
    ("Organization", 6_000),
    ("Contact", 14_000),
    ("Opportunity", 6_000),
    ("Interaction", 26_000),
    ("Lead", 4_000),
    ("Contract", 1_500),
];

/// The rows of a data part; tables with more have several.
const PART_ROWS: u64 = 10_000;

/// The number of rows of a table.
///
/// # Panics
/// When there is no such table.
pub(crate) fn table_rows(table: &str) -> u64 {
    let entry = TABLES.iter().find(|(name, _)| *name == table);
    entry.unwrap_or_else(|| panic!("the CRM has no table {table}")).1
}

/// Writes the database to a file. Returns its number of rows.
pub fn write(path: impl AsRef<Path>) -> io::Result<u64> {
    let options = Options {
        compression: 9,
        ..Options::default()
    };
    fill(BacpacWriter::create(path, database(), options)?)
}

/// Writes the database to memory.
pub fn to_bytes() -> io::Result<Vec<u8>> {
    let mut out = io::Cursor::new(Vec::new());
    let options = Options {
        compression: 9,
        ..Options::default()
    };
    fill(BacpacWriter::new(&mut out, database(), options)?)?;
    Ok(out.into_inner())
}

/// The database as a server has it.
pub fn on_server() -> Database {
    let content = rows::Content::new(SEED);
    let empty = Database::new(database()).computed(computed());
    TABLES.iter().fold(empty, |server, (table, _)| {
        server.rows(table, Rows::Cells(content.table(table).collect()))
    })
}

/// The types that the server states for the computed columns.
pub fn computed() -> Computed {
    let text = |length| SqlType::NVarChar(Some(length));
    Computed::from([
        (("Organization", "nameKey"), (text(200), false)),
        (("Organization", "displayAddress"), (text(302), false)),
        (("Contact", "fullName"), (text(161), false)),
        (("Interaction", "durationHours"), (SqlType::Decimal(9, 2), true)),
        (
            ("Opportunity", "weightedAmount"),
            (SqlType::Decimal(14, 2), false),
        ),
        (("Contract", "termDays"), (SqlType::Int, true)),
        (("Contract", "isOpenEnded"), (SqlType::Int, false)),
    ])
}

fn fill<W: Write + Seek>(mut file: BacpacWriter<W>) -> io::Result<u64> {
    let content = rows::Content::new(SEED);
    let mut total = 0;
    for (table, _) in TABLES {
        total += file.table_rows("dbo", table, PART_ROWS, content.table(table))?;
    }
    file.finish()?;
    Ok(total)
}

#[cfg(test)]
mod tests;
