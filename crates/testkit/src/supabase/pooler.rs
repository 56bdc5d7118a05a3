//! PgBouncer (<https://www.pgbouncer.org/config.html>), which behaves as Supabase's pooler does where it matters: in
//! transaction mode a connection meets another server process with each transaction.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::PASSWORD;

/// How long a server process is lent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolMode {
    /// As long as the client stays.
    Session,
    /// For one transaction.
    Transaction,
}

/// A pooler, stopped when it is dropped.
#[derive(Debug)]
pub struct Pooler {
    child: Child,
    port: u16,
    _files: TempDir,
}

impl Pooler {
    /// Starts a pooler for a server on this machine, with so many server connections for each user and database.
    ///
    /// # Errors
    /// Where PgBouncer is not installed or does not start: `./dev setup` installs it.
    pub fn start(server: u16, mode: PoolMode, connections: u16) -> io::Result<Self> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let files = tempfile::tempdir()?;
        let mode = match mode {
            PoolMode::Session => "session",
            PoolMode::Transaction => "transaction",
        };
        let directory = files.path().display();
        let settings = format!(
            "[databases]\n* = host=127.0.0.1 port={server}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = scram-sha-256\nauth_file = {directory}/users\npool_mode = {mode}\n\
             default_pool_size = {connections}\nmax_client_conn = 200\nquery_wait_timeout = 30\n"
        );
        let users = ["postgres", "supabase_admin", "authenticator"]
            .map(|user| format!("\"{user}\" \"{PASSWORD}\"\n"));
        fs::write(files.path().join("settings"), settings)?;
        fs::write(files.path().join("users"), users.concat())?;
        fs::set_permissions(files.path(), fs::Permissions::from_mode(0o755))?;
        let mut command = Command::new("pgbouncer");
        command
            .arg("-q")
            .arg(files.path().join("settings"))
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // It refuses to run as root; the user of that number has no rights at all.
        if fs::metadata("/proc/self").is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0) {
            command.uid(65_534).gid(65_534);
        }
        let child = command.spawn().map_err(|e| {
            io::Error::new(
                e.kind(),
                format!("pgbouncer does not start ({e}): `./dev setup` installs it"),
            )
        })?;
        let mut pooler = Self {
            child,
            port,
            _files: files,
        };
        pooler.wait()?;
        Ok(pooler)
    }

    fn wait(&mut self) -> io::Result<()> {
        let began = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            if let Some(status) = self.child.try_wait()? {
                return Err(io::Error::other(format!("pgbouncer ended at once: {status}")));
            }
            if began.elapsed() > Duration::from_secs(20) {
                return Err(io::Error::from(io::ErrorKind::TimedOut));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// The port on this machine.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of a database for a role.
    pub fn url(&self, role: &str, database: &str) -> String {
        format!("postgres://{role}:{PASSWORD}@127.0.0.1:{}/{database}", self.port)
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
