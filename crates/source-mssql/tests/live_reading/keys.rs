//! Chunks and cursors over every type that a key can have: each row comes once.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use migrate_core::batch::BatchBuilder;
use migrate_core::chunk::{Chunk, ChunkGoal, Cursor};
use migrate_core::decode::decode_row;
use migrate_core::encode::{ColumnSpec, RowEncoder};
use migrate_core::mapping::Mapping;
use migrate_core::plan::TablePlan;
use migrate_core::source::{Fill, Snapshot, Source};

use crate::server::{DRIVERS, Server, on_server};

/// Rows of each table.
const ROWS: i64 = 240;

/// A table: its key's columns, and the n-th key as constants.
struct Keyed {
    name: &'static str,
    columns: &'static [(&'static str, &'static str)],
    key: fn(i64) -> String,
}

/// A number that jumps about, each once.
fn scattered(n: i64) -> i64 {
    (n * 7919) % 10_007
}

const TABLES: &[Keyed] = &[
    Keyed {
        name: "k_int",
        columns: &[("k", "int")],
        key: |n| match n {
            0 => "-2147483648".into(),
            1 => "2147483647".into(),
            n => (scattered(n) - 5000).to_string(),
        },
    },
    Keyed {
        name: "k_skewed",
        columns: &[("k", "bigint")],
        key: |n| match n {
            0 => "-9223372036854775808".into(),
            1 => "9223372036854775807".into(),
            n => n.to_string(),
        },
    },
    Keyed {
        name: "k_decimal",
        columns: &[("k", "decimal(38,10)")],
        key: |n| format!("{}.{:010}", (n - 100) * 1_000_000_007, scattered(n)),
    },
    Keyed {
        name: "k_money",
        columns: &[("k", "money")],
        key: |n| format!("{}.{:04}", n - 100, scattered(n)),
    },
    Keyed {
        name: "k_float",
        columns: &[("k", "float")],
        key: |n| match n {
            0 => "1.7976931348623157e308".into(),
            1 => "-2.2250738585072014e-308".into(),
            n => format!("{:e}", (n as f64 - 99.5) / 7.0),
        },
    },
    Keyed {
        name: "k_real",
        columns: &[("k", "real")],
        key: |n| format!("{:e}", (n as f32 - 99.5) / 7.0),
    },
    Keyed {
        name: "k_date",
        columns: &[("k", "date")],
        key: |n| match n {
            0 => "'0001-01-01'".into(),
            1 => "'9999-12-31'".into(),
            n => format!("dateadd(day, {}, cast('2000-02-28' as date))", n * 17),
        },
    },
    Keyed {
        // Neighbours are one tick of 1/300 s apart.
        name: "k_datetime",
        columns: &[("k", "datetime")],
        key: |n| {
            let millis = n / 3 * 10 + [0, 3, 7][(n % 3) as usize];
            format!(
                "'1999-12-31T23:59:{:02}.{:03}'",
                58 + millis / 1000,
                millis % 1000
            )
        },
    },
    Keyed {
        name: "k_smalldatetime",
        columns: &[("k", "smalldatetime")],
        key: |n| format!("'2024-02-{:02}T{:02}:{:02}:00'", 20 + n / 60 % 10, n % 24, n % 60),
    },
    Keyed {
        name: "k_datetime2",
        columns: &[("k", "datetime2(6)")],
        key: |n| format!("'2024-02-29T12:00:00.{:06}'", scattered(n)),
    },
    Keyed {
        name: "k_datetime2_2",
        columns: &[("k", "datetime2(2)")],
        key: |n| format!("'0001-01-01T00:00:{:02}.{:02}'", n / 100, n % 100),
    },
    Keyed {
        name: "k_time",
        columns: &[("k", "time(5)")],
        key: |n| format!("'{:02}:{:02}:59.{:05}'", n % 24, n % 60, scattered(n)),
    },
    Keyed {
        // The same moments written with other offsets would be equal.
        name: "k_moment",
        columns: &[("k", "datetimeoffset(6)")],
        key: |n| {
            format!(
                "'2024-03-01T12:{:02}:{:02}.{:06}{:+03}:00'",
                n / 60,
                n % 60,
                scattered(n),
                n % 14
            )
        },
    },
    Keyed {
        name: "k_guid",
        columns: &[("k", "uniqueidentifier")],
        key: |n| {
            let mixed = (n as u128 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
            format!("'{}'", uuid::Uuid::from_u128(mixed))
        },
    },
    Keyed {
        name: "k_nvarchar",
        columns: &[("k", "nvarchar(30)")],
        key: |n| match n {
            0 => "N''".into(),
            n => {
                let odd = ["'' --", "é", "ß", "日本", "🙂", "%_[", "- x", "\u{e000}"][(n % 8) as usize];
                let first = char::from(b'a' + (n % 26) as u8);
                format!("N'{first}{odd}{n}'")
            }
        },
    },
    Keyed {
        name: "k_varchar",
        columns: &[("k", "varchar(30)")],
        key: |n| {
            let odd = ["''", "é", "Ö", "-", " ", "€"][(n % 6) as usize];
            format!("N'{}{odd}{n}'", char::from(b'A' + (n % 26) as u8))
        },
    },
    Keyed {
        name: "k_char",
        columns: &[("k", "char(9)")],
        key: |n| format!("'{}{n}'", ["a", "B", "c'' "][(n % 3) as usize]),
    },
    Keyed {
        name: "k_nchar",
        columns: &[("k", "nchar(9)")],
        key: |n| format!("N'{}{n}'", ["ä", "Ż", "z "][(n % 3) as usize]),
    },
    Keyed {
        name: "k_varbinary",
        columns: &[("k", "varbinary(16)")],
        key: |n| format!("0x{:04X}{}01", scattered(n), "FF".repeat((n % 5) as usize)),
    },
    Keyed {
        name: "k_binary",
        columns: &[("k", "binary(4)")],
        key: |n| format!("0x{:08X}", n * 17_895_697),
    },
    Keyed {
        name: "k_bit",
        columns: &[("k", "bit"), ("l", "tinyint")],
        key: |n| format!("{}, {}", n % 2, n / 2),
    },
    Keyed {
        name: "k_composite",
        columns: &[("k", "nvarchar(5)"), ("l desc", "int"), ("m", "datetime")],
        key: |n| {
            let name = ["a", "b", "c''", "d"][(n % 4) as usize];
            format!(
                "N'{name}', {}, '2000-01-01T00:00:00.{:03}'",
                n / 4 % 7,
                n / 28 * 10
            )
        },
    },
];

#[test]
fn every_row_of_every_key_comes_once() {
    on_server(async |server| {
        for table in TABLES {
            create(&server, table).await;
        }
        for driver in DRIVERS {
            let source = server.source(driver);
            let plan = server.plan(&source, Mapping::default()).await;
            let snapshot = source.snapshot(&plan).await.unwrap();
            for table in TABLES {
                let planned = plan.table(&server.table(table.name)).unwrap();
                read_twice_over(snapshot.as_ref(), planned, table.name).await;
            }
        }
    });
}

/// Creates and fills the table; what is a key already is left out.
async fn create(server: &Server, table: &Keyed) {
    let columns: Vec<String> = table
        .columns
        .iter()
        .map(|(n, t)| format!("{} {t} not null", n.trim_end_matches(" desc")))
        .collect();
    let key: Vec<&str> = table.columns.iter().map(|(n, _)| *n).collect();
    let name = format!("{}.{}", server.schema, table.name);
    let mut sql = format!(
        "create table {name} ({}, n int not null, primary key clustered ({}));\n",
        columns.join(", "),
        key.join(", ")
    );
    for n in 0..ROWS {
        // Writing to a String cannot fail.
        let _ = writeln!(sql, "insert into {name} values ({}, {n});", (table.key)(n));
    }
    server.run(&sql).await;
}

/// Reads the chunks in small batches, with a new reader after some of them.
async fn read_twice_over(snapshot: &dyn Snapshot, table: &TablePlan, name: &str) {
    let goal = ChunkGoal {
        bytes: 10_000,
        max_chunks: 50,
    };
    let chunks = snapshot.split(table, goal).await.unwrap();
    assert!(chunks.len() > 1, "{name}: {chunks:?}");
    let mut seen: BTreeMap<i64, u32> = BTreeMap::new();
    for chunk in &chunks {
        let mut cursor = None;
        while let Some(next) = read_some(snapshot, table, chunk, cursor.as_ref(), &mut seen).await {
            cursor = Some(next);
        }
    }
    let expected: BTreeMap<i64, u32> = (0..ROWS).map(|n| (n, 1)).collect();
    assert_eq!(seen, expected, "{name}");
}

/// Two batches of a new reader; where to go on, if there is more.
async fn read_some(
    snapshot: &dyn Snapshot,
    table: &TablePlan,
    chunk: &Chunk,
    after: Option<&Cursor>,
    seen: &mut BTreeMap<i64, u32>,
) -> Option<Cursor> {
    let specs: Vec<ColumnSpec> = table.copied().map(ColumnSpec::from).collect();
    let encoder = Arc::new(RowEncoder::compile(&specs).unwrap());
    let mut builder = BatchBuilder::new(encoder, 700);
    let mut reader = snapshot.read(table, chunk, after).await.unwrap();
    for _ in 0..2 {
        let fill = reader.fill(&mut builder).await.unwrap();
        let batch = builder.take().unwrap();
        assert_eq!(batch.rejects, []);
        for tuple in batch.iter() {
            let row = decode_row(specs.iter().map(|s| (s.name.as_str(), &s.ty)), tuple).unwrap();
            *seen.entry(row["n"].as_i64().unwrap()).or_default() += 1;
        }
        if fill == Fill::End {
            reader.finish().await.unwrap();
            return None;
        }
    }
    reader.cursor()
}
