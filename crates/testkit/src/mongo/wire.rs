//! A client of the wire protocol, just enough for tests: commands, and documents in bulk as they are.
//!
//! OP_MSG as the MongoDB manual's "Wire Protocol" page lays it out: a header of four little-endian `i32` (length, request,
//! response to, opcode 2013), flags, then sections: kind 0 with one document, kind 1 with a named sequence of documents.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use bson::{Document, doc};

const OP_MSG: i32 = 2013;

/// A server takes at most this many documents in one insert.
const MOST_DOCUMENTS: usize = 100_000;

/// Bytes of documents in one insert, well under the server's limit of 48,000,000 for a message.
const MOST_BYTES: usize = 24 << 20;

/// A connection to one server, without TLS and without a login.
#[derive(Debug)]
pub struct Wire {
    stream: TcpStream,
    requests: i32,
}

impl Wire {
    /// Connects to a server on this machine.
    pub fn connect(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_mins(2)))?;
        Ok(Self { stream, requests: 0 })
    }

    /// Runs a command in a database.
    ///
    /// # Errors
    /// The server's message and code when it refuses.
    pub fn command(&mut self, database: &str, mut command: Document) -> io::Result<Document> {
        command.insert("$db", database);
        let body = command.to_vec().map_err(io::Error::other)?;
        self.exchange(&body, &[])
    }

    /// Inserts documents, given as BSON, in their order, and waits until a majority has them in its journal. Returns how
    /// many.
    ///
    /// # Errors
    /// The server's message for the first document that it refuses.
    pub fn insert<D: AsRef<[u8]>>(
        &mut self,
        database: &str,
        collection: &str,
        documents: impl IntoIterator<Item = D>,
    ) -> io::Result<u64> {
        let mut inserted = 0;
        let mut section = Vec::new();
        let mut waiting = 0;
        for document in documents {
            let document = document.as_ref();
            if waiting == MOST_DOCUMENTS || (waiting > 0 && section.len() + document.len() > MOST_BYTES) {
                inserted += self.insert_section(database, collection, &section, waiting)?;
                section.clear();
                waiting = 0;
            }
            section.extend_from_slice(document);
            waiting += 1;
        }
        if waiting > 0 {
            inserted += self.insert_section(database, collection, &section, waiting)?;
        }
        Ok(inserted)
    }

    fn insert_section(
        &mut self,
        database: &str,
        collection: &str,
        documents: &[u8],
        count: usize,
    ) -> io::Result<u64> {
        let command = doc! {
            "insert": collection, "ordered": true, "$db": database,
            "writeConcern": { "w": "majority", "j": true }, "bypassDocumentValidation": true,
        };
        let body = command.to_vec().map_err(io::Error::other)?;
        let mut section = b"\x01".to_vec();
        let size = 4 + b"documents\0".len() + documents.len();
        section.extend_from_slice(&i32::try_from(size).map_err(io::Error::other)?.to_le_bytes());
        section.extend_from_slice(b"documents\0");
        section.extend_from_slice(documents);
        let reply = self.exchange(&body, &section)?;
        if let Ok(errors) = reply.get_array("writeErrors") {
            return Err(io::Error::other(format!("{collection}: {:?}", errors.first())));
        }
        let inserted = reply.get_i32("n").unwrap_or(0) as u64;
        if inserted != count as u64 {
            return Err(io::Error::other(format!(
                "{collection}: {inserted} of {count} documents inserted"
            )));
        }
        Ok(inserted)
    }

    fn exchange(&mut self, body: &[u8], more: &[u8]) -> io::Result<Document> {
        self.requests += 1;
        let length = i32::try_from(16 + 4 + 1 + body.len() + more.len()).map_err(io::Error::other)?;
        let mut message = Vec::with_capacity(length as usize);
        for word in [length, self.requests, 0, OP_MSG, 0] {
            message.extend_from_slice(&word.to_le_bytes());
        }
        message.push(0);
        message.extend_from_slice(body);
        message.extend_from_slice(more);
        self.stream.write_all(&message)?;
        let reply = self.reply()?;
        let ok = reply
            .get("ok")
            .and_then(|ok| ok.as_f64().or(ok.as_i32().map(f64::from)));
        if ok == Some(1.0) {
            return Ok(reply);
        }
        let text = reply
            .get_str("errmsg")
            .unwrap_or("the server refused without a message");
        let code = reply.get_i32("code").unwrap_or(0);
        Err(io::Error::other(format!("{text} (code {code})")))
    }

    fn reply(&mut self) -> io::Result<Document> {
        let mut header = [0; 16];
        self.stream.read_exact(&mut header)?;
        let [a, b, c, d, ..] = header;
        let length = i32::from_le_bytes([a, b, c, d]) as usize;
        if !(21..=64 << 20).contains(&length) {
            return Err(io::Error::other("the reply has an impossible length"));
        }
        let mut body = vec![0; length - 16];
        self.stream.read_exact(&mut body)?;
        // Flags, the kind of the only section, and its document.
        Document::from_reader(&body[5..]).map_err(io::Error::other)
    }
}
