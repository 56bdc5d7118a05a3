//! The destination: a server that somebody else runs, or the private cluster for as long as the command needs it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use migrate_core::plan::{Target, quote_ident};
use migrate_core::{Error, ErrorKind, Result, Side};
use migrate_pg_client::{Connector, During, PgTarget, classify, execute, sqlx};
use migrate_pg_embedded::{Cluster, ClusterOptions, Ending};
use migrate_sink_postgres::{PostgresSink, SinkOptions};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::args::DestinationArgs;
use crate::connection::{self, Choice, NamedBy};
use crate::report::text::printable;
use crate::ui::Ui;

/// Where the destination is, without secrets.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// `host:port/database`.
    pub(crate) address: String,
    /// The database.
    pub(crate) database: String,
    /// Who is connected.
    pub(crate) user: String,
    /// The server's version, as it spells it.
    pub(crate) version: String,
    /// The private cluster's directory, if it is there.
    pub(crate) embedded: Option<PathBuf>,
    /// The environment variable that names it, if one does: nothing on the command line shows it then.
    pub(crate) variable: Option<&'static str>,
}

impl Place {
    /// For a person.
    pub(crate) fn describe(&self) -> String {
        // Packagers add their own versions behind the server's.
        let version = self.version.split_whitespace().next().unwrap_or_default();
        match &self.embedded {
            Some(dir) => format!(
                "database {} in your private cluster (PostgreSQL {version}, {})",
                printable(&self.database),
                dir.display()
            ),
            None => {
                format!(
                    "{} as {} (PostgreSQL {version})",
                    printable(&self.address),
                    printable(&self.user)
                )
            }
        }
    }

    pub(crate) fn as_json(&self) -> Value {
        json!({
            "address": self.address,
            "database": self.database,
            "user": self.user,
            "server_version": self.version,
            "private_cluster": self.embedded.as_ref().map(|d| d.display().to_string()),
        })
    }
}

/// An open destination.
pub(crate) struct Destination {
    pub(crate) sink: Arc<PostgresSink>,
    pub(crate) place: Place,
    cluster: Option<Cluster>,
    /// The private cluster's directory, if the command line names it.
    named_dir: Option<PathBuf>,
}

impl Destination {
    /// Connects to what is to be written. In the private cluster the database, `name` unless `--database` says otherwise,
    /// is made if it is missing.
    ///
    /// # Errors
    /// As [`PostgresSink::connect`] and the private cluster say.
    pub(crate) async fn open(args: &DestinationArgs, name: &str, jobs: usize, ui: &Ui) -> Result<Self> {
        match connection::choose(args)? {
            Choice::Server { url, named_by } => Self::server(url, &named_by, jobs, ui).await,
            Choice::Embedded { data_dir, database } => {
                let named_dir = data_dir.clone();
                let cluster = start(data_dir_or_default(data_dir)?, false, ui).await?;
                let database = database.unwrap_or_else(|| name.to_owned());
                create_database(&cluster, &database, ui).await?;
                Ok(Self {
                    named_dir,
                    ..Self::embedded(cluster, database, jobs).await?
                })
            }
        }
    }

    /// Connects to what was written before. In the private cluster that is `--database`, else `name`, else its only
    /// database.
    ///
    /// # Errors
    /// As [`open`](Self::open); [`Config`](ErrorKind::Config) if the private cluster has no such database, or several.
    pub(crate) async fn existing(
        args: &DestinationArgs,
        name: Option<&str>,
        jobs: usize,
        ui: &Ui,
    ) -> Result<Self> {
        match connection::choose(args)? {
            Choice::Server { url, named_by } => Self::server(url, &named_by, jobs, ui).await,
            Choice::Embedded { data_dir, database } => {
                let data_dir = data_dir_or_default(data_dir)?;
                must_exist(&data_dir)?;
                let cluster = start(data_dir, false, ui).await?;
                let database = match database.as_deref().or(name) {
                    Some(database) => {
                        must_have(&cluster, database).await?;
                        database.to_owned()
                    }
                    None => only_database(&cluster).await?,
                };
                Self::embedded(cluster, database, jobs).await
            }
        }
    }

    async fn server(url: SecretString, named_by: &NamedBy, jobs: usize, ui: &Ui) -> Result<Self> {
        let target = PgTarget::parse(&url).map_err(|e| e.at("named by", named_by))?;
        if *named_by == (NamedBy::Flag { exposed: true }) {
            ui.warn(
                "the password in --to can be seen by other users of this machine, and stays in the shell's history; \
                 MIGRATE_TO, --to-file or PGPASSFILE keep it to yourself",
            );
        }
        if !target.ignored().is_empty() {
            ui.warn(&format!(
                "without effect in the connection string: {}",
                target.ignored().join(", ")
            ));
        }
        let sink = connect(url, jobs).await.map_err(|e| e.at("named by", named_by))?;
        let place = Place {
            address: target.describe(),
            database: sink.facts().database.clone(),
            user: sink.facts().user.clone(),
            version: sink.facts().version.clone(),
            embedded: None,
            variable: match named_by {
                NamedBy::Variable(name) => Some(name),
                NamedBy::Flag { .. } | NamedBy::File(_) => None,
            },
        };
        Ok(Self {
            sink,
            place,
            cluster: None,
            named_dir: None,
        })
    }

