//! Large tables for measurements, generated in constant memory.
//!
//! The content depends only on the number of rows asked for, and the first rows of a larger table are the rows of a
//! smaller one.

use std::io;
use std::path::Path;

use bson::oid::ObjectId;
use bson::spec::BinarySubtype;
use bson::{Binary, DateTime, doc};

use crate::bacpac::{BacpacWriter, Cell, ColumnSpec, DatabaseSpec, Options, SqlType, TableSpec};
use crate::random::SplitMix64;
use crate::tds::{Database, Rows};

/// The database's name.
pub const NAME: &str = "Bench";

/// The rows of a part of [`narrow`]; parts are what a reader can load side by side.
pub const NARROW_PART_ROWS: u64 = 250_000;

/// The rows of a part of [`wide`].
pub const WIDE_PART_ROWS: u64 = 25_000;

/// The level at which real exports are written costs more time here than it tells about a reader.
const COMPRESSION: u8 = 3;

/// 2020-01-01, in days since 0001-01-01 and since 1900-01-01.
const DAY: u32 = 737_424;
const DAY_1900: i32 = 43_829;

const NAMES: [&str; 8] = [
    "Crème brûlée",
    "Olive oil 5 l",
    "Bread flour type 550",
    "東京ラーメン",
    "Smoked salmon",
    "Käse",
    "Tea",
    "Espresso beans 1 kg",
];

/// `dbo.Fact (id bigint, qty int, at datetime2(7), amount decimal(12,2), name nvarchar(50) null, ok bit)`, without keys.
pub fn narrow(path: impl AsRef<Path>, rows: u64) -> io::Result<()> {
    generate(
        path.as_ref(),
        narrow_table(),
        NARROW_PART_ROWS,
        rows,
        narrow_rows(),
    )
}

/// The same table with a primary key on `id`.
pub fn narrow_with_key(path: impl AsRef<Path>, rows: u64) -> io::Result<()> {
    let table = narrow_table().primary_key("PK_Fact", &["id"]);
    generate(path.as_ref(), table, NARROW_PART_ROWS, rows, narrow_rows())
}

/// `dbo.Wide`: 20 columns of most kinds, with `nvarchar(max)` and `varbinary(max)`, most of them nullable, without keys.
pub fn wide(path: impl AsRef<Path>, rows: u64) -> io::Result<()> {
    generate(path.as_ref(), wide_table(), WIDE_PART_ROWS, rows, wide_rows())
}

/// A document of six fields: a key, an integer, text, a float, a date and a boolean.
pub fn document(n: u32) -> Vec<u8> {
    let mixed = n.wrapping_mul(2_654_435_761);
    let mut out = vec![0; 4];
    let mut field = |kind: u8, name: &str, bytes: &[u8]| {
        out.push(kind);
        out.extend_from_slice(name.as_bytes());
        out.push(0);
        out.extend_from_slice(bytes);
    };
    let mut id = [0x65; 12];
    id[8..].copy_from_slice(&n.to_be_bytes());
    field(0x07, "_id", &id);
    field(0x10, "quantity", &((mixed % 1000) as i32).to_le_bytes());
    let text = format!("customer {mixed:010}");
    let framed = [&(text.len() as i32 + 1).to_le_bytes()[..], text.as_bytes(), &[0]].concat();
    field(0x02, "customer", &framed);
    field(0x01, "price", &(f64::from(mixed % 100_000) / 100.0).to_le_bytes());
    field(
        0x09,
        "createdAt",
        &(1_600_000_000_000 + i64::from(mixed)).to_le_bytes(),
    );
    field(0x08, "paid", &[u8::from(mixed.is_multiple_of(3))]);
    out.push(0);
    let length = out.len() as i32;
    out[..4].copy_from_slice(&length.to_le_bytes());
    out
}

