//! Functions on text.

use migrate_core::template::Template;
use sqlparser::ast::{Expr, TrimWhereField};

use super::Call;
use crate::tsql::context::Context;
use crate::tsql::convert::{Reason, text_type};
use crate::tsql::literal;
use crate::tsql::operator::concatenated;
use crate::tsql::types::{Class, SqlType};
use crate::tsql::value::{Outcome, Prec, Value, fill, join};

/// The most characters that a text type without `(max)` has.
fn cap(national: bool) -> u32 {
    if national { 4000 } else { 8000 }
}

fn is_national(value: &Value) -> bool {
    matches!(value.ty, SqlType::Text { national: true, .. })
}

fn length(value: &Value) -> Option<u32> {
    match value.ty {
        SqlType::Text { len, .. } => len,
        _ => None,
    }
}

/// A call's result: text like an argument, of another length.
fn like(source: &Value, sql: Template, len: Option<u32>, nullable: bool) -> Value {
    let ty = SqlType::Text {
        len,
        national: is_national(source),
        fixed: false,
    };
    let mut value = Value::atom(sql, ty, nullable);
    value.case_insensitive = source.case_insensitive;
    value
}

/// A call whose result is an int.
fn int_call(pattern: &str, args: &[&Value]) -> Value {
    let templates: Vec<&Template> = args.iter().map(|a| a.arg()).collect();
    Value::atom(
        fill(pattern, &templates),
        SqlType::Int,
        args.iter().any(|a| a.nullable),
    )
}

