use super::*;
use crate::bacpac::AliasType;

/// The bytes of one cell in a table of one column.
fn cell_with(layout: Layout, ty: SqlType, nullable: bool, cell: Cell) -> io::Result<Vec<u8>> {
    let alias = AliasType {
        schema: "dbo".into(),
        name: "Code".into(),
        base: SqlType::NVarChar(Some(3)),
        nullable: true,
    };
    let mut column = ColumnSpec::new("c", ty);
    column.nullable = nullable;
    let table = TableSpec::new("dbo", "T")
        .column(column)
        .column(ColumnSpec::computed("x", "(1)", true));
    let database = DatabaseSpec::new("D").alias_type(alias);
    let mut out = Vec::new();
    RowEncoder::new(&database, &table, layout)?.encode(&[cell], &mut out)?;
    Ok(out)
}

fn cell(ty: SqlType, nullable: bool, cell: Cell) -> Vec<u8> {
    cell_with(Layout::default(), ty, nullable, cell).unwrap()
}

fn refused(ty: SqlType, nullable: bool, value: Cell) -> String {
    cell_with(Layout::default(), ty, nullable, value)
        .unwrap_err()
        .to_string()
}

/// The bytes when `NOT NULL`, when nullable, and of NULL.
#[track_caller]
fn check(ty: SqlType, value: Cell, not_null: &[u8], nullable: &[u8], null: &[u8]) {
    assert_eq!(
        cell(ty.clone(), false, value.clone()),
        not_null,
        "{ty:?} not null"
    );
    assert_eq!(cell(ty.clone(), true, value), nullable, "{ty:?} nullable");
    assert_eq!(cell(ty.clone(), true, Cell::Null), null, "{ty:?} null");
}

/// A type whose length prefix of `width` bytes is always there.
#[track_caller]
fn check_prefixed(ty: SqlType, value: Cell, width: usize, body: &[u8]) {
    let mut bytes = (body.len() as u64).to_le_bytes()[..width].to_vec();
    bytes.extend_from_slice(body);
    check(ty, value, &bytes, &bytes, &[0xFF; 8][..width]);
}

/// A type whose one-byte prefix is only there when it is nullable.
#[track_caller]
fn check_fixed(ty: SqlType, value: Cell, body: &[u8]) {
    let nullable = [&[body.len() as u8], body].concat();
    check(ty, value, body, &nullable, &[0xFF]);
}

#[test]
fn numbers() {
    check_fixed(SqlType::TinyInt, Cell::Int(255), &[255]);
    check_fixed(SqlType::SmallInt, Cell::Int(-2), &[0xFE, 0xFF]);
    check_fixed(SqlType::Int, Cell::Int(0x0102_0304), &[4, 3, 2, 1]);
    check_fixed(SqlType::BigInt, Cell::Int(i64::MIN), &[0, 0, 0, 0, 0, 0, 0, 0x80]);
    check_fixed(SqlType::Real, Cell::F32(1.5), &[0, 0, 0xC0, 0x3F]);
    check_fixed(SqlType::Float, Cell::F64(-0.0), &[0, 0, 0, 0, 0, 0, 0, 0x80]);
    check_prefixed(SqlType::Bit, Cell::Bool(true), 1, &[1]);
    // -1 is all ones in both halves; 1.0000 is 10000 in the low one.
    check_fixed(SqlType::Money, Cell::Money(-1), &[0xFF; 8]);
    check_fixed(
        SqlType::Money,
        Cell::Money(0x1_0000_2710),
        &[1, 0, 0, 0, 0x10, 0x27, 0, 0],
    );
    check_fixed(SqlType::SmallMoney, Cell::Money(10_000), &[0x10, 0x27, 0, 0]);
}

#[test]
fn decimals() {
    let mut body = vec![5, 2, 0, 0x39, 0x30];
    body.resize(19, 0);
    check_prefixed(SqlType::Decimal(5, 2), Cell::decimal(-12_345), 1, &body);
    let mut body = vec![38, 38, 1];
    body.extend_from_slice(&(10_u128.pow(38) - 1).to_le_bytes());
    check_prefixed(
        SqlType::Numeric(38, 38),
        Cell::decimal(10_i128.pow(38) - 1),
        1,
        &body,
    );
    assert_eq!(
        refused(SqlType::Decimal(5, 2), true, Cell::decimal(100_000)),
        "dbo.T.c: Decimal cell: more than 5 digits"
    );
}

