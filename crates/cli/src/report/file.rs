//! Files that a command writes: whole, or not at all.

use std::io::Write;
use std::path::Path;

use migrate_core::{Error, ErrorKind, Result};

/// Writes a file in one step: nobody ever reads half of it.
///
/// # Errors
/// [`Io`](ErrorKind::Io) with the file's name.
pub(crate) fn write(path: &Path, text: &str) -> Result<()> {
    let failed = |e: std::io::Error| {
        Error::new(ErrorKind::Io, "the report cannot be written")
            .at("file", path.display())
            .because(e)
    };
    let folder = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(".migrate-report-")
        .permissions(readable())
        .tempfile_in(folder)
        .map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.persist(path).map_err(|e| failed(e.error))?;
    Ok(())
}

/// As any file that a command writes: the umask decides.
fn readable() -> std::fs::Permissions {
    use std::os::unix::fs::PermissionsExt;
    std::fs::Permissions::from_mode(0o666)
}

/// Fails early where a file could not be written in the end.
///
/// # Errors
/// [`Config`](ErrorKind::Config) if the file's directory does not exist, or the name is a directory's.
pub(crate) fn check(path: Option<&Path>) -> Result<()> {
    let Some(path) = path else { return Ok(()) };
    let folder = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let trouble = if path.is_dir() {
        "the report's file is a directory"
    } else if !folder.is_dir() {
        "the report's directory does not exist"
    } else {
        return Ok(());
    };
    Err(Error::new(ErrorKind::Config, trouble).at("file", path.display()))
}
