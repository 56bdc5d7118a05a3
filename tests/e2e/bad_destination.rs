//! Destinations that cannot be written, or must not be: the reason is told, and nothing is left behind.

use crate::cli::{Folder, crm, migrate};
use crate::disk::SmallDisk;
use crate::server::{Database, newest, oldest, run};

const USAGE: i32 = 2;
const DESTINATION: i32 = 5;
const CONFLICT: i32 = 6;

fn run_crm(folder: &Folder) -> crate::cli::Call {
    migrate(folder, ["run", crm().to_str().unwrap()])
}

#[test]
fn nobody_listens() {
    let folder = Folder::new();
    // Port 1 is nobody's.
    let call = run_crm(&folder).url("postgres://someone:hunter2-secret@127.0.0.1:1/crm");
    call.ends(DESTINATION)
        .complains(&["error: ", "127.0.0.1:1", "hint: "]);
}

#[test]
fn wrong_names_and_passwords() {
    let (folder, database) = (Folder::new(), Database::new(&oldest()));
    let role = format!("{}_user", database.name);
    database.sql(&format!("create role {role} login password 'right'"));
    let wrong = database.url_as(&role, "hunter2-secret");
    run_crm(&folder)
        .url(&wrong)
        .ends(DESTINATION)
        .complains(&[&role, "password"]);
    let nobody = database.url_as("nobody-at-all", "hunter2-secret");
    run_crm(&folder)
        .url(&nobody)
        .ends(DESTINATION)
        .complains(&["nobody-at-all"]);
    let elsewhere = database.cluster.url("no_such_database");
    run_crm(&folder)
        .url(&elsewhere)
        .ends(USAGE)
        .complains(&["no_such_database"]);
    for unusable in [
        "postgres://h:port/d",
        "mysql://u:hunter2-secret@h/d",
        "nonsense hunter2-secret",
    ] {
        let call = run_crm(&folder).url(unusable).secret("hunter2-secret");
        call.ends(USAGE).complains(&["error: ", "MIGRATE_TO"]);
    }
    database.assert_untouched("refused connections");
    database.sql(&format!("drop role {role}"));
}

#[test]
fn missing_rights() {
    let (folder, database) = (Folder::new(), Database::new(&newest()));
    let role = format!("{}_user", database.name);
    database.sql(&format!("create role {role} login password 'right-secret'"));
    let url = database.url_as(&role, "right-secret");
    run_crm(&folder).url(&url).ends(DESTINATION).complains(&[
        "error: ",
        "create",
        "grant create on database",
    ]);
    database.assert_untouched("a role without rights");
    // May make schemas, but may not write into one that is somebody else's.
    let name = &database.name;
    database.sql(&format!(
        "grant create on database {name} to {role}; create schema dbo"
    ));
    run_crm(&folder)
        .url(&url)
        .ends(DESTINATION)
        .complains(&["schema dbo", "grant create on schema"]);
    assert_eq!(database.relations(), "");
    assert_eq!(
        database.number("select count(*) from pg_namespace where nspname = 'migrate'"),
        0
    );
    // With that right as well, it goes.
    database.sql(&format!("grant create, usage on schema dbo to {role}"));
    run_crm(&folder).url(&url).ends(0);
    database.assert_complete();
    // The ledger and the tables are the role's, and it can roll back alone.
    migrate(&folder, ["clean", "--data", "--yes"]).url(&url).ends(0);
    assert_eq!(database.relations(), "");
    database.sql(&format!("drop owned by {role}; drop role {role}"));
}

