//! The tokens of a JSON text (RFC 8259), as strictly as PostgreSQL reads them.

use crate::policy::TextPolicy;

use super::cell::{Changes, Outcome, refuse};
use super::text;

/// A token that has a meaning of its own; the lexer itself sees to commas and colons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    BeginArray,
    EndArray,
    BeginObject,
    EndObject,
    /// A member's name; its value comes next.
    Key,
    String,
    /// `true`, `false` or `null`.
    Plain(&'a [u8]),
    Number(&'a [u8]),
    /// The one value of the text is complete and nothing follows.
    End,
}

/// Where strings go without their escapes, and what happens to characters that PostgreSQL cannot store. Without it
/// escapes are checked for their form alone, as for `json`.
pub(crate) type Unescape<'b> = (&'b mut Vec<u8>, TextPolicy, &'b mut Changes);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Expect {
    Value,
    ValueOrEnd,
    Key,
    KeyOrEnd,
    CommaOrEnd,
}

/// Reads tokens and makes sure that they come in an order that JSON allows.
pub(crate) struct Lexer<'a> {
    rest: &'a [u8],
    expect: Expect,
    /// For each container that is open, whether it is an object.
    open: &'a mut Vec<bool>,
}

const MALFORMED: &str = "the text is not valid JSON";

impl<'a> Lexer<'a> {
    /// A lexer at the start of the text. `open` is a buffer whose content does not matter.
    pub(crate) fn new(text: &'a [u8], open: &'a mut Vec<bool>) -> Self {
        open.clear();
        Self {
            rest: text,
            expect: Expect::Value,
            open,
        }
    }

