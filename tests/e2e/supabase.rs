//! Into a database that looks like a Supabase project's, mostly through a pooler in transaction mode.

use std::io::{BufRead, BufReader};
use std::sync::Arc;

use migrate_pg_embedded::Cluster;
use migrate_testkit::bacpac::{BacpacWriter, Cell, ColumnSpec, DatabaseSpec, Options, SqlType, TableSpec};
use migrate_testkit::dispatch as testkit;
use migrate_testkit::supabase::{self, PoolMode, Pooler};

use crate::cli::{Call, Folder, crm, migrate};
use crate::dispatch;
use crate::server::{Database, like_supabase, oldest};

const USAGE: i32 = 2;
const DESTINATION: i32 = 5;
const CONFLICT: i32 = 6;

/// Whatever is in the schemas that are not the project's own.
const OWNED: &str = "
    select pg_describe_object('pg_class'::regclass, class.oid, 0) || ' ' || coalesce(class.relacl::text, '')
    from pg_class as class
    join pg_namespace as space on space.oid = class.relnamespace
    where space.nspname in ('auth', 'storage', 'realtime', 'vault', 'extensions', 'graphql', 'graphql_public')
    order by 1";

struct Project {
    database: Database,
    pooler: Pooler,
}

impl Project {
    fn new(server: &Arc<Cluster>) -> Self {
        let database = Database::new(server);
        database.sql(supabase::ROLES);
        database.sql(supabase::DATABASE);
        let pooler = Pooler::start(server.port(), PoolMode::Transaction, 6).unwrap();
        Self { database, pooler }
    }

    fn url(&self) -> String {
        self.pooler.url("postgres", &self.database.name)
    }

    /// `migrate` with the project as its destination, through the pooler.
    fn migrate(&self, folder: &Folder, args: &[&str]) -> Call {
        migrate(folder, args).url(&self.url())
    }

    /// What one of the API's roles sees.
    fn as_role(&self, role: &str, query: &str) -> String {
        self.database.sql(&format!("set role {role}; {query}"))
    }
}

#[test]
fn the_crm_becomes_a_project() {
    let file = crm();
    let file = file.to_str().unwrap();
    for server in like_supabase() {
        let (folder, project) = (Folder::new(), Project::new(&server));
        let db = &project.database;
        let owned = db.sql(OWNED);
        let settings = [
            "--schema",
            "dbo=public",
            "--accounts",
            "dbo.User",
            "--policies",
            "stubs",
        ];
        // Somebody has the first one's address already.
        db.sql(
            "insert into auth.users (id, email) values ('11111111-1111-1111-1111-111111111111', 'somebody@example.org')",
        );
        let shown = project
            .migrate(&folder, &[&["plan", file, "--sql"], &settings[..]].concat())
            .ends(0);
        shown.says(&[
            "alter table \"public\".\"User\" enable row level security;\ngrant all on table \"public\".\"User\" to anon, \
             authenticated, service_role;",
            "set (security_invoker = true)",
            "insert into auth.users (",
        ]);
        let arguments = [&["run", file, "--report", "report.json"], &settings[..]].concat();
        let ended = project.migrate(&folder, &arguments).ends(0);
        ended.says(&[
            "Accounts: 400 made: 0 with their password, 400 without one; 400 identities at other providers.",
            "Validated: 60,220 rows in 10 tables",
            "10 policies",
        ]);
        // Closed, granted, and each view reads with the rights of whoever asks.
        assert_eq!(
            db.sql(
                "select relkind, relrowsecurity, reloptions, pg_get_userbyid(relowner), count(*)
                 from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'v') group by 1, 2, 3, 4 order by 1"
            ),
            "r|t||postgres|10\nv|f|{security_invoker=true}|postgres|2"
        );
        for (role, seen) in [("anon", "0"), ("authenticated", "0"), ("service_role", "400")] {
            assert_eq!(
                project.as_role(role, "select count(*) from \"User\""),
                seen,
                "{role}"
            );
        }
        // The services' own is as it was, but for the accounts.
        assert_eq!(db.sql(OWNED), owned);
        assert_eq!(
            db.sql(
                "select count(*), count(email_confirmed_at) = (select count(\"emailVerified\") from \"User\"),
                        bool_and(confirmation_token = '' and aud = 'authenticated' and email = lower(email))
                 from auth.users where id in (select id from \"User\")"
            ),
            "400|t|t"
        );
        assert_eq!(
            db.sql("select provider, count(*) from auth.identities group by 1 order by 1"),
            "azure|200\ngoogle|200"
        );
        assert_eq!(
            db.sql("select distinct raw_app_meta_data -> 'providers' from auth.users where raw_app_meta_data is not null order by 1"),
            "[\"azure\"]\n[\"google\"]"
        );
        project.migrate(&folder, &["validate"]).ends(0);
        project
            .migrate(&folder, &arguments)
            .ends(0)
            .says(&["Nothing was left to do"]);
        // One policy as drafted: people see their own rows.
        let report: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(folder.file("report.json")).unwrap()).unwrap();
        let drafts = report["plan"]["manual"].as_array().unwrap();
        let draft = drafts
            .iter()
            .find(|d| d["kind"] == "policy" && d["name"] == "public.Session")
            .unwrap();
        db.sql(draft["definition"].as_str().unwrap());
        let someone =
            db.sql("select \"userId\" from \"Session\" group by 1 order by count(*) desc, 1 limit 1");
        let nobody = project.as_role("authenticated", "select count(*) from \"Session\"");
        assert_eq!(nobody, "0", "without a sign-in nobody is anybody");
        let own = format!(
            "set request.jwt.claim.sub = '{someone}'; select count(distinct \"userId\") from \"Session\""
        );
        assert_eq!(project.as_role("authenticated", &own), "1");
        // And back.
        project
            .migrate(&folder, &["clean", "--data", "--yes"])
            .ends(0)
            .says(&["Removed 400 accounts from auth.users."]);
        assert_eq!(
            db.sql("select count(*), (select count(*) from auth.identities) from auth.users"),
            "1|0"
        );
        assert_eq!(
            db.sql("select count(*) from pg_class where relnamespace = 'public'::regnamespace"),
            "0"
        );
        assert_eq!(db.sql(OWNED), owned);
    }
}

