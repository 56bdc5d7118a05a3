//! The documentation page of types is made from the rule table that the code uses.

use std::path::Path;

const HEADING: &str = "# BSON types, and what they become\n\n\
    Made from the rule table that reads the values. Which of these columns a field gets follows from what its documents \
    hold; `docs/mongodb-mapping.md` says how. A value that the table does not let into its field's column (another type, \
    out of range, too long) is not changed: the column is NULL, and the value is kept in the overflow column.\n\n";

const REST: &str = r#"
## Text of several types

A text column whose `native` names other types than `string` or `objectId` alone holds the JSON form of its values, so
that `5`, `"5"` and an ObjectId stay different.

## Arrays

An array of values that all fit the element's type becomes a PostgreSQL array; nulls among them only where the column's
`native` names them. Any other array is kept whole in the overflow.

## JSON

In `jsonb` what JSON has a form for is plain: strings, booleans, null, documents, arrays, 32-bit integers, 64-bit integers
that need more than 32 bits, and doubles from 1e-7 up to 1e15, which always have a point (`5.0`). Everything else is
canonical Extended JSON v2: `{"$numberLong": "5"}`, `{"$numberDouble": "NaN"}`, `{"$numberDecimal": "1.50"}`,
`{"$date": {"$numberLong": "0"}}`, `{"$oid": "..."}`, `{"$binary": {"base64": "...", "subType": "04"}}`,
`{"$regularExpression": {"pattern": "...", "options": "i"}}`, `{"$timestamp": {"t": 1, "i": 2}}`, `{"$code": "..."}`,
`{"$code": "...", "$scope": {...}}`, `{"$symbol": "..."}`, `{"$dbPointer": {...}}`, `{"$minKey": 1}`, `{"$maxKey": 1}`,
`{"$undefined": true}`. DBRefs (`$ref`, `$id`, `$db`) are as they are.

Two forms are added, since nothing may be lost or mistaken:

- `{"$document": [["name", value], ...]}` is a document with a name that begins with `$`, with a name twice, or with a name
  that is not UTF-8.
- `{"$bson": {"type": "02", "base64": "..."}}` is a value whose text is not UTF-8 or holds U+0000, or a decimal in an
  unusual encoding: its BSON type and its bytes. Where the plan's `nul` strips or replaces U+0000, it does so here too.

`document_from_json` reads all of it back. What is not kept: the order of names (`jsonb` sorts them), the names of an
array's elements, and which NaN it was.

## The overflow column

Every table has one, unless the options leave it out: `jsonb`, NULL where there is nothing to keep. Without it a row of which
anything would be kept goes to quarantine, unless that is only null or empty; whoever skips the column in the plan leaves out
what would be in it. Its names are paths, as
the plan writes them.

| name | value |
|---|---|
| `a.b` | the value at that path: the plan does not know the path, or the value does not fit its column |
| `$` | the array's element itself, where it is no document or fits no column; `[]` also for an array whose elements are rows of another table |
| `$missing` | paths that are not null or empty although a NULL or the lack of rows says so: they are missing, or documents of which other columns have the parts |
| `$fields` | pairs of a path, as a list of names, and a value: names that come again in the same document, and names that are not UTF-8 |

An empty nested document is kept there too, and so is an empty array whose elements would be rows of a child table, unless
the plan says that no rows mean an empty array. Where the plan merges null and missing, a nested document that holds nothing
else is not told from a missing one. Columns and tables that a plan leaves out on purpose are not kept.

## ObjectIds as UUIDs

| bits of the UUID | content |
|---|---|
| 0 to 47 | the first 48 bits of the ObjectId, of which 32 are its time |
| 48 to 51 | version 8 |
| 52 to 63 | the next 12 bits |
| 64 and 65 | the variant, binary 10 |
| 66 to 101 | the last 36 bits |
| 102 to 127 | zeros |

So the UUIDs sort as the ObjectIds do. `object_id_of_uuid` reads the ObjectId back.
"#;

/// `UPDATE_DOCS=1 cargo test -p migrate-source-mongo --test documentation` writes the page anew.
#[test]
fn the_page_of_types_is_the_rule_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/mongodb-types.md");
    let page = format!("{HEADING}{}{REST}", migrate_source_mongo::type_table_markdown());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap();
    assert!(
        written == page,
        "docs/mongodb-types.md is out of date: run this test with UPDATE_DOCS=1"
    );
}
