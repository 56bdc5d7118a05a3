//! The plan's own assertions.

use migrate_core::Result;
use migrate_core::proof::{Answer, On, Rule, Severity};
use migrate_core::source::Source;
use migrate_core::stored::Stored;
use serde::Serialize;
use serde_json::Value;

/// Rows that a rule's query may return before it is cut.
const ROWS: usize = 1000;

/// Rows of an answer that are shown.
const SHOWN: usize = 20;

/// A rule and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleOutcome {
    /// Its name.
    pub name: String,
    /// How grave it is if it does not hold.
    pub severity: Severity,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It holds.
    Holds,
    /// It does not.
    Broken {
        /// Why.
        reason: String,
        /// What the queries returned, cut.
        shown: Option<Answer>,
    },
    /// Nobody could look, and why.
    NotAsked(String),
}

pub(crate) async fn check(
    rules: &[Rule],
    stored: &dyn Stored,
    source: Option<&dyn Source>,
    mask: bool,
) -> Vec<RuleOutcome> {
    let mut outcomes = Vec::new();
    for rule in rules {
        let mut outcome = judge(rule, stored, source).await;
        if let Outcome::Broken {
            shown: Some(answer),
            reason,
        } = &mut outcome
        {
            answer.more |= answer.rows.len() > SHOWN;
            answer.rows.truncate(SHOWN);
            if mask {
                hide(answer);
                if rule.expect.is_some() {
                    "the answer is not the expected one".clone_into(reason);
                }
            }
        }
        outcomes.push(RuleOutcome {
            name: rule.name.clone(),
            severity: rule.severity,
            outcome,
        });
    }
    outcomes
}

fn hide(answer: &mut Answer) {
    for cell in answer.rows.iter_mut().flatten().flatten() {
        *cell = format!("*** ({} bytes)", cell.len());
    }
}

async fn judge(rule: &Rule, stored: &dyn Stored, source: Option<&dyn Source>) -> Outcome {
    let mut answers = Vec::new();
    if rule.on != On::Source {
        match outcome_of(stored.ask(&rule.sql, ROWS).await, "the destination") {
            Ok(answer) => answers.push(("the destination", answer)),
            Err(outcome) => return outcome,
        }
    }
    if rule.on != On::Destination {
        let Some(source) = source else {
            return Outcome::NotAsked("the source was not named".to_owned());
        };
        let query = rule.source_sql.as_ref().unwrap_or(&rule.sql);
        match outcome_of(source.ask(query, ROWS).await, "the source") {
            Ok(answer) => answers.push(("the source", answer)),
            Err(outcome) => return outcome,
        }
    }
    match (rule.expect.as_ref(), answers.as_slice()) {
        (None, [(_, destination), (_, source)]) => match difference(destination, source) {
            None => Outcome::Holds,
            Some(reason) => Outcome::Broken {
                reason,
                shown: Some(destination.clone()),
            },
        },
        (None, [(whom, answer)]) if !answer.rows.is_empty() => Outcome::Broken {
            reason: format!(
                "{whom} has {}{} rows that break it",
                if answer.more { "more than " } else { "" },
                answer.rows.len()
            ),
            shown: Some(answer.clone()),
        },
        (None, _) => Outcome::Holds,
        (Some(expected), answers) => {
            for (whom, answer) in answers {
                let found = match answer.rows.as_slice() {
                    [row] if row.len() == 1 => row[0].as_deref(),
                    _ => {
                        return Outcome::Broken {
                            reason: format!("{whom} did not answer with one value"),
                            shown: Some(answer.clone()),
                        };
                    }
                };
                if !is(expected, found) {
                    return Outcome::Broken {
                        reason: format!("{whom} says {}, not {expected}", found.unwrap_or("NULL")),
                        shown: Some(answer.clone()),
                    };
                }
            }
            Outcome::Holds
        }
    }
}

