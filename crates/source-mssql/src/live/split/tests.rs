//! Questions as they are asked, and ranges that hold each row once.

use std::collections::BTreeMap;
use std::sync::Arc;

use migrate_core::chunk::{Chunk, ChunkGoal};
use proptest::prelude::*;

use super::*;
use crate::live::read::fake::{Fake, Row};
use crate::live::read::key::{KeyValue, Place};
use crate::live::read::select::Selection;
use crate::live::testing::{facts, order, table_plan};

fn task<'a>(facts: &'a TableFacts, key: &'a Key, chunks: u64) -> Task<'a> {
    Task {
        name: "[dbo].[t]",
        facts,
        key,
        index_id: 3,
        chunks: Some(chunks),
        rows: 1000,
        most: 100,
    }
}

fn with(orders: Vec<Order>, columns: &[(&str, &str)]) -> TableFacts {
    TableFacts {
        orders,
        rows: Some(4_000_000),
        bytes: Some(400 << 20),
        ..facts(columns)
    }
}

fn key_of(columns: &[(&str, &str)]) -> Key {
    Key::of(&order(1, columns)).unwrap()
}

#[test]
fn questions_are_these() {
    let pair = [("a", "int"), ("h desc", "hierarchyid")];
    let known = with(vec![], &pair);
    let key = key_of(&pair);
    assert_eq!(
        sample::sql(task(&known, &key, 4), 4, 400 << 20),
        "select [a], cast([h] as varbinary(max)) from (select [a], [h], row_number() over (order by [a], [h] desc) as \
         migrate_n, count(*) over () as migrate_of from [dbo].[t] tablesample system (0.250 percent)) as s \
         where migrate_n % ((migrate_of + 3) / 4) = 0 and migrate_n < migrate_of order by [a], [h] desc"
    );
    assert_eq!(
        steps::sql(task(&known, &key, 4), None).unwrap(),
        "select top (1) [a], cast([h] as varbinary(max)), count(*) over () from (select top (1001) [a], [h] from \
         [dbo].[t] order by [a], [h] desc) as s order by [a] desc, [h]"
    );
    let from = [KeyValue::Int(5), KeyValue::Bytes(vec![0x58])];
    assert_eq!(
        steps::sql(task(&known, &key, 4), Some(&from)).unwrap(),
        "select top (1) [a], cast([h] as varbinary(max)), count(*) over () from (select top (1001) [a], [h] from \
         [dbo].[t] where [a] >= cast(5 as int) and ([a] > cast(5 as int) or [h] <= cast(0x58 as hierarchyid)) \
         order by [a], [h] desc) as s order by [a] desc, [h]"
    );
    let text = key_of(&[("name desc", "varchar(10)")]);
    assert_eq!(
        histogram::sql(task(&known, &text, 4)),
        "select cast(range_high_key as varchar(10)), cast(range_rows + equal_rows as float) from \
         sys.dm_db_stats_histogram(77, 3) where range_high_key is not null order by step_number desc"
    );
    let places: Vec<Place> = ["b", "a", "'"].map(|t| vec![KeyValue::Text(t.into())]).into();
    let pairs: Vec<&[Place]> = places.windows(2).collect();
    assert_eq!(
        proof::sql(&text, &pairs).unwrap(),
        "select count(*) from (values (cast(N'b' collate Latin1_General_CI_AS as varchar(10)), \
         cast(N'a' collate Latin1_General_CI_AS as varchar(10))), \
         (cast(N'a' collate Latin1_General_CI_AS as varchar(10)), \
         cast(N'''' collate Latin1_General_CI_AS as varchar(10)))) as v(a0, b0) \
         where not (a0 collate Latin1_General_CI_AS > b0)"
    );
}

#[test]
fn ways_suit_the_key() {
    use boundaries::{Way, ways};
    let known = with(vec![], &[("a", "int")]);
    let of = |columns: &[(&str, &str)], chunks| ways(task(&known, &key_of(columns), chunks));
    let guid = [("a", "uniqueidentifier")];
    assert_eq!(
        of(&[("a", "int")], 4),
        [Way::Even, Way::Histogram, Way::Sample, Way::Steps]
    );
    assert_eq!(of(&guid, 4), [Way::Histogram, Way::Sample, Way::Steps]);
    assert_eq!(of(&guid, 400), [Way::Sample, Way::Histogram, Way::Steps]);
    assert_eq!(of(&[("a", "int"), ("b", "int")], 4), [Way::Sample, Way::Steps]);
    let memory = TableFacts {
        storage: Storage::Memory,
        ..known.clone()
    };
    assert_eq!(
        ways(task(&memory, &key_of(&guid), 4)),
        [Way::Histogram, Way::Steps]
    );
}

