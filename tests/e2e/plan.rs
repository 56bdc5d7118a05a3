//! Plan files: written, edited, run.

use std::path::Path;

use migrate_testkit::bacpac::{
    BacpacWriter, Cell, ColumnSpec, DatabaseSpec, ForeignKeySpec, Options, SqlType, TableSpec,
};

use crate::cli::{Folder, crm, migrate};
use crate::server::{Database, both, newest};

const USAGE: i32 = 2;
const CONFLICT: i32 = 6;

/// A shop; `extra` is a column that came later.
fn shop(path: &Path, extra: bool) {
    let mut item = TableSpec::new("Sales", "OrderItem")
        .column(ColumnSpec::new("ItemID", SqlType::Int).not_null())
        .column(ColumnSpec::new("OrderID", SqlType::Int).not_null())
        .column(ColumnSpec::new("UnitPrice", SqlType::Money).not_null())
        .column(ColumnSpec::new("Note", SqlType::NVarChar(Some(30))))
        .primary_key("PK_OrderItem", &["ItemID"])
        .foreign_key(ForeignKeySpec::new(
            "FK_Item_Order",
            &["OrderID"],
            "Sales",
            "Order",
            &["OrderID"],
        ));
    if extra {
        item = item.column(ColumnSpec::new("Added", SqlType::Int));
    }
    let order = TableSpec::new("Sales", "Order")
        .column(ColumnSpec::new("OrderID", SqlType::Int).not_null())
        .column(ColumnSpec::new("Secret", SqlType::NVarChar(Some(30))))
        .primary_key("PK_Order", &["OrderID"]);
    let log = TableSpec::new("Sales", "Log").column(ColumnSpec::new("Line", SqlType::Int));
    let mut database = DatabaseSpec::new("Shop").table(order).table(item).table(log);
    database.schemas.push("Sales".into());
    let mut file = BacpacWriter::create(path, database, Options::default()).unwrap();
    file.table_rows(
        "Sales",
        "Order",
        5,
        (1..=9).map(|n| [Cell::Int(n), Cell::text("hidden")]),
    )
    .unwrap();
    let item = |n: i64| {
        let mut row = vec![
            Cell::Int(n),
            Cell::Int(1 + n % 9),
            Cell::Money(n * 12_345),
            Cell::text("note"),
        ];
        row.extend(extra.then_some(Cell::Int(n)));
        row
    };
    file.table_rows("Sales", "OrderItem", 20, (1..=50).map(item))
        .unwrap();
    file.table_rows("Sales", "Log", 5, (1..=3).map(|n| [Cell::Int(n)]))
        .unwrap();
    file.finish().unwrap();
}

fn read(folder: &Folder, name: &str) -> String {
    std::fs::read_to_string(folder.file(name)).unwrap()
}

fn change(folder: &Folder, name: &str, changes: &[(&str, &str)]) {
    let mut text = read(folder, name);
    for (old, new) in changes {
        assert!(text.contains(old), "{old:?} is not in\n{text}");
        text = text.replacen(old, new, 1);
    }
    std::fs::write(folder.file(name), text).unwrap();
}

/// A plan as it is written means what no plan means.
#[test]
fn a_written_plan_changes_nothing() {
    for server in both() {
        let (folder, database) = (Folder::new(), Database::new(&server));
        let file = crm();
        let source = file.to_str().unwrap();
        migrate(&folder, ["plan", source, "-o", "plan.toml"])
            .to(&database)
            .ends(0);
        let fingerprint = |argument: &str| {
            migrate(&folder, ["plan", "--json", argument])
                .to(&database)
                .ends(0)
                .json()["fingerprint"]
                .clone()
        };
        assert_eq!(fingerprint("plan.toml"), fingerprint(source));
        // Read and written once more, it is the same file.
        migrate(&folder, ["plan", "plan.toml", "-o", "again.toml"])
            .to(&database)
            .ends(0);
        assert_eq!(read(&folder, "again.toml"), read(&folder, "plan.toml"));
        // And a run by it is the run without it.
        migrate(&folder, ["run", source]).to(&database).ends(0);
        migrate(&folder, ["run", "plan.toml"])
            .to(&database)
            .ends(0)
            .says(&["Nothing was left to do"]);
        // Somebody's decisions are not overwritten.
        migrate(&folder, ["plan", source, "-o", "plan.toml"])
            .to(&database)
            .ends(USAGE)
            .complains(&["--force"]);
    }
}

