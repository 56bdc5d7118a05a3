//! `migrate plan`

use std::io::Write;
use std::path::Path;

use migrate_core::plan::Plan;
use migrate_core::{Error, ErrorKind, Result};
use migrate_sink_postgres::{post_data, pre_data};
use tokio_util::sync::CancellationToken;

use super::{interruptible, print};
use crate::args::PlanArgs;
use crate::exit::Exit;
use crate::planning::Subject;
use crate::source::Check;
use crate::ui::Ui;
use crate::{destination, fingerprint, plan_file, report};

pub(super) async fn run(args: PlanArgs, ui: &Ui, cancel: &CancellationToken) -> Result<Exit> {
    if let Some(path) = &args.output
        && path.exists()
        && !args.force
    {
        return Err(Error::new(
            ErrorKind::Config,
            "the plan file exists already, and may hold somebody's decisions",
        )
        .at("file", path.display())
        .hint("name another file, or overwrite it with --force"));
    }
    let (source, mapping, told) = (args.source.clone(), args.mapping.clone(), ui.clone());
    let subject = interruptible(cancel, async move {
        Subject::open(&source, &mapping, Check::Before, &told).await
    })
    .await?;
    let (named, told) = (args.destination.clone(), ui.clone());
    let target = interruptible(cancel, async move {
        destination::target_for_plan(&named, &told).await
    })
    .await?;
    let plan = subject.plan(&target)?;
    if let Some(path) = &args.output {
        let mut mapping = subject.mapping.clone();
        mapping.source = Some(subject.named.as_seen_from(path));
        // What is inferred from rows changes with them; the file pins its choices under [options].
        let inferred = subject.source.capabilities().inferred;
        mapping.catalog = (!inferred).then(|| fingerprint::of_catalog(&subject.catalog));
        let text = plan_file::render(
            &mapping,
            &subject.catalog,
            &plan,
            subject.source.capabilities().filter,
        );
        write(path, &text, args.force)?;
    }
    if args.sql {
        Ui::out(&sql(&plan));
    } else {
        print(
            ui,
            || report::plan::print(&plan, ui),
            || report::plan::as_json(&plan),
        );
    }
    if let Some(path) = &args.output {
        ui.say(&format!(
            "\nWrote {0}. Edit it, then: migrate run {0}",
            path.display()
        ));
    }
    Ok(Exit::Done)
}

fn write(path: &Path, text: &str, force: bool) -> Result<()> {
    let failed = |e: std::io::Error| {
        Error::new(ErrorKind::Config, "the plan file cannot be written")
            .at("file", path.display())
            .because(e)
    };
    let mut options = std::fs::OpenOptions::new();
    options.write(true);
    if force {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    let mut file = options.open(path).map_err(failed)?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(failed)
}

/// Everything that a run would execute besides the rows, in its order.
fn sql(plan: &Plan) -> String {
    let mut out = String::new();
    let mut part = |title: &str, steps: Vec<migrate_sink_postgres::Step>| {
        out.push_str(&format!("-- {title}\n\n"));
        for step in steps {
            // A comment ends with its line, and a name may hold one.
            let subject: String = step
                .subject
                .chars()
                .map(|c| if c.is_control() { '\u{fffd}' } else { c })
                .collect();
            out.push_str(&format!(
                "-- {subject}\n{};\n\n",
                step.sql.trim_end().trim_end_matches(';')
            ));
        }
    };
    part("Before the rows, in one transaction", pre_data(plan, None));
    part("After the rows", post_data(plan));
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}
