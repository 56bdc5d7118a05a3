//! `migrate clean --data` takes a migration back, and nothing else.

use crate::cli::{Folder, crm, migrate};
use crate::server::{Database, both, newest};

#[test]
fn a_database_is_as_before() {
    for server in both() {
        let (folder, database) = (Folder::new(), Database::new(&server));
        database.sql(
            "create schema crm;
             create table public.\"Kept\" (id int generated always as identity primary key, note text);
             insert into public.\"Kept\" (note) select 'row ' || n from generate_series(1, 100) as n;
             create view crm.kept as select count(*) as n from public.\"Kept\";
             comment on table public.\"Kept\" is 'ours';
             create sequence crm.numbers start 7",
        );
        let (before, storage) = (database.content(), database.storage());
        let file = crm();
        // Beside what is there: one schema exists and one is made.
        let arguments = ["run", file.to_str().unwrap(), "--schema", "dbo=crm"];
        migrate(&folder, arguments).to(&database).ends(0);
        assert_ne!(database.content(), before);
        let cleaned = migrate(&folder, ["clean", "--data", "--yes", "-v"])
            .to(&database)
            .ends(0);
        cleaned.says(&[
            "Removed the ledger",
            "table crm.User",
            "sequence crm.ContractNumber",
        ]);
        assert_eq!(database.content(), before, "{database}");
        assert_eq!(database.storage(), storage, "{database}");
        // There is room for the same migration again.
        migrate(&folder, arguments).to(&database).ends(0);
        database.assert_complete();
    }
}

#[test]
fn half_a_migration_is_taken_back_as_well() {
    let (folder, database) = (Folder::new(), Database::new(&newest()));
    let file = crm();
    // More rows than may be put aside is the end of a run that began: so is a duplicate, here a check that nobody meets.
    let arguments = [
        "run",
        file.to_str().unwrap(),
        "--naming",
        "snake",
        "--case-insensitive",
        "collation",
    ];
    let mut run = migrate(&folder, arguments.iter().chain(&["--json", "-v"]))
        .to(&database)
        .start();
    let mut events = std::io::BufReader::new(run.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("table_done") {
        line.clear();
        assert!(
            std::io::BufRead::read_line(&mut events, &mut line).unwrap() > 0,
            "it ended"
        );
    }
    run.kill().unwrap();
    run.wait().unwrap();
    assert_ne!(database.relations(), "");
    migrate(&folder, ["clean", "--data", "--yes"])
        .to(&database)
        .ends(0);
    database.assert_untouched("a migration that was taken back");
}

/// Without `--data` only the ledger goes.
#[test]
fn the_ledger_alone() {
    let (folder, database) = (Folder::new(), Database::new(&newest()));
    migrate(&folder, ["run", crm().to_str().unwrap()])
        .to(&database)
        .ends(0);
    let content = database.content();
    // Nobody is there to say yes.
    migrate(&folder, ["clean"])
        .to(&database)
        .ends(2)
        .complains(&["--yes"]);
    assert_eq!(database.number("select count(*) from migrate.run"), 1);
    migrate(&folder, ["clean", "--yes"]).to(&database).ends(0);
    assert_eq!(
        database.number("select count(*) from pg_namespace where nspname = 'migrate'"),
        0
    );
    assert_eq!(database.content(), content);
    migrate(&folder, ["clean", "--yes"])
        .to(&database)
        .ends(0)
        .says(&["no ledger"]);
    // The tables are somebody's now.
    migrate(&folder, ["run", crm().to_str().unwrap()])
        .to(&database)
        .ends(6);
    assert_eq!(database.content(), content);
}

/// Something was built on what the migration made.
#[test]
fn what_others_need_stays() {
    let (folder, database) = (Folder::new(), Database::new(&newest()));
    migrate(&folder, ["run", crm().to_str().unwrap()])
        .to(&database)
        .ends(0);
    database.sql("create view public.mine as select * from dbo.\"Lead\"");
    let before = database.storage();
    let refused = migrate(&folder, ["clean", "--data", "--yes"])
        .to(&database)
        .ends(6);
    refused.complains(&["error: ", "mine", "nothing was changed"]);
    assert_eq!(database.storage(), before);
    database.sql("drop view public.mine");
    migrate(&folder, ["clean", "--data", "--yes"])
        .to(&database)
        .ends(0);
    database.assert_untouched("a migration that was taken back");
}