/// A document of 20 fields of most kinds, as BSON: two of them longer texts, a few absent now and then.
pub fn wide_document(n: u32) -> Vec<u8> {
    let mixed = n.wrapping_mul(2_654_435_761);
    let mut id = [0x67; 12];
    id[8..].copy_from_slice(&n.to_be_bytes());
    let moment = DateTime::from_millis(1_600_000_000_000 + i64::from(mixed));
    let name = NAMES[mixed as usize % NAMES.len()];
    let mut out = doc! {
        "_id": ObjectId::from_bytes(id),
        "code": format!("C{n:08}"),
        "tenant": Binary { subtype: BinarySubtype::Uuid, bytes: u128::from(mixed).to_be_bytes().to_vec() },
        "count": (mixed % 1_000) as i32,
        "total": i64::from(mixed) * 1_000,
        "ratio": f64::from(mixed) / 65_537.0,
        "flag": mixed.is_multiple_of(2),
        "seen": moment,
        "created": moment,
        "title": name,
        "tag": (["fresh", "frozen", "dry", "chilled"][(mixed >> 9) as usize % 4]),
        "body": format!("{name} {mixed} ").repeat(4 + mixed as usize % 28),
        "blob": Binary { subtype: BinarySubtype::Generic, bytes: mixed.to_be_bytes().repeat(8) },
        "city": name,
        "street": format!("{mixed} High Street"),
        "price": f64::from(mixed % 100_000) / 100.0,
        "weight": f64::from(mixed % 9_999) / 7.0,
        "level": (mixed >> 24) as i32,
        "owner": ObjectId::from_bytes(id),
    };
    if !mixed.is_multiple_of(16) {
        out.insert("note", format!("note {mixed}"));
    }
    out.to_vec().expect("what is made here is BSON")
}

/// A database for a server with both tables, and `dbo.Large (id bigint, body varbinary(max))` with one row of so many bytes if
/// they are not 0. Each has a primary key on its `id`, and its rows are encoded beforehand.
pub fn on_server(narrow: u64, wide: u64, large: usize) -> Database {
    let narrow_spec = narrow_table().primary_key("PK_Fact", &["id"]);
    let wide_spec = wide_table().primary_key("PK_Wide", &["id"]);
    let large_spec = TableSpec::new("dbo", "Large")
        .column(ColumnSpec::new("id", SqlType::BigInt).not_null())
        .column(ColumnSpec::new("body", SqlType::VarBinary(None)))
        .primary_key("PK_Large", &["id"]);
    let narrow = encoded(&narrow_spec, narrow, narrow_rows());
    let wide = encoded(&wide_spec, wide, wide_rows());
    let large = encoded(&large_spec, u64::from(large > 0), |id, row| {
        // Not to be compressed, so that the destination stores all of it.
        let mut bytes = vec![0; large];
        SplitMix64::new(3).fill(&mut bytes);
        (row[0], row[1]) = (Cell::Int(id as i64), Cell::Bytes(bytes));
    });
    let spec = DatabaseSpec::new(NAME)
        .table(narrow_spec)
        .table(wide_spec)
        .table(large_spec);
    Database::new(spec)
        .rows("Fact", narrow)
        .rows("Wide", wide)
        .rows("Large", large)
}

fn encoded(spec: &TableSpec, rows: u64, mut fill: impl FnMut(u64, &mut [Cell])) -> Rows {
    let mut row = vec![Cell::Null; spec.columns.len()];
    Rows::encoded(spec, |push| {
        for n in 1..=rows {
            fill(n, &mut row);
            push(&row);
        }
    })
}

fn narrow_table() -> TableSpec {
    TableSpec::new("dbo", "Fact")
        .column(ColumnSpec::new("id", SqlType::BigInt).not_null())
        .column(ColumnSpec::new("qty", SqlType::Int).not_null())
        .column(ColumnSpec::new("at", SqlType::DateTime2(7)).not_null())
        .column(ColumnSpec::new("amount", SqlType::Decimal(12, 2)).not_null())
        .column(ColumnSpec::new("name", SqlType::NVarChar(Some(50))))
        .column(ColumnSpec::new("ok", SqlType::Bit).not_null())
}

