//! Queries, tokens and cursors.

use migrate_core::ErrorKind;
use migrate_core::catalog::Part;
use migrate_core::chunk::{Chunk, ChunkId};
use migrate_core::plan::TablePlan;
use proptest::prelude::*;

use super::key;
use crate::live::read::key::{Key, KeyValue};
use crate::live::read::range::Range;
use crate::live::read::select::Selection;
use crate::live::read::token::{Token, cursor, place};
use crate::live::testing::{facts, table_plan};

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
        sql(
            &selection(&columns, id(), Some("name <> 'x' -- or so")),
            &range,
            None
        ),
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
    assert_eq!(
        selected.sql(&range, Some(&after[..2])).unwrap_err().kind(),
        ErrorKind::Internal
    );
}

#[test]
fn what_drivers_have_no_form_for_is_asked_for_in_another() {
    let columns = [
        ("h", "hierarchyid"),
        ("g", "geometry"),
        ("m", "money"),
        ("v", "sql_variant"),
    ];
    let selected = selection(&columns, Some(key(&[("h", "hierarchyid")])), None);
    let sql = selected
        .sql(&Range::default(), Some(&[KeyValue::Bytes(vec![0x58])]))
        .unwrap();
    assert!(
        sql.starts_with(
            "select cast([h] as varbinary(max)), cast([g] as varbinary(max)), cast([m] as decimal(19,4)), \
             cast(sql_variant_property([v], 'BaseType') as nvarchar(128)), \
             cast(sql_variant_property([v], 'Precision') as int), "
        ),
        "{sql}"
    );
    assert!(
        sql.ends_with("where [h] > cast(0x58 as hierarchyid) order by [h]"),
        "{sql}"
    );
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
    for wrong in [
        "",
        "[]",
        r#"{"key":[]}"#,
        r#"{"key":[{"name":"a","type":"foo"}]}"#,
    ] {
        assert_eq!(
            Token::read(&chunk(wrong)).unwrap_err().kind(),
            ErrorKind::Internal,
            "{wrong}"
        );
    }
    // What is text is written as text.
    let units = [KeyValue::Units(vec![0xE9, 0]), KeyValue::Units(vec![0, 0xD8])];
    let written = cursor(&units).unwrap();
    assert_eq!(written.0, r#"[{"text":"é"},{"units":"00d8"}]"#);
    let back = place(&written).unwrap();
    assert_eq!(back, [KeyValue::Text("é".into()), units[1].clone()]);
}

proptest! {
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
