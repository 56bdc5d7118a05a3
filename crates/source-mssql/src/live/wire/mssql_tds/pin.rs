//! Trust in an authority of one's own, which the driver has no option for.
//!
//! The driver can be told to accept one certificate and no other. So the server's certificate is fetched and verified
//! here first, against the system's authorities and those of the file, and then it is that one.

use std::io::{self, Cursor};
use std::path::Path;
use std::sync::Arc;

use migrate_core::{Error, Result};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use tempfile::NamedTempFile;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::super::reach;
use crate::classify;
use crate::live::config::{Encrypt, MssqlConfig};

/// The type of the packets in which a handshake travels, and the largest of them ([MS-TDS] 2.2.3.1).
const PRELOGIN: u8 = 0x12;
const PACKET: usize = 4096;
/// Type, status, length, process, number, window.
const HEADER: usize = 8;
/// No client version, encryption on.
const PRELOGIN_MESSAGE: [u8; 18] = [0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xFF, 0, 0, 0, 0, 0, 0, 1];

/// The server's certificate in a file, after it was verified against the authorities in `ca`.
pub(super) async fn verified_certificate(
    config: &MssqlConfig,
    port: u16,
    ca: &Path,
) -> Result<NamedTempFile> {
    let within = config.connect_timeout;
    let stream = reach::tcp(&config.host, port, within).await?;
    let fetched = tokio::time::timeout(within, handshake(config, stream, ca)).await;
    let certificate = fetched.map_err(|_| classify::connect_timeout(&config.host, port, within))??;
    let file = NamedTempFile::new().and_then(|file| std::fs::write(file.path(), &certificate).map(|()| file));
    file.map_err(|e| classify::io("keeping the server's certificate in a temporary file", e))
}

async fn handshake(
    config: &MssqlConfig,
    mut stream: TcpStream,
    ca: &Path,
) -> Result<CertificateDer<'static>> {
    let name = config.certificate_name();
    let failed = |e: io::Error| classify::tls(name, &e.to_string()).because(e);
    let strict = config.encrypt == Encrypt::Strict;
    let mut tls = client(config, strict, ca).await?;
    if !strict {
        send(&mut stream, &PRELOGIN_MESSAGE).await.map_err(failed)?;
        let answer = receive(&mut stream).await.map_err(failed)?;
        if !encrypts(&answer) {
            return Err(classify::tls(name, "the server does not encrypt"));
        }
    }
    while tls.is_handshaking() {
        let mut out = Vec::new();
        while tls.wants_write() {
            tls.write_tls(&mut out).map_err(failed)?;
        }
        if !out.is_empty() {
            if strict {
                stream.write_all(&out).await.map_err(failed)?;
            } else {
                send(&mut stream, &out).await.map_err(failed)?;
            }
        }
        if !tls.is_handshaking() {
            break;
        }
        let bytes = if strict {
            let mut bytes = vec![0; PACKET];
            let length = stream.read(&mut bytes).await.map_err(failed)?;
            bytes.truncate(length);
            bytes
        } else {
            receive(&mut stream).await.map_err(failed)?
        };
        if bytes.is_empty() {
            return Err(failed(io::ErrorKind::UnexpectedEof.into()));
        }
        let mut bytes = Cursor::new(bytes);
        while bytes.position() < bytes.get_ref().len() as u64 {
            tls.read_tls(&mut bytes).map_err(failed)?;
            tls.process_new_packets()
                .map_err(|e| classify::tls(name, &e.to_string()).because(e))?;
        }
    }
    let certificate = tls.peer_certificates().and_then(|chain| chain.first());
    certificate
        .map(|certificate| certificate.clone().into_owned())
        .ok_or_else(|| classify::tls(name, "the server showed no certificate"))
}

