//! Operators: arithmetic, concatenation, bits and comparisons.

use sqlparser::ast::Expr;

use super::context::Context;
use super::convert::Reason;
use super::literal;
use super::types::{Arith, Class, SqlType, decimal_arithmetic};
use super::value::{Lit, Outcome, Prec, Value, fill, join};

impl Context<'_> {
    /// `+`: a sum or a concatenation.
    pub(super) fn plus(&mut self, left: Value, right: Value) -> Outcome<Value> {
        match (left.class(), right.class()) {
            (Class::Text, Class::Text) | (Class::Text, Class::Null) | (Class::Null, Class::Text) => {
                Ok(concatenated(&[left, right]))
            }
            (Class::Binary, Class::Binary) => {
                let sql = fill("{} || {}", &[&left.at(Prec::Other), &right.at(Prec::Sum)]);
                let ty = SqlType::Binary {
                    len: None,
                    fixed: false,
                };
                Ok(Value::new(sql, Prec::Other, ty, left.nullable || right.nullable))
            }
            _ => self.arithmetic(Arith::Add, left, right),
        }
    }

    /// `+ - * / %` on numbers, and days added to a datetime.
    pub(super) fn arithmetic(&mut self, op: Arith, left: Value, right: Value) -> Outcome<Value> {
        let nullable = left.nullable || right.nullable;
        let common = left.ty.unify(&right.ty);
        if let (Class::DateTime, Class::Int, Arith::Add | Arith::Sub) = (left.class(), right.class(), op) {
            if !matches!(left.ty, SqlType::DateTime | SqlType::SmallDateTime) {
                return Err(format!("{} {} {}", left.ty, op.sql(), right.ty));
            }
            let days = match right.lit_int() {
                Some(n) => migrate_core::template::Template::sql(format!("interval '{n} days'")),
                None => fill("{} * interval '1 day'", &[&right.at(Prec::Unary)]),
            };
            let sql = fill(&format!("{{}} {} {{}}", op.sql()), &[&left.at(Prec::Sum), &days]);
            return Ok(Value::new(sql, Prec::Sum, left.ty.clone(), nullable));
        }
        if !common.class().is_number() {
            return Err(format!(
                "{} {} {} has no PostgreSQL form that is known here",
                left.ty,
                op.sql(),
                right.ty
            ));
        }
        let scales = (exact_scale(&left), exact_scale(&right));
        let has_whole = is_whole(&left) || is_whole(&right);
        let operand = operand_type(&common, &left.ty, &right.ty);
        let left = self.convert(left, &operand, Reason::Operand)?;
        let right = self.convert(right, &operand, Reason::Operand)?;
        let plain = |sql_op: &str, ty: SqlType| {
            let (own, other) = match op {
                Arith::Add => (Prec::Sum, Prec::Sum),
                Arith::Sub => (Prec::Sum, Prec::Product),
                // A product in a product stays grouped as it was: integer overflow depends on the order.
                Arith::Mul | Arith::Div | Arith::Mod => (Prec::Product, Prec::Unary),
            };
            let sql = fill(&format!("{{}} {sql_op} {{}}"), &[&left.at(own), &right.at(other)]);
            Value::new(sql, own, ty, nullable)
        };
        if op == Arith::Mod && matches!(common.class(), Class::Real | Class::Float) {
            return Err(format!("{common} has no modulo"));
        }
        match common.class() {
            Class::Int | Class::Real | Class::Float => Ok(plain(op.sql(), common)),
            Class::Money => Ok(match op {
                Arith::Mul => {
                    let product = plain("*", common.clone());
                    // Four digits times none need no rounding.
                    if has_whole { product } else { rounded(&product, 4) }
                }
                Arith::Div => quotient(&left, &right, 4, common, nullable),
                _ => plain(op.sql(), common),
            }),
            _ => {
                let (Some(a), Some(b)) = scales else {
                    return Err(format!("{} {} {}", left.ty, op.sql(), right.ty));
                };
                let ty = decimal_arithmetic(op, a, b);
                let scale = ty.precision_scale().map_or(0, |(_, s)| s);
                let natural = match op {
                    Arith::Div => return Ok(quotient(&left, &right, scale, ty, nullable)),
                    Arith::Mul => a.1 + b.1,
                    Arith::Add | Arith::Sub | Arith::Mod => a.1.max(b.1),
                };
                let result = plain(op.sql(), ty);
                Ok(if scale < natural {
                    rounded(&result, scale)
                } else {
                    result
                })
            }
        }
    }

    /// `&`, `|` and `#` (exclusive or).
    pub(super) fn bitwise(&mut self, op: &str, left: Value, right: Value) -> Outcome<Value> {
        let nullable = left.nullable || right.nullable;
        // A constant 0 or 1 beside a bit is a bit.
        let bits = |v: &Value| v.ty == SqlType::Bit || matches!(v.lit_int(), Some(0 | 1));
        if bits(&left) && bits(&right) && (left.ty == SqlType::Bit || right.ty == SqlType::Bit) {
            let left = self.convert(left, &SqlType::Bit, Reason::Operand)?;
            let right = self.convert(right, &SqlType::Bit, Reason::Operand)?;
            let (word, prec, least) = match op {
                "&" => ("and", Prec::And, Prec::Not),
                "|" => ("or", Prec::Or, Prec::And),
                _ => ("<>", Prec::Compare, Prec::Range),
            };
            let sql = fill(&format!("{{}} {word} {{}}"), &[&left.at(least), &right.at(least)]);
            return Ok(Value::new(sql, prec, SqlType::Bit, nullable));
        }
        let common = left.ty.unify(&right.ty);
        if common.class() != Class::Int {
            return Err(format!(
                "{} {op} {} has no PostgreSQL form that is known here",
                left.ty, right.ty
            ));
        }
        let left = self.convert(left, &common, Reason::Operand)?;
        let right = self.convert(right, &common, Reason::Operand)?;
        let sql = fill(
            &format!("{{}} {op} {{}}"),
            &[&left.at(Prec::Sum), &right.at(Prec::Sum)],
        );
        Ok(Value::new(sql, Prec::Other, common, nullable))
    }

    /// A comparison.
    pub(super) fn compare(&mut self, op: &str, left: Value, right: Value) -> Outcome<Value> {
        let nullable = left.nullable || right.nullable;
        let equality = matches!(op, "=" | "<>");
        if equality {
            // `[Active] = 1` is the bit itself.
            let on = |v: &Value| match v.lit_int() {
                Some(n @ (0 | 1)) => Some((n == 1) == (op == "=")),
                _ => None,
            };
            let pair = match (&left.ty, &right.ty) {
                (SqlType::Bit, _) if left.lit.is_none() => Some((&left, on(&right))),
                (_, SqlType::Bit) if right.lit.is_none() => Some((&right, on(&left))),
                _ => None,
            };
            if let Some((bit, Some(on))) = pair {
                return Ok(if on {
                    Value {
                        ty: SqlType::Condition,
                        bare: false,
                        ..bit.clone()
                    }
                } else {
                    Value::new(
                        fill("not {}", &[&bit.at(Prec::Is)]),
                        Prec::Not,
                        SqlType::Condition,
                        nullable,
                    )
                });
            }
        }
        let (left, right) = self.comparable(op, left, right)?;
        let sql = fill(
            &format!("{{}} {op} {{}}"),
            &[&left.at(Prec::Range), &right.at(Prec::Range)],
        );
        Ok(Value::new(sql, Prec::Compare, SqlType::Condition, nullable))
    }

    /// Two values as they can be compared, with what has to be said about that.
    fn comparable(&mut self, op: &str, left: Value, right: Value) -> Outcome<(Value, Value)> {
        let mut common = left.ty.unify(&right.ty);
        let equality = matches!(op, "=" | "<>");
        match common.class() {
            Class::Opaque => return Err(format!("{common} is compared")),
            Class::Unknown if left.ty != right.ty && !left.is_null() && !right.is_null() => {
                return Err("a column whose type is unknown is compared".to_owned());
            }
            Class::Uuid if !equality => {
                return Err(
                    "uniqueidentifier is ordered by its last bytes first, PostgreSQL's uuid by its first"
                        .to_owned(),
                );
            }
            Class::Text => {
                self.note_text(&[&left, &right]);
                // Left as they are: char(n) compares without its padding in both.
                return Ok((left, right));
            }
            Class::Bit if !equality => common = SqlType::Int,
            // The comparison itself says how exact numbers of different scales meet.
            Class::Decimal | Class::Money if left.class().is_number() && right.class().is_number() => {
                let plain = |v: Value, other: &Value| match &v.lit {
                    Some(Lit::Number(n)) if other.class() == Class::Int => {
                        literal::plain_value(n, v.ty.clone())
                    }
                    _ => v,
                };
                return Ok((plain(left.clone(), &right), plain(right, &left)));
            }
            _ => {}
        }
        let left = self.convert(left, &common, Reason::Operand)?;
        let right = self.convert(right, &common, Reason::Operand)?;
        Ok((left, right))
    }

    /// Says what is different when text is compared.
    pub(super) fn note_text(&mut self, values: &[&Value]) {
        let texts = || values.iter().filter(|v| v.class() == Class::Text);
        if texts().any(|v| v.case_insensitive) {
            self.note(
                "it compares text under a case-insensitive collation; PostgreSQL tells upper from lower case, and \
                 trailing spaces count",
            );
        } else if texts().any(|v| v.lit.is_none()) {
            self.note("it compares text; SQL Server ignores trailing spaces, PostgreSQL does not");
        }
    }

    /// `x in (a, b)`
    pub(super) fn in_list(&mut self, expr: &Expr, list: &[Expr], negated: bool) -> Outcome<Value> {
        let subject = self.value(expr)?;
        let mut lefts = Vec::new();
        let mut items = Vec::new();
        let mut nullable = subject.nullable;
        for item in list {
            let item = self.value(item)?;
            nullable |= item.nullable;
            // A bit among constants: `b in (0, 1)`.
            let (left, right) = if subject.ty == SqlType::Bit && matches!(item.lit_int(), Some(0 | 1)) {
                (
                    subject.clone(),
                    self.convert(item, &SqlType::Bit, Reason::Operand)?,
                )
            } else {
                self.comparable("=", subject.clone(), item)?
            };
            lefts.push(left);
            items.push(right);
        }
        let word = if negated { "not in" } else { "in" };
        let Some(first) = lefts.first() else {
            return Err("an empty list".to_owned());
        };
        if lefts.iter().any(|l| l.sql != first.sql) {
            return Err("the values of IN have different types".to_owned());
        }
        let list = join(items.iter().map(|i| i.arg()), ", ");
        let sql = fill(&format!("{{}} {word} ({{}})"), &[&first.at(Prec::Other), &list]);
        Ok(Value::new(sql, Prec::Range, SqlType::Condition, nullable))
    }

    /// `x between a and b`
    pub(super) fn between(&mut self, expr: &Expr, negated: bool, low: &Expr, high: &Expr) -> Outcome<Value> {
        let (subject, low, high) = (self.value(expr)?, self.value(low)?, self.value(high)?);
        let nullable = subject.nullable || low.nullable || high.nullable;
        let (s1, low) = self.comparable("<=", subject.clone(), low)?;
        let (s2, high) = self.comparable("<=", subject, high)?;
        if s1.sql != s2.sql {
            let (first, second, word) = if negated {
                ("<", ">", "or")
            } else {
                (">=", "<=", "and")
            };
            let sql = fill(
                &format!("({{}} {first} {{}} {word} {{}} {second} {{}})"),
                &[
                    &s1.at(Prec::Range),
                    &low.at(Prec::Range),
                    &s2.at(Prec::Range),
                    &high.at(Prec::Range),
                ],
            );
            return Ok(Value::atom(sql, SqlType::Condition, nullable));
        }
        let word = if negated { "not between" } else { "between" };
        let sql = fill(
            &format!("{{}} {word} {{}} and {{}}"),
            &[&s1.at(Prec::Other), &low.at(Prec::Other), &high.at(Prec::Other)],
        );
        Ok(Value::new(sql, Prec::Range, SqlType::Condition, nullable))
    }
}

