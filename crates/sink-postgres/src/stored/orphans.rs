//! Rows without the parents that they refer to.

use migrate_core::Result;
use migrate_core::plan::quote_ident;
use migrate_core::stored::{Orphan, Orphans, Reference};
use migrate_pg_client::sqlx::postgres::PgConnection;
use migrate_pg_client::sqlx::{self, AssertSqlSafe, Row};

use super::unreadable;

/// `c."a" is not null and c."b" is not null`: a reference with a NULL in it refers to nothing (MATCH SIMPLE).
fn refers(reference: &Reference) -> String {
    let terms: Vec<String> = reference
        .columns
        .iter()
        .map(|c| format!("c.{} is not null", quote_ident(c)))
        .collect();
    terms.join(" and ")
}

fn meets(reference: &Reference) -> String {
    let pairs = reference.columns.iter().zip(&reference.parent_columns);
    let terms: Vec<String> = pairs
        .map(|(own, parent)| format!("p.{} = c.{}", quote_ident(parent), quote_ident(own)))
        .collect();
    terms.join(" and ")
}

pub(super) async fn find(
    connection: &mut PgConnection,
    reference: &Reference,
    limit: usize,
) -> Result<Orphans> {
    let from = format!(
        "from {} c where {} and not exists (select from {} p where {})",
        reference.table.quoted(),
        refers(reference),
        reference.parent.quoted(),
        meets(reference)
    );
    let count: i64 = sqlx::query_scalar(AssertSqlSafe(format!("select count(*) {from}")))
        .persistent(false)
        .fetch_one(&mut *connection)
        .await
        .map_err(unreadable)?;
    let mut orphans = Orphans {
        rows: count as u64,
        shown: Vec::new(),
    };
    if count == 0 {
        return Ok(orphans);
    }
    let names: Vec<&String> = reference.key.iter().chain(&reference.columns).collect();
    let columns: Vec<String> = names
        .iter()
        .map(|c| format!("c.{}::text", quote_ident(c)))
        .collect();
    let order: Vec<String> = (1..=columns.len()).map(|i| i.to_string()).collect();
    let statement = format!(
        "select {} {from} order by {} limit {limit}",
        columns.join(", "),
        order.join(", ")
    );
    let rows = sqlx::query(AssertSqlSafe(statement))
        .persistent(false)
        .fetch_all(connection)
        .await
        .map_err(unreadable)?;
    for row in &rows {
        let cell = |i: usize| row.try_get::<Option<String>, _>(i).map_err(unreadable);
        let mut orphan = Orphan {
            key: Default::default(),
            parent: Default::default(),
        };
        for (i, name) in reference.key.iter().enumerate() {
            orphan.key.insert(name.clone(), cell(i)?);
        }
        for (i, name) in reference.parent_columns.iter().enumerate() {
            orphan.parent.insert(name.clone(), cell(reference.key.len() + i)?);
        }
        orphans.shown.push(orphan);
    }
    Ok(orphans)
}
