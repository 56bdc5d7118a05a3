//! What to do with text that PostgreSQL cannot store as it is.

use serde::{Deserialize, Serialize};

/// What happens to characters that PostgreSQL's `text` has no place for: U+0000, and UTF-16 surrogates without their
/// other half.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextPolicy {
    /// The row goes to quarantine.
    #[default]
    Reject,
    /// The character is left out, and counted.
    Strip,
    /// The character becomes U+FFFD, and is counted.
    Replace,
}

/// A named way in which a value was changed on its way. Each is counted for each column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conversion {
    /// Fractional seconds were rounded to the column's precision; cut at the end of the day in a `time` column, and
    /// at the end of the year 9999 in a timestamp.
    FractionRounded,
    /// A decimal was rounded to the column's scale (only by an overriding type that says so).
    DecimalRounded,
    /// U+0000 was left out; counted once a value.
    NulStripped,
    /// U+0000 became U+FFFD; counted once a value.
    NulReplaced,
    /// An unpaired surrogate was left out; counted once a value.
    SurrogateStripped,
    /// An unpaired surrogate became U+FFFD; counted once a value.
    SurrogateReplaced,
    /// A key was not in the table with keys that were given before, and was made of the old one.
    KeyDerived,
}

impl Conversion {
    /// Every conversion, in the order of its number.
    pub const ALL: [Self; 7] = [
        Self::FractionRounded,
        Self::DecimalRounded,
        Self::NulStripped,
        Self::NulReplaced,
        Self::SurrogateStripped,
        Self::SurrogateReplaced,
        Self::KeyDerived,
    ];

    /// The name that reports and the ledger use.
    pub fn name(self) -> &'static str {
        match self {
            Self::FractionRounded => "fraction_rounded",
            Self::DecimalRounded => "decimal_rounded",
            Self::NulStripped => "nul_stripped",
            Self::NulReplaced => "nul_replaced",
            Self::SurrogateStripped => "surrogate_stripped",
            Self::SurrogateReplaced => "surrogate_replaced",
            Self::KeyDerived => "key_derived",
        }
    }
}
