//! PostgreSQL into PostgreSQL: a schema with one of everything, compared by what pg_dump prints and by every row.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;

use migrate_pg_embedded::Cluster;

use crate::cli::{Folder, migrate};
use crate::server::{Database, newest, oldest};

const SCHEMA: &str = include_str!("../postgres/schema.sql");

/// A database with one of everything.
fn filled(cluster: &Arc<Cluster>) -> Database {
    let database = Database::new(cluster);
    database.sql(SCHEMA);
    database
}

/// Moves the source into a new database.
fn moved(folder: &Folder, source: &Database, cluster: &Arc<Cluster>) -> Database {
    let target = Database::new(cluster);
    migrate(folder, ["run", "env:FROM", "--json"])
        .env("FROM", source.url())
        .to(&target)
        .ends(0);
    target
}

/// Every table's rows as text, in one order; generated columns included.
fn rows(database: &Database) -> BTreeMap<String, String> {
    let tables = database.sql(
        "select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where c.relkind in ('r', 'p', 'm') and c.relispopulated and n.nspname in ('shop', 'Odd Schema') order by 1",
    );
    let of = |table: &str| database.sql(&format!("select t::text from only {table} as t order by 1"));
    tables
        .lines()
        .map(|table| (table.to_owned(), of(table)))
        .collect()
}

/// What `pg_dump` says of the schema, without what names this very dump.
fn schema(database: &Database) -> String {
    let output = Command::new("pg_dump")
        .args([
            "--schema-only",
            "--no-owner",
            "--exclude-schema=migrate",
            "--dbname",
        ])
        .arg(database.url())
        .output()
        .expect("pg_dump");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let kept = text
        .lines()
        .filter(|l| !l.starts_with("--") && !l.starts_with('\\') && !l.is_empty());
    kept.collect::<Vec<_>>().join("\n")
}

fn sequences(database: &Database) -> String {
    database.sql("select schemaname, sequencename, last_value from pg_sequences where schemaname <> 'migrate' order by 1, 2")
}

#[test]
fn everything_arrives_as_it_was() {
    let folder = Folder::new();
    let source = filled(&oldest());
    let target = moved(&folder, &source, &oldest());
    assert_eq!(schema(&target), schema(&source));
    assert_eq!(rows(&target), rows(&source));
    assert_eq!(sequences(&target), sequences(&source));
    // The proof, from the destination alone.
    migrate(&folder, ["validate"]).to(&target).ends(0);
}

#[test]
fn everything_arrives_in_the_newest_version() {
    let folder = Folder::new();
    let source = filled(&oldest());
    let target = moved(&folder, &source, &newest());
    assert_eq!(rows(&target), rows(&source));
    assert_eq!(sequences(&target), sequences(&source));
}

#[test]
fn a_role_that_would_see_fewer_rows_is_refused() {
    let folder = Folder::new();
    let source = Database::new(&oldest());
    let role = format!("{}_reader", source.name);
    source.sql(&format!(
        "create table t (id integer primary key);
         alter table t enable row level security;
         create role {role} login password 'hunter2';
         grant select on t to {role}"
    ));
    let target = Database::new(&oldest());
    migrate(&folder, ["run", "env:FROM"])
        .env("FROM", source.url_as(&role, "hunter2"))
        .secret("hunter2")
        .to(&target)
        .ends(23)
        .complains(&[&format!(
            "row security would hide rows from the role {role}: public.t"
        )]);
    migrate(&folder, ["run", "env:FROM"])
        .env("FROM", source.url_as(&role, "wrong"))
        .to(&target)
        .ends(22);
    source.sql(&format!("drop owned by {role}; drop role {role}"));
}

