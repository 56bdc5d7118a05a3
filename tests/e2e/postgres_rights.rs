//! PostgreSQL into PostgreSQL: who may do what, and who owns what.

use crate::cli::{Folder, migrate};
use crate::server::{Database, newest, oldest};

/// Roles of one test. A server's roles are shared by all tests, so that each has the source's name before it, which is written as `@`.
struct Roles<'d> {
    database: &'d Database,
    prefix: String,
    names: Vec<String>,
}

impl<'d> Roles<'d> {
    fn new(database: &'d Database, source: &Database, names: &[&str]) -> Self {
        let prefix = format!("{}_", source.name);
        let names: Vec<String> = names.iter().map(|n| format!("{prefix}{n}")).collect();
        for name in &names {
            database.sql(&format!("create role {name}"));
        }
        Self {
            database,
            prefix,
            names,
        }
    }

    fn sql(&self, statements: &str) -> String {
        self.shown(&self.database.sql(&statements.replace('@', &self.prefix)))
    }

    fn shown(&self, text: &str) -> String {
        text.replace(&self.prefix, "@")
    }

    /// What the report leaves for a person: kind, name, and the named text.
    fn left(&self, report: &serde_json::Value, named: &str) -> Vec<String> {
        let manual = report["plan"]["manual"].as_array().unwrap().iter();
        let shown = manual.map(|m| {
            let text = |key: &str| m[key].as_str().unwrap();
            self.shown(&format!("{} {}: {}", text("kind"), text("name"), text(named)))
        });
        shown.collect()
    }
}

impl Drop for Roles<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // One by one: a default privilege that speaks of two of them cannot be dropped twice.
            for name in &self.names {
                self.database.sql(&format!("drop owned by {name} cascade"));
            }
            self.database.sql(&format!("drop role {}", self.names.join(", ")));
        }
    }
}

const SOURCE: &str = "
    create schema shop;
    create table shop.item (id integer primary key, price integer, secret text);
    insert into shop.item values (1, 10, 'x');
    create function shop.price(i shop.item) returns integer language sql as 'select i.price';
    create view shop.cheap as select id from shop.item where price < 100;
    create sequence shop.numbers;
    create table shop.left_out (id integer primary key);
    alter table shop.item owner to @app;
    alter function shop.price(shop.item) owner to @app;
    alter schema shop owner to @gone;
    grant usage on schema shop to @app, @reader, @gone;
    grant usage on schema public to @reader;
    grant select on shop.item, shop.left_out to @reader;
    grant update (price), select (id) on shop.item to @writer with grant option;
    grant select on shop.cheap to @gone;
    grant usage on sequence shop.numbers to @gone;
    revoke all on function shop.price(shop.item) from public;
    alter default privileges for role @app in schema shop grant select on tables to @reader;
    alter default privileges for role @app revoke execute on functions from public;
    alter default privileges for role @app grant execute on functions to @reader;
    alter default privileges for role @gone grant insert on tables to @reader;
    create policy mine on shop.item to @gone using (true);
    create policy readers on shop.item to @reader, @writer using (price > 0)";

/// Everything that roles may do with what a migration makes or finds, owners with their objects left out.
const RIGHTS: &str = "
    select what, coalesce(nullif(pg_get_userbyid(grantee), 'unknown (OID=0)'), 'public'),
           string_agg(privilege_type || case when is_grantable then '*' else '' end, ', ' order by privilege_type)
    from (select concat('table ', c.oid::regclass) as what, c.relowner as owner, c.relacl as acl from pg_class c
          where c.oid >= 16384 and c.relnamespace::regnamespace::text !~ '^(pg_|migrate)'
          union all
          select concat('column ', attrelid::regclass, '.', attname), 0, attacl from pg_attribute where attrelid >= 16384
          union all
          select concat('function ', oid::regprocedure), proowner, coalesce(proacl, acldefault('f', proowner)) from pg_proc where oid >= 16384
          union all
          select concat('schema ', nspname), nspowner, nspacl from pg_namespace where nspname in ('public', 'shop', 'store')
          union all
          select concat('default ', pg_get_userbyid(defaclrole), ' ', defaclobjtype, ' ', defaclnamespace::regnamespace),
                 defaclrole, defaclacl from pg_default_acl) as every,
         aclexplode(acl)
    where grantee <> owner
    group by 1, 2
    order by 1, 2";

