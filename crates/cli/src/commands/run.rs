//! `migrate run`

use migrate_core::Result;
use tokio_util::sync::CancellationToken;

use super::{interruptible, migrate};
use crate::args::RunArgs;
use crate::exit::Exit;
use crate::planning::Subject;
use crate::ui::Ui;

pub(super) async fn run(args: RunArgs, ui: &Ui, cancel: &CancellationToken) -> Result<Exit> {
    migrate::check_report(&args.copy)?;
    let (source, mapping, told) = (args.source.clone(), args.mapping.clone(), ui.clone());
    let check = args.copy.check();
    let subject = interruptible(cancel, async move {
        Subject::open(&source, &mapping, check, &told).await
    });
    // Connecting changes nothing, so it need not wait until the source is looked through; the first error ends both.
    let early = migrate::connect_early(&args.destination, &args.copy, ui, cancel);
    let (subject, early) = tokio::try_join!(subject, early)?;
    let follow = args.incremental.then_some(args.deletes);
    migrate::migrate(&subject, early, &args.destination, &args.copy, follow, ui, cancel).await
}
