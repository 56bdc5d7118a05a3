//! What needs rows: keys, indexes, statistics, constraints, sequences, views.

use migrate_core::catalog::Action;
use migrate_core::declared::{DeclaredTable, Moment};
use migrate_core::plan::{
    CheckPlan, ForeignKeyPlan, IndexPlan, KeyPlan, Plan, SequencePlan, TablePlan, TargetName, ViewPlan,
    quote_ident, quote_literal,
};
use migrate_core::supabase::SupabasePlan;

use migrate_core::pg_type::PgType;

use super::table::sequence_bounds;
use super::{Lock, Phase, Step, accounts, column_list, comment, security};

/// Everything that is created or checked once the rows are there: phase by phase, and within a phase the largest
/// tables first.
pub fn post_data(plan: &Plan) -> Vec<Step> {
    let mut tables: Vec<&TablePlan> = plan.tables.iter().collect();
    tables.sort_by_key(|t| std::cmp::Reverse(t.bytes.or(t.rows).unwrap_or(0)));
    let mut steps = super::reshape::steps(plan);
    for table in &tables {
        let name = &table.target;
        let declared = plan.declared.table(name);
        if let Some(key) = &table.primary_key {
            steps.push(key_step("primary key", name, key, declared));
        }
        steps.extend(
            table
                .uniques
                .iter()
                .map(|key| key_step("unique", name, key, declared)),
        );
        steps.extend(
            table
                .indexes
                .iter()
                .map(|index| index_step(name, index, declared)),
        );
        steps.extend(mapping_step(table));
        steps.push(
            Step::new(
                "analyze",
                &name.quoted(),
                format!("statistics of {name}"),
                Phase::Statistics,
                format!("analyze {}", name.quoted()),
            )
            .locking(name, Lock::Shared),
        );
        steps.extend(
            table
                .foreign_keys
                .iter()
                .map(|key| foreign_key_step(name, key, declared)),
        );
        steps.extend(table.checks.iter().map(|check| check_step(name, check, declared)));
        // Before PostgreSQL 18 a partitioned table takes foreign keys only together with their check.
        let at_once = declared.is_some_and(|d| d.partitioned);
        let foreign = table
            .foreign_keys
            .iter()
            .map(|k| (&k.name, k.validate && !at_once));
        let checks = table.checks.iter().map(|c| (&c.name, c.validate));
        let validated = foreign.chain(checks).filter(|(_, validate)| *validate);
        steps.extend(validated.map(|(constraint, _)| validation_step(name, constraint)));
        steps.extend(identity_steps(table, declared));
        steps.extend(super::reshape::sequence_steps(table));
    }
    let owned = super::declared::owned(plan);
    steps.extend(
        plan.sequences
            .iter()
            .filter_map(|s| sequence_step(s, owned.get(&s.name).copied())),
    );
    for (moment, phase) in [
        (Moment::Keys, Phase::Keys),
        (Moment::Attach, Phase::Attach),
        (Moment::Last, Phase::Views),
        (Moment::End, Phase::End),
    ] {
        steps.extend(super::declared::steps(plan, moment, phase));
    }
    let supabase = plan.supabase.as_ref();
    steps.extend(plan.views.iter().map(|view| view_step(view, supabase)));
    steps.extend(super::declared::rights(plan));
    steps.extend(supabase.and_then(|s| s.accounts.as_ref()).map(accounts::step));
    // Stable: the order within a phase stays.
    steps.sort_by_key(|s| s.phase);
    steps
}

/// `"schema"."table"."name"`
fn in_table(table: &TargetName, name: &str) -> String {
    format!("{}.{}", table.quoted(), quote_ident(name))
}

/// What the source itself says about a constraint or an index.
fn definition<'d>(declared: Option<&'d DeclaredTable>, name: &str) -> Option<&'d str> {
    declared?.definitions.get(name).map(String::as_str)
}

/// `alter table only t add constraint n DEFINITION`, with its comment.
fn declared_constraint(
    table: &TargetName,
    only: bool,
    name: &str,
    definition: &str,
    text: Option<&String>,
) -> String {
    let (only, constraint) = (if only { "only " } else { "" }, quote_ident(name));
    format!(
        "alter table {only}{} add constraint {constraint} {definition}{}",
        table.quoted(),
        comment(&format!("constraint {constraint} on {}", table.quoted()), text)
    )
}

