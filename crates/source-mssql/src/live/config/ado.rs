//! ADO.NET connection strings: `key=value` pairs with semicolons between them, values in quotes where they need it
//! (the rules of `System.Data.Common.DbConnectionStringBuilder`).

use migrate_core::Result;

use super::config;
use super::options::Pair;

/// Whether the text is a list of pairs, as far as a look tells.
pub(super) fn is_connection_string(text: &str) -> bool {
    let first = text.split(['=', ';']).next().unwrap_or_default().trim();
    text.contains('=')
        && !first.contains("://")
        && [
            "server",
            "datasource",
            "addr",
            "address",
            "networkaddress",
            "database",
            "initialcatalog",
            "user",
            "userid",
            "uid",
            "encrypt",
            "integratedsecurity",
            "trusted_connection",
            "applicationname",
            "password",
            "pwd",
        ]
        .contains(&squeeze(first).as_str())
}

/// A keyword without its blanks, in lower case.
pub(super) fn squeeze(key: &str) -> String {
    key.chars()
        .filter(|c| !c.is_whitespace())
        .flat_map(char::to_lowercase)
        .collect()
}

/// Takes the list apart. `Server` becomes host, instance and port.
pub(super) fn pairs(text: &str) -> Result<Vec<Pair>> {
    let mut out = Vec::new();
    let mut rest = text.trim_start_matches([';', ' ', '\t', '\r', '\n']);
    while !rest.is_empty() {
        let (key, after) = rest
            .split_once('=')
            .ok_or_else(|| config("the connection string has a keyword without a value"))?;
        let (value, after) = value(after.trim_start())?;
        let key = squeeze(key);
        match key.as_str() {
            "server" | "datasource" | "addr" | "address" | "networkaddress" => server(&value, &mut out)?,
            _ => out.push(Pair::new(&key, value)),
        }
        rest = after.trim_start_matches([';', ' ', '\t', '\r', '\n']);
    }
    Ok(out)
}

/// One value, and what follows it.
fn value(text: &str) -> Result<(String, &str)> {
    let Some(quote) = text.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
        let end = text.find(';').unwrap_or(text.len());
        return Ok((text[..end].trim().to_owned(), &text[end..]));
    };
    let mut out = String::new();
    let mut rest = &text[1..];
    loop {
        let Some((piece, after)) = rest.split_once(quote) else {
            return Err(config(
                "the connection string has a value whose quotes do not end",
            ));
        };
        out.push_str(piece);
        match after.strip_prefix(quote) {
            // A doubled quote stands for itself.
            Some(more) => {
                out.push(quote);
                rest = more;
            }
            None => {
                let after = after.trim_start();
                if !after.is_empty() && !after.starts_with(';') {
                    return Err(
                        config("the connection string goes on after a value's closing quote")
                            .hint("double a quote that is part of the value"),
                    );
                }
                return Ok((out, after));
            }
        }
    }
}

/// `[protocol:]host[\instance][,port]`
fn server(text: &str, out: &mut Vec<Pair>) -> Result<()> {
    let mut text = text.trim();
    if let Some((protocol, rest)) = text.split_once(':') {
        match protocol.trim().to_ascii_lowercase().as_str() {
            "tcp" => text = rest.trim(),
            "np" | "lpc" | "admin" => {
                return Err(config("Server names a protocol other than TCP").hint(
                    "write Server=tcp:host,port, and enable TCP/IP in the SQL Server Configuration Manager",
                ));
            }
            _ => {}
        }
    }
    if let Some((before, port)) = text.rsplit_once(',') {
        out.push(Pair::new("port", port.trim().to_owned()));
        text = before.trim();
    }
    if let Some((host, instance)) = text.split_once('\\') {
        out.push(Pair::new("instance", instance.trim().to_owned()));
        text = host.trim();
    }
    let host = match text.trim_matches(['[', ']']) {
        "." | "(local)" => "localhost",
        host => host,
    };
    if host.to_ascii_lowercase().starts_with("(localdb)") {
        return Err(config(
            "Server names a LocalDB, which only its own user's programs can reach",
        ));
    }
    if host.contains(':') && host.parse::<std::net::Ipv6Addr>().is_err() {
        return Err(config("Server has a colon in the host's name")
            .hint("write the port after a comma: Server=host,1433"));
    }
    out.push(Pair::new("host", host.to_owned()));
    Ok(())
}