#[test]
fn what_is_there_already() {
    let (folder, database) = (Folder::new(), Database::new(&newest()));
    database.sql(
        "create schema dbo;
         create table dbo.\"User\" (id int);
         create view dbo.\"Lead\" as select 1 as one;
         create table dbo.x (id int);
         create index \"Contact_email_idx\" on dbo.x (id);
         create sequence dbo.\"ContractNumber\";
         create type dbo.\"Session\" as enum ('a');
         insert into dbo.\"User\" values (7)",
    );
    let before = database.storage();
    let refused = run_crm(&folder).to(&database).ends(CONFLICT);
    refused.complains(&[
        "table dbo.User",
        "view dbo.Lead",
        "index dbo.Contact_email_idx",
        "sequence dbo.ContractNumber",
        "type dbo.Session",
        "hint: ",
    ]);
    assert!(!refused.err.contains("dbo.x"), "{}", refused.err);
    assert_eq!(database.storage(), before, "nothing was changed");
    // Elsewhere there is room.
    let file = crm();
    let elsewhere = ["run", file.to_str().unwrap(), "--schema", "dbo=crm"];
    migrate(&folder, elsewhere).to(&database).ends(0);
    assert_eq!(database.number("select count(*) from crm.\"User\""), 400);
    assert_eq!(database.sql("select id from dbo.\"User\""), "7");
}

#[test]
fn a_schema_migrate_that_is_somebody_elses() {
    let (folder, database) = (Folder::new(), Database::new(&oldest()));
    database.sql("create schema migrate; create table migrate.birds (name text); insert into migrate.birds values ('stork')");
    run_crm(&folder)
        .to(&database)
        .ends(CONFLICT)
        .complains(&["migrate", "hint: "]);
    // Nobody takes it for a ledger.
    migrate(&folder, ["clean", "--data", "--yes"])
        .to(&database)
        .ends(0)
        .says(&["no ledger"]);
    migrate(&folder, ["status"])
        .to(&database)
        .ends(0)
        .says(&["No migration"]);
    migrate(&folder, ["validate"]).to(&database).ends(USAGE);
    assert_eq!(database.sql("select name from migrate.birds"), "stork");
    assert_eq!(database.relations(), "");
}

#[test]
fn another_migration_is_there() {
    let (folder, database) = (Folder::new(), Database::new(&oldest()));
    run_crm(&folder).to(&database).ends(0);
    let before = database.storage();
    let file = crm();
    let otherwise = ["run", file.to_str().unwrap(), "--naming", "snake"];
    migrate(&folder, otherwise)
        .to(&database)
        .ends(CONFLICT)
        .complains(&["error: ", "hint: "]);
    assert_eq!(database.storage(), before);
}

#[test]
fn other_encodings() {
    for server in [oldest(), newest()] {
        let folder = Folder::new();
        let database = Database::with(
            &server,
            "encoding 'LATIN1' template template0 locale_provider libc lc_collate 'C' lc_ctype 'C'",
        );
        run_crm(&folder)
            .to(&database)
            .ends(DESTINATION)
            .complains(&["LATIN1", "UTF8", "hint: "]);
        database.assert_untouched("an encoding that cannot hold everything");
    }
}

/// A tablespace in a file system of a few megabytes. Only root can make one.
#[test]
fn a_disk_that_is_full() {
    let disk = match SmallDisk::new(24) {
        Ok(disk) => disk,
        Err(reason) => {
            eprintln!("no small disk can be made here: {reason}");
            return;
        }
    };
    let (folder, server) = (Folder::new(), newest());
    let database = Database::new(&server);
    let space = format!("{}_space", database.name);
    run(
        &server,
        "postgres",
        &format!("create tablespace {space} location '{}'", disk.path.display()),
    );
    run(
        &server,
        "postgres",
        &format!("alter database {} set tablespace {space}", database.name),
    );
    let full = run_crm(&folder).to(&database).ends(DESTINATION);
    full.complains(&["error: ", "hint: "]);
    assert!(
        full.err.contains("room") || full.err.contains("space"),
        "{}",
        full.err
    );
    // With more room the same command goes on, and nothing is there twice.
    disk.grow(200);
    run_crm(&folder).to(&database).ends(0);
    database.assert_complete();
    assert_eq!(database.number("select sum(written) from migrate.chunk"), 60_220);
    assert_eq!(
        database.number("select count(*) from dbo.\"Interaction\""),
        26_000
    );
    drop(database);
    run(&server, "postgres", &format!("drop tablespace {space}"));
}
