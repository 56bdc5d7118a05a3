//! Writing PostGIS's extended well-known binary.
//!
//! Shapes are stored parent first and depth first, the order in which EWKB nests them, so one pass writes the value
//! without recursion; what it relies on is checked on the way. The rules that PostGIS enforces when it reads a value
//! (closed rings, enough points) are enforced here, where the offending figure can still be named.

use super::serialized::{Figure, FigureKind, Segment, Serialized, Shape, ShapeType};
use crate::clr::ClrError;

const WITH_Z: u32 = 0x8000_0000;
const WITH_M: u32 = 0x4000_0000;
const WITH_SRID: u32 = 0x2000_0000;

/// The NaN that PostGIS writes.
const NAN_BITS: u64 = 0x7FF8_0000_0000_0000;

/// Collections within collections; PostGIS refuses more than 200 levels, of which curves need some.
const MAX_DEPTH: usize = 128;

impl ShapeType {
    fn code(self) -> u32 {
        match self {
            Self::Point => 1,
            Self::LineString => 2,
            Self::Polygon => 3,
            Self::MultiPoint => 4,
            Self::MultiLineString => 5,
            Self::MultiPolygon => 6,
            Self::GeometryCollection => 7,
            Self::CircularString => 8,
            Self::CompoundCurve => 9,
            Self::CurvePolygon => 10,
        }
    }

    fn is_collection(self) -> bool {
        matches!(
            self,
            Self::MultiPoint | Self::MultiLineString | Self::MultiPolygon | Self::GeometryCollection
        )
    }

    fn may_hold(self, part: Self) -> bool {
        match self {
            Self::MultiPoint => part == Self::Point,
            Self::MultiLineString => part == Self::LineString,
            Self::MultiPolygon => part == Self::Polygon,
            _ => self == Self::GeometryCollection,
        }
    }
}

/// The value as EWKB.
pub(super) fn write(value: &Serialized<'_>) -> Result<Vec<u8>, ClrError> {
    let parts = count_parts(&value.shapes)?;
    let mut writer = Writer {
        value,
        out: Vec::new(),
        next_figure: 0,
    };
    // The shapes that the next one may still belong to, outermost first.
    let mut open: Vec<usize> = Vec::new();
    for (index, shape) in value.shapes.iter().enumerate() {
        while open.last().copied() != shape.parent && open.pop().is_some() {}
        if open.last().copied() != shape.parent || (shape.parent.is_none() && index > 0) {
            return Err(malformed(shape.offset, "shapes are not stored depth first"));
        }
        writer.shape(index, parts[index])?;
        if shape.shape_type.is_collection() {
            open.push(index);
            if open.len() > MAX_DEPTH {
                return Err(ClrError::NotRepresentable {
                    offset: shape.offset,
                    reason: "more than 128 collections within one another",
                });
            }
        }
    }
    if let Some(figure) = value.figures.get(writer.next_figure) {
        return Err(malformed(figure.offset, "a figure belongs to no shape"));
    }
    Ok(writer.out)
}

fn malformed(offset: usize, reason: &'static str) -> ClrError {
    ClrError::Malformed { offset, reason }
}

/// How many shapes each shape holds directly.
fn count_parts(shapes: &[Shape]) -> Result<Vec<u32>, ClrError> {
    let mut parts = vec![0_u32; shapes.len()];
    for (index, shape) in shapes.iter().enumerate() {
        let Some(parent) = shape.parent else { continue };
        if parent >= index {
            return Err(malformed(
                shape.offset,
                "a shape comes before the shape it belongs to",
            ));
        }
        if !shapes[parent].shape_type.may_hold(shape.shape_type) {
            return Err(malformed(
                shape.offset,
                "a shape belongs to one that cannot hold its type",
            ));
        }
        parts[parent] += 1;
    }
    Ok(parts)
}

struct Writer<'v, 'a> {
    value: &'v Serialized<'a>,
    out: Vec<u8>,
    /// Figures are used up in order, so that none is left out or written twice.
    next_figure: usize,
}

