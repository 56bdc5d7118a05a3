//! SQL Server: out of a `.bacpac`, and over its protocol with each driver.

use std::sync::Arc;

use migrate_core::ErrorKind;
use migrate_core::mapping::Mapping;
use migrate_core::source::Source;
use migrate_source_mssql::{Bacpac, BacpacOptions, Mssql, MssqlConfig};
use migrate_testkit::all_types;
use migrate_testkit::bacpac::{BacpacWriter, Cell, ColumnSpec, DatabaseSpec, Options, SqlType, TableSpec};
use migrate_testkit::random::SplitMix64;
use migrate_testkit::tds::{self, Rows};

use super::{proves_clean, rounds};

const ROWS: i64 = 60;

/// Texts that are compared, padded or stored in their own ways.
const TEXTS: [&str; 10] = [
    "",
    " ",
    "a ",
    "A",
    "ß",
    "straße",
    "\u{fffd}",
    "e\u{301}",
    "🍕 北京",
    "tab\tand\nline",
];

struct Made {
    spec: DatabaseSpec,
    rows: Vec<(&'static str, Vec<Vec<Cell>>)>,
    mapping: Mapping,
    quarantined: u64,
}

fn maybe(random: &mut SplitMix64, cell: Cell) -> Cell {
    if random.chance(15) { Cell::Null } else { cell }
}

fn text(random: &mut SplitMix64, special: &[u16]) -> Cell {
    let text = random.pick(&TEXTS);
    let mut units: Vec<u16> = text.encode_utf16().collect();
    if !special.is_empty() && random.chance(20) {
        units.insert(
            random.below(units.len() as u64 + 1) as usize,
            random.pick(special),
        );
    }
    Cell::Utf16(units)
}

fn float(random: &mut SplitMix64) -> f64 {
    match random.below(4) {
        0 => -0.0,
        1 => f64::from_bits(random.below(1 << 52)),
        _ => {
            let any = f64::from_bits(random.bits());
            if any.is_finite() { any } else { f64::MIN_POSITIVE }
        }
    }
}

/// A row of values that are hard to keep.
fn hard(id: i64, random: &mut SplitMix64, special: &[u16]) -> Vec<Cell> {
    let day = |random: &mut SplitMix64| random.below(u64::from(all_types::LAST_DAY)) as u32;
    let ticks = |random: &mut SplitMix64| random.below(all_types::DAY_TICKS);
    let mut row = vec![
        Cell::F64(float(random)),
        Cell::F32(float(random) as f32 + 0.0),
        Cell::DateTime2 {
            days: day(random),
            ticks: ticks(random),
        },
        Cell::DateTimeOffset {
            days: 1000 + day(random).min(all_types::LAST_DAY - 2000),
            ticks: ticks(random),
            offset: random.between(-840, 840) as i16,
        },
        Cell::Time(ticks(random)),
        Cell::decimal(i128::from(random.between(-999_999_999, 999_999_999))),
        Cell::Money(random.bits() as i64),
        Cell::Uuid(random.uuid()),
        text(random, special),
        text(random, special),
        text(random, &[]),
        Cell::Bytes(vec![0; random.below(20) as usize]),
        Cell::Bool(random.chance(50)),
    ];
    if let Cell::F32(value) = &mut row[1]
        && !value.is_finite()
    {
        *value = f32::from_bits(1);
    }
    let cells = row.into_iter().map(|cell| maybe(random, cell));
    [Cell::Int(id)]
        .into_iter()
        .chain(cells.collect::<Vec<_>>())
        .collect()
}

fn hard_table() -> TableSpec {
    use SqlType::*;
    let columns = [
        ("f", Float),
        ("r", Real),
        ("d", DateTime2(7)),
        ("o", DateTimeOffset(7)),
        ("t", Time(7)),
        ("n", Decimal(18, 6)),
        ("m", Money),
        ("u", UniqueIdentifier),
        ("w", NVarChar(Some(40))),
        ("x", NVarChar(None)),
        ("c", NChar(20)),
        ("b", VarBinary(Some(40))),
        ("k", Bit),
    ];
    let table = TableSpec::new("dbo", "Hard").column(ColumnSpec::new("id", Int).not_null());
    let table = columns
        .into_iter()
        .fold(table, |table, (name, ty)| table.column(ColumnSpec::new(name, ty)));
    table.primary_key("PK_Hard", &["id"])
}

/// A key of text and number that does not come first.
fn keyed_table() -> TableSpec {
    TableSpec::new("dbo", "Keyed")
        .column(ColumnSpec::new("value", SqlType::NVarChar(Some(40))))
        .column(ColumnSpec::new("code", SqlType::NVarChar(Some(20))).not_null())
        .column(ColumnSpec::new("part", SqlType::SmallInt).not_null())
        .primary_key("PK_Keyed", &["code", "part"])
}

/// `halves`: with half characters.
fn made(seed: u64, halves: bool) -> Made {
    let mut random = SplitMix64::new(seed);
    let mut spec = all_types::database();
    spec.tables
        .retain(|t| ["Scalars", "Times", "Variants", "Empty"].contains(&t.name.as_str()));
    let mut rows = Vec::new();
    let special: &[u16] = if halves { &[0, 0xD83C, 0xDF55] } else { &[0] };
    for name in ["Scalars", "Times"] {
        // Each column takes its value from any of the samples.
        let samples = all_types::rows(name);
        let mixed = (0..20).map(|_| {
            (0..samples[0].len())
                .map(|column| samples[random.below(samples.len() as u64) as usize][column].clone())
                .collect()
        });
        rows.push((name, mixed.collect()));
    }
    rows.push(("Variants", all_types::rows("Variants")));
    rows.push((
        "Hard",
        (0..ROWS).map(|id| hard(id, &mut random, special)).collect(),
    ));
    let keyed = (0..ROWS).map(|n| {
        vec![
            text(&mut random, &[]),
            Cell::text(format!("{} {}", ["a", "Ä", "ä", "ß", "z"][n as usize % 5], n / 5)),
            Cell::Int(n * 25),
        ]
    });
    rows.push(("Keyed", keyed.collect()));
    let spec = spec.table(hard_table()).table(keyed_table());
    let policy = ["strip", "replace", "reject"][seed as usize % 3];
    let round = if seed.is_multiple_of(2) {
        "[tables.\"dbo.Hard\"]\ncolumns.n = { type = \"numeric(18,2)\", round = true }\n"
    } else {
        ""
    };
    let mapping = Mapping::from_toml(&format!("nul = \"{policy}\"\n{round}")).unwrap();
    // Rows with U+0000 or half a character.
    let has_place = |cell: &Cell| match cell {
        Cell::Utf16(units) => !units.contains(&0) && String::from_utf16(units).is_ok(),
        _ => true,
    };
    let without_place = rows
        .iter()
        .flat_map(|(_, rows)| rows)
        .filter(|row| !row.iter().all(has_place));
    let quarantined = if policy == "reject" {
        without_place.count() as u64
    } else {
        0
    };
    Made {
        spec,
        rows,
        mapping,
        quarantined,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files() {
    let folder = tempfile::tempdir().unwrap();
    for seed in 0..rounds() {
        let made = made(seed, true);
        let path = folder.path().join(format!("{seed}.bacpac"));
        let mut writer = BacpacWriter::create(&path, made.spec, Options::default()).unwrap();
        for (table, rows) in made.rows {
            writer.table_rows("dbo", table, 25, rows).unwrap();
        }
        writer.finish().unwrap();
        let open =
            || async { Arc::new(Bacpac::open(&path, BacpacOptions::default()).unwrap()) as Arc<dyn Source> };
        proves_clean(
            &format!(".bacpac, seed {seed}"),
            open,
            &made.mapping,
            made.quarantined,
        )
        .await;
    }
}

/// A server with the database, and how to get there.
fn serve(made: &Made, driver: &str) -> (Arc<tds::Database>, tds::Server, String) {
    let mut database = tds::Database::new(made.spec.clone()).user("reader", "secret");
    for (table, rows) in &made.rows {
        database = database.rows(table, Rows::Cells(rows.clone()));
    }
    let database = Arc::new(database);
    let server = tds::Server::start(Arc::clone(&database));
    let url = format!(
        "mssql://reader:secret@127.0.0.1:{}/AllTypes?driver={driver}&trust_server_certificate=true",
        server.port()
    );
    (database, server, url)
}

fn connect(url: &str) -> Arc<dyn Source> {
    Arc::new(Mssql::new(MssqlConfig::parse(&url.into()).unwrap()))
}

#[tokio::test(flavor = "multi_thread")]
async fn servers() {
    for seed in 0..rounds() {
        for driver in ["mssql-tds", "tiberius"] {
            // Tiberius takes no text that is not valid UTF-16.
            let made = made(1000 + seed, driver != "tiberius");
            let (_, _server, url) = serve(&made, driver);
            let open = || async { connect(&url) };
            proves_clean(
                &format!("{driver}, seed {seed}"),
                open,
                &made.mapping,
                made.quarantined,
            )
            .await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_answer_queries_and_nothing_else() {
    let made = made(0, false);
    for driver in ["mssql-tds", "tiberius"] {
        let (database, _server, url) = serve(&made, driver);
        let source = connect(&url);
        let answer = source
            .ask("select count(*) from [dbo].[Hard]", 10)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(answer.rows, [[Some(ROWS.to_string())]], "{driver}");
        assert!(!answer.more);
        let log = database.log();
        assert!(
            log.iter().any(|sql| sql.starts_with("rollback transaction")),
            "{log:?}"
        );
        let error = source
            .ask("select 1 delete from [dbo].[Hard]", 10)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
        assert!(
            !database.log().iter().any(|sql| sql.contains("delete from [dbo]")),
            "{driver}"
        );
    }
}