const OWNERS: &str = "
    select concat('table ', oid::regclass), pg_get_userbyid(relowner) from pg_class
    where relkind in ('r', 'v') and relnamespace = 'shop'::regnamespace
    union all
    select concat('function ', oid::regproc), pg_get_userbyid(proowner) from pg_proc where pronamespace = 'shop'::regnamespace
    union all
    select concat('schema ', nspname), pg_get_userbyid(nspowner) from pg_namespace where nspname = 'shop'
    order by 1";

#[test]
fn roles_that_the_destination_has_may_do_the_same_there() {
    let folder = Folder::new();
    let (source, target) = (Database::new(&oldest()), Database::new(&newest()));
    let roles = Roles::new(&source, &source, &["app", "reader", "writer", "gone"]);
    let there = Roles::new(&target, &source, &["app", "reader", "editor"]);
    roles.sql(SOURCE);
    // Somebody granted one of the rights before: it stays whatever becomes of the migration.
    there.sql("grant usage on schema public to @reader; alter default privileges for role @app grant execute on functions to @editor");
    let before = there.sql(RIGHTS);
    let role = format!("{0}_writer={0}_editor", source.name);
    let run = |choice: &[&str], code| {
        let args = [
            "run",
            "env:FROM",
            "--json",
            "--exclude",
            "shop.left_out",
            "--role",
            &role,
        ];
        migrate(&folder, args.iter().chain(choice))
            .env("FROM", source.url())
            .to(&target)
            .ends(code)
    };
    let clean = || {
        migrate(&folder, ["clean", "--data", "--yes"]).to(&target).ends(0);
        assert_eq!(there.sql(RIGHTS), before);
    };
    let report = run(&[], 0).json();
    assert_eq!(
        there.sql(RIGHTS),
        "column shop.item.id|@editor|SELECT*\n\
         column shop.item.price|@editor|UPDATE*\n\
         default @app f -|@editor|EXECUTE\n\
         default @app f -|@reader|EXECUTE\n\
         default @app r shop|@reader|SELECT\n\
         schema public|@reader|USAGE\n\
         schema public|public|USAGE\n\
         schema shop|@app|USAGE\n\
         schema shop|@reader|USAGE\n\
         table shop.item|@reader|SELECT"
    );
    assert_eq!(
        there.sql("select polname, polroles::regrole[] from pg_policy"),
        "readers|{@reader,@editor}"
    );
    // Nobody but the one who connects owns anything.
    assert_eq!(
        there.sql(&format!(
            "select count(*) from ({OWNERS}) as o (n, owner) where owner ~ '^@'"
        )),
        "0"
    );
    let left = roles.left(&report, "definition");
    assert_eq!(
        left,
        [
            "policy shop.item.mine: create policy mine on \"shop\".\"item\" to \"@gone\" using (true)",
            "grants role @gone: grant select on table \"shop\".\"cheap\" to \"@gone\";\n\
             grant usage on sequence \"shop\".\"numbers\" to \"@gone\"",
            "default privileges role @gone: alter default privileges for role \"@gone\" grant insert on tables to \"@reader\"",
        ]
    );
    let notes = report["plan"]["notes"].as_array().unwrap().iter();
    let of_owners = notes.filter(|n| n["object"] == "owners");
    assert_eq!(
        of_owners
            .map(|n| roles.shown(n["text"].as_str().unwrap()))
            .collect::<Vec<_>>(),
        [
            "@app and @gone own 3 objects in the source; here who connects owns them, and what their owners did there by right \
          has to be granted: owners = \"keep\" leaves them their owners"
        ]
    );
    clean();

    run(&["--grants", "drop", "--owners", "keep"], 0);
    assert_eq!(
        there.sql(OWNERS),
        "function shop.price|@app\nschema shop|migrate\ntable shop.cheap|migrate\ntable shop.item|@app"
    );
    clean();

    // Under another name of the schema. The function stays behind, and its rights with it.
    run(&["--schema", "shop=store"], 0);
    assert_eq!(
        there.sql(&format!(
            "select * from ({RIGHTS}) as r (what, who, may) where what !~ '^(default|schema public)'"
        )),
        "column store.item.id|@editor|SELECT*\n\
         column store.item.price|@editor|UPDATE*\n\
         schema store|@app|USAGE\n\
         schema store|@reader|USAGE\n\
         table store.item|@reader|SELECT"
    );
    clean();
}

