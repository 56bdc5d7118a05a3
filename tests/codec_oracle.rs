//! The tuple codec against PostgreSQL itself: whatever the encoder makes of a value, COPY in and COPY out give the
//! same bytes back, and PostgreSQL's own reading of the value's text is the value that it stored.

use std::fs;
use std::process::{Command, Stdio};
use std::sync::Arc;

use migrate_core::batch::{Batch, BatchBuilder, COPY_HEADER, COPY_TRAILER, write_copy_file};
use migrate_core::decode::{CopyReader, decode_cell, fields};
use migrate_core::encode::{ColumnSpec, RowEncoder};
use migrate_core::pg_type::PgType;
use migrate_core::policy::{Conversion, TextPolicy};
use migrate_core::value::{Value, ValueKind};
use migrate_pg_embedded::Cluster;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

/// Values of each kind that one test sends.
const CASES: usize = 1500;

/// A value with its own memory.
#[derive(Debug, Clone)]
enum Cell {
    Plain(Value<'static>),
    Text(String),
    Utf16(Vec<u8>),
    Bytes(Vec<u8>),
    Json(String),
    Array(Vec<Cell>),
}

impl Cell {
    fn with<T>(&self, use_it: impl FnOnce(Value<'_>) -> T) -> T {
        match self {
            Self::Plain(v) => use_it(*v),
            Self::Text(s) => use_it(Value::Text(s)),
            Self::Utf16(b) => use_it(Value::Utf16(b)),
            Self::Bytes(b) => use_it(Value::Bytes(b)),
            Self::Json(s) => use_it(Value::Json(s)),
            Self::Array(cells) => {
                // Elements are values without memory or text, one level deep.
                let values: Vec<Value<'_>> = cells
                    .iter()
                    .map(|c| match c {
                        Self::Plain(v) => *v,
                        Self::Text(s) => Value::Text(s),
                        other => panic!("no element: {other:?}"),
                    })
                    .collect();
                use_it(Value::Array(&values))
            }
        }
    }
}

/// A database of its own on a server that the whole run shares.
struct Server {
    cluster: Cluster,
    database: String,
    files: tempfile::TempDir,
}

impl Server {
    fn new(test: &str) -> Self {
        let cluster = Cluster::shared(None, &[]).expect("a PostgreSQL server");
        let database = format!("codec_{test}_{}", std::process::id());
        assert!(cluster.create_database(&database).expect("a new database"));
        Self {
            cluster,
            database,
            files: tempfile::tempdir().expect("a temporary directory"),
        }
    }

    fn psql(&self, command: &str) -> String {
        let mut psql: Command = self.cluster.psql(&self.database).expect("psql");
        let out = psql
            .args([
                "--no-psqlrc",
                "--quiet",
                "--tuples-only",
                "--no-align",
                "--set=ON_ERROR_STOP=1",
                "--command",
            ])
            .arg(command)
            .env("PGOPTIONS", "-c TimeZone=UTC -c DateStyle=ISO")
            .env("PGCLIENTENCODING", "UTF8")
            .stdin(Stdio::null())
            .output()
            .expect("psql runs");
        assert!(
            out.status.success(),
            "{command}: {}",
            String::from_utf8_lossy(&out.stderr)
        );
        String::from_utf8(out.stdout).expect("psql answers in UTF-8")
    }

    /// Sends the batch into a new table and returns the table as COPY sends it back, by its first column.
    fn round_trip(&self, table: &str, columns: &str, batch: &Batch) -> Vec<u8> {
        self.psql(&format!("create table {table} ({columns})"));
        let (sent, back) = (self.files.path().join("sent"), self.files.path().join("back"));
        write_copy_file(&mut fs::File::create(&sent).unwrap(), batch.bytes()).unwrap();
        self.psql(&format!(
            "\\copy {table} from '{}' (format binary)",
            sent.display()
        ));
        self.psql(&format!(
            "\\copy (select * from {table} order by 1) to '{}' (format binary)",
            back.display()
        ));
        fs::read(&back).unwrap()
    }
}

/// How the second column, the value as text, proves what the first holds.
#[derive(Clone, Copy, PartialEq)]
enum Twin {
    /// There is none.
    Absent,
    /// PostgreSQL reads it as the first column's type and gets the same.
    Cast,
}

struct Case {
    kind: ValueKind,
    ty: PgType,
    policy: TextPolicy,
    round: bool,
    twin: Twin,
}

impl Case {
    fn new(kind: ValueKind, ty: PgType) -> Self {
        Self {
            kind,
            ty,
            policy: TextPolicy::Reject,
            round: false,
            twin: Twin::Cast,
        }
    }