#[test]
fn other_types_names_and_conditions_are_carried_out() {
    let folder = Folder::new();
    let source = Database::new(&oldest());
    source.sql(
        "create schema app;
         create type app.mood as enum ('sad', 'ok');
         create table app.thing (\"Id\" serial primary key, n integer not null check (n > 0), amount numeric(8, 3),
                                 address inet, mood app.mood default 'ok', at timestamptz default now());
         create index thing_half on app.thing ((n / 2)) where amount > 1;
         insert into app.thing (n, amount, address, mood, at)
         select i, i * 1.125, '10.0.0.1', 'sad', 'infinity' from generate_series(1, 100) as i;
         create view app.many as select t.n from app.thing t",
    );
    let plan = folder.file("plan.toml");
    std::fs::write(
        &plan,
        "source = \"env:FROM\"\nschemas.app = \"shop\"\n
         [tables.\"app.thing\"]\nname = \"things\"\nwhere = \"n <= 60\"\n
         [tables.\"app.thing\".columns]\nn = { type = \"bigint\", name = \"number\" }\naddress = { type = \"text\" }\n",
    )
    .unwrap();
    let target = Database::new(&oldest());
    migrate(&folder, ["run", plan.to_str().unwrap(), "--json"])
        .env("FROM", source.url())
        .to(&target)
        .ends(0);
    assert_eq!(
        target.sql(
            "select count(*), sum(number), sum(amount), min(address), min(mood), min(at) from shop.things"
        ),
        "60|1830|2058.750|10.0.0.1/32|sad|infinity"
    );
    assert_eq!(
        target.sql("select pg_get_indexdef('shop.thing_half'::regclass)"),
        "CREATE INDEX thing_half ON shop.things USING btree (((number / 2))) WHERE (amount > (1)::numeric)"
    );
    assert_eq!(
        target.sql("select pg_get_constraintdef(oid) from pg_constraint where conname = 'thing_n_check'"),
        "CHECK ((number > 0))"
    );
    // Numbering goes on after the largest number that is there or was used.
    assert_eq!(
        target.sql("insert into shop.things (number) values (7) returning \"Id\", mood"),
        "101|ok"
    );
    // The view's text names a column that has another name now: it is for a person.
    assert_eq!(target.sql("select to_regclass('shop.many') is null"), "t");
}

#[test]
fn two_databases_are_compared_with_the_right_to_read_alone() {
    let folder = Folder::new();
    let tables = "create schema shop; create type shop.mood as enum ('sad', 'ok');
         create table shop.\"Item\" (id integer primary key, price numeric(8, 2), mood shop.mood, moods shop.mood[]);
         insert into shop.\"Item\" select i, i * 1.25, 'ok', array['sad']::shop.mood[] from generate_series(1, 1000) as i;
         create table shop.label (code varchar(5) primary key, text text);
         insert into shop.label values ('a', 'A'), ('b', 'B')";
    let left = Database::new(&oldest());
    left.sql(tables);
    let right = Database::new(&newest());
    // Another number for the same type.
    right.sql("create type first as enum ('x')");
    right.sql(tables);
    let mut urls = Vec::new();
    for database in [&left, &right] {
        let role = format!("{}_reader", database.name);
        database.sql(&format!(
            "create role {role} login password 'hunter2'; grant usage on schema shop to {role};
             grant select on all tables in schema shop to {role};
             revoke create, temporary on database {} from public",
            database.name
        ));
        urls.push(database.url_as(&role, "hunter2"));
    }
    let diff = |flags: &[&str], code: i32| {
        migrate(&folder, ["diff", "env:A", "env:B"].iter().chain(flags))
            .env("A", &urls[0])
            .env("B", &urls[1])
            .secret("hunter2")
            .ends(code)
    };
    diff(&[], 0).says(&["The same: 1,002 rows in 2 tables"]);
    right.sql(
        "update shop.\"Item\" set price = 7, mood = 'sad' where id = 500;
         delete from shop.\"Item\" where id = 77;
         insert into shop.\"Item\" values (-5, 1, 'ok', null);
         alter table shop.label add added integer, alter code type text;
         create table shop.more (a integer)",
    );
    right.sql("grant select on shop.more to public");
    let found = diff(&["--json"], 7).json();
    assert_eq!(found["same"], false);
    assert_eq!(found["only_left"], serde_json::json!([]));
    assert_eq!(
        found["only_right"],
        serde_json::json!([{ "schema": "shop", "name": "more" }])
    );
    let mut rows = found["tables"][0]["differences"].as_array().unwrap().clone();
    rows.sort_by_key(|row| row["key"]["id"].as_i64());
    let said: Vec<String> = rows
        .iter()
        .map(|row| format!("{} {}", row["key"], row["kind"]))
        .collect();
    assert_eq!(
        said,
        [
            r#"{"id":-5} "extra""#,
            r#"{"id":77} "missing""#,
            r#"{"id":500} {"changed":["price","mood"]}"#
        ]
    );
    assert_eq!(rows[2]["expected"]["price"], "625.00");
    assert_eq!(rows[2]["found"]["price"], "7.00");
    // Read in the first side's type, so that it is compared all the same.
    assert_eq!(
        found["tables"][1]["columns"],
        serde_json::json!({ "added": "only the second side has it" })
    );
    assert_eq!(found["tables"][1]["left"], found["tables"][1]["right"]);
    diff(&["--exclude", "shop.more", "--exclude", "shop.item"], 7).says(&["only the second side has it"]);
    for database in [&left, &right] {
        let role = format!("{}_reader", database.name);
        database.sql(&format!("drop owned by {role}; drop role {role}"));
    }
}

#[test]
fn a_ledger_says_how_one_database_came_from_another() {
    let folder = Folder::new();
    let source = Database::new(&oldest());
    source.sql("create table t (id integer primary key, n integer); insert into t select i, i from generate_series(1, 50) as i");
    let plan = folder.file("plan.toml");
    std::fs::write(
        &plan,
        "source = \"env:FROM\"\n[tables.\"public.t\"]\nname = \"things\"\n[tables.\"public.t\".columns]\nn = { name = \"number\" }\n",
    )
    .unwrap();
    let target = Database::new(&newest());
    migrate(&folder, ["run", plan.to_str().unwrap()])
        .env("FROM", source.url())
        .to(&target)
        .ends(0);
    let diff = |left: &str, right: &str, code: i32| {
        migrate(&folder, ["diff", left, right])
            .env("FROM", source.url())
            .env("INTO", target.url())
            .ends(code)
    };
    diff("env:FROM", "env:INTO", 0).says(&["The same: 50 rows in 1 table"]);
    diff("env:INTO", "env:FROM", 0).says(&["The same: 50 rows in 1 table"]);
    target.sql("update things set number = 0 where id = 9");
    diff("env:FROM", "env:INTO", 7).says(&["9 in A, 0 in B"]);
    diff("env:INTO", "env:FROM", 7).says(&["0 in A, 9 in B"]);
}

#[test]
fn clean_removes_what_was_declared_and_nothing_else() {
    let folder = Folder::new();
    let source = filled(&oldest());
    let target = Database::new(&oldest());
    target.sql(
        "create schema others; create type others.mood as enum ('x'); create table others.t (id integer primary key);
         create function others.twice(n integer) returns integer language sql as 'select n';
         create table public.kinds (id serial primary key); create view public.all_kinds as select * from public.kinds",
    );
    let before = (schema(&target), sequences(&target));
    migrate(&folder, ["run", "env:FROM", "--json"])
        .env("FROM", source.url())
        .to(&target)
        .ends(0);
    // What somebody else made in a schema of the migration stays, and the schema with it; in the way it is an error.
    target.sql("create view shop.mine as select id from shop.kinds");
    migrate(&folder, ["clean", "--data", "--yes"])
        .to(&target)
        .ends(6)
        .complains(&["shop.mine"]);
    assert_eq!(target.sql("select count(*) from shop.kinds"), "300");
    target.sql("drop view shop.mine; create table shop.mine (a integer)");
    migrate(&folder, ["clean", "--data", "--yes"]).to(&target).ends(0);
    assert_eq!(
        target.sql("select count(*) from pg_depend where refobjid = 'shop'::regnamespace"),
        "1"
    );
    target.sql("drop table shop.mine; drop schema shop");
    assert_eq!((schema(&target), sequences(&target)), before);
    assert_eq!(target.sql("select to_regnamespace('migrate') is null"), "t");
}

#[test]
fn a_function_that_is_there_already_is_neither_replaced_nor_removed() {
    let folder = Folder::new();
    let source = Database::new(&oldest());
    source.sql(
        "create table t (id integer primary key); insert into t values (1);
         create function twice(n integer) returns integer language sql as 'select 2 * n';
         create function of_rows() returns setof t language sql as 'select * from public.t';
         create view v as select id, twice(id) from t",
    );
    let target = Database::new(&oldest());
    target.sql("create function twice(n integer) returns integer language sql as 'select 42'");
    let before = schema(&target);
    let run = || {
        migrate(&folder, ["run", "env:FROM"])
            .env("FROM", source.url())
            .to(&target)
    };
    run().ends(6).complains(&["twice", "already exists"]);
    assert_eq!(schema(&target), before);
    target.sql(
        "drop function twice(integer); create function of_rows() returns integer language sql as 'select 42'",
    );
    let before = schema(&target);
    // This one needs the table, so that it comes after the rows: a step that could not be done.
    run().ends(3);
    migrate(&folder, ["clean", "--data", "--yes"]).to(&target).ends(0);
    assert_eq!(schema(&target), before);
}

#[test]
fn rules_are_asked_of_the_source_which_writes_nothing() {
    let folder = Folder::new();
    let source = Database::new(&oldest());
    source.sql(
        "create table t (id integer primary key, at timestamptz); insert into t select i, now() from generate_series(1, 30) as i",
    );
    let plan = folder.file("plan.toml");
    let rules = [
        ("same", "on = \"both\"\nsql = \"select max(at), sum(id) from t\""),
        (
            "many",
            "on = \"source\"\nsql = \"select id from t order by id\"\nexpect = 1",
        ),
        (
            "thirty",
            "on = \"source\"\nsql = \"select count(*) from t\"\nexpect = 30",
        ),
        (
            "two",
            "on = \"source\"\nsql = \"commit; delete from t where id = 1\"",
        ),
        (
            "writes",
            "on = \"source\"\nsql = \"delete from t where id = 1 returning id\"",
        ),
        (
            "after",
            "on = \"source\"\nsql = \"select id from t where id > 30\"",
        ),
    ];
    let mut text = "source = \"env:FROM\"\n".to_owned();
    for (name, rule) in rules {
        text.push_str(&format!("[[rule]]\nname = \"{name}\"\n{rule}\n"));
    }
    text.push_str("[[query]]\nname = \"timed\"\nsql = \"select count(*) from t\"\nsource_sql = \"select count(*) from t\"\nruns = 7\n");
    std::fs::write(&plan, text).unwrap();
    let target = Database::new(&oldest());
    migrate(&folder, ["run", plan.to_str().unwrap(), "--json"])
        .env("FROM", source.url())
        .to(&target)
        .run();
    let found = migrate(
        &folder,
        ["validate", plan.to_str().unwrap(), "--level", "full", "--json"],
    )
    .env("FROM", source.url())
    .to(&target)
    .ends(7)
    .json();
    assert_eq!(
        found["verdict"]["reasons"],
        serde_json::json!([
            "rule many: the source did not answer with one value",
            "rule two: the source refused the query: cannot insert multiple commands into a prepared statement (syntax_error, 42601)",
            "rule writes: the source refused the query: cannot execute DELETE in a read-only transaction (read_only_sql_transaction, 25006)",
        ])
    );
    let rules = found["rules"].as_array().unwrap();
    let held = rules.iter().filter(|rule| rule["outcome"] == "holds");
    assert_eq!(
        held.map(|rule| rule["name"].as_str().unwrap())
            .collect::<Vec<_>>(),
        ["same", "thirty", "after"]
    );
    let shown = &rules[1]["outcome"]["broken"]["shown"];
    assert_eq!(
        (shown["rows"].as_array().unwrap().len(), &shown["more"]),
        (20, &true.into())
    );
    assert_eq!(found["queries"][0]["source"]["runs"], 7);
    assert_eq!(source.sql("select count(*) from t"), "30");
}

/// Rows enough for several chunks.
const LARGE: &str = "
    create table big (id integer primary key, filler text);
    insert into big select i, repeat(md5(i::text), 8) from generate_series(1, 250000) as i;
    create table still (id integer primary key, filler text);
    insert into still select i, repeat(md5(i::text), 8) from generate_series(1, 5000) as i;
    create table child (id integer primary key, big integer references big);
    insert into child select i, i from generate_series(1, 100) as i";

#[test]
fn a_run_that_is_resumed_after_changes_copies_what_is_there_now() {
    let folder = Folder::new();
    let source = Database::new(&oldest());
    source.sql(LARGE);
    let target = Database::new(&newest());
    let run = || {
        migrate(&folder, ["run", "env:FROM", "--json", "--jobs", "1", "-vv"])
            .env("FROM", source.url())
            .to(&target)
    };
    let mut child = run().start();
    wait_for_a_chunk(&target);
    child.kill().unwrap();
    child.wait().unwrap();
    source.sql(
        "update big set filler = 'changed' where id % 10000 = 1;
         delete from big where id % 10000 = 777;
         vacuum big;
         insert into big values (-1, 'new');
         insert into child values (-1, -1)",
    );
    run().ends(0);
    let sum = "select count(*), sum(id), sum(length(filler)) from big";
    assert_eq!(target.sql(sum), source.sql(sum));
    let digest = "select md5(string_agg(t::text, ',' order by id)) from big as t";
    assert_eq!(target.sql(digest), source.sql(digest));
    assert_eq!(target.sql("select count(*) from child"), "101");
    assert_eq!(
        target.sql(
            "select count(*) from migrate.event where kind = 'table restarted' and text like 'public.big:%'"
        ),
        "1"
    );
    assert_eq!(
        target.sql(
            "select count(*) from migrate.event where kind = 'table restarted' and text like 'public.still:%'"
        ),
        "0"
    );
}

/// Until a part of the large table is there to stay.
fn wait_for_a_chunk(target: &Database) {
    for _ in 0..2000 {
        let begun = target.sql("select to_regclass('migrate.chunk') is not null");
        if begun == "t"
            && target.number("select count(*) from migrate.chunk where done and source_name = 'big'") > 0
        {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    panic!("no chunk was ever copied");
}
