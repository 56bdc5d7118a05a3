//! Conversions of constants, which are done here instead of at run time.

use migrate_core::template::Template;

use super::context::Context;
use super::convert::{Reason, resized};
use super::literal;
use super::moment;
use super::types::{Class, SqlType};
use super::value::{Lit, Outcome, Prec, Value};

impl Context<'_> {
    /// A converted constant, if that can be done here.
    pub(super) fn constant(
        &mut self,
        value: &Value,
        target: &SqlType,
        why: Reason,
    ) -> Outcome<Option<Value>> {
        let Some(lit) = &value.lit else { return Ok(None) };
        if value.class().is_temporal() {
            return Ok(None);
        }
        if value.class() == Class::Decimal && target.class() == Class::Decimal && why.is_operand() {
            // As it is, for it is numeric already.
            return Ok(None);
        }
        let overflow = |n: &str| format!("{n} does not fit {target}");
        let explicit = matches!(why, Reason::Explicit(_));
        let done = match (lit, target.class()) {
            (Lit::Number(n), Class::Int) => {
                let whole = if value.class() == Class::Money {
                    literal::rounded(n, 0)
                } else {
                    literal::truncated(n)
                };
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
                let sql = if n.starts_with('-') {
                    format!("({n})::real")
                } else {
                    format!("{n}::real")
                };
                Value::new(Template::sql(sql), Prec::Cast, SqlType::Real, false)
            }
            (Lit::Number(n), Class::DateTime)
                if matches!(target, SqlType::DateTime | SqlType::SmallDateTime) =>
            {
                match n.parse() {
                    Ok(days) => moment::days(days, target)?,
                    Err(_) => return Ok(None),
                }
            }
            (Lit::Number(n), Class::Text) => {
                let shown = match value.class() {
                    Class::Money => literal::rounded(&padded(n, 2), 2),
                    Class::Decimal => {
                        padded(n, value.ty.precision_scale().map_or(0, |(_, s)| usize::from(s)))
                    }
                    _ => n.clone(),
                };
                let text = literal::text(&shown, matches!(target, SqlType::Text { national: true, .. }));
                resized(&text, target, why)
            }
            (Lit::Text(t), Class::Text) => {
                let text = Value {
                    ty: value.ty.clone(),
                    ..value.clone()
                };
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
                return if target.class() == Class::Real {
                    self.constant(&number, target, why)
                } else {
                    Ok(Some(number))
                };
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
                let bare = t
                    .trim()
                    .trim_start_matches('{')
                    .trim_end_matches('}')
                    .to_ascii_lowercase();
                let shape = bare.len() == 36
                    && bare.bytes().enumerate().all(|(i, b)| {
                        if matches!(i, 8 | 13 | 18 | 23) {
                            b == b'-'
                        } else {
                            b.is_ascii_hexdigit()
                        }
                    });
                if !shape {
                    return Err(format!("'{t}' is not a uniqueidentifier"));
                }
                Value::new(
                    Template::sql(format!("'{bare}'::uuid")),
                    Prec::Cast,
                    SqlType::Uuid,
                    false,
                )
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
                if let SqlType::Binary { len: Some(n), fixed } = target
                    && (*fixed || bytes.len() > *n as usize)
                {
                    bytes.resize(*n as usize, 0);
                }
                literal::bytes_value(bytes).typed(target.clone())
            }
            _ => return Ok(None),
        };
        Ok(Some(done))
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
        Some(pg) if explicit && !natural => Value {
            lit: Some(Lit::Number(plain.to_owned())),
            ..value.cast(&pg.to_string())
        },
        _ => value,
    }
}

/// Zeros after the point up to a scale, as SQL Server shows decimals.
fn padded(plain: &str, scale: usize) -> String {
    let (whole, fraction) = plain.split_once('.').unwrap_or((plain, ""));
    if scale == 0 {
        plain.to_owned()
    } else {
        format!("{whole}.{fraction:0<scale$}")
    }
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
