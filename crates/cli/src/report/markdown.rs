//! A report as Markdown (GitHub's, for the tables).

use super::document::{Body, Cell, Document, Tone};
use super::number;

pub(crate) fn render(document: &Document) -> String {
    let mut out = format!(
        "# {}\n\n**{}**\n\n",
        inline(&document.title),
        inline(&document.conclusion)
    );
    for (name, value) in &document.facts {
        out.push_str(&format!("- {name}: {}\n", inline(value)));
    }
    for section in &document.sections {
        out.push_str(&format!("\n## {}\n\n", section.title));
        match &section.body {
            Body::List(items) => items
                .iter()
                .for_each(|item| out.push_str(&format!("- {}\n", cell(item)))),
            Body::Table(columns, rows) => {
                let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
                out.push_str(&format!("| {} |\n|", names.join(" | ")));
                for (_, number) in columns {
                    out.push_str(if *number { "---:|" } else { "---|" });
                }
                out.push('\n');
                for row in rows {
                    let cells: Vec<String> = row.iter().map(cell).collect();
                    out.push_str(&format!("| {} |\n", cells.join(" | ")));
                }
            }
            Body::Chart(bars) => {
                out.push_str("| table | rows | time |\n|---|---:|---:|\n");
                for bar in bars {
                    out.push_str(&format!(
                        "| {} | {} | {} |\n",
                        inline(&bar.name),
                        number::count(bar.rows),
                        number::duration(bar.took)
                    ));
                }
            }
            Body::Texts(texts) => {
                for (name, remark, text) in texts {
                    out.push_str(&format!("### {}\n\n{}\n\n", inline(name), inline(remark)));
                    // A fence longer than any in the text.
                    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
                    let fence = "`".repeat(longest.max(2) + 1);
                    out.push_str(&format!("{fence}sql\n{}\n{fence}\n\n", text.trim_end()));
                }
            }
        }
    }
    out
}

fn cell(cell: &Cell) -> String {
    let text = inline(&cell.text);
    if cell.tone == Tone::Bad {
        format!("**{text}**")
    } else {
        text
    }
}

/// Text that means itself.
fn inline(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '~' | '&' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::document::Section;

    #[test]
    fn text_from_a_source_means_itself() {
        let document = Document {
            title: "a|b*".into(),
            go: Some(true),
            conclusion: "Go".into(),
            facts: vec![("Source", "<x>\n# no heading".into())],
            sections: vec![Section {
                title: "Left for a person",
                body: Body::Texts(vec![("p".into(), "why".into(), "select '```'".into())]),
            }],
        };
        let text = render(&document);
        assert!(text.starts_with("# a\\|b\\*\n"), "{text}");
        assert!(text.contains("- Source: \\<x\\> \\# no heading\n"), "{text}");
        assert!(text.contains("\n````sql\nselect '```'\n````\n"), "{text}");
    }
}
