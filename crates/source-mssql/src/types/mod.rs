//! The one table of types: how each SQL Server type travels into PostgreSQL.
//!
//! DDL, the readers of cells and the documentation page ([`type_table_markdown`]) all come from it.

mod rules;

use std::fmt;

use migrate_core::catalog::Fidelity;
use migrate_core::pg_type::PgType;
use migrate_core::value::ValueKind;

use rules::{Facets, RULES, Rule};

/// A built-in type of SQL Server, and the one case for types that are programmed in .NET.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // the variants are the names of T-SQL
pub enum Base {
    TinyInt,
    SmallInt,
    Int,
    BigInt,
    Bit,
    Decimal,
    Numeric,
    Money,
    SmallMoney,
    Real,
    Float,
    Date,
    Time,
    SmallDateTime,
    DateTime,
    DateTime2,
    DateTimeOffset,
    Char,
    VarChar,
    Text,
    NChar,
    NVarChar,
    NText,
    Binary,
    VarBinary,
    Image,
    RowVersion,
    UniqueIdentifier,
    Xml,
    SqlVariant,
    HierarchyId,
    Geometry,
    Geography,
    Json,
    Vector,
    /// A type that a .NET assembly in the database defines.
    Clr,
}

/// The facets that a declaration states, before it is known which of them the type has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stated {
    /// Characters, UTF-16 units or bytes.
    pub length: Option<u32>,
    /// `(max)`.
    pub max: bool,
    /// Decimal digits, or bits of a float's mantissa.
    pub precision: Option<u8>,
    /// Digits after the point, or of a second.
    pub scale: Option<u8>,
}

/// A built-in type with its facets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NativeType {
    /// Which type.
    pub base: Base,
    /// Length in UTF-16 units, or in bytes; 0 where the type has none or it is `max`.
    pub length: u32,
    /// Whether the length is `max`.
    pub max: bool,
    /// Decimal digits.
    pub precision: u8,
    /// Digits after the point, or of a second.
    pub scale: u8,
}

impl NativeType {
    /// The type of that name (lower case, without schema), or `None` if this version does not know it.
    ///
    /// # Errors
    /// A reason, if the facets are outside of what SQL Server allows for the type.
    pub fn new(name: &str, stated: Stated) -> Option<Result<Self, String>> {
        let name = match name {
            "timestamp" => "rowversion",
            "sysname" => {
                let stated = Stated {
                    length: Some(128),
                    ..Stated::default()
                };
                return Self::new("nvarchar", stated);
            }
            "integer" => "int",
            "dec" => "decimal",
            other => other,
        };
        let rule = RULES.iter().find(|r| r.name == name && r.base != Base::Clr)?;
        Some(Self::with_facets(rule, stated))
    }

    /// A type that an assembly defines.
    pub fn clr() -> Self {
        Self {
            base: Base::Clr,
            length: 0,
            max: false,
            precision: 0,
            scale: 0,
        }
    }

    fn with_facets(rule: &Rule, stated: Stated) -> Result<Self, String> {
        let mut t = Self {
            base: rule.base,
            length: 0,
            max: false,
            precision: 0,
            scale: 0,
        };
        match rule.facets {
            Facets::Nothing => {}
            Facets::Length | Facets::LengthOrMax => {
                t.max = rule.facets == Facets::LengthOrMax && stated.max;
                if !t.max {
                    t.length = stated.length.unwrap_or(1);
                    if !(1..=8000).contains(&t.length) {
                        return Err(format!("a length of {} is not between 1 and 8000", t.length));
                    }
                }
            }
            Facets::PrecisionScale => {
                t.precision = stated.precision.unwrap_or(18);
                t.scale = stated.scale.unwrap_or(0);
                if !(1..=38).contains(&t.precision) || t.scale > t.precision {
                    return Err(format!(
                        "precision {} and scale {} do not exist",
                        t.precision, t.scale
                    ));
                }
            }
            Facets::Digits => {
                t.scale = stated.scale.unwrap_or(0);
                if t.scale > 7 {
                    return Err(format!("{} digits of a second, where 7 are possible", t.scale));
                }
            }
            Facets::Mantissa => {
                if stated.precision.is_some_and(|p| (1..=24).contains(&p)) {
                    t.base = Base::Real;
                }
            }
        }
        Ok(t)
    }

