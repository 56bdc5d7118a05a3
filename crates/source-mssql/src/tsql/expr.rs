//! Expressions, one kind after the other.

use migrate_core::template::Template;
use sqlparser::ast::{
    BinaryOperator, CaseWhen, CastFormat, CastKind, DataType, Expr, Ident, UnaryOperator, Value as Constant,
};

use super::context::Context;
use super::convert::Reason;
use super::literal;
use super::types::{Arith, Class, SqlType};
use super::value::{Outcome, Prec, Value, fill, join};

impl Context<'_> {
    /// Translates any expression.
    pub(super) fn expr(&mut self, expr: &Expr) -> Outcome<Value> {
        self.nested(|cx| cx.expr_inner(expr))
    }

    fn expr_inner(&mut self, expr: &Expr) -> Outcome<Value> {
        match expr {
            Expr::Nested(inner) => self.expr(inner),
            Expr::Value(v) => constant(&v.value),
            Expr::Identifier(name) => self.identifier(name),
            Expr::CompoundIdentifier(parts) => self.column(parts),
            Expr::UnaryOp { op, expr } => self.unary(*op, expr),
            Expr::BinaryOp {
                op: BinaryOperator::And | BinaryOperator::Or,
                ..
            } => self.chain(expr),
            // Babelfish keeps conditions as PostgreSQL prints them; its LIKE ignores case as the collation does.
            Expr::BinaryOp {
                left,
                op: op @ (BinaryOperator::PGILikeMatch | BinaryOperator::PGNotILikeMatch),
                right,
            } => self.like(left, right, None, *op == BinaryOperator::PGNotILikeMatch),
            Expr::BinaryOp { left, op, right } => {
                let (left, right) = self.operands(left, right)?;
                self.binary(left, op, right)
            }
            Expr::IsNull(inner) => self.null_test(inner, "is null"),
            Expr::IsNotNull(inner) => self.null_test(inner, "is not null"),
            Expr::InList { expr, list, negated } => self.in_list(expr, list, *negated),
            Expr::Between {
                expr,
                negated,
                low,
                high,
            } => self.between(expr, *negated, low, high),
            Expr::Like {
                negated,
                any: false,
                expr,
                pattern,
                escape_char,
            } => self.like(expr, pattern, escape_char.as_deref(), *negated),
            Expr::Case {
                operand,
                conditions,
                else_result,
                ..
            } => self.case(operand.as_deref(), conditions, else_result.as_deref()),
            Expr::Cast {
                kind,
                expr,
                data_type,
                format,
            } => self.cast(kind, expr, data_type, format.as_ref()),
            Expr::Convert {
                is_try,
                expr,
                data_type: Some(ty),
                styles,
                ..
            } => self.convert_call(*is_try, expr, ty, styles),
            Expr::Collate { expr, collation } => {
                let mut value = self.expr(expr)?;
                let name = collation
                    .to_string()
                    .trim_matches(['[', ']'])
                    .to_ascii_uppercase();
                value.case_insensitive = name.contains("_CI");
                value.bare = false;
                self.note(format!(
                    "the collation {name} is left out; the expression keeps PostgreSQL's own"
                ));
                Ok(value)
            }
            Expr::Function(f) => self.function(f),
            Expr::Substring {
                expr,
                substring_from: Some(from),
                substring_for: Some(len),
                ..
            } => self.substring(expr, from, len),
            Expr::Trim {
                trim_where,
                trim_what,
                expr,
                trim_characters: None,
            } => self.trim(trim_where.as_ref(), trim_what.as_deref(), expr),
            Expr::Floor { expr, .. } => self.whole_number("floor", expr),
            Expr::Ceil { expr, .. } => self.whole_number("ceil", expr),
            Expr::Exists { subquery, negated } => self.exists(subquery, *negated),
            Expr::InSubquery {
                expr,
                subquery,
                negated,
            } => self.in_subquery(expr, subquery, *negated),
            Expr::Subquery(query) => self.scalar_subquery(query),
            Expr::AtTimeZone { .. } => Err(
                "AT TIME ZONE uses Windows names for time zones, which PostgreSQL does not know".to_owned(),
            ),
            Expr::CompoundFieldAccess { .. } => Err(format!(
                "`{}` calls a method, and methods have no PostgreSQL form",
                shortened(expr)
            )),
            other => Err(format!(
                "`{}` has no PostgreSQL form that is known here",
                shortened(other)
            )),
        }
    }

    /// Translates a condition.
    pub(super) fn condition(&mut self, expr: &Expr) -> Outcome<Value> {
        let value = self.expr(expr)?;
        if value.ty == SqlType::Condition {
            Ok(value)
        } else {
            Err(format!(
                "`{}` is {} and not a condition",
                shortened(expr),
                value.ty
            ))
        }
    }

    /// Translates an expression that is a value.
    pub(super) fn value(&mut self, expr: &Expr) -> Outcome<Value> {
        let value = self.expr(expr)?;
        if value.ty == SqlType::Condition {
            return Err(format!(
                "`{}` is a condition where a value is needed",
                shortened(expr)
            ));
        }
        Ok(value)
    }

    fn operands(&mut self, left: &Expr, right: &Expr) -> Outcome<(Value, Value)> {
        Ok((self.value(left)?, self.value(right)?))
    }

    fn identifier(&mut self, name: &Ident) -> Outcome<Value> {
        if name.quote_style.is_none() {
            if name.value.starts_with('@') {
                return Err(format!("`{}` has no counterpart in PostgreSQL", name.value));
            }
            // These are keywords, so that columns of the same names have to be quoted.
            if let Some(value) = self.niladic(&name.value) {
                return Ok(value);
            }
        }
        self.column(std::slice::from_ref(name))
    }

    /// AND and OR, of which SQL Server writes long left-leaning chains for IN lists.
    fn chain(&mut self, expr: &Expr) -> Outcome<Value> {
        let Expr::BinaryOp { op: wanted, .. } = expr else {
            return self.expr(expr);
        };
        let mut operands = Vec::new();
        let mut rest = expr;
        while let Expr::BinaryOp { left, op, right } = rest
            && op == wanted
        {
            operands.push(right.as_ref());
            rest = left;
        }
        operands.push(rest);
        let (word, prec) = if *wanted == BinaryOperator::And {
            (" and ", Prec::And)
        } else {
            (" or ", Prec::Or)
        };
        let mut parts = Vec::with_capacity(operands.len());
        let mut nullable = false;
        for operand in operands.into_iter().rev() {
            let value = self.condition(operand)?;
            nullable |= value.nullable;
            // PostgreSQL needs no parentheses for AND within OR, people do.
            parts.push(if prec == Prec::Or && value.prec == Prec::And {
                value.at(Prec::Atom)
            } else {
                value.at(prec)
            });
        }
        Ok(Value::new(join(&parts, word), prec, SqlType::Condition, nullable))
    }

    fn unary(&mut self, op: UnaryOperator, inner: &Expr) -> Outcome<Value> {
        if op == UnaryOperator::Not {
            let value = self.condition(inner)?;
            let sql = fill("not {}", &[&value.at(Prec::Is)]);
            return Ok(Value::new(sql, Prec::Not, SqlType::Condition, value.nullable));
        }
        let value = self.value(inner)?;
        match op {
            UnaryOperator::Plus => Ok(value),
            UnaryOperator::Minus => {
                if let Some(negative) = literal::negated(&value) {
                    return Ok(negative);
                }
                if !value.class().is_number() {
                    return Err(format!("minus a value of type {}", value.ty));
                }
                let sql = fill("-{}", &[&value.at(Prec::Cast)]);
                Ok(Value::new(sql, Prec::Unary, value.ty.clone(), value.nullable))
            }
            UnaryOperator::BitwiseNot => match value.ty {
                SqlType::Bit => {
                    let sql = fill("not {}", &[&value.at(Prec::Is)]);
                    Ok(Value::new(sql, Prec::Not, SqlType::Bit, value.nullable))
                }
                // tinyint has no sign, so its complement stays below 256.
                SqlType::TinyInt => {
                    let sql = fill("255 - {}", &[&value.at(Prec::Product)]);
                    Ok(Value::new(sql, Prec::Sum, SqlType::TinyInt, value.nullable))
                }
                _ if value.class() == Class::Int => {
                    let sql = fill("~{}", &[&value.at(Prec::Cast)]);
                    Ok(Value::new(sql, Prec::Other, value.ty.clone(), value.nullable))
                }
                _ => Err(format!("~ of a value of type {}", value.ty)),
            },
            _ => Err(format!(
                "the operator {op} has no PostgreSQL form that is known here"
            )),
        }
    }

    fn binary(&mut self, left: Value, op: &BinaryOperator, right: Value) -> Outcome<Value> {
        match op {
            BinaryOperator::Plus | BinaryOperator::StringConcat => self.plus(left, right),
            BinaryOperator::Minus => self.arithmetic(Arith::Sub, left, right),
            BinaryOperator::Multiply => self.arithmetic(Arith::Mul, left, right),
            BinaryOperator::Divide => self.arithmetic(Arith::Div, left, right),
            BinaryOperator::Modulo => self.arithmetic(Arith::Mod, left, right),
            BinaryOperator::BitwiseAnd => self.bitwise("&", left, right),
            BinaryOperator::BitwiseOr => self.bitwise("|", left, right),
            BinaryOperator::BitwiseXor | BinaryOperator::PGBitwiseXor => self.bitwise("#", left, right),
            BinaryOperator::Eq => self.compare("=", left, right),
            BinaryOperator::NotEq => self.compare("<>", left, right),
            BinaryOperator::Lt => self.compare("<", left, right),
            BinaryOperator::LtEq => self.compare("<=", left, right),
            BinaryOperator::Gt => self.compare(">", left, right),
            BinaryOperator::GtEq => self.compare(">=", left, right),
            other => Err(format!(
                "the operator {other} has no PostgreSQL form that is known here"
            )),
        }
    }

    fn null_test(&mut self, inner: &Expr, test: &str) -> Outcome<Value> {
        let value = self.value(inner)?;
        let sql = fill(&format!("{{}} {test}"), &[&value.at(Prec::Range)]);
        Ok(Value::new(sql, Prec::Is, SqlType::Condition, false))
    }

    fn case(
        &mut self,
        operand: Option<&Expr>,
        whens: &[CaseWhen],
        otherwise: Option<&Expr>,
    ) -> Outcome<Value> {
        let mut conditions = Vec::with_capacity(whens.len());
        for when in whens {
            conditions.push(match operand {
                // `case x when y` compares like `x = y`, conversions included.
                Some(operand) => {
                    let (left, right) = self.operands(operand, &when.condition)?;
                    self.compare("=", left, right)?
                }
                None => self.condition(&when.condition)?,
            });
        }
        let mut results = Vec::with_capacity(whens.len() + 1);
        for when in whens {
            results.push(self.value(&when.result)?);
        }
        match otherwise {
            Some(e) => results.push(self.value(e)?),
            None => results.push(literal::null()),
        }
        self.case_value(&conditions, results)
    }

    /// CASE from translated parts; the last result is ELSE's.
    pub(super) fn case_value(&mut self, conditions: &[Value], results: Vec<Value>) -> Outcome<Value> {
        let nullable = results.iter().any(|r| r.nullable);
        let (ty, results) = self.unified(results)?;
        if ty == SqlType::Null {
            return Err("CASE whose results are all NULL".to_owned());
        }
        let mut sql = Template::sql("case");
        for (condition, result) in conditions.iter().zip(&results) {
            sql.push(fill(" when {} then {}", &[condition.arg(), result.arg()]));
        }
        if let Some(last) = results.get(conditions.len())
            && !last.is_null()
            && last.sql != Template::sql("null")
        {
            sql.push(fill(" else {}", &[last.arg()]));
        }
        sql.push_sql(" end");
        let mut value = Value::atom(sql, ty, nullable);
        value.case_insensitive = results.iter().any(|r| r.case_insensitive);
        Ok(value)
    }

    /// Values as their common type.
    pub(super) fn unified(&mut self, values: Vec<Value>) -> Outcome<(SqlType, Vec<Value>)> {
        let mut ty = SqlType::Null;
        for value in &values {
            ty = ty.unify(&value.ty);
        }
        if ty == SqlType::Unknown && values.iter().any(|v| v.ty != SqlType::Unknown && !v.is_null()) {
            return Err("a value of unknown type is combined with another".to_owned());
        }
        let mut out = Vec::with_capacity(values.len());
        for value in values {
            out.push(self.convert(value, &ty, Reason::Operand)?);
        }
        Ok((ty, out))
    }

    fn cast(
        &mut self,
        kind: &CastKind,
        inner: &Expr,
        ty: &DataType,
        format: Option<&CastFormat>,
    ) -> Outcome<Value> {
        if format.is_some() {
            return Err("CAST with FORMAT is not T-SQL".to_owned());
        }
        self.convert_call(*kind != CastKind::Cast, inner, ty, &[])
    }

    fn convert_call(&mut self, is_try: bool, inner: &Expr, ty: &DataType, styles: &[Expr]) -> Outcome<Value> {
        let name = ty.to_string();
        let target = self
            .scope
            .sql_type(&name, 30)
            .ok_or_else(|| format!("the type {} is not known here", name.to_lowercase()))?;
        if let SqlType::Opaque(name) = &target {
            return Err(format!(
                "a conversion to {name} has no PostgreSQL form that is known here"
            ));
        }
        let style = match styles {
            [] => 0,
            [style] => self
                .value(style)?
                .lit_int()
                .ok_or("the style of CONVERT is not a constant")?,
            _ => return Err("CONVERT with more than one style".to_owned()),
        };
        let value = self.value(inner)?;
        if is_try && !always_converts(&value, &target) {
            return Err(format!(
                "PostgreSQL has no cast to {target} that gives NULL instead of an error"
            ));
        }
        let mut value = self.convert(value, &target, Reason::Explicit(style))?;
        value.bare = false;
        Ok(value)
    }
}

