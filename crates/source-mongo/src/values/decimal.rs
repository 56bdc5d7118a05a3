//! Decimal128: IEEE 754-2008 decimal floating point of 34 digits, in the encoding whose coefficient is a binary integer.

/// The largest coefficient, 34 nines.
const LARGEST: u128 = 10u128.pow(34) - 1;
const BIAS: i32 = 6176;
const EXPONENT_BITS: u128 = (1 << 14) - 1;
const NEGATIVE: u128 = 1 << 127;
const INFINITY: u128 = 0b11110 << 122;
const NAN: u128 = 0b11111 << 122;

/// What a Decimal128 says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decimal {
    /// `(-1)^negative * coefficient * 10^exponent`.
    Number {
        /// The sign, which zero has too.
        negative: bool,
        /// At most 34 digits.
        coefficient: u128,
        /// -6176 to 6111.
        exponent: i32,
    },
    /// Not a number, of any kind.
    Nan,
    /// Infinity.
    Infinity {
        /// Its sign.
        negative: bool,
    },
}

impl Decimal {
    /// Reads the sixteen bytes. A coefficient of more than 34 digits means zero, by the standard.
    pub(crate) fn from_bytes(bytes: &[u8; 16]) -> Self {
        let bits = u128::from_le_bytes(*bytes);
        let negative = bits & NEGATIVE != 0;
        if bits & NAN == NAN {
            return Self::Nan;
        }
        if bits & NAN == INFINITY {
            return Self::Infinity { negative };
        }
        // With both bits set the coefficient begins with an implied 100 in binary, and is too large for 34 digits.
        let large = bits >> 125 & 0b11 == 0b11;
        let (exponent, coefficient) = if large {
            (bits >> 111, 0)
        } else {
            (bits >> 113, bits & ((1 << 113) - 1))
        };
        Self::Number {
            negative,
            coefficient: if coefficient > LARGEST { 0 } else { coefficient },
            exponent: (exponent & EXPONENT_BITS) as i32 - BIAS,
        }
    }

    /// The sixteen bytes, in the one way in which they are usually written.
    pub(crate) fn to_bytes(self) -> [u8; 16] {
        let bits = match self {
            Self::Nan => NAN,
            Self::Infinity { negative } => INFINITY | if negative { NEGATIVE } else { 0 },
            Self::Number {
                negative,
                coefficient,
                exponent,
            } => {
                let sign = if negative { NEGATIVE } else { 0 };
                sign | ((exponent + BIAS) as u128) << 113 | coefficient
            }
        };
        bits.to_le_bytes()
    }

    /// The number in its simplest form; `None` if it is none.
    pub(crate) fn digits(self) -> Option<Digits> {
        match self {
            Self::Number {
                negative,
                coefficient,
                exponent,
            } => Some(Digits::new(negative, coefficient, exponent)),
            _ => None,
        }
    }

    /// Appends the text that MongoDB shows, from which [`parse`](Self::parse) makes the same decimal.
    pub(crate) fn print(self, out: &mut String) {
        let (negative, coefficient, exponent) = match self {
            Self::Nan => return out.push_str("NaN"),
            Self::Infinity { negative } => {
                return out.push_str(if negative { "-Infinity" } else { "Infinity" });
            }
            Self::Number {
                negative,
                coefficient,
                exponent,
            } => (negative, coefficient, exponent),
        };
        let digits = coefficient.to_string();
        if negative {
            out.push('-');
        }
        let adjusted = exponent + digits.len() as i32 - 1;
        if exponent <= 0 && adjusted >= -6 {
            let point = digits.len() as i32 + exponent;
            if exponent == 0 {
                out.push_str(&digits);
            } else if point > 0 {
                let (integer, fraction) = digits.split_at(point as usize);
                out.push_str(integer);
                out.push('.');
                out.push_str(fraction);
            } else {
                out.push_str("0.");
                out.extend((point..0).map(|_| '0'));
                out.push_str(&digits);
            }
            return;
        }
        let (first, rest) = digits.split_at(1);
        out.push_str(first);
        if !rest.is_empty() {
            out.push('.');
            out.push_str(rest);
        }
        out.push_str(if adjusted < 0 { "E-" } else { "E+" });
        out.push_str(&adjusted.unsigned_abs().to_string());
    }

