//! What can be checked of how the workspace is built: see ARCHITECTURE.md.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Lines that a file may have. What is longer has more than one idea in it.
const LINES: usize = 650;

/// Crates that talk to one kind of server or file each. None of them depends on another.
const ENDPOINTS: [&str; 5] = [
    "source-mssql",
    "source-mongo",
    "source-postgres",
    "sink-postgres",
    "validate",
];

/// Packages that speak a database's protocol, and the names under which code sees them.
const DRIVERS: [&str; 5] = ["sqlx", "tiberius", "mssql_tds", "mongodb", "bson"];

fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package
        .parent()
        .expect("the package lies in the workspace")
        .to_owned()
}

/// All files with an ending below a folder, with their text.
fn files(folder: &str, ending: &str) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of the workspace") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == ending) {
                let text = std::fs::read_to_string(&path).expect("a text file");
                found.insert(path, text);
            }
        }
    }
    assert!(!found.is_empty(), "{folder} has files that end in {ending}");
    found
}

fn sources() -> BTreeMap<PathBuf, String> {
    let all = ["crates", "examples", "tests", "benches"].into_iter();
    all.flat_map(|folder| files(folder, "rs")).collect()
}

/// The dependencies that a crate has when somebody else uses it.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let mut counts = false;
    let mut found = BTreeSet::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            counts = line == "[dependencies]" || line.ends_with(".dependencies]") && !line.contains("dev-");
        } else if counts && let Some((name, _)) = line.split_once(['.', ' ', '=']) {
            found.insert(name.to_owned());
        }
    }
    found
}

fn manifest(of: &str) -> String {
    let path = root().join("crates").join(of).join("Cargo.toml");
    std::fs::read_to_string(path).expect("a crate's manifest")
}

#[test]
fn files_are_short() {
    let long: Vec<_> = sources()
        .into_iter()
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > LINES)
        .collect();
    assert_eq!(long, []);
}

#[test]
fn names_say_what_is_inside() {
    let vague = |path: &Path| {
        let name = path.file_stem().and_then(|n| n.to_str()).unwrap_or_default();
        ["util", "utils", "common", "helper", "helpers", "misc", "manager"].contains(&name)
    };
    let found: Vec<_> = sources().into_keys().filter(|path| vague(path)).collect();
    assert_eq!(found, Vec::<PathBuf>::new());
}

#[test]
fn the_core_knows_no_database() {
    let of_core = dependencies(&manifest("migrate-core"));
    assert!(of_core.contains("thiserror"), "{of_core:?}");
    for driver in DRIVERS {
        assert!(!of_core.contains(&driver.replace('_', "-")), "{driver}");
    }
    let ours: Vec<_> = of_core.iter().filter(|d| d.starts_with("migrate-")).collect();
    assert_eq!(ours, Vec::<&String>::new());
}

#[test]
fn no_end_depends_on_another() {
    for of in ENDPOINTS {
        let ours: BTreeSet<String> = dependencies(&manifest(of))
            .into_iter()
            .filter(|d| d.starts_with("migrate-"))
            .collect();
        let allowed = BTreeSet::from(["migrate-core".to_owned(), "migrate-pg-client".to_owned()]);
        assert!(ours.contains("migrate-core"), "{of}: {ours:?}");
        assert!(ours.is_subset(&allowed), "{of}: {ours:?}");
        let of_postgres = of.ends_with("postgres");
        assert_eq!(ours.contains("migrate-pg-client"), of_postgres, "{of}");
    }
    let validate = dependencies(&manifest("validate"));
    assert!(
        DRIVERS.iter().all(|d| !validate.contains(&d.replace('_', "-"))),
        "{validate:?}"
    );
}

#[test]
fn no_drivers_type_is_in_a_public_signature() {
    let mut found = Vec::new();
    for (path, text) in files("crates", "rs") {
        // pg-client is the seam itself: both of PostgreSQL's ends speak through it, and nobody else does.
        let left_out = ["pg-client", "tests", "testkit", "examples"].map(Some);
        if !path
            .components()
            .any(|c| left_out.contains(&c.as_os_str().to_str()))
        {
            let seen = public_names_of_drivers(&text);
            found.extend(seen.into_iter().map(|line| (path.clone(), line)));
        }
    }
    assert_eq!(found, []);
}

