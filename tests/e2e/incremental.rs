//! Later runs: what the source changed since the last one, and nothing else, once.

use std::io::Write;
use std::process::{Child, Stdio};
use std::time::Duration;

use migrate_testkit::random::SplitMix64;

use crate::cli::{Call, Ended, Folder, migrate};
use crate::server::{Database, newest, oldest};

/// Tables that stand in each other's way: unique values, references in circles, actions, triggers, rules, partitions.
const SCHEMA: &str = "
    create type mood as enum ('sad', 'ok');
    create table customer (id serial primary key, email text not null unique, amount numeric, moods mood[],
                           touched integer not null default 0);
    create table orders (id integer generated always as identity primary key,
                         customer integer not null references customer on delete restrict,
                         parent integer references orders on delete cascade, note text);
    create table line (id bigint primary key, orders integer references orders on delete set null, n integer check (n > 0));
    create table heart (id integer primary key, body integer);
    create table body (id integer primary key, heart integer not null references heart);
    alter table heart add foreign key (body) references body;
    create table pair (a integer, b text, primary key (a, b));
    create table log (at timestamptz, what text);
    create table event (id integer, day date not null, what jsonb, primary key (id, day)) partition by range (day);
    create table event_old partition of event for values from ('2024-01-01') to ('2025-01-01');
    create table event_new partition of event for values from ('2025-01-01') to ('2026-01-01');
    create sequence ticket;
    create function touch() returns trigger language plpgsql as
        'begin insert into public.log values (now(), TG_OP); new.touched := old.touched + 1; return new; end';
    create trigger touched before update on customer for each row execute function touch();
    alter table customer enable always trigger touched;
    alter table pair enable row level security;
    alter table pair force row level security;
    insert into customer (email, amount, moods) select i || '@example.com', i, array['ok']::mood[] from generate_series(1, 500) as i;
    insert into orders (customer, parent, note) select i, nullif(i - 1, 0), 'note ' || i from generate_series(1, 500) as i;
    insert into line select i, 1 + i % 500, i from generate_series(1, 2000) as i;
    insert into heart select i, null from generate_series(1, 20) as i;
    insert into body select i, i from generate_series(1, 20) as i;
    update heart set body = id;
    insert into pair select i, 'b' || i from generate_series(1, 50) as i;
    insert into event select i, date '2024-07-01' + i, jsonb_build_object('i', i) from generate_series(1, 300) as i;
    select setval('ticket', 41)";

const CHANGES: &str = "
    update customer set amount = 5.00 where id = 5;
    update customer set email = 'third' where id = 1;
    update customer set email = '1@example.com' where id = 2;
    update customer set email = '2@example.com' where id = 1;
    update orders set customer = 8 where customer = 7;
    delete from customer where id = 7;
    insert into customer (email) values ('7@example.com');
    insert into orders (customer, note) values (1, 'a'), (501, 'b');
    update orders set parent = 502 where id = 501;
    delete from orders where id = 490;
    insert into line values (5000, 501, 1), (5001, null, 2);
    update line set n = n + 1 where id % 100 = 0;
    update line set id = 6000 where id = 3;
    insert into heart values (21, null); insert into body values (21, 21); update heart set body = 21 where id = 21;
    delete from pair where a = 9; insert into pair values (51, 'new');
    update event set day = '2025-11-11' where id = 1;
    update event set what = '{}' where id = 2;
    select setval('ticket', 77)";

fn run(folder: &Folder, source: &Database, target: &Database, flags: &[&str]) -> Call {
    migrate(folder, ["run", "env:FROM", "--json"].iter().chain(flags))
        .env("FROM", source.url())
        .to(target)
}

fn totals(ended: &Ended) -> (u64, u64, u64) {
    let found = ended.json();
    let of = |name: &str| found["total"][name].as_u64().unwrap();
    (of("inserted"), of("updated"), of("deleted"))
}

/// Whether both hold the same rows, and numbering goes on at the same places.
fn the_same(source: &Database, target: &Database) {
    let tables = "select c.oid::regclass::text from pg_class c where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace order by 1";
    let names = source.sql(tables);
    assert_eq!(target.sql(tables), names);
    for table in names.lines() {
        let rows = format!("select t::text from only {table} as t order by 1");
        assert_eq!(target.sql(&rows), source.sql(&rows), "{table}");
    }
    let sequences =
        "select sequencename, last_value from pg_sequences where schemaname = 'public' order by 1";
    assert_eq!(target.sql(sequences), source.sql(sequences));
}

