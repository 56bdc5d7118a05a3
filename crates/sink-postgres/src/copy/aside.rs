//! Refused rows on their way to quarantine.

use migrate_core::batch::Reject;

use crate::ledger::quarantine;

/// Rows that are kept at most.
const ROWS: usize = 256;

/// Bytes that the kept rows have at most, as [`quarantine::size`] counts them.
const BYTES: usize = 4 << 20;

/// Refused rows that wait, so that few of them do not end a COPY each.
#[derive(Debug, Default)]
pub(super) struct Aside {
    rejects: Vec<Reject>,
    bytes: usize,
}

impl Aside {
    /// Keeps copies of the rows, or says no and copies nothing: it is time to store all of them.
    pub(super) fn keep(&mut self, rejects: &[Reject]) -> bool {
        if self.rejects.len() + rejects.len() >= ROWS {
            return false;
        }
        let mut bytes = self.bytes;
        for reject in rejects {
            bytes = bytes.saturating_add(quarantine::size(reject));
            if bytes > BYTES {
                return false;
            }
        }
        self.bytes = bytes;
        self.rejects.extend_from_slice(rejects);
        true
    }

    /// The rows kept, in their order.
    pub(super) fn rejects(&self) -> &[Reject] {
        &self.rejects
    }

    /// Forgets the rows, and gives their memory back.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reject(text: usize) -> Reject {
        Reject {
            column: String::new(),
            reason: String::new(),
            key: String::new(),
            row: "x".repeat(text).into(),
        }
    }

    #[test]
    fn few_small_rows_wait() {
        let mut aside = Aside::default();
        for _ in 0..ROWS - 1 {
            assert!(aside.keep(&[reject(1)]));
        }
        assert!(!aside.keep(&[reject(1)]));
        assert_eq!(aside.rejects().len(), ROWS - 1);
        aside.clear();
        assert_eq!((aside.rejects().len(), aside.bytes), (0, 0));
        assert!(!aside.keep(&vec![reject(1); ROWS]));
        assert!(aside.keep(&vec![reject(1); ROWS - 1]));
    }

    #[test]
    fn large_rows_do_not() {
        let mut aside = Aside::default();
        let mut kept = 0;
        while aside.keep(&[reject(1 << 20)]) {
            kept += 1;
            assert!(aside.bytes <= BYTES);
        }
        // The fourth does not fit because of its quotes and the row's own bytes.
        assert_eq!((kept, aside.rejects().len()), (3, 3));
        assert!(aside.keep(&[reject(1)]), "a small one still fits");
        assert!(!aside.keep(&[reject(1), reject(1 << 20)]), "all or none");
        assert_eq!(aside.rejects().len(), 4);
        aside.clear();
        assert!(!aside.keep(&[reject(BYTES)]), "one alone is too large");
        assert_eq!((aside.rejects().len(), aside.bytes), (0, 0));
    }
}
