//! Hashes of values: equal for values that MongoDB's equality makes equal, as far as references need it.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// Spreads all bits over all bits (the finaliser of MurmurHash3).
#[inline]
fn mix(mut x: u64) -> u64 {
    x ^= x >> 33;
    x = x.wrapping_mul(0xff51_afd7_ed55_8ccd);
    x ^= x >> 33;
    x = x.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    x ^ (x >> 33)
}

/// An integer of any width, or a double that is one.
#[inline]
pub(super) fn integer(value: i64) -> u64 {
    mix((value as u64).wrapping_add(0x9e37_79b9_7f4a_7c15))
}

/// A double that is no integer, or another fixed-width value, told apart by `class`.
#[inline]
pub(super) fn word(value: u64, class: u64) -> u64 {
    mix(mix(value ^ class.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_add(class))
}

/// An ObjectId.
#[inline]
pub(super) fn object_id(id: &[u8; 12]) -> u64 {
    let [a, b, c, d, e, f, g, h, i, j, k, l] = *id;
    let head = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
    let tail = u32::from_le_bytes([i, j, k, l]);
    mix(mix(head)
        .wrapping_add(u64::from(tail))
        .wrapping_mul(0x9fb2_1c65_1e98_df25))
}

/// Text.
#[inline]
pub(super) fn text(bytes: &[u8]) -> u64 {
    xxh3_64(bytes)
}

/// Binary data of a subtype.
#[inline]
pub(super) fn binary(subtype: u8, bytes: &[u8]) -> u64 {
    xxh3_64_with_seed(bytes, u64::from(subtype) + 1)
}
