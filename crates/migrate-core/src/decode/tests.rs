use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::batch::{COPY_HEADER, COPY_TRAILER};
use crate::pg_type::PgType;

fn shown(ty: &str, hex: &str) -> Result<serde_json::Value> {
    let bytes: Vec<u8> = (0..hex.len() / 2)
        .map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
        .collect();
    decode_cell(&ty.parse().unwrap(), &bytes)
}

#[test]
fn cells_as_postgresql_sends_them() {
    for (ty, hex, expected) in [
        ("boolean", "01", json!(true)),
        ("smallint", "fffe", json!(-2)),
        ("integer", "7fffffff", json!(i32::MAX)),
        ("bigint", "8000000000000000", json!(i64::MIN)),
        ("real", "3dcccccd", json!(0.1)),
        ("real", "7fc00000", json!("NaN")),
        ("float8", "fff0000000000000", json!("-Infinity")),
        ("numeric", "0003000100000003000109291a7c", json!("12345.678")),
        ("numeric", "0000000000000002", json!("0.00")),
        ("numeric", "00010005000000000001", json!("100000000000000000000")),
        ("numeric", "0002ffff40000005000c0bb8", json!("-0.00123")),
        ("numeric", "00000000c0000000", json!("NaN")),
        ("numeric", "00000000f0000020", json!("-Infinity")),
        ("text", "c3a9", json!("é")),
        ("bytea", "00ff", json!("\\x00ff")),
        (
            "uuid",
            "000102030405060708090a0b0c0d0e0f",
            json!("00010203-0405-0607-0809-0a0b0c0d0e0f"),
        ),
        ("date", "fff4dbf9", json!("0001-01-01")),
        ("date", "7fffffff", json!("infinity")),
        ("time", "000000141dd75fff", json!("23:59:59.999999")),
        (
            "timestamp",
            "0002b58341728614",
            json!("2024-02-29 12:34:56.789012"),
        ),
        ("timestamp", "8000000000000000", json!("-infinity")),
        (
            "timestamptz",
            "ffffffffffffffff",
            json!("1999-12-31 23:59:59.999999+00"),
        ),
        ("json", "207b7d", json!({})),
        ("jsonb", "015b315d", json!([1])),
        (
            "numeric(5,2)[]",
            "0000000100000001000006a400000002000000010000000c000200000000000200011388ffffffff",
            json!(["1.50", null]),
        ),
        ("integer[]", "000000000000000000000017", json!([])),
    ] {
        assert_eq!(shown(ty, hex).unwrap(), expected, "{ty}");
    }
    let other = decode_cell(&PgType::Other("box".into()), &[1, 2]).unwrap();
    assert_eq!(other, json!("\\x0102"));
}

#[test]
fn cells_of_another_type() {
    for (ty, hex) in [
        ("boolean", "02"),
        ("boolean", ""),
        ("smallint", "00"),
        ("bigint", "0000"),
        ("real", "0000000000"),
        ("numeric", "0001"),
        ("numeric", "0002000000000000000a"),
        ("numeric", "0000000012340000"),
        ("text", "ff"),
        ("uuid", "00"),
        ("time", "ffffffffffffffff"),
        ("jsonb", "025b315d"),
        (
            "integer[]",
            "0000000100000000000000170000000200000001000000040000",
        ),
    ] {
        let error = shown(ty, hex).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{ty} {hex}");
    }
}

#[test]
fn json_that_would_lose_something_stays_text() {
    for (text, expected) in [
        (
            "[18446744073709551615, -1.50, 1e2]",
            json!([u64::MAX, -1.5, 100.0]),
        ),
        ("0.12345678901234567890", json!("0.12345678901234567890")),
        ("[18446744073709551617]", json!("[18446744073709551617]")),
        ("1e400", json!("1e400")),
        ("\"\\u0000\"", json!("\"\\u0000\"")),
    ] {
        assert_eq!(decode_cell(&PgType::Json, text.as_bytes()).unwrap(), expected);
    }

    let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
    assert_eq!(decode_cell(&PgType::Json, deep.as_bytes()).unwrap(), json!(deep));
}

