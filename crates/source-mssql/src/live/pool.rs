//! Sessions that are used again: so many at most, set up alike, looked at before each use.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use migrate_core::Result;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::config::MssqlConfig;
use super::connect::connect;
use super::read::sessions::Sessions;
use super::wire::{Fetch, Query, ResultColumn, RowTarget, Session};
use crate::classify;

/// What every session starts with: results must not depend on what the login's or the server's defaults are.
const SET_UP: &str = "set ansi_nulls, ansi_padding, ansi_warnings, arithabort, concat_null_yields_null, quoted_identifier on; \
     set numeric_roundabort off; \
     set dateformat ymd; \
     set datefirst 7; \
     set textsize 2147483647; \
     set lock_timeout 60000; \
     set deadlock_priority low; \
     set nocount on; \
     set xact_abort on; \
     set transaction isolation level read committed";

/// How long a session may lie idle before it is asked whether it still lives.
const TRUSTED_FOR: Duration = Duration::from_secs(15);

/// Opens a pool's sessions.
#[async_trait]
pub(crate) trait Open: Send + Sync {
    /// A new session.
    async fn open(&self) -> Result<Box<dyn Session>>;
}

#[async_trait]
impl Open for MssqlConfig {
    async fn open(&self) -> Result<Box<dyn Session>> {
        connect(self).await
    }
}

/// Sessions for the tasks of one run, never more than the configuration's limit. Who asks for one more waits.
pub(crate) struct Pool {
    opener: Box<dyn Open>,
    /// One permit for each session that is open, idle ones included.
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Idle>>,
    given_back: Notify,
}

struct Idle {
    session: Box<dyn Session>,
    since: Instant,
}

impl Pool {
    /// A pool for a server. Nothing is connected before a session is asked for.
    pub(crate) fn new(config: MssqlConfig) -> Self {
        let limit = config.pool_limit;
        Self::with(Box::new(config), limit)
    }

