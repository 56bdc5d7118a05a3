//! The description of a table, as plain structs with builder methods.

use super::types::SqlType;

/// What becomes of a referencing row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReferentialAction {
    /// The statement fails.
    #[default]
    NoAction,
    /// The row follows.
    Cascade,
    /// The columns become NULL.
    SetNull,
    /// The columns take their defaults.
    SetDefault,
}

/// A column of a table.
#[derive(Debug, Clone)]
pub struct ColumnSpec {
    /// Name.
    pub name: String,
    /// Type; unused when the column is computed.
    pub ty: SqlType,
    /// Whether it may be NULL.
    pub nullable: bool,
    /// Identity, if it is one.
    pub identity: Option<Identity>,
    /// The default's constraint name and T-SQL expression.
    pub default: Option<(String, String)>,
    /// The T-SQL expression of a computed column and whether it is stored. Such columns have no bytes in the data files.
    pub computed: Option<(String, bool)>,
    /// A collation of its own.
    pub collation: Option<String>,
    /// Whether it is the table's `ROWGUIDCOL`.
    pub row_guid: bool,
    /// `MS_Description`.
    pub description: Option<String>,
}

/// The numbering of an identity column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The first value.
    pub seed: i64,
    /// The step.
    pub increment: i64,
    /// The last value handed out.
    pub last: Option<i64>,
}

impl ColumnSpec {
    /// A nullable column.
    pub fn new(name: &str, ty: SqlType) -> Self {
        Self {
            name: name.into(),
            ty,
            nullable: true,
            identity: None,
            default: None,
            computed: None,
            collation: None,
            row_guid: false,
            description: None,
        }
    }

    /// A computed column.
    pub fn computed(name: &str, expression: &str, persisted: bool) -> Self {
        Self {
            computed: Some((expression.into(), persisted)),
            ..Self::new(name, SqlType::Int)
        }
    }

    /// Forbids NULL.
    pub fn not_null(mut self) -> Self {
        self.nullable = false;
        self
    }

    /// Makes it an identity column, which also forbids NULL.
    pub fn identity(mut self, seed: i64, increment: i64, last: Option<i64>) -> Self {
        self.identity = Some(Identity {
            seed,
            increment,
            last,
        });
        self.nullable = false;
        self
    }

    /// Adds a default constraint.
    pub fn default(mut self, constraint: &str, expression: &str) -> Self {
        self.default = Some((constraint.into(), expression.into()));
        self
    }

    /// Sets a collation.
    pub fn collation(mut self, collation: &str) -> Self {
        self.collation = Some(collation.into());
        self
    }

    /// Marks it as the `ROWGUIDCOL`.
    pub fn row_guid(mut self) -> Self {
        self.row_guid = true;
        self
    }

    /// Sets its description.
    pub fn description(mut self, text: &str) -> Self {
        self.description = Some(text.into());
        self
    }
}

/// A key column or an index column.
#[derive(Debug, Clone)]
pub struct IndexColumn {
    /// The column's name.
    pub name: String,
    /// Whether it is sorted downwards.
    pub descending: bool,
}

impl IndexColumn {
    /// Names, sorted downwards where they begin with `-`.
    fn list(names: &[&str]) -> Vec<Self> {
        let column = |name: &&str| match name.strip_prefix('-') {
            Some(name) => Self {
                name: name.into(),
                descending: true,
            },
            None => Self {
                name: (*name).into(),
                descending: false,
            },
        };
        names.iter().map(column).collect()
    }
}

/// A primary key or a unique constraint.
#[derive(Debug, Clone)]
pub struct KeySpec {
    /// The constraint's name.
    pub name: String,
    /// Its columns.
    pub columns: Vec<IndexColumn>,
    /// Whether its index is clustered.
    pub clustered: bool,
}

/// A foreign key.
#[derive(Debug, Clone)]
pub struct ForeignKeySpec {
    /// The constraint's name.
    pub name: String,
    /// The referencing columns.
    pub columns: Vec<String>,
    /// The referenced table: schema and name.
    pub to: (String, String),
    /// The referenced columns.
    pub to_columns: Vec<String>,
    /// On delete.
    pub on_delete: ReferentialAction,
    /// On update.
    pub on_update: ReferentialAction,
    /// Whether it is switched off.
    pub disabled: bool,
    /// Whether it was added without checking the rows that were there.
    pub not_trusted: bool,
}

impl ForeignKeySpec {
    /// A foreign key without actions.
    pub fn new(name: &str, columns: &[&str], schema: &str, table: &str, to_columns: &[&str]) -> Self {
        Self {
            name: name.into(),
            columns: columns.iter().map(|&c| c.into()).collect(),
            to: (schema.into(), table.into()),
            to_columns: to_columns.iter().map(|&c| c.into()).collect(),
            on_delete: ReferentialAction::NoAction,
            on_update: ReferentialAction::NoAction,
            disabled: false,
            not_trusted: false,
        }
    }

    /// Sets the action on delete.
    pub fn on_delete(mut self, action: ReferentialAction) -> Self {
        self.on_delete = action;
        self
    }

