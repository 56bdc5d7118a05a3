//! Objects that nobody translates: each is listed with its definition and a reason.

mod kinds;

use migrate_core::catalog::ManualObject;

use kinds::KINDS;

use super::name::readable;
use super::xml::{Entry, Node};

/// Lists an element with its own reason, or the given one.
pub(crate) fn manual(node: &Node, reason: Option<String>) -> ManualObject {
    let known = KINDS.iter().find(|(kind, ..)| *kind == node.kind);
    let kind = known.map_or_else(|| spoken(&node.kind), |(_, spoken, _)| (*spoken).to_owned());
    let reason = reason.unwrap_or_else(|| match known {
        Some((.., reason)) => (*reason).to_owned(),
        None => "this version does not know this kind of object".to_owned(),
    });
    ManualObject {
        kind,
        name: name_of(node),
        definition: definition(node),
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

/// The element's name, or that of what it belongs to.
fn name_of(node: &Node) -> String {
    if !node.name.is_empty() {
        return readable(&node.name);
    }
    let owner = ["DefiningTable", "IndexedObject", "Parent", "ForColumn", "Role"]
        .iter()
        .find_map(|r| node.references(r).next());
    match owner {
        Some(owner) => format!("on {}", readable(owner)),
        None => "without a name".to_owned(),
    }
}

/// The element's Transact-SQL, or everything that the model says about it.
pub(crate) fn definition(node: &Node) -> String {
    if let Some(script) = script(node) {
        return script;
    }
    let one = |relation: &str| node.references(relation).next().unwrap_or_default().to_owned();
    match node.kind.as_str() {
        "SqlXmlIndex" if node.flag("IsPrimary") => {
            let index = super::name::parts(&node.name)
                .ok()
                .and_then(|p| p.last().cloned())
                .unwrap_or_default();
            let column = super::name::parts(&one("Column"))
                .ok()
                .and_then(|p| p.last().cloned())
                .unwrap_or_default();
            format!(
                "create primary xml index [{index}] on {} ([{column}])",
                one("IndexedObject")
            )
        }
        "SqlXmlSchemaCollection" => {
            let content = node.property("SchemaExpression").unwrap_or_default();
            format!("create xml schema collection {} as {content}", node.name)
        }
        "SqlSynonym" => format!(
            "create synonym {} for {}",
            node.name,
            node.property("ForObjectScript")
                .map_or_else(|| one("ForObject"), str::to_owned)
        ),
        "SqlRole" => format!("create role {}", node.name),
        "SqlIndex" => index(node),
        _ => {
            let mut out = String::new();
            dump(node, 0, &mut out);
            out.trim_end().to_owned()
        }
    }
}

fn index(node: &Node) -> String {
    let last = |name: &str| {
        let part = super::name::parts(name)
            .ok()
            .and_then(|p| p.last().cloned())
            .unwrap_or_default();
        format!("[{}]", part.replace(']', "]]"))
    };
    let list = |columns: Vec<String>| columns.join(", ");
    let keys = node.elements("ColumnSpecifications").flat_map(|specification| {
        let descending = specification
            .property("IsAscending")
            .is_some_and(|v| v.eq_ignore_ascii_case("false"));
        specification
            .references("Column")
            .map(move |c| last(c) + if descending { " desc" } else { "" })
    });
    let object = node.references("IndexedObject").next().unwrap_or_default();
    let mut out = format!(
        "create {}{}index {} on {object} ({})",
        if node.flag("IsUnique") { "unique " } else { "" },
        if node.flag("IsClustered") {
            "clustered "
        } else {
            ""
        },
        last(&node.name),
        list(keys.collect())
    );
    let include: Vec<String> = node.references("IncludedColumns").map(last).collect();
    if !include.is_empty() {
        out.push_str(&format!(" include ({})", list(include)));
    }
    if let Some(filter) = node.property("FilterPredicate") {
        out.push_str(&format!(" where {filter}"));
    }
    out
}

/// Header and body of an object that was written as a script.
fn script(node: &Node) -> Option<String> {
    if let Some(a) = node.annotation("SysCommentsObjectAnnotation") {
        let header = a.property("HeaderContents").unwrap_or_default();
        let footer = a.property("FooterContents").unwrap_or_default();
        let body = ["BodyScript", "QueryScript"]
            .iter()
            .find_map(|p| node.property(p))
            .unwrap_or_default();
        return Some(format!("{header}{body}{footer}").trim().to_owned());
    }
    let inside = node
        .relations
        .iter()
        .flat_map(|r| &r.entries)
        .filter_map(|e| match e {
            Entry::Element(inner) => script(inner),
            Entry::Reference { .. } => None,
        });
    inside.into_iter().next()
}

/// Everything that the model says about an element, indented.
fn dump(node: &Node, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    out.push_str(&format!("{indent}{} {}\n", node.kind, node.name));
    for p in &node.properties {
        out.push_str(&format!("{indent}  {} = {}\n", p.name, p.value));
    }
    for r in &node.relations {
        // What a body refers to is in its text already.
        if r.name.ends_with("Dependencies") {
            continue;
        }
        for entry in &r.entries {
            match entry {
                Entry::Reference { name, .. } => out.push_str(&format!("{indent}  {}: {name}\n", r.name)),
                Entry::Element(inner) => {
                    out.push_str(&format!("{indent}  {}:\n", r.name));
                    dump(inner, depth + 2, out);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::xml::{Property, Relation};
    use super::*;

    #[test]
    fn unknown_kinds_are_listed_with_all_that_is_said() {
        let node = Node {
            kind: "SqlQuantumIndex".into(),
            name: "[dbo].[T].[Q]".into(),
            properties: vec![Property {
                name: "Spin".into(),
                value: "1".into(),
            }],
            relations: vec![Relation {
                name: "Column".into(),
                entries: vec![Entry::Reference {
                    name: "[dbo].[T].[a]".into(),
                    built_in: false,
                    disambiguator: String::new(),
                }],
            }],
            ..Node::default()
        };
        assert_eq!(
            manual(&node, None),
            ManualObject {
                kind: "quantum index".into(),
                name: "dbo.T.Q".into(),
                definition: "SqlQuantumIndex [dbo].[T].[Q]\n  Spin = 1\n  Column: [dbo].[T].[a]".into(),
                reason: "this version does not know this kind of object".into(),
            }
        );
    }
}
