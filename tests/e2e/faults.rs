//! Faults of networks and servers, each with what exactly comes of it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use migrate_pg_embedded::Cluster;
use migrate_testkit::bacpac::{BacpacWriter, Cell, ColumnSpec, DatabaseSpec, Options, SqlType, TableSpec};
use migrate_testkit::proxy::{Fault, Loss, Proxy};

use crate::cli::{Call, Ended, Folder, crm, migrate, signal};
use crate::server::{Database, newest, oldest};

const DESTINATION: i32 = 5;
const CONFLICT: i32 = 6;

/// Two tables of a thousand rows, with a key and a reference.
fn small(folder: &Folder) -> String {
    let table = |name: &str| {
        TableSpec::new("dbo", name)
            .column(ColumnSpec::new("id", SqlType::Int).not_null())
            .column(ColumnSpec::new("text", SqlType::NVarChar(Some(60))))
            .primary_key(&format!("PK_{name}"), &["id"])
    };
    let spec = DatabaseSpec::new("Small").table(table("One")).table(table("Two"));
    let file = folder.file("small.bacpac");
    let mut writer = BacpacWriter::create(&file, spec, Options::default()).unwrap();
    for name in ["One", "Two"] {
        let rows = (1..=1000).map(|n| vec![Cell::Int(n), Cell::Text(format!("{n} ").repeat(10))]);
        let rows: Vec<Vec<Cell>> = rows.collect();
        writer.table_rows("dbo", name, 1000, rows).unwrap();
    }
    writer.finish().unwrap();
    file.to_str().unwrap().to_owned()
}

fn run(folder: &Folder, source: &str, flags: &[&str]) -> Call {
    let arguments = ["run", source, "--json", "-vv", "--jobs", "1"];
    migrate(folder, arguments.into_iter().chain(flags.iter().copied()))
}

fn assert_small(database: &Database) {
    database.assert_complete();
    for table in ["One", "Two"] {
        let found = database.sql(&format!(
            "select count(*), count(distinct id), sum(id) from dbo.\"{table}\""
        ));
        assert_eq!(found, "1000|1000|500500", "{table}");
    }
    assert_eq!(database.number("select sum(written) from migrate.chunk"), 2000);
}

/// How often something was tried again.
fn retries(ended: &Ended) -> usize {
    ended.err.matches("\"event\":\"retrying\"").count()
}

/// A destination in which the receipts of chunks cannot be written, so many times, for a reason that is the server's.
fn refusing(sqlstate: &str, times: u32) -> Database {
    let database = Database::new(&newest());
    database.sql(&format!(
        "create schema faults;
         create sequence faults.met;
         create function faults.strike() returns trigger language plpgsql as $$
         begin
             if nextval('faults.met') <= {times} then
                 raise exception 'struck' using errcode = '{sqlstate}';
             end if;
             return new;
         end $$;
         create function faults.install() returns event_trigger language plpgsql as $$
         begin
             if exists (select from pg_event_trigger_ddl_commands() where object_identity = 'migrate.chunk'
                        and command_tag = 'CREATE TABLE') then
                 create trigger strike before update of done on migrate.chunk
                 for each row execute function faults.strike();
             end if;
         end $$;
         create event trigger install on ddl_command_end when tag in ('CREATE TABLE')
         execute function faults.install()"
    ));
    database
}

/// What the server says decides: what may pass is tried again and passes, what stays ends the run at once with its cause.
#[test]
fn what_passes_and_what_stays() {
    let folder = Folder::new();
    let source = small(&folder);
    for sqlstate in ["40P01", "40001", "55P03", "53300"] {
        let database = refusing(sqlstate, 2);
        let ended = run(&folder, &source, &[]).to(&database).ends(0);
        assert_eq!(retries(&ended), 2, "{sqlstate}: {}", ended.err);
        ended.complains(&[sqlstate]);
        assert_small(&database);
    }
    for (sqlstate, code) in [
        ("53100", DESTINATION),
        ("42501", DESTINATION),
        ("25006", DESTINATION),
    ] {
        let database = refusing(sqlstate, 1);
        let ended = run(&folder, &source, &[]).to(&database).ends(code);
        assert_eq!(retries(&ended), 0, "{sqlstate}");
        ended.complains(&[sqlstate, "hint"]);
        assert_eq!(database.number("select sum(written) from migrate.chunk"), 0);
        assert_eq!(database.number("select count(*) from dbo.\"One\""), 0);
        // The cause is gone: the same command goes on.
        run(&folder, &source, &[]).to(&database).ends(0);
        assert_small(&database);
    }
}

