//! How long what may pass is waited for.

use std::time::{Duration, Instant};

/// How often and how long a reader tries again before it gives up. Progress begins the count anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Patience {
    /// Attempts after the first.
    pub(crate) attempts: u32,
    /// The first wait; each following one is twice as long.
    pub(crate) first: Duration,
    /// The longest wait.
    pub(crate) longest: Duration,
    /// Time since the first of a row of failures, after which no new attempt begins.
    pub(crate) total: Duration,
}

impl Default for Patience {
    /// Long enough for a failover: about three minutes.
    fn default() -> Self {
        Self {
            attempts: 10,
            first: Duration::from_millis(200),
            longest: Duration::from_secs(30),
            total: Duration::from_mins(3),
        }
    }
}

/// A row of failures.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    count: u32,
    since: Option<Instant>,
}

impl Failures {
    /// Something succeeded.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }

    /// How long to wait after another failure; `None` is enough.
    pub(crate) fn next(&mut self, patience: &Patience) -> Option<Duration> {
        let since = *self.since.get_or_insert_with(Instant::now);
        if self.count >= patience.attempts || since.elapsed() > patience.total {
            return None;
        }
        let wait = patience.first.saturating_mul(2_u32.saturating_pow(self.count));
        self.count += 1;
        Some(wait.min(patience.longest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_end() {
        let patience = Patience {
            attempts: 4,
            first: Duration::from_millis(10),
            longest: Duration::from_millis(35),
            total: Duration::MAX,
        };
        let mut failures = Failures::default();
        let mut waits = || std::iter::from_fn(|| failures.next(&patience)).collect::<Vec<_>>();
        let expected = [10, 20, 35, 35].map(Duration::from_millis);
        assert_eq!(waits(), expected);
        assert!(waits().is_empty());
        failures.forget();
        assert_eq!(failures.next(&patience), Some(Duration::from_millis(10)));
        let none = Patience {
            total: Duration::ZERO,
            ..patience
        };
        std::thread::sleep(Duration::from_millis(1));
        assert_eq!(failures.next(&none), None);
    }
}
