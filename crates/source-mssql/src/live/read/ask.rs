//! Small questions, whose answers fit in memory.

use migrate_core::Result;
use migrate_core::value::Value;

use super::key::KeyValue;
use crate::classify::internal;
use crate::live::wire::{Fetch, Flow, Query, RowTarget, Session};

/// A row of an answer; `None` is NULL.
pub(crate) type Answer = Vec<Option<KeyValue>>;

/// Asks, and waits for the whole answer.
///
/// # Errors
/// Those of the session; `Internal` for values that no key has.
pub(crate) async fn ask(session: &mut dyn Session, purpose: &'static str, sql: &str) -> Result<Vec<Answer>> {
    session.start(Query { purpose, sql }).await?;
    let mut answers = Answers::default();
    while session.fetch(&mut answers).await? == Fetch::More {}
    Ok(answers.rows)
}

/// An integer of an answer.
pub(crate) fn integer(cell: Option<&Option<KeyValue>>) -> Option<i64> {
    match cell {
        Some(Some(KeyValue::Int(n))) => Some(*n),
        _ => None,
    }
}

#[derive(Default)]
struct Answers {
    rows: Vec<Answer>,
    row: Answer,
    wrong: Option<&'static str>,
}

impl RowTarget for Answers {
    fn begin(&mut self) {
        self.row = Vec::new();
    }

    fn value(&mut self, value: Value<'_>) {
        self.row.push(if value == Value::Null {
            None
        } else {
            let mut own = KeyValue::Int(0);
            if let Err(reason) = own.set(&value) {
                self.wrong = Some(reason);
            }
            Some(own)
        });
    }

    fn end(&mut self) -> Result<Flow> {
        if let Some(reason) = self.wrong {
            return Err(internal(reason));
        }
        self.rows.push(std::mem::take(&mut self.row));
        Ok(Flow::Continue)
    }
}
