//! The description of a database and of its modules, as plain structs with builder methods.

use super::table::TableSpec;
use super::types::SqlType;

/// Everything that `model.xml` describes. Objects are written in the order in which they were added.
#[derive(Debug, Clone, Default)]
pub struct DatabaseSpec {
    /// The database's name.
    pub name: String,
    /// Its collation.
    pub collation: String,
    /// Schemas besides `dbo`.
    pub schemas: Vec<String>,
    /// Alias types.
    pub alias_types: Vec<AliasType>,
    /// Sequences.
    pub sequences: Vec<SequenceSpec>,
    /// Tables.
    pub tables: Vec<TableSpec>,
    /// Views.
    pub views: Vec<ViewSpec>,
    /// Stored procedures.
    pub procedures: Vec<ProcedureSpec>,
    /// Scalar functions.
    pub functions: Vec<FunctionSpec>,
    /// Triggers on tables.
    pub triggers: Vec<TriggerSpec>,
    /// Descriptions of objects other than tables and their columns, which carry their own.
    pub descriptions: Vec<Description>,
}

impl DatabaseSpec {
    /// An empty database with SQL Server's default collation.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            collation: "SQL_Latin1_General_CP1_CI_AS".into(),
            ..Self::default()
        }
    }

    /// Sets the collation.
    pub fn collation(mut self, collation: &str) -> Self {
        self.collation = collation.into();
        self
    }

    /// Adds a schema.
    pub fn schema(mut self, name: &str) -> Self {
        self.schemas.push(name.into());
        self
    }

    /// Adds an alias type.
    pub fn alias_type(mut self, alias: AliasType) -> Self {
        self.alias_types.push(alias);
        self
    }

    /// Adds a sequence.
    pub fn sequence(mut self, sequence: SequenceSpec) -> Self {
        self.sequences.push(sequence);
        self
    }

    /// Adds a table.
    pub fn table(mut self, table: TableSpec) -> Self {
        self.tables.push(table);
        self
    }

    /// Adds a view.
    pub fn view(mut self, view: ViewSpec) -> Self {
        self.views.push(view);
        self
    }

    /// Adds a procedure.
    pub fn procedure(mut self, procedure: ProcedureSpec) -> Self {
        self.procedures.push(procedure);
        self
    }

    /// Adds a function.
    pub fn function(mut self, function: FunctionSpec) -> Self {
        self.functions.push(function);
        self
    }

    /// Adds a trigger.
    pub fn trigger(mut self, trigger: TriggerSpec) -> Self {
        self.triggers.push(trigger);
        self
    }

    /// Adds a description.
    pub fn description(mut self, description: Description) -> Self {
        self.descriptions.push(description);
        self
    }

    /// The table of that name, if there is one.
    pub fn find_table(&self, schema: &str, name: &str) -> Option<&TableSpec> {
        self.tables.iter().find(|t| t.schema == schema && t.name == name)
    }
}

/// A user-defined alias of a built-in type.
#[derive(Debug, Clone)]
pub struct AliasType {
    /// Schema.
    pub schema: String,
    /// Name.
    pub name: String,
    /// The built-in type it stands for.
    pub base: SqlType,
    /// Whether columns of the type may be NULL unless they say otherwise.
    pub nullable: bool,
}

/// `CREATE SEQUENCE`.
#[derive(Debug, Clone)]
pub struct SequenceSpec {
    /// Schema.
    pub schema: String,
    /// Name.
    pub name: String,
    /// An integer type, or `decimal` of scale 0.
    pub ty: SqlType,
    /// The first value.
    pub start: i64,
    /// The step, not 0.
    pub increment: i64,
    /// The smallest value, if stated.
    pub minimum: Option<i64>,
    /// The largest value, if stated.
    pub maximum: Option<i64>,
    /// Whether it starts over.
    pub cycle: bool,
    /// The last value that was handed out, if any.
    pub current: Option<i64>,
}

/// A view. The script is split where the export splits it: everything through `AS`, and the query after it.
#[derive(Debug, Clone)]
pub struct ViewSpec {
    /// Schema.
    pub schema: String,
    /// Name.
    pub name: String,
    /// `CREATE VIEW ... AS`.
    pub header: String,
    /// The query.
    pub query: String,
    /// The result's columns, each with the bracketed names it is computed from.
    pub columns: Vec<(String, Vec<String>)>,
    /// `WITH SCHEMABINDING`.
    pub schema_bound: bool,
}

/// A stored procedure, split after its `AS`.
#[derive(Debug, Clone)]
pub struct ProcedureSpec {
    /// Schema.
    pub schema: String,
    /// Name.
    pub name: String,
    /// Parameters, with their `@`.
    pub parameters: Vec<(String, SqlType)>,
    /// `CREATE PROCEDURE ... AS`.
    pub header: String,
    /// What follows.
    pub body: String,
}

/// A scalar function, split after its `AS`.
#[derive(Debug, Clone)]
pub struct FunctionSpec {
    /// Schema.
    pub schema: String,
    /// Name.
    pub name: String,
    /// Parameters, with their `@`.
    pub parameters: Vec<(String, SqlType)>,
    /// The result's type.
    pub returns: SqlType,
    /// `CREATE FUNCTION ... AS`.
    pub header: String,
    /// What follows.
    pub body: String,
}

/// The statements that fire a trigger.
#[derive(Debug, Clone, Copy, Default)]
pub struct TriggerEvents {
    /// `INSERT`.
    pub insert: bool,
    /// `UPDATE`.
    pub update: bool,
    /// `DELETE`.
    pub delete: bool,
}

/// An `AFTER` trigger, split after its `AS`.
#[derive(Debug, Clone)]
pub struct TriggerSpec {
    /// Schema.
    pub schema: String,
    /// Name.
    pub name: String,
    /// The table, in the same schema.
    pub table: String,
    /// What fires it.
    pub events: TriggerEvents,
    /// `CREATE TRIGGER ... AS`.
    pub header: String,
    /// What follows.
    pub body: String,
}

/// An extended property `MS_Description`.
#[derive(Debug, Clone)]
pub struct Description {
    /// The kind of its host as `model.xml` names it: `SqlView`, `SqlProcedure`, `SqlDmlTrigger`, `SqlFunction`,
    /// `SqlConstraint`, `SqlIndexBase`, `SqlSchema`.
    pub host_kind: String,
    /// The host's bracketed name.
    pub host: String,
    /// The text.
    pub text: String,
}
