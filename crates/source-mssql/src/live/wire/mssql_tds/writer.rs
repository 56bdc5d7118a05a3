//! Takes cells from the decoder and hands them to the target, without a copy where the wire's form is ours.

use std::borrow::Cow;

use ::mssql_tds::datatypes::column_values::{
    SqlDate, SqlDateTime, SqlDateTime2, SqlDateTimeOffset, SqlMoney, SqlSmallDateTime, SqlSmallMoney,
    SqlTime, SqlXml,
};
use ::mssql_tds::datatypes::decoder::DecimalParts;
use ::mssql_tds::datatypes::row_writer::RowWriter;
use ::mssql_tds::datatypes::sql_json::SqlJson;
use ::mssql_tds::datatypes::sql_string::EncodingType;
use ::mssql_tds::datatypes::sql_vector::SqlVector;
use ::mssql_tds::encoding_rs::{DecoderResult, Encoding};
use migrate_core::Result;
use migrate_core::value::Value;
use uuid::Uuid;

use super::super::cell;
use super::super::{Flow, RowTarget};
use crate::classify;

pub(super) struct Writer<'a> {
    target: &'a mut dyn RowTarget,
    scratch: &'a mut String,
    /// Cells of the current row.
    cells: usize,
}

const BAD_TEXT: &str = "the text is not valid in its collation's code page";

impl<'a> Writer<'a> {
    pub(super) fn new(target: &'a mut dyn RowTarget, scratch: &'a mut String) -> Self {
        Self {
            target,
            scratch,
            cells: 0,
        }
    }

    /// Ends the row, which must have `columns` cells.
    pub(super) fn finish(&mut self, columns: usize) -> Result<Flow> {
        if self.cells != columns {
            return Err(classify::internal(format!(
                "the driver delivered {} cells of {columns}",
                self.cells
            )));
        }
        self.cells = 0;
        self.target.end()
    }

    #[inline]
    fn next(&mut self) -> &mut dyn RowTarget {
        if self.cells == 0 {
            self.target.begin();
        }
        self.cells += 1;
        self.target
    }

    #[inline]
    fn put(&mut self, value: Value<'_>) {
        self.next().value(value);
    }

    fn utf8(&mut self, bytes: &[u8]) {
        match std::str::from_utf8(bytes) {
            Ok(text) => self.put(Value::Text(text)),
            Err(_) => self.put(Value::Unsupported {
                reason: BAD_TEXT,
                bytes,
            }),
        }
    }

    /// Text in a code page. ASCII, which is most of it, is the same in all of them.
    fn code_page(&mut self, bytes: &[u8], encoding: EncodingType) {
        if bytes.is_ascii() {
            return self.utf8(bytes);
        }
        let resolved = encoding.resolved_encoding();
        if let Some(encoding) = resolved.and_then(|r| r.as_encoding_rs()) {
            if decode(encoding, bytes, self.scratch) {
                self.next();
                self.target.value(Value::Text(self.scratch));
            } else {
                self.put(Value::Unsupported {
                    reason: BAD_TEXT,
                    bytes,
                });
            }
            return;
        }
        match resolved.map(|r| r.decode_without_bom_handling(bytes)) {
            Some((text, false)) => self.put(Value::Text(&text)),
            _ => self.put(Value::Unsupported {
                reason: BAD_TEXT,
                bytes,
            }),
        }
    }
}

/// Decodes into `out`; `false` if the bytes are not valid.
fn decode(encoding: &'static Encoding, bytes: &[u8], out: &mut String) -> bool {
    let mut decoder = encoding.new_decoder_without_bom_handling();
    out.clear();
    let Some(room) = decoder.max_utf8_buffer_length_without_replacement(bytes.len()) else {
        return false;
    };
    out.reserve(room);
    let (result, _) = decoder.decode_to_string_without_replacement(bytes, out, true);
    matches!(result, DecoderResult::InputEmpty)
}

