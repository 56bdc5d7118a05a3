//! What things are called in the destination.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// PostgreSQL keeps 63 bytes of a name (`NAMEDATALEN` - 1) and drops the rest without an error.
pub const MAX_NAME_BYTES: usize = 63;

/// How names are changed. Every name is quoted wherever it is used, so each of these is safe.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Naming {
    /// As in the source.
    #[default]
    Preserve,
    /// `SalesOrderID` becomes `sales_order_id`.
    Snake,
    /// `SalesOrderID` becomes `salesorderid`.
    Lower,
}

impl Naming {
    /// Applies the policy, without shortening.
    pub fn apply(self, name: &str) -> String {
        match self {
            Self::Preserve => name.to_owned(),
            Self::Lower => name.to_lowercase(),
            Self::Snake => snake(name),
        }
    }
}

/// Words end where lower case turns to upper case, and before the last capital of a run that a small letter follows.
fn snake(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut out = String::with_capacity(name.len() + 8);
    for (i, &c) in chars.iter().enumerate() {
        if !c.is_alphanumeric() {
            if !out.ends_with('_') {
                out.push('_');
            }
            continue;
        }
        let before = i.checked_sub(1).map(|p| chars[p]);
        let after = chars.get(i + 1);
        let starts_word = c.is_uppercase()
            && before.is_some_and(|b| {
                b.is_lowercase()
                    || b.is_numeric()
                    || (b.is_uppercase() && after.is_some_and(|a| a.is_lowercase()))
            });
        if starts_word && !out.ends_with('_') {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    let trimmed = out.trim_end_matches('_');
    if trimmed.is_empty() {
        name.to_lowercase()
    } else {
        trimmed.to_owned()
    }
}

/// Shortens a name to 63 bytes. A shortened name ends in a hash of the whole, so that two long names that begin alike
/// stay two names.
pub fn shorten(name: &str) -> String {
    if name.len() <= MAX_NAME_BYTES {
        return name.to_owned();
    }
    let hash = format!("_{:08x}", Digest::hash(name.as_bytes()) as u32);
    let mut end = MAX_NAME_BYTES - hash.len();
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{hash}", &name[..end])
}

/// The names given out in one namespace.
#[derive(Debug, Clone, Default)]
pub struct Namespace {
    taken: BTreeSet<String>,
}

impl Namespace {
    /// Takes the name, shortened, or the first free one of `name_2`, `name_3`... The second value says whether the name
    /// had to be numbered.
    pub fn take(&mut self, name: &str) -> (String, bool) {
        let first = shorten(name);
        if self.taken.insert(first.clone()) {
            return (first, false);
        }
        let mut n = 2_u64;
        loop {
            let candidate = shorten(&format!("{name}_{n}"));
            if self.taken.insert(candidate.clone()) {
                return (candidate, true);
            }
            n += 1;
        }
    }

    /// Whether the name is taken.
    pub fn contains(&self, name: &str) -> bool {
        self.taken.contains(&shorten(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn snake_case_keeps_acronyms_together() {
        for (from, to) in [
            ("SalesOrderID", "sales_order_id"),
            ("XMLHttpRequest", "xml_http_request"),
            ("rowguid", "rowguid"),
            ("Database Version", "database_version"),
            ("PK_Sales.Order", "pk_sales_order"),
            ("Line2Text", "line2_text"),
            ("ÄrgerÖl", "ärger_öl"),
            ("_id", "_id"),
            ("--", "--"),
        ] {
            assert_eq!(Naming::Snake.apply(from), to);
        }
        assert_eq!(Naming::Lower.apply("SalesOrderID"), "salesorderid");
        assert_eq!(Naming::Preserve.apply("Sales Order"), "Sales Order");
    }

    #[test]
    fn taken_names_are_numbered() {
        let mut names = Namespace::default();
        assert_eq!(names.take("a"), ("a".into(), false));
        assert_eq!(names.take("a"), ("a_2".into(), true));
        assert_eq!(names.take("a_2"), ("a_2_2".into(), true));
        assert_eq!(names.take("a"), ("a_3".into(), true));
    }

    proptest! {
        #[test]
        fn names_fit_and_never_collide(names in proptest::collection::vec("\\PC{0,40}|[aé]{55,70}", 1..20)) {
            let mut space = Namespace::default();
            let mut seen = BTreeSet::new();
            for name in &names {
                let (given, _) = space.take(name);
                prop_assert!(given.len() <= MAX_NAME_BYTES);
                prop_assert!(seen.insert(given));
            }
        }
    }
}