/// Whether the destination's triggers, keys and row security are as they were before a round.
fn habits(database: &Database) -> String {
    database.sql(
        "select format('trigger %s %s %s', tgrelid::regclass, tgname, tgenabled) from pg_trigger where not tgisinternal
         union all
         select format('key %s %s %s %s %s', conrelid::regclass, conname, condeferrable, condeferred, convalidated)
         from pg_constraint where contype = 'f'
         union all
         select format('rows %s %s %s', oid::regclass, relrowsecurity, relforcerowsecurity) from pg_class
         where relkind = 'r' and relnamespace = 'public'::regnamespace
         union all
         select format('index %s', indexrelid::regclass) from pg_index
         where indrelid in (select oid from pg_class where relnamespace = 'public'::regnamespace)
         union all
         select format('staged %s', relname) from pg_class where relname ~ '^(rows|keys|gone|here)_'
         order by 1",
    )
}

/// A session with a transaction open.
struct Open(Child);

impl Open {
    fn begin(database: &Database, statements: &str) -> Self {
        let mut child = database.cluster.psql(&database.name).unwrap();
        let mut child = child
            .args(["-qXw", "-v", "ON_ERROR_STOP=1"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mark = format!("open_{}", database.name);
        let text = format!("begin; {statements}; set application_name = '{mark}';\n");
        child.stdin.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
        let seen = format!(
            "select count(*) from pg_stat_activity where application_name = '{mark}' and state = 'idle in transaction'"
        );
        while database.number(&seen) == 0 {
            std::thread::sleep(Duration::from_millis(10));
        }
        Self(child)
    }

    fn commit(mut self) {
        self.0.stdin.take().unwrap().write_all(b"commit;\n").unwrap();
        assert!(self.0.wait().unwrap().success());
    }
}

#[test]
fn a_round_brings_what_changed_and_removes_what_is_gone() {
    let (folder, source, target) = (Folder::new(), Database::new(&oldest()), Database::new(&newest()));
    source.sql(SCHEMA);
    // Begun before the first run and committed after it: an earlier number than others that the run sees.
    let open = Open::begin(&source, "update customer set amount = -1 where id = 400");
    source.sql("update customer set amount = -2 where id = 401");
    run(&folder, &source, &target, &[]).ends(0);
    open.commit();
    let before = habits(&target);
    source.sql(CHANGES);
    let ended = run(&folder, &source, &target, &["--incremental", "--deletes"]).ends(0);
    the_same(&source, &target);
    assert_eq!(habits(&target), before);
    // customer: 4 changed (the open one among them) and one new; the log is replaced whole.
    let found = ended.json();
    let table = |name: &str| {
        let tables = found["incremental"]["tables"].as_array().unwrap();
        let table = tables.iter().find(|t| t["source"]["name"] == name).unwrap();
        let of = |name: &str| table[name].as_u64().unwrap();
        (of("inserted"), of("updated"), of("deleted"))
    };
    assert_eq!(table("customer"), (1, 4, 1));
    assert_eq!(
        table("orders"),
        (2, 1, 11),
        "the one that went took its children along"
    );
    assert_eq!(table("line"), (3, 64, 1), "and lines lost their orders");
    assert_eq!((table("heart"), table("body")), ((1, 0, 0), (1, 0, 0)));
    assert_eq!(table("pair"), (1, 0, 1));
    assert_eq!((table("event_old"), table("event_new")), ((0, 1, 1), (1, 0, 0)));
    migrate(&folder, ["validate"]).to(&target).ends(0);
    migrate(&folder, ["validate", "env:FROM"])
        .env("FROM", source.url())
        .to(&target)
        .ends(0);
    // Nothing is left, and nothing is written twice.
    let ended = run(&folder, &source, &target, &["--incremental", "--deletes"]).ends(0);
    assert_eq!(totals(&ended), (0, 0, 0));
    the_same(&source, &target);
    assert_eq!(
        target.sql("select count(*), sum(inserted) from migrate.change"),
        "9|16"
    );
}

#[test]
fn without_deletes_rows_stay_and_the_proof_says_so() {
    let (folder, source, target) = (Folder::new(), Database::new(&oldest()), Database::new(&oldest()));
    source.sql(
        "create table t (id integer primary key, n integer); insert into t select i, i from generate_series(1, 1000) as i;
         create table empty (id integer primary key)",
    );
    // What was never run is run as a whole.
    let ended = run(&folder, &source, &target, &["--incremental"]).ends(0);
    assert_eq!(ended.json()["total"]["written"], 1000);
    source.sql(
        "delete from t where id <= 10; update t set n = 0 where id = 11; insert into empty values (1), (2)",
    );
    let ended = run(&folder, &source, &target, &["--incremental"]).ends(0);
    assert_eq!(totals(&ended), (2, 1, 0));
    assert_eq!(target.sql("select count(*), sum(n) from t"), "1000|500489");
    migrate(&folder, ["validate"]).to(&target).ends(0);
    let validate = || {
        migrate(&folder, ["validate", "env:FROM"])
            .env("FROM", source.url())
            .to(&target)
    };
    validate().ends(7).says(&["{\"id\":10}"]);
    let ended = run(&folder, &source, &target, &["--incremental", "--deletes"]).ends(0);
    assert_eq!(totals(&ended), (0, 0, 10));
    validate().ends(0);
}

/// Notes in `watch.made` which indexes are made.
const WATCH: &str = "
    create schema watch;
    create table watch.made (what text);
    create function watch.note() returns event_trigger language plpgsql as
        'begin insert into watch.made select object_identity from pg_event_trigger_ddl_commands(); end';
    create event trigger watch on ddl_command_end when tag in ('CREATE INDEX') execute function watch.note()";

/// Rows that go are looked for in each table that refers to them: by an index, which it gets for that time if it has none. And rows
/// that a change of their parent moves are changed all the same.
#[test]
fn an_index_is_lent_where_a_foreign_key_has_none() {
    let (folder, source, target) = (Folder::new(), Database::new(&oldest()), Database::new(&newest()));
    source.sql(
        "create table parent (id integer primary key, code text not null unique, n integer);
         create table bare (id integer primary key, parent integer not null references parent, note text);
         create table indexed (id integer primary key, parent integer not null references parent, note text);
         create index on indexed (parent, note);
         create table small (id integer primary key, code text references parent (code) on update cascade, note text);
         insert into parent select i, 'c' || i, i from generate_series(1, 1000) as i;
         insert into bare select i, 1 + i % 1000, repeat('x', 50) from generate_series(1, 3000) as i;
         insert into indexed select * from bare;
         insert into small select i, 'c' || i, 'note' from generate_series(1, 1000) as i",
    );
    run(&folder, &source, &target, &[]).ends(0);
    target.sql(WATCH);
    let before = habits(&target);
    source.sql(
        "delete from bare where parent <= 100; delete from indexed where parent <= 100; delete from small where id <= 100;
         delete from parent where id <= 100;
         update parent set code = 'd' || id where id > 990; update small set note = 'changed' where id > 980",
    );
    let ended = run(&folder, &source, &target, &["--incremental", "--deletes"]).ends(0);
    assert_eq!(totals(&ended), (0, 30, 800));
    the_same(&source, &target);
    assert_eq!(habits(&target), before);
    let made = "select regexp_replace(what, '[0-9]+$', 'N') from watch.made order by 1";
    assert_eq!(target.sql(made), "public.migrate_lent_N");
    migrate(&folder, ["validate", "env:FROM"])
        .env("FROM", source.url())
        .to(&target)
        .ends(0);
}

#[test]
fn new_keys_and_the_old_ones_go_on() {
    let (folder, source, target) = (Folder::new(), Database::new(&oldest()), Database::new(&newest()));
    source.sql(
        "create table parent (id serial primary key, name text);
         create table child (id serial primary key, parent integer references parent);
         insert into parent (name) select 'p' || i from generate_series(1, 100) as i;
         insert into child (parent) select i from generate_series(1, 100) as i",
    );
    let flags = ["--keys", "uuid"];
    run(&folder, &source, &target, &flags).ends(0);
    let before = target.sql("select id from parent where legacy_id = 7");
    source.sql(
        "update parent set name = 'seven' where id = 7; insert into parent (name) values ('new');
         insert into child (parent) values (101); update child set parent = 101 where id = 1; delete from child where id = 2;
         delete from parent where id = 2",
    );
    let ended = run(
        &folder,
        &source,
        &target,
        &[&flags[..], &["--incremental", "--deletes"]].concat(),
    )
    .ends(0);
    assert_eq!(totals(&ended), (2, 2, 2));
    assert_eq!(
        target.sql("select id, name from parent where legacy_id = 7"),
        format!("{before}|seven")
    );
    assert_eq!(
        target.sql("select c.legacy_id, p.name from child c join parent p on c.parent = p.id where p.legacy_id = 101 order by 1"),
        "1|new\n101|new"
    );
    // Every row's old key is listed with the new one; those of rows that are gone stay.
    assert_eq!(
        target.sql(
            "select count(*) from migrate.mapping m join parent p on m.source_table = 'public.parent'
               and m.legacy_key = p.legacy_id::text and m.new_key = p.id::text"
        ),
        "100"
    );
    assert_eq!(target.sql("select count(*) from migrate.mapping"), "202");
    migrate(&folder, ["validate", "env:FROM"])
        .env("FROM", source.url())
        .to(&target)
        .ends(0);
}

#[test]
fn columns_are_watermarks_where_the_plan_says_so() {
    let (folder, source, target) = (Folder::new(), Database::new(&oldest()), Database::new(&oldest()));
    source.sql(
        "create table doc (id integer primary key, n integer, updated_at timestamptz default now());
         create table entry (id bigserial primary key, n integer);
         insert into doc select i, i, now() - interval '1 day' from generate_series(1, 100) as i;
         insert into entry (n) select i from generate_series(1, 100) as i",
    );
    let plan = |doc: &str| {
        let text = format!(
            "source = \"env:FROM\"\n[tables.\"public.doc\"]\n{doc}\n[tables.\"public.entry\"]\nwatermark = \"id\"\noverlap = 5\n"
        );
        std::fs::write(folder.file("plan.toml"), text).unwrap();
    };
    let run = |flags: &[&str]| {
        migrate(&folder, ["run", "plan.toml", "--json"].iter().chain(flags))
            .env("FROM", source.url())
            .to(&target)
    };
    plan("watermark = \"updated\"");
    run(&[])
        .ends(2)
        .complains(&["no column is called `updated`", "xmin"]);
    plan("watermark = \"updated_at\"");
    // It began before the first run, and says so.
    let open = Open::begin(&source, "update doc set n = -7, updated_at = now() where id = 7");
    run(&[]).ends(0);
    open.commit();
    // What the watermark does not tell is not read, nor are rows beyond the overlap.
    source.sql(
        "update doc set n = -8 where id = 8; update doc set n = -9, updated_at = now() where id = 9;
         update doc set n = -10, updated_at = null where id = 10;
         update entry set n = -1 where id in (50, 96); insert into entry (n) values (101)",
    );
    let ended = run(&["--incremental"]).ends(0);
    assert_eq!(totals(&ended), (1, 4, 0));
    assert_eq!(
        target.sql("select string_agg(id::text, ',' order by id) from doc where n < 0"),
        "7,9,10"
    );
    assert_eq!(
        target.sql("select string_agg(id::text, ',' order by id) from entry where n < 0"),
        "96"
    );
    // Another watermark has no checkpoint yet, or one that tells more: what was missed is found.
    plan("watermark = \"xmin\"");
    source.sql("update doc set n = n where id = 8");
    assert_eq!(totals(&run(&["--incremental"]).ends(0)), (0, 1, 0));
    assert_eq!(target.sql("select n from doc where id = 8"), "-8");
}

#[test]
fn another_schema_is_refused_with_the_difference() {
    let (folder, source, target) = (Folder::new(), Database::new(&oldest()), Database::new(&oldest()));
    source.sql("create table t (id integer primary key, n integer); insert into t values (1, 1)");
    run(&folder, &source, &target, &[]).ends(0);
    source.sql("alter table t add added text, alter n type bigint; insert into t values (2, 2); create table more (id integer)");
    run(&folder, &source, &target, &["--incremental"])
        .ends(6)
        .complains(&[
            "column public.t.added is new",
            "column public.t.n was integer",
            "table public.more is new",
        ]);
    assert_eq!(target.sql("select count(*) from t"), "1");
}

#[test]
fn a_source_that_cannot_tell_is_refused() {
    let (folder, target) = (Folder::new(), Database::new(&oldest()));
    let file = crate::cli::crm();
    let run =
        |flags: &[&str]| migrate(&folder, ["run", file.to_str().unwrap()].iter().chain(flags)).to(&target);
    run(&[]).ends(0);
    run(&["--incremental"])
        .ends(4)
        .complains(&["cannot tell which rows changed"]);
}

/// Killed at any moment, a round leaves what was before it or what is after it; the same command again ends it.
#[test]
fn killed_again_and_again() {
    let (folder, source, target) = (Folder::new(), Database::new(&oldest()), Database::new(&newest()));
    source.sql(SCHEMA);
    run(&folder, &source, &target, &[]).ends(0);
    let before = habits(&target);
    // In one statement: what was sent before the kill may still be committed between two.
    let state = |database: &Database| {
        database.sql(
            "select (select md5(string_agg(c::text, ',' order by id)) from customer as c), (select count(*) from line),
                    (select sum(n) from line), (select count(*) from public.event)",
        )
    };
    let old = state(&target);
    source.sql(CHANGES);
    let new = state(&source);
    let mut random = SplitMix64::new(7);
    let (mut kills, mut applied) = (0, false);
    for _ in 0..6 {
        let mut child = run(&folder, &source, &target, &["--incremental", "--deletes"]).start();
        std::thread::sleep(Duration::from_millis(150 + 60 * random.below(12)));
        let ended = child.try_wait().unwrap().is_some();
        kills += usize::from(!ended);
        child.kill().unwrap();
        child.wait().unwrap();
        let now = state(&target);
        assert!(
            now == old && !applied || now == new,
            "neither what was nor what is: {old}, {now}, {new}, applied before: {applied}"
        );
        applied |= now == new;
    }
    assert!(kills >= 1);
    run(&folder, &source, &target, &["--incremental", "--deletes"]).ends(0);
    the_same(&source, &target);
    assert_eq!(habits(&target), before);
    assert_eq!(
        target.sql("select count(*) from migrate.chunk where ordinal >= 1073741824"),
        "0"
    );
    migrate(&folder, ["validate", "env:FROM"])
        .env("FROM", source.url())
        .to(&target)
        .ends(0);
}

/// A row that the destination has no place for is put aside; once it is repaired it arrives, and leaves quarantine.
#[test]
fn refused_rows_are_put_aside_until_they_are_repaired() {
    let (folder, source, target) = (Folder::new(), Database::new(&oldest()), Database::new(&oldest()));
    source.sql("create table t (id integer primary key, n numeric); insert into t select i, i from generate_series(1, 10) as i");
    std::fs::write(
        folder.file("plan.toml"),
        "source = \"env:FROM\"\n[tables.\"public.t\"]\ncolumns.n = { type = \"numeric(6,2)\" }\n",
    )
    .unwrap();
    let run = |flags: &[&str]| {
        migrate(&folder, ["run", "plan.toml", "--json"].iter().chain(flags))
            .env("FROM", source.url())
            .to(&target)
    };
    run(&[]).ends(0);
    source.sql("update t set n = 1.005 where id = 3; insert into t values (11, 2.001), (12, 2)");
    assert_eq!(totals(&run(&["--incremental"]).ends(3)), (1, 0, 0));
    assert_eq!(target.sql("select count(*) from migrate.quarantine"), "2");
    assert_eq!(target.sql("select n from t where id = 3"), "3.00");
    migrate(&folder, ["validate"]).to(&target).ends(7);
    source.sql("update t set n = 1.25 where id in (3, 11)");
    assert_eq!(totals(&run(&["--incremental"]).ends(0)), (1, 1, 0));
    assert_eq!(target.sql("select count(*) from migrate.quarantine"), "0");
    migrate(&folder, ["validate", "env:FROM"])
        .env("FROM", source.url())
        .to(&target)
        .ends(0);
}
