//! A running SQL Server: whatever database `MSSQL_URL` names, as long as it is small and nobody writes to it. Where the
//! variable is not set, these tests say that they did not run.

use std::io::{BufRead, BufReader};

use url::Url;

use crate::cli::{Call, Folder, migrate};
use crate::server::{Database, newest, oldest};

const UNREACHABLE: i32 = 20;
const UNTRUSTED: i32 = 21;
const LOGIN: i32 = 22;
const NOT_FOUND: i32 = 24;

/// The source, if there is one.
fn source() -> Option<Url> {
    let Ok(text) = std::env::var("MSSQL_URL") else {
        println!("did not run: MSSQL_URL is not set");
        return None;
    };
    Some(Url::parse(&text).expect("MSSQL_URL is a URL"))
}

/// The same with each driver.
fn drivers(source: &Url) -> [Url; 2] {
    ["mssql-tds", "tiberius"].map(|driver| with(source, "driver", driver))
}

/// The same with another option.
fn with(source: &Url, name: &str, value: &str) -> Url {
    let mut url = source.clone();
    let others: Vec<(String, String)> = source
        .query_pairs()
        .filter(|(n, _)| n != name)
        .map(|(n, v)| (n.into_owned(), v.into_owned()))
        .collect();
    url.query_pairs_mut()
        .clear()
        .extend_pairs(others)
        .append_pair(name, value);
    url
}

/// The same without an option.
fn without(source: &Url, name: &str) -> Url {
    let mut url = with(source, name, "");
    let others: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(n, _)| n != name)
        .map(|(n, v)| (n.into_owned(), v.into_owned()))
        .collect();
    url.query_pairs_mut().clear().extend_pairs(others);
    url
}

/// `migrate`, with the source in a variable, since a command line is no place for a password.
fn call(folder: &Folder, source: &Url, command: &str, flags: &[&str]) -> Call {
    let arguments = [command, "env:SOURCE"].into_iter().chain(flags.iter().copied());
    let call = migrate(folder, arguments).env("SOURCE", source.as_str());
    match source.password() {
        Some(password) => call.secret(password),
        None => call,
    }
}

#[test]
fn every_row_of_the_database() {
    let Some(source) = source() else { return };
    let mut contents = Vec::new();
    for source in drivers(&source) {
        let (folder, database) = (Folder::new(), Database::new(&oldest()));
        call(&folder, &source, "run", &["--json"]).to(&database).ends(0);
        database.assert_complete();
        assert!(database.number("select sum(written) from migrate.chunk") > 0);
        // Read again, every table, and compared.
        call(&folder, &source, "validate", &[]).to(&database).ends(0);
        call(&folder, &source, "run", &["--json"])
            .to(&database)
            .ends(0)
            .says(&["\"nothing to do\""]);
        contents.push(database.content());
    }
    assert!(
        contents[0] == contents[1],
        "one driver delivers other values than the other"
    );
}

#[test]
fn killed_again_and_again() {
    let Some(source) = source() else { return };
    let server = newest();
    let flags = ["--json", "-vv", "--commit-every", "1"];
    let (folder, whole, killed) = (Folder::new(), Database::new(&server), Database::new(&server));
    call(&folder, &source, "run", &flags).to(&whole).ends(0);
    let mut kills = 0;
    for events in (5..).step_by(20) {
        let mut child = call(&folder, &source, "run", &flags).to(&killed).start();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let finished = (0..events).any(|_| lines.next().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        if finished {
            break;
        }
        kills += 1;
    }
    assert!(kills >= 3, "{kills}");
    call(&folder, &source, "run", &flags).to(&killed).ends(0);
    killed.assert_complete();
    assert!(
        killed.content() == whole.content(),
        "another outcome than without kills"
    );
}

#[test]
fn each_way_of_not_getting_in_has_its_own_number() {
    let Some(source) = source() else { return };
    let (folder, database) = (Folder::new(), Database::new(&oldest()));
    for source in drivers(&source) {
        let ends = |source: &Url, code: i32| {
            let ended = call(&folder, source, "run", &[]).to(&database).ends(code);
            ended.complains(&["hint"]);
        };
        let mut wrong = source.clone();
        wrong.set_password(Some("not-the-password")).unwrap();
        ends(&wrong, LOGIN);

        let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = unused.local_addr().unwrap().port();
        drop(unused);
        let mut closed = source.clone();
        closed.set_host(Some("127.0.0.1")).unwrap();
        closed.set_port(Some(port)).unwrap();
        ends(&closed, UNREACHABLE);

        let mut nowhere = source.clone();
        nowhere.set_host(Some("no-such-host.invalid")).unwrap();
        ends(&nowhere, UNREACHABLE);

        let mut unknown = source.clone();
        unknown.set_path("no_such_database");
        ends(&unknown, NOT_FOUND);

        // The certificates of test servers are signed by nobody that this machine knows.
        ends(
            &with(&without(&source, "ca"), "trust_server_certificate", "false"),
            UNTRUSTED,
        );
    }
    assert_eq!(
        database.number("select count(*) from pg_namespace where nspname = 'migrate'"),
        0
    );
}