    fn rule(&self) -> &'static Rule {
        // Every variant of `Base` has a row; a test counts them.
        RULES.iter().find(|r| r.base == self.base).unwrap_or(&RULES[0])
    }

    /// The PostgreSQL type that is proposed for it.
    pub fn pg(&self) -> PgType {
        (self.rule().pg)(self)
    }

    /// How faithful that is.
    pub fn fidelity(&self) -> Fidelity {
        (self.rule().fidelity)(self)
    }

    /// What its reader delivers.
    pub fn kind(&self) -> ValueKind {
        match self.base {
            // A static table cannot hold a box: its row has the kind of an element.
            Base::Vector => ValueKind::Array(Box::new(self.rule().kind.clone())),
            _ => self.rule().kind.clone(),
        }
    }

    /// Whether it holds text that a collation compares.
    pub fn is_text(&self) -> bool {
        matches!(
            self.base,
            Base::Char | Base::VarChar | Base::Text | Base::NChar | Base::NVarChar | Base::NText
        )
    }
}

impl fmt::Display for NativeType {
    /// As T-SQL writes it: `nvarchar(50)`, `decimal(12,2)`, `datetime2(7)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rule = self.rule();
        f.write_str(rule.name)?;
        match rule.facets {
            Facets::Nothing | Facets::Mantissa => Ok(()),
            Facets::Length | Facets::LengthOrMax if self.max => f.write_str("(max)"),
            Facets::Length | Facets::LengthOrMax => write!(f, "({})", self.length),
            Facets::PrecisionScale => write!(f, "({},{})", self.precision, self.scale),
            Facets::Digits => write!(f, "({})", self.scale),
        }
    }
}

