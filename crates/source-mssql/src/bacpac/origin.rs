//! `Origin.xml`: what the export says about itself.

use std::io::{BufReader, Read};

use migrate_core::{Error, Result};
use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::Event;
use sha2::{Digest, Sha256};

use super::archive::{Archive, Entry};
use crate::classify::corrupt;

/// Nobody's `Origin.xml` is larger.
const LARGEST: u64 = 16 << 20;

/// What `Origin.xml` states.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The server's version, its first line.
    pub(crate) server: String,
    /// The program that wrote the export.
    pub(crate) writer: String,
    /// Rows in all tables.
    pub(crate) rows: Option<u64>,
    /// SHA-256 of model.xml, in upper-case hexadecimal.
    pub(crate) model_hash: Option<String>,
    /// Whether the file says that it holds rows.
    pub(crate) with_data: Option<bool>,
    /// `schema.table` of each table whose rows were exported, if listed.
    pub(crate) tables: Vec<String>,
}

impl Origin {
    pub(crate) fn read(archive: &Archive) -> Result<Self> {
        let entry = archive.find("Origin.xml").ok_or_else(|| {
            corrupt("the archive has no Origin.xml, so it is not a .bacpac").at("file", &*archive.name)
        })?;
        if entry.size > LARGEST {
            return Err(corrupt(format!(
                "Origin.xml claims {} bytes, where {LARGEST} are plenty",
                entry.size
            ))
            .at("file", &*archive.name));
        }
        let text = read_text(archive, entry)?;
        Self::parse(&text).map_err(|e| e.at("entry", &entry.name).at("file", &*archive.name))
    }

    fn parse(text: &str) -> Result<Self> {
        let mut origin = Self::default();
        let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
        let mut path: Vec<String> = Vec::new();
        let mut uri = String::new();
        let mut content = String::new();
        let broken = |at: u64, what: &dyn std::fmt::Display| {
            corrupt(format!("this is not XML: {what}")).at("byte", at)
        };
        loop {
            let at = reader.buffer_position();
            match reader.read_event().map_err(|e| broken(at, &e))? {
                Event::Start(e) => {
                    path.push(e.local_name().as_ref().to_owned());
                    if path.len() == 1 && path[0] != "DacOrigin" {
                        return Err(corrupt(format!(
                            "the root is <{}> instead of <DacOrigin>",
                            path[0]
                        )));
                    }
                    if path.len() > 32 {
                        return Err(corrupt("elements are nested too deeply"));
                    }
                    content.clear();
                    uri.clear();
                    if let Some(value) = e.try_get_attribute("Uri").map_err(|e| broken(at, &e))? {
                        uri.push_str(
                            &value
                                .normalized_value(XmlVersion::Implicit1_0)
                                .map_err(|e| broken(at, &e))?,
                        );
                    }
                }
                Event::Text(t) => content.push_str(&t.xml10_content()),
                Event::CData(t) => content.push_str(&t.xml10_content()),
                Event::GeneralRef(r) => {
                    content.push(entity(&r).ok_or_else(|| broken(at, &"an unknown entity"))?)
                }
                Event::End(_) => {
                    origin.take(&path, &uri, content.trim())?;
                    path.pop();
                    content.clear();
                }
                Event::DocType(_) => return Err(corrupt("a document type has no place here")),
                Event::Eof if !path.is_empty() => return Err(corrupt("the XML ends early")),
                Event::Eof => break,
                _ => {}
            }
        }
        Ok(origin)
    }

