//! A CRM of 26 collections, with what eight years and several teams leave behind.
//!
//! - References are ObjectIds: single (`accountId`), arrays ([`DOCUMENT_RELATIONS`], [`WATCHER_RELATIONS`], team members),
//!   to the own collection (folders, threads of comments, accounts of a group, users' managers), polymorphic
//!   (`{type, id}`), DBRefs, and some that dangle (`campaignId` of leads).
//! - Keys are ObjectIds, text, whole numbers, binary UUIDs of both subtypes, documents, and a mixture.
//! - Every field that could change its type over the years did: names were one text and became two, amounts were doubles
//!   and became Decimal128, addresses were text and became documents, flags were 0 and 1.
//! - `integrations` hold every other type of BSON, and every strange name.
//!
//! All content follows from a seed and a scale: the same in every process, collection by collection and document by
//! document, so it can be put into a server or written as a dump.

mod dumped;
mod exotic;
mod ids;
mod people;
mod sales;
mod schema;
mod system;
mod words;
mod work;

use std::io;

use bson::Document;

use super::MongoServer;
use crate::random::SplitMix64;
use ids::Ids;

/// The collections, in the order in which they are written, and how many documents each has at scale 1.
pub const COLLECTIONS: [(&str, u32); 26] = [
    ("accounts", 60),
    ("activities", 240),
    ("audit_log", 150),
    ("boards", 12),
    ("comments", 200),
    ("contacts", 140),
    ("documents", 120),
    ("events", 60),
    ("folders", 30),
    ("imports", 40),
    ("integrations", 24),
    ("invoices", 80),
    ("leads", 90),
    ("notifications", 100),
    ("opportunities", 100),
    ("orders", 70),
    ("products", 40),
    ("quotes", 50),
    ("roles", 5),
    ("sections", 40),
    ("sessions", 60),
    ("settings", 8),
    ("tags", 25),
    ("tasks", 180),
    ("teams", 6),
    ("users", 25),
];

/// Fields of these collections that are arrays of the `_id`s of `documents`.
pub const DOCUMENT_RELATIONS: [(&str, &str); 7] = [
    ("accounts", "documentIds"),
    ("contacts", "documentIds"),
    ("leads", "documentIds"),
    ("opportunities", "documentIds"),
    ("quotes", "documentIds"),
    ("invoices", "documentIds"),
    ("tasks", "documentIds"),
];

/// Fields of these collections that are arrays of the `_id`s of `users`.
pub const WATCHER_RELATIONS: [(&str, &str); 2] = [("boards", "watchers"), ("tasks", "watchers")];

/// A CRM of some size.
#[derive(Debug, Clone, Copy)]
pub struct Crm {
    seed: u64,
    scale: u32,
}

impl Crm {
    /// The CRM of that seed. At scale 1 there are about 2,000 documents, at scale 10 about 20,000.
    ///
    /// # Panics
    /// When the scale is 0.
    pub fn new(seed: u64, scale: u32) -> Self {
        assert!(scale > 0, "a CRM of scale 0 has nothing to refer to");
        Self { seed, scale }
    }

    /// How many documents a collection has.
    ///
    /// # Panics
    /// When there is no such collection.
    pub fn count(&self, collection: &str) -> u32 {
        Ids::new(self.scale).count(collection)
    }

    /// How many documents there are.
    pub fn total(&self) -> u64 {
        COLLECTIONS
            .iter()
            .map(|(name, _)| u64::from(self.count(name)))
            .sum()
    }

    /// The documents of a collection, as BSON.
    ///
    /// # Panics
    /// When there is no such collection.
    pub fn documents(&self, collection: &'static str) -> impl Iterator<Item = Vec<u8>> + use<> {
        let crm = *self;
        (0..crm.count(collection)).map(move |n| {
            let document = crm.document(collection, n);
            document.to_vec().expect("what is made here is BSON")
        })
    }

    /// All documents with the names of their collections.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, Vec<u8>)> + use<> {
        let crm = *self;
        COLLECTIONS
            .iter()
            .flat_map(move |(name, _)| crm.documents(name).map(move |document| (*name, document)))
    }

    /// The options that a collection is created with.
    pub fn options(&self, collection: &str) -> Document {
        schema::options(collection)
    }

    /// A collection's indexes as `listIndexes` shows them, that on `_id` first.
    pub fn indexes(&self, collection: &str) -> Vec<Document> {
        schema::indexes(collection)
    }

    /// Puts everything into a database of a server. Returns the number of documents.
    ///
    /// # Errors
    /// What the server says when it refuses something.
    pub fn load(&self, server: &MongoServer, database: &str) -> io::Result<u64> {
        let mut wire = server.wire();
        let mut inserted = 0;
        for (name, _) in COLLECTIONS {
            let mut create = bson::doc! { "create": name };
            create.extend(self.options(name));
            wire.command(database, create)?;
            inserted += wire.insert(database, name, self.documents(name))?;
            let more: Vec<Document> = self.indexes(name).into_iter().skip(1).collect();
            if !more.is_empty() {
                wire.command(database, bson::doc! { "createIndexes": name, "indexes": more })?;
            }
        }
        wire.command(database, schema::view())?;
        Ok(inserted)
    }

    fn document(&self, collection: &str, n: u32) -> Document {
        let ids = Ids::new(self.scale);
        // Each document has a sequence of its own, so that it does not depend on those before it.
        let place = ids::number(collection) as u64;
        let mut random = SplitMix64::new(self.seed ^ (place << 40) ^ (u64::from(n) << 8));
        let maker = Maker {
            ids,
            random: &mut random,
            n,
            year: ids.year(collection, n),
        };
        match collection {
            "accounts" | "contacts" | "leads" | "roles" | "teams" | "users" => {
                people::document(collection, maker)
            }
            "invoices" | "opportunities" | "orders" | "products" | "quotes" => {
                sales::document(collection, maker)
            }
            "boards" | "comments" | "documents" | "folders" | "sections" | "tags" | "tasks" => {
                work::document(collection, maker)
            }
            "integrations" => exotic::document(maker),
            _ => system::document(collection, maker),
        }
    }
}

/// What a document is made with.
struct Maker<'a> {
    ids: Ids,
    random: &'a mut SplitMix64,
    /// The document's place in its collection.
    n: u32,
    /// When it was made. Fields come, go and change their types with the years.
    year: i32,
}

#[cfg(test)]
mod tests;
