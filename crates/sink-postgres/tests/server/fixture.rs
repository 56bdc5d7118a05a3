//! A small shop: a plan made by hand, and rows for it.

use std::sync::Arc;

use migrate_core::batch::{Batch, BatchBuilder, Reject};
use migrate_core::catalog::{Action, Fidelity, ObjectName, SourceInfo};
use migrate_core::chunk::{Chunk, ChunkId, Cursor, Receipt, Segment, Window};
use migrate_core::encode::{ColumnSpec, RowEncoder};
use migrate_core::observer::{Event, Observer};
use migrate_core::pg_type::PgType;
use migrate_core::plan::*;
use migrate_core::policy::TextPolicy;
use migrate_core::sink::{Sink, WriteMode};
use migrate_core::value::{Value, ValueKind};
use migrate_sink_postgres::PostgresSink;

pub(crate) fn name(name: &str) -> TargetName {
    TargetName {
        schema: "Sales".into(),
        name: name.into(),
    }
}

pub(crate) fn source(name: &str) -> ObjectName {
    ObjectName::new("sales", name)
}

pub(crate) fn column(name: &str, kind: ValueKind, ty: PgType, nullable: bool) -> ColumnPlan {
    ColumnPlan {
        part: None,
        source: name.into(),
        name: name.into(),
        native: "native".into(),
        kind,
        ty,
        domain: None,
        collation: None,
        fidelity: Fidelity::Exact,
        nullable,
        identity: None,
        default: None,
        generated: None,
        text: TextPolicy::Reject,
        round: false,
        rekey: None,
        comment: None,
    }
}

fn key(name: &str, columns: &[&str]) -> KeyPlan {
    KeyPlan {
        name: name.into(),
        columns: columns.iter().map(|c| (*c).to_owned()).collect(),
        nulls_not_distinct: false,
        comment: Some(format!("the key {name}")),
    }
}

fn table(at: &str, columns: Vec<ColumnPlan>) -> TablePlan {
    TablePlan {
        source: source(at),
        target: name(at),
        columns,
        filter: None,
        primary_key: None,
        uniques: Vec::new(),
        foreign_keys: Vec::new(),
        checks: Vec::new(),
        indexes: Vec::new(),
        comment: None,
        rows: None,
        bytes: None,
        reshape: None,
        watermark: None,
    }
}

/// `Customer` (identity, generated column, default, xml) and `Order "x"`, which refers to it.
pub(crate) fn plan(target: Target) -> Plan {
    let mut id = column("id", ValueKind::Int64, PgType::Int8, false);
    id.identity = Some(IdentityPlan {
        start: 1,
        increment: 5,
        last: Some(11),
    });
    let mut label = column("Label", ValueKind::Text, PgType::Varchar(Some(20)), true);
    label.domain = Some(name("label"));
    label.comment = Some("what it's \\ called".into());
    let mut score = column("score", ValueKind::Int32, PgType::Int4, false);
    score.default = Some("7".into());
    let mut double = column("double", ValueKind::Int32, PgType::Int4, true);
    double.generated = Some("score * 2".into());
    let mut customer = table("Customer", vec![id, label, double, score]);
    customer.primary_key = Some(key("pk customer", &["id"]));
    customer.uniques.push(key("uq label", &["Label", "id"]));
    customer.comment = Some("people".into());
    customer.rows = Some(3);
    customer.checks.push(CheckPlan {
        name: "score ok".into(),
        expression: "score > -1000000".into(),
        validate: true,
        comment: Some("sane".into()),
    });
    customer.indexes.push(IndexPlan {
        name: "ix score".into(),
        columns: vec![("score".into(), true), ("id".into(), false)],
        include: vec!["Label".into()],
        unique: true,
        nulls_not_distinct: target.version >= 15,
        filter: Some("score > 0".into()),
        using: None,
        expression: None,
        comment: Some("by score".into()),
    });
    let mut order = table(
        "Order \"x\"",
        vec![
            column("no", ValueKind::Int16, PgType::Int2, false),
            column("customer", ValueKind::Int64, PgType::Int8, true),
        ],
    );
    order.primary_key = Some(key("pk order", &["no"]));
    order.foreign_keys.push(ForeignKeyPlan {
        name: "fk customer".into(),
        columns: vec!["customer".into()],
        references: name("Customer"),
        referenced_columns: vec!["id".into()],
        on_delete: Action::Cascade,
        on_update: Action::NoAction,
        validate: true,
        comment: Some("who ordered".into()),
    });
    Plan {
        source: SourceInfo {
            kind: "memory".into(),
            name: "shop".into(),
            fingerprint: "abc".into(),
            ..SourceInfo::default()
        },
        // As the planner does it: a plan does not keep who carries it out.
        target: Target { who: None, ..target },
        schemas: vec!["Sales".into()],
        extensions: Vec::new(),
        collations: Vec::new(),
        domains: vec![DomainPlan {
            source: source("label"),
            name: name("label"),
            ty: PgType::Varchar(Some(20)),
            comment: Some("a label".into()),
        }],
        sequences: vec![SequencePlan {
            name: name("numbers"),
            ty: PgType::Int4,
            start: -5,
            increment: 2,
            min: None,
            max: Some(99),
            cycle: true,
            last: Some(3),
            comment: Some("odd".into()),
        }],
        tables: vec![customer, order],
        views: vec![ViewPlan {
            source: source("Top"),
            target: name("Top"),
            columns: vec!["who".into()],
            query: "select \"Label\" from \"Sales\".\"Customer\" where score > 5".into(),
            comment: Some("the best".into()),
        }],
        manual: Vec::new(),
        notes: Vec::new(),
        excluded: Vec::new(),
        proof: Default::default(),
        declared: Default::default(),
        supabase: None,
        exists: Default::default(),
        staged: false,
    }
}

