//! Arbitrary values, each written twice: as SQL Server serializes it and as EWKB.

use proptest::prelude::*;

use super::{Ewkb, SpatialKind, to_ewkb};

/// A value, as its text form has it.
#[derive(Debug, Clone)]
enum Model {
    Point(Option<Xyzm>),
    Line(Vec<Xyzm>),
    Polygon(Vec<Vec<Xyzm>>),
    Arc(Vec<Xyzm>),
    Compound(Vec<Piece>),
    CurvePolygon(Vec<Vec<Piece>>),
    /// Type code and parts.
    Many(u8, Vec<Model>),
}

type Xyzm = [f64; 4];

/// A stretch of a compound curve, without the point that it shares with the stretch before.
#[derive(Debug, Clone)]
struct Piece {
    arc: bool,
    points: Vec<Xyzm>,
}

/// Writes SQL Server's serialization, always in the long form.
#[derive(Default)]
struct Stored {
    points: Vec<Xyzm>,
    figures: Vec<(u8, u32)>,
    shapes: Vec<(i32, i32, u8)>,
    segments: Vec<u8>,
}

impl Stored {
    fn add(&mut self, model: &Model, parent: i32) {
        let figure = self.figures.len() as i32;
        let index = self.shapes.len() as i32;
        let (code, empty) = match model {
            Model::Point(point) => (1, point.is_none()),
            Model::Line(points) => (2, points.is_empty()),
            Model::Polygon(rings) => (3, rings.is_empty()),
            Model::Arc(points) => (8, points.is_empty()),
            Model::Compound(pieces) => (9, pieces.is_empty()),
            Model::CurvePolygon(rings) => (10, rings.is_empty()),
            Model::Many(code, _) => (*code, false),
        };
        self.shapes.push((parent, if empty { -1 } else { figure }, code));
        match model {
            Model::Point(Some(point)) => self.figure(0, &[*point]),
            Model::Line(points) if !empty => self.figure(1, points),
            Model::Polygon(rings) => {
                for ring in rings {
                    self.figure(1, ring);
                }
            }
            Model::Arc(points) if !empty => self.figure(2, points),
            Model::Compound(pieces) if !empty => self.curve(pieces),
            Model::CurvePolygon(rings) => {
                for ring in rings {
                    self.curve(ring);
                }
            }
            Model::Many(_, parts) => {
                for part in parts {
                    self.add(part, index);
                }
                if self.figures.len() as i32 == figure {
                    self.shapes[index as usize].1 = -1;
                }
            }
            _ => {}
        }
    }

    fn figure(&mut self, attribute: u8, points: &[Xyzm]) {
        self.figures.push((attribute, self.points.len() as u32));
        self.points.extend(points);
    }

    fn curve(&mut self, pieces: &[Piece]) {
        let points: Vec<Xyzm> = pieces.iter().flat_map(|piece| piece.points.clone()).collect();
        self.figure(3, &points);
        for (index, piece) in pieces.iter().enumerate() {
            let added = piece.points.len() - usize::from(index == 0);
            let segments = if piece.arc { added / 2 } else { added };
            self.segments.push(if piece.arc { 3 } else { 2 });
            self.segments.extend((1..segments).map(|_| u8::from(piece.arc)));
        }
    }

    fn bytes(&self, srid: i32, z: bool, m: bool, kind: SpatialKind) -> Vec<u8> {
        let mut out = srid.to_le_bytes().to_vec();
        out.push(2);
        out.push(4 | u8::from(z) | u8::from(m) << 1);
        out.extend((self.points.len() as u32).to_le_bytes());
        for [x, y, ..] in &self.points {
            let pair = if kind == SpatialKind::Geometry {
                [x, y]
            } else {
                [y, x]
            };
            for ordinate in pair {
                out.extend(ordinate.to_le_bytes());
            }
        }
        for (present, ordinate) in [(z, 2), (m, 3)] {
            if present {
                self.points
                    .iter()
                    .for_each(|point| out.extend(point[ordinate].to_le_bytes()));
            }
        }
        out.extend((self.figures.len() as u32).to_le_bytes());
        for (attribute, offset) in &self.figures {
            out.push(*attribute);
            out.extend(offset.to_le_bytes());
        }
        out.extend((self.shapes.len() as u32).to_le_bytes());
        for (parent, figure, code) in &self.shapes {
            out.extend(parent.to_le_bytes());
            out.extend(figure.to_le_bytes());
            out.push(*code);
        }
        if !self.segments.is_empty() {
            out.extend((self.segments.len() as u32).to_le_bytes());
            out.extend(&self.segments);
        }
        out
    }
}

/// Writes EWKB by recursion over the model.
struct Expected {
    out: Vec<u8>,
    srid: i32,
    z: bool,
    m: bool,
}

impl Expected {
    fn header(&mut self, code: u8) {
        let srid = self.out.is_empty() && self.srid != 0;
        self.out.push(1);
        self.out.extend([code, 0, 0]);
        self.out
            .push(u8::from(self.z) << 7 | u8::from(self.m) << 6 | u8::from(srid) << 5);
        if srid {
            self.out.extend(self.srid.to_le_bytes());
        }
    }

    fn count(&mut self, count: usize) {
        self.out.extend((count as u32).to_le_bytes());
    }

    fn point(&mut self, point: &Xyzm) {
        let present = [true, true, self.z, self.m];
        for (ordinate, _) in point.iter().zip(present).filter(|(_, present)| *present) {
            self.out.extend(ordinate.to_le_bytes());
        }
    }

    fn run(&mut self, points: &[Xyzm]) {
        self.count(points.len());
        for point in points {
            self.point(point);
        }
    }

