//! Queries as they are sent, and readers whose connections break.

use std::sync::Arc;

use migrate_core::ErrorKind;
use migrate_core::batch::{Batch, BatchBuilder};
use migrate_core::catalog::Part;
use migrate_core::chunk::{Chunk, ChunkId, Cursor};
use migrate_core::decode::decode_row;
use migrate_core::encode::{ColumnSpec, RowEncoder};
use migrate_core::plan::TablePlan;
use migrate_core::source::{ChunkReader, Fill};
use proptest::prelude::*;

use super::fake::{Fake, FakeSessions, Fault, Row};
use super::key::{Key, KeyColumn, KeyValue};
use super::patience::Patience;
use super::position::History;
use super::range::Range;
use super::select::Selection;
use super::token::{Token, cursor, place};
use super::{Reading, TableReader, native};
use crate::live::catalog::TableFacts;
use crate::live::testing::{facts, table_plan};

const HASTY: Patience = Patience {
    attempts: 3,
    first: std::time::Duration::ZERO,
    longest: std::time::Duration::ZERO,
    total: std::time::Duration::MAX,
};

fn key(columns: &[(&str, &str)]) -> Key {
    let columns = columns.iter().map(|(name, ty)| KeyColumn {
        name: name.trim_end_matches(" desc").to_owned(),
        native: native::parse(ty).unwrap(),
        collation: ty.contains("char").then(|| "Latin1_General_CI_AS".into()),
        descending: name.ends_with(" desc"),
    });
    Key {
        columns: columns.collect(),
    }
}

fn ints(values: &[i64]) -> Vec<KeyValue> {
    values.iter().map(|v| KeyValue::Int(*v)).collect()
}

fn selection(columns: &[(&str, &str)], key: Option<Key>, filter: Option<&str>) -> Selection {
    let plan = TablePlan {
        filter: filter.map(str::to_owned),
        ..table_plan(columns)
    };
    Selection::new(&plan, &facts(columns), key).unwrap()
}

#[test]
fn queries_are_these() {
    let columns = [("id", "bigint"), ("na]me", "nvarchar(20)")];
    let id = || Some(key(&[("id", "bigint")]));
    let all = Range::default();
    let sql = |s: &Selection, r: &Range, after: Option<&[KeyValue]>| s.sql(r, after).unwrap();
    assert_eq!(
        sql(&selection(&columns, None, None), &all, None),
        "select [id], [na]]me] from [dbo].[t]"
    );
    assert_eq!(
        sql(&selection(&columns, id(), None), &all, None),
        "select [id], [na]]me] from [dbo].[t] order by [id]"
    );
    let range = Range {
        from: Some(ints(&[5])),
        to: Some(ints(&[9])),
    };
    assert_eq!(
        sql(&selection(&columns, id(), Some("name <> 'x' -- or so")), &range, None),
        "select [id], [na]]me] from [dbo].[t] where [id] >= cast(5 as bigint) and [id] < cast(9 as bigint) \
         and (\nname <> 'x' -- or so\n) order by [id]"
    );
    assert_eq!(
        sql(&selection(&columns, id(), None), &range, Some(&ints(&[7]))),
        "select [id], [na]]me] from [dbo].[t] where [id] > cast(7 as bigint) and [id] < cast(9 as bigint) order by [id]"
    );
    // A key that is not copied is read for the cursor.
    assert_eq!(
        sql(&selection(&columns[1..], id(), None), &all, None),
        "select [na]]me], [id] from [dbo].[t] order by [id]"
    );
    let pair = key(&[("a", "int"), ("b desc", "varchar(5)"), ("c", "int")]);
    let range = Range {
        from: Some(vec![KeyValue::Int(1)]),
        to: Some(vec![KeyValue::Int(2), KeyValue::Text("é'".into())]),
    };
    let after = [KeyValue::Int(1), KeyValue::Text("x".into()), KeyValue::Int(3)];
    let selected = selection(&[("a", "int")], Some(pair), None);
    assert_eq!(
        sql(&selected, &range, Some(&after)),
        "select [a], [b], [c] from [dbo].[t] where \
         [a] >= cast(1 as int) and ([a] > cast(1 as int) or \
         [b] <= cast(N'x' collate Latin1_General_CI_AS as varchar(5)) and \
         ([b] < cast(N'x' collate Latin1_General_CI_AS as varchar(5)) or [c] > cast(3 as int))) and \
         [a] <= cast(2 as int) and ([a] < cast(2 as int) or [b] > cast(N'é''' collate Latin1_General_CI_AS as varchar(5))) \
         order by [a], [b] desc, [c]"
    );
    assert_eq!(
        sql(&selected, &range, None),
        "select [a], [b], [c] from [dbo].[t] where [a] >= cast(1 as int) and \
         [a] <= cast(2 as int) and ([a] < cast(2 as int) or [b] > cast(N'é''' collate Latin1_General_CI_AS as varchar(5))) \
         order by [a], [b] desc, [c]"
    );
    assert_eq!(selected.sql(&range, Some(&after[..2])).unwrap_err().kind(), ErrorKind::Internal);
}

