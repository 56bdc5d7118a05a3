//! A schema of a test's own on the server, filled by another client than the ones under test.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use migrate_core::catalog::ObjectName;
use migrate_core::decode::decode_row;
use migrate_core::mapping::Mapping;
use migrate_core::memory::MemorySink;
use migrate_core::observer::Silent;
use migrate_core::pipeline::{self, Options, Report};
use migrate_core::plan::{Plan, Target};
use migrate_core::planner;
use migrate_core::source::Source;
use migrate_core::{Error, Result};
use migrate_source_mssql::Mssql;
use migrate_source_mssql::live::config::{Driver, Login, MssqlConfig};
use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpStream;
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt};
use tokio_util::sync::CancellationToken;

pub(crate) const DRIVERS: [Driver; 2] = [Driver::MssqlTds, Driver::Tiberius];

static SCHEMAS: AtomicU32 = AtomicU32::new(0);

/// The server with an empty schema.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) config: MssqlConfig,
    pub(crate) schema: String,
}

/// Runs a test on the server, and cleans up behind it.
pub(crate) fn on_server(test: impl AsyncFnOnce(Server)) {
    let Ok(url) = std::env::var("MSSQL_URL") else {
        println!("did not run: MSSQL_URL is not set");
        return;
    };
    let config = MssqlConfig::parse(&SecretString::from(url)).unwrap();
    let number = SCHEMAS.fetch_add(1, Ordering::Relaxed);
    let schema = format!("live_{}_{number}", std::process::id());
    let server = Server { config, schema };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        server.run(&format!("create schema {}", server.schema)).await;
        let outcome = futures::FutureExt::catch_unwind(AssertUnwindSafe(test(server.clone()))).await;
        server.clean_up().await;
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
    });
}

impl Server {
    async fn client(&self) -> tiberius::Client<Compat<TcpStream>> {
        let Login::Password { user, password } = &self.config.login else {
            panic!("MSSQL_URL needs a user and a password");
        };
        let mut config = tiberius::Config::new();
        config.host(&self.config.host);
        config.port(self.config.port.unwrap_or(1433));
        if let Some(database) = &self.config.database {
            config.database(database);
        }
        config.authentication(tiberius::AuthMethod::sql_server(user, password.expose_secret()));
        config.trust_cert();
        let stream = TcpStream::connect(config.get_addr()).await.unwrap();
        stream.set_nodelay(true).unwrap();
        // Too large to lie about in every caller.
        Box::pin(tiberius::Client::connect(config, stream.compat_write()))
            .await
            .unwrap()
    }

    /// Runs a batch.
    pub(crate) async fn run(&self, sql: &str) {
        let mut client = self.client().await;
        let outcome = async { client.simple_query(sql).await?.into_results().await }.await;
        if let Err(error) = outcome {
            panic!("{error}: {}", sql.chars().take(300).collect::<String>());
        }
    }

    /// The first column of a query's rows, which is text.
    pub(crate) async fn ask(&self, sql: &str) -> Vec<String> {
        let mut client = self.client().await;
        let rows = client
            .simple_query(sql)
            .await
            .unwrap()
            .into_first_result()
            .await
            .unwrap();
        rows.iter()
            .map(|row| row.get::<&str, _>(0).unwrap_or("NULL").to_owned())
            .collect()
    }

    /// Whether it is PostgreSQL in SQL Server's clothes, which has error numbers and type names of its own.
    pub(crate) async fn is_babelfish(&self) -> bool {
        self.ask("select cast(@@version as nvarchar(max))").await[0].contains("Babelfish")
    }

    async fn clean_up(&self) {
        let of_schema = format!(
            "from information_schema.tables where table_schema = '{}'",
            self.schema
        );
        for table in self
            .ask(&format!("select cast(table_name as nvarchar(128)) {of_schema}"))
            .await
        {
            self.run(&format!("drop table {}.[{table}]", self.schema)).await;
        }
        self.run(&format!("drop schema {}", self.schema)).await;
    }

    pub(crate) fn source(&self, driver: Driver) -> Arc<Mssql> {
        Arc::new(Mssql::new(MssqlConfig {
            driver: Some(driver),
            ..self.config.clone()
        }))
    }

    pub(crate) fn table(&self, name: &str) -> ObjectName {
        ObjectName::new(&self.schema, name)
    }

    /// The plan for the schema's tables.
    pub(crate) async fn plan(&self, source: &Mssql, mapping: Mapping) -> Arc<Plan> {
        let mapping = Mapping {
            include: vec![format!("{}.*", self.schema)],
            ..mapping
        };
        let catalog = source.discover().await.unwrap();
        Arc::new(planner::plan(&catalog, &mapping, &Target::default()).unwrap())
    }
}

/// A run into memory.
pub(crate) async fn copy(
    source: Arc<Mssql>,
    plan: &Arc<Plan>,
    options: Options,
) -> Result<(MemorySink, Report), Error> {
    let sink = MemorySink::new();
    let cancel = CancellationToken::new();
    let report = pipeline::run(
        source,
        Arc::new(sink.clone()),
        Arc::clone(plan),
        options,
        Arc::new(Silent),
        cancel,
    )
    .await?;
    Ok((sink, report))
}

/// The table's rows as JSON.
pub(crate) fn rows(sink: &MemorySink, plan: &Plan, table: &ObjectName) -> Vec<serde_json::Value> {
    let table_plan = plan.table(table).unwrap();
    let read = |tuple: &Vec<u8>| {
        let columns = table_plan.copied().map(|c| (c.name.as_str(), &c.ty));
        decode_row(columns, tuple).unwrap()
    };
    sink.rows(table).iter().map(read).collect()
}
