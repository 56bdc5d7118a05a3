//! What a column takes, and how: decided once, when a table's plan is compiled.

use std::ops::Range;

use migrate_core::catalog::ObjectName;
use migrate_core::pg_type::PgType;
use migrate_core::plan::ColumnPlan;
use migrate_core::value::Value;
use migrate_core::{Error, Result};

use super::convert;
use super::json::Nul;
use super::rules::{self, Family, How};
use crate::classify::config;
use crate::mapping::{Type, Types, UuidOrder};
use crate::raw::{Binary, BsonRef, Document, Kind, Malformed};

/// A column's converter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// For each type, by [`place`].
    how: [How; PLACES],
    /// What NULL stands for.
    pub(crate) null: Null,
    /// Whether an explicit null is a value of the column: JSON has one of its own.
    pub(crate) takes_null: bool,
    json: bool,
    pub(super) limits: Limits,
    /// The elements' converter, if the column is an array.
    element: Option<Box<Target>>,
}

/// What the type holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Limits {
    /// The type; of an array, the elements'.
    pub(super) ty: PgType,
    /// Whether numbers may be rounded to the scale.
    pub(super) round: bool,
    /// What becomes of U+0000 inside of JSON.
    pub(super) nul: Nul,
    /// The one subtype of binary data, and the order of old UUIDs.
    pub(super) binary: Option<(u8, UuidOrder)>,
    /// Whether both ObjectIds and UUIDs of their own come into the column, so that they must not be mistaken.
    pub(super) both: bool,
}

/// What NULL stands for in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Null {
    /// The path is missing.
    Missing,
    /// The value is an explicit null.
    Explicit,
    /// One or the other: the plan merges them.
    Either,
}

/// A converted value: whole, or as a stretch of the text that was passed along.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell<'a> {
    /// It borrows from the document.
    Value(Value<'a>),
    /// Text that was appended.
    Text(Range<usize>),
    /// JSON that was appended.
    Json(Range<usize>),
}

impl<'a> Cell<'a> {
    /// The value, given the text.
    #[inline]
    pub(crate) fn value<'t>(&self, text: &'t str) -> Value<'t>
    where
        'a: 't,
    {
        match self {
            Self::Value(value) => *value,
            Self::Text(range) => Value::Text(&text[range.clone()]),
            Self::Json(range) => Value::Json(&text[range.clone()]),
        }
    }
}

const PLACES: usize = 22;

/// A type's place in tables by type.
#[inline]
fn place(kind: Kind) -> usize {
    match kind {
        Kind::MinKey => 0,
        Kind::MaxKey => 20,
        other => other as usize,
    }
}

impl Target {
    /// Chooses the converter for a column.
    ///
    /// # Errors
    /// `Config` if nothing of a document can become the column's type.
    pub(crate) fn new(column: &ColumnPlan, types: &Types, table: &ObjectName) -> Result<Self> {
        let impossible = || -> Error {
            config(format!("nothing of a document can become {}", column.ty))
                .at("column", &column.source)
                .at("table", table)
                .hint("choose another type for the column, or leave it out")
        };
        let nul = Nul::of(column.text);
        if let PgType::Array(element) = &column.ty {
            let inner = types.types.iter().find_map(|t| match t {
                Type::ArrayOf(inner) => Some(inner),
                _ => None,
            });
            let inner = inner.cloned().unwrap_or_default();
            let element = Self::scalar(element, &inner, column.round, nul).ok_or_else(impossible)?;
            let mut target = element.clone();
            target.how = [How::Never; PLACES];
            target.null = null(types);
            target.takes_null = false;
            target.element = Some(Box::new(element));
            return Ok(target);
        }
        let mut target = Self::scalar(&column.ty, types, column.round, nul).ok_or_else(impossible)?;
        // Text that holds JSON may say null where NULL cannot be: in a key.
        let json = types
            .types
            .iter()
            .any(|t| target.how[place(kind_of(t))] == How::Json);
        if json && types.null && !column.nullable {
            target.takes_null = true;
            target.how[place(Kind::Null)] = How::Json;
        }
        Ok(target)
    }

    fn scalar(ty: &PgType, types: &Types, round: bool, nul: Nul) -> Option<Self> {
        let family = Family::of(ty)?;
        let named = |kind: Kind| types.types.iter().any(|t| kind_of(t) == kind);
        let binary = types.types.iter().find_map(|t| match t {
            Type::Binary { subtype, order } => Some((*subtype, *order)),
            _ => None,
        });
        let mut how = [How::Never; PLACES];
        for kind in Kind::ALL {
            if named(kind) || family == Family::Json {
                how[place(kind)] = rules::how(kind, family);
            }
        }
        match family {
            // Text tells one type's values from another's only as JSON.
            Family::Text if !matches!(*types.types, [Type::Plain(Kind::String | Kind::ObjectId)]) => {
                for kind in Kind::ALL.into_iter().filter(|k| *k != Kind::Null) {
                    if named(kind) {
                        how[place(kind)] = How::Json;
                    }
                }
            }
            Family::Bytes if binary.is_some() => how[place(Kind::ObjectId)] = How::Never,
            // Their numbers say nothing of what they were.
            Family::Integer if named(Kind::Int32) || named(Kind::Int64) || named(Kind::Double) => {
                how[place(Kind::Timestamp)] = How::Never;
            }
            _ => {}
        }
        // A string is read as another type only where nothing else is in the column.
        if types.types.len() > 1 && how[place(Kind::String)] == How::Parse {
            how[place(Kind::String)] = How::Never;
        }
        Some(Self {
            how,
            null: null(types),
            takes_null: family == Family::Json,
            json: family == Family::Json,
            limits: Limits {
                ty: ty.clone(),
                round,
                nul,
                both: family == Family::Uuid && binary.is_some() && named(Kind::ObjectId),
                binary,
            },
            element: None,
        })
    }

