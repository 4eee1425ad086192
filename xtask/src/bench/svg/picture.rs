//! A document with a title, and the pieces that all plots are made of.

use net_backend::bench::Role;

use super::element::{Element, coordinate};
use super::style::{self, Mark, TEXT, TITLE};
use super::words::{width, wrap};

/// Pixels from side to side.
pub(super) const WIDTH: f64 = 860.0;
/// Pixels that stay free at every side.
pub(super) const MARGIN: f64 = 20.0;
/// From one line of text to the next.
pub(super) const LEADING: f64 = 18.0;

/// A picture that grows downwards.
#[derive(Clone, Debug)]
pub(super) struct Picture {
    title: String,
    description: String,
    elements: Vec<Element>,
    /// Where there is nothing yet.
    pub(super) top: f64,
}

impl Picture {
    /// One with a title, and lines of explanation below it.
    pub(super) fn new(title: &str, explanation: &str, description: String) -> Self {
        let mut picture = Self {
            title: title.to_owned(),
            description,
            elements: Vec::new(),
            top: MARGIN,
        };
        for line in wrap(title, TITLE, WIDTH - 2.0 * MARGIN) {
            picture.top += TITLE;
            let text = Text::new(line).strong().size(TITLE);
            picture.text(text, MARGIN, picture.top - 4.0);
            picture.top += 4.0;
        }
        for line in wrap(explanation, TEXT, WIDTH - 2.0 * MARGIN) {
            picture.top += LEADING;
            picture.text(Text::new(line).quiet(), MARGIN, picture.top - 5.0);
        }
        picture.top += 8.0;
        picture
    }

    /// Adds text whose baseline begins, ends or has its middle there.
    pub(super) fn text(&mut self, text: Text, x: f64, y: f64) {
        let element = Element::new("text")
            .at([("x", x), ("y", y), ("font-size", text.size)])
            .with("text-anchor", text.anchor)
            .with("class", text.class)
            .text(text.text);
        self.elements.push(element);
    }

    /// Adds a straight line.
    pub(super) fn line(&mut self, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
        let element = Element::new("line").with("class", class);
        let ends = [("x1", x1), ("y1", y1), ("x2", x2), ("y2", y2)];
        self.elements.push(element.at(ends));
    }

    /// Adds a line through points.
    pub(super) fn polyline(&mut self, class: &str, points: &[(f64, f64)]) {
        let points: Vec<String> = points
            .iter()
            .map(|(x, y)| format!("{},{}", coordinate(*x), coordinate(*y)))
            .collect();
        let element = Element::new("polyline").with("class", class);
        self.elements.push(element.with("points", points.join(" ")));
    }

    /// Adds a rectangle, with what is shown to those who point at it.
    pub(super) fn bar(
        &mut self,
        class: &str,
        (x1, y1): (f64, f64),
        (x2, y2): (f64, f64),
        hint: &str,
    ) {
        let (left, right) = (x1.min(x2), x1.max(x2));
        let sides = [
            ("x", left),
            ("y", y1),
            ("width", right - left),
            ("height", y2 - y1),
        ];
        let element = Element::new("rect").with("class", class).at(sides);
        self.elements.push(element.child(hinted(hint)));
    }

    /// Adds a mark, with what is shown to those who point at it.
    pub(super) fn mark(&mut self, mark: Mark, class: &str, (x, y): (f64, f64), hint: &str) {
        let path = |corners: &[(f64, f64)]| {
            let corners = corners.iter();
            let written: Vec<String> = corners
                .map(|(dx, dy)| format!("{},{}", coordinate(x + dx), coordinate(y + dy)))
                .collect();
            Element::new("polygon").with("points", written.join(" "))
        };
        let element = match mark {
            Mark::Disc => Element::new("circle").at([("cx", x), ("cy", y), ("r", 4.0)]),
            Mark::Square => path(&[(-3.5, -3.5), (3.5, -3.5), (3.5, 3.5), (-3.5, 3.5)]),
            Mark::Triangle => path(&[(0.0, -4.5), (4.5, 3.5), (-4.5, 3.5)]),
            Mark::Diamond => path(&[(0.0, -5.0), (5.0, 0.0), (0.0, 5.0), (-5.0, 0.0)]),
        };
        let element = element.with("class", format!("mark {class}"));
        self.elements.push(element.child(hinted(hint)));
    }

    /// Adds a line that says which colour is whose, of roles of bars.
    pub(super) fn roles(&mut self, roles: &[Role]) {
        let mut x = MARGIN;
        let y = self.top + LEADING - 5.0;
        for role in roles {
            let name = style::name(*role);
            let class = format!("bar {}", style::class(*role));
            self.bar(&class, (x, y - 11.0), (x + 12.0, y + 1.0), name);
            self.text(Text::new(name), x + 18.0, y);
            x += 18.0 + width(name, TEXT) + 24.0;
        }
        self.top += LEADING + 8.0;
    }

    /// The document.
    pub(super) fn finish(self) -> String {
        let height = (self.top + MARGIN).ceil();
        let size = [("width", WIDTH), ("height", height)];
        let paper = Element::new("rect").with("class", "paper").at(size);
        let size_and_view = Element::new("svg")
            .with("xmlns", "http://www.w3.org/2000/svg")
            .at(size)
            .with(
                "viewBox",
                format!("0 0 {} {}", coordinate(WIDTH), coordinate(height)),
            );
        let document = size_and_view
            .with("role", "img")
            .with("aria-labelledby", "title description")
            .child(Element::new("title").with("id", "title").text(self.title))
            .child(
                Element::new("desc")
                    .with("id", "description")
                    .text(self.description),
            )
            .child(Element::new("style").text(style::sheet()))
            .child(paper)
            .children(self.elements);
        document.to_string()
    }
}

/// Text, and what it looks like.
#[derive(Clone, Debug)]
pub(super) struct Text {
    text: String,
    class: &'static str,
    anchor: &'static str,
    size: f64,
}

impl Text {
    /// Ordinary text that begins where it is put.
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            class: "number",
            anchor: "start",
            size: TEXT,
        }
    }

    /// In the colour of what is less important.
    pub(super) fn quiet(mut self) -> Self {
        self.class = "quiet number";
        self
    }

    /// In bold letters.
    pub(super) fn strong(mut self) -> Self {
        self.class = "strong";
        self
    }

    /// In bold letters that lines behind it stay away from.
    pub(super) fn in_front(mut self) -> Self {
        self.class = "strong front";
        self
    }

    /// With its end where it is put.
    pub(super) fn at_its_end(mut self) -> Self {
        self.anchor = "end";
        self
    }

    /// With its middle where it is put.
    pub(super) fn centred(mut self) -> Self {
        self.anchor = "middle";
        self
    }

    fn size(mut self, size: f64) -> Self {
        self.size = size;
        self
    }
}

/// What is shown to those who point at it.
fn hinted(hint: &str) -> Element {
    Element::new("title").text(hint)
}
