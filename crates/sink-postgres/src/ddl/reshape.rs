//! What becomes of tables once all rows are there: keys become numbers, references to one of several tables get a column
//! for each.
//!
//! Rows are copied as the source has them, so that their digests prove them. Then, each step once and in a transaction of
//! its own:
//!
//! 1. `migrate.mapping` gets a number for each key that it does not have, in the order of the keys, and then for each
//!    reference that leads nowhere, so that nothing is lost.
//! 2. Each table is written anew, with its final columns, by one `insert ... select` that joins the numbers. A new table
//!    leaves no dead rows behind, which an `update` of every row would, and its columns stand in the plan's order.
//!
//! [`copied`] is the way back: the rows as they were copied, for validation.

use migrate_core::plan::{
    NumberedPlan, Plan, ReshapePlan, ResolvedPlan, TablePlan, TargetName, quote_ident, quote_literal,
};

use super::{Phase, Step, column_list, security, table};

/// The steps, in order.
pub(super) fn steps(plan: &Plan) -> Vec<Step> {
    let mut steps = Vec::new();
    let reshaped = || {
        plan.tables
            .iter()
            .filter_map(|t| t.reshape.as_deref().map(|r| (t, r)))
    };
    let columns = || reshaped().flat_map(|(t, r)| r.numbered.iter().map(move |n| (t, n)));
    // Rows before references, so that the numbers of rows come first.
    for (table, column) in columns().filter(|(_, n)| n.legacy.is_some()) {
        steps.push(number_step(table, column));
    }
    for (table, column) in columns().filter(|(_, n)| n.legacy.is_none()) {
        steps.push(number_step(table, column));
    }
    if !steps.is_empty() {
        let sql = "analyze migrate.mapping".to_owned();
        steps.push(Step::new(
            "analyze",
            "migrate.mapping",
            "statistics of the new keys",
            Phase::Numbers,
            sql,
        ));
    }
    for (at, (table, reshape)) in reshaped().enumerate() {
        let done: Vec<&TablePlan> = reshaped().take(at).map(|(t, _)| t).collect();
        let sql = rewrite(plan, table, reshape, &done);
        let subject = format!("{} with its final columns", table.target);
        steps.push(Step::new(
            "reshape",
            &table.target.quoted(),
            subject,
            Phase::Shape,
            sql,
        ));
    }
    steps
}

/// The name of the step that writes the table anew.
pub(crate) fn step_id(table: &TablePlan) -> String {
    format!("reshape {}", table.target.quoted())
}

/// Moves the sequences of new keys past every number that was given, those of rows that are gone included.
pub(super) fn sequence_steps(table: &TablePlan) -> impl Iterator<Item = Step> {
    let own = table
        .reshape
        .iter()
        .flat_map(|r| &r.numbered)
        .filter(|n| n.legacy.is_some());
    own.map(|column| {
        let name = table.target.quoted();
        let sql = format!(
            "select setval(\n    pg_get_serial_sequence({}, {})::regclass, coalesce(max(new_key::bigint), 1), count(*) > 0\n)\n\
             from migrate.mapping\nwhere source_table = {}",
            quote_literal(&name),
            quote_literal(&column.column),
            source(column),
        );
        let subject = format!("identity of {}.{}", table.target, column.column);
        let id = format!("{name}.{}", quote_ident(&column.column));
        Step::new("identity", &id, subject, Phase::Sequences, sql)
    })
}

/// How the mapping calls the table that a column's keys belong to, as SQL.
fn source(column: &NumberedPlan) -> String {
    quote_literal(&column.key_of.to_string())
}

