//! Tables for unit tests.

use migrate_core::catalog::{Fidelity, ObjectName};
use migrate_core::plan::{ColumnPlan, TablePlan, TargetName};
use migrate_core::policy::TextPolicy;

use super::catalog::{Order, OrderColumn, ReadColumn, Storage, TableFacts};
use super::read::native;

/// A plan for `dbo.t` that copies these columns, each with its type.
pub(crate) fn table_plan(columns: &[(&str, &str)]) -> TablePlan {
    let column = |(name, ty): &(&str, &str)| {
        let native = native::parse(ty).unwrap();
        ColumnPlan {
            source: (*name).to_owned(),
            name: (*name).to_owned(),
            native: (*ty).to_owned(),
            kind: native.kind(),
            ty: native.pg(),
            domain: None,
            collation: None,
            fidelity: Fidelity::Exact,
            nullable: true,
            identity: None,
            default: None,
            generated: None,
            part: None,
            text: TextPolicy::Reject,
            round: false,
            rekey: None,
            comment: None,
        }
    };
    TablePlan {
        source: ObjectName::new("dbo", "t"),
        target: TargetName {
            schema: "dbo".into(),
            name: "t".into(),
        },
        columns: columns.iter().map(column).collect(),
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

/// What is known about a heap with these columns.
pub(crate) fn facts(columns: &[(&str, &str)]) -> TableFacts {
    let column = |(name, ty): &(&str, &str)| ReadColumn {
        name: (*name).to_owned(),
        native: native::parse(ty).unwrap(),
        nullable: true,
        collation: ty.contains("char").then(|| "Latin1_General_CI_AS".to_owned()),
        hidden: false,
    };
    TableFacts {
        object_id: 77,
        columns: columns.iter().map(column).collect(),
        orders: Vec::new(),
        clustered: None,
        storage: Storage::Heap,
        partitioned_by: None,
        readable: true,
        rows: None,
        bytes: None,
    }
}

/// A unique index over these columns, each with its type; ` desc` after a name sorts it downwards.
pub(crate) fn order(index_id: i64, columns: &[(&str, &str)]) -> Order {
    let column = |(name, ty): &(&str, &str)| OrderColumn {
        name: name.trim_end_matches(" desc").to_owned(),
        native: native::parse(ty).unwrap(),
        nullable: false,
        descending: name.ends_with(" desc"),
        collation: ty.contains("char").then(|| "Latin1_General_CI_AS".to_owned()),
        computed: false,
    };
    Order {
        index: format!("index {index_id}"),
        index_id,
        unique: true,
        clustered: false,
        primary: false,
        hash: false,
        columns: columns.iter().map(column).collect(),
    }
}
