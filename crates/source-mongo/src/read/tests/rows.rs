//! Rows, value by value.

use std::sync::Arc;

use async_trait::async_trait;
use migrate_core::batch::{Batch, BatchBuilder};
use migrate_core::catalog::{Catalog, ObjectName};
use migrate_core::chunk::Cursor;
use migrate_core::decode::decode_row;
use migrate_core::encode::{ColumnSpec, RowEncoder};
use migrate_core::plan::Plan;
use migrate_core::source::{ChunkReader, Fill};
use migrate_core::{ErrorKind, Result};
use serde_json::{Value as Json, json};

use super::{Said, batch, catalog, plan_with};
use crate::read::{Program, Reader};
use crate::store::{Documents, Fields, Page};
use crate::values::json::document_from_json;

fn bson(json: Json) -> Vec<u8> {
    document_from_json(&json.to_string()).unwrap()
}

struct Case {
    catalog: Catalog,
    plan: Plan,
}

impl Case {
    fn new(tables: &[Said<'_>], mapping: &str) -> Self {
        let catalog = catalog(tables);
        let plan = plan_with(&catalog, mapping);
        Self { catalog, plan }
    }

    fn batch(&self, table: &str, documents: &[Json]) -> Batch {
        let documents: Vec<_> = documents.iter().cloned().map(bson).collect();
        let table = self.plan.table(&ObjectName::new("db", table)).unwrap();
        batch(&self.plan, table, &self.catalog, &documents)
    }

    fn rows(&self, table: &str, documents: &[Json]) -> Vec<Json> {
        let batch = self.batch(table, documents);
        assert_eq!(batch.rejects, vec![]);
        let table = self.plan.table(&ObjectName::new("db", table)).unwrap();
        let columns = || table.copied().map(|c| (c.source.as_str(), &c.ty));
        batch
            .iter()
            .map(|row| decode_row(columns(), row).unwrap())
            .collect()
    }
}

const PEOPLE: &[Said<'_>] = &[
    (
        "people",
        &[
            ("_id", "int", "integer!"),
            ("name", "string", "text"),
            ("age", "int|long", "integer"),
            ("address.city", "string|null", "text"),
            ("address.zip", "string", "varchar(3)"),
            ("*", "overflow", "jsonb"),
        ],
    ),
    (
        "people[tags]",
        &[
            ("^_id", "int", "integer!"),
            ("#", "ordinal", "integer!"),
            ("$", "string", "text!"),
        ],
    ),
];

#[test]
fn what_no_column_takes_is_in_the_overflow() {
    let case = Case::new(PEOPLE, "");
    let rows = case.rows(
        "people",
        &[
            json!({"_id": 1, "name": "Ada", "age": 36, "address": {"city": "London", "zip": "N1"}, "tags": ["a"]}),
            json!({"_id": 2, "name": null, "age": 2.5, "address": {"city": null, "zip": "12345", "a.b": 1}, "x": {"$oid": "00112233445566778899aabb"}}),
            json!({"_id": 3, "address": {}, "tags": []}),
        ],
    );
    assert_eq!(
        rows,
        [
            json!({"_id": 1, "name": "Ada", "age": 36, "address.city": "London", "address.zip": "N1", "*": null}),
            json!({
                "_id": 2, "name": null, "age": null, "address.city": null, "address.zip": null,
                "*": {"name": null, "age": 2.5, "address.zip": "12345", "address.a\\.b": 1, "x": {"$oid": "00112233445566778899aabb"}}
            }),
            json!({
                "_id": 3, "name": null, "age": null, "address.city": null, "address.zip": null,
                "*": {"address": {}, "tags": [], "$missing": ["address.city"]}
            }),
        ]
    );
    // Names that begin with a dollar need the form for them.
    let rows = case.rows("people", &[json!({"$document": [["_id", 4], ["address", "here"], ["tags", "b"], ["$x", 1], ["y", 1], ["y", 2], ["_id", 5]]})]);
    assert_eq!(
        rows[0]["*"],
        json!({
            "address": "here", "tags": "b", "\\$x": 1, "y": 1, "$missing": ["address.city"],
            "$fields": [[["y"], 2], [["_id"], 5]]
        })
    );
}

#[test]
fn arrays_become_rows() {
    let case = Case::new(PEOPLE, "");
    let rows = case.rows(
        "people[tags]",
        &[
            json!({"_id": 1, "tags": ["a", "b"]}),
            json!({"_id": 2, "tags": "c"}),
            json!({"_id": 3}),
            json!({"tags": ["d"], "_id": 4}),
        ],
    );
    assert_eq!(
        rows,
        [
            json!({"^_id": 1, "#": 0, "$": "a"}),
            json!({"^_id": 1, "#": 1, "$": "b"}),
            json!({"^_id": 4, "#": 0, "$": "d"}),
        ]
    );
}

#[test]
fn what_has_no_place_at_all_is_refused_with_its_key() {
    let case = Case::new(PEOPLE, "");
    let batch = case.batch("people[tags]", &[json!({"_id": 7, "tags": ["a", 5]})]);
    assert_eq!(batch.rows(), 1);
    assert_eq!(batch.rejects[0].key, "7[1]");
    assert_eq!(batch.rejects[0].column, "$");
    // A key that is no integer cannot be NULL: the row is kept whole, with the key.
    let batch = case.batch("people", &[json!({"_id": "x", "name": "Ada"})]);
    assert_eq!(batch.rejects[0].key, "\"x\"");
    assert_eq!(batch.rejects[0].row["*"]["_id"], "x");
    assert_eq!(batch.rejects[0].row["name"], "Ada");
    let case = Case::new(PEOPLE, "tables.\"db.people\".columns.\"*\".skip = true");
    let batch = case.batch("people", &[json!({"name": 1})]);
    assert_eq!(
        (batch.rejects.len(), batch.rejects[0].key.as_str()),
        (1, "without _id")
    );
}

#[test]
fn without_an_overflow_rows_that_need_one_are_refused() {
    let tables: &[Said<'_>] = &[
        ("c", &[("_id", "int", "integer!"), ("a", "int", "integer")]),
        (
            "c[d]",
            &[
                ("^_id", "int", "integer!"),
                ("#", "ordinal", "integer!"),
                ("x", "int", "integer"),
            ],
        ),
    ];
    let case = Case::new(tables, "");
    let batch = case.batch(
        "c",
        &[
            json!({"_id": 1, "a": 2, "b": null, "c": {}, "d": []}),
            json!({"_id": 2, "b": 3}),
        ],
    );
    assert_eq!(batch.rows(), 1);
    assert_eq!(batch.rejects[0].key, "2");
    let batch = case.batch("c[d]", &[json!({"_id": 1, "d": [{"x": 1}, 5, {"y": 1}, null]})]);
    assert_eq!(batch.rows(), 2);
    let keys: Vec<_> = batch.rejects.iter().map(|r| r.key.as_str()).collect();
    assert_eq!(keys, ["1[1]", "1[2]"]);
    // Whoever leaves the overflow out of the plan leaves out what would be in it.
    let case = Case::new(PEOPLE, "tables.\"db.people\".columns.\"*\".skip = true");
    assert_eq!(case.rows("people", &[json!({"_id": 1, "x": 1})])[0]["_id"], 1);
}

#[test]
fn what_a_person_left_out_is_nowhere() {
    let case = Case::new(
        PEOPLE,
        "exclude = [\"db.people[tags]\"]\ntables.\"db.people\".columns.\"address.zip\".skip = true",
    );
    let rows = case.rows(
        "people",
        &[json!({"_id": 1, "address": {"city": "x", "zip": "secret"}, "tags": ["secret"]})],
    );
    assert_eq!(rows[0]["*"], Json::Null);
    assert_eq!(rows[0].get("address.zip"), None);
}

#[test]
fn only_what_is_taken_is_read() {
    let fields = |tables: &[Said<'_>], table: &str, mapping: &str| {
        let case = Case::new(tables, mapping);
        let table = case.plan.table(&ObjectName::new("db", table)).unwrap();
        Program::compile(&case.plan, table, &case.catalog).unwrap().fields
    };
    let only = |names: &[&str]| Fields::Only(names.iter().map(|n| (*n).to_owned()).collect());
    assert_eq!(fields(PEOPLE, "people", ""), Fields::All);
    assert_eq!(
        fields(PEOPLE, "people", "tables.\"db.people\".columns.\"*\".skip = true"),
        only(&["address", "age", "name"])
    );
    assert_eq!(fields(PEOPLE, "people[tags]", ""), only(&["tags"]));
    let odd: &[Said<'_>] = &[(
        "c[a\\.b.c]",
        &[("^_id", "int", "integer"), ("$", "int", "integer")],
    )];
    assert_eq!(fields(odd, "c[a\\.b.c]", ""), Fields::All);
}

