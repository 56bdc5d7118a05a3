//! What an answer consists of ([MS-TDS] 2.2.7).

use super::Column;
use super::row::type_info;

pub(super) const DONE_ERROR: u16 = 0x02;
pub(super) const DONE_COUNT: u16 = 0x10;
pub(super) const DONE_ATTENTION: u16 = 0x20;

/// What the server says about a query or a login that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerError {
    /// Its number in `sys.messages`.
    pub number: u32,
    /// Its severity.
    pub class: u8,
    /// Its state.
    pub state: u8,
    /// Its text.
    pub message: String,
}

impl ServerError {
    /// An error of state 1.
    pub fn new(number: u32, class: u8, message: impl Into<String>) -> Self {
        Self {
            number,
            class,
            state: 1,
            message: message.into(),
        }
    }
}

/// A token with its length before its body.
pub(super) fn counted(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![kind];
    out.extend((body.len() as u16).to_le_bytes());
    out.extend_from_slice(body);
    out
}

/// Text with the number of its units in a byte before it.
pub(super) fn short_text(out: &mut Vec<u8>, text: &str) {
    out.push(text.encode_utf16().count() as u8);
    out.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
}

/// COLMETADATA.
pub(super) fn columns(out: &mut Vec<u8>, columns: &[Column]) {
    out.push(0x81);
    out.extend((columns.len() as u16).to_le_bytes());
    for column in columns {
        // User type; then whether it can be NULL.
        out.extend([0, 0, 0, 0, u8::from(column.nullable), 0]);
        type_info(out, &column.ty, column.nullable);
        short_text(out, &column.name);
    }
}

/// ERROR.
pub(super) fn error(error: &ServerError) -> Vec<u8> {
    let mut body = error.number.to_le_bytes().to_vec();
    body.extend([error.state, error.class]);
    body.extend((error.message.encode_utf16().count() as u16).to_le_bytes());
    body.extend(error.message.encode_utf16().flat_map(u16::to_le_bytes));
    short_text(&mut body, "server");
    short_text(&mut body, "");
    body.extend(1_u32.to_le_bytes());
    counted(0xAA, &body)
}

/// DONE.
pub(super) fn done(status: u16, rows: u64) -> Vec<u8> {
    let mut out = vec![0xFD];
    out.extend(status.to_le_bytes());
    out.extend(0xC1_u16.to_le_bytes());
    out.extend(rows.to_le_bytes());
    out
}

/// ENVCHANGE of a text.
pub(super) fn changed(kind: u8, to: &str, from: &str) -> Vec<u8> {
    let mut change = vec![kind];
    short_text(&mut change, to);
    short_text(&mut change, from);
    counted(0xE3, &change)
}
