//! How later runs find the rows that changed.

use crate::catalog::{Catalog, Table};
use crate::error::{Error, ErrorKind, Result};
use crate::mapping::{Mapping, TableMapping};
use crate::pg_type::PgType;
use crate::plan::{TablePlan, Watermark};

/// Seconds by which clocks may disagree unless a plan says otherwise.
const SECONDS: u64 = 300;

/// Numbers that transactions may have taken and not committed yet, unless a plan says otherwise.
const NUMBERS: u64 = 10_000;

/// Decides for each table: what a person said, else the rows' versions where the source has such.
///
/// # Errors
/// [`Config`](ErrorKind::Config) for a watermark that the table does not have or that does not grow.
pub(super) fn decide(catalog: &Catalog, mapping: &Mapping, tables: &mut [TablePlan]) -> Result<()> {
    let by_version = catalog.row_version.as_ref().map(|_| Watermark::RowVersion);
    for plan in tables {
        let decided = mapping.tables.get(&plan.source.to_string());
        let table = catalog.tables.iter().find(|t| t.name == plan.source);
        plan.watermark = match (decided, table) {
            (Some(decided), Some(table)) if decided.watermark.is_some() || decided.overlap.is_some() => {
                Some(declared(catalog, decided, table).map_err(|e| e.at("table", &plan.source))?)
            }
            _ => by_version.clone(),
        };
    }
    Ok(())
}

fn declared(catalog: &Catalog, decided: &TableMapping, table: &Table) -> Result<Watermark> {
    let Some(name) = decided.watermark.as_ref() else {
        return Err(Error::new(
            ErrorKind::Config,
            "`overlap` is that of a watermark's column, and the plan declares none",
        )
        .hint("add watermark = \"COLUMN\", or remove overlap"));
    };
    let Some(column) = table.column(name) else {
        if catalog.row_version.as_ref() == Some(name) && decided.overlap.is_none() {
            return Ok(Watermark::RowVersion);
        }
        return Err(
            Error::new(ErrorKind::Config, format!("no column is called `{name}`"))
                .at("watermark", name)
                .hint(match &catalog.row_version {
                    Some(version) => format!("watermark takes a column of the table, or \"{version}\""),
                    None => "watermark takes a column of the table".to_owned(),
                }),
        );
    };
    let overlap = match column.pg {
        PgType::TimestampTz(_) | PgType::Timestamp(_) => SECONDS,
        PgType::Int2 | PgType::Int4 | PgType::Int8 => NUMBERS,
        _ => {
            return Err(Error::new(
                ErrorKind::Config,
                format!(
                    "`{name}` is of type {}, which nobody can go on from",
                    column.native
                ),
            )
            .at("watermark", name)
            .hint("a watermark is a time (timestamp, timestamptz) or an integer that grows"));
        }
    };
    Ok(Watermark::Column {
        name: name.clone(),
        overlap: decided.overlap.unwrap_or(overlap),
    })
}
