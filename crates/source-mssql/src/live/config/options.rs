//! What the options of a connection string mean.

use std::path::PathBuf;
use std::time::Duration;

use migrate_core::Result;
use secrecy::SecretString;

use super::{Driver, Encrypt, Login, MssqlConfig, TokenSource, Trust, config};

/// An option as it was written.
pub(super) struct Pair {
    key: String,
    value: String,
}

impl Pair {
    pub(super) fn new(key: &str, value: String) -> Self {
        Self {
            key: key.to_ascii_lowercase(),
            value,
        }
    }
}

/// Every option with its other names.
const OPTIONS: &[(&str, &[&str])] = &[
    ("host", &[]),
    ("port", &[]),
    ("user", &["userid", "uid", "username"]),
    ("password", &["pwd"]),
    ("password_env", &[]),
    ("database", &["initialcatalog"]),
    ("driver", &[]),
    ("encrypt", &[]),
    ("trust_server_certificate", &["trustservercertificate"]),
    ("ca", &["certificateauthority"]),
    ("hostname_in_certificate", &["hostnameincertificate"]),
    ("instance", &[]),
    ("application_name", &["app", "applicationname"]),
    ("application_intent", &["applicationintent"]),
    (
        "connect_timeout",
        &["connecttimeout", "connectiontimeout", "timeout"],
    ),
    ("statement_timeout", &["commandtimeout"]),
    ("pool_limit", &["maxpoolsize", "connection_limit"]),
    ("packet_size", &["packetsize"]),
    ("token_env", &[]),
    ("token_command", &[]),
    ("integrated", &["integratedsecurity", "trusted_connection"]),
    ("authentication", &[]),
];

/// What the user may write: those that a URL has a place for are not repeated.
const KNOWN: &str = "driver, encrypt, trust_server_certificate, ca, hostname_in_certificate, instance, \
     application_name, application_intent, connect_timeout, statement_timeout, pool_limit, packet_size, password_env, \
     token_env, token_command, integrated";

/// Keywords of ADO.NET that change nothing here.
const IGNORED: &[&str] = &[
    "asynchronousprocessing",
    "async",
    "columnencryptionsetting",
    "connectionlifetime",
    "connectionreset",
    "connectretrycount",
    "connectretryinterval",
    "contextconnection",
    "currentlanguage",
    "language",
    "enlist",
    "failoverpartner",
    "ipaddresspreference",
    "loadbalancetimeout",
    "minpoolsize",
    "mars",
    "multipleactiveresultsets",
    "multisubnetfailover",
    "networklibrary",
    "net",
    "persistsecurityinfo",
    "poolblockingperiod",
    "pooling",
    "replication",
    "serverspn",
    "transactionbinding",
    "typesystemversion",
    "userinstance",
    "workstationid",
    "wsid",
];

/// What only the whole string decides.
#[derive(Default)]
struct Parts {
    host: Option<String>,
    user: Option<String>,
    password: Option<String>,
    password_env: Option<String>,
    token: Option<TokenSource>,
    integrated: bool,
    trust_any: bool,
    ca: Option<PathBuf>,
}

/// Joins the options. `environment` reads a variable.
pub(super) fn build(pairs: Vec<Pair>, environment: &dyn Fn(&str) -> Option<String>) -> Result<MssqlConfig> {
    let mut out = MssqlConfig::new("", Login::Integrated);
    let mut parts = Parts::default();
    for Pair { key, value } in pairs {
        let canonical = OPTIONS
            .iter()
            .find(|(name, others)| *name == key || others.contains(&key.as_str()))
            .map(|(name, _)| *name);
        match canonical {
            Some(name) => set(&mut out, &mut parts, name, value)?,
            None if IGNORED.contains(&key.as_str()) => out.ignored.push(key),
            None if key
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') =>
            {
                return Err(
                    config(format!("the connection string has an unknown option `{key}`"))
                        .hint(format!("known options: {KNOWN}")),
                );
            }
            // Part of a password that was not quoted, perhaps.
            None => {
                return Err(config("the connection string has an unknown option").hint(format!(
                    "put a password with special characters in quotes, or percent-encode it in a URL; known options: {KNOWN}"
                )));
            }
        }
    }
    out.host = parts
        .host
        .take()
        .filter(|host| !host.is_empty())
        .ok_or_else(|| config("the connection string names no server"))?;
    out.trust = match (parts.ca.take(), parts.trust_any) {
        (Some(_), true) => {
            return Err(
                config("`ca` and `trust_server_certificate` contradict each other")
                    .hint("leave out trust_server_certificate: with `ca` the certificate is verified"),
            );
        }
        (Some(file), false) => Trust::CaFile(file),
        (None, true) => Trust::Any,
        (None, false) => Trust::System,
    };
    if out.encrypt == Encrypt::Strict && out.trust == Trust::Any {
        return Err(config("encrypt=strict always verifies the server's certificate")
            .hint("name its authority with ca=FILE, or use encrypt=on"));
    }
    out.login = login(parts, environment)?;
    Ok(out)
}

