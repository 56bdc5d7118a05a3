//! Faults as values: which call, the how-manieth, and what goes wrong.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use migrate_core::{Error, ErrorKind, Result};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// A call that something can happen to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Point {
    Split,
    Read,
    Fill,
    Finish,
    Verify,
    Begin,
    Register,
    Writer,
    Write,
    Commit,
    Abort,
    Complete,
    Close,
}

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing is done; an error that may pass.
    Transient,
    /// Nothing is done; an error that stays.
    Fatal,
    /// It is done, and an error that may pass is reported.
    DoneTransient,
    /// It is done, and an error that stays is reported.
    DoneFatal,
    /// It is done, and never returns; the test is told.
    DoneHang,
    /// Nothing is done, and it never returns; the test is told.
    Hang,
    /// It panics.
    Panic,
    /// The caller's token is cancelled, and it is done.
    Cancel,
    /// Another writer opens the chunk before it is done.
    Steal,
    /// It is done, and the receipt counts a row too many.
    Miscount,
}

/// Which faults happen, and how often each call was made. Counts go on over all runs of a test.
#[derive(Debug, Default)]
pub(crate) struct Script {
    faults: Mutex<BTreeMap<(Point, usize), Fault>>,
    calls: Mutex<BTreeMap<Point, usize>>,
    /// Readers and writers that exist.
    alive: AtomicUsize,
    /// Told when a call hangs.
    pub(crate) hung: Notify,
    token: Mutex<CancellationToken>,
}

impl Script {
    pub(crate) fn add(&self, faults: &[(Point, usize, Fault)]) {
        self.faults
            .lock()
            .unwrap()
            .extend(faults.iter().map(|(p, n, f)| ((*p, *n), *f)));
    }

    /// How often the call was made.
    pub(crate) fn calls(&self, point: Point) -> usize {
        self.calls.lock().unwrap().get(&point).copied().unwrap_or(0)
    }

    /// Faults that have not happened yet.
    pub(crate) fn pending(&self) -> usize {
        self.faults.lock().unwrap().len()
    }

    pub(crate) fn alive(&self) -> usize {
        self.alive.load(Ordering::SeqCst)
    }

    pub(crate) fn set_token(&self, token: &CancellationToken) {
        *self.token.lock().unwrap() = token.clone();
    }

    /// Counts a call and says what happens to it.
    pub(crate) fn next(&self, point: Point) -> Option<Fault> {
        let n = {
            let mut calls = self.calls.lock().unwrap();
            let count = calls.entry(point).or_default();
            *count += 1;
            *count - 1
        };
        self.faults.lock().unwrap().remove(&(point, n))
    }

    /// What comes before the call's own work. The fault is returned for [`after`](Self::after).
    pub(crate) async fn before(&self, point: Point) -> Result<Option<Fault>> {
        let fault = self.next(point);
        match fault {
            Some(Fault::Transient) => return Err(lost(point).transient()),
            Some(Fault::Fatal) => return Err(lost(point)),
            Some(Fault::Panic) => panic!("scripted"),
            Some(Fault::Cancel) => self.token.lock().unwrap().cancel(),
            Some(Fault::Hang) => self.hang().await,
            _ => {}
        }
        Ok(fault)
    }

    /// What comes after it.
    pub(crate) async fn after(&self, point: Point, fault: Option<Fault>) -> Result<()> {
        match fault {
            Some(Fault::DoneTransient) => Err(lost(point).transient()),
            Some(Fault::DoneFatal) => Err(lost(point)),
            Some(Fault::DoneHang) => {
                self.hang().await;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    async fn hang(&self) {
        self.hung.notify_one();
        std::future::pending().await
    }
}

fn lost(point: Point) -> Error {
    Error::new(ErrorKind::Connection, format!("scripted loss in {point:?}"))
}

/// Counts what exists until it is dropped.
pub(crate) struct Guard(Arc<Script>);

impl Guard {
    pub(crate) fn new(script: &Arc<Script>) -> Self {
        script.alive.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(script))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.alive.fetch_sub(1, Ordering::SeqCst);
    }
}
