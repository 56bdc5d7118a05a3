//! A running cluster, and who stops it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use secrecy::{ExposeSecret, SecretString};

use crate::account::Account;
use crate::error::Doing;
use crate::guard::{Guard, Waiter};
use crate::initdb::remove_dir;
use crate::launch::{Origin, check_major, launch, prepare, wait_until_ready};
use crate::layout::{DataDir, SUPERUSER};
use crate::lock::{self, Mode, PAUSE};
use crate::postmaster::PidFile;
use crate::{ClusterOptions, Error, template};

/// How long a shutdown may take, its checkpoint included, before it is forced.
const STOP_LIMIT: Duration = Duration::from_mins(2);

/// What became of the server when a [`Cluster`] was released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It was stopped, or had stopped already.
    Stopped,
    /// Other processes still use it; the last of them stops it.
    InUse,
    /// It stays, as was asked with [`Cluster::keep`] or [`ClusterOptions::keep_running`].
    Kept,
}

/// A use of a running cluster. The server runs at least as long as this value.
///
/// Dropping it is [`release`](Self::release) without the report: the last user stops the server and waits for its end.
/// A process that ends without dropping it, by a signal for example, has the same effect.
///
/// `Debug` shows no password.
#[derive(Debug)]
pub struct Cluster {
    dir: DataDir,
    major: u32,
    port: u16,
    socket_dir: PathBuf,
    password: SecretString,
    disposable: bool,
    /// Remove the whole directory at the end, not only the data.
    remove: bool,
    started: bool,
    guard: Option<Guard>,
    /// The shared lock; `None` once released.
    users: Option<File>,
}

impl Cluster {
    /// Starts the cluster in a directory, making it with `initdb` the first time, or joins the server that already
    /// runs there. Returns when the server accepts connections.
    ///
    /// # Errors
    /// [`Error::NotInstalled`] and the like when there is no PostgreSQL; [`Error::WrongMajor`] when the cluster was made by
    /// another one; [`Error::NotACluster`], [`Error::OtherOwner`], [`Error::Unreachable`] about the directory;
    /// [`Error::Start`] with the end of the log when the server ends early.
    pub fn start(options: ClusterOptions) -> Result<Self, Error> {
        Self::start_with(options, &Origin::Initdb, Waiter::Auto)
    }

    pub(crate) fn start_with(
        options: ClusterOptions,
        origin: &Origin,
        waiter: Waiter,
    ) -> Result<Self, Error> {
        let limit = options.start_timeout;
        let account = Account::for_server()?;
        let dir = DataDir::create(&options.data_dir, &account)?;
        let _starting = lock::acquire(
            &dir.start_lock(),
            Mode::Exclusive,
            limit,
            "another process starting the server",
        )?;
        let users = lock::acquire(
            &dir.users(),
            Mode::Shared,
            limit,
            "another process stopping the server",
        )?;
        if let Some(running) = wait_until_ready(&dir, limit)? {
            let cluster = Self::joined(dir, &running, users, origin)?;
            if let Some(wanted) = &options.installation {
                check_major(&cluster.dir, cluster.major, wanted)?;
            }
            if options.keep_running {
                cluster.dir.set_kept(true)?;
            }
            return Ok(cluster);
        }
        if let Some(stale) = PidFile::read(&dir.pgdata())? {
            stale.remove_if_stale(&dir.pgdata())?;
        }
        let installation = match origin {
            Origin::Initdb => prepare(&dir, &account, &options)?,
            Origin::Template(scratch) => {
                let installation = options
                    .installation
                    .clone()
                    .map_or_else(crate::find_installation, Ok)?;
                remove_dir(&dir.pgdata())?;
                template::copy_into(&dir, &account, &installation, scratch)?;
                installation
            }
        };
        dir.set_kept(options.keep_running)?;
        let (running, guard) = launch(&dir, &account, &installation, &options, origin, waiter)?;
        let mut cluster = Self::joined(dir, &running, users, origin)?;
        cluster.guard = Some(guard);
        cluster.started = true;
        cluster.dir.set_last_port(cluster.port)?;
        Ok(cluster)
    }

