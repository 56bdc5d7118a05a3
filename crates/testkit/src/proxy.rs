//! A network that misbehaves as it is told: it stands between a client and a server of this machine, whatever they speak.
//!
//! Faults are values. Those for whole connections wait in a queue, one for each connection to come; a [`Loss`] strikes
//! whoever says certain bytes, so the conversation must not be encrypted for that.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// What happens to one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It passes everything on.
    None,
    /// It is closed as soon as it is there.
    Refuse,
    /// It ends, for both sides, once so many bytes have come from the server.
    CutDown(u64),
    /// It ends, for both sides, once so many bytes have come from the client.
    CutUp(u64),
    /// Once so many bytes have come from the server nothing passes any more, and nobody is told.
    Stall(u64),
    /// What comes from the server passes in pieces of so many bytes, with a pause between.
    Trickle(usize, Duration),
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// The connection breaks before the server has seen it.
    Request,
    /// The server does it and answers, and the connection breaks before the client has heard of it.
    Answer,
    /// The server does it and answers, and nothing passes any more; nobody is told.
    Silence,
}

/// The proxy. Connections that are open when it is dropped break.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    server: u16,
    state: Mutex<State>,
    struck: AtomicUsize,
    closed: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Fault>,
    rule: Option<Rule>,
    open: Vec<Arc<Link>>,
}

/// Whose request is lost: the one so many requests after one that contains the text, of which so many are let pass.
#[derive(Debug, Clone)]
struct Rule {
    text: Vec<u8>,
    spared: usize,
    after: usize,
    loss: Loss,
}

/// Both ends of a connection.
#[derive(Debug)]
struct Link {
    client: TcpStream,
    server: TcpStream,
    /// Nothing passes to the client any more: what comes is read and thrown away.
    mute: AtomicBool,
    /// It breaks as soon as something comes from the server.
    last: AtomicBool,
}

impl Link {
    fn cut(&self) {
        // An end that is gone already is as good.
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.server.shutdown(Shutdown::Both);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn strike(&self) {
        self.struck.fetch_add(1, Ordering::SeqCst);
    }
}

impl Proxy {
    /// Listens on a free port of 127.0.0.1 for clients of the server on another port.
    ///
    /// # Panics
    /// Where no port can be had.
    pub fn start(server: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("a port").port();
        let shared = Arc::new(Shared {
            server,
            state: Mutex::default(),
            struck: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if accepting.closed.load(Ordering::SeqCst) {
                    return;
                }
                let fault = accepting.state().queue.pop_front().unwrap_or(Fault::None);
                // A server that is not there is a connection that ends at once.
                let _ = connect(&accepting, client, fault);
            }
        });
        Self { port, shared }
    }

    /// The port that clients connect to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `url` with this port instead of the server's.
    pub fn url(&self, url: &str) -> String {
        url.replace(&format!(":{}/", self.shared.server), &format!(":{}/", self.port))
    }

    /// Faults for the connections to come, one each.
    pub fn faults(&self, faults: impl IntoIterator<Item = Fault>) {
        self.shared.state().queue.extend(faults);
    }

    /// Forgets faults for connections that have not come.
    pub fn heal(&self) {
        let mut state = self.shared.state();
        state.queue.clear();
        state.rule = None;
    }

    /// The first request that contains the text meets this, once; with `after`, the one so many requests behind it on the
    /// same connection.
    pub fn lose(&self, text: &str, after: usize, loss: Loss) {
        self.set(text, 0, after, loss);
    }

    /// The same for a later request that contains the text: so many of them, over all connections, are spared before.
    pub fn lose_later(&self, text: &str, spared: usize, loss: Loss) {
        self.set(text, spared, 0, loss);
    }

    fn set(&self, text: &str, spared: usize, after: usize, loss: Loss) {
        self.shared.state().rule = Some(Rule {
            text: text.as_bytes().to_vec(),
            spared,
            after,
            loss,
        });
    }

