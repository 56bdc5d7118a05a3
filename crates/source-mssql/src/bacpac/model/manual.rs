//! Objects that nobody translates: each is listed with its definition and a reason.

use migrate_core::catalog::ManualObject;

use super::name::readable;
use super::xml::{Entry, Node};
use crate::schema::manual::{self, IndexWords};

/// Lists an element with its own reason, or the given one.
pub(crate) fn manual(node: &Node, reason: Option<String>) -> ManualObject {
    manual::listed(&node.kind, name_of(node), definition(node), reason)
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
            let column = last_part(&one("Column"));
            manual::create_primary_xml_index(&last_part(&node.name), &one("IndexedObject"), &column)
        }
        "SqlXmlSchemaCollection" => {
            let content = node.property("SchemaExpression").unwrap_or_default();
            manual::create_xml_schema_collection(&node.name, content)
        }
        "SqlSynonym" => {
            let target = node.property("ForObjectScript");
            manual::create_synonym(
                &node.name,
                &target.map_or_else(|| one("ForObject"), str::to_owned),
            )
        }
        "SqlRole" => manual::create_role(&node.name),
        "SqlIndex" => index(node),
        _ => {
            let mut out = String::new();
            dump(node, 0, &mut out);
            out.trim_end().to_owned()
        }
    }
}

/// The last part of a bracketed name; empty if it is none.
fn last_part(name: &str) -> String {
    let parts = super::name::parts(name).ok();
    parts.and_then(|mut p| p.pop()).unwrap_or_default()
}

fn index(node: &Node) -> String {
    let keys = node.elements("ColumnSpecifications").flat_map(|specification| {
        let descending = specification
            .property("IsAscending")
            .is_some_and(|v| v.eq_ignore_ascii_case("false"));
        specification
            .references("Column")
            .map(move |c| (last_part(c), descending))
    });
    manual::create_index(&IndexWords {
        unique: node.flag("IsUnique"),
        clustered: node.flag("IsClustered"),
        name: &last_part(&node.name),
        object: node
            .references("IndexedObject")
            .next()
            .unwrap_or_default()
            .to_owned(),
        keys: keys.collect(),
        include: node.references("IncludedColumns").map(last_part).collect(),
        filter: node.property("FilterPredicate"),
    })
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
