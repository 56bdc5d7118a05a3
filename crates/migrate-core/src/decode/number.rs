//! `numeric` as exact decimal text, spelled as PostgreSQL prints it.

use std::io::Write as _;

use crate::encode::numeric::{SIGN_INFINITY, SIGN_NAN, SIGN_NEGATIVE, SIGN_NEGATIVE_INFINITY};

/// The number's text, or nothing if the bytes are no `numeric`.
pub(crate) fn numeric_text(bytes: &[u8]) -> Option<String> {
    let word = |i: usize| Some(u16::from_be_bytes(*bytes.get(2 * i..)?.first_chunk::<2>()?));
    let (count, weight, sign, display) = (word(0)?, word(1)? as i16, word(2)?, word(3)?);
    let groups = &bytes[8..];
    if groups.len() != 2 * usize::from(count) {
        return None;
    }
    match sign {
        SIGN_NAN => return Some("NaN".to_owned()),
        SIGN_INFINITY => return Some("Infinity".to_owned()),
        SIGN_NEGATIVE_INFINITY => return Some("-Infinity".to_owned()),
        0 | SIGN_NEGATIVE => {}
        _ => return None,
    }
    let group = |position: i32| {
        let index = usize::try_from(i32::from(weight) - position).ok();
        let pair = index.and_then(|i| groups.get(2 * i..2 * i + 2));
        pair.map_or(0, |p| u16::from_be_bytes([p[0], p[1]]))
    };
    let mut text = Vec::new();
    if sign == SIGN_NEGATIVE {
        text.push(b'-');
    }
    write!(text, "{}", group(i32::from(weight).max(0))).ok()?;
    for position in (0..i32::from(weight).max(0)).rev() {
        write!(text, "{:04}", group(position)).ok()?;
    }
    if display > 0 {
        text.push(b'.');
        let end = text.len() + usize::from(display);
        let mut position = -1;
        while text.len() < end {
            write!(text, "{:04}", group(position)).ok()?;
            position -= 1;
        }
        text.truncate(end);
    }
    String::from_utf8(text).ok()
}