#[test]
fn rows_and_their_fields() {
    let row = [0, 2, 0, 0, 0, 1, 1, 255, 255, 255, 255];
    let cells: Vec<_> = fields(&row).map(Result::unwrap).collect();
    assert_eq!(cells, [Some(&[1][..]), None]);
    let columns = [("a", PgType::Bool), ("b", PgType::Text)];
    let named = |n: usize| columns[..n].iter().map(|(name, ty)| (*name, ty));
    assert_eq!(decode_row(named(2), &row).unwrap(), json!({"a": true, "b": null}));
    assert_eq!(decode_row(named(1), &row).unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(
        decode_row(named(2), &[0, 1, 0, 0, 0, 1, 1]).unwrap_err().kind(),
        ErrorKind::Corrupt
    );
    for cut in 0..row.len() {
        assert!(fields(&row[..cut]).any(|f| f.is_err()), "{cut}");
    }
    assert!(fields(&[&row[..], &[0]].concat()).any(|f| f.is_err()));
    assert!(
        fields(&[0, 1, 255, 255, 255, 254]).any(|f| f.is_err()),
        "only -1 is NULL"
    );
}

/// A stream of rows of two fields, and the rows.
fn stream(rows: &[(Option<Vec<u8>>, Vec<u8>)], extension: &[u8]) -> (Vec<u8>, Vec<Vec<u8>>) {
    let mut bytes = COPY_HEADER.to_vec();
    bytes[18] = extension.len() as u8;
    bytes.extend_from_slice(extension);
    let mut tuples = Vec::new();
    for (a, b) in rows {
        let mut tuple = vec![0, 2];
        match a {
            None => tuple.extend_from_slice(&[255; 4]),
            Some(a) => {
                tuple.extend_from_slice(&(a.len() as u32).to_be_bytes());
                tuple.extend_from_slice(a);
            }
        }
        tuple.extend_from_slice(&(b.len() as u32).to_be_bytes());
        tuple.extend_from_slice(b);
        bytes.extend_from_slice(&tuple);
        tuples.push(tuple);
    }
    bytes.extend_from_slice(&COPY_TRAILER);
    (bytes, tuples)
}

fn read(chunks: &[&[u8]]) -> Result<(u64, Vec<Vec<u8>>)> {
    let mut reader = CopyReader::new(2);
    let mut tuples = Vec::new();
    for chunk in chunks {
        reader.read(chunk, |tuple| {
            tuples.push(tuple.to_vec());
            Ok(())
        })?;
    }
    Ok((reader.finish()?, tuples))
}

#[test]
fn every_cut_of_a_stream_reads_alike() {
    let (bytes, tuples) = stream(&[(None, vec![]), (Some(vec![7; 5]), vec![1])], &[9; 3]);
    for a in 0..=bytes.len() {
        for b in a..=bytes.len() {
            let read = read(&[&bytes[..a], &bytes[a..b], &bytes[b..]]).unwrap();
            assert_eq!(read, (2, tuples.clone()), "{a} {b}");
        }
    }
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(read(&single).unwrap(), (2, tuples));
    for cut in 0..bytes.len() {
        assert_eq!(
            read(&[&bytes[..cut]]).unwrap_err().kind(),
            ErrorKind::Corrupt,
            "{cut}"
        );
    }
}

#[test]
fn streams_that_are_none() {
    let (good, _) = stream(&[(None, vec![1, 2])], &[]);
    let broken = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        read(&[&bytes]).unwrap_err().to_string()
    };
    let damaged = |what: &str| format!("PostgreSQL's binary data is damaged: {what}");
    assert_eq!(
        broken(0, b'p'),
        damaged("it does not begin with the signature of COPY BINARY")
    );
    assert_eq!(broken(12, 1), damaged("its header asks for something unknown"));
    assert_eq!(broken(15, 0x80), damaged("its header has an impossible length"));
    assert_eq!(
        broken(20, 3),
        damaged("a row has another number of columns than the table (row 0)")
    );
    assert_eq!(
        broken(22, 0x7f),
        damaged("a field has an impossible length (row 0)")
    );
    assert_eq!(
        broken(19, 0xfe),
        damaged("a row has another number of columns than the table (row 0)")
    );
    let more = [&good[..], &[0]].concat();
    assert_eq!(
        read(&[&more]).unwrap_err().to_string(),
        damaged("something follows the end (row 1)")
    );
}

#[test]
fn what_the_receiver_says_ends_the_reading() {
    let (bytes, _) = stream(&[(None, vec![])], &[]);
    let mut reader = CopyReader::new(2);
    let error = reader
        .read(&bytes, |_| Err(Error::new(ErrorKind::Mismatch, "stop")))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Mismatch);
}

proptest! {
    #[test]
    fn any_stream_in_any_pieces(
        rows in prop::collection::vec((prop::option::of(prop::collection::vec(any::<u8>(), 0..20)), prop::collection::vec(any::<u8>(), 0..60)), 0..20),
        sizes in prop::collection::vec(1usize..80, 1..8),
    ) {
        let (bytes, tuples) = stream(&rows, &[]);
        let mut chunks = Vec::new();
        let mut rest = &bytes[..];
        for size in sizes.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (chunk, tail) = rest.split_at((*size).min(rest.len()));
            chunks.push(chunk);
            rest = tail;
        }
        prop_assert_eq!(read(&chunks).unwrap(), (rows.len() as u64, tuples));
    }

    #[test]
    fn no_bytes_make_it_panic(
        bytes in prop::collection::vec(prop_oneof![3 => 0u8..3, 1 => any::<u8>()], 0..60),
        ty in prop::sample::select(vec![
            "boolean", "smallint", "integer", "bigint", "real", "float8", "numeric", "text", "bytea", "uuid", "date", "time",
            "timestamp", "timestamptz", "json", "jsonb", "xml", "integer[]", "text[]", "numeric[]",
        ]),
    ) {
        let _ = decode_cell(&ty.parse().unwrap(), &bytes);
        let count = fields(&bytes).count();
        prop_assert!(count <= bytes.len() + 1);
        let mut reader = CopyReader::new(2);
        let _ = reader.read(&bytes, |_| Ok(()));
        let mut reader = CopyReader::new(2);
        reader.read(&COPY_HEADER, |_| Ok(())).unwrap();
        let _ = reader.read(&bytes, |_| Ok(()));
    }
}
