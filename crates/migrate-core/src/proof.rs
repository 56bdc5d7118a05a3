//! What a person wants proven beyond the rows: rules, timed queries, the share of rows that has to arrive.
//!
//! All of it stands in the plan file, and none of it changes what a run does.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What is to be proven beyond schema and rows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Proof {
    /// The share of rows that has to arrive; all of them where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub success: Option<Percent>,
    /// Assertions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Rule>,
    /// Queries to be timed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub queries: Vec<TimedQuery>,
}

impl Proof {
    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A person's own assertion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What it is called in reports.
    pub name: String,
    /// Whom it asks.
    #[serde(default)]
    pub on: On,
    /// A query. On both sides it has to be one that both understand, unless `source_sql` says it in the source's language.
    pub sql: String,
    /// The query in the source's language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_sql: Option<String>,
    /// The one value that it has to return: text, a number or a truth value. Without it the query returns what breaks
    /// the rule: no rows mean that it holds. A rule on both sides without it holds if both answer the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<Value>,
    /// What it means if it does not hold.
    #[serde(default)]
    pub severity: Severity,
}

/// Whom a rule asks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum On {
    /// The destination.
    #[default]
    Destination,
    /// The source, where it can be asked.
    Source,
    /// Both.
    Both,
}

/// How grave a finding is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// To be known.
    Warning,
    /// Stands in the way of going live.
    #[default]
    Error,
}

/// A query whose time is of interest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimedQuery {
    /// What it is called in reports.
    pub name: String,
    /// The query for the destination.
    pub sql: String,
    /// The same in the source's language, to be timed there as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_sql: Option<String>,
    /// How often it is run; the first run, which warms caches, is not counted.
    #[serde(default = "runs")]
    pub runs: u32,
    /// Milliseconds that 95 of 100 runs may take in the destination. Without a limit a slow query is never an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_ms: Option<u64>,
}

fn runs() -> u32 {
    10
}

/// A share in percent, to three digits after the point. Reads and writes as a number from 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(u32);

impl Percent {
    /// All of it.
    pub const ALL: Self = Self(100_000);

    /// `None` unless it is a number from 0 to 100.
    pub fn new(percent: f64) -> Option<Self> {
        (0.0..=100.0)
            .contains(&percent)
            .then(|| Self((percent * 1000.0).round() as u32))
    }

    /// Whether `part` of `whole` is at least this share; of nothing, everything is there.
    pub fn is_met(self, part: u64, whole: u64) -> bool {
        u128::from(part) * 100_000 >= u128::from(whole) * u128::from(self.0)
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:03}", self.0 / 1000, self.0 % 1000);
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl Serialize for Percent {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(f64::from(self.0) / 1000.0)
    }
}

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = f64::deserialize(deserializer)?;
        Self::new(number)
            .ok_or_else(|| serde::de::Error::custom("a share is a number from 0 to 100, in percent"))
    }
}

/// What a database answered to a query.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The columns' names.
    pub columns: Vec<String>,
    /// Rows as text, NULL as `None`.
    pub rows: Vec<Vec<Option<String>>>,
    /// Whether there were more rows than were asked for.
    pub more: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_exact() {
        let share = Percent::new(99.5).unwrap();
        assert!(share.is_met(199, 200) && !share.is_met(198, 200) && share.is_met(0, 0));
        assert!(Percent::ALL.is_met(u64::MAX, u64::MAX) && !Percent::ALL.is_met(u64::MAX - 1, u64::MAX));
        assert_eq!(share.to_string(), "99.5");
        assert_eq!(Percent::ALL.to_string(), "100");
        assert_eq!(Percent::new(0.001).unwrap().to_string(), "0.001");
        assert_eq!(serde_json::to_string(&share).unwrap(), "99.5");
        assert_eq!(serde_json::from_str::<Percent>("99.5").unwrap(), share);
        for bad in [-0.1, 100.1, f64::NAN, f64::INFINITY] {
            assert_eq!(Percent::new(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_rule_says_little_and_means_the_strictest() {
        let rule: Rule = toml::from_str("name = 'n'\nsql = 'select 1'").unwrap();
        assert_eq!(
            (rule.on, rule.severity, rule.expect),
            (On::Destination, Severity::Error, None)
        );
        let query: TimedQuery = toml::from_str("name = 'n'\nsql = 'select 1'").unwrap();
        assert_eq!((query.runs, query.limit_ms), (10, None));
        assert!(toml::from_str::<Rule>("name = 'n'\nsql = ''\nseverty = 'warning'").is_err());
    }
}
