//! A deployment as a [`Store`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bson::{Bson, doc};
use migrate_core::chunk::{ChunkGoal, Cursor};
use migrate_core::proof::Answer;
use migrate_core::{Error, ErrorKind, Result};

use super::ask;
use super::catalog::{self, Facts};
use super::deployment::Deployment;
use super::feed::{Feeder, batch_size};
use super::moment::Moment;
use super::query::{Extent, Query};
use super::reader::Reader;
use super::split::split;
use crate::config::MongoConfig;
use crate::store::{Collection, Documents, Fields, Part, Store, StoreInfo};

/// A database of a live deployment. Needs a Tokio runtime, in which the driver and the readers keep tasks.
pub(crate) struct LiveStore {
    info: StoreInfo,
    snapshot: bool,
    pub(super) shared: Arc<Shared>,
}

/// What readers share.
pub(super) struct Shared {
    pub(super) deployment: Deployment,
    pub(super) moment: Moment,
    /// As it was when it was first looked at.
    facts: Mutex<HashMap<String, Facts>>,
}

impl LiveStore {
    /// Connects.
    ///
    /// # Errors
    /// [`Login`](ErrorKind::Login), [`Tls`](ErrorKind::Tls), [`Connection`](ErrorKind::Connection) and
    /// [`Permission`](ErrorKind::Permission) as their names say; [`Unsupported`](ErrorKind::Unsupported) for a server that
    /// the driver does not speak to any more; [`NotFound`](ErrorKind::NotFound) for a database without collections, with
    /// the names of those that there are.
    pub(crate) async fn connect(config: &MongoConfig) -> Result<Self> {
        // Other crates of a program may bring another provider of TLS's cryptography along, and a driver that asks for the
        // process's own needs to find one. If there is one already, that one stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let deployment = Deployment::connect(config).await?;
        let moment = Moment::default();
        let facts = catalog::list(&deployment, &moment).await?;
        if facts.is_empty() {
            return Err(nothing_there(&deployment).await);
        }
        let info = StoreInfo {
            database: deployment.database().to_owned(),
            name: deployment.name.clone(),
            version: deployment.version.clone(),
            fingerprint: catalog::fingerprint(deployment.database(), &facts),
        };
        let facts = facts
            .into_iter()
            .map(|facts| (facts.collection.name.clone(), facts))
            .collect();
        Ok(Self {
            info,
            snapshot: config.snapshot(),
            shared: Arc::new(Shared {
                deployment,
                moment,
                facts: Mutex::new(facts),
            }),
        })
    }

    fn start(&self, collection: &str, fields: &Fields, query: Query, batch: u32) -> Box<dyn Documents> {
        Box::new(Reader::start(|out| Feeder {
            shared: Arc::clone(&self.shared),
            collection: collection.to_owned(),
            fields: fields.clone(),
            query,
            batch,
            out,
        }))
    }
}

impl Shared {
    pub(super) async fn facts(&self, name: &str) -> Result<Facts> {
        if let Some(facts) = self.known(name) {
            return Ok(facts);
        }
        let facts = catalog::find(&self.deployment, &self.moment, name).await?;
        let mut known = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(known.entry(name.to_owned()).or_insert(facts).clone())
    }

    /// A collection that can be asked about the present.
    fn any_collection(&self) -> Option<String> {
        let facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |facts: &&Facts| facts.by_id && !facts.capped;
        facts
            .values()
            .find(fits)
            .map(|facts| facts.collection.name.clone())
    }

    fn known(&self, name: &str) -> Option<Facts> {
        self.facts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .cloned()
    }

    /// Checks that a collection is still the one that it was: of a collection that is dropped, the rest would seem to be
    /// empty.
    pub(super) async fn check_unchanged(&self, name: &str) -> Result<()> {
        let Some(uuid) = self.known(name).and_then(|facts| facts.uuid) else {
            return Ok(());
        };
        if catalog::uuid(&self.deployment, &self.moment, name).await? == Some(uuid) {
            return Ok(());
        }
        Err(Error::source_side(
            ErrorKind::NotFound,
            "the collection was dropped, renamed or replaced while it was read",
        ))
    }
}

