//! ObjectIds as UUIDs, there and back.
//!
//! The twelve bytes go into a UUID of version 8 (RFC 9562, section 5.8), in their order: 48 bits, the version, 12 bits,
//! the variant, 36 bits, and 26 zeros. So the UUIDs sort as the ObjectIds do, their creation time comes first, and the
//! ObjectId can be read back.

/// Bits of the ObjectId after the variant.
const LOW: u32 = 36;
/// Bits of the ObjectId between version and variant.
const MIDDLE: u32 = 12;
/// Zeros at the UUID's end.
const ZEROS: u32 = 62 - LOW;
const VERSION: u128 = 8 << 76;
const VARIANT: u128 = 0b10 << 62;

/// The UUID that stands for an ObjectId, in the order of its text form.
pub fn uuid_of_object_id(id: &[u8; 12]) -> [u8; 16] {
    let mut wide = [0; 16];
    wide[4..].copy_from_slice(id);
    let id = u128::from_be_bytes(wide);
    let high = id >> (MIDDLE + LOW) << 80;
    let middle = (id >> LOW & ((1 << MIDDLE) - 1)) << 64;
    let low = (id & ((1 << LOW) - 1)) << ZEROS;
    (high | VERSION | middle | VARIANT | low).to_be_bytes()
}

/// The ObjectId that a UUID stands for, or `None` if it is another UUID.
pub fn object_id_of_uuid(uuid: &[u8; 16]) -> Option<[u8; 12]> {
    let bits = u128::from_be_bytes(*uuid);
    let version = bits & (0xf << 76);
    let variant = bits & (0b11 << 62);
    if version != VERSION || variant != VARIANT || bits & ((1 << ZEROS) - 1) != 0 {
        return None;
    }
    let high = bits >> 80 << (MIDDLE + LOW);
    let middle = (bits >> 64 & ((1 << MIDDLE) - 1)) << LOW;
    let low = bits >> ZEROS & ((1 << LOW) - 1);
    let mut id = [0; 12];
    id.copy_from_slice(&(high | middle | low).to_be_bytes()[4..]);
    Some(id)
}

/// Appends an ObjectId as 24 hexadecimal digits.
pub(crate) fn push_hex(id: &[u8; 12], out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in id {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_bits_are_where_the_documentation_says() {
        let id = [
            0x50, 0x7f, 0x1f, 0x77, 0xbc, 0xf8, 0x6c, 0xd7, 0x99, 0x43, 0x90, 0x11,
        ];
        let uuid = uuid_of_object_id(&id);
        assert_eq!(
            uuid,
            [
                0x50, 0x7f, 0x1f, 0x77, 0xbc, 0xf8, 0x86, 0xcd, 0x9e, 0x65, 0x0e, 0x40, 0x44, 0, 0, 0
            ]
        );
        assert_eq!(object_id_of_uuid(&uuid), Some(id));
        let mut hex = String::new();
        push_hex(&id, &mut hex);
        assert_eq!(hex, "507f1f77bcf86cd799439011");
    }

    #[test]
    fn other_uuids_stand_for_no_object_id() {
        let uuid = uuid_of_object_id(&[0xab; 12]);
        for (byte, bit) in [
            (6, 0x10),
            (6, 0x80),
            (8, 0x40),
            (8, 0x80),
            (12, 1),
            (12, 2),
            (15, 1),
        ] {
            let mut other = uuid;
            other[byte] ^= bit;
            assert_eq!(object_id_of_uuid(&other), None, "byte {byte}");
        }
    }

    proptest! {
        #[test]
        fn order_is_kept_and_nothing_is_lost(a: [u8; 12], mut b: [u8; 12], same in 0usize..13) {
            b[..same].copy_from_slice(&a[..same]);
            let (x, y) = (uuid_of_object_id(&a), uuid_of_object_id(&b));
            prop_assert_eq!(a.cmp(&b), x.cmp(&y));
            prop_assert_eq!(object_id_of_uuid(&x), Some(a));
        }
    }
}
