//! "Dispatch": a dental laboratory's application as Django keeps it in PostgreSQL.
//!
//! More than fifty tables with serial keys, foreign keys named and deferred as Django makes them, indexes, checks, `jsonb`,
//! arrays, `timestamptz`, `numeric`, NULLs, comments in threads, tables between two others, generic references by content type,
//! and users with hashed passwords. [`sql`] says it as statements for psql or any other client; no row is random, so that two
//! databases of one scale are equal.

mod application;
mod django;
mod table;

use table::Table;

/// The password of every user whose number is odd; it is hashed with PBKDF2, as Django does.
pub const PBKDF2_PASSWORD: &str = "dispatch-demo-1";

/// The password of every user whose number is even; it is hashed with bcrypt.
pub const BCRYPT_PASSWORD: &str = "dispatch-demo-2";

/// Creates everything in the schema `public` and fills it.
///
/// `scale` 1 gives about 20,000 rows, for tests; rows grow in proportion, so that 200 gives some four million.
pub fn sql(scale: u32) -> String {
    let tables = tables();
    let mut out = String::from("set client_min_messages = warning;\n");
    for table in &tables {
        out.push_str(&table.create());
    }
    out.push_str(&content_types(&tables));
    for table in &tables {
        out.push_str(&table.fill(scale, &tables));
    }
    for table in &tables {
        out.push_str(&table.finish());
    }
    out.push_str("analyze;\n");
    out
}

/// The names of all tables.
pub fn table_names() -> Vec<String> {
    tables().iter().map(|t| t.name.clone()).collect()
}

/// How many rows a table has.
///
/// # Panics
///
/// If there is no such table.
pub fn rows(table: &str, scale: u32) -> u64 {
    let tables = tables();
    let found = tables
        .iter()
        .find(|t| t.name == table)
        .expect("a table of the database");
    count(found, scale, tables.len())
}

/// Every table has its content type.
fn count(table: &Table, scale: u32, tables: usize) -> u64 {
    if table.name == "django_content_type" {
        tables as u64
    } else {
        table.rows(scale)
    }
}

/// The key that a table's content type has: its place among all tables, from 1.
///
/// # Panics
///
/// If there is no such table.
pub fn content_type(table: &str) -> usize {
    let found = tables().iter().position(|t| t.name == table);
    1 + found.expect("a table of the database")
}

fn tables() -> Vec<Table> {
    let mut tables = django::tables();
    tables.extend(application::tables());
    tables
}

/// Every table is a model.
fn content_types(tables: &[Table]) -> String {
    let models: Vec<String> = tables
        .iter()
        .map(|t| {
            let (app, model) = t.name.split_once('_').unwrap_or(("dispatch", &t.name));
            format!("('{app}', '{}')", model.replace('_', ""))
        })
        .collect();
    format!(
        "insert into django_content_type (app_label, model) values {};\n",
        models.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_as_large_as_it_says() {
        let names = table_names();
        assert!(
            names.iter().filter(|n| n.starts_with("dispatch_")).count() >= 50,
            "{names:?}"
        );
        assert_eq!(
            names.iter().collect::<std::collections::BTreeSet<_>>().len(),
            names.len()
        );
        let total = |scale| names.iter().map(|n| rows(n, scale)).sum::<u64>();
        assert!((15_000..30_000).contains(&total(1)), "{}", total(1));
        assert!(total(200) > 3_000_000, "{}", total(200));
        assert_eq!(content_type("django_content_type"), 1);
    }
}