    fn compound(&mut self, pieces: &[Piece]) {
        self.header(9);
        self.count(pieces.len());
        let mut shared: Option<Xyzm> = None;
        for piece in pieces {
            let points: Vec<Xyzm> = shared.into_iter().chain(piece.points.iter().copied()).collect();
            self.header(if piece.arc { 8 } else { 2 });
            self.run(&points);
            shared = points.last().copied();
        }
    }

    fn add(&mut self, model: &Model) {
        match model {
            Model::Point(point) => {
                self.header(1);
                self.point(&point.unwrap_or([f64::from_bits(0x7FF8_0000_0000_0000); 4]));
            }
            Model::Line(points) => {
                self.header(2);
                self.run(points);
            }
            Model::Polygon(rings) => {
                self.header(3);
                self.count(rings.len());
                for ring in rings {
                    self.run(ring);
                }
            }
            Model::Arc(points) => {
                self.header(8);
                self.run(points);
            }
            Model::Compound(pieces) => self.compound(pieces),
            Model::CurvePolygon(rings) => {
                self.header(10);
                self.count(rings.len());
                for ring in rings {
                    self.compound(ring);
                }
            }
            Model::Many(code, parts) => {
                self.header(*code);
                self.count(parts.len());
                for part in parts {
                    self.add(part);
                }
            }
        }
    }
}

fn point() -> impl Strategy<Value = Xyzm> {
    prop::array::uniform4(prop_oneof![Just(-0.0), -180.0..180.0, prop::num::f64::NORMAL])
}

fn line() -> impl Strategy<Value = Model> {
    prop_oneof![
        Just(Model::Line(vec![])),
        prop::collection::vec(point(), 2..6).prop_map(Model::Line)
    ]
}

fn ring() -> impl Strategy<Value = Vec<Xyzm>> {
    prop::collection::vec(point(), 3..7).prop_map(|mut points| {
        points.push(points[0]);
        points
    })
}

fn polygon() -> impl Strategy<Value = Model> {
    prop::collection::vec(ring(), 0..4).prop_map(Model::Polygon)
}

/// Stretches of a curve; the first one has the starting point as well.
fn pieces() -> impl Strategy<Value = Vec<Piece>> {
    let piece = (any::<bool>(), prop::collection::vec(point(), 2..7)).prop_map(|(arc, mut points)| {
        if arc && points.len() % 2 == 1 {
            points.pop();
        }
        Piece { arc, points }
    });
    (point(), prop::collection::vec(piece, 1..5)).prop_map(|(start, mut pieces)| {
        pieces[0].points.insert(0, start);
        pieces
    })
}

fn closed_pieces() -> impl Strategy<Value = Vec<Piece>> {
    pieces().prop_map(|mut pieces| {
        let start = pieces[0].points[0];
        if let Some(end) = pieces.last_mut().and_then(|piece| piece.points.last_mut()) {
            *end = start;
        }
        pieces
    })
}

fn arcs() -> impl Strategy<Value = Model> {
    (1_usize..4)
        .prop_flat_map(|arcs| prop::collection::vec(point(), arcs * 2 + 1))
        .prop_map(Model::Arc)
}

fn model() -> impl Strategy<Value = Model> {
    let leaf = prop_oneof![
        prop::option::of(point()).prop_map(Model::Point),
        line(),
        polygon(),
        arcs(),
        prop_oneof![Just(vec![]), pieces()].prop_map(Model::Compound),
        prop::collection::vec(closed_pieces(), 0..3).prop_map(Model::CurvePolygon),
        prop::collection::vec(prop::option::of(point()).prop_map(Model::Point), 0..4)
            .prop_map(|parts| Model::Many(4, parts)),
        prop::collection::vec(line(), 0..4).prop_map(|parts| Model::Many(5, parts)),
        prop::collection::vec(polygon(), 0..4).prop_map(|parts| Model::Many(6, parts)),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop::collection::vec(inner, 0..4).prop_map(|parts| Model::Many(7, parts))
    })
}

fn kind() -> impl Strategy<Value = SpatialKind> {
    prop_oneof![Just(SpatialKind::Geometry), Just(SpatialKind::Geography)]
}

proptest! {
    #[test]
    fn every_value_keeps_its_meaning(
        model in model(), srid in 0..=999_999, z in any::<bool>(), m in any::<bool>(), kind in kind(),
    ) {
        let mut stored = Stored::default();
        stored.add(&model, -1);
        let mut expected = Expected { out: Vec::new(), srid, z, m };
        expected.add(&model);
        let ewkb = to_ewkb(&stored.bytes(srid, z, m, kind), kind);
        prop_assert_eq!(ewkb, Ok(Some(Ewkb { bytes: expected.out, larger_than_hemisphere: false })));
    }

    #[test]
    fn damaged_values_do_no_harm(
        model in model(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>(),
    ) {
        let mut stored = Stored::default();
        stored.add(&model, -1);
        let whole = stored.bytes(0, true, false, SpatialKind::Geometry);
        let cut = cut.index(whole.len());
        prop_assert!(to_ewkb(&whole[..cut], SpatialKind::Geometry).is_err());
        let mut damaged = whole.clone();
        damaged[at.index(whole.len())] = byte;
        // Whatever comes of it must stay within what the input can hold: nine bytes of header at most for each byte.
        if let Ok(Some(ewkb)) = to_ewkb(&damaged, SpatialKind::Geometry) {
            prop_assert!(ewkb.bytes.len() <= damaged.len() * 10);
        }
    }

    #[test]
    fn any_bytes_are_a_value_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200), kind in kind()) {
        let mut tagged = vec![0, 0, 0, 0, 2, 4];
        tagged.extend(&bytes);
        for input in [&bytes, &tagged] {
            if let Err(error) = to_ewkb(input, kind) {
                prop_assert!(error.offset() <= input.len());
            }
        }
    }
}
