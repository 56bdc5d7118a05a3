//! Tables at the same time.

use std::pin::Pin;
use std::sync::Arc;

use migrate_core::observer::{Event, Observer};
use migrate_core::{Error, ErrorKind, Result};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// One table's work.
pub(crate) struct Task<T> {
    /// What it is called: `validate dbo.Item`.
    pub(crate) step: String,
    /// The table, for errors.
    pub(crate) table: String,
    /// Larger ones go first.
    pub(crate) size: u64,
    pub(crate) work: Pin<Box<dyn Future<Output = Result<T>> + Send>>,
}

/// Does the tasks, so many at a time, the largest first, and returns the results in the order of the tasks. The first error
/// ends all of them.
pub(crate) async fn run<T: Send + 'static>(
    tasks: Vec<Task<T>>,
    jobs: usize,
    observer: &Arc<dyn Observer>,
    cancel: &CancellationToken,
) -> Result<Vec<T>> {
    let stop = cancel.child_token();
    let mut results: Vec<Option<T>> = tasks.iter().map(|_| None).collect();
    let mut waiting: Vec<(usize, Task<T>)> = tasks.into_iter().enumerate().collect();
    // Largest last, since the vector is emptied from its end.
    waiting.sort_by_key(|(_, task)| task.size);
    let mut running: JoinSet<Result<(usize, T)>> = JoinSet::new();
    let mut first_error: Option<Error> = None;
    loop {
        while running.len() < jobs.max(1)
            && first_error.is_none()
            && let Some((index, task)) = waiting.pop()
        {
            let (observer, stop) = (Arc::clone(observer), stop.clone());
            running.spawn(async move {
                observer.event(&Event::StepStarted {
                    step: task.step.clone(),
                });
                let started = std::time::Instant::now();
                let result = tokio::select! {
                    biased;
                    () = stop.cancelled() => Err(Error::new(ErrorKind::Cancelled, "cancelled")),
                    result = task.work => result.map_err(|e| e.at("table", &task.table)),
                }?;
                observer.event(&Event::StepDone {
                    step: task.step,
                    took: started.elapsed(),
                });
                Ok((index, result))
            });
        }
        let Some(joined) = running.join_next().await else {
            break;
        };
        match joined
            .unwrap_or_else(|e| Err(Error::new(ErrorKind::Internal, "a validation panicked").because(e)))
        {
            Ok((index, result)) => {
                if let Some(slot) = results.get_mut(index) {
                    *slot = Some(result);
                }
            }
            Err(error) => {
                stop.cancel();
                if first_error
                    .as_ref()
                    .is_none_or(|e: &Error| e.kind() == ErrorKind::Cancelled)
                {
                    first_error = Some(error);
                }
            }
        }
    }
    match first_error {
        Some(error) => Err(error),
        None => Ok(results.into_iter().flatten().collect()),
    }
}
