//! What a person decides about a MongoDB source: the `[options]` of a plan file.

use std::collections::BTreeMap;
use std::str::FromStr;

use migrate_core::pg_type::PgType;
use migrate_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use super::native::UuidOrder;

/// The `[options]` of a plan file for a MongoDB source. Everything has a default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MongoOptions {
    /// Documents of each collection to look at; 0 for all. What a sample does not show goes to the overflow, and no
    /// reference is proven.
    pub sample: u64,
    /// What ObjectIds become.
    pub objectid: ObjectIdType,
    /// Whether keys stay what they are, or become numbers.
    pub keys: KeyType,
    /// What binary data of subtype 3 becomes.
    pub uuid_binary: UuidBinary,
    /// Whether a missing path and an explicit null stay different.
    pub nulls: Nulls,
    /// Which columns are NOT NULL.
    pub not_null: NotNull,
    /// The name of the column for what no other column took; an empty one leaves the column out, and rows that need it go to
    /// quarantine.
    pub overflow: Overflow,
    /// What becomes of paths that refer to several collections.
    pub polymorphic: Polymorphic,
    /// References by `collection.path`: the collection that they refer to, a list of several, or an empty text for none.
    pub references: BTreeMap<String, Targets>,
    /// Choices for single paths, by collection and path: `auto`, `jsonb`, `flatten`, `child`, `array`, `junction`, `overflow`,
    /// or a PostgreSQL type. Elements of arrays are written `[]`: `comments[].author`.
    pub paths: BTreeMap<String, BTreeMap<String, Choice>>,
}

/// What ObjectIds become.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ObjectIdType {
    /// A uuid of version 8 that keeps all bits and the order.
    #[default]
    Uuid,
    /// 24 hexadecimal digits.
    Text,
    /// 12 bytes.
    Bytea,
}

/// Whether `_id`s and references stay what they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyType {
    /// They stay.
    #[default]
    Keep,
    /// They become numbers in the destination; `_id`s that are whole numbers stay. A column keeps what an `_id` was.
    BigInt,
}

/// What becomes of a path that refers to several collections.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Polymorphic {
    /// A column with a foreign key for each collection, beside the path's own.
    #[default]
    Columns,
    /// The path's own column and a note.
    Note,
}

/// The collections that a path refers to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Targets {
    /// One, or none if it is empty.
    One(String),
    /// One of several.
    Several(Vec<String>),
}

impl Targets {
    /// Their names.
    pub fn names(&self) -> &[String] {
        match self {
            Self::One(name) if name.is_empty() => &[],
            Self::One(name) => std::slice::from_ref(name),
            Self::Several(names) => names,
        }
    }
}

/// What binary data of subtype 3 becomes, whose byte order depended on the driver.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UuidBinary {
    /// A uuid of the bytes as they are (Python).
    #[default]
    Standard,
    /// A uuid, written by the old Java driver.
    Java,
    /// A uuid, written by the old C# driver.
    CSharp,
    /// Bytes.
    Bytea,
}

/// Whether a missing path and an explicit null stay different.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Nulls {
    /// Where a path has both, explicit nulls go to the overflow.
    #[default]
    Keep,
    /// Both become NULL.
    Same,
}

/// Which columns are NOT NULL.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NotNull {
    /// Those that a validator requires, if every document has them.
    #[default]
    Validator,
    /// All that every document has.
    Data,
    /// Keys only.
    Keys,
}

/// The name of the overflow's column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Overflow(pub String);

impl Default for Overflow {
    fn default() -> Self {
        Self("_extra".to_owned())
    }
}

/// What a path becomes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Choice {
    /// Whatever its values suggest.
    #[default]
    Auto,
    /// One jsonb column.
    Jsonb,
    /// A column for each field of the nested documents.
    Flatten,
    /// A table with a row for each element.
    Child,
    /// A PostgreSQL array.
    Array,
    /// A table that connects two.
    Junction,
    /// No column of its own: it is kept in the overflow.
    Overflow,
    /// A column of the type.
    Type(PgType),
}

