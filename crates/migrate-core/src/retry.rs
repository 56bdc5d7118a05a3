//! What is tried again, how often and how long: one policy for everything that a migration does.
//!
//! Whether an error may pass is decided where it is understood, by the endpoint's `classify` module, and told by
//! [`Error::is_transient`]. What does not pass ends the run at once, with its cause.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::error::{Error, ErrorKind, Result};

/// How often, and how long, something that failed is tried again. Progress begins the count anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Attempts after the first.
    pub attempts: u32,
    /// The first wait; each following one is twice as long.
    pub first: Duration,
    /// The longest wait, unless the first is longer.
    pub longest: Duration,
    /// Time since the first of a row of failures, after which no new attempt begins.
    pub total: Duration,
}

impl Default for Retry {
    /// Long enough for a restart or a failover: ten attempts in about two minutes.
    fn default() -> Self {
        Self {
            attempts: 10,
            first: Duration::from_millis(250),
            longest: Duration::from_secs(30),
            total: Duration::from_mins(3),
        }
    }
}

impl Retry {
    /// The wait after so many failures before this one.
    pub fn wait(&self, failures: u32) -> Duration {
        let wait = self.first.saturating_mul(2_u32.saturating_pow(failures));
        wait.min(self.longest.max(self.first))
    }
}

/// A row of failures. Time is counted by a clock that nobody can set.
#[derive(Debug, Default)]
pub struct Failures {
    count: u32,
    since: Option<Instant>,
}

impl Failures {
    /// Something succeeded.
    pub fn forget(&mut self) {
        *self = Self::default();
    }

    /// How long to wait after another failure; `None` is enough.
    pub fn next(&mut self, retry: &Retry) -> Option<Duration> {
        let since = *self.since.get_or_insert_with(Instant::now);
        if self.count >= retry.attempts || since.elapsed() > retry.total {
            return None;
        }
        let wait = retry.wait(self.count);
        self.count += 1;
        Some(wait)
    }
}

/// Does something until it succeeds, fails for good, or has failed often enough; `told` hears of each failure that is
/// followed by another attempt.
///
/// # Errors
/// The last failure, or [`Cancelled`](ErrorKind::Cancelled) while it waits.
pub async fn persist<T, F: Future<Output = Result<T>>>(
    retry: &Retry,
    cancel: &CancellationToken,
    told: impl Fn(&Error, Duration),
    mut attempt: impl FnMut() -> F,
) -> Result<T> {
    let mut failures = Failures::default();
    loop {
        let error = match attempt().await {
            Err(error) if error.is_transient() => error,
            outcome => return outcome,
        };
        let Some(wait) = failures.next(retry) else {
            return Err(error);
        };
        told(&error, wait);
        tokio::select! {
            () = cancel.cancelled() => {
                return Err(Error::new(ErrorKind::Cancelled, "cancelled").hint("run the same command again to go on"));
            }
            () = tokio::time::sleep(wait) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;

    fn broken() -> Error {
        Error::destination(ErrorKind::Connection, "broken").transient()
    }

    #[test]
    fn the_default_lasts_two_minutes() {
        let retry = Retry::default();
        let waits: Vec<u64> = (0..retry.attempts)
            .map(|n| retry.wait(n).as_millis() as u64)
            .collect();
        assert_eq!(
            waits,
            [250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]
        );
        assert_eq!(waits.iter().sum::<u64>(), 121_750);
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_pass_is_tried_until_it_is_enough() {
        let retry = Retry {
            attempts: 3,
            ..Retry::default()
        };
        let (calls, waits) = (Cell::new(0), RefCell::new(Vec::new()));
        let told = |_: &Error, wait: Duration| waits.borrow_mut().push(wait.as_millis());
        let never = || {
            calls.set(calls.get() + 1);
            async { Err::<(), _>(broken()) }
        };
        let token = CancellationToken::new();
        assert!(persist(&retry, &token, told, never).await.is_err());
        assert_eq!((calls.replace(0), waits.take()), (4, vec![250, 500, 1000]));
        // The time is up before the attempts are.
        let short = Retry {
            total: Duration::from_millis(600),
            ..retry
        };
        assert!(persist(&short, &token, told, never).await.is_err());
        assert_eq!((calls.replace(0), waits.take()), (3, vec![250, 500]));
        let stays = || {
            calls.set(calls.get() + 1);
            async { Err::<(), _>(Error::new(ErrorKind::Permission, "no")) }
        };
        assert!(persist(&retry, &token, told, stays).await.is_err());
        assert_eq!((calls.replace(0), waits.take()), (1, vec![]));
        let at_last = || {
            calls.set(calls.get() + 1);
            let outcome = if calls.get() < 3 { Err(broken()) } else { Ok(7) };
            async { outcome }
        };
        assert_eq!(persist(&retry, &token, told, at_last).await.unwrap(), 7);
        token.cancel();
        let error = persist(&retry, &token, told, never).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled);
    }
}