/// A definition that leaves the rows that are there to a later step.
fn unchecked(definition: &str) -> String {
    if definition.ends_with(" NOT VALID") || definition.ends_with(" NOT ENFORCED") {
        definition.to_owned()
    } else {
        format!("{definition} not valid")
    }
}

fn key_step(kind: &str, table: &TargetName, key: &KeyPlan, declared: Option<&DeclaredTable>) -> Step {
    let constraint = quote_ident(&key.name);
    let nulls = if key.nulls_not_distinct {
        " nulls not distinct"
    } else {
        ""
    };
    let built = || {
        format!(
            "alter table {table} add constraint {constraint} {kind}{nulls} ({columns}){comment}",
            table = table.quoted(),
            columns = column_list(&key.columns),
            comment = comment(
                &format!("constraint {constraint} on {}", table.quoted()),
                key.comment.as_ref()
            ),
        )
    };
    let sql = definition(declared, &key.name).map_or_else(built, |text| {
        declared_constraint(table, true, &key.name, text, key.comment.as_ref())
    });
    Step::new(
        kind,
        &in_table(table, &key.name),
        format!("{kind} {} of {table}", key.name),
        Phase::Keys,
        sql,
    )
    .locking(table, Lock::Exclusive)
}

/// Lists new keys with the old ones that they were made of, for later runs and other programs.
fn mapping_step(table: &TablePlan) -> Option<Step> {
    let sql = mapping(table, &table.target)?;
    let name = &table.target;
    let step = Step::new(
        "mapping",
        &name.quoted(),
        format!("mapping of keys of {name}"),
        Phase::Keys,
        sql,
    );
    Some(step.locking(name, Lock::Shared))
}

/// The statement that lists new keys of rows in `from`, which has the table's columns; nothing where keys stay.
pub(crate) fn mapping(table: &TablePlan, from: &TargetName) -> Option<String> {
    let [key] = table.primary_key.as_ref()?.columns.as_slice() else {
        return None;
    };
    let key = table
        .columns
        .iter()
        .find(|c| c.name == *key && c.rekey.is_some())?;
    let old = table.legacy_of(key)?;
    let column = quote_ident(&old.name);
    // Zeros at the end make no difference between keys.
    let text = if matches!(old.ty, PgType::Numeric(_)) {
        format!("trim_scale({column})::text")
    } else {
        format!("{column}::text")
    };
    Some(format!(
        "insert into migrate.mapping as known (source_table, legacy_key, new_key)\n\
         select {source}, {text}, {new}::text from {from} where {column} is not null\n\
         on conflict (source_table, legacy_key) do update set new_key = excluded.new_key\n    \
         where known.new_key <> excluded.new_key",
        source = quote_literal(&table.source.to_string()),
        new = quote_ident(&key.name),
        from = from.quoted(),
    ))
}

fn index_step(table: &TargetName, index: &IndexPlan, declared: Option<&DeclaredTable>) -> Step {
    let columns: Vec<String> = index
        .columns
        .iter()
        .map(|(name, descending)| format!("{}{}", quote_ident(name), if *descending { " desc" } else { "" }))
        .collect();
    let full_name = TargetName {
        schema: table.schema.clone(),
        name: index.name.clone(),
    };
    let remark = comment(&format!("index {}", full_name.quoted()), index.comment.as_ref());
    let built = || {
        format!(
            "create {unique}index {name} on {table}{using} ({columns}){include}{nulls}{filter}{remark}",
            unique = if index.unique { "unique " } else { "" },
            name = quote_ident(&index.name),
            table = table.quoted(),
            using = index
                .using
                .as_ref()
                .map(|method| format!(" using {}", quote_ident(method)))
                .unwrap_or_default(),
            columns = index.expression.clone().unwrap_or_else(|| columns.join(", ")),
            include = if index.include.is_empty() {
                String::new()
            } else {
                format!(" include ({})", column_list(&index.include))
            },
            nulls = if index.unique && index.nulls_not_distinct {
                " nulls not distinct"
            } else {
                ""
            },
            filter = index
                .filter
                .as_ref()
                .map(|f| format!(" where ({f})"))
                .unwrap_or_default(),
        )
    };
    let sql = definition(declared, &index.name).map_or_else(built, |text| format!("{text}{remark}"));
    Step::new(
        "index",
        &full_name.quoted(),
        format!("index {} of {table}", index.name),
        Phase::Keys,
        sql,
    )
    .locking(table, Lock::Shared)
}

