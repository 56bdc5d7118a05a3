//! The tokens of a JSON text (RFC 8259).

use migrate_core::{Error, ErrorKind, Result};

/// A token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token<'a> {
    BeginObject,
    EndObject,
    BeginArray,
    EndArray,
    Colon,
    Comma,
    String(String),
    /// A number, `true`, `false` or `null`, as it is written.
    Word(&'a str),
}

/// Reads tokens; their order is the caller's to judge.
pub(super) struct Tokens<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// An error at the place that was reached.
    pub(super) fn error(&self, why: &str) -> Error {
        Error::new(
            ErrorKind::Corrupt,
            format!("the text is not the JSON of BSON: {why}"),
        )
        .at("byte", self.at)
    }

    /// The next token; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Token<'a>>> {
        let rest = self.text[self.at..].trim_start_matches([' ', '\t', '\r', '\n']);
        self.at = self.text.len() - rest.len();
        let Some(first) = rest.bytes().next() else {
            return Ok(None);
        };
        let token = match first {
            b'{' => Token::BeginObject,
            b'}' => Token::EndObject,
            b'[' => Token::BeginArray,
            b']' => Token::EndArray,
            b':' => Token::Colon,
            b',' => Token::Comma,
            b'"' => return self.string().map(Some),
            _ => {
                let end = rest
                    .find(|c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c)))
                    .unwrap_or(rest.len());
                if end == 0 {
                    return Err(self.error("a character that begins nothing"));
                }
                self.at += end;
                return Ok(Some(Token::Word(&rest[..end])));
            }
        };
        self.at += 1;
        Ok(Some(token))
    }

    fn string(&mut self) -> Result<Token<'a>> {
        let mut out = String::new();
        let mut chars = self.text[self.at + 1..].char_indices();
        loop {
            match chars.next() {
                Some((at, '"')) => {
                    self.at += at + 2;
                    return Ok(Token::String(out));
                }
                Some((_, '\\')) => out.push(match chars.next() {
                    Some((_, c @ ('"' | '\\' | '/'))) => c,
                    Some((_, 'b')) => '\u{8}',
                    Some((_, 'f')) => '\u{c}',
                    Some((_, 'n')) => '\n',
                    Some((_, 'r')) => '\r',
                    Some((_, 't')) => '\t',
                    Some((_, 'u')) => {
                        let mut unit =
                            || (0..4).try_fold(0, |n, _| Some(n << 4 | chars.next()?.1.to_digit(16)?));
                        let first = unit().ok_or_else(|| self.error("an escape is incomplete"))?;
                        let code = if (0xd800..0xdc00).contains(&first) {
                            let ahead = chars.as_str().strip_prefix("\\u").is_some();
                            let second = ahead.then(|| {
                                chars.nth(1);
                                (0..4).try_fold(0, |n, _| Some(n << 4 | chars.next()?.1.to_digit(16)?))
                            });
                            match second.flatten() {
                                Some(low @ 0xdc00..0xe000) => 0x10000 + ((first & 0x3ff) << 10 | low & 0x3ff),
                                _ => first,
                            }
                        } else {
                            first
                        };
                        char::from_u32(code).ok_or_else(|| self.error("half a surrogate pair"))?
                    }
                    _ => return Err(self.error("an escape that JSON does not have")),
                }),
                Some((_, c)) if c >= ' ' => out.push(c),
                Some(_) => return Err(self.error("a control character that is not escaped")),
                None => return Err(self.error("a string has no end")),
            }
        }
    }
}