#[test]
fn a_run_that_is_killed_goes_on_and_two_do_not_run_at_once() {
    let file = crm();
    let [_, server] = like_supabase();
    let (folder, project) = (Folder::new(), Project::new(&server));
    let arguments = ["run", file.to_str().unwrap(), "--schema", "dbo=public"];
    // Slow enough to be met in the middle.
    let slowly = [
        &arguments[..],
        &["--commit-every", "1", "--max-rate", "1MB", "--json", "-vv"],
    ]
    .concat();
    let mut first = project.migrate(&folder, &slowly).start();
    // Kept open: a run whose messages nobody takes may end.
    let mut events = BufReader::new(first.stderr.take().unwrap()).lines();
    let begun = events
        .by_ref()
        .map_while(Result::ok)
        .find(|line| line.contains("committed"));
    assert!(begun.is_some(), "nothing was committed before the end");
    project.migrate(&folder, &arguments).ends(CONFLICT).complains(&[
        "another migration is writing to this database",
        "through a pooler",
    ]);
    first.kill().unwrap();
    first.wait().unwrap();
    project
        .migrate(&folder, &arguments)
        .ends(0)
        .says(&["together with earlier runs", "Validated: 60,220 rows"]);
    project
        .migrate(&folder, &["validate", file.to_str().unwrap()])
        .ends(0);
    assert_eq!(
        project
            .database
            .sql("select count(*), sum(read) from migrate.chunk where done"),
        project.database.sql("select count(*), 60220 from migrate.chunk")
    );
}

