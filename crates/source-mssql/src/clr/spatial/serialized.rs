//! The tables of a serialized `geometry` or `geography`, checked for what each table says by itself ([MS-SSCLRT] 2.1.1
//! to 2.1.7).

use super::SpatialKind;
use crate::clr::ClrError;
use crate::clr::reader::Reader;

const HAS_Z: u8 = 0x01;
const HAS_M: u8 = 0x02;
const IS_VALID: u8 = 0x04;
const SINGLE_POINT: u8 = 0x08;
const SINGLE_LINE: u8 = 0x10;
const LARGER_THAN_HEMISPHERE: u8 = 0x20;

const FIGURE_BYTES: usize = 5;
const SHAPE_BYTES: usize = 9;

/// Largest SRID that PostGIS stores as it is.
const MAX_SRID: i32 = 999_999;

/// OpenGIS type of a shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ShapeType {
    Point,
    LineString,
    Polygon,
    MultiPoint,
    MultiLineString,
    MultiPolygon,
    GeometryCollection,
    CircularString,
    CompoundCurve,
    CurvePolygon,
}

/// What the points of a figure are. Version 1 knows lines only; its attribute tells rings apart, which their order
/// does as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FigureKind {
    Line,
    Arc,
    Composite,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Segment {
    Line,
    Arc,
    FirstLine,
    FirstArc,
}

#[derive(Debug, Clone)]
pub(super) struct Figure {
    pub(super) kind: FigureKind,
    /// Index of its first point, and of the point after its last.
    pub(super) points: (usize, usize),
    /// Index of its first segment.
    pub(super) first_segment: usize,
    /// Where in the value the figure is described.
    pub(super) offset: usize,
}

#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub(super) shape_type: ShapeType,
    pub(super) parent: Option<usize>,
    /// Index of its first figure; `None` for an empty shape.
    pub(super) first_figure: Option<usize>,
    /// Where in the value the shape is described.
    pub(super) offset: usize,
}

/// Coordinates, still as the bytes of the value.
#[derive(Debug, Clone)]
pub(super) struct Points<'a> {
    kind: SpatialKind,
    xy: &'a [u8],
    z: Option<&'a [u8]>,
    m: Option<&'a [u8]>,
}

impl Points<'_> {
    fn double(bytes: &[u8], index: usize) -> f64 {
        let mut raw = [0; 8];
        raw.copy_from_slice(&bytes[index * 8..index * 8 + 8]);
        f64::from_le_bytes(raw)
    }

    pub(super) fn x(&self, point: usize) -> f64 {
        match self.kind {
            SpatialKind::Geometry => Self::double(self.xy, point * 2),
            SpatialKind::Geography => Self::double(self.xy, point * 2 + 1),
        }
    }

    pub(super) fn y(&self, point: usize) -> f64 {
        match self.kind {
            SpatialKind::Geometry => Self::double(self.xy, point * 2 + 1),
            SpatialKind::Geography => Self::double(self.xy, point * 2),
        }
    }

    pub(super) fn z(&self, point: usize) -> Option<f64> {
        self.z.map(|z| Self::double(z, point))
    }

    pub(super) fn m(&self, point: usize) -> Option<f64> {
        self.m.map(|m| Self::double(m, point))
    }

    pub(super) fn has_z(&self) -> bool {
        self.z.is_some()
    }

    pub(super) fn has_m(&self) -> bool {
        self.m.is_some()
    }
}

/// A value's tables.
#[derive(Debug, Clone)]
pub(super) struct Serialized<'a> {
    pub(super) srid: i32,
    pub(super) larger_than_hemisphere: bool,
    pub(super) points: Points<'a>,
    pub(super) figures: Vec<Figure>,
    pub(super) shapes: Vec<Shape>,
    pub(super) segments: Vec<Segment>,
}