/// Text after text; NULL makes it NULL.
pub(super) fn concatenated(parts: &[Value]) -> Value {
    let national = parts
        .iter()
        .any(|p| matches!(p.ty, SqlType::Text { national: true, .. }));
    let cap = if national { 4000 } else { 8000 };
    let mut total = Some(0u32);
    for part in parts {
        total = match (&part.ty, total) {
            (SqlType::Text { len: Some(n), .. }, Some(sum)) => Some(sum.saturating_add(*n)),
            (SqlType::Null, sum) => sum,
            _ => None,
        };
    }
    let pieces: Vec<_> = parts
        .iter()
        .map(Value::unpadded)
        .enumerate()
        .map(|(i, p)| p.at(if i == 0 { Prec::Other } else { Prec::Sum }))
        .collect();
    let sql = join(&pieces, " || ");
    let nullable = parts.iter().any(|p| p.nullable);
    let ty = SqlType::Text {
        len: total.map(|n| n.min(cap)),
        national,
        fixed: false,
    };
    let mut value = if total.is_some_and(|n| n > cap) {
        // Only (max) types grow further; the rest is cut without a word.
        Value::atom(fill(&format!("left({{}}, {cap})"), &[&sql]), ty, nullable)
    } else {
        Value::new(sql, Prec::Other, ty, nullable)
    };
    value.case_insensitive = parts.iter().any(|p| p.case_insensitive);
    value
}

