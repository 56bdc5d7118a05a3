//! Dates as text and text as dates: the styles of CONVERT that PostgreSQL can say exactly.

use migrate_core::template::Template;

use super::context::Context;
use super::types::{Class, SqlType};
use super::value::{Outcome, Prec, Value, fill, quote_literal};

/// A piece of a date's text.
#[derive(Debug, Clone, Copy)]
enum Part {
    Text(&'static str),
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    /// Milliseconds, three digits.
    Milli,
}

use Part::{Day, Hour, Milli, Minute, Month, Second, Text, Year};

/// The pieces of a style, for a type.
fn parts(style: i64, ty: &SqlType) -> Option<Vec<Part>> {
    let date = |a, sep: &'static str, b, c| vec![a, Text(sep), b, Text(sep), c];
    let mut out = match style {
        101 => date(Month, "/", Day, Year),
        102 => date(Year, ".", Month, Day),
        103 => date(Day, "/", Month, Year),
        104 => date(Day, ".", Month, Year),
        105 => date(Day, "-", Month, Year),
        110 => date(Month, "-", Day, Year),
        111 => date(Year, "/", Month, Day),
        112 => vec![Year, Month, Day],
        23 => date(Year, "-", Month, Day),
        8 | 24 | 108 => vec![Hour, Text(":"), Minute, Text(":"), Second],
        14 | 114 => vec![Hour, Text(":"), Minute, Text(":"), Second, Text(":"), Milli],
        20 | 21 | 25 | 120 | 121 => date(Year, "-", Month, Day),
        _ => return None,
    };
    let clock = [Text(" "), Hour, Text(":"), Minute, Text(":"), Second];
    match (style, ty.class()) {
        (20 | 120 | 21 | 25 | 121, Class::Date) => {}
        (20 | 120, Class::DateTime) => out.extend(clock),
        // The newer types show as many digits as they have.
        (21 | 25 | 121, Class::DateTime) if matches!(ty, SqlType::DateTime | SqlType::SmallDateTime) => {
            out.extend(clock);
            out.extend([Text("."), Milli]);
        }
        (21 | 25 | 121, Class::DateTime) => return None,
        (14 | 114, _) if !matches!(ty, SqlType::DateTime) => return None,
        (8 | 24 | 108 | 14 | 114, Class::Date) => return None,
        (8 | 24 | 108, Class::Time | Class::DateTime) | (14 | 114, Class::DateTime) => {}
        (_, Class::Time) => return None,
        _ => {}
    }
    Some(out)
}

/// A date or time as text.
pub(super) fn format(cx: &mut Context<'_>, value: &Value, style: i64) -> Outcome<Value> {
    // Without a style the newer types are ISO; datetime is `Jan  1 2024 12:00AM`, in the session's language.
    let effective = match (&value.ty, style) {
        (SqlType::Date, 0) => 121,
        _ => style,
    };
    let parts = parts(effective, &value.ty).ok_or_else(|| {
        format!(
            "{} as text in style {style} has no exact form in PostgreSQL",
            value.ty
        )
    })?;
    let width: usize = parts.iter().map(|p| width(*p)).sum();
    let ty = SqlType::varchar(width as u32);
    if cx.wants_immutable {
        let pieces: Vec<Template> = parts.iter().map(|p| immutable_piece(*p, value)).collect();
        let sql = super::value::join(&pieces, " || ");
        return Ok(Value::new(sql, Prec::Other, ty, value.nullable));
    }
    cx.stable();
    let pattern: String = parts.iter().map(|p| to_char(*p)).collect();
    let argument = if value.class() == Class::Time {
        value.cast("interval")
    } else {
        value.clone()
    };
    let sql = fill(
        &format!("to_char({{}}, {})", quote_literal(&pattern)),
        &[argument.arg()],
    );
    Ok(Value::atom(sql, ty, value.nullable))
}

fn width(part: Part) -> usize {
    match part {
        Text(t) => t.len(),
        Year => 4,
        Milli => 3,
        _ => 2,
    }
}

fn to_char(part: Part) -> &'static str {
    match part {
        Text(t) => t,
        Year => "YYYY",
        Month => "MM",
        Day => "DD",
        Hour => "HH24",
        Minute => "MI",
        Second => "SS",
        Milli => "MS",
    }
}

/// `to_char` depends on the session's locale as far as PostgreSQL knows, so generated columns need this long form.
fn immutable_piece(part: Part, value: &Value) -> Template {
    let field = |name: &str, digits: usize| {
        fill(
            &format!("lpad(extract({name} from {{}})::integer::text, {digits}, '0')"),
            &[value.arg()],
        )
    };
    let floor = |expr: &str, digits: usize| {
        fill(
            &format!("lpad(({expr})::integer::text, {digits}, '0')"),
            &[value.arg()],
        )
    };
    match part {
        Text(t) => Template::sql(quote_literal(t)),
        Year => field("year", 4),
        Month => field("month", 2),
        Day => field("day", 2),
        Hour => field("hour", 2),
        Minute => field("minute", 2),
        Second => floor("floor(extract(second from {}))", 2),
        Milli => floor("floor(extract(milliseconds from {})) % 1000", 3),
    }
}

/// Text as a date.
pub(super) fn parse(cx: &mut Context<'_>, value: &Value, target: &SqlType, style: i64) -> Outcome<Value> {
    if !matches!(style, 20 | 21 | 23 | 112 | 120 | 121 | 126) {
        return Err(format!(
            "text becomes {target} by the session's language settings in SQL Server (style {style}); ISO styles translate"
        ));
    }
    cx.stable();
    cx.note(
        "text that is not a date in the given style may be an error in one database and a date in the other",
    );
    let pg = target.pg().map(|pg| pg.to_string()).unwrap_or_default();
    Ok(value.cast(&pg).typed(target.clone()))
}
