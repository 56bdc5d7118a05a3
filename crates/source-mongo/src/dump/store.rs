//! One database of a dump as a store.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use migrate_core::Result;
use migrate_core::chunk::{ChunkGoal, Cursor};
use tokio::sync::OnceCell;

use super::file::DumpFile;
use super::layout::{Layout, Stored};
use super::metadata::Kind;
use super::read::{Filter, RangesReader, Sample};
use super::scan::{Scanned, scan_archive, scan_files};
use super::series::{Series, SeriesReader};
use crate::classify::{config, internal};
use crate::store::{Collection, Documents, Fields, Part, Store, StoreInfo};

/// Places that a sample is taken from.
const SAMPLED: usize = 64;

/// A dump as a store. Its data is read once as a whole before anything else, so that damage is found before anything is
/// written.
pub(super) struct DumpStore {
    info: StoreInfo,
    layout: Arc<Layout>,
    threads: usize,
    scanned: OnceCell<Arc<BTreeMap<String, Scanned>>>,
}

impl DumpStore {
    pub(super) fn new(layout: Layout, name: String, threads: usize) -> Self {
        Self {
            info: StoreInfo {
                database: layout.database.clone(),
                name,
                version: layout.version.clone().unwrap_or_else(|| "unknown".to_owned()),
                fingerprint: layout.fingerprint.clone(),
            },
            layout: Arc::new(layout),
            threads,
            scanned: OnceCell::new(),
        }
    }

    async fn scanned(&self) -> Result<Arc<BTreeMap<String, Scanned>>> {
        let scanned = self.scanned.get_or_try_init(|| async {
            let (layout, threads) = (self.layout.clone(), self.threads);
            tokio::task::spawn_blocking(move || scan(&layout, threads))
                .await
                .map_err(|e| internal("examining the dump was interrupted").because(e))?
                .map(Arc::new)
        });
        scanned.await.cloned()
    }

    fn stored(&self, collection: &str) -> Result<&Stored> {
        self.layout.stored.get(collection).ok_or_else(|| {
            config(format!("the dump has no collection {collection:?}"))
                .at("dump", &self.info.name)
                .hint("plan again: the plan was made for another dump")
        })
    }

    /// The file that holds a collection's documents; none for views.
    fn file<'a>(&'a self, stored: &'a Stored) -> Option<&'a Arc<DumpFile>> {
        match stored.metadata.kind {
            Kind::View => None,
            Kind::TimeSeries | Kind::Collection => stored.file.as_ref().or(self.layout.archive.as_ref()),
        }
    }

    /// Reads the collection's documents that begin in `within`.
    fn reader(
        &self,
        file: &Arc<DumpFile>,
        stored: &Stored,
        scanned: &Scanned,
        within: Range<u64>,
    ) -> Result<RangesReader> {
        let ranges = scanned
            .ranges
            .list()
            .iter()
            .map(|range| range.start.max(within.start)..range.end.min(within.end));
        let filter = self
            .layout
            .archive
            .as_ref()
            .map(|_| Filter::new(&self.info.database, &stored.data));
        RangesReader::new(file, ranges, filter)
    }
}

impl Stored {
    /// How buckets are read, if that is what the documents are.
    fn series(&self) -> Result<Option<Series>> {
        (self.metadata.kind == Kind::TimeSeries)
            .then(|| Series::of(&self.metadata.options))
            .transpose()
    }
}

fn scan(layout: &Layout, threads: usize) -> Result<BTreeMap<String, Scanned>> {
    match &layout.archive {
        Some(archive) => scan_archive(archive, &layout.database),
        None => {
            let files = layout
                .stored
                .values()
                .filter_map(|stored| Some((stored.data.clone(), stored.file.clone()?)))
                .collect();
            scan_files(&files, threads)
        }
    }
}

/// A part's first and last byte, as its token states them.
fn bounds(token: &str) -> Result<Range<u64>> {
    token
        .split_once('-')
        .and_then(|(from, to)| Some(from.parse().ok()?..to.parse().ok()?))
        .ok_or_else(|| internal("a part's token is not one of a dump"))
}

#[async_trait]
impl Store for DumpStore {
    fn info(&self) -> &StoreInfo {
        &self.info
    }

