//! Finding exact rows by statements.
//!
//! Equality in SQL is not sameness: `1.0 = 1.00`, `-0.0 = 0.0`, citext ignores case, json has none. Text is: PostgreSQL
//! prints two values alike only if they are the same. So rows are found by their key, for the index, and by the text of
//! all their columns.

use migrate_core::decode;
use migrate_core::pg_type::PgType;
use migrate_core::plan::{TablePlan, quote_ident};
use migrate_core::{Error, ErrorKind, Result};
use migrate_pg_client::sqlx::postgres::PgConnection;
use migrate_pg_client::{During, classify, execute};

use migrate_core::batch::{COPY_HEADER, COPY_TRAILER};

/// A temporary table `name` with the table's copied columns, behind the row's number `migrate_n` and how many rows like it
/// came before, `migrate_like`. It goes with the transaction.
pub(super) async fn create(connection: &mut PgConnection, table: &TablePlan, name: &str) -> Result<()> {
    let columns: Vec<String> = table
        .copied()
        .map(|c| format!(", t.{}", quote_ident(&c.name)))
        .collect();
    let statement = format!(
        "create temp table {name} on commit drop as \
         select null::int as migrate_n, null::int as migrate_like{} from {} t with no data",
        columns.concat(),
        table.target.quoted()
    );
    execute(connection, statement, During::Rows).await.map(drop)
}

/// Puts rows there.
pub(super) async fn fill(
    connection: &mut PgConnection,
    name: &str,
    rows: impl Iterator<Item = (i32, i32, &[u8])>,
) -> Result<()> {
    let mut bytes = COPY_HEADER.to_vec();
    for (n, like, row) in rows {
        let fields = decode::fields(row).collect::<Result<Vec<_>>>()?.len();
        bytes.extend_from_slice(&(fields as i16 + 2).to_be_bytes());
        for number in [n, like] {
            bytes.extend_from_slice(&4_i32.to_be_bytes());
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes.extend_from_slice(row.get(2..).unwrap_or_default());
    }
    bytes.extend_from_slice(&COPY_TRAILER);
    let rejected = |e| classify(e, During::Copy);
    let statement = format!("copy {name} from stdin (format binary)");
    let mut copy = connection.copy_in_raw(&statement).await.map_err(rejected)?;
    for piece in bytes.chunks(128 << 10) {
        copy.send(piece).await.map_err(rejected)?;
    }
    copy.finish().await.map(drop).map_err(rejected)?;
    // Without statistics the planner may take the few rows for many.
    execute(connection, format!("analyze {name}"), During::Statement)
        .await
        .map(drop)
}

/// Types whose values are equal if they are the same, and whose equality is quick: what is the same is looked for among them.
fn is_quick(ty: &PgType) -> bool {
    use PgType::{Bool, Date, Int2, Int4, Int8, Text, Time, Timestamp, TimestampTz, Uuid, Varchar};
    matches!(
        ty,
        Bool | Date | Int2 | Int4 | Int8 | Text | Time(_) | Timestamp(_) | TimestampTz(_) | Uuid | Varchar(_)
    )
}

/// The condition that row `t` of the table is row `k` of the temporary one.
pub(super) fn same(table: &TablePlan) -> String {
    let key = table.primary_key.iter().chain(&table.uniques);
    let key = key.map(|k| &k.columns).find(|columns| {
        // A key with NULLs finds nothing by `=`.
        table.copied_positions(columns).is_some()
            && columns
                .iter()
                .all(|name| table.copied().any(|c| &c.name == name && !c.nullable))
    });
    let mut terms: Vec<String> = match key {
        Some(columns) => columns
            .iter()
            .map(|c| format!("t.{0} = k.{0}", quote_ident(c)))
            .collect(),
        // Without a key all rows are gone through, and few should be left whose text is looked at. NULLs are equal in arrays.
        None => {
            let quick = table.copied().filter(|c| is_quick(&c.ty));
            let equal = quick.map(|c| match (quote_ident(&c.name), c.nullable) {
                (name, false) => format!("t.{name} = k.{name}"),
                (name, true) => format!("array[t.{name}] = array[k.{name}]"),
            });
            equal.collect()
        }
    };
    let text = |row: &str| {
        let columns: Vec<String> = table
            .copied()
            .map(|c| format!("{row}.{}::text", quote_ident(&c.name)))
            .collect();
        format!("row({})::text", columns.join(", "))
    };
    // A test, not a join: the text is made of rows that meet the other terms alone.
    terms.push(format!("({} = {}) is true", text("t"), text("k")));
    terms.join(" and ")
}

/// For each row the number of equal rows before it, so that rows that are there twice are found twice.
pub(super) fn alike<'r>(rows: impl Iterator<Item = &'r [u8]>) -> Result<Vec<(i32, i32, &'r [u8])>> {
    let mut seen = std::collections::HashMap::new();
    rows.enumerate()
        .map(|(n, row)| {
            let n = i32::try_from(n).map_err(|_| Error::new(ErrorKind::Internal, "too many rows at once"))?;
            let like = seen.entry(row).or_insert(0);
            *like += 1;
            Ok((n, *like - 1, row))
        })
        .collect()
}