    /// How many faults took place.
    pub fn struck(&self) -> usize {
        self.shared.struck.load(Ordering::SeqCst)
    }

    /// Breaks every connection.
    pub fn cut_all(&self) {
        for link in self.shared.state().open.drain(..) {
            link.cut();
        }
    }

    /// From now on nothing passes to the clients that are connected, and nobody is told.
    pub fn silence_all(&self) {
        for link in &self.shared.state().open {
            link.mute.store(true, Ordering::SeqCst);
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::SeqCst);
        self.cut_all();
        // Wakes the thread that waits for clients.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

fn connect(shared: &Arc<Shared>, client: TcpStream, fault: Fault) -> io::Result<()> {
    if fault == Fault::Refuse {
        shared.strike();
        return Ok(());
    }
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, shared.server))?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let link = Arc::new(Link {
        client: client.try_clone()?,
        server: server.try_clone()?,
        mute: AtomicBool::new(false),
        last: AtomicBool::new(false),
    });
    shared.state().open.push(Arc::clone(&link));
    let (up, down) = (Arc::clone(shared), Arc::clone(shared));
    let (up_link, down_link) = (Arc::clone(&link), link);
    let (from_client, to_server) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || {
        // An end is an end, whatever it is called.
        let _ = pass_up(&up, &up_link, from_client, to_server, fault);
        up_link.cut();
    });
    thread::spawn(move || {
        let _ = pass_down(&down, &down_link, server, client, fault);
        down_link.cut();
    });
    Ok(())
}

fn pass_up(
    shared: &Shared,
    link: &Link,
    mut client: TcpStream,
    mut server: TcpStream,
    fault: Fault,
) -> io::Result<()> {
    let mut buffer = vec![0; 64 << 10];
    let mut left = match fault {
        Fault::CutUp(bytes) => Some(bytes),
        _ => None,
    };
    let mut armed: Option<(usize, Loss)> = None;
    loop {
        let read = client.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        let mut piece = &buffer[..read];
        if let Some((after, loss)) = &mut armed {
            *after -= 1;
            if *after == 0 {
                let loss = *loss;
                armed = None;
                lose(shared, link, &mut server, piece, loss)?;
                continue;
            }
        } else if let Some(rule) = taken(shared, piece) {
            if rule.after == 0 {
                lose(shared, link, &mut server, piece, rule.loss)?;
                continue;
            }
            armed = Some((rule.after, rule.loss));
        }
        if let Some(left) = &mut left {
            let now = (*left).min(piece.len() as u64);
            piece = &piece[..now as usize];
            *left -= now;
        }
        server.write_all(piece)?;
        if left == Some(0) {
            shared.strike();
            return Ok(());
        }
    }
}

/// The rule, if this piece is what it waits for. It holds once.
fn taken(shared: &Shared, piece: &[u8]) -> Option<Rule> {
    let mut state = shared.state();
    let rule = state.rule.as_mut()?;
    if !piece.windows(rule.text.len()).any(|w| w == rule.text) {
        return None;
    }
    if rule.spared > 0 {
        rule.spared -= 1;
        return None;
    }
    state.rule.take()
}

fn lose(shared: &Shared, link: &Link, server: &mut TcpStream, piece: &[u8], loss: Loss) -> io::Result<()> {
    shared.strike();
    match loss {
        Loss::Request => return Err(io::Error::from(io::ErrorKind::ConnectionAborted)),
        Loss::Answer => link.last.store(true, Ordering::SeqCst),
        Loss::Silence => link.mute.store(true, Ordering::SeqCst),
    }
    server.write_all(piece)
}