impl RowWriter for Writer<'_> {
    #[inline]
    fn write_null(&mut self, _: usize) {
        self.put(Value::Null);
    }

    #[inline]
    fn write_bool(&mut self, _: usize, val: bool) {
        self.put(Value::Bool(val));
    }

    #[inline]
    fn write_u8(&mut self, _: usize, val: u8) {
        self.put(Value::Int16(i16::from(val)));
    }

    #[inline]
    fn write_i16(&mut self, _: usize, val: i16) {
        self.put(Value::Int16(val));
    }

    #[inline]
    fn write_i32(&mut self, _: usize, val: i32) {
        self.put(Value::Int32(val));
    }

    #[inline]
    fn write_i64(&mut self, _: usize, val: i64) {
        self.put(Value::Int64(val));
    }

    #[inline]
    fn write_f32(&mut self, _: usize, val: f32) {
        self.put(Value::Float32(val));
    }

    #[inline]
    fn write_f64(&mut self, _: usize, val: f64) {
        self.put(Value::Float64(val));
    }

    #[inline]
    fn write_string(&mut self, _: usize, bytes: Cow<'_, [u8]>, encoding: EncodingType) {
        match encoding {
            EncodingType::Utf16 => self.put(Value::Utf16(&bytes)),
            EncodingType::Utf8 => self.utf8(&bytes),
            EncodingType::LcidBased(collation) if collation.utf8() => self.utf8(&bytes),
            EncodingType::LcidBased(_) | EncodingType::DelayedSet => self.code_page(&bytes, encoding),
        }
    }

    #[inline]
    fn write_bytes(&mut self, _: usize, bytes: Cow<'_, [u8]>) {
        self.put(Value::Bytes(&bytes));
    }

    #[inline]
    fn write_decimal(&mut self, _: usize, val: DecimalParts) {
        self.put(decimal(val));
    }

    #[inline]
    fn write_numeric(&mut self, _: usize, val: DecimalParts) {
        self.put(decimal(val));
    }

    #[inline]
    fn write_date(&mut self, _: usize, val: SqlDate) {
        self.put(cell::date(val.get_days()));
    }

    #[inline]
    fn write_time(&mut self, _: usize, val: SqlTime) {
        self.put(cell::time(nanos(&val)));
    }

    #[inline]
    fn write_datetime(&mut self, _: usize, val: SqlDateTime) {
        self.put(cell::datetime(val.days, val.time));
    }

    #[inline]
    fn write_smalldatetime(&mut self, _: usize, val: SqlSmallDateTime) {
        self.put(cell::smalldatetime(val.days, val.time));
    }

    #[inline]
    fn write_datetime2(&mut self, _: usize, val: SqlDateTime2) {
        self.put(cell::datetime2(val.days, nanos(&val.time)));
    }

    #[inline]
    fn write_datetimeoffset(&mut self, _: usize, val: SqlDateTimeOffset) {
        let at = &val.datetime2;
        self.put(cell::datetimeoffset(at.days, nanos(&at.time), val.offset));
    }

    #[inline]
    fn write_money(&mut self, _: usize, val: SqlMoney) {
        let units = i64::from(val.msb_part) << 32 | i64::from(val.lsb_part.cast_unsigned());
        self.put(cell::money(units));
    }

    #[inline]
    fn write_smallmoney(&mut self, _: usize, val: SqlSmallMoney) {
        self.put(cell::money(i64::from(val.int_val)));
    }

    #[inline]
    fn write_uuid(&mut self, _: usize, val: Uuid) {
        self.put(Value::Uuid(*val.as_bytes()));
    }

    fn write_xml(&mut self, _: usize, val: SqlXml) {
        // A byte order mark is the transport's, and no part of the document.
        let bytes = val.bytes.strip_prefix(&[0xFF, 0xFE]).unwrap_or(&val.bytes);
        self.put(Value::Utf16(bytes));
    }

    fn write_json(&mut self, _: usize, val: SqlJson) {
        self.utf8(&val.bytes);
    }

    fn write_vector(&mut self, _: usize, _: SqlVector) {
        // The server sends vectors as text to clients that did not ask for the type, and we did not.
        self.put(Value::Unsupported {
            reason: "a vector in its binary form",
            bytes: &[],
        });
    }

    #[inline]
    fn end_row(&mut self) {}
}

#[inline]
fn nanos(time: &SqlTime) -> i64 {
    // In units of 100 ns, whatever the scale.
    i64::try_from(time.time_nanoseconds).map_or(i64::MAX, |units| units.saturating_mul(100))
}

#[inline]
fn decimal(parts: DecimalParts) -> Value<'static> {
    let Ok(magnitude) = i128::try_from(parts.magnitude()) else {
        return cell::MALFORMED;
    };
    Value::Decimal {
        unscaled: if parts.is_positive { magnitude } else { -magnitude },
        scale: i16::from(parts.scale),
    }
}
