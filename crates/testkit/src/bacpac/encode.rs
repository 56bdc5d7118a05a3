//! The bulk-copy form of rows.
//!
//! A row is its cells, one after the other, without separators; all numbers are little-endian. A cell is a length
//! prefix of 0, 1, 2, 4 or 8 bytes and a body; a prefix of only `FF` is NULL. The layouts were read off real exports and
//! agree with "Specify prefix length in data files by using bcp" of SQL Server's documentation.

use std::io;

use super::{Cell, ColumnSpec, DatabaseSpec, SqlType, TableSpec};

/// The parts of the format that real files do not settle beyond doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// The bytes of a time of day.
    pub time: TimeBytes,
    /// The bytes of the length prefix of `hierarchyid`, `geography` and `geometry`: 8 or 2.
    pub clr_prefix: u8,
    /// The bytes of the length prefix of `sql_variant`: 8, 4 or 2.
    pub variant_prefix: u8,
}

impl Default for Layout {
    fn default() -> Self {
        Self {
            time: TimeBytes::Always5,
            clr_prefix: 8,
            variant_prefix: 4,
        }
    }
}

/// How a time of day is stored when the column's scale is below 7.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeBytes {
    /// 5 bytes of 100 ns, whatever the scale.
    Always5,
    /// Units of the scale: 3 bytes up to scale 2, 4 up to 4, else 5, as in TDS.
    ByScale,
}

/// The number of bytes in a prefix, and how many of the type's bodies have one at all.
#[derive(Debug, Clone, Copy)]
enum Prefix {
    None,
    Bytes(u8),
}

/// Encodes the rows of one table.
#[derive(Debug, Clone)]
pub struct RowEncoder {
    table: String,
    columns: Vec<Column>,
    layout: Layout,
}

#[derive(Debug, Clone)]
struct Column {
    name: String,
    ty: SqlType,
    nullable: bool,
    prefix: Prefix,
}

impl RowEncoder {
    /// Prepares an encoder. Computed columns have no cells.
    ///
    /// # Errors
    /// When a column's alias type is not in `database`.
    pub fn new(database: &DatabaseSpec, table: &TableSpec, layout: Layout) -> io::Result<Self> {
        let stored = table.columns.iter().filter(|c| c.computed.is_none());
        Ok(Self {
            table: format!("{}.{}", table.schema, table.name),
            columns: stored
                .map(|c| Column::new(database, c, layout))
                .collect::<io::Result<_>>()?,
            layout,
        })
    }

    /// The number of cells in a row.
    pub fn width(&self) -> usize {
        self.columns.len()
    }

    /// Appends one row to `out`.
    ///
    /// # Errors
    /// When the number of cells is not the table's, or a cell does not suit its column. `out` then holds part of a row.
    pub fn encode(&self, row: &[Cell], out: &mut Vec<u8>) -> io::Result<()> {
        if row.len() != self.columns.len() {
            return Err(invalid(format!(
                "{}: a row has {} cells but the table stores {} columns",
                self.table,
                row.len(),
                self.columns.len()
            )));
        }
        for (cell, column) in row.iter().zip(&self.columns) {
            column.encode(cell, self.layout, out).map_err(|reason| {
                invalid(format!(
                    "{}.{}: {} cell: {reason}",
                    self.table,
                    column.name,
                    cell.kind()
                ))
            })?;
        }
        Ok(())
    }
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

impl Column {
    fn new(database: &DatabaseSpec, spec: &ColumnSpec, layout: Layout) -> io::Result<Self> {
        let ty = match &spec.ty {
            SqlType::Alias(schema, name) => database
                .alias_types
                .iter()
                .find(|a| a.schema == *schema && a.name == *name)
                .map(|a| a.base.clone())
                .ok_or_else(|| invalid(format!("column {}: no alias type {schema}.{name}", spec.name)))?,
            SqlType::SysName => SqlType::NVarChar(Some(128)),
            ty => ty.clone(),
        };
        let prefix = prefix(&ty, spec.nullable, layout);
        Ok(Self {
            name: spec.name.clone(),
            ty,
            nullable: spec.nullable,
            prefix,
        })
    }

    fn encode(&self, cell: &Cell, layout: Layout, out: &mut Vec<u8>) -> Result<(), String> {
        match cell {
            Cell::Raw(bytes) => {
                out.extend_from_slice(bytes);
                return Ok(());
            }
            Cell::Null if self.nullable => {
                if let Prefix::Bytes(n) = self.prefix {
                    out.extend_from_slice(&[0xFF; 8][..n as usize]);
                }
                return Ok(());
            }
            Cell::Null => return Err("the column is NOT NULL".into()),
            _ => {}
        }
        let start = out.len();
        if let Prefix::Bytes(n) = self.prefix {
            out.extend_from_slice(&[0; 8][..n as usize]);
        }
        let body = out.len();
        self.body(cell, layout, out)?;
        let length = (out.len() - body) as u64;
        if let Prefix::Bytes(n) = self.prefix {
            let limit = if n == 8 {
                u64::MAX
            } else {
                (1 << (8 * u32::from(n))) - 1
            };
            if length >= limit {
                return Err(format!("{length} bytes do not fit a {n}-byte length"));
            }
            out[start..body].copy_from_slice(&length.to_le_bytes()[..n as usize]);
        }
        Ok(())
    }

