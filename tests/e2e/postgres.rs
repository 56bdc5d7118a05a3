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
            "--no-privileges",
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
