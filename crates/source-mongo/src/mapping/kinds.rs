//! Views, capped and time-series collections: what tables are not.

use bson::{Bson, Document};
use migrate_core::catalog::ManualObject;

use super::draft::Draft;

/// A view, for a person to write again.
pub(super) fn view(name: &str, options: &Document) -> ManualObject {
    let on = options.get_str("viewOn").unwrap_or_default();
    let pipeline = options
        .get("pipeline")
        .cloned()
        .unwrap_or(Bson::Array(Vec::new()));
    ManualObject {
        kind: "view".to_owned(),
        name: name.to_owned(),
        definition: format!("on {on}: {pipeline}"),
        reason: "aggregation pipelines are not translated".to_owned(),
    }
}

/// Notes what a collection does that its table does not.
pub(super) fn notes(draft: &mut Draft<'_>, kind: &str, options: &Document) {
    let number = |name: &str| options.get(name).map(ToString::to_string);
    if options.get_bool("capped").unwrap_or(false) {
        let size = number("size").unwrap_or_default();
        let most = number("max").map_or(String::new(), |n| format!(" or {n} documents"));
        draft.note(format!(
            "is capped at {size} bytes{most}: MongoDB drops the oldest documents, PostgreSQL does not"
        ));
    }
    if kind == "timeseries" || options.contains_key("timeseries") {
        let of = options.get_document("timeseries").ok();
        let field = |name: &str| of.and_then(|d| d.get_str(name).ok()).unwrap_or("-").to_owned();
        draft.note(format!(
            "is a time series over {} with metadata in {}: a plain table here; partitions by time may help",
            field("timeField"),
            field("metaField")
        ));
        if let Some(seconds) = number("expireAfterSeconds") {
            draft.note(format!(
                "MongoDB deletes its documents after {seconds} seconds; PostgreSQL needs a job for that"
            ));
        }
    }
    if let Ok(collation) = options.get_document("collation")
        && collation.get_str("locale").is_ok_and(|l| l != "simple")
    {
        draft.note(format!("its default collation {collation} is not carried over"));
    }
}
