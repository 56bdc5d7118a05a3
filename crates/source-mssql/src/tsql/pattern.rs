//! LIKE, whose patterns in T-SQL know sets of characters.

use migrate_core::template::Template;
use sqlparser::ast::Expr;

use super::context::Context;
use super::convert::Reason;
use super::types::{Class, SqlType};
use super::value::{Outcome, Prec, Value, fill, quote_literal};

/// A piece of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    /// `%`
    Any,
    /// `_`
    One,
    Char(char),
    Set {
        negated: bool,
        members: Vec<(char, char)>,
    },
}

impl Context<'_> {
    pub(super) fn like(
        &mut self,
        expr: &Expr,
        pattern: &Expr,
        escape: Option<&Expr>,
        negated: bool,
    ) -> Outcome<Value> {
        let subject = self.value(expr)?;
        let pattern = self.value(pattern)?;
        let nullable = subject.nullable || pattern.nullable;
        let any_text = SqlType::Text {
            len: None,
            national: true,
            fixed: false,
        };
        let subject = match (&subject.ty, subject.class()) {
            // PostgreSQL's LIKE sees the padding of a column as it stands.
            (SqlType::Text { national: false, .. }, _) if subject.bare => subject,
            (_, Class::Text) => subject.unpadded(),
            (_, Class::Date | Class::DateTime | Class::Float | Class::Real | Class::Binary) => {
                return Err(format!("LIKE on {}", subject.ty));
            }
            _ => self.convert(subject, &any_text, Reason::Operand)?,
        };
        let mut blanks_count = is_national(&subject) || is_national(&pattern);
        let insensitive = subject.case_insensitive || pattern.case_insensitive;
        if insensitive {
            self.note("LIKE under a case-insensitive collation becomes ILIKE or ~*, which may treat accents differently");
        }
        let not = if negated { "not " } else { "" };
        let word = if insensitive { "ilike" } else { "like" };
        let escape = match escape {
            None => None,
            Some(e) => {
                let constant = self.value(e)?;
                blanks_count |= is_national(&constant);
                let mut chars = constant.lit_text().unwrap_or("").chars();
                match (chars.next(), chars.next()) {
                    (Some(c), None) => Some(c),
                    _ => return Err("the escape character of LIKE is not one constant character".to_owned()),
                }
            }
        };
        let Some(text) = pattern.lit_text() else {
            if pattern.class() != Class::Text || escape.is_some() {
                return Err("the pattern of LIKE is not a constant".to_owned());
            }
            self.note(
                "a `[` in the pattern starts a set of characters in SQL Server and is itself in PostgreSQL",
            );
            let subject = if blanks_count {
                subject
            } else {
                self.note(
                    "LIKE leaves blanks at the end of the text out of account, so a pattern that asks for them there finds none",
                );
                without_blanks(subject)
            };
            let sql = fill(
                &format!("{{}} {not}{word} {{}} escape ''"),
                &[&subject.at(Prec::Other), &pattern.unpadded().at(Prec::Other)],
            );
            return Ok(Value::new(sql, Prec::Range, SqlType::Condition, nullable));
        };
        let pieces = read(text, escape)?;
        let end = if blanks_count {
            End::Exact
        } else {
            End::of(&pieces)
        };
        let (operator, pattern) = match plain(&pieces) {
            Some(pattern) if end != End::BlanksMayFollow => (format!("{not}{word}"), pattern),
            _ => {
                if has_letter_range(&pieces) {
                    self.note("a range of letters follows the collation in SQL Server and the code points in PostgreSQL");
                }
                let operator = if negated { "!~" } else { "~" };
                (
                    format!("{operator}{}", if insensitive { "*" } else { "" }),
                    regex(&pieces, end == End::BlanksMayFollow),
                )
            }
        };
        let subject = if end == End::Trimmed {
            without_blanks(subject)
        } else {
            subject
        };
        let pattern = Template::sql(quote_literal(&pattern));
        let sql = fill(
            &format!("{{}} {operator} {{}}"),
            &[&subject.at(Prec::Sum), &pattern],
        );
        Ok(Value::new(sql, Prec::Range, SqlType::Condition, nullable))
    }
}

/// How the end of a pattern meets the end of the text. SQL Server passes over blanks that are left when the pattern is
/// used up, unless the text, the pattern or the escape character is Unicode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Nothing is passed over, or `%` takes it anyway.
    Exact,
    /// The last character is not a blank, so that the text can be trimmed before.
    Trimmed,
    /// The last piece may match a blank itself, which trimming would take away from it.
    BlanksMayFollow,
}

