//! Functions that take dates apart and put them together.

use sqlparser::ast::Expr;

use super::Call;
use crate::tsql::context::Context;
use crate::tsql::convert::Reason;
use crate::tsql::types::{Class, SqlType};
use crate::tsql::value::{Outcome, Prec, Value, fill};

/// The parts of a date that T-SQL names, whatever the abbreviation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DatePart {
    Year,
    Quarter,
    Month,
    DayOfYear,
    Day,
    Week,
    IsoWeek,
    Weekday,
    Hour,
    Minute,
    Second,
    Millisecond,
    Microsecond,
    Nanosecond,
}

impl DatePart {
    pub(super) fn read(expr: &Expr) -> Outcome<Self> {
        let Expr::Identifier(name) = expr else {
            return Err(format!("`{expr}` is not a part of a date"));
        };
        Ok(match name.value.to_lowercase().as_str() {
            "year" | "yy" | "yyyy" => Self::Year,
            "quarter" | "qq" | "q" => Self::Quarter,
            "month" | "mm" | "m" => Self::Month,
            "dayofyear" | "dy" | "y" => Self::DayOfYear,
            "day" | "dd" | "d" => Self::Day,
            "week" | "wk" | "ww" => Self::Week,
            "iso_week" | "isowk" | "isoww" => Self::IsoWeek,
            "weekday" | "dw" | "w" => Self::Weekday,
            "hour" | "hh" => Self::Hour,
            "minute" | "mi" | "n" => Self::Minute,
            "second" | "ss" | "s" => Self::Second,
            "millisecond" | "ms" => Self::Millisecond,
            "microsecond" | "mcs" => Self::Microsecond,
            "nanosecond" | "ns" => Self::Nanosecond,
            other => return Err(format!("`{other}` is not a part of a date that is known here")),
        })
    }

    /// Whether a time of day has it.
    pub(super) fn is_clock(self) -> bool {
        matches!(
            self,
            Self::Hour
                | Self::Minute
                | Self::Second
                | Self::Millisecond
                | Self::Microsecond
                | Self::Nanosecond
        )
    }
}