    async fn embedded(cluster: Cluster, database: String, jobs: usize) -> Result<Self> {
        let sink = connect(cluster.socket_url(&database).into(), jobs).await?;
        let place = Place {
            address: format!("127.0.0.1:{}/{database}", cluster.port()),
            user: sink.facts().user.clone(),
            version: sink.facts().version.clone(),
            embedded: Some(cluster.data_dir().to_owned()),
            variable: None,
            database,
        };
        Ok(Self {
            sink,
            place,
            cluster: Some(cluster),
            named_dir: None,
        })
    }

    /// What the destination can do.
    pub(crate) fn target(&self) -> Target {
        self.sink.target()
    }

    /// Lets go; the private cluster stops unless it is to be kept, or somebody else uses it.
    pub(crate) async fn close(self, keep: bool, ui: &Ui) {
        drop(self.sink);
        if let Some(cluster) = self.cluster {
            close_cluster(cluster, keep, ui).await;
        }
    }

    /// How to get to the database in the private cluster, once the command has ended. `kept` says whether the server
    /// was asked to stay.
    pub(crate) fn how_to_connect(&self, kept: bool) -> Option<String> {
        let cluster = self.cluster.as_ref()?;
        let database = printable(&self.place.database);
        let psql = format!("migrate db psql {database}");
        let url = format!("migrate db url {database}");
        // A server that ran before this command goes on for whoever started it.
        let (title, commands) = if kept || !cluster.started() {
            let direct = format!(
                "PGPASSFILE={} psql -h 127.0.0.1 -p {} -U {} {database}",
                cluster.pass_file().display(),
                cluster.port(),
                cluster.user()
            );
            let commands = [
                (psql, "opens psql on it"),
                (direct, ""),
                (url, "prints its URL, with the password"),
                ("migrate db stop".to_owned(), "stops the server; the data stay"),
            ];
            ("The server goes on running. To connect:", commands.to_vec())
        } else {
            let commands = [
                (psql, "opens psql on it, and starts the server for as long"),
                (
                    "migrate db start".to_owned(),
                    "starts the server until `migrate db stop`",
                ),
                (url, "prints its URL, with the password, while the server runs"),
            ];
            (
                "The server stops with this command; the data stay. To connect:",
                commands.to_vec(),
            )
        };
        let directory = match &self.named_dir {
            Some(dir) => format!(" --data-dir {}", dir.display()),
            None => String::new(),
        };
        let commands: Vec<(String, &str)> = commands
            .into_iter()
            .map(|(c, about)| {
                (
                    if c.starts_with("migrate ") {
                        format!("{c}{directory}")
                    } else {
                        c
                    },
                    about,
                )
            })
            .collect();
        let width = commands
            .iter()
            .filter(|(_, a)| !a.is_empty())
            .map(|(c, _)| c.chars().count())
            .max()
            .unwrap_or(0);
        let mut lines = vec![title.to_owned()];
        lines.extend(
            commands
                .iter()
                .map(|(c, about)| format!("  {c:<width$}  {about}").trim_end().to_owned()),
        );
        Some(lines.join("\n"))
    }
}

async fn connect(url: SecretString, jobs: usize) -> Result<Arc<PostgresSink>> {
    let mut options = SinkOptions::new(String::new());
    options.url = url;
    options.connections = jobs;
    PostgresSink::connect(options).await
}

/// What a plan is made for when nobody connects: a server that somebody named is asked, the private cluster's is the
/// PostgreSQL that would run it.
///
/// # Errors
/// Those of connecting.
pub(crate) async fn target_for_plan(args: &DestinationArgs, ui: &Ui) -> Result<Target> {
    match connection::choose(args)? {
        Choice::Server { url, named_by } => Ok(Destination::server(url, &named_by, 1, ui).await?.target()),
        Choice::Embedded { data_dir, .. } => {
            let made_by = data_dir_or_default(data_dir).ok().and_then(|dir| major_of(&dir));
            let major = made_by.or_else(|| {
                migrate_pg_embedded::find_installation()
                    .ok()
                    .map(|i| i.version.major)
            });
            let newest = Target::default();
            Ok(Target {
                version: major.unwrap_or(newest.version),
                ..newest
            })
        }
    }
}

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
fn major_of(dir: &Path) -> Option<u32> {
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

async fn only_database(cluster: &Cluster) -> Result<String> {
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
async fn create_database(cluster: &Cluster, name: &str, ui: &Ui) -> Result<()> {
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

    #[test]
    fn places_are_told_with_where_they_are() {
        let mut place = Place {
            address: "db:5432/crm".into(),
            database: "crm".into(),
            user: "app".into(),
            version: "18.0 (Debian 18.0-1)".into(),
            embedded: None,
            variable: None,
        };
        assert_eq!(place.describe(), "db:5432/crm as app (PostgreSQL 18.0)");
        place.embedded = Some(PathBuf::from("/var/lib/migrate/postgres"));
        assert_eq!(
            place.describe(),
            "database crm in your private cluster (PostgreSQL 18.0, /var/lib/migrate/postgres)"
        );
    }
}