#[test]
fn every_decision_is_carried_out() {
    for server in both() {
        let (folder, database) = (Folder::new(), Database::new(&server));
        shop(&folder.file("shop.bacpac"), false);
        migrate(
            &folder,
            ["plan", "shop.bacpac", "-o", "plan.toml", "--naming", "snake"],
        )
        .to(&database)
        .ends(0);
        change(
            &folder,
            "plan.toml",
            &[
                ("# Sales = \"sales\"", "Sales = \"store\""),
                ("exclude = []", "exclude = [\"*.Log\"]"),
                (
                    "[tables.\"Sales.OrderItem\"]\n",
                    "[tables.\"Sales.OrderItem\"]\nname = \"line\"\nwhere = \"ItemID between 18 and 50 and (UnitPrice > 40 or ItemID in (18, 20)) and Note is not null\"\n",
                ),
                (
                    "# columns.UnitPrice.type = \"numeric(19,4)\"",
                    "columns.UnitPrice = { type = \"numeric(10,2)\", round = true }",
                ),
                ("# columns.Note.type", "columns.Note.name = \"remark\" #"),
                ("# columns.Secret.type", "columns.Secret.skip = true #"),
            ],
        );
        migrate(&folder, ["run", "plan.toml", "--report", "report.json"])
            .to(&database)
            .ends(0);
        database.assert_complete();
        assert_eq!(database.relations(), "store.line store.order");
        let columns = "select string_agg(format('%s.%s %s', table_name, column_name, data_type), ', '
                                         order by table_name, ordinal_position)
                       from information_schema.columns
                       where table_schema = 'store'";
        assert_eq!(
            database.sql(columns),
            "line.item_id integer, line.order_id integer, line.unit_price numeric, line.remark character varying, \
             order.order_id integer"
        );
        // 18 and 20, and from 33 on, since 32 * 1.2345 is 39.504.
        assert_eq!(
            database.sql("select count(*), min(item_id), max(item_id), sum(unit_price) from store.line"),
            "20|18|50|969.09"
        );
        // 18 * 1.2345 = 22.221; 50 * 1.2345 = 61.725, which is rounded up.
        assert_eq!(
            database.sql("select unit_price from store.line where item_id in (18, 50) order by 1"),
            "22.22\n61.73"
        );
        let keys = "select string_agg(pg_get_constraintdef(oid), '; ' order by contype)
                    from pg_constraint
                    where connamespace = 'store'::regnamespace and contype in ('f', 'p') and conrelid = 'store.line'::regclass";
        assert_eq!(
            database.sql(keys),
            "FOREIGN KEY (order_id) REFERENCES store.\"order\"(order_id); PRIMARY KEY (item_id)"
        );
        let report: serde_json::Value = serde_json::from_str(&read(&folder, "report.json")).unwrap();
        assert_eq!(report["total"]["read"], 59);
        assert_eq!(report["total"]["written"], 29);
        assert_eq!(report["total"]["filtered"], 30);
        assert_eq!(
            report["plan"]["excluded"][0],
            serde_json::json!({"schema": "Sales", "name": "Log"})
        );
        migrate(&folder, ["validate", "plan.toml"]).to(&database).ends(0);
        // Other decisions are another migration.
        change(&folder, "plan.toml", &[("name = \"line\"", "name = \"lines\"")]);
        migrate(&folder, ["run", "plan.toml"])
            .to(&database)
            .ends(CONFLICT);
    }
}