/// A table of accounts in ASP.NET Identity's form, with hashes of many kinds.
fn identity_file(folder: &Folder, bcrypt: &str) {
    let text = |n| SqlType::NVarChar(Some(n));
    let users = TableSpec::new("dbo", "AspNetUsers")
        .column(ColumnSpec::new("Id", SqlType::UniqueIdentifier).not_null())
        .column(ColumnSpec::new("UserName", text(256)))
        .column(ColumnSpec::new("Email", text(256)))
        .column(ColumnSpec::new("EmailConfirmed", SqlType::Bit).not_null())
        .column(ColumnSpec::new("PasswordHash", SqlType::NVarChar(None)))
        .column(ColumnSpec::new("PhoneNumber", text(40)))
        .column(ColumnSpec::new("CreatedAt", SqlType::DateTime2(7)).not_null())
        .primary_key("PK_AspNetUsers", &["Id"]);
    let logins = TableSpec::new("dbo", "AspNetUserLogins")
        .column(ColumnSpec::new("LoginProvider", text(128)).not_null())
        .column(ColumnSpec::new("ProviderKey", text(128)).not_null())
        .column(ColumnSpec::new("UserId", SqlType::UniqueIdentifier).not_null())
        .primary_key("PK_AspNetUserLogins", &["LoginProvider", "ProviderKey"]);
    let mut writer = BacpacWriter::create(
        folder.file("identity.bacpac"),
        DatabaseSpec::new("Identity").table(users).table(logins),
        Options::default(),
    )
    .unwrap();
    let id = |n: u8| Cell::Uuid([n; 16]);
    let created = || Cell::DateTime2 {
        days: 738_000,
        ticks: 0,
    };
    let hash = |text: &str| Cell::text(text.to_owned());
    let argon2 = "argon2$argon2id$v=19$m=102400,t=2,p=8$c29tZXNhbHQ$UnKGbGIVFTTJRqMoqxgoiA";
    let user = |n: u8, email: Option<&str>, confirmed: bool, hash: Option<Cell>, phone: Option<&str>| {
        vec![
            id(n),
            Cell::text(format!("user {n}")),
            Cell::or_null(email.map(|e| Cell::text(e.to_owned()))),
            Cell::Bool(confirmed),
            Cell::or_null(hash),
            Cell::or_null(phone.map(|p| Cell::text(p.to_owned()))),
            created(),
        ]
    };
    let rows = [
        user(1, Some("Ada@Example.org"), true, Some(hash(bcrypt)), None),
        user(
            2,
            Some("bob@example.org"),
            false,
            Some(hash(argon2)),
            Some("+44 20 7946-0001"),
        ),
        user(
            3,
            Some("cy@example.org"),
            true,
            Some(hash("pbkdf2_sha256$600000$salt$aGFzaA==")),
            None,
        ),
        user(
            4,
            Some("di@example.org"),
            true,
            Some(hash("AQAAAAIAAYagAAAAEDphbmQ=")),
            None,
        ),
        // The first one's address in other letters, nobody's, and one that is taken.
        user(5, Some("ADA@example.org"), true, None, None),
        user(6, None, false, None, None),
        user(7, Some("taken@example.org"), true, None, None),
        // By phone alone.
        user(8, None, false, None, Some("00 1234")),
    ];
    writer.table_rows("dbo", "AspNetUsers", 1000, &rows).unwrap();
    let login = |provider: &str, key: &str, n: u8| {
        vec![Cell::text(provider.to_owned()), Cell::text(key.to_owned()), id(n)]
    };
    let rows = [
        login("Google", "g-1", 1),
        login("Microsoft", "m-3", 3),
        login("Steam", "s-1", 1),
    ];
    writer.table_rows("dbo", "AspNetUserLogins", 1000, &rows).unwrap();
    writer.finish().unwrap();
}