#[test]
fn what_drivers_have_no_form_for_is_asked_for_in_another() {
    let columns = [("h", "hierarchyid"), ("g", "geometry"), ("m", "money"), ("v", "sql_variant")];
    let selected = selection(&columns, Some(key(&[("h", "hierarchyid")])), None);
    let sql = selected.sql(&Range::default(), Some(&[KeyValue::Bytes(vec![0x58])])).unwrap();
    assert!(
        sql.starts_with(
            "select cast([h] as varbinary(max)), cast([g] as varbinary(max)), cast([m] as decimal(19,4)), \
             cast(sql_variant_property([v], 'BaseType') as nvarchar(128)), \
             cast(sql_variant_property([v], 'Precision') as int), "
        ),
        "{sql}"
    );
    assert!(sql.ends_with("where [h] > cast(0x58 as hierarchyid) order by [h]"), "{sql}");
    assert_eq!(selected.cells.len(), 3 + 7);
}

#[test]
fn an_offset_is_a_column_of_its_own() {
    let mut plan = table_plan(&[("at", "datetimeoffset(7)"), ("at_offset", "smallint")]);
    plan.columns[1].part = Some(Part::UtcOffset { of: "at".into() });
    let known = facts(&[("at", "datetimeoffset(7)")]);
    let selected = Selection::new(&plan, &known, None).unwrap();
    assert_eq!(
        selected.sql(&Range::default(), None).unwrap(),
        "select [at], cast(datepart(tzoffset, [at]) as smallint) from [dbo].[t]"
    );
    let e = Selection::new(&plan, &facts(&[("at", "datetime")]), None).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Config);
}

#[test]
fn a_plan_of_another_schema_is_refused() {
    let facts = facts(&[("id", "int")]);
    for columns in [[("id", "bigint")], [("other", "int")]] {
        let e = Selection::new(&table_plan(&columns), &facts, None).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Config);
        assert!(e.to_string().contains(&format!("column {}", columns[0].0)), "{e}");
    }
}

#[test]
fn tokens_and_cursors_are_read_back() {
    let token = Token {
        key: Some(key(&[("a", "decimal(20,2)"), ("b desc", "nvarchar(5)")])),
        range: Range {
            from: Some(vec![KeyValue::Decimal {
                unscaled: i128::MAX,
                scale: 2,
            }]),
            to: None,
        },
    };
    let text = token.write().unwrap();
    assert_eq!(
        text,
        r#"{"key":[{"name":"a","type":"decimal(20,2)"},{"name":"b","type":"nvarchar(5)","collation":"Latin1_General_CI_AS","descending":true}],"from":[{"decimal":{"unscaled":"170141183460469231731687303715884105727","scale":2}}]}"#
    );
    let chunk = |token: &str| Chunk {
        id: ChunkId {
            table: table_plan(&[]).source,
            ordinal: 0,
        },
        token: token.to_owned(),
        rows: None,
        bytes: None,
    };
    assert_eq!(Token::read(&chunk(&text)).unwrap(), token);
    assert_eq!(Token::read(&chunk("{}")).unwrap(), Token::default());
    for wrong in ["", "[]", r#"{"key":[]}"#, r#"{"key":[{"name":"a","type":"foo"}]}"#] {
        assert_eq!(Token::read(&chunk(wrong)).unwrap_err().kind(), ErrorKind::Internal, "{wrong}");
    }
    // What is text is written as text.
    let units = [KeyValue::Units(vec![0xE9, 0]), KeyValue::Units(vec![0, 0xD8])];
    let written = cursor(&units).unwrap();
    assert_eq!(written.0, r#"[{"text":"é"},{"units":"00d8"}]"#);
    let back = place(&written).unwrap();
    assert_eq!(back, [KeyValue::Text("é".into()), units[1].clone()]);
}

/// What a table of `id` and `name` holds after reading a chunk.
async fn read_all(reader: &mut TableReader, columns: &[(&str, &str)], bytes: usize) -> (Vec<String>, Vec<Batch>) {
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
    assert_eq!(text(window.from), r#"{"change_tracking":3,"row_version":"0000000000000003"}"#);
    assert_eq!(text(window.to), r#"{"change_tracking":4,"row_version":"0000000000000004"}"#);
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
    let faults = [Fault::Break(2), Fault::Refused, Fault::Break(0), Fault::Refused, Fault::Refused];
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
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
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

    #[test]
    fn any_key_value_survives_a_cursor(
        number: i64,
        unscaled: i128,
        scale in 0_i16..38,
        text in ".*",
        bytes: Vec<u8>,
        guid: [u8; 16],
        days: i32,
        nanos in 0_i64..86_400_000_000_000,
        float: f64,
    ) {
        let values = vec![
            KeyValue::Int(number),
            KeyValue::Decimal { unscaled, scale },
            KeyValue::Text(text),
            KeyValue::Bytes(bytes),
            KeyValue::Uuid(guid),
            KeyValue::Date(days),
            KeyValue::Time(nanos),
            KeyValue::Timestamp(days, nanos),
            KeyValue::Moment(days, nanos),
            KeyValue::Float(float.to_bits()),
            KeyValue::Real((float as f32).to_bits()),
        ];
        prop_assert_eq!(place(&cursor(&values).unwrap()).unwrap(), values);
    }
}