#[test]
fn plans_that_do_not_fit_together_are_refused() {
    let compile = |tables: &[Said<'_>]| {
        let case = Case::new(tables, "");
        Program::compile(&case.plan, &case.plan.tables[0], &case.catalog).unwrap_err()
    };
    let cases: &[&[Said<'_>]] = &[
        &[("c", &[("#", "ordinal", "integer")])],
        &[("c", &[("$", "int", "integer")])],
        &[("c[a]", &[("^#", "ordinal", "integer")])],
        &[("c", &[("a", "int", "time")])],
        &[("c", &[("a", "whole number", "integer")])],
        &[("c", &[("a[", "int", "integer")])],
        &[("c[a", &[("a", "int", "integer")])],
    ];
    for case in cases {
        assert_eq!(compile(case).kind(), ErrorKind::Config, "{case:?}");
    }
}

/// Pages of documents, one after the other.
struct Pages(Vec<Vec<Vec<u8>>>, usize);

#[async_trait]
impl Documents for Pages {
    async fn fill(&mut self, page: &mut Page) -> Result<Fill> {
        page.bytes.clear();
        page.documents.clear();
        let documents = self.0.remove(0);
        self.1 += 1;
        for document in documents {
            let start = page.bytes.len();
            page.bytes.extend_from_slice(&document);
            page.documents.push(start..page.bytes.len());
        }
        Ok(if self.0.is_empty() { Fill::End } else { Fill::More })
    }

    fn cursor(&self, _: &Page, index: usize) -> Result<Cursor> {
        Ok(Cursor(format!("page {} document {index}", self.1)))
    }

    fn place(&self, _: &Page, index: usize) -> String {
        format!("page {} document {index}", self.1)
    }
}

#[tokio::test]
async fn a_documents_rows_stay_together() {
    let case = Case::new(PEOPLE, "");
    let table = case.plan.table(&ObjectName::new("db", "people[tags]")).unwrap();
    let program = Arc::new(Program::compile(&case.plan, table, &case.catalog).unwrap());
    let tags: Vec<String> = (0..100).map(|i| format!("tag {i}")).collect();
    let document = |id: i32| bson(json!({"_id": id, "tags": tags}));
    let pages = vec![
        vec![document(1), document(2)],
        vec![],
        vec![document(3)],
        vec![bson(json!({"_id": 4}))],
    ];
    let mut reader = Reader::new(Box::new(Pages(pages, 0)), std::slice::from_ref(&program));
    let specs: Vec<ColumnSpec> = table.copied().map(ColumnSpec::from).collect();
    let mut out = BatchBuilder::new(Arc::new(RowEncoder::compile(&specs).unwrap()), 1000);
    assert_eq!(reader.cursor(), None);
    let mut seen = Vec::new();
    loop {
        let fill = reader.fill(&mut out).await.unwrap();
        seen.push((out.take().unwrap().rows(), reader.cursor().unwrap().0, fill));
        if fill == Fill::End {
            break;
        }
    }
    assert_eq!(
        seen,
        [
            (100, "page 1 document 0".to_owned(), Fill::More),
            (100, "page 1 document 1".to_owned(), Fill::More),
            (100, "page 3 document 0".to_owned(), Fill::More),
            (0, "page 4 document 0".to_owned(), Fill::End),
        ]
    );

    let mut damaged = document(5);
    let end = damaged.len() - 2;
    damaged[end] = 9;
    let mut reader = Reader::new(Box::new(Pages(vec![vec![document(4), damaged]], 0)), &[program]);
    let mut out = BatchBuilder::new(Arc::new(RowEncoder::compile(&specs).unwrap()), 1 << 20);
    let error = reader.fill(&mut out).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    let text = error.to_string();
    assert!(
        text.contains("collection people, document page 1 document 1, byte of the document"),
        "{text}"
    );
}
