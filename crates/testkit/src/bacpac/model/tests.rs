use super::*;
use crate::bacpac::{ColumnSpec, ForeignKeySpec, IndexSpec, ReferentialAction, TableSpec, ViewSpec};

/// The model of a database, without its options and indentation.
fn elements(database: DatabaseSpec) -> String {
    let (text, _) = write(&database);
    let (_, rest) = text.split_once("</Element>\r\n").expect("the options come first");
    let lines: Vec<_> = rest.lines().map(str::trim).collect();
    lines
        .join("\n")
        .replace("</Model>\n</DataSchemaModel>", "")
        .trim()
        .to_owned()
}

/// The part of `text` from the line that contains `start` through the first `</Element>` after a line with `end`.
fn excerpt<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let from = text.find(start).unwrap_or_else(|| panic!("no {start} in {text}"));
    let length = text[from..]
        .find(end)
        .unwrap_or_else(|| panic!("no {end} after {start}"));
    &text[from..from + length]
}

#[test]
fn tables_look_like_the_export() {
    let table = TableSpec::new("dbo", "BuildVersion")
        .column(ColumnSpec::new("SystemInformationID", SqlType::TinyInt).identity(1, 1, Some(7)))
        .column(ColumnSpec::new("Database Version", SqlType::NVarChar(Some(25))).not_null());
    assert_eq!(
        elements(DatabaseSpec::new("D").table(table)),
        r#"<Element Type="SqlTable" Name="[dbo].[BuildVersion]">
<Property Name="IsAnsiNullsOn" Value="True" />
<Relationship Name="Columns">
<Entry>
<Element Type="SqlSimpleColumn" Name="[dbo].[BuildVersion].[SystemInformationID]">
<Property Name="IsNullable" Value="False" />
<Property Name="IsIdentity" Value="True" />
<Relationship Name="TypeSpecifier">
<Entry>
<Element Type="SqlTypeSpecifier">
<Relationship Name="Type">
<Entry>
<References ExternalSource="BuiltIns" Name="[tinyint]" />
</Entry>
</Relationship>
</Element>
</Entry>
</Relationship>
<Annotation Type="OnlinePropertyAnnotation" Name="[LastValue]">
<Property Name="Value" Value="7" />
</Annotation>
</Element>
</Entry>
<Entry>
<Element Type="SqlSimpleColumn" Name="[dbo].[BuildVersion].[Database Version]">
<Property Name="IsNullable" Value="False" />
<Relationship Name="TypeSpecifier">
<Entry>
<Element Type="SqlTypeSpecifier">
<Property Name="Length" Value="25" />
<Relationship Name="Type">
<Entry>
<References ExternalSource="BuiltIns" Name="[nvarchar]" />
</Entry>
</Relationship>
</Element>
</Entry>
</Relationship>
</Element>
</Entry>
</Relationship>
<Relationship Name="Schema">
<Entry>
<References ExternalSource="BuiltIns" Name="[dbo]" />
</Entry>
</Relationship>
</Element>"#
    );
}

#[test]
fn checks_and_computed_columns_name_what_they_use() {
    let table = TableSpec::new("s", "T")
        .column(ColumnSpec::new("a", SqlType::Int))
        .column(ColumnSpec::computed(
            "b",
            "(CONVERT([bigint],[a])+[a]+N'[no]')",
            true,
        ))
        .check("CK_a", "[a]>(0)");
    let mut spec = DatabaseSpec::new("D").schema("s").table(table);
    spec.tables[0].checks[0].not_trusted = true;
    let text = elements(spec);
    assert_eq!(
        excerpt(&text, "<Element Type=\"SqlComputedColumn\"", "</Element>"),
        r#"<Element Type="SqlComputedColumn" Name="[s].[T].[b]">
<Property Name="ExpressionScript">
<Value><![CDATA[(CONVERT([bigint],[a])+[a]+N'[no]')]]></Value>
</Property>
<Property Name="IsPersisted" Value="True" />
<Relationship Name="ExpressionDependencies">
<Entry>
<References ExternalSource="BuiltIns" Name="[bigint]" />
</Entry>
<Entry>
<References Name="[s].[T].[a]" />
</Entry>
</Relationship>
"#
    );
    assert_eq!(
        excerpt(&text, "<Element Type=\"SqlCheckConstraint\"", "</Element>"),
        r#"<Element Type="SqlCheckConstraint" Name="[s].[CK_a]">
<Property Name="CheckExpressionScript">
<Value><![CDATA[[a]>(0)]]></Value>
</Property>
<Relationship Name="CheckExpressionDependencies">
<Entry>
<References Name="[s].[T].[a]" />
</Entry>
</Relationship>
<Relationship Name="DefiningTable">
<Entry>
<References Name="[s].[T]" />
</Entry>
</Relationship>
<Annotation Type="IsNotTrustedPropertyAnnotation" />
"#
    );
}

