//! The server: a thread for each connection, and another one that hears what its client says meanwhile.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::answer::{Answer, Step};
use super::login::{self, Encryption, Identity, Login, Welcome};
use super::packet::{ANSWER, ATTENTION, BATCH, Channel, Message};
use super::token::{DONE_ATTENTION, ServerError, done};

/// Type, status, length, process, number, window.
const HEADER: usize = 8;
/// Kept tokens that leave between two looks at what the client says.
const SLAB: usize = 1 << 20;

/// A statement of a client.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// T-SQL.
    pub sql: &'a str,
    /// Who asks.
    pub login: &'a Login,
    /// Which connection since the server's start, from 1.
    pub connection: u64,
}

/// What the server is to say.
pub trait Script: Send + Sync + 'static {
    /// Whether a client is let in.
    fn login(&self, _: &Login) -> Welcome {
        Welcome::Enter
    }

    /// What a query is answered with.
    fn answer(&self, query: &Query<'_>) -> Answer;
}

impl<F: Fn(&Query<'_>) -> Answer + Send + Sync + 'static> Script for F {
    fn answer(&self, query: &Query<'_>) -> Answer {
        self(query)
    }
}

impl<S: Script> Script for Arc<S> {
    fn login(&self, login: &Login) -> Welcome {
        S::login(self, login)
    }

    fn answer(&self, query: &Query<'_>) -> Answer {
        S::answer(self, query)
    }
}

/// A server on a free port of this machine, until it is dropped.
pub struct Server {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    script: Box<dyn Script>,
    encryption: Encryption,
    identity: Identity,
    stopped: AtomicBool,
    opened: AtomicU64,
    /// A handle of each connection that is open.
    open: Mutex<HashMap<u64, TcpStream>>,
}

impl Shared {
    fn open(&self) -> MutexGuard<'_, HashMap<u64, TcpStream>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Server {
    /// Starts a server that encrypts as its clients ask.
    pub fn start(script: impl Script) -> Self {
        Self::with(Encryption::AsAsked, script)
    }

    /// Starts a server.
    ///
    /// # Panics
    /// Where this machine has no free port.
    pub fn with(encryption: Encryption, script: impl Script) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Shared {
            script: Box::new(script),
            encryption,
            identity: Identity::new(),
            stopped: AtomicBool::new(false),
            opened: AtomicU64::new(0),
            open: Mutex::new(HashMap::new()),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if accepting.stopped.load(Ordering::SeqCst) {
                    break;
                }
                let Ok(stream) = stream else { continue };
                let shared = Arc::clone(&accepting);
                thread::spawn(move || shared.serve(stream));
            }
        });
        Self { port, shared }
    }

    /// Where it listens, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The certificate that it shows to those who encrypt.
    pub fn certificate(&self) -> &str {
        &self.shared.identity.pem
    }

    /// Connections that were opened so far.
    pub fn connections(&self) -> u64 {
        self.shared.opened.load(Ordering::SeqCst)
    }

    /// Closes all connections, whatever goes on over them. Returns how many there were.
    pub fn cut_connections(&self) -> usize {
        let open = self.shared.open();
        for stream in open.values() {
            // It may have been closed by the client.
            let _ = stream.shutdown(Shutdown::Both);
        }
        open.len()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        self.cut_connections();
        // Wakes the thread that accepts.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

impl Shared {
    fn serve(self: Arc<Self>, socket: TcpStream) {
        let number = self.opened.fetch_add(1, Ordering::SeqCst) + 1;
        if let Ok(handle) = socket.try_clone() {
            self.open().insert(number, handle);
        }
        // A client that goes away ends its conversation.
        let _ = self.converse(&socket, number);
        let _ = socket.shutdown(Shutdown::Both);
        self.open().remove(&number);
    }

    fn converse(&self, socket: &TcpStream, number: u64) -> io::Result<()> {
        socket.set_nodelay(true)?;
        let mut channel = Channel {
            socket: socket.try_clone()?,
            tls: None,
        };
        let login = login::meet(&mut channel, self.encryption, &self.identity)?;
        let welcome = self.script.login(&login);
        channel.send(ANSWER, &login::answer(&login, &welcome), 4096, true)?;
        if matches!(welcome, Welcome::Refuse(_)) {
            return Ok(());
        }
        let packet = login::packet_size(&login);
        let heard = listen(channel.another()?);
        while let Ok(message) = heard.recv() {
            match message.kind {
                // Nothing goes on that could be stopped; it is acknowledged all the same.
                ATTENTION => channel.send(ANSWER, &done(DONE_ATTENTION, 0), packet, true)?,
                BATCH => {
                    let sql = batch(&message.body);
                    let query = Query {
                        sql: &sql,
                        login: &login,
                        connection: number,
                    };
                    let mut saying = Saying {
                        channel: &mut channel,
                        heard: &heard,
                        packet,
                        pending: Vec::new(),
                        left: None,
                    };
                    saying.say(&self.script.answer(&query))?;
                }
                // The readers send batches only.
                kind => {
                    let reason =
                        ServerError::new(50_000, 16, format!("messages of type {kind} are not known here"));
                    let Some(Step::Tokens(tokens)) = Answer::refused(reason).steps.pop() else {
                        return Ok(());
                    };
                    channel.send(ANSWER, &tokens, packet, true)?;
                }
            }
        }
        Ok(())
    }
}

/// The text of a batch, which headers precede.
fn batch(body: &[u8]) -> String {
    let headers = body.first_chunk().map_or(0, |n| u32::from_le_bytes(*n) as usize);
    let text = body.get(headers..).unwrap_or_default();
    let units: Vec<u16> = text
        .chunks_exact(2)
        .map(|u| u16::from_le_bytes([u[0], u[1]]))
        .collect();
    String::from_utf16_lossy(&units)
}

/// Hears messages, until the client goes.
fn listen(mut channel: Channel) -> Receiver<Message> {
    let (said, heard) = mpsc::channel();
    thread::spawn(move || {
        while let Ok(message) = channel.receive() {
            if said.send(message).is_err() {
                break;
            }
        }
    });
    heard
}

/// An answer on its way.
struct Saying<'a> {
    channel: &'a mut Channel,
    heard: &'a Receiver<Message>,
    packet: usize,
    /// What waits for its packet to be full.
    pending: Vec<u8>,
    /// Bytes that may still leave before the connection is cut.
    left: Option<usize>,
}

