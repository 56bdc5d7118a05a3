//! Exact bytes: as SQL Server stores the values, or after the specification where no server's bytes were at hand.

use super::{SpatialKind, to_ewkb};
use crate::clr::ClrError;

fn unhex(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |hex, byte| hex + &format!("{byte:02X}"))
}

fn geometry(hexadecimal: &str) -> String {
    let ewkb = to_ewkb(&unhex(hexadecimal), SpatialKind::Geometry)
        .unwrap()
        .unwrap();
    assert!(!ewkb.larger_than_hemisphere);
    hex(&ewkb.bytes)
}

const ZERO: &str = "0000000000000000";
const ONE: &str = "000000000000F03F";
const TWO: &str = "0000000000000040";
const THREE: &str = "0000000000000840";
const FOUR: &str = "0000000000001040";
const NAN: &str = "000000000000F87F";

#[test]
fn point_with_and_without_srid() {
    // geometry::Point(1, 2, 0), then the same with SRID 3857.
    assert_eq!(
        geometry("00000000 01 0C 000000000000F03F 0000000000000040"),
        format!("0101000000{ONE}{TWO}")
    );
    assert_eq!(
        geometry("110F0000 01 0C 000000000000F03F 0000000000000040"),
        format!("0101000020110F0000{ONE}{TWO}")
    );
}

#[test]
fn point_with_z_and_m() {
    assert_eq!(
        geometry("00000000 01 0D 000000000000F03F 0000000000000040 0000000000000840"),
        format!("0101000080{ONE}{TWO}{THREE}")
    );
    assert_eq!(
        geometry("00000000 01 0E 000000000000F03F 0000000000000040 0000000000001040"),
        format!("0101000040{ONE}{TWO}{FOUR}")
    );
    assert_eq!(
        geometry("00000000 01 0F 000000000000F03F 0000000000000040 0000000000000840 0000000000001040"),
        format!("01010000C0{ONE}{TWO}{THREE}{FOUR}")
    );
}

#[test]
fn geography_turns_latitude_and_longitude_round() {
    // POINT(-87.6 41.8), SRID 4326.
    let stored = unhex("E6100000 01 0C 6666666666E64440 6666666666E655C0");
    let ewkb = to_ewkb(&stored, SpatialKind::Geography).unwrap().unwrap();
    assert_eq!(
        hex(&ewkb.bytes),
        "0101000020E61000006666666666E655C06666666666E64440"
    );
}

#[test]
fn lines_short_and_long() {
    // LINESTRING(0 0, 1 1) has a short form of its own.
    assert_eq!(
        geometry("00000000 01 14 0000000000000000 0000000000000000 000000000000F03F 000000000000F03F"),
        format!("010200000002000000{ZERO}{ZERO}{ONE}{ONE}")
    );
    assert_eq!(
        geometry(
            "00000000 01 04 03000000 00000000000000000000000000000000 000000000000F03F000000000000F03F
             00000000000000400000000000000000 01000000 01 00000000 01000000 FFFFFFFF 00000000 02"
        ),
        format!("010200000003000000{ZERO}{ZERO}{ONE}{ONE}{TWO}{ZERO}")
    );
}

#[test]
fn a_missing_z_is_one_nan() {
    // LINESTRING(0 1 1, 3 2 NULL); .NET's NaN has the sign bit set.
    assert_eq!(
        geometry(&format!(
            "00000000 01 15 {ZERO}{ONE} {THREE}{TWO} {ONE} 000000000000F8FF"
        )),
        format!("010200008002000000{ZERO}{ONE}{ONE}{THREE}{TWO}{NAN}")
    );
}

#[test]
fn polygon_with_a_hole() {
    // POLYGON((0 0, 4 0, 4 4, 0 0), (1 1, 2 1, 1 2, 1 1))
    assert_eq!(
        geometry(
            "0000000001000800000000000000000000000000000000000000000000000000104000000000000000000000000000001040
             0000000000001040000000000000000000000000000000000000 00000000F03F000000000000F03F0000000000000040
             000000000000F03F000000000000F03F0000000000000040000000000000F03F000000000000F03F
             02000000 02 00000000 00 04000000 01000000 FFFFFFFF 00000000 03"
        ),
        format!(
            "01030000000200000004000000{ZERO}{ZERO}{FOUR}{ZERO}{FOUR}{FOUR}{ZERO}{ZERO}\
             04000000{ONE}{ONE}{TWO}{ONE}{ONE}{TWO}{ONE}{ONE}"
        )
    );
}

