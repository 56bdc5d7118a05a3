//! Plan files: a mapping as TOML that a person can read, edit and run.
//!
//! What the mapping decides are lines of TOML; everything else that a person may want to decide, or know, is a comment. So the
//! file means exactly what the mapping means, and nothing that is only shown can change a run.

mod comments;
mod options;
mod proof;
mod supabase;
mod tables;
mod toml_text;

use std::collections::BTreeMap;

use migrate_core::catalog::Catalog;
use migrate_core::mapping::Mapping;
use migrate_core::plan::Plan;

use comments::Writer;
use toml_text::string;

/// How a table's line of facts names the table's fingerprint.
const TABLE_FINGERPRINT: &str = "schema fingerprint ";

/// Writes the file.
///
/// `filter` says whether the source can carry out a `where` condition.
pub(crate) fn render(mapping: &Mapping, catalog: &Catalog, plan: &Plan, filter: bool) -> String {
    let mut out = Writer::default();
    out.comment("A plan for `migrate run`. Change it, then: migrate run THIS-FILE");
    out.comment(
        "Lines that begin with # are comments: facts, or decisions that you can make by removing the # and",
    );
    out.comment("changing what follows. docs/plan-file.md describes every key.");
    out.blank();
    source(&mut out, mapping);
    options::write(&mut out, mapping);
    proof::share(&mut out, mapping);
    schemas(&mut out, mapping, plan);
    roles(&mut out, mapping, catalog);
    supabase::write(&mut out, mapping, plan);
    own_options(&mut out, mapping, catalog);
    proof::rules_and_queries(&mut out, mapping);
    tables::write(&mut out, mapping, catalog, plan, filter);
    facts(&mut out, plan);
    out.finish()
}

fn source(out: &mut Writer, mapping: &Mapping) {
    out.comment("The source: a file, as seen from this one.");
    match &mapping.source {
        Some(path) => out.line(&format!("source = {}", string(path))),
        None => out.comment("source = \"database.bacpac\""),
    }
    out.blank();
    out.comment(
        "The schema that this plan was written for. A run refuses another one and says what changed; without",
    );
    out.comment("this line it does not look.");
    match &mapping.catalog {
        Some(fingerprint) => out.line(&format!("catalog = {}", string(fingerprint))),
        None => out.comment("catalog = \"\""),
    }
    out.blank();
}

/// The source's own choices, in its own words.
fn own_options(out: &mut Writer, mapping: &Mapping, catalog: &Catalog) {
    if !catalog.options.is_empty() {
        out.rule("Choices of the source");
        catalog.options.lines().for_each(|line| out.line(line));
        out.blank();
    } else if !mapping.options.is_empty() {
        // Plain data that came out of TOML goes back into it.
        let text = toml::to_string(&BTreeMap::from([("options", &mapping.options)])).unwrap_or_default();
        text.lines().for_each(|line| out.line(line));
        out.blank();
    }
}

fn schemas(out: &mut Writer, mapping: &Mapping, plan: &Plan) {
    out.comment("New names for schemas.");
    out.line("[schemas]");
    for (old, new) in &mapping.schemas {
        out.line(&format!("{} = {}", toml_text::key(old), string(new)));
    }
    let mut seen: Vec<&str> = Vec::new();
    for table in &plan.tables {
        let (old, new) = (table.source.schema.as_str(), table.target.schema.as_str());
        if !seen.contains(&old) && !mapping.schemas.contains_key(old) {
            seen.push(old);
            out.comment(&format!("{} = {}", toml_text::key(old), string(new)));
        }
    }
    out.blank();
}

/// The roles that a PostgreSQL source speaks of.
fn roles(out: &mut Writer, mapping: &Mapping, catalog: &Catalog) {
    let spoken_of = catalog.declared.roles();
    if spoken_of.is_empty() && mapping.roles.is_empty() {
        return;
    }
    out.comment("What roles of the source are called in the destination.");
    out.line("[roles]");
    for (old, new) in &mapping.roles {
        out.line(&format!("{} = {}", toml_text::key(old), string(new)));
    }
    for role in spoken_of.iter().filter(|r| !mapping.roles.contains_key(**r)) {
        out.comment(&format!("{} = {}", toml_text::key(role), string(role)));
    }
    out.blank();
}

fn facts(out: &mut Writer, plan: &Plan) {
    if !plan.excluded.is_empty() {
        out.rule("Tables that are left out");
        for table in &plan.excluded {
            out.comment(&table.to_string());
        }
        out.blank();
    }
    if !plan.notes.is_empty() {
        out.rule("To know");
        for note in &plan.notes {
            out.wrapped(&format!("{}: {}", note.object, note.text));
        }
        out.blank();
    }
    if plan.manual.is_empty() {
        return;
    }
    out.rule("To do by hand: not moved, each with the reason and the source's own definition");
    for work in &plan.manual {
        out.comment("");
        out.wrapped(&format!("{} {}: {}", work.kind, work.name, work.reason));
        for line in work.definition.lines() {
            out.comment(&format!("    {}", line.trim_end()));
        }
    }
}

/// The fingerprints of tables that a plan file lists, by `schema.table`. Empty if somebody removed the comments.
pub(crate) fn table_fingerprints(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut table: Option<String> = None;
    for line in text.lines() {
        if let Some(header) = line
            .strip_prefix("[tables.")
            .and_then(|l| l.trim_end().strip_suffix(']'))
        {
            table = toml_text::read_key(header);
        } else if line.starts_with('[') {
            table = None;
        } else if let (Some(name), Some(rest)) = (&table, line.split(TABLE_FINGERPRINT).nth(1))
            && line.starts_with('#')
        {
            let fingerprint: String = rest.chars().take_while(char::is_ascii_hexdigit).collect();
            found.insert(name.clone(), fingerprint);
            table = None;
        }
    }
    found
}

#[cfg(test)]
mod tests;
