//! Throw-away clusters for tests.

use std::fs;
use std::time::Duration;

use crate::account::Account;
use crate::error::Doing;
use crate::guard::Waiter;
use crate::launch::Origin;
use crate::layout::DataDir;
use crate::lock::{self, Mode};
use crate::postmaster::PidFile;
use crate::template::{key, scratch};
use crate::{Cluster, ClusterOptions, Error, Installation, random};

const PREFIX: &str = "temporary-";
const LIMIT: Duration = Duration::from_mins(2);

impl Cluster {
    /// A cluster of one's own that is removed at the end. `None` is the newest installation. It is in `TMPDIR` if that is set,
    /// else in `/dev/shm` if that has 2 GiB to spare, else in `/tmp`.
    ///
    /// It is a copy of a template that is made once for each installation, and does not survive a crash of the machine
    /// (`fsync` is off), so it starts in a fraction of a second. What a killed process leaves on disk is removed by the
    /// next call.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn temporary(installation: Option<Installation>, settings: &[(&str, &str)]) -> Result<Self, Error> {
        let account = Account::for_server()?;
        let scratch = scratch(&account)?;
        let path = scratch.join(format!("{PREFIX}{}", random::hex()?));
        let held = {
            let _alone = lock::acquire(
                &scratch.join("lock"),
                Mode::Exclusive,
                LIMIT,
                "removing old clusters",
            )?;
            sweep(&scratch)?;
            let dir = DataDir::create(&path, &account)?;
            // From here on nobody takes it for an old one.
            lock::acquire(&dir.users(), Mode::Shared, LIMIT, "using a new cluster")?
        };
        let options = test_options(path.clone(), installation, settings);
        let cluster = Self::start_with(options, &Origin::Template(scratch), Waiter::Auto);
        drop(held);
        match cluster {
            Ok(cluster) => Ok(cluster.remove_at_end()),
            Err(error) => {
                // The first error is the one to report; the directory is an old one for the next call.
                let _ = fs::remove_dir_all(&path);
                Err(error)
            }
        }
    }

    /// The one cluster that all processes of a test run share: the first starts it, the others join it, the last stops it and
    /// removes its data. A run after that begins with an empty one. `None` is the newest installation. Processes
    /// that ask for other settings, or another installation, get another cluster.
    ///
    /// Callers should make a database of their own, with a name that no other process uses, and put nothing anywhere else.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn shared(installation: Option<Installation>, settings: &[(&str, &str)]) -> Result<Self, Error> {
        let account = Account::for_server()?;
        let scratch = scratch(&account)?;
        let installation = installation.map_or_else(crate::find_installation, Ok)?;
        let mut options = test_options(scratch.clone(), Some(installation.clone()), settings);
        options.data_dir.push(format!(
            "shared-{}",
            key(&installation, &account, &options.settings)
        ));
        Self::start_with(options, &Origin::Template(scratch), Waiter::Auto)
    }
}

fn test_options(
    data_dir: std::path::PathBuf,
    installation: Option<Installation>,
    settings: &[(&str, &str)],
) -> ClusterOptions {
    let mut options = ClusterOptions::new(data_dir);
    options.installation = installation;
    options.settings = settings
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    options
}

/// Removes the temporary clusters that nobody uses. The caller holds the scratch directory's lock.
fn sweep(scratch: &std::path::Path) -> Result<(), Error> {
    for entry in fs::read_dir(scratch).doing("read", scratch)?.flatten() {
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        let path = entry.path();
        let pgdata = path.join("pgdata");
        if PidFile::read(&pgdata)?.is_some_and(|server| server.is_running(&pgdata)) {
            continue;
        }
        // A directory without the file was left by a process that was killed while making it.
        let users = path.join("users");
        let unused = !users.exists()
            || lock::open(&users).and_then(|file| lock::try_acquire(&file, &users, Mode::Exclusive))?;
        if unused {
            // Best effort: whoever calls next tries again.
            let _ = fs::remove_dir_all(&path);
        }
    }
    Ok(())
}
