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
    let (source, mapping) = (args.source.clone(), args.mapping.clone());
    let subject = interruptible(cancel, async move { Subject::open(&source, &mapping).await }).await?;
    migrate::migrate(&subject, &args.destination, &args.copy, ui, cancel).await
}
