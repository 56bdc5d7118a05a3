//! The connection to a deployment, and what it is.

use std::time::Duration;

use bson::raw::RawDocumentBuf;
use bson::{Document, Timestamp, doc};
use futures::StreamExt;
use migrate_core::Result;
use mongodb::error::Error as DriverError;
use mongodb::options::{ReadConcernLevel, ReadPreference, SelectionCriteria};
use mongodb::raw_batch_cursor::RawBatchCursor;
use mongodb::{Client, Database};

use super::patience::persist;
use super::slice::Slice;
use crate::classify::{config as refused, driver};
use crate::config::MongoConfig;

/// What answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Topology {
    /// One server without a replica set.
    Standalone,
    /// A replica set.
    ReplicaSet,
    /// A sharded cluster, through its routers.
    Sharded,
}

/// What a cursor is over, which decides whom to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// A collection's content: the members that the connection string prefers.
    Documents,
    /// Names, options, indexes, sizes: the primary, if there is one.
    Catalog,
}

/// One database of a deployment.
pub(super) struct Deployment {
    database: Database,
    /// Which members documents are read from.
    documents: SelectionCriteria,
    /// Which members are asked about everything else: one that lags behind would not know the newest collections.
    catalog: SelectionCriteria,
    /// The read concern that the connection string asks for.
    pub(super) level: Option<String>,
    pub(super) topology: Topology,
    pub(super) version: String,
    /// The deployment's time when it was connected to; readings are never of an earlier state.
    pub(super) connected: Option<Timestamp>,
    pub(super) patience: Duration,
    pub(super) name: String,
}

impl Deployment {
    pub(super) async fn connect(config: &MongoConfig) -> Result<Self> {
        let options = config.options().await?;
        let what = format!("connecting to {config}");
        let Some(database) = config.database() else {
            return Err(refused(format!("{config}: no database is named"))
                .hint("name it in the connection string, after the hosts: mongodb://host/database"));
        };
        let hosts: Vec<String> = options.hosts.iter().map(ToString::to_string).collect();
        let selection = options.selection_criteria.clone();
        let level = options
            .read_concern
            .as_ref()
            .and_then(|concern| level_name(&concern.level));
        let client = Client::with_options(options).map_err(|error| driver(&what, &error))?;
        let mut deployment = Self {
            database: client.database(database),
            documents: selection.unwrap_or(SelectionCriteria::ReadPreference(ReadPreference::Primary)),
            catalog: SelectionCriteria::ReadPreference(ReadPreference::PrimaryPreferred { options: None }),
            level,
            topology: Topology::Standalone,
            version: String::new(),
            connected: None,
            patience: config.patience(),
            name: format!("mongodb://{}/{database}", hosts.join(",")),
        };
        // Not repeated: who starts with a server that is not there wants to know at once.
        let hello = deployment
            .run(doc! { "hello": 1 })
            .await
            .map_err(|error| driver(&what, &error))?;
        deployment.topology = if hello.get_str("msg").is_ok_and(|msg| msg == "isdbgrid") {
            Topology::Sharded
        } else if hello.contains_key("setName") {
            Topology::ReplicaSet
        } else {
            Topology::Standalone
        };
        deployment.connected = hello.get_timestamp("operationTime").ok();
        let build = deployment
            .run(doc! { "buildInfo": 1 })
            .await
            .map_err(|error| driver(&what, &error))?;
        deployment.version = build.get_str("version").unwrap_or("unknown").to_owned();
        Ok(deployment)
    }

    /// The database's name.
    pub(super) fn database(&self) -> &str {
        self.database.name()
    }

    /// Runs a command once.
    pub(super) async fn run(&self, command: Document) -> Result<Document, DriverError> {
        self.database
            .run_command(command)
            .selection_criteria(self.catalog.clone())
            .await
    }

    /// Runs a command of the database `admin`, once.
    pub(super) async fn run_admin(&self, command: Document) -> Result<Document, DriverError> {
        let admin = self.database.client().database("admin");
        admin
            .run_command(command)
            .selection_criteria(self.catalog.clone())
            .await
    }

    /// Opens a cursor over documents once.
    pub(super) async fn open(
        &self,
        command: RawDocumentBuf,
        batch: u32,
    ) -> Result<RawBatchCursor, DriverError> {
        self.open_at(&self.documents, command, batch).await
    }

    async fn open_at(
        &self,
        members: &SelectionCriteria,
        command: RawDocumentBuf,
        batch: u32,
    ) -> Result<RawBatchCursor, DriverError> {
        self.database
            .run_raw_cursor_command(command)
            .selection_criteria(members.clone())
            .batch_size(batch)
            .batch()
            .await
    }

    /// All documents of a command's cursor, from one attempt.
    pub(super) async fn collect_once(&self, of: Of, command: &Document) -> Result<Vec<Vec<u8>>, DriverError> {
        let command = RawDocumentBuf::try_from(command)?;
        let members = match of {
            Of::Documents => &self.documents,
            Of::Catalog => &self.catalog,
        };
        let mut cursor = self.open_at(members, command, 1000).await?;
        let mut documents = Vec::new();
        while let Some(batch) = cursor.next().await {
            let slice = Slice::of(batch?).map_err(DriverError::custom)?;
            documents.extend(slice.iter().map(<[u8]>::to_vec));
        }
        Ok(documents)
    }

    /// All documents of a command's cursor.
    pub(super) async fn collect(&self, of: Of, what: &str, command: &Document) -> Result<Vec<Vec<u8>>> {
        persist(self.patience, what, || self.collect_once(of, command)).await
    }

    /// The deployment's time now, if it has one.
    pub(super) async fn time(&self) -> Result<Option<Timestamp>, DriverError> {
        let hello = self.run(doc! { "hello": 1 }).await?;
        Ok(hello.get_timestamp("operationTime").ok())
    }
}

/// The level's name in commands. A snapshot is not a level here, but what a run asks for by itself.
fn level_name(level: &ReadConcernLevel) -> Option<String> {
    let name = match level {
        ReadConcernLevel::Local => "local",
        ReadConcernLevel::Majority => "majority",
        ReadConcernLevel::Linearizable => "linearizable",
        ReadConcernLevel::Available => "available",
        ReadConcernLevel::Snapshot => return None,
        ReadConcernLevel::Custom(name) => name,
        _ => return None,
    };
    Some(name.to_owned())
}
