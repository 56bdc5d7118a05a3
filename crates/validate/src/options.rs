//! How much is proven, and with which means.

use std::str::FromStr;

use migrate_core::proof::Proof;
use migrate_core::{Error, ErrorKind};
use serde::Serialize;

/// How a validation is carried out.
#[derive(Debug, Clone)]
pub struct Options {
    /// Tables compared at the same time.
    pub jobs: usize,
    /// Differing rows named for each table.
    pub max_differences: usize,
    /// What is looked at.
    pub layers: Layers,
    /// Whether values are shown by their length alone. Keys are always shown: a row is found by them.
    pub mask: bool,
    /// Whether the ledger keeps a note of the tables that agree. It lets a later validation tell rows that were changed
    /// since from rows that never were right; without it nothing at all is written.
    pub note: bool,
    /// Whether rows are compared with the source as well, if one is given. Otherwise only rules and queries ask it.
    pub read_source: bool,
    /// Rules, queries and the share of rows that is wanted, instead of those in the ledger's plan.
    pub proof: Option<Proof>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            jobs: 4,
            max_differences: 20,
            layers: Level::Standard.layers(),
            mask: false,
            note: false,
            read_source: true,
            proof: None,
        }
    }
}

/// A budget: how much is looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// The catalog and exact counts; no row is read.
    Quick,
    /// Every row of the destination once, every declared reference, every rule.
    #[default]
    Standard,
    /// References that only names tell of, and the timed queries, as well.
    Full,
}

impl Level {
    /// What belongs to it.
    pub fn layers(self) -> Layers {
        Layers {
            schema: true,
            digests: self != Self::Quick,
            references: match self {
                Self::Quick => References::None,
                Self::Standard => References::Declared,
                Self::Full => References::Named,
            },
            rules: self != Self::Quick,
            queries: self == Self::Full,
        }
    }
}

impl FromStr for Level {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "quick" => Ok(Self::Quick),
            "standard" => Ok(Self::Standard),
            "full" => Ok(Self::Full),
            _ => Err(Error::new(
                ErrorKind::Config,
                "a level is quick, standard or full",
            )),
        }
    }
}

/// What is looked at, besides exact counts, which always are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Layers {
    /// The destination's objects against the plan.
    pub schema: bool,
    /// Every row's hash.
    pub digests: bool,
    /// References between tables.
    pub references: References,
    /// The plan's own assertions.
    pub rules: bool,
    /// The plan's own queries.
    pub queries: bool,
}

impl Layers {
    /// Nothing but counts.
    pub const COUNTS: Self = Self {
        schema: false,
        digests: false,
        references: References::None,
        rules: false,
        queries: false,
    };

    /// What the end of a run looks at: what PostgreSQL has just checked itself is not checked again.
    pub const AFTER_RUN: Self = Self {
        schema: true,
        digests: true,
        references: References::Unchecked,
        rules: true,
        queries: false,
    };
}

/// Which references are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum References {
    /// None.
    None,
    /// Declared ones that the destination did not check when they were made.
    Unchecked,
    /// All declared ones.
    Declared,
    /// Those as well that only the names of columns and tables tell of.
    Named,
}
