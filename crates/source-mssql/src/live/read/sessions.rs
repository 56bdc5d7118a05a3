//! Where sessions come from.

use async_trait::async_trait;
use migrate_core::Result;

use crate::live::wire::Session;

/// Hands out sessions, each to one task at a time.
#[async_trait]
pub(crate) trait Sessions: Send + Sync {
    /// A session with nothing open.
    async fn take(&self) -> Result<Box<dyn Session>>;

    /// Takes back a session that has no query and no transaction open and reads what is committed. One that is not given
    /// back is closed, which ends its query on the server.
    fn give_back(&self, session: Box<dyn Session>);

    /// Sessions that could be taken now without waiting for somebody to give one back.
    fn spare(&self) -> usize {
        0
    }
}
