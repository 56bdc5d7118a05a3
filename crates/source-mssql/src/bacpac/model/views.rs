//! Views.

use migrate_core::Result;
use migrate_core::catalog::ObjectName;

use super::name;
use super::xml::Node;
use crate::schema::views::ViewDraft;

/// Reads a view; `None` if the model does not have its query (it was encrypted).
pub(crate) fn draft(node: &Node) -> Result<Option<ViewDraft>> {
    let Some(query) = node.property("QueryScript") else {
        return Ok(None);
    };
    let columns = node
        .elements("Columns")
        .map(|c| Ok(name::parts(&c.name)?.pop().unwrap_or_default()));
    let needs = node
        .references("QueryDependencies")
        .filter_map(|r| name::parts(r).ok())
        .filter_map(|parts| {
            let mut parts = parts.into_iter();
            Some(ObjectName {
                schema: parts.next()?,
                name: parts.next()?,
            })
        });
    Ok(Some(ViewDraft {
        name: name::object(&node.name)?,
        columns: columns.collect::<Result<_>>()?,
        query: query.to_owned(),
        needs: needs.collect(),
    }))
}
