//! Reading rows.

mod reader;
mod shape;

use std::sync::Arc;

use migrate_core::Result;
use migrate_core::chunk::{Chunk, Cursor};
use migrate_core::plan::TablePlan;
use migrate_core::source::ChunkReader;

pub(crate) use shape::{Shape, shapes, source_name, where_clause};

use crate::snapshot::Exported;
use crate::split::Token;

/// Starts reading a chunk. Without a cursor it is read from its beginning.
pub(crate) fn start(
    exported: Arc<Exported>,
    shape: Arc<Shape>,
    table: &TablePlan,
    chunk: &Chunk,
    _after: Option<&Cursor>,
) -> Result<Box<dyn ChunkReader>> {
    let token = Token::of(chunk)?;
    let statement = shape.copy(table, &token);
    Ok(Box::new(reader::Reader::start(
        exported,
        shape,
        statement,
        &table.source,
    )))
}
