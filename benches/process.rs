//! A process, measured from outside.

use std::path::Path;
use std::process::{Command, ExitStatus};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::{Outcome, number_after};

/// What a process that has ended took.
#[derive(Clone, Copy, Debug)]
pub struct Ran {
    /// How it ended.
    pub status: ExitStatus,
    /// Seconds from its start to its end.
    pub seconds: f64,
    /// Seconds of processor, its own and the kernel's for it.
    pub processor: f64,
    /// The largest resident set, in KiB.
    pub peak_kib: u64,
}

/// Runs a command to its end.
///
/// # Errors
///
/// It could not be started.
pub fn watched(command: &mut Command) -> Outcome<Ran> {
    let started = Instant::now();
    let mut child = command.spawn()?;
    let folder = format!("/proc/{}", child.id());
    let (status, stat) = (Path::new(&folder).join("status"), Path::new(&folder).join("stat"));
    let mut peak_kib = 0;
    // A process that has ended but was not waited for has lost its memory and kept its times.
    let processor = loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        if let Some(kib) = number_after(&text, "VmHWM:") {
            peak_kib = peak_kib.max(kib as u64);
        }
        let text = std::fs::read_to_string(&stat).unwrap_or_default();
        if fields(&text).first().is_none_or(|state| *state == "Z") {
            break seconds(&text, &[11, 12]);
        }
        sleep(Duration::from_millis(3));
    };
    Ok(Ran {
        seconds: started.elapsed().as_secs_f64(),
        status: child.wait()?,
        processor,
        peak_kib,
    })
}

/// Seconds of processor that a process and the children that it has waited for took so far.
pub fn processor_seconds(process: u32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    seconds(&text, &[11, 12, 13, 14])
}

/// The processes that a process has started and that still run.
pub(crate) fn children(of: u32) -> Outcome<Vec<u32>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        let Ok(process) = entry?.file_name().to_string_lossy().parse() else {
            continue;
        };
        // One that ends meanwhile has no parent any more.
        let text = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        if fields(&text).get(1) == Some(&of.to_string().as_str()) {
            found.push(process);
        }
    }
    Ok(found)
}

/// What is behind the name, which may hold spaces and brackets itself, in the line that `proc_pid_stat(5)` describes.
fn fields(stat: &str) -> Vec<&str> {
    let behind = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    behind.split_whitespace().collect()
}

/// A tick is a hundredth of a second on every Linux.
fn seconds(stat: &str, which: &[usize]) -> f64 {
    let fields = fields(stat);
    let ticks = |n: &usize| fields.get(*n).and_then(|t| t.parse::<f64>().ok());
    which.iter().filter_map(ticks).sum::<f64>() / 100.0
}