/// The table as a page of documentation.
pub fn type_table_markdown() -> String {
    let mut out = String::from("| SQL Server | PostgreSQL | fidelity | remark |\n|---|---|---|---|\n");
    for rule in RULES {
        let facets = match rule.facets {
            Facets::Nothing | Facets::Mantissa => "",
            Facets::Length => "(n)",
            Facets::LengthOrMax => "(n), (max)",
            Facets::PrecisionScale => "(p,s)",
            Facets::Digits => "(s)",
        };
        let max = rule.facets == Facets::LengthOrMax;
        let scale = if rule.facets == Facets::Digits { 7 } else { 0 };
        let sample = NativeType {
            base: rule.base,
            length: 1,
            max: false,
            precision: 18,
            scale,
        };
        let word = |t: &NativeType| match (rule.fidelity)(t) {
            Fidelity::Exact => "exact",
            Fidelity::Widened => "widened",
            Fidelity::Lossy(_) => "lossy",
        };
        let fidelity = match (
            word(&sample),
            word(&NativeType {
                max,
                scale: scale.min(6),
                ..sample
            }),
        ) {
            (a, b) if a == b => a.to_owned(),
            (a, b) if max => format!("{a}; max: {b}"),
            (a, b) => format!("{b}; (7): {a}"),
        };
        out.push_str(&format!(
            "| `{}{facets}` | `{}` | {fidelity} | {} |\n",
            rule.name, rule.shown, rule.remark
        ));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn native(name: &str, stated: Stated) -> NativeType {
        NativeType::new(name, stated).unwrap().unwrap()
    }

    fn shown(name: &str, stated: Stated) -> String {
        let t = native(name, stated);
        format!("{t} -> {} {:?}", t.pg(), t.fidelity())
    }

    #[test]
    fn types_travel_as_decided() {
        let none = Stated::default();
        let length = |n| Stated {
            length: Some(n),
            ..none
        };
        let max = Stated { max: true, ..none };
        let scale = |s| Stated {
            scale: Some(s),
            ..none
        };
        assert_eq!(shown("tinyint", none), "tinyint -> smallint Widened");
        assert_eq!(shown("int", none), "int -> integer Exact");
        assert_eq!(
            shown("nvarchar", length(50)),
            "nvarchar(50) -> varchar(50) Widened"
        );
        assert_eq!(shown("nvarchar", max), "nvarchar(max) -> text Exact");
        assert_eq!(shown("sysname", none), "nvarchar(128) -> varchar(128) Widened");
        assert_eq!(shown("timestamp", none), "rowversion -> bytea Exact");
        assert_eq!(shown("json", none), "json -> json Exact");
        assert!(shown("vector", none).starts_with("vector -> real[] Lossy"));
        assert_eq!(
            shown(
                "decimal",
                Stated {
                    precision: Some(8),
                    scale: Some(2),
                    ..none
                }
            ),
            "decimal(8,2) -> numeric(8,2) Exact"
        );
        assert_eq!(shown("numeric", none), "numeric(18,0) -> numeric(18,0) Exact");
        assert_eq!(shown("money", none), "money -> numeric(19,4) Widened");
        assert_eq!(shown("datetime", none), "datetime -> timestamp(3) Exact");
        assert_eq!(shown("datetime2", scale(3)), "datetime2(3) -> timestamp(3) Exact");
        assert_eq!(
            shown("datetime2", scale(7)),
            "datetime2(7) -> timestamp Lossy(\"the 7th digit of fractional seconds is rounded\")"
        );
        assert_eq!(
            shown(
                "float",
                Stated {
                    precision: Some(24),
                    ..none
                }
            ),
            "real -> real Exact"
        );
        assert_eq!(
            shown(
                "float",
                Stated {
                    precision: Some(53),
                    ..none
                }
            ),
            "float -> double precision Exact"
        );
        assert!(matches!(
            native("datetimeoffset", scale(0)).fidelity(),
            Fidelity::Lossy(_)
        ));
    }

    #[test]
    fn what_sql_server_cannot_declare_is_refused() {
        let none = Stated::default();
        assert!(NativeType::new("money2", none).is_none());
        assert!(NativeType::new("CLR type", none).is_none());
        assert!(
            NativeType::new(
                "decimal",
                Stated {
                    precision: Some(39),
                    ..none
                }
            )
            .unwrap()
            .is_err()
        );
        assert!(
            NativeType::new(
                "decimal",
                Stated {
                    precision: Some(3),
                    scale: Some(4),
                    ..none
                }
            )
            .unwrap()
            .is_err()
        );
        assert!(
            NativeType::new(
                "time",
                Stated {
                    scale: Some(8),
                    ..none
                }
            )
            .unwrap()
            .is_err()
        );
        assert!(
            NativeType::new(
                "varchar",
                Stated {
                    length: Some(8001),
                    ..none
                }
            )
            .unwrap()
            .is_err()
        );
        assert!(
            NativeType::new(
                "char",
                Stated {
                    max: true,
                    length: Some(0),
                    ..none
                }
            )
            .unwrap()
            .is_err()
        );
    }

    #[test]
    fn every_rule_is_reached_by_its_base_and_the_page_has_every_rule() {
        let page = type_table_markdown();
        for rule in RULES {
            let t = NativeType {
                base: rule.base,
                length: 1,
                max: false,
                precision: 1,
                scale: 0,
            };
            assert_eq!(t.rule().name, rule.name);
            assert!(page.contains(&format!("| `{}", rule.name)), "{}", rule.name);
        }
        assert_eq!(RULES.len(), 36);
        assert!(
            page.contains("| `datetime2(s)` | `timestamp(s), at most 6` | exact; (7): lossy |"),
            "{page}"
        );
        assert!(page.contains("| `varchar(n), (max)` | `varchar(n), text for max` | widened; max: exact |"));
    }
}
