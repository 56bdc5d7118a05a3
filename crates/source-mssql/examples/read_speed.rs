//! How fast a `.bacpac` is checked and read, on one thread, without any destination.
//!
//! ```text
//! cargo run --release -p migrate-source-mssql --example read_speed -- FILE.bacpac [narrow|wide ROWS]
//! ```
//!
//! With a shape and a number of rows, the file is generated first.

use std::sync::Arc;
use std::time::Instant;

use migrate_core::batch::BatchBuilder;
use migrate_core::chunk::ChunkGoal;
use migrate_core::encode::{ColumnSpec, RowEncoder};
use migrate_core::mapping::Mapping;
use migrate_core::plan::Target;
use migrate_core::source::{Fill, Source};
use migrate_core::{Error, ErrorKind, Result};
use migrate_source_mssql::{Bacpac, BacpacOptions};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let path = std::env::args().nth(1);
    let path = path.ok_or_else(|| Error::new(ErrorKind::Config, "give the path of a .bacpac"))?;
    if let (Some(shape), Some(rows)) = (std::env::args().nth(2), std::env::args().nth(3)) {
        let rows = rows
            .parse()
            .map_err(|_| Error::new(ErrorKind::Config, "ROWS is not a number"))?;
        let written = match shape.as_str() {
            "wide" => migrate_testkit::bench::wide(&path, rows),
            _ => migrate_testkit::bench::narrow(&path, rows),
        };
        written.map_err(|e| Error::new(ErrorKind::Io, e.to_string()))?;
    }
    let source = Bacpac::open(
        path,
        BacpacOptions {
            threads: 1,
            ..BacpacOptions::default()
        },
    )?;
    let start = Instant::now();
    let catalog = source.discover().await?;
    let rows: u64 = catalog.tables.iter().filter_map(|t| t.rows).sum();
    let bytes: u64 = catalog.tables.iter().filter_map(|t| t.bytes).sum();
    println!(
        "checked {rows} rows, {bytes} bytes in {:.3} s",
        start.elapsed().as_secs_f64()
    );
    let plan = migrate_core::planner::plan(&catalog, &Mapping::default(), &Target::default())?;
    let snapshot = source.snapshot(&plan).await?;
    let start = Instant::now();
    let (mut rows, mut bytes) = (0, 0);
    for table in &plan.tables {
        let specs: Vec<ColumnSpec> = table.copied().map(ColumnSpec::from).collect();
        let encoder = Arc::new(RowEncoder::compile(&specs)?);
        for chunk in snapshot.split(table, ChunkGoal::default()).await? {
            let mut reader = snapshot.read(table, &chunk, None).await?;
            let mut builder = BatchBuilder::new(encoder.clone(), 1 << 20);
            loop {
                let fill = reader.fill(&mut builder).await?;
                let batch = builder.take()?;
                rows += batch.read();
                bytes += batch.bytes().len();
                builder.recycle(batch);
                if fill == Fill::End {
                    break;
                }
            }
        }
    }
    println!(
        "read and encoded {rows} rows into {bytes} bytes in {:.3} s",
        start.elapsed().as_secs_f64()
    );
    Ok(())
}
