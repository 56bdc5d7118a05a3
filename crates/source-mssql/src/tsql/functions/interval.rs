//! DATEADD and DATEDIFF.

use migrate_core::template::Template;
use sqlparser::ast::Expr;

use super::dates::DatePart;
use crate::tsql::context::Context;
use crate::tsql::convert::Reason;
use crate::tsql::types::{Class, SqlType};
use crate::tsql::value::{Outcome, Prec, Value, fill};

impl Context<'_> {
    /// DATEADD keeps the type of its date; both databases stop at the end of a shorter month.
    pub(super) fn date_add(&mut self, part: DatePart, n: &Expr, x: &Expr) -> Outcome<Value> {
        let n = self.int_argument(n)?;
        let value = self.value(x)?;
        let x = match value.class() {
            Class::Offset | Class::Date | Class::DateTime => value,
            Class::Null => value.cast("timestamp").typed(SqlType::DateTime),
            Class::Time => return Err("DATEADD to a time wraps around midnight".to_owned()),
            _ => self.convert(value, &SqlType::DateTime, Reason::Operand)?,
        };
        let nullable = n.nullable || x.nullable;
        if x.class() == Class::Date && part.is_clock() {
            return Err("DATEADD of a time to a date".to_owned());
        }
        if x.class() == Class::Offset {
            // Days and months would follow the session's time zone.
            if !part.is_clock() {
                return Err(
                    "DATEADD to a datetimeoffset follows its own offset, which PostgreSQL does not keep"
                        .to_owned(),
                );
            }
            self.stable();
        }
        let (unit, argument, factor) = match part {
            DatePart::Year => ("year", "years", 1),
            DatePart::Quarter => ("month", "months", 3),
            DatePart::Month => ("month", "months", 1),
            DatePart::Day | DatePart::DayOfYear | DatePart::Weekday => ("day", "days", 1),
            DatePart::Week => ("day", "days", 7),
            DatePart::Hour => ("hour", "hours", 1),
            DatePart::Minute => ("minute", "mins", 1),
            DatePart::Second => ("second", "secs", 1),
            DatePart::Millisecond => {
                if x.ty == SqlType::DateTime {
                    self.note(
                        "datetime counts in 1/300 s in SQL Server, so that milliseconds are rounded there",
                    );
                }
                ("millisecond", "secs", 1)
            }
            DatePart::Microsecond if !matches!(x.ty, SqlType::DateTime | SqlType::SmallDateTime) => {
                ("microsecond", "secs", 1)
            }
            _ => {
                return Err(format!(
                    "DATEADD of {part:?} to {} has no exact form in PostgreSQL",
                    x.ty
                ));
            }
        };
        if x.ty == SqlType::SmallDateTime
            && matches!(
                part,
                DatePart::Second | DatePart::Millisecond | DatePart::Microsecond
            )
        {
            return Err("DATEADD of seconds to smalldatetime rounds to the minute".to_owned());
        }
        if x.class() == Class::Date && argument == "days" {
            let days = match n.lit_int() {
                Some(k) => return Ok(shifted_date(&x, k * factor)),
                None if factor == 1 => n.at(Prec::Product),
                None => fill(&format!("{{}} * {factor}"), &[&n.at(Prec::Product)]),
            };
            let sql = fill("{} + {}", &[&x.at(Prec::Sum), &days]);
            return Ok(Value::new(sql, Prec::Sum, SqlType::Date, nullable));
        }
        let interval = match (n.lit_int(), part) {
            (Some(k), _) => Template::sql(format!("interval '{} {unit}'", k * factor)),
            (None, DatePart::Millisecond) => {
                fill("make_interval(secs => {} / 1000.0)", &[&n.at(Prec::Product)])
            }
            (None, DatePart::Microsecond) => {
                fill("make_interval(secs => {} / 1000000.0)", &[&n.at(Prec::Product)])
            }
            (None, _) if factor == 1 => fill(&format!("make_interval({argument} => {{}})"), &[n.arg()]),
            (None, _) => fill(
                &format!("make_interval({argument} => {{}} * {factor})"),
                &[&n.at(Prec::Product)],
            ),
        };
        let sql = fill("{} + {}", &[&x.at(Prec::Sum), &interval]);
        let sum = Value::new(sql, Prec::Sum, x.ty.clone(), nullable);
        Ok(if x.class() == Class::Date {
            sum.cast("date")
        } else {
            sum
        })
    }

    /// DATEDIFF counts how many boundaries of the part lie between its dates.
    pub(super) fn date_diff(&mut self, part: DatePart, a: &Expr, b: &Expr, ty: SqlType) -> Outcome<Value> {
        let (a, b) = (self.date_argument(a)?, self.date_argument(b)?);
        if a.class() == Class::Time || b.class() == Class::Time {
            return Err("DATEDIFF of times".to_owned());
        }
        let nullable = a.nullable || b.nullable;
        let day = |v: &Value| {
            if v.class() == Class::Date {
                v.clone()
            } else {
                v.cast("date")
            }
        };
        let stamp = |v: &Value| {
            if v.class() == Class::Date {
                v.cast("timestamp")
            } else {
                v.clone()
            }
        };
        let pg = if ty == SqlType::BigInt {
            "bigint"
        } else {
            "integer"
        };
        let big = |value: Value| {
            if ty == SqlType::BigInt {
                value.cast("bigint")
            } else {
                value
            }
        };
        let months = |per_year: u8, field: &str| {
            let count = |v: &Value| {
                fill(
                    &format!("extract(year from {{}}) * {per_year} + extract({field} from {{}})"),
                    &[v.arg(), v.arg()],
                )
            };
            let sql = fill("({} - {})", &[&count(&b), &fill("({})", &[&count(&a)])]);
            Value::atom(sql, ty.clone(), nullable).cast(pg)
        };
        let clock = |unit: &str, seconds: u32| {
            let cut = |v: &Value| fill(&format!("date_trunc('{unit}', {{}})"), &[stamp(v).arg()]);
            let pattern = if seconds == 1 {
                "extract(epoch from {} - {})".to_owned()
            } else {
                format!("(extract(epoch from {{}} - {{}}) / {seconds})")
            };
            Value::atom(fill(&pattern, &[&cut(&b), &cut(&a)]), ty.clone(), nullable).cast(pg)
        };
        Ok(match part {
            DatePart::Year => {
                let sql = fill(
                    "(extract(year from {}) - extract(year from {}))",
                    &[b.arg(), a.arg()],
                );
                Value::atom(sql, ty.clone(), nullable).cast(pg)
            }
            DatePart::Quarter => months(4, "quarter"),
            DatePart::Month => months(12, "month"),
            DatePart::Day | DatePart::DayOfYear | DatePart::Weekday => {
                let sql = fill("{} - {}", &[&day(&b).at(Prec::Cast), &day(&a).at(Prec::Cast)]);
                big(Value::new(sql, Prec::Sum, ty.clone(), nullable))
            }
            // Weeks start on Sunday here, whatever DATEFIRST says; the day before year 1 was one.
            DatePart::Week => {
                let week = |v: &Value| fill("({} - date '0001-12-31 BC') / 7", &[&day(v).at(Prec::Cast)]);
                let sql = fill("{} - {}", &[&week(&b), &week(&a)]);
                big(Value::new(sql, Prec::Sum, ty.clone(), nullable))
            }
            DatePart::Hour => clock("hour", 3600),
            DatePart::Minute => clock("minute", 60),
            DatePart::Second => clock("second", 1),
            _ => return Err(format!("DATEDIFF in {part:?} has no exact form in PostgreSQL")),
        })
    }
}

fn shifted_date(x: &Value, days: i64) -> Value {
    let (op, days) = if days < 0 { ("-", -days) } else { ("+", days) };
    Value::new(
        fill(&format!("{{}} {op} {days}"), &[&x.at(Prec::Sum)]),
        Prec::Sum,
        SqlType::Date,
        x.nullable,
    )
}
