//! Moves a MongoDB database into PostgreSQL from a program of your own: from a deployment, or from what mongodump wrote.
//!
//! ```text
//! export DATABASE_URL=postgres://app@localhost/shop
//! cargo run -p migrate-examples --example mongo -- mongodb://localhost/shop
//! cargo run -p migrate-examples --example mongo -- dump/shop
//! ```

use std::sync::Arc;

use migrate_core::mapping::Mapping;
use migrate_core::naming::Naming;
use migrate_core::observer::Silent;
use migrate_core::pipeline::{self, Options};
use migrate_core::planner;
use migrate_core::source::Source;
use migrate_sink_postgres::{PostgresSink, SinkOptions};
use migrate_source_mongo::{DumpOptions, Mongo, MongoConfig, MongoOptions, is_dump};
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let from = std::env::args()
        .nth(1)
        .ok_or("usage: mongo URL-OR-DUMP, with DATABASE_URL set")?;
    // The options decide what becomes a table, an array or jsonb, and what keys become.
    let options = MongoOptions::default();
    let source = Arc::new(if is_dump(&from) {
        Mongo::open_dump(&from, &DumpOptions::default(), options)?
    } else {
        Mongo::connect(&MongoConfig::parse(&from.into())?, options).await?
    });
    let sink = PostgresSink::connect(SinkOptions::new(std::env::var("DATABASE_URL")?)).await?;

    // Decide: all documents are read once to find out what they hold; the plan says what becomes of it.
    let mapping = Mapping {
        naming: Naming::Snake,
        ..Mapping::default()
    };
    let plan = Arc::new(planner::plan(
        &source.discover().await?,
        &mapping,
        &sink.target(),
    )?);
    for table in &plan.tables {
        println!(
            "{} becomes {} with {} columns",
            table.source,
            table.target,
            table.columns.len()
        );
    }

    // Do it. Running the same program again after a crash goes on where it stopped.
    let cancel = CancellationToken::new();
    let report = pipeline::run(source, sink, plan, Options::default(), Arc::new(Silent), cancel).await?;
    for table in &report.tables {
        println!("{}: {} rows", table.target, table.receipt.digest.rows);
    }
    Ok(())
}
