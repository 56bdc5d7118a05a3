//! `migrate inspect`

use migrate_core::Result;
use tokio_util::sync::CancellationToken;

use super::{interruptible, print};
use crate::args::InspectArgs;
use crate::exit::Exit;
use crate::ui::Ui;
use crate::{report, source};

pub(super) async fn run(args: InspectArgs, ui: &Ui, cancel: &CancellationToken) -> Result<Exit> {
    let catalog = interruptible(
        cancel,
        async move { source::open(&args.source)?.discover().await },
    )
    .await?;
    print(
        ui,
        || report::inspect::print(&catalog, ui),
        || report::inspect::as_json(&catalog),
    );
    Ok(Exit::Done)
}
