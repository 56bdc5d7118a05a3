//! The first reading of a dump's data: every length, every checksum, every collection's number of documents.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crc::{Digest, Table};
use migrate_core::{Error, Result};

use super::archive::{Block, BlockHeader, Prelude, Step};
use super::file::DumpFile;
use super::fingerprint::CRC64;
use super::frames::{Frames, Framing};
use super::points::{Point, Points, Ranges};
use crate::classify::{corrupt, internal};
use crate::store::Page;

/// Checkpoints of all compressed files together; each takes about 43 KiB.
const CHECKPOINTS: u64 = 256;

const DAMAGED: &str = "the archive is damaged or incomplete; copy it or dump again";

/// What was found about one collection's documents.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    pub(super) documents: u64,
    /// Of BSON.
    pub(super) bytes: u64,
    pub(super) points: Points,
    /// Where in the file its documents are.
    pub(super) ranges: Ranges,
}

impl Scanned {
    #[inline]
    fn add(&mut self, offset: u64, length: usize) {
        self.points.pass(Point {
            offset,
            documents: self.documents,
            bytes: self.bytes,
        });
        self.documents += 1;
        self.bytes += length as u64;
    }

    /// Where the last document ends.
    pub(super) fn end(&self) -> u64 {
        self.ranges.list().last().map_or(0, |range| range.end)
    }
}

/// Scans files that hold one collection each, several at a time.
pub(super) fn scan_files(
    files: &BTreeMap<String, Arc<DumpFile>>,
    threads: usize,
) -> Result<BTreeMap<String, Scanned>> {
    let mut order: Vec<_> = files.iter().collect();
    order.sort_by_key(|(_, file)| std::cmp::Reverse(file.stored()));
    let compressed: u64 = files.values().filter(|f| f.is_gzip()).map(|f| f.stored()).sum();
    let next = AtomicUsize::new(0);
    let results = Mutex::new(BTreeMap::new());
    let work = || -> Result<()> {
        while let Some((name, file)) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
            let share = CHECKPOINTS * file.stored() / compressed.max(1);
            let checkpoints = if file.is_gzip() { share.max(1) as usize } else { 0 };
            let scanned = scan_file(file, checkpoints)?;
            let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
            results.insert((*name).clone(), scanned);
        }
        Ok(())
    };
    let threads = threads.clamp(1, order.len().max(1));
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut first = Ok(());
        for worker in workers {
            let ended = worker
                .join()
                .unwrap_or_else(|_| Err(internal("a thread that examined the dump was lost")));
            first = first.and(ended);
        }
        first
    })?;
    Ok(results.into_inner().unwrap_or_else(PoisonError::into_inner))
}

fn scan_file(file: &Arc<DumpFile>, checkpoints: usize) -> Result<Scanned> {
    let mut frames = Frames::all(file, Framing::Documents, checkpoints)?;
    let mut page = Page::default();
    let mut scanned = Scanned::default();
    loop {
        frames.fill(&mut page)?;
        if page.documents.is_empty() {
            break;
        }
        for range in &page.documents {
            scanned.add(page.offset + range.start as u64, range.len());
        }
    }
    if scanned.documents > 0 {
        scanned.ranges.push(0..frames.offset());
    }
    Ok(scanned)
}

/// One collection of an archive, while it is scanned.
struct Open {
    database: String,
    collection: String,
    crc: Digest<'static, u64, Table<16>>,
    scanned: Scanned,
    /// Where the current block's documents begin.
    block: u64,
    complete: bool,
}

