//! A large application's database, from PostgreSQL to PostgreSQL with new keys.

use migrate_testkit::dispatch;

use crate::cli::{Folder, migrate};
use crate::server::{Database, newest, oldest};

/// Every foreign key of new keys, with the columns that keep the old ones on both sides.
const REFERENCES: &str = "
    select format(
        'select count(*) from %s a left join %s b on a.%I = b.%I
         where (a.%I is null) <> (b.%I is null) or b.%I is distinct from a.%I',
        c.conrelid::regclass, c.confrelid::regclass, here.attname, there.attname,
        here.attname, there.attname, 'legacy_' || there.attname, 'legacy_' || here.attname)
    from pg_constraint c
    join pg_attribute here on here.attrelid = c.conrelid and here.attnum = c.conkey[1]
    join pg_attribute there on there.attrelid = c.confrelid and there.attnum = c.confkey[1]
    where c.contype = 'f' and here.atttypid = 'uuid'::regtype and c.connamespace = 'public'::regnamespace
      and exists (select from pg_attribute where attrelid = c.conrelid and attname = 'legacy_' || here.attname)";

/// A plan file with new keys for everything, the audit log's generic references included; the source is `env:FROM`.
pub(crate) fn plan() -> String {
    format!(
        "source = \"env:FROM\"\nkeys = \"uuid\"\nlegacy = \"all\"\n\
         [tables.\"public.dispatch_auditlog\"]\n\
         polymorphic = [{{ type = \"content_type_id\", id = \"object_id\", targets = {{ \
         {} = \"public.dispatch_order\", {} = \"public.dispatch_case\", {} = \"public.dispatch_message\" }} }}]\n",
        dispatch::content_type("dispatch_order"),
        dispatch::content_type("dispatch_case"),
        dispatch::content_type("dispatch_message")
    )
}

/// How many foreign keys have old keys beside them, and how many of their rows lead to another row than these do.
pub(crate) fn references_astray(to: &Database) -> (usize, i64) {
    let queries = to.sql(&format!(
        "select string_agg(replace(q, E'\\n', ' '), E'\\n') from ({REFERENCES}) as r (q)"
    ));
    let queries: Vec<&str> = queries.lines().collect();
    let astray = format!(
        "select sum(n) from ({}) as found (n)",
        queries.join(" union all ")
    );
    (queries.len(), to.number(&astray))
}

#[test]
fn a_large_application_gets_new_keys() {
    let (folder, from, to) = (Folder::new(), Database::new(&oldest()), Database::new(&newest()));
    from.sql(&dispatch::sql(1));
    std::fs::write(folder.file("plan.toml"), plan()).unwrap();
    let source = from.url();
    migrate(&folder, ["run", "plan.toml"])
        .env("FROM", &source)
        .to(&to)
        .ends(0);
    let names = dispatch::table_names();
    for name in &names {
        let rows = to.number(&format!("select count(*) from {name}"));
        assert_eq!(rows as u64, dispatch::rows(name, 1), "{name}");
        let typed = to.number(&format!(
            "select count(*) from {name} where pg_typeof(id) = 'uuid'::regtype and legacy_id is not null"
        ));
        assert_eq!(typed, rows, "{name}");
    }
    assert_eq!(references_astray(&to), (80, 0));
    let unchecked = "select count(*) from pg_constraint where not convalidated";
    assert_eq!(to.number(unchecked), 0);
    // Three more: the audit log's references, of which every row has exactly one.
    let foreign =
        "select count(*) from pg_constraint where contype = 'f' and connamespace = 'public'::regnamespace";
    assert_eq!(to.number(foreign), 83);
    let one = "select count(*) from dispatch_auditlog
        where num_nonnulls(object_dispatch_order_id, object_dispatch_case_id, object_dispatch_message_id) = 1";
    assert_eq!(to.number(one) as u64, dispatch::rows("dispatch_auditlog", 1));
    let thread = "select count(*) from dispatch_comment a join dispatch_comment b on a.parent_id = b.id
        where b.legacy_id = a.legacy_id - 1";
    assert_eq!(
        to.number(thread),
        from.number("select count(parent_id) from dispatch_comment")
    );
    assert_eq!(
        to.number("select count(*) from pg_sequences where schemaname = 'public'"),
        0
    );
    migrate(&folder, ["validate", "env:FROM"])
        .env("FROM", &source)
        .to(&to)
        .ends(0);
}
