//! Making a new cluster.

use std::fs;
use std::path::Path;

use secrecy::{ExposeSecret, SecretString};

use crate::account::Account;
use crate::error::{Doing, tail};
use crate::layout::{DataDir, SUPERUSER, write_private};
use crate::{Error, Installation, random};

/// What to ask for, best first: order by code point and case rules for all of Unicode, the same on every machine.
fn locales(major: u32) -> &'static [&'static [&'static str]] {
    if major >= 17 {
        &[
            &[
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--locale=C.UTF-8",
            ],
            &[
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--locale=C",
            ],
        ]
    } else {
        &[
            &["--locale=C.UTF-8"],
            &["--locale=C", "--lc-ctype=en_US.UTF-8"],
            &["--locale=C"],
        ]
    }
}

/// Runs `initdb`. The data directory appears complete or not at all, after its password.
pub(crate) fn initialize(
    dir: &DataDir,
    account: &Account,
    installation: &Installation,
    durable: bool,
) -> Result<(), Error> {
    let initdb = installation.program("initdb");
    account.check_reach(&initdb)?;
    let password = SecretString::from(random::hex()?);
    let password_file = dir.root().join("initdb-password");
    write_private(&password_file, password.expose_secret().as_bytes())?;
    let result = account
        .own(&password_file)
        .and_then(|()| run_initdb(dir, account, installation, &password_file, durable));
    fs::remove_file(&password_file).doing("remove", &password_file)?;
    let made = result?;
    dir.set_password(&password)?;
    let target = dir.pgdata();
    fs::rename(&made, &target).doing("rename", &made)?;
    fs::File::open(dir.root())
        .and_then(|root| root.sync_all())
        .doing("sync", dir.root())
}

fn run_initdb(
    dir: &DataDir,
    account: &Account,
    installation: &Installation,
    password_file: &Path,
    durable: bool,
) -> Result<std::path::PathBuf, Error> {
    let initdb = installation.program("initdb");
    let target = dir.root().join("pgdata.new");
    let mut failure = None;
    for locale in locales(installation.version.major) {
        remove_dir(&target)?;
        account.make_dir(&target)?;
        let mut command = account.command(&initdb);
        command
            .arg("-D")
            .arg(&target)
            .arg("--pwfile")
            .arg(password_file)
            .args(*locale)
            .args([
                "--username",
                SUPERUSER,
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--lc-messages=C",
                "--data-checksums",
                "--no-instructions",
            ]);
        if !durable {
            command.arg("--no-sync");
        }
        let output = command.output().doing("run", &initdb)?;
        if output.status.success() {
            return Ok(target);
        }
        failure = Some(Error::Program {
            program: "initdb",
            status: output.status.to_string(),
            output: tail(&String::from_utf8_lossy(&output.stderr)),
        });
        if !String::from_utf8_lossy(&output.stderr).contains("invalid locale name") {
            break;
        }
    }
    remove_dir(&target)?;
    Err(failure.unwrap_or(Error::Damaged {
        path: target,
        reason: "no locale to make it with",
    }))
}

/// Removes a directory if it is there.
pub(crate) fn remove_dir(path: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).doing("remove", path),
        _ => Ok(()),
    }
}
