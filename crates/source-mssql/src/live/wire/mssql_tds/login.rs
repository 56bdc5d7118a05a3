//! Connecting with `mssql-tds`.

use ::mssql_tds::connection::client_context::{ClientContext, TdsAuthenticationMethod, VectorVersion};
use ::mssql_tds::connection_provider::tds_connection_provider::TdsConnectionProvider;
use ::mssql_tds::core::{EncryptionOptions, EncryptionSetting};
use ::mssql_tds::error::Error as TdsError;
use ::mssql_tds::message::login_options::ApplicationIntent;
use migrate_core::{Error, Result};
use secrecy::ExposeSecret;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::super::{Session, reach, token};
use super::TdsSession;
use super::error::failed;
use super::pin::verified_certificate;
use crate::classify;
use crate::live::config::{Encrypt, Login, MssqlConfig, Trust};

/// The packet size asked for unless the connection string says otherwise: the largest that SQL Server accepts on
/// encrypted connections.
const PACKET_SIZE: u16 = 16_383;

pub(crate) async fn connect(config: &MssqlConfig) -> Result<Box<dyn Session>> {
    let port = reach::port(config).await?;
    let mut context = context(config).await?;
    // Kept until the connection stands: the driver reads the file while it connects.
    let pin = match &config.trust {
        Trust::CaFile(ca) if config.encrypt != Encrypt::Optional => {
            Some(verified_certificate(config, port, ca).await?)
        }
        _ => None,
    };
    if let Some(file) = &pin {
        context.encryption_options.server_certificate = Some(file.path().to_owned());
        // The name was verified with the rest, and the driver takes one or the other.
        context.encryption_options.host_name_in_cert = None;
    }
    let address = format!("tcp:{},{port}", config.host);
    // The driver's own deadline does not cover all of its steps.
    let within = config.connect_timeout;
    let connected = aside(async move {
        let provider = TdsConnectionProvider::new();
        tokio::time::timeout(within, provider.create_client(context, &address, None)).await
    })
    .await;
    drop(pin);
    match connected? {
        // The driver takes a server's silence about packets for a size of 0, and could not write a query.
        Ok(Ok(client)) if client.packet_size() < 512 => {
            Err(classify::protocol("logging in", "it names no packet size")
                .hint("use driver=tiberius, or another packet_size than the server's own"))
        }
        Ok(Ok(client)) => Ok(Box::new(TdsSession::new(client, config.statement_timeout))),
        Ok(Err(error)) => Err(explain(config, port, error).await),
        Err(_) => Err(classify::connect_timeout(&config.host, port, within)),
    }
}

/// Does work on a thread of its own, and ends it when nobody waits any more. The first time, the driver reads and parses all of
/// the system's authorities, twice: a tenth of a second of processor, which must not hold up what else is going on.
async fn aside<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> Result<T> {
    let runtime = Handle::current();
    let (waiting, gone) = oneshot::channel::<()>();
    let done = tokio::task::spawn_blocking(move || {
        runtime.block_on(async {
            tokio::select! {
                done = work => Some(done),
                _ = gone => None,
            }
        })
    });
    let outcome = done.await;
    drop(waiting);
    let outcome = outcome.ok().flatten();
    outcome.ok_or_else(|| classify::internal("the driver panicked while it connected"))
}

async fn context(config: &MssqlConfig) -> Result<ClientContext> {
    let mut context = ClientContext::default();
    match &config.login {
        Login::Password { user, password } => {
            context.tds_authentication_method = TdsAuthenticationMethod::Password;
            context.user_name.clone_from(user);
            context.password = password.expose_secret().to_owned();
        }
        Login::Token(source) => {
            let token = token::fetch(source).await?;
            context.tds_authentication_method = TdsAuthenticationMethod::AccessToken;
            context.access_token = Some(token.expose_secret().to_owned());
        }
        Login::Integrated => context.tds_authentication_method = TdsAuthenticationMethod::SSPI,
    }
    context.database = config.database.clone().unwrap_or_default();
    context.application_name.clone_from(&config.application_name);
    context.application_intent = if config.read_only_intent {
        ApplicationIntent::ReadOnly
    } else {
        ApplicationIntent::ReadWrite
    };
    context.encryption_options = EncryptionOptions {
        mode: match config.encrypt {
            Encrypt::Optional => EncryptionSetting::PreferOff,
            Encrypt::Mandatory => EncryptionSetting::Required,
            Encrypt::Strict => EncryptionSetting::Strict,
            #[cfg(test)]
            Encrypt::Never => EncryptionSetting::PreferOff,
        },
        trust_server_certificate: config.trust == Trust::Any,
        host_name_in_cert: config.hostname_in_certificate.clone(),
        server_certificate: None,
    };
    let seconds = u32::try_from(config.connect_timeout.as_secs())
        .unwrap_or(u32::MAX)
        .max(1);
    context.connect_timeout = seconds;
    context.login_timeout = Some(seconds);
    // A connection that was replaced behind our back would have lost its snapshot.
    context.connect_retry_count = 0;
    context.packet_size = config.packet_size.unwrap_or(PACKET_SIZE);
    context.vector_version = VectorVersion::Off;
    Ok(context)
}

/// The driver tells names, addresses and time-outs in words only, so the way to the server is tried once more.
async fn explain(config: &MssqlConfig, port: u16, error: TdsError) -> Error {
    if matches!(
        error,
        TdsError::Io(_)
            | TdsError::ConnectionError(_)
            | TdsError::TimeoutError(_)
            | TdsError::ConnectionClosed(_)
    ) && let Err(reason) = reach::tcp(&config.host, port, config.connect_timeout).await
    {
        return reason.because(error);
    }
    if matches!(error, TdsError::TimeoutError(_)) {
        return classify::connect_timeout(&config.host, port, config.connect_timeout).because(error);
    }
    match &error {
        TdsError::TlsHandshakeError { source, .. } => {
            classify::tls(config.certificate_name(), &source.to_string()).because(error)
        }
        TdsError::ProtocolError(why) if why.contains("not support encryption") => {
            classify::tls(config.certificate_name(), "the server does not encrypt").because(error)
        }
        _ => failed("logging in", error),
    }
}