    /// The next token. Not to be called again after [`Token::End`] or an error.
    pub(crate) fn next(&mut self, unescape: Option<Unescape<'_>>) -> Outcome<Token<'a>> {
        self.skip_space();
        if self.expect == Expect::CommaOrEnd {
            let Some(&object) = self.open.last() else {
                return if self.rest.is_empty() {
                    Ok(Token::End)
                } else {
                    refuse(MALFORMED)
                };
            };
            match self.rest.first() {
                Some(b',') => {
                    self.rest = &self.rest[1..];
                    self.skip_space();
                    self.expect = if object { Expect::Key } else { Expect::Value };
                }
                Some(b'}') if object => return self.close(Token::EndObject),
                Some(b']') if !object => return self.close(Token::EndArray),
                _ => return refuse(MALFORMED),
            }
        }
        match (self.expect, self.rest.first()) {
            (Expect::KeyOrEnd, Some(b'}')) => self.close(Token::EndObject),
            (Expect::ValueOrEnd, Some(b']')) => self.close(Token::EndArray),
            (Expect::Key | Expect::KeyOrEnd, Some(b'"')) => {
                self.string(unescape)?;
                self.skip_space();
                match self.rest.split_first() {
                    Some((b':', rest)) => self.rest = rest,
                    _ => return refuse(MALFORMED),
                }
                self.expect = Expect::Value;
                Ok(Token::Key)
            }
            (Expect::Value | Expect::ValueOrEnd, Some(first)) => self.value(*first, unescape),
            _ => refuse(MALFORMED),
        }
    }

    fn value(&mut self, first: u8, unescape: Option<Unescape<'_>>) -> Outcome<Token<'a>> {
        self.expect = Expect::CommaOrEnd;
        match first {
            b'"' => {
                self.string(unescape)?;
                Ok(Token::String)
            }
            b'[' | b'{' => {
                self.rest = &self.rest[1..];
                self.open.push(first == b'{');
                let (expect, token) = match first {
                    b'{' => (Expect::KeyOrEnd, Token::BeginObject),
                    _ => (Expect::ValueOrEnd, Token::BeginArray),
                };
                self.expect = expect;
                Ok(token)
            }
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            _ => self.number(),
        }
    }

    fn close(&mut self, token: Token<'a>) -> Outcome<Token<'a>> {
        self.rest = &self.rest[1..];
        self.open.pop();
        self.expect = Expect::CommaOrEnd;
        Ok(token)
    }

    fn skip_space(&mut self) {
        let n = self
            .rest
            .iter()
            .take_while(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n'))
            .count();
        self.rest = &self.rest[n..];
    }

    fn word(&mut self, word: &'static [u8]) -> Outcome<Token<'a>> {
        match self.rest.strip_prefix(word) {
            Some(rest) => {
                self.rest = rest;
                Ok(Token::Plain(word))
            }
            None => refuse(MALFORMED),
        }
    }

    fn number(&mut self) -> Outcome<Token<'a>> {
        let text = self.rest;
        let digits = |from: usize| text[from..].iter().take_while(|b| b.is_ascii_digit()).count();
        let mut at = usize::from(text.first() == Some(&b'-'));
        let integer = digits(at);
        if integer == 0 || (integer > 1 && text[at] == b'0') {
            return refuse(MALFORMED);
        }
        at += integer;
        if text.get(at) == Some(&b'.') {
            let fraction = digits(at + 1);
            if fraction == 0 {
                return refuse(MALFORMED);
            }
            at += 1 + fraction;
        }
        if matches!(text.get(at), Some(b'e' | b'E')) {
            at += 1 + usize::from(matches!(text.get(at + 1), Some(b'+' | b'-')));
            let exponent = digits(at);
            if exponent == 0 {
                return refuse(MALFORMED);
            }
            at += exponent;
        }
        self.rest = &text[at..];
        Ok(Token::Number(&text[..at]))
    }

    /// Reads a string from its opening to its closing quote.
    fn string(&mut self, mut unescape: Option<Unescape<'_>>) -> Outcome {
        let mut rest = &self.rest[1..];
        loop {
            let plain = rest.iter().position(|b| matches!(b, b'"' | b'\\' | 0..=0x1F));
            let Some(plain) = plain else {
                return refuse(MALFORMED);
            };
            if let Some((out, _, _)) = &mut unescape {
                out.extend_from_slice(&rest[..plain]);
            }
            rest = match &rest[plain..] {
                [b'"', tail @ ..] => {
                    self.rest = tail;
                    return Ok(());
                }
                [b'\\', b'u', tail @ ..] => unicode(tail, unescape.as_mut())?,
                [b'\\', escape, tail @ ..] => {
                    let byte = match escape {
                        b'"' | b'\\' | b'/' => *escape,
                        b'b' => 0x08,
                        b'f' => 0x0C,
                        b'n' => b'\n',
                        b'r' => b'\r',
                        b't' => b'\t',
                        _ => return refuse(MALFORMED),
                    };
                    if let Some((out, _, _)) = &mut unescape {
                        out.push(byte);
                    }
                    tail
                }
                [b'\\'] => return refuse(MALFORMED),
                _ => return refuse("the JSON holds a control character that is not escaped"),
            };
        }
    }
}

/// Reads what follows `\u`: one code unit, or two if they are a pair.
fn unicode<'a>(text: &'a [u8], unescape: Option<&mut Unescape<'_>>) -> Outcome<&'a [u8]> {
    let Some((unit, rest)) = hex4(text) else {
        return refuse(MALFORMED);
    };
    let Some((out, policy, changes)) = unescape else {
        return Ok(rest);
    };
    let low = match rest {
        [b'\\', b'u', tail @ ..] if (0xD800..0xDC00).contains(&unit) => hex4(tail),
        _ => None,
    };
    let (code, rest) = match low {
        Some((low, tail)) if (0xDC00..0xE000).contains(&low) => {
            (0x10000 + ((unit & 0x3FF) << 10 | low & 0x3FF), tail)
        }
        _ => (unit, rest),
    };
    match char::from_u32(code) {
        Some('\0') => text::nul(*policy, changes, out)?,
        Some(c) => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        None => text::surrogate(*policy, changes, out)?,
    }
    Ok(rest)
}

fn hex4(text: &[u8]) -> Option<(u32, &[u8])> {
    let (digits, rest) = text.split_first_chunk::<4>()?;
    let unit = digits
        .iter()
        .try_fold(0, |n, d| Some(n << 4 | (*d as char).to_digit(16)?))?;
    Some((unit, rest))
}
