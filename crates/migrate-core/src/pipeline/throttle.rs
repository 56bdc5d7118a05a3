//! A limit to how fast rows are written, for destinations that somebody uses meanwhile.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How much may be written in a second, all workers together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rate {
    /// Bytes of encoded rows.
    pub bytes: Option<u64>,
    /// Rows.
    pub rows: Option<u64>,
}

impl Rate {
    /// How long so much takes.
    fn time_for(self, bytes: u64, rows: u64) -> Duration {
        let time = |amount: u64, rate: Option<u64>| match rate {
            Some(rate) => Duration::from_secs_f64(amount as f64 / rate.max(1) as f64),
            None => Duration::ZERO,
        };
        time(bytes, self.bytes).max(time(rows, self.rows))
    }
}

/// Lets batches pass one after the other, each when the ones before it have had their time.
#[derive(Debug)]
pub(super) struct Throttle {
    rate: Rate,
    free: Mutex<Instant>,
}

impl Throttle {
    pub(super) fn new(rate: Rate) -> Self {
        Self {
            rate,
            free: Mutex::new(Instant::now()),
        }
    }

    /// Waits until a batch may be written.
    pub(super) async fn pass(&self, bytes: usize, rows: usize) {
        let time = self.rate.time_for(bytes as u64, rows as u64);
        if time.is_zero() {
            return;
        }
        let start = {
            let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
            // What was not used is not saved up: a pause is no leave for a burst.
            let start = (*free).max(Instant::now());
            *free = start + time;
            start
        };
        tokio::time::sleep_until(start).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn batches_pass_at_the_rate() {
        let throttle = Throttle::new(Rate {
            bytes: Some(1000),
            rows: Some(10),
        });
        let began = Instant::now();
        // The first goes at once, each other waits for those before it.
        for (bytes, rows, at) in [(500, 1, 0), (500, 1, 500), (100, 20, 1000), (0, 1, 3000)] {
            throttle.pass(bytes, rows).await;
            assert_eq!(began.elapsed().as_millis(), at, "{bytes} bytes, {rows} rows");
        }
        tokio::time::sleep(Duration::from_mins(1)).await;
        let again = Instant::now();
        throttle.pass(1000, 1).await;
        throttle.pass(1000, 1).await;
        assert_eq!(again.elapsed().as_millis(), 1000, "a pause is not saved up");
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_limit_nothing_waits() {
        let throttle = Throttle::new(Rate::default());
        let began = Instant::now();
        throttle.pass(usize::MAX, usize::MAX).await;
        throttle.pass(usize::MAX, usize::MAX).await;
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
}