#[test]
fn a_role_that_is_made_later_gets_its_rights_when_the_run_goes_on() {
    let folder = Folder::new();
    let (source, target) = (Database::new(&oldest()), Database::new(&newest()));
    let roles = Roles::new(&source, &source, &["reader"]);
    roles.sql(
        "create table t (id integer primary key, n integer); insert into t values (1, 1);
         create view v as select 1 / n as x from t; create materialized view m as select x from v;
         grant select on t to @reader",
    );
    let run = |code| {
        migrate(&folder, ["run", "env:FROM", "--json"])
            .env("FROM", source.url())
            .to(&target)
            .ends(code)
    };
    // A step fails for want of a function that somebody else made in the way.
    target.sql("create function in_the_way() returns event_trigger language plpgsql as 'begin raise exception ''no''; end';
                create event trigger no_views on ddl_command_start when tag in ('CREATE VIEW') execute function in_the_way()");
    run(3);
    target.sql("drop event trigger no_views");
    let there = Roles::new(&target, &source, &["reader"]);
    run(0);
    assert_eq!(
        there.sql("select grantee::regrole, privilege_type from pg_class, aclexplode(relacl) where relname = 't' and grantee <> relowner"),
        "@reader|SELECT"
    );
    drop(there);
}

#[test]
fn who_is_no_superuser_leaves_what_only_superusers_may_make() {
    let folder = Folder::new();
    let (source, target) = (Database::new(&oldest()), Database::new(&newest()));
    let roles = Roles::new(&source, &source, &["app", "other"]);
    roles.sql(
        "create table t (id integer primary key); alter table t owner to @other;
         create function watch() returns event_trigger language plpgsql as 'begin return; end';
         create event trigger watching on ddl_command_end execute function watch();
         create publication all_of_it for all tables; create publication one for table t",
    );
    let there = Roles::new(&target, &source, &["app", "other"]);
    there.sql("alter role @app login password 'hunter2'");
    target.sql(
        &there
            .sql("select 'grant create on schema public to @app'")
            .replace('@', &there.prefix),
    );
    target.sql(&format!(
        "grant create on database {} to {}app",
        target.name, there.prefix
    ));
    let report = migrate(&folder, ["run", "env:FROM", "--json", "--owners", "keep"])
        .env("FROM", source.url())
        .env(
            "MIGRATE_TO",
            target.url_as(&format!("{}app", there.prefix), "hunter2"),
        )
        .ends(0)
        .json();
    let left = roles.left(&report, "reason");
    assert_eq!(
        left,
        [
            "publication all_of_it: only a superuser may create it",
            "event trigger watching: only a superuser may create it",
            "owner role @other: whoever carries the plan out is no member of the role",
            "owner role migrate: whoever carries the plan out is no member of the role",
        ]
    );
    assert_eq!(
        target.sql("select pubname, tablename from pg_publication_tables"),
        "one|t"
    );
}
