//! Bringing a server up: the right installation, a port, the command line, and waiting for it.

use std::ffi::OsString;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::account::Account;
use crate::error::Doing;
use crate::guard::{Guard, Waiter};
use crate::initdb::initialize;
use crate::layout::DataDir;
use crate::lock::PAUSE;
use crate::options::{ALWAYS, DISPOSABLE};
use crate::postmaster::PidFile;
use crate::{ClusterOptions, Error, Installation, Search};

/// Ports are tried this often, since another program may take a free one before the server does.
const PORT_ATTEMPTS: usize = 5;

/// Where a new data directory comes from.
#[derive(Clone, Debug)]
pub(crate) enum Origin {
    /// `initdb`, once; the data last.
    Initdb,
    /// A copy of a template in this scratch directory, anew at each start; the data are worth nothing.
    Template(PathBuf),
}

/// The installation to start with, after `initdb` where there is no cluster yet.
pub(crate) fn prepare(
    dir: &DataDir,
    account: &Account,
    options: &ClusterOptions,
) -> Result<Installation, Error> {
    let installation = match (dir.major()?, &options.installation) {
        (None, wanted) => {
            let installation = wanted.clone().map_or_else(crate::find_installation, Ok)?;
            initialize(dir, account, &installation, true)?;
            installation
        }
        (Some(major), Some(wanted)) => {
            check_major(dir, major, wanted)?;
            wanted.clone()
        }
        (Some(major), None) => {
            let search = Search::from_env();
            let same = search
                .all()
                .into_iter()
                .find(|found| found.version.major == major);
            match same {
                Some(installation) => installation,
                None => {
                    let newest = search.newest()?;
                    check_major(dir, major, &newest)?;
                    newest
                }
            }
        }
    };
    account.check_reach(&installation.program("postgres"))?;
    Ok(installation)
}

pub(crate) fn check_major(dir: &DataDir, cluster: u32, installation: &Installation) -> Result<(), Error> {
    if installation.version.major == cluster {
        return Ok(());
    }
    Err(Error::WrongMajor {
        data_dir: dir.root().to_path_buf(),
        cluster,
        installed: installation.version,
    })
}

/// The server that runs on this directory, once it accepts connections; `None` if none runs, or it ends meanwhile.
pub(crate) fn wait_until_ready(dir: &DataDir, limit: Duration) -> Result<Option<PidFile>, Error> {
    let pgdata = dir.pgdata();
    let start = Instant::now();
    loop {
        match PidFile::read(&pgdata)? {
            Some(server) if server.is_running(&pgdata) => {
                if server.ready {
                    return Ok(Some(server));
                }
            }
            _ => return Ok(None),
        }
        if start.elapsed() > limit {
            let waiting_for = "the server becoming ready";
            return Err(Error::Timeout {
                waiting_for,
                path: pgdata,
                seconds: limit.as_secs(),
            });
        }
        thread::sleep(PAUSE);
    }
}

