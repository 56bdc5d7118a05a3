//! Schema, references, rules and queries of a real database.

use migrate_core::proof::{On, Proof, Rule, Severity, TimedQuery};
use migrate_validate::{Layers, Level, Options, Outcome, References};
use serde_json::json;

use crate::loaded::Loaded;

fn schema_only() -> Options {
    Options {
        layers: Layers {
            schema: true,
            ..Layers::COUNTS
        },
        ..Options::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_not_as_planned_is_named() {
    let loaded = Loaded::new(40, 11).await;
    for (change, undo, expected) in [
        (
            "alter table dbo.\"Every\" drop constraint \"PK_Every\" cascade",
            "alter table dbo.\"Every\" add constraint \"PK_Every\" primary key (id);
             alter table dbo.\"Child\" add constraint \"FK_Child\" foreign key (every) references dbo.\"Every\" on delete cascade",
            vec![
                "dbo.Every.PK_Every: the primary key is missing",
                "dbo.Child.FK_Child: the foreign key is missing",
            ],
        ),
        (
            "alter table dbo.\"Child\" drop constraint \"FK_Child\";
             alter table dbo.\"Child\" add constraint \"FK_Child\" foreign key (every) references dbo.\"Every\" not valid",
            "alter table dbo.\"Child\" drop constraint \"FK_Child\";
             alter table dbo.\"Child\" add constraint \"FK_Child\" foreign key (every) references dbo.\"Every\" on delete cascade",
            vec![
                "dbo.Child.FK_Child: the foreign key was never checked against the rows: ALTER TABLE ... VALIDATE CONSTRAINT",
                "dbo.Child.FK_Child: it does nothing on delete and nothing on update",
            ],
        ),
        (
            "alter table dbo.\"Every\" alter name type varchar(61)",
            "alter table dbo.\"Every\" alter name type varchar(60)",
            vec!["dbo.Every.name: its type is character varying(61), not varchar(60)"],
        ),
        (
            "alter table dbo.\"Every\" alter note set default 'x'; alter table dbo.\"Heap\" alter b set not null",
            "alter table dbo.\"Every\" alter note drop default; alter table dbo.\"Heap\" alter b drop not null",
            vec![
                "dbo.Every.note: it has a default that the plan does not give it",
                "dbo.Heap.b: it takes no NULL",
            ],
        ),
        (
            "update pg_index set indisvalid = false where indexrelid = 'dbo.\"PK_Every\"'::regclass",
            "update pg_index set indisvalid = true where indexrelid = 'dbo.\"PK_Every\"'::regclass",
            vec!["dbo.Every.PK_Every: its index cannot be used: build it again with REINDEX"],
        ),
    ] {
        let found = loaded.validate(false, schema_only()).await;
        assert_eq!(found.verdict.reasons, Vec::<String>::new(), "before {change}");
        loaded.sql(change);
        let found = loaded.validate(false, schema_only()).await;
        assert_eq!(found.verdict.reasons, expected, "{change}");
        loaded.sql(undo);
    }
    // A table that is gone does not keep the others from being looked at.
    loaded.sql("alter table dbo.\"Heap\" rename to \"Pile\"");
    let found = loaded.validate(false, Options::default()).await;
    let agree: Vec<bool> = found.tables.iter().map(|t| t.agrees()).collect();
    assert_eq!(agree, [true, false, true]);
    assert!(found.tables[1].unreadable.as_ref().unwrap().contains("dbo.Heap"));
    assert!(
        found
            .verdict
            .reasons
            .contains(&"dbo.Heap: the table is missing".to_owned())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn orphans_are_listed_with_their_parents() {
    let loaded = Loaded::new(40, 12).await;
    let options = |references| Options {
        layers: Layers {
            schema: true,
            references,
            ..Layers::COUNTS
        },
        ..Options::default()
    };
    let found = loaded.validate(false, options(References::Declared)).await;
    assert!(found.references.len() == 1 && found.references[0].holds() && found.verdict.go);
    // What PostgreSQL has checked is not checked again at a run's end.
    assert_eq!(
        loaded
            .validate(false, options(References::Unchecked))
            .await
            .references,
        []
    );
    loaded.sql(
        "set session_replication_role = replica; update dbo.\"Child\" set every = 4711 where id in (3, 5)",
    );
    let found = loaded.validate(false, options(References::Declared)).await;
    let check = &found.references[0];
    assert_eq!(check.name.as_deref(), Some("FK_Child"));
    assert_eq!(
        json!(check.orphans),
        json!({ "rows": 2, "shown": [
            { "key": { "id": "3" }, "parent": { "id": "4711" } },
            { "key": { "id": "5" }, "parent": { "id": "4711" } },
        ] })
    );
    assert_eq!(
        found.verdict.reasons,
        ["dbo.Child: 2 rows refer to rows of dbo.Every that are not there (FK_Child)"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_and_queries_of_the_plan() {
    let loaded = Loaded::new(40, 13).await;
    let rule = |name: &str, sql: &str, expect, severity| Rule {
        name: name.into(),
        on: On::Destination,
        sql: sql.into(),
        source_sql: None,
        expect,
        severity,
    };
    let proof = Proof {
        success: None,
        rules: vec![
            rule(
                "forty",
                "select count(*) from dbo.\"Every\"",
                Some(json!(40)),
                Severity::Error,
            ),
            rule(
                "true",
                "select bool_and(a >= 0) from dbo.\"Heap\"",
                Some(json!(true)),
                Severity::Error,
            ),
            rule(
                "nobody",
                "select id from dbo.\"Every\" where id < 0",
                None,
                Severity::Error,
            ),
            rule(
                "two",
                "select id from dbo.\"Every\" where id < 2 order by 1",
                None,
                Severity::Warning,
            ),
            rule("nonsense", "select no_such_column", None, Severity::Error),
            rule("writing", "delete from dbo.\"Heap\"", None, Severity::Error),
            Rule {
                on: On::Source,
                ..rule("there", "select 1", None, Severity::Error)
            },
        ],
        queries: vec![
            TimedQuery {
                name: "quick".into(),
                sql: "select 1".into(),
                source_sql: None,
                runs: 3,
                limit_ms: Some(60_000),
            },
            TimedQuery {
                name: "slow".into(),
                sql: "select pg_sleep(0.01)".into(),
                source_sql: None,
                runs: 1,
                limit_ms: Some(1),
            },
        ],
    };
    let options = Options {
        layers: Level::Full.layers(),
        proof: Some(proof),
        ..Options::default()
    };
    let found = loaded.validate(false, options).await;
    let outcomes: Vec<bool> = found.rules.iter().map(|r| r.outcome == Outcome::Holds).collect();
    assert_eq!(outcomes, [true, true, true, false, false, false, false]);
    let Outcome::Broken { reason, shown } = &found.rules[3].outcome else {
        panic!()
    };
    assert_eq!(reason, "the destination has 2 rows that break it");
    assert_eq!(
        shown.as_ref().unwrap().rows,
        [[Some("0".to_owned())], [Some("1".to_owned())]]
    );
    assert!(
        found
            .verdict
            .warnings
            .contains(&"rule two: the destination has 2 rows that break it".to_owned())
    );
    assert!(
        found
            .verdict
            .warnings
            .contains(&"rule there was not checked: the source was not named".to_owned())
    );
    let [nonsense, writing, slow] = found.verdict.reasons.as_slice() else {
        panic!("{:?}", found.verdict)
    };
    assert!(
        nonsense.contains("rule nonsense: the destination refused the query"),
        "{nonsense}"
    );
    assert!(writing.contains("read-only transaction"), "{writing}");
    assert!(
        slow.starts_with("query slow: 95 of 100 runs take up to "),
        "{slow}"
    );
    assert_eq!(loaded.sql("select count(*) from dbo.\"Heap\""), "40");
    assert_eq!(found.queries[0].destination.unwrap().runs, 3);
}
