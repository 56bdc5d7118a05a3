//! Bounds-checked little-endian reading; the one place in this module that indexes untrusted bytes.

use super::ClrError;

/// A position in a value's bytes.
#[derive(Debug, Clone)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Offset of the next byte.
    pub(super) fn offset(&self) -> usize {
        self.at
    }

    pub(super) fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], ClrError> {
        let rest = &self.bytes[self.at..];
        let taken = rest.get(..len).ok_or(ClrError::Truncated {
            offset: self.at,
            wanted: len,
        })?;
        self.at += len;
        Ok(taken)
    }

    /// The next `count` items of `size` bytes. Refuses a count that the value cannot hold, however large it is.
    pub(super) fn take_items(&mut self, count: usize, size: usize) -> Result<&'a [u8], ClrError> {
        self.take(count.saturating_mul(size))
    }

    pub(super) fn rest(&mut self) -> &'a [u8] {
        let rest = &self.bytes[self.at..];
        self.at = self.bytes.len();
        rest
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], ClrError> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    pub(super) fn u8(&mut self) -> Result<u8, ClrError> {
        Ok(self.array::<1>()?[0])
    }

    pub(super) fn u16(&mut self) -> Result<u16, ClrError> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    pub(super) fn u32(&mut self) -> Result<u32, ClrError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(super) fn i32(&mut self) -> Result<i32, ClrError> {
        Ok(i32::from_le_bytes(self.array()?))
    }

    /// An unsigned integer of `len` bytes, at most 16.
    pub(super) fn uint(&mut self, len: usize) -> Result<u128, ClrError> {
        let mut wide = [0; 16];
        let bytes = self.take(len)?;
        for (to, from) in wide.iter_mut().zip(bytes) {
            *to = *from;
        }
        Ok(u128::from_le_bytes(wide))
    }

    /// Fails unless every byte was read.
    pub(super) fn finish(&self) -> Result<(), ClrError> {
        if self.remaining() == 0 {
            return Ok(());
        }
        Err(ClrError::Malformed {
            offset: self.at,
            reason: "bytes follow the end of the value",
        })
    }
}
