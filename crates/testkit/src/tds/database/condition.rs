//! Ranges of a key as the server compares them.

use std::cmp::Ordering;

use super::statement::{Token, constant, tokens};
use crate::bacpac::{Cell, SqlType};

/// A condition over the rows of a table.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Condition {
    And(Vec<Condition>),
    Or(Vec<Condition>),
    /// The column's place, a sign, and the constant.
    Compare(usize, &'static str, Cell),
}

impl Condition {
    /// Reads one, over columns of these names and types. `None` where it is none that the reader writes.
    pub(super) fn read(sql: &str, columns: &[(String, SqlType)]) -> Option<Self> {
        let mut reading = Reading {
            tokens: &tokens(sql)?,
            columns,
        };
        let condition = reading.any()?;
        reading.tokens.is_empty().then_some(condition)
    }

    /// Whether a row is meant.
    pub(super) fn holds(&self, row: &[Cell]) -> bool {
        match self {
            Self::And(all) => all.iter().all(|c| c.holds(row)),
            Self::Or(any) => any.iter().any(|c| c.holds(row)),
            Self::Compare(at, sign, constant) => {
                let order = compare(&row[*at], constant);
                match *sign {
                    "<" => order.is_lt(),
                    "<=" => order.is_le(),
                    ">" => order.is_gt(),
                    ">=" => order.is_ge(),
                    _ => order.is_eq(),
                }
            }
        }
    }
}

struct Reading<'a> {
    tokens: &'a [Token],
    columns: &'a [(String, SqlType)],
}

impl<'a> Reading<'a> {
    fn any(&mut self) -> Option<Condition> {
        let mut parts = vec![self.all()?];
        while self.word("or") {
            parts.push(self.all()?);
        }
        Some(if parts.len() == 1 {
            parts.remove(0)
        } else {
            Condition::Or(parts)
        })
    }

    fn all(&mut self) -> Option<Condition> {
        let mut parts = vec![self.one()?];
        while self.word("and") {
            parts.push(self.one()?);
        }
        Some(if parts.len() == 1 {
            parts.remove(0)
        } else {
            Condition::And(parts)
        })
    }

    fn one(&mut self) -> Option<Condition> {
        if self.sign("(") {
            let inner = self.any()?;
            return self.sign(")").then_some(inner);
        }
        let Token::Name(name) = self.next()? else {
            return None;
        };
        let at = self.columns.iter().position(|c| c.0 == *name)?;
        let Token::Sign(sign) = *self.next()? else {
            return None;
        };
        let value = self.constant()?;
        Some(Condition::Compare(
            at,
            sign,
            constant(&value, &self.columns[at].1)?,
        ))
    }

    /// A constant, out of the casts around it.
    fn constant(&mut self) -> Option<Token> {
        if !self.word("cast") {
            return self.next().cloned();
        }
        if !self.sign("(") {
            return None;
        }
        let inner = self.constant()?;
        if self.word("collate") {
            self.next()?;
        }
        let mut depth = 1;
        while depth > 0 {
            match self.next()? {
                Token::Sign("(") => depth += 1,
                Token::Sign(")") => depth -= 1,
                _ => {}
            }
        }
        Some(inner)
    }

    fn next(&mut self) -> Option<&'a Token> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first)
    }

    fn word(&mut self, word: &str) -> bool {
        let is = matches!(self.tokens.first(), Some(Token::Word(w)) if w == word);
        if is {
            self.tokens = &self.tokens[1..];
        }
        is
    }

    fn sign(&mut self, sign: &str) -> bool {
        let is = matches!(self.tokens.first(), Some(Token::Sign(s)) if *s == sign);
        if is {
            self.tokens = &self.tokens[1..];
        }
        is
    }
}

/// The server's order: text without case and trailing spaces, GUIDs by their last group first.
pub(super) fn compare(a: &Cell, b: &Cell) -> Ordering {
    match (a, b) {
        (Cell::Int(a), Cell::Int(b)) => a.cmp(b),
        (Cell::Bool(a), Cell::Bool(b)) => a.cmp(b),
        (Cell::Text(a), Cell::Text(b)) => {
            let fold = |s: &str| s.trim_end_matches(' ').to_lowercase();
            fold(a).cmp(&fold(b))
        }
        (Cell::Uuid(a), Cell::Uuid(b)) => guid_order(a).cmp(&guid_order(b)),
        (Cell::Bytes(a), Cell::Bytes(b)) => a.cmp(b),
        (a, b) => panic!("a {} is not compared with a {} here", a.kind(), b.kind()),
    }
}

/// Places in the order of the text: the last group counts most, then the fourth; of the first three, which are stored
/// backwards, the third before the second before the first.
fn guid_order(guid: &[u8; 16]) -> [u8; 16] {
    [10, 11, 12, 13, 14, 15, 8, 9, 7, 6, 5, 4, 3, 2, 1, 0].map(|i| guid[i])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_a_key_of_two_columns() {
        let columns = [
            ("a".to_owned(), SqlType::Int),
            ("b".to_owned(), SqlType::NVarChar(Some(9))),
        ];
        let sql = "[a] >= cast(1 as int) and ([a] > cast(1 as int) or \
                   [b] > cast(N'M' collate Latin1_General_CI_AS as nvarchar(9))) and [a] < cast(3 as int)";
        let condition = Condition::read(sql, &columns).unwrap();
        let holds = |a, b: &str| condition.holds(&[Cell::Int(a), Cell::text(b)]);
        assert!(!holds(1, "m ") && holds(1, "n") && holds(2, "a") && !holds(3, "z") && !holds(0, "z"));
        assert_eq!(Condition::read("[c] = 1", &columns), None);
        assert_eq!(Condition::read("[a] = 1 order", &columns), None);
    }
}
