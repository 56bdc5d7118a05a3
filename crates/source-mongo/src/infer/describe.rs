//! What was found, for people and for other programs.

use std::collections::BTreeMap;
use std::fmt::Display;

use bson::oid::ObjectId;
use serde::Serialize;

use crate::raw::Kind;
use crate::shape::path_text;

use super::run::Inference;
use super::stats::{Bounds, Stats};
use super::tree::{Node, Tree};

/// What a collection holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CollectionReport {
    /// Its name.
    pub name: String,
    /// Documents that were looked at.
    pub documents: u64,
    /// Whether these are only a sample.
    pub sampled: bool,
    /// Its paths, each after the one that it is in.
    pub paths: Vec<PathReport>,
}

/// What a path holds. It never repeats text or bytes of documents, only numbers, dates and lengths.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PathReport {
    /// Names joined by dots; `[]` stands for the elements of an array, `*` for names that are data.
    pub path: String,
    /// Values, explicit nulls included.
    pub values: u64,
    /// Documents around it (or elements of the array) that do not have it.
    pub missing: u64,
    /// Values of each BSON type, by the name that `$type` has for it.
    pub types: BTreeMap<&'static str, u64>,
    /// Different values, about; none for types that are not counted.
    pub distinct: Option<u64>,
    /// What is known about the values of each type, such as bounds and lengths, in words.
    pub details: Vec<String>,
    /// Values below it that were not looked at: too deep, too many paths, or names that are not UTF-8.
    pub untracked: u64,
}

/// Everything that was found, by collection.
pub(crate) fn reports(inference: &Inference) -> Vec<CollectionReport> {
    let report = |(name, tree): (&String, &Tree)| {
        let mut paths = Vec::new();
        below(&tree.root, "", &mut paths);
        CollectionReport {
            name: name.clone(),
            documents: tree.documents(),
            sampled: inference.sample.is_some(),
            paths,
        }
    };
    inference.collections.iter().map(report).collect()
}

/// The reports as text.
pub fn describe(reports: &[CollectionReport]) -> String {
    let mut out = String::new();
    for report in reports {
        let sampled = if report.sampled { ", a sample" } else { "" };
        out.push_str(&format!(
            "{}: {} documents{sampled}\n",
            report.name, report.documents
        ));
        let width = report
            .paths
            .iter()
            .map(|p| p.path.chars().count())
            .max()
            .unwrap_or(0);
        for path in &report.paths {
            out.push_str(&format!("  {:width$}  {}\n", path.path, path.histogram()));
        }
    }
    out
}

impl PathReport {
    /// The histogram in one line.
    pub fn histogram(&self) -> String {
        let all = self.values + self.missing;
        let mut types: Vec<(&str, u64)> = self.types.iter().map(|(name, n)| (*name, *n)).collect();
        types.sort_by_key(|(name, n)| (u64::MAX - n, *name));
        types.extend((self.missing > 0).then_some(("missing", self.missing)));
        let shares = types.iter().map(|(name, n)| format!("{name} {}", share(*n, all)));
        let mut parts: Vec<String> = vec![shares.collect::<Vec<_>>().join(", ")];
        parts.extend(self.distinct.map(|n| format!("about {n} different")));
        parts.extend(self.details.iter().cloned());
        parts.extend((self.untracked > 0).then(|| format!("{} values below not looked at", self.untracked)));
        parts.join("; ")
    }
}

/// A share that never says 0 % or 100 % of what is only nearly so.
pub(crate) fn share(part: u64, all: u64) -> String {
    if part == all {
        return "100 %".to_owned();
    }
    let tenths = (u128::from(part) * 1000 / u128::from(all.max(1))) as u64;
    match tenths {
        0 if part > 0 => "< 0.1 %".to_owned(),
        _ => format!("{}.{} %", tenths / 10, tenths % 10),
    }
}

