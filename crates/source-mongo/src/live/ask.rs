//! Aggregations that a person wrote.

use bson::{Bson, Document, doc};
use migrate_core::Result;
use migrate_core::decode::value_text;
use migrate_core::proof::Answer;
use migrate_core::value::Value;
use serde::Deserialize;

use super::deployment::Of;
use super::store::Shared;
use crate::classify::{config, corrupt};
use crate::raw::{self, BsonRef};
use crate::values::date::days_and_nanos;
use crate::values::decimal::Decimal;
use crate::values::json::{Nul, write};
use crate::values::object_id::push_hex;

/// Milliseconds that an aggregation may take.
const PATIENCE: i64 = 600_000;

/// `{"collection": "orders", "pipeline": [...]}`, in MongoDB Extended JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Aggregation {
    collection: String,
    pipeline: Vec<Document>,
}

/// Stages that write, which only end a pipeline.
const WRITING: [&str; 2] = ["$out", "$merge"];

/// Answers with at most `limit` documents, whose fields are the columns, of the moment at which rows are read where there is
/// one.
///
/// # Errors
/// [`Config`](migrate_core::ErrorKind::Config) for a query that is no aggregation, or one that writes.
pub(super) async fn ask(shared: &Shared, query: &str, limit: usize) -> Result<Answer> {
    let mut asked = read(query)?;
    asked.pipeline.push(doc! { "$limit": limit as i64 + 1 });
    let mut command = doc! {
        "aggregate": &asked.collection,
        "pipeline": asked.pipeline.into_iter().map(Bson::Document).collect::<Vec<_>>(),
        "cursor": {},
        "maxTimeMS": PATIENCE,
    };
    if let (Some(concern), _) = shared.moment.concern(&shared.deployment, &asked.collection) {
        command.insert("readConcern", concern);
    }
    let documents = shared
        .deployment
        .collect(Of::Documents, "answering a query of the plan", &command)
        .await?;
    table(&documents, limit)
}

fn read(query: &str) -> Result<Aggregation> {
    let asked: Aggregation = serde_json::from_str(query).map_err(|e| {
        config(format!("the query is no aggregation: {e}"))
            .hint(r#"write {"collection": "orders", "pipeline": [{"$count": "rows"}]}"#)
    })?;
    let writes = |stage: &&Document| stage.keys().any(|name| WRITING.contains(&name.as_str()));
    match asked.pipeline.iter().find(writes) {
        Some(_) => Err(config(
            "the query writes: a pipeline with $out or $merge is not run",
        )),
        None => Ok(asked),
    }
}

/// Documents as rows; a field that a document has not is NULL.
fn table(documents: &[Vec<u8>], limit: usize) -> Result<Answer> {
    let mut answer = Answer {
        more: documents.len() > limit,
        ..Answer::default()
    };
    for document in documents.iter().take(limit) {
        let document = raw::Document::new(document).map_err(|e| corrupt(e.to_string()))?;
        let mut row = vec![None; answer.columns.len()];
        for element in document.elements() {
            let element = element.map_err(|e| corrupt(e.to_string()))?;
            let name = element.name.to_lossy();
            let at = answer.columns.iter().position(|c| *c == name).unwrap_or_else(|| {
                answer.columns.push(name.into_owned());
                row.push(None);
                answer.columns.len() - 1
            });
            row[at] = text(element.value)?;
        }
        answer.rows.push(row);
    }
    let width = answer.columns.len();
    answer.rows.iter_mut().for_each(|row| row.resize(width, None));
    Ok(answer)
}

/// A value as PostgreSQL would print it where it has such a one, else as JSON.
fn text(value: BsonRef<'_>) -> Result<Option<String>> {
    let mut out = String::new();
    match value {
        BsonRef::Null | BsonRef::Undefined => return Ok(None),
        BsonRef::String(text) | BsonRef::Symbol(text) => out.push_str(&text.to_lossy()),
        BsonRef::ObjectId(id) => push_hex(id, &mut out),
        BsonRef::Double(number) => out.push_str(&number.to_string()),
        BsonRef::Int32(number) => out.push_str(&number.to_string()),
        BsonRef::Int64(number) => out.push_str(&number.to_string()),
        BsonRef::Decimal128(bytes) => Decimal::from_bytes(bytes).print(&mut out),
        BsonRef::DateTime(millis) => match days_and_nanos(millis) {
            Some((days, nanos)) => return Ok(value_text(Value::TimestampTz { days, nanos })),
            None => write(value, Nul::Plain, &mut out).map_err(|e| corrupt(e.to_string()))?,
        },
        other => write(other, Nul::Plain, &mut out).map_err(|e| corrupt(e.to_string()))?,
    }
    Ok(Some(out))
}

#[cfg(test)]
mod tests {
    use bson::oid::ObjectId;
    use bson::{DateTime, Decimal128};

    use super::*;

    #[test]
    fn the_order_of_names_counts_and_extended_json_is_meant() {
        let asked = read(
            r#"{"collection": "c", "pipeline": [{"$sort": {"b": 1, "a": -1}},
                {"$match": {"_id": {"$oid": "65000000000000000000002a"}}}]}"#,
        )
        .unwrap();
        let sort: Vec<&String> = asked.pipeline[0].get_document("$sort").unwrap().keys().collect();
        assert_eq!(sort, ["b", "a"]);
        let id = asked.pipeline[1]
            .get_document("$match")
            .unwrap()
            .get_object_id("_id")
            .unwrap();
        assert_eq!(id.to_hex(), "65000000000000000000002a");
    }

    #[test]
    fn what_writes_or_is_none_is_refused() {
        for (bad, why) in [
            ("select 1", "no aggregation"),
            (r#"{"collection": "c"}"#, "missing field `pipeline`"),
            (
                r#"{"collection": "c", "pipeline": [], "let": {}}"#,
                "unknown field `let`",
            ),
            (r#"{"collection": "c", "pipeline": [{"$out": "d"}]}"#, "writes"),
            (
                r#"{"collection": "c", "pipeline": [{"$match": {}}, {"$merge": {"into": "d"}}]}"#,
                "writes",
            ),
        ] {
            let error = read(bad).err().unwrap_or_else(|| panic!("{bad}"));
            assert_eq!(error.kind(), migrate_core::ErrorKind::Config, "{bad}");
            assert!(error.to_string().contains(why), "{error}");
        }
    }

    #[test]
    fn documents_are_rows_of_texts() {
        let documents = [
            doc! { "n": 1, "t": "a", "at": DateTime::from_millis(1_704_164_645_120) },
            doc! { "t": Bson::Null, "d": "1.50".parse::<Decimal128>().unwrap(), "f": 2.0, "b": true,
            "id": ObjectId::from_bytes([7; 12]), "l": [1, "x"] },
            doc! { "n": 3_i64 },
        ];
        let raw: Vec<Vec<u8>> = documents.iter().map(|d| d.to_vec().unwrap()).collect();
        let answer = table(&raw, 2).unwrap();
        assert_eq!(answer.columns, ["n", "t", "at", "d", "f", "b", "id", "l"]);
        let text = |cells: &[&str]| {
            cells
                .iter()
                .map(|c| (!c.is_empty()).then(|| (*c).to_owned()))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            answer.rows,
            [
                text(&["1", "a", "2024-01-02 03:04:05.12+00", "", "", "", "", ""]),
                text(&[
                    "",
                    "",
                    "",
                    "1.50",
                    "2",
                    "true",
                    "070707070707070707070707",
                    r#"[1,"x"]"#
                ]),
            ]
        );
        assert!(answer.more);
    }
}
