//! Connection URLs.

use migrate_core::Result;
use percent_encoding::percent_decode_str;
use url::Url;

use super::config;
use super::options::Pair;

const ESCAPE: &str =
    "percent-encode special characters in user and password (for example # as %23, / as %2F, @ as %40)";

/// Whether the text begins like one of our URLs.
pub(super) fn is_url(text: &str) -> bool {
    ["mssql://", "sqlserver://"].iter().any(|scheme| {
        text.get(..scheme.len())
            .is_some_and(|t| t.eq_ignore_ascii_case(scheme))
    })
}

/// Takes a URL apart into options.
pub(super) fn pairs(text: &str) -> Result<Vec<Pair>> {
    // A raw `/` or `?` in a password ends the host before its time, and the rest of the password would be taken for the
    // host: it must neither be looked up nor shown.
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
    let host = url.host_str().unwrap_or_default();
    if host.is_empty() {
        return Err(config("the connection URL names no host").hint(ESCAPE));
    }
    // Only names are percent-encoded; an address is in brackets.
    pairs.push(Pair::new("host", decode(host.trim_matches(['[', ']']))?));
    if let Some(port) = url.port() {
        pairs.push(Pair::new("port", port.to_string()));
    }
    if !url.username().is_empty() {
        pairs.push(Pair::new("user", decode(url.username())?));
    }
    if let Some(password) = url.password() {
        pairs.push(Pair::new("password", decode(password)?));
    }
    let database = url.path().strip_prefix('/').unwrap_or_default();
    if !database.is_empty() {
        pairs.push(Pair::new("database", decode(database)?));
    }
    for (key, value) in url.query_pairs() {
        pairs.push(Pair::new(&key, value.into_owned()));
    }
    Ok(pairs)
}
