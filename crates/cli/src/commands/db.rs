//! `migrate db`

use std::path::PathBuf;
use std::process::ExitCode;

use migrate_core::{Error, ErrorKind, Result, Side};
use migrate_pg_embedded::Cluster;
use serde_json::json;

use super::print;
use crate::args::{DbArgs, DbCommand};
use crate::exit::Exit;
use crate::private_cluster::{
    attach, blocking, close_cluster, cluster_error, data_dir_or_default, databases, must_have, start,
};
use crate::report::text::printable;
use crate::ui::Ui;

pub(super) async fn run(args: DbArgs, ui: &Ui) -> Result<ExitCode> {
    let dir = data_dir_or_default(args.data_dir)?;
    match args.command {
        DbCommand::Path => {
            print(
                ui,
                || dir.display().to_string(),
                || json!({ "path": dir.display().to_string() }),
            );
            Ok(Exit::Done.into())
        }
        DbCommand::Start => keep_running(dir, ui).await,
        DbCommand::Stop => stop(dir, ui).await,
        DbCommand::Url { database } => url(dir, &database, ui).await,
        DbCommand::Psql { database, options } => psql(dir, database, options, ui).await,
    }
}

async fn keep_running(dir: PathBuf, ui: &Ui) -> Result<ExitCode> {
    let cluster = start(dir, true, ui).await?;
    let names = databases(&cluster).await?;
    print(
        ui,
        || {
            let state = if cluster.started() {
                "started"
            } else {
                "was running already"
            };
            let list = if names.is_empty() {
                "none yet".to_owned()
            } else {
                names.join(", ")
            };
            format!(
                "PostgreSQL {} {state}: 127.0.0.1:{}, data in {}\nDatabases: {}\n\
                 Connect: migrate db psql NAME, or migrate db url NAME for the URL. Stop: migrate db stop",
                cluster.major(),
                cluster.port(),
                cluster.data_dir().display(),
                printable(&list)
            )
        },
        || {
            json!({
                "started": cluster.started(),
                "major": cluster.major(),
                "host": "127.0.0.1",
                "port": cluster.port(),
                "user": cluster.user(),
                "password_file": cluster.pass_file().display().to_string(),
                "path": cluster.data_dir().display().to_string(),
                "databases": names,
            })
        },
    );
    close_cluster(cluster, true, ui).await;
    Ok(Exit::Done.into())
}

async fn stop(dir: PathBuf, ui: &Ui) -> Result<ExitCode> {
    let running = match attach(dir.clone()).await? {
        Some(cluster) => {
            blocking(move || cluster.stop().map_err(cluster_error)).await?;
            true
        }
        None => false,
    };
    print(
        ui,
        || {
            if running {
                "Stopped; the data stay.".to_owned()
            } else {
                "It was not running.".to_owned()
            }
        },
        || json!({ "was_running": running, "path": dir.display().to_string() }),
    );
    Ok(Exit::Done.into())
}

async fn url(dir: PathBuf, database: &str, ui: &Ui) -> Result<ExitCode> {
    let cluster = attach(dir.clone()).await?.ok_or_else(|| {
        Error::new(ErrorKind::Config, "the private cluster is not running")
            .on(Side::Destination)
            .at("directory", dir.display())
            .hint("start it with `migrate db start`")
    })?;
    let outcome = must_have(&cluster, database).await;
    if outcome.is_ok() {
        let url = cluster.url(database);
        print(ui, || url.clone(), || json!({ "url": url }));
    }
    close_cluster(cluster, false, ui).await;
    outcome.map(|()| Exit::Done.into())
}

async fn psql(dir: PathBuf, database: String, options: Vec<std::ffi::OsString>, ui: &Ui) -> Result<ExitCode> {
    let cluster = start(dir, false, ui).await?;
    let outcome = match must_have(&cluster, &database).await {
        Ok(()) => client(&cluster, &database, options).await,
        Err(e) => Err(e),
    };
    close_cluster(cluster, false, ui).await;
    outcome
}

/// Ctrl-C is for psql: the handlers that every command has keep this process alive, and the terminal sends it to both.
async fn client(cluster: &Cluster, database: &str, options: Vec<std::ffi::OsString>) -> Result<ExitCode> {
    let mut command = cluster.psql(database).map_err(cluster_error)?;
    command.args(options);
    let status = blocking(move || {
        command
            .status()
            .map_err(|e| Error::destination(ErrorKind::Io, "psql cannot be started").because(e))
    })
    .await?;
    // psql's own codes are 0 to 3; a signal is unexpected.
    let code = status
        .code()
        .and_then(|c| u8::try_from(c).ok())
        .unwrap_or(Exit::Unexpected.code());
    Ok(code.into())
}
