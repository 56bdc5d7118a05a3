//! What a plan has to know about its destination.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What the destination can do, as far as the plan depends on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// PostgreSQL's major version.
    pub version: u32,
    /// Whether `xml` values can be stored (the server is built with libxml).
    pub xml: bool,
    /// Whether PostGIS is installed or can be created.
    pub postgis: bool,
    /// Whether `citext` is installed or can be created.
    pub citext: bool,
    /// Whether ICU collations can be created.
    pub icu: bool,
    /// Whether the database belongs to Supabase.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub supabase: bool,
    /// Who carries the plan out, where somebody asked. A plan is made for it and does not keep it.
    #[serde(skip)]
    pub who: Option<Who>,
}

/// Who carries a plan out, and what roles there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// The role's name.
    pub user: String,
    /// Whether it is a superuser.
    pub superuser: bool,
    /// The server's roles, each with whether the user may act as it.
    pub roles: BTreeMap<String, bool>,
}

impl Default for Target {
    /// The newest PostgreSQL with its contributed extensions and no PostGIS.
    fn default() -> Self {
        Self {
            version: 18,
            xml: true,
            postgis: false,
            citext: true,
            icu: true,
            supabase: false,
            who: None,
        }
    }
}