#[test]
fn even_cuts_reach_from_end_to_end() {
    let int = |places: Vec<Place>| -> Vec<i64> {
        places
            .into_iter()
            .map(|p| match p[..] {
                [KeyValue::Int(n)] => n,
                _ => panic!("{p:?}"),
            })
            .collect()
    };
    assert_eq!(int(integers::even(1, 100, 4, false)), [26, 51, 76]);
    assert_eq!(int(integers::even(1, 100, 4, true)), [76, 51, 26]);
    assert_eq!(int(integers::even(1, 3, 10, false)), [2, 3]);
    assert_eq!(int(integers::even(5, 5, 10, false)), [0; 0]);
    assert_eq!(
        int(integers::even(i64::MIN, i64::MAX, 4, false)),
        [-4_611_686_018_427_387_904, 0, 4_611_686_018_427_387_904]
    );
}

#[test]
fn histograms_are_cut_by_weight() {
    let steps = |weights: &[f64]| -> Vec<(KeyValue, f64)> {
        (0..).map(KeyValue::Int).zip(weights.iter().copied()).collect()
    };
    let ints = |places: &[i64]| -> Vec<Place> { places.iter().map(|n| vec![KeyValue::Int(*n)]).collect() };
    assert_eq!(histogram::cuts(steps(&[1.0; 8]), 4), ints(&[1, 3, 5]));
    // A heavy step is not cut, and does not starve the others.
    assert_eq!(
        histogram::cuts(steps(&[1.0, 90.0, 1.0, 4.0, 4.0]), 4),
        ints(&[1, 2, 3])
    );
    assert_eq!(histogram::cuts(steps(&[5.0]), 4), ints(&[]));
    assert_eq!(histogram::cuts(vec![], 4), ints(&[]));
}

#[test]
fn the_order_in_which_a_table_is_stored_comes_first() {
    let primary = Order {
        primary: true,
        ..order(2, &[("id", "int")])
    };
    let columns = [("id", "int"), ("day", "date")];
    let names = |facts: &TableFacts| -> Option<Vec<String>> {
        choose(facts).map(|c| c.key.columns.into_iter().map(|c| c.name).collect())
    };
    let heap = with(vec![primary.clone()], &columns);
    assert_eq!(names(&heap).unwrap(), ["id"]);
    let by_day = Order {
        unique: false,
        clustered: true,
        ..order(1, &[("day", "date"), ("id", "int")])
    };
    let clustered = TableFacts {
        storage: Storage::Clustered,
        clustered: Some(by_day.clone()),
        ..heap.clone()
    };
    assert_eq!(names(&clustered).unwrap(), ["day", "id"]);
    assert_eq!(choose(&clustered).unwrap().index_id, 1);
    let mut nullable = clustered.clone();
    nullable.clustered.as_mut().unwrap().columns[0].nullable = true;
    assert_eq!(names(&nullable).unwrap(), ["id"]);
    // Values that no constant can say, NULLs and duplicates are no key.
    for ty in ["sql_variant", "nvarchar(max)"] {
        let odd = with(vec![order(1, &[("v", ty)])], &[("v", ty)]);
        assert_eq!(names(&odd), None);
        let mut both = odd.clone();
        both.orders.push(primary.clone());
        assert_eq!(names(&both).unwrap(), ["id"]);
    }
    let mut null = primary.clone();
    null.columns[0].nullable = true;
    assert_eq!(names(&with(vec![null], &columns)), None);
    assert_eq!(names(&with(vec![by_day], &columns)), None);
    let hash = Order {
        hash: true,
        ..primary
    };
    assert!(!choose(&with(vec![hash], &columns)).unwrap().splittable);
}

fn rows_of(server: &Arc<Fake>, columns: &[(&str, &str)], chunk: &Chunk) -> Vec<Row> {
    let token = Token::read(chunk).unwrap();
    let selection = Selection::new(&table_plan(columns), &facts(columns), token.key).unwrap();
    let sql = selection.sql(&token.range, None).unwrap();
    server.answer(&sql).unwrap()
}

