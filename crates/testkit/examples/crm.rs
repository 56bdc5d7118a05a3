//! Writes the bundled demo database: `cargo run --release -p migrate-testkit --example crm [PATH]`.

use std::path::PathBuf;

fn main() -> std::io::Result<()> {
    let bundled = concat!(env!("CARGO_MANIFEST_DIR"), "/../cli/demo/crm.bacpac");
    let path = std::env::args_os()
        .nth(1)
        .map_or_else(|| PathBuf::from(bundled), PathBuf::from);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let rows = migrate_testkit::crm::write(&path)?;
    println!(
        "{}: {rows} rows, {} bytes",
        path.display(),
        std::fs::metadata(&path)?.len()
    );
    Ok(())
}