    fn body(&self, cell: &Cell, layout: Layout, out: &mut Vec<u8>) -> Result<(), String> {
        match (&self.ty, cell) {
            (SqlType::TinyInt, Cell::Int(v)) => out.push(narrow::<u8>(*v)?),
            (SqlType::SmallInt, Cell::Int(v)) => out.extend_from_slice(&narrow::<i16>(*v)?.to_le_bytes()),
            (SqlType::Int, Cell::Int(v)) => out.extend_from_slice(&narrow::<i32>(*v)?.to_le_bytes()),
            (SqlType::BigInt, Cell::Int(v)) => out.extend_from_slice(&v.to_le_bytes()),
            (SqlType::Bit, Cell::Bool(v)) => out.push(u8::from(*v)),
            (SqlType::Real, Cell::F32(v)) => out.extend_from_slice(&v.to_le_bytes()),
            (SqlType::Float, Cell::F64(v)) => out.extend_from_slice(&v.to_le_bytes()),
            (
                SqlType::Decimal(precision, scale) | SqlType::Numeric(precision, scale),
                Cell::Decimal { magnitude, negative },
            ) => {
                if *magnitude >= 10_u128.pow(u32::from(*precision)) {
                    return Err(format!("more than {precision} digits"));
                }
                out.extend_from_slice(&[*precision, *scale, u8::from(!negative)]);
                out.extend_from_slice(&magnitude.to_le_bytes());
            }
            (SqlType::Money, Cell::Money(v)) => {
                out.extend_from_slice(&((*v >> 32) as i32).to_le_bytes());
                out.extend_from_slice(&(*v as u32).to_le_bytes());
            }
            (SqlType::SmallMoney, Cell::Money(v)) => out.extend_from_slice(&narrow::<i32>(*v)?.to_le_bytes()),
            (SqlType::Date, Cell::Date(days)) => put_days(*days, out)?,
            (SqlType::Time(scale), Cell::Time(ticks)) => put_time(*ticks, *scale, layout.time, out)?,
            (SqlType::DateTime, Cell::DateTime { days, ticks }) => {
                out.extend_from_slice(&days.to_le_bytes());
                out.extend_from_slice(&ticks.to_le_bytes());
            }
            (SqlType::SmallDateTime, Cell::SmallDateTime { days, minutes }) => {
                out.extend_from_slice(&days.to_le_bytes());
                out.extend_from_slice(&minutes.to_le_bytes());
            }
            (SqlType::DateTime2(scale), Cell::DateTime2 { days, ticks }) => {
                put_time(*ticks, *scale, layout.time, out)?;
                put_days(*days, out)?;
            }
            (SqlType::DateTimeOffset(scale), Cell::DateTimeOffset { days, ticks, offset }) => {
                put_time(*ticks, *scale, layout.time, out)?;
                put_days(*days, out)?;
                out.extend_from_slice(&offset.to_le_bytes());
            }
            (SqlType::UniqueIdentifier, Cell::Uuid(text_order)) => {
                out.extend_from_slice(&mixed_endian(*text_order));
            }
            (_, Cell::Text(text)) => self.text(text.encode_utf16(), out)?,
            (_, Cell::Utf16(units)) => self.text(units.iter().copied(), out)?,
            (_, Cell::Bytes(bytes)) => self.bytes(bytes, out)?,
            _ => return Err(format!("does not suit {:?}", self.ty)),
        }
        Ok(())
    }

    /// `char`s of both kinds are padded with spaces to their length, as SQL Server stores them.
    fn text(&self, units: impl Iterator<Item = u16>, out: &mut Vec<u8>) -> Result<(), String> {
        let (limit, pad) = match &self.ty {
            SqlType::Char(n) | SqlType::NChar(n) => (Some(*n), true),
            SqlType::VarChar(n) | SqlType::NVarChar(n) => (*n, false),
            SqlType::Text | SqlType::NText | SqlType::Xml => (None, false),
            ty => return Err(format!("does not suit {ty:?}")),
        };
        let start = out.len();
        for unit in units {
            out.extend_from_slice(&unit.to_le_bytes());
        }
        if let Some(limit) = limit {
            let written = (out.len() - start) / 2;
            let limit = limit as usize;
            if written > limit {
                return Err(format!("{written} UTF-16 units, but the column holds {limit}"));
            }
            if pad {
                for _ in written..limit {
                    out.extend_from_slice(&[0x20, 0]);
                }
            }
        }
        Ok(())
    }

