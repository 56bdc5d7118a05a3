//! Readers, over a server in memory.

use std::sync::Arc;

use migrate_core::ErrorKind;
use migrate_core::batch::{Batch, BatchBuilder};
use migrate_core::chunk::Cursor;
use migrate_core::decode::decode_row;
use migrate_core::encode::{ColumnSpec, RowEncoder};
use migrate_core::plan::TablePlan;
use migrate_core::source::{ChunkReader, Fill};
use proptest::prelude::*;

use super::key;
use crate::live::catalog::TableFacts;
use crate::live::read::fake::{Fake, FakeSessions, Fault, Row};
use crate::live::read::key::KeyValue;
use crate::live::read::patience::Patience;
use crate::live::read::position::History;
use crate::live::read::range::Range;
use crate::live::read::select::Selection;
use crate::live::read::token::Token;
use crate::live::read::{Reading, TableReader};
use crate::live::testing::{facts, table_plan};

const HASTY: Patience = Patience {
    attempts: 3,
    first: std::time::Duration::ZERO,
    longest: std::time::Duration::ZERO,
    total: std::time::Duration::MAX,
};

/// What a table of `id` and `name` holds after reading a chunk.
async fn read_all(
    reader: &mut TableReader,
    columns: &[(&str, &str)],
    bytes: usize,
) -> (Vec<String>, Vec<Batch>) {
    let (mut rows, mut batches) = (Vec::new(), Vec::new());
    loop {
        let (batch, fill) = next(reader, columns, bytes).await.unwrap();
        rows.extend(names(&batch, columns));
        batches.push(batch);
        if fill == Fill::End {
            return (rows, batches);
        }
    }
}

async fn next(
    reader: &mut TableReader,
    columns: &[(&str, &str)],
    bytes: usize,
) -> migrate_core::Result<(Batch, Fill)> {
    let mut builder = BatchBuilder::new(Arc::new(RowEncoder::compile(&specs(columns)).unwrap()), bytes);
    let fill = reader.fill(&mut builder).await?;
    Ok((builder.take().unwrap(), fill))
}

fn specs(columns: &[(&str, &str)]) -> Vec<ColumnSpec> {
    table_plan(columns).copied().map(ColumnSpec::from).collect()
}

fn names(batch: &Batch, columns: &[(&str, &str)]) -> Vec<String> {
    let specs = specs(columns);
    let row = |tuple: &[u8]| {
        let columns = specs.iter().map(|s| (s.name.as_str(), &s.ty));
        decode_row(columns, tuple).unwrap().to_string()
    };
    batch.iter().map(row).collect()
}

fn reader(server: &Arc<Fake>, token: Token, columns: &[(&str, &str)], after: Option<&Cursor>) -> TableReader {
    let selection = Selection::new(&table_plan(columns), &facts(columns), token.key).unwrap();
    let reading = Reading {
        sessions: Arc::new(FakeSessions(Arc::clone(server))),
        table: table_plan(columns).source,
        selection,
        range: token.range,
        snapshot: true,
        history: History::default(),
        patience: HASTY,
    };
    TableReader::new(reading, after).unwrap()
}

const COLUMNS: [(&str, &str); 2] = [("id", "bigint"), ("name", "nvarchar(20)")];

fn numbered(n: i64) -> Vec<Row> {
    (0..n)
        .map(|i| vec![Some(KeyValue::Int(i * 3)), Some(KeyValue::Text(format!("n{i}")))])
        .collect()
}

fn by_id() -> Token {
    Token {
        key: Some(key(&[("id", "bigint")])),
        range: Range::default(),
    }
}