fn number_step(table: &TablePlan, column: &NumberedPlan) -> Step {
    let key = quote_ident(&column.column);
    let text = table
        .columns
        .iter()
        .any(|c| c.name == column.column && c.ty.is_text());
    let sql = format!(
        "insert into migrate.mapping (source_table, legacy_key, new_key)\n\
         select {source}, key::text, (last + row_number() over (order by key{bytes}))::text\n\
         from (\n    select {distinct}{key} as key\n    from {table} as t\n    \
         where {key} is not null\n      and not exists (select from migrate.mapping as known\n                      \
         where known.source_table = {source} and known.legacy_key = t.{key}::text)\n) as new\n\
         cross join (select coalesce(max(new_key::bigint), 0) as last\n            \
         from migrate.mapping where source_table = {source}) as used\n\
         on conflict do nothing",
        source = source(column),
        // As the source compares text, whatever the database's collation.
        bytes = if text { " collate \"C\"" } else { "" },
        distinct = if column.legacy.is_some() { "" } else { "distinct " },
        table = table.target.quoted(),
    );
    let name = format!("{}.{key}", table.target.quoted());
    let subject = format!(
        "new keys of {} for {}.{}",
        column.key_of, table.target, column.column
    );
    Step::new("numbers", &name, subject, Phase::Numbers, sql)
}

/// What the table as it was copied is called while the new one is filled.
fn aside(table: &TargetName) -> TargetName {
    let hash = migrate_core::digest::Digest::hash(table.quoted().as_bytes()) as u64;
    TargetName {
        schema: table.schema.clone(),
        name: format!("migrate_as_copied_{hash:016x}"),
    }
}

/// `done` have their final columns by then.
fn rewrite(plan: &Plan, table: &TablePlan, reshape: &ReshapePlan, done: &[&TablePlan]) -> String {
    let (new, old) = (table.target.quoted(), aside(&table.target).quoted());
    let mut joins = String::new();
    let mut values: Vec<(String, String)> = Vec::new();
    for column in table.copied() {
        let name = quote_ident(&column.name);
        let Some(at) = reshape.numbered.iter().position(|n| n.column == column.name) else {
            values.push((column.name.clone(), format!("t.{name}")));
            continue;
        };
        let numbered = &reshape.numbered[at];
        let number = format!("n{at}");
        joins.push_str(&mapping_join(&number, numbered, &format!("t.{name}")));
        values.push((column.name.clone(), format!("{number}.new_key::bigint")));
        values.extend(
            numbered
                .legacy
                .iter()
                .map(|legacy| (legacy.clone(), format!("t.{name}"))),
        );
    }
    for (at, column) in reshape.resolved.iter().enumerate() {
        let (join, value) = resolve(plan, table, reshape, at, done);
        joins.push_str(&join);
        values.push((column.name.clone(), value));
    }
    let (names, values): (Vec<String>, Vec<String>) = values.into_iter().unzip();
    let created = "migrate.created as mine";
    // A new table is open until it is closed again.
    let access: String = (plan.supabase.iter())
        .flat_map(|s| security::of_table(&table.target, s))
        .fold(String::new(), |sql, statement| sql + ";\n" + &statement);
    format!(
        "alter table {new} rename to {aside};\n{create}{access};\n\
         insert into {new} ({columns})\nselect {values}\nfrom {old} as t{joins};\n\
         do $$ begin\n    if (select count(*) from {old}) <> (select count(*) from {new}) then\n        \
         raise exception 'a key that is referred to is there more than once';\n    end if;\nend $$;\n\
         update {created}\nset object = {new_literal}::regclass\n\
         where kind = 'table' and object = {old_literal}::regclass;\n\
         drop table {old}",
        aside = quote_ident(&aside(&table.target).name),
        create = table::create(&table.reshaped(), plan.declared.table(&table.target)),
        columns = column_list(&names),
        values = values.join(", "),
        new_literal = quote_literal(&new),
        old_literal = quote_literal(&old),
    )
}

fn mapping_join(alias: &str, column: &NumberedPlan, key: &str) -> String {
    format!(
        "\nleft join migrate.mapping as {alias}\n  on {alias}.source_table = {} and {alias}.legacy_key = {key}::text",
        source(column)
    )
}

