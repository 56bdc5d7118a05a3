//! Aggregates and window functions, for views.

use migrate_core::template::Template;
use sqlparser::ast::{
    Expr, Function, WindowFrame, WindowFrameBound, WindowFrameUnits, WindowSpec, WindowType,
};

use crate::tsql::context::Context;
use crate::tsql::convert::Reason;
use crate::tsql::types::{Class, SqlType};
use crate::tsql::value::{Outcome, Value, fill, join};

impl Context<'_> {
    /// Translates a call if the function is an aggregate or window function.
    pub(super) fn aggregate(
        &mut self,
        f: &Function,
        name: &str,
        args: &[&Expr],
        distinct: bool,
        star: bool,
    ) -> Outcome<Option<Value>> {
        if f.null_treatment.is_some() || f.filter.is_some() {
            return Err(format!("{name} with FILTER or a treatment of NULLs"));
        }
        let ordered_inside = !f.within_group.is_empty() && name != "string_agg";
        if ordered_inside {
            return Err(format!(
                "{name} WITHIN GROUP has no PostgreSQL form that is known here"
            ));
        }
        let word = if distinct { "distinct " } else { "" };
        let over = match &f.over {
            None => Template::new(),
            Some(WindowType::WindowSpec(spec)) => self.window(spec)?,
            Some(WindowType::NamedWindow(_)) => return Err("a named window".to_owned()),
        };
        let windowed = |call: Template| fill("{}{}", &[&call, &over]);
        let value = match (name, args) {
            ("count" | "count_big", []) if star => {
                let count = Value::atom(windowed(Template::sql("count(*)")), SqlType::BigInt, false);
                counted(name, count)
            }
            ("count" | "count_big", [x]) => {
                let x = self.value(x)?;
                if distinct {
                    self.note_text(&[&x]);
                }
                let call = fill(&format!("count({word}{{}})"), &[x.arg()]);
                counted(name, Value::atom(windowed(call), SqlType::BigInt, false))
            }
            ("sum", [x]) => {
                let x = self.summand(name, x)?;
                let call = windowed(fill(&format!("sum({word}{{}})"), &[x.arg()]));
                match &x.ty {
                    SqlType::BigInt => Value::atom(call, SqlType::BigInt, true).cast("bigint"),
                    _ if x.class() == Class::Int => Value::atom(call, SqlType::Int, true).cast("integer"),
                    SqlType::Decimal(_, s) => Value::atom(call, SqlType::Decimal(38, *s), true),
                    SqlType::SmallMoney | SqlType::Money => Value::atom(call, SqlType::Money, true),
                    SqlType::Real => Value::atom(call, SqlType::Float, true).cast("double precision"),
                    other => Value::atom(call, other.clone(), true),
                }
            }
            ("avg", [x]) => {
                let x = self.summand(name, x)?;
                let call = windowed(fill(&format!("avg({word}{{}})"), &[x.arg()]));
                match &x.ty {
                    // The average of integers is an integer, cut.
                    SqlType::BigInt => {
                        Value::atom(fill("trunc({})", &[&call]), SqlType::BigInt, true).cast("bigint")
                    }
                    _ if x.class() == Class::Int => {
                        Value::atom(fill("trunc({})", &[&call]), SqlType::Int, true).cast("integer")
                    }
                    SqlType::Decimal(_, s) => {
                        let scale = (*s).max(6);
                        let sql = fill(&format!("trunc({{}}, {scale})"), &[&call]);
                        Value::atom(sql, SqlType::Decimal(38, scale), true)
                    }
                    SqlType::SmallMoney | SqlType::Money => {
                        Value::atom(fill("trunc({}, 4)", &[&call]), SqlType::Money, true)
                    }
                    other => Value::atom(call, other.clone(), true),
                }
            }
            ("min" | "max", [x]) => {
                let x = self.value(x)?;
                match x.class() {
                    Class::Uuid | Class::Binary | Class::Bit | Class::Opaque | Class::Unknown => {
                        return Err(format!(
                            "{name} of {} has no PostgreSQL form that is known here",
                            x.ty
                        ));
                    }
                    Class::Text => self.note_text(&[&x]),
                    _ => {}
                }
                let mut value = Value::atom(windowed(fill(&format!("{name}({{}})"), &[x.arg()])), x.ty, true);
                value.case_insensitive = x.case_insensitive;
                value
            }
            ("stdev" | "stdevp" | "var" | "varp", [x]) => {
                let function = match name {
                    "stdev" => "stddev_samp",
                    "stdevp" => "stddev_pop",
                    "var" => "var_samp",
                    _ => "var_pop",
                };
                let x = self.summand(name, x)?;
                let x = if x.class() == Class::Float {
                    x
                } else {
                    x.cast("double precision")
                };
                let call = fill(&format!("{function}({word}{{}})"), &[x.arg()]);
                Value::atom(windowed(call), SqlType::Float, true)
            }
            ("string_agg", [x, separator]) => {
                let (x, separator) = (self.value(x)?, self.value(separator)?);
                let text = SqlType::Text {
                    len: None,
                    national: false,
                    fixed: false,
                };
                let x = if x.class() == Class::Text {
                    x.unpadded()
                } else {
                    self.convert(x, &text, Reason::Operand)?
                };
                let order = if f.within_group.is_empty() {
                    Template::new()
                } else {
                    fill(" order by {}", &[&self.order_items(&f.within_group)?])
                };
                let call = fill("string_agg({}, {}{})", &[x.arg(), separator.arg(), &order]);
                Value::atom(windowed(call), x.ty.clone(), true)
            }
            ("row_number" | "rank" | "dense_rank", []) if f.over.is_some() => Value::atom(
                windowed(Template::sql(format!("{name}()"))),
                SqlType::BigInt,
                false,
            ),
            ("ntile", [n]) if f.over.is_some() => {
                let n = self.int_argument(n)?;
                let call = Value::atom(windowed(fill("ntile({})", &[n.arg()])), SqlType::BigInt, false);
                call.cast("bigint")
            }
            ("percent_rank" | "cume_dist", []) if f.over.is_some() => Value::atom(
                windowed(Template::sql(format!("{name}()"))),
                SqlType::Float,
                false,
            ),
            ("first_value" | "last_value", [x]) if f.over.is_some() => {
                let x = self.value(x)?;
                Value {
                    nullable: true,
                    bare: false,
                    lit: None,
                    ..x.clone()
                }
                .with_sql(windowed(fill(&format!("{name}({{}})"), &[x.arg()])))
            }
            ("lag" | "lead", [x, rest @ ..]) if f.over.is_some() && rest.len() <= 2 => {
                let x = self.value(x)?;
                let mut list = vec![x.arg().clone()];
                if let Some(offset) = rest.first() {
                    let offset = self.int_argument(offset)?;
                    list.push(if offset.ty == SqlType::BigInt {
                        offset.cast("integer").sql
                    } else {
                        offset.sql
                    });
                }
                if let Some(default) = rest.get(1) {
                    let default = self.value(default)?;
                    list.push(self.convert(default, &x.ty, Reason::Replace)?.sql);
                }
                let call = fill(&format!("{name}({{}})"), &[&join(&list, ", ")]);
                Value {
                    nullable: true,
                    bare: false,
                    lit: None,
                    ..x
                }
                .with_sql(windowed(call))
            }
            ("grouping", [x]) => {
                let x = self.value(x)?;
                Value::atom(fill("grouping({})", &[x.arg()]), SqlType::TinyInt, false)
            }
            _ => return Ok(None),
        };
        Ok(Some(value))
    }

    fn summand(&mut self, name: &str, x: &Expr) -> Outcome<Value> {
        let x = self.value(x)?;
        if x.class().is_number() {
            Ok(x)
        } else {
            Err(format!("{name} of {}", x.ty))
        }
    }

    fn window(&mut self, spec: &WindowSpec) -> Outcome<Template> {
        if spec.window_name.is_some() {
            return Err("a named window".to_owned());
        }
        let mut parts = Vec::new();
        if !spec.partition_by.is_empty() {
            let mut keys = Vec::new();
            for key in &spec.partition_by {
                let key = self.value(key)?;
                self.note_text(&[&key]);
                keys.push(key.sql);
            }
            parts.push(fill("partition by {}", &[&join(&keys, ", ")]));
        }
        if !spec.order_by.is_empty() {
            parts.push(fill("order by {}", &[&self.order_items(&spec.order_by)?]));
        }
        if let Some(frame) = &spec.window_frame {
            parts.push(Template::sql(frame_text(frame)?));
        }
        Ok(fill(" over ({})", &[&join(&parts, " ")]))
    }
}

