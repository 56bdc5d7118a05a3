//! `migrate status`

use migrate_core::Result;
use migrate_pg_embedded::Cluster;
use migrate_sink_postgres::Status;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{interruptible, print};
use crate::args::{DestinationArgs, StatusArgs};
use crate::connection::{self, Choice};
use crate::destination::{Destination, Place, Work};
use crate::exit::Exit;
use crate::private_cluster::{close_cluster, data_dir_or_default, databases, must_exist, start};
use crate::report;
use crate::ui::Ui;

pub(super) async fn run(args: StatusArgs, ui: &Ui, cancel: &CancellationToken) -> Result<Exit> {
    if let Choice::Embedded {
        data_dir,
        database: None,
    } = connection::choose(&args.destination)?
        && !args.history
        && !args.watch
    {
        let dir = data_dir_or_default(data_dir)?;
        must_exist(&dir)?;
        let told = ui.clone();
        let cluster = interruptible(cancel, async move { start(dir, false, &told).await }).await?;
        let outcome = each(&cluster, &args, ui, cancel).await;
        close_cluster(cluster, false, ui).await;
        return outcome;
    }
    if args.history || args.watch {
        return follow(&args, ui, cancel).await;
    }
    let (place, status) = one(&args.destination, ui, cancel).await?;
    print(
        ui,
        || told(&place, status.as_ref(), ui),
        || report::status::as_json(&place, status.as_ref()),
    );
    Ok(Exit::Done)
}

/// What happened, or what goes on.
async fn follow(args: &StatusArgs, ui: &Ui, cancel: &CancellationToken) -> Result<Exit> {
    let (named, told) = (args.destination.clone(), ui.clone());
    let destination = interruptible(cancel, async move {
        Destination::existing(&named, None, Work::with(1), &told).await
    })
    .await?;
    let outcome = if args.watch {
        super::watch::run(&destination, ui, cancel).await
    } else {
        destination.sink.history().await.map(|history| {
            print(
                ui,
                || match &history {
                    Some(history) => report::status::history(history),
                    None => format!("No migration was made to {}.", destination.place.describe()),
                },
                || json!({ "destination": destination.place.as_json(), "history": history }),
            );
            Exit::Done
        })
    };
    destination.close(false, ui).await;
    outcome
}

/// Every database in the private cluster.
async fn each(cluster: &Cluster, args: &StatusArgs, ui: &Ui, cancel: &CancellationToken) -> Result<Exit> {
    let mut found = Vec::new();
    for name in databases(cluster).await? {
        let named = DestinationArgs {
            database: Some(name),
            ..args.destination.clone()
        };
        found.push(one(&named, ui, cancel).await?);
    }
    print(
        ui,
        || {
            let texts: Vec<String> = found
                .iter()
                .map(|(place, status)| told(place, status.as_ref(), ui))
                .collect();
            if texts.is_empty() {
                "The private cluster holds no database.".to_owned()
            } else {
                texts.join("\n\n")
            }
        },
        || {
            let all = found
                .iter()
                .map(|(place, status)| report::status::as_json(place, status.as_ref()));
            json!({ "databases": all.collect::<Vec<_>>() })
        },
    );
    Ok(Exit::Done)
}

async fn one(args: &DestinationArgs, ui: &Ui, cancel: &CancellationToken) -> Result<(Place, Option<Status>)> {
    let (named, told) = (args.clone(), ui.clone());
    let destination = interruptible(cancel, async move {
        Destination::existing(&named, None, Work::with(1), &told).await
    })
    .await?;
    let place = destination.place.clone();
    let status = destination.sink.status().await;
    destination.close(false, ui).await;
    Ok((place, status?))
}

fn told(place: &Place, status: Option<&Status>, ui: &Ui) -> String {
    match status {
        Some(status) => report::status::print(place, status, ui),
        None => format!("No migration was made to {}.", place.describe()),
    }
}
