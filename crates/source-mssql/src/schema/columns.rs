//! What columns have in common, wherever they are described.

use migrate_core::catalog::{Collation, Column, Fidelity, Identity, ObjectName};
use migrate_core::pg_type::PgType;
use migrate_core::template::{Expr, Translation};
use migrate_core::value::ValueKind;

use crate::types::{Base, NativeType};

/// The type of a computed column of whose expression nothing is known.
pub(crate) const COMPUTED: &str = "computed";

/// Where the type of a computed column comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inferred {
    /// From its expression alone.
    FromExpression,
    /// The server states it, and the column has it already.
    Stated,
}

/// A type as a column is declared with it.
#[derive(Debug, Clone)]
pub(crate) struct Declared {
    /// The type, aliases resolved.
    pub(crate) native: NativeType,
    /// How SQL Server spells it.
    pub(crate) spelling: String,
    /// The alias type.
    pub(crate) alias: Option<ObjectName>,
}

/// A column with values of its own.
pub(crate) fn stored(
    name: String,
    ty: Declared,
    nullable: bool,
    identity: Option<Identity>,
    collation: Option<Collation>,
) -> Column {
    Column {
        name,
        native: ty.spelling,
        alias: ty.alias,
        kind: ty.native.kind(),
        pg: ty.native.pg(),
        fidelity: ty.native.fidelity(),
        nullable,
        identity,
        default: None,
        default_name: None,
        computed: None,
        collation: collation.filter(|_| ty.native.is_text()),
        comment: None,
        utc_offset: ty.native.base == Base::DateTimeOffset,
        part: None,
    }
}

/// A computed column whose type is still to be found out.
pub(crate) fn computed(name: String, nullable: bool) -> Column {
    Column {
        name,
        native: COMPUTED.to_owned(),
        alias: None,
        kind: ValueKind::Text,
        pg: PgType::Text,
        fidelity: Fidelity::Exact,
        nullable,
        identity: None,
        default: None,
        default_name: None,
        computed: Some(Expr {
            native: String::new(),
            translation: Translation::Impossible {
                reason: "not translated yet".to_owned(),
            },
        }),
        collation: None,
        comment: None,
        utc_offset: false,
        part: None,
    }
}

/// How rows are numbered.
pub(crate) fn identity(seed: i64, increment: i64, last: Option<i64>) -> Identity {
    // SQL Server reports 0 for a table that never had a row, which its numbering may not be able to reach.
    let reachable = |last: &i64| {
        if increment > 0 {
            *last >= seed
        } else {
            *last <= seed
        }
    };
    Identity {
        seed,
        increment,
        last: last.filter(reachable),
    }
}

/// What a person should know about a type.
pub(crate) fn type_note(column: &str, native: &NativeType) -> Option<String> {
    (native.base == Base::RowVersion)
        .then(|| format!("column {column}: PostgreSQL does not change it with the row, as a rowversion does"))
}

/// What a person should know about typed xml.
pub(crate) fn xml_note(column: &str, schemas: &str) -> String {
    format!("column {column}: values are no longer checked against {schemas}")
}

/// What a person should know about an index that swallows duplicates.
pub(crate) fn duplicates_note(index: &str) -> String {
    format!("index {index}: duplicates are refused, where SQL Server ignores them")
}