impl<'v> Writer<'v, '_> {
    fn shape(&mut self, index: usize, parts: u32) -> Result<(), ClrError> {
        let shape = &self.value.shapes[index];
        if shape.first_figure.is_some_and(|first| first != self.next_figure) {
            return Err(malformed(
                shape.offset,
                "shapes do not follow one another among the figures",
            ));
        }
        self.header(shape.shape_type, index == 0);
        if shape.shape_type.is_collection() {
            self.count(parts as usize);
            return Ok(());
        }
        let figures = self.figures_of(index)?;
        match shape.shape_type {
            ShapeType::Point => match figures {
                [] => self.empty_point(),
                [figure] if figure.points.1 - figure.points.0 == 1 => self.point_alone(figure.points.0),
                _ => return Err(malformed(shape.offset, "a Point has more than one point")),
            },
            ShapeType::Polygon => {
                self.count(figures.len());
                for ring in figures {
                    expect_kind(ring, FigureKind::Line)?;
                    self.check_ring(ring)?;
                    self.run(ring.points);
                }
            }
            ShapeType::CurvePolygon => {
                self.count(figures.len());
                for ring in figures {
                    self.check_ring(ring)?;
                    self.header(curve_type(ring.kind), false);
                    self.curve_body(ring)?;
                }
            }
            ShapeType::LineString | ShapeType::CircularString | ShapeType::CompoundCurve => match figures {
                [] => self.count(0),
                [figure] => self.whole_curve(shape.shape_type, figure)?,
                _ => return Err(malformed(shape.offset, "a curve has more than one figure")),
            },
            ShapeType::MultiPoint
            | ShapeType::MultiLineString
            | ShapeType::MultiPolygon
            | ShapeType::GeometryCollection => {}
        }
        Ok(())
    }

    /// The figures of a shape that is no collection; they end where those of the next shape with figures begin.
    fn figures_of(&mut self, index: usize) -> Result<&'v [Figure], ClrError> {
        let shape = &self.value.shapes[index];
        let Some(first) = shape.first_figure else {
            return Ok(&[]);
        };
        let end = self.value.shapes[index + 1..]
            .iter()
            .find_map(|later| later.first_figure)
            .unwrap_or(self.value.figures.len());
        let figures = self
            .value
            .figures
            .get(first..end)
            .filter(|figures| !figures.is_empty())
            .ok_or_else(|| malformed(shape.offset, "a shape points outside of the figures"))?;
        self.next_figure = end;
        Ok(figures)
    }

    fn header(&mut self, shape_type: ShapeType, outermost: bool) {
        const LITTLE_ENDIAN: u8 = 1;
        let mut code = shape_type.code();
        if self.value.points.has_z() {
            code |= WITH_Z;
        }
        if self.value.points.has_m() {
            code |= WITH_M;
        }
        let with_srid = outermost && self.value.srid != 0;
        if with_srid {
            code |= WITH_SRID;
        }
        self.out.push(LITTLE_ENDIAN);
        self.out.extend_from_slice(&code.to_le_bytes());
        if with_srid {
            self.out.extend_from_slice(&self.value.srid.to_le_bytes());
        }
    }

    fn count(&mut self, count: usize) {
        // Every count was a 32-bit field of the value, or counts things that take several of its bytes each.
        self.out.extend_from_slice(&(count as u32).to_le_bytes());
    }

    fn double(&mut self, double: f64) {
        // A NULL Z or M is a NaN; one pattern for all keeps equal values equal, byte for byte.
        let bits = if double.is_nan() {
            NAN_BITS
        } else {
            double.to_bits()
        };
        self.out.extend_from_slice(&bits.to_le_bytes());
    }

    fn point(&mut self, point: usize) {
        let points = &self.value.points;
        self.double(points.x(point));
        self.double(points.y(point));
        for ordinate in [points.z(point), points.m(point)].into_iter().flatten() {
            self.double(ordinate);
        }
    }

    /// A point of its own; PostGIS takes one without x and y for an empty one.
    fn point_alone(&mut self, point: usize) {
        let points = &self.value.points;
        if points.x(point).is_nan() && points.y(point).is_nan() {
            self.empty_point();
        } else {
            self.point(point);
        }
    }

    fn empty_point(&mut self) {
        let points = &self.value.points;
        for _ in 0..2 + usize::from(points.has_z()) + usize::from(points.has_m()) {
            self.double(f64::NAN);
        }
    }

    fn run(&mut self, points: (usize, usize)) {
        self.count(points.1 - points.0);
        for point in points.0..points.1 {
            self.point(point);
        }
    }

    /// The part of a curve shape after its header.
    fn whole_curve(&mut self, shape_type: ShapeType, figure: &Figure) -> Result<(), ClrError> {
        match shape_type {
            ShapeType::LineString => expect_kind(figure, FigureKind::Line)?,
            ShapeType::CircularString => expect_kind(figure, FigureKind::Arc)?,
            // A compound curve of one piece need not be stored as a composite.
            _ if figure.kind != FigureKind::Composite => {
                self.count(1);
                self.header(curve_type(figure.kind), false);
            }
            _ => {}
        }
        self.curve_body(figure)
    }

    fn curve_body(&mut self, figure: &Figure) -> Result<(), ClrError> {
        let count = figure.points.1 - figure.points.0;
        match figure.kind {
            FigureKind::Line if count < 2 => {
                return Err(malformed(figure.offset, "a line has fewer than two points"));
            }
            FigureKind::Arc if count < 3 || count.is_multiple_of(2) => {
                return Err(malformed(
                    figure.offset,
                    "arcs need an odd number of points, three or more",
                ));
            }
            FigureKind::Composite if count < 2 => {
                return Err(malformed(
                    figure.offset,
                    "a compound curve has fewer than two points",
                ));
            }
            FigureKind::Composite => {
                let stretches = self.stretches(figure);
                self.count(stretches.len());
                for (kind, points) in stretches {
                    self.header(curve_type(kind), false);
                    self.run(points);
                }
            }
            FigureKind::Line | FigureKind::Arc => self.run(figure.points),
        }
        Ok(())
    }

    /// The pieces of a composite figure. Neighbours share a point, which is stored once.
    fn stretches(&self, figure: &Figure) -> Vec<(FigureKind, (usize, usize))> {
        let mut stretches: Vec<(FigureKind, (usize, usize))> = Vec::new();
        let mut last = figure.points.0;
        for segment in &self.value.segments[figure.first_segment..] {
            if last + 1 >= figure.points.1 {
                break;
            }
            let (kind, begins, step) = match segment {
                Segment::FirstLine => (FigureKind::Line, true, 1),
                Segment::Line => (FigureKind::Line, false, 1),
                Segment::FirstArc => (FigureKind::Arc, true, 2),
                Segment::Arc => (FigureKind::Arc, false, 2),
            };
            match stretches.last_mut() {
                Some((before, points)) if !begins && *before == kind => points.1 += step,
                _ => stretches.push((kind, (last, last + step + 1))),
            }
            last += step;
        }
        stretches
    }

    fn check_ring(&self, ring: &Figure) -> Result<(), ClrError> {
        let (first, last) = (ring.points.0, ring.points.1 - 1);
        let least = if ring.kind == FigureKind::Line { 4 } else { 3 };
        if ring.points.1 - first < least {
            return Err(malformed(ring.offset, "a ring has too few points"));
        }
        let points = &self.value.points;
        if points.x(first) != points.x(last) || points.y(first) != points.y(last) {
            return Err(malformed(ring.offset, "a ring does not end where it begins"));
        }
        Ok(())
    }
}

fn curve_type(kind: FigureKind) -> ShapeType {
    match kind {
        FigureKind::Line => ShapeType::LineString,
        FigureKind::Arc => ShapeType::CircularString,
        FigureKind::Composite => ShapeType::CompoundCurve,
    }
}

fn expect_kind(figure: &Figure, kind: FigureKind) -> Result<(), ClrError> {
    if figure.kind == kind {
        return Ok(());
    }
    Err(malformed(
        figure.offset,
        "a figure's attribute contradicts the type of its shape",
    ))
}
