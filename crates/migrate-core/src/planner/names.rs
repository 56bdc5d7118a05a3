//! Which source object has which name in the destination.

use std::collections::BTreeMap;

use crate::catalog::{Catalog, ObjectName, Proposals, Table};
use crate::error::{Error, ErrorKind, Result};
use crate::mapping::{AliasTypes, Mapping};
use crate::naming::{MAX_NAME_BYTES, Namespace};
use crate::plan::TargetName;

/// Columns that every table of PostgreSQL has, and no other column can be called.
const SYSTEM_COLUMNS: [&str; 6] = ["tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"];

/// Schemas that are PostgreSQL's, or this program's.
fn is_reserved(schema: &str) -> bool {
    schema.starts_with("pg_") || schema == "information_schema" || schema == "migrate"
}

/// What a schema is called in the destination.
pub(super) fn schema(mapping: &Mapping, schema: &str) -> String {
    let chosen = mapping.schemas.get(schema).cloned();
    chosen.unwrap_or_else(|| crate::naming::shorten(&mapping.naming.apply(schema)))
}

/// All names, decided before anything refers to them.
pub(super) struct Names {
    relations: BTreeMap<ObjectName, TargetName>,
    domains: BTreeMap<ObjectName, TargetName>,
    columns: BTreeMap<ObjectName, BTreeMap<String, String>>,
    /// Tables, views, sequences, indexes and types share one namespace in each schema.
    spaces: BTreeMap<String, Namespace>,
    /// Objects whose name had to change beyond the policy, with what was done.
    pub(super) renamed: Vec<(String, String)>,
}

impl Names {
    pub(super) fn new(catalog: &Catalog, mapping: &Mapping, tables: &[&Table]) -> Result<Self> {
        let mut names = Self {
            relations: BTreeMap::new(),
            domains: BTreeMap::new(),
            columns: BTreeMap::new(),
            spaces: BTreeMap::new(),
            renamed: Vec::new(),
        };
        // Names that a person chose come first and are never numbered.
        let mut later = Vec::new();
        for table in tables {
            match mapping
                .tables
                .get(&table.name.to_string())
                .and_then(|t| t.name.as_deref())
            {
                Some(chosen) => names.choose(mapping, table, chosen)?,
                None => later.push(*table),
            }
        }
        for table in later {
            let proposed = catalog.proposals.table(&table.name);
            let target = names.name_as(mapping, &table.name, proposed);
            names.relations.insert(table.name.clone(), target);
        }
        for table in tables {
            names.name_columns(mapping, table, &catalog.proposals)?;
        }
        for view in &catalog.views {
            let target = names.name(mapping, &view.name);
            names.relations.insert(view.name.clone(), target);
            let mut space = Namespace::default();
            let columns = view
                .columns
                .iter()
                .map(|c| (c.clone(), space.take(&mapping.naming.apply(c)).0))
                .collect();
            names.columns.insert(view.name.clone(), columns);
        }
        for sequence in &catalog.sequences {
            let target = names.name(mapping, &sequence.name);
            names.relations.insert(sequence.name.clone(), target);
        }
        let domains = if mapping.alias_types == AliasTypes::Domain {
            catalog.alias_types.as_slice()
        } else {
            &[]
        };
        for alias in domains {
            let target = names.name(mapping, &alias.name);
            names.domains.insert(alias.name.clone(), target);
        }
        for object in &catalog.declared.objects {
            if let Some(relation) = &object.relation {
                let target = names.name(mapping, relation);
                names.relations.insert(relation.clone(), target);
            }
        }
        names.reserve_identity_sequences(tables);
        names.check_schemas()?;
        Ok(names)
    }

    /// PostgreSQL makes a sequence for each identity, named after table and column: no index or key may take its name.
    fn reserve_identity_sequences(&mut self, tables: &[&Table]) {
        for table in tables {
            for column in table.columns.iter().filter(|c| c.identity.is_some()) {
                let (Some(target), Some(column)) =
                    (self.relation(&table.name), self.column(&table.name, &column.name))
                else {
                    continue;
                };
                let implicit = format!("{}_{column}_seq", target.name);
                if implicit.len() <= MAX_NAME_BYTES {
                    let space = self.spaces.entry(target.schema).or_default();
                    if !space.contains(&implicit) {
                        space.take(&implicit);
                    }
                }
            }
        }
    }

    fn check_schemas(&self) -> Result<()> {
        let reserved = |name: &&TargetName| is_reserved(&name.schema);
        match self.relations.values().chain(self.domains.values()).find(reserved) {
            None => Ok(()),
            Some(name) => Err(Error::new(
                ErrorKind::Config,
                format!("schema \"{}\" is PostgreSQL's or this program's own, and cannot take what is migrated", name.schema),
            )
            .hint(format!(
                "give it another name: `--schema {0}=new_name`, or `{0} = \"new_name\"` under [schemas] in the plan file",
                name.schema
            ))),
        }
    }

