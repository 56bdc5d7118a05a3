//! Reports for people, as files.

use migrate_core::Result;

use super::document::Document;
use super::{file, html, markdown};
use crate::args::PageArgs;

/// Writes the pages that were asked for.
///
/// # Errors
/// Those of writing files.
pub(crate) fn write(pages: &PageArgs, document: impl FnOnce() -> Document) -> Result<()> {
    if pages.html.is_none() && pages.markdown.is_none() {
        return Ok(());
    }
    let document = document();
    if let Some(path) = &pages.html {
        file::write(path, &html::render(&document))?;
    }
    if let Some(path) = &pages.markdown {
        file::write(path, &markdown::render(&document))?;
    }
    Ok(())
}
