//! What refers to what: found by name, proven by data.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::infer::{Inference, Keys, LooksLikeReference, Node, Resolved};
use crate::raw::Kind;

use super::options::MongoOptions;

/// Values of a sample that are few enough for chance.
const FEW: u64 = 16;

/// Words that a reference's name ends in.
const ENDINGS: [&str; 8] = ["ids", "id", "refs", "ref", "uuids", "uuid", "keys", "key"];

/// Names of fields that refer to the same collection.
const UPWARDS: [&str; 8] = [
    "parent",
    "ancestor",
    "ancestors",
    "root",
    "replyto",
    "inreplyto",
    "previous",
    "next",
];

/// Collections by what a field that refers to them would be called.
#[derive(Debug, Clone, Default)]
pub(crate) struct Collections {
    /// Collections' names by their names' plain forms.
    by_name: BTreeMap<String, Vec<String>>,
}

impl Collections {
    /// Remembers the collections.
    pub(crate) fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut by_name: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for name in names {
            // `fs.files` is what `files_id` refers to.
            let last = name.rsplit('.').next().unwrap_or(name);
            for form in [plain(name), plain(last)] {
                let of_form = by_name.entry(singular(&form)).or_default();
                if !of_form.iter().any(|n| n == name) {
                    of_form.push(name.to_owned());
                }
            }
        }
        Self { by_name }
    }

    /// The collections that a field of the name may refer to.
    pub(crate) fn targets(&self, field: &str) -> &[String] {
        let name = plain(field);
        let mut forms = vec![name.as_str()];
        forms.extend(ENDINGS.iter().filter_map(|e| name.strip_suffix(e)));
        let found = forms.iter().find_map(|form| self.by_name.get(&singular(form)));
        found.map_or(&[], Vec::as_slice)
    }

    /// Which fields' values are worth keeping: those that are called like references, or declared to be such.
    pub(crate) fn looks_like_reference(self: &Arc<Self>, options: &MongoOptions) -> Arc<LooksLikeReference> {
        let collections = Arc::clone(self);
        let declared: Vec<String> = options.references.keys().cloned().collect();
        Arc::new(move |field: &str| {
            !collections.targets(field).is_empty()
                || is_upwards(field)
                || declared.iter().any(|path| {
                    let path = path.trim_end_matches("[]");
                    path.strip_suffix(field).is_some_and(|head| head.ends_with('.'))
                })
        })
    }
}

/// Whether a field is called like one that refers to its own collection.
fn is_upwards(field: &str) -> bool {
    let name = plain(field);
    UPWARDS.contains(&name.as_str())
        || ENDINGS
            .iter()
            .filter_map(|e| name.strip_suffix(e))
            .any(|n| UPWARDS.contains(&n))
}

/// Whether a field's name says that it holds a key.
fn is_said(field: &str) -> bool {
    let name = plain(field);
    ENDINGS.iter().any(|e| name.len() > e.len() && name.ends_with(e))
}

/// Whether a field may say which collection another one refers to: `type` for `id`, `subjectType` for `subjectId`.
pub(super) fn says_which(field: &str, reference: &str) -> bool {
    let (name, reference) = (plain(field), plain(reference));
    let stem = ENDINGS
        .iter()
        .find_map(|e| reference.strip_suffix(e))
        .unwrap_or(&reference);
    let words = ["type", "kind", "model", "on", "onmodel", "collection", "ref"];
    words.contains(&name.as_str()) || words.iter().any(|w| name.strip_suffix(w) == Some(stem))
}

/// How a field that says which collection is meant may call it: `Blog Post` or `blog_posts` for `blogPosts`.
pub(super) fn called(collection: &str) -> Vec<String> {
    let name = plain(collection);
    let one = singular(&name);
    if one == name { vec![name] } else { vec![one, name] }
}

/// What is in front of a reference's ending: `subject` of `subjectId`, nothing of `id`.
pub(super) fn stem(field: &str) -> &str {
    let lower = field.to_lowercase();
    let ending = ENDINGS.iter().find(|e| lower.ends_with(*e) && lower.is_ascii());
    let head = ending.map_or(field, |e| &field[..field.len() - e.len()]);
    head.trim_end_matches(['_', '-', '.', '$', ' '])
}

