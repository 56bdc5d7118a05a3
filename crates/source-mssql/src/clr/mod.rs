//! Values that SQL Server stores as opaque bytes: `hierarchyid`, `geometry`, `geography` and `sql_variant`.
//!
//! Pure functions over byte slices. Each reads one whole value and fails with the byte at which the bytes stop
//! making sense; none of them panics, and no count that the bytes state is believed before it was compared with the
//! length that is left.
//!
//! | type | function | result |
//! |---|---|---|
//! | `hierarchyid` | [`hierarchyid::decode`] | its path, `/1/2.1/-5/` |
//! | `geometry`, `geography` | [`spatial::to_ewkb`] | EWKB for PostGIS |
//! | `sql_variant` | [`variant::decode_tds`] | a typed value with a JSON form |

pub(crate) mod lend;
mod reader;

pub mod hierarchyid;
pub mod spatial;
pub mod variant;

/// Why bytes could not be read as the type they are said to have.
///
/// `offset` counts bytes from the start of the value. Carries no part of the value itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClrError {
    /// The value ends before all that it announces.
    #[error("the value ends at byte {offset}, where {wanted} more bytes are needed")]
    Truncated {
        /// Where the missing bytes should begin.
        offset: usize,
        /// How many bytes the format asks for at that place.
        wanted: usize,
    },
    /// The bytes break a rule of the format.
    #[error("at byte {offset}: {reason}")]
    Malformed {
        /// Where the offending field begins.
        offset: usize,
        /// The rule that is broken.
        reason: &'static str,
    },
    /// The format marks its content as something this reader does not know.
    #[error("at byte {offset}: {what} 0x{code:02X} is not supported")]
    Unsupported {
        /// Where the mark stands.
        offset: usize,
        /// What is marked: a version, a type.
        what: &'static str,
        /// The mark.
        code: u32,
    },
    /// The value is sound, but the destination has nothing that means the same.
    #[error("at byte {offset}: not representable in PostgreSQL: {reason}")]
    NotRepresentable {
        /// Where the part that cannot be expressed begins.
        offset: usize,
        /// What the destination lacks.
        reason: &'static str,
    },
}

impl ClrError {
    /// Byte of the value at which reading stopped.
    pub fn offset(&self) -> usize {
        match *self {
            Self::Truncated { offset, .. }
            | Self::Malformed { offset, .. }
            | Self::Unsupported { offset, .. }
            | Self::NotRepresentable { offset, .. } => offset,
        }
    }
}
