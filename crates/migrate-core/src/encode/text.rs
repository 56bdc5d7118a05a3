//! Text: UTF-8 as it is, UTF-16LE converted straight into the batch, and the characters PostgreSQL has no place
//! for.

use crate::policy::{Conversion, TextPolicy};

use super::cell::{Changes, MAX_FIELD_BYTES, Outcome, refuse, too_large};

/// U+FFFD in UTF-8.
const REPLACEMENT: [u8; 3] = [0xEF, 0xBF, 0xBD];

/// Appends text that is UTF-8 already.
#[inline]
pub(crate) fn utf8_into(text: &str, policy: TextPolicy, out: &mut Vec<u8>, changes: &mut Changes) -> Outcome {
    if text.len() > MAX_FIELD_BYTES {
        return too_large(text.len() as u64);
    }
    if text.as_bytes().contains(&0) {
        return utf8_without_nul(text, policy, out, changes);
    }
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

#[cold]
fn utf8_without_nul(text: &str, policy: TextPolicy, out: &mut Vec<u8>, changes: &mut Changes) -> Outcome {
    for (i, part) in text.as_bytes().split(|b| *b == 0).enumerate() {
        if i > 0 {
            nul(policy, changes, out)?;
        }
        out.extend_from_slice(part);
    }
    Ok(())
}

/// Appends UTF-16LE as UTF-8.
pub(crate) fn utf16_into(
    bytes: &[u8],
    policy: TextPolicy,
    out: &mut Vec<u8>,
    changes: &mut Changes,
) -> Outcome {
    if !bytes.len().is_multiple_of(2) {
        return refuse("UTF-16 text has an odd number of bytes");
    }
    // No character takes fewer bytes than code units, and none more than three for each.
    let units = bytes.len() / 2;
    if units > MAX_FIELD_BYTES {
        return too_large(units as u64);
    }
    if units > MAX_FIELD_BYTES / 3 {
        let needed = utf8_len(bytes);
        if needed > MAX_FIELD_BYTES as u64 {
            return too_large(needed);
        }
    }
    out.reserve(units + 8);
    let mut rest = bytes;
    loop {
        while let Some((block, tail)) = rest.split_first_chunk::<16>() {
            let Some(ascii) = ascii_block(block) else { break };
            out.extend_from_slice(&ascii);
            rest = tail;
        }
        if rest.is_empty() || (rest.len() < 16 && short_tail(bytes, rest.len() / 2, out)) {
            return Ok(());
        }
        rest = some_units(rest, policy, out, changes)?;
    }
}

/// Appends the last `units` code units, fewer than eight, if they are plain ASCII. They are read together with
/// those before them, as a whole block.
#[inline]
fn short_tail(bytes: &[u8], units: usize, out: &mut Vec<u8>) -> bool {
    let Some(ascii) = bytes.last_chunk::<16>().and_then(ascii_block) else {
        return false;
    };
    let tail = u64::from_le_bytes(ascii) >> (8 * (8 - units));
    let end = out.len() + units;
    out.extend_from_slice(&tail.to_le_bytes());
    out.truncate(end);
    true
}

/// Eight code units as ASCII, unless one of them is not, or is U+0000.
#[inline]
fn ascii_block(block: &[u8; 16]) -> Option<[u8; 8]> {
    const ONES: u128 = 0x0001_0001_0001_0001_0001_0001_0001_0001;
    let lanes = u128::from_le_bytes(*block);
    // With every lane below 0x80, adding 0x7F sets bit 7 of exactly the lanes that are not zero, without a carry.
    let beyond = lanes & (0xFF80 * ONES);
    if beyond != 0 || lanes.wrapping_add(0x7F * ONES) & (0x80 * ONES) != 0x80 * ONES {
        return None;
    }
    let packed = u64::from(pack(lanes as u64)) | u64::from(pack((lanes >> 64) as u64)) << 32;
    Some(packed.to_le_bytes())
}

/// The lower bytes of four 16-bit lanes whose upper bytes are zero.
#[inline]
fn pack(lanes: u64) -> u32 {
    let pairs = (lanes | lanes >> 8) & 0x0000_FFFF_0000_FFFF;
    (pairs | pairs >> 16) as u32
}

/// Converts about eight code units one by one and returns what is left. Never splits a surrogate pair.
#[inline]
fn some_units<'a>(
    mut rest: &'a [u8],
    policy: TextPolicy,
    out: &mut Vec<u8>,
    changes: &mut Changes,
) -> Outcome<&'a [u8]> {
    let mut buffer = [0u8; 32];
    let mut used = 0;
    for _ in 0..8 {
        let Some((unit, tail)) = rest.split_first_chunk::<2>() else {
            break;
        };
        rest = tail;
        let unit = u16::from_le_bytes(*unit);
        match unit {
            1..=0x7F => {
                buffer[used] = unit as u8;
                used += 1;
            }
            0x80..=0x7FF => {
                buffer[used] = 0xC0 | (unit >> 6) as u8;
                buffer[used + 1] = 0x80 | (unit & 0x3F) as u8;
                used += 2;
            }
            0x800..=0xD7FF | 0xE000..=0xFFFF => {
                buffer[used] = 0xE0 | (unit >> 12) as u8;
                buffer[used + 1] = 0x80 | (unit >> 6 & 0x3F) as u8;
                buffer[used + 2] = 0x80 | (unit & 0x3F) as u8;
                used += 3;
            }
            0xD800..=0xDFFF => {
                if let Some((code, tail)) = pair(unit, rest) {
                    rest = tail;
                    buffer[used] = 0xF0 | (code >> 18) as u8;
                    buffer[used + 1] = 0x80 | (code >> 12 & 0x3F) as u8;
                    buffer[used + 2] = 0x80 | (code >> 6 & 0x3F) as u8;
                    buffer[used + 3] = 0x80 | (code & 0x3F) as u8;
                    used += 4;
                } else {
                    out.extend_from_slice(&buffer[..used]);
                    surrogate(policy, changes, out)?;
                    return Ok(rest);
                }
            }
            0 => {
                out.extend_from_slice(&buffer[..used]);
                nul(policy, changes, out)?;
                return Ok(rest);
            }
        }
    }
    out.extend_from_slice(&buffer[..used]);
    Ok(rest)
}

