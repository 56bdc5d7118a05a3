//! Proves a migration, layer by layer, and repairs what is wrong.
//!
//! ```text
//! cargo run --example validate                                  in memory: a row is damaged, found, shown, repaired
//! cargo run --example validate -- postgres://u:p@host/db        a database that was migrated to, at every layer
//! ```

use std::sync::Arc;

use migrate_core::memory::{Cell, MemorySink, MemorySource};
use migrate_core::observer::Silent;
use migrate_core::source::Source;
use migrate_core::stored::Stored;
use migrate_core::{catalog::ObjectName, mapping::Mapping, pg_type::PgType, pipeline, plan::Target, planner};
use migrate_sink_postgres::{PostgresSink, SinkOptions};
use migrate_validate::{Layers, Level, Options, RepairOptions, Validation, repair, validate};
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> migrate_core::Result<()> {
    match std::env::args().nth(1) {
        Some(url) => in_postgres(url).await,
        None => in_memory().await,
    }
}

/// Layer by layer: each can be looked at alone.
async fn in_postgres(url: String) -> migrate_core::Result<()> {
    let stored: Arc<dyn Stored> = PostgresSink::connect(SinkOptions::new(url)).await?;
    let full = Level::Full.layers();
    let one_by_one = [
        ("counts", Layers::COUNTS),
        (
            "schema",
            Layers {
                schema: full.schema,
                ..Layers::COUNTS
            },
        ),
        (
            "digests",
            Layers {
                digests: full.digests,
                ..Layers::COUNTS
            },
        ),
        (
            "references",
            Layers {
                references: full.references,
                ..Layers::COUNTS
            },
        ),
        (
            "rules",
            Layers {
                rules: full.rules,
                ..Layers::COUNTS
            },
        ),
        (
            "queries",
            Layers {
                queries: full.queries,
                ..Layers::COUNTS
            },
        ),
    ];
    for (name, layers) in one_by_one {
        let options = Options {
            layers,
            ..Options::default()
        };
        println!("{name}:");
        tell(&look(&stored, None, options).await?);
    }
    Ok(())
}

async fn in_memory() -> migrate_core::Result<()> {
    let name = ObjectName::new("dbo", "Account");
    let columns = [
        ("id", PgType::Int4),
        ("owner", PgType::Text),
        ("cents", PgType::Int8),
    ];
    let rows = (1..=1000).map(|i| vec![Cell::Int(i), Cell::Text(format!("owner {i}")), Cell::Int(i * 100)]);
    let source = MemorySource::new("bank").table(name.clone(), &columns, rows.collect());
    let (source, sink): (Arc<dyn Source>, _) = (Arc::new(source), MemorySink::new());
    let plan = Arc::new(planner::plan(
        &source.discover().await?,
        &Mapping::default(),
        &Target::default(),
    )?);
    let (options, cancel) = (pipeline::Options::default(), CancellationToken::new());
    pipeline::run(
        source.clone(),
        Arc::new(sink.clone()),
        plan,
        options,
        Arc::new(Silent),
        cancel.clone(),
    )
    .await?;

    let stored: Arc<dyn Stored> = Arc::new(sink.clone());
    tell(&look(&stored, None, Options::default()).await?);

    println!("One bit flips in the destination:");
    sink.tamper(&name, |rows| {
        for row in rows {
            if row.ends_with(&4200_i64.to_be_bytes()) {
                row[30] ^= 1;
            }
        }
    });
    tell(&look(&stored, Some(&source), Options::default()).await?);

    println!("Repaired:");
    for table in repair(
        stored.clone(),
        source.clone(),
        RepairOptions::default(),
        Arc::new(Silent),
        cancel,
    )
    .await?
    {
        println!(
            "  {}: {} changed back, nothing else: {}",
            table.target, table.changed, table.nothing_else_changed
        );
    }
    tell(&look(&stored, Some(&source), Options::default()).await?);
    Ok(())
}

async fn look(
    stored: &Arc<dyn Stored>,
    source: Option<&Arc<dyn Source>>,
    options: Options,
) -> migrate_core::Result<Validation> {
    validate(
        stored.clone(),
        source.cloned(),
        options,
        Arc::new(Silent),
        CancellationToken::new(),
    )
    .await
}

fn tell(found: &Validation) {
    let verdict = &found.verdict;
    println!(
        "  {}: {} of {} rows arrived",
        if verdict.go { "go" } else { "no-go" },
        verdict.arrived,
        verdict.due
    );
    for reason in &verdict.reasons {
        println!("  stands in the way: {reason}");
    }
    for difference in found.tables.iter().flat_map(|t| &t.differences) {
        let (expected, stored) = (difference.expected.as_ref(), difference.found.as_ref());
        println!(
            "    {}: {} was read, {} is stored",
            difference.key,
            or_nothing(expected),
            or_nothing(stored)
        );
    }
}

fn or_nothing(row: Option<&impl ToString>) -> String {
    row.map_or_else(|| "nothing".to_owned(), ToString::to_string)
}
