//! Views, procedures, functions and triggers, whose text the export splits into a header and a body.

use super::{bracketed_names, schema_relationship, type_specifier};
use crate::bacpac::spec::{DatabaseSpec, FunctionSpec, ProcedureSpec, TriggerSpec, ViewSpec};
use crate::bacpac::types::SqlType;
use crate::bacpac::xml::{Xml, crlf};

/// The tables that a module's text names, as its dependencies.
fn module_dependencies(xml: &mut Xml, relationship: &str, database: &DatabaseSpec, text: &str) {
    let mut targets = Vec::new();
    for parts in bracketed_names(text) {
        if let [schema, name] = &parts[..] {
            let target = format!("[{schema}].[{name}]");
            if database.find_table(schema, name).is_some() && !targets.contains(&target) {
                targets.push(target);
            }
        }
    }
    xml.references(relationship, &targets);
}

/// How the export remembers the part of a module's text that is not its body.
fn module_annotation(xml: &mut Xml, header: &str, body: &str) {
    let header = crlf(header);
    let length = header.encode_utf16().count() + crlf(body).encode_utf16().count();
    let offset = header.find("CREATE").unwrap_or(0);
    xml.tag("Annotation", &[("Type", "SysCommentsObjectAnnotation")], |xml| {
        xml.property("CreateOffset", &offset.to_string());
        xml.property("Length", &length.to_string());
        xml.property("StartLine", "1");
        xml.property("StartColumn", "1");
        xml.property("HeaderContents", &header);
    });
}

fn parameters(xml: &mut Xml, owner: &str, parameters: &[(String, SqlType)]) {
    xml.relationship("Parameters", parameters, |xml, (name, ty)| {
        xml.element(
            "SqlSubroutineParameter",
            Some(&format!("{owner}.[{name}]")),
            |xml| {
                type_specifier(xml, "Type", ty);
            },
        );
    });
}

pub(super) fn view(xml: &mut Xml, database: &DatabaseSpec, view: &ViewSpec) {
    let name = format!("[{}].[{}]", view.schema, view.name);
    xml.element("SqlView", Some(&name), |xml| {
        xml.flag("IsSchemaBound", view.schema_bound);
        xml.script("QueryScript", &view.query, true);
        xml.property("IsAnsiNullsOn", "True");
        xml.relationship("Columns", &view.columns, |xml, (column, from)| {
            xml.element("SqlComputedColumn", Some(&format!("{name}.[{column}]")), |xml| {
                xml.references("ExpressionDependencies", from);
            });
        });
        module_dependencies(xml, "QueryDependencies", database, &view.query);
        schema_relationship(xml, &view.schema);
        module_annotation(xml, &view.header, &view.query);
    });
}

pub(super) fn procedure(xml: &mut Xml, database: &DatabaseSpec, spec: &ProcedureSpec) {
    let name = format!("[{}].[{}]", spec.schema, spec.name);
    xml.element("SqlProcedure", Some(&name), |xml| {
        xml.script("BodyScript", &spec.body, true);
        xml.property("IsAnsiNullsOn", "True");
        module_dependencies(xml, "BodyDependencies", database, &spec.body);
        parameters(xml, &name, &spec.parameters);
        schema_relationship(xml, &spec.schema);
        module_annotation(xml, &spec.header, &spec.body);
    });
}

pub(super) fn function(xml: &mut Xml, spec: &FunctionSpec) {
    let name = format!("[{}].[{}]", spec.schema, spec.name);
    xml.element("SqlScalarFunction", Some(&name), |xml| {
        xml.property("IsAnsiNullsOn", "True");
        xml.relationship("FunctionBody", [spec], |xml, spec| {
            xml.element("SqlScriptFunctionImplementation", None, |xml| {
                xml.script("BodyScript", &spec.body, true);
                module_annotation(xml, &spec.header, &spec.body);
            });
        });
        parameters(xml, &name, &spec.parameters);
        schema_relationship(xml, &spec.schema);
        type_specifier(xml, "Type", &spec.returns);
    });
}

pub(super) fn trigger(xml: &mut Xml, database: &DatabaseSpec, spec: &TriggerSpec) {
    let name = format!("[{}].[{}]", spec.schema, spec.name);
    xml.element("SqlDmlTrigger", Some(&name), |xml| {
        xml.flag("IsInsertTrigger", spec.events.insert);
        xml.flag("IsUpdateTrigger", spec.events.update);
        xml.flag("IsDeleteTrigger", spec.events.delete);
        xml.property("SqlTriggerType", "2");
        xml.script("BodyScript", &spec.body, true);
        xml.property("IsAnsiNullsOn", "True");
        module_dependencies(xml, "BodyDependencies", database, &spec.body);
        xml.reference("Parent", &format!("[{}].[{}]", spec.schema, spec.table), false);
        module_annotation(xml, &spec.header, &spec.body);
    });
}
