//! One `mongod` for one test.

use std::ffi::OsString;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fs, io, thread};

use bson::{Document, doc};
use tempfile::TempDir;

use super::binary;
use super::process::Process;
use super::wire::Wire;

/// How long a server may take to start, or a set to find a primary.
pub(super) const PATIENCE: Duration = Duration::from_mins(2);

/// Between two looks at a server that is starting.
pub(super) const PAUSE: Duration = Duration::from_millis(20);

/// What kind of server to start.
#[derive(Debug, Clone, Default)]
pub struct ServerOptions {
    /// No replica set: no snapshot reads, no majority.
    pub standalone: bool,
    /// Logins are needed. Until the first user is made, a client of this machine may make one.
    pub auth: bool,
    /// More arguments of the command line.
    pub arguments: Vec<String>,
}

/// A `mongod` of its own in a temporary directory, on a free port of 127.0.0.1: a replica set with one member, unless
/// its options say otherwise. Dropping it kills it and removes its directory.
///
/// All methods panic with the end of the server's log when it does not do what it should: a test has nothing better to do.
#[derive(Debug)]
pub struct MongoServer {
    process: Option<Process>,
    directory: TempDir,
    port: u16,
    options: ServerOptions,
    /// Whether it belongs to a larger set, which is set up elsewhere.
    member: bool,
}

impl MongoServer {
    /// Starts a replica set of one member and waits until it is primary.
    pub fn start() -> Self {
        Self::start_with(ServerOptions::default())
    }

    /// Starts a server as its options say, and waits until it takes commands.
    pub fn start_with(options: ServerOptions) -> Self {
        let mut server = Self::launch(options, false);
        if !server.options.standalone {
            let host = server.host();
            let config = doc! { "_id": "rs0", "members": [ { "_id": 0, "host": host } ] };
            server.run("admin", doc! { "replSetInitiate": config });
            server.wait_for_primary();
        }
        server
    }

    pub(super) fn launch(options: ServerOptions, member: bool) -> Self {
        let directory = tempfile::Builder::new()
            .prefix("migrate-mongod-")
            .tempdir()
            .expect("a temporary directory for mongod can be made");
        fs::create_dir(directory.path().join("data")).expect("the data directory can be made");
        let mut server = Self {
            process: None,
            directory,
            port: 0,
            options,
            member,
        };
        // Another process may take the port between the moment it is found free and the server's start.
        for _ in 0..5 {
            server.port = free_port();
            if server.try_spawn() {
                return server;
            }
        }
        panic!("mongod does not start: {}", server.log_end());
    }

    /// The URL of a database, with no options but the direct connection to this server.
    pub fn url(&self, database: &str) -> String {
        format!(
            "mongodb://127.0.0.1:{}/{database}?directConnection=true",
            self.port
        )
    }

    /// `127.0.0.1:port`.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The server's log.
    pub fn log_file(&self) -> PathBuf {
        self.directory.path().join("log")
    }

    /// Where its data is.
    pub fn data_directory(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// A connection without a login.
    pub fn wire(&self) -> Wire {
        Wire::connect(self.port).unwrap_or_else(|error| panic!("{error}: {}", self.log_end()))
    }

    /// Runs one command.
    pub fn run(&self, database: &str, command: Document) -> Document {
        let name = command.keys().next().cloned().unwrap_or_default();
        let reply = self.wire().command(database, command);
        reply.unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Inserts documents, given as BSON. Returns how many.
    pub fn insert<D: AsRef<[u8]>>(
        &self,
        database: &str,
        collection: &str,
        documents: impl IntoIterator<Item = D>,
    ) -> u64 {
        let inserted = self.wire().insert(database, collection, documents);
        inserted.unwrap_or_else(|error| panic!("insert: {error}"))
    }

    /// Kills it with SIGKILL, as a crash would.
    pub fn kill(&mut self) {
        drop(self.process.take());
    }

    /// Starts it again after [`kill`](Self::kill), with the same port and data, and waits until it takes commands.
    pub fn restart(&mut self) {
        self.kill();
        assert!(
            self.try_spawn(),
            "mongod does not start again: {}",
            self.log_end()
        );
        if !self.options.standalone && !self.member {
            self.wait_for_primary();
        }
    }

    /// Whether it is the primary of its set right now; `false` where it does not answer.
    pub fn is_primary(&self) -> bool {
        self.hello()
            .is_ok_and(|reply| reply.get_bool("isWritablePrimary").unwrap_or(false))
    }

    /// Whether it is the primary of its set, or follows it with all data.
    pub(super) fn is_ready(&self) -> bool {
        let is = |reply: &Document, what| reply.get_bool(what).unwrap_or(false);
        self.hello()
            .is_ok_and(|reply| is(&reply, "isWritablePrimary") || is(&reply, "secondary"))
    }

    fn hello(&self) -> io::Result<Document> {
        Wire::connect(self.port)?.command("admin", doc! { "hello": 1 })
    }

    fn wait_for_primary(&mut self) {
        let start = Instant::now();
        while !self.is_primary() {
            assert!(
                start.elapsed() < PATIENCE,
                "mongod is no primary: {}",
                self.log_end()
            );
            thread::sleep(PAUSE);
        }
    }

    /// Starts the process and waits until it answers; `false` when it ends before, as it does where its port is taken.
    fn try_spawn(&mut self) -> bool {
        let program = binary::find();
        let process = Process::start(&program, &self.arguments(), &self.log_file());
        let mut process = process.unwrap_or_else(|error| {
            panic!(
                "{} (through setpriv, of util-linux) does not start: {error}",
                program.display()
            )
        });
        let start = Instant::now();
        loop {
            if process.ended().is_some() {
                return false;
            }
            if self.hello().is_ok() {
                self.process = Some(process);
                return true;
            }
            assert!(
                start.elapsed() < PATIENCE,
                "mongod does not answer: {}",
                self.log_end()
            );
            thread::sleep(PAUSE);
        }
    }

    fn arguments(&self) -> Vec<OsString> {
        let data = self.data_directory();
        let mut arguments: Vec<OsString> = [
            "--bind_ip",
            "127.0.0.1",
            "--nounixsocket",
            "--port",
            &self.port.to_string(),
            // A journal of 8 MB, and little memory: many of these run at once.
            "--wiredTigerEngineConfigString",
            "log=(prealloc=false,file_max=8MB)",
            "--wiredTigerCacheSizeGB",
            "0.25",
            "--setParameter",
            "diagnosticDataCollectionEnabled=false",
            "--dbpath",
        ]
        .into_iter()
        .map(OsString::from)
        .collect();
        arguments.push(data.into());
        if !self.options.standalone {
            arguments.extend(["--replSet", "rs0", "--oplogSize", "64"].map(OsString::from));
        }
        if self.options.auth {
            arguments.push("--auth".into());
            if !self.options.standalone {
                arguments.push("--keyFile".into());
                arguments.push(key_file(self.directory.path()).into());
            }
        }
        arguments.extend(self.options.arguments.iter().map(OsString::from));
        arguments
    }

    /// The last lines of the log.
    pub(super) fn log_end(&self) -> String {
        let log = fs::read(self.log_file()).unwrap_or_default();
        let text = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }
}

/// Members of a set with logins know each other by a key.
fn key_file(directory: &Path) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let path = directory.join("key");
    let write = || -> io::Result<()> {
        fs::write(&path, "migrate1")?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))
    };
    write().expect("the key file can be written");
    path
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener
        .local_addr()
        .expect("the address of a bound socket")
        .port()
}
