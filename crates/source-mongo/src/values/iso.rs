//! Dates as strings, in the one form that can be given back: ISO 8601 as JavaScript writes it.

/// `2024-02-29`, in days from 2000-01-01.
pub(crate) fn date(text: &str) -> Option<i32> {
    let bytes = text.as_bytes();
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *bytes else {
        return None;
    };
    let (year, month, day) = (number(&[y1, y2, y3, y4])?, number(&[m1, m2])?, number(&[d1, d2])?);
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let length = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    // PostgreSQL has no year 0.
    if year == 0 || !(1..=length).contains(&day) {
        return None;
    }
    // Years begin in March here, so that the leap day is the last.
    let (year, month) = if month < 3 {
        (year - 1, month + 9)
    } else {
        (year, month - 3)
    };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    Some(days - 730_425)
}

/// `2024-02-29T12:34:56.789Z`, in days from 2000-01-01 and nanoseconds of the day.
pub(crate) fn timestamp(text: &str) -> Option<(i32, i64)> {
    let (day, time) = text.split_once('T')?;
    let [h1, h2, b':', m1, m2, b':', s1, s2, b'.', f1, f2, f3, b'Z'] = *time.as_bytes() else {
        return None;
    };
    let (hour, minute, second) = (number(&[h1, h2])?, number(&[m1, m2])?, number(&[s1, s2])?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let millis = i64::from((hour * 60 + minute) * 60 + second) * 1000 + i64::from(number(&[f1, f2, f3])?);
    Some((date(day)?, millis * 1_000_000))
}

fn number(digits: &[u8]) -> Option<i32> {
    digits
        .iter()
        .try_fold(0, |n, d| d.is_ascii_digit().then(|| n * 10 + i32::from(d - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_form_is_read() {
        assert_eq!(date("2000-01-01"), Some(0));
        assert_eq!(date("2000-03-01"), Some(60));
        assert_eq!(date("1999-12-31"), Some(-1));
        assert_eq!(date("1970-01-01"), Some(-10_957));
        assert_eq!(date("9999-12-31"), Some(2_921_939));
        assert_eq!(date("0001-01-01"), Some(-730_119));
        assert_eq!(date("2024-02-29"), Some(8_825));
        for text in [
            "2023-02-29",
            "1900-02-29",
            "0000-01-01",
            "2024-13-01",
            "2024-00-01",
            "2024-1-01",
            "2024-04-31",
            "2024-04-00",
            "+024-04-01",
        ] {
            assert_eq!(date(text), None, "{text}");
        }
        assert_eq!(
            timestamp("2000-01-02T01:02:03.004Z"),
            Some((1, 3_723_004_000_000))
        );
        for text in [
            "2000-01-02T24:00:00.000Z",
            "2000-01-02T01:60:03.004Z",
            "2000-01-02T01:02:60.004Z",
            "2000-01-02T01:02:03.004",
            "2000-01-02T01:02:03Z",
            "2000-01-02 01:02:03.004Z",
            "2000-01-02T01:02:03.004+00",
        ] {
            assert_eq!(timestamp(text), None, "{text}");
        }
    }
}