#[test]
fn characters() {
    let body = [b'a', 0, 0xE9, 0, 0x20, 0];
    check(
        SqlType::Char(3),
        Cell::text("aé"),
        &body,
        &[&[6, 0], &body[..]].concat(),
        &[0xFF, 0xFF],
    );
    check_prefixed(SqlType::NChar(3), Cell::text("aé"), 2, &body);
    check_prefixed(SqlType::VarChar(Some(9)), Cell::text("aé"), 2, &body[..4]);
    check_prefixed(SqlType::NVarChar(Some(9)), Cell::text(""), 2, &[]);
    check_prefixed(
        SqlType::NVarChar(Some(2)),
        Cell::text("🍕"),
        2,
        &[0x3C, 0xD8, 0x55, 0xDF],
    );
    check_prefixed(
        SqlType::NVarChar(Some(2)),
        Cell::Utf16(vec![0xDF55, 0]),
        2,
        &[0x55, 0xDF, 0, 0],
    );
    for ty in [SqlType::VarChar(None), SqlType::NVarChar(None), SqlType::Xml] {
        check_prefixed(ty, Cell::text("é"), 8, &[0xE9, 0]);
    }
    check_prefixed(SqlType::Text, Cell::text("é"), 4, &[0xE9, 0]);
    check_prefixed(SqlType::NText, Cell::text("é"), 4, &[0xE9, 0]);
    check_prefixed(SqlType::SysName, Cell::text("x"), 2, &[b'x', 0]);
    let alias = SqlType::Alias("dbo".into(), "Code".into());
    check_prefixed(alias.clone(), Cell::text("xyz"), 2, &[b'x', 0, b'y', 0, b'z', 0]);
    assert_eq!(
        refused(alias, true, Cell::text("wxyz")),
        "dbo.T.c: Text cell: 4 UTF-16 units, but the column holds 3"
    );
}

#[test]
fn bytes() {
    check_prefixed(SqlType::Binary(3), Cell::Bytes(vec![7]), 2, &[7, 0, 0]);
    check_prefixed(SqlType::VarBinary(Some(3)), Cell::Bytes(vec![7]), 2, &[7]);
    check_prefixed(SqlType::VarBinary(None), Cell::Bytes(vec![7]), 8, &[7]);
    check_prefixed(SqlType::Image, Cell::Bytes(vec![7]), 4, &[7]);
    for ty in [SqlType::RowVersion, SqlType::Timestamp] {
        check_prefixed(
            ty,
            Cell::Bytes(vec![0, 0, 0, 0, 0, 0, 7, 0xD1]),
            2,
            &[0, 0, 0, 0, 0, 0, 7, 0xD1],
        );
    }
    check_prefixed(SqlType::HierarchyId, Cell::Bytes(vec![0x58]), 8, &[0x58]);
    check_prefixed(SqlType::Geography, Cell::Bytes(vec![1, 2]), 8, &[1, 2]);
    check_prefixed(SqlType::Geometry, Cell::Bytes(vec![1, 2]), 8, &[1, 2]);
    check_prefixed(SqlType::SqlVariant, Cell::Bytes(vec![0x38, 0]), 4, &[0x38, 0]);
    check_prefixed(
        SqlType::UniqueIdentifier,
        Cell::Uuid(*b"\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xAA\xBB\xCC\xDD\xEE\xFF"),
        1,
        b"\x33\x22\x11\x00\x55\x44\x77\x66\x88\x99\xAA\xBB\xCC\xDD\xEE\xFF",
    );
}