impl Saying<'_> {
    fn say(&mut self, answer: &Answer) -> io::Result<()> {
        self.left = answer.cut_after;
        for step in &answer.steps {
            if self.is_cancelled() {
                return self.acknowledge();
            }
            match step {
                Step::Tokens(tokens) => self.take(tokens)?,
                Step::Kept(tokens, range) => {
                    for slab in tokens[range.clone()].chunks(SLAB) {
                        if self.is_cancelled() {
                            return self.acknowledge();
                        }
                        self.take(slab)?;
                    }
                }
                Step::Flush => self.flush(false)?,
                Step::Stall => {
                    return match self.heard.recv() {
                        Ok(message) if message.kind == ATTENTION => self.acknowledge(),
                        _ => Err(io::ErrorKind::ConnectionAborted.into()),
                    };
                }
                Step::Cut => return Err(io::ErrorKind::ConnectionAborted.into()),
                Step::CutWithinPacket => {
                    let pending = std::mem::take(&mut self.pending);
                    self.channel.send_part_of_packet(&pending)?;
                    return Err(io::ErrorKind::ConnectionAborted.into());
                }
            }
        }
        self.flush(true)
    }

    fn is_cancelled(&self) -> bool {
        matches!(self.heard.try_recv(), Ok(message) if message.kind == ATTENTION)
    }

    /// What was not sent is dropped.
    fn acknowledge(&mut self) -> io::Result<()> {
        self.pending.clear();
        self.channel
            .send(ANSWER, &done(DONE_ATTENTION, 0), self.packet, true)
    }

    /// Full packets leave, the rest waits.
    fn take(&mut self, mut tokens: &[u8]) -> io::Result<()> {
        let room = self.packet - HEADER;
        if !self.pending.is_empty() {
            let (head, rest) = tokens.split_at(tokens.len().min(room - self.pending.len()));
            self.pending.extend_from_slice(head);
            tokens = rest;
            if tokens.is_empty() {
                return Ok(());
            }
            self.flush(false)?;
        }
        // The last bytes wait, so that the last packet is never an empty one.
        let whole = tokens.len().saturating_sub(1) / room * room;
        let (packets, rest) = tokens.split_at(whole);
        self.leave(packets, false)?;
        self.pending.extend_from_slice(rest);
        Ok(())
    }

    fn flush(&mut self, last: bool) -> io::Result<()> {
        let pending = std::mem::take(&mut self.pending);
        self.leave(&pending, last)
    }

    fn leave(&mut self, bytes: &[u8], last: bool) -> io::Result<()> {
        if let Some(left) = &mut self.left {
            if bytes.len() >= *left {
                self.channel.send_part_of_packet(&bytes[..(*left).min(4096)])?;
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            *left -= bytes.len();
        }
        self.channel.send(ANSWER, bytes, self.packet, last)
    }
}
