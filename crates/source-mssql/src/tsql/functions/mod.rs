//! Function calls.

mod aggregate;
mod dates;
mod interval;
mod math;
mod text;

use migrate_core::catalog::ObjectName;
use migrate_core::template::Template;
use sqlparser::ast::{DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments};

use super::context::{Context, dotted};
use super::convert::Reason;
use super::dialect::NEXT_VALUE_FOR;
use super::literal;
use super::types::{Class, SqlType};
use super::value::{Outcome, Prec, Value, fill, join};

/// A call with plain arguments.
struct Call<'e> {
    /// Lower case.
    name: &'e str,
    args: &'e [&'e Expr],
}

impl Call<'_> {
    fn unknown<T>(&self) -> Outcome<T> {
        Err(format!(
            "the function {} with {} arguments has no PostgreSQL form that is known here",
            self.name,
            self.args.len()
        ))
    }
}

impl Context<'_> {
    /// Translates a function call.
    pub(super) fn function(&mut self, f: &Function) -> Outcome<Value> {
        let parts: Vec<_> = f.name.0.iter().filter_map(|p| p.as_ident().cloned()).collect();
        let [name] = parts.as_slice() else {
            let last = parts.last().map(|p| p.value.to_lowercase()).unwrap_or_default();
            return Err(match last.as_str() {
                "value" | "query" | "exist" | "nodes" | "modify" => {
                    format!("the xml method .{last}() (XQuery) has no PostgreSQL form")
                }
                _ => format!("it calls the user-defined function or method {}", dotted(&parts)),
            });
        };
        let name = name.value.to_lowercase();
        let (args, distinct, star) = arguments(f)?;
        if name == NEXT_VALUE_FOR {
            return self.next_value(&args);
        }
        if let Some(value) = self.aggregate(f, &name, &args, distinct, star)? {
            return Ok(value);
        }
        if f.over.is_some() || distinct || star || !f.within_group.is_empty() || f.filter.is_some() {
            return Err(format!(
                "the function {name} is used as an aggregate or window function that is not known here"
            ));
        }
        if args.is_empty()
            && let Some(value) = self.niladic(&name)
        {
            return Ok(value);
        }
        let call = Call {
            name: &name,
            args: &args,
        };
        for family in [
            Self::text_function,
            Self::date_function,
            Self::math_function,
            Self::general_function,
        ] {
            if let Some(value) = family(self, &call)? {
                return Ok(value);
            }
        }
        call.unknown()
    }

    /// Functions and keywords without arguments.
    pub(super) fn niladic(&mut self, name: &str) -> Option<Value> {
        let name = name.to_lowercase();
        let (sql, ty, note): (&str, SqlType, &str) = match name.as_str() {
            "getdate" | "current_timestamp" => (
                "localtimestamp(3)",
                SqlType::DateTime,
                "the server's local time becomes the time of the session's time zone, as of the transaction's start",
            ),
            "sysdatetime" => (
                "localtimestamp",
                SqlType::DateTime2(7),
                "the server's local time becomes the time of the session's time zone, as of the transaction's start",
            ),
            "current_date" => (
                "current_date",
                SqlType::Date,
                "the server's local date becomes the date in the session's time zone",
            ),
            "getutcdate" => ("(now() at time zone 'utc')", SqlType::DateTime, ""),
            "sysutcdatetime" => ("(now() at time zone 'utc')", SqlType::DateTime2(7), ""),
            "sysdatetimeoffset" => ("now()", SqlType::DateTimeOffset(7), ""),
            "newid" | "newsequentialid" => (
                "gen_random_uuid()",
                SqlType::Uuid,
                if name == "newsequentialid" {
                    "newsequentialid() gives rising values, gen_random_uuid() random ones"
                } else {
                    ""
                },
            ),
            "suser_sname" | "suser_name" | "original_login" | "system_user" => (
                "session_user::text",
                SqlType::nvarchar(128),
                "the SQL Server login becomes PostgreSQL's session_user",
            ),
            "user_name" | "current_user" | "session_user" | "user" => (
                "current_user::text",
                SqlType::nvarchar(128),
                "the SQL Server user becomes PostgreSQL's current_user",
            ),
            "app_name" | "program_name" => (
                "current_setting('application_name')",
                SqlType::nvarchar(128),
                "the program's name is what PostgreSQL's clients set as application_name",
            ),
            "db_name" => ("current_database()::text", SqlType::nvarchar(128), ""),
            "pi" => return Some(Value::atom(Template::sql("pi()"), SqlType::Float, false)),
            "rand" => ("random()", SqlType::Float, ""),
            _ => return None,
        };
        self.stable();
        if !note.is_empty() {
            self.note(note);
        }
        let prec = if sql.contains("::") {
            Prec::Cast
        } else {
            Prec::Atom
        };
        Some(Value::new(Template::sql(sql), prec, ty, false))
    }

    fn general_function(&mut self, call: &Call<'_>) -> Outcome<Option<Value>> {
        Ok(Some(match (call.name, call.args) {
            ("isnull", [first, second]) => {
                let (first, second) = (self.value(first)?, self.value(second)?);
                let ty = if first.is_null() {
                    second.ty.clone()
                } else {
                    first.ty.clone()
                };
                if ty == SqlType::Null {
                    return Err("ISNULL of nothing but NULL".to_owned());
                }
                if ty == SqlType::Unknown {
                    return Err("ISNULL of a column whose type is unknown".to_owned());
                }
                let first = self.convert(first, &ty, Reason::Replace)?;
                let second = self.convert(second, &ty, Reason::Replace)?;
                let nullable = first.nullable && second.nullable;
                let case_insensitive = first.case_insensitive;
                let sql = fill("coalesce({}, {})", &[first.arg(), second.arg()]);
                Value {
                    case_insensitive,
                    ..Value::atom(sql, ty, nullable)
                }
            }
            ("coalesce", args) if !args.is_empty() => {
                let values = args.iter().map(|a| self.value(a)).collect::<Outcome<Vec<_>>>()?;
                let nullable = values.iter().all(|v| v.nullable);
                let (ty, values) = self.unified(values)?;
                if ty == SqlType::Null {
                    return Err("COALESCE of nothing but NULL".to_owned());
                }
                let case_insensitive = values.iter().any(|v| v.case_insensitive);
                let sql = fill("coalesce({})", &[&join(values.iter().map(Value::arg), ", ")]);
                Value {
                    case_insensitive,
                    ..Value::atom(sql, ty, nullable)
                }
            }
            ("nullif", [first, second]) => {
                let (first, second) = (self.value(first)?, self.value(second)?);
                if first.is_null() {
                    return Err("NULLIF of NULL".to_owned());
                }
                let equal = self.compare("=", first.clone(), second.clone())?;
                let a_bit = first.ty == SqlType::Bit && matches!(second.lit_int(), Some(0 | 1));
                let alike = first.class() == second.class() || second.is_null();
                let sql = if a_bit || (alike && second.ty.rank() <= first.ty.rank()) {
                    let second = self.convert(second, &first.ty, Reason::Operand)?;
                    fill("nullif({}, {})", &[first.arg(), second.arg()])
                } else if first.class() == Class::Int && second.class() == Class::Int {
                    fill("nullif({}, {})", &[first.arg(), second.arg()])
                } else {
                    // The comparison may convert what the result is not converted to.
                    fill("case when {} then null else {} end", &[equal.arg(), first.arg()])
                };
                let case_insensitive = first.case_insensitive;
                Value {
                    case_insensitive,
                    ..Value::atom(sql, first.ty, true)
                }
            }
            ("iif", [test, yes, no]) => {
                let test = self.condition(test)?;
                let results = vec![self.value(yes)?, self.value(no)?];
                self.case_value(&[test], results)?
            }
            ("choose", [index, choices @ ..]) if !choices.is_empty() => {
                let index = self.int_argument(index)?;
                let mut tests = Vec::new();
                let mut results = Vec::new();
                for (i, choice) in choices.iter().enumerate() {
                    let sql = fill(&format!("{{}} = {}", i + 1), &[&index.at(Prec::Range)]);
                    tests.push(Value::new(sql, Prec::Compare, SqlType::Condition, index.nullable));
                    results.push(self.value(choice)?);
                }
                results.push(literal::null());
                self.case_value(&tests, results)?
            }
            ("isnumeric" | "isdate" | "isjson", _) => {
                return Err(format!(
                    "{}() tests text in a way that PostgreSQL has no function for",
                    call.name
                ));
            }
            (name, _) if name.starts_with("json_") || name.starts_with("openjson") => {
                return Err(format!("{name}() uses SQL Server's JSON paths"));
            }
            ("parse" | "try_parse" | "format", _) => {
                return Err(format!("{}() follows .NET's rules for languages", call.name));
            }
            _ => return Ok(None),
        }))
    }

    /// `next value for s`: the sequence's name goes into the text that nextval reads.
    fn next_value(&mut self, args: &[&Expr]) -> Outcome<Value> {
        let [Expr::CompoundIdentifier(parts)] = args else {
            return Err("NEXT VALUE FOR without a sequence".to_owned());
        };
        let name = match parts.as_slice() {
            [name] => ObjectName::new("dbo", &name.value),
            [schema, name] => ObjectName::new(&schema.value, &name.value),
            _ => {
                return Err(format!(
                    "the sequence {} belongs to another database",
                    dotted(parts)
                ));
            }
        };
        if name.schema.contains('\'') || name.name.contains('\'') {
            return Err(format!("the sequence {name} has a quote in its name"));
        }
        self.stable();
        let mut sql = Template::sql("nextval('");
        sql.push_relation(name);
        sql.push_sql("')");
        Ok(Value::atom(sql, SqlType::BigInt, false))
    }

    /// An argument that has to be a whole number.
    fn int_argument(&mut self, expr: &Expr) -> Outcome<Value> {
        let value = self.value(expr)?;
        match value.class() {
            // PostgreSQL's functions take integers only.
            Class::Int if value.ty == SqlType::BigInt && value.lit.is_none() => Ok(value.cast("integer")),
            Class::Int => Ok(value),
            Class::Null => Ok(value.cast("integer").typed(SqlType::Int)),
            _ => self.convert(value, &SqlType::Int, Reason::Operand),
        }
    }
}

/// The plain arguments of a call, whether DISTINCT stands before them, and whether they are `*`.
fn arguments(f: &Function) -> Outcome<(Vec<&Expr>, bool, bool)> {
    let odd = || {
        Err(format!(
            "the arguments of {} are of a kind that is not known here",
            f.name
        ))
    };
    let list = match &f.args {
        FunctionArguments::None => return Ok((Vec::new(), false, false)),
        FunctionArguments::Subquery(_) => return odd(),
        FunctionArguments::List(list) => list,
    };
    if !list.clauses.is_empty() || f.parameters != FunctionArguments::None || f.uses_odbc_syntax {
        return odd();
    }
    let distinct = list.duplicate_treatment == Some(DuplicateTreatment::Distinct);
    let mut out = Vec::new();
    for arg in &list.args {
        match arg {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(e)) => out.push(e),
            FunctionArg::Unnamed(FunctionArgExpr::Wildcard) if list.args.len() == 1 => {
                return Ok((Vec::new(), distinct, true));
            }
            _ => return odd(),
        }
    }
    Ok((out, distinct, false))
}
