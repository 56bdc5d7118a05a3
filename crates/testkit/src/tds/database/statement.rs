//! The little T-SQL that the reader writes, taken apart by its form.

use crate::bacpac::{Cell, SqlType};

/// `select ... from ... where ... order by ...`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Select<'a> {
    pub(super) items: Vec<&'a str>,
    pub(super) from: &'a str,
    pub(super) condition: Option<&'a str>,
    pub(super) order: Option<&'a str>,
}

/// Takes a select apart, or `None` if it is none.
pub(super) fn select(sql: &str) -> Option<Select<'_>> {
    let rest = sql.trim().strip_prefix("select ")?;
    let (list, rest) = cut(rest, "from").unwrap_or((rest, ""));
    let (rest, order) = match cut(rest, "order") {
        Some((rest, order)) => (rest, Some(order.trim_start().strip_prefix("by ")?.trim())),
        None => (rest, None),
    };
    let (from, condition) = match cut(rest, "where") {
        Some((from, condition)) => (from, Some(condition.trim())),
        None => (rest, None),
    };
    Some(Select {
        items: parts(list),
        from: from.trim(),
        condition,
        order,
    })
}

/// The places of a statement at which no bracket, parenthesis or text is open.
fn outer(sql: &str) -> impl Iterator<Item = usize> {
    let mut depth = 0_i32;
    let mut until = None;
    sql.char_indices().filter_map(move |(at, c)| {
        if let Some(end) = until {
            if c == end {
                until = None;
            }
            return None;
        }
        let outside = depth == 0;
        match c {
            '\'' => until = Some('\''),
            '[' => until = Some(']'),
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        outside.then_some(at)
    })
}

/// Cuts at the first word of that kind.
fn cut<'a>(sql: &'a str, word: &str) -> Option<(&'a str, &'a str)> {
    let space = |b: Option<&u8>| b.is_some_and(u8::is_ascii_whitespace);
    let bytes = sql.as_bytes();
    let at = outer(sql).find(|&at| {
        sql[at..].starts_with(word) && at > 0 && space(bytes.get(at - 1)) && space(bytes.get(at + word.len()))
    })?;
    Some((&sql[..at], &sql[at + word.len()..]))
}

/// The parts between commas.
pub(super) fn parts(list: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut start = 0;
    for at in outer(list) {
        if list.as_bytes()[at] == b',' {
            out.push(list[start..at].trim());
            start = at + 1;
        }
    }
    out.push(list[start..].trim());
    out
}

/// `a]b` from `[a]]b]`.
pub(super) fn unquoted(name: &str) -> Option<String> {
    let inner = name.trim().strip_prefix('[')?.strip_suffix(']')?;
    let single = inner.replace("]]", "");
    (!single.contains(']')).then(|| inner.replace("]]", "]"))
}

/// Schema and table from `[s].[t]`.
pub(super) fn table(name: &str) -> Option<(String, String)> {
    let (schema, table) = name.trim().split_once("].[")?;
    Some((unquoted(&format!("{schema}]"))?, unquoted(&format!("[{table}"))?))
}

/// What a type is called in a cast.
pub(super) fn type_named(text: &str) -> Option<SqlType> {
    let (name, arguments) = match text.split_once('(') {
        Some((name, rest)) => (name, rest.strip_suffix(')')?),
        None => (text, ""),
    };
    let number = |text: &str| text.trim().parse::<u16>().ok();
    let length = || {
        if arguments == "max" {
            Some(None)
        } else {
            number(arguments).map(Some)
        }
    };
    Some(match name.trim() {
        "smallint" => SqlType::SmallInt,
        "int" => SqlType::Int,
        "float" => SqlType::Float,
        "nvarchar" => SqlType::NVarChar(length()?),
        "varchar" => SqlType::VarChar(length()?),
        "varbinary" => SqlType::VarBinary(length()?),
        "decimal" => {
            let (precision, scale) = arguments.split_once(',')?;
            SqlType::Decimal(number(precision)? as u8, number(scale)? as u8)
        }
        _ => return None,
    })
}