#[tokio::test]
async fn a_chunk_is_read_in_a_transaction_and_its_session_used_again() {
    let server = Fake::new(&["id", "name"], numbered(3), &[]);
    let mut reader = reader(&server, by_id(), &COLUMNS, None);
    assert_eq!(reader.cursor(), None);
    let (rows, _) = read_all(&mut reader, &COLUMNS, 1000).await;
    assert_eq!(
        rows,
        [
            r#"{"id":0,"name":"n0"}"#,
            r#"{"id":3,"name":"n1"}"#,
            r#"{"id":6,"name":"n2"}"#
        ]
    );
    assert_eq!(reader.cursor(), Some(Cursor(r#"[{"int":6}]"#.into())));
    assert_eq!(server.busy(), 1);
    Box::new(reader).finish().await.unwrap();
    assert_eq!(server.busy(), 0);
    assert_eq!(
        server.log(),
        [
            "set transaction isolation level snapshot; begin transaction",
            "select [id], [name] from [dbo].[t] order by [id]",
            "commit transaction; set transaction isolation level read committed"
        ]
    );
}

#[tokio::test]
async fn a_reader_that_is_dropped_closes_its_connection() {
    let server = Fake::new(&["id", "name"], numbered(50), &[]);
    let mut reader = reader(&server, by_id(), &COLUMNS, None);
    let (batch, fill) = next(&mut reader, &COLUMNS, 1).await.unwrap();
    assert_eq!((batch.rows(), fill, server.busy()), (1, Fill::More, 1));
    drop(reader);
    assert_eq!(server.busy(), 0);
}

#[tokio::test]
async fn windows_are_what_the_server_says_before_and_after() {
    let server = Fake::new(&["id", "name"], numbered(3), &[Fault::Break(1)]);
    *server.history.lock().unwrap() = Some(0);
    let mut session = server.session();
    let history = History::find(session.as_mut()).await.unwrap();
    let mut reader = reader(&server, by_id(), &COLUMNS, None);
    reader.set_history(history);
    read_all(&mut reader, &COLUMNS, 1000).await;
    let window = Box::new(reader).finish().await.unwrap();
    let text = |p: Option<migrate_core::chunk::Position>| p.unwrap().0;
    // Asked twice while it was found out; the break in between asks no more.
    assert_eq!(
        text(window.from),
        r#"{"change_tracking":3,"row_version":"0000000000000003"}"#
    );
    assert_eq!(
        text(window.to),
        r#"{"change_tracking":4,"row_version":"0000000000000004"}"#
    );
    let silent = Fake::new(&["id", "name"], vec![], &[]);
    let history = History::find(silent.session().as_mut()).await.unwrap();
    assert_eq!(history, History::default());
}

#[tokio::test]
async fn an_error_in_the_middle_is_never_the_end() {
    let server = Fake::new(&["id", "name"], numbered(9), &[Fault::Fatal(4)]);
    let mut reader = reader(&server, by_id(), &COLUMNS, None);
    let e = next(&mut reader, &COLUMNS, 1 << 20).await.unwrap_err();
    assert_eq!(e.to_string(), "the page is damaged (table dbo.t)");
    assert_eq!((e.kind(), server.busy()), (ErrorKind::Corrupt, 0));
}

#[tokio::test]
async fn patience_ends() {
    let faults = [
        Fault::Break(2),
        Fault::Refused,
        Fault::Break(0),
        Fault::Refused,
        Fault::Refused,
    ];
    let server = Fake::new(&["id", "name"], numbered(9), &faults);
    let mut reader = reader(&server, by_id(), &COLUMNS, None);
    let e = next(&mut reader, &COLUMNS, 1 << 20).await.unwrap_err();
    assert!(e.is_transient());
    // The first attempt and three more.
    assert_eq!(server.faults_left(), 1);
}

#[tokio::test]
async fn without_a_key_only_what_has_not_begun_is_tried_again() {
    let server = Fake::new(&["id", "name"], numbered(5), &[Fault::Break(0), Fault::Break(2)]);
    let mut heap = reader(&server, Token::default(), &COLUMNS, None);
    let e = next(&mut heap, &COLUMNS, 1 << 20).await.unwrap_err();
    assert!(e.is_transient());
    assert_eq!((heap.cursor(), server.faults_left()), (None, 0));
    let mut again = reader(&server, Token::default(), &COLUMNS, None);
    assert_eq!(read_all(&mut again, &COLUMNS, 64).await.0.len(), 5);
    assert_eq!(again.cursor(), None);
}

#[tokio::test]
async fn rejected_rows_are_named_by_their_key() {
    let columns = [("id", "bigint"), ("name", "int")];
    let rows = vec![vec![Some(KeyValue::Int(7)), Some(KeyValue::Int(1 << 40))]];
    let server = Fake::new(&["id", "name"], rows, &[]);
    let plan = TablePlan {
        columns: table_plan(&[("id", "bigint"), ("name", "bigint")])
            .columns
            .into_iter()
            .map(|mut c| {
                if c.source == "name" {
                    c.ty = "integer".parse().unwrap();
                }
                c
            })
            .collect(),
        ..table_plan(&columns)
    };
    let specs: Vec<ColumnSpec> = plan.copied().map(ColumnSpec::from).collect();
    let mut builder = BatchBuilder::new(Arc::new(RowEncoder::compile(&specs).unwrap()), 1000);
    let known: TableFacts = facts(&[("id", "bigint"), ("name", "bigint")]);
    let reading = Reading {
        sessions: Arc::new(FakeSessions(Arc::clone(&server))),
        table: plan.source.clone(),
        selection: Selection::new(&plan, &known, by_id().key).unwrap(),
        range: Range::default(),
        snapshot: false,
        history: History::default(),
        patience: HASTY,
    };
    let mut reader = TableReader::new(reading, None).unwrap();
    assert_eq!(reader.fill(&mut builder).await.unwrap(), Fill::End);
    let rejects = builder.take().unwrap().rejects;
    assert_eq!((rejects.len(), rejects[0].key.as_str()), (1, "id=7"));
    // A session reads what is committed unless it is told otherwise.
    assert_eq!(server.log(), ["select [id], [name] from [dbo].[t] order by [id]"]);
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
}

fn any_fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        (1_usize..40).prop_map(Fault::Break),
        (1_usize..40).prop_map(Fault::Deadlock),
    ]
}

proptest! {
    #[test]
    fn whatever_breaks_each_row_comes_once_and_in_order(
        n in 0_i64..120,
        faults in prop::collection::vec(any_fault(), 0..12),
        bytes in 1_usize..2000,
        leave_after in prop::option::of(0_usize..6),
    ) {
        runtime().block_on(async {
            let expected: Vec<String> =
                (0..n).map(|i| format!(r#"{{"id":{},"name":"n{i}"}}"#, i * 3)).collect();
            let server = Fake::new(&["id", "name"], numbered(n), &faults);
            let mut seen = Vec::new();
            let mut first = reader(&server, by_id(), &COLUMNS, None);
            let mut cursor = None;
            // A run that is killed between two batches goes on from the cursor.
            for _ in 0..leave_after.unwrap_or(0) {
                let (batch, fill) = next(&mut first, &COLUMNS, bytes).await.unwrap();
                seen.extend(names(&batch, &COLUMNS));
                cursor = first.cursor();
                if fill == Fill::End {
                    break;
                }
            }
            drop(first);
            let mut second = reader(&server, by_id(), &COLUMNS, cursor.as_ref());
            let (rest, _) = read_all(&mut second, &COLUMNS, bytes).await;
            seen.extend(rest);
            assert_eq!(seen, expected);
        });
    }
}
