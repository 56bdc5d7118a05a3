//! A row that differs, as a person sees it.

use migrate_core::decode;
use migrate_core::pg_type::PgType;
use migrate_core::plan::TablePlan;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::key::KeyFinder;

/// How a row differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    /// Both have the key; these columns differ.
    Changed(Vec<String>),
    /// The source has the row, the destination does not.
    Missing,
    /// The destination has the row, the source does not.
    Extra,
}

/// When a row came to differ.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Somebody wrote, or removed, it after the migration was completed.
    ChangedSince,
    /// No transaction wrote it since: it never was right, or was damaged underneath the database.
    NotWrittenSince,
    /// Nobody can tell.
    #[default]
    Unknown,
}

/// A row that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The values of its key by column; of all columns where the table has no key.
    pub key: Value,
    /// How it differs.
    pub kind: DifferenceKind,
    /// What the source says: of a changed row the columns that differ, of a missing one all columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<Value>,
    /// What the destination says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<Value>,
    /// When that came to be.
    pub origin: Origin,
}

/// A differing row on both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) left: Option<Vec<u8>>,
    pub(crate) right: Option<Vec<u8>>,
}

impl Pair {
    pub(crate) fn describe(&self, table: &TablePlan, key: &KeyFinder, mask: bool) -> Difference {
        let either = self
            .left
            .as_ref()
            .or(self.right.as_ref())
            .map_or(&[][..], Vec::as_slice);
        let (kind, only) = match (&self.left, &self.right) {
            (Some(left), Some(right)) => {
                let (left, right) = (fields(left), fields(right));
                let differing: Vec<usize> = (0..left.len().max(right.len()))
                    .filter(|i| left.get(*i) != right.get(*i))
                    .collect();
                let names = table.copied().enumerate();
                let names = names
                    .filter(|(i, _)| differing.contains(i))
                    .map(|(_, c)| c.name.clone());
                (DifferenceKind::Changed(names.collect()), Some(differing))
            }
            (Some(_), None) => (DifferenceKind::Missing, None),
            (None, _) => (DifferenceKind::Extra, None),
        };
        let values =
            |row: &Option<Vec<u8>>| row.as_ref().map(|row| values(table, row, only.as_deref(), mask));
        let (mut expected, mut found) = (values(&self.left), values(&self.right));
        if let (Some(Value::Object(left)), Some(Value::Object(right)), false) =
            (&mut expected, &mut found, mask)
        {
            tell_apart(table, self, left, right);
        }
        Difference {
            key: key.named(table, either, mask),
            kind,
            expected,
            found,
            origin: Origin::Unknown,
        }
    }
}

/// Two values that differ may look alike: spaces in json, `-0.0`, digits behind a number's end. Such are shown as their
/// text or bytes.
fn tell_apart(table: &TablePlan, pair: &Pair, left: &mut Map<String, Value>, right: &mut Map<String, Value>) {
    for (i, column) in table.copied().enumerate() {
        if left.get(&column.name) != right.get(&column.name) {
            continue;
        }
        for (row, shown) in [(&pair.left, &mut *left), (&pair.right, &mut *right)] {
            let fields = row.as_deref().map(fields).unwrap_or_default();
            if let (Some(slot), Some(bytes)) = (shown.get_mut(&column.name), fields.get(i).copied().flatten())
            {
                *slot = exactly(&column.ty, bytes).into();
            }
        }
    }
}

/// A cell as nothing but what it is.
fn exactly(ty: &PgType, bytes: &[u8]) -> String {
    let text = match ty {
        PgType::Json => Some(bytes),
        PgType::Jsonb => bytes.get(1..),
        _ => None,
    };
    text.and_then(|text| std::str::from_utf8(text).ok())
        .map_or_else(|| hex(bytes), str::to_owned)
}

fn fields(row: &[u8]) -> Vec<Option<&[u8]>> {
    decode::fields(row).map(|f| f.ok().flatten()).collect()
}

/// A row's values by column, or those of some columns.
fn values(table: &TablePlan, row: &[u8], only: Option<&[usize]>, mask: bool) -> Value {
    let fields = fields(row);
    let mut object = Map::new();
    for (i, column) in table.copied().enumerate() {
        if only.is_none_or(|only| only.contains(&i)) {
            let field = fields.get(i).copied().flatten();
            object.insert(column.name.clone(), shown(&column.ty, field, mask));
        }
    }
    Value::Object(object)
}

/// A cell as JSON. A value that was damaged may not be of its type any more, and is shown all the same.
pub(crate) fn shown(ty: &PgType, field: Option<&[u8]>, mask: bool) -> Value {
    match field {
        None => Value::Null,
        Some(bytes) if mask => Value::String(format!("*** ({} bytes)", bytes.len())),
        Some(bytes) => match label(ty, bytes) {
            Some(label) => label.into(),
            None => decode::decode_cell(ty, bytes).unwrap_or_else(|_| hex(bytes).into()),
        },
    }
}

/// A value of a person's own type that travels as its text, as those of enums and of domains over text do. Other types'
/// values have bytes in them that no text has, lengths and the like.
fn label<'b>(ty: &PgType, bytes: &'b [u8]) -> Option<&'b str> {
    let PgType::Other(name) = ty else { return None };
    // Own types are named with their schema.
    let text = std::str::from_utf8(bytes)
        .ok()
        .filter(|_| name.contains('.') || name == "bpchar")?;
    (!text.chars().any(char::is_control)).then_some(text)
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::from("\\x");
    for byte in bytes {
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn labels_of_own_types_are_text() {
        let of = |ty: &str, bytes: &[u8]| shown(&PgType::Other(ty.to_owned()), Some(bytes), false);
        assert_eq!(of("public.mood", "glücklich".as_bytes()), json!("glücklich"));
        assert_eq!(of("public.mood", b""), json!(""));
        assert_eq!(of("bpchar", b"a  "), json!("a  "));
        // A pair of numbers, an address of the network, a money: no text, or none of a person's own types.
        assert_eq!(of("public.pair", &[0, 0, 0, 1]), json!("\\x00000001"));
        assert_eq!(of("macaddr", b"ABCDEF"), json!("\\x414243444546"));
    }
}
