//! The private cluster: starting, joining and leaving it, and the databases in it.

use std::path::{Path, PathBuf};

use migrate_core::plan::quote_ident;
use migrate_core::{Error, ErrorKind, Result, Side};
use migrate_pg_client::{Connector, During, PgTarget, classify, execute, sqlx};
use migrate_pg_embedded::{Cluster, ClusterOptions, Ending};

use crate::report::text::printable;
use crate::ui::Ui;

/// The private cluster's directory.
///
/// # Errors
/// [`Config`](ErrorKind::Config) if there is no default.
pub(crate) fn data_dir_or_default(named: Option<PathBuf>) -> Result<PathBuf> {
    named.map_or_else(
        || migrate_pg_embedded::default_data_dir().map_err(cluster_error),
        Ok,
    )
}

/// The major version that made the cluster there, if there is one.
pub(crate) fn major_of(dir: &Path) -> Option<u32> {
    std::fs::read_to_string(dir.join("pgdata/PG_VERSION"))
        .ok()?
        .trim()
        .parse()
        .ok()
}

/// Fails unless there is a private cluster.
///
/// # Errors
/// [`Config`](ErrorKind::Config) with where it would be.
pub(crate) fn must_exist(dir: &Path) -> Result<()> {
    if dir.join("pgdata").is_dir() {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Config,
        "no destination is named, and there is no private cluster yet",
    )
    .on(Side::Destination)
    .at("directory", dir.display())
    .hint("name the destination with --to, --to-file or MIGRATE_TO"))
}

/// Starts the private cluster, or joins it where it runs already.
///
/// # Errors
/// As [`cluster_error`] translates.
pub(crate) async fn start(data_dir: PathBuf, keep: bool, ui: &Ui) -> Result<Cluster> {
    if ui.verbose > 0 {
        ui.say(&format!("starting the private cluster in {}", data_dir.display()));
    }
    let mut options = ClusterOptions::new(data_dir);
    options.keep_running = keep;
    blocking(move || Cluster::start(options).map_err(cluster_error)).await
}

/// Joins the private cluster if it runs.
///
/// # Errors
/// As [`cluster_error`] translates.
pub(crate) async fn attach(data_dir: PathBuf) -> Result<Option<Cluster>> {
    blocking(move || Cluster::attach(data_dir).map_err(cluster_error)).await
}

/// Lets go of the private cluster, and says what cannot be helped any more.
pub(crate) async fn close_cluster(cluster: Cluster, keep: bool, ui: &Ui) {
    let outcome = blocking(move || {
        if keep {
            cluster.keep().map(|()| Ending::Kept)
        } else {
            cluster.release()
        }
        .map_err(cluster_error)
    })
    .await;
    match outcome {
        Ok(Ending::Stopped) if ui.verbose > 0 => ui.say("the private cluster is stopped"),
        Ok(Ending::InUse) if ui.verbose > 0 => ui.say("the private cluster goes on running: others use it"),
        Ok(_) => {}
        Err(e) => ui.warn(&format!("the private cluster could not be let go of: {e}")),
    }
}

/// Runs something that waits for processes and files off the threads that drive everything else.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|e| {
        Err(Error::new(ErrorKind::Internal, "a task about the private cluster panicked").because(e))
    })
}

