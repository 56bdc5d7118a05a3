//! Tables that exist are replaced in one transaction, and put back in one.

use std::sync::Arc;
use std::time::Duration;

use migrate_core::ErrorKind;
use migrate_core::observer::{Event, Observer, Silent};
use migrate_core::plan::Plan;
use migrate_core::sink::Sink;
use migrate_core::staging::Exists;
use migrate_sink_postgres::{PostgresSink, SinkOptions, Swapped};
use migrate_testkit::proxy::{Loss, Proxy};
use tokio_util::sync::CancellationToken;

use crate::database::{Database, on_each_server};
use crate::fixture::*;

/// What others have around the tables that serve.
const AROUND: &str = r#"
    update "Sales"."Customer" set "Label" = 'old ' || id;
    grant select on "Sales"."Customer" to pg_monitor with grant option;
    grant update (score) on "Sales"."Customer" to pg_monitor;
    grant select on "Sales"."Top" to public;
    grant usage on sequence "Sales".numbers to pg_monitor;
    alter table "Sales"."Customer" enable row level security;
    alter table "Sales"."Customer" force row level security;
    create policy mine on "Sales"."Customer" as restrictive for update to pg_monitor using (score > 0) with check (score < 9);
    create function public.louder() returns trigger language plpgsql
        as $$ begin new."Label" := new."Label" || '!'; return new; end $$;
    create trigger louder before insert on "Sales"."Customer" for each row execute function public.louder();
    create trigger silent before update on "Sales"."Customer" for each row execute function public.louder();
    alter table "Sales"."Customer" disable trigger silent;
    create view public.best with (security_barrier = true) as select "Label"::text from "Sales"."Customer" where score > 2;
    create view public.bester as select "Label" || '?' as l from public.best;
    grant select on public.best to pg_monitor;
    create table public.invoice (id int primary key, customer bigint constraint "who pays" references "Sales"."Customer" (id));
    comment on constraint "who pays" on public.invoice is 'somebody has to';
    insert into public.invoice values (1, 2), (2, null)"#;

/// Everything that somebody who uses the tables can see of them, and where everything is.
const STATE: &str = r#"
    select 'row ' || "Label" from "Sales"."Customer"
    union all select 'best ' || "Label" from public.best
    union all select 'bester ' || l from public.bester
    union all select 'top ' || who from "Sales"."Top"
    union all select 'acl ' || relname || coalesce(relacl::text, '') || coalesce(reloptions::text, '') || relrowsecurity || relforcerowsecurity
        from pg_class where relnamespace in ('"Sales"'::regnamespace, 'public'::regnamespace)
    union all select 'column ' || attname || attacl::text from pg_attribute where attrelid = '"Sales"."Customer"'::regclass and attacl is not null
    union all select 'policy ' || polname || polcmd::text || polpermissive || pg_get_expr(polqual, polrelid) || pg_get_expr(polwithcheck, polrelid)
        from pg_policy where polrelid = '"Sales"."Customer"'::regclass
    union all select 'trigger ' || tgenabled::text || pg_get_triggerdef(oid)
        from pg_trigger where tgrelid = '"Sales"."Customer"'::regclass and not tgisinternal
    union all select 'constraint ' || convalidated || conrelid::regclass || pg_get_constraintdef(oid) || coalesce(obj_description(oid, 'pg_constraint'), '')
        from pg_constraint where connamespace in ('"Sales"'::regnamespace, 'public'::regnamespace)
    union all select 'index ' || indexdef from pg_indexes where schemaname in ('Sales', 'public')
    union all select 'schema ' || nspname from pg_namespace where nspname not like 'pg\_%' and nspname not in ('information_schema', 'migrate')
    union all select 'column of ' || attrelid::regclass || format_type(atttypid, atttypmod) from pg_attribute
        where attrelid in (select oid from pg_class where relnamespace = '"Sales"'::regnamespace) and attnum > 0
    order by 1"#;

async fn state(db: &Database) -> Vec<String> {
    db.list(STATE).await.into_iter().map(Option::unwrap).collect()
}

