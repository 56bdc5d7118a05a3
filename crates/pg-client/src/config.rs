//! Where a PostgreSQL database is, and how to get in.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use migrate_core::{Error, ErrorKind, Result, Side};
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};
use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use url::Url;

use crate::key_value;
use crate::supabase::SupabaseHost;

/// How long connecting may take unless the connection string says otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// Parameters that libpq or common tools know and that change nothing here.
const IGNORED: &[&str] = &[
    "channel_binding",
    "client_encoding",
    "connection_limit",
    "fallback_application_name",
    "gssencmode",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "pool_timeout",
    "schema",
    "sslnegotiation",
    "sslsni",
    "target_session_attrs",
    "tcp_user_timeout",
];

/// A PostgreSQL database as a connection string names it.
///
/// What the string leaves out comes from libpq's environment variables and password file, then from its defaults. TLS
/// is verified in full for hosts other than this machine unless `sslmode` says otherwise.
///
/// `Debug` and `Display` never show the password.
#[derive(Clone)]
pub struct PgTarget {
    options: PgConnectOptions,
    connect_timeout: Duration,
    ignored: Vec<String>,
    pooled: bool,
}

/// The parameters of a connection string that are not handed to the driver as they are.
#[derive(Default)]
struct Special {
    ssl_mode: Option<PgSslMode>,
    root_certificate: Option<String>,
    connect_timeout: Option<Duration>,
    application_name: bool,
    pooled: bool,
}

impl PgTarget {
    /// Reads a connection string: a URL (`postgres://user:password@host:port/database?sslmode=...`) or libpq's
    /// `host=... dbname=...` form.
    ///
    /// # Errors
    /// [`Config`](ErrorKind::Config) if the text is neither, or names a parameter that does not exist. The error never
    /// repeats a value.
    pub fn parse(text: &SecretString) -> Result<Self> {
        let text = text.expose_secret().trim();
        let pairs = if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            url_pairs(text)?
        } else if text.contains('=') && !text.contains("://") {
            key_value::parse(text)
                .map_err(|why| config(format!("the connection string cannot be read: {why}")))?
        } else {
            return Err(
                config("the connection string is neither a URL nor a list of key=value pairs")
                    .hint("write it like postgres://user:password@host:5432/database"),
            );
        };
        Self::from_pairs(pairs)
    }

    fn from_pairs(pairs: Vec<(String, String)>) -> Result<Self> {
        let mut special = Special::default();
        let mut ignored = Vec::new();
        // Only the driver's own URL reader looks into the password file, so it gets everything as a query.
        let mut url =
            Url::parse("postgres:///").map_err(|e| Error::new(ErrorKind::Internal, e.to_string()))?;
        for (key, value) in pairs {
            match key.as_str() {
                "sslmode" => special.ssl_mode = Some(value.parse().map_err(|_| bad_mode())?),
                "sslrootcert" if value == "system" => {
                    special.ssl_mode = special.ssl_mode.or(Some(PgSslMode::VerifyFull));
                }
                "sslrootcert" => special.root_certificate = Some(value),
                "connect_timeout" => {
                    let seconds: u64 = value
                        .parse()
                        .map_err(|_| config("connect_timeout is not a number of seconds"))?;
                    special.connect_timeout = (seconds > 0).then(|| Duration::from_secs(seconds));
                }
                "host" | "hostaddr" if value.contains(',') => {
                    return Err(config("the connection string names several hosts")
                        .hint("name the one host that accepts writes"));
                }
                "port" if value.parse::<u16>().is_err() => {
                    return Err(config(
                        "the port in the connection string is not a number from 0 to 65535",
                    ));
                }
                "hostaddr" if value.parse::<IpAddr>().is_err() => {
                    return Err(config("hostaddr in the connection string is not an IP address"));
                }
                "host" | "hostaddr" | "port" | "dbname" | "user" | "password" | "options" | "sslcert"
                | "sslkey" => {
                    // An empty value means the default, as in libpq.
                    if !value.is_empty() {
                        url.query_pairs_mut().append_pair(&key, &value);
                    }
                }
                "application_name" => {
                    special.application_name = true;
                    url.query_pairs_mut().append_pair(&key, &value);
                }
                // As other tools spell that a pooler in transaction mode answers.
                "pgbouncer" => special.pooled = value == "true",
                known if IGNORED.contains(&known) => ignored.push(key),
                _ if key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') => {
                    return Err(config(format!(
                        "the connection string has an unknown parameter `{key}`"
                    )));
                }
                // Part of an unescaped password, perhaps.
                _ => return Err(config("the connection string has an unknown parameter").hint(ESCAPE)),
            }
        }
        let options = PgConnectOptions::from_url(&url)
            .map_err(|_| config("the connection string cannot be read").hint(ESCAPE))?;
        Ok(Self::finish(options, special, ignored))
    }

    fn finish(mut options: PgConnectOptions, special: Special, ignored: Vec<String>) -> Self {
        let asked = special
            .ssl_mode
            .or_else(|| std::env::var("PGSSLMODE").ok()?.parse().ok());
        let mode = match asked {
            // As in libpq: who names the authority wants it checked.
            Some(PgSslMode::Require) if special.root_certificate.is_some() => PgSslMode::VerifyCa,
            Some(mode) => mode,
            None if is_local(&options) => PgSslMode::Prefer,
            None => PgSslMode::VerifyFull,
        };
        options = options.ssl_mode(mode).disable_statement_logging();
        if let Some(file) = special.root_certificate {
            options = options.ssl_root_cert(PathBuf::from(file));
        }
        if !special.application_name {
            options = options.application_name("migrate");
        }
        // Poolers refuse parameters that they do not know; each session sets its own.
        options = options.extra_float_digits(None);
        Self {
            options,
            connect_timeout: special.connect_timeout.unwrap_or(CONNECT_TIMEOUT),
            ignored,
            pooled: special.pooled,
        }
    }

    /// Where the database is, without secrets: `host:port/database`.
    pub fn describe(&self) -> String {
        let database = self.database();
        match socket(&self.options) {
            Some(path) => format!("{path}:{}/{database}", self.options.get_port()),
            None if self.host().contains(':') => {
                format!("[{}]:{}/{database}", self.host(), self.options.get_port())
            }
            None => format!("{}:{}/{database}", self.host(), self.options.get_port()),
        }
    }

    /// The host's name or address, or the directory of the unix socket.
    pub fn host(&self) -> &str {
        self.options.get_host()
    }

    /// The TCP port, also used in the unix socket's name.
    pub fn port(&self) -> u16 {
        self.options.get_port()
    }

    /// The database, which is named like the user if the connection string does not say.
    pub fn database(&self) -> &str {
        self.options.get_database().unwrap_or_else(|| self.user())
    }

    /// The user.
    pub fn user(&self) -> &str {
        self.options.get_username()
    }

    /// Whether the server is on this machine, as far as its address says.
    pub fn is_local(&self) -> bool {
        is_local(&self.options)
    }

    /// Whether the certificate of the server is checked against its name.
    pub fn is_verified(&self) -> bool {
        matches!(self.options.get_ssl_mode(), PgSslMode::VerifyFull)
    }

    /// Parameters of the connection string that were recognised and have no effect.
    pub fn ignored(&self) -> &[String] {
        &self.ignored
    }

    /// Whether the connection string says that a pooler hands each transaction to another server process: by
    /// `pgbouncer=true`, or because it is the port of Supabase's.
    pub fn names_transaction_pooler(&self) -> bool {
        self.pooled || self.supabase() == Some(SupabaseHost::TransactionPooler)
    }

    /// What of Supabase the host is, if its name says so.
    pub fn supabase(&self) -> Option<SupabaseHost> {
        SupabaseHost::of(self.host(), self.port())
    }

    pub(crate) fn options(&self) -> &PgConnectOptions {
        &self.options
    }

    pub(crate) fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }
}

