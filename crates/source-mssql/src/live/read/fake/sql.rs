//! The T-SQL of the server in memory. What it does not know is a panic: the test then asks something new.

use std::cmp::Ordering;

use sqlparser::ast::{
    BinaryOperator, Expr, OrderBy, OrderByKind, OrderBySort, Query, Select, SelectItem, SetExpr, Statement,
    TableFactor, TopQuantity, UnaryOperator, Value,
};
use sqlparser::dialect::MsSqlDialect;
use sqlparser::parser::Parser;

use super::Row;
use crate::live::read::key::KeyValue;

type Relation = (Vec<String>, Vec<Row>);

/// The answer of a query over the table.
pub(super) fn run(sql: &str, columns: &[String], rows: &[Row]) -> Vec<Row> {
    query(&parse(sql), columns, rows).1
}

/// How many columns the answer has.
pub(super) fn width(sql: &str) -> usize {
    match &*parse(sql).body {
        SetExpr::Select(select) => select.projection.len(),
        other => panic!("{other}"),
    }
}

fn parse(sql: &str) -> Query {
    match Parser::parse_sql(&MsSqlDialect {}, sql)
        .unwrap_or_else(|e| panic!("{e}: {sql}"))
        .as_slice()
    {
        [Statement::Query(query)] => (**query).clone(),
        other => panic!("{other:?}"),
    }
}

fn query(query: &Query, columns: &[String], rows: &[Row]) -> Relation {
    match &*query.body {
        SetExpr::Select(select) => run_select(select, query.order_by.as_ref(), columns, rows),
        SetExpr::Values(values) => {
            let rows = values
                .rows
                .iter()
                .map(|r| r.iter().map(|e| eval(e, &[], &vec![])).collect());
            (Vec::new(), rows.collect())
        }
        other => panic!("{other}"),
    }
}

fn run_select(select: &Select, order: Option<&OrderBy>, columns: &[String], rows: &[Row]) -> Relation {
    let (names, mut rows) = match select.from.as_slice() {
        [] => (Vec::new(), vec![vec![]]),
        [from] => match &from.relation {
            TableFactor::Table { name, sample, .. } => {
                assert_eq!(name.to_string(), "[dbo].[t]");
                let all = rows.iter().enumerate();
                // Every third row is on a page that was picked.
                let picked = all.filter(|(i, _)| sample.is_none() || i % 3 == 0);
                (columns.to_vec(), picked.map(|(_, row)| row.clone()).collect())
            }
            TableFactor::Derived { subquery, alias, .. } => {
                let (mut names, rows) = query(subquery, columns, rows);
                let alias = alias.as_ref().expect("a derived table has a name");
                if !alias.columns.is_empty() {
                    names = alias.columns.iter().map(|c| c.name.value.clone()).collect();
                }
                (names, rows)
            }
            other => panic!("{other}"),
        },
        other => panic!("{other:?}"),
    };
    if let Some(condition) = &select.selection {
        rows.retain(|row| truth(condition, &names, row));
    }
    sort(order, &names, &mut rows);
    let all = rows.clone();
    if let Some(top) = &select.top {
        let n = match top.quantity.as_ref().expect("top of something") {
            TopQuantity::Constant(n) => *n,
            TopQuantity::Expr(e) => int(&eval(e, &[], &vec![])) as u64,
        };
        rows.truncate(n as usize);
    }
    let items: Vec<(&Expr, String)> = select
        .projection
        .iter()
        .map(|item| match item {
            SelectItem::UnnamedExpr(e) => (e, name_of(e)),
            SelectItem::ExprWithAlias { expr, alias } => (expr, alias.value.clone()),
            other => panic!("{other}"),
        })
        .collect();
    let aggregate = |e: &Expr| matches!(e, Expr::Function(f) if f.over.is_none());
    if items.iter().any(|(e, _)| aggregate(e)) {
        let row = items.iter().map(|(e, _)| aggregated(e, &names, &rows)).collect();
        return (items.into_iter().map(|(_, n)| n).collect(), vec![row]);
    }
    let out = rows
        .iter()
        .map(|row| items.iter().map(|(e, _)| project(e, &names, row, &all)).collect());
    let out = out.collect();
    (items.into_iter().map(|(_, n)| n).collect(), out)
}

fn sort(order: Option<&OrderBy>, names: &[String], rows: &mut [Row]) {
    let Some(order) = order else { return };
    let OrderByKind::Expressions(terms) = &order.kind else {
        panic!("{order}");
    };
    rows.sort_by(|a, b| {
        let orders = terms.iter().map(|term| {
            let o = compare(&eval(&term.expr, names, a), &eval(&term.expr, names, b));
            if matches!(term.options.sort, Some(OrderBySort::Desc)) {
                o.reverse()
            } else {
                o
            }
        });
        orders.fold(Ordering::Equal, Ordering::then)
    });
}

fn name_of(e: &Expr) -> String {
    match e {
        Expr::Identifier(i) => i.value.clone(),
        Expr::Cast { expr, .. } => name_of(expr),
        _ => String::new(),
    }
}

/// `count(*) over ()`, `row_number() over (order by ...)`, or a value.
fn project(e: &Expr, names: &[String], row: &Row, all: &[Row]) -> Option<KeyValue> {
    match e {
        Expr::Function(f) if f.name.to_string() == "count" => Some(KeyValue::Int(all.len() as i64)),
        Expr::Function(f) if f.name.to_string() == "row_number" => {
            let Some(sqlparser::ast::WindowType::WindowSpec(window)) = &f.over else {
                panic!("{e}");
            };
            let mut sorted = all.to_vec();
            let terms = OrderByKind::Expressions(window.order_by.clone());
            let order = OrderBy {
                kind: terms,
                interpolate: None,
            };
            sort(Some(&order), names, &mut sorted);
            let at = sorted
                .iter()
                .position(|r| r == row)
                .expect("the row is among them");
            Some(KeyValue::Int(at as i64 + 1))
        }
        e => eval(e, names, row),
    }
}

