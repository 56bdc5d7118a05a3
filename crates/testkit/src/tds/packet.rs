//! Messages in packets ([MS-TDS] 2.2.3).

use std::io::{self, IoSlice, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::ServerConnection;

/// Type, status, length, process, number, window.
const HEADER: usize = 8;
/// The largest packet that there is.
pub(super) const LARGEST: usize = 32_767;
/// Bytes that leave in one call at most.
const SLAB: usize = 1 << 20;

pub(super) const BATCH: u8 = 0x01;
pub(super) const ANSWER: u8 = 0x04;
pub(super) const ATTENTION: u8 = 0x06;
pub(super) const LOGIN: u8 = 0x10;
pub(super) const PRELOGIN: u8 = 0x12;

/// A message: its type, and what its packets hold.
pub(super) struct Message {
    pub(super) kind: u8,
    pub(super) body: Vec<u8>,
}

/// One direction of a conversation, or both: bytes as they are, or within TLS.
pub(super) struct Channel {
    pub(super) socket: TcpStream,
    pub(super) tls: Option<Arc<Mutex<ServerConnection>>>,
}

impl Channel {
    /// The same conversation for another thread.
    pub(super) fn another(&self) -> io::Result<Self> {
        Ok(Self {
            socket: self.socket.try_clone()?,
            tls: self.tls.clone(),
        })
    }

    /// Waits for a message.
    pub(super) fn receive(&mut self) -> io::Result<Message> {
        let mut body = Vec::new();
        loop {
            let mut head = [0; HEADER];
            self.read_exact(&mut head)?;
            let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
            let length = length.checked_sub(HEADER).ok_or(io::ErrorKind::InvalidData)?;
            let start = body.len();
            body.resize(start + length, 0);
            self.read_exact(&mut body[start..])?;
            if head[1] & 1 == 1 {
                return Ok(Message { kind: head[0], body });
            }
        }
    }

    /// Sends bytes in packets of a size, the last of them marked so.
    pub(super) fn send(&mut self, kind: u8, mut body: &[u8], packet: usize, last: bool) -> io::Result<()> {
        if body.is_empty() {
            return if last {
                self.write_all(&header(kind, 0, true))
            } else {
                Ok(())
            };
        }
        let room = packet.min(LARGEST) - HEADER;
        while !body.is_empty() {
            let (slab, rest) = body.split_at(body.len().min(SLAB / room * room));
            let pieces: Vec<&[u8]> = slab.chunks(room).collect();
            let count = pieces.len();
            let headers: Vec<[u8; HEADER]> = (pieces.iter().enumerate())
                .map(|(i, piece)| header(kind, piece.len(), last && rest.is_empty() && i + 1 == count))
                .collect();
            let mut slices = Vec::with_capacity(2 * count);
            for (header, piece) in headers.iter().zip(pieces) {
                slices.push(IoSlice::new(header));
                slices.push(IoSlice::new(piece));
            }
            self.write_slices(&mut slices)?;
            body = rest;
        }
        Ok(())
    }

    /// Sends a packet that says it is longer than what follows.
    pub(super) fn send_part_of_packet(&mut self, body: &[u8]) -> io::Result<()> {
        let mut packet = header(ANSWER, body.len() + 100, false).to_vec();
        packet.extend_from_slice(body);
        self.write_all(&packet)
    }

    fn write_slices(&mut self, mut slices: &mut [IoSlice<'_>]) -> io::Result<()> {
        if let Some(tls) = &self.tls {
            for slice in slices {
                let mut out = Vec::with_capacity(slice.len() + 1024);
                {
                    let mut tls = tls.lock().unwrap_or_else(PoisonError::into_inner);
                    // The session's own buffer is limited, so that it is emptied as it fills.
                    let mut bytes: &[u8] = slice;
                    while !bytes.is_empty() {
                        let taken = tls.writer().write(bytes)?;
                        bytes = &bytes[taken..];
                        while tls.wants_write() {
                            tls.write_tls(&mut out)?;
                        }
                    }
                }
                self.socket.write_all(&out)?;
            }
            return Ok(());
        }
        while !slices.is_empty() {
            let sent = self.socket.write_vectored(slices)?;
            if sent == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            IoSlice::advance_slices(&mut slices, sent);
        }
        Ok(())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_slices(&mut [IoSlice::new(bytes)])
    }

    fn read_exact(&mut self, out: &mut [u8]) -> io::Result<()> {
        let Some(tls) = self.tls.clone() else {
            return self.socket.read_exact(out);
        };
        let mut filled = 0;
        while filled < out.len() {
            {
                let mut tls = tls.lock().unwrap_or_else(PoisonError::into_inner);
                match tls.reader().read(&mut out[filled..]) {
                    Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                    Ok(n) => {
                        filled += n;
                        continue;
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error),
                }
            }
            // Not while the session is locked: the other thread may have much to say.
            let mut bytes = [0; 4096];
            let n = self.socket.read(&mut bytes)?;
            if n == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let mut tls = tls.lock().unwrap_or_else(PoisonError::into_inner);
            let mut bytes = &bytes[..n];
            while !bytes.is_empty() {
                tls.read_tls(&mut bytes)?;
                tls.process_new_packets().map_err(io::Error::other)?;
            }
        }
        Ok(())
    }
}

fn header(kind: u8, length: usize, last: bool) -> [u8; HEADER] {
    // A packet is never longer than `LARGEST`.
    let [high, low] = ((length + HEADER) as u16).to_be_bytes();
    [kind, u8::from(last), high, low, 0, 0, 1, 0]
}