/// Words, names, constants and signs of a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Name(String),
    Word(String),
    Text(String),
    Bytes(Vec<u8>),
    Sign(&'static str),
}

/// Takes a condition apart, or `None` where it has something that the reader never writes.
pub(super) fn tokens(sql: &str) -> Option<Vec<Token>> {
    let mut out = Vec::new();
    let mut rest = sql.trim_start();
    while let Some(first) = rest.chars().next() {
        let taken = if first == '[' {
            let mut end = 1;
            while rest[end..].find(']').map(|n| end += n + 1).is_some() && rest[end..].starts_with(']') {
                end += 1;
            }
            out.push(Token::Name(unquoted(&rest[..end])?));
            end
        } else if first == '\'' || rest.starts_with("N'") {
            let start = if first == 'N' { 2 } else { 1 };
            let mut end = start;
            loop {
                end += rest[end..].find('\'')? + 1;
                if !rest[end..].starts_with('\'') {
                    break;
                }
                end += 1;
            }
            out.push(Token::Text(rest[start..end - 1].replace("''", "'")));
            end
        } else if let Some(digits) = rest.strip_prefix("0x") {
            let end = digits
                .find(|c: char| !c.is_ascii_hexdigit())
                .unwrap_or(digits.len());
            out.push(Token::Bytes(hex::decode(&digits[..end]).ok()?));
            end + 2
        } else if first.is_ascii_alphanumeric() || first == '-' || first == '_' {
            let word = |c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.');
            let end = rest[1..].find(word).map_or(rest.len(), |n| n + 1);
            out.push(Token::Word(rest[..end].to_owned()));
            end
        } else {
            let sign = ["<=", ">=", "<", ">", "=", "(", ")", ","];
            let sign = sign.into_iter().find(|s| rest.starts_with(s))?;
            out.push(Token::Sign(sign));
            sign.len()
        };
        rest = rest[taken..].trim_start();
    }
    Some(out)
}

/// A constant as a value of a column's type.
pub(super) fn constant(token: &Token, ty: &SqlType) -> Option<Cell> {
    use SqlType as T;
    Some(match (ty, token) {
        (T::TinyInt | T::SmallInt | T::Int | T::BigInt, Token::Word(n)) => Cell::Int(n.parse().ok()?),
        (T::Bit, Token::Word(n)) => Cell::Bool(n != "0"),
        (T::UniqueIdentifier, Token::Text(text)) => {
            let digits = hex::decode(text.replace('-', "")).ok()?;
            Cell::Uuid(digits.try_into().ok()?)
        }
        (_, Token::Text(text)) => Cell::Text(text.clone()),
        (T::VarBinary(_) | T::Binary(_), Token::Bytes(bytes)) => Cell::Bytes(bytes.clone()),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selects_are_taken_apart_where_nothing_is_open() {
        let sql = "select [a from, b], cast([c] as decimal(19,4)), (select 1 from x) from [dbo].[o]]rder] \
                   where [a] >= cast(5 as int) and ([a] > cast(N' order by ' as nvarchar(9))) order by [a], [c] desc";
        let found = select(sql).unwrap();
        assert_eq!(
            found.items,
            ["[a from, b]", "cast([c] as decimal(19,4))", "(select 1 from x)"]
        );
        assert_eq!(
            table(found.from).unwrap(),
            ("dbo".to_owned(), "o]rder".to_owned())
        );
        assert_eq!(found.order, Some("[a], [c] desc"));
        assert_eq!(
            found.condition,
            Some("[a] >= cast(5 as int) and ([a] > cast(N' order by ' as nvarchar(9)))")
        );
        assert_eq!(select("set nocount on"), None);
    }

    #[test]
    fn conditions_are_words_and_constants() {
        let word = |text: &str| Token::Word(text.into());
        assert_eq!(
            tokens("[a]]b]>=N'it''s' and 0x0A < -5").unwrap(),
            [
                Token::Name("a]b".into()),
                Token::Sign(">="),
                Token::Text("it's".into()),
                word("and"),
                Token::Bytes(vec![10]),
                Token::Sign("<"),
                word("-5"),
            ]
        );
        assert_eq!(tokens("a % b"), None);
    }
}