/// Whether a conversion cannot fail, so that TRY_CAST is CAST.
fn always_converts(value: &Value, target: &SqlType) -> bool {
    match (value.class(), target.class()) {
        (Class::Int | Class::Bit, Class::Int) => value.ty.rank() <= target.rank(),
        (Class::Int | Class::Bit | Class::Decimal | Class::Money, Class::Float | Class::Bit) => true,
        (Class::Text, Class::Text) | (Class::Uuid, Class::Text) => true,
        (Class::DateTime, Class::Date) => true,
        _ => value.lit.is_some() || value.is_null(),
    }
}

fn constant(value: &Constant) -> Outcome<Value> {
    match value {
        Constant::Number(text, _) => literal::number(text),
        Constant::SingleQuotedString(s) => Ok(literal::text(s, false)),
        Constant::NationalStringLiteral(s) => Ok(literal::text(s, true)),
        Constant::HexStringLiteral(s) => literal::binary(s),
        Constant::Null => Ok(literal::null()),
        Constant::Placeholder(s) if s.starts_with('$') => literal::money(s),
        other => Err(format!("`{other}` is not a T-SQL constant")),
    }
}

/// An expression for an error message: T-SQL can be very long.
pub(super) fn shortened(expr: &dyn std::fmt::Display) -> String {
    let text = expr.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(60) {
        Some((i, _)) => format!("{}...", text.get(..i).unwrap_or(&text)),
        None => text,
    }
}
