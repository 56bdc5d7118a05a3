//! Conversions between types, as SQL Server does them.

use super::context::Context;
use super::style;
use super::types::{Class, SqlType};
use super::value::{Outcome, Prec, Value, fill};

/// Why a conversion happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// Operands of different types meet.
    Operand,
    /// A value takes the place of another, whose type it is given: ISNULL. Text is cut.
    Replace,
    /// CAST, or CONVERT with its style.
    Explicit(i64),
    /// A value goes into a column, which checks lengths itself.
    Assign,
}

impl Reason {
    pub(super) fn style(self) -> i64 {
        match self {
            Self::Explicit(style) => style,
            _ => 0,
        }
    }

    /// Whether PostgreSQL's own implicit conversions may do the work.
    pub(super) fn is_operand(self) -> bool {
        matches!(self, Self::Operand | Self::Replace)
    }
}

impl Context<'_> {
    /// `value` as `target`, by SQL Server's rules.
    pub(super) fn convert(&mut self, value: Value, target: &SqlType, why: Reason) -> Outcome<Value> {
        if value.ty == *target {
            return Ok(value);
        }
        let refuse = |value: &Value| {
            Err(format!(
                "the conversion from {} to {target} has no exact form",
                value.ty
            ))
        };
        if value.is_null() {
            let typed = match (why, target.pg()) {
                (Reason::Explicit(_), Some(pg)) => value.cast(&pg.to_string()),
                _ => value,
            };
            return Ok(typed.typed(target.clone()));
        }
        if value.lit.is_some()
            && let Some(done) = self.constant(&value, target, why)?
        {
            return Ok(done);
        }
        match (value.class(), target.class()) {
            (Class::Condition, _) | (_, Class::Condition | Class::Null) => refuse(&value),
            (_, Class::Unknown) | (Class::Unknown | Class::Opaque, _) => refuse(&value),
            (Class::Bit, Class::Int | Class::Decimal | Class::Money | Class::Real | Class::Float) => {
                self.convert(value.cast("integer").typed(SqlType::Int), target, why)
            }
            (from, Class::Bit) if from.is_number() => {
                let sql = fill("{} <> 0", &[&value.at(Prec::Range)]);
                Ok(Value::new(sql, Prec::Compare, SqlType::Bit, value.nullable))
            }
            (from, to) if from.is_number() && to.is_number() => Ok(self.number(value, target, why)),
            (Class::Text, Class::Text) => Ok(resized(&value, target, why)),
            (Class::Text, to) if to.is_number() => Ok(self.text_to_number(&value, target)),
            (Class::Text, Class::Uuid) => Ok(value.cast("uuid").typed(SqlType::Uuid)),
            (Class::Text, Class::Date | Class::DateTime) => style::parse(self, &value, target, why.style()),
            (_, Class::Text) => self.shown_as_text(&value, target, why),
            (Class::Binary, Class::Binary) => binary_resized(value, target, why),
            (from, Class::Date | Class::DateTime | Class::Time | Class::Offset) if from.is_temporal() => {
                self.temporal(&value, target)
            }
            // Only datetime and smalldatetime count days from 1900-01-01.
            (Class::Int, Class::DateTime) if matches!(target, SqlType::DateTime) => {
                let sql = fill(
                    "(timestamp '1900-01-01' + {} * interval '1 day')",
                    &[&value.at(Prec::Unary)],
                );
                Ok(Value::atom(sql, SqlType::DateTime, value.nullable))
            }
            _ => refuse(&value),
        }
    }

    /// A number as another kind of number.
    fn number(&mut self, value: Value, target: &SqlType, why: Reason) -> Value {
        let pg = target.pg().map(|pg| pg.to_string()).unwrap_or_default();
        let explicit = matches!(why, Reason::Explicit(_));
        let converted = match (value.class(), target.class()) {
            // Between integers PostgreSQL widens by itself, and checks when it narrows on assignment.
            (Class::Int, Class::Int) if why == Reason::Assign => value,
            (Class::Int, Class::Int) if why.is_operand() && value.ty.rank() < target.rank() => value,
            (Class::Decimal | Class::Real | Class::Float, Class::Int) => {
                let sql = fill("trunc({})", &[value.arg()]);
                let whole = Value {
                    sql,
                    prec: Prec::Atom,
                    ..value
                };
                if why == Reason::Assign {
                    whole
                } else {
                    whole.cast(&pg)
                }
            }
            (Class::Int | Class::Money | Class::Decimal, Class::Decimal | Class::Money)
                if why == Reason::Assign =>
            {
                value
            }
            (Class::Int, Class::Decimal | Class::Money) if why.is_operand() => value,
            // Only digits behind the point could get lost, PostgreSQL's numeric has room before it.
            (Class::Decimal | Class::Money, Class::Decimal | Class::Money)
                if why.is_operand() && scale(&value.ty) <= scale(target) =>
            {
                value
            }
            (Class::Float | Class::Real, Class::Decimal | Class::Money) => {
                self.note(
                    "a float becomes a decimal with at most 15 significant digits, in SQL Server with 17",
                );
                if why == Reason::Assign {
                    value
                } else {
                    value.cast(&pg)
                }
            }
            (_, Class::Float) if !explicit => value,
            _ => value.cast(&pg),
        };
        converted.typed(target.clone())
    }

    fn text_to_number(&mut self, value: &Value, target: &SqlType) -> Value {
        let pg = target.pg().map(|pg| pg.to_string()).unwrap_or_default();
        self.note(format!(
            "text that is not a number is an error in both, but SQL Server also takes some forms that PostgreSQL does \
             not (an empty string is 0{})",
            if target.class() == Class::Money { ", currency signs and commas in money" } else { "" }
        ));
        value.cast(&pg).typed(target.clone())
    }

    /// Anything but text as text.
    fn shown_as_text(&mut self, value: &Value, target: &SqlType, why: Reason) -> Outcome<Value> {
        let style = why.style();
        let refuse = || {
            Err(format!(
                "{} as text in style {style} has no exact form in PostgreSQL",
                value.ty
            ))
        };
        let (text, longest) = match value.class() {
            Class::Int => (value.clone(), digits(&value.ty)),
            Class::Bit => (value.cast("integer"), 1),
            Class::Decimal if style == 0 => {
                let (p, s) = value.ty.precision_scale().unwrap_or((38, 0));
                let exact = if value.bare {
                    value.clone()
                } else {
                    value.cast(&format!("numeric({p},{s})"))
                };
                (exact, u32::from(p) + 3)
            }
            Class::Money if style == 0 => (
                Value::atom(
                    fill("round({}, 2)", &[value.arg()]),
                    value.ty.clone(),
                    value.nullable,
                ),
                19,
            ),
            Class::Money if style == 2 => {
                let exact = if value.bare {
                    value.clone()
                } else {
                    value.cast("numeric(19,4)")
                };
                (exact, 21)
            }
            Class::Uuid => {
                let sql = fill("upper({}::text)", &[&value.at(Prec::Cast)]);
                let text = Value::atom(sql, SqlType::varchar(36), value.nullable);
                return Ok(resized(&text, target, why));
            }
            Class::Date | Class::DateTime | Class::Time => {
                let text = style::format(self, value, style)?;
                return Ok(resized(&text, target, why));
            }
            Class::Binary if style == 1 || style == 2 => {
                let prefix = if style == 1 { "'0x' || " } else { "" };
                let sql = fill(&format!("{prefix}upper(encode({{}}, 'hex'))"), &[value.arg()]);
                let prec = if style == 1 { Prec::Other } else { Prec::Atom };
                let len = match value.ty {
                    SqlType::Binary { len, .. } => {
                        len.map(|n| n.saturating_mul(2) + if style == 1 { 2 } else { 0 })
                    }
                    _ => None,
                };
                let text = Value::new(
                    sql,
                    prec,
                    SqlType::Text {
                        len,
                        national: false,
                        fixed: false,
                    },
                    value.nullable,
                );
                return Ok(resized(&text, target, why));
            }
            _ => return refuse(),
        };
        let SqlType::Text { len, national, fixed } = target else {
            return refuse();
        };
        let text = text.cast("text").typed(SqlType::varchar(longest));
        let Some(room) = len.filter(|n| *n < longest) else {
            return Ok(resized(&text, target, why));
        };
        // SQL Server shows an integer that does not fit as an asterisk; everything else is an error there.
        if value.class() == Class::Int && !national && !fixed {
            let shown = text.arg();
            let sql = fill(
                &format!("case when char_length({{}}) > {room} then '*' else {{}} end"),
                &[shown, shown],
            );
            return Ok(Value::atom(fill("({})", &[&sql]), target.clone(), value.nullable));
        }
        self.note(format!(
            "a number that needs more than {room} characters is an error in SQL Server and cut here"
        ));
        Ok(resized(&text, target, Reason::Explicit(0)))
    }

    /// Between dates, times and both.
    fn temporal(&mut self, value: &Value, target: &SqlType) -> Outcome<Value> {
        let pg = target.pg().map(|pg| pg.to_string()).unwrap_or_default();
        let cast = match (value.class(), target.class()) {
            (Class::Offset, Class::Offset) | (Class::Time, Class::Time) if value.ty.pg() == target.pg() => {
                value.clone()
            }
            (Class::Offset, Class::Offset) => value.cast(&pg),
            (Class::Date, Class::DateTime) => value.cast("timestamp"),
            (Class::Offset, _) => {
                return Err(
                    "a datetimeoffset's own local time is gone, because PostgreSQL keeps no offset"
                        .to_owned(),
                );
            }
            // SQL Server takes the offset to be +00:00.
            (Class::Date | Class::DateTime, Class::Offset) => {
                let stamp = if value.class() == Class::Date {
                    value.cast("timestamp")
                } else {
                    value.clone()
                };
                let sql = fill("({} at time zone 'UTC')", &[&stamp.at(Prec::Cast)]);
                Value::atom(sql, target.clone(), value.nullable)
            }
            (Class::DateTime, Class::DateTime) if *target == SqlType::SmallDateTime => {
                let sql = fill(
                    "date_trunc('minute', {} + interval '30 seconds')",
                    &[&value.at(Prec::Product)],
                );
                Value::atom(sql, target.clone(), value.nullable)
            }
            (Class::DateTime, Class::DateTime) if !loses_digits(&value.ty, target) => value.clone(),
            (Class::DateTime, Class::DateTime) => {
                if *target == SqlType::DateTime {
                    self.note("datetime is rounded to 1/300 s in SQL Server and to 1/1000 s here");
                }
                value.cast(&pg)
            }
            (Class::DateTime, Class::Date | Class::Time) => value.cast(&pg),
            (Class::Time, Class::Time) => value.cast(&pg),
            (Class::Time, Class::DateTime) => {
                let sql = fill("(date '1900-01-01' + {})", &[&value.at(Prec::Product)]);
                Value::atom(sql, target.clone(), value.nullable)
            }
            _ => return Err(format!("{} cannot become {target}", value.ty)),
        };
        Ok(cast.typed(target.clone()))
    }
}