#[test]
fn collections() {
    // MULTIPOINT((1 2), (3 4))
    assert_eq!(
        geometry(
            "00000000010402000000 000000000000F03F0000000000000040 00000000000008400000000000001040
             02000000 01 00000000 01 01000000 03000000 FFFFFFFF00000000 04 00000000 00000000 01 00000000 01000000 01"
        ),
        format!("0104000000020000000101000000{ONE}{TWO}0101000000{THREE}{FOUR}")
    );
    // GEOMETRYCOLLECTION(POINT(1 2), LINESTRING(0 0, 1 1)), SRID 4326
    assert_eq!(
        geometry(
            "E6100000010403000000 000000000000F03F0000000000000040 00000000000000000000000000000000
             000000000000F03F000000000000F03F 02000000 01 00000000 01 01000000
             03000000 FFFFFFFF00000000 07 00000000 00000000 01 00000000 01000000 02"
        ),
        format!("0107000020E6100000020000000101000000{ONE}{TWO}010200000002000000{ZERO}{ZERO}{ONE}{ONE}")
    );
    // GEOMETRYCOLLECTION(POINT EMPTY, POINT(1 1))
    assert_eq!(
        geometry(
            "00000000010401000000 000000000000F03F000000000000F03F 01000000 01 00000000
             03000000 FFFFFFFF00000000 07 00000000FFFFFFFF 01 00000000 00000000 01"
        ),
        format!("0107000000020000000101000000{NAN}{NAN}0101000000{ONE}{ONE}")
    );
}

#[test]
fn empty_values() {
    let empty = |shape: u8, srid: &str| {
        geometry(&format!(
            "{srid} 02 04 00000000 00000000 01000000 FFFFFFFF FFFFFFFF {shape:02X}"
        ))
    };
    assert_eq!(empty(1, "00000000"), format!("0101000000{NAN}{NAN}"));
    for shape in 2..=10 {
        assert_eq!(empty(shape, "00000000"), format!("01{shape:02X}00000000000000"));
        assert_eq!(
            empty(shape, "E6100000"),
            format!("01{shape:02X}000020E610000000000000")
        );
    }
}

#[test]
fn circular_string() {
    // CIRCULARSTRING(2 0, 1 1, 0 0)
    assert_eq!(
        geometry(&format!(
            "00000000 02 04 03000000 {TWO}{ZERO} {ONE}{ONE} {ZERO}{ZERO} 01000000 02 00000000
             01000000 FFFFFFFF 00000000 08"
        )),
        format!("010800000003000000{TWO}{ZERO}{ONE}{ONE}{ZERO}{ZERO}")
    );
}

#[test]
fn compound_curve() {
    // COMPOUNDCURVE((3 0, 2 0), CIRCULARSTRING(2 0, 1 1, 0 0), CIRCULARSTRING(0 0, 1 2, 4 0), (4 0, 4 4, 0 4))
    let points = [
        [THREE, ZERO],
        [TWO, ZERO],
        [ONE, ONE],
        [ZERO, ZERO],
        [ONE, TWO],
        [FOUR, ZERO],
        [FOUR, FOUR],
        [ZERO, FOUR],
    ]
    .map(|point| point.concat());
    assert_eq!(
        geometry(&format!(
            "00000000 02 04 08000000 {} 01000000 03 00000000 01000000 FFFFFFFF 00000000 09
             05000000 02 03 03 02 00",
            points.concat()
        )),
        format!(
            "010900000004000000\
             010200000002000000{}010800000003000000{}010800000003000000{}010200000003000000{}",
            points[0..2].concat(),
            points[1..4].concat(),
            points[3..6].concat(),
            points[5..8].concat()
        )
    );
}

#[test]
fn curve_polygon_with_all_kinds_of_ring() {
    let line = [[ZERO, ZERO], [FOUR, ZERO], [FOUR, FOUR], [ZERO, ZERO]]
        .concat()
        .concat();
    let arc = [[ONE, ONE], [TWO, ONE], [TWO, TWO], [ONE, TWO], [ONE, ONE]]
        .concat()
        .concat();
    let mixed = [[ONE, ONE], [TWO, TWO], [THREE, ONE], [ONE, ONE]].map(|point| point.concat());
    assert_eq!(
        geometry(&format!(
            "00000000 02 04 0D000000 {line} {arc} {} 03000000 01 00000000 02 04000000 03 09000000
             01000000 FFFFFFFF 00000000 0A 02000000 03 02",
            mixed.concat()
        )),
        format!(
            "010A00000003000000010200000004000000{line}010800000005000000{arc}\
             010900000002000000010800000003000000{}010200000002000000{}",
            mixed[0..3].concat(),
            mixed[2..4].concat()
        )
    );
}