/// A database in which an earlier migration's tables serve, and others have built on them.
async fn serving(db: &Database) -> Plan {
    let sink = db.sink().await;
    let mut plan = plan(sink.target());
    fill(&sink, &plan).await;
    sink.complete(&plan, &Silent).await.unwrap();
    sink.clean(false).await.unwrap();
    db.run(AROUND).await;
    plan.exists = Exists::Replace;
    plan
}

/// Makes everything anew beside it.
async fn beside(db: &Database, plan: &Plan) {
    let sink = db.sink().await;
    let staged = sink.to_carry_out(plan).await.unwrap();
    assert!(staged.staged);
    assert_eq!(staged.tables[0].target.schema, "migrate_new_Sales");
    fill(&sink, &staged).await;
    assert_eq!(
        sink.complete(&staged, &Silent).await.unwrap().failed,
        Vec::<(String, String)>::new()
    );
    sink.close().await.unwrap();
    // A run that goes on finds the same.
    assert_eq!(sink.to_carry_out(plan).await.unwrap(), staged);
}

async fn swap(sink: &PostgresSink, plan: &Plan) -> migrate_core::Result<Swapped> {
    let observer: Arc<dyn Observer> = Arc::new(Silent);
    sink.swap(plan, &observer, &CancellationToken::new()).await
}

