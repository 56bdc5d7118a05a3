//! What names a source: a path, or a connection string that may hold a password.

use std::path::{Path, PathBuf};

use migrate_core::{Error, ErrorKind, Result, Side};
use secrecy::{ExposeSecret, SecretString};

use crate::connection::holds_password;

/// Which kind of source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A .bacpac file.
    Bacpac,
    /// A running SQL Server.
    SqlServer,
    /// A running PostgreSQL.
    Postgres,
    /// A running MongoDB.
    MongoDb,
    /// What `mongodump` wrote.
    #[cfg_attr(
        not(feature = "mongo"),
        expect(dead_code, reason = "only the source recognises it")
    )]
    MongoDump,
}

/// Where it is.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// A file or directory.
    Path(PathBuf),
    /// A server, by its connection string.
    Connection(SecretString),
}

/// A source that is not opened yet.
#[derive(Debug, Clone)]
pub(crate) struct Named {
    pub(crate) kind: Kind,
    pub(crate) place: Place,
    /// As a plan file may hold it: a path, `env:NAME`, or a connection string without its password.
    shown: String,
    /// Whether the command line shows a password.
    pub(crate) exposed: bool,
}

impl Named {
    /// A file or directory.
    pub(crate) fn file(kind: Kind, path: PathBuf) -> Self {
        Self {
            kind,
            shown: path.to_string_lossy().into_owned(),
            place: Place::Path(path),
            exposed: false,
        }
    }

    /// A server, if that is what the argument names.
    ///
    /// # Errors
    /// [`Config`](ErrorKind::Config) for `env:NAME` without such a variable; [`Unsupported`](ErrorKind::Unsupported) for a
    /// scheme that no source has. Only the scheme is repeated: the rest may hold a password.
    pub(crate) fn connection(
        argument: &str,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>> {
        if let Some(name) = argument.strip_prefix("env:") {
            let text = variable(name)
                .filter(|text| !text.trim().is_empty())
                .ok_or_else(|| {
                    config("the environment variable that names the source is not set").at("variable", name)
                })?;
            let kind = kind_of(text.trim())?.ok_or_else(|| {
                config("the environment variable holds no connection string").at("variable", name)
            })?;
            return Ok(Some(Self {
                kind,
                place: Place::Connection(text.trim().to_owned().into()),
                shown: argument.to_owned(),
                exposed: false,
            }));
        }
        Ok(kind_of(argument)?.map(|kind| Self {
            kind,
            place: Place::Connection(argument.trim().to_owned().into()),
            shown: without_password(argument.trim()),
            exposed: holds_password(argument),
        }))
    }

    /// How a plan file at `file` should name it.
    pub(crate) fn as_seen_from(&self, file: &Path) -> String {
        match &self.place {
            Place::Path(path) => relative(file, path),
            Place::Connection(_) => self.shown.clone(),
        }
    }

    /// What a database for it could be called.
    pub(crate) fn stem(&self) -> String {
        match &self.place {
            Place::Path(path) => {
                let name = path.file_stem().or(path.file_name());
                name.map(|s| s.to_string_lossy().into_owned()).unwrap_or_default()
            }
            Place::Connection(text) => database(text.expose_secret()).unwrap_or_default(),
        }
    }
}

fn kind_of(text: &str) -> Result<Option<Kind>> {
    if let Some((scheme, _)) = text.split_once("://") {
        let scheme = scheme.to_ascii_lowercase();
        return match scheme.as_str() {
            "mssql" | "sqlserver" => Ok(Some(Kind::SqlServer)),
            "mongodb" | "mongodb+srv" => Ok(Some(Kind::MongoDb)),
            "postgres" | "postgresql" => Ok(Some(Kind::Postgres)),
            _ => Err(unsupported("no source has this kind of URL").hint(
                "a source is mssql://..., mongodb://..., postgres://..., a .bacpac file, what mongodump wrote, or env:NAME",
            )),
        };
    }
    // ADO.NET connection strings name their server in one of these ways.
    let first = text
        .split_once('=')
        .map(|(key, _)| key.trim().to_ascii_lowercase());
    let ado = ["server", "data source", "addr", "address", "network address"];
    Ok(first
        .filter(|key| ado.contains(&key.as_str()) && text.contains(';'))
        .map(|_| Kind::SqlServer))
}

/// The text without what others must not read.
fn without_password(text: &str) -> String {
    if let Some((scheme, rest)) = text.split_once("://") {
        let (authority, tail) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let authority = match authority.rsplit_once('@') {
            Some((login, host)) => format!("{}@{host}", login.split(':').next().unwrap_or_default()),
            None => authority.to_owned(),
        };
        let (path, query) = tail.split_once('?').unwrap_or((tail, ""));
        let kept: Vec<&str> = query.split('&').filter(|pair| !secret(pair)).collect();
        let query = kept.join("&");
        let mark = if query.is_empty() { "" } else { "?" };
        return format!("{scheme}://{authority}{path}{mark}{query}");
    }
    let kept: Vec<&str> = settings(text).into_iter().filter(|pair| !secret(pair)).collect();
    kept.join(";")
}

/// Whether a setting's name speaks of a secret.
fn secret(pair: &str) -> bool {
    let name = pair
        .split('=')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let name = name.replace(['_', ' ', '-'], "");
    [
        "password",
        "pwd",
        "token",
        "accesstoken",
        "tlscertificatekeyfilepassword",
    ]
    .contains(&name.as_str())
}

/// The settings of an ADO.NET connection string; quoted values may hold semicolons.
fn settings(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let (mut start, mut quote) = (0, None);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            (None, ';') => {
                found.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found.push(&text[start..]);
    found.retain(|pair| !pair.trim().is_empty());
    found
}

fn database(text: &str) -> Option<String> {
    if let Some((_, rest)) = text.split_once("://") {
        let (_, path) = rest.split('?').next()?.split_once('/')?;
        return Some(path.trim_matches('/').to_owned());
    }
    settings(text).into_iter().find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        let name = name.trim().to_ascii_lowercase();
        ["database", "initial catalog"]
            .contains(&name.as_str())
            .then(|| value.trim().trim_matches(['"', '\'']).to_owned())
    })
}

