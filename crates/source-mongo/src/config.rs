//! Where a deployment is, and how to get in.

use std::fmt;
use std::time::Duration;

use migrate_core::{Error, Result};
use mongodb::options::{ClientOptions, ConnectionString};
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};

use crate::classify::{config, driver};

/// How long a search for a server may take unless the connection string says otherwise.
const SELECTION_TIMEOUT: Duration = Duration::from_secs(15);

/// Connections to each server unless the connection string says otherwise: many workers, each with a cursor.
const POOL: u32 = 32;

/// How long reading goes on trying to reach a deployment that was lost, unless told otherwise.
const PATIENCE: Duration = Duration::from_mins(5);

/// Options of other programs' connection strings that do not concern reading, or that the driver would refuse: in lower
/// case.
const IGNORED: &[&str] = &[
    "compressors",
    "fsync",
    "journal",
    "minpoolsize",
    "retrywrites",
    "safe",
    "sockettimeoutms",
    "uuidrepresentation",
    "w",
    "waitqueuemultiple",
    "waitqueuetimeoutms",
    "wtimeoutms",
    "zlibcompressionlevel",
];

const ESCAPE: &str = "write it like mongodb://user:password@host:27017/database; special characters in user and password \
     are written as %XX: @ is %40, / is %2F, : is %3A, ? is %3F, % is %25";

/// A database of a MongoDB deployment, as a connection string names it.
///
/// The string is what the official drivers take: hosts or an SRV name, database, and options such as `replicaSet`,
/// `authSource`, `tls`, `tlsCAFile`, `readPreference` and `readConcernLevel`. With TLS, certificates are verified unless
/// the string says otherwise; `mongodb+srv` always has TLS unless it says otherwise.
///
/// `Debug` and `Display` never show the password, nor the user.
#[derive(Clone)]
pub struct MongoConfig {
    /// With placeholders in place of user and password.
    connection: ConnectionString,
    place: String,
    user: Option<SecretString>,
    password: Option<SecretString>,
    database: Option<String>,
    snapshot: bool,
    patience: Duration,
}

impl MongoConfig {
    /// Reads a connection string, `mongodb://...` or `mongodb+srv://...`. Nothing is looked up.
    ///
    /// # Errors
    /// [`Config`](migrate_core::ErrorKind::Config) if it is not one. The error never repeats user or password.
    pub fn parse(text: &SecretString) -> Result<Self> {
        let parts = Parts::of(text.expose_secret().trim())?;
        let connection = ConnectionString::parse(parts.without_secrets()).map_err(|error| {
            let error = driver("the connection string cannot be read", &error);
            if error.hint_text().is_some() {
                error
            } else {
                error.hint(ESCAPE)
            }
        })?;
        Ok(Self {
            place: parts.place(connection.default_database.as_deref()),
            database: connection.default_database.clone(),
            connection,
            user: parts.user.map(SecretString::from),
            password: parts.password.map(SecretString::from),
            snapshot: true,
            patience: PATIENCE,
        })
    }

    /// Names the database to read, whatever the connection string says.
    pub fn with_database(mut self, database: impl Into<String>) -> Self {
        self.database = Some(database.into());
        self
    }

    /// Gives the password for the connection string's user.
    pub fn with_password(mut self, password: SecretString) -> Self {
        self.password = Some(password);
        self
    }

    /// Whether all tables are read as of one moment, where the deployment can (the default). Without it, each document is
    /// read as it is when its turn comes.
    pub fn with_snapshot(mut self, snapshot: bool) -> Self {
        self.snapshot = snapshot;
        self
    }

    /// How long reading goes on trying when the deployment cannot be reached, counted from the last success.
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The database to read, if it was named.
    pub fn database(&self) -> Option<&str> {
        self.database.as_deref()
    }

    /// Whether there is a user without a password, and the way to log in needs one.
    pub fn lacks_password(&self) -> bool {
        use mongodb::options::AuthMechanism::{MongoDbOidc, MongoDbX509};
        let mechanism = self
            .connection
            .credential
            .as_ref()
            .and_then(|credential| credential.mechanism.as_ref());
        self.user.is_some()
            && self.password.is_none()
            && !matches!(mechanism, Some(MongoDbX509 | MongoDbOidc))
    }

    /// Where the database is, without secrets: `mongodb://host:port,host:port/database`.
    pub fn describe(&self) -> &str {
        &self.place
    }

    pub(crate) fn snapshot(&self) -> bool {
        self.snapshot
    }

    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    /// The driver's options; an SRV name is looked up here.
    pub(crate) async fn options(&self) -> Result<ClientOptions> {
        if self.lacks_password() {
            return Err(config(format!("{}: the user has no password", self.place))
                .hint("set MONGODB_PASSWORD, or write the password into the connection string"));
        }
        let mut connection = self.connection.clone();
        if let Some(credential) = &mut connection.credential
            && let Some(user) = &self.user
        {
            credential.username = Some(user.expose_secret().to_owned());
            credential.password = self
                .password
                .as_ref()
                .map(|password| password.expose_secret().to_owned());
        }
        let mut options = ClientOptions::parse(connection)
            .await
            .map_err(|error| driver(&format!("connecting to {}", self.place), &error))?;
        options.app_name.get_or_insert_with(|| "migrate".to_owned());
        options.server_selection_timeout.get_or_insert(SELECTION_TIMEOUT);
        options.max_pool_size.get_or_insert(POOL);
        Ok(options)
    }
}