fn action(action: Action) -> &'static str {
    match action {
        Action::NoAction => "no action",
        Action::Cascade => "cascade",
        Action::SetNull => "set null",
        Action::SetDefault => "set default",
    }
}

fn foreign_key_step(table: &TargetName, key: &ForeignKeyPlan, declared: Option<&DeclaredTable>) -> Step {
    let constraint = quote_ident(&key.name);
    let built = || {
        format!(
            "alter table {table} add constraint {constraint} foreign key ({columns})\n    \
         references {other} ({other_columns}) on delete {delete} on update {update} not valid{comment}",
            table = table.quoted(),
            columns = column_list(&key.columns),
            other = key.references.quoted(),
            other_columns = column_list(&key.referenced_columns),
            delete = action(key.on_delete),
            update = action(key.on_update),
            comment = comment(
                &format!("constraint {constraint} on {}", table.quoted()),
                key.comment.as_ref()
            ),
        )
    };
    let partitioned = declared.is_some_and(|d| d.partitioned);
    let sql = definition(declared, &key.name).map_or_else(built, |text| {
        let text = if partitioned {
            text.to_owned()
        } else {
            unchecked(text)
        };
        declared_constraint(table, !partitioned, &key.name, &text, key.comment.as_ref())
    });
    Step::new(
        "foreign key",
        &in_table(table, &key.name),
        format!("foreign key {} of {table}", key.name),
        Phase::Constraints,
        sql,
    )
    .locking(table, Lock::Exclusive)
}

fn check_step(table: &TargetName, check: &CheckPlan, declared: Option<&DeclaredTable>) -> Step {
    let constraint = quote_ident(&check.name);
    let built = || {
        format!(
            "alter table {table} add constraint {constraint} check ({expression}) not valid{comment}",
            table = table.quoted(),
            expression = check.expression,
            comment = comment(
                &format!("constraint {constraint} on {}", table.quoted()),
                check.comment.as_ref()
            ),
        )
    };
    let sql = definition(declared, &check.name).map_or_else(built, |text| {
        declared_constraint(
            table,
            false,
            &check.name,
            &unchecked(text),
            check.comment.as_ref(),
        )
    });
    Step::new(
        "check",
        &in_table(table, &check.name),
        format!("check {} of {table}", check.name),
        Phase::Constraints,
        sql,
    )
    .locking(table, Lock::Exclusive)
}

fn validation_step(table: &TargetName, constraint: &str) -> Step {
    let sql = format!(
        "alter table {} validate constraint {}",
        table.quoted(),
        quote_ident(constraint)
    );
    let subject = format!("rows of {table} against {constraint}");
    Step::new(
        "validate",
        &in_table(table, constraint),
        subject,
        Phase::Validation,
        sql,
    )
    .locking(table, Lock::Exclusive)
}

/// Moves identity sequences past the value used last and the largest one stored, whichever is further. A table without
/// rows starts where the source would.
fn identity_steps<'t>(
    table: &'t TablePlan,
    declared: Option<&'t DeclaredTable>,
) -> impl Iterator<Item = Step> + 't {
    let name = &table.target;
    table.columns.iter().filter_map(move |column| {
        let identity = column.identity.as_ref()?;
        let (min, max) = sequence_bounds(&column.ty, identity.start, identity.increment, None, None);
        let quoted = quote_ident(&column.name);
        // A value outside of the sequence's range, on the side where it began, does not get in its way.
        let (furthest, stored, inside) = if identity.increment >= 0 {
            ("greatest", "max", format!("last >= {min}"))
        } else {
            ("least", "min", format!("last <= {max}"))
        };
        let sql = format!(
            "select setval(\n    pg_get_serial_sequence({table}, {column})::regclass,\n    \
             case when {inside} then last else {start} end,\n    coalesce({inside}, false)\n)\n\
             from (select {furthest}({stored}({quoted})::bigint, {last}::bigint) as last from {from}) as used",
            table = quote_literal(&name.quoted()),
            column = quote_literal(&column.name),
            start = bigint(identity.start),
            last = identity.last.map_or_else(|| "null".to_owned(), bigint),
            from = name.quoted(),
        );
        let subject = format!("identity of {name}.{}", column.name);
        let sql = if declared.is_some() {
            let sequence = super::declared::identity_sequence(name, &column.name);
            super::declared::set_past(&sequence, name, &column.name, identity.last)
        } else {
            sql
        };
        Some(Step::new("identity", &in_table(name, &column.name), subject, Phase::Sequences, sql))
    })
}

