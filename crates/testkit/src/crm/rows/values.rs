//! Single values: identifiers, moments, names, texts.

use super::{FIRST_DAY, LAST_DAY, MS_PER_DAY, TICKS_PER_MS};
use crate::bacpac::Cell;
use crate::crm::words::*;
use crate::random::SplitMix64;

pub(super) fn one_in(
    random: &mut SplitMix64,
    range: &std::ops::Range<usize>,
    id: fn(usize) -> [u8; 16],
) -> Cell {
    if range.is_empty() {
        return Cell::Null;
    }
    Cell::Uuid(id(range.start + random.below(range.len() as u64) as usize))
}

pub(super) fn optional(
    random: &mut SplitMix64,
    percent: u64,
    value: impl FnOnce(&mut SplitMix64) -> Cell,
) -> Cell {
    if random.chance(percent) {
        value(random)
    } else {
        Cell::Null
    }
}

/// The `n`th identifier of `newsequentialid()`: consecutive in the first group, the rest fixed by the machine.
pub(super) fn sequential(start: u32, n: usize, tail: [u8; 12]) -> [u8; 16] {
    let mut out = [0; 16];
    out[..4].copy_from_slice(&(start + n as u32).to_le_bytes());
    out[4..].copy_from_slice(&tail);
    out
}

pub(super) fn organization_id(n: usize) -> [u8; 16] {
    sequential(
        0x1C2B_8E4E,
        n,
        *b"\x3C\x6E\xEF\x11\x84\x0A\x60\x45\xBD\xE5\xE1\xA1",
    )
}

pub(super) fn contact_id(n: usize) -> [u8; 16] {
    sequential(
        0x2D4F_1B00,
        n,
        *b"\x3D\x6E\xEF\x11\x84\x0A\x60\x45\xBD\xE5\xE1\xA1",
    )
}

pub(super) fn opportunity_id(n: usize) -> [u8; 16] {
    sequential(
        0x5A90_77D2,
        n,
        *b"\x41\x6E\xEF\x11\x84\x0A\x60\x45\xBD\xE5\xE1\xA1",
    )
}

pub(super) fn interaction_id(n: usize) -> [u8; 16] {
    sequential(
        0x7000_0010,
        n,
        *b"\x52\x6E\xEF\x11\x84\x0A\x60\x45\xBD\xE5\xE1\xA1",
    )
}

pub(super) fn day(random: &mut SplitMix64) -> i64 {
    random.between(FIRST_DAY, LAST_DAY)
}

/// A moment of that day, to the millisecond, as JavaScript keeps time.
pub(super) fn timestamp(random: &mut SplitMix64, day: i64) -> Cell {
    Cell::DateTime2 {
        days: day as u32,
        ticks: random.below(MS_PER_DAY) * TICKS_PER_MS,
    }
}

/// A moment of that day to the second, in one of several time zones.
pub(super) fn offset_timestamp(random: &mut SplitMix64, day: i64) -> Cell {
    Cell::DateTimeOffset {
        days: day as u32,
        ticks: random.below(86_400) * 1_000 * TICKS_PER_MS,
        offset: random.pick(&[-360, -300, 0, 60, 120, 330, 540, -150]),
    }
}

pub(super) fn person(random: &mut SplitMix64) -> (&'static str, &'static str) {
    (random.pick(FIRST_NAMES), random.pick(LAST_NAMES))
}

/// The ASCII letters of a name, in lower case.
pub(super) fn slug(name: &str) -> String {
    let letters: String = name
        .chars()
        .filter(char::is_ascii_alphabetic)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    if letters.is_empty() {
        "mail".into()
    } else {
        letters
    }
}

pub(super) fn domain(place: usize) -> String {
    format!("venue{place}")
}

pub(super) fn venue(random: &mut SplitMix64) -> String {
    let first = random.pick(VENUE_FIRST);
    let second = random.pick(VENUE_SECOND);
    let third = random.pick(VENUE_THIRD);
    format!("{first} {second}{third}")
}

pub(super) fn website(random: &mut SplitMix64, place: usize) -> Cell {
    match random.below(10) {
        0..5 => Cell::text(format!("https://{}.example/menü?lang=en&v=2", domain(place))),
        // Forms leave empty strings behind.
        5..7 => Cell::text(""),
        _ => Cell::Null,
    }
}

pub(super) fn phone(random: &mut SplitMix64) -> Cell {
    Cell::text(format!(
        "+{} {:09}",
        random.pick(&[1, 33, 45, 48, 49, 81]),
        random.below(1_000_000_000)
    ))
}

pub(super) fn notes(random: &mut SplitMix64) -> Cell {
    let count = match random.below(400) {
        0 => 180,
        1..8 => 25,
        8..20 => 0,
        20..120 => return Cell::Null,
        n => (n % 3 + 1) as usize,
    };
    Cell::text(sentences(random, count))
}

pub(super) fn sentences(random: &mut SplitMix64, count: usize) -> String {
    let mut out = String::new();
    for n in 0..count {
        if n > 0 {
            out.push_str(if n % 6 == 0 { "\r\n\r\n" } else { " " });
        }
        out.push_str(random.pick(SENTENCES));
    }
    out
}

pub(super) fn fill_digits(random: &mut SplitMix64, pattern: &str) -> String {
    pattern
        .chars()
        .map(|c| {
            if c == '#' {
                char::from(b'0' + random.below(10) as u8)
            } else {
                c
            }
        })
        .collect()
}

pub(super) fn token(random: &mut SplitMix64, length: usize) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    (0..length).map(|_| char::from(random.pick(ALPHABET))).collect()
}

/// Bytes that begin as a PNG file does.
pub(super) fn picture(random: &mut SplitMix64) -> Vec<u8> {
    let mut out = b"\x89PNG\r\n\x1A\n\0\0\0\rIHDR".to_vec();
    let header = out.len();
    out.resize(header + random.between(40, 400) as usize, 0);
    random.fill(&mut out[header..]);
    out
}

pub(super) fn uuid_text(value: [u8; 16]) -> String {
    let hex = hex::encode(value);
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}