impl FromStr for Choice {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Ok(match text {
            "auto" => Self::Auto,
            "jsonb" => Self::Jsonb,
            "flatten" => Self::Flatten,
            "child" => Self::Child,
            "array" => Self::Array,
            "junction" => Self::Junction,
            "overflow" => Self::Overflow,
            ty => Self::Type(ty.parse().map_err(|e: Error| {
                e.hint("a path becomes auto, jsonb, flatten, child, array, junction, overflow, or a PostgreSQL type")
            })?),
        })
    }
}

impl std::fmt::Display for Choice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Jsonb => "jsonb",
            Self::Flatten => "flatten",
            Self::Child => "child",
            Self::Array => "array",
            Self::Junction => "junction",
            Self::Overflow => "overflow",
            Self::Type(ty) => return ty.fmt(f),
        })
    }
}

impl Serialize for Choice {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Choice {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl MongoOptions {
    /// Reads the `[options]` of a plan file.
    ///
    /// # Errors
    /// [`Config`](ErrorKind::Config) for what is no option, or no value of one.
    pub fn from_map(options: &serde_json::Map<String, serde_json::Value>) -> Result<Self> {
        serde_json::from_value(serde_json::Value::Object(options.clone())).map_err(|e| {
            Error::new(ErrorKind::Config, format!("[options] of a MongoDB source: {e}"))
                .hint("docs/mongodb-mapping.md lists the options")
        })
    }

    /// Documents to look at, if not all.
    pub fn sample_size(&self) -> Option<u64> {
        (self.sample > 0).then_some(self.sample)
    }

    /// What was decided about a path.
    pub(super) fn choice(&self, collection: &str, path: &str) -> Choice {
        let found = self.paths.get(collection).and_then(|paths| paths.get(path));
        found.cloned().unwrap_or_default()
    }

    /// The byte order of old UUIDs, if they become uuids.
    pub(super) fn uuid_order(&self) -> Option<UuidOrder> {
        match self.uuid_binary {
            UuidBinary::Standard => Some(UuidOrder::AsIs),
            UuidBinary::Java => Some(UuidOrder::Java),
            UuidBinary::CSharp => Some(UuidOrder::CSharp),
            UuidBinary::Bytea => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(toml: &str) -> Result<MongoOptions> {
        let value: serde_json::Value =
            serde_json::to_value(toml::from_str::<toml::Table>(toml).unwrap()).unwrap();
        MongoOptions::from_map(value.as_object().unwrap())
    }

    #[test]
    fn options_are_read() {
        let read = options(
            "sample = 1000\nobjectid = \"text\"\nkeys = \"bigint\"\npolymorphic = \"note\"\nuuid_binary = \"csharp\"\nnulls = \"same\"\nnot_null = \"data\"\n\
             overflow = \"rest\"\nreferences = { \"orders.userId\" = \"users\", \"a.b\" = [\"c\", \"d\"], \"a.c\" = \"\" }\n\
             [paths.users]\naddress = \"jsonb\"\n\"tags[].n\" = \"numeric(10,2)\"\n",
        )
        .unwrap();
        assert_eq!(read.sample_size(), Some(1000));
        assert_eq!(read.objectid, ObjectIdType::Text);
        assert_eq!(read.uuid_order(), Some(UuidOrder::CSharp));
        assert_eq!((read.nulls, read.not_null), (Nulls::Same, NotNull::Data));
        assert_eq!(read.overflow, Overflow("rest".to_owned()));
        assert_eq!(
            (read.keys, read.polymorphic),
            (KeyType::BigInt, Polymorphic::Note)
        );
        assert_eq!(read.references["orders.userId"].names(), ["users"]);
        assert_eq!(read.references["a.b"].names(), ["c", "d"]);
        assert!(read.references["a.c"].names().is_empty());
        assert_eq!(read.choice("users", "address"), Choice::Jsonb);
        assert_eq!(
            read.choice("users", "tags[].n"),
            Choice::Type(PgType::Numeric(Some((10, 2))))
        );
        assert_eq!(read.choice("users", "name"), Choice::Auto);
        assert_eq!(options("").unwrap(), MongoOptions::default());
    }

    #[test]
    fn nonsense_is_refused() {
        for toml in [
            "objectId = \"uuid\"",
            "objectid = \"int\"",
            "nulls = true",
            "[paths.users]\na = \"txet\"",
            "paths = { users = \"jsonb\" }",
        ] {
            let error = options(toml).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config, "{toml}");
        }
    }
}