fn login(parts: Parts, environment: &dyn Fn(&str) -> Option<String>) -> Result<Login> {
    let ways = usize::from(parts.user.is_some())
        + usize::from(parts.token.is_some())
        + usize::from(parts.integrated);
    if ways > 1 {
        return Err(config("the connection string has more than one way to log in")
            .hint("give a user with a password, or a token, or integrated=true"));
    }
    if let Some(source) = parts.token {
        return Ok(Login::Token(source));
    }
    if parts.integrated {
        return Ok(Login::Integrated);
    }
    let user = parts.user.ok_or_else(|| {
        config("the connection string names no user")
            .hint("give a user, token_env=NAME, token_command=COMMAND, or integrated=true")
    })?;
    let password = match (parts.password, parts.password_env) {
        (Some(password), _) => password,
        (None, Some(name)) => environment(&name).ok_or_else(|| {
            config(format!(
                "the environment variable {name}, named by password_env, is not set"
            ))
        })?,
        (None, None) => environment("MSSQL_PASSWORD").ok_or_else(|| {
            config("there is no password")
                .hint("put it into the connection string, or into the variable MSSQL_PASSWORD")
        })?,
    };
    Ok(Login::Password {
        user,
        password: SecretString::from(password),
    })
}

fn set(out: &mut MssqlConfig, parts: &mut Parts, name: &str, value: String) -> Result<()> {
    match name {
        "host" => parts.host = Some(value),
        "port" => {
            out.port = Some(
                value
                    .parse()
                    .ok()
                    .filter(|port| *port > 0)
                    .ok_or_else(|| config("the port is not a number from 1 to 65535"))?,
            );
        }
        "user" => parts.user = Some(value).filter(|v| !v.is_empty()),
        "password" => parts.password = Some(value),
        "password_env" => parts.password_env = Some(value),
        "database" => out.database = Some(value).filter(|v| !v.is_empty()),
        "driver" => out.driver = Some(driver(&value)?),
        "encrypt" => out.encrypt = encrypt(&value)?,
        "trust_server_certificate" => parts.trust_any = flag(name, &value)?,
        "ca" => parts.ca = Some(PathBuf::from(value)),
        "hostname_in_certificate" => out.hostname_in_certificate = Some(value).filter(|v| !v.is_empty()),
        "instance" => {
            // What SQL Server itself calls the instance that has no name.
            out.instance = Some(value).filter(|v| !v.is_empty() && !v.eq_ignore_ascii_case("mssqlserver"));
        }
        "application_name" => out.application_name = value,
        "application_intent" => {
            out.read_only_intent = match value.to_ascii_lowercase().as_str() {
                "readonly" | "read_only" => true,
                "readwrite" | "read_write" => false,
                _ => return Err(config("application_intent is neither readonly nor readwrite")),
            };
        }
        "connect_timeout" => {
            let seconds = number(name, &value)?;
            // As everywhere: 0 is for ever, which here only means that the operating system gives up first.
            out.connect_timeout = Duration::from_secs(if seconds == 0 { 86_400 } else { seconds });
        }
        "statement_timeout" => {
            let seconds = number(name, &value)?;
            out.statement_timeout = (seconds > 0).then(|| Duration::from_secs(seconds));
        }
        "pool_limit" => {
            out.pool_limit = u32::try_from(number(name, &value)?)
                .ok()
                .filter(|n| *n > 0)
                .ok_or_else(|| config("pool_limit is not a number of connections"))?;
        }
        "packet_size" => {
            out.packet_size = Some(
                value
                    .parse()
                    .ok()
                    .filter(|n| (512..=32767).contains(n))
                    .ok_or_else(|| config("packet_size is not a number from 512 to 32767"))?,
            );
        }
        "token_env" => parts.token = Some(TokenSource::Environment(value)),
        "token_command" => parts.token = Some(TokenSource::Command(value)),
        "integrated" => parts.integrated = value.eq_ignore_ascii_case("sspi") || flag(name, &value)?,
        "authentication" => {
            if !super::ado::squeeze(&value).eq("sqlpassword") {
                return Err(
                    config("Authentication names a way to log in that is not built in").hint(
                        "let a tool fetch the token: token_command='az account get-access-token \
                           --resource https://database.windows.net --query accessToken -o tsv'",
                    ),
                );
            }
        }
        other => return Err(config(format!("the option `{other}` has no meaning"))),
    }
    Ok(())
}

fn driver(value: &str) -> Result<Driver> {
    [Driver::Tiberius, Driver::MssqlTds]
        .into_iter()
        .find(|driver| value.eq_ignore_ascii_case(driver.name()))
        .ok_or_else(|| config("driver is neither tiberius nor mssql-tds"))
}

fn encrypt(value: &str) -> Result<Encrypt> {
    match value.to_ascii_lowercase().as_str() {
        "on" | "true" | "yes" | "mandatory" | "1" => Ok(Encrypt::Mandatory),
        "off" | "false" | "no" | "optional" | "0" => Ok(Encrypt::Optional),
        "strict" => Ok(Encrypt::Strict),
        _ => Err(config("encrypt is none of on, off, strict")),
    }
}

fn flag(name: &str, value: &str) -> Result<bool> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" | "" => Ok(true),
        "false" | "no" | "off" | "0" => Ok(false),
        _ => Err(config(format!("{name} is neither true nor false"))),
    }
}

fn number(name: &str, value: &str) -> Result<u64> {
    value
        .parse()
        .map_err(|_| config(format!("{name} is not a whole number")))
}