impl End {
    fn of(pieces: &[Piece]) -> Self {
        match pieces.last() {
            Some(Piece::Any) => Self::Exact,
            Some(Piece::Char(' ') | Piece::One | Piece::Set { .. }) => Self::BlanksMayFollow,
            Some(Piece::Char(_)) | None => Self::Trimmed,
        }
    }
}

fn is_national(value: &Value) -> bool {
    matches!(value.ty, SqlType::Text { national: true, .. })
}

/// Text without the blanks at its end.
fn without_blanks(text: Value) -> Value {
    if text.lit_text().is_some_and(|t| !t.ends_with(' ')) {
        return text;
    }
    Value {
        sql: fill("rtrim({})", &[text.arg()]),
        prec: Prec::Atom,
        lit: None,
        bare: false,
        ..text
    }
}

fn read(text: &str, escape: Option<char>) -> Outcome<Vec<Piece>> {
    let mut out = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if Some(c) == escape {
            match chars.next() {
                Some(next) => out.push(Piece::Char(next)),
                None => return Err("the pattern of LIKE ends with its escape character".to_owned()),
            }
            continue;
        }
        match c {
            '%' => out.push(Piece::Any),
            '_' => out.push(Piece::One),
            '[' => {
                let mut inside: Vec<(char, bool)> = Vec::new();
                let negated = chars.next_if_eq(&'^').is_some();
                loop {
                    match chars.next() {
                        Some(c) if Some(c) == escape => match chars.next() {
                            Some(next) => inside.push((next, true)),
                            None => {
                                return Err("the pattern of LIKE ends with its escape character".to_owned());
                            }
                        },
                        Some(']') => break,
                        Some(c) => inside.push((c, false)),
                        None => return Err("a set in the pattern of LIKE is not closed".to_owned()),
                    }
                }
                out.push(set(&inside, negated)?);
            }
            c => out.push(Piece::Char(c)),
        }
    }
    Ok(out)
}

fn set(inside: &[(char, bool)], negated: bool) -> Outcome<Piece> {
    let mut members = Vec::new();
    let mut i = 0;
    while let Some(&(first, _)) = inside.get(i) {
        match (inside.get(i + 1), inside.get(i + 2)) {
            (Some(('-', false)), Some(&(last, _))) => {
                if last < first {
                    return Err("a range in the pattern of LIKE runs backwards".to_owned());
                }
                members.push((first, last));
                i += 3;
            }
            _ => {
                members.push((first, first));
                i += 1;
            }
        }
    }
    match members.as_slice() {
        [] => Err("a set in the pattern of LIKE is empty".to_owned()),
        [(a, b)] if a == b && !negated => Ok(Piece::Char(*a)),
        _ => Ok(Piece::Set { negated, members }),
    }
}

/// The pattern for PostgreSQL's LIKE, if it has no sets.
fn plain(pieces: &[Piece]) -> Option<String> {
    let mut out = String::new();
    for piece in pieces {
        match piece {
            Piece::Any => out.push('%'),
            Piece::One => out.push('_'),
            Piece::Char(c) => {
                if matches!(c, '%' | '_' | '\\') {
                    out.push('\\');
                }
                out.push(*c);
            }
            Piece::Set { .. } => return None,
        }
    }
    Some(out)
}

/// The pattern as a regular expression; `.` matches line breaks too, and `^` and `$` only the ends. With `blanks`, any
/// number of them may follow.
fn regex(pieces: &[Piece], blanks: bool) -> String {
    let mut out = String::from("^");
    for piece in pieces {
        match piece {
            Piece::Any => out.push_str(".*"),
            Piece::One => out.push('.'),
            Piece::Char(c) => push_escaped(&mut out, *c),
            Piece::Set { negated, members } => {
                out.push_str(if *negated { "[^" } else { "[" });
                for (first, last) in members {
                    push_escaped(&mut out, *first);
                    if first != last {
                        out.push('-');
                        push_escaped(&mut out, *last);
                    }
                }
                out.push(']');
            }
        }
    }
    out.push_str(if blanks { " *$" } else { "$" });
    out
}

fn push_escaped(out: &mut String, c: char) {
    if c.is_ascii_punctuation() && c != '_' {
        out.push('\\');
    }
    out.push(c);
}

fn has_letter_range(pieces: &[Piece]) -> bool {
    pieces.iter().any(|p| match p {
        Piece::Set { members, .. } => members
            .iter()
            .any(|(a, b)| a != b && !(a.is_ascii_digit() && b.is_ascii_digit())),
        _ => false,
    })
}
