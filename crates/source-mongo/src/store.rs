//! The seam between where documents come from (a deployment, a dump) and what is made of them.

use std::ops::Range;

use async_trait::async_trait;
use migrate_core::Result;
use migrate_core::chunk::{ChunkGoal, Cursor};
use migrate_core::proof::Answer;
use migrate_core::source::Fill;

/// What a store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoreInfo {
    /// The database's name.
    pub(crate) database: String,
    /// A name without secrets: hosts and database, or the dump's path.
    pub(crate) name: String,
    /// The server's version, or the one that the dump states.
    pub(crate) version: String,
    /// Changes when it is another store: the collections' names and uuids, or the dump's sizes and checksums. It does not
    /// change because documents of a live deployment do.
    pub(crate) fingerprint: String,
}

/// A collection, view or time series as its store describes it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Collection {
    /// Its name.
    pub(crate) name: String,
    /// `collection`, `view` or `timeseries`.
    pub(crate) kind: String,
    /// Its options (`capped`, `validator`, `viewOn`, `pipeline`, `timeseries`, `expireAfterSeconds`, `collation`...) as one
    /// BSON document.
    pub(crate) options: Vec<u8>,
    /// Its indexes, each as one BSON document like an entry of `listIndexes`.
    pub(crate) indexes: Vec<Vec<u8>>,
    /// Documents, as far as known.
    pub(crate) documents: Option<u64>,
    /// Bytes of BSON, as far as known.
    pub(crate) bytes: Option<u64>,
}

/// A part of a collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    /// How the store finds it again.
    pub(crate) token: String,
    /// Documents in it, as far as known.
    pub(crate) documents: Option<u64>,
    /// Bytes in it, as far as known.
    pub(crate) bytes: Option<u64>,
}

/// Which fields a reader needs: all, or the named top-level fields and `_id`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fields {
    /// Whole documents.
    All,
    /// These top-level fields and `_id`.
    Only(Vec<String>),
}

impl Fields {
    /// What serves both.
    pub(crate) fn and(self, other: &Self) -> Self {
        match (self, other) {
            (Self::Only(mut names), Self::Only(others)) => {
                names.extend(others.iter().cloned());
                names.sort();
                names.dedup();
                Self::Only(names)
            }
            _ => Self::All,
        }
    }
}

/// Documents in one buffer.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// The documents' bytes, and perhaps other bytes between them.
    pub(crate) bytes: Vec<u8>,
    /// Where each document lies.
    pub(crate) documents: Vec<Range<usize>>,
    /// Bytes of the store before `bytes[0]`, where the store is a file; errors name it.
    pub(crate) offset: u64,
}

impl Page {
    /// The documents in order.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.documents.iter().map(|range| &self.bytes[range.clone()])
    }
}

/// Where collections are.
#[async_trait]
pub(crate) trait Store: Send + Sync {
    /// What it is.
    fn info(&self) -> &StoreInfo;

    /// Called when a run begins to read: from then on all parts are read as of one moment, where the store can do that.
    async fn begin(&self) -> Result<()> {
        Ok(())
    }

    /// What a person should know about how this store is read; more may be added while it is.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }

    /// All collections of the database but `system.*`, sorted by name.
    async fn collections(&self) -> Result<Vec<Collection>>;

    /// Splits a collection into parts that together hold each document once.
    async fn split(&self, collection: &str, goal: ChunkGoal) -> Result<Vec<Part>>;

    /// Splits a collection for reading all of it once, in whatever order is fastest.
    async fn split_for_one_look(&self, collection: &str, goal: ChunkGoal) -> Result<Vec<Part>> {
        self.split(collection, goal).await
    }

    /// Starts reading a part, after the cursor if given: the same documents in the same order each time, as far as
    /// nobody changes them.
    async fn open(
        &self,
        collection: &str,
        token: &str,
        after: Option<&Cursor>,
        fields: &Fields,
    ) -> Result<Box<dyn Documents>>;

    /// Answers an aggregation that a person wrote; `None` where there is nobody to ask.
    async fn ask(&self, query: &str, limit: usize) -> Result<Option<Answer>> {
        let _ = (query, limit);
        Ok(None)
    }

    /// A sample of about `size` documents, for choosing types when not all documents are read.
    async fn sample(&self, collection: &str, size: u64) -> Result<Box<dyn Documents>>;
}

/// Reads one part.
#[async_trait]
pub(crate) trait Documents: Send {
    /// Replaces the page's content by the next documents: some, unless it is the end. Every document is complete and its
    /// stated length is that of its range; what is inside is not checked.
    ///
    /// # Errors
    /// Any error ends the part; it is never taken for its end.
    async fn fill(&mut self, page: &mut Page) -> Result<Fill>;

    /// Where to go on after document `index` of the page.
    fn cursor(&self, page: &Page, index: usize) -> Result<Cursor>;

    /// The place of document `index` for errors and quarantine, such as `_id 5` or `offset 4711`.
    fn place(&self, page: &Page, index: usize) -> String;
}