#[test]
fn foreign_keys_state_their_actions() {
    let key = ForeignKeySpec::new("FK", &["a", "b"], "dbo", "P", &["x", "y"])
        .on_delete(ReferentialAction::SetNull)
        .on_update(ReferentialAction::Cascade)
        .disabled();
    let text = elements(DatabaseSpec::new("D").table(TableSpec::new("dbo", "T").foreign_key(key)));
    let text = excerpt(&text, "<Element Type=\"SqlForeignKeyConstraint\"", "</Element>");
    for expected in [
        "<Property Name=\"OnDeleteAction\" Value=\"2\" />\n<Property Name=\"OnUpdateAction\" Value=\"1\" />",
        "<Property Name=\"IsDisabled\" Value=\"True\" />",
        "<References Name=\"[dbo].[T].[a]\" />\n</Entry>\n<Entry>\n<References Name=\"[dbo].[T].[b]\" />",
        "<References Name=\"[dbo].[P].[x]\" />\n</Entry>\n<Entry>\n<References Name=\"[dbo].[P].[y]\" />",
    ] {
        assert!(text.contains(expected), "{expected} in {text}");
    }
}

#[test]
fn indexes_state_order_filter_and_included_columns() {
    let table = TableSpec::new("dbo", "T")
        .column(ColumnSpec::new("a", SqlType::Int))
        .column(ColumnSpec::new("b", SqlType::Int))
        .index(
            IndexSpec::new("IX", &["-a"])
                .unique()
                .include(&["b"])
                .filter("([b] IS NOT NULL)"),
        );
    let text = elements(DatabaseSpec::new("D").table(table));
    assert_eq!(
        &text[text.find("<Element Type=\"SqlIndex\"").unwrap()..],
        r#"<Element Type="SqlIndex" Name="[dbo].[T].[IX]">
<Property Name="IsUnique" Value="True" />
<Property Name="FilterPredicate">
<Value><![CDATA[([b] IS NOT NULL)]]></Value>
</Property>
<Relationship Name="BodyDependencies">
<Entry>
<References Name="[dbo].[T].[b]" />
</Entry>
</Relationship>
<Relationship Name="ColumnSpecifications">
<Entry>
<Element Type="SqlIndexedColumnSpecification">
<Property Name="IsAscending" Value="False" />
<Relationship Name="Column">
<Entry>
<References Name="[dbo].[T].[a]" />
</Entry>
</Relationship>
</Element>
</Entry>
</Relationship>
<Relationship Name="IncludedColumns">
<Entry>
<References Name="[dbo].[T].[b]" />
</Entry>
</Relationship>
<Relationship Name="IndexedObject">
<Entry>
<References Name="[dbo].[T]" />
</Entry>
</Relationship>
</Element>"#
    );
}

#[test]
fn modules_keep_their_header_apart() {
    let view = ViewSpec {
        schema: "dbo".into(),
        name: "V".into(),
        header: "\nCREATE VIEW [dbo].[V]\nAS".into(),
        query: " SELECT 1 AS [n]".into(),
        columns: vec![("n".into(), Vec::new())],
        schema_bound: true,
    };
    let text = elements(DatabaseSpec::new("D").view(view));
    assert!(text.contains(
        "<Value QuotedIdentifiers=\"True\" AnsiNulls=\"True\"><![CDATA[ SELECT 1 AS [n]]]></Value>"
    ));
    // 2 + 21 + 2 + 2 characters of header, 16 of query.
    assert!(text.contains(
        "<Property Name=\"CreateOffset\" Value=\"2\" />\n<Property Name=\"Length\" Value=\"43\" />"
    ));
    assert!(text.contains("Value=\"&#xD;&#xA;CREATE VIEW [dbo].[V]&#xD;&#xA;AS\""));
}

#[test]
fn descriptions_are_quoted() {
    let table = TableSpec::new("dbo", "T").description("the owner's");
    let text = elements(DatabaseSpec::new("D").table(table));
    assert!(text.contains("Name=\"[SqlTableBase].[dbo].[T].[MS_Description]\""));
    assert!(text.contains("<Value><![CDATA[N'the owner''s']]></Value>"));
}

#[test]
fn names_in_brackets_are_found() {
    let names = bracketed_names("([a]+isnull([s].[f]([b c]),N'[x] it''s [y]')) NEXT VALUE FOR [dbo].[q]");
    assert_eq!(names, [vec!["a"], vec!["s", "f"], vec!["b c"], vec!["dbo", "q"]]);
}

#[test]
fn case_sensitivity_follows_the_collation() {
    let sensitive = DatabaseSpec::new("D").collation("Latin1_General_100_BIN2");
    assert!(write(&sensitive).0.contains("CollationCaseSensitive=\"True\""));
    assert!(
        write(&DatabaseSpec::new("D"))
            .0
            .contains("CollationCaseSensitive=\"False\"")
    );
}
