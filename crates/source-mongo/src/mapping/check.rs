//! Options for what does not exist.

use migrate_core::Result;

use crate::classify::config;

use super::build::Builder;

impl Builder<'_> {
    /// Refuses options for what does not exist: a misspelt path must not be silent.
    pub(super) fn check_options(&self) -> Result<()> {
        for (collection, paths) in &self.options.paths {
            for path in paths.keys() {
                let known = self.written.iter().any(|w| w.is(collection, path));
                if !known && path != "_id" {
                    return Err(config("the options choose for a path that is not there, or is inside of one that is a single column")
                        .at("path", path)
                        .at("collection", collection)
                        .hint("`migrate inspect` lists the paths; elements of arrays are written `list[].name`"));
                }
            }
        }
        for (path, targets) in &self.options.references {
            let known = self.inference.collections.keys().any(|c| {
                path.strip_prefix(c.as_str())
                    .and_then(|p| p.strip_prefix('.'))
                    .is_some_and(|p| {
                        let array = p.strip_suffix("[]").unwrap_or(p);
                        self.written.iter().any(|w| w.is(c, p) || w.is(c, array))
                    })
            });
            let collections = &self.inference.collections;
            if !known
                || !targets
                    .names()
                    .iter()
                    .all(|target| collections.contains_key(target))
            {
                return Err(
                    config("`references` names a path or a collection that is not there")
                        .at("path", path)
                        .hint("references = { \"orders.userId\" = \"users\" }"),
                );
            }
        }
        Ok(())
    }
}