/// The type that operands are converted to. Decimals are not cut before the operation, whatever its result loses;
/// what is no number yet gets its digits from the other operand.
fn operand_type(common: &SqlType, left: &SqlType, right: &SqlType) -> SqlType {
    match common {
        SqlType::Decimal(..) => {
            let scale = |t: &SqlType| t.precision_scale().map_or(0, |(_, s)| s);
            SqlType::Decimal(38, scale(left).max(scale(right)))
        }
        other => other.clone(),
    }
}

/// Precision and scale of an operand of decimal arithmetic; constants count only the digits they have.
fn exact_scale(value: &Value) -> Option<(u8, u8)> {
    if value.class() == Class::Int
        && let Some(n) = value.lit_int()
    {
        return Some((n.unsigned_abs().to_string().len() as u8, 0));
    }
    value.ty.precision_scale()
}

/// Whether a number has no digits behind the point.
fn is_whole(value: &Value) -> bool {
    matches!(value.class(), Class::Int | Class::Bit)
}

fn rounded(value: &Value, scale: u8) -> Value {
    Value::atom(
        fill(&format!("round({{}}, {scale})"), &[value.arg()]),
        value.ty.clone(),
        value.nullable,
    )
}

/// SQL Server cuts a quotient behind its last digit; PostgreSQL's division rounds, at a digit of its own choosing.
fn quotient(left: &Value, right: &Value, scale: u8, ty: SqlType, nullable: bool) -> Value {
    let sql = fill(
        &format!("div({{}} * 1e{scale}, {{}}) * 1e-{scale}"),
        &[&left.at(Prec::Product), right.arg()],
    );
    Value::new(sql, Prec::Product, ty, nullable)
}