    /// `binary`s are padded with zeros to their length, as SQL Server stores them.
    fn bytes(&self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
        let (limit, pad) = match &self.ty {
            SqlType::Binary(n) => (Some(*n), true),
            SqlType::VarBinary(n) => (*n, false),
            SqlType::RowVersion | SqlType::Timestamp if bytes.len() == 8 => (None, false),
            SqlType::RowVersion | SqlType::Timestamp => return Err("a rowversion has 8 bytes".into()),
            SqlType::Image
            | SqlType::SqlVariant
            | SqlType::HierarchyId
            | SqlType::Geography
            | SqlType::Geometry => (None, false),
            ty => return Err(format!("does not suit {ty:?}")),
        };
        out.extend_from_slice(bytes);
        if let Some(limit) = limit {
            let limit = limit as usize;
            if bytes.len() > limit {
                return Err(format!("{} bytes, but the column holds {limit}", bytes.len()));
            }
            if pad {
                out.resize(out.len() + limit - bytes.len(), 0);
            }
        }
        Ok(())
    }
}

fn prefix(ty: &SqlType, nullable: bool, layout: Layout) -> Prefix {
    let when_nullable = |n| if nullable { Prefix::Bytes(n) } else { Prefix::None };
    match ty {
        SqlType::TinyInt
        | SqlType::SmallInt
        | SqlType::Int
        | SqlType::BigInt
        | SqlType::Real
        | SqlType::Float
        | SqlType::Money
        | SqlType::SmallMoney
        | SqlType::Date
        | SqlType::Time(_)
        | SqlType::DateTime
        | SqlType::SmallDateTime
        | SqlType::DateTime2(_)
        | SqlType::DateTimeOffset(_) => when_nullable(1),
        SqlType::Char(_) => when_nullable(2),
        SqlType::Bit | SqlType::UniqueIdentifier | SqlType::Decimal(..) | SqlType::Numeric(..) => {
            Prefix::Bytes(1)
        }
        // Of the types of SQL Server 2025 nobody says how long they are: they have no rows here.
        SqlType::VarChar(None)
        | SqlType::NVarChar(None)
        | SqlType::VarBinary(None)
        | SqlType::Xml
        | SqlType::Json
        | SqlType::Vector(_) => Prefix::Bytes(8),
        SqlType::NChar(_)
        | SqlType::VarChar(_)
        | SqlType::NVarChar(_)
        | SqlType::Binary(_)
        | SqlType::VarBinary(_)
        | SqlType::RowVersion
        | SqlType::Timestamp
        | SqlType::SysName
        | SqlType::Alias(..) => Prefix::Bytes(2),
        SqlType::Text | SqlType::NText | SqlType::Image => Prefix::Bytes(4),
        SqlType::SqlVariant => Prefix::Bytes(layout.variant_prefix),
        SqlType::HierarchyId | SqlType::Geography | SqlType::Geometry => Prefix::Bytes(layout.clr_prefix),
    }
}

fn narrow<T: TryFrom<i64>>(value: i64) -> Result<T, String> {
    T::try_from(value).map_err(|_| "out of the type's range".into())
}

fn put_days(days: u32, out: &mut Vec<u8>) -> Result<(), String> {
    if days > 3_652_058 {
        return Err("a date after 9999-12-31".into());
    }
    out.extend_from_slice(&days.to_le_bytes()[..3]);
    Ok(())
}

fn put_time(ticks: u64, scale: u8, layout: TimeBytes, out: &mut Vec<u8>) -> Result<(), String> {
    if ticks >= 864_000_000_000 || scale > 7 {
        return Err("not a time of day".into());
    }
    let unit = 10_u64.pow(7 - u32::from(scale));
    if !ticks.is_multiple_of(unit) {
        return Err(format!("finer than scale {scale}"));
    }
    let (units, bytes) = match (layout, scale) {
        (TimeBytes::Always5, _) => (ticks, 5),
        (TimeBytes::ByScale, 0..=2) => (ticks / unit, 3),
        (TimeBytes::ByScale, 3..=4) => (ticks / unit, 4),
        (TimeBytes::ByScale, _) => (ticks / unit, 5),
    };
    out.extend_from_slice(&units.to_le_bytes()[..bytes]);
    Ok(())
}

/// The first three groups of a GUID's text are stored little-endian.
pub(crate) fn mixed_endian(text_order: [u8; 16]) -> [u8; 16] {
    let mut out = text_order;
    out[..4].reverse();
    out[4..6].reverse();
    out[6..8].reverse();
    out
}

#[cfg(test)]
#[path = "encode_tests.rs"]
mod tests;
