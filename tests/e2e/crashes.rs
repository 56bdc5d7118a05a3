//! The crash matrix: runs that are killed at random moments, each source in turn, until the migration has ended; and what is
//! there then is what a run leaves that nobody disturbed.
//!
//! Two kills for each source by default. `MIGRATE_TEST_KILLS=200` makes it as many as one likes, `MIGRATE_TEST_SEED` repeats
//! the moments of an earlier matrix, as far as the machine repeats its speed.

use std::io::{BufRead, BufReader};
use std::process::Child;
use std::sync::Arc;
use std::time::{Duration, Instant};

use migrate_pg_embedded::Cluster;
use migrate_testkit::mongo::{MongoServer, crm::Crm};
use migrate_testkit::random::SplitMix64;
use migrate_testkit::tds;
use serde_json::Value;

use crate::cli::{Call, Folder, crm, migrate};
use crate::server::{Database, newest, oldest};

/// At most so many parts of tables are copied at once, and each commits after so many bytes.
const JOBS: u64 = 2;
const COMMIT: u64 = 1 << 20;

/// A batch that was written and is not committed yet may come on top of what makes a commit due.
const BATCH: u64 = (1 << 20) + (64 << 10);

/// A run's source: its name for `migrate`, and what the environment has to say.
struct Source {
    name: String,
    environment: Vec<(&'static str, String)>,
}

impl Source {
    fn run(&self, folder: &Folder, database: &Database) -> Call {
        let jobs = JOBS.to_string();
        let arguments = [
            "run",
            &self.name,
            "--commit-every",
            "1",
            "--jobs",
            &jobs,
            "--json",
            "-vv",
        ];
        let call = migrate(folder, arguments).to(database);
        self.environment
            .iter()
            .fold(call, |call, (name, value)| call.env(name, value))
    }
}

/// What a run told before it ended or was killed.
#[derive(Default)]
struct Told {
    /// Rows and bytes that were handed to the destination.
    rows: u64,
    bytes: u64,
}

impl Told {
    fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        self.bytes += other.bytes;
    }
}

fn numbers(event: &str) -> Option<Told> {
    let event: Value = serde_json::from_str(event).ok()?;
    let number = |name: &str| event[name].as_u64();
    match event["event"].as_str()? {
        "written" => Some(Told {
            rows: number("rows")?,
            bytes: number("bytes")?,
        }),
        _ => None,
    }
}

/// How a run ended.
enum Life {
    Killed(Told),
    Ended(Told),
}

/// Runs it, and kills it after that time if it has not ended by then.
fn live(source: &Source, folder: &Folder, database: &Database, time: Option<Duration>) -> Life {
    let mut child: Child = source.run(folder, database).start();
    let events = BufReader::new(child.stderr.take().unwrap());
    let listening = std::thread::spawn(move || {
        let (mut told, mut text) = (Told::default(), String::new());
        for line in events.lines().map_while(Result::ok) {
            if let Some(more) = numbers(&line) {
                told.add(&more);
            }
            text.push_str(&line);
            text.push('\n');
        }
        (told, text)
    });
    let began = Instant::now();
    let code = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status.code();
        }
        if time.is_some_and(|time| began.elapsed() >= time) {
            child.kill().unwrap();
            break child.wait().unwrap().code();
        }
        std::thread::sleep(Duration::from_micros(500));
    };
    let (told, text) = listening.join().unwrap();
    match code {
        // A signal has no code.
        None => Life::Killed(told),
        Some(0) => Life::Ended(told),
        Some(code) => panic!("{} ended with {code}\n{text}", source.name),
    }
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| {
        text.parse().unwrap_or_else(|e| panic!("{name}: {e}"))
    })
}

