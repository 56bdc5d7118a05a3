//! One column of every type, with the extremes of its range.

use migrate_core::mapping::{Mapping, Offsets};
use migrate_core::pipeline::Options;
use serde_json::json;

use crate::server::{DRIVERS, copy, on_server, rows};

#[test]
fn every_type_arrives_as_it_was_written() {
    on_server(async |server| {
        let schema = &server.schema;
        server
            .run(&format!(
                "create table {schema}.everything (id int not null primary key, \
                 c_bit bit, c_tinyint tinyint, c_smallint smallint, c_bigint bigint, c_decimal decimal(38,10), \
                 c_numeric numeric(5,0), c_money money, c_smallmoney smallmoney, c_real real, c_float float, \
                 c_date date, c_time time(6), c_time0 time(0), c_smalldatetime smalldatetime, c_datetime datetime, \
                 c_datetime2 datetime2(6), c_datetime2_3 datetime2(3), c_datetimeoffset datetimeoffset(6), \
                 c_char char(5), c_varchar varchar(20), c_varcharmax varchar(max), c_text text, \
                 c_nchar nchar(5), c_nvarchar nvarchar(20), c_nvarcharmax nvarchar(max), c_ntext ntext, \
                 c_binary binary(4), c_varbinary varbinary(20), c_varbinarymax varbinary(max), c_image image, \
                 c_guid uniqueidentifier, c_xml xml, c_variant sql_variant)"
            ))
            .await;
        let nulls = "null, ".repeat(32) + "null";
        for values in [
            format!("1, {nulls}"),
            "2, 1, 255, -32768, -9223372036854775808, -1234567890123456789012345678.0123456789, 12345, \
             -922337203685477.5808, 214748.3647, 0.1, -1.7976931348623157e308, '0001-01-01', '23:59:59.999999', \
             '12:34:56', '2079-06-06T23:59:00', '1753-01-01T00:00:00.003', '9999-12-31T23:59:59.999999', \
             '2024-02-29T12:00:00.120', '2004-05-01T12:34:56.123456+02:00', 'abc', 'zażółć' , 'x', 'text', \
             N'ab', N'O''Brien 🙂', N'日本', N'ntext', 0x01020304, 0x00FF, 0xDEADBEEF, 0x0102, \
             '0e984725-c51c-4bf4-9960-e1c80e27aba0', N'<a b=\"1\">é</a>', cast(12.50 as decimal(5,2))"
                .replace("zażółć", "Käse é"),
            "3, 0, 0, 32767, 9223372036854775807, 0, 0, 922337203685477.5807, -214748.3648, -3.4028235e38, \
             2.2250738585072014e-308, '9999-12-31', '00:00:00', '00:00:00', '1900-01-01T00:00:00', \
             '9999-12-31T23:59:59.997', '0001-01-01T00:00:00', '1999-12-31T23:59:59.999', \
             '2004-05-01T00:00:00-14:00', '', '', '', '', N'', N'', N'', N'', 0x00000000, 0x, 0x, 0x, \
             '00000000-0000-0000-0000-000000000000', N'', N'variant'"
                .to_owned(),
        ] {
            server.run(&format!("insert into {schema}.everything values ({values})")).await;
        }
        let babelfish = server.is_babelfish().await;
        for driver in DRIVERS {
            let source = server.source(driver);
            let mapping = Mapping {
                offsets: Offsets::Keep,
                ..Mapping::default()
            };
            let plan = server.plan(&source, mapping).await;
            let (sink, report) = copy(source, &plan, Options::default()).await.unwrap();
            let table = server.table("everything");
            assert_eq!(sink.quarantine(), []);
            let mut seen = rows(&sink, &plan, &table);
            seen.sort_by_key(|row| row["id"].as_i64());
            let null: serde_json::Map<String, serde_json::Value> = seen[0].as_object().unwrap().clone();
            assert_eq!(null.len(), 35, "{null:?}");
            assert!(
                null.iter().all(|(name, v)| name == "id" || v.is_null()),
                "{null:?}"
            );
            // What a variant states about lengths and scales differs between servers.
            let variant = |row: usize| seen[row]["c_variant"]["value"].clone();
            assert_eq!(
                (variant(1), variant(2)),
                (json!(12.50), json!("variant")),
                "{:?}",
                seen[1]
            );
            if !babelfish {
                assert_eq!(seen[1]["c_variant"]["type"], json!("decimal(5,2)"));
                assert_eq!(seen[2]["c_variant"]["type"], json!("nvarchar(7)"));
            }
            for row in &mut seen {
                row.as_object_mut().unwrap().remove("c_variant");
            }
            assert_eq!(seen[1], second(), "{driver:?}");
            assert_eq!(seen[2], third(), "{driver:?}");
            assert_eq!(report.tables.iter().map(|t| t.receipt.read).sum::<u64>(), 3);
        }
    });
}

fn second() -> serde_json::Value {
    json!({
        "id": 2, "c_bit": true, "c_tinyint": 255, "c_smallint": -32768, "c_bigint": i64::MIN,
        "c_decimal": "-1234567890123456789012345678.0123456789", "c_numeric": "12345",
        "c_money": "-922337203685477.5808", "c_smallmoney": "214748.3647",
        "c_real": 0.1, "c_float": f64::MIN,
        "c_date": "0001-01-01", "c_time": "23:59:59.999999", "c_time0": "12:34:56",
        "c_smalldatetime": "2079-06-06 23:59:00", "c_datetime": "1753-01-01 00:00:00.003",
        "c_datetime2": "9999-12-31 23:59:59.999999", "c_datetime2_3": "2024-02-29 12:00:00.12",
        "c_datetimeoffset": "2004-05-01 10:34:56.123456+00", "c_datetimeoffset_offset": 120,
        "c_char": "abc  ", "c_varchar": "Käse é", "c_varcharmax": "x", "c_text": "text",
        "c_nchar": "ab   ", "c_nvarchar": "O'Brien 🙂", "c_nvarcharmax": "日本", "c_ntext": "ntext",
        "c_binary": "\\x01020304", "c_varbinary": "\\x00ff", "c_varbinarymax": "\\xdeadbeef", "c_image": "\\x0102",
        "c_guid": "0e984725-c51c-4bf4-9960-e1c80e27aba0", "c_xml": "<a b=\"1\">é</a>"
    })
}

fn third() -> serde_json::Value {
    json!({
        "id": 3, "c_bit": false, "c_tinyint": 0, "c_smallint": 32767, "c_bigint": i64::MAX,
        "c_decimal": "0.0000000000", "c_numeric": "0",
        "c_money": "922337203685477.5807", "c_smallmoney": "-214748.3648",
        "c_real": -3.4028235e38, "c_float": f64::MIN_POSITIVE,
        "c_date": "9999-12-31", "c_time": "00:00:00", "c_time0": "00:00:00",
        "c_smalldatetime": "1900-01-01 00:00:00", "c_datetime": "9999-12-31 23:59:59.997",
        "c_datetime2": "0001-01-01 00:00:00", "c_datetime2_3": "1999-12-31 23:59:59.999",
        "c_datetimeoffset": "2004-05-01 14:00:00+00", "c_datetimeoffset_offset": -840,
        "c_char": "     ", "c_varchar": "", "c_varcharmax": "", "c_text": "",
        "c_nchar": "     ", "c_nvarchar": "", "c_nvarcharmax": "", "c_ntext": "",
        "c_binary": "\\x00000000", "c_varbinary": "\\x", "c_varbinarymax": "\\x", "c_image": "\\x",
        "c_guid": "00000000-0000-0000-0000-000000000000", "c_xml": ""
    })
}