    fn take(&mut self, path: &[String], uri: &str, text: &str) -> Result<()> {
        let path: Vec<&str> = path.iter().skip(1).map(String::as_str).collect();
        match path[..] {
            ["Server", "ServerVersion"] => {
                text.lines()
                    .next()
                    .unwrap_or_default()
                    .trim()
                    .clone_into(&mut self.server);
            }
            ["Operation", "ProductVersion"] => text.clone_into(&mut self.writer),
            ["ExportStatistics", "TableRowCountTotalTag"] => {
                let rows = text
                    .parse()
                    .map_err(|_| corrupt("TableRowCountTotalTag is not a number"))?;
                self.rows = Some(rows);
            }
            ["PackageProperties", "ContainsExportedData"] => {
                self.with_data = Some(text.eq_ignore_ascii_case("true"));
            }
            ["Checksums", "Checksum"] if uri.trim_start_matches('/').eq_ignore_ascii_case("model.xml") => {
                self.model_hash = Some(text.to_ascii_uppercase());
            }
            ["DataPhaseTables"] => {
                self.tables = text
                    .split(',')
                    .map(str::trim)
                    .filter(|t| !t.is_empty())
                    .map(str::to_owned)
                    .collect();
            }
            _ => {}
        }
        Ok(())
    }
}

/// The character that an entity of XML itself stands for.
pub(crate) fn entity(reference: &quick_xml::events::BytesRef<'_>) -> Option<char> {
    if let Ok(Some(c)) = reference.resolve_char_ref() {
        return Some(c);
    }
    match &**reference {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => None,
    }
}

fn read_text(archive: &Archive, entry: &Entry) -> Result<String> {
    let mut text = String::new();
    let mut reader = BufReader::new(archive.reader(entry)?);
    reader
        .read_to_string(&mut text)
        .map_err(|e| read_error(e).at("entry", &entry.name))?;
    Ok(text)
}

/// An error that came through `Read`: ours, if it was ours.
pub(crate) fn read_error(error: std::io::Error) -> Error {
    match error.downcast::<Error>() {
        Ok(ours) => ours,
        Err(e) if e.kind() == std::io::ErrorKind::InvalidData => {
            corrupt(format!("this is not UTF-8 text: {e}"))
        }
        Err(e) => crate::classify::io("cannot read the source file", e),
    }
}

/// SHA-256 of an entry's bytes, in upper-case hexadecimal.
pub(crate) fn sha256(archive: &Archive, entry: &Entry) -> Result<String> {
    let mut reader = archive.reader(entry)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match reader.pull(&mut buffer)? {
            0 => break,
            n => hash.update(&buffer[..n]),
        }
    }
    Ok(hex::encode_upper(hash.finalize()))
}

#[cfg(test)]
mod tests {
    use migrate_core::ErrorKind;

    use super::*;

    const SAMPLE: &str = "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?>
<DacOrigin xmlns=\"http://schemas.microsoft.com/sqlserver/dac/Serialization/2012/02\">
  <PackageProperties><Version>3.1.0.0</Version><ContainsExportedData>true</ContainsExportedData></PackageProperties>
  <Operation><ProductVersion>170.2.70.1</ProductVersion></Operation>
  <Server><ServerVersion>SQL &lt;X64&gt; &#65;
  more</ServerVersion></Server>
  <ExportStatistics><TableRowCountTotalTag>4277</TableRowCountTotalTag></ExportStatistics>
  <Checksums><Checksum Uri=\"/model.xml\">2298f5</Checksum><Checksum Uri=\"/other\">00</Checksum></Checksums>
  <DataPhaseTables>dbo.A,dbo.B C</DataPhaseTables>
</DacOrigin>";

    #[test]
    fn what_it_states_is_read() {
        assert_eq!(
            Origin::parse(SAMPLE).unwrap(),
            Origin {
                server: "SQL <X64> A".into(),
                writer: "170.2.70.1".into(),
                rows: Some(4277),
                model_hash: Some("2298F5".into()),
                with_data: Some(true),
                tables: vec!["dbo.A".into(), "dbo.B C".into()],
            }
        );
    }

    #[test]
    fn what_is_not_an_origin_is_refused() {
        for bad in [
            "<Other/>x<Other></Other>",
            "<DacOrigin><a></DacOrigin>",
            "<DacOrigin>",
            "<!DOCTYPE a><DacOrigin></DacOrigin>",
            "<DacOrigin>&nope;</DacOrigin>",
            "<DacOrigin><ExportStatistics><TableRowCountTotalTag>-1</TableRowCountTotalTag></ExportStatistics></DacOrigin>",
        ] {
            let error = Origin::parse(bad).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{bad}");
        }
    }
}
