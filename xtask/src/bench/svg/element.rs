//! SVG as text.

use std::fmt::{self, Display};

/// An element of an SVG document.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Element {
    name: &'static str,
    attributes: Vec<(&'static str, String)>,
    text: String,
    children: Vec<Element>,
}

impl Element {
    /// An empty one.
    pub(super) fn new(name: &'static str) -> Self {
        Self {
            name,
            attributes: Vec::new(),
            text: String::new(),
            children: Vec::new(),
        }
    }

    /// With an attribute.
    pub(super) fn with(mut self, name: &'static str, value: impl Display) -> Self {
        self.attributes.push((name, value.to_string()));
        self
    }

    /// With attributes that are lengths or coordinates.
    pub(super) fn at<const N: usize>(mut self, values: [(&'static str, f64); N]) -> Self {
        let written = values.map(|(name, value)| (name, coordinate(value)));
        self.attributes.extend(written);
        self
    }

    /// With text in it.
    pub(super) fn text(mut self, text: impl Into<String>) -> Self {
        self.text = text.into();
        self
    }

    /// With another one in it, behind the text.
    pub(super) fn child(mut self, child: Self) -> Self {
        self.children.push(child);
        self
    }

    /// With others in it.
    pub(super) fn children(mut self, children: impl IntoIterator<Item = Self>) -> Self {
        self.children.extend(children);
        self
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
        write!(f, "{:indent$}<{}", "", self.name, indent = depth * 2)?;
        for (name, value) in &self.attributes {
            write!(f, " {name}=\"{}\"", escape(value))?;
        }
        if self.text.is_empty() && self.children.is_empty() {
            return writeln!(f, "/>");
        }
        write!(f, ">{}", escape(&self.text))?;
        if !self.children.is_empty() {
            writeln!(f)?;
            for child in &self.children {
                child.write(f, depth + 1)?;
            }
            write!(f, "{:indent$}", "", indent = depth * 2)?;
        }
        writeln!(f, "</{}>", self.name)
    }
}

impl Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, 0)
    }
}

/// A tenth of a pixel is enough.
pub(super) fn coordinate(value: f64) -> String {
    let text = format!("{value:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    match text {
        "-0" => "0".to_owned(),
        text => text.to_owned(),
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push('\n'),
            // XML has no way to write these.
            character if character.is_control() => escaped.push('\u{fffd}'),
            character => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_nested_and_escaped() {
        let inner = Element::new("text")
            .with("class", "a\"b")
            .text("1 < 2 & 3\u{1}");
        let outer = Element::new("g")
            .at([("x", -0.01), ("y", 2.25)])
            .child(inner);
        let text = "<g x=\"0\" y=\"2.2\">\n  <text class=\"a&quot;b\">1 &lt; 2 &amp; 3\u{fffd}</text>\n</g>\n";
        assert_eq!(outer.to_string(), text);
        assert_eq!(Element::new("path").to_string(), "<path/>\n");
    }
}
