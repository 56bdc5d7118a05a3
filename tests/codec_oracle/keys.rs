//! New keys against PostgreSQL's own function for UUIDs of version 5.

use std::sync::Arc;

use migrate_core::batch::BatchBuilder;
use migrate_core::catalog::{ObjectName, Part};
use migrate_core::encode::{ColumnSpec, DEFAULT_NAMESPACE, RowEncoder, table_namespace};
use migrate_core::pg_type::PgType;
use migrate_core::plan::Rekey;
use migrate_core::policy::TextPolicy;
use migrate_core::value::{Value, ValueKind};
use proptest::prelude::*;

use super::harness::{Cell, Server, plain, sample};

fn key(kind: &ValueKind, ty: &PgType) -> [ColumnSpec; 2] {
    let table = ObjectName::new("public", "o'Hara \u{e4}");
    let old = ColumnSpec {
        name: "old".into(),
        source: "old".into(),
        kind: kind.clone(),
        ty: ty.clone(),
        nullable: true,
        text: TextPolicy::Reject,
        round: false,
        part: Some(Part::Legacy { of: "new".into() }),
        rekey: None,
    };
    let new = ColumnSpec {
        name: "new".into(),
        source: "new".into(),
        ty: PgType::Uuid,
        part: None,
        rekey: Some(Rekey {
            namespace: table_namespace(DEFAULT_NAMESPACE, &table),
            table,
            old: ty.clone(),
            known: None,
        }),
        ..old.clone()
    };
    [new, old]
}

#[test]
fn new_keys_are_those_of_uuid_ossp() {
    let server = Server::new("keys");
    // A server that was built without the extension cannot be asked.
    if server
        .psql("select count(*) from pg_available_extensions where name = 'uuid-ossp'")
        .trim()
        == "0"
    {
        assert!(
            module_path!().starts_with("codec_oracle_newest"),
            "the system's PostgreSQL comes without uuid-ossp; install its contributed extensions"
        );
        return;
    }
    server.psql("create extension \"uuid-ossp\"");
    let numbers = |unscaled: i64, scale: i16| Value::Decimal {
        unscaled: unscaled.into(),
        scale,
    };
    let text = || {
        sample("[ -~äß€😀]{1,12}".prop_map(|t: String| t))
            .into_iter()
            .map(Cell::Text)
            .collect()
    };
    let decimals = plain(
        (any::<i64>(), 0..6_i16),
        move |(n, s)| numbers(n, s),
        &[numbers(1000, 3), numbers(0, 2)],
    );
    let cases: [(&str, ValueKind, PgType, Vec<Cell>); 8] = [
        (
            "int2",
            ValueKind::Int16,
            PgType::Int2,
            plain(any::<i16>(), Value::Int16, &[]),
        ),
        (
            "int4",
            ValueKind::Int32,
            PgType::Int4,
            plain(any::<i32>(), Value::Int32, &[]),
        ),
        (
            "int8",
            ValueKind::Int64,
            PgType::Int8,
            plain(any::<i64>(), Value::Int64, &[]),
        ),
        (
            "numeric",
            ValueKind::Decimal,
            PgType::Numeric(Some((28, 6))),
            decimals,
        ),
        ("text", ValueKind::Text, PgType::Text, text()),
        ("varchar", ValueKind::Text, PgType::Varchar(Some(12)), text()),
        ("char", ValueKind::Text, PgType::Char(12), text()),
        (
            "uuid",
            ValueKind::Uuid,
            PgType::Uuid,
            plain(any::<[u8; 16]>(), Value::Uuid, &[]),
        ),
    ];
    for (name, kind, ty, cells) in cases {
        let encoder = RowEncoder::compile(&key(&kind, &ty)).unwrap();
        let mut builder = BatchBuilder::new(Arc::new(encoder), 1 << 20);
        for cell in &cells {
            builder.begin_row();
            cell.with(|value| builder.push(value));
            builder.end_row(String::new).unwrap();
        }
        let batch = builder.take().unwrap();
        assert_eq!((batch.rows(), batch.rejects.len()), (cells.len(), 0), "{name}");
        server.round_trip(&format!("keys_{name}"), &format!("new uuid, old {ty}"), &batch);
        let old = if name == "numeric" {
            "trim_scale(old)::text"
        } else {
            "old::text"
        };
        let right = server.psql(&format!(
            "select count(*) from keys_{name}
             where new = uuid_generate_v5(uuid_generate_v5('{DEFAULT_NAMESPACE}', U&'public.o''Hara \\00e4'), {old})"
        ));
        assert_eq!(right.trim(), cells.len().to_string(), "{name}");
    }
}