async fn client(config: &MssqlConfig, strict: bool, ca: &Path) -> Result<ClientConnection> {
    let name = config.certificate_name();
    let failed = |e: rustls::Error| classify::tls(name, &e.to_string()).because(e);
    let mut settings =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(failed)?
            .with_root_certificates(authorities(ca).await?)
            .with_no_client_auth();
    if strict {
        settings.alpn_protocols = vec![b"tds/8.0".to_vec()];
    }
    let server =
        ServerName::try_from(name.to_owned()).map_err(|e| classify::tls(name, &e.to_string()).because(e))?;
    ClientConnection::new(Arc::new(settings), server).map_err(failed)
}

/// The system's authorities, and those in the file: PEM, or one certificate in DER.
async fn authorities(file: &Path) -> Result<RootCertStore> {
    let bytes = tokio::fs::read(file).await.map_err(|e| {
        classify::io(
            &format!("reading the authority's certificate {}", file.display()),
            e,
        )
    })?;
    let mut own: Vec<_> = CertificateDer::pem_slice_iter(&bytes)
        .collect::<std::result::Result<_, _>>()
        .unwrap_or_default();
    if own.is_empty() {
        own.push(CertificateDer::from(bytes));
    }
    let mut store = RootCertStore::empty();
    // What the system has that cannot be used is no reason not to connect.
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    for certificate in own {
        store.add(certificate).map_err(|e| unreadable(file, e))?;
    }
    Ok(store)
}

fn unreadable(file: &Path, cause: rustls::Error) -> Error {
    classify::config(format!(
        "{} holds no certificate that can be used: {cause}",
        file.display()
    ))
    .hint("`ca` takes a file with certificates in PEM, or with one in DER")
    .because(cause)
}

/// Whether the answer to a prelogin says that the server encrypts: its option 1 is `on` or `required`.
fn encrypts(answer: &[u8]) -> bool {
    let mut options = answer.chunks_exact(5).take_while(|option| option[0] != 0xFF);
    options.any(|option| {
        let at = usize::from(u16::from_be_bytes([option[1], option[2]]));
        option[0] == 1 && matches!(answer.get(at), Some(1 | 3))
    })
}

async fn send(stream: &mut TcpStream, message: &[u8]) -> io::Result<()> {
    let packets = message.chunks(PACKET - HEADER);
    let count = packets.len();
    let mut bytes = Vec::with_capacity(message.len() + count * HEADER);
    for (i, body) in packets.enumerate() {
        // A chunk is shorter than a packet.
        let length = ((body.len() + HEADER) as u16).to_be_bytes();
        let last = u8::from(i + 1 == count);
        bytes.extend([PRELOGIN, last, length[0], length[1], 0, 0, (i + 1) as u8, 0]);
        bytes.extend_from_slice(body);
    }
    stream.write_all(&bytes).await
}

/// What one packet holds.
async fn receive(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut header = [0; HEADER];
    stream.read_exact(&mut header).await?;
    let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
    let length = length.checked_sub(HEADER).ok_or(io::ErrorKind::InvalidData)?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_says_whether_it_encrypts() {
        let answer = |level| {
            let mut answer = PRELOGIN_MESSAGE;
            answer[17] = level;
            answer
        };
        assert!(encrypts(&answer(1)));
        assert!(encrypts(&answer(3)));
        assert!(!encrypts(&answer(0)));
        assert!(!encrypts(&answer(2)));
        assert!(!encrypts(&[0xFF]));
        assert!(!encrypts(&[1, 0, 200, 0, 1, 0xFF]));
    }

    #[tokio::test]
    async fn a_file_without_certificates_is_named() {
        let file = NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "no certificate").unwrap();
        let error = authorities(file.path()).await.unwrap_err();
        assert!(
            error
                .message()
                .ends_with("holds no certificate that can be used: invalid peer certificate: BadEncoding"),
            "{error}"
        );
        let error = authorities(Path::new("/no/such/file.pem")).await.unwrap_err();
        assert!(
            error
                .message()
                .starts_with("reading the authority's certificate /no/such/file.pem: ")
        );
    }
}
