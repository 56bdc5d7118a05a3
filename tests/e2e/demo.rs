//! The bundled database, from its file into both servers: everything that it has is there.

use crate::cli::{Folder, crm, migrate};
use crate::server::{Database, both, oldest};

#[test]
fn everything_arrives() {
    for server in both() {
        let (folder, database) = (Folder::new(), Database::new(&server));
        let run = migrate(&folder, ["run", crm().to_str().unwrap()])
            .to(&database)
            .ends(0);
        run.says(&["Copied 60,220 rows", "Validated: 60,220 rows in 10 tables"]);
        database.assert_complete();
        rows(&database);
        constraints(&database);
        generated_columns(&database);
        numbering(&database);
        views(&database);
        comments(&database);
    }
}

fn rows(database: &Database) {
    let counts = [
        ("User", 400),
        ("Account", 520),
        ("Session", 1_500),
        ("VerificationToken", 300),
        ("Organization", 6_000),
        ("Contact", 14_000),
        ("Opportunity", 6_000),
        ("Interaction", 26_000),
        ("Lead", 4_000),
        ("Contract", 1_500),
    ];
    assert_eq!(counts.iter().map(|(_, n)| n).sum::<i64>(), 60_220);
    for (table, rows) in counts {
        assert_eq!(
            database.number(&format!("select count(*) from dbo.\"{table}\"")),
            rows,
            "{table}"
        );
        assert_eq!(
            database.number(&format!(
                "select sum(written) from migrate.chunk where source_name = '{table}'"
            )),
            rows,
            "{table} in the ledger"
        );
    }
}

fn constraints(database: &Database) {
    let of_type = "select string_agg(format('%s %s', contype, n), ', ' order by contype)
                   from (select contype, count(*) as n
                         from pg_constraint
                         where connamespace = 'dbo'::regnamespace and convalidated and contype in ('c', 'f', 'p', 'u')
                         group by contype) as types";
    assert_eq!(database.sql(of_type), "c 17, f 19, p 9, u 6", "{database}");
    let besides_primary_keys = "select count(*) from pg_index join pg_class on pg_class.oid = indexrelid
                                where relnamespace = 'dbo'::regnamespace and indisvalid and not indisprimary";
    assert_eq!(database.number(besides_primary_keys), 47, "{database}");
    let actions = "select string_agg(format('%s %s', confdeltype, n), ', ' order by confdeltype)
                   from (select confdeltype, count(*) as n
                         from pg_constraint
                         where contype = 'f' and connamespace = 'dbo'::regnamespace
                         group by confdeltype) as actions";
    assert_eq!(database.sql(actions), "a 11, c 6, n 2", "{database}");
    // Unique violation, foreign key violation, check violation, null violation.
    let duplicate = "insert into dbo.\"User\" select * from dbo.\"User\" limit 1";
    assert_eq!(database.refusal(duplicate), "23505");
    let orphan = "update dbo.\"Contact\" set \"organizationId\" = gen_random_uuid()";
    assert_eq!(database.refusal(orphan), "23503");
    assert_eq!(database.refusal("update dbo.\"Lead\" set score = 101"), "23514");
    assert_eq!(
        database.refusal("update dbo.\"Lead\" set company = null"),
        "23502"
    );
    let primary = "update dbo.\"Contact\" set \"isPrimary\" = true";
    assert_eq!(database.refusal(primary), "23505", "the filtered unique index");
    let definition = "select indexdef from pg_indexes where indexname = 'Opportunity_ownerId_stage_idx'";
    assert_eq!(
        database.sql(definition),
        "CREATE INDEX \"Opportunity_ownerId_stage_idx\" ON dbo.\"Opportunity\" USING btree (\"ownerId\", stage) INCLUDE (amount, probability)"
    );
}

fn generated_columns(database: &Database) {
    let wrong = [
        "from dbo.\"Opportunity\" where \"weightedAmount\" is distinct from round(amount * probability / 100, 2)",
        "from dbo.\"Interaction\"
         where \"durationHours\" is distinct from round(\"durationMinutes\" / 60::numeric, 2)",
        "from dbo.\"Contact\" where \"fullName\" is distinct from \"firstName\" || ' ' || \"lastName\"",
        "from dbo.\"Contract\" where \"startDate\" + \"termDays\" is distinct from \"endDate\"",
        "from dbo.\"Contract\" where \"isOpenEnded\" <> (\"endDate\" is null)::int",
        "from dbo.\"Organization\"
         where \"displayAddress\" <> case when \"addressLine1\" is null then '' else \"addressLine1\" || ', ' end
                                  || coalesce(city, '')",
    ];
    for query in wrong {
        assert_eq!(
            database.number(&format!("select count(*) {query}")),
            0,
            "{database}: {query}"
        );
    }
    // Counted by hand.
    let days = "select \"termDays\" from dbo.\"Contract\" where (\"startDate\", \"endDate\") = ('2020-05-31', '2020-10-13')";
    assert_eq!(database.number(days), 135);
    let upper = "select distinct \"nameKey\" from dbo.\"Organization\" where name = 'Café Пельмени'";
    assert_eq!(database.sql(upper), "CAFÉ ПЕЛЬМЕНИ");
    let hours = "select distinct \"durationHours\" from dbo.\"Interaction\" where \"durationMinutes\" = 110";
    assert_eq!(database.sql(hours), "1.83");
    assert_eq!(
        database.refusal("update dbo.\"Contact\" set \"fullName\" = 'x'"),
        "428C9",
        "a generated column takes no value"
    );
}

