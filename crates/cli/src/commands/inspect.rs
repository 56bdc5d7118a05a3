//! `migrate inspect`

use migrate_core::Result;
use tokio_util::sync::CancellationToken;

use super::{interruptible, print};
use crate::args::InspectArgs;
use crate::exit::Exit;
use crate::ui::Ui;
use crate::{report, source};

pub(super) async fn run(args: InspectArgs, ui: &Ui, cancel: &CancellationToken) -> Result<Exit> {
    let named = source::named(&args.source)?;
    let (catalog, inferred) = interruptible(cancel, source::look(named)).await?;
    print(
        ui,
        || {
            let mut text = report::inspect::print(&catalog, ui);
            if let Some(inferred) = &inferred {
                text.push_str("\n\n");
                text.push_str(&inferred.text);
            }
            text
        },
        || {
            let mut json = report::inspect::as_json(&catalog);
            if let Some(inferred) = &inferred {
                json["collections"] = inferred.json.clone();
            }
            json
        },
    );
    Ok(Exit::Done)
}