fn narrow_rows() -> impl FnMut(u64, &mut [Cell]) {
    let mut random = SplitMix64::new(1);
    let mut buffer = String::new();
    move |id, row| {
        let bits = random.bits();
        row[0] = Cell::Int(id as i64);
        row[1] = Cell::Int((bits & 0xFFFF) as i64);
        row[2] = Cell::DateTime2 {
            days: DAY + (id / 1_000) as u32 % 2_000,
            // Whole microseconds, so that PostgreSQL holds the value as it is.
            ticks: random.below(86_400_000_000) * 10,
        };
        row[3] = Cell::decimal(i128::from(random.between(-5_000_000, 900_000_000)));
        row[4] = if bits >> 60 == 0 {
            Cell::Null
        } else {
            buffer.clear();
            buffer.push_str(NAMES[(bits >> 20) as usize % NAMES.len()]);
            buffer.push(' ');
            push_number(&mut buffer, (bits >> 24) & 0xF_FFFF);
            Cell::Text(buffer.clone())
        };
        row[5] = Cell::Bool(bits & (1 << 40) != 0);
    }
}

fn wide_table() -> TableSpec {
    TableSpec::new("dbo", "Wide")
        .column(ColumnSpec::new("id", SqlType::BigInt).not_null())
        .column(ColumnSpec::new("code", SqlType::Char(8)).not_null())
        .column(ColumnSpec::new("guid", SqlType::UniqueIdentifier).not_null())
        .column(ColumnSpec::new("tiny", SqlType::TinyInt))
        .column(ColumnSpec::new("small", SqlType::SmallInt))
        .column(ColumnSpec::new("num", SqlType::Int))
        .column(ColumnSpec::new("price", SqlType::Money))
        .column(ColumnSpec::new("precise", SqlType::Decimal(38, 10)))
        .column(ColumnSpec::new("ratio", SqlType::Float))
        .column(ColumnSpec::new("share", SqlType::Real))
        .column(ColumnSpec::new("flag", SqlType::Bit))
        .column(ColumnSpec::new("day", SqlType::Date))
        .column(ColumnSpec::new("time", SqlType::Time(7)))
        .column(ColumnSpec::new("legacy", SqlType::DateTime))
        .column(ColumnSpec::new("seen", SqlType::DateTimeOffset(7)))
        .column(ColumnSpec::new("title", SqlType::NVarChar(Some(200))))
        .column(ColumnSpec::new("tag", SqlType::VarChar(Some(40))))
        .column(ColumnSpec::new("body", SqlType::NVarChar(None)))
        .column(ColumnSpec::new("blob", SqlType::VarBinary(None)))
        .column(ColumnSpec::new("hash", SqlType::Binary(16)))
}

fn wide_rows() -> impl FnMut(u64, &mut [Cell]) {
    let mut random = SplitMix64::new(2);
    move |id, row| {
        wide_row(&mut random, id, row);
        // One nullable cell in sixteen has no value.
        for cell in &mut row[3..] {
            if random.below(16) == 0 {
                *cell = Cell::Null;
            }
        }
    }
}

