//! Connecting with `tiberius`.

use ::tiberius::error::Error as TiberiusError;
use ::tiberius::{AuthMethod, Client, Config, EncryptionLevel};
use migrate_core::{Error, ErrorKind, Result};
use secrecy::ExposeSecret;
use tokio::io::BufReader;
use tokio::time::{Instant, timeout_at};
use tokio_util::compat::TokioAsyncWriteCompatExt;

use super::super::{Session, reach, token};
use super::error::failed;
use super::{Driver, TiberiusSession};
use crate::classify;
use crate::live::config::{DEFAULT_PORT, Encrypt, Login, MssqlConfig, Trust};

/// How often a gateway may send us on.
const REDIRECTS: usize = 5;
/// The packet size asked for unless the connection string says otherwise: the largest that SQL Server accepts on
/// encrypted connections.
const PACKET_SIZE: u16 = 16_383;
/// Bytes that are taken from the socket at once.
const READ_AHEAD: usize = 64 << 10;

pub(crate) async fn connect(config: &MssqlConfig) -> Result<Box<dyn Session>> {
    let settings = settings(config).await?;
    let deadline = Instant::now() + config.connect_timeout;
    let (mut host, mut port) = (config.host.clone(), reach::port(config).await?);
    for _ in 0..REDIRECTS {
        let mut settings = settings.clone();
        settings.host(&host);
        settings.port(port);
        // A gateway's own name is on its certificate; where it sends us to has another.
        match &config.hostname_in_certificate {
            Some(name) => settings.hostname_in_certificate(name),
            None => settings.hostname_in_certificate(&host),
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let stream = reach::tcp(&host, port, left).await?;
        let stream = BufReader::with_capacity(READ_AHEAD, stream);
        match timeout_at(
            deadline,
            Box::pin(Client::connect(settings, stream.compat_write())),
        )
        .await
        {
            Ok(Ok(client)) => return Ok(session(client, config)),
            Ok(Err(TiberiusError::Routing {
                host: next,
                port: next_port,
            })) => {
                host = next;
                port = next_port;
            }
            Ok(Err(error)) => return Err(explain(config, error)),
            Err(_) => return Err(classify::connect_timeout(&host, port, config.connect_timeout)),
        }
    }
    Err(Error::source_side(
        ErrorKind::Connection,
        format!("the server redirected the connection {REDIRECTS} times, at last to {host}, port {port}"),
    )
    .hint("connect to the address that the database runs at"))
}

fn session(client: Driver, config: &MssqlConfig) -> Box<dyn Session> {
    Box::new(TiberiusSession::new(client, config.statement_timeout))
}

async fn settings(config: &MssqlConfig) -> Result<Config> {
    let mut out = Config::new();
    out.authentication(match &config.login {
        Login::Password { user, password } => AuthMethod::sql_server(user, password.expose_secret()),
        Login::Token(source) => AuthMethod::aad_token(token::fetch(source).await?.expose_secret()),
        Login::Integrated => integrated()?,
    });
    if let Some(database) = &config.database {
        out.database(database);
    }
    if let Some(instance) = &config.instance {
        out.instance_name(instance);
    }
    out.application_name(&config.application_name);
    out.readonly(config.read_only_intent);
    out.packet_size(u32::from(config.packet_size.unwrap_or(PACKET_SIZE)));
    out.encryption(match config.encrypt {
        Encrypt::Optional => EncryptionLevel::Off,
        Encrypt::Mandatory => EncryptionLevel::Required,
        Encrypt::Strict => EncryptionLevel::Strict,
        #[cfg(test)]
        Encrypt::Never => EncryptionLevel::NotSupported,
    });
    match &config.trust {
        // Who asks for no encryption but the login's has no certificate to show for: the other driver does not look either.
        Trust::System if matches!(config.encrypt, Encrypt::Optional) => out.trust_cert(),
        Trust::System => {}
        Trust::Any => out.trust_cert(),
        Trust::CaFile(file) => {
            let bundle = tokio::fs::read(file).await.map_err(|e| {
                classify::io(
                    &format!("reading the authority's certificate {}", file.display()),
                    e,
                )
            })?;
            out.trust_cert_ca_bundle(bundle);
        }
    }
    out.handshake_timeout(Some(config.connect_timeout));
    out.command_timeout(config.statement_timeout);
    Ok(out)
}

#[cfg(all(unix, feature = "kerberos"))]
fn integrated() -> Result<AuthMethod> {
    Ok(AuthMethod::Integrated)
}

#[cfg(not(all(unix, feature = "kerberos")))]
fn integrated() -> Result<AuthMethod> {
    Err(classify::config("driver=tiberius was built without Kerberos")
        .hint("use driver=mssql-tds, or build with the feature `kerberos`"))
}

fn explain(config: &MssqlConfig, error: TiberiusError) -> Error {
    match &error {
        TiberiusError::Tls(why) => {
            classify::tls(config.certificate_name(), before_advice(why)).because(error)
        }
        TiberiusError::Protocol(why) if why.contains("encryption level") => {
            classify::tls(config.certificate_name(), "the server does not encrypt").because(error)
        }
        TiberiusError::Io { kind, .. } if *kind == std::io::ErrorKind::TimedOut => classify::connect_timeout(
            &config.host,
            config.port.unwrap_or(DEFAULT_PORT),
            config.connect_timeout,
        ),
        TiberiusError::Io { message, .. } if is_about_tls(message) => {
            classify::tls(config.certificate_name(), message).because(error)
        }
        _ => failed("logging in", error, Some(config.connect_timeout)),
    }
}

fn is_about_tls(message: &str) -> bool {
    let lower = message.to_lowercase();
    [
        "certificate",
        "tls",
        "handshake",
        "fatal alert",
        "ca source",
        "corrupt message",
        "record",
    ]
    .iter()
    .any(|word| lower.contains(word))
}

/// The driver's message without its advice, which is for programmers.
fn before_advice(why: &str) -> &str {
    why.split(" To connect anyway")
        .next()
        .unwrap_or(why)
        .trim_end_matches('.')
}
