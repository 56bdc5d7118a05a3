//! Tables on a terminal.

use std::io::IsTerminal;

use comfy_table::{Cell, CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};

use super::text::printable;

/// Which side a column's text keeps to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    Right,
}

/// A rule under the header and nothing else, so that lines can be cut, sorted and searched.
const LOOK: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('-').junction('-'));

/// Columns of a terminal below which the terminal breaks lines better than a table does.
const NARROWEST: u16 = 60;

/// Prints rows under a header; long text is wrapped on a terminal and left alone elsewhere.
pub(crate) fn render(columns: &[(&str, Side)], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(LOOK);
    // Some terminals state no size, or none that a table fits into.
    let wraps = std::io::stdout().is_terminal() && table.width().is_some_and(|width| width >= NARROWEST);
    table.set_content_arrangement(if wraps {
        ContentArrangement::Dynamic
    } else {
        ContentArrangement::Disabled
    });
    let cell = |text: &str, side: Side| {
        let alignment = if side == Side::Right {
            CellAlignment::Right
        } else {
            CellAlignment::Left
        };
        Cell::new(printable(text)).set_alignment(alignment)
    };
    table.set_header(
        columns
            .iter()
            .map(|(name, side)| cell(name, *side))
            .collect::<Vec<_>>(),
    );
    for row in rows {
        table.add_row(
            row.iter()
                .zip(columns)
                .map(|(text, (_, side))| cell(text, *side))
                .collect::<Vec<_>>(),
        );
    }
    table.trim_fmt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_line_up_and_controls_are_gone() {
        let text = render(
            &[("table", Side::Left), ("rows", Side::Right)],
            [
                vec!["a\x1bb".to_owned(), "1".to_owned()],
                vec!["c".to_owned(), "1,000".to_owned()],
            ],
        );
        assert_eq!(
            text,
            " table    rows\n---------------\n a\u{fffd}b         1\n c       1,000"
        );
    }
}