/// Text cut or padded to a type's length, if it may not have it already.
pub(super) fn resized(value: &Value, target: &SqlType, why: Reason) -> Value {
    let SqlType::Text {
        len: from,
        fixed: was_fixed,
        ..
    } = &value.ty
    else {
        return value.clone();
    };
    let SqlType::Text { len: to, fixed, .. } = target else {
        return value.clone();
    };
    let fits = match (from, to) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(a), Some(b)) => a <= b,
    };
    if why == Reason::Assign {
        return value.clone().typed(target.clone());
    }
    // CHAR loses its padding when PostgreSQL turns it into another text type.
    let padded = match from {
        Some(n) if *was_fixed && !*fixed && value.lit.is_none() => Value {
            sql: fill(&format!("rpad({{}}, {n})"), &[value.arg()]),
            prec: Prec::Atom,
            bare: false,
            ..value.clone()
        },
        _ => value.clone(),
    };
    let same_padding = !*fixed || (*was_fixed && from == to);
    if fits && same_padding {
        return padded.typed(target.clone());
    }
    match target.pg() {
        Some(pg) if why != Reason::Operand => padded.cast(&pg.to_string()).typed(target.clone()),
        _ => padded.typed(target.clone()),
    }
}

fn binary_resized(value: Value, target: &SqlType, why: Reason) -> Outcome<Value> {
    let (SqlType::Binary { len: from, .. }, SqlType::Binary { len: to, fixed }) = (&value.ty, target) else {
        return Ok(value);
    };
    let fits = match (from, to) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(a), Some(b)) => a <= b,
    };
    if why == Reason::Operand || (fits && !*fixed) {
        return Ok(value.typed(target.clone()));
    }
    match to {
        Some(n) if !*fixed => {
            let sql = fill(&format!("substring({{}} from 1 for {n})"), &[value.arg()]);
            Ok(Value::atom(sql, target.clone(), value.nullable))
        }
        _ => Err(format!(
            "{} cannot become {target}: PostgreSQL has no padded bytea",
            value.ty
        )),
    }
}