fn through(proxy: &Proxy, database: &Database) -> String {
    format!("{}?sslmode=disable", proxy.url(&database.url()))
}

/// Whether a commit was carried out is unknown to who asked for it: the request was lost, or only its answer was. Either way
/// everything is there once. Every fourth commit of a run, in turn; all of them if somebody has the time.
#[test]
fn commits_whose_outcome_is_unknown() {
    let folder = Folder::new();
    let source = small(&folder);
    let stride = if std::env::var_os("MIGRATE_TEST_KILLS").is_some() {
        1
    } else {
        4
    };
    let mut met = BTreeMap::new();
    for (offset, loss) in [(0, Loss::Answer), (stride / 2, Loss::Request)] {
        for spared in (offset..).step_by(stride) {
            let database = Database::new(&oldest());
            let proxy = Proxy::start(database.cluster.port());
            proxy.lose_later("commit\0", spared, loss);
            let ended = run(&folder, &source, &[]).url(&through(&proxy, &database)).run();
            let struck = proxy.struck();
            // Only while it is validated, which changes nothing, is a loss the end.
            if ended.code != Some(0) {
                assert_eq!(
                    ended.code,
                    Some(DESTINATION),
                    "{loss:?} of commit {spared}: {}",
                    ended.err
                );
                let complete = "select count(*) from migrate.run where finished_at is not null";
                assert_eq!(
                    database.number(complete),
                    1,
                    "{loss:?} of commit {spared}: {}",
                    ended.err
                );
                run(&folder, &source, &[]).to(&database).ends(0);
            }
            assert_small(&database);
            if struck == 0 {
                break;
            }
            *met.entry(format!("{loss:?}")).or_insert(0) += 1;
        }
    }
    assert!(met.len() == 2 && met.values().all(|n| *n >= 3), "{met:?}");
}

/// Nothing comes any more, and nobody says so: it is given up as a broken connection is.
#[test]
fn a_destination_that_falls_silent() {
    let folder = Folder::new();
    let source = small(&folder);
    let database = Database::new(&newest());
    let proxy = Proxy::start(database.cluster.port());
    // The receipt's statement: its rows were sent, and nobody hears of them.
    proxy.lose_later("set read = $5", 0, Loss::Silence);
    let ended = run(&folder, &source, &["--stall-timeout", "2"])
        .url(&through(&proxy, &database))
        .ends(0);
    assert_eq!(proxy.struck(), 1);
    ended.complains(&["the destination took nothing for 2 s"]);
    assert_small(&database);
}

#[test]
fn a_source_that_falls_silent_stutters_or_breaks() {
    let folder = Folder::new();
    let from = Database::new(&oldest());
    from.sql(
        "create table public.t (id int primary key, text text);
         insert into t select n, repeat(md5(n::text), 10) from generate_series(1, 8000) as n",
    );
    let stutter = Fault::Trickle(4096, Duration::from_micros(200));
    for (fault, told) in [
        (Fault::Stall(400_000), "the source sent nothing for 2 s"),
        (Fault::CutDown(400_000), "\"retrying\""),
        (stutter, "\"complete\""),
    ] {
        let proxy = Proxy::start(from.cluster.port());
        // The reader of rows is the one whose connection carries so much.
        proxy.faults([fault; 6]);
        let database = Database::new(&newest());
        let ended = run(&folder, "env:FROM", &["--stall-timeout", "2"])
            .env("FROM", through(&proxy, &from))
            .to(&database)
            .ends(0);
        assert!(proxy.struck() >= 1, "{fault:?}");
        assert!(
            ended.err.contains(told) || ended.out.contains(told),
            "{fault:?}: {}",
            ended.err
        );
        database.assert_complete();
        let found =
            database.sql("select count(*), count(distinct id), md5(string_agg(text, '' order by id)) from t");
        let there =
            from.sql("select count(*), count(distinct id), md5(string_agg(text, '' order by id)) from t");
        assert_eq!(found, there, "{fault:?}");
    }
}

