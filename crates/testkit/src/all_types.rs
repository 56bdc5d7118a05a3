//! A database with a column of every type and the extremes of its range.
//!
//! | table | columns | rows |
//! |---|---|---|
//! | `dbo.Scalars` | every type whose layout is beyond doubt, once `NOT NULL` and once nullable | low, high, plain, NULL |
//! | `dbo.Times` | `time`, `datetime2` and `datetimeoffset` at every scale | the same |
//! | `dbo.Clr` | `hierarchyid`, `geography`, `geometry` | the same |
//! | `dbo.Variants` | `sql_variant` | one for each base type, and NULL |
//! | `dbo.Nul` | `nvarchar` and `varchar` with U+0000 at the start, in the middle, at the end, alone | 4 |
//! | `dbo.Surrogates` | `nvarchar` with unpaired surrogates | 4 |
//! | `dbo.Empty` | one | none, and so no data part |
//! | `dbo.Order Details & more` | names that need encoding everywhere | 1 |
//!
//! In the NULL row, the `NOT NULL` columns repeat the low value.

use std::io;
use std::path::Path;

use crate::bacpac::{
    AliasType, BacpacWriter, Cell, ColumnSpec, DatabaseSpec, Options, SqlType, TableSpec, variant,
};
use SqlType::*;

/// The last day that SQL Server has, 9999-12-31, in days since 0001-01-01.
pub const LAST_DAY: u32 = 3_652_058;

/// The 100 ns of a day.
pub const DAY_TICKS: u64 = 864_000_000_000;

/// The values of one type.
#[derive(Debug, Clone)]
pub struct Sample {
    /// The column's name; the nullable column's has `_null` after it.
    pub name: String,
    /// Its type.
    pub ty: SqlType,
    /// The smallest, earliest or emptiest value.
    pub low: Cell,
    /// The largest, latest or longest value.
    pub high: Cell,
    /// A value like any other.
    pub plain: Cell,
}

impl Sample {
    fn new(name: &str, ty: SqlType, low: Cell, high: Cell, plain: Cell) -> Self {
        Self {
            name: name.into(),
            ty,
            low,
            high,
            plain,
        }
    }
}

/// Writes the file with the default options.
pub fn write(path: impl AsRef<Path>) -> io::Result<()> {
    write_with(path, Options::default())
}

/// Writes the file, for instance with another layout.
pub fn write_with(path: impl AsRef<Path>, options: Options) -> io::Result<()> {
    let mut file = BacpacWriter::create(path, database(), options)?;
    for table in TABLES {
        let part_rows = if matches!(table, "Scalars" | "Times" | "Clr") {
            2
        } else {
            100
        };
        file.table_rows("dbo", table, part_rows, rows(table))?;
    }
    file.finish()?;
    Ok(())
}

/// The tables that have rows.
pub const TABLES: [&str; 7] = [
    "Scalars",
    "Times",
    "Clr",
    "Variants",
    "Nul",
    "Surrogates",
    "Order Details & more",
];

/// The rows of a table.
pub fn rows(table: &str) -> Vec<Vec<Cell>> {
    match table {
        "Scalars" => sample_rows(&scalars(), true),
        "Times" => sample_rows(&times(), false),
        "Clr" => sample_rows(&clr(), false),
        "Variants" => numbered(variants()),
        "Nul" => numbered(nul_texts()),
        "Surrogates" => numbered(surrogates()),
        "Order Details & more" => vec![vec![Cell::Int(1), Cell::text("<&>\"'")]],
        _ => Vec::new(),
    }
}

/// The schema.
pub fn database() -> DatabaseSpec {
    let numbered = |name: &str| {
        let id = ColumnSpec::new("id", Int).not_null();
        TableSpec::new("dbo", name)
            .column(id)
            .primary_key(&format!("PK_{name}"), &["id"])
    };
    let text = |name: &str| ColumnSpec::new(name, NVarChar(Some(40)));
    // A table can have one rowversion, so it is not among the samples.
    let scalars =
        sample_table("Scalars", &scalars()).column(ColumnSpec::new("version", RowVersion).not_null());
    DatabaseSpec::new("AllTypes")
        .alias_type(AliasType {
            schema: "dbo".into(),
            name: "Code".into(),
            base: NChar(4),
            nullable: false,
        })
        .table(scalars)
        .table(sample_table("Times", &times()))
        .table(sample_table("Clr", &clr()))
        .table(numbered("Variants").column(ColumnSpec::new("value", SqlVariant)))
        .table(
            numbered("Nul")
                .column(text("wide"))
                .column(ColumnSpec::new("narrow", VarChar(Some(40)))),
        )
        .table(numbered("Surrogates").column(text("value")))
        .table(numbered("Empty").column(text("value")))
        .table(
            TableSpec::new("dbo", "Order Details & more")
                .column(ColumnSpec::new("Order ID", Int).not_null())
                .column(ColumnSpec::new("naïve [sic", NVarChar(Some(10)))),
        )
}

