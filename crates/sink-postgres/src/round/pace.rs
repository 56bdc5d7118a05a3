//! How a round's statements are planned.

use migrate_core::Result;
use migrate_pg_client::sqlx::postgres::PgConnection;
use migrate_pg_client::sqlx::{self};
use migrate_pg_client::{During, execute};

use crate::connect::statement;

/// For the transaction alone: memory for joins with all keys of a table, no compiling of statements that run once, and
/// pages in any order at nearly the price of pages in a row, since rows that changed are looked up by their keys.
const SETTINGS: &str = "
    select count(set_config(name, case name when 'work_mem' then greatest(setting::bigint, 65536)::text
                                            when 'jit' then 'off'
                                            else least(setting::float8, 1.1)::text end, true))
    from pg_settings
    where name in ('work_mem', 'jit', 'random_page_cost')";

pub(super) async fn set(connection: &mut PgConnection) -> Result<()> {
    sqlx::query(SETTINGS)
        .persistent(false)
        .execute(connection)
        .await
        .map(drop)
        .map_err(statement)
}

/// From here on rows are looked up one by one, by their places or keys: the planner would rather read the whole table and join, which
/// takes longer as long as they are a small part of it.
pub(super) async fn one_by_one(connection: &mut PgConnection) -> Result<()> {
    let only = "set local enable_hashjoin = off; set local enable_mergejoin = off";
    execute(connection, only, During::Statement).await.map(drop)
}

/// From here on the planner has its choice.
pub(super) async fn any_way(connection: &mut PgConnection) -> Result<()> {
    let any = "set local enable_hashjoin to default; set local enable_mergejoin to default";
    execute(connection, any, During::Statement).await.map(drop)
}
