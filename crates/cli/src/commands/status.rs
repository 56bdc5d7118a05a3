//! `migrate status`

use migrate_core::Result;
use tokio_util::sync::CancellationToken;

use super::{interruptible, print};
use crate::args::StatusArgs;
use crate::destination::Destination;
use crate::exit::Exit;
use crate::report;
use crate::ui::Ui;

pub(super) async fn run(args: StatusArgs, ui: &Ui, cancel: &CancellationToken) -> Result<Exit> {
    let (named, told) = (args.destination.clone(), ui.clone());
    let destination =
        interruptible(cancel, async move { Destination::existing(&named, None, 1, &told).await }).await?;
    let outcome = destination.sink.status().await;
    if let Ok(status) = &outcome {
        print(
            ui,
            || match status {
                Some(status) => report::status::print(&destination.place, status, ui),
                None => format!("No migration was made to {}.", destination.place.describe()),
            },
            || report::status::as_json(&destination.place, status.as_ref()),
        );
    }
    destination.close(false, ui).await;
    outcome.map(|_| Exit::Done)
}