fn sample_table(name: &str, samples: &[Sample]) -> TableSpec {
    samples.iter().fold(TableSpec::new("dbo", name), |table, sample| {
        table
            .column(ColumnSpec::new(&sample.name, sample.ty.clone()).not_null())
            .column(ColumnSpec::new(
                &format!("{}_null", sample.name),
                sample.ty.clone(),
            ))
    })
}

fn sample_rows(samples: &[Sample], versioned: bool) -> Vec<Vec<Cell>> {
    let pick = |choose: fn(&Sample) -> (Cell, Cell)| -> Vec<Cell> {
        samples.iter().map(choose).flat_map(|(a, b)| [a, b]).collect()
    };
    let mut rows = vec![
        pick(|s| (s.low.clone(), s.low.clone())),
        pick(|s| (s.high.clone(), s.high.clone())),
        pick(|s| (s.plain.clone(), s.plain.clone())),
        pick(|s| (s.low.clone(), Cell::Null)),
    ];
    if versioned {
        for (row, version) in rows.iter_mut().zip([0_u64, u64::MAX, 2001, 1]) {
            row.push(Cell::Bytes(version.to_be_bytes().to_vec()));
        }
    }
    rows
}

fn numbered(rows: Vec<Vec<Cell>>) -> Vec<Vec<Cell>> {
    let number =
        |(n, cells): (usize, Vec<Cell>)| std::iter::once(Cell::Int(n as i64 + 1)).chain(cells).collect();
    rows.into_iter().enumerate().map(number).collect()
}

fn date_time(days: i32, ticks: u32) -> Cell {
    Cell::DateTime { days, ticks }
}