/// Adds what is below a node, whose own path is `path`.
fn below(node: &Node, path: &str, out: &mut Vec<PathReport>) {
    let objects = node.stats.kinds.of(Kind::Document);
    for field in node.ordered() {
        let name = path_text(std::slice::from_ref(&field.name));
        let path = if path.is_empty() {
            name
        } else {
            format!("{path}.{name}")
        };
        let missing = objects.saturating_sub(field.stats.present());
        add(field, path, missing, out);
    }
    if let Some(map) = &node.map {
        let from = out.len();
        add(&map.values, format!("{path}.*"), 0, out);
        let names = format!("about {} different names", map.names.estimate());
        out[from].details.push(names);
    }
    if let Some(element) = &node.element {
        add(element, format!("{path}[]"), 0, out);
    }
}

fn add(node: &Node, path: String, missing: u64, out: &mut Vec<PathReport>) {
    out.push(report(node, path.clone(), missing));
    below(node, &path, out);
}

/// The report of one path.
pub(crate) fn report(node: &Node, path: String, missing: u64) -> PathReport {
    PathReport {
        path,
        values: node.stats.present(),
        missing,
        types: node.stats.kinds.present().map(|(k, n)| (k.name(), n)).collect(),
        distinct: node.stats.distinct.as_ref().map(|d| d.estimate()),
        details: details(&node.stats),
        untracked: node.untracked,
    }
}

fn range<T: Copy + PartialEq>(
    bounds: Option<Bounds<T>>,
    what: &str,
    show: impl Fn(T) -> String,
) -> Option<String> {
    bounds.map(|b| {
        if b.min == b.max {
            format!("{what} {}", show(b.min))
        } else {
            format!("{what} {} to {}", show(b.min), show(b.max))
        }
    })
}

fn count(n: u64, what: &str) -> Option<String> {
    (n > 0).then(|| format!("{n} {what}"))
}

fn plain(value: impl Display) -> String {
    value.to_string()
}

fn date(millis: i64) -> String {
    // The years that RFC 3339 has, 0 to 9999.
    match bson::DateTime::from_millis(millis).try_to_rfc3339_string() {
        Ok(text) if (-62_167_219_200_000..253_402_300_800_000).contains(&millis) => text,
        _ => format!("{millis} ms"),
    }
}

fn details(s: &Stats) -> Vec<String> {
    let d = &s.decimals;
    let digits = (s.kinds.of(Kind::Decimal128) > 0).then(|| {
        format!(
            "decimals of up to {} digits before and {} after the point",
            d.integer_digits, d.scale
        )
    });
    let trues = (s.kinds.of(Kind::Bool) > 0).then(|| format!("{} true", s.trues));
    let subtypes = s
        .subtypes
        .iter()
        .map(|(subtype, n)| Some(format!("{n} of subtype {subtype}")));
    let parts = [
        range(s.integers, "integers", plain),
        count(s.integers_beyond_double, "integers that no double holds"),
        range(s.doubles, "doubles", plain),
        (s.doubles.is_some() && s.doubles_fractional == 0).then(|| "no double has a fraction".to_owned()),
        count(s.doubles_nan, "NaN"),
        count(s.doubles_infinite, "infinite"),
        count(s.doubles_negative_zero, "negative zeros"),
        digits,
        count(d.nan, "decimals that are NaN"),
        count(d.infinite, "infinite decimals"),
        count(d.negative_zero, "decimals that are negative zeros"),
        count(d.positive_exponent, "decimals with a positive exponent"),
        range(s.dates, "dates", date),
        count(s.dates_beyond, "dates outside of PostgreSQL's range"),
        trues,
        range(s.object_ids, "made", |id| {
            date(ObjectId::from_bytes(id).timestamp().timestamp_millis())
        }),
        range(s.string_bytes, "strings of bytes", plain),
        count(s.strings_with_nul, "strings with U+0000"),
        count(s.strings_invalid, "strings that are not UTF-8"),
        range(s.binary_bytes, "binary data of bytes", plain),
        count(s.odd_uuids, "UUIDs of other than 16 bytes"),
        range(s.array_lengths, "elements", plain),
        count(s.empty_arrays, "empty arrays"),
        count(s.empty_objects, "empty documents"),
        count(s.duplicates, "repeated names"),
    ];
    parts.into_iter().chain(subtypes).flatten().collect()
}
