//! Conditions, and databases that are not as the plan was told.

use std::collections::BTreeMap;

use migrate_core::ErrorKind;
use migrate_core::chunk::ChunkGoal;
use migrate_core::mapping::{Mapping, TableMapping};
use migrate_core::pipeline::Options;
use migrate_core::source::Source;

use crate::server::{DRIVERS, Server, copy, on_server, rows};

async fn with_three_rows(server: &Server) {
    let table = format!("{}.t", server.schema);
    server
        .run(&format!(
            "create table {table} (id int not null primary key, name nvarchar(20)); \
             insert into {table} values (1, N'a'), (2, N'b''c'), (3, null)"
        ))
        .await;
}

#[test]
fn a_where_is_carried_out_by_the_server() {
    on_server(async |server| {
        with_three_rows(&server).await;
        for driver in DRIVERS {
            let source = server.source(driver);
            let filter = TableMapping {
                filter: Some("name like N'B%' or len(name) is null -- in T-SQL".to_owned()),
                ..TableMapping::default()
            };
            let mapping = Mapping {
                tables: BTreeMap::from([(format!("{}.t", server.schema), filter)]),
                ..Mapping::default()
            };
            let plan = server.plan(&source, mapping).await;
            let (sink, report) = copy(source, &plan, Options::default()).await.unwrap();
            let receipt = &report.tables[0].receipt;
            // Rows that are left out are not read.
            assert_eq!((receipt.read, receipt.filtered), (2, 0));
            let ids: Vec<_> = rows(&sink, &plan, &server.table("t"))
                .iter()
                .map(|r| r["id"].clone())
                .collect();
            assert_eq!(ids, [2, 3]);
        }
    });
}

#[test]
fn a_where_that_the_server_does_not_understand_is_refused_at_once() {
    on_server(async |server| {
        with_three_rows(&server).await;
        let source = server.source(DRIVERS[0]);
        let mut plan = (*server.plan(&source, Mapping::default()).await).clone();
        plan.tables[0].filter = Some("nobody = 1".to_owned());
        let Err(error) = source.snapshot(&plan).await else {
            panic!("a condition over a column that does not exist was accepted");
        };
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains("nobody"), "{error}");
        assert!(
            error.to_string().contains(&format!("table {}.t", server.schema)),
            "{error}"
        );
    });
}

#[test]
fn a_table_that_is_dropped_before_it_is_read_stops_the_run() {
    on_server(async |server| {
        for driver in DRIVERS {
            with_three_rows(&server).await;
            let source = server.source(driver);
            let plan = server.plan(&source, Mapping::default()).await;
            let snapshot = source.snapshot(&plan).await.unwrap();
            let chunks = snapshot
                .split(&plan.tables[0], ChunkGoal::default())
                .await
                .unwrap();
            server.run(&format!("drop table {}.t", server.schema)).await;
            let mut reader = snapshot.read(&plan.tables[0], &chunks[0], None).await.unwrap();
            let specs: Vec<_> = plan.tables[0]
                .copied()
                .map(migrate_core::encode::ColumnSpec::from)
                .collect();
            let encoder = std::sync::Arc::new(migrate_core::encode::RowEncoder::compile(&specs).unwrap());
            let mut builder = migrate_core::batch::BatchBuilder::new(encoder, 1000);
            let error = reader.fill(&mut builder).await.unwrap_err();
            let text = error.to_string();
            if !server.is_babelfish().await {
                assert_eq!(error.kind(), ErrorKind::NotFound, "{text}");
            }
            assert!(!error.is_transient(), "{text}");
            assert!(text.contains("reading rows"), "{text}");
            assert!(text.contains(&format!("table {}.t", server.schema)), "{text}");
        }
    });
}

#[test]
fn a_plan_of_another_database_is_refused_before_anything_is_read() {
    on_server(async |server| {
        with_three_rows(&server).await;
        let source = server.source(DRIVERS[0]);
        let mut plan = (*server.plan(&source, Mapping::default()).await).clone();
        plan.tables[0].source.name = "other".to_owned();
        let Err(error) = source.snapshot(&plan).await else {
            panic!("a table that does not exist was accepted");
        };
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(
            error
                .to_string()
                .contains(&format!("table {}.other", server.schema)),
            "{error}"
        );
    });
}