/// Signatures and fields that everybody may use, with a driver's type in them.
fn public_names_of_drivers(text: &str) -> Vec<String> {
    let mut names: BTreeSet<String> = DRIVERS.iter().map(|d| format!("{d}::")).collect();
    for import in text.split("\nuse ").skip(1) {
        let import = import.split(';').next().unwrap_or_default();
        if DRIVERS.iter().any(|d| import.starts_with(&format!("{d}::"))) {
            let words = import.split(|c: char| !(c.is_alphanumeric() || c == '_'));
            let types = words.filter(|w| w.starts_with(|c: char| c.is_ascii_uppercase()));
            names.extend(types.map(str::to_owned));
        }
    }
    let mut found = Vec::new();
    let lines: Vec<&str> = text.lines().collect();
    for (at, line) in lines.iter().enumerate() {
        if !line.trim_start().starts_with("pub ") || line.contains(" use ") || line.contains(" mod ") {
            continue;
        }
        let mut signature = String::new();
        for line in &lines[at..] {
            signature += line;
            if line.ends_with(['{', ';', ',', '}']) && !signature.trim_end().ends_with("(,") {
                let open = signature.matches('(').count() > signature.matches(')').count();
                if !open {
                    break;
                }
            }
        }
        let words: BTreeSet<&str> = signature
            .split(|c: char| !(c.is_alphanumeric() || c == '_'))
            .collect();
        let mentions = |name: &String| match name.strip_suffix("::") {
            Some(path) => signature.contains(&format!("{path}::")),
            None => words.contains(name.as_str()),
        };
        if names.iter().any(mentions) {
            found.push(line.trim().to_owned());
        }
    }
    found
}

#[test]
fn a_signature_with_a_drivers_type_is_seen() {
    let text = "\nuse sqlx::postgres::{PgConnection, PgPool};\nuse std::fmt;\npub struct A {\n    pub pool: PgPool,\n}\n\
                pub fn f(\n    a: u8,\n    c: &mut PgConnection,\n) -> u8 {\n}\npub(crate) fn g(c: PgPool) {}\npub fn h(a: u8) {}\n\
                pub fn i() -> sqlx::Result<()> {}\n";
    let expected = [
        "pub pool: PgPool,",
        "pub fn f(",
        "pub fn i() -> sqlx::Result<()> {}",
    ];
    assert_eq!(public_names_of_drivers(text), expected);
}

#[test]
fn links_of_the_documentation_lead_somewhere() {
    let mut pages = files("docs", "md");
    for name in ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"] {
        let path = root().join(name);
        let text = std::fs::read_to_string(&path).expect("a page of the workspace");
        pages.insert(path, text);
    }
    let mut broken = Vec::new();
    for (path, text) in &pages {
        for link in text.split("](").skip(1) {
            let link = link.split(')').next().unwrap_or_default();
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            if link.contains("://") {
                continue;
            }
            let target = if file.is_empty() {
                path.clone()
            } else {
                path.parent().expect("a folder").join(file)
            };
            let known = target.exists() && (anchor.is_empty() || has_heading(&target, anchor));
            if !known {
                broken.push((path.clone(), link.to_owned()));
            }
        }
    }
    assert_eq!(broken, []);
}

/// Whether a page has a heading whose anchor, as GitHub forms it, is this.
fn has_heading(page: &Path, anchor: &str) -> bool {
    let text = std::fs::read_to_string(page).unwrap_or_default();
    text.lines().filter(|l| l.starts_with('#')).any(|line| {
        let heading = line.trim_start_matches('#').trim().to_lowercase();
        let kept = heading
            .chars()
            .filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect::<String>() == anchor
    })
}

#[test]
fn every_page_is_named_in_the_readme_or_by_another_page() {
    let pages = files("docs", "md");
    let mut text: String = pages.values().cloned().collect();
    text += &std::fs::read_to_string(root().join("README.md")).expect("the README");
    let lost: Vec<_> = pages
        .keys()
        .filter_map(|p| p.file_name()?.to_str())
        .filter(|name| {
            ![format!("{name})"), format!("{name}#")]
                .iter()
                .any(|link| text.contains(link))
        })
        .collect();
    assert_eq!(lost, Vec::<&str>::new());
}

#[test]
fn the_program_in_the_documentation_is_the_one_that_is_built() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).expect("a file of the workspace");
    let program = read("examples/smallest_source.rs");
    assert!(read("docs/embedding.md").contains(&format!("```rust\n{program}```\n")));
}
