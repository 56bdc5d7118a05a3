//! A table, and its rows as one statement.

/// A column that refers to another table.
pub(super) struct Reference {
    pub(super) column: &'static str,
    pub(super) to: &'static str,
    pub(super) nullable: bool,
    /// What it holds for row `g`, if it is not spread over all rows of the other table.
    pub(super) value: Option<&'static str>,
}

/// A table with a serial key `id`.
pub(super) struct Table {
    pub(super) name: String,
    /// Definitions of the other columns, in order.
    columns: Vec<&'static str>,
    /// What each of them holds for row `g`, as SQL.
    values: Vec<&'static str>,
    references: Vec<Reference>,
    /// Further statements after the rows, with `$t` for the table.
    after: Vec<&'static str>,
    /// Rows at scale 1, and whether they grow with the scale.
    rows: (u64, bool),
}

/// A table whose rows grow with the scale.
pub(super) fn table(name: impl Into<String>, rows: u64) -> Table {
    Table {
        name: name.into(),
        columns: Vec::new(),
        values: Vec::new(),
        references: Vec::new(),
        after: Vec::new(),
        rows: (rows, true),
    }
}

/// A table of a few rows, whatever the scale.
pub(super) fn list(name: impl Into<String>, rows: u64) -> Table {
    Table {
        rows: (rows, false),
        ..table(name, rows)
    }
}

impl Table {
    /// Adds a column by its definition, with what it holds for row `g`.
    pub(super) fn column(mut self, definition: &'static str, value: &'static str) -> Self {
        self.columns.push(definition);
        self.values.push(value);
        self
    }

    /// Adds a reference that every row has.
    pub(super) fn to(self, column: &'static str, to: &'static str) -> Self {
        self.refer(column, to, false, None)
    }

    /// Adds a reference that some rows have.
    pub(super) fn maybe(self, column: &'static str, to: &'static str) -> Self {
        self.refer(column, to, true, None)
    }

    pub(super) fn refer(
        mut self,
        column: &'static str,
        to: &'static str,
        nullable: bool,
        value: Option<&'static str>,
    ) -> Self {
        self.references.push(Reference {
            column,
            to,
            nullable,
            value,
        });
        self
    }

    /// Adds a statement after the rows.
    pub(super) fn then(mut self, statement: &'static str) -> Self {
        self.after.push(statement);
        self
    }

    pub(super) fn rows(&self, scale: u32) -> u64 {
        let (rows, grows) = self.rows;
        if grows {
            rows * u64::from(scale.max(1))
        } else {
            rows
        }
    }

    pub(super) fn create(&self) -> String {
        let mut lines = vec!["id serial not null primary key".to_owned()];
        lines.extend(self.columns.iter().map(|c| (*c).to_owned()));
        lines.extend(self.references.iter().map(|r| {
            let null = if r.nullable { "null" } else { "not null" };
            format!("{} integer {null}", r.column)
        }));
        format!(
            "create table {} (\n    {}\n);\n",
            self.name,
            lines.join(",\n    ")
        )
    }

    pub(super) fn fill(&self, scale: u32, tables: &[Table]) -> String {
        if self.name == "django_content_type" {
            return String::new();
        }
        let mut names: Vec<&str> = self
            .columns
            .iter()
            .map(|c| c.split_whitespace().next().unwrap_or_default())
            .collect();
        let mut values: Vec<String> = self.values.iter().map(|v| (*v).to_owned()).collect();
        for (i, reference) in self.references.iter().enumerate() {
            names.push(reference.column);
            let there = tables
                .iter()
                .find(|t| t.name == reference.to)
                .map_or(1, |t| super::count(t, scale, tables.len()));
            // Spread over the other table, in another order for each reference, and without going through it twice at once.
            let spread = format!("1 + ((g - 1) / {} + (g - 1)) % {there}", [13, 7, 3, 11][i % 4]);
            let value = match reference.value {
                Some(value) => value.to_owned(),
                None if reference.nullable => format!("case when g % {} <> 0 then {spread} end", 5 + i),
                None => spread,
            };
            values.push(value);
        }
        format!(
            "insert into {} ({})\nselect {}\nfrom generate_series(1, {}) as g;\n",
            self.name,
            names.join(", "),
            values.join(",\n       "),
            self.rows(scale)
        )
    }

    /// Indexes, foreign keys and what comes after the rows.
    pub(super) fn finish(&self) -> String {
        let mut out = String::new();
        let name = &self.name;
        for reference in &self.references {
            let (column, to) = (reference.column, reference.to);
            let hash = hash(&format!("{name}.{column}"));
            let mut constraint = format!("{name}_{column}_{hash}_fk_{to}_id");
            constraint.truncate(63);
            out.push_str(&format!(
                "create index {name}_{column}_{hash} on {name} ({column});\n\
                 alter table {name} add constraint {constraint} foreign key ({column}) references {to} (id) \
                 deferrable initially deferred;\n"
            ));
        }
        for statement in &self.after {
            out.push_str(&statement.replace("$t", name));
            out.push_str(";\n");
        }
        out
    }
}

/// Eight hexadecimal digits, as Django ends its names with: FNV-1a.
fn hash(text: &str) -> String {
    let hash = text.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    format!("{hash:08x}")
}
