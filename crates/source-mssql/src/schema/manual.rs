//! Objects that nobody translates: each is listed with its definition and a reason.

use migrate_core::catalog::ManualObject;

use super::kinds::KINDS;

/// Lists an object of a kind, as a model calls it, with its own reason or the one that all of its kind have.
pub(crate) fn listed(kind: &str, name: String, definition: String, reason: Option<String>) -> ManualObject {
    let known = KINDS.iter().find(|(k, ..)| *k == kind);
    let reason = reason.unwrap_or_else(|| match known {
        Some((.., reason)) => (*reason).to_owned(),
        None => "this version does not know this kind of object".to_owned(),
    });
    ManualObject {
        kind: known.map_or_else(|| spoken(kind), |(_, spoken, _)| (*spoken).to_owned()),
        name,
        definition,
        reason,
    }
}

/// `SqlFooBar` as `foo bar`.
fn spoken(kind: &str) -> String {
    let mut out = String::new();
    for c in kind.strip_prefix("Sql").unwrap_or(kind).chars() {
        if c.is_uppercase() && !out.is_empty() {
            out.push(' ');
        }
        out.extend(c.to_lowercase());
    }
    if out.is_empty() { "object".to_owned() } else { out }
}

/// Quotes an identifier for Transact-SQL.
pub(crate) fn bracketed(name: &str) -> String {
    format!("[{}]", name.replace(']', "]]"))
}

/// What an index is made of, for a person to read.
pub(crate) struct IndexWords<'a> {
    pub(crate) unique: bool,
    pub(crate) clustered: bool,
    pub(crate) name: &'a str,
    /// Bracketed.
    pub(crate) object: String,
    /// Key columns, and whether they are sorted downwards.
    pub(crate) keys: Vec<(String, bool)>,
    pub(crate) include: Vec<String>,
    pub(crate) filter: Option<&'a str>,
}

/// The statement that creates an index.
pub(crate) fn create_index(index: &IndexWords<'_>) -> String {
    let keys: Vec<String> = (index.keys.iter())
        .map(|(column, descending)| bracketed(column) + if *descending { " desc" } else { "" })
        .collect();
    let mut out = format!(
        "create {}{}index {} on {} ({})",
        if index.unique { "unique " } else { "" },
        if index.clustered { "clustered " } else { "" },
        bracketed(index.name),
        index.object,
        keys.join(", ")
    );
    if !index.include.is_empty() {
        let include: Vec<String> = index.include.iter().map(|c| bracketed(c)).collect();
        out.push_str(&format!(" include ({})", include.join(", ")));
    }
    if let Some(filter) = index.filter {
        out.push_str(&format!(" where {filter}"));
    }
    out
}

/// The statement that creates a primary index of xml values.
pub(crate) fn create_primary_xml_index(index: &str, object: &str, column: &str) -> String {
    format!(
        "create primary xml index {} on {object} ({})",
        bracketed(index),
        bracketed(column)
    )
}

/// The statement that creates a collection of xml schemas.
pub(crate) fn create_xml_schema_collection(name: &str, content: &str) -> String {
    format!("create xml schema collection {name} as {content}")
}

/// The statement that creates a synonym.
pub(crate) fn create_synonym(name: &str, target: &str) -> String {
    format!("create synonym {name} for {target}")
}

/// The statement that creates a role.
pub(crate) fn create_role(name: &str) -> String {
    format!("create role {name}")
}
