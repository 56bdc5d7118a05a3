//! Sends values to a server, gets them back, and compares.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use migrate_core::batch::{Batch, BatchBuilder, COPY_HEADER, COPY_TRAILER, write_copy_file};
use migrate_core::decode::{CopyReader, decode_cell, fields};
use migrate_core::encode::{ColumnSpec, RowEncoder};
use migrate_core::pg_type::PgType;
use migrate_core::policy::TextPolicy;
use migrate_core::value::{Value, ValueKind};
use migrate_pg_embedded::{Cluster, Installation};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

/// Values of each kind that one test sends.
pub(crate) const CASES: usize = 1500;

/// A value with its own memory.
#[derive(Debug, Clone)]
pub(crate) enum Cell {
    Plain(Value<'static>),
    Text(String),
    Utf16(Vec<u8>),
    Bytes(Vec<u8>),
    Json(String),
    Array(Vec<Cell>),
}

impl Cell {
    pub(crate) fn with<T>(&self, use_it: impl FnOnce(Value<'_>) -> T) -> T {
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

/// The server that this test binary is for: the newest major, or whatever the system has.
fn installation() -> Option<Installation> {
    if !module_path!().starts_with("codec_oracle_newest") {
        return None;
    }
    let bin = std::env::var_os("MIGRATE_TEST_PG_NEWEST")
        .expect("MIGRATE_TEST_PG_NEWEST, which ./dev test sets, names the programs of the newest PostgreSQL");
    Some(Installation::at(Path::new(&bin)).expect("the newest PostgreSQL"))
}

/// A database of its own on a server that the whole run shares.
pub(crate) struct Server {
    cluster: Cluster,
    database: String,
    files: tempfile::TempDir,
}

impl Server {
    pub(crate) fn new(test: &str) -> Self {
        let cluster = Cluster::shared(installation(), &[]).expect("a PostgreSQL server");
        let database = format!("codec_{test}_{}", std::process::id());
        assert!(cluster.create_database(&database).expect("a new database"));
        Self {
            cluster,
            database,
            files: tempfile::tempdir().expect("a temporary directory"),
        }
    }

    pub(crate) fn psql(&self, command: &str) -> String {
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
    pub(crate) fn round_trip(&self, table: &str, columns: &str, batch: &Batch) -> Vec<u8> {
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
pub(crate) enum Twin {
    /// There is none.
    Absent,
    /// PostgreSQL reads it as the first column's type and gets the same.
    Cast,
}

pub(crate) struct Case {
    pub(crate) kind: ValueKind,
    pub(crate) ty: PgType,
    pub(crate) policy: TextPolicy,
    pub(crate) round: bool,
    pub(crate) twin: Twin,
}

impl Case {
    pub(crate) fn new(kind: ValueKind, ty: PgType) -> Self {
        Self {
            kind,
            ty,
            policy: TextPolicy::Reject,
            round: false,
            twin: Twin::Cast,
        }
    }

    pub(crate) fn alone(self) -> Self {
        Self {
            twin: Twin::Absent,
            ..self
        }
    }

    pub(crate) fn encode(&self, cells: &[Cell]) -> Batch {
        let column = |name: &str, ty: PgType| ColumnSpec {
            name: name.to_owned(),
            source: name.to_owned(),
            kind: self.kind.clone(),
            ty,
            nullable: true,
            text: self.policy,
            round: self.round,
            part: None,
            rekey: None,
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
    pub(crate) fn holds(&self, server: &Server, table: &str, mut cells: Vec<Cell>) -> Batch {
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
pub(crate) fn value(tuple: &[u8]) -> Option<&[u8]> {
    fields(tuple).nth(1).unwrap().unwrap()
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap())
        .collect()
}

pub(crate) fn sample<S: Strategy>(strategy: S) -> Vec<S::Value> {
    let mut runner = TestRunner::default();
    (0..CASES)
        .map(|_| strategy.new_tree(&mut runner).expect("a value").current())
        .collect()
}

pub(crate) fn plain<T>(
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
pub(crate) fn magnitude(digits: u32) -> impl Strategy<Value = i128> {
    (any::<i128>(), 0..=digits.min(38)).prop_map(|(n, digits)| n % 10i128.pow(digits))
}

/// Text of so many characters, most of them ASCII.
pub(crate) fn string_of(
    characters: impl Into<proptest::collection::SizeRange>,
) -> impl Strategy<Value = String> {
    let char = prop_oneof![
        4 => proptest::char::range(' ', '~'),
        1 => Just(' '),
        1 => proptest::char::range('\u{1}', '\u{7ff}'),
        1 => proptest::char::range('\u{1}', '\u{10ffff}'),
    ];
    vec(char, characters).prop_map(|c| c.into_iter().collect())
}
