//! Conversions between types, as SQL Server does them.

use migrate_core::template::Template;

use super::context::Context;
use super::literal;
use super::moment;
use super::style;
use super::types::{Class, SqlType};
use super::value::{Lit, Outcome, Prec, Value, fill};

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
    fn style(self) -> i64 {
        match self {
            Self::Explicit(style) => style,
            _ => 0,
        }
    }

    /// Whether PostgreSQL's own implicit conversions may do the work.
    fn is_operand(self) -> bool {
        matches!(self, Self::Operand | Self::Replace)
    }
}

impl Context<'_> {
    /// `value` as `target`, by SQL Server's rules.
    pub(super) fn convert(&mut self, value: Value, target: &SqlType, why: Reason) -> Outcome<Value> {
        if value.ty == *target {
            return Ok(value);
        }
        let refuse = |value: &Value| Err(format!("the conversion from {} to {target} has no exact form", value.ty));
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
            (_, Class::Text) => self.to_text(&value, target, why),
            (Class::Binary, Class::Binary) => binary_resized(value, target, why),
            (from, Class::Date | Class::DateTime | Class::Time | Class::Offset) if from.is_temporal() => {
                self.temporal(&value, target)
            }
            // Only datetime and smalldatetime count days from 1900-01-01.
            (Class::Int, Class::DateTime) if matches!(target, SqlType::DateTime) => {
                let sql = fill("(timestamp '1900-01-01' + {} * interval '1 day')", &[&value.at(Prec::Unary)]);
                Ok(Value::atom(sql, SqlType::DateTime, value.nullable))
            }
            _ => refuse(&value),
        }
    }

    /// A converted constant, if that can be done here.
    fn constant(&mut self, value: &Value, target: &SqlType, why: Reason) -> Outcome<Option<Value>> {
        let Some(lit) = &value.lit else { return Ok(None) };
        if value.class().is_temporal() {
            return Ok(None);
        }
        let overflow = |n: &str| format!("{n} does not fit {target}");
        let explicit = matches!(why, Reason::Explicit(_));
        let done = match (lit, target.class()) {
            (Lit::Number(n), Class::Int) => {
                let whole = if value.class() == Class::Money { literal::rounded(n, 0) } else { literal::truncated(n) };
                in_range(&whole, target).ok_or_else(|| overflow(n))?;
                sized_number(&whole, target, explicit)
            }
            (Lit::Number(n), Class::Bit) => literal::bit(n.bytes().any(|b| (b'1'..=b'9').contains(&b))),
            (Lit::Number(n), Class::Decimal | Class::Money) => {
                let (_, scale) = target.precision_scale().unwrap_or((38, 0));
                sized_number(&literal::rounded(n, usize::from(scale)), target, explicit)
            }
            (Lit::Number(n), Class::Float) if explicit => literal::float(n),
            (Lit::Number(n), Class::Float) => literal::plain_value(n, SqlType::Float),
            (Lit::Float(n), Class::Real) | (Lit::Number(n), Class::Real) => {
                let sql = if n.starts_with('-') { format!("({n})::real") } else { format!("{n}::real") };
                Value::new(Template::sql(sql), Prec::Cast, SqlType::Real, false)
            }
            (Lit::Number(n), Class::DateTime) if matches!(target, SqlType::DateTime | SqlType::SmallDateTime) => {
                match n.parse() {
                    Ok(days) => moment::days(days, target)?,
                    Err(_) => return Ok(None),
                }
            }
            (Lit::Number(n), Class::Text) => {
                let shown = match value.class() {
                    Class::Money => literal::rounded(&padded(n, 2), 2),
                    Class::Decimal => padded(n, value.ty.precision_scale().map_or(0, |(_, s)| usize::from(s))),
                    _ => n.clone(),
                };
                let text = literal::text(&shown, matches!(target, SqlType::Text { national: true, .. }));
                resized(&text, target, why)
            }
            (Lit::Text(t), Class::Text) => {
                let text = Value { ty: value.ty.clone(), ..value.clone() };
                let national = matches!(target, SqlType::Text { national: true, .. });
                if matches!(target, SqlType::Text { fixed: false, .. }) && fits_length(t, target) {
                    literal::text(t, national).typed(target.clone())
                } else {
                    resized(&text, target, why)
                }
            }
            (Lit::Text(t), Class::Int) => {
                let plain = text_number(t, true).filter(|p| !p.contains('.'));
                let plain = plain.ok_or_else(|| format!("'{t}' is not an integer"))?;
                in_range(&plain, target).ok_or_else(|| overflow(&plain))?;
                sized_number(&plain, target, explicit)
            }
            (Lit::Text(t), Class::Decimal | Class::Money) => {
                let empty_is_zero = target.class() == Class::Money;
                let plain = text_number(t, empty_is_zero).ok_or_else(|| format!("'{t}' is not a number"))?;
                let (_, scale) = target.precision_scale().unwrap_or((38, 0));
                sized_number(&literal::rounded(&plain, usize::from(scale)), target, explicit)
            }
            (Lit::Text(t), Class::Float | Class::Real) => {
                let plain = text_number(t, true).ok_or_else(|| format!("'{t}' is not a plain number"))?;
                let number = literal::plain_value(&plain, SqlType::Float);
                return if target.class() == Class::Real { self.constant(&number, target, why) } else { Ok(Some(number)) };
            }
            (Lit::Text(t), Class::Bit) => match t.trim().to_ascii_lowercase().as_str() {
                "true" => literal::bit(true),
                "false" | "" => literal::bit(false),
                other => match text_number(other, true).filter(|p| !p.contains('.')) {
                    Some(plain) => literal::bit(plain != "0"),
                    None => return Err(format!("'{t}' is not a bit")),
                },
            },
            (Lit::Text(t), to) if to.is_temporal() => {
                let style = why.style();
                if !matches!(style, 0 | 20 | 21 | 23 | 112 | 120 | 121 | 126 | 127) {
                    return Err(format!("the date '{t}' is read with style {style}"));
                }
                let (constant, note) = moment::parse(t, target)?;
                if let Some(note) = note {
                    self.note(note);
                }
                constant
            }
            (Lit::Text(t), Class::Uuid) => {
                let bare = t.trim().trim_start_matches('{').trim_end_matches('}').to_ascii_lowercase();
                let shape = bare.len() == 36
                    && bare.bytes().enumerate().all(|(i, b)| {
                        if matches!(i, 8 | 13 | 18 | 23) { b == b'-' } else { b.is_ascii_hexdigit() }
                    });
                if !shape {
                    return Err(format!("'{t}' is not a uniqueidentifier"));
                }
                Value::new(Template::sql(format!("'{bare}'::uuid")), Prec::Cast, SqlType::Uuid, false)
            }
            (Lit::Bytes(bytes), Class::Int) => {
                let width = match target {
                    SqlType::TinyInt => 1,
                    SqlType::SmallInt => 2,
                    SqlType::Int => 4,
                    _ => 8,
                };
                let tail = bytes.get(bytes.len().saturating_sub(width)..).unwrap_or(bytes);
                let unsigned = tail.iter().fold(0u64, |n, b| n << 8 | u64::from(*b));
                let number = match target {
                    SqlType::TinyInt => i64::from(unsigned as u8),
                    SqlType::SmallInt => i64::from(unsigned as u16 as i16),
                    SqlType::Int => i64::from(unsigned as u32 as i32),
                    _ => unsigned as i64,
                };
                sized_number(&number.to_string(), target, explicit)
            }
            (Lit::Bytes(bytes), Class::Bit) => literal::bit(bytes.iter().any(|b| *b != 0)),
            (Lit::Bytes(bytes), Class::Binary) => {
                let mut bytes = bytes.clone();
                if let SqlType::Binary { len: Some(n), fixed } = target {
                    if *fixed || bytes.len() > *n as usize {
                        bytes.resize(*n as usize, 0);
                    }
                }
                literal::bytes_value(bytes).typed(target.clone())
            }
            _ => return Ok(None),
        };
        Ok(Some(done))
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
                let whole = Value { sql, prec: Prec::Atom, ..value };
                if why == Reason::Assign { whole } else { whole.cast(&pg) }
            }
            (Class::Int | Class::Money | Class::Decimal, Class::Decimal | Class::Money) if why == Reason::Assign => value,
            (Class::Int, Class::Decimal | Class::Money) if why.is_operand() => value,
            (Class::Decimal | Class::Money, Class::Decimal | Class::Money) if why.is_operand() && fits(&value.ty, target) => {
                value
            }
            (Class::Float | Class::Real, Class::Decimal | Class::Money) => {
                self.note("a float becomes a decimal with at most 15 significant digits, in SQL Server with 17");
                if why == Reason::Assign { value } else { value.cast(&pg) }
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
    fn to_text(&mut self, value: &Value, target: &SqlType, why: Reason) -> Outcome<Value> {
        let style = why.style();
        let refuse = || Err(format!("{} as text in style {style} has no exact form in PostgreSQL", value.ty));
        let (text, longest) = match value.class() {
            Class::Int => (value.clone(), digits(&value.ty)),
            Class::Bit => (value.cast("integer"), 1),
            Class::Decimal if style == 0 => {
                let (p, s) = value.ty.precision_scale().unwrap_or((38, 0));
                let exact = if value.bare { value.clone() } else { value.cast(&format!("numeric({p},{s})")) };
                (exact, u32::from(p) + 3)
            }
            Class::Money if style == 0 => {
                (Value::atom(fill("round({}, 2)", &[value.arg()]), value.ty.clone(), value.nullable), 22)
            }
            Class::Money if style == 2 => {
                let exact = if value.bare { value.clone() } else { value.cast("numeric(19,4)") };
                (exact, 22)
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
                let text = Value::new(sql, prec, SqlType::Text { len: None, national: false, fixed: false }, value.nullable);
                return Ok(resized(&text, target, why));
            }
            _ => return refuse(),
        };
        let SqlType::Text { len, national, fixed } = target else { return refuse() };
        let text = text.cast("text").typed(SqlType::varchar(longest));
        let Some(room) = len.filter(|n| *n < longest) else { return Ok(resized(&text, target, why)) };
        // SQL Server shows an integer that does not fit as an asterisk; everything else is an error there.
        if value.class() == Class::Int && !national && !fixed {
            let shown = text.arg();
            let sql = fill(&format!("case when char_length({{}}) > {room} then '*' else {{}} end"), &[shown, shown]);
            return Ok(Value::atom(fill("({})", &[&sql]), target.clone(), value.nullable));
        }
        self.note(format!("a number that needs more than {room} characters is an error in SQL Server and cut here"));
        Ok(resized(&text, target, Reason::Explicit(0)))
    }

    /// Between dates, times and both.
    fn temporal(&mut self, value: &Value, target: &SqlType) -> Outcome<Value> {
        let pg = target.pg().map(|pg| pg.to_string()).unwrap_or_default();
        let cast = match (value.class(), target.class()) {
            (Class::Offset, Class::Offset) | (Class::Time, Class::Time) if value.ty.pg() == target.pg() => value.clone(),
            (Class::Offset, Class::Offset) => value.cast(&pg),
            (Class::Date, Class::DateTime) => value.cast("timestamp"),
            (Class::Offset, _) => {
                return Err("a datetimeoffset's own local time is gone, because PostgreSQL keeps no offset".to_owned());
            }
            // SQL Server takes the offset to be +00:00.
            (Class::Date | Class::DateTime, Class::Offset) => {
                let stamp = if value.class() == Class::Date { value.cast("timestamp") } else { value.clone() };
                let sql = fill("({} at time zone 'UTC')", &[&stamp.at(Prec::Cast)]);
                Value::atom(sql, target.clone(), value.nullable)
            }
            (Class::DateTime, Class::DateTime) if *target == SqlType::SmallDateTime => {
                let sql = fill("date_trunc('minute', {} + interval '30 seconds')", &[&value.at(Prec::Product)]);
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
fn resized(value: &Value, target: &SqlType, why: Reason) -> Value {
    let SqlType::Text { len: from, fixed: was_fixed, .. } = &value.ty else { return value.clone() };
    let SqlType::Text { len: to, fixed, .. } = target else { return value.clone() };
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
        Some(n) if *was_fixed && !*fixed && value.lit.is_none() => {
            Value { sql: fill(&format!("rpad({{}}, {n})"), &[value.arg()]), prec: Prec::Atom, bare: false, ..value.clone() }
        }
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
        _ => Err(format!("{} cannot become {target}: PostgreSQL has no padded bytea", value.ty)),
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

/// Whether every value of one exact number type is a value of another.
fn fits(from: &SqlType, to: &SqlType) -> bool {
    match (from.precision_scale(), to.precision_scale()) {
        (Some((p1, s1)), Some((p2, s2))) => s1 <= s2 && p1 - s1 <= p2 - s2,
        _ => false,
    }
}

/// The text type that holds every value of a type.
pub(super) fn text_type(ty: &SqlType) -> SqlType {
    match ty.class() {
        Class::Int => SqlType::varchar(digits(ty)),
        Class::Bit => SqlType::varchar(1),
        Class::Decimal => SqlType::varchar(u32::from(ty.precision_scale().map_or(38, |(p, _)| p)) + 3),
        Class::Money => SqlType::varchar(22),
        Class::Uuid => SqlType::varchar(36),
        Class::Date => SqlType::varchar(10),
        _ => SqlType::Text { len: None, national: false, fixed: false },
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

fn in_range(whole: &str, target: &SqlType) -> Option<()> {
    let n: i64 = whole.parse().ok()?;
    let fits = match target {
        SqlType::TinyInt => u8::try_from(n).is_ok(),
        SqlType::SmallInt => i16::try_from(n).is_ok(),
        SqlType::Int => i32::try_from(n).is_ok(),
        _ => true,
    };
    fits.then_some(())
}

/// A constant number of a type; CAST shows the type, because PostgreSQL would choose another for the digits alone.
fn sized_number(plain: &str, target: &SqlType, explicit: bool) -> Value {
    let natural = match target.class() {
        Class::Int => *target == SqlType::Int,
        _ => false,
    };
    let value = literal::plain_value(plain, target.clone());
    match target.pg() {
        Some(pg) if explicit && !natural => {
            Value { lit: Some(Lit::Number(plain.to_owned())), ..value.cast(&pg.to_string()) }
        }
        _ => value,
    }
}

/// Zeros after the point up to a scale, as SQL Server shows decimals.
fn padded(plain: &str, scale: usize) -> String {
    let (whole, fraction) = plain.split_once('.').unwrap_or((plain, ""));
    if scale == 0 { plain.to_owned() } else { format!("{whole}.{fraction:0<scale$}") }
}

fn text_number(text: &str, empty_is_zero: bool) -> Option<String> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return empty_is_zero.then(|| "0".to_owned());
    }
    literal::plain_number(trimmed)
}

fn fits_length(text: &str, target: &SqlType) -> bool {
    match target {
        SqlType::Text { len: Some(n), .. } => text.encode_utf16().count() <= *n as usize,
        _ => true,
    }
}
