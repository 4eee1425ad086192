//! Columns that line up.

use std::fmt::{self, Write as _};

/// How wide texts are where that can be.
pub(super) const WIDTH: usize = 100;

/// Columns that line up, as wide as what stands in them. Those without anything in them are not shown.
#[derive(Debug)]
pub(super) struct Table {
    columns: Vec<Column>,
}

/// Where the cells of a column stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// Texts.
    Left,
    /// Numbers.
    Right,
}

#[derive(Debug)]
struct Column {
    heading: String,
    is_wrapped: bool,
    side: Side,
    cells: Vec<String>,
}

impl Table {
    /// Spaces in front of each cell of the first column.
    const INDENT: &'static str = "  ";

    /// Without rows. The headings of all but the first column are wrapped.
    pub(super) fn new<'a>(headings: impl IntoIterator<Item = (&'a str, Side)>) -> Self {
        let columns = headings.into_iter().enumerate();
        let columns = columns.map(|(at, (heading, side))| Column {
            heading: heading.to_owned(),
            is_wrapped: at > 0,
            side,
            cells: Vec::new(),
        });
        Self {
            columns: columns.collect(),
        }
    }

    /// Adds a row; a cell for each column.
    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let mut cells = cells.into_iter();
        for (at, column) in self.columns.iter_mut().enumerate() {
            let cell = cells.next().unwrap_or_default();
            column.cells.push(match at {
                0 => format!("{}{cell}", Self::INDENT),
                _ => cell,
            });
        }
    }

    /// How wide the widest line is.
    pub(super) fn width(&self) -> usize {
        let widths = self.shown().map(|it| it.width() + 2);
        widths.sum::<usize>().saturating_sub(2)
    }

    fn shown(&self) -> impl Iterator<Item = &Column> {
        let columns = self.columns.iter().enumerate();
        let filled = |column: &Column| column.cells.iter().any(|cell| !cell.is_empty());
        let shown = columns.filter(move |(at, column)| *at == 0 || filled(column));
        shown.map(|(_, column)| column)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns: Vec<&Column> = self.shown().collect();
        let widths: Vec<usize> = columns.iter().map(|it| it.width()).collect();
        let headings: Vec<Vec<String>> = columns.iter().map(|it| it.heading()).collect();
        let height = headings.iter().map(Vec::len).max().unwrap_or(0);
        let rows = columns.first().map_or(0, |it| it.cells.len());
        let line_of = |texts: Vec<&str>| {
            let cells = columns.iter().zip(&widths).zip(texts);
            let cells = cells.map(|((column, width), text)| column.side.pad(text, *width));
            cells.collect::<Vec<String>>().join("  ")
        };
        let headings = (0..height).map(|line| {
            let lines = headings.iter().map(|it| from_below(it, line, height));
            line_of(lines.collect())
        });
        let cells = (0..rows).map(|row| {
            let cells = columns.iter().map(|it| it.cells.get(row));
            line_of(cells.map(|it| it.map_or("", String::as_str)).collect())
        });
        for line in headings.chain(cells) {
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

impl Column {
    /// Headings are not wrapped to less than this.
    const HEADING: usize = 12;

    fn width(&self) -> usize {
        let heading = self.heading();
        let all = heading.iter().chain(&self.cells);
        all.map(|text| count(text)).max().unwrap_or(0)
    }

    fn heading(&self) -> Vec<String> {
        if !self.is_wrapped {
            return vec![self.heading.clone()];
        }
        let cells = self.cells.iter().map(|text| count(text)).max();
        wrapped(&self.heading, cells.unwrap_or(0).max(Self::HEADING))
    }
}

impl Side {
    fn pad(self, text: &str, width: usize) -> String {
        match self {
            Self::Left => format!("{text:<width$}"),
            Self::Right => format!("{text:>width$}"),
        }
    }
}

/// Lines of words, each with no more than `width` characters if that can be.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if count(line) + 1 + count(word) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// A paragraph: its first line begins with `first`, the others with as many spaces.
pub(super) fn paragraph(first: &str, text: &str) -> String {
    let indent = count(first);
    let mut paragraph = String::new();
    let lines = wrapped(text, WIDTH.saturating_sub(indent));
    for (at, line) in lines.iter().enumerate() {
        let first = if at == 0 { first } else { "" };
        let _infallible = writeln!(paragraph, "{first:<indent$}{line}");
    }
    paragraph
}

/// One of `height` lines, of which these are the last.
fn from_below(lines: &[String], line: usize, height: usize) -> &str {
    let line = (line + lines.len()).checked_sub(height);
    let text = line.and_then(|line| lines.get(line));
    text.map_or("", String::as_str)
}

fn count(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_empty_ones_are_not_shown() {
        let mut table = Table::new([
            ("what it is", Side::Left),
            ("lost", Side::Right),
            ("a long heading that is wrapped", Side::Right),
        ]);
        table.row(["µ", "", "1404"].map(str::to_owned));
        table.row(["two", "", "7"].map(str::to_owned));
        let text = "                  a long\n\
                    \x20           heading that\n\
                    what it is    is wrapped\n\
                    \x20 µ                 1404\n\
                    \x20 two                  7\n";
        assert_eq!(table.to_string(), text);
        assert_eq!(table.width(), 24);
    }

    #[test]
    fn paragraphs_are_as_wide_as_the_screen() {
        let words = "word ".repeat(30);
        let text = paragraph("why: ", &words);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert!(lines[0].starts_with("why: word word"), "{text}");
        assert!(lines[1].starts_with("     word"), "{text}");
        assert!(lines.iter().all(|line| line.len() <= WIDTH), "{text}");
    }
}
