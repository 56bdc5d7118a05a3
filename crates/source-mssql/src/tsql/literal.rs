//! Constants: reading T-SQL's, writing PostgreSQL's.

use migrate_core::template::Template;

use super::types::{Class, SqlType};
use super::value::{Lit, Outcome, Prec, Value, quote_literal};

/// NULL without a type.
pub(super) fn null() -> Value {
    Value::new(Template::sql("null"), Prec::Atom, SqlType::Null, true)
}

/// An integer or decimal constant as T-SQL types it: `1` is int, `3000000000` decimal(10,0), `1.0` decimal(2,1),
/// `1e0` float.
pub(super) fn number(text: &str) -> Outcome<Value> {
    if text.contains(['e', 'E']) {
        return Ok(float(text));
    }
    let plain = plain_number(text).ok_or_else(|| format!("`{text}` is not a number"))?;
    let digits = plain.trim_start_matches('-');
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let ty = if fraction.is_empty() && !text.contains('.') && plain.parse::<i32>().is_ok() {
        SqlType::Int
    } else {
        decimal_type(whole, fraction)?
    };
    Ok(exact_value(&plain, ty))
}

/// A number that PostgreSQL takes for one of the same kind; without a point it would be an integer there.
fn exact_value(plain: &str, ty: SqlType) -> Value {
    let value = plain_value(plain, ty);
    if value.class() == Class::Decimal && !plain.contains('.') {
        Value {
            lit: value.lit.clone(),
            ..value.cast("numeric")
        }
    } else {
        value
    }
}

/// A money constant: `$12.5`.
pub(super) fn money(text: &str) -> Outcome<Value> {
    let plain = plain_number(text.trim_start_matches('$')).ok_or_else(|| format!("`{text}` is not money"))?;
    Ok(plain_value(&rounded(&plain, 4), SqlType::Money))
}

/// A string constant.
pub(super) fn text(content: &str, national: bool) -> Value {
    let len = content.encode_utf16().count() as u32;
    let ty = SqlType::Text {
        len: Some(len),
        national,
        fixed: false,
    };
    let mut value = Value::atom(Template::sql(quote_literal(content)), ty, false);
    value.lit = Some(Lit::Text(content.to_owned()));
    value
}

/// A binary constant from its hexadecimal digits.
pub(super) fn binary(hex: &str) -> Outcome<Value> {
    let padded = if hex.len() % 2 == 1 {
        format!("0{hex}")
    } else {
        hex.to_owned()
    };
    let bytes = (0..padded.len() / 2)
        .map(|i| {
            padded
                .get(i * 2..i * 2 + 2)
                .and_then(|pair| u8::from_str_radix(pair, 16).ok())
        })
        .collect::<Option<Vec<u8>>>()
        .ok_or_else(|| format!("`0x{hex}` is not a binary constant"))?;
    Ok(bytes_value(bytes))
}

pub(super) fn bytes_value(bytes: Vec<u8>) -> Value {
    let digits: String = bytes
        .iter()
        .flat_map(|b| [b >> 4, b & 15])
        .filter_map(|half| char::from_digit(u32::from(half), 16))
        .collect();
    let ty = SqlType::Binary {
        len: Some(bytes.len() as u32),
        fixed: false,
    };
    let mut value = Value::new(
        Template::sql(format!("'\\x{digits}'::bytea")),
        Prec::Cast,
        ty,
        false,
    );
    value.lit = Some(Lit::Bytes(bytes));
    value
}

/// `true` or `false` for a bit.
pub(super) fn bit(on: bool) -> Value {
    let mut value = Value::atom(
        Template::sql(if on { "true" } else { "false" }),
        SqlType::Bit,
        false,
    );
    value.lit = Some(Lit::Number(u8::from(on).to_string()));
    value
}

/// A number in plain notation with a given type.
pub(super) fn plain_value(plain: &str, ty: SqlType) -> Value {
    let prec = if plain.starts_with('-') {
        Prec::Unary
    } else {
        Prec::Atom
    };
    let mut value = Value::new(Template::sql(plain), prec, ty, false);
    value.lit = Some(Lit::Number(plain.to_owned()));
    value
}

/// A float constant; PostgreSQL reads `1e0` as numeric.
pub(super) fn float(text: &str) -> Value {
    // `1e` and `1.e5` are numbers to T-SQL.
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let mantissa = plain_number(mantissa).unwrap_or_else(|| "0".to_owned());
    let exponent = if exponent.trim_start_matches(['+', '-']).is_empty() {
        "0"
    } else {
        exponent
    };
    let literal = if exponent == "0" {
        mantissa
    } else {
        format!("{mantissa}e{exponent}")
    };
    let sql = if literal.starts_with('-') {
        format!("({literal})")
    } else {
        literal.clone()
    };
    let mut value = Value::new(
        Template::sql(format!("{sql}::double precision")),
        Prec::Cast,
        SqlType::Float,
        false,
    );
    value.lit = Some(Lit::Float(literal));
    value
}