    fn name(&mut self, mapping: &Mapping, source: &ObjectName) -> TargetName {
        self.name_as(mapping, source, &source.name)
    }

    fn name_as(&mut self, mapping: &Mapping, source: &ObjectName, proposed: &str) -> TargetName {
        let schema = schema(mapping, &source.schema);
        let wanted = mapping.naming.apply(proposed);
        let name = self.take(&schema, &wanted, source);
        TargetName { schema, name }
    }

    /// Takes a name in a schema's namespace of relations.
    pub(super) fn take(&mut self, schema: &str, wanted: &str, object: impl ToString) -> String {
        self.take_instead(schema, wanted, wanted, object)
    }

    /// Takes another name than the wanted one.
    pub(super) fn take_instead(
        &mut self,
        schema: &str,
        name: &str,
        wanted: &str,
        object: impl ToString,
    ) -> String {
        let (name, _) = self.spaces.entry(schema.to_owned()).or_default().take(name);
        if name != wanted {
            self.renamed.push((
                object.to_string(),
                format!("is called \"{name}\": \"{wanted}\" is too long for PostgreSQL, or taken in schema \"{schema}\""),
            ));
        }
        name
    }

    fn choose(&mut self, mapping: &Mapping, table: &Table, chosen: &str) -> Result<()> {
        let (schema, name) = match chosen.split_once('.') {
            Some((schema, name)) => (schema.to_owned(), name.to_owned()),
            None => (schema(mapping, &table.name.schema), chosen.to_owned()),
        };
        let space = self.spaces.entry(schema.clone()).or_default();
        if name.is_empty()
            || schema.is_empty()
            || schema.len() > MAX_NAME_BYTES
            || space.take(&name).0 != name
        {
            return Err(Error::new(
                ErrorKind::Config,
                format!(
                    "`{chosen}` cannot be a table's name: it is empty, longer than 63 bytes, or used twice"
                ),
            )
            .at("table", &table.name));
        }
        self.relations
            .insert(table.name.clone(), TargetName { schema, name });
        Ok(())
    }

    fn name_columns(&mut self, mapping: &Mapping, table: &Table, proposals: &Proposals) -> Result<()> {
        let decided = mapping.tables.get(&table.name.to_string());
        let decision = |column: &str| decided.and_then(|t| t.columns.get(column));
        let mut space = Namespace::default();
        for name in SYSTEM_COLUMNS {
            space.take(name);
        }
        let mut names = BTreeMap::new();
        for column in &table.columns {
            if let Some(chosen) = decision(&column.name)
                .filter(|c| !c.skip)
                .and_then(|c| c.name.as_deref())
            {
                if chosen.is_empty() || space.take(chosen).0 != chosen {
                    return Err(Error::new(
                        ErrorKind::Config,
                        format!("`{chosen}` cannot be a column's name: it is empty, longer than 63 bytes, used twice, or PostgreSQL's own"),
                    )
                    .at("column", &column.name)
                    .at("table", &table.name));
                }
                names.insert(column.name.clone(), chosen.to_owned());
            }
        }
        for column in &table.columns {
            if names.contains_key(&column.name) || decision(&column.name).is_some_and(|c| c.skip) {
                continue;
            }
            let wanted = mapping.naming.apply(proposals.column(&table.name, &column.name));
            let (name, _) = space.take(&wanted);
            if name != wanted {
                self.renamed.push((
                    format!("{}.{}", table.name, column.name),
                    format!("is called \"{name}\": \"{wanted}\" is too long for PostgreSQL, or taken"),
                ));
            }
            names.insert(column.name.clone(), name);
        }
        self.columns.insert(table.name.clone(), names);
        Ok(())
    }

    pub(super) fn relation(&self, source: &ObjectName) -> Option<TargetName> {
        self.relations.get(source).cloned()
    }

    pub(super) fn domain(&self, alias: &ObjectName) -> Option<TargetName> {
        self.domains.get(alias).cloned()
    }

    pub(super) fn column(&self, table: &ObjectName, column: &str) -> Option<String> {
        self.columns.get(table)?.get(column).cloned()
    }

    /// Makes a relation unknown, so that whatever refers to it cannot be rendered.
    pub(super) fn forget(&mut self, relation: &ObjectName) {
        self.relations.remove(relation);
    }

    /// Makes a column unknown.
    pub(super) fn forget_column(&mut self, table: &ObjectName, column: &str) {
        if let Some(columns) = self.columns.get_mut(table) {
            columns.remove(column);
        }
    }
}

impl Names {
    /// Whether a relation of the schema has the name.
    pub(super) fn is_taken(&self, schema: &str, name: &str) -> bool {
        self.spaces.get(schema).is_some_and(|s| s.contains(name))
    }
}