/// Kills until it is enough, in as many migrations as that takes.
fn matrix(title: &str, source: &Source, server: &Arc<Cluster>) {
    let wanted = setting("MIGRATE_TEST_KILLS", 2);
    let seed = setting("MIGRATE_TEST_SEED", 7);
    let mut random = SplitMix64::new(seed ^ title.bytes().fold(0, |n, b| n * 31 + u64::from(b)));
    let (folder, calm) = (Folder::new(), Database::new(server));
    let began = Instant::now();
    let Life::Ended(whole) = live(source, &folder, &calm, None) else {
        panic!("{title}: nobody killed it");
    };
    let mut time = began.elapsed();
    calm.assert_complete();
    let expected = calm.content();
    let rows = calm.number("select sum(written) from migrate.chunk");
    assert_eq!(
        whole.rows, rows as u64,
        "{title}: what is told is what is written"
    );
    let (mut kills, mut migrations, mut again, mut most) = (0, 0, Told::default(), 0);
    while kills < wanted {
        let database = Database::new(server);
        let (mut all, mut here) = (Told::default(), 0);
        loop {
            let started = Instant::now();
            let moment = time.mul_f64(random.below(1100) as f64 / 1000.0);
            match live(source, &folder, &database, (kills < wanted).then_some(moment)) {
                Life::Killed(told) => {
                    all.add(&told);
                    (kills, here) = (kills + 1, here + 1);
                }
                Life::Ended(told) => {
                    all.add(&told);
                    // A machine that has become faster: moments behind the end kill nobody.
                    if here == 0 {
                        time = time.min(started.elapsed());
                    }
                    break;
                }
            }
        }
        let place = format!("{title}, seed {seed}, migration {migrations}, {here} kills");
        database.assert_complete();
        assert_eq!(database.content(), expected, "{place}");
        // What was committed is not read again: of each kill at most what each worker had in hand.
        let (rows, bytes) = (
            all.rows.saturating_sub(whole.rows),
            all.bytes.saturating_sub(whole.bytes),
        );
        let bound = here * JOBS * (COMMIT + BATCH);
        assert!(
            bytes <= bound,
            "{place}: {bytes} bytes were written again, and at most {bound} were in hand"
        );
        again.add(&Told { rows, bytes });
        most = most.max(bytes.checked_div(here).unwrap_or(0));
        migrations += 1;
        if wanted > 10 {
            println!(
                "{title}: {kills} kills in {migrations} migrations so far, {} bytes written again",
                again.bytes
            );
        }
    }
    println!(
        "{title}: {kills} kills in {migrations} migrations of {} rows ({} bytes), seed {seed}: the same each time; {} rows \
         ({} bytes) written again, {} bytes for a kill, at most {most} in a migration; {:.1} s undisturbed, {:.0} s in all",
        whole.rows,
        whole.bytes,
        again.rows,
        again.bytes,
        again.bytes / kills.max(1),
        time.as_secs_f64(),
        began.elapsed().as_secs_f64(),
    );
}

#[test]
fn a_bacpac_file() {
    let source = Source {
        name: crm().to_str().unwrap().to_owned(),
        environment: Vec::new(),
    };
    matrix("bacpac", &source, &newest());
}

#[test]
fn sql_server() {
    const PASSWORD: &str = "not-to-be-seen";
    let database = Arc::new(migrate_testkit::crm::on_server().user("reader", PASSWORD));
    let server = tds::Server::start(Arc::clone(&database));
    let url = format!(
        "mssql://reader:{PASSWORD}@127.0.0.1:{}/{}?driver=mssql-tds&encrypt=off",
        server.port(),
        migrate_testkit::crm::NAME
    );
    let source = Source {
        name: "env:SOURCE".to_owned(),
        environment: vec![("SOURCE", url)],
    };
    matrix("SQL Server", &source, &oldest());
}

#[test]
fn mongodb() {
    let server = MongoServer::start();
    Crm::new(5, 4).load(&server, "crm").unwrap();
    let source = Source {
        name: server.url("crm"),
        environment: Vec::new(),
    };
    matrix("MongoDB", &source, &newest());
}

/// Keys, an identity, a sequence of its own, checks, foreign keys, an index, a view, and rows of some megabytes.
const SHOP: &str = "
    create schema shop;
    create sequence shop.tickets start 100 increment 5;
    create table shop.customer (
        id      bigint generated always as identity primary key,
        name    text not null unique,
        balance numeric(12, 2) not null default 0 check (balance > -1000000),
        ticket  bigint not null default nextval('shop.tickets')
    );
    create table shop.orders (
        id       uuid primary key,
        customer bigint not null references shop.customer,
        note     text,
        at       timestamptz not null
    );
    create index orders_at on shop.orders (at desc);
    create table shop.without_key (n int, payload bytea);
    create view shop.totals as select customer, count(*) as orders from shop.orders group by customer;
    insert into shop.customer (name, balance)
    select 'customer ' || n || repeat(' and sons', n % 20), n / 7.0 from generate_series(1, 20000) as n;
    insert into shop.orders
    select md5(n::text)::uuid, 1 + n % 20000, repeat(md5(n::text), n % 9), timestamptz '2020-01-01 UTC' + n * interval '1 min'
    from generate_series(1, 30000) as n;
    insert into shop.without_key select n, decode(repeat(md5(n::text), 8), 'hex') from generate_series(1, 10000) as n";

#[test]
fn postgresql() {
    let from = Database::new(&oldest());
    from.sql(SHOP);
    let source = Source {
        name: "env:FROM".to_owned(),
        environment: vec![("FROM", from.url())],
    };
    matrix("PostgreSQL", &source, &newest());
}

/// The numbers that are told are what the bound above is made of.
#[test]
fn what_is_told_is_understood() {
    let line = r#"{"bytes":7,"chunk":"dbo.T#0","event":"written","rows":3}"#;
    let told = numbers(line).unwrap();
    assert_eq!((told.rows, told.bytes), (3, 7));
    assert!(numbers(r#"{"event":"committed","chunk":"dbo.T#0"}"#).is_none());
}