fn loses_digits(from: &SqlType, to: &SqlType) -> bool {
    let digits = |t: &SqlType| match t {
        SqlType::SmallDateTime => 0,
        SqlType::DateTime => 3,
        SqlType::DateTime2(p) => (*p).min(6),
        _ => 6,
    };
    digits(from) > digits(to)
}

/// The digits behind the point.
fn scale(ty: &SqlType) -> u8 {
    ty.precision_scale().map_or(0, |(_, s)| s)
}

/// The text type that holds every value of a type.
pub(super) fn text_type(ty: &SqlType) -> SqlType {
    match ty.class() {
        Class::Int => SqlType::varchar(digits(ty)),
        Class::Bit => SqlType::varchar(1),
        Class::Decimal => SqlType::varchar(u32::from(ty.precision_scale().map_or(38, |(p, _)| p)) + 3),
        Class::Money => SqlType::varchar(19),
        Class::Uuid => SqlType::varchar(36),
        Class::Date => SqlType::varchar(10),
        _ => SqlType::Text {
            len: None,
            national: false,
            fixed: false,
        },
    }
}

/// The longest text of an integer, sign included.
fn digits(ty: &SqlType) -> u32 {
    match ty {
        SqlType::TinyInt => 3,
        SqlType::SmallInt => 6,
        SqlType::Int => 11,
        _ => 20,
    }
}
