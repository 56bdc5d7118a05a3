use std::collections::{HashMap, HashSet};

use bson::spec::ElementType;
use bson::{Bson, Document, doc};

use super::*;

fn decoded(collection: &'static str, crm: Crm) -> Vec<Document> {
    crm.documents(collection)
        .map(|bytes| Document::from_reader(bytes.as_slice()).unwrap())
        .collect()
}

fn keys(collection: &'static str, crm: Crm) -> HashSet<String> {
    decoded(collection, crm)
        .iter()
        .map(|document| document["_id"].to_string())
        .collect()
}

#[test]
fn the_same_seed_gives_the_same_documents() {
    let crm = Crm::new(7, 1);
    let all: Vec<_> = crm.all().collect();
    assert_eq!(all.len() as u64, crm.total());
    assert_eq!(crm.total(), 1955);
    assert!(all == Crm::new(7, 1).all().collect::<Vec<_>>());
    assert!(all != Crm::new(8, 1).all().collect::<Vec<_>>());
    assert_eq!(Crm::new(7, 10).count("tasks"), 1800);
    assert_eq!(Crm::new(7, 10).count("roles"), 5);
}

#[test]
fn keys_are_unique() {
    for scale in [1, 3] {
        let crm = Crm::new(1, scale);
        for (name, _) in COLLECTIONS {
            assert_eq!(keys(name, crm).len() as u32, crm.count(name), "{name}");
        }
    }
}

#[test]
fn references_resolve_but_those_to_campaigns() {
    let crm = Crm::new(3, 1);
    let (documents, users) = (keys("documents", crm), keys("users", crm));
    let resolve = |relations: &[(&'static str, &str)], keys: &HashSet<String>| {
        for (collection, field) in relations {
            let mut seen = 0;
            for document in decoded(collection, crm) {
                for key in document.get_array(field).unwrap() {
                    assert!(keys.contains(&key.to_string()), "{collection}.{field}");
                    seen += 1;
                }
            }
            assert!(seen > 10, "{collection}.{field}");
        }
    };
    resolve(&DOCUMENT_RELATIONS, &documents);
    resolve(&WATCHER_RELATIONS, &users);
    let comments = keys("comments", crm);
    let parents: Vec<Bson> = decoded("comments", crm)
        .iter()
        .filter_map(|comment| comment.get("replyTo").cloned())
        .collect();
    assert!(
        parents.len() > 50
            && parents
                .iter()
                .all(|parent| comments.contains(&parent.to_string()))
    );
    let events = keys("events", crm);
    let campaigns: Vec<String> = decoded("leads", crm)
        .iter()
        .filter_map(|lead| Some(lead.get("campaignId")?.to_string()))
        .collect();
    let found = campaigns
        .iter()
        .filter(|campaign| events.contains(*campaign))
        .count();
    assert!(found > 0 && found < campaigns.len());
}

#[test]
fn types_drift_over_the_years() {
    let crm = Crm::new(3, 2);
    let mut types: HashMap<&str, HashSet<u8>> = HashMap::new();
    for (collection, field) in [
        ("accounts", "revenue"),
        ("accounts", "address"),
        ("contacts", "phone"),
        ("contacts", "birthday"),
        ("users", "active"),
        ("orders", "_id"),
        ("leads", "status"),
    ] {
        for document in decoded(collection, crm) {
            if let Some(value) = document.get(field) {
                types.entry(field).or_default().insert(value.element_type() as u8);
            }
        }
    }
    use ElementType::{Boolean, DateTime, Decimal128, Double, EmbeddedDocument, Int32, Int64, String};
    assert_eq!(
        types["revenue"],
        HashSet::from([Int32 as u8, Double as u8, Int64 as u8, Decimal128 as u8])
    );
    assert_eq!(
        types["address"],
        HashSet::from([String as u8, EmbeddedDocument as u8])
    );
    assert_eq!(types["phone"], HashSet::from([Int64 as u8, String as u8]));
    assert_eq!(types["birthday"], HashSet::from([String as u8, DateTime as u8]));
    assert_eq!(types["active"], HashSet::from([Int32 as u8, Boolean as u8]));
    assert_eq!(types["_id"], HashSet::from([Int32 as u8, Int64 as u8]));
    assert_eq!(types["status"], HashSet::from([Int32 as u8, String as u8]));
}

#[test]
fn a_server_takes_and_returns_every_byte() {
    let server = MongoServer::start();
    let crm = Crm::new(11, 1);
    assert_eq!(crm.load(&server, "crm").unwrap(), crm.total());
    for (name, _) in COLLECTIONS {
        let find = doc! { "find": name, "batchSize": 10_000, "sort": { "$natural": 1 } };
        let reply = server.run("crm", find);
        let stored = reply
            .get_document("cursor")
            .unwrap()
            .get_array("firstBatch")
            .unwrap();
        let stored: Vec<Vec<u8>> = stored
            .iter()
            .map(|document| document.as_document().unwrap().to_vec().unwrap())
            .collect();
        assert!(stored == crm.documents(name).collect::<Vec<_>>(), "{name}");
        let reply = server.run("crm", doc! { "listIndexes": name });
        let listed = reply
            .get_document("cursor")
            .unwrap()
            .get_array("firstBatch")
            .unwrap();
        let listed: Vec<Document> = listed
            .iter()
            .map(|index| index.as_document().unwrap().clone())
            .collect();
        assert_eq!(listed, crm.indexes(name), "{name}");
    }
    let reply = server.run(
        "crm",
        doc! { "listCollections": 1, "filter": { "type": "collection" } },
    );
    let listed = reply
        .get_document("cursor")
        .unwrap()
        .get_array("firstBatch")
        .unwrap();
    for collection in listed.iter().map(|entry| entry.as_document().unwrap()) {
        let name = collection.get_str("name").unwrap();
        if name != "system.views" {
            assert_eq!(
                collection.get_document("options").unwrap(),
                &crm.options(name),
                "{name}"
            );
        }
    }
}

#[test]
fn a_dump_states_what_a_server_states() {
    let crm = Crm::new(11, 1);
    let dump = crm.dump("crm");
    assert_eq!(dump.collections.len(), 27);
    let documents: usize = dump
        .collections
        .iter()
        .map(|collection| collection.documents.len())
        .sum();
    assert_eq!(documents as u64, crm.total());
    let of = |name: &str| {
        dump.collections
            .iter()
            .find(|collection| collection.name == name)
            .unwrap()
    };
    assert_eq!(
        of("invoices").metadata,
        r#"{"indexes":[{"v":{"$numberInt":"2"},"key":{"_id":{"$numberInt":"1"}},"name":"_id_"},{"v":{"$numberInt":"2"},"key":{"number":{"$numberInt":"1"}},"name":"number_1","unique":true}],"uuid":"0000000000000000000000000000000b","collectionName":"invoices","type":"collection"}"#
    );
    assert_eq!(
        of("open_tasks").metadata,
        r#"{"options":{"viewOn":"tasks","pipeline":[{"$match":{"done":false}},{"$project":{"title":{"$numberInt":"1"},"assigneeId":{"$numberInt":"1"}}}]},"indexes":[],"uuid":"","collectionName":"open_tasks","type":"view"}"#
    );
}