    async fn collections(&self) -> Result<Vec<Collection>> {
        let scanned = self.scanned().await?;
        let collection = |(name, stored): (&String, &Stored)| {
            let found = scanned.get(&stored.data);
            let own = stored.metadata.kind == Kind::Collection;
            Collection {
                name: name.clone(),
                kind: stored.metadata.kind.name().to_owned(),
                options: stored.metadata.options.clone(),
                indexes: stored.metadata.indexes.clone(),
                documents: own.then(|| found.map_or(0, |s| s.documents)),
                bytes: (stored.metadata.kind != Kind::View).then(|| found.map_or(0, |s| s.bytes)),
            }
        };
        Ok(self.layout.stored.iter().map(collection).collect())
    }

    async fn split(&self, collection: &str, goal: ChunkGoal) -> Result<Vec<Part>> {
        let stored = self.stored(collection)?;
        let Some(file) = self.file(stored) else {
            return Ok(Vec::new());
        };
        let scanned = self.scanned().await?;
        let Some(scanned) = scanned.get(&stored.data) else {
            return Ok(Vec::new());
        };
        let size = goal
            .bytes
            .max(scanned.bytes.div_ceil(u64::from(goal.max_chunks.max(1))))
            .max(file.coarseness());
        let mut parts = parts(scanned, size);
        if stored.metadata.kind == Kind::TimeSeries {
            // What is counted are buckets.
            for part in &mut parts {
                part.documents = None;
            }
        }
        Ok(parts)
    }

    async fn open(
        &self,
        collection: &str,
        token: &str,
        after: Option<&Cursor>,
        _fields: &Fields,
    ) -> Result<Box<dyn Documents>> {
        let stored = self.stored(collection)?;
        let none = || internal(format!("the dump has no documents of {collection:?}"));
        let file = self.file(stored).ok_or_else(none)?;
        let scanned = self.scanned().await?;
        let scanned = scanned.get(&stored.data).ok_or_else(none)?;
        let mut within = bounds(token)?;
        let series = stored.series()?;
        let mut done = 0;
        if let Some(cursor) = after {
            let place = match series {
                Some(_) => SeriesReader::parse(cursor),
                None => cursor.0.parse().ok().map(|end| (end, 0)),
            };
            let (start, measurements) = place
                .filter(|(at, _)| (within.start..=within.end).contains(at))
                .ok_or_else(|| internal("the place to go on from is not in its part"))?;
            within.start = start;
            done = measurements;
        }
        let reader = Box::new(self.reader(file, stored, scanned, within)?);
        Ok(match series {
            Some(series) => Box::new(SeriesReader::new(reader, series, done, u64::MAX)),
            None => reader,
        })
    }

    async fn sample(&self, collection: &str, size: u64) -> Result<Box<dyn Documents>> {
        let stored = self.stored(collection)?;
        let all = self.scanned().await?;
        let empty = Scanned::default();
        let scanned = all.get(&stored.data).unwrap_or(&empty);
        let mut sample = Sample {
            readers: Default::default(),
        };
        let Some(file) = self.file(stored) else {
            return Ok(Box::new(sample));
        };
        let points = scanned.points.list();
        let series = stored.series()?;
        let places = if series.is_none() && scanned.documents <= size {
            1
        } else {
            points.len().min(SAMPLED)
        };
        let places = places.min(usize::try_from(size).unwrap_or(usize::MAX)).max(1);
        for place in 0..places.min(points.len()) {
            // Whole numbers that add up to the size.
            let share = size * (place as u64 + 1) / places as u64 - size * place as u64 / places as u64;
            let from = points[place * points.len() / places].offset;
            let next = (place + 1) * points.len() / places;
            let to = points.get(next).map_or_else(|| scanned.end(), |p| p.offset);
            let reader = Box::new(self.reader(file, stored, scanned, from..to)?);
            let reader: Box<dyn Documents> = match &series {
                Some(series) => Box::new(SeriesReader::new(reader, series.clone(), 0, share)),
                None => reader,
            };
            sample.readers.push_back((reader, share));
        }
        Ok(Box::new(sample))
    }

    fn notes(&self) -> Vec<String> {
        self.layout.notes.clone()
    }
}

/// Cuts a collection where at least `size` bytes have passed.
fn parts(scanned: &Scanned, size: u64) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut points = scanned.points.list().iter();
    let Some(mut first) = points.next() else {
        return parts;
    };
    let part = |from: &super::points::Point, offset: u64, documents: u64, bytes: u64| Part {
        token: format!("{}-{offset}", from.offset),
        documents: Some(documents - from.documents),
        bytes: Some(bytes - from.bytes),
    };
    for point in points {
        if point.bytes - first.bytes >= size {
            parts.push(part(first, point.offset, point.documents, point.bytes));
            first = point;
        }
    }
    parts.push(part(first, scanned.end(), scanned.documents, scanned.bytes));
    parts
}
