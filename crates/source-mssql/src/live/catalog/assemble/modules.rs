//! Sequences, views, and everything that is listed for a person.

use std::collections::{HashMap, HashSet};

use migrate_core::catalog::{ManualObject, ObjectName, Sequence};

use super::{columns, folded, indexes, qualified};
use crate::live::catalog::questions::{
    ColumnRow, IndexColumnRow, IndexRow, ModuleRow, OtherRow, SequenceRow,
};
use crate::schema::SchemaDraft;
use crate::schema::manual::{bracketed, create_role, create_synonym, create_xml_schema_collection, listed};
use crate::schema::sequence::{self, Numbers};
use crate::schema::view_text;
use crate::schema::views::ViewDraft;

/// A sequence, or what a person has to make of it.
pub(super) fn sequence(row: &SequenceRow) -> Result<Sequence, ManualObject> {
    let name = ObjectName::new(&*row.schema_name, &*row.name);
    let base = row.base_name.as_deref().unwrap_or(&row.type_name);
    let made = columns::native(base, 0, row.precision, 0).and_then(|native| {
        let (lowest, highest) = sequence::range(&native);
        // The server states bounds that do not fit into 64 bits where a sequence has those of its type.
        let bound = |text: &Option<String>, far: i64| -> Option<String> {
            let text = text.as_ref()?;
            let beyond = text.trim().parse::<i64>().is_err();
            Some(if beyond { far.to_string() } else { text.clone() })
        };
        let (min, max) = (
            bound(&row.minimum_value, lowest),
            bound(&row.maximum_value, highest),
        );
        // Where the server cannot tell, one number too many is skipped rather than one given out twice.
        let last = if row.knows_last_used {
            &row.last_used_value
        } else {
            &row.current_value
        };
        let numbers = Numbers {
            start: row.start_value.as_deref(),
            increment: row.increment.as_deref(),
            min: min.as_deref(),
            max: max.as_deref(),
            cycle: row.is_cycling,
            last: last.as_ref().and_then(|l| l.trim().parse().ok()),
        };
        sequence::sequence(name.clone(), &native, numbers)
    });
    made.map_err(|reason| {
        let definition = format!(
            "create sequence {} as {} start with {} increment by {}",
            qualified(&name),
            row.type_name,
            row.start_value.as_deref().unwrap_or("?"),
            row.increment.as_deref().unwrap_or("?")
        );
        listed("SqlSequence", name.to_string(), definition, Some(reason))
    })
}

/// What a model file calls a module. The letters are those of `sys.objects.type`.
fn kind(letters: &str, in_schema: bool) -> &'static str {
    match letters.trim_end() {
        "V" => "SqlView",
        "P" => "SqlProcedure",
        "FN" => "SqlScalarFunction",
        "IF" => "SqlInlineTableValuedFunction",
        "TF" => "SqlMultiStatementTableValuedFunction",
        "TR" if in_schema => "SqlDmlTrigger",
        "TR" => "SqlDatabaseDdlTrigger",
        "D" => "SqlDefault",
        "R" => "SqlRule",
        "PC" => "SqlClrProcedure",
        "FS" => "SqlClrScalarFunction",
        "FT" => "SqlClrTableValuedFunction",
        "AF" => "SqlAggregate",
        "TA" => "SqlClrTrigger",
        _ => "SqlModule",
    }
}

/// Adds views, and lists everything else that is written in Transact-SQL or runs in .NET.
pub(super) fn add(
    mut rows: Vec<ModuleRow>,
    columns: &HashMap<i64, Vec<ColumnRow>>,
    indexes: &HashMap<i64, Vec<IndexRow>>,
    index_columns: &HashMap<(i64, i64), Vec<IndexColumnRow>>,
    draft: &mut SchemaDraft,
) {
    rows.sort_by_cached_key(|r| {
        (
            folded(r.schema_name.as_deref().unwrap_or_default()),
            folded(&r.name),
        )
    });
    for row in rows {
        let schema = row.schema_name.as_deref();
        let is_view = row.kind.trim_end() == "V";
        let name = match schema {
            Some(schema) => format!("{schema}.{}", row.name),
            None => row.name.clone(),
        };
        let query = row.definition.as_deref().and_then(view_text::query);
        if let (true, Some(schema), Some(query)) = (is_view, schema, query) {
            let view = ObjectName::new(schema, &*row.name);
            let own = columns.get(&row.object_id).map_or(&[][..], Vec::as_slice);
            draft.views.push(ViewDraft {
                columns: own.iter().map(|c| c.name.clone()).collect(),
                query: query.to_owned(),
                needs: HashSet::new(),
                name: view.clone(),
            });
            let reason = "it belongs to an object that is not moved as a table";
            for index in indexes.get(&row.object_id).into_iter().flatten() {
                let Some(own) = &index.name else { continue };
                let keys = index_columns
                    .get(&(index.object_id, index.index_id))
                    .map_or(&[][..], Vec::as_slice);
                let definition = indexes::definition(index, own, keys, &qualified(&view));
                let full = format!("{name}.{own}");
                draft
                    .manual
                    .push(listed("SqlIndex", full, definition, Some(reason.to_owned())));
            }
            continue;
        }
        let hidden = match (&row.definition, row.is_encrypted) {
            (None, true) => Some("its text is encrypted"),
            (None, false) if row.assembly.is_none() => {
                Some("the server does not show its text to this login, which lacks VIEW DEFINITION")
            }
            (Some(_), _) if is_view => Some("its text has no query that could be found"),
            _ => None,
        };
        let definition = match (&row.definition, &row.assembly) {
            (Some(text), _) => text.trim().to_owned(),
            (None, Some(assembly)) => format!("external name {assembly}"),
            (None, None) => String::new(),
        };
        let kind = kind(&row.kind, schema.is_some());
        draft
            .manual
            .push(listed(kind, name, definition, hidden.map(str::to_owned)));
    }
}

/// Lists what nobody translates.
pub(super) fn others(mut rows: Vec<OtherRow>, draft: &mut SchemaDraft) {
    rows.sort_by_cached_key(|r| {
        (
            r.kind.clone(),
            folded(r.schema_name.as_deref().unwrap_or_default()),
            folded(&r.name),
        )
    });
    for row in rows {
        let (name, bracketed_name) = match &row.schema_name {
            Some(schema) => {
                let own = ObjectName::new(&**schema, &*row.name);
                (own.to_string(), qualified(&own))
            }
            None => (row.name.clone(), bracketed(&row.name)),
        };
        let text = row.definition.as_deref().unwrap_or_default();
        let definition = match row.kind.as_str() {
            "SqlSynonym" => create_synonym(&bracketed_name, text),
            "SqlXmlSchemaCollection" => create_xml_schema_collection(&bracketed_name, text),
            "SqlRole" => create_role(&bracketed_name),
            _ => text.to_owned(),
        };
        draft.manual.push(listed(&row.kind, name, definition, None));
    }
}
