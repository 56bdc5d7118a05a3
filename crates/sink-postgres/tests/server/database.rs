//! A database for each test on each installed PostgreSQL.

use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use migrate_pg_client::sqlx::{self, AssertSqlSafe, Connection, PgConnection, Row};
use migrate_pg_embedded::{Cluster, find_all_installations, install_hint};
use migrate_sink_postgres::{PostgresSink, SinkOptions};
use migrate_testkit::supabase::{self, PoolMode, Pooler};

/// A fresh database.
pub(crate) struct Database {
    pub(crate) url: String,
    pub(crate) major: u32,
    cluster: &'static Cluster,
    /// Where sinks connect to, if not to the server itself.
    pooled: Option<String>,
}

/// Runs a test in a fresh database of each server.
pub(crate) async fn on_each_server<F, T>(test: F)
where
    F: Fn(Arc<Database>) -> T,
    T: Future<Output = ()>,
{
    for cluster in clusters() {
        test(Arc::new(Database::create(cluster).await)).await;
    }
}

/// The same through a pooler in transaction mode, as a role that is no superuser, in a database like Supabase's.
pub(crate) async fn on_each_server_and_pooler<F, T>(test: F)
where
    F: Fn(Arc<Database>) -> T,
    T: Future<Output = ()>,
{
    on_each_server(&test).await;
    for cluster in clusters().iter().filter(|c| c.major() >= 15) {
        // Fewer server connections than a test has clients.
        let pooler = Pooler::start(cluster.port(), PoolMode::Transaction, 4).unwrap();
        test(Arc::new(Database::pooled(cluster, &pooler).await)).await;
    }
}

fn clusters() -> &'static [Cluster] {
    static CLUSTERS: OnceLock<Vec<Cluster>> = OnceLock::new();
    CLUSTERS.get_or_init(|| {
        let installed: Vec<_> = find_all_installations()
            .into_iter()
            .filter(|i| i.version.major >= 14)
            .collect();
        assert!(
            !installed.is_empty(),
            "no PostgreSQL is installed: {:?}",
            install_hint()
        );
        let start = |i| Cluster::temporary(Some(i), &[("max_connections", "200")]).expect("a cluster");
        installed.into_iter().map(start).collect()
    })
}

impl Database {
    async fn create(cluster: &'static Cluster) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("t{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let admin = cluster.url("postgres");
        run(&admin, &format!("create database {name}")).await;
        let url = cluster.url(&name);
        Self {
            major: cluster.major(),
            url,
            cluster,
            pooled: None,
        }
    }

    /// A database of the newest server.
    pub(crate) async fn on_newest() -> Self {
        Self::create(Self::newest()).await
    }

    /// The server's port.
    pub(crate) fn port(&self) -> u16 {
        self.cluster.port()
    }

    /// A session that has run this and holds what it holds until it is dropped.
    pub(crate) async fn holding(&self, sql: &str) -> PgConnection {
        let mut connection = PgConnection::connect(&self.url).await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
            .execute(&mut connection)
            .await
            .unwrap();
        connection
    }

    /// A database like Supabase's, behind a pooler.
    pub(crate) async fn pooled(cluster: &'static Cluster, pooler: &Pooler) -> Self {
        let mut database = Self::create(cluster).await;
        database.run(supabase::ROLES).await;
        database.run(supabase::DATABASE).await;
        let name = database.url.rsplit('/').next().unwrap().to_owned();
        database.pooled = Some(pooler.url("postgres", &name));
        database
    }

    /// One server of those that there are, for what is not the same through a pooler.
    pub(crate) fn newest() -> &'static Cluster {
        clusters().iter().max_by_key(|c| c.major()).unwrap()
    }

    /// Where sinks connect to.
    pub(crate) fn sink_url(&self) -> &str {
        self.pooled.as_deref().unwrap_or(&self.url)
    }

    /// The URL for another role.
    pub(crate) fn url_as(&self, user: &str, password: &str) -> String {
        let name = self.url.rsplit('/').next().unwrap();
        format!(
            "postgres://{user}:{password}@127.0.0.1:{}/{name}",
            self.cluster.port()
        )
    }

    pub(crate) async fn sink(&self) -> Arc<PostgresSink> {
        PostgresSink::connect(SinkOptions::new(self.sink_url()))
            .await
            .unwrap()
    }

    pub(crate) async fn run(&self, sql: &str) {
        run(&self.url, sql).await;
    }

    /// The one value of a query as text; NULL as `None`.
    pub(crate) async fn ask(&self, sql: &str) -> Option<String> {
        self.list(sql).await.remove(0)
    }

    /// The first column of a query as text.
    pub(crate) async fn list(&self, sql: &str) -> Vec<Option<String>> {
        let mut connection = PgConnection::connect(&self.url).await.unwrap();
        let text = format!("select v::text from ({sql}) as q (v)");
        let rows = sqlx::query(AssertSqlSafe(text))
            .fetch_all(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// The first column of a query as text, where there are no NULLs, separated by spaces.
    pub(crate) async fn words(&self, sql: &str) -> String {
        self.list(sql)
            .await
            .into_iter()
            .map(Option::unwrap)
            .collect::<Vec<_>>()
            .join(" ")
    }
}

async fn run(url: &str, sql: &str) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
}
