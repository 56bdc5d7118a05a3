//! From a condition's text to a [`Node`] over a table's columns.

use migrate_core::Result;
use migrate_core::catalog::ObjectName;
use sqlparser::ast::{BinaryOperator, Expr, Ident, UnaryOperator, Value as Constant};
use sqlparser::dialect::MsSqlDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

use super::literal::{Literal, Written};
use super::{Comparison, Node, Pattern, Test};
use crate::bacpac::layout::StoredColumn;
use crate::classify::config;
use crate::types::{Base, NativeType};

struct Binder<'a> {
    table: &'a ObjectName,
    columns: &'a [StoredColumn],
}

pub(super) fn condition(text: &str, table: &ObjectName, columns: &[StoredColumn]) -> Result<Node> {
    let refused = |reason: String| {
        config(format!(
            "this condition cannot be carried out on a file: {reason}"
        ))
        .at("where", text)
        .at("table", table)
    };
    let dialect = MsSqlDialect {};
    let mut parser = Parser::new(&dialect)
        .try_with_sql(text)
        .map_err(|e| refused(e.to_string()))?;
    let expr = parser.parse_expr().map_err(|e| refused(e.to_string()))?;
    let next = parser.peek_token();
    if next.token != Token::EOF {
        return Err(refused(format!("it does not end before `{next}`")));
    }
    Binder { table, columns }.node(&expr).map_err(refused)
}

impl Binder<'_> {
    fn node(&self, expr: &Expr) -> Result<Node, String> {
        match expr {
            Expr::Nested(inner) => self.node(inner),
            Expr::UnaryOp {
                op: UnaryOperator::Not,
                expr,
            } => Ok(Node::Not(Box::new(self.node(expr)?))),
            Expr::BinaryOp {
                left,
                op: BinaryOperator::And,
                right,
            } => Ok(Node::And(Box::new(self.node(left)?), Box::new(self.node(right)?))),
            Expr::BinaryOp {
                left,
                op: BinaryOperator::Or,
                right,
            } => Ok(Node::Or(Box::new(self.node(left)?), Box::new(self.node(right)?))),
            Expr::BinaryOp { left, op, right } => {
                let comparison =
                    comparison(op).ok_or_else(|| format!("the operator {op} is not known here"))?;
                let (column, literal, comparison) = match (self.column(left)?, self.column(right)?) {
                    (Some(column), None) => (column, right, comparison),
                    (None, Some(column)) => (column, left, comparison.flipped()),
                    (Some(_), Some(_)) => return Err(format!("{expr} compares two columns")),
                    (None, None) => return Err(format!("{expr} has no column")),
                };
                let literal = self.literal(column, literal)?;
                self.ordered(column, comparison)?;
                Ok(Node::Test(column, Test::Compare(comparison, literal)))
            }
            Expr::IsNull(inner) => Ok(Node::Test(self.only_column(inner)?, Test::IsNull)),
            Expr::IsNotNull(inner) => Ok(Node::Not(Box::new(Node::Test(
                self.only_column(inner)?,
                Test::IsNull,
            )))),
            Expr::InList { expr, list, negated } => {
                let column = self.only_column(expr)?;
                let literals = list
                    .iter()
                    .map(|item| self.literal(column, item))
                    .collect::<Result<_, _>>()?;
                Ok(negate(*negated, Node::Test(column, Test::In(literals))))
            }
            Expr::Between {
                expr,
                negated,
                low,
                high,
            } => {
                let column = self.only_column(expr)?;
                self.ordered(column, Comparison::Less)?;
                let low = Test::Compare(Comparison::GreaterOrEqual, self.literal(column, low)?);
                let high = Test::Compare(Comparison::LessOrEqual, self.literal(column, high)?);
                let both = Node::And(
                    Box::new(Node::Test(column, low)),
                    Box::new(Node::Test(column, high)),
                );
                Ok(negate(*negated, both))
            }
            Expr::Like {
                negated,
                any: false,
                expr,
                pattern,
                escape_char: None,
            } => {
                let column = self.only_column(expr)?;
                let native = self.columns[column].native;
                let Some(Written::Text(text)) = written(pattern) else {
                    return Err(format!("the pattern {pattern} is not a text"));
                };
                if !native.is_text() {
                    return Err(format!("like is for text, and the column is {native}"));
                }
                if text.contains('[') {
                    return Err("sets of characters in brackets are not known in patterns here".to_owned());
                }
                let padded = matches!(native.base, Base::Char | Base::NChar);
                Ok(negate(
                    *negated,
                    Node::Test(column, Test::Like(Pattern::new(&text, padded))),
                ))
            }
            other => Err(format!("`{other}` is not known here")),
        }
    }

    /// The column that an expression names; `None` if it names none.
    fn column(&self, expr: &Expr) -> Result<Option<usize>, String> {
        let (qualifiers, name): (&[Ident], &Ident) = match expr {
            Expr::Identifier(name) => (&[], name),
            Expr::CompoundIdentifier(parts) => match parts.split_last() {
                Some((name, qualifiers)) => (qualifiers, name),
                None => return Ok(None),
            },
            Expr::Nested(inner) => return self.column(inner),
            _ => return Ok(None),
        };
        let own = [&self.table.schema, &self.table.name];
        let fits = qualifiers.len() <= 2
            && qualifiers
                .iter()
                .rev()
                .zip(own.iter().rev())
                .all(|(q, own)| q.value.eq_ignore_ascii_case(own));
        if !fits {
            return Err(format!("`{expr}` is not of this table"));
        }
        let exact = self.columns.iter().position(|c| c.name == name.value);
        let folded = || {
            self.columns
                .iter()
                .position(|c| c.name.eq_ignore_ascii_case(&name.value))
        };
        match exact.or_else(folded) {
            Some(column) => Ok(Some(column)),
            None => Err(format!("the file stores no column {}", name.value)),
        }
    }

    fn only_column(&self, expr: &Expr) -> Result<usize, String> {
        self.column(expr)?
            .ok_or_else(|| format!("`{expr}` is not a column"))
    }

    fn literal(&self, column: usize, expr: &Expr) -> Result<Literal, String> {
        if let Expr::Value(value) = expr
            && value.value == Constant::Null
        {
            return Err("nothing is equal to NULL; write `is null`".to_owned());
        }
        let written = written(expr).ok_or_else(|| format!("`{expr}` is not a literal"))?;
        let named = |e| format!("{expr} for column {}: {e}", self.columns[column].name);
        Literal::new(&written, self.columns[column].native).map_err(named)
    }

    /// Refuses `<` and the like for types that have no order here.
    fn ordered(&self, column: usize, comparison: Comparison) -> Result<(), String> {
        let NativeType { base, .. } = self.columns[column].native;
        let orderless = matches!(
            base,
            Base::UniqueIdentifier | Base::Binary | Base::VarBinary | Base::Image | Base::RowVersion
        );
        if orderless && !matches!(comparison, Comparison::Equal | Comparison::Unequal) {
            return Err(format!(
                "values of type {} have no order here",
                self.columns[column].native
            ));
        }
        Ok(())
    }
}

