//! The parts of a view's text: `create view name (columns) with attributes as` and the query.

/// The query in the text of a view: everything behind `as`. `None` if there is no `create view ... as`.
pub(crate) fn query(text: &str) -> Option<&str> {
    let mut words = Words::new(text);
    // `create or alter view`, and whatever comments stand before.
    words.find(|w| w.is("view"))?;
    let mut depth = 0_u32;
    for word in words {
        match word.text {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            _ if depth == 0 && word.is("as") => {
                return Some(&text[word.end..]);
            }
            _ => {}
        }
    }
    None
}

/// A query without the `with check option` at its end, and whether it had one.
pub(crate) fn without_check_option(query: &str) -> (&str, bool) {
    let mut last: Vec<Word<'_>> = Vec::new();
    for word in Words::new(query).filter(|w| w.text != ";") {
        if last.len() == 3 {
            last.remove(0);
        }
        last.push(word);
    }
    match &last[..] {
        [with, check, option] if with.is("with") && check.is("check") && option.is("option") => {
            (query[..with.start].trim_end(), true)
        }
        _ => (query, false),
    }
}

/// A word of Transact-SQL, or a single other character.
#[derive(Debug, Clone, Copy)]
struct Word<'a> {
    text: &'a str,
    start: usize,
    end: usize,
}

impl Word<'_> {
    fn is(&self, keyword: &str) -> bool {
        self.text.eq_ignore_ascii_case(keyword)
    }
}

/// The words of a text, without blanks and comments. Quoted names and strings are one word with their quotes.
struct Words<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Words<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Passes blanks and comments. Comments between `/*` and `*/` nest.
    fn skip(&mut self) {
        loop {
            let rest = &self.text[self.at..];
            let trimmed = rest.trim_start();
            self.at += rest.len() - trimmed.len();
            if trimmed.starts_with("--") {
                self.at += trimmed.find('\n').unwrap_or(trimmed.len());
            } else if trimmed.starts_with("/*") {
                self.at += comment(trimmed);
            } else {
                return;
            }
        }
    }
}

/// The length of the comment that the text begins with.
fn comment(text: &str) -> usize {
    let bytes = text.as_bytes();
    let (mut depth, mut at) = (0_usize, 0);
    while at < bytes.len() {
        match &bytes[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

impl<'a> Iterator for Words<'a> {
    type Item = Word<'a>;

    fn next(&mut self) -> Option<Word<'a>> {
        self.skip();
        let rest = &self.text[self.at..];
        let first = rest.chars().next()?;
        let length = match first {
            '[' => quoted(rest, ']'),
            '"' | '\'' => quoted(rest, first),
            c if is_part(c) => rest.find(|c| !is_part(c)).unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        let (start, end) = (self.at, self.at + length);
        self.at = end;
        Some(Word {
            text: &self.text[start..end],
            start,
            end,
        })
    }
}

fn is_part(c: char) -> bool {
    c.is_alphanumeric() || "_@#$".contains(c)
}

/// The length of a quoted name or string, in which a doubled end stands for itself.
fn quoted(text: &str, end: char) -> usize {
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c == end && chars.next_if(|(_, next)| *next == end).is_none() {
            return at + c.len_utf8();
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_is_what_stands_behind_as() {
        for (text, expected) in [
            ("create view v as select 1", " select 1"),
            (
                "CREATE VIEW [dbo].[a as b] (x, [as])\r\nWITH SCHEMABINDING, VIEW_METADATA\r\nAS\r\nSELECT 1 AS x",
                "\r\nSELECT 1 AS x",
            ),
            (
                "-- create view as\n/* as /* as */ as */ create or alter view \"as \"\"\" as(select 1)",
                "(select 1)",
            ),
            (
                "create view v(a) as/**/with c as (select 1) select * from c",
                "/**/with c as (select 1) select * from c",
            ),
        ] {
            assert_eq!(query(text), Some(expected), "{text}");
        }
        for text in [
            "",
            "create procedure p as select 1",
            "create view v select 1",
            "create view [as",
            "view /*",
        ] {
            assert_eq!(query(text), None, "{text}");
        }
    }

    #[test]
    fn a_check_option_is_not_part_of_the_query() {
        for (text, query, had) in [
            ("select 1", "select 1", false),
            ("select 1 with check option", "select 1", true),
            ("select 1\nWITH CHECK /* x */ OPTION ; -- end\n", "select 1", true),
            ("select 'with check option'", "select 'with check option'", false),
            (
                "select 1 with check option x",
                "select 1 with check option x",
                false,
            ),
            ("check option", "check option", false),
        ] {
            assert_eq!(without_check_option(text), (query, had), "{text}");
        }
    }
}
