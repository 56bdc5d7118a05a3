//! Hands the model's expressions to the translator, with everything that their names can refer to.

use migrate_core::catalog::{AliasType, Column, ObjectName, Table};
use migrate_core::template::{Expr, Translation};

pub(crate) struct Translator {
}

impl Translator {
    pub(crate) fn new(_case_sensitive: bool, _aliases: &[AliasType]) -> Self {
        Self {}
    }
    pub(crate) fn add_table(&mut self, _table: &Table) {}
    pub(crate) fn add_view(&mut self, _name: &ObjectName, _columns: &[String]) {}
    pub(crate) fn computed_columns<'a>(&mut self, _tables: impl Iterator<Item = (&'a mut Table, &'a [(usize, String)])>) {}
    pub(crate) fn check(&self, text: &str, _table: &ObjectName) -> Expr { none(text) }
    pub(crate) fn default(&self, text: &str, _table: &ObjectName, _column: &Column) -> Expr { none(text) }
    pub(crate) fn index_filter(&self, text: &str, _table: &ObjectName) -> Expr { none(text) }
    pub(crate) fn view(&self, text: &str, _columns: &[String]) -> Expr { none(text) }
}

fn none(text: &str) -> Expr {
    Expr { native: text.to_owned(), translation: Translation::Impossible { reason: "not translated".into() } }
}
