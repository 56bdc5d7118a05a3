//! From an argument and flags to a source, a catalog and a mapping.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use migrate_core::catalog::Catalog;
use migrate_core::mapping::Mapping;
use migrate_core::plan::{Plan, Target};
use migrate_core::source::Source;
use migrate_core::{Error, ErrorKind, Result, planner};

use crate::args::MappingArgs;
use crate::source::{self, Argument};
use crate::{fingerprint, plan_file};

/// What is to be moved, and how.
pub(crate) struct Subject {
    /// Where it is.
    pub(crate) source: Arc<dyn Source>,
    /// What it holds.
    pub(crate) catalog: Catalog,
    /// What a person decided, by file and flags.
    pub(crate) mapping: Mapping,
    /// The source as an argument: relative to where the command runs.
    pub(crate) source_path: PathBuf,
}

impl Subject {
    /// Opens what `argument` names: a source, or a plan file that names one.
    ///
    /// # Errors
    /// What opening and reading the source gives; [`Config`](ErrorKind::Config) for a plan file that cannot be used.
    pub(crate) async fn open(argument: &str, flags: &MappingArgs) -> Result<Self> {
        let (mut mapping, source_path, file) = match source::recognise(argument)? {
            Argument::Bacpac(path) => (Mapping::default(), path, None),
            Argument::Plan(path) => {
                let text = read_plan_file(&path)?;
                let mapping = Mapping::from_toml(&text).map_err(|e| e.at("file", path.display()))?;
                let source = source_of(&mapping, &path)?;
                (mapping, source, Some((path, text)))
            }
        };
        flags.apply(&mut mapping)?;
        let source = source::open(&source_path.to_string_lossy())?;
        let catalog = source.discover().await?;
        if let Some((path, text)) = &file {
            check_schema(&mapping, &catalog, path, text)?;
        }
        Ok(Self {
            source,
            catalog,
            mapping,
            source_path,
        })
    }

    /// The plan for a destination.
    ///
    /// # Errors
    /// [`Config`](ErrorKind::Config) as the planner says.
    pub(crate) fn plan(&self, target: &Target) -> Result<Plan> {
        planner::plan(&self.catalog, &self.mapping, target)
    }

    /// The name that a database in the private cluster gets.
    pub(crate) fn database_name(&self) -> String {
        source::database_name(&self.source_path.to_string_lossy())
    }
}

fn read_plan_file(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|e| {
        Error::new(ErrorKind::Config, "the plan file cannot be read")
            .at("file", path.display())
            .because(e)
    })
}

/// The plan file's source, as seen from where the command runs.
fn source_of(mapping: &Mapping, file: &Path) -> Result<PathBuf> {
    let named = mapping.source.as_deref().ok_or_else(|| {
        Error::new(ErrorKind::Config, "the plan file names no source")
            .at("file", file.display())
            .hint("add a line like: source = \"database.bacpac\"")
    })?;
    if named.contains("://") {
        return Ok(PathBuf::from(named));
    }
    // An absolute path replaces the directory.
    Ok(file.parent().unwrap_or(Path::new("")).join(named))
}

fn check_schema(mapping: &Mapping, catalog: &Catalog, file: &Path, text: &str) -> Result<()> {
    let Some(expected) = &mapping.catalog else {
        return Ok(());
    };
    if *expected == fingerprint::of_catalog(catalog) {
        return Ok(());
    }
    let then = plan_file::table_fingerprints(text);
    let changes = fingerprint::differences(&then, &fingerprint::of_tables(catalog));
    let what = match changes.as_slice() {
        _ if then.is_empty() => {
            "what changed is not known, because the file's comments were removed".to_owned()
        }
        [] => "tables are the same; a view, a type, a sequence or a procedure has changed".to_owned(),
        changes => changes.join("; "),
    };
    Err(Error::new(
        ErrorKind::Config,
        format!("the source's schema is not the one that the plan file was written for: {what}"),
    )
    .at("file", file.display())
    .hint("write a new plan with `migrate plan`, or remove the `catalog` line to use this one as it is"))
}

/// How a plan file at `file` should name a source.
pub(crate) fn source_as_seen_from(file: &Path, source: &Path) -> String {
    let absolute = |path: &Path| std::fs::canonicalize(path).ok();
    let folder = file
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    match (absolute(folder), absolute(source)) {
        (Some(folder), Some(source)) => source
            .strip_prefix(&folder)
            .unwrap_or(&source)
            .to_string_lossy()
            .into_owned(),
        _ => source.to_string_lossy().into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_file_names_its_source_from_where_it_is() {
        let mapping = |source: &str| Mapping {
            source: Some(source.to_owned()),
            ..Mapping::default()
        };
        let file = Path::new("plans/crm.toml");
        assert_eq!(
            source_of(&mapping("../crm.bacpac"), file).unwrap(),
            Path::new("plans/../crm.bacpac")
        );
        assert_eq!(
            source_of(&mapping("/data/crm.bacpac"), file).unwrap(),
            Path::new("/data/crm.bacpac")
        );
        assert_eq!(
            source_of(&mapping("mssql://h/d"), file).unwrap(),
            Path::new("mssql://h/d")
        );
        assert_eq!(
            source_of(&mapping("crm.bacpac"), Path::new("p.toml")).unwrap(),
            Path::new("crm.bacpac")
        );
        let e = source_of(&Mapping::default(), file).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Config);
    }

    #[test]
    fn sources_below_the_plan_file_are_named_relative_to_it() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("data")).unwrap();
        let source = dir.path().join("data/a.bacpac");
        std::fs::write(&source, "").unwrap();
        assert_eq!(
            source_as_seen_from(&dir.path().join("plan.toml"), &source),
            "data/a.bacpac"
        );
        let elsewhere = tempfile::tempdir().unwrap();
        let seen = source_as_seen_from(&elsewhere.path().join("plan.toml"), &source);
        assert_eq!(seen, std::fs::canonicalize(&source).unwrap().to_string_lossy());
    }
}
