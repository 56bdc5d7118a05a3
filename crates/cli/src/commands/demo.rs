//! `migrate demo`

use std::path::Path;

use migrate_core::{Error, ErrorKind, Result};
use tokio_util::sync::CancellationToken;

use super::{interruptible, migrate};
use crate::args::{DemoArgs, DestinationArgs, MappingArgs};
use crate::exit::Exit;
use crate::planning::Subject;
use crate::ui::Ui;

/// A food-service CRM: 10 tables, about 60,000 rows, as SQL Server would export it.
const CRM: &[u8] = include_bytes!("../../demo/crm.bacpac");

pub(super) async fn run(args: DemoArgs, ui: &Ui, cancel: &CancellationToken) -> Result<Exit> {
    if let Some(path) = &args.extract {
        write(path)?;
        ui.say(&format!("Wrote {0}. Try: migrate inspect {0}", path.display()));
        return Ok(Exit::Done);
    }
    migrate::check_report(&args.copy)?;
    let folder = tempfile::tempdir()
        .map_err(|e| Error::new(ErrorKind::Io, "no temporary directory can be made").because(e))?;
    let path = folder.path().join("crm.bacpac");
    write(&path)?;
    let argument = path.to_string_lossy().into_owned();
    let (told, check) = (ui.clone(), args.copy.check());
    let subject = interruptible(cancel, async move {
        Subject::open(&argument, &MappingArgs::default(), check, &told).await
    })
    .await?;
    let to = DestinationArgs {
        embedded: true,
        data_dir: args.data_dir.clone(),
        ..DestinationArgs::default()
    };
    migrate::migrate(&subject, None, &to, &args.copy, None, ui, cancel).await
}

fn write(path: &Path) -> Result<()> {
    std::fs::write(path, CRM).map_err(|e| {
        Error::new(ErrorKind::Io, "the bundled database cannot be written")
            .at("file", path.display())
            .because(e)
    })
}
