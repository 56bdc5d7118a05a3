//! What a sink can be told.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use migrate_core::retry::Retry;
use secrecy::SecretString;

/// Hears what is waited for, in words for a person.
pub type Notice = Arc<dyn Fn(&str) + Send + Sync>;

/// How to write to a PostgreSQL database. `Debug` does not show the connection string.
#[derive(Clone)]
pub struct SinkOptions {
    /// Where: a URL or key=value pairs.
    pub url: SecretString,
    /// Connections that build indexes and check constraints at the same time. Writers of chunks open one each besides.
    pub connections: usize,
    /// What each of those may use to sort, in MiB of the server's memory (`maintenance_work_mem`).
    pub maintenance_mib: u32,
    /// Server processes that may help each of them (`max_parallel_maintenance_workers`).
    pub maintenance_workers: u32,
    /// Whether rows are written frozen where that is possible, which saves the server a second pass over them. The
    /// table is locked against readers meanwhile.
    pub freeze: bool,
    /// Whether the tables' statistics are gathered (`analyze`). Without them the server plans badly until autovacuum has
    /// come by.
    pub analyze: bool,
    /// Bytes that the database may have on disk. A migration that would need more, as far as can be estimated, is not begun.
    pub disk_limit: Option<u64>,
    /// Objects that are created before the rows, or dropped, in one transaction. What is more comes in several, since a server has
    /// room for so many locks only; then a failure leaves what was done, for the next attempt to go on from.
    pub portion: usize,
    /// What becomes of errors that may pass in steps after the rows, and in exchanges of tables.
    pub retry: Retry,
    /// How long an exchange of tables waits for sessions that use them before it lets others pass and tries again.
    pub swap_lock: Duration,
    /// Hears what is waited for, such as another run's lease.
    pub notice: Option<Notice>,
}

impl SinkOptions {
    /// Options for the database, with defaults for everything else.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: SecretString::from(url.into()),
            connections: 4,
            maintenance_mib: 256,
            maintenance_workers: 2,
            freeze: true,
            analyze: true,
            disk_limit: None,
            portion: 500,
            retry: Retry::default(),
            swap_lock: Duration::from_secs(5),
            notice: None,
        }
    }
}

impl fmt::Debug for SinkOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SinkOptions")
            .field("url", &"***")
            .field("connections", &self.connections)
            .field("maintenance_mib", &self.maintenance_mib)
            .field("maintenance_workers", &self.maintenance_workers)
            .field("freeze", &self.freeze)
            .field("analyze", &self.analyze)
            .field("disk_limit", &self.disk_limit)
            .field("portion", &self.portion)
            .field("retry", &self.retry)
            .field("swap_lock", &self.swap_lock)
            .finish_non_exhaustive()
    }
}
