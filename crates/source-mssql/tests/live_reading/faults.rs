//! Connections that break.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use migrate_core::chunk::ChunkGoal;
use migrate_core::mapping::Mapping;
use migrate_core::pipeline::Options;
use migrate_core::source::Source;
use migrate_source_mssql::Mssql;
use migrate_source_mssql::live::config::{MssqlConfig, Trust};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::server::{DRIVERS, copy, on_server, rows};

/// Connections that are cut in one run.
const CUTS: u32 = 20;

/// A way to the server that is cut again and again, after some thousands of bytes.
struct Cutter {
    port: u16,
    cuts: Arc<AtomicU32>,
    /// Nothing is cut before this is set.
    armed: Arc<AtomicBool>,
}

impl Cutter {
    async fn start(host: String, port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = listener.local_addr().unwrap().port();
        let cuts = Arc::new(AtomicU32::new(0));
        let armed = Arc::new(AtomicBool::new(false));
        let (counter, begun) = (Arc::clone(&cuts), Arc::clone(&armed));
        tokio::spawn(async move {
            let mut number = 0_u64;
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect((host.as_str(), port)).await.unwrap();
                number += 1;
                // Not before the login is over, which takes about 4 KB.
                let allowed = 8_000 + number * 7_919 % 60_000;
                tokio::spawn(pass(
                    client,
                    server,
                    allowed,
                    Arc::clone(&counter),
                    Arc::clone(&begun),
                ));
            }
        });
        Self {
            port: here,
            cuts,
            armed,
        }
    }
}

async fn pass(
    client: TcpStream,
    server: TcpStream,
    allowed: u64,
    cuts: Arc<AtomicU32>,
    armed: Arc<AtomicBool>,
) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let upstream = tokio::spawn(async move {
        let _ = tokio::io::copy(&mut from_client, &mut to_server).await;
        let _ = to_server.shutdown().await;
    });
    let mut passed = 0_u64;
    let mut buffer = vec![0; 1024];
    loop {
        let n = match from_server.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(n) => n,
        };
        if armed.load(Ordering::SeqCst) {
            passed += n as u64;
        }
        if passed > allowed && cuts.fetch_add(1, Ordering::SeqCst) < CUTS {
            break;
        }
        if to_client.write_all(&buffer[..n]).await.is_err() {
            break;
        }
    }
    upstream.abort();
}

#[test]
fn a_run_whose_connections_are_cut_twenty_times_copies_each_row_once() {
    on_server(async |server| {
        let table = format!("{}.big", server.schema);
        server
            .run(&format!(
                "create table {table} (id bigint not null primary key, name nvarchar(100) not null);\n\
                 with d as (select n from (values (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)) as v(n)) \
                 insert into {table} select a.n + 10 * b.n + 100 * c.n + 1000 * d.n, \
                 replicate(N'é', 40) + cast(a.n + 10 * b.n + 100 * c.n + 1000 * d.n as nvarchar(10)) \
                 from d as a cross join d as b cross join d as c cross join d"
            ))
            .await;
        for driver in DRIVERS {
            let whole = server.source(driver);
            let plan = server.plan(&whole, Mapping::default()).await;
            let (expected, _) = copy(whole, &plan, Options::default()).await.unwrap();
            let cutter = Cutter::start(server.config.host.clone(), server.config.port.unwrap_or(1433)).await;
            let source = Mssql::new(MssqlConfig {
                host: "127.0.0.1".into(),
                port: Some(cutter.port),
                trust: Trust::Any,
                driver: Some(driver),
                ..server.config.clone()
            });
            let options = Options {
                workers: 2,
                batch_bytes: 16 << 10,
                commit_bytes: 200 << 10,
                chunks: ChunkGoal {
                    bytes: 500_000,
                    max_chunks: 10,
                },
                ..Options::default()
            };
            source.discover().await.unwrap();
            cutter.armed.store(true, Ordering::SeqCst);
            let (sink, report) = copy(Arc::new(source), &plan, options).await.unwrap();
            assert!(cutter.cuts.load(Ordering::SeqCst) >= CUTS, "{driver:?}");
            let name = server.table("big");
            assert_eq!(report.tables[0].receipt.read, 10_000);
            assert_eq!(sink.rows(&name).len(), 10_000);
            assert!(
                sink.rows(&name) == expected.rows(&name),
                "{driver:?}: other rows than without faults"
            );
            let first = rows(&sink, &plan, &name)
                .into_iter()
                .find(|r| r["id"] == 1234)
                .unwrap();
            assert_eq!(first["name"], format!("{}1234", "é".repeat(40)));
        }
    });
}