#[test]
fn a_source_that_has_changed() {
    let (folder, database) = (Folder::new(), Database::new(&newest()));
    shop(&folder.file("shop.bacpac"), false);
    migrate(&folder, ["plan", "shop.bacpac", "-o", "plan.toml"])
        .to(&database)
        .ends(0);
    shop(&folder.file("shop.bacpac"), true);
    let refused = migrate(&folder, ["run", "plan.toml"]).to(&database).ends(USAGE);
    refused.complains(&["table Sales.OrderItem has changed", "plan.toml", "hint: "]);
    database.assert_untouched("a plan for another schema");
    // The source as it is now may be taken without a look at what it was.
    let text = read(&folder, "plan.toml");
    let line = text
        .lines()
        .find(|l| l.starts_with("catalog = "))
        .unwrap()
        .to_owned();
    change(&folder, "plan.toml", &[(&line, "")]);
    migrate(&folder, ["run", "plan.toml"]).to(&database).ends(0);
    assert_eq!(
        database.number("select sum(\"Added\") from \"Sales\".\"OrderItem\""),
        1_275
    );
}

/// Rows that have changed since the migration was begun are another source, too.
#[test]
fn other_rows() {
    let (folder, database) = (Folder::new(), Database::new(&newest()));
    shop(&folder.file("shop.bacpac"), false);
    migrate(&folder, ["run", "shop.bacpac"]).to(&database).ends(0);
    shop(&folder.file("shop.bacpac"), true);
    let refused = migrate(&folder, ["run", "shop.bacpac"])
        .to(&database)
        .ends(CONFLICT);
    refused.complains(&["error: ", "hint: "]);
    assert_eq!(
        database.number("select count(*) from \"Sales\".\"OrderItem\""),
        50
    );
}

#[test]
fn decisions_that_make_no_sense() {
    let (folder, database) = (Folder::new(), Database::new(&newest()));
    shop(&folder.file("shop.bacpac"), false);
    for (decision, says) in [
        ("naming = \"camel\"", vec!["line 2", "camel"]),
        ("[tables.\"Sales.Nothing\"]\nskip = true", vec!["Sales.Nothing"]),
        (
            "[tables.\"Sales.Order\"]\ncolumns.Nothing.skip = true",
            vec!["Nothing"],
        ),
        (
            "[tables.\"Sales.Order\"]\ncolumns.OrderID.type = \"txet\"",
            vec!["txet"],
        ),
        (
            "[tables.\"Sales.Order\"]\ncolumns.OrderID.type = \"bytea\"",
            vec!["OrderID", "bytea"],
        ),
        (
            "[tables.\"Sales.Order\"]\nwhere = \"OrderID % 2 = 0\"",
            vec!["OrderID % 2", "Sales.Order"],
        ),
        (
            "[tables.\"Sales.Order\"]\nwhere = \"Nothing = 1\"",
            vec!["Nothing"],
        ),
        (
            "[tables.\"Sales.Order\"]\nwhere = \"OrderID >\"",
            vec!["Sales.Order"],
        ),
        ("exclude = [\"*\"]", vec!["table"]),
    ] {
        std::fs::write(
            folder.file("plan.toml"),
            format!("source = \"shop.bacpac\"\n{decision}\n"),
        )
        .unwrap();
        let refused = migrate(&folder, ["run", "plan.toml"]).to(&database).run();
        assert_eq!(
            refused.code,
            Some(USAGE),
            "{decision}: {}{}",
            refused.out,
            refused.err
        );
        refused.complains(&["error: "]).complains(&says);
        database.assert_untouched(decision);
    }
    std::fs::write(folder.file("plan.toml"), "naming = \"snake\"\n").unwrap();
    migrate(&folder, ["run", "plan.toml"])
        .to(&database)
        .ends(USAGE)
        .complains(&["names no source"]);
}
