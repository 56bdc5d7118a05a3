//! The documentation page of types is made from the rule table that the code uses.

use std::path::Path;

const HEADING: &str = "# SQL Server's types, and what they become\n\n\
    Made from the rule table that reads the values. A type in a plan file overrides the second column; \
    `docs/plan-file.md` says how.\n\n";

/// `UPDATE_DOCS=1 cargo test -p migrate-source-mssql --test documentation` writes the page anew.
#[test]
fn the_page_of_types_is_the_rule_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/sqlserver-types.md");
    let page = format!("{HEADING}{}", migrate_source_mssql::type_table_markdown());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap();
    assert!(
        written == page,
        "docs/sqlserver-types.md is out of date: run this test with UPDATE_DOCS=1"
    );
}