/// Scans an archive, and returns the collections of one database, system ones included.
pub(super) fn scan_archive(file: &Arc<DumpFile>, database: &str) -> Result<BTreeMap<String, Scanned>> {
    let checkpoints = if file.is_gzip() { CHECKPOINTS as usize } else { 0 };
    let mut frames = Frames::all(file, Framing::Archive, checkpoints)?;
    let mut page = Page::default();
    let (prelude, mut skip) = Prelude::read(file, &mut frames, &mut page)?;
    let mut all = Collections::default();
    let mut block = Block::Between;
    loop {
        for range in page.documents.iter().skip(skip) {
            let at = page.offset + range.start as u64;
            let frame = &page.bytes[range.clone()];
            let done = block.step(frame).and_then(|step| all.step(step, frame, at));
            done.map_err(|e| file.place_at(e, at))?;
        }
        skip = 0;
        frames.fill(&mut page)?;
        if page.documents.is_empty() {
            break;
        }
    }
    let end = frames.offset();
    block.may_end().map_err(|e| file.place_at(e, end))?;
    for (database, collection) in prelude.expected() {
        let known = all.index.get(database).and_then(|c| c.get(&collection));
        if !known.is_some_and(|i| all.open[*i].complete) {
            return Err(cut_off(file, database, &collection, end));
        }
    }
    if let Some(open) = all.open.iter().find(|open| !open.complete) {
        return Err(cut_off(file, &open.database, &open.collection, end));
    }
    if let Some(open) = all
        .open
        .iter()
        .find(|open| !prelude.lists(&open.database, &open.collection))
    {
        return Err(file.place(
            corrupt(format!(
                "the archive holds documents of {}.{}, which its list of collections does not have",
                open.database, open.collection
            ))
            .hint(DAMAGED),
        ));
    }
    Ok(all
        .open
        .into_iter()
        .filter(|open| open.database == database)
        .map(|open| (open.collection, open.scanned))
        .collect())
}

fn cut_off(file: &DumpFile, database: &str, collection: &str, end: u64) -> Error {
    file.place_at(
        corrupt(format!(
            "the archive ends before the collection {database}.{collection} does"
        ))
        .hint(DAMAGED),
        end,
    )
}

#[derive(Default)]
struct Collections {
    open: Vec<Open>,
    /// By database and collection.
    index: HashMap<String, HashMap<String, usize>>,
    /// The current block's.
    current: usize,
}

impl Collections {
    #[inline]
    fn step(&mut self, step: Step<'_>, frame: &[u8], at: u64) -> Result<()> {
        match step {
            Step::Document => {
                let open = &mut self.open[self.current];
                open.crc.update(frame);
                open.scanned.add(at, frame.len());
                Ok(())
            }
            Step::Header(header) => self.begin(header, at + frame.len() as u64),
            Step::End => {
                let open = &mut self.open[self.current];
                if !open.complete && at > open.block {
                    open.scanned.ranges.push(open.block..at);
                }
                Ok(())
            }
        }
    }

    fn begin(&mut self, header: BlockHeader<'_>, documents: u64) -> Result<()> {
        let BlockHeader {
            database,
            collection,
            complete,
        } = header;
        let known = self.index.get(database).and_then(|c| c.get(collection)).copied();
        self.current = known.unwrap_or_else(|| {
            let new = self.open.len();
            self.open.push(Open {
                database: database.to_owned(),
                collection: collection.to_owned(),
                crc: CRC64.digest(),
                scanned: Scanned::default(),
                block: 0,
                complete: false,
            });
            self.index
                .entry(database.to_owned())
                .or_default()
                .insert(collection.to_owned(), new);
            new
        });
        let open = &mut self.open[self.current];
        if open.complete {
            return Err(corrupt(format!(
                "the collection {database}.{collection} goes on after its end"
            ))
            .hint(DAMAGED));
        }
        open.block = documents;
        if let Some(stated) = complete {
            open.complete = true;
            let crc = open.crc.clone().finalize();
            if crc != stated {
                return Err(corrupt(format!(
                    "the CRC-64 of the collection {database}.{collection} is {crc:016x} where the archive states {stated:016x}"
                ))
                .hint(DAMAGED));
            }
        }
        Ok(())
    }
}
