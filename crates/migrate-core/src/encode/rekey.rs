//! New keys from old ones: UUIDs of version 5 (RFC 9562, section 5.5) over the old key's text.
//!
//! The text is PostgreSQL's own of the stored value (`key::text`; of `numeric` without zeros at its end, so that a reference
//! of another scale means the same key). It is made of the bytes that the old value is encoded as, whatever the source
//! delivered.

use std::io::Write as _;
use std::sync::Arc;

use uuid::Uuid;

use crate::catalog::{ObjectName, Part};
use crate::decode::{fields, numeric_text};
use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::pg_type::PgType;
use crate::plan::{Rekey, TargetName};
use crate::policy::Conversion;
use crate::value::{Value, ValueKind};

use super::cell::{Changes, Outcome, Scratch, field, refuse};
use super::{Codec, ColumnSpec, kind_name};

/// The namespace that new keys are made in unless a plan states another: version 5 of `migrate.mapping` in the namespace of
/// domain names.
pub const DEFAULT_NAMESPACE: Uuid = Uuid::from_u128(0xb09a_4232_da9c_580d_9587_df78_9e57_bcfb);

const NULL: [u8; 4] = (-1i32).to_be_bytes();

/// The namespace of a table's keys: version 5 of the table's name, `schema.table`, in the migration's namespace.
pub fn table_namespace(migration: Uuid, table: &ObjectName) -> Uuid {
    Uuid::new_v5(&migration, table.to_string().as_bytes())
}

/// Whether keys of the type can be rewritten: equal values have equal texts.
pub fn is_key_type(ty: &PgType) -> bool {
    ty.is_integer()
        || matches!(
            ty,
            PgType::Numeric(_) | PgType::Text | PgType::Varchar(_) | PgType::Char(_) | PgType::Uuid
        )
}

/// Keys that were given before, by the table of the destination that lists them, source table and old key.
///
/// Takes 32 bytes for each key: old keys are kept as 128-bit hashes.
#[derive(Debug, Default)]
pub struct KnownKeys {
    keys: Vec<(u128, Uuid)>,
}

impl KnownKeys {
    /// The most that are held in memory: half a gigabyte.
    pub const MOST: usize = 16 << 20;

    /// Adds a key. [`sort`](Self::sort) comes before the first question.
    ///
    /// # Errors
    /// [`Unsupported`](ErrorKind::Unsupported) beyond [`MOST`](Self::MOST).
    pub fn add(&mut self, listed: &TargetName, table: &str, old: &str, new: Uuid) -> Result<()> {
        if self.keys.len() >= Self::MOST {
            let message = format!(
                "{listed} has more than {} keys, which are held in memory",
                Self::MOST
            );
            return Err(Error::destination(ErrorKind::Unsupported, message)
                .hint("keep only keys of the tables that are migrated in it"));
        }
        self.keys.push((Self::place(listed, table, old.as_bytes()), new));
        Ok(())
    }

    /// Makes the keys ready for questions.
    pub fn sort(&mut self) {
        self.keys.sort_unstable();
        self.keys.shrink_to_fit();
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    fn get(&self, place: u128) -> Option<Uuid> {
        let at = self.keys.binary_search_by_key(&place, |(p, _)| *p).ok()?;
        self.keys.get(at).map(|(_, new)| *new)
    }

    fn place(listed: &TargetName, table: &str, old: &[u8]) -> u128 {
        let mut text = Vec::with_capacity(old.len() + table.len() + 64);
        for part in [
            listed.schema.as_bytes(),
            listed.name.as_bytes(),
            table.as_bytes(),
            old,
        ] {
            text.extend_from_slice(part);
            // No name holds U+0000.
            text.push(0);
        }
        Digest::hash(text)
    }
}

/// What a column is made of.
#[derive(Debug, Clone)]
pub(crate) enum Role {
    /// Of the value pushed.
    Plain,
    /// A new key, of the value pushed.
    Key(Box<KeyMaker>),
    /// The old key, of the column before it.
    Legacy,
    /// A reference, of two columns before it.
    Target(Box<TargetMaker>),
}

impl Role {
    pub(super) fn of(specs: &[ColumnSpec], index: usize, known: &Arc<KnownKeys>) -> Result<Self> {
        let spec = &specs[index];
        let maker = spec.rekey.as_ref().map(|rekey| KeyMaker::new(rekey, known));
        let out_of_place = |what: &str| {
            Err(Error::new(ErrorKind::Internal, format!("a plan has {what}")).at("column", &spec.name))
        };
        match &spec.part {
            Some(Part::Legacy { of }) => {
                let before = index.checked_sub(1).and_then(|i| specs.get(i));
                if before.is_some_and(|b| b.source == *of && b.rekey.is_some()) {
                    Ok(Self::Legacy)
                } else {
                    out_of_place("an old key that does not stand behind its new one")
                }
            }
            Some(Part::Target { kind, id, value }) => {
                let find = |name: &str| specs.iter().position(|s| s.source == *name && !s.is_derived());
                let (Some(kind_at), Some(id_at)) = (find(kind), find(id)) else {
                    return out_of_place("a reference of a pair of columns that are not copied");
                };
                if specs[index..].iter().any(|s| !s.is_derived()) {
                    return out_of_place("a derived reference before columns that are read");
                }
                let expected = match &specs[kind_at].rekey {
                    None => value.clone(),
                    Some(rekey) => {
                        let maker = KeyMaker::new(rekey, known);
                        maker
                            .of_text(value.as_bytes(), &mut Changes::default())
                            .to_string()
                    }
                };
                Ok(Self::Target(Box::new(TargetMaker {
                    kind: (kind_at, specs[kind_at].ty.clone()),
                    expected: expected.into_bytes(),
                    id: (id_at, specs[id_at].ty.clone()),
                    maker,
                })))
            }
            _ => Ok(maker.map_or(Self::Plain, |maker| Self::Key(Box::new(maker)))),
        }
    }
}

/// The encoder of what is pushed for a column, or of what a derived one is made of.
pub(super) fn codec(spec: &ColumnSpec) -> Result<Codec> {
    let derived = matches!(spec.part, Some(Part::Target { .. }));
    let kind = if derived { &ValueKind::Text } else { &spec.kind };
    let ty = spec
        .rekey
        .as_ref()
        .filter(|_| !derived)
        .map_or(&spec.ty, |r| &r.old);
    Codec::choose(kind, ty, spec.text, spec.round).ok_or_else(|| {
        Error::new(
            ErrorKind::Config,
            format!("values of kind {} cannot become {ty}", kind_name(kind)),
        )
        .at("column", &spec.name)
        .hint("choose another type for the column, or leave it out")
    })
}

/// Makes new keys of one table.
#[derive(Debug, Clone)]
pub(crate) struct KeyMaker {
    namespace: Uuid,
    old: PgType,
    /// Where keys that were given before are listed, and the table's name there.
    known: Option<(TargetName, String, Arc<KnownKeys>)>,
}

impl KeyMaker {
    fn new(rekey: &Rekey, known: &Arc<KnownKeys>) -> Self {
        let listed = rekey.known.clone();
        Self {
            namespace: rekey.namespace,
            old: rekey.old.clone(),
            known: listed.map(|listed| (listed, rekey.table.to_string(), Arc::clone(known))),
        }
    }

