//! Tables that serve, replaced by a new migration and put back, as a person does it.

use crate::cli::{Folder, crm, migrate};
use crate::server::{Database, newest};

const CONFLICT: i32 = 6;

#[test]
fn a_second_migration_replaces_the_first() {
    let (folder, database) = (Folder::new(), Database::new(&newest()));
    let file = crm();
    let run = |flags: &[&str]| {
        let arguments = ["run", file.to_str().unwrap()];
        migrate(&folder, arguments.into_iter().chain(flags.iter().copied())).to(&database)
    };
    run(&[]).ends(0);
    migrate(&folder, ["clean", "--yes"]).to(&database).ends(0);
    // It serves, is written to, and others built on it.
    database.sql(
        "update dbo.\"Organization\" set name = name || ' (changed)';
         delete from dbo.\"Session\";
         create view public.names as select name from dbo.\"Organization\";
         create table public.mine (id int, organization uuid references dbo.\"Organization\" (id));
         insert into public.mine select row_number() over (), id from dbo.\"Organization\" limit 5;
         grant select on dbo.\"Organization\" to pg_monitor",
    );
    let before = database.content();
    run(&[]).ends(CONFLICT).complains(&["table dbo.Organization"]);
    let planned = migrate(
        &folder,
        [
            "plan",
            file.to_str().unwrap(),
            "--exists",
            "replace",
            "-o",
            "plan.toml",
        ],
    );
    planned.to(&database).ends(0);
    let text = std::fs::read_to_string(folder.file("plan.toml")).unwrap();
    assert!(text.contains("exists = \"replace\""), "{text}");

    run(&["--exists", "replace"]).ends(0).says(&[
        "Replaced",
        "Bound anew views of others: public.names",
        "foreign keys of others",
    ]);
    assert_eq!(
        database.sql(
            "select (select count(*) from public.names where name like '%(changed)'), (select count(*) from public.names),
                    (select count(*) from dbo.\"Session\"), (select count(*) from migrate_old_dbo.\"Session\"),
                    (select count(*) from migrate_old_dbo.\"Organization\" where name like '%(changed)'),
                    has_table_privilege('pg_monitor', 'dbo.\"Organization\"', 'select'),
                    (select confrelid = 'dbo.\"Organization\"'::regclass and convalidated
                     from pg_constraint where conrelid = 'public.mine'::regclass and contype = 'f')"
        ),
        "0|6000|1500|0|6000|t|t"
    );
    database.assert_complete();
    run(&["--exists", "replace"])
        .ends(0)
        .says(&["Nothing was left to do"]);
    migrate(&folder, ["validate", file.to_str().unwrap()])
        .to(&database)
        .ends(0);
    // Nobody is there to say yes, but what would happen is shown.
    migrate(&folder, ["rollback"]).to(&database).ends(2).complains(&[
        "Will be dropped: ",
        "table dbo.Organization",
        "Will be put back: ",
        "table migrate_old_dbo.Organization",
    ]);
    migrate(&folder, ["rollback", "--yes"])
        .to(&database)
        .ends(0)
        .says(&["Put back", "public.names"]);
    assert_eq!(database.content(), before);
    // And for good.
    run(&["--exists", "replace"]).ends(0);
    migrate(&folder, ["clean", "--yes"])
        .to(&database)
        .ends(0)
        .complains(&["is kept until now; will be dropped: "]);
    assert_eq!(
        database.sql(
            "select (select count(*) from pg_namespace where nspname like 'migrate%'), (select count(*) from public.names)"
        ),
        "0|6000"
    );
}
