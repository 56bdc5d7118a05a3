//! How a conversation begins ([MS-TDS] 2.2.6.4 and 2.2.6.5).

use std::io::{self, Write};
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};

use super::packet::{Channel, LARGEST, LOGIN, PRELOGIN};
use super::row::COLLATION;
use super::token::{DONE_ERROR, ServerError, changed, counted, done, error, short_text};

/// What the server encrypts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Encryption {
    /// Nothing: it cannot.
    Unknown,
    /// What the client asks for: the login at least.
    #[default]
    AsAsked,
}

/// How the server takes a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Welcome {
    /// In.
    Enter,
    /// In, without a word about the size of packets.
    EnterTersely,
    /// Refused for these reasons.
    Refuse(Vec<ServerError>),
    /// Sent on to a port of this machine.
    SendOn(u16),
}

/// What a client says about itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Login {
    /// Who.
    pub user: String,
    /// With which password.
    pub password: String,
    /// To which database.
    pub database: String,
    /// Bytes of a packet that it asks for.
    pub packet_size: u32,
}

/// A certificate for `localhost` and 127.0.0.1, signed by nobody but itself.
#[derive(Debug)]
pub(super) struct Identity {
    config: Arc<ServerConfig>,
    pub(super) pem: String,
}

impl Identity {
    pub(super) fn new() -> Self {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).expect("a certificate can be made");
        let key =
            PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key that was just made");
        let certificate = CertificateDer::from(made.cert.der().to_vec());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions that the provider has")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .expect("a key and its certificate");
        // Nothing may come behind the handshake that is not a packet's.
        config.send_tls13_tickets = 0;
        Self {
            config: Arc::new(config),
            pem: made.cert.pem(),
        }
    }
}

/// Gets to know the client. Its packets are in clear afterwards if that is what both agreed on.
pub(super) fn meet(channel: &mut Channel, encryption: Encryption, identity: &Identity) -> io::Result<Login> {
    let prelogin = channel.receive()?;
    if prelogin.kind != PRELOGIN {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let asked = encryption_asked(&prelogin.body);
    let level = match (encryption, asked) {
        (Encryption::Unknown, _) | (_, 2) => 2,
        (Encryption::AsAsked, 0) => 0,
        (Encryption::AsAsked, _) => 1,
    };
    // Version 16, and the level of encryption.
    let answer = [0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xFF, 16, 0, 0, 0, 0, 0, level];
    channel.send(super::packet::ANSWER, &answer, 4096, true)?;
    if level != 2 {
        let session = handshake(channel, identity)?;
        channel.tls = Some(Arc::new(std::sync::Mutex::new(session)));
    }
    let login = channel.receive()?;
    if login.kind != LOGIN {
        return Err(io::ErrorKind::InvalidData.into());
    }
    if level == 0 {
        channel.tls = None;
    }
    read(&login.body).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// The handshake travels in packets of the prelogin.
fn handshake(channel: &mut Channel, identity: &Identity) -> io::Result<ServerConnection> {
    let mut tls = ServerConnection::new(Arc::clone(&identity.config)).map_err(io::Error::other)?;
    while tls.is_handshaking() {
        let message = channel.receive()?;
        let mut bytes = message.body.as_slice();
        let mut outcome = Ok(());
        while !bytes.is_empty() && outcome.is_ok() {
            tls.read_tls(&mut bytes)?;
            outcome = tls.process_new_packets().map(|_| ());
        }
        let mut out = Vec::new();
        while tls.wants_write() {
            tls.write_tls(&mut out)?;
        }
        if !out.is_empty() {
            channel.send(PRELOGIN, &out, 4096, true)?;
        }
        outcome.map_err(io::Error::other)?;
    }
    channel.socket.flush()?;
    Ok(tls)
}

/// The client's option 1; without it, it knows no encryption.
fn encryption_asked(prelogin: &[u8]) -> u8 {
    let mut options = prelogin.chunks_exact(5).take_while(|option| option[0] != 0xFF);
    let found = options.find(|option| option[0] == 1);
    found
        .and_then(|o| prelogin.get(usize::from(u16::from_be_bytes([o[1], o[2]]))))
        .copied()
        .unwrap_or(2)
}

/// LOGIN7: a fixed part with places and lengths of texts.
fn read(body: &[u8]) -> Option<Login> {
    let number = |at: usize| {
        Some(usize::from(u16::from_le_bytes([
            *body.get(at)?,
            *body.get(at + 1)?,
        ])))
    };
    let bytes = |at: usize| {
        let start = number(at)?;
        body.get(start..start + 2 * number(at + 2)?)
    };
    let text = |bytes: &[u8]| {
        let units: Vec<u16> = bytes
            .chunks_exact(2)
            .map(|u| u16::from_le_bytes([u[0], u[1]]))
            .collect();
        String::from_utf16_lossy(&units)
    };
    // A password's bits are flipped and its halves of bytes exchanged.
    let password: Vec<u8> = bytes(44)?.iter().map(|b| (b ^ 0xA5).rotate_left(4)).collect();
    Some(Login {
        user: text(bytes(40)?),
        password: text(&password),
        database: text(bytes(68)?),
        packet_size: u32::from_le_bytes(body.get(8..12)?.try_into().ok()?),
    })
}

/// The size of packets that both can have.
pub(super) fn packet_size(login: &Login) -> usize {
    (login.packet_size as usize).clamp(512, LARGEST)
}

/// What a client hears upon its login.
pub(super) fn answer(login: &Login, welcome: &Welcome) -> Vec<u8> {
    let ack = || {
        let mut body = vec![1, 0x74, 0, 0, 4];
        short_text(&mut body, "Test");
        body.extend([16, 0, 0, 0]);
        let mut collation = vec![7, 5];
        collation.extend(COLLATION);
        collation.push(0);
        let packets = match welcome {
            Welcome::EnterTersely => Vec::new(),
            _ => changed(4, &packet_size(login).to_string(), "4096"),
        };
        let database = if login.database.is_empty() {
            "master"
        } else {
            &login.database
        };
        [
            counted(0xE3, &collation),
            changed(1, database, "master"),
            packets,
            counted(0xAD, &body),
        ]
        .concat()
    };
    match welcome {
        Welcome::Enter | Welcome::EnterTersely => [ack(), done(0, 0)].concat(),
        Welcome::Refuse(errors) => {
            let errors = errors.iter().flat_map(error);
            errors.chain(done(DONE_ERROR, 0)).collect()
        }
        Welcome::SendOn(port) => {
            let host: Vec<u8> = "127.0.0.1".encode_utf16().flat_map(u16::to_le_bytes).collect();
            let mut target = vec![0];
            target.extend(port.to_le_bytes());
            target.extend((host.len() as u16 / 2).to_le_bytes());
            target.extend(host);
            let mut body = vec![20];
            body.extend((target.len() as u16).to_le_bytes());
            body.extend(target);
            body.extend([0, 0]);
            [ack(), counted(0xE3, &body), done(0, 0)].concat()
        }
    }
}