    /// Whether some values of the type fit.
    pub(crate) fn takes(&self, kind: Kind) -> bool {
        self.how[place(kind)] != How::Never || (kind == Kind::Array && self.element.is_some())
    }

    /// Converts a value and hands it to `put`; `false` if it does not fit the column, and then nothing is handed over.
    /// `text` is a buffer whose content does not matter.
    ///
    /// # Errors
    /// If the value is damaged inside.
    #[inline]
    pub(crate) fn deliver(
        &self,
        value: BsonRef<'_>,
        text: &mut String,
        put: impl FnOnce(Value<'_>),
    ) -> Result<bool, Malformed> {
        text.clear();
        if let (Some(element), BsonRef::Array(array)) = (&self.element, value) {
            return element.deliver_array(array, text, put);
        }
        let Some(cell) = self.cell(value, text)? else {
            return Ok(false);
        };
        put(cell.value(text));
        Ok(true)
    }

    fn deliver_array(
        &self,
        array: Document<'_>,
        text: &mut String,
        put: impl FnOnce(Value<'_>),
    ) -> Result<bool, Malformed> {
        let mut cells = Vec::new();
        for element in array.elements() {
            let value = element?.value;
            let cell = match value {
                BsonRef::Null if !self.takes_null && self.null != Null::Missing => Cell::Value(Value::Null),
                value => match self.cell(value, text)? {
                    Some(cell) => cell,
                    None => return Ok(false),
                },
            };
            cells.push(cell);
        }
        let values: Vec<Value<'_>> = cells.iter().map(|c| c.value(text)).collect();
        put(Value::Array(&values));
        Ok(true)
    }

    /// Converts a value that goes into one cell; `None` if it does not fit. Text that has to be made is appended to `text`.
    #[inline]
    fn cell<'a>(&self, value: BsonRef<'a>, text: &mut String) -> Result<Option<Cell<'a>>, Malformed> {
        Ok(match (self.how[place(value.kind())], value) {
            (How::Never, _) => None,
            (How::Text, BsonRef::String(s)) => convert::text(s, &self.limits),
            (How::Integer, BsonRef::Int32(n)) => convert::integer(n.into(), &self.limits),
            (How::Integer, BsonRef::Int64(n)) => convert::integer(n, &self.limits),
            (How::Float, BsonRef::Double(f)) => convert::float(f, &self.limits),
            (How::Bool, BsonRef::Bool(b)) => Some(Cell::Value(Value::Bool(b))),
            (How::Timestamp, BsonRef::DateTime(millis)) => convert::timestamp(millis),
            (How::ObjectIdUuid, BsonRef::ObjectId(id)) => {
                Some(Cell::Value(Value::Uuid(super::uuid_of_object_id(id))))
            }
            (How::Json, value) => {
                let start = text.len();
                super::json::write(value, self.limits.nul, text)?;
                let range = start..text.len();
                if self.json {
                    Some(Cell::Json(range))
                } else {
                    convert::text_fits(&text[start..], &self.limits.ty).then_some(Cell::Text(range))
                }
            }
            (How::Hex, BsonRef::ObjectId(id)) => {
                let start = text.len();
                super::object_id::push_hex(id, text);
                convert::text_fits(&text[start..], &self.limits.ty).then_some(Cell::Text(start..text.len()))
            }
            (How::Bytes, BsonRef::ObjectId(id)) => Some(Cell::Value(Value::Bytes(id))),
            (How::Bytes, BsonRef::Binary(Binary { subtype, bytes })) => {
                let wanted = self.limits.binary.map_or(0, |(subtype, _)| subtype);
                (subtype == wanted).then_some(Cell::Value(Value::Bytes(bytes)))
            }
            (How::BinaryUuid, BsonRef::Binary(binary)) => convert::uuid(binary, &self.limits),
            (How::Date, BsonRef::DateTime(millis)) => convert::date(millis),
            (How::Parse, BsonRef::String(s)) => convert::parse(s, &self.limits),
            (_, value) => convert::number(self.how[place(value.kind())], value, &self.limits),
        })
    }
}

fn kind_of(ty: &Type) -> Kind {
    match ty {
        Type::Plain(kind) => *kind,
        Type::Binary { .. } => Kind::Binary,
        Type::ArrayOf(_) => Kind::Array,
    }
}

/// What NULL stands for, by what the column says.
fn null(types: &Types) -> Null {
    match (types.null, types.missing) {
        (false, _) => Null::Missing,
        (true, false) => Null::Explicit,
        (true, true) => Null::Either,
    }
}