/// The samples of `dbo.Scalars`.
pub fn scalars() -> Vec<Sample> {
    let int = |name, ty, low, high| Sample::new(name, ty, Cell::Int(low), Cell::Int(high), Cell::Int(42));
    let decimal = |name, ty: SqlType, digits: u32, plain| {
        let largest = 10_u128.pow(digits) - 1;
        let low = Cell::Decimal {
            magnitude: largest,
            negative: true,
        };
        Sample::new(
            name,
            ty,
            low,
            Cell::Decimal {
                magnitude: largest,
                negative: false,
            },
            Cell::decimal(plain),
        )
    };
    let text = |name, ty, longest: &str, times, plain: &str| {
        Sample::new(
            name,
            ty,
            Cell::text(""),
            Cell::text(longest.repeat(times)),
            Cell::text(plain),
        )
    };
    let bytes = |name, ty, high: Vec<u8>| {
        Sample::new(
            name,
            ty,
            Cell::Bytes(Vec::new()),
            Cell::Bytes(high),
            Cell::Bytes(vec![0, 1, 0xFE, 0xFF]),
        )
    };
    const PLAIN: &str = "Crème brûlée 北京 🍕";
    let mut samples = vec![
        int("tinyint", TinyInt, 0, 255),
        int("smallint", SmallInt, i64::from(i16::MIN), i64::from(i16::MAX)),
        int("int", Int, i64::from(i32::MIN), i64::from(i32::MAX)),
        int("bigint", BigInt, i64::MIN, i64::MAX),
        Sample::new("bit", Bit, Cell::Bool(false), Cell::Bool(true), Cell::Bool(true)),
        Sample::new(
            "real",
            Real,
            Cell::F32(f32::MIN),
            Cell::F32(f32::MAX),
            Cell::F32(-0.0),
        ),
        Sample::new(
            "float",
            Float,
            Cell::F64(f64::MIN),
            Cell::F64(f64::MAX),
            Cell::F64(-0.0),
        ),
        Sample::new(
            "float_small",
            Float,
            Cell::F64(f64::MIN_POSITIVE),
            Cell::F64(0.1),
            Cell::F64(1e15),
        ),
        decimal("decimal_5_2", Decimal(5, 2), 5, -12_345),
        decimal("decimal_18_0", Decimal(18, 0), 18, 0),
        decimal("decimal_38_0", Decimal(38, 0), 38, 1),
        decimal("decimal_38_38", Decimal(38, 38), 38, -1),
        decimal("numeric_19_4", Numeric(19, 4), 19, 1_000_000_007),
        Sample::new(
            "money",
            Money,
            Cell::Money(i64::MIN),
            Cell::Money(i64::MAX),
            Cell::Money(-1),
        ),
        Sample::new(
            "smallmoney",
            SmallMoney,
            Cell::Money(i64::from(i32::MIN)),
            Cell::Money(i64::from(i32::MAX)),
            Cell::Money(123_456),
        ),
        Sample::new(
            "date",
            Date,
            Cell::Date(0),
            Cell::Date(LAST_DAY),
            Cell::Date(738_944),
        ),
        // 1753-01-01 and 9999-12-31 23:59:59.997.
        Sample::new(
            "datetime",
            DateTime,
            date_time(-53_690, 0),
            date_time(2_958_463, 25_919_999),
            date_time(45_349, 1),
        ),
        // 1900-01-01 and 2079-06-06 23:59.
        Sample::new(
            "smalldatetime",
            SmallDateTime,
            Cell::SmallDateTime { days: 0, minutes: 0 },
            Cell::SmallDateTime {
                days: 65_535,
                minutes: 1_439,
            },
            Cell::SmallDateTime {
                days: 45_349,
                minutes: 754,
            },
        ),
        text("char", Char(12), "é", 12, "ab c"),
        text(
            "varchar",
            VarChar(Some(8000)),
            "ñ",
            8000,
            "plain ascii, trailing blanks  ",
        ),
        text(
            "varchar_max",
            VarChar(None),
            "longer than eight thousand ",
            1_000,
            "x",
        ),
        text("nchar", NChar(12), "🍕", 6, "北京"),
        text("nvarchar", NVarChar(Some(4000)), "界", 4000, PLAIN),
        text(
            "nvarchar_max",
            NVarChar(None),
            "𝒳 wide enough to pass any page\r\n",
            2_000,
            PLAIN,
        ),
        text("text", Text, "old ", 3_000, "legacy"),
        text("ntext", NText, "старый ", 3_000, PLAIN),
        bytes("image", Image, vec![0xAB; 20_000]),
        bytes("binary", Binary(8), vec![0xFF; 8]),
        bytes(
            "varbinary",
            VarBinary(Some(8000)),
            (0..8000_u32).map(|n| n as u8).collect(),
        ),
        bytes(
            "varbinary_max",
            VarBinary(None),
            (0..70_000_u32).map(|n| (n >> 3) as u8).collect(),
        ),
        Sample::new(
            "uniqueidentifier",
            UniqueIdentifier,
            Cell::Uuid([0; 16]),
            Cell::Uuid([0xFF; 16]),
            Cell::Uuid(*b"\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xAA\xBB\xCC\xDD\xEE\xFF"),
        ),
        Sample::new(
            "xml",
            Xml,
            Cell::text(""),
            Cell::text(format!("<r>{}</r>", "<i a=\"1\">é &amp; 北京</i>".repeat(500))),
            Cell::text("<a><b x=\"1\" /></a>"),
        ),
    ];
    let alias = Alias("dbo".into(), "Code".into());
    samples.push(Sample::new(
        "alias",
        alias,
        Cell::text(""),
        Cell::text("ZZZZ"),
        Cell::text("a1"),
    ));
    samples
}

/// The samples of `dbo.Times`.
pub fn times() -> Vec<Sample> {
    let mut samples = Vec::new();
    for scale in 0..=7_u8 {
        let unit = 10_u64.pow(7 - u32::from(scale));
        let last = DAY_TICKS - unit;
        // 12:34:56.1234567, cut off at the scale.
        let plain = 452_961_234_567 / unit * unit;
        samples.push(Sample::new(
            &format!("time_{scale}"),
            Time(scale),
            Cell::Time(0),
            Cell::Time(last),
            Cell::Time(plain),
        ));
        let moment = |days, ticks| Cell::DateTime2 { days, ticks };
        samples.push(Sample::new(
            &format!("datetime2_{scale}"),
            DateTime2(scale),
            moment(0, 0),
            moment(LAST_DAY, last),
            moment(738_944, plain),
        ));
        let moment = |days, ticks, offset| Cell::DateTimeOffset { days, ticks, offset };
        samples.push(Sample::new(
            &format!("datetimeoffset_{scale}"),
            DateTimeOffset(scale),
            // The earliest and latest moments in UTC; both are within the range locally.
            moment(0, 0, 840),
            moment(LAST_DAY, last, -840),
            moment(738_944, plain, 330),
        ));
    }
    samples
}