fn wide_row(random: &mut SplitMix64, id: u64, row: &mut [Cell]) {
    let bits = random.bits();
    row[0] = Cell::Int(id as i64);
    row[1] = Cell::Text(format!("C{:07}", id % 10_000_000));
    row[2] = Cell::Uuid(random.uuid());
    row[3] = Cell::Int((bits & 0xFF) as i64);
    row[4] = Cell::Int(i64::from((bits >> 8) as i16));
    row[5] = Cell::Int(i64::from((bits >> 24) as i32));
    row[6] = Cell::Money(random.between(-1_000_000_000, 1_000_000_000_000));
    row[7] = Cell::decimal(i128::from(bits as i64) * 1_000_000_007);
    row[8] = Cell::F64(bits as f64 / 65_537.0);
    row[9] = Cell::F32((bits & 0xFFFF) as f32 / 7.0);
    row[10] = Cell::Bool(bits & 1 == 0);
    row[11] = Cell::Date(DAY + (bits >> 32) as u32 % 3_000);
    row[12] = Cell::Time(random.below(86_400_000_000) * 10);
    row[13] = Cell::DateTime {
        days: DAY_1900 + (bits >> 40) as i32 % 3_000,
        ticks: random.below(25_920_000) as u32,
    };
    row[14] = Cell::DateTimeOffset {
        days: DAY + (bits >> 36) as u32 % 3_000,
        ticks: random.below(86_400_000_000) * 10,
        offset: [0, 60, -300, 330][(bits >> 2) as usize % 4],
    };
    row[15] = Cell::Text(format!(
        "{} № {}",
        NAMES[(bits >> 5) as usize % NAMES.len()],
        bits >> 44
    ));
    row[16] = Cell::text(["fresh", "frozen", "dry", "chilled"][(bits >> 9) as usize % 4]);
    // Mostly short, now and then a few pages.
    let words = if bits.is_multiple_of(200) {
        1_500
    } else {
        4 + bits % 28
    };
    let mut body = String::new();
    for n in 0..words {
        body.push_str(NAMES[((bits >> (n % 40)) & 7) as usize]);
        body.push(' ');
    }
    row[17] = Cell::Text(body);
    let mut blob = vec![0; (bits >> 12) as usize % 256];
    random.fill(&mut blob);
    row[18] = Cell::Bytes(blob);
    let mut hash = vec![0; 16];
    random.fill(&mut hash);
    row[19] = Cell::Bytes(hash);
}

fn generate(
    path: &Path,
    table: TableSpec,
    part_rows: u64,
    rows: u64,
    mut fill: impl FnMut(u64, &mut [Cell]),
) -> io::Result<()> {
    let (schema, name) = (table.schema.clone(), table.name.clone());
    let mut row = vec![Cell::Null; table.columns.len()];
    let options = Options {
        compression: COMPRESSION,
        ..Options::default()
    };
    let mut file = BacpacWriter::create(path, DatabaseSpec::new(NAME).table(table), options)?;
    let mut writer = file.rows(&schema, &name)?;
    for n in 0..rows {
        if n > 0 && n.is_multiple_of(part_rows) {
            writer.next_part()?;
        }
        fill(n + 1, &mut row);
        writer.push(&row)?;
    }
    writer.finish()?;
    file.finish()?;
    Ok(())
}

fn push_number(out: &mut String, number: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = number;
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend(digits[at..].iter().map(|&digit| char::from(digit)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Package;

    #[test]
    fn narrow_tables_have_parts_and_a_total() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("narrow.bacpac");
        narrow(&path, NARROW_PART_ROWS + 1).unwrap();
        let package = Package::open(&path).unwrap();
        assert!(
            package
                .text("Origin.xml")
                .unwrap()
                .contains("<TableRowCountTotalTag>250001<")
        );
        let last = package.get("Data/dbo.Fact/TableData-001-00000.BCP").unwrap();
        // id, then the quantity: the one row of the second part.
        assert_eq!(last[..8], 250_001_u64.to_le_bytes());
        assert!((42..142).contains(&last.len()), "{} bytes", last.len());
    }

    #[test]
    fn a_larger_table_begins_as_a_smaller_one() {
        let folder = tempfile::tempdir().unwrap();
        let part = |rows| {
            let path = folder.path().join("wide.bacpac");
            wide(&path, rows).unwrap();
            Package::open(&path)
                .unwrap()
                .get("Data/dbo.Wide/TableData-000-00000.BCP")
                .unwrap()
                .to_vec()
        };
        let (small, large) = (part(50), part(100));
        assert!(large.starts_with(&small));
        assert!(large.len() > small.len());
    }

    #[test]
    fn numbers_are_decimal() {
        let mut out = String::from("#");
        push_number(&mut out, 0);
        push_number(&mut out, 1_048_575);
        assert_eq!(out, "#01048575");
    }
}
