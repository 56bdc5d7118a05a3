//! The choices as they were made, for the plan that a person reviews.

use std::collections::BTreeMap;

use crate::infer::PathReport;

use super::options::{MongoOptions, Targets};

/// One path's choice.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Written {
    collection: String,
    choice: String,
    report: PathReport,
}

impl Written {
    pub(super) fn new(collection: &str, choice: String, report: PathReport) -> Self {
        Self {
            collection: collection.to_owned(),
            choice,
            report,
        }
    }

    pub(super) fn is(&self, collection: &str, path: &str) -> bool {
        self.collection == collection && self.report.path == path
    }
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A serde name.
fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// The `[options]` of a plan file that make the same choices again, with each path's histogram beside it.
pub(super) fn text(
    written: &[Written],
    options: &MongoOptions,
    references: &BTreeMap<String, Targets>,
) -> String {
    let mut out = String::from("[options]\n");
    let mut line = |setting: &str, value: String, comment: &str| {
        out.push_str(&format!("{:<30} # {comment}\n", format!("{setting} = {value}")));
    };
    line(
        "sample",
        options.sample.to_string(),
        "documents of each collection to look at; 0 for all",
    );
    line(
        "objectid",
        word(&options.objectid),
        "uuid (reversible, same order), text or bytea",
    );
    line(
        "keys",
        word(&options.keys),
        "keep, or bigint: new numbers; the old keys stay in legacy_id and migrate.mapping",
    );
    line(
        "polymorphic",
        word(&options.polymorphic),
        "columns: a foreign key for each collection referred to; note: only say so",
    );
    line(
        "uuid_binary",
        word(&options.uuid_binary),
        "binary subtype 3: standard, java, csharp (byte order) or bytea",
    );
    line(
        "nulls",
        word(&options.nulls),
        "keep: null and missing stay different; same: both become NULL",
    );
    line(
        "not_null",
        word(&options.not_null),
        "validator: what it requires; data: what all documents have; keys",
    );
    line(
        "overflow",
        quoted(&options.overflow.0),
        "the column for what no other column took",
    );
    if !references.is_empty() || !options.references.is_empty() {
        out.push_str(
            "\n# Foreign keys, found by name and proven by data; \"\" for none, a list for one of several.\n[options.references]\n",
        );
        let mut all = references.clone();
        all.extend(options.references.clone());
        for (path, targets) in all {
            let written = match &targets {
                Targets::One(target) => quoted(target),
                Targets::Several(targets) => {
                    let targets: Vec<String> = targets.iter().map(|t| quoted(t)).collect();
                    format!("[{}]", targets.join(", "))
                }
            };
            out.push_str(&format!("{} = {written}\n", quoted(&path)));
        }
    }
    let mut collection = None;
    for w in written {
        if collection != Some(&w.collection) {
            out.push_str(&format!("\n[options.paths.{}]\n", quoted(&w.collection)));
            collection = Some(&w.collection);
        }
        let choice = format!("{} = {}", quoted(&w.report.path), quoted(&w.choice));
        out.push_str(&format!("{choice:<40} # {}\n", w.report.histogram()));
    }
    out
}
