//! `migrate diff`

mod sides;

use std::path::Path;

use migrate_core::Result;
use migrate_validate::{Diff, DiffOptions};
use tokio_util::sync::CancellationToken;

use super::{interruptible, print};
use crate::args::DiffArgs;
use crate::exit::Exit;
use crate::progress::Display;
use crate::report::{diff as page, difference, file};
use crate::ui::Ui;

pub(super) async fn run(args: DiffArgs, ui: &Ui, cancel: &CancellationToken) -> Result<Exit> {
    file::check(args.compare.rejects.as_deref())?;
    let (told, flags) = (ui.clone(), args.mapping.clone());
    let (left, right) = (args.left.clone(), args.right.clone());
    let (left, right) = interruptible(cancel, async move {
        Box::pin(sides::open(&left, &right, &flags, &told)).await
    })
    .await?;
    let display = Display::start(ui, &left.plan);
    display.phase("comparing", left.plan.tables.len(), "table");
    let options = DiffOptions {
        jobs: usize::from(args.compare.jobs),
        max_differences: args.compare.wanted(),
        mask: args.compare.mask,
    };
    let mut found = migrate_validate::diff(left, right, options, display.observer(), cancel.clone()).await?;
    display.finish();
    if let Some(path) = &args.compare.rejects {
        write_rejects(path, &found)?;
    }
    for table in &mut found.tables {
        table.more |= table.differences.len() > args.compare.max_differences;
        table.differences.truncate(args.compare.max_differences);
    }
    print(
        ui,
        || page::print(&found, ui.out_style()),
        || {
            let mut value = serde_json::to_value(&found).unwrap_or_default();
            if let Some(members) = value.as_object_mut() {
                members.insert("same".to_owned(), found.is_same().into());
            }
            value
        },
    );
    Ok(if found.is_same() {
        Exit::Done
    } else {
        Exit::Mismatch
    })
}

fn write_rejects(path: &Path, found: &Diff) -> Result<()> {
    let mut lines = String::new();
    for table in &found.tables {
        let name = table.table.to_string();
        for row in &table.differences {
            lines.push_str(&difference::as_json(&name, row));
            lines.push('\n');
        }
    }
    file::write(path, &lines)
}
