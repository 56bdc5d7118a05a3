//! A report as one HTML file that needs nothing else: no script, no font, no picture from elsewhere.

use super::document::{Bar, Body, Cell, Document, Section, Tone};
use super::number;

const STYLE: &str = include_str!("page.css");

pub(crate) fn render(document: &Document) -> String {
    let (class, word) = match document.go {
        Some(true) => ("go", "GO"),
        Some(false) => ("nogo", "NO-GO"),
        None => ("none", "NOT VALIDATED"),
    };
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <header class=\"{class}\"><p class=\"verdict\">{word}</p>\n<div><h1>{title}</h1>\n<p>{conclusion}</p></div></header>\n",
        title = escape(&document.title),
        conclusion = escape(&document.conclusion),
    );
    out.push_str("<dl>\n");
    for (name, value) in &document.facts {
        out.push_str(&format!("<dt>{name}</dt><dd>{}</dd>\n", escape(value)));
    }
    out.push_str("</dl>\n");
    document.sections.iter().for_each(|s| section(s, &mut out));
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

fn section(section: &Section, out: &mut String) {
    out.push_str(&format!("<section>\n<h2>{}</h2>\n", section.title));
    match &section.body {
        Body::List(items) => {
            out.push_str("<ul>\n");
            for item in items {
                out.push_str(&format!(
                    "<li{}>{}</li>\n",
                    class(item, false),
                    escape(&item.text)
                ));
            }
            out.push_str("</ul>\n");
        }
        Body::Table(columns, rows) => {
            out.push_str("<div class=\"wide\"><table>\n<thead><tr>");
            for (name, number) in columns {
                out.push_str(&format!(
                    "<th{}>{name}</th>",
                    if *number { " class=\"n\"" } else { "" }
                ));
            }
            out.push_str("</tr></thead>\n<tbody>\n");
            for row in rows {
                out.push_str("<tr>");
                for (cell, (_, number)) in row.iter().zip(columns) {
                    out.push_str(&format!(
                        "<td{}>{}</td>",
                        class(cell, *number),
                        escape(&cell.text)
                    ));
                }
                out.push_str("</tr>\n");
            }
            out.push_str("</tbody>\n</table></div>\n");
        }
        Body::Chart(bars) => chart(bars, out),
        Body::Texts(texts) => {
            for (name, remark, text) in texts {
                out.push_str(&format!(
                    "<article><h3>{}</h3><p>{}</p><pre>{}</pre></article>\n",
                    escape(name),
                    escape(remark),
                    escape(text)
                ));
            }
        }
    }
    out.push_str("</section>\n");
}

fn class(cell: &Cell, number: bool) -> String {
    let tone = match cell.tone {
        Tone::Plain => "",
        Tone::Good => "good",
        Tone::Warning => "warning",
        Tone::Bad => "bad",
    };
    match (tone, number) {
        ("", false) => String::new(),
        ("", true) => " class=\"n\"".to_owned(),
        (tone, false) => format!(" class=\"{tone}\""),
        (tone, true) => format!(" class=\"{tone} n\""),
    }
}

/// Pixels of the chart: its width, that of the names, that of the longest bar of either kind, and a line's height.
const WIDTH: usize = 860;
const NAMES: usize = 230;
const LONGEST: f64 = 190.0;
const LINE: usize = 22;

/// Two bars for each table: rows, and the time that copying them took.
fn chart(bars: &[Bar], out: &mut String) {
    let most = bars.iter().map(|b| b.rows).max().unwrap_or(0).max(1) as f64;
    let longest = bars.iter().map(|b| b.took.as_secs_f64()).fold(0.0, f64::max);
    let height = LINE * (bars.len() + 1) + 6;
    let (rows_at, time_at) = (NAMES + 10, NAMES + 330);
    out.push_str(&format!(
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"Rows and time of each table\">\n\
         <text class=\"head\" x=\"{rows_at}\" y=\"15\">rows</text><text class=\"head\" x=\"{time_at}\" y=\"15\">time to copy</text>\n"
    ));
    for (i, bar) in bars.iter().enumerate() {
        let y = LINE * (i + 1);
        let text = y + 15;
        let rows = bar.rows as f64 / most * LONGEST;
        let time = if longest > 0.0 {
            bar.took.as_secs_f64() / longest * LONGEST
        } else {
            0.0
        };
        let label = |at: usize, width: f64, text_y: usize, label: &str| {
            format!(
                "<text x=\"{:.1}\" y=\"{text_y}\">{label}</text>",
                at as f64 + width.max(1.0) + 6.0
            )
        };
        out.push_str(&format!(
            "<g><title>{full}</title><text class=\"name\" x=\"{NAMES}\" y=\"{text}\">{name}</text>\
             <rect class=\"rows\" x=\"{rows_at}\" y=\"{bar_y}\" width=\"{rows_width:.1}\" height=\"13\"/>{rows_label}\
             <rect class=\"time\" x=\"{time_at}\" y=\"{bar_y}\" width=\"{time_width:.1}\" height=\"13\"/>{time_label}</g>\n",
            full = escape(&bar.name),
            name = escape(&shortened(&bar.name)),
            bar_y = y + 4,
            rows_width = rows.max(1.0),
            time_width = time.max(1.0),
            rows_label = label(rows_at, rows, text, &number::count(bar.rows)),
            time_label = label(time_at, time, text, &number::duration(bar.took)),
        ));
    }
    out.push_str("</svg>\n");
}

/// A name that fits beside its bars: its end tells more than its beginning.
fn shortened(name: &str) -> String {
    let count = name.chars().count();
    if count <= 32 {
        return name.to_owned();
    }
    let end: String = name.chars().skip(count - 31).collect();
    format!("\u{2026}{end}")
}

/// Text that is no markup.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn text_from_a_source_is_no_markup_and_nothing_is_fetched() {
        let document = Document {
            title: "<script>alert('x')</script>".into(),
            go: Some(false),
            conclusion: "a & b".into(),
            facts: vec![("Source", "\"q\"\u{7}".into())],
            sections: vec![
                Section {
                    title: "Rows and time",
                    body: Body::Chart(vec![
                        Bar {
                            name: "a.<b>".into(),
                            rows: 1000,
                            took: Duration::from_secs(2),
                        },
                        Bar {
                            name: "x".repeat(60),
                            rows: 500,
                            took: Duration::from_secs(1),
                        },
                    ]),
                },
                Section {
                    title: "Tables",
                    body: Body::Table(
                        vec![("table", false), ("rows", true)],
                        vec![vec![
                            String::from("t").into(),
                            Cell {
                                text: "1".into(),
                                tone: Tone::Bad,
                            },
                        ]],
                    ),
                },
            ],
        };
        let page = render(&document);
        assert!(page.contains("<title>&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;</title>"));
        assert!(page.contains("<dd>&quot;q&quot;\u{fffd}</dd>"));
        assert!(page.contains("<td class=\"bad n\">1</td>"));
        assert!(page.contains("width=\"190.0\"") && page.contains("width=\"95.0\""));
        assert!(page.contains("NO-GO") && page.contains("@media print"));
        for outside in [
            "http:", "https:", "//", "<script", "<link", "<img", "url(", "@import",
        ] {
            assert!(!page.contains(outside), "{outside}");
        }
    }
}