/// Letters and digits only, in lower case.
fn plain(name: &str) -> String {
    let letters = name.chars().filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

/// The singular of an English word, or the same for words of one plural form.
pub(super) fn singular(word: &str) -> String {
    for (plural, singular) in [("people", "person"), ("children", "child")] {
        if let Some(head) = word.strip_suffix(plural) {
            return format!("{head}{singular}");
        }
    }
    if let Some(head) = word.strip_suffix("ies").filter(|h| h.len() > 1) {
        return format!("{head}y");
    }
    for ending in ["sses", "ches", "shes", "xes", "zes"] {
        if word.ends_with(ending) {
            return word[..word.len() - 2].to_owned();
        }
    }
    if ["ss", "us", "is"].iter().any(|e| word.ends_with(e)) {
        return word.to_owned();
    }
    match word.strip_suffix('s') {
        Some(head) if head.len() > 1 => head.to_owned(),
        _ => word.to_owned(),
    }
}

/// The `_id`s of each collection, as far as they were kept.
pub(super) struct KnownIds<'a>(BTreeMap<&'a str, &'a Keys>);

impl<'a> KnownIds<'a> {
    pub(super) fn of(inference: &'a Inference) -> Self {
        let ids = inference.collections.iter().filter_map(|(name, tree)| {
            let keys = tree.root.field("_id")?.stats.keys.as_deref()?;
            Some((name.as_str(), keys))
        });
        Self(ids.collect())
    }
}

/// What a path refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reference {
    /// Nothing that is known.
    None,
    /// One collection, by proof or because the options say so.
    To {
        /// The collection.
        collection: String,
        /// What a person should know.
        note: Option<String>,
    },
    /// Nothing that a foreign key can say.
    Note(String),
    /// Several collections.
    Several {
        /// The collections, those that most values lead to first.
        collections: Vec<String>,
        /// What was found.
        found: String,
    },
}

/// Finds what a path's values refer to. `field` is the name to go by, `path` the whole of it for the options.
pub(super) fn find(
    node: &Node,
    collection: &str,
    path: &str,
    field: &str,
    names: &Collections,
    known: &KnownIds<'_>,
    options: &MongoOptions,
) -> Reference {
    if let Some(declared) = options.references.get(&format!("{collection}.{path}")) {
        return match declared.names() {
            [] => Reference::None,
            [target] => declared_one(node, target, known),
            targets => {
                let resolved = |name: &String| {
                    let ids = known.0.get(name.as_str());
                    let found = node
                        .stats
                        .keys
                        .as_ref()
                        .zip(ids)
                        .map(|(keys, ids)| keys.among(ids));
                    (name.clone(), found.unwrap_or_default())
                };
                several(node, path, targets.iter().map(resolved).collect(), known)
            }
        };
    }
    let Some(keys) = &node.stats.keys else {
        return Reference::None;
    };
    let resolved = |name: &String| {
        let found = known.0.get(name.as_str()).map(|ids| keys.among(ids));
        (name.clone(), found.unwrap_or_default())
    };
    let object_ids = node.stats.kinds.of(Kind::ObjectId) > 0;
    let mut named: Vec<String> = names.targets(field).to_vec();
    if is_upwards(field) && !named.iter().any(|n| n == collection) {
        named.push(collection.to_owned());
    }
    let named: Vec<(String, Resolved)> = named.iter().map(resolved).collect();
    if let Some((target, found)) = named.iter().find(|(_, r)| r.is_proof()) {
        return proven(target, *found, path);
    }
    // ObjectIds are different everywhere, so that what resolves is a reference whatever it is called.
    let everywhere: Vec<(String, Resolved)> = if object_ids {
        let touched = known.0.iter().filter(|(_, ids)| keys.touches(ids));
        touched
            .map(|(name, ids)| ((*name).to_owned(), keys.among(ids)))
            .filter(|(_, r)| r.found > 0)
            .collect()
    } else {
        named.iter().filter(|(_, r)| r.found > 0).cloned().collect()
    };
    match everywhere.as_slice() {
        [(target, found)] if found.is_proof() => proven(target, *found, path),
        [] => match named.first() {
            Some((target, found)) if found.checked > 0 && (object_ids || is_said(field)) => {
                Reference::Note(format!(
                    "{path} is called like a reference to {target}, but none of its values is an _id there"
                ))
            }
            _ => Reference::None,
        },
        [(target, found)] => Reference::Note(format!(
            "{path} looks like a reference to {target}, but only {} of its different values are _ids there{}: no foreign key",
            crate::infer::share(found.found, found.checked),
            if found.sampled { " (of a sample)" } else { "" },
        )),
        _ => several(node, path, everywhere, known),
    }
}

