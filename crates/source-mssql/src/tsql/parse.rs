//! From T-SQL text to a syntax tree.

use sqlparser::ast::{Expr, Query};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, Tokenizer, Whitespace, Word};

use super::dialect::TSql;
use super::value::Outcome;

/// SQL Server writes many parentheses; the parser spends up to two levels on each.
const DEPTH: usize = 400;

/// Why queries of temporal tables at other times are not translated.
pub(super) const TEMPORAL: &str =
    "FOR SYSTEM_TIME has no PostgreSQL form, because the history table is a table of its own";

/// Parses one expression, up to the end of the text.
pub(super) fn expression(text: &str) -> Outcome<Expr> {
    let dialect = TSql::default();
    let mut parser = parser(&dialect, text)?;
    let expr = parser.parse_expr().map_err(|e| unreadable(&e))?;
    at_end(&mut parser)?;
    Ok(expr)
}

/// Parses one query, up to the end of the text; a closing semicolon may follow.
pub(super) fn query(text: &str) -> Outcome<Query> {
    let dialect = TSql::default();
    let mut parser = parser(&dialect, text)?;
    let query = parser.parse_query().map_err(|e| {
        // The parser knows only one of its forms.
        if text.to_lowercase().contains("system_time") {
            TEMPORAL.to_owned()
        } else {
            unreadable(&e)
        }
    })?;
    while parser.consume_token(&Token::SemiColon) {}
    at_end(&mut parser)?;
    Ok(*query)
}

/// The words of a text, in order, without spaces and comments; None if it cannot be cut into words.
pub(super) fn words(text: &str) -> Option<Vec<Token>> {
    let dialect = TSql::default();
    let tokens = Tokenizer::new(&dialect, text).tokenize().ok()?;
    Some(
        tokens
            .into_iter()
            .filter(|t| !matches!(t, Token::Whitespace(_)))
            .collect(),
    )
}

fn parser<'a>(dialect: &'a TSql, text: &str) -> Outcome<Parser<'a>> {
    let mut tokens = Tokenizer::new(dialect, text)
        .tokenize_with_location()
        .map_err(|e| unreadable(&e))?;
    for i in 0..tokens.len() {
        // `!<` and `!>` are not known to the tokenizer.
        if let [first, second, ..] = tokens.get_mut(i..).unwrap_or_default()
            && first.token == Token::ExclamationMark
        {
            match second.token {
                Token::Lt => (first.token, second.token) = (Token::GtEq, blank()),
                Token::Gt => (first.token, second.token) = (Token::LtEq, blank()),
                _ => {}
            }
        }
        if let Some(token) = tokens.get_mut(i) {
            tidy(&mut token.token);
        }
    }
    Ok(Parser::new(dialect)
        .with_recursion_limit(DEPTH)
        .with_tokens_with_locations(tokens))
}

fn blank() -> Token {
    Token::Whitespace(Whitespace::Space)
}

/// Undoes what the tokenizer leaves as it was written.
fn tidy(token: &mut Token) {
    match token {
        // `]]` stands for `]` in a bracketed name.
        Token::Word(Word {
            value,
            quote_style: Some('['),
            ..
        }) => *value = value.replace("]]", "]"),
        // A backslash before a line break continues a string constant on the next line.
        Token::SingleQuotedString(s) | Token::NationalStringLiteral(s)
            if s.contains("\\\n") || s.contains("\\\r\n") =>
        {
            *s = s.replace("\\\r\n", "").replace("\\\n", "");
        }
        _ => {}
    }
}

fn at_end(parser: &mut Parser<'_>) -> Outcome<()> {
    match parser.peek_token_ref().token.clone() {
        Token::EOF => Ok(()),
        other => Err(format!("the T-SQL could not be parsed past `{other}`")),
    }
}

fn unreadable(error: &dyn std::fmt::Display) -> String {
    let text = error.to_string();
    let text = text.strip_prefix("sql parser error: ").unwrap_or(&text);
    format!("the T-SQL could not be parsed: {text}")
}
