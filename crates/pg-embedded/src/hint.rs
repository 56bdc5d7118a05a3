//! The one command that installs PostgreSQL on this system.

use std::fs;

/// The command that installs a PostgreSQL server here, ready to paste into a shell.
///
/// On Linux it follows `ID` and `ID_LIKE` in `/etc/os-release`; where neither is known, it is the address of the download
/// page. `sudo` is in front unless this process is root or the installer does not want it.
pub fn install_hint() -> String {
    let root = rustix::process::geteuid().is_root();
    if cfg!(target_os = "macos") {
        return command_for(&["macos"], root);
    }
    let text = fs::read_to_string("/etc/os-release")
        .or_else(|_| fs::read_to_string("/usr/lib/os-release"))
        .unwrap_or_default();
    let families = families(&text);
    command_for(&families.iter().map(String::as_str).collect::<Vec<_>>(), root)
}

/// `ID`, then each word of `ID_LIKE`, closest relation first (os-release(5)).
fn families(os_release: &str) -> Vec<String> {
    let field = |name: &str| {
        os_release
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
            .map(|value| value.trim().trim_matches(['"', '\'']).to_ascii_lowercase())
            .unwrap_or_default()
    };
    let mut all = vec![field("ID")];
    all.extend(field("ID_LIKE").split_whitespace().map(str::to_owned));
    all
}

fn command_for(families: &[&str], root: bool) -> String {
    for family in families {
        let command = match *family {
            "debian" | "ubuntu" => "apt-get install -y postgresql",
            // Amazon Linux has no unversioned package.
            "amzn" => "dnf install -y postgresql15-server",
            "fedora" | "rhel" | "centos" => "dnf install -y postgresql-server",
            "alpine" => "apk add postgresql",
            "arch" => "pacman -S --noconfirm postgresql",
            "suse" | "opensuse" | "sles" => "zypper install -y postgresql-server",
            "macos" => return "brew install postgresql@18".to_owned(),
            _ => continue,
        };
        return if root {
            command.to_owned()
        } else {
            format!("sudo {command}")
        };
    }
    "see https://www.postgresql.org/download/".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(os_release: &str, root: bool) -> String {
        let families = families(os_release);
        command_for(&families.iter().map(String::as_str).collect::<Vec<_>>(), root)
    }

    #[test]
    fn each_family_has_its_command() {
        assert_eq!(hint("NAME=x\nID=debian\n", true), "apt-get install -y postgresql");
        assert_eq!(
            hint("ID=linuxmint\nID_LIKE=\"ubuntu debian\"", false),
            "sudo apt-get install -y postgresql"
        );
        assert_eq!(
            hint("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"", true),
            "dnf install -y postgresql-server"
        );
        assert_eq!(
            hint("ID=\"amzn\"\nID_LIKE=\"fedora\"", true),
            "dnf install -y postgresql15-server"
        );
        assert_eq!(hint("ID=alpine", true), "apk add postgresql");
        assert_eq!(
            hint("ID=manjaro\nID_LIKE=arch", true),
            "pacman -S --noconfirm postgresql"
        );
        assert_eq!(
            hint("ID=\"opensuse-leap\"\nID_LIKE=\"suse opensuse\"", true),
            "zypper install -y postgresql-server"
        );
        assert_eq!(command_for(&["macos"], false), "brew install postgresql@18");
    }

    #[test]
    fn an_unknown_system_gets_the_download_page() {
        assert_eq!(hint("ID=plan9", true), "see https://www.postgresql.org/download/");
        assert_eq!(hint("", false), "see https://www.postgresql.org/download/");
    }
}