impl fmt::Display for PgTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.user(), self.describe())
    }
}

impl fmt::Debug for PgTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgTarget")
            .field("user", &self.user())
            .field("password", &"***")
            .field("at", &self.describe())
            .field("ssl_mode", &self.options.get_ssl_mode())
            .finish_non_exhaustive()
    }
}

const ESCAPE: &str =
    "percent-encode special characters in user and password (for example # as %23, / as %2F, @ as %40)";

fn config(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Config, message).on(Side::Destination)
}

fn bad_mode() -> Error {
    config("sslmode is none of disable, allow, prefer, require, verify-ca, verify-full")
}

/// Takes a URL apart into libpq's parameters.
fn url_pairs(text: &str) -> Result<Vec<(String, String)>> {
    // A raw `/` or `?` in a password ends the host before its time, and the rest of the password would be taken for the host:
    // it must neither be looked up nor shown.
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let authority = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    if rest[authority..].contains('@') {
        return Err(config("the connection URL has an `@` after its host").hint(ESCAPE));
    }
    // The reader's error is kept out: it may be about a piece of the password.
    let url = Url::parse(text).map_err(|_| config("the connection URL cannot be read").hint(ESCAPE))?;
    if url.fragment().is_some() {
        return Err(config("the connection URL has a `#` in it").hint(ESCAPE));
    }
    let decode = |part: &str| {
        percent_decode_str(part)
            .decode_utf8()
            .map(|text| text.into_owned())
            .map_err(|_| config("the connection URL is not UTF-8 where it is percent-encoded"))
    };
    let mut pairs = Vec::new();
    if let Some(host) = url.host_str().filter(|h| !h.is_empty()) {
        pairs.push(("host".to_owned(), decode(host.trim_matches(['[', ']']))?));
    }
    if let Some(port) = url.port() {
        pairs.push(("port".to_owned(), port.to_string()));
    }
    if !url.username().is_empty() {
        pairs.push(("user".to_owned(), decode(url.username())?));
    }
    if let Some(password) = url.password() {
        pairs.push(("password".to_owned(), decode(password)?));
    }
    let database = url.path().strip_prefix('/').unwrap_or_default();
    if !database.is_empty() {
        pairs.push(("dbname".to_owned(), decode(database)?));
    }
    pairs.extend(url.query_pairs().map(|(k, v)| {
        let key = if k == "ssl" && v == "true" {
            ("sslmode".into(), "require".into())
        } else {
            (k, v)
        };
        (key.0.into_owned(), key.1.into_owned())
    }));
    Ok(pairs)
}

