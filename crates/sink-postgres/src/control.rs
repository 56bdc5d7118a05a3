//! Pausing a run and letting it go on, from any machine.

use migrate_core::Result;
use migrate_pg_client::{During, execute};

use crate::connect::PostgresSink;
use crate::ledger::run::Presence;
use crate::ledger::{control, event, run};

impl PostgresSink {
    /// Asks the run that works on this database to pause, or to go on; it looks every two seconds. Returns whether that is
    /// new; `None` where there is no migration. A run that begins or goes on later is not paused: who starts it wants it.
    pub async fn pause(&self, paused: bool) -> Result<Option<bool>> {
        let mut connection = self.shared.acquire().await?;
        self.shared.begin(&mut connection).await?;
        let changed = match run::presence(&mut connection).await? {
            Presence::Absent | Presence::Foreign => None,
            Presence::Ledger => {
                event::upgrade(&mut connection).await?;
                let changed = control::set(&mut connection, paused).await?;
                if changed {
                    let (kind, text) = if paused {
                        ("paused", "somebody asked for a pause")
                    } else {
                        ("unpaused", "somebody asked to go on")
                    };
                    event::note(&mut connection, kind, text).await?;
                }
                Some(changed)
            }
        };
        execute(&mut connection, "commit", During::Statement).await?;
        self.shared.release(connection);
        Ok(changed)
    }

    /// Whether a pause is asked for.
    ///
    /// # Errors
    /// Those of asking.
    pub(crate) async fn is_paused(&self) -> Result<bool> {
        let mut connection = self.shared.acquire().await?;
        self.shared.begin(&mut connection).await?;
        let paused = control::paused(&mut connection).await?;
        execute(&mut connection, "commit", During::Statement).await?;
        self.shared.release(connection);
        Ok(paused)
    }
}