/// Splits the table, and counts how often each row is in a chunk.
fn check(
    columns: &[(&str, &str)],
    index: &Order,
    rows: Vec<Row>,
    goal: ChunkGoal,
    known: bool,
) -> Vec<Chunk> {
    let names: Vec<&str> = columns.iter().map(|c| c.0).collect();
    let server = Fake::new(&names, rows.clone(), &[]);
    let facts = TableFacts {
        orders: vec![index.clone()],
        rows: known.then_some(rows.len() as u64),
        bytes: known.then_some(rows.len() as u64 * 100),
        ..facts(columns)
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let plan = table_plan(columns);
    let chunks = runtime
        .block_on(split(server.session().as_mut(), &plan, &facts, goal))
        .unwrap();
    let mut seen: BTreeMap<String, usize> = rows.iter().map(|r| (format!("{r:?}"), 0)).collect();
    for (i, chunk) in chunks.iter().enumerate() {
        assert_eq!((chunk.id.ordinal, &chunk.id.table), (i as u32, &plan.source));
        for row in rows_of(&server, columns, chunk) {
            *seen.get_mut(&format!("{row:?}")).unwrap() += 1;
        }
    }
    assert!(seen.values().all(|n| *n == 1), "{seen:?}");
    if known {
        assert_eq!(
            chunks.iter().filter_map(|c| c.rows).sum::<u64>(),
            rows.len() as u64
        );
        assert_eq!(
            chunks.iter().filter_map(|c| c.bytes).sum::<u64>(),
            rows.len() as u64 * 100
        );
    }
    assert!(chunks.len() <= goal.max_chunks.max(1) as usize);
    chunks
}

fn goal(bytes: u64, max_chunks: u32) -> ChunkGoal {
    ChunkGoal { bytes, max_chunks }
}

#[test]
fn dense_integers_are_cut_evenly_and_lumps_by_sample() {
    let rows = |numbers: Vec<i64>| {
        numbers
            .into_iter()
            .map(|n| vec![Some(KeyValue::Int(n))])
            .collect()
    };
    let columns = [("a", "bigint")];
    let index = order(1, &columns);
    let dense = check(&columns, &index, rows((0..100).collect()), goal(1000, 100), true);
    assert_eq!(dense.len(), 10);
    assert!(
        dense[3]
            .token
            .ends_with(r#""from":[{"int":30}],"to":[{"int":40}]}"#),
        "{}",
        dense[3].token
    );
    // 90 of 100 rows in the first hundredth of the numbers.
    let lumps = (0..90).chain((1..=10).map(|n| n * 1000)).collect();
    let lumpy = check(&columns, &index, rows(lumps), goal(1000, 100), true);
    assert_eq!(lumpy.len(), 9);
    let unknown = check(&columns, &index, rows((0..100).collect()), goal(4000, 100), false);
    assert_eq!(unknown.len(), 5);
    assert_eq!(check(&columns, &index, rows(vec![]), goal(1, 100), true).len(), 0);
    assert_eq!(
        check(&columns, &index, rows(vec![1, 2, 3]), goal(1 << 20, 100), true).len(),
        1
    );
}

fn guids() -> impl Strategy<Value = Vec<[u8; 16]>> {
    // Few different bytes, so that every group of a GUID gets to decide.
    let byte = prop_oneof![Just(0_u8), Just(0x7F), Just(0x80), Just(0xFF)];
    prop::collection::hash_set(prop::array::uniform16(byte), 0..60).prop_map(|set| set.into_iter().collect())
}

proptest! {
    #[test]
    fn each_guid_is_in_one_chunk(guids in guids(), bytes in 100_u64..3000, most in 1_u32..20, known: bool) {
        let columns = [("g", "uniqueidentifier")];
        let rows = guids.into_iter().map(|g| vec![Some(KeyValue::Uuid(g))]).collect();
        check(&columns, &order(1, &columns), rows, goal(bytes, most), known);
    }

    #[test]
    fn each_integer_is_in_one_chunk(
        numbers in prop::collection::hash_set(prop_oneof![any::<i64>(), -50_i64..50], 0..60),
        bytes in 100_u64..3000,
        most in 1_u32..20,
        known: bool,
        descending: bool,
    ) {
        let columns = [("n", "bigint")];
        let name = if descending { "n desc" } else { "n" };
        let rows = numbers.into_iter().map(|n| vec![Some(KeyValue::Int(n))]).collect();
        check(&columns, &order(1, &[(name, "bigint")]), rows, goal(bytes, most), known);
    }

    #[test]
    fn each_composite_key_is_in_one_chunk(
        keys in prop::collection::hash_map((0_i64..4, "[a-c'é ]{0,3}", 0_i64..5), Just(()), 0..60),
        bytes in 100_u64..3000,
        most in 1_u32..20,
        known: bool,
        down in any::<[bool; 3]>(),
    ) {
        let columns = [("a", "int"), ("b", "nvarchar(9)"), ("c", "bigint")];
        let names: Vec<String> =
            columns.iter().zip(down).map(|(c, d)| format!("{}{}", c.0, if d { " desc" } else { "" })).collect();
        let index: Vec<(&str, &str)> = names.iter().map(String::as_str).zip(columns.iter().map(|c| c.1)).collect();
        // Equal under the collation is equal to the index.
        let mut unique = std::collections::HashSet::new();
        let rows = keys
            .into_keys()
            .filter(|(a, b, c)| unique.insert((*a, b.trim_end_matches(' ').to_lowercase(), *c)))
            .map(|(a, b, c)| vec![Some(KeyValue::Int(a)), Some(KeyValue::Text(b)), Some(KeyValue::Int(c))])
            .collect();
        check(&columns, &order(1, &index), rows, goal(bytes, most), known);
    }
}