/// What a private cluster's trouble means here.
pub(crate) fn cluster_error(error: migrate_pg_embedded::Error) -> Error {
    use migrate_pg_embedded::Error as Cluster;
    let kind = match &error {
        Cluster::NotInstalled { .. } | Cluster::WrongMajor { .. } | Cluster::NoPsql => ErrorKind::Unsupported,
        Cluster::NotAnInstallation { .. }
        | Cluster::NotACluster { .. }
        | Cluster::NoHome
        | Cluster::DatabaseName { .. } => ErrorKind::Config,
        Cluster::OtherOwner { .. } | Cluster::Unreachable { .. } | Cluster::NoUnprivilegedUser => {
            ErrorKind::Permission
        }
        Cluster::Timeout { .. } | Cluster::Start { .. } | Cluster::Program { .. } => ErrorKind::Resources,
        _ => ErrorKind::Io,
    };
    let told = Error::destination(kind, error.to_string());
    match &error {
        Cluster::NotInstalled { hint, .. } => told.hint(format!("{hint}\nor name a server with --to")),
        Cluster::NoPsql => told.hint("`migrate db url` prints a URL that any client takes"),
        Cluster::Io { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => {
            told.hint("name a directory of your own with --data-dir")
        }
        _ => told,
    }
}

const DATABASES: &str = "
    select datname::text
    from pg_database
    where not datistemplate and datname <> 'postgres'
    order by datname";

/// The databases in the private cluster that people made.
///
/// # Errors
/// Those of connecting.
pub(crate) async fn databases(cluster: &Cluster) -> Result<Vec<String>> {
    let connector = Connector::new(PgTarget::parse(&cluster.socket_url("postgres").into())?);
    let mut connection = connector.connect().await?;
    let names = sqlx::query_scalar(DATABASES)
        .fetch_all(&mut connection)
        .await
        .map_err(|e| classify(e, During::Statement));
    Connector::disconnect(connection).await;
    names
}

/// The cluster's only database.
///
/// # Errors
/// [`Config`](ErrorKind::Config) if it has none, or several.
pub(crate) async fn only_database(cluster: &Cluster) -> Result<String> {
    let mut names = databases(cluster).await?;
    let error = |message: String| Error::new(ErrorKind::Config, message).on(Side::Destination);
    match (names.len(), names.pop()) {
        (1, Some(name)) => Ok(name),
        (_, None) => Err(error("the private cluster holds no database".to_owned())
            .hint("name the destination with --to, --to-file or MIGRATE_TO")),
        (_, Some(last)) => {
            names.push(last);
            Err(error(format!(
                "the private cluster holds several databases: {}",
                names.join(", ")
            ))
            .hint("name one with --database"))
        }
    }
}

/// Fails unless the private cluster has the database.
///
/// # Errors
/// [`Config`](ErrorKind::Config) with the databases that it has.
pub(crate) async fn must_have(cluster: &Cluster, name: &str) -> Result<()> {
    let known = databases(cluster).await?;
    if name == "postgres" || known.iter().any(|n| n == name) {
        return Ok(());
    }
    let list = if known.is_empty() {
        "none yet".to_owned()
    } else {
        known.join(", ")
    };
    Err(Error::new(
        ErrorKind::Config,
        format!("the private cluster has no database `{name}`"),
    )
    .on(Side::Destination)
    .hint(format!("it holds: {list}")))
}

/// Makes the database unless it is there.
///
/// # Errors
/// [`Config`](ErrorKind::Config) for an impossible name; those of connecting.
pub(crate) async fn create_database(cluster: &Cluster, name: &str, ui: &Ui) -> Result<()> {
    if name.is_empty() || name.len() > 63 || name.contains('\0') {
        return Err(
            Error::new(ErrorKind::Config, "a database's name has 1 to 63 bytes").on(Side::Destination),
        );
    }
    if databases(cluster).await?.iter().any(|n| n == name) {
        return Ok(());
    }
    if ui.verbose > 0 {
        ui.say(&format!("creating the database {}", printable(name)));
    }
    let connector = Connector::new(PgTarget::parse(&cluster.socket_url("postgres").into())?);
    let mut connection = connector.connect().await?;
    let made = execute(
        &mut connection,
        format!("create database {}", quote_ident(name)),
        During::Statement,
    )
    .await;
    Connector::disconnect(connection).await;
    made.map(drop).map_err(|e| e.at("database", name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;
    use migrate_pg_embedded::Error as Trouble;

    #[test]
    fn trouble_with_the_private_cluster_has_its_exit_code() {
        let path = || PathBuf::from("/x");
        let missing = cluster_error(Trouble::NotInstalled {
            oldest: 14,
            hint: "apt-get install -y postgresql".into(),
        });
        assert_eq!(Exit::of(&missing), Exit::Destination);
        assert_eq!(
            missing.hint_text(),
            Some("apt-get install -y postgresql\nor name a server with --to")
        );
        assert_eq!(
            Exit::of(&cluster_error(Trouble::NotACluster { data_dir: path() })),
            Exit::Usage
        );
        assert_eq!(
            Exit::of(&cluster_error(Trouble::OtherOwner {
                path: path(),
                owner: 1,
                user: 2
            })),
            Exit::Destination
        );
        let log = Trouble::Start {
            log: path(),
            output: "no space".into(),
        };
        assert_eq!(Exit::of(&cluster_error(log)), Exit::Destination);
    }
}
