//! The demo database's schema.

mod customers;
mod modules;
mod sales;
mod sign_in;

use crate::bacpac::{ColumnSpec, DatabaseSpec, ForeignKeySpec, SequenceSpec, SqlType, TableSpec};
use SqlType::*;

/// Tokens compare byte for byte, whatever the database's collation.
const BINARY: &str = "Latin1_General_100_BIN2";

/// The database's name.
pub const NAME: &str = "FoodServiceCrm";

/// The first number of an interaction.
pub(super) const FIRST_INTERACTION: i64 = 1000;

/// The first number of a contract.
pub(super) const FIRST_CONTRACT: i64 = 5001;

/// The schema.
pub fn database() -> DatabaseSpec {
    let mut database = DatabaseSpec::new(NAME).sequence(SequenceSpec {
        schema: "dbo".into(),
        name: "ContractNumber".into(),
        ty: BigInt,
        start: FIRST_CONTRACT,
        increment: 1,
        minimum: None,
        maximum: None,
        cycle: false,
        current: Some(FIRST_CONTRACT + super::table_rows("Contract") as i64 - 1),
    });
    for table in [
        sign_in::user(),
        sign_in::account(),
        sign_in::session(),
        sign_in::verification_token(),
        customers::organization(),
        customers::contact(),
        sales::opportunity(),
        customers::interaction(),
        sales::lead(),
        sales::contract(),
    ] {
        database = database.table(table);
    }
    modules::add(database)
}

fn text(n: u16) -> SqlType {
    NVarChar(Some(n))
}

fn id(table: &str, default: &str) -> ColumnSpec {
    ColumnSpec::new("id", UniqueIdentifier)
        .not_null()
        .default(&format!("{table}_id_df"), default)
}

fn created(table: &str) -> ColumnSpec {
    ColumnSpec::new("createdAt", DateTime2(7))
        .not_null()
        .default(&format!("{table}_createdAt_df"), "(sysutcdatetime())")
}

fn updated() -> ColumnSpec {
    ColumnSpec::new("updatedAt", DateTime2(7)).not_null()
}

fn key(table: &str, column: &str, target: &str) -> ForeignKeySpec {
    ForeignKeySpec::new(
        &format!("{table}_{column}_fkey"),
        &[column],
        "dbo",
        target,
        &["id"],
    )
}

/// A check as the server's catalog repeats it: alternatives, last one first.
fn alternatives(column: &str, values: &[&str]) -> String {
    let parts: Vec<_> = values
        .iter()
        .rev()
        .map(|value| format!("[{column}]=N'{value}'"))
        .collect();
    format!("({})", parts.join(" OR "))
}

/// A check as a person writes it.
fn one_of(column: &str, values: &[&str]) -> String {
    let values: Vec<_> = values.iter().map(|value| format!("N'{value}'")).collect();
    format!("([{column}] IN ({}))", values.join(", "))
}