fn aggregated(e: &Expr, names: &[String], rows: &[Row]) -> Option<KeyValue> {
    let Expr::Function(f) = e else { panic!("{e}") };
    let text = e.to_string();
    let argument = text
        .split_once('(')
        .and_then(|(_, a)| a.strip_suffix(')'))
        .expect("an argument");
    if f.name.to_string() == "count" {
        return Some(KeyValue::Int(rows.len() as i64));
    }
    let name = argument.trim_matches(['[', ']']);
    let at = names.iter().position(|n| n == name).expect("a column");
    let values = rows.iter().map(|r| r[at].clone());
    match f.name.to_string().as_str() {
        "min" => values.min_by(compare).flatten(),
        "max" => values.max_by(compare).flatten(),
        other => panic!("{other}"),
    }
}

fn truth(e: &Expr, names: &[String], row: &Row) -> bool {
    match e {
        Expr::Nested(e) => truth(e, names, row),
        Expr::UnaryOp {
            op: UnaryOperator::Not,
            expr,
        } => !truth(expr, names, row),
        Expr::BinaryOp {
            left,
            op: BinaryOperator::And,
            right,
        } => truth(left, names, row) && truth(right, names, row),
        Expr::BinaryOp {
            left,
            op: BinaryOperator::Or,
            right,
        } => truth(left, names, row) || truth(right, names, row),
        Expr::BinaryOp { left, op, right } => {
            let order = compare(&eval(left, names, row), &eval(right, names, row));
            match op {
                BinaryOperator::Eq => order.is_eq(),
                BinaryOperator::NotEq => order.is_ne(),
                BinaryOperator::Lt => order.is_lt(),
                BinaryOperator::LtEq => order.is_le(),
                BinaryOperator::Gt => order.is_gt(),
                BinaryOperator::GtEq => order.is_ge(),
                other => panic!("{other}"),
            }
        }
        other => panic!("{other:?}"),
    }
}

fn int(value: &Option<KeyValue>) -> i64 {
    match value {
        Some(KeyValue::Int(n)) => *n,
        other => panic!("{other:?}"),
    }
}

fn eval(e: &Expr, names: &[String], row: &Row) -> Option<KeyValue> {
    match e {
        Expr::Nested(e) => eval(e, names, row),
        Expr::Identifier(name) => {
            let at = names.iter().position(|n| *n == name.value);
            row[at.unwrap_or_else(|| panic!("no column {name} in {names:?}"))].clone()
        }
        Expr::Collate { expr, .. } => eval(expr, names, row),
        Expr::UnaryOp {
            op: UnaryOperator::Minus,
            expr,
        } => match &**expr {
            Expr::Value(v) => Some(KeyValue::Int(format!("-{v}").parse().unwrap())),
            other => panic!("{other:?}"),
        },
        Expr::BinaryOp { left, op, right } => {
            let (a, b) = (int(&eval(left, names, row)), int(&eval(right, names, row)));
            Some(KeyValue::Int(match op {
                BinaryOperator::Modulo => a % b,
                BinaryOperator::Plus => a + b,
                BinaryOperator::Divide => a / b,
                other => panic!("{other}"),
            }))
        }
        Expr::Cast { expr, data_type, .. } => {
            let value = eval(expr, names, row);
            match (data_type.to_string().to_lowercase().as_str(), value) {
                ("uniqueidentifier", Some(KeyValue::Text(text))) => {
                    Some(KeyValue::Uuid(uuid::Uuid::parse_str(&text).unwrap().into_bytes()))
                }
                (_, value) => value,
            }
        }
        Expr::Value(v) => match &v.value {
            Value::Number(n, _) => Some(KeyValue::Int(n.parse().unwrap())),
            Value::SingleQuotedString(s) | Value::NationalStringLiteral(s) => Some(KeyValue::Text(s.clone())),
            Value::HexStringLiteral(s) => Some(KeyValue::Bytes(hex::decode(s).unwrap())),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

/// Case-insensitive text, as most databases have it, and SQL Server's order of GUIDs.
fn compare(a: &Option<KeyValue>, b: &Option<KeyValue>) -> Ordering {
    match (a, b) {
        (Some(KeyValue::Int(a)), Some(KeyValue::Int(b))) => a.cmp(b),
        (Some(KeyValue::Text(a)), Some(KeyValue::Text(b))) => {
            let fold = |s: &str| s.trim_end_matches(' ').to_lowercase();
            fold(a).cmp(&fold(b))
        }
        (Some(KeyValue::Uuid(a)), Some(KeyValue::Uuid(b))) => guid_order(a).cmp(&guid_order(b)),
        (Some(KeyValue::Bytes(a)), Some(KeyValue::Bytes(b))) => a.cmp(b),
        other => panic!("{other:?}"),
    }
}

/// The last group counts most, then the fourth; of the first three, stored little-endian, the third before the second
/// before the first.
fn guid_order(guid: &[u8; 16]) -> [u8; 16] {
    // Places in the text's order of what is compared first to last: stored 10..=15, 8, 9, 6, 7, 4, 5, 0..=3.
    [10, 11, 12, 13, 14, 15, 8, 9, 7, 6, 5, 4, 3, 2, 1, 0].map(|i| guid[i])
}