    /// Joins the server of this directory if one is running, else `None`; nothing is made or started.
    ///
    /// # Errors
    /// [`Error::OtherOwner`] for another user's cluster, [`Error::Io`] when its files cannot be read.
    pub fn attach(data_dir: impl AsRef<Path>) -> Result<Option<Self>, Error> {
        let Some(dir) = DataDir::existing(data_dir.as_ref())? else {
            return Ok(None);
        };
        let users = lock::acquire(
            &dir.users(),
            Mode::Shared,
            STOP_LIMIT,
            "another process stopping the server",
        )?;
        match wait_until_ready(&dir, STOP_LIMIT)? {
            Some(running) => Self::joined(dir, &running, users, &Origin::Initdb).map(Some),
            None => Ok(None),
        }
    }

    fn joined(dir: DataDir, running: &PidFile, users: File, origin: &Origin) -> Result<Self, Error> {
        let pid_file = dir.pgdata().join("postmaster.pid");
        let incomplete = |reason| Error::Damaged {
            path: pid_file.clone(),
            reason,
        };
        let version_file = dir.pgdata().join("PG_VERSION");
        Ok(Self {
            major: dir.major()?.ok_or(Error::Damaged {
                path: version_file,
                reason: "this file of the cluster is missing",
            })?,
            port: running.port.ok_or_else(|| incomplete("it names no port"))?,
            socket_dir: running
                .socket_dir
                .clone()
                .ok_or_else(|| incomplete("it names no socket"))?,
            password: dir.password()?,
            dir,
            disposable: matches!(origin, Origin::Template(_)),
            remove: false,
            started: false,
            guard: None,
            users: Some(users),
        })
    }

    /// Removes the cluster's whole directory at the end.
    pub(crate) fn remove_at_end(mut self) -> Self {
        self.remove = true;
        self
    }

    /// A connection URL over TCP, `postgres://migrate:<password>@127.0.0.1:<port>/<database>`. It contains the password:
    /// show it only to whom it is meant for.
    pub fn url(&self, database: &str) -> String {
        format!(
            "postgres://{SUPERUSER}:{}@127.0.0.1:{}/{}",
            self.password.expose_secret(),
            self.port,
            percent_encoded(database)
        )
    }

    /// The URL over the unix socket, which is a little faster: as [`url`](Self::url), with the socket's directory in the
    /// parameter `host`, which libpq and sqlx understand. It contains the password.
    pub fn socket_url(&self, database: &str) -> String {
        format!(
            "postgres://{SUPERUSER}:{}@localhost:{}/{}?host={}",
            self.password.expose_secret(),
            self.port,
            percent_encoded(database),
            percent_encoded(&self.socket_dir.to_string_lossy())
        )
    }

