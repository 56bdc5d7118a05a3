//! What the fuzz targets call. Not part of the library's interface.

use std::fs;
use std::path::Path;

use bson::raw::{RawBsonRef, RawDocument};
use migrate_core::chunk::ChunkGoal;
use migrate_core::source::Fill;
use migrate_core::{ErrorKind, Result};

use crate::dump::{DumpOptions, open};
use crate::raw::{Document, MAX_LEVELS};
use crate::store::{Documents, Fields, Page};

/// Levels that the library's reader is followed; it recurses.
const LEVELS: usize = 100;

/// Walks bytes as a document. What the `bson` crate reads has to be read.
pub fn document(bytes: &[u8]) {
    let walked = Document::new(bytes).and_then(|d| d.check(MAX_LEVELS));
    if let Err(error) = &walked {
        assert!(error.offset <= bytes.len(), "{error} of {}", bytes.len());
    }
    if RawDocument::from_bytes(bytes).is_ok_and(|d| library_reads(d, 0)) {
        assert!(walked.is_ok(), "{walked:?}");
    }
}

fn library_reads(document: &RawDocument, level: usize) -> bool {
    level < LEVELS
        && document.into_iter().all(|element| match element {
            Ok((_, RawBsonRef::Document(inner))) => library_reads(inner, level + 1),
            Ok((_, RawBsonRef::Array(inner))) => {
                RawDocument::from_bytes(inner.as_bytes()).is_ok_and(|d| library_reads(d, level + 1))
            }
            Ok((_, RawBsonRef::JavaScriptCodeWithScope(code))) => library_reads(code.scope, level + 1),
            Ok(_) => true,
            Err(_) => false,
        })
}

/// Reads bytes as a file of a dump, which `path` is written for and names the kind of. Each part is read twice, as a
/// whole and from its middle on, and has to hold what the split said.
pub fn dump(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).expect("the directory can be written to");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime without drivers always starts");
    if let Err(error) = runtime.block_on(read(path)) {
        assert!(
            matches!(
                error.kind(),
                ErrorKind::Corrupt | ErrorKind::Config | ErrorKind::Unsupported
            ),
            "{error:?}"
        );
    }
}

async fn read(path: &Path) -> Result<()> {
    let options = DumpOptions {
        database: None,
        threads: 1,
    };
    let store = open(path, &options)?;
    let goal = ChunkGoal {
        bytes: 64,
        max_chunks: 8,
    };
    for collection in store.collections().await? {
        let parts = store.split(&collection.name, goal).await?;
        let stated: u64 = parts.iter().filter_map(|part| part.documents).sum();
        let known = collection.documents.is_some();
        assert_eq!(stated, collection.documents.unwrap_or(0));
        for part in parts {
            let whole = store
                .open(&collection.name, &part.token, None, &Fields::All)
                .await?;
            let ends = drain(whole).await?;
            assert!(part.documents.is_none_or(|stated| stated == ends.len() as u64));
            let middle = ends.len() / 2;
            if ends.is_empty() {
                assert!(!known, "a part of documents has some");
                continue;
            }
            let rest = store
                .open(&collection.name, &part.token, Some(&ends[middle]), &Fields::All)
                .await?;
            assert_eq!(drain(rest).await?, ends[middle + 1..]);
        }
        let sample = drain(store.sample(&collection.name, 3).await?).await?;
        assert!(sample.len() <= 3);
        assert!(!known || sample.len() as u64 == stated.min(3));
    }
    Ok(())
}

/// The places after all documents.
async fn drain(mut documents: Box<dyn Documents>) -> Result<Vec<migrate_core::chunk::Cursor>> {
    let mut ends = Vec::new();
    let mut page = Page::default();
    while documents.fill(&mut page).await? == Fill::More {
        for index in 0..page.documents.len() {
            document(&page.bytes[page.documents[index].clone()]);
            ends.push(documents.cursor(&page, index)?);
        }
    }
    Ok(ends)
}