    /// Reads a decimal exactly: every digit counts, those after the last that is not zero too. `None` if it is no decimal
    /// or has more digits or a larger exponent than a Decimal128.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        match rest {
            "NaN" => return Some(Self::Nan),
            "Infinity" => return Some(Self::Infinity { negative }),
            _ => {}
        }
        let (digits, exponent) = match rest.split_once(['e', 'E']) {
            Some((digits, exponent)) => (digits, exponent.parse::<i32>().ok()?),
            None => (rest, 0),
        };
        let (integer, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let mut coefficient = 0u128;
        let mut any = false;
        for digit in integer.bytes().chain(fraction.bytes()) {
            let digit = digit.is_ascii_digit().then(|| digit - b'0')?;
            coefficient = coefficient.checked_mul(10)?.checked_add(u128::from(digit))?;
            any = true;
        }
        let exponent = exponent.checked_sub(i32::try_from(fraction.len()).ok()?)?;
        let fits = any && coefficient <= LARGEST && (-BIAS..=6111).contains(&exponent);
        fits.then_some(Self::Number {
            negative,
            coefficient,
            exponent,
        })
    }
}

impl From<Digits> for Decimal {
    fn from(digits: Digits) -> Self {
        Self::Number {
            negative: digits.negative,
            coefficient: digits.coefficient,
            exponent: digits.exponent,
        }
    }
}

/// A finite number as digits and a power of ten, without zeros at the end: equal numbers are equal here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Digits {
    /// The sign; never of zero.
    pub(crate) negative: bool,
    /// The digits without zeros at the end.
    pub(crate) coefficient: u128,
    /// The power of ten that they are multiplied with; 0 for zero.
    pub(crate) exponent: i32,
}

impl Digits {
    /// A number in its simplest form.
    pub(crate) fn new(negative: bool, mut coefficient: u128, mut exponent: i32) -> Self {
        if coefficient == 0 {
            return Self {
                negative: false,
                coefficient: 0,
                exponent: 0,
            };
        }
        while coefficient.is_multiple_of(10) {
            coefficient /= 10;
            exponent += 1;
        }
        Self {
            negative,
            coefficient,
            exponent,
        }
    }

    /// The shortest decimal number that is read as this float; `None` unless it is finite.
    pub(crate) fn of_float(float: f64) -> Option<Self> {
        if !float.is_finite() {
            return None;
        }
        // Sixteen or seventeen digits and an exponent of three, which a decimal of 34 digits holds.
        Decimal::parse(&format!("{float:e}"))?.digits()
    }

    /// The number as an integer of 64 bits, if it is one.
    pub(crate) fn to_i64(self) -> Option<i64> {
        let power = 10u128.checked_pow(u32::try_from(self.exponent).ok()?)?;
        let magnitude = i128::try_from(self.coefficient.checked_mul(power)?).ok()?;
        i64::try_from(if self.negative { -magnitude } else { magnitude }).ok()
    }

    /// The float that this number is: one whose shortest text says the same number.
    pub(crate) fn to_f64(self) -> Option<f64> {
        let sign = if self.negative { "-" } else { "" };
        let float: f64 = format!("{sign}{}e{}", self.coefficient, self.exponent)
            .parse()
            .ok()?;
        (Self::of_float(float) == Some(self)).then_some(float)
    }

    /// The `real` that this number is.
    pub(crate) fn to_f32(self) -> Option<f32> {
        let sign = if self.negative { "-" } else { "" };
        let float: f32 = format!("{sign}{}e{}", self.coefficient, self.exponent)
            .parse()
            .ok()?;
        if !float.is_finite() {
            return None;
        }
        let shortest = Decimal::parse(&format!("{float:e}"))?.digits()?;
        (shortest == self).then_some(float)
    }