#[test]
fn accounts_sign_in_with_the_passwords_they_have() {
    for server in like_supabase() {
        let (folder, project) = (Folder::new(), Project::new(&server));
        let db = &project.database;
        let bcrypt = db.sql("select extensions.crypt('correct horse', extensions.gen_salt('bf', 4))");
        identity_file(&folder, &bcrypt);
        db.sql("insert into auth.users (id, email) values ('11111111-1111-1111-1111-1111111111aa', 'Taken@example.org')");
        // The plan file proposes them, and nothing is made before it says so.
        project
            .migrate(
                &folder,
                &[
                    "plan",
                    "identity.bacpac",
                    "--schema",
                    "dbo=public",
                    "-o",
                    "plan.toml",
                ],
            )
            .ends(0)
            .says(&["looks like the application's accounts"]);
        let plan = std::fs::read_to_string(folder.file("plan.toml")).unwrap();
        let proposed = "# [accounts]\n# table = \"dbo.AspNetUsers\"\n";
        assert!(plan.contains(proposed), "{plan}");
        let decided = plan.replace(proposed, "[accounts]\ntable = \"dbo.AspNetUsers\"\n");
        std::fs::write(folder.file("plan.toml"), decided).unwrap();
        project.migrate(&folder, &["run", "plan.toml"]).ends(0).says(&[
            "Accounts: 5 made: 2 with their password, 1 without one; 2 identities at other providers.",
            "Passwords of 2 accounts cannot be verified by Supabase (ASP.NET Identity (PBKDF2): 1; pbkdf2_sha256 (Django): 1)",
            "No account for another account has its e-mail address: 2; no e-mail address and no phone number: 1",
            "No identity at providers that Supabase does not have: Steam: 1.",
        ]);
        assert_eq!(
            db.sql(
                "select extensions.crypt('correct horse', encrypted_password) = encrypted_password,
                        extensions.crypt('wrong horse', encrypted_password) = encrypted_password, email,
                        email_confirmed_at = created_at, raw_app_meta_data, raw_user_meta_data
                 from auth.users where id = '01010101-0101-0101-0101-010101010101'"
            ),
            "t|f|ada@example.org|t|{\"provider\": \"email\", \"providers\": [\"email\", \"google\"]}|{\"UserName\": \"user 1\"}"
        );
        assert_eq!(
            db.sql(
                "select left(id::text, 2), email, phone, email_confirmed_at is null, encrypted_password
                 from auth.users where left(id::text, 2) in ('02', '03', '08') order by id"
            ),
            "02|bob@example.org|442079460001|t|$argon2id$v=19$m=102400,t=2,p=8$c29tZXNhbHQ$UnKGbGIVFTTJRqMoqxgoiA\n\
             03|cy@example.org||f|\n08||001234|t|"
        );
        assert_eq!(
            db.sql(
                "select left(user_id::text, 2), provider, provider_id = user_id::text, email
                 from auth.identities order by 1, 2"
            ),
            "01|email|t|ada@example.org\n01|google|f|ada@example.org\n02|email|t|bob@example.org\n03|azure|f|cy@example.org\n\
             03|email|t|cy@example.org\n04|email|t|di@example.org\n08|phone|t|"
        );
        project.migrate(&folder, &["clean", "--data", "--yes"]).ends(0);
        assert_eq!(
            db.sql("select string_agg(email, ',') from auth.users"),
            "Taken@example.org"
        );
    }
}

/// Views that only read through their owner's rights, and a materialized one.
const VIEWS: &str = "
    create view people as select username, date_joined from auth_user;
    create materialized view totals as select is_staff, count(*) as people from auth_user group by is_staff;";

