//! Documents at the limits.

use super::rebuild::Tuples;
use super::rebuild::bson::{document as tree, same, sorted};
use super::rebuild::documents;
use super::{Said, batch, catalog, plan_with};
use crate::raw::{Kind, MAX_LEVELS};
use crate::values::arbitrary::{Value, document, framed};

const TABLES: &[Said<'_>] = &[(
    "c",
    &[
        ("_id", "int", "integer!"),
        ("nested", "object", "jsonb"),
        ("text", "string", "text"),
        ("*", "overflow", "jsonb"),
    ],
)];

fn int(n: i32) -> Value {
    (Kind::Int32 as u8, n.to_le_bytes().to_vec())
}

fn named(members: &[(&str, Value)]) -> Vec<u8> {
    let members: Vec<_> = members
        .iter()
        .map(|(name, value)| (name.as_bytes().to_vec(), value.clone()))
        .collect();
    document(&members)
}

fn comes_back(original: &[u8]) {
    let catalog = catalog(TABLES);
    let plan = plan_with(&catalog, "");
    let batch = batch(&plan, &plan.tables[0], &catalog, &[original.to_vec()]);
    assert_eq!(batch.rejects, vec![]);
    let tuples = Tuples::from([("c".to_owned(), batch.iter().map(<[u8]>::to_vec).collect())]);
    let back = documents(&plan, "c", &tuples).remove(0);
    assert!(same(&sorted(tree(original)), &sorted(back)));
}

/// What reads the document back recurses; what moves it does not.
fn with_room(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new()
        .stack_size(64 << 20)
        .spawn(test)
        .unwrap();
    thread.join().unwrap();
}

#[test]
fn the_deepest_document_is_stored() {
    with_room(|| {
        for name in ["a", "$"] {
            let mut nested = (Kind::Document as u8, named(&[]));
            for _ in 0..MAX_LEVELS - 2 {
                nested = (Kind::Document as u8, named(&[(name, nested)]));
            }
            comes_back(&named(&[
                ("_id", int(1)),
                ("nested", nested.clone()),
                ("other", nested),
            ]));
        }
    });
}

#[test]
fn the_largest_document_is_stored() {
    const SIZE: usize = 5 << 20;
    let long = |byte: u8| (Kind::String as u8, framed(&vec![byte; SIZE]));
    // Text that fits its column, text that does not (not UTF-8), and text under a name that the plan does not have.
    comes_back(&named(&[
        ("_id", int(1)),
        ("text", long(b'x')),
        ("other", long(b'"')),
    ]));
    comes_back(&named(&[
        ("_id", int(2)),
        ("text", long(0xff)),
        ("other", long(0)),
    ]));
    let many: Vec<(Vec<u8>, Value)> = (0..20_000)
        .map(|n| (format!("field {n}").into_bytes(), int(n)))
        .collect();
    let mut members = vec![(b"_id".to_vec(), int(3))];
    members.extend(many.clone());
    members.push((b"nested".to_vec(), (Kind::Document as u8, document(&many))));
    comes_back(&document(&members));
}
