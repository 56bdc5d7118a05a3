//! The destination: a server that somebody else runs, or the private cluster for as long as the command needs it.

use std::path::PathBuf;
use std::sync::Arc;

use migrate_core::Result;
use migrate_core::plan::Target;
use migrate_pg_client::PgTarget;
use migrate_pg_embedded::Cluster;
use migrate_sink_postgres::{PostgresSink, SinkOptions};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::args::DestinationArgs;
use crate::connection::{self, Choice, NamedBy};
use crate::private_cluster::{
    close_cluster, create_database, data_dir_or_default, major_of, must_exist, must_have, only_database,
    start,
};
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
    pub(crate) async fn open(args: &DestinationArgs, name: &str, work: Work, ui: &Ui) -> Result<Self> {
        match connection::choose(args)? {
            Choice::Server { url, named_by } => Self::server(url, &named_by, work, ui).await,
            Choice::Embedded { data_dir, database } => {
                let named_dir = data_dir.clone();
                let cluster = start(data_dir_or_default(data_dir)?, false, ui).await?;
                let database = database.unwrap_or_else(|| name.to_owned());
                create_database(&cluster, &database, ui).await?;
                Ok(Self {
                    named_dir,
                    ..Self::embedded(cluster, database, work, ui).await?
                })
            }
        }
    }

    /// Connects to a destination that somebody else runs; `None` if it is the private cluster.
    ///
    /// # Errors
    /// As [`PostgresSink::connect`] says.
    pub(crate) async fn open_server(args: &DestinationArgs, work: Work, ui: &Ui) -> Result<Option<Self>> {
        match connection::choose(args)? {
            Choice::Server { url, named_by } => Self::server(url, &named_by, work, ui).await.map(Some),
            Choice::Embedded { .. } => Ok(None),
        }
    }

    /// Connects to what was written before. In the private cluster that is `--database`, else `name`, else its only
    /// database.
    ///
    /// # Errors
    /// As [`open`](Self::open); [`Config`](migrate_core::ErrorKind::Config) if the private cluster has no such database, or several.
    pub(crate) async fn existing(
        args: &DestinationArgs,
        name: Option<&str>,
        work: Work,
        ui: &Ui,
    ) -> Result<Self> {
        match connection::choose(args)? {
            Choice::Server { url, named_by } => Self::server(url, &named_by, work, ui).await,
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
                Self::embedded(cluster, database, work, ui).await
            }
        }
    }

    async fn server(url: SecretString, named_by: &NamedBy, work: Work, ui: &Ui) -> Result<Self> {
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
        let sink = connect(url, work, ui)
            .await
            .map_err(|e| e.at("named by", named_by))?;
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

    async fn embedded(cluster: Cluster, database: String, work: Work, ui: &Ui) -> Result<Self> {
        let sink = connect(cluster.socket_url(&database).into(), work, ui).await?;
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

    /// As many workers as were asked for, or as the server has connections for: each writes over one of its own, and others
    /// use the server as well.
    ///
    /// # Errors
    /// Those of asking.
    pub(crate) async fn jobs(&self, wanted: usize, ui: &Ui) -> Result<usize> {
        let Some(spare) = self.sink.spare_connections().await? else {
            return Ok(wanted);
        };
        // One holds the lock, one looks for pauses, and half of what is left is for others.
        let possible = (spare.saturating_sub(2) / 2).max(1);
        if possible < wanted {
            ui.warn(&format!(
                "the server has {spare} connections to spare: {possible} parts of tables are copied at the same time, not {wanted}"
            ));
        }
        Ok(wanted.min(possible))
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

/// How a destination will be worked on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Work {
    /// Connections at the same time.
    pub(crate) jobs: usize,
    /// Whether statistics are gathered after the rows.
    pub(crate) analyze: bool,
    /// Bytes that the database may have on disk.
    pub(crate) disk_limit: Option<u64>,
}

impl Work {
    /// With so many connections, and everything that belongs to a migration.
    pub(crate) fn with(jobs: usize) -> Self {
        Self {
            jobs,
            analyze: true,
            disk_limit: None,
        }
    }
}

async fn connect(url: SecretString, work: Work, ui: &Ui) -> Result<Arc<PostgresSink>> {
    let mut options = SinkOptions::new(String::new());
    options.url = url;
    options.connections = work.jobs;
    options.analyze = work.analyze;
    options.disk_limit = work.disk_limit;
    let told = ui.clone();
    options.notice = Some(Arc::new(move |text| told.warn(text)));
    PostgresSink::connect(options).await
}

/// What a plan is made for when nobody connects: a server that somebody named is asked, the private cluster's is the
/// PostgreSQL that would run it.
///
/// # Errors
/// Those of connecting.
pub(crate) async fn target_for_plan(args: &DestinationArgs, ui: &Ui) -> Result<Target> {
    match connection::choose(args)? {
        Choice::Server { url, named_by } => Ok(Destination::server(url, &named_by, Work::with(1), ui)
            .await?
            .target()),
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

#[cfg(test)]
mod tests {
    use super::*;

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
