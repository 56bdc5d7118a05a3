//! `migrate pause` and `migrate resume`

use migrate_core::{Error, ErrorKind, Result};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{interruptible, print};
use crate::args::ControlArgs;
use crate::destination::{Destination, Work};
use crate::exit::Exit;
use crate::ui::Ui;

pub(super) async fn run(args: ControlArgs, pause: bool, ui: &Ui, cancel: &CancellationToken) -> Result<Exit> {
    let told = ui.clone();
    let destination = interruptible(cancel, async move {
        Destination::existing(&args.destination, None, Work::with(1), &told).await
    })
    .await?;
    let outcome = ask(&destination, pause, ui).await;
    destination.close(false, ui).await;
    outcome
}

async fn ask(destination: &Destination, pause: bool, ui: &Ui) -> Result<Exit> {
    let place = destination.place.describe();
    let nothing = |what: &str| Error::new(ErrorKind::Config, format!("{what} in {place}"));
    let Some(status) = destination.sink.status().await? else {
        return Err(nothing("there is no migration"));
    };
    if pause && status.active.is_none() {
        return Err(nothing("nothing runs that could pause"));
    }
    let Some(changed) = destination.sink.pause(pause).await? else {
        return Err(nothing("there is no migration"));
    };
    let text = match (pause, changed) {
        (true, true) => {
            "Asked the run to pause: it commits what it has, within seconds, and waits. `migrate resume` lets it go on."
        }
        (true, false) => "The run was asked to pause before.",
        (false, true) => "Asked the run to go on: it looks every two seconds.",
        (false, false) => "No pause was asked for.",
    };
    print(
        ui,
        || text.to_owned(),
        || json!({ "destination": destination.place.as_json(), "paused": pause, "changed": changed }),
    );
    Ok(Exit::Done)
}