impl Context<'_> {
    /// An argument as a date, with text and integers read as SQL Server reads them.
    pub(super) fn date_argument(&mut self, expr: &Expr) -> Outcome<Value> {
        let value = self.value(expr)?;
        match value.class() {
            Class::Date | Class::DateTime | Class::Time => Ok(value),
            Class::Null => Ok(value.cast("timestamp").typed(SqlType::DateTime)),
            Class::Offset => Err(
                "the local time of a datetimeoffset is gone, because PostgreSQL keeps no offset".to_owned(),
            ),
            _ => self.convert(value, &SqlType::DateTime, Reason::Operand),
        }
    }

    pub(super) fn date_function(&mut self, call: &Call<'_>) -> Outcome<Option<Value>> {
        let value = match (call.name, call.args) {
            ("year", [x]) => self.date_part(DatePart::Year, x)?,
            ("month", [x]) => self.date_part(DatePart::Month, x)?,
            ("day", [x]) => self.date_part(DatePart::Day, x)?,
            ("datepart", [part, x]) => self.date_part(DatePart::read(part)?, x)?,
            ("datename", [part, x]) => self.date_name(DatePart::read(part)?, x)?,
            ("dateadd", [part, n, x]) => self.date_add(DatePart::read(part)?, n, x)?,
            ("datediff" | "datediff_big", [part, a, b]) => {
                let ty = if call.name == "datediff" {
                    SqlType::Int
                } else {
                    SqlType::BigInt
                };
                self.date_diff(DatePart::read(part)?, a, b, ty)?
            }
            ("eomonth", [x]) => self.end_of_month(x, None)?,
            ("eomonth", [x, months]) => self.end_of_month(x, Some(months))?,
            ("datefromparts", [y, m, d]) => {
                self.assembled("make_date({}, {}, {})", &[y, m, d], SqlType::Date)?
            }
            ("datetimefromparts", [y, m, d, h, mi, s, ms]) => {
                let pattern = "make_timestamp({}, {}, {}, {}, {}, {} + {} / 1000.0)";
                self.assembled(pattern, &[y, m, d, h, mi, s, ms], SqlType::DateTime)?
            }
            ("smalldatetimefromparts", [y, m, d, h, mi]) => self.assembled(
                "make_timestamp({}, {}, {}, {}, {}, 0)",
                &[y, m, d, h, mi],
                SqlType::SmallDateTime,
            )?,
            ("datetrunc", [part, x]) => {
                let part = match DatePart::read(part)? {
                    DatePart::Year => "year",
                    DatePart::Quarter => "quarter",
                    DatePart::Month => "month",
                    DatePart::Day | DatePart::DayOfYear => "day",
                    DatePart::IsoWeek => "week",
                    DatePart::Hour => "hour",
                    DatePart::Minute => "minute",
                    DatePart::Second => "second",
                    other => return Err(format!("DATETRUNC of {other:?}")),
                };
                let x = self.date_argument(x)?;
                if x.class() == Class::Time {
                    return Err("DATETRUNC of a time".to_owned());
                }
                let stamp = if x.class() == Class::Date {
                    x.cast("timestamp")
                } else {
                    x.clone()
                };
                let call = Value::atom(
                    fill(&format!("date_trunc('{part}', {{}})"), &[stamp.arg()]),
                    x.ty.clone(),
                    x.nullable,
                );
                if x.class() == Class::Date {
                    call.cast("date")
                } else {
                    call
                }
            }
            ("switchoffset" | "todatetimeoffset", _) => {
                return Err(format!(
                    "{}() works with an offset that PostgreSQL does not keep",
                    call.name
                ));
            }
            _ => return Ok(None),
        };
        Ok(Some(value))
    }

    fn assembled(&mut self, pattern: &str, args: &[&Expr], ty: SqlType) -> Outcome<Value> {
        let parts = args
            .iter()
            .map(|a| self.int_argument(a))
            .collect::<Outcome<Vec<_>>>()?;
        let nullable = parts.iter().any(|p| p.nullable);
        let sql: Vec<_> = parts
            .iter()
            .map(|p| {
                if pattern.contains('/') {
                    p.at(Prec::Unary)
                } else {
                    p.arg().clone()
                }
            })
            .collect();
        Ok(Value::atom(
            fill(pattern, &sql.iter().collect::<Vec<_>>()),
            ty,
            nullable,
        ))
    }

    /// DATEPART and its short forms.
    fn date_part(&mut self, part: DatePart, x: &Expr) -> Outcome<Value> {
        let x = self.date_argument(x)?;
        if (x.class() == Class::Time && !part.is_clock()) || (x.class() == Class::Date && part.is_clock()) {
            return Err(format!("{} has no {part:?}", x.ty));
        }
        let whole = |field: &str| {
            let sql = fill(&format!("extract({field} from {{}})"), &[x.arg()]);
            Value::atom(sql, SqlType::Int, x.nullable).cast("integer")
        };
        Ok(match part {
            DatePart::Year => whole("year"),
            DatePart::Quarter => whole("quarter"),
            DatePart::Month => whole("month"),
            DatePart::DayOfYear => whole("doy"),
            DatePart::Day => whole("day"),
            DatePart::IsoWeek => whole("week"),
            DatePart::Hour => whole("hour"),
            DatePart::Minute => whole("minute"),
            // PostgreSQL counts fractions with the seconds, and seconds with the milliseconds.
            DatePart::Second => {
                let sql = fill("trunc(extract(second from {}))", &[x.arg()]);
                Value::atom(sql, SqlType::Int, x.nullable).cast("integer")
            }
            DatePart::Millisecond => {
                let sql = fill("trunc(extract(milliseconds from {}))::integer % 1000", &[x.arg()]);
                Value::new(sql, Prec::Product, SqlType::Int, x.nullable)
            }
            DatePart::Microsecond => {
                let sql = fill("extract(microseconds from {})::integer % 1000000", &[x.arg()]);
                Value::new(sql, Prec::Product, SqlType::Int, x.nullable)
            }
            DatePart::Weekday => {
                self.note("the week starts on Sunday, as SQL Server has it by default (SET DATEFIRST 7)");
                let sql = fill("extract(dow from {})::integer + 1", &[x.arg()]);
                Value::new(sql, Prec::Sum, SqlType::Int, x.nullable)
            }
            DatePart::Week | DatePart::Nanosecond => {
                return Err(format!("DATEPART of {part:?} has no exact form in PostgreSQL"));
            }
        })
    }

    fn date_name(&mut self, part: DatePart, x: &Expr) -> Outcome<Value> {
        let pattern = match part {
            DatePart::Month => "FMMonth",
            DatePart::Weekday => "FMDay",
            _ => {
                let number = self.date_part(part, x)?;
                return Ok(number.cast("text").typed(SqlType::nvarchar(30)));
            }
        };
        let x = self.date_argument(x)?;
        if x.class() == Class::Time {
            return Err(format!("{} has no {part:?}", x.ty));
        }
        self.stable();
        self.note("names of months and days are English here, and in the session's language in SQL Server");
        Ok(Value::atom(
            fill(&format!("to_char({{}}, '{pattern}')"), &[x.arg()]),
            SqlType::nvarchar(30),
            x.nullable,
        ))
    }

    fn end_of_month(&mut self, x: &Expr, months: Option<&Expr>) -> Outcome<Value> {
        let x = self.date_argument(x)?;
        if x.class() == Class::Time {
            return Err("EOMONTH of a time".to_owned());
        }
        // date_trunc of a date would go through the session's time zone.
        let stamp = if x.class() == Class::Date {
            x.cast("timestamp")
        } else {
            x.clone()
        };
        let (pattern, extra) = match months {
            None => (
                "(date_trunc('month', {}) + interval '1 month - 1 day')::date",
                None,
            ),
            Some(months) => (
                "(date_trunc('month', {}) + make_interval(months => {} + 1) - interval '1 day')::date",
                Some(self.int_argument(months)?),
            ),
        };
        let nullable = x.nullable || extra.as_ref().is_some_and(|e| e.nullable);
        let sql = match &extra {
            None => fill(pattern, &[stamp.arg()]),
            Some(n) => fill(pattern, &[stamp.arg(), &n.at(Prec::Sum)]),
        };
        Ok(Value::new(sql, Prec::Cast, SqlType::Date, nullable))
    }
}
