//! Exact bytes, as a PostgreSQL server sends them, and properties of every encoder.

mod dates;
mod documents;
mod numbers;
mod table;
mod text;

use std::sync::Arc;

use crate::batch::{Batch, BatchBuilder};
use crate::decode::fields;
use crate::encode::{ColumnSpec, RowEncoder};
use crate::pg_type::PgType;
use crate::policy::{Conversion, TextPolicy};
use crate::value::{Value, ValueKind};

/// A column under test.
#[derive(Clone)]
struct Column(ColumnSpec);

fn column(kind: ValueKind, ty: &str) -> Column {
    let ty = ty.parse().expect("a type");
    Column(ColumnSpec {
        name: "c".into(),
        source: "c".into(),
        kind,
        ty,
        nullable: true,
        text: TextPolicy::Reject,
        round: false,
        part: None,
        rekey: None,
    })
}

impl Column {
    fn of(kind: ValueKind, ty: PgType) -> Self {
        let mut column = column(kind, "text");
        column.0.ty = ty;
        column
    }

    fn policy(mut self, policy: TextPolicy) -> Self {
        self.0.text = policy;
        self
    }

    fn rounding(mut self) -> Self {
        self.0.round = true;
        self
    }

    fn batch(&self, value: Value<'_>) -> Batch {
        let encoder = RowEncoder::compile(std::slice::from_ref(&self.0)).expect("a pair that goes together");
        let mut builder = BatchBuilder::new(Arc::new(encoder), 1024);
        builder.begin_row();
        builder.push(value);
        builder.end_row(|| "key".into()).expect("the rules are kept");
        builder.take().expect("no row is open")
    }

    /// The field's bytes, or the reason for refusing the value.
    fn try_encode(&self, value: Value<'_>) -> Result<Vec<u8>, String> {
        let batch = self.batch(value);
        match batch.rejects.first() {
            Some(reject) => Err(reject.reason.clone()),
            None => Ok(fields(batch.row(0))
                .next()
                .unwrap()
                .unwrap()
                .expect("not NULL")
                .to_vec()),
        }
    }

    fn encode(&self, value: Value<'_>) -> Vec<u8> {
        self.try_encode(value).expect("a value that fits")
    }

    fn hex(&self, value: Value<'_>) -> String {
        let mut hex = String::new();
        for byte in self.encode(value) {
            hex.push_str(&format!("{byte:02x}"));
        }
        hex
    }

    fn text(&self, value: Value<'_>) -> String {
        String::from_utf8(self.encode(value)).expect("UTF-8")
    }

    fn refusal(&self, value: Value<'_>) -> String {
        self.try_encode(value).expect_err("a value that does not fit")
    }

    /// The bytes, and the one conversion that made them, once.
    fn converted(&self, value: Value<'_>) -> (Vec<u8>, Conversion) {
        let batch = self.batch(value);
        let counts: Vec<_> = batch.conversions.iter().collect();
        let [(0, conversion, 1)] = counts[..] else {
            panic!("{counts:?}")
        };
        (
            fields(batch.row(0))
                .next()
                .unwrap()
                .unwrap()
                .expect("not NULL")
                .to_vec(),
            conversion,
        )
    }
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}