#[test]
fn a_django_application_becomes_a_project_with_new_keys() {
    let [_, server] = like_supabase();
    let (folder, project, from) = (Folder::new(), Project::new(&server), Database::new(&oldest()));
    let db = &project.database;
    from.sql(&format!("{}{VIEWS}", testkit::sql(1)));
    let plan = format!(
        "profile = \"supabase\"\n{}[accounts]\ntable = \"public.auth_user\"\n",
        dispatch::plan()
    );
    std::fs::write(folder.file("plan.toml"), plan).unwrap();
    let migrate = |args: &[&str]| project.migrate(&folder, args).env("FROM", from.url());
    migrate(&["plan", "plan.toml"]).ends(0).says(&[
        "materialized view public.totals",
        "no row-level security can close",
    ]);
    migrate(&["plan", "plan.toml", "--sql"]).ends(0).says(&[
        "alter view \"public\".\"people\" set (security_invoker = true);\n\
         grant all on \"public\".\"people\" to anon, authenticated, service_role;",
        "revoke all on \"public\".\"totals\" from anon, authenticated;\ngrant all on \"public\".\"totals\" to service_role;",
    ]);
    let names = testkit::table_names();
    let rows: u64 = names.iter().map(|name| testkit::rows(name, 1)).sum();
    // Of 200 people four have no address; every other one's password is hashed in a way that Supabase does not verify.
    migrate(&["run", "plan.toml"]).ends(0).says(&[
        "Accounts: 196 made: 96 with their password",
        "Passwords of 100 accounts cannot be verified by Supabase (pbkdf2_sha256 (Django): 100)",
        "no e-mail address and no phone number: 4",
    ]);
    let counts: Vec<String> = names
        .iter()
        .map(|name| format!("select count(*) from {name}"))
        .collect();
    let all = format!("select sum(n) from ({}) as c (n)", counts.join(" union all "));
    assert_eq!(db.sql(&all), rows.to_string());
    assert_eq!(dispatch::references_astray(db), (80, 0));
    let unchecked = "select count(*) from pg_constraint where not convalidated";
    assert_eq!(db.number(unchecked), 0);
    assert_eq!(
        db.sql(
            "select relkind, relrowsecurity, pg_get_userbyid(relowner), count(*) from pg_class
             where relnamespace = 'public'::regnamespace and relkind in ('r', 'v', 'm') group by 1, 2, 3 order by 1"
        ),
        format!("m|f|postgres|1\nr|t|postgres|{}\nv|f|postgres|1", names.len())
    );
    for role in ["anon", "authenticated"] {
        assert_eq!(project.as_role(role, &all), "0");
        assert_eq!(project.as_role(role, "select count(*) from people"), "0");
        assert_eq!(
            db.refusal(&format!("set role {role}; select from totals")),
            "42501"
        );
    }
    assert_eq!(
        project.as_role(
            "service_role",
            "select (select count(*) from people), sum(people) from totals"
        ),
        "200|200"
    );
    // pgcrypto knows bcrypt by its older name alone. Hashing takes its time: one is enough.
    let kept = format!(
        "select count(*), count(*) filter (where extensions.crypt('{}', hash) = hash),
                count(*) filter (where extensions.crypt('{}', hash) = hash)
         from (select replace(made.encrypted_password, '$2b$', '$2a$') as hash from auth.users made
               join auth_user person on person.id = made.id and person.legacy_id % 2 = 0 limit 1) as kept",
        testkit::BCRYPT_PASSWORD,
        testkit::PBKDF2_PASSWORD
    );
    assert_eq!(db.sql(&kept), "1|1|0");
    assert_eq!(
        db.sql(
            "select count(*), count(*) filter (where encrypted_password = '') from auth.users join auth_user using (id)"
        ),
        "196|100"
    );
    let listed = "select count(*), count(*) filter (where legacy_id % 2 = 1) from migrate.account join auth_user using (id)
        where outcome = 'created' and migrate.account.password = 'pbkdf2_sha256 (Django)'";
    assert_eq!(db.sql(listed), "100|100");
    migrate(&["validate", "env:FROM"]).ends(0);
}

#[test]
fn what_does_not_fit_is_refused_before_anything_is_done() {
    let file = crm();
    let file = file.to_str().unwrap();
    let [server, _] = like_supabase();
    let (folder, project) = (Folder::new(), Project::new(&server));
    let db = &project.database;
    let before = db.sql("select count(*) from pg_class");
    project
        .migrate(&folder, &["run", file, "--schema", "dbo=auth"])
        .ends(USAGE)
        .complains(&["the schema auth is Supabase's own", "--schema auth=app_auth"]);
    project
        .migrate(&folder, &["run", file, "--disk-limit", "20MB"])
        .ends(DESTINATION)
        .complains(&["over the limit of 20 MiB"]);
    db.sql(&format!(
        "alter database {} set default_transaction_read_only = on",
        db.name
    ));
    // Sessions that the pooler opened before have the old default.
    let pooler = Pooler::start(server.port(), PoolMode::Transaction, 2).unwrap();
    migrate(&folder, ["run", file])
        .url(&pooler.url("postgres", &db.name))
        .ends(DESTINATION)
        .complains(&["the Supabase project is read-only", "make the disk larger"]);
    db.sql(&format!(
        "set default_transaction_read_only = off; alter database {} reset all",
        db.name
    ));
    assert_eq!(db.sql("select count(*) from pg_class"), before);
    // As PostgreSQL and nothing else, nothing is closed and nothing is said about it.
    let plain = project
        .migrate(&folder, &["plan", file, "--sql", "--profile", "plain"])
        .ends(0);
    assert!(!plain.out.contains("row level security"), "{}", plain.out);
}
