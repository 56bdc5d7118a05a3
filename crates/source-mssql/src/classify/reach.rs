//! What went wrong on the way to the server: names, addresses, certificates, time.

use std::io;
use std::time::Duration;

use migrate_core::{Error, ErrorKind};

/// The server's name means no address.
pub(crate) fn unknown_host(host: &str, cause: io::Error) -> Error {
    Error::source_side(
        ErrorKind::Connection,
        format!("the name {host} cannot be looked up: {cause}"),
    )
    .hint("check the server's name, and that this machine's name service knows it")
    .because(cause)
}

/// No connection to an address.
pub(crate) fn unreachable(host: &str, port: u16, cause: io::Error) -> Error {
    let hint = match cause.kind() {
        io::ErrorKind::ConnectionRefused => {
            "nothing listens on that port: check the port, that the server runs, and that TCP/IP is enabled for it"
        }
        io::ErrorKind::TimedOut => FIREWALL,
        _ => "check the server's name and port, and the network between",
    };
    Error::source_side(
        ErrorKind::Connection,
        format!("no connection to {host}, port {port}: {cause}"),
    )
    .hint(hint)
    .transient()
    .because(cause)
}

const FIREWALL: &str = "no answer usually means a firewall: let this machine's address in (in Azure: Networking, firewall rules), \
     or check the server's name";

/// The server did not answer while a connection was being made.
pub(crate) fn connect_timeout(host: &str, port: u16, after: Duration) -> Error {
    Error::source_side(
        ErrorKind::Connection,
        format!(
            "no connection to {host}, port {port}, within {} seconds",
            after.as_secs()
        ),
    )
    .hint(FIREWALL)
    .transient()
}

/// The SQL Browser does not know the instance, or does not answer.
pub(crate) fn browser(host: &str, instance: &str, why: &str) -> Error {
    Error::source_side(ErrorKind::Connection, format!("the port of the instance {host}\\{instance} is not known: {why}"))
        .hint("give the instance's own port instead (SQL Server Configuration Manager, TCP/IP, IPAll), or let UDP port 1434 through")
}

/// The connection cannot be encrypted as asked, or the certificate is not trusted.
pub(crate) fn tls(name: &str, why: &str) -> Error {
    let lower = why.to_lowercase();
    let hint = if [
        "notvalidforname",
        "not valid for name",
        "hostname mismatch",
        "host name mismatch",
    ]
    .iter()
    .any(|words| lower.contains(words))
    {
        "the certificate is for another name: connect by that name, or give it as hostname_in_certificate=NAME"
    } else if lower.contains("expired") {
        "the server's certificate has expired: renew it"
    } else if [
        "certificate",
        "unknownissuer",
        "self-signed",
        "self signed",
        "verify failed",
    ]
    .iter()
    .any(|words| lower.contains(words))
    {
        "give the authority that signed the server's certificate with ca=FILE, or accept any certificate with \
         trust_server_certificate=true where the network is trusted"
    } else {
        "check that the server's TLS is set up: encrypt=strict needs SQL Server 2022, and old servers may offer only \
         versions of TLS that are not safe any more"
    };
    Error::source_side(
        ErrorKind::Tls,
        format!("no trusted TLS connection to {name}: {why}"),
    )
    .hint(hint)
}

/// The connection broke while `purpose` was being done.
pub(crate) fn broken(purpose: &str, why: impl std::fmt::Display) -> Error {
    Error::source_side(
        ErrorKind::Connection,
        format!("{purpose} failed: the connection broke: {why}"),
    )
    .hint("the run tries again by itself; start it again if it gave up")
    .transient()
}

/// The server was silent for too long while `purpose` was being done.
pub(crate) fn silent(purpose: &str, after: Duration) -> Error {
    Error::source_side(
        ErrorKind::Connection,
        format!(
            "{purpose} failed: the server said nothing for {} seconds",
            after.as_secs()
        ),
    )
    .hint("look for what blocks the query on the server, or raise statement_timeout")
    .transient()
}

/// What the server sent makes no sense.
pub(crate) fn protocol(purpose: &str, why: impl std::fmt::Display) -> Error {
    Error::source_side(
        ErrorKind::Corrupt,
        format!("{purpose} failed: the server's answer cannot be read: {why}"),
    )
    .hint("try the other driver with driver=tiberius or driver=mssql-tds, and report this as a defect")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificate_problems_are_told_apart() {
        let hint = |why| tls("db", why).hint_text().map(str::to_owned).unwrap_or_default();
        assert!(hint("invalid peer certificate: UnknownIssuer").contains("ca=FILE"));
        assert!(hint("certificate not valid for name \"db\"").contains("hostname_in_certificate"));
        assert!(hint("invalid peer certificate: certificate expired").contains("renew"));
        assert!(hint("received fatal alert: ProtocolVersion").contains("strict"));
        assert_eq!(tls("db", "x").kind(), ErrorKind::Tls);
        assert!(!tls("db", "x").is_transient());
    }
}