fn pass_down(
    shared: &Shared,
    link: &Link,
    mut server: TcpStream,
    mut client: TcpStream,
    fault: Fault,
) -> io::Result<()> {
    let mut buffer = vec![0; 64 << 10];
    let mut passed = 0;
    loop {
        let read = server.read(&mut buffer)?;
        if read == 0 || link.last.load(Ordering::SeqCst) {
            return Ok(());
        }
        if link.mute.load(Ordering::SeqCst) {
            continue;
        }
        let piece = &buffer[..read];
        match fault {
            Fault::CutDown(bytes) if passed + read as u64 >= bytes => {
                client.write_all(&piece[..(bytes - passed) as usize])?;
                shared.strike();
                return Ok(());
            }
            Fault::Stall(bytes) if passed + read as u64 >= bytes => {
                client.write_all(&piece[..(bytes - passed) as usize])?;
                shared.strike();
                link.mute.store(true, Ordering::SeqCst);
            }
            Fault::Trickle(size, pause) => {
                if passed == 0 {
                    shared.strike();
                }
                for part in piece.chunks(size.max(1)) {
                    client.write_all(part)?;
                    thread::sleep(pause);
                }
            }
            _ => client.write_all(piece)?,
        }
        passed += read as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that answers each piece with the same.
    fn echo() -> u16 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                thread::spawn(move || {
                    let (mut from, mut to) = (client.try_clone().unwrap(), client);
                    let mut buffer = [0; 1024];
                    while let Ok(read @ 1..) = from.read(&mut buffer) {
                        if to.write_all(&buffer[..read]).is_err() {
                            break;
                        }
                    }
                });
            }
        });
        port
    }

    fn client(proxy: &Proxy) -> TcpStream {
        let client = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).unwrap();
        client.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        client
    }

    /// Says something and returns what comes back before the end, or before nothing comes any more.
    fn say(client: &mut TcpStream, text: &str) -> (String, bool) {
        let sent = client.write_all(text.as_bytes()).is_ok();
        let mut heard = Vec::new();
        let mut buffer = [0; 1024];
        while sent && heard.len() < text.len() {
            match client.read(&mut buffer) {
                Ok(0) => return (String::from_utf8(heard).unwrap(), false),
                Ok(read) => heard.extend_from_slice(&buffer[..read]),
                Err(e) => {
                    let silent = matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut);
                    return (String::from_utf8(heard).unwrap(), silent);
                }
            }
        }
        (String::from_utf8(heard).unwrap(), sent)
    }

    fn heard(text: &str, open: bool) -> (String, bool) {
        (text.to_owned(), open)
    }

    #[test]
    fn connections_meet_their_faults_one_each() {
        let proxy = Proxy::start(echo());
        let trickle = Fault::Trickle(1, Duration::from_millis(1));
        proxy.faults([
            Fault::CutDown(3),
            Fault::CutUp(2),
            Fault::Stall(4),
            trickle,
            Fault::Refuse,
        ]);
        let expected = [
            heard("hel", false),
            heard("he", false),
            heard("hell", true),
            heard("hello", true),
            heard("", false),
            heard("hello", true),
        ];
        for (n, expected) in expected.into_iter().enumerate() {
            let (got, open) = say(&mut client(&proxy), "hello");
            // A connection that is cut may take along what is still under way; of others everything comes.
            let whole = got == expected.0 || !expected.1 && expected.0.starts_with(&got);
            assert!(
                whole && open == expected.1,
                "connection {n}: {got:?}, open: {open}"
            );
        }
        assert_eq!(proxy.struck(), 5);
    }

    #[test]
    fn a_request_is_lost_on_its_way_there_or_back() {
        let proxy = Proxy::start(echo());
        for (loss, open) in [
            (Loss::Request, false),
            (Loss::Answer, false),
            (Loss::Silence, true),
        ] {
            let mut client = client(&proxy);
            proxy.lose("commit", 1, loss);
            assert_eq!(say(&mut client, "begin"), heard("begin", true));
            assert_eq!(say(&mut client, "commit"), heard("commit", true));
            assert_eq!(say(&mut client, "again"), heard("", open), "{loss:?}");
        }
        assert_eq!(proxy.struck(), 3);
    }
}
