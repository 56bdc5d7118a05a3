//! Types and values as they travel ([MS-TDS] 2.2.5.4 and 2.2.5.5).

use super::Column;
use crate::bacpac::{Cell, SqlType};

/// SQL_Latin1_General_CP1_CI_AS, of code page 1252.
pub(super) const COLLATION: [u8; 5] = [0x09, 0x04, 0xD0, 0x00, 0x34];
const ROW: u8 = 0xD1;
const ROW_WITH_NULLS: u8 = 0xD2;

/// The description of a type. Types that take no NULL have a shorter form, as far as there is one.
pub(super) fn type_info(out: &mut Vec<u8>, ty: &SqlType, nullable: bool) {
    use SqlType as T;
    let mut fixed = |own: u8, general: u8, length: u8| {
        if nullable {
            out.extend([general, length]);
        } else {
            out.push(own);
        }
    };
    match ty {
        T::Bit => fixed(0x32, 0x68, 1),
        T::TinyInt => fixed(0x30, 0x26, 1),
        T::SmallInt => fixed(0x34, 0x26, 2),
        T::Int => fixed(0x38, 0x26, 4),
        T::BigInt => fixed(0x7F, 0x26, 8),
        T::Real => fixed(0x3B, 0x6D, 4),
        T::Float => fixed(0x3E, 0x6D, 8),
        T::Money => fixed(0x3C, 0x6E, 8),
        T::SmallMoney => fixed(0x7A, 0x6E, 4),
        T::DateTime => fixed(0x3D, 0x6F, 8),
        T::SmallDateTime => fixed(0x3A, 0x6F, 4),
        T::Decimal(precision, scale) => {
            out.extend([0x6A, 1 + magnitude(*precision) as u8, *precision, *scale])
        }
        T::Numeric(precision, scale) => {
            out.extend([0x6C, 1 + magnitude(*precision) as u8, *precision, *scale])
        }
        T::UniqueIdentifier => out.extend([0x24, 16]),
        T::Date => out.push(0x28),
        T::Time(scale) => out.extend([0x29, *scale]),
        T::DateTime2(scale) => out.extend([0x2A, *scale]),
        T::DateTimeOffset(scale) => out.extend([0x2B, *scale]),
        T::Xml => out.extend([0xF1, 0]),
        T::Binary(n) => lengthy(out, 0xAD, Some(*n), 1, false),
        T::VarBinary(n) => lengthy(out, 0xA5, *n, 1, false),
        T::RowVersion | T::Timestamp => lengthy(out, 0xAD, Some(8), 1, false),
        T::Char(n) => lengthy(out, 0xAF, Some(*n), 1, true),
        T::VarChar(n) => lengthy(out, 0xA7, *n, 1, true),
        T::NChar(n) => lengthy(out, 0xEF, Some(*n), 2, true),
        T::NVarChar(n) => lengthy(out, 0xE7, *n, 2, true),
        T::SysName => lengthy(out, 0xE7, Some(128), 2, true),
        other => panic!("{other:?} does not travel as it is: no reader asks for it uncast"),
    }
}

fn lengthy(out: &mut Vec<u8>, kind: u8, length: Option<u16>, width: u16, text: bool) {
    out.push(kind);
    out.extend(length.map_or(u16::MAX, |n| n * width).to_le_bytes());
    if text {
        out.extend(COLLATION);
    }
}

/// Bytes of a decimal's digits.
fn magnitude(precision: u8) -> usize {
    match precision {
        0..=9 => 4,
        10..=19 => 8,
        20..=28 => 12,
        _ => 16,
    }
}

/// A row: with a map of NULLs where it has some, as the server sends it.
pub(super) fn row(out: &mut Vec<u8>, columns: &[Column], cells: &[Cell]) {
    assert_eq!(columns.len(), cells.len(), "cells of a row");
    if cells.contains(&Cell::Null) {
        out.push(ROW_WITH_NULLS);
        let map = out.len();
        out.resize(map + columns.len().div_ceil(8), 0);
        for (i, (column, cell)) in columns.iter().zip(cells).enumerate() {
            if *cell == Cell::Null {
                assert!(column.nullable, "NULL in {}", column.name);
                out[map + i / 8] |= 1 << (i % 8);
            } else {
                value(out, column, cell);
            }
        }
        return;
    }
    out.push(ROW);
    for (column, cell) in columns.iter().zip(cells) {
        value(out, column, cell);
    }
}

