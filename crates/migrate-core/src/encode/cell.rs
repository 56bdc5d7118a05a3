//! What every cell encoder shares: why a value is refused, what was changed, and how a field is framed.

use std::borrow::Cow;

use crate::policy::Conversion;

/// The largest field, in bytes, that PostgreSQL stores and sends back: its allocations end at 1 GiB - 1, and the
/// row around the field has a header.
pub const MAX_FIELD_BYTES: usize = 0x3fff_ffff - 1024;

/// Why a cell was not encoded.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The column has no place for the value; the row goes to quarantine with this reason. It never holds the
    /// value.
    Value(Cow<'static, str>),
    /// The source delivered another kind of value than it declared.
    Kind,
}

/// The result of encoding one cell. The refusal is boxed to keep the common case in a register.
pub(crate) type Outcome<T = ()> = Result<T, Box<Refusal>>;

/// Refuses a value.
#[cold]
#[inline(never)]
pub(crate) fn refuse<T>(reason: impl Into<Cow<'static, str>>) -> Outcome<T> {
    Err(Box::new(Refusal::Value(reason.into())))
}

/// Says that the source broke its word on the kind of value.
#[cold]
#[inline(never)]
pub(crate) fn wrong_kind<T>() -> Outcome<T> {
    Err(Box::new(Refusal::Kind))
}

/// The conversions that one cell went through, each at most once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Changes(u8);

impl Changes {
    /// Notes a conversion.
    pub(crate) fn add(&mut self, conversion: Conversion) {
        self.0 |= 1 << conversion as u8;
    }

    /// Whether nothing was changed.
    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The conversions noted.
    pub(crate) fn iter(self) -> impl Iterator<Item = Conversion> {
        Conversion::ALL
            .into_iter()
            .filter(move |c| self.0 & (1 << *c as u8) != 0)
    }
}

/// Buffers that encoders use again and again, so that no cell allocates.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// What the current cell went through.
    pub(crate) changes: Changes,
    /// Text on its way to another type.
    pub(crate) text: Vec<u8>,
    /// The digits of a number that is read from text.
    pub(crate) digits: Vec<u8>,
    /// The parts of a JSON document.
    pub(crate) json: super::json::Arena,
}

/// Buffers above this many bytes are given back after a cell.
const KEEP_BYTES: usize = 4 << 20;

impl Scratch {
    /// Gives back what an unusually large cell needed.
    pub(crate) fn trim(&mut self) {
        for buffer in [&mut self.text, &mut self.digits] {
            if buffer.capacity() > KEEP_BYTES {
                *buffer = Vec::new();
            }
        }
        self.json.trim(KEEP_BYTES);
    }
}

/// Appends a field of two bytes.
#[inline]
pub(crate) fn field2(out: &mut Vec<u8>, data: [u8; 2]) {
    out.extend_from_slice(&[0, 0, 0, 2, data[0], data[1]]);
}

/// Appends a field of four bytes.
#[inline]
pub(crate) fn field4(out: &mut Vec<u8>, data: [u8; 4]) {
    let mut frame = [0, 0, 0, 4, 0, 0, 0, 0];
    frame[4..].copy_from_slice(&data);
    out.extend_from_slice(&frame);
}

/// Appends a field of eight bytes.
#[inline]
pub(crate) fn field8(out: &mut Vec<u8>, data: [u8; 8]) {
    let mut frame = [0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0];
    frame[4..].copy_from_slice(&data);
    out.extend_from_slice(&frame);
}

/// Appends a field that is already whole.
#[inline]
pub(crate) fn field(out: &mut Vec<u8>, data: &[u8]) -> Outcome {
    if data.len() > MAX_FIELD_BYTES {
        return too_large(data.len() as u64);
    }
    out.extend_from_slice(&(data.len() as u32).to_be_bytes());
    out.extend_from_slice(data);
    Ok(())
}

/// Leaves room for a field's length and returns where the field starts.
#[inline]
pub(crate) fn open_field(out: &mut Vec<u8>) -> usize {
    out.extend_from_slice(&[0; 4]);
    out.len()
}

/// Writes the length of the field that [`open_field`] began.
#[inline]
pub(crate) fn close_field(out: &mut [u8], start: usize) -> Outcome {
    let len = out.len() - start;
    if len > MAX_FIELD_BYTES {
        return too_large(len as u64);
    }
    out[start - 4..start].copy_from_slice(&(len as u32).to_be_bytes());
    Ok(())
}

/// Refuses a field for its size.
#[cold]
pub(crate) fn too_large<T>(bytes: u64) -> Outcome<T> {
    refuse(format!(
        "the value needs {bytes} bytes, and a PostgreSQL field holds {MAX_FIELD_BYTES}"
    ))
}