    /// The new key for an old one in PostgreSQL's binary form.
    pub(crate) fn of_field(&self, old: &[u8], scratch: &mut Scratch) -> Outcome<Uuid> {
        let mut text = std::mem::take(&mut scratch.text);
        text.clear();
        let new = match key_text(&self.old, old, &mut text) {
            Some(()) => Ok(self.of_text(&text, &mut scratch.changes)),
            None => refuse(format!("the key is not of type {}", self.old)),
        };
        scratch.text = text;
        new
    }

    fn of_text(&self, old: &[u8], changes: &mut Changes) -> Uuid {
        if let Some((listed, table, known)) = &self.known {
            if let Some(new) = known.get(KnownKeys::place(listed, table, old)) {
                return new;
            }
            changes.add(Conversion::KeyDerived);
        }
        Uuid::new_v5(&self.namespace, old)
    }
}

/// Makes the references of pairs of columns to one table.
#[derive(Debug, Clone)]
pub(crate) struct TargetMaker {
    /// Place and type of the column that says which table is meant.
    kind: (usize, PgType),
    /// Its text where this table is meant.
    expected: Vec<u8>,
    /// Place and type of the column with the key.
    id: (usize, PgType),
    /// Makes new keys, where the table's are rewritten.
    maker: Option<KeyMaker>,
}

impl TargetMaker {
    /// Appends the reference as a field, given the fields of the row so far. `codec` is that of the column.
    pub(crate) fn append(
        &self,
        row: usize,
        codec: &Codec,
        out: &mut Vec<u8>,
        scratch: &mut Scratch,
    ) -> Outcome {
        let text = |(at, ty): &(usize, PgType), out: &[u8]| -> Option<Vec<u8>> {
            let field = fields(&out[row..]).nth(*at)?.ok()??;
            let mut text = Vec::new();
            key_text(ty, field, &mut text)?;
            Some(text)
        };
        let id = match text(&self.kind, out) {
            Some(kind) if kind == self.expected => text(&self.id, out),
            _ => None,
        };
        let Some(id) = id else {
            out.extend_from_slice(&NULL);
            return Ok(());
        };
        match &self.maker {
            Some(maker) => field(out, maker.of_text(&id, &mut scratch.changes).as_bytes()),
            None => match std::str::from_utf8(&id) {
                Ok(id) => codec.encode(&Value::Text(id), out, scratch),
                Err(_) => refuse("a reference's key is not text"),
            },
        }
    }
}

/// Appends the text of a key that is given in PostgreSQL's binary form. Nothing, if the bytes are not of the type.
fn key_text(ty: &PgType, bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let integer: i64 = match ty {
        PgType::Int2 => i16::from_be_bytes(bytes.try_into().ok()?).into(),
        PgType::Int4 => i32::from_be_bytes(bytes.try_into().ok()?).into(),
        PgType::Int8 => i64::from_be_bytes(bytes.try_into().ok()?),
        PgType::Numeric(_) => {
            let text = numeric_text(bytes)?;
            let shortest = if text.contains('.') {
                text.trim_end_matches('0').trim_end_matches('.')
            } else {
                &text
            };
            out.extend_from_slice(shortest.as_bytes());
            return Some(());
        }
        PgType::Uuid => {
            let mut buffer = Uuid::encode_buffer();
            let text = Uuid::from_slice(bytes)
                .ok()?
                .hyphenated()
                .encode_lower(&mut buffer);
            out.extend_from_slice(text.as_bytes());
            return Some(());
        }
        // Blanks at the end do not count.
        PgType::Char(_) => {
            let end = bytes.iter().rposition(|b| *b != b' ').map_or(0, |last| last + 1);
            out.extend_from_slice(&bytes[..end]);
            return Some(());
        }
        PgType::Text | PgType::Varchar(_) | PgType::Citext => {
            out.extend_from_slice(bytes);
            return Some(());
        }
        _ => return None,
    };
    write!(out, "{integer}").ok()
}
