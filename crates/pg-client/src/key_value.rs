//! Connection strings of the form `host=localhost dbname=shop`, as libpq defines them.

use std::iter::Peekable;
use std::str::Chars;

/// Splits a key=value connection string.
///
/// Values are bare words or stand in single quotes; a backslash takes the next character as it is. The error says what
/// is wrong without repeating any value.
pub(crate) fn parse(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut chars = text.chars().peekable();
    let mut pairs = Vec::new();
    loop {
        skip_space(&mut chars);
        if chars.peek().is_none() {
            return Ok(pairs);
        }
        let mut key = String::new();
        while let Some(c) = chars.next_if(|c| *c != '=' && !c.is_whitespace()) {
            key.push(c);
        }
        skip_space(&mut chars);
        if chars.next_if_eq(&'=').is_none() {
            // The word may be the rest of a password with a space in it: it is not repeated.
            return Err(format!("`=` is missing after parameter {}", pairs.len() + 1));
        }
        skip_space(&mut chars);
        let value = value(&mut chars)
            .ok_or_else(|| format!("the quote that opens the value of `{key}` is never closed"))?;
        pairs.push((key, value));
    }
}

fn skip_space(chars: &mut Peekable<Chars<'_>>) {
    while chars.next_if(|c| c.is_whitespace()).is_some() {}
}

fn value(chars: &mut Peekable<Chars<'_>>) -> Option<String> {
    let quoted = chars.next_if_eq(&'\'').is_some();
    let mut out = String::new();
    loop {
        match chars.peek().copied() {
            None if quoted => return None,
            None => return Some(out),
            Some('\'') if quoted => {
                chars.next();
                return Some(out);
            }
            Some(c) if !quoted && c.is_whitespace() => return Some(out),
            Some('\\') => {
                chars.next();
                out.extend(chars.next());
            }
            Some(c) => {
                chars.next();
                out.push(c);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    }

    #[test]
    fn words_quotes_and_escapes() {
        assert_eq!(
            parse(r"host=localhost  port = 5433 password='it\'s a \\ secret' dbname=a\ b user=''").unwrap(),
            pairs(&[
                ("host", "localhost"),
                ("port", "5433"),
                ("password", r"it's a \ secret"),
                ("dbname", "a b"),
                ("user", "")
            ])
        );
        assert_eq!(parse("  ").unwrap(), pairs(&[]));
    }

    #[test]
    fn errors_do_not_repeat_values() {
        let error = parse("password=correct horse").unwrap_err();
        assert_eq!(error, "`=` is missing after parameter 2");
        let error = parse("host=h password='secret").unwrap_err();
        assert_eq!(
            error,
            "the quote that opens the value of `password` is never closed"
        );
    }
}
