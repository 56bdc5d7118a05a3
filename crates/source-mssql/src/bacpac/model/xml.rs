//! Reads `model.xml` one top-level element at a time.
//!
//! Each element of the model becomes a small tree ([`Node`]) that is handed over and forgotten, so memory depends on the
//! largest object in the database and not on their number.

use std::io::{self, BufRead, Read};

use migrate_core::{Error, Result};
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::super::origin::{entity, read_error};
use crate::classify::corrupt;

/// No real model nests deeper than about twenty elements.
const DEEPEST: usize = 100;
/// No single tag or text is larger: the longest are bodies of procedures.
const LARGEST_PIECE: usize = 64 << 20;

/// An element of the model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Node {
    /// `SqlTable`, `SqlView`...
    pub(crate) kind: String,
    /// The bracketed name, if it has one.
    pub(crate) name: String,
    /// Tells apart elements without names.
    pub(crate) disambiguator: String,
    pub(crate) properties: Vec<Property>,
    pub(crate) relations: Vec<Relation>,
    pub(crate) annotations: Vec<Node>,
}

/// A named value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Property {
    pub(crate) name: String,
    pub(crate) value: String,
}

/// A named list of elements and references.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Relation {
    pub(crate) name: String,
    pub(crate) entries: Vec<Entry>,
}

/// What a relation holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    Element(Node),
    Reference {
        name: String,
        /// Whether it names something that every database has.
        built_in: bool,
        disambiguator: String,
    },
}

impl Node {
    /// The value of a property.
    pub(crate) fn property(&self, name: &str) -> Option<&str> {
        self.properties
            .iter()
            .find(|p| p.name == name)
            .map(|p| p.value.as_str())
    }

    /// Whether a property says `True`.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.property(name)
            .is_some_and(|v| v.eq_ignore_ascii_case("true") || v == "1")
    }

    /// The entries of a relation; none if there is no such relation.
    pub(crate) fn entries(&self, relation: &str) -> &[Entry] {
        self.relations
            .iter()
            .find(|r| r.name == relation)
            .map_or(&[], |r| &r.entries)
    }

    /// The elements of a relation.
    pub(crate) fn elements(&self, relation: &str) -> impl Iterator<Item = &Node> {
        self.entries(relation).iter().filter_map(|e| match e {
            Entry::Element(node) => Some(node),
            Entry::Reference { .. } => None,
        })
    }

    /// The names that a relation refers to.
    pub(crate) fn references(&self, relation: &str) -> impl Iterator<Item = &str> {
        self.entries(relation).iter().filter_map(|e| match e {
            Entry::Reference { name, .. } => Some(name.as_str()),
            Entry::Element(_) => None,
        })
    }

    /// The annotation of that type.
    pub(crate) fn annotation(&self, kind: &str) -> Option<&Node> {
        self.annotations.iter().find(|a| a.kind == kind)
    }
}

/// What the model's root says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Root {
    /// Which version of SQL Server the model is written for.
    pub(crate) provider: String,
    /// Whether names and text are compared with case.
    pub(crate) case_sensitive: Option<bool>,
}

/// What is open while reading.
enum Open {
    Root,
    /// `Header`, `Model`, and whatever else only contains.
    Container,
    Model,
    Node(Node),
    Annotation(Node),
    Property(Property),
    Relation(Relation),
    Entry,
    Reference(Entry),
    Value,
}

/// Reads a model and hands each element directly below `<Model>` to `each`.
pub(crate) fn read(source: impl Read, mut each: impl FnMut(Node) -> Result<()>) -> Result<Root> {
    let mut reader = Reader::from_reader(Limited {
        inner: io::BufReader::with_capacity(64 << 10, source),
        piece: 0,
    });
    let mut buffer = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    let mut root = None;
    loop {
        buffer.clear();
        reader.get_mut().piece = 0;
        let at = reader.buffer_position();
        let place = |e: Error| e.at("byte", at);
        match reader
            .read_event_into(&mut buffer)
            .map_err(|e| place(xml_error(e)))?
        {
            Event::Start(e) => {
                let item = begin(&e, open.last(), &mut root).map_err(place)?;
                open.push(item);
                if open.len() > DEEPEST {
                    return Err(place(corrupt("elements are nested too deeply to be a model")));
                }
            }
            Event::Empty(e) => {
                let item = begin(&e, open.last(), &mut root).map_err(place)?;
                end(item, &mut open, &mut each).map_err(place)?;
            }
            Event::End(_) => {
                if let Some(item) = open.pop() {
                    end(item, &mut open, &mut each).map_err(place)?;
                }
            }
            Event::Text(t) => text(&mut open, &t.xml10_content()),
            Event::CData(t) => text(&mut open, &t.xml10_content()),
            Event::GeneralRef(r) => {
                let c = entity(&r).ok_or_else(|| place(corrupt("the XML refers to an unknown entity")))?;
                text(&mut open, c.encode_utf8(&mut [0; 4]));
            }
            Event::DocType(_) => return Err(place(corrupt("a document type has no place in a model"))),
            Event::Eof if !open.is_empty() => return Err(place(corrupt("the XML ends early"))),
            Event::Eof => break,
            Event::Comment(_) | Event::PI(_) | Event::Decl(_) => {}
        }
    }
    // What follows the root is read, so that the entry's checksum is verified.
    root.ok_or_else(|| corrupt("this is not a model: there is no <DataSchemaModel>"))
}

