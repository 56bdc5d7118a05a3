//! Decimal numbers as text: taken apart without arithmetic, so that no length of digits is too long.

/// A decimal number in the text it came as: `(-1)^negative * integer.fraction * 10^exponent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decimal<'a> {
    pub(crate) negative: bool,
    integer: &'a [u8],
    fraction: &'a [u8],
    exponent: i64,
}

/// Exponents from here on are refused by PostgreSQL whatever they belong to.
const EXPONENT_LIMIT: i64 = (i32::MAX / 2) as i64;

impl<'a> Decimal<'a> {
    /// Takes apart a decimal number as PostgreSQL's `numeric` reads it: digits with at most one point among or
    /// around them, an optional sign and an optional exponent. No spaces.
    pub(crate) fn parse(text: &'a [u8]) -> Option<Self> {
        let (negative, unsigned) = match text {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            _ => (false, text),
        };
        let (integer, rest) = split_digits(unsigned);
        let (fraction, rest) = match rest {
            [b'.', rest @ ..] => split_digits(rest),
            _ => (&rest[..0], rest),
        };
        if integer.is_empty() && fraction.is_empty() {
            return None;
        }
        let exponent = match rest {
            [] => 0,
            [b'e' | b'E', rest @ ..] => {
                let (sign, rest) = match rest {
                    [b'-', rest @ ..] => (-1, rest),
                    [b'+', rest @ ..] => (1, rest),
                    _ => (1, rest),
                };
                let (digits, []) = split_digits(rest) else {
                    return None;
                };
                if digits.is_empty() {
                    return None;
                }
                let magnitude = digits
                    .iter()
                    .fold(0, |n: i64, d| (n * 10 + i64::from(d - b'0')).min(EXPONENT_LIMIT));
                sign * magnitude
            }
            _ => return None,
        };
        Some(Self {
            negative,
            integer,
            fraction,
            exponent,
        })
    }

    /// Whether the exponent is one that PostgreSQL reads.
    pub(crate) fn has_readable_exponent(&self) -> bool {
        self.exponent.abs() < EXPONENT_LIMIT
    }

    /// Digits after the point once the exponent is applied; negative if the last digit stands left of it.
    pub(crate) fn scale(&self) -> i64 {
        self.fraction.len() as i64 - self.exponent
    }

    /// All digits without leading zeros, in `out`. Zero has none.
    pub(crate) fn significant_digits(&self, out: &mut Vec<u8>) {
        out.clear();
        out.extend(self.digits().skip_while(|d| *d == b'0'));
    }

    /// Whether both are the same number, however they are written.
    pub(crate) fn equals(&self, other: &Self) -> bool {
        let (mine, my_scale) = self.trimmed();
        let (theirs, their_scale) = other.trimmed();
        mine.clone().eq(theirs)
            && (mine.count() == 0 || (my_scale == their_scale && self.negative == other.negative))
    }

    /// The digits between the first and the last that are not zero, and the scale of the last one.
    fn trimmed(&self) -> (impl Iterator<Item = u8> + Clone, i64) {
        let leading = self.digits().take_while(|d| *d == b'0').count();
        let total = self.integer.len() + self.fraction.len();
        let trailing = if leading == total {
            0
        } else {
            self.digits().rev().take_while(|d| *d == b'0').count()
        };
        (
            self.digits().skip(leading).take(total - leading - trailing),
            self.scale() - trailing as i64,
        )
    }

    fn digits(&self) -> impl DoubleEndedIterator<Item = u8> + Clone {
        self.integer.iter().chain(self.fraction).copied()
    }

    /// Appends the number as PostgreSQL's `numeric` prints it: no exponent, every digit after the point kept, no
    /// negative zero. The caller has checked its size.
    pub(crate) fn print(&self, out: &mut Vec<u8>) {
        let zeros = self.digits().take_while(|d| *d == b'0').count();
        let len = self.integer.len() + self.fraction.len() - zeros;
        if self.negative && len > 0 {
            out.push(b'-');
        }
        // Where the point stands, counted in digits from the first significant one.
        let scale = self.scale();
        let point = len as i64 - scale;
        let mut digits = self.digits().skip(zeros);
        if point <= 0 {
            out.push(b'0');
        } else {
            out.extend(digits.by_ref().take(point as usize));
            // Only zeros can be missing, and zero itself stays one digit.
            let missing = (point - len as i64).max(0) as usize;
            match len {
                0 => out.push(b'0'),
                _ => out.resize(out.len() + missing, b'0'),
            }
        }
        if scale > 0 {
            out.push(b'.');
            out.resize(out.len() + (-point).max(0) as usize, b'0');
            out.extend(digits);
        }
    }

    /// Digits before the point once the exponent is applied, without leading zeros; not positive below one.
    pub(crate) fn integer_digits(&self) -> i64 {
        let zeros = self.digits().take_while(|d| *d == b'0').count();
        let len = self.integer.len() + self.fraction.len() - zeros;
        if len == 0 { 0 } else { len as i64 - self.scale() }
    }
}

fn split_digits(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text
        .iter()
        .position(|b| !b.is_ascii_digit())
        .unwrap_or(text.len());
    text.split_at(end)
}
