//! Where the cells of a table's rows begin and end: the bulk-copy layout of each column.
//!
//! Widths and prefixes are those of SQL Server's native bulk-copy files ("Specify prefix length in data files by using
//! bcp"), as far as real exports confirm them, with text always as UTF-16LE. What real exports leave open is a
//! [`LayoutChoice`], which the scan settles by proof.

use serde::{Deserialize, Serialize};

use crate::types::{Base, NativeType};

/// What two exports of the same table could differ in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct LayoutChoice {
    /// Whether a time with fewer than 7 digits is stored in units of its scale, in 3, 4 or 5 bytes. Otherwise it has
    /// always 5 bytes of 100 ns.
    pub(crate) time_by_scale: bool,
    /// Bytes of the length prefix of CLR types.
    pub(crate) clr_prefix: u8,
    /// Bytes of the length prefix of sql_variant.
    pub(crate) variant_prefix: u8,
    /// Whether a scale that the model does not state means 7 digits of a second instead of 0.
    pub(crate) unstated_is_seven: bool,
}

impl Default for LayoutChoice {
    fn default() -> Self {
        Self {
            time_by_scale: false,
            clr_prefix: 8,
            variant_prefix: 4,
            unstated_is_seven: false,
        }
    }
}

/// A column that has bytes in the data files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredColumn {
    /// Its name.
    pub(crate) name: String,
    /// Its type, aliases resolved.
    pub(crate) native: NativeType,
    /// Whether NULL is allowed.
    pub(crate) nullable: bool,
    /// Whether a scale was stated for it.
    pub(crate) scale_stated: bool,
}

impl StoredColumn {
    fn is_time(&self) -> bool {
        matches!(
            self.native.base,
            Base::Time | Base::DateTime2 | Base::DateTimeOffset
        )
    }

    fn scale(&self, choice: LayoutChoice) -> u8 {
        if self.is_time() && !self.scale_stated && choice.unstated_is_seven {
            7
        } else {
            self.native.scale
        }
    }

    /// The type with what the choice adds to it.
    pub(crate) fn native(&self, choice: LayoutChoice) -> NativeType {
        NativeType {
            scale: self.scale(choice),
            ..self.native
        }
    }

    /// Whether its bytes differ between choices.
    pub(crate) fn in_doubt(&self) -> bool {
        match self.native.base {
            Base::SqlVariant | Base::HierarchyId | Base::Geometry | Base::Geography | Base::Clr => true,
            _ => self.is_time() && self.native.scale < 7,
        }
    }
}

/// Every choice that makes a difference for the columns, the likeliest first.
pub(crate) fn candidates(columns: &[StoredColumn]) -> Vec<LayoutChoice> {
    let likely = LayoutChoice::default();
    let mut out = vec![likely];
    let mut vary = |needed: bool, change: &dyn Fn(&mut LayoutChoice, usize), ways: usize| {
        if needed {
            let base = std::mem::take(&mut out);
            for way in 0..ways {
                for mut choice in base.iter().copied() {
                    change(&mut choice, way);
                    out.push(choice);
                }
            }
        }
    };
    let times = || columns.iter().filter(|c| c.is_time());
    let clr = |c: &StoredColumn| {
        matches!(
            c.native.base,
            Base::HierarchyId | Base::Geometry | Base::Geography | Base::Clr
        )
    };
    vary(columns.iter().any(clr), &|c, way| c.clr_prefix = [8, 2][way], 2);
    vary(
        columns.iter().any(|c| c.native.base == Base::SqlVariant),
        &|c, way| c.variant_prefix = [4, 8, 2][way],
        3,
    );
    vary(
        times().any(|c| c.native.scale < 7),
        &|c, way| c.time_by_scale = way == 1,
        2,
    );
    vary(
        times().any(|c| !c.scale_stated),
        &|c, way| c.unstated_is_seven = way == 1,
        2,
    );
    out
}

/// How the bytes of a column's cells lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CellLayout {
    /// Bytes of the length prefix: 0, 1, 2, 4 or 8.
    pub(crate) prefix: u8,
    /// The shortest body that is not NULL.
    pub(crate) min: u64,
    /// The longest.
    pub(crate) max: u64,
    /// Whether the body consists of UTF-16 units.
    pub(crate) units: bool,
    /// Whether NULL is allowed.
    pub(crate) nullable: bool,
}

/// No value of SQL Server is longer.
const LARGEST: u64 = 0x7FFF_FFFF;

impl CellLayout {
    pub(crate) fn of(column: &StoredColumn, choice: LayoutChoice) -> Self {
        let t = column.native(choice);
        let nullable = column.nullable;
        // The prefix of types that only need one for NULL.
        let only_null = |n: u8| if nullable { n } else { 0 };
        let n = u64::from(t.length);
        let time = time_width(t.scale, choice);
        let (prefix, min, max) = match t.base {
            Base::TinyInt => (only_null(1), 1, 1),
            Base::SmallInt => (only_null(1), 2, 2),
            Base::Int | Base::Real | Base::SmallMoney | Base::SmallDateTime => (only_null(1), 4, 4),
            Base::BigInt | Base::Float | Base::Money | Base::DateTime => (only_null(1), 8, 8),
            Base::Date => (only_null(1), 3, 3),
            Base::Time => (only_null(1), time, time),
            Base::DateTime2 => (only_null(1), time + 3, time + 3),
            Base::DateTimeOffset => (only_null(1), time + 5, time + 5),
            Base::Bit => (1, 1, 1),
            Base::Decimal | Base::Numeric => (1, 19, 19),
            Base::UniqueIdentifier => (1, 16, 16),
            Base::Char if nullable => (2, 0, 2 * n),
            Base::Char => (0, 2 * n, 2 * n),
            Base::NChar => (2, 0, 2 * n),
            Base::VarChar | Base::NVarChar if !t.max => (2, 0, 2 * n),
            Base::Binary => (2, 0, n),
            Base::VarBinary if !t.max => (2, 0, n),
            Base::RowVersion => (2, 8, 8),
            // The model refuses json and vectors, whose layout nobody documents.
            Base::VarChar | Base::NVarChar | Base::VarBinary | Base::Xml | Base::Json | Base::Vector => {
                (8, 0, LARGEST)
            }
            Base::Text | Base::NText | Base::Image => (4, 0, LARGEST),
            // The largest variant holds 8000 bytes behind its type, properties and collation.
            Base::SqlVariant => (choice.variant_prefix, 2, 8016),
            Base::HierarchyId => (choice.clr_prefix, 0, 892),
            Base::Geometry | Base::Geography | Base::Clr => (choice.clr_prefix, 0, LARGEST),
        };
        let units = t.is_text() || t.base == Base::Xml;
        // All bits of a prefix mean NULL, so no length has them.
        let max = if prefix == 2 {
            max.min(u64::from(u16::MAX) - 1)
        } else {
            max
        };
        Self {
            prefix,
            min,
            max,
            units,
            nullable,
        }
    }
}

/// Bytes of a time of day.
pub(crate) fn time_width(scale: u8, choice: LayoutChoice) -> u64 {
    match scale {
        0..=2 if choice.time_by_scale => 3,
        3..=4 if choice.time_by_scale => 4,
        _ => 5,
    }
}
