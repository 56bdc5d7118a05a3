//! Expressions over columns whose keys are rewritten: they were written for the old values, and go on reading those where
//! they are kept.

use crate::catalog::{Catalog, Column, ObjectName, Table};
use crate::pg_type::PgType;
use crate::plan::{ColumnPlan, quote_literal};
use crate::template::{Expr, Piece, Template, Translation};

use super::Planner;
use super::keys::Rewritten;

impl Rewritten {
    /// Whether a definition of a check or an index depends on the old values of columns: not one that merely lists columns.
    pub(super) fn reads_old(&self, template: &Template) -> bool {
        let rewritten = template.columns().any(|(t, c)| self.owner(t, c).is_some());
        let text = match template.pieces().first() {
            Some(Piece::Sql(text)) => text.trim_start().to_lowercase(),
            _ => String::new(),
        };
        let conditional = template.pieces().iter().any(|p| match p {
            Piece::Sql(text) => text.to_lowercase().contains(" where "),
            _ => false,
        });
        rewritten && (text.starts_with("check") || text.starts_with("create") && conditional)
    }

    /// Notes the sequences that number nothing any more, because the keys that they gave are rewritten.
    pub(super) fn find_idle(&mut self, catalog: &Catalog) {
        let defaults = || {
            catalog
                .tables
                .iter()
                .flat_map(|t| &t.columns)
                .filter_map(|c| c.default.as_ref())
        };
        let uses = |sequence: &ObjectName| {
            let mentions = |e: &&Expr| match &e.translation {
                Translation::Done { template, .. } => template.relations().any(|r| r == sequence),
                Translation::Impossible { .. } => false,
            };
            defaults().filter(mentions).count()
        };
        for table in &catalog.tables {
            let serial = catalog.declared.table(&table.name).map(|d| &d.serial);
            for (column, sequence) in serial.into_iter().flatten() {
                if self.is_own(&table.name, column) && uses(sequence) <= 1 {
                    self.idle.insert(sequence.clone());
                }
            }
        }
    }

    /// Whether the sequence numbers nothing any more.
    pub(super) fn is_idle(&self, sequence: &ObjectName) -> bool {
        self.idle.contains(sequence)
    }

    /// The expression over old values. Tests for NULL, and comparisons of two keys of one table, hold for new ones as well.
    ///
    /// # Errors
    /// Says which column's old values are not kept.
    pub(super) fn over_old_values(&self, template: &Template) -> Result<Template, String> {
        let pieces = template.pieces();
        let mut out = Template::new();
        for (i, piece) in pieces.iter().enumerate() {
            let owner = match piece {
                Piece::Column { table, column } => self.owner(table, column),
                _ => None,
            };
            match piece {
                Piece::Sql(sql) => out.push_sql(sql),
                Piece::Relation(name) => out.push_relation(name.clone()),
                Piece::Schema(name) => out.push_schema(name.as_str()),
                Piece::Role(name) => out.push_role(name.as_str()),
                Piece::Column { table, column } if owner.is_none() || self.as_well(pieces, i) => {
                    out.push_column(table.clone(), column);
                }
                Piece::Column { table, column } => match self.legacy(table, column) {
                    Some(legacy) => out.push_column(table.clone(), legacy),
                    None => {
                        return Err(format!(
                            "it reads old keys in {column}, which are rewritten and not kept; \
                             columns.{column} = {{ legacy = true }} keeps them"
                        ));
                    }
                },
            }
        }
        Ok(out)
    }

    /// Whether it makes no difference to the expression at the piece whether keys are new or old.
    fn as_well(&self, pieces: &[Piece], at: usize) -> bool {
        let sql = |i: Option<usize>| match i.and_then(|i| pieces.get(i)) {
            Some(Piece::Sql(text)) => text.to_lowercase(),
            _ => String::new(),
        };
        let owner = |i: Option<usize>| match i.and_then(|i| pieces.get(i)) {
            Some(Piece::Column { table, column }) => self.owner(table, column),
            _ => None,
        };
        let equates = |text: &str| matches!(text.trim(), "=" | "<>" | "!=");
        let (before, after) = (sql(at.checked_sub(1)), sql(Some(at + 1)));
        let counted = || {
            let listed = |p: &&Piece| match p {
                Piece::Column { .. } => true,
                Piece::Sql(text) => text.trim() == ",",
                Piece::Relation(_) | Piece::Schema(_) | Piece::Role(_) => false,
            };
            match pieces[..at].iter().rev().find(|p| !listed(p)) {
                Some(Piece::Sql(text)) => text.ends_with("num_nonnulls(") || text.ends_with("num_nulls("),
                _ => false,
            }
        };
        let null_test = after.trim_start_matches([')', ' ']);
        null_test.starts_with("is null")
            || null_test.starts_with("is not null")
            || counted()
            || (equates(&after) && owner(Some(at + 2)) == owner(Some(at)))
            || (equates(&before)
                && at
                    .checked_sub(2)
                    .is_some_and(|i| owner(Some(i)) == owner(Some(at))))
    }
}

impl Planner<'_> {
    /// Makes a planned column hold new keys, if they are rewritten.
    pub(super) fn with_new_keys(
        &mut self,
        table: &Table,
        column: &Column,
        mut plan: ColumnPlan,
    ) -> ColumnPlan {
        let Some(rekey) = self.keys.rekey(&table.name, &column.name, plan.ty.clone()) else {
            return plan;
        };
        let object = format!("{}.{}", table.name, column.name);
        let numbered = plan.identity.take().is_some();
        let default = plan.default.take();
        if self.keys.is_own(&table.name, &column.name) {
            if numbered || default.is_some() {
                plan.default = Some("gen_random_uuid()".to_owned());
            }
        } else if let Some(default) = default {
            match literal(&default) {
                Some(old) if rekey.known.is_none() => {
                    let new = uuid::Uuid::new_v5(&rekey.namespace, old.as_bytes());
                    plan.default = Some(format!("{}::uuid", quote_literal(&new.to_string())));
                }
                _ => self.by_hand(
                    "default",
                    object,
                    &default,
                    "it gives old keys, and the column's keys are rewritten",
                ),
            }
        }
        plan.ty = PgType::Uuid;
        (plan.domain, plan.collation) = (None, None);
        plan.rekey = Some(rekey);
        plan
    }
}

/// The column that keeps what the one planned before it held.
pub(super) fn old_values(column: &Column, name: String, of: &ColumnPlan) -> Option<ColumnPlan> {
    let rekey = of.rekey.as_ref()?;
    Some(ColumnPlan {
        source: column.name.clone(),
        name,
        part: column.part.clone(),
        ty: rekey.old.clone(),
        nullable: true,
        rekey: None,
        default: None,
        comment: None,
        ..of.clone()
    })
}

/// The text of a number that is all that a default says.
fn literal(default: &str) -> Option<&str> {
    let bare = default.split("::").next()?.trim_matches(['(', ')', ' ', '\'']);
    let digits = bare.strip_prefix('-').unwrap_or(bare);
    let plain = !digits.is_empty() && digits.len() < 19 && digits.bytes().all(|b| b.is_ascii_digit());
    let canonical = plain && (digits == "0" && digits == bare || !digits.starts_with('0'));
    canonical.then_some(bare)
}
