//! Simple conditions of MongoDB as SQL: partial indexes' filters and validators' rules.

use bson::{Bson, Document};
use migrate_core::catalog::ObjectName;
use migrate_core::pg_type::PgType;
use migrate_core::plan::quote_literal;
use migrate_core::template::{Expr, Template, Translation};

use super::draft::{Draft, Placed};
use super::locate::{locate, split};
use super::native::{Native, Type};

/// Translates a filter over one table.
pub(super) fn translate(filter: &Document, drafts: &[Draft<'_>], draft: usize) -> Expr {
    let scope = Scope { drafts, draft };
    let translation = match scope.document(filter) {
        Ok(template) => Translation::Done {
            template,
            immutable: true,
            notes: Vec::new(),
        },
        Err(reason) => Translation::Impossible { reason },
    };
    Expr {
        native: filter.to_string(),
        translation,
    }
}

/// A condition that is ready.
pub(super) fn done(native: impl Into<String>, template: Template) -> Expr {
    Expr {
        native: native.into(),
        translation: Translation::Done {
            template,
            immutable: true,
            notes: Vec::new(),
        },
    }
}

/// `column is not null` for any of the columns.
pub(super) fn any_present(table: &ObjectName, columns: &[String]) -> Template {
    let mut out = Template::new();
    for (at, column) in columns.iter().enumerate() {
        out.push_sql(if at > 0 { " or " } else { "" });
        out.push_column(table.clone(), column.clone());
        out.push_sql(" is not null");
    }
    out
}

struct Scope<'s, 'a> {
    drafts: &'s [Draft<'a>],
    draft: usize,
}

impl<'s, 'a> Scope<'s, 'a> {
    fn table(&self) -> &'s ObjectName {
        &self.drafts[self.draft].table.name
    }

    fn column(&self, path: &str) -> Result<&'s Placed<'a>, String> {
        let collection = &self.drafts[self.draft].rows_from.collection;
        match locate(self.drafts, collection, &split(path)) {
            Some(found) if found.draft == self.draft && found.inside == 0 => Ok(found.placed),
            _ => Err(format!("{path} is not a column of the table")),
        }
    }

    fn document(&self, filter: &Document) -> Result<Template, String> {
        let parts = filter.iter().map(|(name, value)| match (name.as_str(), value) {
            ("$and", Bson::Array(of)) => self.joined(of, " and "),
            ("$or", Bson::Array(of)) => self.joined(of, " or "),
            (operator, _) if operator.starts_with('$') => Err(format!("{operator} is not translated")),
            (path, Bson::Document(operators)) if operators.keys().any(|k| k.starts_with('$')) => {
                let each = operators.iter().map(|(op, value)| self.operator(path, op, value));
                join(each, " and ")
            }
            (path, value) => self.operator(path, "$eq", value),
        });
        join(parts, " and ")
    }

    fn joined(&self, of: &[Bson], word: &str) -> Result<Template, String> {
        let parts = of.iter().map(|part| match part {
            Bson::Document(part) => self.document(part),
            _ => Err("a condition is no document".to_owned()),
        });
        let mut out = Template::sql("(");
        out.push(join(parts, word)?);
        out.push_sql(")");
        Ok(out)
    }

    fn operator(&self, path: &str, operator: &str, value: &Bson) -> Result<Template, String> {
        let placed = self.column(path)?;
        let mut out = Template::new();
        out.push_column(self.table().clone(), placed.column.name.clone());
        let compared = |sign: &str| Ok(format!(" {sign} {}", literal(value, &placed.column.pg)?));
        let rest: Result<String, String> = match (operator, value) {
            ("$eq", Bson::Null) | ("$exists", Bson::Boolean(false)) => Ok(" is null".to_owned()),
            ("$ne", Bson::Null) | ("$exists", Bson::Boolean(true)) => Ok(" is not null".to_owned()),
            ("$exists", Bson::Int32(n)) => Ok(if *n != 0 { " is not null" } else { " is null" }.to_owned()),
            ("$eq", _) => compared("="),
            ("$gt", _) => compared(">"),
            ("$gte", _) => compared(">="),
            ("$lt", _) => compared("<"),
            ("$lte", _) => compared("<="),
            ("$in", Bson::Array(of)) => list(of, &placed.column.pg).map(|list| format!(" in ({list})")),
            ("$type", Bson::String(name)) if holds_only(placed, name) => Ok(" is not null".to_owned()),
            _ => Err(format!("{operator} on {path} is not translated")),
        };
        out.push_sql(&rest?);
        Ok(out)
    }
}

fn join(parts: impl Iterator<Item = Result<Template, String>>, word: &str) -> Result<Template, String> {
    let mut out = Template::new();
    for (at, part) in parts.enumerate() {
        if at > 0 {
            out.push_sql(word);
        }
        out.push(part?);
    }
    if out.pieces().is_empty() {
        return Err("the condition is empty".to_owned());
    }
    Ok(out)
}

/// Whether a column holds nothing but values of the type.
fn holds_only(placed: &Placed<'_>, name: &str) -> bool {
    let Ok(Native::Values(types)) = Native::parse(&placed.column.native) else {
        return false;
    };
    match types.types.as_slice() {
        [Type::Plain(kind)] => kind.name() == name || (name == "number" && placed.column.pg.is_integer()),
        [Type::Binary { .. }] => name == "binData",
        [Type::ArrayOf(_)] => name == "array",
        several => {
            let number = |t: &Type| matches!(t, Type::Plain(k) if matches!(k.name(), "int" | "long" | "double" | "decimal"));
            name == "number" && several.iter().all(number)
        }
    }
}

/// Values as a list in SQL.
pub(super) fn list(of: &[Bson], pg: &PgType) -> Result<String, String> {
    let literals = of
        .iter()
        .filter(|v| !matches!(v, Bson::Null))
        .map(|v| literal(v, pg));
    let literals = literals.collect::<Result<Vec<_>, _>>()?;
    if literals.is_empty() {
        return Err("there is no value to compare with".to_owned());
    }
    Ok(literals.join(", "))
}

/// A value as SQL that compares with a column of the type.
pub(super) fn literal(value: &Bson, pg: &PgType) -> Result<String, String> {
    let number = pg.is_integer() || matches!(pg, PgType::Float4 | PgType::Float8 | PgType::Numeric(_));
    Ok(match value {
        Bson::Boolean(truth) if *pg == PgType::Bool => truth.to_string(),
        Bson::String(text) if pg.is_text() && !text.contains('\0') => quote_literal(text),
        Bson::Int32(n) if number => n.to_string(),
        Bson::Int64(n) if number => n.to_string(),
        Bson::Double(x) if number && x.is_finite() => format!("{x}"),
        Bson::Decimal128(d) if number => {
            let text = d.to_string();
            if text
                .bytes()
                .all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'.'))
            {
                text
            } else {
                return Err(format!("{text} is not translated"));
            }
        }
        Bson::DateTime(moment) if matches!(pg, PgType::TimestampTz(_)) => {
            match moment.try_to_rfc3339_string() {
                Ok(text) => format!("timestamptz {}", quote_literal(&text)),
                Err(_) => return Err("a date outside of the years 0 to 9999 is not translated".to_owned()),
            }
        }
        Bson::ObjectId(id) if pg.is_text() => quote_literal(&id.to_hex()),
        _ => return Err(format!("a value does not compare with {pg}")),
    })
}
