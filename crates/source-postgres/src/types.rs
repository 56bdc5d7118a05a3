//! The source's types: what they are made of, and what becomes of their values.

use std::collections::HashMap;

use migrate_core::catalog::ObjectName;
use migrate_core::oids::{FIRST_OWN_OID, Form, Oids, placeholder};
use migrate_core::pg_type::PgType;
use migrate_core::value::ValueKind;
use serde::Deserialize;

/// A type as the catalog has it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct TypeRow {
    pub(crate) oid: u32,
    pub(crate) schema: String,
    pub(crate) name: String,
    /// `b`ase, `c`omposite, `d`omain, `e`num, `r`ange, `m`ultirange, `p`seudo.
    pub(crate) kind: String,
    /// The element's type, of an array.
    pub(crate) element: u32,
    /// The type under a domain, the subtype of a range, the range of a multirange.
    pub(crate) base: u32,
    /// The type under a domain as PostgreSQL prints it.
    pub(crate) base_name: Option<String>,
    /// Fields of a composite type.
    pub(crate) fields: Option<Vec<u32>>,
    /// Whether it has functions for its binary form.
    pub(crate) binary: bool,
    /// The extension that it belongs to.
    pub(crate) extension: Option<String>,
}

/// Types by OID; those that user types are made of included. `{ranges}` is `rngmultitypid` where there are multiranges.
pub(crate) fn question(major: u32) -> String {
    let multirange = if major >= 14 {
        "(select r.rngtypid from pg_range r where r.rngmultitypid = t.oid)"
    } else {
        "null"
    };
    format!(
        "select t.oid::bigint as oid, n.nspname as schema, t.typname as name, t.typtype::text as kind,
                case when t.typcategory = 'A' then t.typelem::bigint else 0 end as element,
                coalesce(nullif(t.typbasetype, 0), (select r.rngsubtype from pg_range r where r.rngtypid = t.oid),
                         {multirange}, 0)::bigint as base,
                case when t.typtype = 'd' then format_type(t.typbasetype, t.typtypmod) end as base_name,
                case when t.typtype = 'c' then (select array_agg(a.atttypid::bigint order by a.attnum) from pg_attribute a
                                               where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped) end as fields,
                t.typreceive <> 0 and t.typsend <> 0 as binary,
                e.extname as extension
         from pg_type t
         join pg_namespace n on n.oid = t.typnamespace
         left join pg_depend d on d.classid = 'pg_type'::regclass and d.objid = t.oid and d.deptype = 'e'
         left join pg_extension e on e.oid = d.refobjid and d.refclassid = 'pg_extension'::regclass"
    )
}

/// All types of the source.
#[derive(Debug, Default)]
pub(crate) struct Types(HashMap<u32, TypeRow>);

/// What becomes of a column of a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mapped {
    /// The type, domains resolved.
    pub(crate) pg: PgType,
    /// Which values its reader can deliver beside PostgreSQL's own bytes.
    pub(crate) kind: ValueKind,
    /// Why the type cannot be copied, if it cannot.
    pub(crate) refused: Option<String>,
}

impl Types {
    pub(crate) fn new(rows: Vec<TypeRow>) -> Self {
        Self(rows.into_iter().map(|t| (t.oid, t)).collect())
    }

    pub(crate) fn get(&self, oid: u32) -> Option<&TypeRow> {
        self.0.get(&oid)
    }

    /// The domain's name, of one of a person's own.
    pub(crate) fn domain(&self, oid: u32) -> Option<ObjectName> {
        let t = self.get(oid).filter(|t| t.kind == "d" && oid >= FIRST_OWN_OID)?;
        t.extension.is_none().then(|| ObjectName::new(&t.schema, &t.name))
    }

    /// The type under all domains, with its name as PostgreSQL prints it.
    fn resolve(&self, mut oid: u32, printed: &str) -> (u32, String) {
        let mut printed = printed.to_owned();
        while let Some(TypeRow {
            kind,
            base,
            base_name: Some(name),
            ..
        }) = self.get(oid)
        {
            if kind != "d" {
                break;
            }
            (oid, printed) = (*base, name.clone());
        }
        (oid, printed)
    }