/// What a rollback of the completed plan says, where its schema was not there before.
pub(crate) const ALL_DROPPED: [&str; 6] = [
    "view Sales.Top",
    "table Sales.Order \"x\"",
    "table Sales.Customer",
    "sequence Sales.numbers",
    "domain Sales.label",
    "schema Sales",
];

/// A batch of rows for a table.
pub(crate) fn batch(table: &TablePlan, rows: &[Vec<Value<'_>>]) -> Batch {
    let specs: Vec<ColumnSpec> = table.copied().map(ColumnSpec::from).collect();
    let mut builder = BatchBuilder::new(Arc::new(RowEncoder::compile(&specs).unwrap()), 1 << 20);
    for (i, row) in rows.iter().enumerate() {
        builder.begin_row();
        for value in row {
            builder.push(*value);
        }
        builder.end_row(|| format!("row {i}")).unwrap();
    }
    builder.take().unwrap()
}

/// A batch of tuples that no encoder has looked at.
pub(crate) fn raw_batch(table: &TablePlan, rows: &[Vec<Option<Vec<u8>>>]) -> Batch {
    let specs: Vec<ColumnSpec> = table.copied().map(ColumnSpec::from).collect();
    let mut builder = BatchBuilder::new(Arc::new(RowEncoder::compile(&specs).unwrap()), 1 << 20);
    for row in rows {
        let mut tuple = (row.len() as u16).to_be_bytes().to_vec();
        for cell in row {
            match cell {
                None => tuple.extend_from_slice(&(-1i32).to_be_bytes()),
                Some(bytes) => {
                    tuple.extend_from_slice(&(bytes.len() as i32).to_be_bytes());
                    tuple.extend_from_slice(bytes);
                }
            }
        }
        builder.push_tuple(&tuple).unwrap();
    }
    builder.take().unwrap()
}

/// Customers with ids from a range; `score` is the id modulo 1000, plus one.
pub(crate) fn customers(table: &TablePlan, ids: std::ops::Range<i64>) -> Batch {
    let labels: Vec<String> = ids.clone().map(|id| format!("c{id}")).collect();
    let rows: Vec<Vec<Value<'_>>> = ids
        .zip(&labels)
        .map(|(id, label)| {
            vec![
                Value::Int64(id),
                Value::Text(label),
                Value::Int32((id % 1000) as i32 + 1),
            ]
        })
        .collect();
    batch(table, &rows)
}

pub(crate) fn chunk(table: &str, ordinal: u32) -> Chunk {
    Chunk {
        id: ChunkId {
            table: source(table),
            ordinal,
        },
        token: format!("part {ordinal}"),
        rows: Some(3),
        bytes: None,
    }
}

pub(crate) fn reject(column: &str, reason: &str) -> Reject {
    Reject {
        column: column.into(),
        reason: reason.into(),
        key: "k".into(),
        row: serde_json::json!({ "id": 1, "Label": "nul \u{0}" }),
    }
}

/// A segment that ends its chunk.
pub(crate) fn last(read: u64) -> Segment {
    Segment {
        read,
        filtered: 0,
        cursor: None,
        done: true,
        window: Window::default(),
        conversions: Default::default(),
    }
}

/// A segment after which the chunk goes on.
pub(crate) fn more(read: u64, cursor: &str) -> Segment {
    Segment {
        cursor: Some(Cursor(cursor.into())),
        done: false,
        ..last(read)
    }
}

/// Writes a whole chunk in one segment.
pub(crate) async fn copy(sink: &PostgresSink, table: &TablePlan, ordinal: u32, batches: &[Batch]) -> Receipt {
    let id = ChunkId {
        table: table.source.clone(),
        ordinal,
    };
    let (mut writer, receipt) = sink.writer(table, &id, WriteMode::Fast).await.unwrap();
    assert!(!receipt.done);
    for b in batches {
        writer.write(b).await.unwrap();
    }
    writer
        .commit(last(batches.iter().map(Batch::read).sum()))
        .await
        .unwrap()
}

/// Begins the plan, with one chunk for each table, three customers and two orders.
pub(crate) async fn fill(sink: &PostgresSink, plan: &Plan) {
    sink.begin(plan).await.unwrap();
    let [customer, order] = plan.tables.as_slice() else {
        panic!("two tables")
    };
    sink.register(&customer.source, &[chunk("Customer", 0)], None)
        .await
        .unwrap();
    sink.register(&order.source, &[chunk("Order \"x\"", 0)], None)
        .await
        .unwrap();
    copy(sink, customer, 0, &[customers(customer, 1..4)]).await;
    let orders = [
        vec![Value::Int16(1), Value::Int64(3)],
        vec![Value::Int16(2), Value::Null],
    ];
    copy(sink, order, 0, &[batch(order, &orders)]).await;
}

/// Keeps every event.
#[derive(Default)]
pub(crate) struct Events(pub(crate) std::sync::Mutex<Vec<Event>>);

impl Observer for Events {
    fn event(&self, event: &Event) {
        self.0.lock().unwrap().push(event.clone());
    }
}
