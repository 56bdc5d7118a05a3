//! Steps at the same time, as far as their tables allow.
//!
//! Two steps that would wait for each other's lock in the server would block a connection each; they are kept apart
//! here instead, and other steps go first.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::future::try_join_all;
use migrate_core::Result;
use migrate_core::plan::TargetName;
use tokio::sync::Notify;

use super::{Work, step};
use crate::ddl::{Lock, Step};

/// Steps to do, and tables in use.
#[derive(Default)]
struct Queue<'s> {
    waiting: Vec<&'s Step>,
    busy: HashMap<&'s TargetName, Use>,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
struct Use {
    shared: usize,
    exclusive: bool,
}

/// What a worker does next.
#[derive(Debug, PartialEq, Eq)]
enum Next<'s> {
    Do(&'s Step),
    /// Every step left waits for a table.
    Wait,
    End,
}

impl<'s> Queue<'s> {
    fn next(&mut self) -> Next<'s> {
        if self.waiting.is_empty() {
            return Next::End;
        }
        let free = |step: &&Step| match &step.lock {
            None => true,
            Some((table, lock)) => {
                let used = self.busy.get(table).copied().unwrap_or_default();
                !used.exclusive && (*lock == Lock::Shared || used.shared == 0)
            }
        };
        let Some(at) = self.waiting.iter().position(free) else {
            return Next::Wait;
        };
        let step = self.waiting.remove(at);
        if let Some((table, lock)) = &step.lock {
            let used = self.busy.entry(table).or_default();
            match lock {
                Lock::Shared => used.shared += 1,
                Lock::Exclusive => used.exclusive = true,
            }
        }
        Next::Do(step)
    }

    fn done(&mut self, step: &'s Step) {
        let Some((table, lock)) = &step.lock else { return };
        let Some(used) = self.busy.get_mut(table) else {
            return;
        };
        match lock {
            Lock::Shared => used.shared = used.shared.saturating_sub(1),
            Lock::Exclusive => used.exclusive = false,
        }
    }
}

/// Does the steps with at most so many connections, and returns when all have been tried.
///
/// # Errors
/// Only what keeps the ledger from being written: a step that fails is noted there and in the outcome.
pub(super) async fn run(work: &Work<'_>, steps: Vec<&Step>, workers: usize) -> Result<()> {
    let workers = workers.min(steps.len());
    let queue = Mutex::new(Queue {
        waiting: steps,
        busy: HashMap::new(),
    });
    let freed = Notify::new();
    try_join_all((0..workers).map(|_| worker(work, &queue, &freed)))
        .await
        .map(drop)
}

async fn worker<'s>(work: &Work<'_>, queue: &Mutex<Queue<'s>>, freed: &Notify) -> Result<()> {
    let lock = || -> MutexGuard<'_, Queue<'s>> { queue.lock().unwrap_or_else(PoisonError::into_inner) };
    let mut session = None;
    loop {
        // Enabled before looking, so that a step that ends meanwhile is not missed.
        let mut wake = std::pin::pin!(freed.notified());
        wake.as_mut().enable();
        let next = lock().next();
        match next {
            Next::Do(step) => {
                let outcome = step::run(work, &mut session, step).await;
                lock().done(step);
                freed.notify_waiters();
                outcome?;
            }
            Next::Wait => wake.await,
            Next::End => break,
        }
    }
    if let Some(session) = session {
        work.sink.shared.release(session);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ddl::Phase;

    fn step(table: &str, lock: Lock) -> Step {
        Step {
            id: table.into(),
            subject: table.into(),
            sql: String::new(),
            phase: Phase::Keys,
            lock: Some((
                TargetName {
                    schema: "s".into(),
                    name: table.into(),
                },
                lock,
            )),
            creates: None,
            shared: false,
        }
    }

    #[test]
    fn exclusive_steps_are_kept_apart_and_others_overtake_them() {
        let [key, index, other, second] = [
            step("t", Lock::Exclusive),
            step("t", Lock::Shared),
            step("u", Lock::Shared),
            step("u", Lock::Shared),
        ];
        let mut queue = Queue {
            waiting: vec![&key, &index, &other, &second],
            busy: HashMap::new(),
        };
        assert_eq!(queue.next(), Next::Do(&key));
        assert_eq!(queue.next(), Next::Do(&other));
        assert_eq!(queue.next(), Next::Do(&second));
        assert_eq!(queue.next(), Next::Wait);
        queue.done(&key);
        assert_eq!(queue.next(), Next::Do(&index));
        assert_eq!(queue.next(), Next::End);
    }
}
