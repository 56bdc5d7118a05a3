//! From a server's name to an open TCP connection.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use migrate_core::Result;
use tokio::net::{TcpStream, UdpSocket, lookup_host};
use tokio::time::timeout;

use crate::classify;
use crate::live::config::{DEFAULT_PORT, MssqlConfig};

/// The port of the SQL Browser.
const BROWSER_PORT: u16 = 1434;
const BROWSER_TIMEOUT: Duration = Duration::from_secs(1);
const BROWSER_ATTEMPTS: usize = 3;

/// A server's port: as configured, as the SQL Browser says, or 1433.
pub(super) async fn port(config: &MssqlConfig) -> Result<u16> {
    match (config.port, &config.instance) {
        (Some(port), _) => Ok(port),
        (None, None) => Ok(DEFAULT_PORT),
        (None, Some(instance)) => browse(&config.host, instance, BROWSER_PORT).await,
    }
}

/// An open connection to the first of the host's addresses that answers.
pub(super) async fn tcp(host: &str, port: u16, within: Duration) -> Result<TcpStream> {
    match timeout(within, tcp_unbounded(host, port)).await {
        Ok(done) => done,
        Err(_) => Err(classify::connect_timeout(host, port, within)),
    }
}

async fn tcp_unbounded(host: &str, port: u16) -> Result<TcpStream> {
    let mut last = None;
    for address in addresses(host, port).await? {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                stream
                    .set_nodelay(true)
                    .map_err(|e| classify::unreachable(host, port, e))?;
                return Ok(stream);
            }
            Err(error) => last = Some(error),
        }
    }
    let error = last.unwrap_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
    Err(classify::unreachable(host, port, error))
}

async fn addresses(host: &str, port: u16) -> Result<Vec<SocketAddr>> {
    match lookup_host((host, port)).await {
        Ok(found) => Ok(found.collect()),
        Err(error) => Err(classify::unknown_host(host, error)),
    }
}

/// Asks the SQL Browser for an instance's port ([MC-SQLR] 2.2.3).
async fn browse(host: &str, instance: &str, browser_port: u16) -> Result<u16> {
    let failed = |why: String| classify::browser(host, instance, &why);
    let mut why = "the SQL Browser does not answer".to_owned();
    for address in addresses(host, browser_port).await? {
        let local: SocketAddr = if address.is_ipv4() {
            ([0, 0, 0, 0], 0).into()
        } else {
            ([0; 16], 0).into()
        };
        // Datagrams get lost.
        let mut answer = None;
        for _ in 0..BROWSER_ATTEMPTS {
            match timeout(BROWSER_TIMEOUT, once(&local, &address, instance)).await {
                Ok(Ok(bytes)) => {
                    answer = Some(bytes);
                    break;
                }
                Ok(Err(error)) => why = format!("the SQL Browser cannot be asked: {error}"),
                Err(_) => {}
            }
        }
        if let Some(bytes) = answer {
            return port_in(&bytes)
                .ok_or_else(|| failed("the SQL Browser knows no TCP port of it".to_owned()));
        }
    }
    Err(failed(why))
}

async fn once(local: &SocketAddr, browser: &SocketAddr, instance: &str) -> io::Result<Vec<u8>> {
    let socket = UdpSocket::bind(local).await?;
    socket.connect(browser).await?;
    let mut request = vec![0x04];
    request.extend_from_slice(instance.as_bytes());
    request.push(0);
    socket.send(&request).await?;
    let mut answer = vec![0; 4096];
    let length = socket.recv(&mut answer).await?;
    answer.truncate(length);
    Ok(answer)
}

/// The TCP port in `SVR_RESP`: 0x05, a length, and `key;value;` pairs.
fn port_in(answer: &[u8]) -> Option<u16> {
    let text = answer.strip_prefix(&[0x05])?.get(2..)?;
    let text = String::from_utf8_lossy(text);
    let mut fields = text.split(';');
    while let Some(key) = fields.next() {
        if key.eq_ignore_ascii_case("tcp") {
            return fields.next()?.parse().ok();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use migrate_core::ErrorKind;

    const ANSWER: &[u8] =
        b"\x05\x46\x00ServerName;DB1;InstanceName;SALES;IsClustered;No;Version;16.0.1;tcp;51433;;";

    #[tokio::test]
    async fn the_browser_tells_the_port() {
        let browser = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let port = browser.local_addr().unwrap().port();
        let server = tokio::spawn(async move {
            let mut asked = [0; 64];
            // The first question is lost.
            browser.recv_from(&mut asked).await.unwrap();
            let (length, from) = browser.recv_from(&mut asked).await.unwrap();
            browser.send_to(ANSWER, from).await.unwrap();
            asked[..length].to_vec()
        });
        assert_eq!(browse("127.0.0.1", "SALES", port).await.unwrap(), 51433);
        assert_eq!(server.await.unwrap(), b"\x04SALES\0");
    }

    #[test]
    fn answers_without_a_port_are_told() {
        assert_eq!(port_in(ANSWER), Some(51433));
        assert_eq!(port_in(b"\x05\x10\x00ServerName;DB1;;"), None);
        assert_eq!(port_in(b"\x05"), None);
        assert_eq!(port_in(b""), None);
    }

    #[tokio::test]
    async fn what_does_not_answer_is_named() {
        let port = {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            listener.local_addr().unwrap().port()
        };
        let error = tcp("127.0.0.1", port, Duration::from_secs(5)).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.is_transient()),
            (ErrorKind::Connection, true)
        );
        assert!(
            error
                .message()
                .starts_with(&format!("no connection to 127.0.0.1, port {port}: "))
        );
        assert!(error.hint_text().unwrap().starts_with("nothing listens"));
        let error = tcp("no-such-host.invalid", 1433, Duration::from_secs(30))
            .await
            .unwrap_err();
        assert!(
            error
                .message()
                .starts_with("the name no-such-host.invalid cannot be looked up")
        );
    }
}