impl<'a> Serialized<'a> {
    /// `None` for a null instance.
    pub(super) fn parse(bytes: &'a [u8], kind: SpatialKind) -> Result<Option<Self>, ClrError> {
        let mut reader = Reader::new(bytes);
        let srid = reader.i32()?;
        if srid == -1 && reader.remaining() == 0 {
            return Ok(None);
        }
        if !(0..=MAX_SRID).contains(&srid) {
            return Err(ClrError::NotRepresentable {
                offset: 0,
                reason: "PostGIS has SRIDs from 0 to 999999",
            });
        }
        let version = reader.u8()?;
        if !(1..=2).contains(&version) {
            return Err(ClrError::Unsupported {
                offset: 4,
                what: "spatial format version",
                code: version.into(),
            });
        }
        let flags = reader.u8()?;
        let mut known = HAS_Z | HAS_M | IS_VALID | SINGLE_POINT | SINGLE_LINE;
        if version == 2 {
            known |= LARGER_THAN_HEMISPHERE;
        }
        if flags & !known != 0 {
            return Err(ClrError::Unsupported {
                offset: 5,
                what: "spatial property",
                code: u32::from(flags & !known),
            });
        }
        let shorthand = match flags & (SINGLE_POINT | SINGLE_LINE) {
            0 => None,
            SINGLE_POINT => Some((ShapeType::Point, 1)),
            SINGLE_LINE => Some((ShapeType::LineString, 2)),
            _ => return Err(malformed(5, "a value is both a single point and a single line")),
        };

        let count = match shorthand {
            Some((_, count)) => count,
            None => reader.u32()? as usize,
        };
        let points = Points {
            kind,
            xy: reader.take_items(count, 16)?,
            z: (flags & HAS_Z != 0)
                .then(|| reader.take_items(count, 8))
                .transpose()?,
            m: (flags & HAS_M != 0)
                .then(|| reader.take_items(count, 8))
                .transpose()?,
        };
        let mut serialized = Self {
            srid,
            larger_than_hemisphere: flags & LARGER_THAN_HEMISPHERE != 0,
            points,
            figures: Vec::new(),
            shapes: Vec::new(),
            segments: Vec::new(),
        };
        if let Some((shape_type, count)) = shorthand {
            serialized.figures.push(Figure {
                kind: FigureKind::Line,
                points: (0, count),
                first_segment: 0,
                offset: 6,
            });
            serialized.shapes.push(Shape {
                shape_type,
                parent: None,
                first_figure: Some(0),
                offset: 6,
            });
        } else {
            serialized.figures = figures(&mut reader, version, count)?;
            serialized.shapes = shapes(&mut reader, version)?;
            // Servers leave the table out where no figure needs it.
            if version == 2 && reader.remaining() > 0 {
                serialized.segments = segments(&mut reader)?;
            }
            let end = reader.offset();
            share_out_segments(&mut serialized.figures, &serialized.segments, end)?;
        }
        reader.finish()?;
        Ok(Some(serialized))
    }
}

fn malformed(offset: usize, reason: &'static str) -> ClrError {
    ClrError::Malformed { offset, reason }
}

fn figures(reader: &mut Reader<'_>, version: u8, points: usize) -> Result<Vec<Figure>, ClrError> {
    let count = reader.u32()? as usize;
    let at = reader.offset();
    let mut table = Reader::new(reader.take_items(count, FIGURE_BYTES)?);
    let mut figures: Vec<Figure> = Vec::with_capacity(count);
    for index in 0..count {
        let offset = at + index * FIGURE_BYTES;
        let kind = match (version, table.u8()?) {
            (1, 0..=2) => FigureKind::Line,
            (2, 0..=1) => FigureKind::Line,
            (2, 2) => FigureKind::Arc,
            (2, 3) => FigureKind::Composite,
            (_, attribute) => {
                return Err(ClrError::Unsupported {
                    offset,
                    what: "figure attribute",
                    code: attribute.into(),
                });
            }
        };
        let first = table.u32()? as usize;
        match figures.last_mut() {
            None if first == 0 => {}
            Some(before) if first > before.points.0 => before.points.1 = first,
            _ => {
                return Err(malformed(
                    offset,
                    "figures do not follow one another among the points",
                ));
            }
        }
        figures.push(Figure {
            kind,
            points: (first, points),
            first_segment: 0,
            offset,
        });
    }
    match figures.last() {
        None if points > 0 => Err(malformed(at, "points belong to no figure")),
        Some(last) if last.points.0 >= points => {
            Err(malformed(last.offset, "a figure begins after the last point"))
        }
        _ => Ok(figures),
    }
}