fn outcome_of(asked: Result<Option<Answer>>, whom: &str) -> Result<Answer, Outcome> {
    match asked {
        Ok(Some(answer)) => Ok(answer),
        Ok(None) => Err(Outcome::NotAsked(format!("{whom} cannot be asked"))),
        Err(e) => Err(Outcome::Broken {
            reason: format!("{whom} refused the query: {e}"),
            shown: None,
        }),
    }
}

/// Whether a database's text says the expected value. Databases spell truth and numbers in several ways.
fn is(expected: &Value, found: Option<&str>) -> bool {
    match (expected, found) {
        (Value::Null, None) => true,
        (Value::Bool(wanted), Some(text)) => {
            let said = match text.to_ascii_lowercase().as_str() {
                "t" | "true" | "1" => Some(true),
                "f" | "false" | "0" => Some(false),
                _ => None,
            };
            said == Some(*wanted)
        }
        (Value::Number(wanted), Some(text)) => number(&wanted.to_string()) == number(text),
        (Value::String(wanted), Some(text)) => wanted == text,
        _ => false,
    }
}

/// A decimal number without what does not change its value.
fn number(text: &str) -> String {
    let text = text.trim();
    let plain = text.strip_prefix('+').unwrap_or(text);
    let (sign, digits) = match plain.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", plain),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let whole = whole.trim_start_matches('0');
    let fraction = fraction.trim_end_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    match (fraction, whole) {
        ("", "0") => "0".to_owned(),
        ("", _) => format!("{sign}{whole}"),
        _ => format!("{sign}{whole}.{fraction}"),
    }
}

/// How two answers differ, whatever order their rows come in.
fn difference(destination: &Answer, source: &Answer) -> Option<String> {
    if destination.more || source.more {
        return Some(format!(
            "the answers have more than {ROWS} rows, which is too many to compare"
        ));
    }
    if destination.rows.len() != source.rows.len() {
        return Some(format!(
            "the destination answers with {} rows, the source with {}",
            destination.rows.len(),
            source.rows.len()
        ));
    }
    let sorted = |answer: &Answer| {
        let mut rows: Vec<Vec<Option<String>>> = answer
            .rows
            .iter()
            .map(|row| row.iter().map(|cell| cell.as_deref().map(comparable)).collect())
            .collect();
        rows.sort();
        rows
    };
    (sorted(destination) != sorted(source)).then(|| "the two answers differ".to_owned())
}

fn comparable(cell: &str) -> String {
    let numeric = !cell.is_empty()
        && cell
            .bytes()
            .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+'));
    match cell {
        "t" | "true" => "1".to_owned(),
        "f" | "false" => "0".to_owned(),
        _ if numeric => number(cell),
        _ => cell.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_what_they_say() {
        assert!(is(&json!(true), Some("t")) && is(&json!(true), Some("1")) && !is(&json!(true), Some("f")));
        assert!(
            is(&json!(100), Some("100.00")) && is(&json!(0), Some("-0.0")) && !is(&json!(100), Some("1000"))
        );
        assert!(is(&json!(-1.5), Some("-01.500")) && !is(&json!(1.5), Some("-1.5")));
        assert!(is(&json!("a"), Some("a")) && !is(&json!("a"), Some("A")) && !is(&json!("a"), None));
    }

    #[test]
    fn answers_are_compared_as_sets_of_rows() {
        let answer = |rows: &[&[&str]]| Answer {
            columns: Vec::new(),
            rows: rows
                .iter()
                .map(|r| r.iter().map(|c| Some((*c).to_owned())).collect())
                .collect(),
            more: false,
        };
        assert_eq!(
            difference(
                &answer(&[&["1", "t"], &["2.0", "x"]]),
                &answer(&[&["2", "x"], &["1", "1"]])
            ),
            None
        );
        assert!(difference(&answer(&[&["1"]]), &answer(&[&["2"]])).is_some());
        assert!(difference(&answer(&[&["1"]]), &answer(&[])).is_some());
    }
}
