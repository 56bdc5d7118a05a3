use bson::spec::BinarySubtype;
use bson::{Binary, doc};
use proptest::prelude::*;

use crate::shape::{RowsFrom, ValueFrom};

use super::*;

const NAMES: [&str; 13] = [
    "_id", "userId", "users", "parent", "", "a.b", "$id", "$ref", "*", "#", "x", "X", "2024",
];

fn value() -> impl Strategy<Value = Bson> {
    let scalar = prop_oneof![
        any::<i32>().prop_map(Bson::Int32),
        any::<i64>().prop_map(Bson::Int64),
        any::<f64>().prop_map(Bson::Double),
        "[a-c\0]{0,3}".prop_map(Bson::String),
        Just(Bson::Null),
        Just(Bson::Undefined),
        Just(Bson::MinKey),
        any::<bool>().prop_map(Bson::Boolean),
        any::<i64>().prop_map(|n| Bson::DateTime(bson::DateTime::from_millis(n))),
        (0u8..6).prop_map(oid),
        (0u8..8, 0usize..20).prop_map(|(subtype, n)| Bson::Binary(Binary {
            subtype: BinarySubtype::from(subtype),
            bytes: vec![n as u8; if n > 12 { 16 } else { n }],
        })),
    ];
    scalar.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Bson::Array),
            fields(inner).prop_map(Bson::Document),
        ]
    })
}

fn fields(value: impl Strategy<Value = Bson>) -> impl Strategy<Value = Document> {
    let name = proptest::sample::select(&NAMES[..]);
    let fields = proptest::collection::vec((name, value), 0..6);
    fields.prop_map(|fields| {
        fields
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    })
}

proptest! {
    #[test]
    fn any_documents_can_be_planned(
        users in proptest::collection::vec(fields(value()), 0..6),
        orders in proptest::collection::vec(fields(value()), 0..6),
        nulls in prop_oneof![Just("keep"), Just("same")],
        not_null in prop_oneof![Just("data"), Just("validator")],
        objectid in prop_oneof![Just("uuid"), Just("text"), Just("bytea")],
    ) {
        let options = format!("nulls = '{nulls}'\nnot_null = '{not_null}'\nobjectid = '{objectid}'");
        let world = World::new(&[("users", users), ("orders", orders)])
            .with(&options)
            .index(&doc! { "key": { "userId": 1, "x": -1 }, "name": "i", "unique": true, "sparse": true })
            .index(&doc! { "key": { "x.X": 1 }, "name": "j" });
        let catalog = world.catalog().unwrap();
        for table in &catalog.tables {
            prop_assert_eq!(RowsFrom::parse(&table.name.name).unwrap().to_string(), table.name.name.clone());
            for column in &table.columns {
                prop_assert_eq!(ValueFrom::parse(&column.name).unwrap().to_string(), column.name.clone());
                prop_assert_eq!(Native::parse(&column.native).unwrap().to_string(), column.native.clone());
            }
        }
        let plan = world.plan();
        prop_assert_eq!(plan.tables.len(), catalog.tables.len());
        // What is written makes the same tables again.
        let written: toml::Table = toml::from_str(&catalog.options).unwrap();
        let written = serde_json::to_value(&written["options"]).unwrap();
        let again = World { options: MongoOptions::from_map(written.as_object().unwrap()).unwrap(), ..world };
        let again = again.catalog().unwrap();
        let columns = |catalog: &Catalog| -> Vec<_> {
            catalog.tables.iter().map(|t| (t.name.clone(), t.columns.clone())).collect()
        };
        prop_assert_eq!(columns(&again), columns(&catalog));
    }
}
