//! T-SQL as `sqlparser` should read it: its own SQL Server dialect with what that one lacks.

use std::any::TypeId;

use sqlparser::ast::helpers::attached_token::AttachedToken;
use sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, GranteesType,
    Ident, ObjectName, Statement, UnaryOperator,
};
use sqlparser::dialect::{Dialect, MsSqlDialect, Precedence};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

/// The name under which `next value for s` arrives as a function call; no identifier can be spelled like this.
pub(super) const NEXT_VALUE_FOR: &str = "next value for";

/// [`MsSqlDialect`] with T-SQL's own operator precedence (`& ^ |` bind like `+` and `-`, `~` tighter than `*`) and
/// `next value for`.
#[derive(Debug, Default)]
pub(super) struct TSql {
    base: MsSqlDialect,
}

impl TSql {
    fn prefix(&self, parser: &mut Parser<'_>) -> Result<Option<Expr>, ParserError> {
        if parser.consume_token(&Token::Tilde) {
            let operand = parser.parse_subexpr(self.prec_value(Precedence::MulDivModOp))?;
            return Ok(Some(Expr::UnaryOp {
                op: UnaryOperator::BitwiseNot,
                expr: Box::new(operand),
            }));
        }
        if parser.parse_keywords(&[Keyword::NEXT, Keyword::VALUE, Keyword::FOR]) {
            let sequence = parser.parse_object_name(false)?;
            let parts = sequence.0.iter().filter_map(|p| p.as_ident().cloned()).collect();
            if parser.parse_keyword(Keyword::OVER) {
                return Err(ParserError::ParserError("next value for ... over".to_owned()));
            }
            return Ok(Some(Expr::Function(Function {
                name: ObjectName::from(vec![Ident::new(NEXT_VALUE_FOR)]),
                uses_odbc_syntax: false,
                parameters: FunctionArguments::None,
                args: FunctionArguments::List(FunctionArgumentList {
                    duplicate_treatment: None,
                    args: vec![FunctionArg::Unnamed(FunctionArgExpr::Expr(
                        Expr::CompoundIdentifier(parts),
                    ))],
                    clauses: Vec::new(),
                }),
                within_group: Vec::new(),
                filter: None,
                null_treatment: None,
                over: None,
            })));
        }
        // CASE and the like are the base dialect's; `$` alone is money zero.
        if let Token::Placeholder(text) = &parser.peek_token_ref().token
            && text == "$"
        {
            let token = AttachedToken(parser.next_token());
            return Ok(Some(Expr::Value(
                sqlparser::ast::Value::Placeholder("$0".to_owned()).with_span(token.0.span),
            )));
        }
        Ok(None)
    }
}

impl Dialect for TSql {
    // The parser asks for the dialect's identity where SQL Server's grammar differs from others.
    fn dialect(&self) -> TypeId {
        TypeId::of::<MsSqlDialect>()
    }

    fn parse_prefix(&self, parser: &mut Parser<'_>) -> Option<Result<Expr, ParserError>> {
        self.prefix(parser).transpose()
    }

    fn prec_value(&self, prec: Precedence) -> u8 {
        match prec {
            Precedence::Ampersand | Precedence::Caret | Precedence::Pipe => {
                self.base.prec_value(Precedence::PlusMinus)
            }
            other => self.base.prec_value(other),
        }
    }

    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        self.base.is_delimited_identifier_start(ch)
    }

    fn is_identifier_start(&self, ch: char) -> bool {
        self.base.is_identifier_start(ch)
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        self.base.is_identifier_part(ch)
    }

    fn identifier_quote_style(&self, identifier: &str) -> Option<char> {
        self.base.identifier_quote_style(identifier)
    }

    fn convert_type_before_value(&self) -> bool {
        self.base.convert_type_before_value()
    }

    fn supports_outer_join_operator(&self) -> bool {
        // `(+)` is Oracle's; in T-SQL it can only be the start of an operand.
        false
    }

    fn supports_dollar_as_money_prefix(&self) -> bool {
        self.base.supports_dollar_as_money_prefix()
    }

    fn supports_eq_alias_assignment(&self) -> bool {
        self.base.supports_eq_alias_assignment()
    }

    fn supports_group_by_expr(&self) -> bool {
        // ROLLUP, CUBE and GROUPING SETS.
        true
    }

    fn supports_try_convert(&self) -> bool {
        self.base.supports_try_convert()
    }

    fn supports_boolean_literals(&self) -> bool {
        self.base.supports_boolean_literals()
    }

    fn supports_named_fn_args_with_colon_operator(&self) -> bool {
        self.base.supports_named_fn_args_with_colon_operator()
    }

    fn supports_named_fn_args_with_expr_name(&self) -> bool {
        self.base.supports_named_fn_args_with_expr_name()
    }

    fn supports_named_fn_args_with_rarrow_operator(&self) -> bool {
        self.base.supports_named_fn_args_with_rarrow_operator()
    }

    fn supports_table_versioning(&self) -> bool {
        self.base.supports_table_versioning()
    }

    fn supports_nested_comments(&self) -> bool {
        self.base.supports_nested_comments()
    }

    fn supports_object_name_double_dot_notation(&self) -> bool {
        self.base.supports_object_name_double_dot_notation()
    }

    fn get_reserved_grantees_types(&self) -> &[GranteesType] {
        self.base.get_reserved_grantees_types()
    }

    fn is_select_item_alias(&self, explicit: bool, kw: &Keyword, parser: &mut Parser<'_>) -> bool {
        self.base.is_select_item_alias(explicit, kw, parser)
    }

    fn is_table_factor_alias(&self, explicit: bool, kw: &Keyword, parser: &mut Parser<'_>) -> bool {
        self.base.is_table_factor_alias(explicit, kw, parser)
    }

    fn parse_statement(&self, parser: &mut Parser<'_>) -> Option<Result<Statement, ParserError>> {
        self.base.parse_statement(parser)
    }

    fn get_next_precedence(&self, parser: &Parser<'_>) -> Option<Result<u8, ParserError>> {
        self.base.get_next_precedence(parser)
    }
}
