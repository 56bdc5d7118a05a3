//! A network that loses connections.

use migrate_core::chunk::ChunkGoal;
use migrate_testkit::mongo::MongoServer;
use migrate_testkit::proxy::{Fault, Proxy};

use super::fixture::{connect, documents, object_id, read_all};

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_break_in_the_middle_of_replies_lose_nothing() {
    let server = MongoServer::start();
    let written = documents(12_000, 2000, object_id);
    server.insert("shop", "things", &written);
    // A reply is a mebibyte, so that each connection breaks within its third.
    let proxy = Proxy::start(server.port());
    proxy.faults(std::iter::repeat_n(Fault::CutDown(2_500_000), 1000));
    let url = format!("mongodb://127.0.0.1:{}/shop?directConnection=true", proxy.port());
    let store = connect(&url).await;
    let found = read_all(&store, "things", ChunkGoal::default()).await;
    assert!(found == written, "{} of {} documents", found.len(), written.len());
    assert!(proxy.struck() >= 8, "{} connections cut", proxy.struck());
}