fn shapes(reader: &mut Reader<'_>, version: u8) -> Result<Vec<Shape>, ClrError> {
    let count = reader.u32()? as usize;
    let at = reader.offset();
    let mut table = Reader::new(reader.take_items(count, SHAPE_BYTES)?);
    let mut shapes = Vec::with_capacity(count);
    for index in 0..count {
        let offset = at + index * SHAPE_BYTES;
        let parent = optional_index(table.i32()?, offset)?;
        let first_figure = optional_index(table.i32()?, offset)?;
        let shape_type = match (version, table.u8()?) {
            (_, 1) => ShapeType::Point,
            (_, 2) => ShapeType::LineString,
            (_, 3) => ShapeType::Polygon,
            (_, 4) => ShapeType::MultiPoint,
            (_, 5) => ShapeType::MultiLineString,
            (_, 6) => ShapeType::MultiPolygon,
            (_, 7) => ShapeType::GeometryCollection,
            (2, 8) => ShapeType::CircularString,
            (2, 9) => ShapeType::CompoundCurve,
            (2, 10) => ShapeType::CurvePolygon,
            (2, 11) => {
                return Err(ClrError::NotRepresentable {
                    offset,
                    reason: "FullGlobe, the whole surface of the earth, has no counterpart in PostGIS",
                });
            }
            (_, code) => {
                return Err(ClrError::Unsupported {
                    offset,
                    what: "shape type",
                    code: code.into(),
                });
            }
        };
        shapes.push(Shape {
            shape_type,
            parent,
            first_figure,
            offset,
        });
    }
    if shapes.is_empty() {
        return Err(malformed(at, "a value without a shape"));
    }
    Ok(shapes)
}

/// -1 stands for none.
fn optional_index(raw: i32, offset: usize) -> Result<Option<usize>, ClrError> {
    match raw {
        -1 => Ok(None),
        _ => usize::try_from(raw)
            .map(Some)
            .map_err(|_| malformed(offset, "an index below -1")),
    }
}

fn segments(reader: &mut Reader<'_>) -> Result<Vec<Segment>, ClrError> {
    let count = reader.u32()? as usize;
    let at = reader.offset();
    let types = reader.take_items(count, 1)?;
    types
        .iter()
        .enumerate()
        .map(|(index, segment_type)| match segment_type {
            0 => Ok(Segment::Line),
            1 => Ok(Segment::Arc),
            2 => Ok(Segment::FirstLine),
            3 => Ok(Segment::FirstArc),
            _ => Err(ClrError::Unsupported {
                offset: at + index,
                what: "segment type",
                code: u32::from(*segment_type),
            }),
        })
        .collect()
}

/// Gives each composite figure, in order, the segments that its points make up: a line adds one point to the point
/// before it, an arc two.
fn share_out_segments(figures: &mut [Figure], segments: &[Segment], end: usize) -> Result<(), ClrError> {
    let mut next = 0;
    for figure in figures
        .iter_mut()
        .filter(|figure| figure.kind == FigureKind::Composite)
    {
        figure.first_segment = next;
        let mut point = figure.points.0 + 1;
        while point < figure.points.1 {
            point += match segments.get(next) {
                Some(Segment::Line | Segment::FirstLine) => 1,
                Some(Segment::Arc | Segment::FirstArc) => 2,
                None => return Err(malformed(figure.offset, "a figure has more points than segments")),
            };
            next += 1;
        }
        if point > figure.points.1 {
            return Err(malformed(figure.offset, "an arc goes past the end of its figure"));
        }
    }
    if next != segments.len() {
        return Err(malformed(end, "segments belong to no figure"));
    }
    Ok(())
}
