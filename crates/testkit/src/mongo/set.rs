//! A replica set of several servers.

use std::thread;
use std::time::Instant;

use bson::{Bson, doc};

use super::server::{MongoServer, PATIENCE, PAUSE, ServerOptions};

/// Several `mongod` in one replica set, each with a vote. Dropping it kills them all.
#[derive(Debug)]
pub struct MongoSet {
    members: Vec<MongoServer>,
}

impl MongoSet {
    /// Starts a set of `members` and waits until one is primary and the others follow. Elections are quick: a lost primary is noticed in a second.
    pub fn start(members: u16) -> Self {
        let members: Vec<MongoServer> = (0..members)
            .map(|_| MongoServer::launch(ServerOptions::default(), true))
            .collect();
        let hosts: Vec<Bson> = members
            .iter()
            .enumerate()
            .map(|(id, member)| Bson::from(doc! { "_id": id as i32, "host": member.host() }))
            .collect();
        let config = doc! {
            "_id": "rs0", "members": hosts,
            "settings": { "electionTimeoutMillis": 1000, "heartbeatIntervalMillis": 200 },
        };
        members[0].run("admin", doc! { "replSetInitiate": config });
        let set = Self { members };
        // A member that is still copying has no vote: without the primary, there would be no majority.
        let start = Instant::now();
        for member in &set.members {
            while !member.is_ready() {
                assert!(
                    start.elapsed() < PATIENCE,
                    "a member is not ready: {}",
                    member.log_end()
                );
                thread::sleep(PAUSE);
            }
        }
        set
    }

    /// The URL of a database, with all members.
    pub fn url(&self, database: &str) -> String {
        let hosts: Vec<String> = self.members.iter().map(MongoServer::host).collect();
        format!("mongodb://{}/{database}?replicaSet=rs0", hosts.join(","))
    }

    /// The member that is primary now; waits until there is one.
    pub fn primary(&self) -> &MongoServer {
        &self.members[self.primary_index()]
    }

    /// Lets the primary step down, and waits until the set has one again. Returns the index of the new primary.
    pub fn stepdown(&self) -> usize {
        let old = self.primary_index();
        // The answer may be lost, since a server that steps down closes connections.
        let step = doc! { "replSetStepDown": 20, "secondaryCatchUpPeriodSecs": 10, "force": true };
        let _ = self.members[old].wire().command("admin", step);
        self.primary_index()
    }

    /// Kills the primary, and waits until the others have elected another. Returns the index of the killed one.
    pub fn kill_primary(&mut self) -> usize {
        let old = self.primary_index();
        self.members[old].kill();
        self.primary_index();
        old
    }

    /// Starts a killed member again.
    pub fn restart(&mut self, member: usize) {
        self.members[member].restart();
    }

    fn primary_index(&self) -> usize {
        let start = Instant::now();
        loop {
            if let Some(index) = self.members.iter().position(MongoServer::is_primary) {
                return index;
            }
            assert!(
                start.elapsed() < PATIENCE,
                "the set has no primary: {}",
                self.members[0].log_end()
            );
            thread::sleep(PAUSE);
        }
    }
}