/// Stopped and started under a run: it waits, and goes on by itself.
#[test]
fn a_server_that_is_restarted() {
    let folder = Folder::new();
    let reference = Database::new(&oldest());
    let file = crm();
    let source = file.to_str().unwrap();
    run(&folder, source, &[]).to(&reference).ends(0);
    let server = Arc::new(Cluster::temporary(None, &[("autovacuum", "off")]).unwrap());
    let database = Database::new(&server);
    for moment in ["\"written\"", "\"step_started\""] {
        let mut child = run(&folder, source, &["--commit-every", "1"])
            .to(&database)
            .start();
        let mut events = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains(moment) {
            line.clear();
            assert!(events.read_line(&mut line).unwrap() > 0, "it ended");
        }
        // It stands still meanwhile, so that it is not over before the server is.
        signal(&child, "STOP");
        restart(&server);
        signal(&child, "CONT");
        let rest: Vec<String> = events.lines().map_while(Result::ok).collect();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{moment}: {rest:#?}");
        assert!(
            rest.iter().any(|l| l.contains("\"retrying\"")),
            "{moment}: {rest:#?}"
        );
        database.assert_complete();
        assert_eq!(database.content(), reference.content(), "{moment}");
        migrate(&folder, ["rollback", "--yes"]).to(&database).ends(0);
    }
}

/// A proof holds no more locks at once than a server has room for, however many tables and sequences there are.
#[test]
fn more_tables_than_locks() {
    let (folder, from) = (Folder::new(), Database::new(&oldest()));
    from.sql(
        "do $$ begin
             for n in 1..400 loop
                 execute format('create table t_%s (id integer generated always as identity primary key)', n);
             end loop;
         end $$",
    );
    let server = Arc::new(Cluster::temporary(None, &[]).unwrap());
    let database = Database::new(&server);
    run(&folder, "env:FROM", &[])
        .env("FROM", from.url())
        .to(&database)
        .ends(0);
    database.sql("alter system set max_locks_per_transaction = 10");
    database.sql("alter system set max_connections = 15");
    restart(&server);
    let all_at_once =
        "do $$ begin for n in 1..400 loop execute format('select from t_%s', n); end loop; end $$";
    assert_eq!(database.refusal(all_at_once), "53200");
    migrate(&folder, ["validate"]).to(&database).ends(0);
}

/// A fast shutdown and a start, as its user.
fn restart(server: &Cluster) {
    let data = server.data_dir().join("pgdata");
    let bin = std::fs::read_to_string(data.join("postmaster.opts")).unwrap();
    let postgres = bin.split_whitespace().next().unwrap().trim_matches('"');
    let pg_ctl = std::path::Path::new(postgres).with_file_name("pg_ctl");
    let is_root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    let mut command = if is_root {
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid=postgres", "--regid=postgres", "--init-groups"])
            .arg(pg_ctl);
        command
    } else {
        Command::new(pg_ctl)
    };
    let output = command
        .args(["restart", "-w", "-m", "fast", "-l", "/dev/null", "-D"])
        .arg(&data)
        .current_dir("/")
        .output()
        .unwrap();
    let said =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
}

/// Another schema than the one that was begun with is told, difference by difference, and nothing is changed.
#[test]
fn a_source_that_changed_between_stop_and_resume() {
    let folder = Folder::new();
    let from = Database::new(&oldest());
    from.sql(
        "create schema shop;
         create table shop.customer (id int primary key, name text, old int not null);
         create table shop.gone (id int);
         insert into shop.customer select n, repeat('x', 500), n from generate_series(1, 20000) as n",
    );
    let database = Database::new(&newest());
    let begin = |database: &Database| {
        run(&folder, "env:FROM", &["--commit-every", "1"])
            .env("FROM", from.url())
            .to(database)
    };
    let mut child = begin(&database).start();
    let mut events = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("\"committed\"") {
        line.clear();
        assert!(events.read_line(&mut line).unwrap() > 0, "it ended");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    from.sql(
        "begin; alter table shop.customer add column extra int; alter table shop.customer alter column name type varchar(500);
         alter table shop.customer alter column old drop not null; create index by_name on shop.customer (name);
         alter table shop.gone rename to here; commit",
    );
    let before = database.storage();
    begin(&database).ends(CONFLICT).complains(&[
        "belongs to another plan",
        "column shop.customer.extra is new",
        "column shop.customer.name was text (text), and is character varying(500) (varchar(500))",
        "column shop.customer.old takes NULL now",
        "index by_name of shop.customer is new",
        "table shop.here is new",
        "table shop.gone is missing",
    ]);
    assert_eq!(database.storage(), before);
    from.sql(
        "begin; alter table shop.customer drop column extra; alter table shop.customer alter column name type text;
         alter table shop.customer alter column old set not null; drop index shop.by_name;
         alter table shop.here rename to gone; commit",
    );
    begin(&database).ends(0);
    database.assert_complete();
    assert_eq!(
        database.number("select count(distinct id) from shop.customer"),
        20_000
    );
}
