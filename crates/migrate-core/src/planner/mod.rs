//! From what the source has and what a person decided to what will be done: `Catalog` + `Mapping` + `Target` → `Plan`.
//!
//! Pure: no I/O, no clock, no randomness; the same input gives the same plan.

mod accounts;
mod check_mapping;
mod columns;
mod constraints;
mod declared;
mod keys;
mod names;
mod offsets;
mod old_values;
mod polymorphic;
mod references;
mod reshape;
mod rights;
mod supabase;
mod text_keys;
mod tied;
mod watermarks;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{Catalog, ManualObject, ObjectName, Table, View};
use crate::error::Result;
use crate::mapping::Mapping;
use crate::plan::{
    ManualWork, Note, Plan, SequencePlan, TablePlan, Target, TargetName, ViewPlan, quote_ident,
};
use crate::proof::Proof;
use crate::template::{Expr, Template, Translation};

use keys::Rewritten;
use names::Names;
use tied::Tied;

/// Makes the plan.
///
/// # Errors
/// [`Config`](crate::ErrorKind::Config) if the mapping names what the source does not have, asks for a type that a column's
/// values cannot become, or gives two things one name.
pub fn plan(catalog: &Catalog, mapping: &Mapping, target: &Target) -> Result<Plan> {
    let original = catalog;
    let (catalog, keys) = keys::rewrite(offsets::with_offsets(catalog, mapping), mapping)?;
    let catalog = &*catalog;
    check_mapping::check(catalog, mapping)?;
    let tables: Vec<&Table> = catalog.tables.iter().filter(|t| mapping.takes(&t.name)).collect();
    let excluded = catalog
        .tables
        .iter()
        .map(|t| &t.name)
        .filter(|n| !mapping.takes(n))
        .cloned()
        .collect();
    let mut planner = Planner {
        catalog,
        mapping,
        target,
        names: Names::new(catalog, mapping, &tables)?,
        notes: Vec::new(),
        manual: Vec::new(),
        extensions: BTreeSet::new(),
        dropped: BTreeSet::new(),
        nondeterministic: BTreeSet::new(),
        collation_schema: String::new(),
        keys,
    };
    if let Some(first) = tables.first().and_then(|t| planner.names.relation(&t.name)) {
        planner.collation_schema = first.schema;
    }
    planner.note_renamed();
    for (object, text) in std::mem::take(&mut planner.keys.notes) {
        planner.note(object, text);
    }
    let tied = Tied::find(&tables, mapping);
    let domains = planner.domains();
    let mut planned: Vec<TablePlan> = Vec::new();
    for table in &tables {
        planned.push(planner.table(table, &tied)?);
    }
    // Constraints come second: they need every table's columns as planned.
    let shapes: BTreeMap<ObjectName, TablePlan> =
        planned.iter().map(|t| (t.source.clone(), t.clone())).collect();
    for (table, plan) in tables.iter().zip(&mut planned) {
        planner.constraints(table, plan, &shapes);
    }
    planner.reshape(&mut planned);
    watermarks::decide(original, mapping, &mut planned)?;
    planner.note_renamed();
    let collations = text_keys::collations(&planned);
    let views = planner.views();
    let sequences = planner.sequences();
    let mut declared = planner.declared(&planned);
    for object in &catalog.manual {
        planner.manual_object(object);
    }
    let used_domains: BTreeSet<_> = planned
        .iter()
        .flat_map(|t| &t.columns)
        .filter_map(|c| c.domain.clone())
        .collect();
    let domains: Vec<_> = domains
        .into_iter()
        .filter(|d| used_domains.contains(&d.name))
        .collect();
    let mut schemas: Vec<String> = Vec::new();
    let declared_schemas = planner.declared_schemas(&declared);
    let homes = (planned.iter().map(|t| &t.target))
        .chain(domains.iter().map(|d| &d.name))
        .chain(sequences.iter().map(|s| &s.name))
        .chain(views.iter().map(|v| &v.target))
        .chain(collations.iter().map(|c| &c.name))
        .map(|name| &name.schema)
        .chain(declared_schemas.iter());
    for home in homes {
        if !schemas.contains(home) {
            schemas.push(home.clone());
        }
    }
    declared.rights = planner.rights(&declared, &schemas);
    let mut plan = Plan {
        source: catalog.source.clone(),
        target: Target {
            who: None,
            ..target.clone()
        },
        schemas,
        extensions: planner.extensions.into_iter().collect(),
        collations,
        domains,
        sequences,
        tables: planned,
        views,
        manual: planner.manual,
        notes: planner.notes,
        excluded,
        proof: Proof {
            success: mapping.success,
            rules: mapping.rules.clone(),
            queries: mapping.queries.clone(),
        },
        declared,
        supabase: None,
        exists: mapping.exists,
        staged: false,
    };
    supabase::apply(&mut plan, mapping)?;
    Ok(plan)
}

/// What the parts of the planner share.
struct Planner<'a> {
    catalog: &'a Catalog,
    mapping: &'a Mapping,
    target: &'a Target,
    names: Names,
    notes: Vec<Note>,
    manual: Vec<ManualWork>,
    extensions: BTreeSet<String>,
    /// Columns that the destination will not have, by source table and column.
    dropped: BTreeSet<(ObjectName, String)>,
    /// Where collations live: in one schema, since both ends of a foreign key must have the same one.
    collation_schema: String,
    /// Columns that get a nondeterministic collation, by source table and column.
    nondeterministic: BTreeSet<(ObjectName, String)>,
    /// What keys are rewritten.
    keys: Rewritten,
}