/// The same with other rows and the same everything else, but for what the plan does not know: names of schemas.
fn renewed(before: &[String]) -> Vec<String> {
    let mut after: Vec<String> = before
        .iter()
        .map(|line| {
            line.replace("old 1", "c1")
                .replace("old 2", "c2")
                .replace("old 3", "c3")
        })
        .chain(["schema migrate_old_Sales".to_owned()])
        .collect();
    after.sort();
    after
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_is_replaced_and_put_back() {
    on_each_server(|db| async move {
        let plan = serving(&db).await;
        let before = state(&db).await;
        beside(&db, &plan).await;
        let waiting: Vec<String> = before
            .iter()
            .cloned()
            .chain(["schema migrate_new_Sales".to_owned()])
            .collect();
        let mut now = state(&db).await;
        now.sort();
        let mut waiting = waiting;
        waiting.sort();
        assert_eq!(now, waiting, "the tables that serve are as they were");

        let sink = db.sink().await;
        let swapped = swap(&sink, &plan).await.unwrap();
        let kept = [
            "table Sales.Customer",
            "table Sales.Order \"x\"",
            "view Sales.Top",
            "domain Sales.label",
            "sequence Sales.numbers",
        ];
        assert_eq!(swapped.kept, kept);
        assert_eq!(swapped.views, ["public.best"]);
        assert_eq!(swapped.foreign_keys, ["\"who pays\" of public.invoice"]);
        assert_eq!(swapped.not_valid, []);
        let mut now = state(&db).await;
        now.sort();
        assert_eq!(now, renewed(&before));
        assert_eq!(
            db.ask(r#"select string_agg("Label", ' ' order by id) from "migrate_old_Sales"."Customer""#)
                .await
                .unwrap(),
            "old 1 old 2 old 3"
        );
        // Once.
        assert_eq!(swap(&sink, &plan).await.unwrap(), Swapped::default());
        assert_eq!(sink.to_carry_out(&plan).await.unwrap(), plan);
        assert!(sink.begin(&plan).await.unwrap().complete);
        sink.close().await.unwrap();
        // The trigger came along, and so did the identity.
        db.run(r#"insert into "Sales"."Customer" ("Label") values ('new')"#)
            .await;
        assert_eq!(
            db.ask(r#"select "Label" from "Sales"."Customer" where id = 16"#)
                .await
                .unwrap(),
            "new!"
        );

        assert_eq!(sink.kept().await.unwrap().len(), 5);
        let cleaned = sink.clean(true).await.unwrap();
        let back = cleaned.put_back.unwrap();
        assert_eq!(
            (back.views.len(), back.foreign_keys.len(), back.not_valid.len()),
            (1, 1, 0)
        );
        assert_eq!(back.kept, kept);
        assert_eq!(state(&db).await, before);

        // And once more, for good: what was kept goes with the ledger.
        beside(&db, &plan).await;
        swap(&sink, &plan).await.unwrap();
        let cleaned = sink.clean(false).await.unwrap();
        assert_eq!(cleaned.dropped.len(), 5);
        let mut now = state(&db).await;
        now.push("schema migrate_old_Sales".to_owned());
        now.sort();
        assert_eq!(now, renewed(&before));
    })
    .await;
}

/// What was seen, but for what is done after an exchange: rows of others are looked at, and what was taken out is dropped.
fn settled(state: &[String]) -> Vec<String> {
    let mut state: Vec<String> = state
        .iter()
        .filter(|line| *line != "schema migrate_new_Sales")
        .map(|line| {
            let open = line.starts_with("constraint false") && line.contains("somebody has to");
            let line = if open {
                line.replacen("false", "true", 1)
            } else {
                line.clone()
            };
            line.replace(" NOT VALID", "")
        })
        .collect();
    state.sort();
    state
}

/// Lets a process die at each statement behind the one that contains the text, one death each, until it comes to its end. At
/// any moment everything is as before, or as after. Returns how many deaths that were.
async fn dies_everywhere(
    db: &Database,
    plan: &Plan,
    (text, back): (&str, bool),
    (from, to): (&[String], &[String]),
) -> usize {
    let proxy = Proxy::start(db.port());
    let url = format!("{}?sslmode=disable", proxy.url(&db.url));
    // Every third, unless somebody has the time.
    let stride = if std::env::var_os("MIGRATE_TEST_KILLS").is_some() {
        1
    } else {
        3
    };
    for deaths in 0.. {
        // The answer to that statement never comes.
        proxy.lose(text, deaths * stride, Loss::Silence);
        let sink = PostgresSink::connect(SinkOptions::new(&url)).await.unwrap();
        let goes = tokio::spawn({
            let (sink, plan) = (Arc::clone(&sink), plan.clone());
            async move {
                if back {
                    sink.clean(true).await.map(drop)
                } else {
                    swap(&sink, &plan).await.map(drop)
                }
            }
        });
        while proxy.struck() == deaths && !goes.is_finished() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        if proxy.struck() == deaths {
            goes.await.unwrap().unwrap();
            return deaths * stride;
        }
        // Long enough for the server to have done it.
        tokio::time::sleep(Duration::from_millis(5)).await;
        goes.abort();
        // It may have come to its end all the same, where the lost answer was to its last words.
        match goes.await {
            Ok(outcome) => outcome.unwrap(),
            Err(died) => assert!(died.is_cancelled()),
        }
        drop(sink);
        proxy.cut_all();
        let now = settled(&state(db).await);
        assert!(
            now == settled(from) || now == settled(to),
            "{text}, {deaths} deaths: {now:#?}"
        );
    }
    unreachable!("it comes to an end")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_death_at_any_statement_leaves_all_or_nothing() {
    let db = Database::on_newest().await;
    let plan = serving(&db).await;
    let before = state(&db).await;
    let after = renewed(&before);
    beside(&db, &plan).await;
    let swaps = dies_everywhere(&db, &plan, ("lock table", false), (&before, &after)).await;
    let mut now = state(&db).await;
    now.sort();
    assert_eq!(now, after);
    let backs = dies_everywhere(&db, &plan, ("lock table", true), (&after, &before)).await;
    assert_eq!(state(&db).await, before);
    beside(&db, &plan).await;
    let sink = db.sink().await;
    swap(&sink, &plan).await.unwrap();
    drop(sink);
    let drops = dies_everywhere(&db, &plan, ("drop view", true), (&before, &before)).await;
    assert_eq!(state(&db).await, before);
    assert!(
        swaps > 30 && backs > 20 && drops > 5,
        "{swaps} statements, {backs} and {drops} to take them back"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_go_on_is_named_before_anything_is_made() {
    let db = Database::on_newest().await;
    let plan = serving(&db).await;
    let sink = db.sink().await;
    for (sql, named, undo) in [
        (
            r#"create materialized view public.m as select 1 as one from "Sales"."Customer""#,
            "this depends on them: rule _RETURN on materialized view m",
            "drop materialized view public.m",
        ),
        (
            r#"create table public.t (n int default nextval('"Sales".numbers'))"#,
            "default value for column n of table t",
            "drop table public.t",
        ),
        (
            r#"create table public.t (l "Sales".label)"#,
            "this depends on them: table t",
            "drop table public.t",
        ),
        (
            r#"create view public.v as select "Label" from "Sales"."Customer""#,
            "this depends on them: view v",
            "drop view public.v",
        ),
        (
            r#"create table public.t () inherits ("Sales"."Customer")"#,
            "Sales.Customer is a table that inherits or is inherited from",
            "drop table public.t",
        ),
        (
            r#"create publication p for table "Sales"."Customer""#,
            "Sales.Customer is a table that a publication names",
            "drop publication p",
        ),
        (
            r#"create schema "migrate_old_Sales""#,
            "the schema migrate_old_Sales, where old tables would be kept",
            r#"drop schema "migrate_old_Sales""#,
        ),
        (
            r#"alter index "Sales"."ix score" rename to other; create index "ix score" on "Sales"."Order ""x""" (customer);
               create table "Sales".x (id int); drop index "Sales"."ix score"; create index "ix score" on "Sales".x (id)"#,
            r#"index "Sales"."ix score" has a name that the plan gives"#,
            r#"drop table "Sales".x"#,
        ),
    ] {
        db.run(sql).await;
        let error = sink.to_carry_out(&plan).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        let text = error.to_string();
        assert!(text.contains(named), "{named}: {text}");
        db.run(undo).await;
    }
    assert!(sink.to_carry_out(&plan).await.unwrap().staged);
    // Where nothing is there, nothing is made beside it.
    db.run(r#"drop table public.invoice; drop schema "Sales" cascade"#)
        .await;
    assert_eq!(sink.to_carry_out(&plan).await.unwrap(), plan);
}

/// Rows of others that the new tables lack are told; and sessions that use the tables are waited for, again and again.
#[tokio::test(flavor = "multi_thread")]
async fn rows_that_do_not_fit_and_sessions_that_do_not_end() {
    let db = Database::on_newest().await;
    let plan = serving(&db).await;
    db.run(r#"insert into "Sales"."Customer" (id, "Label") values (99, 'x'); insert into public.invoice values (3, 99)"#)
        .await;
    beside(&db, &plan).await;
    let mut options = SinkOptions::new(&db.url);
    options.swap_lock = Duration::from_millis(50);
    let sink = PostgresSink::connect(options).await.unwrap();
    let events = Arc::new(Events::default());
    let observer: Arc<dyn Observer> = events.clone();
    let reader = db
        .holding(r#"begin; select count(*) from "Sales"."Customer""#)
        .await;
    let waiting = tokio::spawn({
        let (sink, plan) = (Arc::clone(&sink), plan.clone());
        async move { sink.swap(&plan, &observer, &CancellationToken::new()).await }
    });
    let retried = |events: &Events| {
        let events = events.0.lock().unwrap();
        let of = |e: &&Event| {
            matches!(e, Event::Retrying { what, reason, .. }
            if what == "the exchange of tables" && reason.contains("lock_not_available"))
        };
        events.iter().filter(of).count()
    };
    while retried(&events) < 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    drop(reader);
    let swapped = waiting.await.unwrap().unwrap();
    let [(name, reason)] = swapped.not_valid.as_slice() else {
        panic!("{swapped:?}")
    };
    assert_eq!(name, "\"who pays\" of public.invoice");
    assert!(reason.contains("foreign_key_violation"), "{reason}");
    assert_eq!(
        db.words("select convalidated from pg_constraint where conname = 'who pays'")
            .await,
        "false"
    );
    // On the way back they fit again.
    let back = sink.clean(true).await.unwrap().put_back.unwrap();
    assert_eq!(back.foreign_keys, ["\"who pays\" of public.invoice"]);
    assert_eq!(db.words("select count(*) from public.best").await, "3");
}