fn socket(options: &PgConnectOptions) -> Option<String> {
    match options.get_socket() {
        Some(path) => Some(path.display().to_string()),
        None => options
            .get_host()
            .starts_with('/')
            .then(|| options.get_host().to_owned()),
    }
}

fn is_local(options: &PgConnectOptions) -> bool {
    let host = options.get_host();
    socket(options).is_some()
        || host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str) -> PgTarget {
        PgTarget::parse(&text.to_owned().into()).unwrap()
    }

    fn refusal(text: &str) -> Error {
        PgTarget::parse(&text.to_owned().into()).unwrap_err()
    }

    #[test]
    fn a_password_that_ends_the_host_is_neither_shown_nor_looked_up() {
        for url in [
            "postgres://u:p@ss/w@h/db",
            "postgres://u:12/34@h/db",
            "postgres://u:12?ss@h/db",
            "postgres://u:12#ss@h/db",
        ] {
            let error = refusal(url);
            assert_eq!(
                error.to_string(),
                "the connection URL has an `@` after its host",
                "{url}"
            );
            assert_eq!(error.hint_text(), Some(ESCAPE));
        }
    }

    #[test]
    fn urls_and_pairs_say_the_same() {
        let url = target("postgres://app:s%23cret@db.example.com:6000/shop?connect_timeout=3");
        let pairs =
            target("host=db.example.com port=6000 user=app password='s#cret' dbname=shop connect_timeout=3");
        for t in [&url, &pairs] {
            assert_eq!(t.to_string(), "app@db.example.com:6000/shop");
            assert_eq!(t.connect_timeout(), Duration::from_secs(3));
            assert!(
                format!("{:?}", t.options()).contains("s#cret"),
                "the driver must get the password"
            );
        }
    }

    #[test]
    fn no_password_is_ever_printed() {
        let t = target("postgres://app:hunter2@db.example.com/shop");
        assert!(!format!("{t} {t:?} {t:#?}").contains("hunter2"));
        for text in [
            "postgres://app:hunter2#@h/db",
            "postgres://app:hunter2@h:port/db",
            "host=h password=x hunter2",
            "hunter2",
            "postgres://h/db?hunter2!=1",
            "postgres://app:p@h/db?sslmode=hunter2",
        ] {
            let e = refusal(text);
            assert_eq!(e.kind(), ErrorKind::Config);
            assert!(
                !format!("{e} {e:?} {:?}", e.hint_text()).contains("hunter2"),
                "{text}"
            );
        }
    }

    #[test]
    fn tls_is_verified_for_other_machines_unless_told_otherwise() {
        let mode = |text: &str| format!("{:?}", target(text).options.get_ssl_mode());
        assert_eq!(mode("postgres://a@db.example.com/x"), "VerifyFull");
        assert_eq!(mode("postgres://a@10.0.0.1/x"), "VerifyFull");
        assert_eq!(mode("postgres://a@localhost/x"), "Prefer");
        assert_eq!(mode("postgres://a@[::1]:5433/x"), "Prefer");
        assert_eq!(mode("host=/var/run/postgresql user=a"), "Prefer");
        assert_eq!(mode("postgres://a@db.example.com/x?sslmode=require"), "Require");
        assert_eq!(
            mode("postgres://a@db.example.com/x?sslmode=require&sslrootcert=/ca.pem"),
            "VerifyCa"
        );
        assert_eq!(mode("postgres://a@db.example.com/x?sslmode=disable"), "Disable");
    }

    #[test]
    fn addresses_are_described() {
        assert_eq!(target("postgres://a@[::1]:5433/x").describe(), "[::1]:5433/x");
        assert_eq!(
            target("postgres://a@%2Frun%2Fpg:5433/x").describe(),
            "/run/pg:5433/x"
        );
        assert_eq!(
            target("host=/run/pg port=5433 user=a").describe(),
            "/run/pg:5433/a"
        );
    }

    #[test]
    fn unknown_and_ignored_parameters() {
        assert_eq!(
            refusal("host=h hots=i").to_string(),
            "the connection string has an unknown parameter `hots`"
        );
        assert_eq!(refusal("host=a,b dbname=x").kind(), ErrorKind::Config);
        assert_eq!(
            target("postgres://h/x?keepalives=1&schema=public").ignored(),
            ["keepalives", "schema"]
        );
        assert!(target("postgres://h/x?pgbouncer=true").names_transaction_pooler());
        assert!(!target("postgres://h/x?pgbouncer=false").names_transaction_pooler());
        assert!(target("postgres://aws-0-eu-west-1.pooler.supabase.com:6543/x").names_transaction_pooler());
        assert!(!target("postgres://aws-0-eu-west-1.pooler.supabase.com:5432/x").names_transaction_pooler());
    }
}