    fn alone(self) -> Self {
        Self {
            twin: Twin::Absent,
            ..self
        }
    }

    fn encode(&self, cells: &[Cell]) -> Batch {
        let column = |name: &str, ty: PgType| ColumnSpec {
            name: name.to_owned(),
            kind: self.kind.clone(),
            ty,
            nullable: true,
            text: self.policy,
            round: self.round,
        };
        // PostgreSQL does not promise to keep rows in order.
        let number = ColumnSpec {
            kind: ValueKind::Int64,
            ..column("n", PgType::Int8)
        };
        let mut columns = vec![number, column("v", self.ty.clone())];
        if self.twin == Twin::Cast {
            columns.push(column("t", PgType::Text));
        }
        let mut builder = BatchBuilder::new(Arc::new(RowEncoder::compile(&columns).unwrap()), 1 << 20);
        for (n, cell) in (0..).zip(cells) {
            builder.begin_row();
            builder.push(Value::Int64(n));
            for _ in &columns[1..] {
                cell.with(|v| builder.push(v));
            }
            builder.end_row(|| "row".to_owned()).unwrap();
        }
        builder.take().unwrap()
    }

    /// Encodes every cell, and NULL, and holds PostgreSQL to the result. Every cell has to be accepted.
    fn holds(&self, server: &Server, table: &str, mut cells: Vec<Cell>) -> Batch {
        cells.push(Cell::Plain(Value::Null));
        let batch = self.encode(&cells);
        if let Some(reject) = batch.rejects.first() {
            panic!("{table}: {} was refused: {}", reject.row, reject.reason);
        }
        assert_eq!(batch.rows(), cells.len());
        let columns = match self.twin {
            Twin::Cast => format!("n bigint, v {}, t text", self.ty),
            Twin::Absent => format!("n bigint, v {}", self.ty),
        };
        let back = server.round_trip(table, &columns, &batch);
        let tuples = &back[COPY_HEADER.len()..back.len() - COPY_TRAILER.len()];
        if tuples != batch.bytes() {
            let mut index = 0;
            let mut reader = CopyReader::new(2 + usize::from(self.twin == Twin::Cast));
            reader
                .read(&back, |tuple| {
                    let sent = batch.row(index);
                    assert!(
                        tuple == sent,
                        "{table}: {:?} was sent as {sent:x?} and came as {tuple:x?}",
                        cells[index]
                    );
                    index += 1;
                    Ok(())
                })
                .unwrap();
            panic!("{table}: {} rows came back instead of {}", index, cells.len());
        }
        if self.twin == Twin::Cast {
            let wrong = server.psql(&format!(
                "select encode(convert_to(t, 'UTF8'), 'escape'), v::text from {table} \
                 where v::text is distinct from t::{}::text limit 3",
                self.ty
            ));
            assert_eq!(wrong, "", "{table}: PostgreSQL reads the text as another value");
        }
        self.decodes(server, table, &batch);
        batch
    }

