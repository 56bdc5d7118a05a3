//! What a round does to a table, as SQL.

use migrate_core::plan::{ColumnPlan, TablePlan, TargetName, quote_ident};

/// A table whose rows have names, with the places of what is staged of it.
pub(super) struct Keyed<'p> {
    table: &'p TablePlan,
    key: Vec<&'p ColumnPlan>,
    /// Columns that take no other value than the one they were given.
    fixed: &'p [String],
}

impl<'p> Keyed<'p> {
    pub(super) fn of(table: &'p TablePlan, fixed: &'p [String]) -> Option<Self> {
        let key = table.row_key()?;
        Some(Self { table, key, fixed })
    }

    fn name(&self) -> String {
        self.table.target.quoted()
    }

    /// Its columns.
    pub(super) fn key(&self) -> String {
        list(self.key.iter().copied(), "")
    }

    /// `t.k = s.k and ...`
    fn same(&self) -> String {
        let same = self.key.iter().map(|c| {
            let name = quote_ident(&c.name);
            format!("t.{name} = s.{name}")
        });
        same.collect::<Vec<_>>().join(" and ")
    }

    fn columns(&self, of: &str) -> String {
        list(self.table.copied(), of)
    }

    /// Rows that stand in the table under the keys in `keys`, in the binary form of COPY.
    pub(super) fn copy_out(&self, keys: &TargetName) -> String {
        format!(
            "copy (select {} from only {} as t join {} as s on {}) to stdout (format binary)",
            self.columns("t."),
            self.name(),
            keys.quoted(),
            self.same()
        )
    }

    /// Lists where each staged row is, and where in the table the row of the same key, if there is one.
    pub(super) fn here(&self, rows: &TargetName, here: &TargetName) -> String {
        format!(
            "create unlogged table {} as
             select s.ctid as staged, t.ctid as here from {} as s left join only {} as t on {}",
            here.quoted(),
            rows.quoted(),
            self.name(),
            self.same()
        )
    }

    /// Rows that stand in the table at the places in `here`, in the binary form of COPY.
    pub(super) fn copy_out_from(&self, here: &TargetName) -> String {
        format!(
            "copy (select {} from {} as h join only {} as t on t.ctid = h.here) to stdout (format binary)",
            self.columns("t."),
            here.quoted(),
            self.name()
        )
    }

    /// Lists the keys of rows that are in the table, and not in `keys`.
    pub(super) fn gone(&self, keys: &TargetName, gone: &TargetName) -> String {
        format!(
            "create unlogged table {} as
             select {} from only {} as t where not exists (select from {} as s where {})",
            gone.quoted(),
            list(self.key.iter().copied(), "t."),
            self.name(),
            keys.quoted(),
            self.same()
        )
    }

    /// Removes rows under the keys in `keys`.
    pub(super) fn delete(&self, keys: &TargetName) -> String {
        format!(
            "delete from only {} as t using {} as s where {}",
            self.name(),
            keys.quoted(),
            self.same()
        )
    }

    /// Whether a staged row is another one than the one that stands in the table: by the bytes of its values, since equal
    /// ones may differ (1.0 and 1.00), and some types know no equality.
    fn differs(&self) -> String {
        format!(
            "row({})::record operator(pg_catalog.*<>) row({})::record",
            self.columns("t."),
            self.columns("s.")
        )
    }

    /// Removes rows that the staged ones replace, so that these are new.
    pub(super) fn delete_changed(&self, rows: &TargetName) -> String {
        format!("{} and {}", self.delete(rows), self.differs())
    }

    /// Gives rows that stand in the table their staged values: those at the places in `here`, or else those of the same key.
    /// Nothing where a row is nothing but its key.
    pub(super) fn update(&self, rows: &TargetName, here: Option<&TargetName>) -> Option<String> {
        let set: Vec<String> = self
            .table
            .copied()
            .filter(|c| !self.fixed.contains(&c.name))
            .map(|c| {
                let name = quote_ident(&c.name);
                format!("{name} = s.{name}")
            })
            .collect();
        let (from, same) = match here {
            Some(here) => (placed(rows, here), "t.ctid = h.here".to_owned()),
            None => (format!("{} as s", rows.quoted()), self.same()),
        };
        (!set.is_empty()).then(|| {
            format!(
                "update only {} as t set {} from {from} where {same} and {}",
                self.name(),
                set.join(", "),
                self.differs()
            )
        })
    }

    /// Adds staged rows whose keys are not in the table.
    pub(super) fn insert(&self, rows: &TargetName) -> String {
        format!(
            "{} where not exists (select from only {} as t where {})",
            insert_all(self.table, rows),
            self.name(),
            self.same()
        )
    }

    /// Adds staged rows whose keys were not in the table when their places were listed.
    pub(super) fn insert_new(&self, rows: &TargetName, here: &TargetName) -> String {
        format!(
            "{} where h.here is null",
            insert_from(self.table, &placed(rows, here))
        )
    }

    /// Takes rows out of quarantine that arrived after all.
    pub(super) fn release(&self, rows: &TargetName) -> String {
        let same = self.key.iter().map(|c| {
            let member = migrate_core::plan::quote_literal(&c.name);
            format!("q.row ->> {member} = s.{}::text", quote_ident(&c.name))
        });
        format!(
            "delete from migrate.quarantine as q using {} as s
             where q.source_schema = {} and q.source_name = {} and q.ordinal < 1073741824 and {}",
            rows.quoted(),
            migrate_core::plan::quote_literal(&self.table.source.schema),
            migrate_core::plan::quote_literal(&self.table.source.name),
            same.collect::<Vec<_>>().join(" and ")
        )
    }
}

/// Staged rows with their places.
fn placed(rows: &TargetName, here: &TargetName) -> String {
    format!(
        "{} as h join {} as s on s.ctid = h.staged",
        here.quoted(),
        rows.quoted()
    )
}

/// Adds all staged rows.
pub(super) fn insert_all(table: &TablePlan, rows: &TargetName) -> String {
    insert_from(table, &format!("{} as s", rows.quoted()))
}

/// Adds the rows that are called `s` in what it selects from.
fn insert_from(table: &TablePlan, from: &str) -> String {
    let columns = list(table.copied(), "");
    let names = if columns.is_empty() {
        String::new()
    } else {
        format!(" ({columns}) overriding system value")
    };
    format!(
        "insert into {}{names} select {} from {from}",
        table.target.quoted(),
        list(table.copied(), "s."),
    )
}

/// All rows of the table, in the binary form of COPY.
pub(super) fn copy_all(table: &TablePlan) -> String {
    format!(
        "copy (select {} from only {}) to stdout (format binary)",
        list(table.copied(), ""),
        table.target.quoted()
    )
}

fn list<'c>(columns: impl Iterator<Item = &'c ColumnPlan>, of: &str) -> String {
    let names: Vec<String> = columns.map(|c| format!("{of}{}", quote_ident(&c.name))).collect();
    names.join(", ")
}
