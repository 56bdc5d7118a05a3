//! `migrate clean`

use migrate_core::{Error, ErrorKind, Result};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{interruptible, print};
use crate::args::{CleanArgs, RollbackArgs};
use crate::destination::{Destination, Work};
use crate::exit::Exit;
use crate::report::text::printable;
use crate::report::{number, swapped};
use crate::ui::Ui;

impl From<RollbackArgs> for CleanArgs {
    fn from(args: RollbackArgs) -> Self {
        Self {
            destination: args.destination,
            data: true,
            yes: args.yes,
        }
    }
}

/// Names that are listed before somebody is asked; `-v` lists all.
const LISTED: usize = 20;

pub(super) async fn run(args: CleanArgs, ui: &Ui, cancel: &CancellationToken) -> Result<Exit> {
    let (named, told) = (args.destination.clone(), ui.clone());
    let destination = interruptible(cancel, async move {
        Destination::existing(&named, None, Work::with(1), &told).await
    })
    .await?;
    let outcome = clean(&args, &destination, ui).await;
    destination.close(false, ui).await;
    outcome
}

async fn clean(args: &CleanArgs, destination: &Destination, ui: &Ui) -> Result<Exit> {
    let place = destination.place.describe();
    let Some(status) = destination.sink.status().await? else {
        print(
            ui,
            || format!("Nothing to remove: there is no ledger in {place}."),
            || json!({ "destination": destination.place.as_json(), "ledger": false, "dropped": [] }),
        );
        return Ok(Exit::Done);
    };
    let rows: u64 = status.tables.iter().map(|t| t.total.digest.rows).sum();
    let kept = destination.sink.kept().await?;
    if args.data {
        list("Will be dropped", &destination.sink.would_drop().await?, ui);
        list("Will be put back", &kept, ui);
    } else {
        list("Was replaced and is kept until now; will be dropped", &kept, ui);
    }
    let question = if args.data {
        format!(
            "Drop what the migration of {} created in {place}: {} with {}, and everything else of it?",
            printable(&status.source),
            number::of(status.tables.len() as u64, "table"),
            number::of(rows, "row")
        )
    } else if !kept.is_empty() {
        format!(
            "Remove the ledger in {place}, and drop {} that the migration replaced? It cannot be rolled back any more then.",
            number::of(kept.len() as u64, "object")
        )
    } else if status.finished_at.is_none() {
        format!(
            "The migration in {place} is not complete, and without its ledger it cannot go on. Remove the ledger?"
        )
    } else if status.quarantined > 0 {
        format!(
            "The ledger in {place} holds {} in quarantine. Remove it with them?",
            number::of(status.quarantined, "row")
        )
    } else {
        format!("Remove the ledger in {place}? The migrated tables stay, and can no longer be validated.")
    };
    if !args.yes {
        match Ui::confirm(&question) {
            Some(true) => {}
            Some(false) => {
                ui.say("Nothing was changed.");
                return Ok(Exit::Cancelled);
            }
            None => {
                return Err(
                    Error::new(ErrorKind::Config, format!("this needs a yes: {question}"))
                        .hint("there is no terminal to ask on; add --yes"),
                );
            }
        }
    }
    let cleaned = destination.sink.clean(args.data).await?;
    print(
        ui,
        || {
            let mut out = vec!["Removed the ledger.".to_owned()];
            if let Some(back) = &cleaned.put_back {
                out.push(format!(
                    "Put back {}.",
                    number::of(back.kept.len() as u64, "object")
                ));
                out.extend(swapped::bound(back, ui.out_style()));
            }
            if args.data || !cleaned.dropped.is_empty() {
                out.push(format!(
                    "Dropped {}.",
                    number::of(cleaned.dropped.len() as u64, "object")
                ));
                if cleaned.accounts > 0 {
                    out.push(format!(
                        "Removed {} from auth.users.",
                        number::of(cleaned.accounts, "account")
                    ));
                }
                if ui.verbose > 0 {
                    out.extend(cleaned.dropped.iter().map(|d| format!("  {}", printable(d))));
                }
            }
            if cleaned.mapping_left {
                out.push(
                    "Left migrate.mapping, which lists old keys with new ones: later runs can reuse it; `drop schema migrate \
                     cascade` removes it."
                        .to_owned(),
                );
            }
            out.join("\n")
        },
        || {
            json!({
                "destination": destination.place.as_json(),
                "ledger": cleaned.ledger,
                "dropped": cleaned.dropped,
                "mapping_left": cleaned.mapping_left,
                "accounts": cleaned.accounts,
                "put_back": cleaned.put_back.as_ref().map(swapped::as_json),
            })
        },
    );
    Ok(Exit::Done)
}

/// Shows what is about to happen to which objects.
fn list(what: &str, names: &[String], ui: &Ui) {
    if names.is_empty() {
        return;
    }
    let shown = if ui.verbose > 0 { names.len() } else { LISTED };
    let listed: Vec<String> = names.iter().take(shown).map(|n| printable(n)).collect();
    let more = match names.len().saturating_sub(shown) {
        0 => String::new(),
        more => format!(", and {more} more (-v lists them)"),
    };
    ui.say(&format!("{what}: {}{more}", listed.join(", ")));
}
