//! What a PostgreSQL source declares in its own words.

use std::collections::{BTreeMap, BTreeSet};

use migrate_core::declared::{DeclaredObject, Moment, RightKind};
use migrate_core::plan::{Plan, TablePlan, TargetName, quote_ident, quote_literal};

use super::{Lock, Phase, Step, security};

/// Steps for the objects of a moment, in order.
pub(super) fn steps(plan: &Plan, moment: Moment, phase: Phase) -> impl Iterator<Item = Step> {
    plan.declared
        .objects
        .iter()
        .filter(move |o| o.moment == moment)
        .map(move |object| {
            let subject = format!("{} {}", object.kind, object.name);
            let mut sql = object.create.clone();
            if let (Some(supabase), Some(view), true) = (&plan.supabase, &object.relation, is_view(object)) {
                sql.push_str(&security::after_view(view, supabase));
            }
            let step = Step::new(&object.kind, &object.name, subject, phase, sql);
            match &object.table {
                Some(table) => step.locking(table, Lock::Exclusive),
                None => step,
            }
        })
}

/// Steps that give roles their rights, and objects their owners.
pub(super) fn rights(plan: &Plan) -> impl Iterator<Item = Step> {
    plan.declared.rights.iter().map(|right| {
        let (kind, subject) = match right.kind {
            RightKind::Grant => ("grants", format!("grants on {}", right.on)),
            RightKind::DefaultPrivilege => ("default privileges", format!("default privileges {}", right.on)),
            RightKind::Owner => ("owner", format!("owner of {}", right.on)),
        };
        Step {
            // Schemas, and what will be made later. Everything else is the migration's own, and goes with its rights.
            shared: right.kind != RightKind::Owner && right.relation.is_none(),
            ..Step::new(kind, &right.on, subject, Phase::Rights, right.sql.clone())
        }
    })
}

/// Whether the API would read other tables' rows through it.
fn is_view(object: &DeclaredObject) -> bool {
    matches!(object.kind.as_str(), "view" | "materialized view")
}

/// Tables in an order in which they can be created: those with the names of sequences first, because PostgreSQL names an
/// identity's sequence itself and avoids names that exist; parents before their children.
pub(super) fn in_order(plan: &Plan) -> Vec<&TablePlan> {
    let (like_sequences, others): (Vec<_>, Vec<_>) =
        plan.tables.iter().partition(|t| t.target.name.ends_with("_seq"));
    let tables: BTreeMap<&TargetName, &TablePlan> = plan.tables.iter().map(|t| (&t.target, t)).collect();
    let mut order = Order {
        plan,
        tables,
        seen: BTreeSet::new(),
        out: Vec::new(),
    };
    for table in like_sequences.into_iter().chain(others) {
        order.visit(table);
    }
    order.out
}

struct Order<'p> {
    plan: &'p Plan,
    tables: BTreeMap<&'p TargetName, &'p TablePlan>,
    seen: BTreeSet<&'p TargetName>,
    out: Vec<&'p TablePlan>,
}

impl<'p> Order<'p> {
    fn visit(&mut self, table: &'p TablePlan) {
        if !self.seen.insert(&table.target) {
            return;
        }
        for parent in self
            .plan
            .declared
            .table(&table.target)
            .iter()
            .flat_map(|d| &d.parents)
        {
            if let Some(parent) = self.tables.get(parent).copied() {
                self.visit(parent);
            }
        }
        self.out.push(table);
    }
}

/// Sequences that belong to columns, each with its table and column.
pub(super) fn owned(plan: &Plan) -> BTreeMap<&TargetName, (&TablePlan, &str)> {
    let mut owned = BTreeMap::new();
    for table in &plan.tables {
        let serial = plan
            .declared
            .table(&table.target)
            .into_iter()
            .flat_map(|d| &d.serial);
        for (column, sequence) in serial {
            let counts = table
                .columns
                .iter()
                .any(|c| &c.name == column && c.ty.is_integer());
            if counts {
                owned.insert(sequence, (table, column.as_str()));
            }
        }
    }
    owned
}

/// Moves a sequence past the value used last and the largest one in its column, whichever is further, as far as these lie
/// in its range; else it starts where it would.
pub(super) fn set_past(sequence: &str, table: &TargetName, column: &str, last: Option<i64>) -> String {
    let last = last.map_or_else(|| "null::bigint".to_owned(), |n| format!("'{n}'::bigint"));
    let column = quote_ident(column);
    format!(
        "select setval(seqrelid::regclass, coalesce(last, seqstart), last is not null)\n\
         from (select s.seqrelid, s.seqstart,\n    \
         case when s.seqincrement > 0\n    \
         then greatest(case when high between s.seqmin and s.seqmax then high end, {last})\n    \
         else least(case when low between s.seqmin and s.seqmax then low end, {last}) end as last\n    \
         from pg_sequence as s, (select max({column})::bigint as high, min({column})::bigint as low from {from}) as stored\n    \
         where s.seqrelid = {sequence}::regclass) as used",
        from = table.quoted(),
    )
}

/// The sequence of an identity, as an expression.
pub(super) fn identity_sequence(table: &TargetName, column: &str) -> String {
    format!(
        "pg_get_serial_sequence({}, {})",
        quote_literal(&table.quoted()),
        quote_literal(column)
    )
}