impl Value {
    fn with_sql(mut self, sql: Template) -> Self {
        self.sql = sql;
        self.prec = crate::tsql::value::Prec::Atom;
        self
    }
}

/// COUNT is int in SQL Server, COUNT_BIG and PostgreSQL's count are bigint.
fn counted(name: &str, count: Value) -> Value {
    if name == "count" {
        count.cast("integer").typed(SqlType::Int)
    } else {
        count
    }
}

fn frame_text(frame: &WindowFrame) -> Outcome<String> {
    let units = match frame.units {
        WindowFrameUnits::Rows => "rows",
        WindowFrameUnits::Range => "range",
        WindowFrameUnits::Groups => return Err("a window frame in groups".to_owned()),
    };
    let bound = |b: &WindowFrameBound| {
        Ok::<_, String>(match b {
            WindowFrameBound::CurrentRow => "current row".to_owned(),
            WindowFrameBound::Preceding(None) => "unbounded preceding".to_owned(),
            WindowFrameBound::Following(None) => "unbounded following".to_owned(),
            WindowFrameBound::Preceding(Some(n)) => format!("{} preceding", rows(n)?),
            WindowFrameBound::Following(Some(n)) => format!("{} following", rows(n)?),
        })
    };
    Ok(match &frame.end_bound {
        Some(end) => format!(
            "{units} between {} and {}",
            bound(&frame.start_bound)?,
            bound(end)?
        ),
        None => format!("{units} {}", bound(&frame.start_bound)?),
    })
}

fn rows(n: &Expr) -> Outcome<u64> {
    n.to_string()
        .parse()
        .map_err(|_| "a window frame whose size is not a constant".to_owned())
}