#[test]
fn what_has_no_counterpart() {
    // geography::Parse('FULLGLOBE')
    let full_globe = unhex("E6100000 02 24 00000000 00000000 01000000 FFFFFFFF FFFFFFFF 0B");
    assert!(matches!(
        to_ewkb(&full_globe, SpatialKind::Geography),
        Err(ClrError::NotRepresentable { offset: 18, .. })
    ));
    let negative = unhex("FEFFFFFF 01 0C 0000000000000000 0000000000000000");
    assert!(matches!(
        to_ewkb(&negative, SpatialKind::Geometry),
        Err(ClrError::NotRepresentable { offset: 0, .. })
    ));
}

#[test]
fn null_instance() {
    assert_eq!(to_ewkb(&[0xFF; 4], SpatialKind::Geography), Ok(None));
}

#[test]
fn larger_than_a_hemisphere_is_reported() {
    let stored = unhex(&format!(
        "E6100000 02 24 04000000 {ZERO}{ZERO} {ZERO}{ONE} {ONE}{ONE} {ZERO}{ZERO} 01000000 01 00000000
         01000000 FFFFFFFF 00000000 03"
    ));
    let ewkb = to_ewkb(&stored, SpatialKind::Geography).unwrap().unwrap();
    assert!(ewkb.larger_than_hemisphere);
    assert_eq!(
        hex(&ewkb.bytes),
        format!("0103000020E61000000100000004000000{ZERO}{ZERO}{ONE}{ZERO}{ONE}{ONE}{ZERO}{ZERO}")
    );
}

#[test]
fn damage_is_named_where_it_is() {
    let fails = |hexadecimal: &str| to_ewkb(&unhex(hexadecimal), SpatialKind::Geometry).unwrap_err();
    assert_eq!(fails("0000"), ClrError::Truncated { offset: 0, wanted: 4 });
    assert_eq!(
        fails("00000000 03 0C"),
        ClrError::Unsupported {
            offset: 4,
            what: "spatial format version",
            code: 3
        }
    );
    // Four billion points are announced, none follows.
    assert_eq!(
        fails("00000000 01 04 FFFFFFFF"),
        ClrError::Truncated {
            offset: 10,
            wanted: 0xFFFF_FFFF * 16
        }
    );
    assert_eq!(
        fails(&format!("00000000 01 0C {ONE}{TWO} 00")),
        ClrError::Malformed {
            offset: 22,
            reason: "bytes follow the end of the value"
        }
    );
    let ring = |last: &str| {
        format!(
            "00000000 01 04 04000000 {ZERO}{ZERO} {ONE}{ZERO} {ONE}{ONE} {last} 01000000 02 00000000
             01000000 FFFFFFFF 00000000 03"
        )
    };
    // Off in y, then in x.
    for last in [format!("{ZERO}{ONE}"), format!("{TWO}{ZERO}")] {
        assert_eq!(
            fails(&ring(&last)),
            ClrError::Malformed {
                offset: 78,
                reason: "a ring does not end where it begins"
            }
        );
    }
    // A MultiPoint with a line in it.
    assert_eq!(
        fails(&format!(
            "00000000 01 04 02000000 {ZERO}{ZERO}{ONE}{ONE} 01000000 01 00000000
             02000000 FFFFFFFF 00000000 04 00000000 00000000 02"
        )),
        ClrError::Malformed {
            offset: 64,
            reason: "a shape belongs to one that cannot hold its type"
        }
    );
    // Two segments for a curve of two points.
    assert_eq!(
        fails(&format!(
            "00000000 02 04 02000000 {ZERO}{ZERO}{ONE}{ONE} 01000000 03 00000000 01000000 FFFFFFFF 00000000 09
             02000000 02 00"
        )),
        ClrError::Malformed {
            offset: 70,
            reason: "segments belong to no figure"
        }
    );
}

#[test]
fn nesting_has_a_limit() {
    let nested = |levels: u32| {
        let mut stored = unhex("00000000 01 04 00000000 00000000");
        stored.extend(levels.to_le_bytes());
        for level in 0..levels as i32 {
            stored.extend((level - 1).to_le_bytes());
            stored.extend((-1_i32).to_le_bytes());
            stored.push(7);
        }
        to_ewkb(&stored, SpatialKind::Geometry)
    };
    assert_eq!(nested(128).unwrap().unwrap().bytes.len(), 128 * 9);
    assert!(matches!(nested(129), Err(ClrError::NotRepresentable { .. })));
}
