//! `migrate inspect`

use migrate_core::Result;
use migrate_core::catalog::Catalog;
use migrate_core::source::Source;
use migrate_source_mongo::CollectionReport;
use migrate_source_mssql::Check;
use serde_json::{Map, json};
use tokio_util::sync::CancellationToken;

use super::{interruptible, print};
use crate::args::InspectArgs;
use crate::exit::Exit;
use crate::source::{Kind, Named};
use crate::ui::Ui;
use crate::{report, source};

pub(super) async fn run(args: InspectArgs, ui: &Ui, cancel: &CancellationToken) -> Result<Exit> {
    let named = source::named(&args.source)?;
    let (catalog, documents) = interruptible(cancel, look(named)).await?;
    print(
        ui,
        || {
            let mut text = report::inspect::print(&catalog, ui);
            if !documents.is_empty() {
                text.push_str("\n\n");
                text.push_str(&migrate_source_mongo::describe(&documents));
            }
            text
        },
        || {
            let mut json = report::inspect::as_json(&catalog);
            if !documents.is_empty() {
                json["collections"] = json!(documents);
            }
            json
        },
    );
    Ok(Exit::Done)
}

/// What the source holds, and where its schema is inferred, from what.
async fn look(named: Named) -> Result<(Catalog, Vec<CollectionReport>)> {
    if matches!(named.kind, Kind::MongoDb | Kind::MongoDump) {
        let source = source::open_mongo(&named, &Map::new()).await?;
        return Ok((source.discover().await?, source.inspect().await?));
    }
    let source = source::open(&named, &Map::new(), Check::Before).await?;
    Ok((source.discover().await?, Vec::new()))
}