    /// Decoded cells that are JSON strings have to be PostgreSQL's own text.
    fn decodes(&self, server: &Server, table: &str, batch: &Batch) {
        if matches!(
            self.ty,
            PgType::Json | PgType::Jsonb | PgType::Array(_) | PgType::Char(_) | PgType::Xml
        ) {
            return;
        }
        let texts = server.psql(&format!(
            "select encode(convert_to(v::text, 'UTF8'), 'hex') from {table} order by n"
        ));
        let mut seen = 0;
        for (tuple, text) in batch.iter().zip(texts.lines()) {
            seen += 1;
            let Some(cell) = value(tuple) else {
                assert_eq!(text, "");
                continue;
            };
            let json = decode_cell(&self.ty, cell).unwrap();
            let shown = match &json {
                serde_json::Value::String(s) => s.clone(),
                serde_json::Value::Number(n) if self.ty.is_integer() => n.to_string(),
                serde_json::Value::Bool(b) => b.to_string(),
                serde_json::Value::Number(n) => {
                    let stored = String::from_utf8(unhex(text)).unwrap();
                    match self.ty {
                        PgType::Float4 => {
                            let f = stored.parse::<f32>().unwrap();
                            assert_eq!(n.as_f64().unwrap() as f32, f, "{table}");
                        }
                        _ => assert_eq!(n.as_f64().unwrap(), stored.parse::<f64>().unwrap(), "{table}"),
                    }
                    continue;
                }
                other => panic!("{table}: {other}"),
            };
            assert_eq!(
                hex(shown.as_bytes()),
                text,
                "{table}: {shown} is not how PostgreSQL prints it"
            );
        }
        assert_eq!(seen, batch.rows());
    }
}

/// A row's second field, the value.
fn value(tuple: &[u8]) -> Option<&[u8]> {
    fields(tuple).nth(1).unwrap().unwrap()
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap())
        .collect()
}

fn sample<S: Strategy>(strategy: S) -> Vec<S::Value> {
    let mut runner = TestRunner::default();
    (0..CASES)
        .map(|_| strategy.new_tree(&mut runner).expect("a value").current())
        .collect()
}

fn plain<T>(
    strategy: impl Strategy<Value = T>,
    value: impl Fn(T) -> Value<'static>,
    extremes: &[Value<'static>],
) -> Vec<Cell> {
    sample(strategy)
        .into_iter()
        .map(|v| Cell::Plain(value(v)))
        .chain(extremes.iter().map(|v| Cell::Plain(*v)))
        .collect()
}

/// Integers of every magnitude.
fn magnitude(digits: u32) -> impl Strategy<Value = i128> {
    (any::<i128>(), 0..=digits.min(38)).prop_map(|(n, digits)| n % 10i128.pow(digits))
}

#[test]
fn booleans_and_integers() {
    let server = Server::new("integers");
    let bools = vec![Cell::Plain(Value::Bool(true)), Cell::Plain(Value::Bool(false))];
    Case::new(ValueKind::Bool, PgType::Bool).holds(&server, "bool", bools.clone());
    Case::new(ValueKind::Bool, PgType::Int2)
        .alone()
        .holds(&server, "bool_int2", bools);
    let int2 = plain(
        any::<i16>(),
        Value::Int16,
        &[Value::Int16(i16::MIN), Value::Int16(i16::MAX)],
    );
    Case::new(ValueKind::Int16, PgType::Int2).holds(&server, "int2", int2.clone());
    Case::new(ValueKind::Int16, PgType::Float4).holds(&server, "int2_float4", int2);
    let int4 = plain(
        any::<i32>(),
        Value::Int32,
        &[Value::Int32(i32::MIN), Value::Int32(i32::MAX)],
    );
    Case::new(ValueKind::Int32, PgType::Int4).holds(&server, "int4", int4.clone());
    Case::new(ValueKind::Int32, PgType::Float8).holds(&server, "int4_float8", int4);
    let int8 = plain(
        any::<i64>(),
        Value::Int64,
        &[Value::Int64(i64::MIN), Value::Int64(i64::MAX), Value::Int64(0)],
    );
    Case::new(ValueKind::Int64, PgType::Int8).holds(&server, "int8", int8.clone());
    Case::new(ValueKind::Int64, PgType::Numeric(None)).holds(&server, "int8_numeric", int8.clone());
    Case::new(ValueKind::Int64, PgType::Numeric(Some((25, 3)))).holds(&server, "int8_numeric_25_3", int8);
}

#[test]
fn floats() {
    let server = Server::new("floats");
    let special = [
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        -0.0,
        0.0,
        f64::MIN_POSITIVE,
        5e-324,
        f64::MAX,
        1e15,
        1e-5,
    ]
    .map(Value::Float64);
    let wide = plain(
        any::<u64>(),
        |bits| Value::Float64(f64::from_bits(bits)),
        &special,
    );
    Case::new(ValueKind::Float64, PgType::Float8).holds(&server, "float8", wide.clone());
    Case::new(ValueKind::Float64, PgType::Numeric(None)).holds(&server, "float8_numeric", wide);
    let round = plain(
        -1_000_000i64..1_000_000,
        |n| Value::Float64(n as f64 / 8.0),
        &[Value::Float64(123456789012345.0)],
    );
    Case::new(ValueKind::Float64, PgType::Float8).holds(&server, "float8_round", round.clone());
    Case::new(ValueKind::Float64, PgType::Numeric(Some((20, 3)))).holds(
        &server,
        "float8_numeric_20_3",
        round,
    );
    let special = [
        f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        -0.0,
        0.0,
        f32::MIN_POSITIVE,
        1e-45,
        f32::MAX,
        1e6,
        1e-5,
    ]
    .map(Value::Float32);
    let narrow = plain(
        any::<u32>(),
        |bits| Value::Float32(f32::from_bits(bits)),
        &special,
    );
    Case::new(ValueKind::Float32, PgType::Float4).holds(&server, "float4", narrow.clone());
    Case::new(ValueKind::Float32, PgType::Numeric(None)).holds(&server, "float4_numeric", narrow.clone());
    Case::new(ValueKind::Float32, PgType::Float8)
        .alone()
        .holds(&server, "float4_float8", narrow);
    // Bits of a NaN that nobody ever calculates arrive as they were sent.
    let odd = vec![Cell::Plain(Value::Float64(f64::from_bits(0xfff8_0000_dead_beef)))];
    let batch = Case::new(ValueKind::Float64, PgType::Float8).holds(&server, "nan_bits", odd);
    assert_eq!(
        value(batch.row(0)).unwrap(),
        0xfff8_0000_dead_beef_u64.to_be_bytes()
    );
}

#[test]
fn numerics() {
    let server = Server::new("numerics");
    for (precision, scale) in [
        (1, 0),
        (5, 5),
        (12, 2),
        (19, 4),
        (38, 0),
        (38, 10),
        (38, 38),
        (1000, 500),
        (100, 3),
    ] {
        let ty = PgType::Numeric(Some((precision, scale)));
        let largest = 10i128.pow(u32::from(precision).min(38)) - 1;
        let whole = u32::from(precision) - scale as u32;
        let fitting = (magnitude(precision.into()), 0..=scale).prop_map(move |(n, s)| {
            // With fewer digits after the point there is room for fewer digits in all.
            let digits = (whole + s as u32).min(38);
            Value::Decimal {
                unscaled: n % 10i128.pow(digits),
                scale: s,
            }
        });
        let extremes = [largest, -largest, 0, 1, -1].map(|unscaled| Value::Decimal { unscaled, scale });
        let cells = plain(fitting, |v| v, &[&extremes[..], &[Value::DecimalNan]].concat());
        Case::new(ValueKind::Decimal, ty).holds(&server, &format!("numeric_{precision}_{scale}"), cells);
    }
    let any_scale =
        (any::<i128>(), magnitude(38), any::<bool>(), -60i16..90).prop_map(|(a, b, small, scale)| {
            Value::Decimal {
                unscaled: if small { b } else { a },
                scale,
            }
        });
    let extremes = [
        Value::Decimal {
            unscaled: i128::MAX,
            scale: 0,
        },
        Value::Decimal {
            unscaled: i128::MIN,
            scale: 16_383,
        },
        Value::Decimal {
            unscaled: i128::MIN,
            scale: -30_000,
        },
        Value::Decimal {
            unscaled: 0,
            scale: 16_383,
        },
        Value::Decimal {
            unscaled: 0,
            scale: -5,
        },
        Value::DecimalNan,
        Value::DecimalInfinity { negative: false },
        Value::DecimalInfinity { negative: true },
    ];
    let cells = plain(any_scale, |v| v, &extremes);
    Case::new(ValueKind::Decimal, PgType::Numeric(None)).holds(&server, "numeric", cells);

    // Rounded by PostgreSQL's own rule, and counted.
    let case = Case {
        round: true,
        ..Case::new(ValueKind::Decimal, PgType::Numeric(Some((38, 2))))
    };
    let long = (magnitude(34), 0i16..20).prop_map(|(unscaled, scale)| Value::Decimal { unscaled, scale });
    let batch = case.holds(
        &server,
        "numeric_rounded",
        plain(
            long,
            |v| v,
            &[Value::Decimal {
                unscaled: -5,
                scale: 3,
            }],
        ),
    );
    assert!(batch.conversions.get(1, Conversion::DecimalRounded) > CASES as u64 / 2);
    assert_eq!(batch.conversions.get(2, Conversion::DecimalRounded), 0);

    let text = sample("[+-]?[0-9]{1,40}(\\.[0-9]{0,40})?([eE][+-]?[0-9]{1,2})?")
        .into_iter()
        .map(Cell::Text);
    Case::new(ValueKind::Text, PgType::Numeric(None)).holds(&server, "text_numeric", text.collect());
}

#[test]
fn text_of_all_of_unicode() {
    let server = Server::new("unicode");
    let all: Vec<char> = (1..=0x10_FFFF).filter_map(char::from_u32).collect();
    let strings: Vec<String> = all.chunks(997).map(|c| c.iter().collect()).collect();
    let utf16: Vec<Cell> = strings
        .iter()
        .map(|s| Cell::Utf16(s.encode_utf16().flat_map(u16::to_le_bytes).collect()))
        .collect();
    let case = Case::new(ValueKind::Text, PgType::Text);
    let from_utf16 = case.holds(&server, "utf16", utf16);
    let from_utf8 = case.holds(&server, "utf8", strings.into_iter().map(Cell::Text).collect());
    assert_eq!(from_utf16.bytes(), from_utf8.bytes());
}

fn string_of(characters: impl Into<proptest::collection::SizeRange>) -> impl Strategy<Value = String> {
    let char = prop_oneof![
        4 => proptest::char::range(' ', '~'),
        1 => Just(' '),
        1 => proptest::char::range('\u{1}', '\u{7ff}'),
        1 => proptest::char::range('\u{1}', '\u{10ffff}'),
    ];
    vec(char, characters).prop_map(|c| c.into_iter().collect())
}

#[test]
fn text_with_lengths() {
    let server = Server::new("text");
    let strings = |n: usize| -> Vec<Cell> {
        let longest = "ж".repeat(n);
        sample(string_of(0..=n))
            .into_iter()
            .chain([String::new(), longest])
            .map(Cell::Text)
            .collect()
    };
    for n in [1, 5, 50] {
        Case::new(ValueKind::Text, PgType::Varchar(Some(n as u32))).holds(
            &server,
            &format!("varchar_{n}"),
            strings(n),
        );
        Case::new(ValueKind::Text, PgType::Char(n as u32)).holds(&server, &format!("char_{n}"), strings(n));
    }
    Case::new(ValueKind::Text, PgType::Varchar(None)).holds(&server, "varchar", strings(40));
    server.psql("create extension citext");
    Case::new(ValueKind::Text, PgType::Citext).holds(&server, "citexts", strings(40));
}

#[test]
fn characters_that_postgresql_cannot_store() {
    let server = Server::new("policies");
    let unit = prop_oneof![
        6 => 1u16..0x80,
        1 => Just(0u16),
        2 => 0xD800u16..0xE000,
        2 => any::<u16>(),
    ];
    let texts: Vec<Vec<u16>> = sample(vec(unit, 0..40));
    let cells: Vec<Cell> = texts
        .iter()
        .map(|t| Cell::Utf16(t.iter().flat_map(|u| u.to_le_bytes()).collect()))
        .collect();
    for (policy, stand_in) in [(TextPolicy::Strip, ""), (TextPolicy::Replace, "\u{FFFD}")] {
        let case = Case {
            policy,
            ..Case::new(ValueKind::Text, PgType::Text)
        };
        let batch = case.holds(&server, &format!("{policy:?}").to_lowercase(), cells.clone());
        let (mut nuls, mut surrogates) = (0, 0);
        for (text, tuple) in texts.iter().zip(batch.iter()) {
            let decoded: Vec<Result<char, _>> = char::decode_utf16(text.iter().copied()).collect();
            nuls += u64::from(decoded.contains(&Ok('\0')));
            surrogates += u64::from(decoded.iter().any(Result::is_err));
            let expected: String = decoded
                .into_iter()
                .map(|c| {
                    c.ok()
                        .filter(|c| *c != '\0')
                        .map_or(stand_in.to_owned(), String::from)
                })
                .collect();
            assert_eq!(value(tuple).unwrap(), expected.as_bytes());
        }
        let (nul, surrogate) = match policy {
            TextPolicy::Strip => (Conversion::NulStripped, Conversion::SurrogateStripped),
            _ => (Conversion::NulReplaced, Conversion::SurrogateReplaced),
        };
        assert_eq!(
            (batch.conversions.get(1, nul), batch.conversions.get(1, surrogate)),
            (nuls, surrogates)
        );
        assert!(nuls > 0 && surrogates > 0);
    }
    let bad = texts
        .iter()
        .filter(|t| t.contains(&0) || char::decode_utf16(t.iter().copied()).any(|c| c.is_err()))
        .count();
    assert_eq!(
        Case::new(ValueKind::Text, PgType::Text)
            .encode(&cells)
            .rejects
            .len(),
        bad
    );
}

#[test]
fn bytes_and_uuids() {
    let server = Server::new("bytes");
    let bytes = sample(vec(any::<u8>(), 0..100))
        .into_iter()
        .map(Cell::Bytes)
        .collect();
    Case::new(ValueKind::Bytes, PgType::Bytea)
        .alone()
        .holds(&server, "bytea", bytes);
    let uuids = plain(
        any::<[u8; 16]>(),
        Value::Uuid,
        &[Value::Uuid([0; 16]), Value::Uuid([255; 16])],
    );
    Case::new(ValueKind::Uuid, PgType::Uuid).holds(&server, "uuid", uuids);
}

const DAY: i64 = 86_400_000_000_000;
/// 4714-11-24 BC and 294276-12-31.
const TIMESTAMP_DAYS: std::ops::RangeInclusive<i32> = -2_451_545..=106_751_982;
/// 0001-01-01 and 9999-12-31.
const SQL_SERVER_DAYS: std::ops::RangeInclusive<i32> = -730_119..=2_921_939;

#[test]
fn dates_and_times() {
    let server = Server::new("dates");
    let extremes = [-2_451_545, 2_145_031_948, -730_119, 2_921_939, 0, -730_120, -1].map(Value::Date);
    let days = prop_oneof![-2_451_545..2_145_031_949i32, SQL_SERVER_DAYS];
    Case::new(ValueKind::Date, PgType::Date).holds(&server, "date", plain(days, Value::Date, &extremes));
    for precision in 0..=6u8 {
        // Without anything to round, PostgreSQL's reading of the text decides.
        let tick = 10i64.pow(9 - u32::from(precision));
        let exact = move || (0..DAY / tick).prop_map(move |n| n * tick);
        let any = || 0..=DAY;
        let days = || prop_oneof![TIMESTAMP_DAYS, SQL_SERVER_DAYS];
        let at = |(days, nanos)| Value::Timestamp { days, nanos };
        let at_utc = |(days, nanos)| Value::TimestampTz { days, nanos };

        let last = DAY - tick;
        let time = Case::new(ValueKind::Time, PgType::Time(precision));
        let cells = plain(
            exact(),
            Value::Time,
            &[Value::Time(0), Value::Time(DAY), Value::Time(last)],
        );
        let batch = time.holds(&server, &format!("time_{precision}"), cells);
        assert!(batch.conversions.is_empty());
        let cells = plain(any(), Value::Time, &[Value::Time(DAY - 1)]);
        let batch = time
            .alone()
            .holds(&server, &format!("time_{precision}_rounded"), cells);
        assert!(batch.conversions.get(1, Conversion::FractionRounded) > CASES as u64 / 2);

        let stamp = Case::new(ValueKind::Timestamp, PgType::Timestamp(precision));
        let extremes = [
            (-2_451_545, 0),
            (106_751_982, last),
            (-730_119, 0),
            (2_921_939, last),
            (-1, last),
            (0, 0),
        ];
        let cells = plain((days(), exact()), at, &extremes.map(at));
        stamp.holds(&server, &format!("timestamp_{precision}"), cells);
        let cells = plain((SQL_SERVER_DAYS, any()), at, &[at((-1, DAY - 1)), at((5, DAY))]);
        stamp
            .alone()
            .holds(&server, &format!("timestamp_{precision}_rounded"), cells);

        let stamp = Case::new(ValueKind::TimestampTz, PgType::TimestampTz(precision));
        let cells = plain((days(), exact()), at_utc, &extremes.map(at_utc));
        stamp.holds(&server, &format!("timestamptz_{precision}"), cells);
    }
    let cells = plain(SQL_SERVER_DAYS, Value::Date, &[]);
    Case::new(ValueKind::Date, PgType::Timestamp(6)).holds(&server, "date_timestamp", cells);
}

/// JSON text with odd spacing, escapes, numbers and repeated keys.
fn json_text() -> impl Strategy<Value = String> {
    let space = || prop_oneof![4 => Just(""), 1 => Just(" "), 1 => Just("\n\t"), 1 => Just(" \r\n ")];
    let piece = prop_oneof![
        4 => "[ -!#-\\[\\]-~]{1,5}",
        2 => prop_oneof![Just("\\n"), Just("\\\""), Just("\\\\"), Just("\\/"), Just("\\b"), Just("\\f"), Just("\\r"), Just("\\t")]
            .prop_map(str::to_owned),
        1 => (1u32..0xD800).prop_map(|c| format!("\\u{c:04x}")),
        1 => (0x10000u32..0x11_0000).prop_map(|c| {
            let mut units = [0; 2];
            char::from_u32(c).unwrap().encode_utf16(&mut units);
            format!("\\u{:04X}\\u{:04x}", units[0], units[1])
        }),
        1 => proptest::char::range('\u{7f}', '\u{10ffff}').prop_map(String::from),
    ];
    let string = vec(piece, 0..6).prop_map(|p| format!("\"{}\"", p.concat()));
    let number = prop_oneof![
        "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,25})?",
        "-?(0|[1-9][0-9]{0,5})(\\.[0-9]{1,5})?[eE][+-]?[0-9]{1,2}",
        Just("-0".to_owned()),
        Just("-0.00".to_owned()),
        Just("1e131071".to_owned()),
        Just("0.1e-16382".to_owned()),
        Just("0e131072".to_owned()),
    ];
    let word = prop_oneof![Just("true"), Just("false"), Just("null")].prop_map(str::to_owned);
    let key = prop_oneof!["\"[a-c]{0,3}\"", string.clone()];
    prop_oneof![string, number, word].prop_recursive(6, 40, 6, move |inner| {
        let item = (space(), inner, space()).prop_map(|(a, v, b)| format!("{a}{v}{b}"));
        let member =
            (space(), key.clone(), space(), item.clone()).prop_map(|(a, k, b, v)| format!("{a}{k}{b}:{v}"));
        prop_oneof![
            vec(item, 1..6).prop_map(|i| format!("[{}]", i.join(","))),
            vec(member, 1..6).prop_map(|m| format!("{{{}}}", m.join(","))),
            space().prop_map(|s| format!("[{s}]")),
            space().prop_map(|s| format!("{{{s}}}")),
        ]
    })
}

#[test]
fn json() {
    let server = Server::new("json");
    let texts = sample(json_text());
    let deep = format!("{}{}", "[".repeat(4_000), "]".repeat(4_000));
    let cells: Vec<Cell> = texts.into_iter().chain([deep]).map(Cell::Json).collect();
    Case::new(ValueKind::Json, PgType::Json).holds(&server, "json", cells.clone());
    Case::new(ValueKind::Json, PgType::Jsonb).holds(&server, "jsonb", cells);
}

/// Whatever the codec takes for JSON, PostgreSQL takes too, and the other way round.
#[test]
fn what_is_json_is_decided_alike() {
    let server = Server::new("not_json");
    let nearly = (
        json_text(),
        any::<prop::sample::Index>(),
        "[\\]\\[{}:,\"0-9eE.+\\-\\\\ut a]{0,2}",
        any::<bool>(),
    )
        .prop_map(|(text, at, put, cut)| {
            let mut chars: Vec<char> = text.chars().take(200).collect();
            let at = if chars.is_empty() {
                0
            } else {
                at.index(chars.len())
            };
            let end = (at + usize::from(cut)).min(chars.len());
            chars.splice(at..end, put.chars());
            chars.into_iter().collect::<String>()
        });
    let texts = sample(nearly);
    let cells: Vec<Cell> = texts.iter().cloned().map(Cell::Text).collect();
    let batch = Case::new(ValueKind::Text, PgType::Text).alone().encode(&cells);
    server.round_trip("texts", "n bigint, t text", &batch);
    server.psql(
        "create function fits(t text, ty text) returns boolean language plpgsql as $$ begin \
         execute format('select %L::%s', t, ty); return true; exception when others then return false; end $$",
    );
    for ty in [PgType::Json, PgType::Jsonb] {
        let answers = server.psql(&format!("select fits(t, '{ty}') from texts order by n"));
        let case = Case::new(ValueKind::Text, ty.clone()).alone();
        let mut refused = 0;
        for ((cell, text), answer) in cells.iter().zip(&texts).zip(answers.lines()) {
            let accepted = case.encode(std::slice::from_ref(cell)).rejects.is_empty();
            assert_eq!(accepted, answer == "t", "{ty}: {text:?}");
            refused += usize::from(!accepted);
        }
        assert_eq!(answers.lines().count(), texts.len());
        assert!(refused > CASES / 10 && refused < CASES);
    }
}

#[test]
fn xml() {
    let server = Server::new("xml");
    let declaration = prop_oneof![
        3 => Just(String::new()),
        1 => Just("\n\n".to_owned()),
        2 => (
            prop_oneof![Just("1.0"), Just("1.1")],
            prop_oneof![Just(""), Just(" encoding='utf-16'"), Just(" encoding = \"UTF-8\"")],
            prop_oneof![Just(""), Just(" standalone=\"yes\""), Just(" standalone='no'")],
            prop_oneof![Just(""), Just(" ")],
            prop_oneof![Just(""), Just("\n"), Just("\r\n"), Just("\n\n")],
        )
            .prop_map(|(v, e, s, a, n)| format!("<?xml version=\"{v}\"{e}{s}{a}?>{n}")),
    ];
    let content = prop_oneof![
        Just("<a/>".to_owned()),
        Just("<?xml-stylesheet href='a'?><a>é &amp; <![CDATA[<]]></a>\n".to_owned()),
        Just("text".to_owned()),
        Just("<a/><b c='1'/>".to_owned()),
        Just("\u{FEFF}<a/>".to_owned()),
        "<a>[ -%'-;=-~]{0,20}</a>",
    ];
    let cells = sample((declaration, content))
        .into_iter()
        .map(|(d, c)| Cell::Text(d + &c))
        .collect();
    Case::new(ValueKind::Text, PgType::Xml)
        .alone()
        .holds(&server, "xml", cells);
}

#[test]
fn arrays() {
    let server = Server::new("arrays");
    let array = |kind: ValueKind, ty: PgType, table: &str, cells: Vec<Cell>| {
        let ty = PgType::Array(Box::new(ty));
        let case = Case::new(ValueKind::Array(Box::new(kind)), ty.clone()).alone();
        let batch = case.holds(&server, table, cells);
        let stored = server.psql(&format!("select to_jsonb(v) from {table} order by n"));
        let mut seen = 0;
        for (tuple, stored) in batch.iter().zip(stored.lines()) {
            if let Some(cell) = value(tuple) {
                let stored: serde_json::Value = serde_json::from_str(stored).unwrap();
                assert_eq!(decode_cell(&ty, cell).unwrap(), stored);
                seen += 1;
            }
        }
        assert_eq!(seen, batch.rows() - 1);
    };
    let null = || Just(Cell::Plain(Value::Null));
    let ints = prop_oneof![4 => any::<i32>().prop_map(|i| Cell::Plain(Value::Int32(i))), 1 => null()];
    let ints = sample(vec(ints, 0..6)).into_iter().map(Cell::Array).collect();
    array(ValueKind::Int32, PgType::Int4, "int4s", ints);
    let texts = prop_oneof![4 => string_of(0..=8).prop_map(Cell::Text), 1 => null()];
    let texts: Vec<Cell> = sample(vec(texts, 0..6)).into_iter().map(Cell::Array).collect();
    array(ValueKind::Text, PgType::Text, "texts", texts.clone());
    array(
        ValueKind::Text,
        PgType::Varchar(Some(8)),
        "varchars",
        texts.clone(),
    );
    array(ValueKind::Text, PgType::Char(8), "chars", texts);
    let decimals = prop_oneof![
        4 => magnitude(12).prop_map(|unscaled| Cell::Plain(Value::Decimal { unscaled, scale: 2 })),
        1 => null(),
    ];
    let decimals = sample(vec(decimals, 0..6)).into_iter().map(Cell::Array).collect();
    let ty = PgType::Array(Box::new(PgType::Numeric(Some((14, 4)))));
    Case::new(ValueKind::Array(Box::new(ValueKind::Decimal)), ty)
        .alone()
        .holds(&server, "numerics", decimals);
    for (i, (kind, ty, value)) in [
        (ValueKind::Bool, PgType::Bool, Value::Bool(true)),
        (ValueKind::Int16, PgType::Int2, Value::Int16(-1)),
        (ValueKind::Int64, PgType::Int8, Value::Int64(-1)),
        (ValueKind::Float32, PgType::Float4, Value::Float32(1.5)),
        (ValueKind::Float64, PgType::Float8, Value::Float64(1.5)),
        (ValueKind::Bytes, PgType::Bytea, Value::Bytes(b"\0\xff")),
        (ValueKind::Uuid, PgType::Uuid, Value::Uuid([7; 16])),
        (ValueKind::Date, PgType::Date, Value::Date(-1)),
        (ValueKind::Time, PgType::Time(3), Value::Time(1_234_567)),
        (
            ValueKind::Timestamp,
            PgType::Timestamp(0),
            Value::Timestamp {
                days: 1,
                nanos: 500_000_000,
            },
        ),
        (
            ValueKind::TimestampTz,
            PgType::TimestampTz(6),
            Value::TimestampTz { days: 1, nanos: 1 },
        ),
        (ValueKind::Json, PgType::Json, Value::Json("{ }")),
        (
            ValueKind::Json,
            PgType::Jsonb,
            Value::Json("{ \"b\" :1,\"a\":[ 2]}"),
        ),
        (ValueKind::Text, PgType::Xml, Value::Text("\n<a/>")),
    ]
    .into_iter()
    .enumerate()
    {
        let cells = vec![
            Cell::Array(vec![Cell::Plain(value), Cell::Plain(Value::Null)]),
            Cell::Array(Vec::new()),
        ];
        let case = Case::new(ValueKind::Array(Box::new(kind)), PgType::Array(Box::new(ty))).alone();
        case.holds(&server, &format!("array_{i}"), cells);
    }
}

#[test]
fn text_that_becomes_dates() {
    let server = Server::new("parsed");
    let texts = |pattern: &str| -> Vec<Cell> { sample(pattern).into_iter().map(Cell::Text).collect() };
    let date = "[1-9][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])";
    let time = "([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\\.[0-9]{1,6})?)?";
    let offset = "(Z|[+-](0[0-9]|1[0-4])(:[0-5][0-9])?)";
    Case::new(ValueKind::Text, PgType::Date).holds(&server, "text_date", texts(date));
    Case::new(ValueKind::Text, PgType::Time(6)).holds(&server, "text_time", texts(time));
    let stamp = format!("{date}[ T]{time}");
    Case::new(ValueKind::Text, PgType::Timestamp(6)).holds(&server, "text_timestamp", texts(&stamp));
    let stamp = format!("{stamp}{offset}");
    Case::new(ValueKind::Text, PgType::TimestampTz(6)).holds(&server, "text_timestamptz", texts(&stamp));
    let uuid = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}";
    Case::new(ValueKind::Text, PgType::Uuid).holds(&server, "text_uuid", texts(uuid));
    Case::new(ValueKind::Text, PgType::Int8).holds(&server, "text_int8", texts("[+-]?[0-9]{1,18}"));
}