/// A path relative to the plan file's directory where it lies below, else absolute.
fn relative(file: &Path, source: &Path) -> String {
    let absolute = |path: &Path| std::fs::canonicalize(path).ok();
    let folder = file
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    match (absolute(folder), absolute(source)) {
        (Some(folder), Some(source)) => source
            .strip_prefix(&folder)
            .unwrap_or(&source)
            .to_string_lossy()
            .into_owned(),
        _ => source.to_string_lossy().into_owned(),
    }
}

fn config(message: &str) -> Error {
    Error::new(ErrorKind::Config, message).on(Side::Source)
}

fn unsupported(message: &str) -> Error {
    Error::new(ErrorKind::Unsupported, message).on(Side::Source)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(text: &str) -> Named {
        Named::connection(text, |_| None).unwrap().unwrap()
    }

    #[test]
    fn connection_strings_are_shown_without_their_secrets() {
        for (text, kind, shown, stem) in [
            (
                "mssql://sa:hunter2@h:1433/Sales?encrypt=true&password=hunter2",
                Kind::SqlServer,
                "mssql://sa@h:1433/Sales?encrypt=true",
                "Sales",
            ),
            (
                "Server=tcp:h,1433;Database=Sales;User Id=sa;Password=\"hunter2;x\";Encrypt=True",
                Kind::SqlServer,
                "Server=tcp:h,1433;Database=Sales;User Id=sa;Encrypt=True",
                "Sales",
            ),
            (
                "mongodb+srv://a:hunter2@h/crm?tls=true",
                Kind::MongoDb,
                "mongodb+srv://a@h/crm?tls=true",
                "crm",
            ),
            ("mongodb://h1,h2/crm", Kind::MongoDb, "mongodb://h1,h2/crm", "crm"),
            (
                "postgres://reader:hunter2@h/shop?sslmode=require",
                Kind::Postgres,
                "postgres://reader@h/shop?sslmode=require",
                "shop",
            ),
        ] {
            let named = connection(text);
            assert_eq!(
                (
                    named.kind,
                    named.as_seen_from(Path::new("p.toml")).as_str(),
                    named.stem().as_str()
                ),
                (kind, shown, stem)
            );
            assert_eq!(named.exposed, text.contains("hunter2"));
            assert!(!format!("{named:?}").contains("hunter2"));
        }
    }

    #[test]
    fn a_variable_stays_a_variable() {
        let named = Named::connection("env:FROM", |name| {
            (name == "FROM").then(|| "mssql://sa:hunter2@h/Sales".to_owned())
        });
        let named = named.unwrap().unwrap();
        assert_eq!(named.as_seen_from(Path::new("p.toml")), "env:FROM");
        assert_eq!((named.stem().as_str(), named.exposed), ("Sales", false));
        let e = Named::connection("env:FROM", |_| None).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Config);
    }

    #[test]
    fn paths_are_no_connections_and_other_urls_are_refused_unrepeated() {
        for text in ["crm.bacpac", "dump/a=b;c", "server=x"] {
            assert!(Named::connection(text, |_| None).unwrap().is_none(), "{text}");
        }
        for url in ["mysql://a:hunter2@h/d", "x://hunter2"] {
            let e = Named::connection(url, |_| None).unwrap_err();
            assert_eq!((e.kind(), e.side()), (ErrorKind::Unsupported, Side::Source));
            assert!(!format!("{e}{:?}", e.hint_text()).contains("hunter2"));
        }
    }
}