fn value(out: &mut Vec<u8>, column: &Column, cell: &Cell) {
    use SqlType as T;
    match &column.ty {
        T::Bit
        | T::TinyInt
        | T::SmallInt
        | T::Int
        | T::BigInt
        | T::Real
        | T::Float
        | T::Money
        | T::SmallMoney
        | T::DateTime
        | T::SmallDateTime
            if !column.nullable =>
        {
            short(out, column, cell);
        }
        T::Xml | T::NVarChar(None) | T::VarChar(None) | T::VarBinary(None) => {
            let bytes = long(column, cell);
            // The whole length, pieces of a size that clients take, and none after them.
            out.extend((bytes.len() as u64).to_le_bytes());
            for piece in bytes.chunks(1 << 20) {
                out.extend((piece.len() as u32).to_le_bytes());
                out.extend(piece);
            }
            out.extend(0_u32.to_le_bytes());
        }
        T::Char(_)
        | T::VarChar(_)
        | T::NChar(_)
        | T::NVarChar(_)
        | T::SysName
        | T::Binary(_)
        | T::VarBinary(_)
        | T::RowVersion
        | T::Timestamp => {
            let bytes = long(column, cell);
            out.extend((bytes.len() as u16).to_le_bytes());
            out.extend(bytes);
        }
        _ => {
            let at = out.len();
            out.push(0);
            short(out, column, cell);
            out[at] = (out.len() - at - 1) as u8;
        }
    }
}

/// A value of up to 255 bytes.
fn short(out: &mut Vec<u8>, column: &Column, cell: &Cell) {
    use SqlType as T;
    match (&column.ty, cell) {
        (T::Bit, Cell::Bool(v)) => out.push(u8::from(*v)),
        (T::TinyInt, Cell::Int(v)) => out.push(*v as u8),
        (T::SmallInt, Cell::Int(v)) => out.extend((*v as i16).to_le_bytes()),
        (T::Int, Cell::Int(v)) => out.extend((*v as i32).to_le_bytes()),
        (T::BigInt, Cell::Int(v)) => out.extend(v.to_le_bytes()),
        (T::Real, Cell::F32(v)) => out.extend(v.to_le_bytes()),
        (T::Float, Cell::F64(v)) => out.extend(v.to_le_bytes()),
        (T::Money, Cell::Money(v)) => {
            out.extend(((*v >> 32) as i32).to_le_bytes());
            out.extend((*v as u32).to_le_bytes());
        }
        (T::SmallMoney, Cell::Money(v)) => out.extend((*v as i32).to_le_bytes()),
        (
            T::Decimal(p, _) | T::Numeric(p, _),
            Cell::Decimal {
                magnitude: m,
                negative,
            },
        ) => {
            out.push(u8::from(!negative));
            out.extend(&m.to_le_bytes()[..magnitude(*p)]);
        }
        // Cast on the way.
        (T::Decimal(p, 4), Cell::Money(v)) => {
            out.push(u8::from(*v >= 0));
            out.extend(&u128::from(v.unsigned_abs()).to_le_bytes()[..magnitude(*p)]);
        }
        (T::DateTime, Cell::DateTime { days, ticks }) => {
            out.extend(days.to_le_bytes());
            out.extend(ticks.to_le_bytes());
        }
        (T::SmallDateTime, Cell::SmallDateTime { days, minutes }) => {
            out.extend(days.to_le_bytes());
            out.extend(minutes.to_le_bytes());
        }
        (T::UniqueIdentifier, Cell::Uuid(v)) => out.extend(crate::bacpac::mixed_endian(*v)),
        (T::Date, Cell::Date(days)) => date(out, *days),
        (T::Time(scale), Cell::Time(ticks)) => time(out, *ticks, *scale),
        (T::DateTime2(scale), Cell::DateTime2 { days, ticks }) => {
            time(out, *ticks, *scale);
            date(out, *days);
        }
        (T::DateTimeOffset(scale), Cell::DateTimeOffset { days, ticks, offset }) => {
            time(out, *ticks, *scale);
            date(out, *days);
            out.extend(offset.to_le_bytes());
        }
        (ty, cell) => panic!("a {} in {}, a column of {ty:?}", cell.kind(), column.name),
    }
}

fn date(out: &mut Vec<u8>, days: u32) {
    out.extend(&days.to_le_bytes()[..3]);
}

fn time(out: &mut Vec<u8>, ticks: u64, scale: u8) {
    let bytes = match scale {
        0..=2 => 3,
        3..=4 => 4,
        _ => 5,
    };
    let units = ticks / 10_u64.pow(7 - u32::from(scale));
    out.extend(&units.to_le_bytes()[..bytes]);
}

/// A value of text or bytes, padded where its type says so.
fn long(column: &Column, cell: &Cell) -> Vec<u8> {
    use SqlType as T;
    let narrow = matches!(column.ty, T::Char(_) | T::VarChar(_));
    let mut bytes = match cell {
        Cell::Bytes(bytes) => bytes.clone(),
        Cell::Text(text) if narrow => {
            let (bytes, _, unknown) = encoding_rs::WINDOWS_1252.encode(text);
            assert!(!unknown, "text of {} is not in its code page", column.name);
            bytes.into_owned()
        }
        Cell::Text(text) => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        Cell::Utf16(units) => units.iter().flat_map(|u| u.to_le_bytes()).collect(),
        cell => panic!(
            "a {} in {}, a column of {:?}",
            cell.kind(),
            column.name,
            column.ty
        ),
    };
    match column.ty {
        T::Char(n) => bytes.resize(n.into(), b' '),
        T::Binary(n) => bytes.resize(n.into(), 0),
        T::NChar(n) => {
            while bytes.len() < 2 * usize::from(n) {
                bytes.extend([b' ', 0]);
            }
        }
        _ => {}
    }
    bytes
}
