//! Columns, domains and the types they get.

use crate::catalog::{Column, Fidelity, Identity, Part, Table};
use crate::encode::{ColumnSpec, RowEncoder};
use crate::error::{Error, ErrorKind, Result};
use crate::mapping::{AliasTypes, CaseInsensitive, ColumnMapping, TableMapping, XmlType};
use crate::pg_type::PgType;
use crate::plan::{ColumnPlan, DomainPlan, IdentityPlan, TablePlan};
use crate::value::ValueKind;

use super::old_values::old_values;
use super::text_keys::collation_name;
use super::tied::Tied;
use super::{Planner, Rendered};

impl Planner<'_> {
    pub(super) fn domains(&mut self) -> Vec<DomainPlan> {
        if self.mapping.alias_types == AliasTypes::Base {
            return Vec::new();
        }
        self.catalog
            .alias_types
            .iter()
            .filter_map(|alias| {
                Some(DomainPlan {
                    source: alias.name.clone(),
                    name: self.names.domain(&alias.name)?,
                    ty: self.available(&alias.pg),
                    comment: alias.comment.clone(),
                })
            })
            .collect()
    }

    pub(super) fn table(&mut self, table: &Table, tied: &Tied) -> Result<TablePlan> {
        let decided = self
            .mapping
            .tables
            .get(&table.name.to_string())
            .cloned()
            .unwrap_or_default();
        let target = self.names.relation(&table.name).ok_or_else(|| {
            Error::new(ErrorKind::Internal, "a table was planned before it was named")
                .at("table", &table.name)
        })?;
        for text in &table.notes {
            self.note(&table.name, text);
        }
        let mut plan = TablePlan {
            source: table.name.clone(),
            target,
            columns: Vec::new(),
            filter: decided.filter.clone(),
            primary_key: None,
            uniques: Vec::new(),
            foreign_keys: Vec::new(),
            checks: Vec::new(),
            indexes: Vec::new(),
            comment: table.comment.clone(),
            rows: table.rows,
            bytes: table.bytes,
            reshape: None,
            watermark: None,
        };
        for column in &table.columns {
            let choice = decided.columns.get(&column.name).cloned().unwrap_or_default();
            if choice.skip {
                self.drop_column(table, column);
                continue;
            }
            let planned = match (&column.part, plan.columns.last()) {
                (Some(Part::Legacy { of }), Some(before)) if before.source == *of => {
                    let name = self.names.column(&table.name, &column.name);
                    name.and_then(|name| old_values(column, name, before))
                }
                (Some(Part::Legacy { .. }), _) => {
                    // The column itself is left out.
                    self.drop_column(table, column);
                    None
                }
                _ => self.column(table, column, &decided, &choice, tied)?,
            };
            plan.columns.extend(planned);
        }
        self.generated(table, &mut plan);
        for column in plan.copied().filter(|c| !c.is_derived()) {
            RowEncoder::compile(&[ColumnSpec::from(column)])
                .map_err(|e| e.at("source type", &column.native).at("table", &table.name))?;
        }
        let specs: Vec<ColumnSpec> = plan.copied().map(ColumnSpec::from).collect();
        RowEncoder::compile(&specs).map_err(|e| e.at("table", &table.name))?;
        Ok(plan)
    }

    fn drop_column(&mut self, table: &Table, column: &Column) {
        self.dropped.insert((table.name.clone(), column.name.clone()));
        self.names.forget_column(&table.name, &column.name);
    }

    fn column(
        &mut self,
        table: &Table,
        column: &Column,
        decided: &TableMapping,
        choice: &ColumnMapping,
        tied: &Tied,
    ) -> Result<Option<ColumnPlan>> {
        let object = format!("{}.{}", table.name, column.name);
        let Some(name) = self.names.column(&table.name, &column.name) else {
            return Ok(None);
        };
        let in_place = |e: Error| e.at("column", &column.name).at("table", &table.name);
        let mut ty = match &choice.ty {
            Some(chosen) => self.chosen(chosen).map_err(in_place)?,
            None => self.available(&column.pg),
        };
        let mut fidelity = column.fidelity.clone();
        let mut collation = None;
        let mut domain = match (&column.alias, &choice.ty, self.mapping.alias_types) {
            (Some(alias), None, AliasTypes::Domain) => {
                // One that the source declares in its own words is named like a relation.
                self.names.domain(alias).or_else(|| self.names.relation(alias))
            }
            _ => None,
        };
        if choice.ty.is_some() && ty != column.pg {
            fidelity = Fidelity::Widened;
            self.note(
                &object,
                format!("{} becomes {ty} because the plan says so", column.native),
            );
        } else if ty != column.pg {
            let why = if column.pg == PgType::Xml && self.target.xml {
                "the plan says so".to_owned()
            } else {
                format!("the destination has no {}", column.pg)
            };
            self.note(&object, format!("{} becomes {ty}: {why}", column.native));
        }
        if let Fidelity::Lossy(what) = &fidelity {
            self.note(&object, format!("{} becomes {ty}: {what}", column.native));
        }
        if let Some(source) = tied.collation(&table.name, &column.name) {
            match self.mapping.case_insensitive {
                CaseInsensitive::Citext if choice.ty.is_none() => {
                    if matches!(ty, PgType::Char(_)) {
                        self.note(
                            &object,
                            "keeps its trailing blanks as citext, where they count: compare with rtrim()",
                        );
                    }
                    ty = self.chosen(&PgType::Citext).map_err(in_place)?;
                    domain = None;
                    fidelity = Fidelity::Widened;
                }
                CaseInsensitive::Collation if ty.is_text() && ty != PgType::Citext => {
                    if !self.target.icu {
                        let error = Error::new(ErrorKind::Config, "the destination has no ICU collations");
                        return Err(in_place(
                            error.hint("choose `citext` or `leave` for `case_insensitive`"),
                        ));
                    }
                    collation = Some(collation_name(&self.collation_schema, source));
                    self.nondeterministic
                        .insert((table.name.clone(), column.name.clone()));
                }
                _ => {}
            }
        }
        if column.identity.is_none()
            && choice.ty.is_none()
            && let Some(integer) = tied.integer(&table.name, &column.name)
        {
            let why = "as the identity column that a foreign key ties it to";
            self.note(&object, format!("{ty} becomes {integer}, {why}"));
            ty = integer.clone();
            domain = None;
        }
        match ty {
            PgType::Citext => {
                self.extensions.insert("citext".to_owned());
            }
            PgType::Geography | PgType::Geometry => {
                self.extensions.insert("postgis".to_owned());
            }
            _ => {}
        }
        let identity = column
            .identity
            .as_ref()
            .and_then(|i| self.identity(&object, &mut ty, i));
        if identity.is_some() {
            domain = None;
        }
        // PostgreSQL takes one or the other.
        let default = if identity.is_some() {
            None
        } else {
            self.default(&object, column, &ty)
        };
        let planned = ColumnPlan {
            source: column.name.clone(),
            name,
            native: column.native.clone(),
            part: column.part.clone(),
            kind: self.delivered(table, column, &ty),
            ty,
            domain,
            collation,
            fidelity,
            nullable: column.nullable,
            identity,
            default,
            generated: None,
            text: choice.nul.or(decided.nul).unwrap_or(self.mapping.nul),
            round: choice.round,
            rekey: None,
            comment: column.comment.clone(),
        };
        Ok(Some(self.with_new_keys(table, column, planned)))
    }

    /// Which values are read for a column. PostgreSQL's own bytes are exact where its type stays; where it changes and
    /// there is no better way, PostgreSQL prints the values.
    fn delivered(&self, table: &Table, column: &Column, ty: &PgType) -> ValueKind {
        let same = *ty == column.pg;
        let simple = matches!(
            column.kind,
            ValueKind::Bool
                | ValueKind::Int16
                | ValueKind::Int32
                | ValueKind::Int64
                | ValueKind::Text
                | ValueKind::Uuid
        );
        match (&column.kind, same) {
            (ValueKind::Encoded, false) => ValueKind::Text,
            (_, true) if !simple && self.catalog.declared.table(&table.name).is_some() => ValueKind::Encoded,
            (kind, _) => kind.clone(),
        }
    }

    /// A type that a person chose: the destination must have it.
    fn chosen(&self, ty: &PgType) -> Result<PgType> {
        let there = match ty {
            PgType::Xml => self.target.xml,
            PgType::Geography | PgType::Geometry => self.target.postgis,
            PgType::Citext => self.target.citext,
            _ => true,
        };
        if there {
            return Ok(ty.clone());
        }
        let error = Error::new(
            ErrorKind::Config,
            format!("the destination has no {ty}, which the plan asks for"),
        );
        Err(error.hint("choose another type, or install what the type comes with"))
    }

    /// The type itself, or what stands for it where the destination lacks it.
    fn available(&self, ty: &PgType) -> PgType {
        match ty {
            PgType::Xml if !self.target.xml || self.mapping.xml == XmlType::Text => PgType::Text,
            PgType::Geography | PgType::Geometry if !self.target.postgis => PgType::Bytea,
            other => other.clone(),
        }
    }

    /// PostgreSQL numbers rows in the three integer types only.
    fn identity(&mut self, object: &str, ty: &mut PgType, identity: &Identity) -> Option<IdentityPlan> {
        match ty {
            PgType::Int2 | PgType::Int4 | PgType::Int8 => {}
            PgType::Numeric(Some((precision, 0))) if *precision <= 18 => {
                self.note(
                    object,
                    format!("identity numeric({precision},0) becomes bigint, which holds all its values"),
                );
                *ty = PgType::Int8;
            }
            other => {
                let text =
                    format!("PostgreSQL has no identity of type {other}; new rows need another default");
                self.by_hand("identity", object, "", text);
                return None;
            }
        }
        Some(IdentityPlan {
            start: identity.seed,
            increment: identity.increment,
            last: identity.last,
        })
    }

    fn default(&mut self, object: &str, column: &Column, ty: &PgType) -> Option<String> {
        let expr = column.default.as_ref()?;
        match self.render(expr) {
            Ok(Rendered { sql, notes, .. }) => {
                for text in notes {
                    self.note(object, format!("default {}: {text}", expr.native));
                }
                // It was translated for the proposed type.
                Some(if *ty == column.pg {
                    sql
                } else {
                    format!("({sql})::{ty}")
                })
            }
            Err(reason) => {
                self.by_hand("default", object, &expr.native, reason);
                None
            }
        }
    }

    /// Decides which computed columns become generated ones; the others leave the plan, and are listed.
    fn generated(&mut self, table: &Table, plan: &mut TablePlan) {
        for column in table.columns.iter().filter(|c| c.computed.is_some()) {
            let Some(expr) = &column.computed else { continue };
            let Some(at) = plan.columns.iter().position(|c| c.source == column.name) else {
                continue;
            };
            let object = format!("{}.{}", table.name, column.name);
            let outcome = self.render(expr).and_then(|r| {
                if r.immutable {
                    Ok(r)
                } else {
                    Err("PostgreSQL stores generated columns, and so wants expressions whose result never changes".to_owned())
                }
            });
            match outcome {
                Ok(rendered) => {
                    for text in rendered.notes {
                        self.note(&object, text);
                    }
                    if can_fail(&rendered.sql) {
                        self.note(
                            &object,
                            "is computed when a row is written: a row for which that fails goes to quarantine, where the \
                             source may fail on reading only",
                        );
                    }
                    plan.columns[at].generated = Some(rendered.sql);
                    plan.columns[at].default = None;
                    plan.columns[at].identity = None;
                }
                Err(reason) => {
                    plan.columns.remove(at);
                    self.drop_column(table, column);
                    self.by_hand("computed column", &object, &expr.native, reason);
                }
            }
        }
    }
}

/// Whether an expression divides, converts or leaves a function's domain: reasons to fail for some rows.
fn can_fail(sql: &str) -> bool {
    let sql = sql.to_lowercase();
    let risks = [
        "/",
        "%",
        "div(",
        "sqrt(",
        "ln(",
        "log(",
        "power(",
        "::smallint",
        "::integer",
        "::bigint",
        "::numeric",
    ];
    let conversions = ["::date", "::time", "::uuid", "::real", "::double", "cast("];
    risks.iter().chain(&conversions).any(|word| sql.contains(word))
}

impl From<&ColumnPlan> for ColumnSpec {
    fn from(column: &ColumnPlan) -> Self {
        Self {
            name: column.name.clone(),
            source: column.source.clone(),
            kind: column.kind.clone(),
            ty: column.ty.clone(),
            nullable: column.nullable,
            text: column.text,
            round: column.round,
            part: column.part.clone(),
            rekey: column.rekey.clone(),
        }
    }
}