fn sequence_step(sequence: &SequencePlan, owner: Option<(&TablePlan, &str)>) -> Option<Step> {
    let name = quote_literal(&sequence.name.quoted());
    let sql = match (owner, sequence.last) {
        (Some((table, column)), last) => super::declared::set_past(&name, &table.target, column, last),
        (None, Some(last)) => format!("select setval({name}::regclass, {}, true)", bigint(last)),
        (None, None) => return None,
    };
    let subject = format!("value of sequence {}", sequence.name);
    Some(Step::new(
        "sequence value",
        &sequence.name.quoted(),
        subject,
        Phase::Sequences,
        sql,
    ))
}

/// The most negative bigint is not a literal with a minus before it.
fn bigint(value: i64) -> String {
    format!("'{value}'::bigint")
}

fn view_step(view: &ViewPlan, supabase: Option<&SupabasePlan>) -> Step {
    let columns = if view.columns.is_empty() {
        String::new()
    } else {
        format!(" ({})", column_list(&view.columns))
    };
    let name = view.target.quoted();
    let sql = format!(
        "create view {name}{columns} as\n{}{}{}",
        view.query.trim_end().trim_end_matches(';'),
        supabase
            .map(|s| security::after_view(&view.target, s))
            .unwrap_or_default(),
        comment(&format!("view {name}"), view.comment.as_ref())
    );
    let mut step = Step::new(
        "view",
        &view.target.quoted(),
        format!("view {}", view.target),
        Phase::Views,
        sql,
    );
    step.creates = Some(view.target.clone());
    step
}

#[cfg(test)]
mod tests {
    use migrate_core::plan::Target;

    use super::*;

    fn name(name: &str) -> TargetName {
        TargetName {
            schema: "a.b".into(),
            name: name.into(),
        }
    }

    fn plan() -> Plan {
        let key = KeyPlan {
            name: "k".into(),
            columns: vec!["x".into()],
            nulls_not_distinct: true,
            comment: None,
        };
        let check = |name: &str, validate| CheckPlan {
            name: name.into(),
            expression: "x > 0".into(),
            validate,
            comment: None,
        };
        let table = |at: &str, bytes| TablePlan {
            source: migrate_core::catalog::ObjectName::new("s", at),
            target: name(at),
            columns: Vec::new(),
            filter: None,
            primary_key: None,
            uniques: vec![key.clone()],
            foreign_keys: Vec::new(),
            checks: vec![check("c", true), check("d", false)],
            indexes: Vec::new(),
            comment: None,
            rows: None,
            bytes: Some(bytes),
            reshape: None,
            watermark: None,
        };
        Plan {
            source: Default::default(),
            target: Target::default(),
            schemas: Vec::new(),
            extensions: Vec::new(),
            collations: Vec::new(),
            domains: Vec::new(),
            sequences: Vec::new(),
            tables: vec![table("small", 1), table("large", 2)],
            views: Vec::new(),
            manual: Vec::new(),
            notes: Vec::new(),
            excluded: Vec::new(),
            proof: Default::default(),
            declared: Default::default(),
            supabase: None,
            exists: Default::default(),
            staged: false,
        }
    }

    #[test]
    fn phases_follow_each_other_and_large_tables_go_first() {
        let steps = post_data(&plan());
        let ids: Vec<&str> = steps.iter().map(|s| s.id.as_str()).collect();
        assert_eq!(
            ids,
            [
                r#"unique "a.b"."large"."k""#,
                r#"unique "a.b"."small"."k""#,
                r#"analyze "a.b"."large""#,
                r#"analyze "a.b"."small""#,
                r#"check "a.b"."large"."c""#,
                r#"check "a.b"."large"."d""#,
                r#"check "a.b"."small"."c""#,
                r#"check "a.b"."small"."d""#,
                r#"validate "a.b"."large"."c""#,
                r#"validate "a.b"."small"."c""#,
            ]
        );
        assert_eq!(
            steps[0].sql,
            r#"alter table "a.b"."large" add constraint "k" unique nulls not distinct ("x")"#
        );
        assert_eq!(
            steps[4].sql,
            r#"alter table "a.b"."large" add constraint "c" check (x > 0) not valid"#
        );
    }
}