    fn with(opener: Box<dyn Open>, limit: u32) -> Self {
        Self {
            opener,
            permits: Arc::new(Semaphore::new(limit.max(1) as usize)),
            idle: Mutex::new(Vec::new()),
            given_back: Notify::new(),
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        // A list of sessions stays one whatever happened to its last holder.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A session that was given back and still answers.
    async fn reuse(&self) -> Option<Box<dyn Session>> {
        loop {
            // The one given back last is the one most likely to live.
            let Idle { mut session, since } = self.idle().pop()?;
            if since.elapsed() < TRUSTED_FOR {
                return Some(session);
            }
            let question = Query {
                purpose: "looking whether the connection still lives",
                sql: "select 1",
            };
            if session.execute(question).await.is_ok() && !session.is_broken() {
                return Some(session);
            }
        }
    }

    async fn open(&self, permit: OwnedSemaphorePermit) -> Result<Box<dyn Session>> {
        let mut session = self.opener.open().await?;
        let query = Query {
            purpose: "setting up a session",
            sql: SET_UP,
        };
        session.execute(query).await?;
        Ok(Box::new(Pooled {
            session,
            _permit: permit,
        }))
    }
}

#[async_trait]
impl Sessions for Pool {
    async fn take(&self) -> Result<Box<dyn Session>> {
        loop {
            // In the queue before looking, so that none that comes back in between is missed.
            let mut given_back = pin!(self.given_back.notified());
            given_back.as_mut().enable();
            if let Some(session) = self.reuse().await {
                return Ok(session);
            }
            let permit = tokio::select! {
                permit = Arc::clone(&self.permits).acquire_owned() => permit,
                () = given_back => continue,
            };
            let permit = permit.map_err(|_| classify::internal("the pool of sessions was closed"))?;
            return self.open(permit).await;
        }
    }

    fn give_back(&self, session: Box<dyn Session>) {
        if session.is_broken() {
            return;
        }
        self.idle().push(Idle {
            session,
            since: Instant::now(),
        });
        self.given_back.notify_one();
    }

    fn spare(&self) -> usize {
        self.permits.available_permits() + self.idle().len()
    }
}

/// A session that makes room for another one when it is dropped.
struct Pooled {
    session: Box<dyn Session>,
    _permit: OwnedSemaphorePermit,
}

#[async_trait]
impl Session for Pooled {
    async fn execute(&mut self, query: Query<'_>) -> Result<()> {
        self.session.execute(query).await
    }

    async fn start(&mut self, query: Query<'_>) -> Result<Vec<ResultColumn>> {
        self.session.start(query).await
    }

    async fn fetch(&mut self, target: &mut dyn RowTarget) -> Result<Fetch> {
        self.session.fetch(target).await
    }

    async fn cancel(&mut self) -> Result<()> {
        self.session.cancel().await
    }

    fn is_broken(&self) -> bool {
        self.session.is_broken()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use super::*;

    /// What sessions of the test have in common.
    #[derive(Default)]
    struct Server {
        opened: AtomicUsize,
        open: AtomicUsize,
        most: AtomicUsize,
        dead: AtomicBool,
        asked: Mutex<Vec<String>>,
    }

    struct Opener(Arc<Server>);

    #[async_trait]
    impl Open for Opener {
        async fn open(&self) -> Result<Box<dyn Session>> {
            self.0.opened.fetch_add(1, Ordering::SeqCst);
            let open = self.0.open.fetch_add(1, Ordering::SeqCst) + 1;
            self.0.most.fetch_max(open, Ordering::SeqCst);
            Ok(Box::new(Fake {
                server: Arc::clone(&self.0),
                broken: false,
            }))
        }
    }

    struct Fake {
        server: Arc<Server>,
        broken: bool,
    }

    impl Drop for Fake {
        fn drop(&mut self) {
            self.server.open.fetch_sub(1, Ordering::SeqCst);
        }
    }

    #[async_trait]
    impl Session for Fake {
        async fn execute(&mut self, query: Query<'_>) -> Result<()> {
            self.server.asked.lock().unwrap().push(query.purpose.to_owned());
            if query.sql == "break" {
                self.broken = true;
            }
            if self.server.dead.swap(false, Ordering::SeqCst) {
                return Err(classify::broken(query.purpose, "cut"));
            }
            Ok(())
        }

        async fn start(&mut self, _: Query<'_>) -> Result<Vec<ResultColumn>> {
            Ok(Vec::new())
        }

        async fn fetch(&mut self, _: &mut dyn RowTarget) -> Result<Fetch> {
            Ok(Fetch::End)
        }

        async fn cancel(&mut self) -> Result<()> {
            Ok(())
        }

        fn is_broken(&self) -> bool {
            self.broken
        }
    }

    fn pool(limit: u32) -> (Arc<Pool>, Arc<Server>) {
        let server = Arc::new(Server::default());
        let pool = Pool::with(Box::new(Opener(Arc::clone(&server))), limit);
        (Arc::new(pool), server)
    }

    #[tokio::test]
    async fn a_session_is_set_up_once_and_used_again() {
        let (pool, server) = pool(2);
        for _ in 0..3 {
            let session = pool.take().await.unwrap();
            pool.give_back(session);
        }
        assert_eq!(server.opened.load(Ordering::SeqCst), 1);
        assert_eq!(*server.asked.lock().unwrap(), ["setting up a session"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_that_lay_idle_is_asked_first() {
        let (pool, server) = pool(1);
        pool.give_back(pool.take().await.unwrap());
        tokio::time::advance(TRUSTED_FOR).await;
        pool.give_back(pool.take().await.unwrap());
        assert_eq!(server.opened.load(Ordering::SeqCst), 1);
        tokio::time::advance(TRUSTED_FOR).await;
        server.dead.store(true, Ordering::SeqCst);
        pool.give_back(pool.take().await.unwrap());
        assert_eq!(server.opened.load(Ordering::SeqCst), 2);
        assert_eq!(server.open.load(Ordering::SeqCst), 1);
        let question = "looking whether the connection still lives";
        assert_eq!(
            *server.asked.lock().unwrap(),
            ["setting up a session", question, question, "setting up a session"]
        );
    }

    #[tokio::test]
    async fn broken_sessions_are_not_used_again() {
        let (pool, server) = pool(1);
        let mut session = pool.take().await.unwrap();
        let query = Query {
            purpose: "testing",
            sql: "break",
        };
        session.execute(query).await.unwrap();
        pool.give_back(session);
        assert_eq!(server.open.load(Ordering::SeqCst), 0);
        let _session = pool.take().await.unwrap();
        assert_eq!(server.opened.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn who_asks_beyond_the_limit_waits() {
        let (pool, server) = pool(2);
        let tasks: Vec<_> = (0..40)
            .map(|i| {
                let pool = Arc::clone(&pool);
                tokio::spawn(async move {
                    let session = pool.take().await.unwrap();
                    tokio::task::yield_now().await;
                    if i % 3 == 0 {
                        drop(session);
                    } else {
                        pool.give_back(session);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(server.most.load(Ordering::SeqCst), 2);
    }
}