/// A path whose values lead to several collections.
fn several(node: &Node, path: &str, mut targets: Vec<(String, Resolved)>, known: &KnownIds<'_>) -> Reference {
    // Sorting keeps the order of equal ones.
    targets.sort_by_key(|(_, r)| std::cmp::Reverse(r.found));
    let shares = targets
        .iter()
        .map(|(target, r)| format!("{target} ({})", crate::infer::share(r.found, r.checked)));
    let mut found = format!(
        "{path} refers to several collections: {}",
        shares.collect::<Vec<_>>().join(", ")
    );
    let ids: Vec<&Keys> = targets
        .iter()
        .filter_map(|(name, _)| known.0.get(name.as_str()).copied())
        .collect();
    let nowhere = node.stats.keys.as_ref().map_or(0, |keys| keys.nowhere(&ids));
    if nowhere > 0 {
        let sample = if targets.iter().any(|(_, r)| r.sampled) {
            " of a sample"
        } else {
            ""
        };
        found.push_str(&format!(
            "; {nowhere} different values{sample} are _ids in none of them"
        ));
    }
    Reference::Several {
        collections: targets.into_iter().map(|(name, _)| name).collect(),
        found,
    }
}

fn proven(target: &str, found: Resolved, path: &str) -> Reference {
    if found.sampled && found.checked < FEW {
        return Reference::Note(format!(
            "{path} seems to refer to {target}, but too few of its values could be compared: no foreign key, unless \
             `references` says so"
        ));
    }
    let note = found.sampled.then(|| {
        format!(
            "{path} refers to {target}: all of a sample of {} different values are _ids there; the foreign key's creation \
             proves the rest",
            found.checked
        )
    });
    Reference::To {
        collection: target.to_owned(),
        note,
    }
}

fn declared_one(node: &Node, target: &str, known: &KnownIds<'_>) -> Reference {
    let found = match (&node.stats.keys, known.0.get(target)) {
        (Some(keys), Some(ids)) => Some(keys.among(ids)),
        _ => None,
    };
    let note = found.filter(|r| !r.is_proof() && r.checked > 0).map(|r| {
        format!(
            "the options make it a reference to {target}, but only {} of its values are _ids there: the foreign key's creation \
             will fail while that is so",
            crate::infer::share(r.found, r.checked)
        )
    });
    Reference::To {
        collection: target.to_owned(),
        note,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_to_collections() {
        let names = Collections::new([
            "users",
            "Companies",
            "blog_posts",
            "fs.files",
            "address",
            "People",
            "status",
        ]);
        for (field, target) in [
            ("userId", "users"),
            ("user_ids", "users"),
            ("user", "users"),
            ("users", "users"),
            ("USER_ID", "users"),
            ("companyId", "Companies"),
            ("blogPostId", "blog_posts"),
            ("files_id", "fs.files"),
            ("addressId", "address"),
            ("personRef", "People"),
            ("statusId", "status"),
        ] {
            assert_eq!(names.targets(field), [target], "{field}");
        }
        for field in ["_id", "id", "name", "ownerId", "userName"] {
            assert!(names.targets(field).is_empty(), "{field}");
        }
    }

    #[test]
    fn words_become_singular() {
        for (plural, one) in [
            ("users", "user"),
            ("companies", "company"),
            ("boxes", "box"),
            ("classes", "class"),
            ("statuses", "statuse"),
            ("status", "status"),
            ("branches", "branch"),
            ("series", "sery"),
            ("people", "person"),
            ("s", "s"),
        ] {
            assert_eq!(singular(plural), one);
        }
    }

    #[test]
    fn some_names_lead_upwards() {
        for field in ["parentId", "parent", "replyTo", "reply_to_id", "ancestors"] {
            assert!(is_upwards(field), "{field}");
        }
        assert!(!is_upwards("parentName"));
    }
}
