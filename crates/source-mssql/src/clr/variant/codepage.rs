//! `char` and `varchar` bytes as text, by their collation ([MS-TDS] 2.2.5.1.2).

use crate::clr::ClrError;

/// Flag of a collation (20 bits of LCID, then the flags): the text is UTF-8.
const IS_UTF8: u32 = 1 << 26;

/// Where code page 1252 differs from Latin-1: bytes 0x80 to 0x9F.
/// The five bytes that it leaves undefined stand for themselves, as Windows and the server have it.
const CP1252: [char; 32] = [
    '\u{20AC}', '\u{81}', '\u{201A}', '\u{0192}', '\u{201E}', '\u{2026}', '\u{2020}', '\u{2021}', '\u{02C6}',
    '\u{2030}', '\u{0160}', '\u{2039}', '\u{0152}', '\u{8D}', '\u{017D}', '\u{8F}', '\u{90}', '\u{2018}',
    '\u{2019}', '\u{201C}', '\u{201D}', '\u{2022}', '\u{2013}', '\u{2014}', '\u{02DC}', '\u{2122}',
    '\u{0161}', '\u{203A}', '\u{0153}', '\u{9D}', '\u{017E}', '\u{0178}',
];

/// Text in the code page that `collation` implies; ASCII is the same in all of them.
///
/// `offset` is where `bytes` begin within the value.
pub(super) fn decode(bytes: &[u8], collation: [u8; 5], offset: usize) -> Result<String, ClrError> {
    let [a, b, c, d, sort_id] = collation;
    let info = u32::from_le_bytes([a, b, c, d]);
    if info & IS_UTF8 != 0 {
        return std::str::from_utf8(bytes)
            .map(str::to_owned)
            .map_err(|error| ClrError::Malformed {
                offset: offset + error.valid_up_to(),
                reason: "text under a UTF-8 collation is not UTF-8",
            });
    }
    let Some(first) = bytes.iter().position(|byte| !byte.is_ascii()) else {
        return Ok(bytes.iter().copied().map(char::from).collect());
    };
    let lcid = info & 0xF_FFFF;
    if !is_cp1252(lcid, sort_id) {
        return Err(ClrError::Unsupported {
            offset: offset + first,
            what: "non-ASCII varchar text under the collation with LCID",
            code: lcid,
        });
    }
    Ok(bytes
        .iter()
        .map(|byte| match byte {
            0x80..=0x9F => CP1252[usize::from(byte - 0x80)],
            _ => char::from(*byte),
        })
        .collect())
}

/// SQL collations name their code page by sort order, Windows collations by language.
fn is_cp1252(lcid: u32, sort_id: u8) -> bool {
    if sort_id != 0 {
        return matches!(sort_id, 51..=54 | 183..=186);
    }
    // Primary languages of Western Europe: Danish, German, English, Spanish, Finnish, French, Icelandic, Italian,
    // Dutch, Norwegian, Portuguese, Swedish.
    matches!(
        lcid & 0x3FF,
        0x06 | 0x07 | 0x09 | 0x0A | 0x0B | 0x0C | 0x0F | 0x10 | 0x13 | 0x14 | 0x16 | 0x1D
    )
}
