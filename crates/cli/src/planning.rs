//! From an argument and flags to a source, a catalog and a mapping.

use std::path::Path;
use std::sync::Arc;

use migrate_core::catalog::Catalog;
use migrate_core::mapping::Mapping;
use migrate_core::plan::{Plan, Target};
use migrate_core::source::Source;
use migrate_core::{Error, ErrorKind, Result, planner};

use crate::args::MappingArgs;
use crate::source::{self, Argument, Check, Named};
use crate::ui::Ui;
use crate::{fingerprint, plan_file};

/// What is to be moved, and how.
pub(crate) struct Subject {
    /// Where it is.
    pub(crate) source: Arc<dyn Source>,
    /// What it holds.
    pub(crate) catalog: Catalog,
    /// What a person decided, by file and flags.
    pub(crate) mapping: Mapping,
    /// What named it.
    pub(crate) named: Named,
    /// Whether a person decided anything, by a plan file or flags.
    pub(crate) decided: bool,
}

impl Subject {
    /// Opens what `argument` names: a source, or a plan file that names one. `check` says when a file's data is checked.
    ///
    /// # Errors
    /// What opening and reading the source gives; [`Config`](ErrorKind::Config) for a plan file that cannot be used.
    pub(crate) async fn open(argument: &str, flags: &MappingArgs, check: Check, ui: &Ui) -> Result<Self> {
        let (mut mapping, named, file) = match source::recognise(argument)? {
            Argument::Source(named) => (Mapping::default(), named, None),
            Argument::Plan(path) => {
                let text = read_plan_file(&path)?;
                let mapping = Mapping::from_toml(&text).map_err(|e| e.at("file", path.display()))?;
                let named = source_of(&mapping, &path)?;
                (mapping, named, Some((path, text)))
            }
        };
        if named.exposed {
            ui.warn(
                "the source's password can be seen by other users of this machine, and stays in the shell's history; put \
                 the connection string into a variable and name that: env:NAME",
            );
        }
        flags.apply(&mut mapping)?;
        let decided = mapping != Mapping::default();
        let source = source::open(&named, &mapping.options, check).await?;
        let catalog = source.discover().await?;
        if let Some((path, text)) = &file {
            check_schema(&mapping, &catalog, path, text)?;
        }
        Ok(Self {
            source,
            catalog,
            mapping,
            named,
            decided,
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
        source::database_name(&self.named.stem())
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
fn source_of(mapping: &Mapping, file: &Path) -> Result<Named> {
    let named = mapping.source.as_deref().ok_or_else(|| {
        Error::new(ErrorKind::Config, "the plan file names no source")
            .at("file", file.display())
            .hint("add a line like: source = \"database.bacpac\"")
    })?;
    let argument = beside(named, file);
    match source::recognise(&argument).map_err(|e| e.at("named by", file.display()))? {
        Argument::Source(named) => Ok(named),
        Argument::Plan(path) => Err(Error::new(
            ErrorKind::Config,
            "the plan file names another plan file as its source",
        )
        .at("source", path.display())
        .at("file", file.display())),
    }
}

/// A path as seen from the plan file's directory; an absolute one, and what is no path, stays as it is.
fn beside(named: &str, file: &Path) -> String {
    let connection = Named::connection(named, |_| None);
    if named.starts_with("env:") || !matches!(connection, Ok(None)) {
        return named.to_owned();
    }
    let folder = file.parent().unwrap_or(Path::new(""));
    folder.join(named).to_string_lossy().into_owned()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_file_names_its_source_from_where_it_is() {
        let file = Path::new("plans/crm.toml");
        assert_eq!(beside("../crm.bacpac", file), "plans/../crm.bacpac");
        assert_eq!(beside("/data/crm.bacpac", file), "/data/crm.bacpac");
        assert_eq!(beside("mssql://h/d", file), "mssql://h/d");
        assert_eq!(beside("env:FROM", file), "env:FROM");
        assert_eq!(beside("crm.bacpac", Path::new("p.toml")), "crm.bacpac");
        let e = source_of(&Mapping::default(), file).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Config);
    }

    #[test]
    fn sources_below_the_plan_file_are_named_relative_to_it() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("data")).unwrap();
        let source = dir.path().join("data/a.bacpac");
        std::fs::write(&source, "").unwrap();
        let named = Named::file(source::Kind::Bacpac, source.clone());
        assert_eq!(named.as_seen_from(&dir.path().join("plan.toml")), "data/a.bacpac");
        let elsewhere = tempfile::tempdir().unwrap();
        let seen = named.as_seen_from(&elsewhere.path().join("plan.toml"));
        assert_eq!(seen, std::fs::canonicalize(&source).unwrap().to_string_lossy());
    }
}