fn xml_error(error: quick_xml::Error) -> Error {
    match error {
        quick_xml::Error::Io(cause) => match std::sync::Arc::try_unwrap(cause) {
            Ok(cause) => read_error(cause),
            Err(shared) => corrupt(format!("the XML cannot be read: {shared}")),
        },
        other => corrupt(format!("this is not XML: {other}")),
    }
}

fn attribute(e: &BytesStart<'_>, name: &str) -> Result<String> {
    let broken = |what: &dyn std::fmt::Display| corrupt(format!("this is not XML: {what}"));
    match e.try_get_attribute(name).map_err(|e| broken(&e))? {
        Some(a) => Ok(a
            .normalized_value(XmlVersion::Implicit1_0)
            .map_err(|e| broken(&e))?
            .into_owned()),
        None => Ok(String::new()),
    }
}

fn begin(e: &BytesStart<'_>, parent: Option<&Open>, root: &mut Option<Root>) -> Result<Open> {
    let tag = e.local_name();
    let tag = tag.as_ref();
    let node = |kind: String| -> Result<Node> {
        Ok(Node {
            kind,
            name: attribute(e, "Name")?,
            disambiguator: attribute(e, "Disambiguator")?,
            ..Node::default()
        })
    };
    Ok(match (parent, tag) {
        (None, "DataSchemaModel") => {
            *root = Some(Root {
                provider: attribute(e, "DspName")?,
                case_sensitive: match attribute(e, "CollationCaseSensitive")?
                    .to_ascii_lowercase()
                    .as_str()
                {
                    "true" => Some(true),
                    "false" => Some(false),
                    _ => None,
                },
            });
            Open::Root
        }
        (None, other) => {
            return Err(corrupt(format!(
                "this is not a model: the root is <{}>",
                other.escape_debug()
            )));
        }
        (Some(Open::Root), "Model") => Open::Model,
        (Some(Open::Model | Open::Entry), "Element") => Open::Node(node(attribute(e, "Type")?)?),
        (Some(Open::Node(_) | Open::Annotation(_)), "Property") => Open::Property(Property {
            name: attribute(e, "Name")?,
            value: attribute(e, "Value")?,
        }),
        (Some(Open::Property(_)), "Value") => Open::Value,
        (Some(Open::Node(_) | Open::Annotation(_)), "Relationship") => Open::Relation(Relation {
            name: attribute(e, "Name")?,
            entries: Vec::new(),
        }),
        (Some(Open::Node(_)), "Annotation") => Open::Annotation(node(attribute(e, "Type")?)?),
        (Some(Open::Relation(_)), "Entry") => Open::Entry,
        (Some(Open::Entry), "References") => Open::Reference(Entry::Reference {
            name: attribute(e, "Name")?,
            built_in: !attribute(e, "ExternalSource")?.is_empty(),
            disambiguator: attribute(e, "Disambiguator")?,
        }),
        _ => Open::Container,
    })
}

fn end(item: Open, open: &mut [Open], each: &mut impl FnMut(Node) -> Result<()>) -> Result<()> {
    let (last, above) = match open.split_last_mut() {
        Some((last, above)) => (Some(last), above.last_mut()),
        None => (None, None),
    };
    match (item, last, above) {
        (Open::Node(node), Some(Open::Entry), Some(Open::Relation(relation))) => {
            relation.entries.push(Entry::Element(node));
        }
        (Open::Reference(reference), Some(Open::Entry), Some(Open::Relation(relation))) => {
            relation.entries.push(reference);
        }
        (Open::Node(node), Some(Open::Model), _) => each(node)?,
        (Open::Annotation(a), Some(Open::Node(node)), _) => node.annotations.push(a),
        (Open::Property(property), Some(Open::Node(node) | Open::Annotation(node)), _) => {
            node.properties.push(property);
        }
        (Open::Relation(r), Some(Open::Node(node) | Open::Annotation(node)), _) => node.relations.push(r),
        _ => {}
    }
    Ok(())
}

/// Text counts only inside of a property's `<Value>`.
fn text(open: &mut [Open], content: &str) {
    if let [.., Open::Property(property), Open::Value] = open {
        property.value.push_str(content);
    }
}

/// Refuses a tag or text of unreasonable size before it fills the memory.
struct Limited<R> {
    inner: R,
    piece: usize,
}

impl<R: BufRead> Read for Limited<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.inner.read(out)
    }
}

impl<R: BufRead> BufRead for Limited<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.piece > LARGEST_PIECE {
            return Err(io::Error::other(corrupt(format!(
                "a single tag or text has more than {LARGEST_PIECE} bytes"
            ))));
        }
        self.inner.fill_buf()
    }

    fn consume(&mut self, n: usize) {
        self.piece += n;
        self.inner.consume(n);
    }
}
