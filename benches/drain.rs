//! What a driver alone takes to read rows over one connection and drop them: nothing that moves them can be faster than that
//! with one worker.

use std::time::Instant;

use mongodb::bson::RawDocumentBuf;
use mssql_tds::connection::client_context::{ClientContext, TdsAuthenticationMethod};
use mssql_tds::connection_provider::tds_connection_provider::TdsConnectionProvider;
use mssql_tds::core::{EncryptionOptions, EncryptionSetting};
use mssql_tds::datatypes::row_writer::DiscardRowWriter;
use tokio::net::TcpStream;
use tokio_util::compat::TokioAsyncWriteCompatExt;
use url::Url;

use crate::Outcome;

/// What was read, and in how many seconds, the connection's set-up included.
#[derive(Clone, Copy, Debug)]
pub struct Drained {
    /// Rows or documents.
    pub rows: u64,
    /// Seconds.
    pub seconds: f64,
}

/// A table of SQL Server, such as `dbo.Fact`, with the crate `mssql-tds`.
///
/// # Errors
///
/// What the driver says.
pub async fn mssql_tds(url: &Url, tls: bool, table: &str) -> Outcome<Drained> {
    let started = Instant::now();
    let mut context = ClientContext::default();
    context.tds_authentication_method = TdsAuthenticationMethod::Password;
    context.user_name = url.username().to_owned();
    context.password = url.password().unwrap_or_default().to_owned();
    context.database = database(url).to_owned();
    context.packet_size = 16_383;
    context.encryption_options = EncryptionOptions {
        mode: if tls {
            EncryptionSetting::Required
        } else {
            EncryptionSetting::PreferOff
        },
        trust_server_certificate: true,
        host_name_in_cert: None,
        server_certificate: None,
    };
    let (host, port) = address(url);
    let mut client = TdsConnectionProvider::new()
        .create_client(context, &format!("tcp:{host},{port}"), None)
        .await?;
    client.execute(query(table), ()).await?;
    let mut rows = 0;
    while client.next_row_into(&mut DiscardRowWriter).await? {
        rows += 1;
    }
    Ok(Drained::since(started, rows))
}

/// The same with the crate `tiberius`.
///
/// # Errors
///
/// What the driver says.
pub async fn tiberius(url: &Url, tls: bool, table: &str) -> Outcome<Drained> {
    use futures::TryStreamExt;

    let started = Instant::now();
    let mut config = tiberius::Config::new();
    let (host, port) = address(url);
    config.host(host);
    config.port(port);
    config.database(database(url));
    config.trust_cert();
    config.encryption(if tls {
        tiberius::EncryptionLevel::Required
    } else {
        tiberius::EncryptionLevel::Off
    });
    config.packet_size(16_383);
    config.authentication(tiberius::AuthMethod::sql_server(
        url.username(),
        url.password().unwrap_or_default(),
    ));
    let stream = TcpStream::connect(config.get_addr()).await?;
    stream.set_nodelay(true)?;
    let mut client = Box::pin(tiberius::Client::connect(config, stream.compat_write())).await?;
    let mut stream = client.simple_query(query(table)).await?.into_row_stream();
    let mut rows = 0;
    while stream.try_next().await?.is_some() {
        rows += 1;
    }
    Ok(Drained::since(started, rows))
}

/// A collection, as the bytes that the server sent.
///
/// # Errors
///
/// What the driver says.
pub async fn mongo(url: &str, database: &str, collection: &str) -> Outcome<Drained> {
    let started = Instant::now();
    let client = mongodb::Client::with_uri_str(url).await?;
    let collection = client.database(database).collection::<RawDocumentBuf>(collection);
    let mut cursor = collection.find(mongodb::bson::Document::new()).await?;
    let mut rows = 0;
    while cursor.advance().await? {
        std::hint::black_box(cursor.current());
        rows += 1;
    }
    Ok(Drained::since(started, rows))
}

impl Drained {
    fn since(started: Instant, rows: u64) -> Self {
        Self {
            rows,
            seconds: started.elapsed().as_secs_f64(),
        }
    }
}

fn address(url: &Url) -> (&str, u16) {
    (url.host_str().unwrap_or_default(), url.port().unwrap_or(1433))
}

fn database(url: &Url) -> &str {
    url.path().trim_matches('/')
}

fn query(table: &str) -> String {
    let (schema, name) = table.split_once('.').unwrap_or(("dbo", table));
    format!("select * from [{schema}].[{name}]")
}
