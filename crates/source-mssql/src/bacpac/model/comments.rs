//! Extended properties.

use migrate_core::Result;

use super::name;
use super::xml::Node;
use crate::schema::comments::Extended;

/// Reads an extended property.
pub(crate) fn read(node: &Node) -> Result<Extended> {
    let mut parts = name::parts(&node.name)?;
    let property = parts.pop().unwrap_or_default();
    let host_kind = if parts.is_empty() {
        String::new()
    } else {
        parts.remove(0)
    };
    let host = match node.references("Host").next().filter(|h| !h.is_empty()) {
        Some(host) => name::parts(host)?,
        None => parts,
    };
    Ok(Extended {
        host_kind,
        host,
        property,
        text: literal(node.property("Value").unwrap_or_default()),
    })
}

/// The text of a T-SQL string literal, or the value as it stands.
fn literal(value: &str) -> String {
    let body = value.strip_prefix('N').unwrap_or(value);
    match body.strip_prefix('\'').and_then(|b| b.strip_suffix('\'')) {
        Some(inside) => inside.replace("''", "'"),
        None => value.to_owned(),
    }
}
