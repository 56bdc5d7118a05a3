//! A translated expression on its way into a larger one.

use migrate_core::template::Template;

use super::types::{Class, SqlType};

/// Why something has no translation, for a person to read.
pub(super) type Outcome<T> = Result<T, String>;

/// PostgreSQL's operator precedence, from loosest to tightest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Prec {
    Or,
    And,
    Not,
    Is,
    Compare,
    /// LIKE, BETWEEN and IN.
    Range,
    /// `||` and the bit operators.
    Other,
    Sum,
    Product,
    Unary,
    Cast,
    Atom,
}

/// The value of a literal, kept so that conversions can be done here instead of at run time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lit {
    /// An integer or decimal in plain notation, with sign and without leading zeros.
    Number(String),
    /// A floating-point number.
    Float(String),
    Text(String),
    Bytes(Vec<u8>),
}

/// A translated expression.
#[derive(Debug, Clone)]
pub(super) struct Value {
    pub(super) sql: Template,
    pub(super) prec: Prec,
    pub(super) ty: SqlType,
    pub(super) nullable: bool,
    pub(super) lit: Option<Lit>,
    /// Text under a case-insensitive collation.
    pub(super) case_insensitive: bool,
    /// Whether it is a column as it stands, so that it has its type's precision and length in PostgreSQL too.
    pub(super) bare: bool,
}

impl Value {
    /// A value with neither literal nor collation.
    pub(super) fn new(sql: Template, prec: Prec, ty: SqlType, nullable: bool) -> Self {
        Self {
            sql,
            prec,
            ty,
            nullable,
            lit: None,
            case_insensitive: false,
            bare: false,
        }
    }

    /// A function call or another thing that needs no parentheses.
    pub(super) fn atom(sql: Template, ty: SqlType, nullable: bool) -> Self {
        Self::new(sql, Prec::Atom, ty, nullable)
    }

    pub(super) fn class(&self) -> Class {
        self.ty.class()
    }

    /// Its SQL, in parentheses unless it binds at least as tightly as `least`.
    pub(super) fn at(&self, least: Prec) -> Template {
        if self.prec >= least {
            self.sql.clone()
        } else {
            fill("({})", &[&self.sql])
        }
    }

    /// Its SQL where commas or parentheses delimit it.
    pub(super) fn arg(&self) -> &Template {
        &self.sql
    }

    /// `self::pg`
    pub(super) fn cast(&self, pg: &str) -> Self {
        let mut sql = self.at(Prec::Cast);
        sql.push_sql("::");
        sql.push_sql(pg);
        Self {
            sql,
            prec: Prec::Cast,
            lit: None,
            bare: false,
            ..self.clone()
        }
    }

    /// The same value under another type.
    pub(super) fn typed(mut self, ty: SqlType) -> Self {
        self.ty = ty;
        self
    }

    /// Text with the padding of `char(n)` spelt out, which PostgreSQL drops in every text operation.
    pub(super) fn unpadded(&self) -> Self {
        match &self.ty {
            SqlType::Text {
                len: Some(n),
                fixed: true,
                national,
            } if self.lit.is_none() => {
                let sql = fill(&format!("rpad({{}}, {n})"), &[self.arg()]);
                let ty = SqlType::Text {
                    len: Some(*n),
                    fixed: false,
                    national: *national,
                };
                Self {
                    sql,
                    prec: Prec::Atom,
                    ty,
                    bare: false,
                    ..self.clone()
                }
            }
            _ => self.clone(),
        }
    }

    pub(super) fn lit_text(&self) -> Option<&str> {
        match &self.lit {
            Some(Lit::Text(t)) => Some(t),
            _ => None,
        }
    }

    /// The value of an integer literal.
    pub(super) fn lit_int(&self) -> Option<i64> {
        match &self.lit {
            Some(Lit::Number(n)) => n.parse().ok(),
            _ => None,
        }
    }

    pub(super) fn is_null(&self) -> bool {
        self.ty == SqlType::Null
    }
}

/// Puts templates into the `{}` places of a pattern.
pub(super) fn fill(pattern: &str, args: &[&Template]) -> Template {
    let mut out = Template::new();
    let mut args = args.iter();
    for (i, text) in pattern.split("{}").enumerate() {
        if i > 0
            && let Some(arg) = args.next()
        {
            out.push((*arg).clone());
        }
        out.push_sql(text);
    }
    out
}

/// Templates with a separator between them.
pub(super) fn join<'a>(parts: impl IntoIterator<Item = &'a Template>, separator: &str) -> Template {
    let mut out = Template::new();
    for (i, part) in parts.into_iter().enumerate() {
        if i > 0 {
            out.push_sql(separator);
        }
        out.push(part.clone());
    }
    out
}

/// A PostgreSQL string literal. Backslashes mean themselves under standard_conforming_strings, PostgreSQL's default.
pub(super) fn quote_literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A PostgreSQL identifier.
pub(super) fn quote_ident(name: &str) -> Outcome<String> {
    if name.is_empty() || name.contains('\0') {
        return Err("an empty name cannot be used in PostgreSQL".to_owned());
    }
    if name.len() > 63 {
        return Err(format!("the name `{name}` is longer than PostgreSQL's 63 bytes"));
    }
    Ok(format!("\"{}\"", name.replace('"', "\"\"")))
}
