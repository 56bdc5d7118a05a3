//! Where sequences stand, and what they have to be past.

use migrate_core::Result;
use migrate_core::plan::{TargetName, quote_ident};
use migrate_core::stored::{Description, Numbering};
use migrate_pg_client::sqlx::postgres::PgConnection;
use migrate_pg_client::sqlx::{self, AssertSqlSafe, Row};
use migrate_pg_client::{During, execute};

use super::describe::{ask, name_of, text};
use super::unreadable;
use crate::connect::statement;

/// Sequences that number columns: identity ones, and those that a column owns.
const OWNED: &str = "
    select n.nspname::text as schema, c.relname::text as relation, a.attname::text as column,
           sn.nspname::text as sequence_schema, s.relname::text as sequence, q.seqincrement as increment
    from pg_depend d
    join pg_class s on s.oid = d.objid and s.relkind = 'S'
    join pg_namespace sn on sn.oid = s.relnamespace
    join pg_sequence q on q.seqrelid = s.oid
    join pg_class c on c.oid = d.refobjid
    join pg_namespace n on n.oid = c.relnamespace
    join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
    join unnest($1::text[], $2::text[]) as wanted (schema, relation)
      on wanted.schema = n.nspname and wanted.relation = c.relname
    where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass
      and d.deptype in ('a', 'i') and d.refobjsubid > 0";

const INCREMENTS: &str = "
    select n.nspname::text as schema, c.relname::text as relation, q.seqincrement as increment
    from pg_sequence q
    join pg_class c on c.oid = q.seqrelid
    join pg_namespace n on n.oid = c.relnamespace
    join unnest($1::text[], $2::text[]) as wanted (schema, relation)
      on wanted.schema = n.nspname and wanted.relation = c.relname";

/// Sequences that one statement looks at, and whose locks, with those of their tables and indexes, are held at once.
const SLICE: usize = 100;

struct Wanted {
    sequence: TargetName,
    increment: i64,
    /// The table and column that it numbers.
    column: Option<(TargetName, String)>,
}

/// Looks at the sequences of the tables in `names`, and at those in `alone`. A transaction has to be open; it holds no locks
/// more afterwards.
pub(super) async fn look(
    connection: &mut PgConnection,
    names: &(Vec<String>, Vec<String>),
    alone: Vec<TargetName>,
    found: &mut Description,
) -> Result<()> {
    let mut wanted = Vec::new();
    for row in ask(connection, OWNED, names).await? {
        wanted.push(Wanted {
            sequence: TargetName {
                schema: text(&row, "sequence_schema")?,
                name: text(&row, "sequence")?,
            },
            increment: row.try_get("increment").map_err(statement)?,
            column: Some((name_of(&row)?, text(&row, "column")?)),
        });
    }
    let alone: (Vec<String>, Vec<String>) = alone.into_iter().map(|n| (n.schema, n.name)).unzip();
    for row in ask(connection, INCREMENTS, &alone).await? {
        wanted.push(Wanted {
            sequence: name_of(&row)?,
            increment: row.try_get("increment").map_err(statement)?,
            column: None,
        });
    }
    for slice in wanted.chunks(SLICE) {
        let parts: Vec<String> = slice.iter().enumerate().map(|(i, w)| part(i, w)).collect();
        execute(connection, "savepoint looking", During::Statement).await?;
        let rows = sqlx::query(AssertSqlSafe(parts.join(" union all ")))
            .persistent(false)
            .fetch_all(&mut *connection)
            .await
            .map_err(unreadable)?;
        // A server has room for so many locks only, and a savepoint gives its own back.
        let back = "rollback to savepoint looking; release savepoint looking";
        execute(connection, back, During::Statement).await?;
        for row in rows {
            let place: i32 = row.try_get("place").map_err(statement)?;
            let Some(wanted) = slice.get(place as usize) else {
                continue;
            };
            let last: i64 = row.try_get("last_value").map_err(statement)?;
            let called: bool = row.try_get("is_called").map_err(statement)?;
            let numbers = Numbering {
                next: if called {
                    last.saturating_add(wanted.increment)
                } else {
                    last
                },
                increment: wanted.increment,
                furthest: row.try_get("furthest").map_err(statement)?,
            };
            match &wanted.column {
                Some((table, column)) => {
                    if let Some(table) = found.tables.get_mut(table) {
                        table.numbering.insert(column.clone(), numbers);
                    }
                }
                None => {
                    found.sequences.insert(wanted.sequence.clone(), numbers);
                }
            }
        }
    }
    Ok(())
}

fn part(place: usize, wanted: &Wanted) -> String {
    let furthest = match &wanted.column {
        Some((table, column)) => format!(
            "(select {}({}) from {})::bigint",
            if wanted.increment >= 0 { "max" } else { "min" },
            quote_ident(column),
            table.quoted()
        ),
        None => "null::bigint".to_owned(),
    };
    format!(
        "select {place} as place, last_value, is_called, {furthest} as furthest from {}",
        wanted.sequence.quoted()
    )
}