impl fmt::Display for MongoConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place)
    }
}

impl fmt::Debug for MongoConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MongoConfig")
            .field("place", &self.place)
            .field("database", &self.database)
            .field("snapshot", &self.snapshot)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}

/// A connection string cut up, so that the driver, whose messages may repeat what they complain about, never sees a
/// secret in a place where it does not expect one.
struct Parts<'a> {
    scheme: &'a str,
    user: Option<String>,
    password: Option<String>,
    hosts: &'a str,
    /// From the slash or question mark after the hosts on.
    rest: &'a str,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Result<Self> {
        let (scheme, rest) = text
            .split_once("://")
            .filter(|(scheme, _)| ["mongodb", "mongodb+srv"].contains(scheme))
            .ok_or_else(|| {
                config("the connection string does not begin with mongodb:// or mongodb+srv://").hint(ESCAPE)
            })?;
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        let (login, hosts) = match authority.rsplit_once('@') {
            Some((login, hosts)) => (Some(login), hosts),
            None => (None, authority),
        };
        let (user, password) = match login {
            Some(login) => {
                let (user, password) = match login.split_once(':') {
                    Some((user, password)) => (user, Some(password)),
                    None => (login, None),
                };
                (Some(decoded(user)?), password.map(decoded).transpose()?)
            }
            None => (None, None),
        };
        // What a raw slash or question mark in a password leaves behind is no list of hosts.
        if !hosts.split(',').all(is_host) {
            return Err(config("the connection string's list of hosts cannot be read").hint(ESCAPE));
        }
        let parts = Self {
            scheme,
            user,
            password,
            hosts,
            rest,
        };
        parts.check_options()?;
        Ok(parts)
    }

    fn check_options(&self) -> Result<()> {
        let (database, options) = self.rest.split_once('?').unwrap_or((self.rest, ""));
        if database.contains('@') {
            return Err(config("the connection string's database cannot be read").hint(ESCAPE));
        }
        let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric());
        let mut pairs = options.split(['&', ';']).filter(|pair| !pair.is_empty());
        if !pairs.all(|pair| pair.split_once('=').is_some_and(|(name, _)| is_name(name))) {
            return Err(config(
                "the connection string's options cannot be read: they are name=value, joined by &",
            )
            .hint(ESCAPE));
        }
        Ok(())
    }

    /// What the driver gets: placeholders for user and password, and only the options that are its business.
    fn without_secrets(&self) -> String {
        let login = match (&self.user, &self.password) {
            (Some(_), Some(_)) => "user:password@",
            (Some(_), None) => "user@",
            (None, _) => "",
        };
        let (database, options) = self.rest.split_once('?').unwrap_or((self.rest, ""));
        let is_ours = |pair: &&str| {
            let name = pair.split('=').next().unwrap_or_default().to_ascii_lowercase();
            !name.is_empty() && !IGNORED.contains(&&*name)
        };
        let options: Vec<&str> = options.split(['&', ';']).filter(is_ours).collect();
        let database = database.strip_prefix('/').unwrap_or(database);
        format!(
            "{}://{login}{}/{database}?{}",
            self.scheme,
            self.hosts,
            options.join("&")
        )
    }

    fn place(&self, database: Option<&str>) -> String {
        format!(
            "{}://{}/{}",
            self.scheme,
            self.hosts,
            database.unwrap_or_default()
        )
    }
}

/// `name`, `name:port`, `[address]:port`, or a socket's path with its slashes written as `%2F`.
fn is_host(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, "")) => (address, None),
        Some((address, port)) => (address, Some(port.strip_prefix(':').unwrap_or("no port"))),
        None => match host.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (host, None),
        },
    };
    let is_name = |c: char| c.is_alphanumeric() || "-._:%".contains(c);
    !name.is_empty() && name.chars().all(is_name) && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

fn decoded(text: &str) -> Result<String> {
    let bad =
        || -> Error { config("user or password of the connection string are not URL-encoded").hint(ESCAPE) };
    // A percent sign that encodes nothing was not meant as one.
    let rest = text.split('%').skip(1);
    let mut escapes = rest.map(|rest| {
        rest.as_bytes()
            .get(..2)
            .is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit))
    });
    if text.contains([':', '@']) || !escapes.all(|escape| escape) {
        return Err(bad());
    }
    Ok(percent_decode_str(text)
        .decode_utf8()
        .map_err(|_| bad())?
        .into_owned())
}

#[cfg(test)]
mod tests;