/// The table that a column may refer to, as it is at this moment.
struct Referred<'p> {
    relation: TargetName,
    /// The column that holds its keys as they were copied.
    key: &'p str,
    /// How its keys become numbers, if they do.
    numbered: Option<&'p NumberedPlan>,
}

fn referred<'p>(
    plan: &'p Plan,
    table: &TablePlan,
    column: &ResolvedPlan,
    done: &[&TablePlan],
) -> Option<Referred<'p>> {
    let other = plan.table(&column.references)?;
    let mut numbered = other.reshape.iter().flat_map(|r| &r.numbered);
    let numbered = numbered.find(|n| n.column == column.key);
    let itself = other.source == table.source;
    let is_done = done.iter().any(|t| t.source == other.source);
    let legacy = numbered.and_then(|n| n.legacy.as_deref()).filter(|_| is_done);
    Some(Referred {
        relation: if itself {
            aside(&other.target)
        } else {
            other.target.clone()
        },
        key: legacy.unwrap_or(other.columns.iter().find(|c| c.name == column.key)?.name.as_str()),
        numbered,
    })
}

/// The join and the value of an added column: NULL unless it is the first of those from the same column that resolves.
fn resolve(
    plan: &Plan,
    table: &TablePlan,
    reshape: &ReshapePlan,
    at: usize,
    done: &[&TablePlan],
) -> (String, String) {
    let column = &reshape.resolved[at];
    let key = |at: usize| {
        let other = referred(plan, table, &reshape.resolved[at], done);
        other.map(|other| format!("r{at}.{}", quote_ident(other.key)))
    };
    let (Some(other), Some(own)) = (referred(plan, table, column, done), key(at)) else {
        return (String::new(), "null".to_owned());
    };
    let from = format!("t.{}", quote_ident(&column.from));
    let mut join = format!(
        "\nleft join {} as r{at}\n  on {own} = {from}{}",
        other.relation.quoted(),
        says_so(column)
    );
    let value = match other.numbered {
        Some(numbered) => {
            join.push_str(&mapping_join(&format!("m{at}"), numbered, &from));
            format!("m{at}.new_key::bigint")
        }
        None => from,
    };
    let earlier = (0..at).filter(|i| reshape.resolved[*i].from == column.from);
    let mut conditions: Vec<String> = earlier
        .filter_map(key)
        .map(|key| format!("{key} is null"))
        .collect();
    conditions.push(format!("{own} is not null"));
    (
        join,
        format!("case when {} then {value} end", conditions.join(" and ")),
    )
}

/// ` and ...`: what the row says besides.
fn says_so(column: &ResolvedPlan) -> String {
    column.when.as_ref().map_or_else(String::new, |says| {
        let name = format!("t.{}", quote_ident(&says.column));
        let values: Vec<String> = says.values.iter().map(|v| quote_literal(v)).collect();
        let said = if says.loosely {
            format!("lower(regexp_replace({name}, '[^[:alnum:]]', '', 'g'))")
        } else {
            name
        };
        format!(" and {said} in ({})", values.join(", "))
    })
}

/// The rows as they were copied, read from a table with its final columns.
pub(crate) fn copied(table: &TablePlan, reshape: &ReshapePlan) -> String {
    let mut joins = String::new();
    let mut values = Vec::new();
    for column in table.copied() {
        let name = quote_ident(&column.name);
        let at = reshape.numbered.iter().position(|n| n.column == column.name);
        values.push(match at.map(|at| (at, &reshape.numbered[at])) {
            None => format!("t.{name}"),
            Some((_, NumberedPlan { legacy: Some(legacy), .. })) => format!("t.{}", quote_ident(legacy)),
            Some((at, numbered)) => {
                joins.push_str(&format!(
                    "\nleft join migrate.mapping as n{at}\n  on n{at}.source_table = {} and n{at}.new_key = t.{name}::text",
                    source(numbered)
                ));
                format!("n{at}.legacy_key::{}", column.ty)
            }
        });
    }
    format!(
        "select {} from {} as t{joins}",
        values.join(", "),
        table.target.quoted()
    )
}