#[test]
fn dates_and_times() {
    check_fixed(SqlType::Date, Cell::Date(0x0001_0203), &[3, 2, 1]);
    check_fixed(
        SqlType::DateTime,
        Cell::DateTime { days: -1, ticks: 258 },
        &[0xFF, 0xFF, 0xFF, 0xFF, 2, 1, 0, 0],
    );
    check_fixed(
        SqlType::SmallDateTime,
        Cell::SmallDateTime {
            days: 258,
            minutes: 1,
        },
        &[2, 1, 1, 0],
    );
    let ticks = 0x01_0203_0405;
    check_fixed(SqlType::Time(7), Cell::Time(ticks), &[5, 4, 3, 2, 1]);
    check_fixed(
        SqlType::DateTime2(7),
        Cell::DateTime2 { days: 1, ticks },
        &[5, 4, 3, 2, 1, 1, 0, 0],
    );
    check_fixed(
        SqlType::DateTimeOffset(7),
        Cell::DateTimeOffset {
            days: 1,
            ticks,
            offset: -330,
        },
        &[5, 4, 3, 2, 1, 1, 0, 0, 0xB6, 0xFE],
    );
    // One second, which is 10,000,000 units of 100 ns.
    check_fixed(
        SqlType::Time(0),
        Cell::Time(10_000_000),
        &[0x80, 0x96, 0x98, 0, 0],
    );
}

#[test]
fn layouts_in_doubt() {
    let layout = Layout {
        time: TimeBytes::ByScale,
        clr_prefix: 2,
        variant_prefix: 8,
    };
    let with = |ty, value| cell_with(layout, ty, true, value).unwrap();
    assert_eq!(with(SqlType::Time(0), Cell::Time(10_000_000)), [3, 1, 0, 0]);
    assert_eq!(with(SqlType::Time(3), Cell::Time(10_000_000)), [4, 0xE8, 3, 0, 0]);
    assert_eq!(with(SqlType::Time(5), Cell::Time(100)), [5, 1, 0, 0, 0, 0]);
    assert_eq!(
        with(
            SqlType::DateTime2(2),
            Cell::DateTime2 {
                days: 1,
                ticks: 100_000
            }
        ),
        [6, 1, 0, 0, 1, 0, 0]
    );
    assert_eq!(with(SqlType::HierarchyId, Cell::Bytes(vec![0x58])), [1, 0, 0x58]);
    assert_eq!(with(SqlType::SqlVariant, Cell::Null), [0xFF; 8]);
}

#[test]
fn unsuitable_cells_are_refused_without_their_value() {
    assert_eq!(
        refused(SqlType::Int, false, Cell::Null),
        "dbo.T.c: Null cell: the column is NOT NULL"
    );
    assert_eq!(
        refused(SqlType::Int, true, Cell::text("secret")),
        "dbo.T.c: Text cell: does not suit Int"
    );
    assert_eq!(
        refused(SqlType::TinyInt, true, Cell::Int(256)),
        "dbo.T.c: Int cell: out of the type's range"
    );
    assert_eq!(
        refused(SqlType::Time(2), true, Cell::Time(1)),
        "dbo.T.c: Time cell: finer than scale 2"
    );
    assert_eq!(
        refused(SqlType::Date, true, Cell::Date(3_652_059)),
        "dbo.T.c: Date cell: a date after 9999-12-31"
    );
    assert_eq!(
        refused(
            SqlType::NVarChar(Some(32_767)),
            true,
            Cell::text("x".repeat(32_767) + "y")
        ),
        "dbo.T.c: Text cell: 32768 UTF-16 units, but the column holds 32767"
    );
}

#[test]
fn raw_cells_are_written_as_they_are() {
    assert_eq!(cell(SqlType::Int, false, Cell::Raw(vec![1, 2])), [1, 2]);
}

#[test]
fn rows_have_as_many_cells_as_stored_columns() {
    let table = TableSpec::new("dbo", "T").column(ColumnSpec::new("a", SqlType::Int));
    let encoder = RowEncoder::new(&DatabaseSpec::new("D"), &table, Layout::default()).unwrap();
    assert_eq!(encoder.width(), 1);
    let error = encoder.encode(&[], &mut Vec::new()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "dbo.T: a row has 0 cells but the table stores 1 columns"
    );
}
