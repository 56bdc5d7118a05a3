//! Keys, and what refers to them.

use bson::oid::ObjectId;
use bson::{Bson, DateTime};

use super::{COLLECTIONS, Maker};

/// The years that the CRM has been in use.
const FIRST_YEAR: i32 = 2017;
const YEARS: u32 = 8;

/// 2017-01-01, in seconds since 1970.
const BEGINNING: u32 = 1_483_228_800;
const YEAR_SECONDS: u32 = 31_557_600;

/// The place of a collection in the list.
///
/// # Panics
/// When it is not in it.
pub(super) fn number(collection: &str) -> usize {
    let place = COLLECTIONS.iter().position(|(name, _)| *name == collection);
    place.unwrap_or_else(|| panic!("the CRM has no collection {collection}"))
}

/// Keys of all collections.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ids {
    scale: u32,
}

impl Ids {
    pub(super) fn new(scale: u32) -> Self {
        Self { scale }
    }

    /// How many documents a collection has. Roles and settings do not become more.
    pub(super) fn count(self, collection: &str) -> u32 {
        let (name, count) = COLLECTIONS[number(collection)];
        if ["roles", "settings"].contains(&name) {
            count
        } else {
            count * self.scale
        }
    }

    /// When a document was made, in seconds since 1970: the documents of a collection are spread over the years.
    pub(super) fn second(self, collection: &str, n: u32) -> u32 {
        let span = u64::from(YEARS) * u64::from(YEAR_SECONDS);
        BEGINNING + (span * u64::from(n) / u64::from(self.count(collection).max(n + 1))) as u32 + 1
    }

    pub(super) fn year(self, collection: &str, n: u32) -> i32 {
        FIRST_YEAR + ((self.second(collection, n) - BEGINNING) / YEAR_SECONDS) as i32
    }

    /// The ObjectId of a document: its time, the collection, its number.
    pub(super) fn oid(self, collection: &str, n: u32) -> ObjectId {
        let mut bytes = [0; 12];
        bytes[..4].copy_from_slice(&self.second(collection, n).to_be_bytes());
        bytes[4..8].copy_from_slice(&[0x4D, 0x47, 0x52, number(collection) as u8]);
        bytes[8..].copy_from_slice(&n.to_be_bytes());
        ObjectId::from_bytes(bytes)
    }
}

impl Maker<'_> {
    /// The own key.
    pub(super) fn oid(&self, collection: &str) -> ObjectId {
        self.ids.oid(collection, self.n)
    }

    /// The key of any document of a collection.
    pub(super) fn any(&mut self, collection: &str) -> ObjectId {
        let n = self.random.below(u64::from(self.ids.count(collection))) as u32;
        self.ids.oid(collection, n)
    }

    /// The key of an earlier document of the own collection, if there is one.
    pub(super) fn earlier(&mut self, collection: &str) -> Option<ObjectId> {
        let n = self.n.checked_sub(1)?;
        let n = self.random.below(u64::from(n) + 1) as u32;
        Some(self.ids.oid(collection, n))
    }

    /// Keys of up to `most` different documents of a collection, in no order.
    pub(super) fn several(&mut self, collection: &str, most: u64) -> Vec<Bson> {
        let mut keys = Vec::new();
        for _ in 0..self.random.below(most + 1) {
            let key = Bson::ObjectId(self.any(collection));
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        keys
    }

    /// When it was made.
    pub(super) fn made(&self, collection: &str) -> DateTime {
        DateTime::from_millis(i64::from(self.ids.second(collection, self.n)) * 1000)
    }

    /// Up to `days` days after it was made, to the millisecond.
    pub(super) fn later(&mut self, collection: &str, days: u64) -> DateTime {
        let after = self.random.below(days * 86_400_000 + 1) as i64;
        DateTime::from_millis(self.made(collection).timestamp_millis() + after)
    }
}