fn negate(negated: bool, node: Node) -> Node {
    if negated { Node::Not(Box::new(node)) } else { node }
}

fn comparison(op: &BinaryOperator) -> Option<Comparison> {
    Some(match op {
        BinaryOperator::Eq => Comparison::Equal,
        BinaryOperator::NotEq => Comparison::Unequal,
        BinaryOperator::Lt => Comparison::Less,
        BinaryOperator::LtEq => Comparison::LessOrEqual,
        BinaryOperator::Gt => Comparison::Greater,
        BinaryOperator::GtEq => Comparison::GreaterOrEqual,
        _ => return None,
    })
}

fn written(expr: &Expr) -> Option<Written> {
    match expr {
        Expr::Nested(inner) => written(inner),
        Expr::UnaryOp {
            op: UnaryOperator::Minus,
            expr,
        } => match written(expr)? {
            Written::Number(text) if !text.starts_with('-') => Some(Written::Number(format!("-{text}"))),
            _ => None,
        },
        Expr::UnaryOp {
            op: UnaryOperator::Plus,
            expr,
        } => match written(expr)? {
            number @ Written::Number(_) => Some(number),
            _ => None,
        },
        Expr::Value(value) => match &value.value {
            Constant::Number(text, _) => Some(Written::Number(text.clone())),
            Constant::SingleQuotedString(text) | Constant::NationalStringLiteral(text) => {
                Some(Written::Text(text.clone()))
            }
            Constant::HexStringLiteral(digits) => Some(Written::Bytes(digits.clone())),
            _ => None,
        },
        _ => None,
    }
}
