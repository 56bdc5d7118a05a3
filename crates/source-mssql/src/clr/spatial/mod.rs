//! `geometry` and `geography` as PostGIS's extended well-known binary (EWKB).
//!
//! SQL Server's serialization ([MS-SSCLRT] 2.1, versions 1 and 2) is three tables: points, figures (runs of points) and
//! shapes (runs of figures, each naming the shape it belongs to); version 2 adds segments, which say for a figure of
//! mixed lines and arcs which stretch is which. EWKB nests instead. What is written is what PostGIS itself writes
//! for the value: little-endian, the SRID once and only if it is not 0, points that do not exist as NaN, and one
//! bit pattern for all NaN.

mod ewkb;
#[cfg(test)]
mod model_tests;
mod serialized;
#[cfg(test)]
mod tests;

use self::serialized::Serialized;
use super::ClrError;

/// Which of the two types a value belongs to; their bytes do not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SpatialKind {
    /// Planar; a point is stored x before y.
    Geometry,
    /// On the ellipsoid; a point is stored latitude before longitude, which EWKB has the other way round.
    Geography,
}

/// A spatial value in PostGIS's terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ewkb {
    /// Extended well-known binary.
    pub bytes: Vec<u8>,
    /// The value says that it covers more than half of the globe. SQL Server tells by the direction of a ring which
    /// side is inside; PostGIS takes the smaller side, so its `geography` means the complement of this value.
    pub larger_than_hemisphere: bool,
}

/// Reads the bytes of one `geometry` or `geography`; `None` for a null instance (SRID -1 and nothing else).
///
/// Order of rings, points and parts, Z, M and SRID are kept.
///
/// # Errors
/// [`ClrError::Malformed`], [`ClrError::Truncated`] or [`ClrError::Unsupported`] where the bytes break the format:
/// tables that do not add up, rings that do not close, lines of one point. [`ClrError::NotRepresentable`] for `FullGlobe`,
/// for an SRID outside of 0 to 999999 and for collections nested deeper than PostGIS reads.
pub fn to_ewkb(bytes: &[u8], kind: SpatialKind) -> Result<Option<Ewkb>, ClrError> {
    let Some(serialized) = Serialized::parse(bytes, kind)? else {
        return Ok(None);
    };
    Ok(Some(Ewkb {
        bytes: ewkb::write(&serialized)?,
        larger_than_hemisphere: serialized.larger_than_hemisphere,
    }))
}