/// Minus a numeric literal.
pub(super) fn negated(value: &Value) -> Option<Value> {
    let flip = |n: &str| n.strip_prefix('-').map_or_else(|| format!("-{n}"), str::to_owned);
    match &value.lit {
        Some(Lit::Number(n)) if value.class() != Class::Bit => {
            let zero = n.chars().all(|c| c == '0' || c == '.');
            Some(if zero {
                value.clone()
            } else {
                exact_value(&flip(n), value.ty.clone())
            })
        }
        Some(Lit::Float(n)) => Some(float(&flip(n))),
        _ => None,
    }
}

fn decimal_type(whole: &str, fraction: &str) -> Outcome<SqlType> {
    let whole = if whole == "0" { 0 } else { whole.len() };
    let precision = (whole + fraction.len()).max(1);
    if precision > 38 {
        return Err("a number with more than 38 digits".to_owned());
    }
    Ok(SqlType::Decimal(precision as u8, fraction.len() as u8))
}

/// `+007.50` -> `7.50`, `.5` -> `0.5`, `1.` -> `1`; None if it is not a plain number.
pub(super) fn plain_number(text: &str) -> Option<String> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) || whole.len() + fraction.len() == 0 {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let dot = if fraction.is_empty() { "" } else { "." };
    let nothing = whole == "0" && fraction.bytes().all(|b| b == b'0');
    Some(format!(
        "{}{whole}{dot}{fraction}",
        if negative && !nothing { "-" } else { "" }
    ))
}

/// A plain number without its fraction.
pub(super) fn truncated(plain: &str) -> String {
    let whole = plain.split_once('.').map_or(plain, |(w, _)| w);
    if whole == "-0" {
        "0".to_owned()
    } else {
        whole.to_owned()
    }
}

/// A plain number rounded half away from zero to `scale` digits behind the point; fewer digits stay as they are.
pub(super) fn rounded(plain: &str, scale: usize) -> String {
    let Some((whole, fraction)) = plain.split_once('.') else {
        return plain.to_owned();
    };
    if fraction.len() <= scale {
        return plain.to_owned();
    }
    let negative = whole.starts_with('-');
    let kept = fraction.get(..scale).unwrap_or("");
    let up = fraction.as_bytes().get(scale).is_some_and(|d| *d >= b'5');
    let mut digits: Vec<u8> = whole
        .trim_start_matches('-')
        .bytes()
        .chain(kept.bytes())
        .collect();
    if up {
        let mut carry = true;
        for d in digits.iter_mut().rev() {
            if *d == b'9' {
                *d = b'0';
            } else {
                *d += 1;
                carry = false;
                break;
            }
        }
        if carry {
            digits.insert(0, b'1');
        }
    }
    let point = digits.len() - scale;
    let text: String = digits.iter().map(|b| char::from(*b)).collect();
    let (whole, fraction) = text.split_at(point);
    let text = if scale == 0 {
        whole.to_owned()
    } else {
        format!("{whole}.{fraction}")
    };
    plain_number(&if negative { format!("-{text}") } else { text }).unwrap_or_else(|| plain.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded_half_away_from_zero() {
        for (from, scale, to) in [
            ("1.25", 1, "1.3"),
            ("-1.25", 1, "-1.3"),
            ("9.99", 1, "10.0"),
            ("-0.4", 0, "0"),
            ("0.5", 0, "1"),
            ("12", 4, "12"),
            ("1.00005", 4, "1.0001"),
        ] {
            assert_eq!(rounded(from, scale), to, "{from} to {scale}");
        }
    }

    #[test]
    fn constants_have_the_types_of_sql_server() {
        for (text, ty, sql) in [
            ("1", SqlType::Int, "1"),
            ("2147483647", SqlType::Int, "2147483647"),
            ("2147483648", SqlType::Decimal(10, 0), "2147483648::numeric"),
            ("1.0", SqlType::Decimal(2, 1), "1.0"),
            ("0.00", SqlType::Decimal(2, 2), "0.00"),
            (".5", SqlType::Decimal(1, 1), "0.5"),
            ("10.", SqlType::Decimal(2, 0), "10::numeric"),
            ("1e5", SqlType::Float, "1e5::double precision"),
        ] {
            let value = number(text).unwrap();
            assert_eq!((value.ty, value.sql), (ty, Template::sql(sql)), "{text}");
        }
    }
}