/// Starts the server under a guard, and waits until it accepts connections.
pub(crate) fn launch(
    dir: &DataDir,
    account: &Account,
    installation: &Installation,
    options: &ClusterOptions,
    origin: &Origin,
    waiter: Waiter,
) -> Result<(PidFile, Guard), Error> {
    let socket_dir = dir.socket_dir(account)?;
    let postgres = installation.program("postgres");
    let start = Instant::now();
    let mut ports = 0;
    let mut last_port = options.port.or_else(|| dir.last_port());
    loop {
        remove_old_sockets(&socket_dir)?;
        let port = match (options.port, last_port.take()) {
            (Some(port), _) => port,
            (None, Some(port)) if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() => port,
            _ => free_port()?,
        };
        let arguments = arguments(dir, &socket_dir, port, options, origin);
        let mut guard = Guard::spawn(dir, account, waiter, &postgres, &arguments)?;
        let ended = loop {
            // Asked first: a guard that ends after the file was read must not be taken for a server that never was.
            let ended = guard.has_ended();
            if let Some(server) = PidFile::read(&dir.pgdata())?
                && server.ready
                && server.port == Some(port)
                && server.is_running(&dir.pgdata())
            {
                return Ok((server, guard));
            }
            if ended || start.elapsed() > options.start_timeout {
                break ended;
            }
            thread::sleep(PAUSE);
        };
        if !ended {
            // The caller's lock ends with this error, and then the guard stops what is still starting.
            return Err(Error::Timeout {
                waiting_for: "starting the server",
                path: dir.log(),
                seconds: options.start_timeout.as_secs(),
            });
        }
        let output = guard.log(dir);
        // Processes of a server that was killed are still leaving.
        let leaving = output.contains("is still in use") && start.elapsed() < Duration::from_secs(20);
        let port_taken = options.port.is_none() && output.contains("could not bind") && ports < PORT_ATTEMPTS;
        if leaving {
            thread::sleep(Duration::from_millis(100));
        } else if port_taken {
            ports += 1;
        } else {
            return Err(Error::Start {
                log: dir.log(),
                output,
            });
        }
    }
}

fn arguments(
    dir: &DataDir,
    socket_dir: &Path,
    port: u16,
    options: &ClusterOptions,
    origin: &Origin,
) -> Vec<OsString> {
    let mut arguments = vec![OsString::from("-D"), dir.pgdata().into_os_string()];
    let mut set = |name: &str, value: &std::ffi::OsStr| {
        let mut setting = OsString::from(format!("{name}="));
        setting.push(value);
        arguments.extend([OsString::from("-c"), setting]);
    };
    // The last value of a setting counts.
    let disposable = if matches!(origin, Origin::Template(_)) {
        DISPOSABLE
    } else {
        &[]
    };
    for (name, value) in ALWAYS.iter().chain(disposable) {
        set(name, value.as_ref());
    }
    for (name, value) in &options.settings {
        set(name, value.as_ref());
    }
    set("port", port.to_string().as_ref());
    // The setting is a list, so a path with a comma has to be quoted.
    let mut quoted = OsString::from("\"");
    quoted.push(socket_dir);
    quoted.push("\"");
    set("unix_socket_directories", &quoted);
    arguments
}

/// Removes what a killed server left, whose lock file names a process number that may belong to anyone by now. The
/// caller holds the start lock and knows that no server runs.
fn remove_old_sockets(socket_dir: &Path) -> Result<(), Error> {
    for entry in fs::read_dir(socket_dir).doing("read", socket_dir)?.flatten() {
        if entry.file_name().to_string_lossy().starts_with(".s.PGSQL.") {
            fs::remove_file(entry.path()).doing("remove", &entry.path())?;
        }
    }
    Ok(())
}

fn free_port() -> Result<u16, Error> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .doing("find a free port on", Path::new("127.0.0.1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_the_caller_come_after_the_crates_own() {
        let mut options = ClusterOptions::new("/x");
        options
            .settings
            .push(("wal_level".to_owned(), "logical".to_owned()));
        let scratch = std::env::temp_dir().join(format!("arguments-{}", std::process::id()));
        let account = Account::for_server().unwrap();
        let dir = DataDir::create(&scratch, &account).unwrap();
        let all = arguments(&dir, Path::new("/a,b"), 5555, &options, &Origin::Initdb);
        let at = |text: &str| all.iter().position(|argument| argument == text);
        assert!(at("wal_level=minimal").unwrap() < at("wal_level=logical").unwrap());
        assert!(at("port=5555").is_some());
        assert!(at("unix_socket_directories=\"/a,b\"").is_some());
        assert_eq!(at("fsync=off"), None, "a cluster whose data count is synced");
        let all = arguments(
            &dir,
            Path::new("/a"),
            1,
            &options,
            &Origin::Template(scratch.clone()),
        );
        assert!(all.iter().any(|argument| argument == "fsync=off"));
        fs::remove_dir_all(scratch).unwrap();
    }
}