/// Whether an expression does with text what nondeterministic collations do not allow: regular expressions and ILIKE in
/// no version, LIKE and searching for a part before PostgreSQL 18.
fn compares_parts(sql: &str, version: u32) -> bool {
    let sql = sql.to_lowercase();
    let never = [" ilike ", " ~ ", " ~* ", " !~ ", " !~* ", "regexp_"];
    let before_18 = [" like ", "strpos(", "position(", "replace(", "split_part("];
    never.iter().any(|word| sql.contains(word))
        || (version < 18 && before_18.iter().any(|word| sql.contains(word)))
}

impl Planner<'_> {
    fn note(&mut self, object: impl ToString, text: impl Into<String>) {
        self.notes.push(Note {
            object: object.to_string(),
            text: text.into(),
        });
    }

    fn by_hand(&mut self, kind: &str, name: impl ToString, definition: &str, reason: impl Into<String>) {
        self.manual.push(ManualWork {
            kind: kind.to_owned(),
            name: name.to_string(),
            definition: definition.to_owned(),
            reason: reason.into(),
        });
    }

    fn manual_object(&mut self, object: &ManualObject) {
        self.by_hand(&object.kind, &object.name, &object.definition, &object.reason);
    }

    fn note_renamed(&mut self) {
        for (object, text) in std::mem::take(&mut self.names.renamed) {
            self.note(object, text);
        }
    }

    /// Fills an expression's names in; it reads old keys where keys are rewritten. The error says why there is no
    /// PostgreSQL form, or which column is gone.
    fn render(&self, expr: &Expr) -> Result<Rendered, String> {
        self.render_over(expr, |template| {
            self.keys.over_old_values(template).map(Cow::Owned)
        })
    }

    fn render_over<'t>(
        &self,
        expr: &'t Expr,
        over: impl Fn(&'t Template) -> Result<Cow<'t, Template>, String>,
    ) -> Result<Rendered, String> {
        match &expr.translation {
            Translation::Impossible { reason } => Err(reason.clone()),
            Translation::Done {
                template,
                immutable,
                notes,
            } => {
                if let Some((table, column)) = template
                    .columns()
                    .find(|(t, c)| self.dropped.contains(&((*t).clone(), (*c).to_owned())))
                {
                    return Err(format!("column {table}.{column} is not in the destination"));
                }
                let template = over(template)?;
                let sql = self.render_template(&template)?;
                let nondeterministic = template
                    .columns()
                    .any(|(t, c)| self.nondeterministic.contains(&(t.clone(), c.to_owned())));
                if nondeterministic && compares_parts(&sql, self.target.version) {
                    return Err(
                        "it looks into text whose collation ignores case, which PostgreSQL cannot do; \
                                citext can"
                            .to_owned(),
                    );
                }
                Ok(Rendered {
                    sql,
                    immutable: *immutable,
                    notes: notes.clone(),
                })
            }
        }
    }

    fn render_template(&self, template: &Template) -> Result<String, String> {
        template
            .render(
                |table, column| self.names.column(table, column).map(|c| quote_ident(&c)),
                |relation| self.names.relation(relation).map(|n| n.quoted()),
            )
            .ok_or_else(|| "it uses a table or column that the plan leaves out".to_owned())
    }

    fn sequences(&mut self) -> Vec<SequencePlan> {
        let catalog = self.catalog;
        let mut out = Vec::new();
        for s in catalog.sequences.iter().filter(|s| !self.keys.is_idle(&s.name)) {
            if let Some(name) = self.names.relation(&s.name) {
                out.push(SequencePlan {
                    name,
                    ty: s.pg.clone(),
                    start: s.start,
                    increment: s.increment,
                    min: s.min,
                    max: s.max,
                    cycle: s.cycle,
                    last: s.last,
                    comment: s.comment.clone(),
                });
            }
        }
        out
    }

    fn views(&mut self) -> Vec<ViewPlan> {
        let catalog = self.catalog;
        let mut out = Vec::new();
        for view in &catalog.views {
            match self.view(view) {
                Ok(plan) => out.push(plan),
                Err(reason) => {
                    // Whatever reads this view cannot be created either.
                    self.names.forget(&view.name);
                    self.by_hand("view", &view.name, &view.query.native, reason);
                }
            }
        }
        out
    }

    fn view(&mut self, view: &View) -> Result<ViewPlan, String> {
        let target: TargetName = self
            .names
            .relation(&view.name)
            .ok_or_else(|| "it has no name in the plan".to_owned())?;
        // A view joins by keys, new ones as well as old ones.
        let rendered = self.render_over(&view.query, |template| Ok(Cow::Borrowed(template)))?;
        if let Translation::Done { template, .. } = &view.query.translation {
            let reads = |(t, c): &(&ObjectName, &str)| self.keys.owner(t, c).is_some();
            let read: BTreeSet<String> = template
                .columns()
                .filter(reads)
                .map(|(_, c)| c.to_owned())
                .collect();
            if !read.is_empty() {
                let read: Vec<String> = read.into_iter().collect();
                self.note(
                    &view.name,
                    format!("reads keys that become uuid: {}", read.join(", ")),
                );
            }
        }
        for text in rendered.notes {
            self.note(&view.name, text);
        }
        let columns = view
            .columns
            .iter()
            .map(|c| {
                self.names
                    .column(&view.name, c)
                    .ok_or_else(|| format!("its column {c} has no name"))
            })
            .collect::<Result<_, _>>()?;
        Ok(ViewPlan {
            source: view.name.clone(),
            target,
            columns,
            query: rendered.sql,
            comment: view.comment.clone(),
        })
    }
}

/// An expression with its names filled in.
struct Rendered {
    sql: String,
    immutable: bool,
    notes: Vec<String>,
}
