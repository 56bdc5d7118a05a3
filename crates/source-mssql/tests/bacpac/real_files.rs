//! Real exports, read completely.

use migrate_core::source::Source;
use migrate_source_mssql::{Bacpac, BacpacOptions};

fn real(name: &str) -> Option<std::path::PathBuf> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/bacpac").join(name);
    path.exists().then_some(path)
}

#[tokio::test]
async fn adventure_works() {
    let Some(path) = real("adventureworkslt2025.bacpac") else { return };
    let source = Bacpac::open(&path, BacpacOptions::default()).unwrap();
    let catalog = source.discover().await.unwrap();
    for t in &catalog.tables {
        println!("{} rows {:?} bytes {:?} notes {:?}", t.name, t.rows, t.bytes, t.notes);
        for c in &t.columns { println!("   {} {} {} null={} {:?} id={:?} alias={:?} comp={:?}", c.name, c.native, c.pg, c.nullable, c.fidelity, c.identity, c.alias, c.computed.as_ref().map(|e| &e.native)); }
        println!("   pk {:?} fks {:?}", t.primary_key, t.foreign_keys.len());
    }
    for m in &catalog.manual { println!("{} | {} | {} | {}", m.kind, m.name, m.reason, m.definition.chars().take(80).collect::<String>()); }
    println!("{:?} {:?} {:?}", catalog.schemas, catalog.source, catalog.views.iter().map(|v| (&v.name, &v.columns)).collect::<Vec<_>>());
}
