//! A private PostgreSQL cluster from an installed PostgreSQL, started and stopped with its owner.
//!
//! Nothing is downloaded and nothing outside the cluster's own directory is changed: an installed
//! PostgreSQL is [found](find_installation), `initdb` runs once with a generated password, and the
//! server listens on a unix socket in a private directory and on a free port of 127.0.0.1.
//!
//! ```no_run
//! use migrate_pg_embedded::{Cluster, ClusterOptions, default_data_dir};
//!
//! let cluster = Cluster::start(ClusterOptions::new(default_data_dir()?))?;
//! println!("listening on port {}", cluster.port());
//! let url = cluster.url("postgres"); // contains the password
//! # drop(url);
//! drop(cluster); // the last user of the cluster stops the server
//! # Ok::<(), migrate_pg_embedded::Error>(())
//! ```
//!
//! # Who keeps the server alive
//!
//! Every [`Cluster`] holds a shared file lock on the cluster's `users` file. The server runs under a small
//! shell guard (`guard.sh`) that waits for the exclusive lock, which it gets when the last user is gone,
//! however that user ended: returned, panicked, or was killed. Then the guard stops the server. Should the guard
//! itself be killed, the kernel tells the server (`setpriv --pdeathsig`, on Linux). So:
//!
//! - several processes may share a cluster; whoever leaves last stops it;
//! - nobody can leave a server behind, except by asking for it with [`Cluster::keep`];
//! - the server sees a fast shutdown, never a kill, and its data survive a kill all the same, as `fsync` is on.
//!
//! The guard waits with `flock`, or with `perl` where there is no `flock` (macOS). Where both are missing it watches
//! only the process that started the server: then that one's end also ends the server for processes
//! that joined later.
//!
//! # Root
//!
//! PostgreSQL refuses to run as root, so root's cluster runs as the user `postgres`, or `nobody` where that one is
//! missing. Files that root writes stay in a directory that only root can write to; the server's user owns
//! the data and the socket directory alone.
//!
//! Unix only.

mod account;
mod cluster;
mod error;
mod guard;
mod hint;
mod initdb;
mod installation;
mod launch;
mod layout;
mod lock;
mod options;
mod postmaster;
mod psql;
mod random;
mod shared;
mod template;

pub use cluster::{Cluster, Ending};
pub use error::Error;
pub use hint::install_hint;
pub use installation::{
    Installation, OLDEST_MAJOR, Search, Version, find_all_installations, find_installation,
};
pub use layout::default_data_dir;
pub use options::ClusterOptions;
