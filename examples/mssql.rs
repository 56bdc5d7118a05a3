//! Moves a running SQL Server database into PostgreSQL from a program of your own.
//!
//! ```text
//! MSSQL_URL='mssql://sa@db.example.com/shop' MSSQL_PASSWORD=... DATABASE_URL=postgres://app@localhost/shop \
//!     cargo run -p migrate-examples --example mssql
//! ```

use std::sync::Arc;

use migrate_core::mapping::Mapping;
use migrate_core::naming::Naming;
use migrate_core::observer::Silent;
use migrate_core::pipeline::{self, Options};
use migrate_core::planner;
use migrate_core::source::Source;
use migrate_sink_postgres::{PostgresSink, SinkOptions};
use migrate_source_mssql::{Mssql, MssqlConfig};
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::var("MSSQL_URL")?;
    let source = Arc::new(Mssql::new(MssqlConfig::parse(&url.into())?));
    let sink = PostgresSink::connect(SinkOptions::new(std::env::var("DATABASE_URL")?)).await?;

    // Decide: a mapping says what differs from the defaults; the plan says everything.
    let mapping = Mapping {
        naming: Naming::Snake,
        ..Mapping::default()
    };
    let plan = Arc::new(planner::plan(
        &source.discover().await?,
        &mapping,
        &sink.target(),
    )?);
    for work in &plan.manual {
        println!("left for a person: {} {} ({})", work.kind, work.name, work.reason);
    }

    // Do it. Running the same program again after a crash goes on where it stopped.
    let cancel = CancellationToken::new();
    let report = pipeline::run(source, sink, plan, Options::default(), Arc::new(Silent), cancel).await?;
    for table in &report.tables {
        println!("{}: {} rows", table.target, table.receipt.digest.rows);
    }
    Ok(())
}
