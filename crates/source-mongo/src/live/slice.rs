//! The documents of a server's reply, found without decoding them.

use std::ops::Range;

use bson::Timestamp;
use migrate_core::Result;
use mongodb::raw_batch_cursor::RawBatch;

use crate::classify::{corrupt, driver};

/// A reply and where its documents are in the batch's array.
#[derive(Debug)]
pub(super) struct Slice {
    batch: RawBatch,
    documents: Vec<Range<usize>>,
}

impl Slice {
    /// Finds the documents.
    ///
    /// # Errors
    /// [`Corrupt`](migrate_core::ErrorKind::Corrupt) where the reply is not the array of documents that it should be.
    pub(super) fn of(batch: RawBatch) -> Result<Self> {
        let array = batch
            .doc_slices()
            .map_err(|error| driver("reading a batch", &error))?;
        let documents = ranges(array.as_bytes()).ok_or_else(|| corrupt("the server sent a damaged batch"))?;
        Ok(Self { batch, documents })
    }

    /// The moment that the reply is of, where it is one of a snapshot.
    pub(super) fn moment(&self) -> Option<Timestamp> {
        let cursor = self.batch.as_raw_document().get_document("cursor").ok()?;
        cursor.get_timestamp("atClusterTime").ok()
    }

    pub(super) fn len(&self) -> usize {
        self.documents.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.documents.is_empty()
    }

    /// Bytes of the documents and what lies between them.
    pub(super) fn size(&self) -> usize {
        match (self.documents.first(), self.documents.last()) {
            (Some(first), Some(last)) => last.end - first.start,
            _ => 0,
        }
    }

    /// Leaves out the first `count` documents.
    pub(super) fn skip(&mut self, count: usize) {
        self.documents.drain(..count.min(self.documents.len()));
    }

    fn bytes(&self) -> &[u8] {
        // It was there when the documents were found.
        self.batch.doc_slices().map_or(&[], |array| array.as_bytes())
    }

    /// The documents in order.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        let bytes = self.bytes();
        self.documents.iter().map(move |range| &bytes[range.clone()])
    }

    /// Replaces the content of a buffer by the documents and what lies between them, and says where they are in it.
    pub(super) fn copy_into(&self, bytes: &mut Vec<u8>, documents: &mut Vec<Range<usize>>) {
        bytes.clear();
        documents.clear();
        if let (Some(first), Some(last)) = (self.documents.first(), self.documents.last()) {
            bytes.extend_from_slice(&self.bytes()[first.start..last.end]);
            documents.extend(
                self.documents
                    .iter()
                    .map(|range| range.start - first.start..range.end - first.start),
            );
        }
    }
}

/// Where the documents of an array of documents are.
fn ranges(array: &[u8]) -> Option<Vec<Range<usize>>> {
    const DOCUMENT: u8 = 3;
    let mut documents = Vec::new();
    // After the array's length, and up to its final zero.
    let mut at = 4;
    let stated = array.first_chunk::<4>().map(|prefix| i32::from_le_bytes(*prefix));
    if stated.map(usize::try_from) != Some(Ok(array.len())) {
        return None;
    }
    let end = array.len().checked_sub(1)?;
    while at < end {
        if array[at] != DOCUMENT {
            return None;
        }
        let name = array[at + 1..end].iter().position(|byte| *byte == 0)?;
        let start = at + 1 + name + 1;
        let prefix = array.get(start..)?.first_chunk::<4>()?;
        let length = usize::try_from(i32::from_le_bytes(*prefix)).ok()?;
        let stop = start.checked_add(length)?;
        if length < 5 || stop > end || array[stop - 1] != 0 {
            return None;
        }
        documents.push(start..stop);
        at = stop;
    }
    Some(documents)
}

#[cfg(test)]
mod tests {
    use bson::{RawArrayBuf, rawdoc};

    use super::*;

    fn array(count: usize) -> Vec<u8> {
        let documents = (0..count).map(|n| rawdoc! { "_id": n as i32, "text": "x".repeat(n) });
        documents.collect::<RawArrayBuf>().as_bytes().to_vec()
    }

    #[test]
    fn documents_are_found() {
        assert_eq!(ranges(&array(0)), Some(vec![]));
        let bytes = array(12);
        let found = ranges(&bytes).unwrap();
        assert_eq!(found.len(), 12);
        for (n, range) in found.into_iter().enumerate() {
            let expected = rawdoc! { "_id": n as i32, "text": "x".repeat(n) };
            assert_eq!(&bytes[range], expected.as_bytes());
        }
    }

    #[test]
    fn damaged_arrays_are_refused() {
        assert_eq!(ranges(&[]), None);
        let good = array(3);
        for end in 0..good.len() {
            assert_eq!(ranges(&good[..end]), None, "{end}");
        }
        let mut other_type = good.clone();
        other_type[4] = 2;
        assert_eq!(ranges(&other_type), None);
        let mut longer = good;
        longer[7] += 1;
        assert_eq!(ranges(&longer), None);
    }
}
