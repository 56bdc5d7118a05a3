//! A TDS server made for tests: it lets anybody in, without encryption, and answers each batch as its text tells
//! ([MS-TDS] 2.2.6 and 2.2.7).

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// How the server takes a login.
#[derive(Debug, Clone)]
pub(super) enum Welcome {
    /// In.
    Enter,
    /// In, without a word about the size of packets.
    EnterTersely,
    /// Refused with these errors: number, class, state, message.
    Refuse(Vec<(u32, u8, u8, &'static str)>),
    /// Sent on to a port of this machine.
    SendOn(u16),
}

pub(super) struct Fake {
    pub(super) port: u16,
    task: JoinHandle<()>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Fake {
    pub(super) async fn start(welcome: Welcome) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let welcome = welcome.clone();
                // A client that goes away ends its conversation.
                tokio::spawn(async move { converse(stream, welcome).await.ok() });
            }
        });
        Self { port, task }
    }
}

const PRELOGIN: u8 = 0x12;
const LOGIN: u8 = 0x10;
const BATCH: u8 = 0x01;
const ATTENTION: u8 = 0x06;

const DONE_ERROR: u16 = 0x02;
const DONE_COUNT: u16 = 0x10;
const DONE_ATTENTION: u16 = 0x20;

async fn converse(mut stream: TcpStream, welcome: Welcome) -> io::Result<()> {
    loop {
        let (kind, body) = receive(&mut stream).await?;
        match kind {
            PRELOGIN => send(&mut stream, &prelogin(), true).await?,
            LOGIN => send(&mut stream, &login(&welcome), true).await?,
            ATTENTION => send(&mut stream, &done(DONE_ATTENTION, 0), true).await?,
            BATCH => {
                let headers = u32::from_le_bytes([body[0], body[1], body[2], body[3]]) as usize;
                let units: Vec<u16> = body[headers..]
                    .chunks_exact(2)
                    .map(|u| u16::from_le_bytes([u[0], u[1]]))
                    .collect();
                if !answer(&mut stream, &String::from_utf16_lossy(&units)).await? {
                    return Ok(());
                }
            }
            _ => return Ok(()),
        }
    }
}

/// Answers a batch; `false` ends the conversation.
async fn answer(stream: &mut TcpStream, sql: &str) -> io::Result<bool> {
    let rows = |n: i32| -> Vec<u8> {
        std::iter::once(columns())
            .chain((1..=n).map(row))
            .flatten()
            .collect()
    };
    match sql {
        "three rows" => send(stream, &[rows(3), done(DONE_COUNT, 3)].concat(), true).await?,
        "error after three rows" => {
            let tail = [error(1205, 13, 51, "You lost."), done(DONE_ERROR, 0)].concat();
            send(stream, &[rows(3), tail].concat(), true).await?;
        }
        // Severities from 20 on end the session.
        "fatal error after three rows" => {
            let tail = [error(21, 20, 1, "Out."), done(DONE_ERROR, 0)].concat();
            send(stream, &[rows(3), tail].concat(), true).await?;
            return Ok(false);
        }
        "cut between rows" => {
            send(stream, &rows(3), false).await?;
            return Ok(false);
        }
        "cut within a row" => {
            let mut bytes = rows(3);
            bytes.truncate(bytes.len() - 2);
            send(stream, &bytes, false).await?;
            return Ok(false);
        }
        "cut within a packet" => {
            let bytes = rows(3);
            let mut packet = header(bytes.len() + 100, false);
            packet.extend(bytes);
            stream.write_all(&packet).await?;
            return Ok(false);
        }
        "cut at once" => return Ok(false),
        // Ends when the client sends an attention, which is the next message.
        "three rows and silence" => send(stream, &rows(3), false).await?,
        "three rows of many" => {
            send(stream, &rows(3), false).await?;
            for i in 0..1000 {
                send(stream, &row(i), false).await?;
            }
        }
        _ => send(stream, &done(0, 0), true).await?,
    }
    Ok(true)
}