    /// The superuser's name.
    pub fn user(&self) -> &'static str {
        SUPERUSER
    }

    /// The directory of the unix socket `.s.PGSQL.<port>`.
    pub fn socket_dir(&self) -> &Path {
        &self.socket_dir
    }

    /// The TCP port on 127.0.0.1, which is also the number of the socket.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The cluster's directory.
    pub fn data_dir(&self) -> &Path {
        self.dir.root()
    }

    /// The server's log.
    pub fn log_file(&self) -> PathBuf {
        self.dir.log()
    }

    /// A password file for libpq (`PGPASSFILE`), so that the password needs to be in no command line and no environment.
    pub fn pass_file(&self) -> PathBuf {
        self.dir.pgpass()
    }

    /// The server's major version.
    pub fn major(&self) -> u32 {
        self.major
    }

    /// Whether this value started the server, rather than joining a running one.
    pub fn started(&self) -> bool {
        self.started
    }

    /// Lets the server run on when its last user is gone, until [`stop`](Self::stop), and releases it.
    ///
    /// # Errors
    /// [`Error::Io`] when that cannot be noted in the cluster's directory.
    pub fn keep(mut self) -> Result<(), Error> {
        self.dir.set_kept(true)?;
        self.finish().map(drop)
    }

    /// Ends this use. The last user stops the server, unless it is kept, and waits until it has written everything.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::Timeout`] when it cannot be stopped.
    pub fn release(mut self) -> Result<Ending, Error> {
        self.finish()
    }

    /// Stops the server now, kept or not, also if other processes use it: their connections end. Waits for the end
    /// (a fast shutdown; an immediate one after two minutes).
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::Timeout`] when it cannot be stopped.
    pub fn stop(mut self) -> Result<(), Error> {
        self.dir.set_kept(false)?;
        self.shut_down()?;
        self.finish().map(drop)
    }

    fn finish(&mut self) -> Result<Ending, Error> {
        let Some(users) = self.users.take() else {
            return Ok(Ending::Stopped);
        };
        let path = self.dir.users();
        let start = Instant::now();
        let ending = loop {
            if lock::try_acquire(&users, &path, Mode::Exclusive)? {
                // Nobody else uses the server, and nobody can begin to while this lock is held.
                if self.dir.is_kept() && self.is_running()? {
                    break Ending::Kept;
                }
                self.shut_down()?;
                self.remove_data()?;
                break Ending::Stopped;
            }
            // Either there are other users, or one of them, or the guard, is stopping the server.
            if lock::try_acquire(&users, &path, Mode::Shared)? {
                break Ending::InUse;
            }
            if start.elapsed() > STOP_LIMIT {
                let waiting_for = "another process stopping the server";
                return Err(Error::Timeout {
                    waiting_for,
                    path,
                    seconds: STOP_LIMIT.as_secs(),
                });
            }
            thread::sleep(PAUSE);
        };
        // Explicitly, since a child process that is just being started holds a copy of the descriptor for a moment.
        users.unlock().doing("unlock", &path)?;
        Ok(ending)
    }

    fn is_running(&self) -> Result<bool, Error> {
        let pgdata = self.dir.pgdata();
        Ok(PidFile::read(&pgdata)?.is_some_and(|server| server.is_running(&pgdata)))
    }

    fn shut_down(&mut self) -> Result<(), Error> {
        let pgdata = self.dir.pgdata();
        if let Some(server) = PidFile::read(&pgdata)? {
            server.signal(
                &pgdata,
                if self.disposable {
                    Signal::QUIT
                } else {
                    Signal::INT
                },
            )?;
            if !server.wait_for_end(&pgdata, STOP_LIMIT) {
                server.signal(&pgdata, Signal::QUIT)?;
                if !server.wait_for_end(&pgdata, STOP_LIMIT) {
                    let seconds = 2 * STOP_LIMIT.as_secs();
                    return Err(Error::Timeout {
                        waiting_for: "stopping the server",
                        path: pgdata,
                        seconds,
                    });
                }
            }
        }
        if let Some(guard) = &mut self.guard {
            let start = Instant::now();
            while !guard.has_ended() && start.elapsed() < Duration::from_secs(2) {
                thread::sleep(PAUSE);
            }
        }
        self.guard = None;
        Ok(())
    }

    fn remove_data(&self) -> Result<(), Error> {
        if self.remove {
            remove_dir(self.dir.root())
        } else if self.disposable {
            remove_dir(&self.dir.pgdata())
        } else {
            Ok(())
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // What cannot be stopped here is the guard's to stop, once the lock is gone.
        let _ = self.finish();
    }
}

/// RFC 3986: everything but unreserved characters as `%XX`.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn names_in_urls_are_encoded() {
        assert_eq!(percent_encoded("crm-1_a.b~"), "crm-1_a.b~");
        assert_eq!(percent_encoded("a/b ?ü"), "a%2Fb%20%3F%C3%BC");
    }

    #[test]
    fn every_way_to_wait_notices_the_last_user_leaving() {
        for waiter in [Waiter::Auto, Waiter::Flock, Waiter::Perl, Waiter::Pipe] {
            let path = std::env::temp_dir().join(format!("waiter-{waiter:?}-{}", std::process::id()));
            let mut cluster =
                Cluster::start_with(ClusterOptions::new(&path), &Origin::Initdb, waiter).unwrap();
            // As if this process had been killed: the lock and the pipe go, and nothing else happens.
            drop(cluster.users.take());
            drop(cluster.guard.take());
            let start = Instant::now();
            while cluster.is_running().unwrap() {
                assert!(
                    start.elapsed() < Duration::from_mins(1),
                    "{waiter:?} noticed nothing"
                );
                thread::sleep(PAUSE);
            }
            let log = fs::read_to_string(cluster.log_file()).unwrap();
            assert!(
                log.contains("received fast shutdown request"),
                "{waiter:?}: {log}"
            );
            fs::remove_dir_all(path).unwrap();
        }
    }
}
