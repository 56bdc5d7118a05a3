//! File locks with a time limit.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::Error;
use crate::error::Doing;

/// How long to sleep between two looks at something that another process changes.
pub(crate) const PAUSE: Duration = Duration::from_millis(10);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Shared,
    Exclusive,
}

/// Opens a lock file, making it (mode 0600) where it is missing. The lock itself ends with the returned file,
/// or with the process.
pub(crate) fn open(path: &Path) -> Result<File, Error> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .doing("open the lock file", path)
}

/// Takes the lock if it is free at once.
pub(crate) fn try_acquire(file: &File, path: &Path, mode: Mode) -> Result<bool, Error> {
    let result = match mode {
        Mode::Shared => file.try_lock_shared(),
        Mode::Exclusive => file.try_lock(),
    };
    match result {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error).doing("lock", path),
    }
}

/// Takes the lock, waiting for it.
///
/// # Errors
/// [`Error::Timeout`] naming `waiting_for` when it is not free within `limit`.
pub(crate) fn acquire(
    path: &Path,
    mode: Mode,
    limit: Duration,
    waiting_for: &'static str,
) -> Result<File, Error> {
    let file = open(path)?;
    let start = Instant::now();
    while !try_acquire(&file, path, mode)? {
        if start.elapsed() > limit {
            return Err(Error::Timeout {
                waiting_for,
                path: path.to_path_buf(),
                seconds: limit.as_secs(),
            });
        }
        thread::sleep(PAUSE);
    }
    Ok(file)
}