/// The code point that starts with the surrogate, if its other half comes next.
#[inline]
fn pair(high: u16, rest: &[u8]) -> Option<(u32, &[u8])> {
    let (low, tail) = rest.split_first_chunk::<2>()?;
    let low = u16::from_le_bytes(*low);
    let paired = (0xD800..0xDC00).contains(&high) && (0xDC00..0xE000).contains(&low);
    paired.then(|| (0x10000 + ((high as u32 & 0x3FF) << 10 | low as u32 & 0x3FF), tail))
}

/// How many bytes UTF-16LE needs in UTF-8; unpaired surrogates count three, as their replacement does.
fn utf8_len(bytes: &[u8]) -> u64 {
    let mut rest = bytes;
    let mut len = 0;
    while let Some((unit, tail)) = rest.split_first_chunk::<2>() {
        rest = tail;
        let unit = u16::from_le_bytes(*unit);
        len += match unit {
            0..=0x7F => 1,
            0x80..=0x7FF => 2,
            _ => match pair(unit, rest) {
                Some((_, tail)) => {
                    rest = tail;
                    4
                }
                None => 3,
            },
        };
    }
    len
}

/// Deals with one U+0000.
#[cold]
pub(crate) fn nul(policy: TextPolicy, changes: &mut Changes, out: &mut Vec<u8>) -> Outcome {
    match policy {
        TextPolicy::Reject => return refuse("the text holds U+0000, which PostgreSQL cannot store"),
        TextPolicy::Strip => changes.add(Conversion::NulStripped),
        TextPolicy::Replace => {
            changes.add(Conversion::NulReplaced);
            out.extend_from_slice(&REPLACEMENT);
        }
    }
    Ok(())
}

/// Deals with one unpaired surrogate.
#[cold]
pub(crate) fn surrogate(policy: TextPolicy, changes: &mut Changes, out: &mut Vec<u8>) -> Outcome {
    match policy {
        TextPolicy::Reject => {
            return refuse("the text holds an unpaired UTF-16 surrogate, which is no character");
        }
        TextPolicy::Strip => changes.add(Conversion::SurrogateStripped),
        TextPolicy::Replace => {
            changes.add(Conversion::SurrogateReplaced);
            out.extend_from_slice(&REPLACEMENT);
        }
    }
    Ok(())
}

/// Checks the length of UTF-8 text in characters. There are never more characters than bytes, so short text passes
/// without being counted.
#[inline]
pub(crate) fn check_length(text: &[u8], limit: u32) -> Outcome {
    if text.len() <= limit as usize {
        return Ok(());
    }
    let chars = count_chars(text);
    if chars > limit as usize {
        return refuse(format!(
            "the text has {chars} characters, and the column takes {limit}"
        ));
    }
    Ok(())
}

/// Brings the text from `start` to exactly `length` characters, as PostgreSQL does for `char(n)`: spaces at the
/// end do not count, everything else does.
pub(crate) fn pad(out: &mut Vec<u8>, start: usize, length: u32) -> Outcome {
    let length = length as usize;
    let chars = count_chars(&out[start..]);
    if chars <= length {
        out.resize(out.len() + length - chars, b' ');
        return Ok(());
    }
    let surplus = chars - length;
    if out[out.len() - surplus..].iter().any(|b| *b != b' ') {
        return refuse(format!(
            "the text has {chars} characters, and the column takes {length}"
        ));
    }
    out.truncate(out.len() - surplus);
    Ok(())
}

/// Characters in UTF-8 text: bytes that do not continue another.
fn count_chars(text: &[u8]) -> usize {
    text.iter().filter(|b| **b & 0xC0 != 0x80).count()
}
