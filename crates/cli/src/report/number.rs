//! Numbers as people read them.

use std::time::Duration;

/// `1234567` as `1,234,567`.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A count with its noun: `1 row`, `2 rows`, `3 indexes`.
pub(crate) fn of(n: u64, noun: &str) -> String {
    let plural = match noun {
        // Some kinds of objects have no singular.
        _ if n == 1 || noun.ends_with("ies") => noun.to_owned(),
        _ if noun.ends_with('x') || noun.ends_with('s') => format!("{noun}es"),
        _ => match noun.strip_suffix('y') {
            Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{stem}ies"),
            _ => format!("{noun}s"),
        },
    };
    format!("{} {plural}", count(n))
}

/// Bytes in powers of 1000, as disks and networks count: `45.2 MB`.
pub(crate) fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if n < 1000 {
        return format!("{n} B");
    }
    let mut value = n as f64 / 1000.0;
    let mut unit = 0;
    // 999.95 would print as 1000.0.
    while value >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// `0.42 s`, `12.3 s`, `2 m 05 s`, `3 h 07 m`.
pub(crate) fn duration(d: Duration) -> String {
    let seconds = d.as_secs_f64();
    let whole = seconds.round() as u64;
    if seconds < 9.995 {
        format!("{seconds:.2} s")
    } else if seconds < 59.95 {
        format!("{seconds:.1} s")
    } else if whole < 3600 {
        format!("{} m {:02} s", whole / 60, whole % 60)
    } else {
        let minutes = whole / 60;
        format!("{} h {:02} m", minutes / 60, minutes % 60)
    }
}

/// How many in a second.
pub(crate) fn rate(n: u64, d: Duration) -> u64 {
    if d.is_zero() {
        0
    } else {
        (n as f64 / d.as_secs_f64()).round() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts() {
        assert_eq!(
            [0, 999, 1000, 1234567, 60000].map(count),
            ["0", "999", "1,000", "1,234,567", "60,000"]
        );
        assert_eq!(of(1, "row"), "1 row");
        assert_eq!(of(1200, "row"), "1,200 rows");
        assert_eq!(of(2, "index"), "2 indexes");
        assert_eq!(of(2, "alias"), "2 aliases");
        assert_eq!(of(0, "foreign key"), "0 foreign keys");
        assert_eq!(of(3, "dependency"), "3 dependencies");
        assert_eq!(of(2, "extended properties"), "2 extended properties");
    }

    #[test]
    fn sizes() {
        assert_eq!(
            [0, 999, 1000, 999_949, 999_950, 45_200_000, 7_000_000_000].map(bytes),
            [
                "0 B", "999 B", "1.0 kB", "999.9 kB", "1.0 MB", "45.2 MB", "7.0 GB"
            ]
        );
    }

    #[test]
    fn durations() {
        let text = |s: f64| duration(Duration::from_secs_f64(s));
        assert_eq!(text(0.4219), "0.42 s");
        assert_eq!(text(9.999), "10.0 s");
        assert_eq!(text(59.96), "1 m 00 s");
        assert_eq!(text(125.0), "2 m 05 s");
        assert_eq!(text(11_220.0), "3 h 07 m");
        assert_eq!(rate(1000, Duration::from_millis(500)), 2000);
        assert_eq!(rate(1000, Duration::ZERO), 0);
    }
}
