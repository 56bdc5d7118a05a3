//! Where to: the flags that every command with a destination has.

use std::path::PathBuf;

use clap::Args;

/// The destination, as far as flags name it; `connection` decides.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Destination")]
pub(crate) struct DestinationArgs {
    /// The PostgreSQL database to write, as a URL. Other users of this machine can see a command line: leave the password
    /// out, or use MIGRATE_TO or --to-file
    ///
    /// Without --to and --to-file, the environment decides: MIGRATE_TO, then DATABASE_URL. With neither, the
    /// destination is the private cluster. A password that is not in the URL comes from PGPASSWORD or the password file
    /// (PGPASSFILE, ~/.pgpass).
    #[arg(long, value_name = "URL", conflicts_with_all = ["to_file", "embedded"])]
    pub(crate) to: Option<String>,
    /// Read the URL from the first line of a file
    #[arg(long, value_name = "FILE", conflicts_with = "embedded")]
    pub(crate) to_file: Option<PathBuf>,
    /// Use the private cluster, whatever the environment says
    #[arg(long)]
    pub(crate) embedded: bool,
    /// The database in the private cluster [default: named after the source]
    #[arg(long, value_name = "NAME", conflicts_with_all = ["to", "to_file"])]
    pub(crate) database: Option<String>,
    /// Where the private cluster is kept
    #[arg(long, value_name = "DIR", env = "MIGRATE_DATA_DIR", hide_env_values = true)]
    pub(crate) data_dir: Option<PathBuf>,
}