/// Bytes of documents up to which a collection is looked through in one piece.
const ONE_LOOK: u64 = 256 << 20;

#[async_trait]
impl Store for LiveStore {
    fn info(&self) -> &StoreInfo {
        &self.info
    }

    async fn begin(&self) -> Result<()> {
        match self.shared.any_collection() {
            Some(collection) if self.snapshot => {
                self.shared.moment.fix(&self.shared.deployment, &collection).await
            }
            _ => Ok(()),
        }
    }

    fn notes(&self) -> Vec<String> {
        self.shared.moment.notes()
    }

    async fn collections(&self) -> Result<Vec<Collection>> {
        let facts = catalog::list(&self.shared.deployment, &self.shared.moment).await?;
        let collections = facts.iter().map(|facts| facts.collection.clone()).collect();
        let mut known = self.shared.facts.lock().unwrap_or_else(PoisonError::into_inner);
        for facts in facts {
            known.entry(facts.collection.name.clone()).or_insert(facts);
        }
        Ok(collections)
    }

    async fn split(&self, collection: &str, goal: ChunkGoal) -> Result<Vec<Part>> {
        let facts = self.shared.facts(collection).await?;
        split(&self.shared, &facts, goal).await
    }

    /// In the order in which documents lie on the disk: twice as fast as along the index on `_id`. That order cannot be gone on
    /// with after a break, so it is for what is read again in seconds.
    async fn split_for_one_look(&self, collection: &str, goal: ChunkGoal) -> Result<Vec<Part>> {
        let facts = self.shared.facts(collection).await?;
        if facts.collection.bytes.is_none_or(|bytes| bytes > ONE_LOOK) {
            return self.split(collection, goal).await;
        }
        Ok(vec![Part {
            token: Extent::Whole.token(),
            documents: facts.collection.documents,
            bytes: facts.collection.bytes,
        }])
    }

    async fn open(
        &self,
        collection: &str,
        token: &str,
        after: Option<&Cursor>,
        fields: &Fields,
    ) -> Result<Box<dyn Documents>> {
        let facts = self.shared.facts(collection).await?;
        let query = Query::new(Extent::parse(token)?, after)?;
        Ok(self.start(collection, fields, query, batch_size(facts.average())))
    }

    async fn ask(&self, query: &str, limit: usize) -> Result<Option<Answer>> {
        ask::ask(&self.shared, query, limit).await.map(Some)
    }

    async fn sample(&self, collection: &str, size: u64) -> Result<Box<dyn Documents>> {
        let facts = self.shared.facts(collection).await?;
        let query = Query::Sample { left: size };
        Ok(self.start(collection, &Fields::All, query, batch_size(facts.average())))
    }
}

/// The error about a database without collections.
async fn nothing_there(deployment: &Deployment) -> Error {
    let error = Error::source_side(
        ErrorKind::NotFound,
        format!(
            "{}: the database has no collections that this user may see",
            deployment.name
        ),
    );
    let list = doc! { "listDatabases": 1, "nameOnly": true, "authorizedDatabases": true };
    let names: Vec<String> = match deployment.run_admin(list).await {
        Ok(reply) => reply
            .get_array("databases")
            .map(|list| names(list))
            .unwrap_or_default(),
        Err(_) => Vec::new(),
    };
    if names.is_empty() {
        return error.hint("check the database's name in the connection string, upper and lower case too");
    }
    error.hint(format!(
        "the deployment has these databases: {}",
        names.join(", ")
    ))
}

fn names(databases: &[Bson]) -> Vec<String> {
    let name = |database: &Bson| Some(database.as_document()?.get_str("name").ok()?.to_owned());
    let is_system = |name: &String| ["admin", "config", "local"].contains(&name.as_str());
    databases
        .iter()
        .filter_map(name)
        .filter(|name| !is_system(name))
        .collect()
}