/// A message: its type and what its packets hold.
async fn receive(stream: &mut TcpStream) -> io::Result<(u8, Vec<u8>)> {
    let mut body = Vec::new();
    loop {
        let mut head = [0; 8];
        stream.read_exact(&mut head).await?;
        let length = usize::from(u16::from_be_bytes([head[2], head[3]])) - 8;
        let start = body.len();
        body.resize(start + length, 0);
        stream.read_exact(&mut body[start..]).await?;
        if head[1] & 1 == 1 {
            return Ok((head[0], body));
        }
    }
}

fn header(length: usize, last: bool) -> Vec<u8> {
    let length = u16::try_from(length + 8).unwrap().to_be_bytes();
    vec![0x04, u8::from(last), length[0], length[1], 0, 0, 1, 0]
}

async fn send(stream: &mut TcpStream, body: &[u8], last: bool) -> io::Result<()> {
    let mut packet = header(body.len(), last);
    packet.extend_from_slice(body);
    stream.write_all(&packet).await
}

/// Version 16, and no encryption.
fn prelogin() -> Vec<u8> {
    vec![0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xFF, 16, 0, 0, 0, 0, 0, 2]
}

fn login(welcome: &Welcome) -> Vec<u8> {
    let ack = || {
        let mut body = vec![1, 0x74, 0, 0, 4];
        short_text(&mut body, "Test");
        body.extend([16, 0, 0, 0]);
        // The database's collation: SQL_Latin1_General_CP1_CI_AS.
        let collation = token(0xE3, &[7, 5, 0x09, 0x04, 0xD0, 0x00, 0x34, 0]);
        let change = |kind, to, from| {
            let mut change = vec![kind];
            short_text(&mut change, to);
            short_text(&mut change, from);
            token(0xE3, &change)
        };
        let packets = match welcome {
            Welcome::EnterTersely => Vec::new(),
            _ => change(4, "4096", "4096"),
        };
        [collation, change(1, "d", ""), packets, token(0xAD, &body)].concat()
    };
    match welcome {
        Welcome::Enter | Welcome::EnterTersely => [ack(), done(0, 0)].concat(),
        Welcome::Refuse(errors) => {
            let errors = errors
                .iter()
                .flat_map(|(number, class, state, text)| error(*number, *class, *state, text));
            errors.chain(done(DONE_ERROR, 0)).collect()
        }
        Welcome::SendOn(port) => {
            let host: Vec<u16> = "127.0.0.1".encode_utf16().collect();
            let mut target = vec![0];
            target.extend(port.to_le_bytes());
            target.extend((host.len() as u16).to_le_bytes());
            target.extend(host.iter().flat_map(|u| u.to_le_bytes()));
            let mut body = vec![20];
            body.extend((target.len() as u16).to_le_bytes());
            body.extend(target);
            body.extend([0, 0]);
            [ack(), token(0xE3, &body), done(0, 0)].concat()
        }
    }
}

fn token(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![kind];
    out.extend((body.len() as u16).to_le_bytes());
    out.extend_from_slice(body);
    out
}

fn short_text(out: &mut Vec<u8>, text: &str) {
    out.push(text.encode_utf16().count() as u8);
    out.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
}

/// One column: `c int not null`.
fn columns() -> Vec<u8> {
    let mut out = vec![0x81, 1, 0, 0, 0, 0, 0, 0, 0, 0x38];
    short_text(&mut out, "c");
    out
}

fn row(value: i32) -> Vec<u8> {
    let mut out = vec![0xD1];
    out.extend(value.to_le_bytes());
    out
}

fn error(number: u32, class: u8, state: u8, text: &str) -> Vec<u8> {
    let mut body = number.to_le_bytes().to_vec();
    body.extend([state, class]);
    body.extend((text.encode_utf16().count() as u16).to_le_bytes());
    body.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    short_text(&mut body, "server");
    short_text(&mut body, "");
    body.extend(1_u32.to_le_bytes());
    token(0xAA, &body)
}

fn done(status: u16, rows: u64) -> Vec<u8> {
    let mut out = vec![0xFD];
    out.extend(status.to_le_bytes());
    out.extend(0xC1_u16.to_le_bytes());
    out.extend(rows.to_le_bytes());
    out
}
