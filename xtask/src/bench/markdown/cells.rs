//! Tables and numbers of a page.

use std::fmt;

use net_backend::bench::{Better, Compared, Goal, Spread, Verdict};

use crate::bench::quantity::{digits, quotients};

/// A table: the first column is text, the others are numbers.
#[derive(Clone, Debug)]
pub(super) struct Table {
    columns: usize,
    lines: Vec<Vec<String>>,
}

impl Table {
    /// One with these headings.
    pub(super) fn new(headings: Vec<String>) -> Self {
        Self {
            columns: headings.len(),
            lines: vec![headings],
        }
    }

    /// Adds a line. Cells that are missing are empty.
    pub(super) fn line(&mut self, cells: impl IntoIterator<Item = String>) {
        let mut cells: Vec<String> = cells.into_iter().collect();
        cells.resize(self.columns, String::new());
        self.lines.push(cells);
    }

    /// Without columns that have nothing below their heading.
    pub(super) fn without_empty_columns(mut self) -> Self {
        let is_used = |at: usize| {
            let mut below = self.lines.iter().skip(1);
            at == 0 || below.any(|line| line.get(at).is_some_and(|cell| !cell.is_empty()))
        };
        let used: Vec<bool> = (0..self.columns).map(is_used).collect();
        for line in &mut self.lines {
            let mut used = used.iter();
            line.retain(|_| used.next().is_some_and(|it| *it));
        }
        self.columns = used.iter().filter(|it| **it).count();
        self
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, line) in self.lines.iter().enumerate() {
            let end = if at + 1 == self.lines.len() { "" } else { "\n" };
            write!(
                f,
                "| {} |{}",
                line.join(" | "),
                if at == 0 { "\n" } else { end }
            )?;
            if at == 0 {
                let numbers = "---:|".repeat(self.columns.saturating_sub(1));
                write!(f, "|---|{numbers}{end}")?;
            }
        }
        Ok(())
    }
}

/// Text that is only text: names may have anything in them.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\n' | '\r' => escaped.push(' '),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' | '$' => {
                escaped.push('\\');
                escaped.push(character);
            }
            character => escaped.push(character),
        }
    }
    escaped
}

/// Median and quartiles.
pub(super) fn spread(value: Spread) -> String {
    let Spread {
        lower,
        median,
        upper,
    } = value;
    let [lower, median, upper] = [lower, median, upper].map(digits);
    match lower == upper {
        true => median,
        false => format!("{median} [{lower}–{upper}]"),
    }
}

/// A quotient with its quartiles, and what became of its goal.
pub(super) fn compared(compared: &Compared) -> String {
    let value = quotients(compared.value);
    let mark = match compared.verdict() {
        None => "",
        Some(Verdict::Aim) => " ★",
        Some(Verdict::Reached) => " ✓",
        Some(Verdict::Margin) => " ~",
        Some(_) => " ✗",
    };
    format!("{value}{mark}")
}

/// What is asked for.
pub(super) fn goal(goal: Goal, better: Better) -> String {
    let sign = if better == Better::More { '≥' } else { '≤' };
    format!("{sign} {}", goal.limit)
}

/// A part of the whole; nothing where there is none.
pub(super) fn percent(part: f64) -> String {
    match part {
        0.0 => String::new(),
        part if part < 0.001 => "&lt; 0.1 %".to_owned(),
        part => format!("{} %", digits(part * 100.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_as_github_reads_them() {
        let mut table = Table::new(["a", "b", "c"].map(str::to_owned).into());
        table.line(["1".to_owned(), String::new(), "3".to_owned()]);
        table.line(["2".to_owned()]);
        assert_eq!(
            table.to_string(),
            "| a | b | c |\n|---|---:|---:|\n| 1 |  | 3 |\n| 2 |  |  |"
        );
        let table = table.without_empty_columns();
        assert_eq!(
            table.to_string(),
            "| a | c |\n|---|---:|\n| 1 | 3 |\n| 2 |  |"
        );
    }

    #[test]
    fn names_are_no_markup() {
        assert_eq!(
            escape("a|b_<c> & `d`\n"),
            "a\\|b\\_&lt;c&gt; &amp; \\`d\\` "
        );
    }

    #[test]
    fn numbers_have_quartiles_and_goals_a_mark() {
        let value = |median: f64| Spread {
            lower: median * 0.5,
            median,
            upper: median * 2.0,
        };
        assert_eq!(spread(value(1.5)), "1.50 [0.750–3.00]");
        assert_eq!(spread(Spread::of(&[7.0])), "7.00");
        let quotients = [0.9, 1.0, 1.05, 1.2].map(|median| {
            let mut it = Compared::new("", "", Better::Less, value(median));
            it.goal = Some(Goal {
                limit: 1.0,
                aim: Some(0.9),
                margin: 0.1,
            });
            compared(&it)
        });
        let marks = quotients.map(|it| it.chars().last());
        assert_eq!(marks, ['★', '✓', '~', '✗'].map(Some));
        assert_eq!(
            [0.0, 0.0001, 0.123].map(percent),
            ["", "&lt; 0.1 %", "12.3 %"]
        );
    }
}
