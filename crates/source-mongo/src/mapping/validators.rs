//! Validators of collections: what they require becomes NOT NULL, simple rules become checks, the rest is listed.

use std::collections::BTreeSet;

use bson::{Bson, Document};
use migrate_core::catalog::{Check, ManualObject};
use migrate_core::template::Template;

use crate::infer::Stats;
use crate::shape::{Path, path_text};

use super::draft::{Draft, Placed};
use super::filter::{done, list, literal};
use super::locate::locate;

/// Keywords that the tables say by themselves.
const SAID: [&str; 6] = [
    "bsonType",
    "type",
    "title",
    "description",
    "required",
    "properties",
];

/// Paths of nested documents that a validator speaks of, with their schemas.
fn properties<'d>(schema: &'d Document, path: &[String], out: &mut Vec<(Path, &'d Document)>) {
    out.push((path.to_vec(), schema));
    let Ok(fields) = schema.get_document("properties") else {
        return;
    };
    for (name, field) in fields {
        if let Bson::Document(field) = field {
            let mut path = path.to_vec();
            path.push(name.clone());
            properties(field, &path, out);
        }
    }
}

fn schema(options: &Document) -> Option<&Document> {
    options
        .get_document("validator")
        .ok()?
        .get_document("$jsonSchema")
        .ok()
}

/// Whether MongoDB refuses documents that do not obey.
fn enforced(options: &Document) -> bool {
    let is = |name: &str, word: &str| options.get_str(name).is_ok_and(|w| w == word);
    !is("validationLevel", "off") && !is("validationAction", "warn")
}

/// The paths that a collection's validator requires, as the options write them.
pub(super) fn required(options: &Document) -> BTreeSet<String> {
    let mut all = Vec::new();
    if let Some(schema) = schema(options).filter(|_| enforced(options)) {
        properties(schema, &[], &mut all);
    }
    let mut out = BTreeSet::new();
    for (path, schema) in all {
        // Documents that are not required themselves require nothing of the row.
        let inside = path.is_empty() || out.contains(&path_text(&path));
        let names = schema
            .get_array("required")
            .map(Vec::as_slice)
            .unwrap_or_default();
        for name in names.iter().filter_map(Bson::as_str).filter(|_| inside) {
            let mut path = path.clone();
            path.push(name.to_owned());
            out.insert(path_text(&path));
        }
    }
    out
}

/// Adds a collection's checks.
pub(super) fn add(
    drafts: &mut [Draft<'_>],
    collection: &str,
    options: &Document,
    manual: &mut Vec<ManualObject>,
) {
    let Some(validator) = options.get_document("validator").ok().filter(|v| !v.is_empty()) else {
        return;
    };
    let mut by_hand = |reason: String| {
        manual.push(ManualObject {
            kind: "validator".to_owned(),
            name: collection.to_owned(),
            definition: validator.to_string(),
            reason,
        });
    };
    let Some(schema) = schema(options).filter(|_| validator.len() == 1) else {
        return by_hand("only $jsonSchema is translated".to_owned());
    };
    if !enforced(options) {
        return by_hand("MongoDB only warns of documents that do not obey, or does not look".to_owned());
    }
    let mut all = Vec::new();
    properties(schema, &[], &mut all);
    let mut left = Vec::new();
    let mut checks = Vec::new();
    for (path, schema) in all {
        let found = locate(drafts, collection, &path).filter(|l| l.inside == 0);
        for (keyword, value) in schema.iter().filter(|(k, _)| !SAID.contains(&k.as_str())) {
            let check = found
                .and_then(|l| Some((l.draft, check(drafts, l.draft, l.placed, keyword, value, schema)?)));
            match check {
                Some(check) => checks.push(check),
                // Said together with the bound itself.
                None if keyword.starts_with("exclusive") && matches!(value, Bson::Boolean(_)) => {}
                None => left.push(format!("{} {keyword}", path_text(&path)).trim_start().to_owned()),
            }
        }
    }
    for (draft, check) in checks {
        drafts[draft].table.checks.push(check);
    }
    if !left.is_empty() {
        by_hand(format!("these rules are not translated: {}", left.join(", ")));
    }
}

fn check(
    drafts: &[Draft<'_>],
    draft: usize,
    placed: &Placed<'_>,
    keyword: &str,
    value: &Bson,
    schema: &Document,
) -> Option<Check> {
    let pg = &placed.column.pg;
    let stats = placed.node.map(|n| &n.stats);
    let exclusive = |word: &str| schema.get_bool(word).unwrap_or(false);
    let number = |value: &Bson| literal(value, pg).ok();
    let text = pg.is_text().then_some(());
    let (before, after, trusted) = match (keyword, value) {
        ("enum", Bson::Array(values)) => ("", format!(" in ({})", list(values, pg).ok()?), false),
        ("minimum", value) if !pg.is_text() => {
            let sign = if exclusive("exclusiveMinimum") { ">" } else { ">=" };
            (
                "",
                format!(" {sign} {}", number(value)?),
                bounded(stats, value, sign),
            )
        }
        ("maximum", value) if !pg.is_text() => {
            let sign = if exclusive("exclusiveMaximum") { "<" } else { "<=" };
            (
                "",
                format!(" {sign} {}", number(value)?),
                bounded(stats, value, sign),
            )
        }
        ("maxLength", value) => {
            text?;
            let n = whole(value)?;
            let bytes = stats.and_then(|s| s.string_bytes).map_or(0, |b| i64::from(b.max));
            ("char_length(", format!(") <= {n}"), bytes <= n)
        }
        ("minLength", value) => {
            text?;
            ("char_length(", format!(") >= {}", whole(value)?), false)
        }
        _ => return None,
    };
    let mut template = Template::sql(before);
    template.push_column(drafts[draft].table.name.clone(), placed.column.name.clone());
    template.push_sql(&after);
    Some(Check {
        name: None,
        expression: done(format!("{}: {{ {keyword}: {value} }}", placed.path), template),
        enabled: true,
        trusted,
        comment: None,
    })
}

fn whole(value: &Bson) -> Option<i64> {
    match value {
        Bson::Int32(n) => Some(i64::from(*n)),
        Bson::Int64(n) => Some(*n),
        Bson::Double(x) if x.fract() == 0.0 => Some(*x as i64),
        _ => None,
    }
}

/// Whether all values that were seen obey a bound: documents from before the validator need not.
fn bounded(stats: Option<&Stats>, bound: &Bson, sign: &str) -> bool {
    let Some(stats) = stats else { return false };
    let bound = match bound {
        Bson::Int32(n) => f64::from(*n),
        Bson::Int64(n) => *n as f64,
        Bson::Double(x) => *x,
        _ => return false,
    };
    if stats.doubles_nan + stats.doubles_infinite > 0
        || stats.decimals != crate::infer::Stats::default().decimals
    {
        return false;
    }
    let integers = stats.integers.map(|b| (b.min as f64, b.max as f64));
    let doubles = stats.doubles.map(|b| (b.min, b.max));
    [integers, doubles]
        .into_iter()
        .flatten()
        .all(|(min, max)| match sign {
            ">=" => min >= bound,
            ">" => min > bound,
            "<=" => max <= bound,
            _ => max < bound,
        })
}