/// Numbers go on behind the largest.
fn numbering(database: &Database) {
    let identity = "insert into dbo.\"Interaction\" (\"organizationId\", \"userId\", type, subject, \"occurredAt\")
                    select \"organizationId\", \"userId\", 'CALL', 'one more', now() from dbo.\"Interaction\" limit 1
                    returning number";
    assert_eq!(database.number(identity), 27_000, "{database}");
    let sequence = "insert into dbo.\"Contract\" (\"organizationId\", \"opportunityId\", \"startDate\", value)
                    select \"organizationId\", \"opportunityId\", '2025-01-01', 1 from dbo.\"Contract\" limit 1
                    returning number || ' ' || status || ' ' || discount || ' ' || \"isOpenEnded\"";
    assert_eq!(database.sql(sequence), "6501 DRAFT 0.0000 1", "{database}");
    database.sql("delete from dbo.\"Interaction\" where number = 27000; delete from dbo.\"Contract\" where number = 6501");
}

fn views(database: &Database) {
    let open = "select count(*) from dbo.\"Opportunity\" where \"closedAt\" is null";
    assert_eq!(
        database.number("select count(*) from dbo.\"OpenPipeline\""),
        database.number(open)
    );
    assert_eq!(database.number(open), 3_610);
    let segments = database.sql("select * from dbo.\"SegmentSummary\" order by segment");
    assert_eq!(segments.lines().count(), 7);
    assert_eq!(segments.lines().next(), Some("CATERING|719|7823424.75"));
}

fn comments(database: &Database) {
    let count = "select count(*) from pg_description
                 join pg_class on pg_class.oid = objoid
                 where classoid = 'pg_class'::regclass and relnamespace = 'dbo'::regnamespace";
    assert_eq!(database.number(count), 21, "{database}");
    let of = "select obj_description('dbo.\"User\"'::regclass), col_description('dbo.\"User\"'::regclass, 3),
                     obj_description('dbo.\"OpenPipeline\"'::regclass)";
    assert_eq!(
        database.sql(of),
        "People who sign in. Sales representatives own organizations and opportunities.|Unique, whatever the case.|\
         Deals that are still open, with the customer's name."
    );
}

#[test]
fn a_second_run_changes_nothing_and_says_so() {
    for server in both() {
        let (folder, database) = (Folder::new(), Database::new(&server));
        let run = || migrate(&folder, ["run", crm().to_str().unwrap()]).to(&database);
        run().ends(0);
        // The audit trail says of each run what it proved; nothing else may differ.
        let storage = || {
            let lines = database.storage();
            let kept = lines
                .lines()
                .filter(|l| !l.starts_with("event|") && !l.contains("|event_id_seq|"));
            kept.collect::<Vec<_>>().join("\n")
        };
        let before = storage();
        let second = run().ends(0);
        second.says(&["Nothing was left to do", "nothing was changed", "60,220 rows"]);
        assert_eq!(storage(), before, "{database}");
        assert_eq!(run().ends(0).out, second.out);
    }
}

#[test]
fn the_plan_lists_what_a_person_has_to_move() {
    let folder = Folder::new();
    let database = Database::new(&oldest());
    let plan = migrate(&folder, ["plan", "--json", crm().to_str().unwrap()])
        .to(&database)
        .ends(0)
        .json();
    let manual = plan["plan"]["manual"].as_array().unwrap();
    let find = |kind: &str| manual.iter().find(|m| m["kind"] == kind).unwrap();
    let procedure = find("procedure");
    assert_eq!(procedure["name"], "dbo.ReassignOwner");
    let text = procedure["definition"].as_str().unwrap();
    assert!(text.contains("CREATE PROCEDURE [dbo].[ReassignOwner]"), "{text}");
    assert!(
        text.contains("UPDATE [dbo].[Contact] SET [ownerId] = @toUser"),
        "{text}"
    );
    let trigger = find("trigger");
    assert_eq!(trigger["name"], "dbo.Organization_touch");
    let text = trigger["definition"].as_str().unwrap();
    assert!(text.contains("JOIN inserted AS i ON i.[id] = o.[id]"), "{text}");
    for work in manual {
        assert!(!work["reason"].as_str().unwrap().is_empty(), "{work}");
    }
    assert_eq!(manual.len(), 3);
    // Planning is looking only.
    database.assert_untouched("planning");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
