//! A file system with little room.

use std::path::PathBuf;
use std::process::Command;

use crate::cli::Folder;

/// A directory on a file system of its own, for the server's user. Unmounted at the end.
pub(crate) struct SmallDisk {
    pub(crate) path: PathBuf,
    _folder: Folder,
}

impl SmallDisk {
    /// # Errors
    /// Where this process may not mount, with what `mount` says.
    pub(crate) fn new(mebibytes: u32) -> Result<Self, String> {
        let folder = Folder::open_to_all();
        let path = folder.file("disk");
        std::fs::create_dir(&path).unwrap();
        run(&["mount", "-t", "tmpfs", "-o", &size(mebibytes), "tmpfs"], &path)?;
        let inside = path.join("space");
        std::fs::create_dir(&inside).unwrap();
        let disk = Self {
            path: inside,
            _folder: folder,
        };
        run(&["chown", "postgres"], &disk.path)?;
        Ok(disk)
    }

    /// Gives it more room.
    pub(crate) fn grow(&self, mebibytes: u32) {
        run(
            &["mount", "-o", &format!("remount,{}", size(mebibytes))],
            self.path.parent().unwrap(),
        )
        .unwrap();
    }
}

fn size(mebibytes: u32) -> String {
    format!("size={mebibytes}m")
}

fn run(command: &[&str], path: &std::path::Path) -> Result<(), String> {
    let output = Command::new(command[0])
        .args(&command[1..])
        .arg(path)
        .output()
        .map_err(|e| e.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // The directory goes with its folder; a server that still has files open keeps nobody from that.
        let _ = run(&["umount", "-l"], self.path.parent().unwrap());
    }
}
