//! Where a SQL Server database is, and how to get in.

mod ado;
mod options;
mod url;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use migrate_core::{Error, ErrorKind, Result, Side};
use secrecy::{ExposeSecret, SecretString};

/// How long connecting may take unless the connection string says otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// How long the server may stay silent within one statement unless the connection string says otherwise.
const STATEMENT_TIMEOUT: Duration = Duration::from_mins(10);
/// How many connections may be open at once unless the connection string says otherwise.
const POOL_LIMIT: u32 = 16;
/// The port of a default instance.
pub(crate) const DEFAULT_PORT: u16 = 1433;

/// Which driver speaks TDS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Driver {
    /// The crate `tiberius`.
    Tiberius,
    /// The crate `mssql-tds`.
    MssqlTds,
}

impl Driver {
    /// Its name, as `driver=` takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tiberius => "tiberius",
            Self::MssqlTds => "mssql-tds",
        }
    }
}

/// How much of the conversation is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encrypt {
    /// Only the login, unless the server insists on more.
    Optional,
    /// Everything after the first exchange of packets (TDS 7). The default.
    Mandatory,
    /// Everything from the first byte on (TDS 8; SQL Server 2022 and Azure SQL).
    Strict,
    /// Nothing, not even the login.
    #[cfg(test)]
    Never,
}

/// Which certificates of a server are trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// Those that the operating system trusts.
    System,
    /// Those, and what the certificates in this PEM or DER file sign.
    CaFile(PathBuf),
    /// Any: the connection is encrypted, and its other end unproven.
    Any,
}

/// Where an Entra access token comes from.
#[derive(Clone)]
pub enum TokenSource {
    /// The token itself. It is not renewed.
    Value(SecretString),
    /// An environment variable, read for each new connection.
    Environment(String),
    /// A command that prints the token, run by the shell for each new connection.
    Command(String),
}

/// How to log in.
#[derive(Clone)]
pub enum Login {
    /// With a SQL login.
    Password {
        /// Its name.
        user: String,
        /// Its password.
        password: SecretString,
    },
    /// With an Entra (Azure AD) access token.
    Token(TokenSource),
    /// As the user that the operating system knows: Kerberos.
    Integrated,
}

/// A SQL Server database as a connection string names it.
///
/// Connections are encrypted and the server's certificate is verified unless the string says otherwise. `Debug` and
/// `Display` never show a secret.
#[derive(Clone)]
pub struct MssqlConfig {
    /// Name or address of the server.
    pub host: String,
    /// TCP port. Without one it is 1433, or what the SQL Browser of the host says about [`Self::instance`].
    pub port: Option<u16>,
    /// Named instance.
    pub instance: Option<String>,
    /// Database; without one it is the login's default.
    pub database: Option<String>,
    /// How to log in.
    pub login: Login,
    /// The driver; without one it is the faster of those that can do what is asked.
    pub driver: Option<Driver>,
    /// What is encrypted.
    pub encrypt: Encrypt,
    /// Which certificates are trusted.
    pub trust: Trust,
    /// The name that the certificate must carry, if it is not [`Self::host`].
    pub hostname_in_certificate: Option<String>,
    /// What the server lists the connections as.
    pub application_name: String,
    /// Whether a replica that takes no writes will do.
    pub read_only_intent: bool,
    /// Time for connecting, from name look-up to login.
    pub connect_timeout: Duration,
    /// How long the server may stay silent within a statement; `None` is for ever.
    pub statement_timeout: Option<Duration>,
    /// How many connections may be open at once.
    pub pool_limit: u32,
    /// Bytes of a TDS packet, 512 to 32767; `None` is the driver's choice.
    pub packet_size: Option<u16>,
    /// Options of the connection string that were recognised and have no effect.
    pub ignored: Vec<String>,
}

impl MssqlConfig {
    /// A database with everything else at its default.
    pub fn new(host: impl Into<String>, login: Login) -> Self {
        Self {
            host: host.into(),
            port: None,
            instance: None,
            database: None,
            login,
            driver: None,
            encrypt: Encrypt::Mandatory,
            trust: Trust::System,
            hostname_in_certificate: None,
            application_name: "migrate".to_owned(),
            read_only_intent: false,
            connect_timeout: CONNECT_TIMEOUT,
            statement_timeout: Some(STATEMENT_TIMEOUT),
            pool_limit: POOL_LIMIT,
            packet_size: None,
            ignored: Vec::new(),
        }
    }

    /// Reads a connection string: a URL (`mssql://user:password@host:port/database?option=value`) or ADO.NET's
    /// `Server=...;Database=...` form. A password that is missing comes from the environment variable `MSSQL_PASSWORD`.
    ///
    /// # Errors
    /// [`Config`](ErrorKind::Config) if the text is neither, or names an option that does not exist. The error never
    /// repeats a value.
    pub fn parse(text: &SecretString) -> Result<Self> {
        Self::parse_with(text, &|name| std::env::var(name).ok())
    }

    /// Whether a text looks like a connection string that [`Self::parse`] reads.
    pub fn recognises(text: &str) -> bool {
        url::is_url(text.trim()) || ado::is_connection_string(text)
    }

    fn parse_with(text: &SecretString, environment: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let text = text.expose_secret().trim();
        let pairs = if url::is_url(text) {
            url::pairs(text)?
        } else if ado::is_connection_string(text) {
            ado::pairs(text)?
        } else {
            return Err(
                config("the connection string is neither a URL nor a list of key=value pairs").hint(
                    "write it like mssql://user:password@host:1433/database or \
                     Server=host,1433;Database=...;User Id=...;Password=...",
                ),
            );
        };
        options::build(pairs, environment)
    }

    /// Where the database is, without secrets: `host:port/database`.
    pub fn describe(&self) -> String {
        self.to_string()
    }

    /// The name that the certificate of the server must carry.
    pub(crate) fn certificate_name(&self) -> &str {
        self.hostname_in_certificate.as_deref().unwrap_or(&self.host)
    }
}

impl fmt::Display for MssqlConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]", self.host)?;
        } else {
            f.write_str(&self.host)?;
        }
        if let Some(instance) = &self.instance {
            write!(f, "\\{instance}")?;
        }
        match (self.port, &self.instance) {
            (Some(port), _) => write!(f, ":{port}")?,
            (None, None) => write!(f, ":{DEFAULT_PORT}")?,
            (None, Some(_)) => {}
        }
        match &self.database {
            Some(database) => write!(f, "/{database}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for MssqlConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MssqlConfig")
            .field("at", &self.to_string())
            .field("login", &self.login)
            .field("driver", &self.driver)
            .field("encrypt", &self.encrypt)
            .field("trust", &self.trust)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Password { user, .. } => write!(f, "Password({user}, ***)"),
            Self::Token(source) => write!(f, "Token({source:?})"),
            Self::Integrated => f.write_str("Integrated"),
        }
    }
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(_) => f.write_str("***"),
            Self::Environment(name) => write!(f, "${name}"),
            // A command line may hold a secret.
            Self::Command(_) => f.write_str("command"),
        }
    }
}

fn config(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Config, message).on(Side::Source)
}

#[cfg(test)]
mod tests;