/// The samples of `dbo.Clr`, as the types serialize themselves (MS-SSCLRT).
pub fn clr() -> Vec<Sample> {
    // The root, /16/ and /1/2/.
    let paths = [vec![], vec![0xC1, 0x10], vec![0x5B, 0x40]].map(Cell::Bytes);
    // Latitude before longitude.
    let place = shape(4326, 0x0C, &[], &[47.651, -122.349]);
    let empty = |srid| {
        shape(srid, 0x04, &[0, 0, 1, -1, -1], &[])
            .into_iter()
            .chain([1])
            .collect::<Vec<_>>()
    };
    let line = shape(4326, 0x14, &[], &[-90.0, -180.0, 90.0, 180.0]);
    let point = shape(0, 0x0C, &[], &[1.5, -2.25]);
    let segment = shape(27_700, 0x14, &[], &[0.0, 0.0, f64::MAX, -0.0]);
    let [low, high, plain] = paths;
    vec![
        Sample::new("hierarchyid", HierarchyId, low, high, plain),
        Sample::new(
            "geography",
            Geography,
            Cell::Bytes(empty(4326)),
            Cell::Bytes(line),
            Cell::Bytes(place),
        ),
        Sample::new(
            "geometry",
            Geometry,
            Cell::Bytes(empty(0)),
            Cell::Bytes(segment),
            Cell::Bytes(point),
        ),
    ]
}

/// A spatial value of version 1: SRID, version, properties, then counts and coordinates as given.
fn shape(srid: i32, properties: u8, counts: &[i32], coordinates: &[f64]) -> Vec<u8> {
    let mut out = srid.to_le_bytes().to_vec();
    out.extend_from_slice(&[1, properties]);
    out.extend(counts.iter().flat_map(|n| n.to_le_bytes()));
    out.extend(coordinates.iter().flat_map(|x| x.to_le_bytes()));
    out
}

fn variants() -> Vec<Vec<Cell>> {
    let bodies = [
        variant::int(-7),
        variant::bigint(i64::MAX),
        variant::bit(true),
        variant::float(2.5),
        variant::datetime(45_349, 300),
        variant::decimal(10, 2, 12_345, true),
        variant::uniqueidentifier(*b"\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xAA\xBB\xCC\xDD\xEE\xFF"),
        variant::nvarchar("naïve 北京"),
        variant::varchar("ascii"),
        variant::varbinary(&[0, 255]),
    ];
    let values = bodies.into_iter().map(Cell::Bytes).chain([Cell::Null]);
    values.map(|value| vec![value]).collect()
}

fn nul_texts() -> Vec<Vec<Cell>> {
    ["\0start", "mid\0dle", "end\0", "\0"]
        .map(|text| vec![Cell::text(text), Cell::text(text)])
        .into()
}

fn surrogates() -> Vec<Vec<Cell>> {
    let (high, low) = (0xD83C, 0xDF55);
    let a = u16::from(b'a');
    [vec![high], vec![a, low, a], vec![low, high], vec![a, high]]
        .map(|units| vec![Cell::Utf16(units)])
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bacpac::{Layout, TimeBytes, part_name};
    use crate::fault::Package;

    fn part(options: Options, table: &str) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("all.bacpac");
        write_with(&path, options).unwrap();
        Package::open(&path)
            .unwrap()
            .get(&part_name("dbo", table, 0))
            .unwrap()
            .to_vec()
    }

    #[test]
    fn every_layout_can_be_written() {
        let other = Layout {
            time: TimeBytes::ByScale,
            clr_prefix: 2,
            variant_prefix: 8,
        };
        let (usual, other) = (
            Options::default(),
            Options {
                layout: other,
                ..Options::default()
            },
        );
        // Three shapes, each twice in two rows, whose prefixes lose 6 bytes.
        assert_eq!(part(usual, "Clr").len(), part(other, "Clr").len() + 12 * 6);
        assert_eq!(
            part(other, "Variants").len(),
            part(usual, "Variants").len() + 11 * 4
        );
        // Scales 0 to 2 lose two bytes and 3 and 4 one, in 3 types, 2 columns and 2 rows.
        assert_eq!(
            part(usual, "Times").len(),
            part(other, "Times").len() + (3 * 2 + 2) * 12
        );
    }

    #[test]
    fn odd_names_are_encoded() {
        assert_eq!(
            part_name("dbo", "Order Details & more", 0),
            "Data/dbo.Order%20Details%20%26%20more/TableData-000-00000.BCP"
        );
        assert!(!part(Options::default(), "Order Details & more").is_empty());
    }

    #[test]
    fn unpaired_surrogates_are_written_as_they_are() {
        let bytes = part(Options::default(), "Surrogates");
        assert_eq!(bytes[..8], [1, 0, 0, 0, 2, 0, 0x3C, 0xD8]);
    }
}
