//! How long to go on trying.

use std::future::Future;
use std::time::{Duration, Instant};

use migrate_core::Result;
use mongodb::error::Error as DriverError;

use crate::classify::{driver, is_transient};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Pauses between attempts, each twice as long as the one before, until too much time has passed without a success.
#[derive(Debug)]
pub(super) struct Patience {
    limit: Duration,
    pause: Duration,
    /// When the first attempt since the last success failed.
    since: Option<Instant>,
}

impl Patience {
    pub(super) fn new(limit: Duration) -> Self {
        Self {
            limit,
            pause: FIRST_PAUSE,
            since: None,
        }
    }

    /// Says that something was achieved.
    pub(super) fn renew(&mut self) {
        self.pause = FIRST_PAUSE;
        self.since = None;
    }

    /// Waits before the next attempt; `false` when there should be none.
    pub(super) async fn wait(&mut self) -> bool {
        let since = *self.since.get_or_insert_with(Instant::now);
        if since.elapsed() >= self.limit {
            return false;
        }
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        true
    }
}

/// Does something until it succeeds, or fails in a way that another attempt does not change, or the time is up. `what`
/// says in the error what was tried.
pub(super) async fn persist<T, F>(limit: Duration, what: &str, mut attempt: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T, DriverError>>,
{
    let mut patience = Patience::new(limit);
    loop {
        match attempt().await {
            Ok(value) => return Ok(value),
            Err(error) if is_transient(&error) && patience.wait().await => {}
            Err(error) => return Err(driver(what, &error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io;

    use super::*;

    #[tokio::test]
    async fn attempts_end_with_the_time_or_an_error_that_stays() {
        let attempts = Cell::new(0);
        let broken = || {
            attempts.set(attempts.get() + 1);
            async { Err::<(), _>(DriverError::from(io::Error::from(io::ErrorKind::ConnectionReset))) }
        };
        assert!(persist(Duration::ZERO, "reading", broken).await.is_err());
        assert_eq!(attempts.replace(0), 1);
        let refused = || {
            attempts.set(attempts.get() + 1);
            async { Err::<(), _>(DriverError::custom("no")) }
        };
        assert!(persist(Duration::from_mins(5), "reading", refused).await.is_err());
        assert_eq!(attempts.replace(0), 1);
        let at_last = || {
            attempts.set(attempts.get() + 1);
            let attempt = attempts.get();
            async move {
                match attempt {
                    3 => Ok(attempt),
                    _ => Err(DriverError::from(io::Error::from(io::ErrorKind::ConnectionReset))),
                }
            }
        };
        assert_eq!(
            persist(Duration::from_mins(5), "reading", at_last).await.unwrap(),
            3
        );
    }
}