    /// Whether `numeric(precision, scale)` holds the number; the digits after the scale do not count if they may be
    /// `round`ed away, as long as that cannot carry into a digit too many.
    pub(crate) fn fits(self, precision: u16, scale: i16, round: bool) -> bool {
        let length = self.coefficient.checked_ilog10().map_or(0, |n| n as i32 + 1);
        let before_the_point = length + self.exponent;
        let room = i32::from(precision) - i32::from(scale);
        if self.coefficient == 0 {
            return true;
        }
        if -self.exponent > i32::from(scale) {
            return round && before_the_point < room;
        }
        before_the_point <= room
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number(negative: bool, coefficient: u128, exponent: i32) -> Decimal {
        Decimal::Number {
            negative,
            coefficient,
            exponent,
        }
    }

    fn printed(d: Decimal) -> String {
        let mut out = String::new();
        d.print(&mut out);
        out
    }

    #[test]
    fn decimals_are_read_and_printed_as_mongodb_does() {
        for (text, decimal) in [
            ("0", number(false, 0, 0)),
            ("-0", number(true, 0, 0)),
            ("0E-6176", number(false, 0, -6176)),
            ("0E+6111", number(false, 0, 6111)),
            ("1.50", number(false, 150, -2)),
            ("0.001234", number(false, 1234, -6)),
            ("0.000001", number(false, 1, -6)),
            ("1E-7", number(false, 1, -7)),
            ("1.2E-7", number(false, 12, -8)),
            ("1E+3", number(false, 1, 3)),
            (
                "9.999999999999999999999999999999999E+6144",
                number(false, LARGEST, 6111),
            ),
            ("-1E-6176", number(true, 1, -6176)),
            ("NaN", Decimal::Nan),
            ("-Infinity", Decimal::Infinity { negative: true }),
        ] {
            assert_eq!(printed(decimal), text);
            assert_eq!(Decimal::parse(text), Some(decimal), "{text}");
            assert_eq!(Decimal::from_bytes(&decimal.to_bytes()), decimal, "{text}");
        }
        // From the specification's own examples.
        assert_eq!(
            number(false, 1, 0).to_bytes(),
            [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x40, 0x30]
        );
        for text in [
            "",
            ".",
            "-",
            "1e",
            "x",
            "1.2.3",
            "1E+6112",
            "1E-6177",
            "99999999999999999999999999999999999",
        ] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }

    #[test]
    fn coefficients_of_more_than_34_digits_are_zero() {
        let bits = (BIAS as u128) << 113 | (LARGEST + 1);
        assert_eq!(Decimal::from_bytes(&bits.to_le_bytes()), number(false, 0, 0));
        let bits = 0b11 << 125 | (BIAS as u128) << 111 | 1;
        assert_eq!(Decimal::from_bytes(&u128::to_le_bytes(bits)), number(false, 0, 0));
    }

    #[test]
    fn what_a_numeric_holds() {
        let fits = |d: Digits, p, s| d.fits(p, s, false);
        assert!(fits(Digits::new(false, 99999, -2), 5, 2));
        assert!(!fits(Digits::new(false, 100_000, -2), 5, 2));
        assert!(!fits(Digits::new(false, 1, -3), 5, 2));
        assert!(fits(Digits::new(false, 1000, -3), 5, 2));
        assert!(fits(Digits::new(false, 0, 6111), 1, 0));
        assert!(Digits::new(false, 12345, -3).fits(5, 2, true));
        assert!(!Digits::new(false, 999_999, -3).fits(5, 2, true));
        assert_eq!(Digits::new(true, 10, 2).to_i64(), Some(-1000));
        assert_eq!(Digits::new(true, 1, -1).to_i64(), None);
        assert_eq!(Digits::new(false, 1, 19).to_i64(), None);
        assert_eq!(Digits::new(false, 15, -1).to_f64(), Some(1.5));
        assert_eq!(Digits::new(false, 9_007_199_254_740_993, 0).to_f64(), None);
    }

    proptest! {
        #[test]
        fn text_and_bytes_keep_every_decimal(negative: bool, coefficient in 0..=LARGEST, digits in 0u32..39, exponent in -6176..=6111) {
            let decimal = number(negative, coefficient % 10u128.pow(digits), exponent);
            prop_assert_eq!(Decimal::parse(&printed(decimal)), Some(decimal));
            prop_assert_eq!(Decimal::from_bytes(&decimal.to_bytes()), decimal);
        }

        #[test]
        fn any_bytes_are_some_decimal(bytes: [u8; 16]) {
            let decimal = Decimal::from_bytes(&bytes);
            prop_assert_eq!(Decimal::from_bytes(&decimal.to_bytes()), decimal);
            prop_assert_eq!(Decimal::parse(&printed(decimal)), Some(decimal));
        }
    }
}
