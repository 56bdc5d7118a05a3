//! The small parts beside the model and the rows: `Origin.xml`, `DacMetadata.xml` and the package's own bookkeeping.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::model::{NAMESPACE, SCHEMA_VERSION};
use super::spec::DatabaseSpec;
use super::xml::escape;

/// The export writes a byte order mark into every part but the model.
const BOM: &str = "\u{FEFF}";

/// Elements that are parts of other elements, which `ObjectCounts` leaves out.
const UNCOUNTED: [&str; 3] = [
    "SqlTypeSpecifier",
    "SqlXmlTypeSpecifier",
    "SqlIndexedColumnSpecification",
];

pub(super) const CONTENT_TYPES: &str = "\u{FEFF}<?xml version=\"1.0\" encoding=\"utf-8\"?>\
    <Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">\
    <Default Extension=\"xml\" ContentType=\"text/xml\" />\
    <Default Extension=\"BCP\" ContentType=\"application/octet-stream\" />\
    <Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\" />\
    </Types>";

pub(super) fn metadata(database: &DatabaseSpec) -> String {
    format!(
        "{BOM}<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<DacType xmlns=\"{NAMESPACE}\">\r\n  \
         <Name>{}</Name>\r\n  <Version>0.0.0.0</Version>\r\n</DacType>",
        escape(&database.name)
    )
}

/// `Origin.xml`. `sha256` is of `model.xml`, in upper-case hexadecimal digits.
pub(super) fn origin(
    database: &DatabaseSpec,
    counts: &BTreeMap<String, u64>,
    rows: u64,
    sha256: &str,
) -> String {
    let mut objects = String::new();
    for (element, count) in counts {
        if !UNCOUNTED.contains(&element.as_str()) {
            let name = element.strip_prefix("Sql").unwrap_or(element);
            let _ = write!(objects, "      <{name}>{count}</{name}>\r\n");
        }
    }
    let tables: Vec<_> = database
        .tables
        .iter()
        .map(|t| escape(&format!("{}.{}", t.schema, t.name)))
        .collect();
    let tables = tables.join(",");
    let text = format!(
        r#"{BOM}<?xml version="1.0" encoding="utf-8"?>
<DacOrigin xmlns="{NAMESPACE}">
  <PackageProperties>
    <Version>3.1.0.0</Version>
    <ContainsExportedData>true</ContainsExportedData>
    <StreamVersions>
      <Version StreamName="Data">2.0.0.0</Version>
      <Version StreamName="DeploymentContributors">1.0.0.0</Version>
    </StreamVersions>
  </PackageProperties>
  <Operation>
    <Identity>00000000-0000-4000-8000-000000000000</Identity>
    <Start>2025-01-01T00:00:00.0000000+00:00</Start>
    <End>0001-01-01T00:00:00.0000000</End>
    <ProductName>migrate-testkit</ProductName>
    <ProductVersion>0.1.0</ProductVersion>
    <ProductSchema>{NAMESPACE}</ProductSchema>
  </Operation>
  <Server>
    <ServerVersion>Microsoft SQL Server 2022 (RTM) - 16.0.1000.6 (X64)
</ServerVersion>
    <ObjectCounts>
"#
    );
    let mut text = text.replace('\n', "\r\n");
    text.push_str(&objects);
    let _ = write!(
        text,
        "    </ObjectCounts>\r\n  </Server>\r\n  <ExportStatistics>\r\n    \
         <SourceDatabaseSize>8192</SourceDatabaseSize>\r\n    \
         <TableRowCountTotalTag>{rows}</TableRowCountTotalTag>\r\n  </ExportStatistics>\r\n  <Checksums>\r\n    \
         <Checksum Uri=\"/model.xml\">{sha256}</Checksum>\r\n  </Checksums>\r\n  \
         <ModelSchemaVersion>{SCHEMA_VERSION}</ModelSchemaVersion>\r\n  \
         <DataPhaseTables>{tables}</DataPhaseTables>\r\n</DacOrigin>"
    );
    text
}

/// `_rels/.rels`: for each data part, the table and the schema it belongs to.
pub(super) fn relationships(parts: &[(String, String, String)]) -> String {
    let mut text = format!(
        "{BOM}<?xml version=\"1.0\" encoding=\"utf-8\"?>\
         <Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">"
    );
    let mut id = 0;
    for (schema, table, part) in parts {
        for (kind, name) in [("table", table), ("schema", schema)] {
            id += 1;
            let _ = write!(
                text,
                "<Relationship Type=\"{kind}={}\" Target=\"/{}\" Id=\"R{id:016x}\" />",
                escape(name),
                escape(part)
            );
        }
    }
    text.push_str("</Relationships>");
    text
}
