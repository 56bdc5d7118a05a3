//! Places for names in what PostgreSQL prints.
//!
//! With an empty search path PostgreSQL qualifies every name that it prints except those of `pg_catalog`, prints keywords
//! of expressions in capital letters, and quotes identifiers that are not plain lower-case words. So a word of lower-case
//! letters that names a column of the table at hand is that column, unless it stands where a type, a function, or another
//! relation's column stands.

use std::collections::{HashMap, HashSet};

use migrate_core::catalog::ObjectName;
use migrate_core::template::Template;

/// The names that can change.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Tables, views, sequences and types, with the columns of those that have some.
    pub(super) relations: HashMap<ObjectName, HashSet<String>>,
}

/// A piece of SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Token<'a> {
    /// An identifier or keyword, with its name and how it is spelled.
    Word(String, &'a str),
    /// A string, with its content where it has no escapes.
    Literal(Option<&'a str>, &'a str),
    /// Anything else, blanks included.
    Other(&'a str),
}

fn tokens(sql: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let len = match first {
            '"' => quoted_len(rest, '"'),
            '\'' => quoted_len(rest, '\''),
            'E' | 'e' if rest[1..].starts_with('\'') => escaped_len(rest),
            '$' => dollar_len(rest),
            c if is_word_start(c) => rest.find(|c: char| !is_word(c)).unwrap_or(rest.len()),
            c if c.is_ascii_digit() => rest
                .find(|c: char| !(c.is_ascii_alphanumeric() || c == '.'))
                .unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        let (spelled, tail) = rest.split_at(len);
        found.push(match first {
            '"' => Token::Word(inside(spelled).replace("\"\"", "\""), spelled),
            '\'' => {
                let content = inside(spelled);
                Token::Literal((!content.contains(['\'', '\\'])).then_some(content), spelled)
            }
            c if is_word_start(c) && !spelled.contains('\'') => Token::Word(spelled.to_owned(), spelled),
            _ => Token::Other(spelled),
        });
        rest = tail;
    }
    found
}

fn is_word_start(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

fn inside(spelled: &str) -> &str {
    spelled
        .get(1..spelled.len().saturating_sub(1))
        .unwrap_or_default()
}

fn quoted_len(rest: &str, quote: char) -> usize {
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c == quote && chars.next_if(|(_, next)| *next == quote).is_none() {
            return at + 1;
        }
    }
    rest.len()
}

fn escaped_len(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(2).peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            '\'' if chars.next_if(|(_, next)| *next == '\'').is_none() => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

fn dollar_len(rest: &str) -> usize {
    let Some(end) = rest[1..]
        .find(|c: char| !is_word(c) || c == '$')
        .filter(|at| rest[1 + at..].starts_with('$'))
    else {
        return 1;
    };
    let tag = &rest[..end + 2];
    rest[tag.len()..].find(tag).map_or(1, |at| 2 * tag.len() + at)
}

impl Known {
    /// SQL that PostgreSQL printed, with places for the names of relations, and of the columns of `table`.
    pub(super) fn template(&self, sql: &str, table: Option<&ObjectName>) -> Template {
        let tokens = tokens(sql);
        let own = table.and_then(|t| Some((t, self.relations.get(t)?)));
        let mut out = Template::new();
        let mut at = 0;
        while at < tokens.len() {
            match self.at(&tokens, at, own, &mut out) {
                0 => {
                    let (Token::Word(_, text) | Token::Literal(_, text) | Token::Other(text)) = &tokens[at];
                    out.push_sql(text);
                    at += 1;
                }
                taken => at += taken,
            }
        }
        out
    }

    /// Writes a name that begins at a token, and returns how many tokens it takes.
    fn at(
        &self,
        tokens: &[Token<'_>],
        at: usize,
        own: Option<(&ObjectName, &HashSet<String>)>,
        out: &mut Template,
    ) -> usize {
        let dot = |at: usize| tokens.get(at) == Some(&Token::Other("."));
        let word = |at: usize| match tokens.get(at) {
            Some(Token::Word(name, _)) => Some(name.as_str()),
            _ => None,
        };
        if let Token::Literal(Some(content), _) = &tokens[at] {
            let cast = tokens[at + 1..].iter().take(3).eq([
                &Token::Other(":"),
                &Token::Other(":"),
                &Token::Word("regclass".to_owned(), "regclass"),
            ]);
            let named = if cast { self.named(content) } else { None };
            return match named {
                // A quote in its name would have to be doubled.
                Some(name) if !name.to_string().contains(['\'', '\\']) => {
                    out.push_sql("'");
                    out.push_relation(name);
                    out.push_sql("'");
                    1
                }
                _ => 0,
            };
        }
        let Some(first) = word(at) else { return 0 };
        let follows_dot = at > 0 && dot(at - 1);
        if follows_dot {
            return 0;
        }
        if dot(at + 1)
            && let Some(second) = word(at + 2)
        {
            let name = ObjectName::new(first, second);
            let Some(columns) = self.relations.get(&name) else {
                // A column of a relation that is named without its schema, or a function.
                return if own.is_some_and(|(t, c)| t.name == first && c.contains(second)) {
                    0
                } else {
                    3 - skip(tokens, at, out)
                };
            };
            if dot(at + 3)
                && let Some(column) = word(at + 4).filter(|c| columns.contains(*c))
            {
                out.push_relation(name.clone());
                out.push_sql(".");
                out.push_column(name, column);
                return 5;
            }
            // A function may be called like a relation.
            if called(tokens, at + 3) && !references(tokens, at) {
                return 3 - skip(tokens, at, out);
            }
            out.push_relation(name);
            return 3;
        }
        let Some((table, _)) = own.filter(|(_, columns)| columns.contains(first)) else {
            return 0;
        };
        if is_keyword(&tokens[at]) || is_type(tokens, at) || called(tokens, at + 1) {
            return 0;
        }
        out.push_column(table.clone(), first);
        1
    }

    /// The relation that a text names as SQL does.
    fn named(&self, text: &str) -> Option<ObjectName> {
        match tokens(text).as_slice() {
            [Token::Word(schema, _), Token::Other("."), Token::Word(name, _)] => {
                let name = ObjectName::new(schema, name);
                self.relations.contains_key(&name).then_some(name)
            }
            _ => None,
        }
    }
}

/// Copies a qualified name as it is; returns 0, so that callers say how far it goes.
fn skip(tokens: &[Token<'_>], at: usize, out: &mut Template) -> usize {
    for token in &tokens[at..at + 3] {
        let (Token::Word(_, text) | Token::Literal(_, text) | Token::Other(text)) = token;
        out.push_sql(text);
    }
    0
}

/// Whether the word is spelled in capital letters without quotes.
fn is_keyword(token: &Token<'_>) -> bool {
    matches!(token, Token::Word(_, text) if !text.starts_with('"') && text.chars().any(char::is_uppercase))
}

/// Whether the word stands behind a cast, or is part of a type of several words.
fn is_type(tokens: &[Token<'_>], at: usize) -> bool {
    let before = |n: usize| at.checked_sub(n).map(|at| &tokens[at]);
    if before(1) == Some(&Token::Other(":")) {
        return true;
    }
    let previous = before(2).and_then(|t| match t {
        Token::Word(_, text) if before(1) == Some(&Token::Other(" ")) => Some(*text),
        _ => None,
    });
    matches!(
        previous,
        Some(
            "character" | "bit" | "double" | "with" | "without" | "time" | "timestamp" | "COLLATE" | "USING"
        )
    )
}

/// Whether the next token that is not blank is an opening parenthesis.
fn called(tokens: &[Token<'_>], at: usize) -> bool {
    let next = tokens[at.min(tokens.len())..]
        .iter()
        .find(|t| **t != Token::Other(" "));
    next == Some(&Token::Other("("))
}

/// Whether the name stands behind REFERENCES or ON, where a relation is followed by a parenthesis too.
fn references(tokens: &[Token<'_>], at: usize) -> bool {
    let mut before = tokens[..at].iter().rev().filter(|t| **t != Token::Other(" "));
    matches!(before.next(), Some(Token::Word(_, "REFERENCES" | "ON" | "ONLY")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Known {
        let table = |columns: &[&str]| columns.iter().map(|c| (*c).to_owned()).collect();
        Known {
            relations: [
                (
                    ObjectName::new("public", "t"),
                    table(&["a", "b", "Mixed Case", "zone", "lower"]),
                ),
                (ObjectName::new("public", "t_a_seq"), table(&[])),
                (ObjectName::new("s", "mood"), table(&[])),
            ]
            .into(),
        }
    }

    fn renamed(sql: &str) -> String {
        let t = ObjectName::new("public", "t");
        let template = known().template(sql, Some(&t));
        template
            .render(|_, c| Some(format!("<{c}>")), |r| Some(format!("[{}]", r.name)))
            .unwrap()
    }

    #[test]
    fn names_become_places_and_everything_else_stays() {
        for (sql, expected) in [
            ("CHECK ((a > 0))", "CHECK ((<a> > 0))"),
            (
                r#"CHECK (("Mixed Case" <> 'a'::text))"#,
                "CHECK ((<Mixed Case> <> 'a'::text))",
            ),
            (
                "nextval('public.t_a_seq'::regclass)",
                "nextval('[t_a_seq]'::regclass)",
            ),
            (
                "nextval('public.other'::regclass)",
                "nextval('public.other'::regclass)",
            ),
            ("lower(b) COLLATE \"C\"", "lower(<b>) COLLATE \"C\""),
            ("'a'::s.mood", "'a'::[mood]"),
            (
                "(b)::timestamp without time zone",
                "(<b>)::timestamp without time zone",
            ),
            (
                "CREATE UNIQUE INDEX i ON public.t USING btree (a, lower(b)) WHERE (zone IS NOT NULL)",
                "CREATE UNIQUE INDEX i ON [t] USING btree (<a>, lower(<b>)) WHERE (<zone> IS NOT NULL)",
            ),
            ("public.t(a)", "public.t(<a>)"),
            ("REFERENCES public.t(a)", "REFERENCES [t](<a>)"),
            (
                "E'it\\'s a' || $$a$$ || $x$ 'a' $x$ || a",
                "E'it\\'s a' || $$a$$ || $x$ 'a' $x$ || <a>",
            ),
            ("public.t.a + x.a", "[t].<a> + x.a"),
            ("'a' || 'b''a'", "'a' || 'b''a'"),
        ] {
            assert_eq!(renamed(sql), expected);
        }
    }

    #[test]
    fn without_a_table_no_word_is_a_column() {
        let template = known().template("select a from public.t", None);
        let text = template.render(|_, _| None, |r| Some(r.name.clone()));
        assert_eq!(text.as_deref(), Some("select a from t"));
    }
}
