//! Bodies of `sql_variant` values.
//!
//! A body is the base type's token, the number of property bytes, the properties, then the value in its TDS form
//! (MS-TDS, section 2.2.5.5.4). Give the result to [`Cell::Bytes`](super::Cell::Bytes).

/// The collation that [`nvarchar`] and [`varchar`] state: Latin1_General, code page 1252, case-insensitive
/// (`SQL_Latin1_General_CP1_CI_AS`).
const COLLATION: [u8; 5] = [0x09, 0x04, 0xD0, 0x00, 0x34];

fn body(token: u8, properties: &[u8], value: &[u8]) -> Vec<u8> {
    let mut out = vec![token, properties.len() as u8];
    out.extend_from_slice(properties);
    out.extend_from_slice(value);
    out
}

/// An `int`.
pub fn int(value: i32) -> Vec<u8> {
    body(0x38, &[], &value.to_le_bytes())
}

/// A `bigint`.
pub fn bigint(value: i64) -> Vec<u8> {
    body(0x7F, &[], &value.to_le_bytes())
}

/// A `bit`.
pub fn bit(value: bool) -> Vec<u8> {
    body(0x32, &[], &[u8::from(value)])
}

/// A `float`.
pub fn float(value: f64) -> Vec<u8> {
    body(0x3E, &[], &value.to_le_bytes())
}

/// A `datetime`: days since 1900-01-01 and 1/300 s since midnight.
pub fn datetime(days: i32, ticks: u32) -> Vec<u8> {
    let mut value = days.to_le_bytes().to_vec();
    value.extend_from_slice(&ticks.to_le_bytes());
    body(0x3D, &[], &value)
}

/// A `decimal`, whose 16-byte magnitude follows a sign byte (1 is positive).
pub fn decimal(precision: u8, scale: u8, magnitude: u128, negative: bool) -> Vec<u8> {
    let mut value = vec![u8::from(!negative)];
    value.extend_from_slice(&magnitude.to_le_bytes());
    body(0x6C, &[precision, scale], &value)
}

/// A `uniqueidentifier`, from its text order.
pub fn uniqueidentifier(value: [u8; 16]) -> Vec<u8> {
    body(0x24, &[], &super::encode::mixed_endian(value))
}

/// An `nvarchar`; the property states the collation and the declared length in bytes.
pub fn nvarchar(value: &str) -> Vec<u8> {
    let units: Vec<u8> = value.encode_utf16().flat_map(u16::to_le_bytes).collect();
    body(0xE7, &text_properties(8000), &units)
}

/// A `varchar` of ASCII characters.
pub fn varchar(value: &str) -> Vec<u8> {
    body(0xA7, &text_properties(8000), value.as_bytes())
}

/// A `varbinary`.
pub fn varbinary(value: &[u8]) -> Vec<u8> {
    body(0xA5, &8000_u16.to_le_bytes(), value)
}

fn text_properties(max_bytes: u16) -> [u8; 7] {
    let length = max_bytes.to_le_bytes();
    [
        COLLATION[0],
        COLLATION[1],
        COLLATION[2],
        COLLATION[3],
        COLLATION[4],
        length[0],
        length[1],
    ]
}

#[cfg(test)]
mod tests {
    #[test]
    fn bodies_have_their_tds_bytes() {
        assert_eq!(super::int(-2), [0x38, 0, 0xFE, 0xFF, 0xFF, 0xFF]);
        assert_eq!(super::bit(true), [0x32, 0, 1]);
        assert_eq!(
            super::nvarchar("é"),
            [0xE7, 7, 0x09, 0x04, 0xD0, 0x00, 0x34, 0x40, 0x1F, 0xE9, 0x00]
        );
        assert_eq!(super::varbinary(&[7]), [0xA5, 2, 0x40, 0x1F, 7]);
        let decimal = super::decimal(5, 2, 12345, true);
        assert_eq!(decimal[..7], [0x6C, 2, 5, 2, 0, 0x39, 0x30]);
        assert_eq!(decimal.len(), 21);
    }
}