    /// What becomes of a column that is declared with the type.
    pub(crate) fn map(&self, oid: u32, printed: &str) -> Mapped {
        let (oid, printed) = self.resolve(oid, printed);
        let pg = match self.get(oid) {
            Some(t) if t.extension.as_deref() == Some("citext") && t.name == "citext" => PgType::Citext,
            _ => PgType::printed(&printed),
        };
        Mapped {
            kind: kind_of(&pg),
            refused: self.refusal(oid, 0),
            pg,
        }
    }

    /// Why values of the type have no binary form that another database understands.
    fn refusal(&self, oid: u32, depth: usize) -> Option<String> {
        let t = self.get(oid)?;
        if t.schema == "pg_catalog" && REG.contains(&t.name.as_str()) {
            return Some(format!(
                "values of {} are numbers of objects in this very database",
                t.name
            ));
        }
        if !t.binary {
            return Some(format!(
                "the type {}.{} has no functions for its binary form",
                t.schema, t.name
            ));
        }
        // Composite types may hold themselves in arrays.
        if depth > 16 {
            return None;
        }
        let parts = [t.element, t.base].into_iter().filter(|oid| *oid != 0);
        parts
            .chain(t.fields.iter().flatten().copied())
            .find_map(|oid| self.refusal(oid, depth + 1))
    }

    /// What the OIDs in binary values become on their way.
    pub(crate) fn outward(&self) -> Oids {
        let mut oids = Oids::default();
        for t in self.0.values().filter(|t| t.oid >= FIRST_OWN_OID) {
            oids.add(t.oid, form(t), Some(placeholder(&self.name(t))));
        }
        oids
    }

    /// An array is called after its elements: its own name depends on which names were free.
    fn name(&self, t: &TypeRow) -> String {
        match self.get(t.element).filter(|e| e.oid >= FIRST_OWN_OID) {
            Some(element) => format!("{}.{}[]", element.schema, element.name),
            None => format!("{}.{}", t.schema, t.name),
        }
    }

    /// Whether binary values may hold OIDs that are the source's own.
    pub(crate) fn holds_own_oids(&self, oid: u32) -> bool {
        self.get(oid)
            .is_some_and(|t| oid >= FIRST_OWN_OID && form(t) != Form::Plain)
    }
}

fn form(t: &TypeRow) -> Form {
    match t.kind.as_str() {
        "c" => Form::Composite,
        "d" => Form::Domain(t.base),
        "r" => Form::Range(t.base),
        "m" => Form::Multirange(t.base),
        _ if t.element >= FIRST_OWN_OID => Form::Array(t.element),
        _ => Form::Plain,
    }
}

/// Types whose binary form is the OID of an object.
const REG: [&str; 11] = [
    "regclass",
    "regcollation",
    "regconfig",
    "regdictionary",
    "regnamespace",
    "regoper",
    "regoperator",
    "regproc",
    "regprocedure",
    "regrole",
    "regtype",
];

/// Which values of a type can be delivered as what they are; all others come as PostgreSQL's own bytes.
fn kind_of(pg: &PgType) -> ValueKind {
    match pg {
        PgType::Bool => ValueKind::Bool,
        PgType::Int2 => ValueKind::Int16,
        PgType::Int4 => ValueKind::Int32,
        PgType::Int8 => ValueKind::Int64,
        PgType::Float4 => ValueKind::Float32,
        PgType::Float8 => ValueKind::Float64,
        PgType::Numeric(_) => ValueKind::Decimal,
        PgType::Char(_) | PgType::Varchar(_) | PgType::Text | PgType::Citext => ValueKind::Text,
        PgType::Bytea => ValueKind::Bytes,
        PgType::Uuid => ValueKind::Uuid,
        PgType::Date => ValueKind::Date,
        PgType::Time(_) => ValueKind::Time,
        PgType::Timestamp(_) => ValueKind::Timestamp,
        PgType::TimestampTz(_) => ValueKind::TimestampTz,
        PgType::Json | PgType::Jsonb => ValueKind::Json,
        _ => ValueKind::Encoded,
    }
}