impl Context<'_> {
    /// An argument as text without PostgreSQL's special treatment of `char(n)`.
    fn text_argument(&mut self, expr: &Expr) -> Outcome<Value> {
        let value = self.value(expr)?;
        self.as_text(value)
    }

    fn as_text(&mut self, value: Value) -> Outcome<Value> {
        let value = match value.class() {
            Class::Text => value,
            Class::Null => value.cast("text").typed(SqlType::varchar(1)),
            _ => {
                let ty = text_type(&value.ty);
                self.convert(value, &ty, Reason::Operand)?
            }
        };
        Ok(value.unpadded())
    }

    fn counts_characters(&mut self, value: &Value) {
        if is_national(value) && value.lit.is_none() {
            self.note("characters beyond U+FFFF count as one in PostgreSQL and as two in SQL Server");
        }
    }

    pub(super) fn text_function(&mut self, call: &Call<'_>) -> Outcome<Option<Value>> {
        let value = match (call.name, call.args) {
            ("len", [x]) => {
                let x = self.value(x)?;
                if x.class() == Class::Binary {
                    return Ok(Some(int_call("octet_length({})", &[&x])));
                }
                let x = if x.class() == Class::Text {
                    x
                } else {
                    self.as_text(x)?
                };
                self.counts_characters(&x);
                let count = int_call("char_length(rtrim({}))", &[&x]);
                // Of (max) types it is a bigint.
                if length(&x).is_none() {
                    count.cast("bigint").typed(SqlType::BigInt)
                } else {
                    count
                }
            }
            ("datalength", [x]) => {
                let x = self.value(x)?;
                match x.class() {
                    Class::Binary => int_call("octet_length({})", &[&x]),
                    Class::Text => {
                        let x = x.unpadded();
                        self.counts_characters(&x);
                        if is_national(&x) {
                            let sql = fill("char_length({}) * 2", &[x.arg()]);
                            Value::new(sql, Prec::Product, SqlType::Int, x.nullable)
                        } else {
                            self.note("DATALENGTH of varchar is counted in characters here, in bytes of its code page in SQL Server");
                            int_call("char_length({})", &[&x])
                        }
                    }
                    _ => return Err(format!("DATALENGTH of {}", x.ty)),
                }
            }
            ("left" | "right", [x, n]) => {
                let (x, n) = (self.text_argument(x)?, self.int_argument(n)?);
                self.counts_characters(&x);
                let nullable = x.nullable || n.nullable;
                let (len, sql) = match n.lit_int() {
                    Some(k) if k < 0 => return Err(format!("{} with a negative length", call.name)),
                    Some(k) => {
                        let k = u32::try_from(k).unwrap_or(u32::MAX);
                        let len = Some(length(&x).map_or(k, |l| l.min(k)));
                        (
                            len,
                            fill(&format!("{}({{}}, {{}})", call.name), &[x.arg(), n.arg()]),
                        )
                    }
                    // A negative length is an error in SQL Server and in substr, not in left.
                    None if call.name == "left" => {
                        (length(&x), fill("substr({}, 1, {})", &[x.arg(), n.arg()]))
                    }
                    None => {
                        self.note(
                            "RIGHT with a negative length is an error in SQL Server, not in PostgreSQL",
                        );
                        (length(&x), fill("right({}, {})", &[x.arg(), n.arg()]))
                    }
                };
                like(&x, sql, len, nullable)
            }
            ("substring", [x, from, len]) => self.substring(x, from, len)?,
            ("upper" | "lower" | "reverse", [x]) => {
                let x = self.value(x)?;
                // Numbers, dates and the like are written in ASCII.
                let ascii = x.class() != Class::Text || x.lit_text().is_some_and(str::is_ascii);
                if call.name != "reverse" && !ascii {
                    self.note(format!(
                        "{}() follows the locale of the destination database",
                        call.name
                    ));
                }
                let x = self.as_text(x)?;
                let sql = fill(&format!("{}({{}})", call.name), &[x.arg()]);
                like(&x, sql, length(&x), x.nullable)
            }
            ("ltrim" | "rtrim", [x]) => {
                let x = if call.name == "rtrim" {
                    self.value(x)?
                } else {
                    self.text_argument(x)?
                };
                let x = if x.class() == Class::Text {
                    x
                } else {
                    self.as_text(x)?
                };
                let sql = fill(&format!("{}({{}})", call.name), &[x.arg()]);
                like(&x, sql, length(&x), x.nullable)
            }
            ("ltrim" | "rtrim", [x, characters]) => {
                let (x, set) = (self.text_argument(x)?, self.text_argument(characters)?);
                self.note_text(&[&x]);
                let sql = fill(&format!("{}({{}}, {{}})", call.name), &[x.arg(), set.arg()]);
                like(&x, sql, length(&x), x.nullable || set.nullable)
            }
            ("replace", [x, from, to]) => {
                let (x, from, to) = (
                    self.text_argument(x)?,
                    self.text_argument(from)?,
                    self.text_argument(to)?,
                );
                self.note_search(&x);
                let sql = fill("replace({}, {}, {})", &[x.arg(), from.arg(), to.arg()]);
                let nullable = x.nullable || from.nullable || to.nullable;
                let len = match (length(&x), to.lit_text(), from.lit_text()) {
                    (Some(n), Some(to), Some(from)) if to.len() <= from.len() => Some(n),
                    (None, _, _) => None,
                    _ => Some(cap(is_national(&x))),
                };
                like(&x, sql, len, nullable)
            }
            ("translate", [x, from, to]) => {
                let (x, from, to) = (
                    self.text_argument(x)?,
                    self.text_argument(from)?,
                    self.text_argument(to)?,
                );
                let count = |v: &Value| v.lit_text().map(|t| t.chars().count());
                if count(&from).is_none() || count(&from) != count(&to) {
                    return Err("TRANSLATE whose lists are not constants of the same length".to_owned());
                }
                self.note_search(&x);
                let sql = fill("translate({}, {}, {})", &[x.arg(), from.arg(), to.arg()]);
                like(&x, sql, length(&x), x.nullable)
            }
            ("charindex", [needle, x]) => self.charindex(needle, x, None)?,
            ("charindex", [needle, x, start]) => self.charindex(needle, x, Some(start))?,
            ("replicate", [x, n]) => {
                let (x, n) = (self.text_argument(x)?, self.int_argument(n)?);
                let len = length(&x).map(|l| match n.lit_int() {
                    Some(k) => u32::try_from(k.max(0))
                        .unwrap_or(u32::MAX)
                        .saturating_mul(l)
                        .min(cap(is_national(&x))),
                    None => cap(is_national(&x)),
                });
                match n.lit_int() {
                    Some(k) if k >= 0 => {
                        let sql = fill("repeat({}, {})", &[x.arg(), n.arg()]);
                        like(&x, sql, len, x.nullable)
                    }
                    Some(_) => like(&x, Template::sql("null::text"), len, true),
                    None => {
                        let sql = fill(
                            "case when {} >= 0 then repeat({}, {}) end",
                            &[&n.at(Prec::Range), x.arg(), n.arg()],
                        );
                        like(&x, sql, len, true)
                    }
                }
            }
            ("space", [n]) => {
                let n = self.int_argument(n)?;
                let (sql, nullable) = match n.lit_int() {
                    Some(k) if k >= 0 => (fill("repeat(' ', {})", &[n.arg()]), false),
                    Some(_) => (Template::sql("null::text"), true),
                    None => (
                        fill(
                            "case when {} >= 0 then repeat(' ', {}) end",
                            &[&n.at(Prec::Range), n.arg()],
                        ),
                        true,
                    ),
                };
                Value::atom(sql, SqlType::varchar(8000), nullable)
            }
            ("stuff", [x, start, len, new]) => {
                let (x, start, len) = (
                    self.text_argument(x)?,
                    self.int_argument(start)?,
                    self.int_argument(len)?,
                );
                let new = self.value(new)?;
                // NULL removes without putting anything in.
                let new = if new.is_null() {
                    literal::text("", false)
                } else {
                    self.as_text(new)?
                };
                let (Some(s), Some(l)) = (start.lit_int(), len.lit_int()) else {
                    return Err("STUFF whose position is not a constant".to_owned());
                };
                if s < 1 || l < 0 {
                    return Err("STUFF at a position outside the text".to_owned());
                }
                let put = if new.nullable {
                    fill("coalesce({}, '')", &[new.arg()])
                } else {
                    new.sql.clone()
                };
                let sql = fill(
                    &format!(
                        "case when char_length({{}}) >= {s} then overlay({{}} placing {{}} from {s} for {l}) end"
                    ),
                    &[x.arg(), x.arg(), &put],
                );
                let total = length(&x)
                    .zip(length(&new))
                    .map(|(a, b)| (a + b).min(cap(is_national(&x))));
                like(&x, sql, total, true)
            }
            ("char", [n]) => {
                let n = self.int_argument(n)?;
                match n.lit_int() {
                    Some(k @ 1..=127) => {
                        Value::atom(Template::sql(format!("chr({k})")), SqlType::varchar(1), false)
                    }
                    _ => return Err("CHAR of a number outside ASCII depends on the code page".to_owned()),
                }
            }
            ("nchar", [n]) => match self.int_argument(n)?.lit_int() {
                Some(k @ (1..=0xD7FF | 0xE000..=0xFFFF)) => {
                    Value::atom(Template::sql(format!("chr({k})")), SqlType::nvarchar(1), false)
                }
                _ => return Err("NCHAR of something else than a constant character".to_owned()),
            },
            ("unicode" | "ascii", [x]) => {
                let x = self.text_argument(x)?;
                if call.name == "ascii" {
                    self.note("ASCII of a character beyond ASCII depends on the code page in SQL Server");
                }
                let sql = fill("nullif(ascii({}), 0)", &[x.arg()]);
                Value::atom(sql, SqlType::Int, true)
            }
            ("concat", args) if args.len() >= 2 => self.concat(args)?,
            ("concat_ws", [separator, rest @ ..]) if rest.len() >= 2 => {
                let separator = self.text_argument(separator)?;
                if separator.nullable {
                    return Err("CONCAT_WS with a separator that can be NULL".to_owned());
                }
                self.stable();
                let parts = rest
                    .iter()
                    .map(|a| self.text_argument(a))
                    .collect::<Outcome<Vec<_>>>()?;
                let list = join(parts.iter().map(Value::arg), ", ");
                let sql = fill("concat_ws({}, {})", &[separator.arg(), &list]);
                let national = parts.iter().any(is_national);
                Value::atom(
                    sql,
                    SqlType::Text {
                        len: Some(cap(national)),
                        national,
                        fixed: false,
                    },
                    false,
                )
            }
            ("str", [x]) => self.str(x, 10, 0)?,
            ("str", [x, len]) => match self.int_argument(len)?.lit_int() {
                Some(len) => self.str(x, len, 0)?,
                None => return call.unknown(),
            },
            ("str", [x, len, decimals]) => {
                let (len, decimals) = (self.int_argument(len)?, self.int_argument(decimals)?);
                match (len.lit_int(), decimals.lit_int()) {
                    (Some(len), Some(decimals)) => self.str(x, len, decimals)?,
                    _ => return call.unknown(),
                }
            }
            ("quotename", [x]) => {
                let x = self.text_argument(x)?;
                let sql = fill("'[' || replace({}, ']', ']]') || ']'", &[x.arg()]);
                let ty = SqlType::nvarchar(258);
                Value::new(sql, Prec::Other, ty, x.nullable)
            }
            _ => return Ok(None),
        };
        Ok(Some(value))
    }

    /// Says that a search follows the collation.
    fn note_search(&mut self, value: &Value) {
        if value.case_insensitive {
            self.note(
                "it searches text under a case-insensitive collation; PostgreSQL tells upper from lower case",
            );
        }
    }

    /// SUBSTRING; positions before the text count in both, a negative length is an error in both.
    pub(in crate::tsql) fn substring(&mut self, x: &Expr, from: &Expr, len: &Expr) -> Outcome<Value> {
        let x = self.value(x)?;
        let (from, len) = (self.int_argument(from)?, self.int_argument(len)?);
        let nullable = x.nullable || from.nullable || len.nullable;
        let room = len.lit_int().and_then(|n| u32::try_from(n).ok());
        if x.class() == Class::Binary {
            let sql = fill("substr({}, {}, {})", &[x.arg(), from.arg(), len.arg()]);
            return Ok(Value::atom(
                sql,
                SqlType::Binary {
                    len: room,
                    fixed: false,
                },
                nullable,
            ));
        }
        let x = self.as_text(x)?;
        self.counts_characters(&x);
        let sql = fill("substr({}, {}, {})", &[x.arg(), from.arg(), len.arg()]);
        let len = match (length(&x), room) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        Ok(like(&x, sql, len, nullable))
    }

    pub(in crate::tsql) fn trim(
        &mut self,
        side: Option<&TrimWhereField>,
        characters: Option<&Expr>,
        x: &Expr,
    ) -> Outcome<Value> {
        let x = self.text_argument(x)?;
        let function = match side {
            None | Some(TrimWhereField::Both) => "btrim",
            Some(TrimWhereField::Leading) => "ltrim",
            Some(TrimWhereField::Trailing) => "rtrim",
        };
        let (sql, nullable) = match characters {
            None => (fill(&format!("{function}({{}})"), &[x.arg()]), x.nullable),
            Some(set) => {
                let set = self.text_argument(set)?;
                self.note_search(&x);
                (
                    fill(&format!("{function}({{}}, {{}})"), &[x.arg(), set.arg()]),
                    x.nullable || set.nullable,
                )
            }
        };
        Ok(like(&x, sql, length(&x), nullable))
    }

    fn charindex(&mut self, needle: &Expr, x: &Expr, start: Option<&Expr>) -> Outcome<Value> {
        let (needle, x) = (self.text_argument(needle)?, self.text_argument(x)?);
        self.note_search(if needle.case_insensitive { &needle } else { &x });
        self.counts_characters(&x);
        let big = length(&x).is_none();
        let sized = |v: Value| {
            if big {
                v.cast("bigint").typed(SqlType::BigInt)
            } else {
                v
            }
        };
        let nullable = x.nullable || needle.nullable;
        match needle.lit_text() {
            Some("") => return Err("CHARINDEX of an empty text".to_owned()),
            Some(_) => {}
            None => self.note("CHARINDEX of an empty text is 0 in SQL Server and 1 here"),
        }
        let Some(start) = start else {
            return Ok(sized(int_call("strpos({}, {})", &[&x, &needle])));
        };
        let start = self.int_argument(start)?;
        let from = match start.lit_int() {
            Some(n) => Template::sql(n.max(1).to_string()),
            None => fill("greatest({}, 1)", &[start.arg()]),
        };
        let sql = fill(
            "case strpos(substr({}, {}), {}) when 0 then 0 else strpos(substr({}, {}), {}) + {} - 1 end",
            &[x.arg(), &from, needle.arg(), x.arg(), &from, needle.arg(), &from],
        );
        Ok(sized(Value::atom(sql, SqlType::Int, nullable || start.nullable)))
    }

    /// CONCAT, in which NULL is empty; PostgreSQL's own concat() is not immutable.
    fn concat(&mut self, args: &[&Expr]) -> Outcome<Value> {
        let mut parts = Vec::with_capacity(args.len());
        for arg in args {
            let value = self.value(arg)?;
            if value.is_null() {
                continue;
            }
            let text = self.as_text(value)?;
            parts.push(if text.nullable {
                Value {
                    sql: fill("coalesce({}, '')", &[text.arg()]),
                    prec: Prec::Atom,
                    nullable: false,
                    ..text
                }
            } else {
                text
            });
        }
        if parts.is_empty() {
            return Ok(literal::text("", false));
        }
        Ok(concatenated(&parts))
    }

    /// STR: right-aligned, or asterisks if there is no room.
    fn str(&mut self, x: &Expr, len: i64, decimals: i64) -> Outcome<Value> {
        let x = self.value(x)?;
        if !matches!(x.class(), Class::Int | Class::Decimal | Class::Money)
            || !(1..=8000).contains(&len)
            || !(0..=16).contains(&decimals)
        {
            return Err(format!("STR of {}", x.ty));
        }
        let number = fill(
            &format!("round({{}}, {decimals})::text"),
            &[x.cast("numeric").arg()],
        );
        let sql = fill(
            &format!(
                "case when char_length({{}}) > {len} then repeat('*', {len}) else lpad({{}}, {len}) end"
            ),
            &[&number, &number],
        );
        Ok(Value::atom(sql, SqlType::varchar(len as u32), x.nullable))
    }
}
