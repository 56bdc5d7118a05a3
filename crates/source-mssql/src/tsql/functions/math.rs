//! Functions on numbers.

use sqlparser::ast::Expr;

use super::Call;
use crate::tsql::context::Context;
use crate::tsql::convert::Reason;
use crate::tsql::literal;
use crate::tsql::types::{Class, SqlType};
use crate::tsql::value::{Lit, Outcome, Value, fill};

impl Context<'_> {
    fn number_argument(&mut self, expr: &Expr) -> Outcome<Value> {
        let value = self.value(expr)?;
        match value.class() {
            class if class.is_number() => Ok(value),
            Class::Bit => self.convert(value, &SqlType::Int, Reason::Operand),
            Class::Null => Ok(value.cast("double precision").typed(SqlType::Float)),
            Class::Text => {
                let number = self.convert(value, &SqlType::Float, Reason::Operand)?;
                Ok(match &number.lit {
                    Some(Lit::Number(n)) => literal::float(n),
                    _ => number,
                })
            }
            _ => Err(format!("{} where a number is needed", value.ty)),
        }
    }

    /// A function that computes in floating point.
    fn float_call(&mut self, function: &str, args: &[&Expr]) -> Outcome<Value> {
        let mut list = Vec::new();
        let mut nullable = false;
        for arg in args {
            let value = self.number_argument(arg)?;
            nullable |= value.nullable;
            // PostgreSQL would compute in numeric for exact arguments.
            list.push(if value.class() == Class::Float {
                value
            } else {
                value.cast("double precision")
            });
        }
        let sql = fill(
            &format!("{function}({{}})"),
            &[&crate::tsql::value::join(list.iter().map(Value::arg), ", ")],
        );
        Ok(Value::atom(sql, SqlType::Float, nullable))
    }

    pub(super) fn math_function(&mut self, call: &Call<'_>) -> Outcome<Option<Value>> {
        let value = match (call.name, call.args) {
            ("abs", [x]) => {
                let x = widened(self.number_argument(x)?);
                Value::atom(fill("abs({})", &[x.arg()]), x.ty.clone(), x.nullable)
            }
            ("sign", [x]) => {
                let x = widened(self.number_argument(x)?);
                let call = Value::atom(fill("sign({})", &[x.arg()]), x.ty.clone(), x.nullable);
                match x.ty {
                    SqlType::BigInt => call.cast("bigint"),
                    _ if x.class() == Class::Int => call.cast("integer"),
                    _ => call,
                }
            }
            ("ceiling", [x]) => self.whole_number("ceil", x)?,
            ("floor", [x]) => self.whole_number("floor", x)?,
            ("round", [x, digits]) => self.round("round", x, digits)?,
            ("round", [x, digits, how]) => match self.int_argument(how)?.lit_int() {
                Some(0) => self.round("round", x, digits)?,
                Some(_) => self.round("trunc", x, digits)?,
                None => return Err("ROUND whose third argument is not a constant".to_owned()),
            },
            ("power", [x, exponent]) => {
                let base = self.number_argument(x)?;
                let power = self.number_argument(exponent)?;
                match (base.class(), power.lit_int()) {
                    (Class::Float | Class::Real, _) => self.float_call("power", &[x, exponent])?,
                    (Class::Int, Some(n @ 0..)) => {
                        let sql = fill(&format!("power({{}}, {n})"), &[base.cast("numeric").arg()]);
                        let ty = widened_type(&base.ty);
                        let pg = if ty == SqlType::BigInt {
                            "bigint"
                        } else {
                            "integer"
                        };
                        Value::atom(sql, ty, base.nullable).cast(pg)
                    }
                    _ => {
                        return Err(format!(
                            "POWER of {} is computed in floating point and rounded back",
                            base.ty
                        ));
                    }
                }
            }
            ("square", [x]) => {
                let x = self.number_argument(x)?;
                let x = if x.class() == Class::Float {
                    x
                } else {
                    x.cast("double precision")
                };
                Value::atom(fill("power({}, 2)", &[x.arg()]), SqlType::Float, x.nullable)
            }
            ("sqrt" | "exp" | "sin" | "cos" | "tan" | "asin" | "acos" | "atan" | "cot", args @ [_]) => {
                self.float_call(call.name, args)?
            }
            ("log", args @ [_]) => self.float_call("ln", args)?,
            ("log10", args @ [_]) => self.float_call("log", args)?,
            ("atn2", args @ [_, _]) => self.float_call("atan2", args)?,
            _ => return Ok(None),
        };
        Ok(Some(value))
    }

    /// FLOOR and CEILING, which leave integers alone (PostgreSQL would make them floating point).
    pub(in crate::tsql) fn whole_number(&mut self, function: &str, x: &Expr) -> Outcome<Value> {
        let x = self.number_argument(x)?;
        let ty = match (&x.ty, x.class()) {
            (_, Class::Int) => {
                return Ok(Value {
                    bare: false,
                    ..widened(x)
                });
            }
            (SqlType::Decimal(p, _), _) => SqlType::Decimal(*p, 0),
            (SqlType::Real, _) => SqlType::Float,
            (other, _) => other.clone(),
        };
        Ok(Value::atom(
            fill(&format!("{function}({{}})"), &[x.arg()]),
            ty,
            x.nullable,
        ))
    }

    /// ROUND, or with `trunc` its cutting form; negative digits count before the point.
    fn round(&mut self, function: &str, x: &Expr, digits: &Expr) -> Outcome<Value> {
        let (x, digits) = (self.number_argument(x)?, self.int_argument(digits)?);
        let nullable = x.nullable || digits.nullable;
        match x.class() {
            Class::Int => {
                let ty = widened_type(&x.ty);
                if digits.lit_int().is_some_and(|n| n >= 0) {
                    return Ok(Value {
                        bare: false,
                        ..widened(x)
                    });
                }
                let pg = if ty == SqlType::BigInt {
                    "bigint"
                } else {
                    "integer"
                };
                let sql = fill(
                    &format!("{function}({{}}, {{}})"),
                    &[x.cast("numeric").arg(), digits.arg()],
                );
                Ok(Value::atom(sql, ty, nullable).cast(pg))
            }
            Class::Decimal | Class::Money => {
                let sql = fill(&format!("{function}({{}}, {{}})"), &[x.arg(), digits.arg()]);
                Ok(Value::atom(sql, x.ty, nullable))
            }
            _ => {
                self.note("a float is rounded in decimal here, with 15 significant digits");
                let sql = fill(
                    &format!("{function}({{}}, {{}})"),
                    &[x.cast("numeric").arg(), digits.arg()],
                );
                Ok(Value::atom(sql, SqlType::Float, nullable).cast("double precision"))
            }
        }
    }
}

/// The type of a function's result for an argument: small integers become int, real float, smallmoney money.
fn widened_type(ty: &SqlType) -> SqlType {
    match ty {
        SqlType::TinyInt | SqlType::SmallInt => SqlType::Int,
        SqlType::SmallMoney => SqlType::Money,
        SqlType::Real => SqlType::Float,
        other => other.clone(),
    }
}

/// An argument as the type of the result.
fn widened(x: Value) -> Value {
    let ty = widened_type(&x.ty);
    match x.ty {
        SqlType::TinyInt | SqlType::SmallInt => x.cast("integer").typed(ty),
        SqlType::Real => x.cast("double precision").typed(ty),
        _ => x.typed(ty),
    }
}