    /// Sets the action on update.
    pub fn on_update(mut self, action: ReferentialAction) -> Self {
        self.on_update = action;
        self
    }

    /// Switches it off.
    pub fn disabled(mut self) -> Self {
        self.disabled = true;
        self
    }

    /// Marks it as never checked.
    pub fn not_trusted(mut self) -> Self {
        self.not_trusted = true;
        self
    }
}

/// A check constraint.
#[derive(Debug, Clone)]
pub struct CheckSpec {
    /// The constraint's name.
    pub name: String,
    /// The T-SQL condition.
    pub expression: String,
    /// Whether it is switched off.
    pub disabled: bool,
    /// Whether it was added without checking the rows that were there.
    pub not_trusted: bool,
}

/// An index.
#[derive(Debug, Clone)]
pub struct IndexSpec {
    /// Its name.
    pub name: String,
    /// Its key columns.
    pub columns: Vec<IndexColumn>,
    /// `INCLUDE` columns.
    pub include: Vec<String>,
    /// The T-SQL condition of a filtered index.
    pub filter: Option<String>,
    /// Whether it is unique.
    pub unique: bool,
    /// Whether it is clustered.
    pub clustered: bool,
}

impl IndexSpec {
    /// A plain index. A column that begins with `-` is sorted downwards.
    pub fn new(name: &str, columns: &[&str]) -> Self {
        Self {
            name: name.into(),
            columns: IndexColumn::list(columns),
            include: Vec::new(),
            filter: None,
            unique: false,
            clustered: false,
        }
    }

    /// Makes it unique.
    pub fn unique(mut self) -> Self {
        self.unique = true;
        self
    }

    /// Makes it clustered.
    pub fn clustered(mut self) -> Self {
        self.clustered = true;
        self
    }

    /// Adds `INCLUDE` columns.
    pub fn include(mut self, columns: &[&str]) -> Self {
        self.include.extend(columns.iter().map(|&c| c.to_owned()));
        self
    }

    /// Restricts it to the rows that satisfy a T-SQL condition.
    pub fn filter(mut self, condition: &str) -> Self {
        self.filter = Some(condition.into());
        self
    }
}

/// The system-versioning of a table.
#[derive(Debug, Clone)]
pub struct Temporal {
    /// The column where a row's validity starts.
    pub start: String,
    /// The column where it ends.
    pub end: String,
    /// The history table: schema and name.
    pub history: (String, String),
}

/// A table.
#[derive(Debug, Clone)]
pub struct TableSpec {
    /// Schema.
    pub schema: String,
    /// Name.
    pub name: String,
    /// Columns, in order.
    pub columns: Vec<ColumnSpec>,
    /// The primary key.
    pub primary_key: Option<KeySpec>,
    /// Unique constraints.
    pub unique: Vec<KeySpec>,
    /// Foreign keys.
    pub foreign_keys: Vec<ForeignKeySpec>,
    /// Check constraints.
    pub checks: Vec<CheckSpec>,
    /// Indexes.
    pub indexes: Vec<IndexSpec>,
    /// System-versioning.
    pub temporal: Option<Temporal>,
    /// `MS_Description`.
    pub description: Option<String>,
}

impl TableSpec {
    /// A table without columns.
    pub fn new(schema: &str, name: &str) -> Self {
        Self {
            schema: schema.into(),
            name: name.into(),
            columns: Vec::new(),
            primary_key: None,
            unique: Vec::new(),
            foreign_keys: Vec::new(),
            checks: Vec::new(),
            indexes: Vec::new(),
            temporal: None,
            description: None,
        }
    }

    /// Adds a column.
    pub fn column(mut self, column: ColumnSpec) -> Self {
        self.columns.push(column);
        self
    }

    /// Sets a clustered primary key. A column that begins with `-` is sorted downwards.
    pub fn primary_key(mut self, name: &str, columns: &[&str]) -> Self {
        let columns = IndexColumn::list(columns);
        self.primary_key = Some(KeySpec {
            name: name.into(),
            columns,
            clustered: true,
        });
        self
    }

    /// Adds a nonclustered unique constraint.
    pub fn unique(mut self, name: &str, columns: &[&str]) -> Self {
        self.unique.push(KeySpec {
            name: name.into(),
            columns: IndexColumn::list(columns),
            clustered: false,
        });
        self
    }

    /// Adds a foreign key.
    pub fn foreign_key(mut self, key: ForeignKeySpec) -> Self {
        self.foreign_keys.push(key);
        self
    }

    /// Adds a trusted check constraint.
    pub fn check(mut self, name: &str, expression: &str) -> Self {
        self.checks.push(CheckSpec {
            name: name.into(),
            expression: expression.into(),
            disabled: false,
            not_trusted: false,
        });
        self
    }

    /// Adds an index.
    pub fn index(mut self, index: IndexSpec) -> Self {
        self.indexes.push(index);
        self
    }

    /// Makes it system-versioned.
    pub fn temporal(mut self, temporal: Temporal) -> Self {
        self.temporal = Some(temporal);
        self
    }

    /// Sets the description.
    pub fn description(mut self, text: &str) -> Self {
        self.description = Some(text.into());
        self
    }
}
