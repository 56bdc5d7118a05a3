//! A network that loses connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use migrate_core::chunk::ChunkGoal;
use migrate_testkit::mongo::MongoServer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::fixture::{connect, documents, object_id, read_all};

/// Passes connections on to a server, and cuts each when so many bytes have come from the server, in the middle of a
/// reply. Returns its port and the number of connections cut.
async fn proxy(server: u16, bytes: usize) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let cut = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&cut);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(pass(client, server, bytes, Arc::clone(&count)));
        }
    });
    (port, cut)
}

async fn pass(client: TcpStream, server: u16, mut left: usize, cut: Arc<AtomicUsize>) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await else {
        return;
    };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let up = tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
    let mut buffer = vec![0; 16 << 10];
    while left > 0 {
        let Ok(read @ 1..) = from_server.read(&mut buffer).await else {
            break;
        };
        let read = read.min(left);
        if to_client.write_all(&buffer[..read]).await.is_err() {
            break;
        }
        left -= read;
    }
    if left == 0 {
        cut.fetch_add(1, Ordering::Relaxed);
    }
    up.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_break_in_the_middle_of_replies_lose_nothing() {
    let server = MongoServer::start();
    let written = documents(12_000, 2000, object_id);
    server.insert("shop", "things", &written);
    // A reply is a mebibyte, so that each connection breaks within its third.
    let (port, cut) = proxy(server.port(), 2_500_000).await;
    let store = connect(&format!("mongodb://127.0.0.1:{port}/shop?directConnection=true")).await;
    let found = read_all(&store, "things", ChunkGoal::default()).await;
    assert!(found == written, "{} of {} documents", found.len(), written.len());
    assert!(cut.load(Ordering::Relaxed) >= 8, "{cut:?} connections cut");
}
