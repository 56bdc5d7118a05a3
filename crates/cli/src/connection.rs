//! Where the destination's connection string comes from. It holds a password, so it is never printed.

use std::fmt;
use std::path::{Path, PathBuf};

use migrate_core::{Error, ErrorKind, Result, Side};
use secrecy::SecretString;

use crate::args::DestinationArgs;

/// The environment variables that name a destination, in the order in which they are asked.
const VARIABLES: [&str; 2] = ["MIGRATE_TO", "DATABASE_URL"];

/// What is to be written.
#[derive(Debug)]
pub(crate) enum Choice {
    /// A server that somebody else runs.
    Server {
        /// Its connection string.
        url: SecretString,
        /// Who named it.
        named_by: NamedBy,
    },
    /// The private cluster.
    Embedded {
        /// Its directory, if not the default.
        data_dir: Option<PathBuf>,
        /// The database, if the user named it.
        database: Option<String>,
    },
}

/// Who named the destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NamedBy {
    /// `--to`.
    Flag {
        /// Whether the text holds a password that other users can see.
        exposed: bool,
    },
    /// `--to-file`.
    File(PathBuf),
    /// An environment variable.
    Variable(&'static str),
}

impl fmt::Display for NamedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag { .. } => f.write_str("--to"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Variable(name) => f.write_str(name),
        }
    }
}

/// Decides by flags, then environment.
///
/// # Errors
/// [`Config`](ErrorKind::Config) if the file cannot be read or holds nothing, or if flags of the private cluster are given
/// together with another destination's variable.
pub(crate) fn choose(args: &DestinationArgs) -> Result<Choice> {
    choose_with(args, |name| std::env::var(name).ok())
}

fn choose_with(args: &DestinationArgs, variable: impl Fn(&str) -> Option<String>) -> Result<Choice> {
    if let Some(text) = &args.to {
        if text.trim().is_empty() {
            return Err(config("--to is empty"));
        }
        let named_by = NamedBy::Flag {
            exposed: holds_password(text),
        };
        return Ok(Choice::Server {
            url: text.trim().to_owned().into(),
            named_by,
        });
    }
    if let Some(path) = &args.to_file {
        return Ok(Choice::Server {
            url: read_file(path)?,
            named_by: NamedBy::File(path.clone()),
        });
    }
    // Naming a database of the private cluster is choosing it.
    if !args.embedded && args.database.is_none() {
        for name in VARIABLES {
            if let Some(text) = variable(name).filter(|t| !t.trim().is_empty()) {
                return Ok(Choice::Server {
                    url: text.trim().to_owned().into(),
                    named_by: NamedBy::Variable(name),
                });
            }
        }
    }
    Ok(Choice::Embedded {
        data_dir: args.data_dir.clone(),
        database: args.database.clone(),
    })
}

/// The first line that is neither empty nor a comment.
fn read_file(path: &Path) -> Result<SecretString> {
    let text = std::fs::read_to_string(path).map_err(|e| {
        config("the file with the destination cannot be read")
            .at("file", path.display())
            .because(e)
    })?;
    let line = text
        .lines()
        .map(str::trim)
        .find(|l| !l.is_empty() && !l.starts_with('#'));
    line.map(|l| l.to_owned().into()).ok_or_else(|| {
        config("the file with the destination holds no connection string")
            .at("file", path.display())
            .hint("its first line should be like postgres://user:password@host:5432/database")
    })
}

/// Whether the connection string has a password in it, as far as its form tells.
pub(crate) fn holds_password(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    match text.split_once("://") {
        Some((_, rest)) => {
            let authority = rest.split(['/', '?']).next().unwrap_or_default();
            let user = authority.rsplit_once('@').map(|(user, _)| user);
            user.is_some_and(|u| u.contains(':')) || lower.contains("password=")
        }
        None => lower.contains("password"),
    }
}

fn config(message: &str) -> Error {
    Error::new(ErrorKind::Config, message).on(Side::Destination)
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    fn args() -> DestinationArgs {
        DestinationArgs::default()
    }

    fn both(name: &str) -> Option<String> {
        match name {
            "MIGRATE_TO" => Some("postgres://a/1\n".to_owned()),
            "DATABASE_URL" => Some("postgres://b/2".to_owned()),
            _ => None,
        }
    }

    fn server(choice: Choice) -> (String, NamedBy) {
        match choice {
            Choice::Server { url, named_by } => (url.expose_secret().to_owned(), named_by),
            Choice::Embedded { .. } => panic!("the private cluster was chosen"),
        }
    }

    #[test]
    fn flags_come_before_the_environment() {
        let flag = DestinationArgs {
            to: Some("postgres://c/3".to_owned()),
            ..args()
        };
        let (url, named_by) = server(choose_with(&flag, both).unwrap());
        assert_eq!(
            (url.as_str(), named_by),
            ("postgres://c/3", NamedBy::Flag { exposed: false })
        );
        let (url, named_by) = server(choose_with(&args(), both).unwrap());
        assert_eq!(
            (url.as_str(), named_by),
            ("postgres://a/1", NamedBy::Variable("MIGRATE_TO"))
        );
        let second = |name: &str| (name == "DATABASE_URL").then(|| both(name)).flatten();
        assert_eq!(
            server(choose_with(&args(), second).unwrap()).1,
            NamedBy::Variable("DATABASE_URL")
        );
    }

    #[test]
    fn the_private_cluster_is_the_default_and_can_be_insisted_on() {
        let blank = |_: &str| Some(" ".to_owned());
        assert!(matches!(
            choose_with(&args(), blank).unwrap(),
            Choice::Embedded { database: None, .. }
        ));
        let insist = DestinationArgs {
            embedded: true,
            ..args()
        };
        assert!(matches!(
            choose_with(&insist, both).unwrap(),
            Choice::Embedded { .. }
        ));
        let named = DestinationArgs {
            database: Some("crm".to_owned()),
            ..args()
        };
        let Choice::Embedded { database, .. } = choose_with(&named, both).unwrap() else {
            panic!()
        };
        assert_eq!(database.as_deref(), Some("crm"));
    }

    #[test]
    fn a_file_gives_its_first_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("to");
        std::fs::write(&path, "\n# production\n postgres://h/x \nrest\n").unwrap();
        let file = DestinationArgs {
            to_file: Some(path.clone()),
            ..args()
        };
        assert_eq!(server(choose_with(&file, both).unwrap()).0, "postgres://h/x");
        std::fs::write(&path, "# nothing\n").unwrap();
        assert_eq!(choose_with(&file, both).unwrap_err().kind(), ErrorKind::Config);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(choose_with(&file, both).unwrap_err().kind(), ErrorKind::Config);
    }

    #[test]
    fn passwords_are_noticed() {
        for text in [
            "postgres://u:p@h/d",
            "postgres://h/d?password=p",
            "host=h password=p",
            "postgres://u:p@[::1]/d",
        ] {
            assert!(holds_password(text), "{text}");
        }
        for text in [
            "postgres://u@h:5432/d",
            "postgres://h:5432/d",
            "host=h dbname=d",
            "postgres://u@[::1]:5/d",
        ] {
            assert!(!holds_password(text), "{text}");
        }
    }
}
