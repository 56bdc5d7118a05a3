//! What a cluster is started with.

use std::path::PathBuf;
use std::time::Duration;

use crate::Installation;

/// How to start a cluster.
#[derive(Clone, Debug)]
pub struct ClusterOptions {
    /// The cluster's own directory. It is made when missing; it must be empty or a cluster of this crate otherwise.
    pub data_dir: PathBuf,
    /// The PostgreSQL to use. `None`: the one that made the cluster, or the newest for a new cluster.
    pub installation: Option<Installation>,
    /// Server settings, on top of (and instead of) the crate's own; they hold for this start only, and are ignored
    /// when the server is running already.
    pub settings: Vec<(String, String)>,
    /// Leave the server running when its last user is gone, see [`Cluster::keep`](crate::Cluster::keep).
    pub keep_running: bool,
    /// The TCP port. `None`: the one of the last start if it is free, else any free one.
    pub port: Option<u16>,
    /// How long the server may take until it accepts connections, crash recovery included. 5 minutes unless set.
    pub start_timeout: Duration,
}

impl ClusterOptions {
    /// A durable cluster in this directory that ends with its last user.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            installation: None,
            settings: Vec::new(),
            keep_running: false,
            port: None,
            start_timeout: Duration::from_mins(5),
        }
    }
}

/// Settings of every cluster.
pub(crate) const ALWAYS: &[(&str, &str)] = &[
    ("listen_addresses", "127.0.0.1"),
    ("unix_socket_permissions", "0700"),
    // The log goes to a file of the cluster. Above `error`, no message quotes a value from a table.
    ("logging_collector", "off"),
    ("log_destination", "stderr"),
    ("log_min_messages", "log"),
    ("log_min_error_statement", "panic"),
    ("log_error_verbosity", "terse"),
    ("log_statement", "none"),
    // One server, no replicas: a load into a table of the same transaction is synced instead of logged,
    // which is as safe and writes everything once.
    ("wal_level", "minimal"),
    ("max_wal_senders", "0"),
    ("max_wal_size", "4GB"),
];

/// Settings of a cluster that nobody needs after a crash.
pub(crate) const DISPOSABLE: &[(&str, &str)] = &[
    ("fsync", "off"),
    ("synchronous_commit", "off"),
    ("full_page_writes", "off"),
];
