//! Just enough XML writing for `model.xml`: tabs, CRLF, one element to a line, as the export writes it.

use std::collections::BTreeMap;

/// An XML document in the making.
#[derive(Debug)]
pub(super) struct Xml {
    out: String,
    depth: usize,
    /// How many elements of each `Type` there are.
    pub(super) counts: BTreeMap<String, u64>,
}

impl Xml {
    pub(super) fn new() -> Self {
        let out = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n".to_owned();
        Self {
            out,
            depth: 0,
            counts: BTreeMap::new(),
        }
    }

    pub(super) fn finish(mut self) -> String {
        // The export ends without a line break.
        self.out.truncate(self.out.trim_end().len());
        self.out
    }

    fn line(&mut self, text: &str) {
        for _ in 0..self.depth {
            self.out.push('\t');
        }
        self.out.push_str(text);
        self.out.push_str("\r\n");
    }

    /// `<name attributes>`, its content, `</name>`.
    pub(super) fn tag(&mut self, name: &str, attributes: &[(&str, &str)], content: impl FnOnce(&mut Self)) {
        self.line(&format!("<{name}{}>", format_attributes(attributes)));
        self.depth += 1;
        content(self);
        self.depth -= 1;
        self.line(&format!("</{name}>"));
    }

    /// `<name attributes />`.
    pub(super) fn empty(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.line(&format!("<{name}{} />", format_attributes(attributes)));
    }

    /// An element of the model with its attributes.
    pub(super) fn element(&mut self, ty: &str, name: Option<&str>, content: impl FnOnce(&mut Self)) {
        *self.counts.entry(ty.to_owned()).or_default() += 1;
        let mut attributes = vec![("Type", ty)];
        attributes.extend(name.map(|name| ("Name", name)));
        self.tag("Element", &attributes, content);
    }

    /// A property with its value in an attribute.
    pub(super) fn property(&mut self, name: &str, value: &str) {
        self.empty("Property", &[("Name", name), ("Value", value)]);
    }

    /// A property that is `True`, or left out.
    pub(super) fn flag(&mut self, name: &str, value: bool) {
        if value {
            self.property(name, "True");
        }
    }

    /// A property whose value is script text. `module` marks the text of views, procedures, functions and triggers.
    pub(super) fn script(&mut self, name: &str, text: &str, module: bool) {
        let attributes: &[_] = if module {
            &[("QuotedIdentifiers", "True"), ("AnsiNulls", "True")]
        } else {
            &[]
        };
        let open = format_attributes(attributes);
        // The end mark of a CDATA section cannot be inside one.
        let text = crlf(text).replace("]]>", "]]]]><![CDATA[>");
        self.tag("Property", &[("Name", name)], |xml| {
            xml.line(&format!("<Value{open}><![CDATA[{text}]]></Value>"));
        });
    }

    /// A relationship with one `Entry` for each item; nothing when there is none.
    pub(super) fn relationship<T>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = T>,
        mut entry: impl FnMut(&mut Self, T),
    ) {
        let mut items = items.into_iter().peekable();
        if items.peek().is_none() {
            return;
        }
        self.tag("Relationship", &[("Name", name)], |xml| {
            for item in items {
                xml.tag("Entry", &[], |xml| entry(xml, item));
            }
        });
    }

    /// A relationship to named elements of this model.
    pub(super) fn references(&mut self, name: &str, targets: &[String]) {
        self.relationship(name, targets, |xml, target| {
            xml.empty("References", &[("Name", target)])
        });
    }

    /// A relationship to one element, which may be built in.
    pub(super) fn reference(&mut self, name: &str, target: &str, built_in: bool) {
        self.relationship(name, [target], |xml, target| {
            xml.reference_entry(target, built_in)
        });
    }

    /// A single reference, inside an `Entry`.
    pub(super) fn reference_entry(&mut self, target: &str, built_in: bool) {
        if built_in {
            self.empty("References", &[("ExternalSource", "BuiltIns"), ("Name", target)]);
        } else {
            self.empty("References", &[("Name", target)]);
        }
    }
}

fn format_attributes(attributes: &[(&str, &str)]) -> String {
    let mut out = String::new();
    for (name, value) in attributes {
        out.extend([" ", name, "=\"", &escape(value), "\""]);
    }
    out
}

/// Script text has the line breaks of Windows.
pub(super) fn crlf(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\n', "\r\n")
}

/// Escapes text for an attribute or for element content.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("&#xD;"),
            '\n' => out.push_str("&#xA;"),
            '\t' => out.push_str("&#x9;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nests_and_escapes() {
        let mut xml = Xml::new();
        xml.element("SqlThing", Some("[a].[<b>]"), |xml| {
            xml.script("Text", "a\n]]>", false);
            xml.references("None", &[]);
            xml.property("Header", "x\ty\r\n");
        });
        assert_eq!(
            xml.finish(),
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n\
             <Element Type=\"SqlThing\" Name=\"[a].[&lt;b&gt;]\">\r\n\
             \t<Property Name=\"Text\">\r\n\
             \t\t<Value><![CDATA[a\r\n]]]]><![CDATA[>]]></Value>\r\n\
             \t</Property>\r\n\
             \t<Property Name=\"Header\" Value=\"x&#x9;y&#xD;&#xA;\" />\r\n\
             </Element>"
        );
    }
}
