//! The same contestants in several places: with frames of several lengths, or beside more and more of something.

use super::beside::{compared, references};
use super::block::kind;
use super::numbers;
use super::table::{Side, Table, WIDTH};
use crate::bench::case::{Role, Unit};
use crate::bench::row::{Compared, Figure, Row};
use crate::bench::spread::Spread;

/// What rows that differ by a number have in common, `send` and `bytes` of `send 64 bytes`; `None` if this is not of that kind.
pub(super) fn family(row: &Row) -> Option<(String, String)> {
    row.at?;
    let is_number = |word: &str| word.starts_with(|it: char| it.is_ascii_digit());
    let words: Vec<&str> = row.name.split(' ').collect();
    let number = words.iter().position(|word| is_number(word))?;
    let (before, rest) = words.split_at(number);
    let after = rest.get(1..).unwrap_or_default();
    Some((before.join(" "), after.join(" ")))
}

/// Whether contestants of a row take part in several places.
pub(super) fn is_scale(row: &Row) -> bool {
    row.figures.iter().any(|it| it.at.is_some())
}

/// Rows of a family: a column for each.
pub(super) fn of_family(rows: &[&Row]) -> String {
    let points = rows.iter().flat_map(|row| {
        let figures = row.figures.iter();
        figures.map(|figure| Point {
            place: row.at,
            row,
            figure,
        })
    });
    let title = rows.first().and_then(|row| {
        let (before, after) = family(row)?;
        Some(format!("{}/{before} … {after}", row.section))
    });
    let title = title.unwrap_or_default();
    Grid::new(title.trim_end(), points.collect()).text()
}

/// A row whose contestants take part in several places: a column for each.
pub(super) fn of_scale(row: &Row) -> String {
    let figures = row.figures.iter();
    let points = figures.map(|figure| Point {
        place: figure.at,
        row,
        figure,
    });
    Grid::new(&row.id(), points.collect()).text()
}

/// A figure, and the column that it is in.
#[derive(Clone, Copy, Debug)]
struct Point<'a> {
    place: Option<f64>,
    row: &'a Row,
    figure: &'a Figure,
}

#[derive(Debug)]
struct Grid<'a> {
    title: String,
    /// Sorted; what is nowhere is first.
    places: Vec<Option<f64>>,
    /// Names, in the order in which they come up.
    names: Vec<(&'a str, Role)>,
    points: Vec<Point<'a>>,
}

impl<'a> Grid<'a> {
    fn new(title: &str, points: Vec<Point<'a>>) -> Self {
        let mut places: Vec<Option<f64>> = points.iter().map(|it| it.place).collect();
        places.sort_by(|one, other| one.partial_cmp(other).unwrap_or(std::cmp::Ordering::Equal));
        places.dedup();
        let mut names: Vec<(&str, Role)> = Vec::new();
        for Point { figure, .. } in &points {
            let name = figure.contestant.as_str();
            if names.iter().all(|(known, _)| *known != name) {
                names.push((name, figure.role));
            }
        }
        let symbol = points.first().map_or("", |it| it.row.unit.symbol());
        Self {
            title: format!("{title}, {symbol}"),
            places,
            names,
            points,
        }
    }

    /// With as many details as fit.
    fn text(&self) -> String {
        let all = self.table(&numbers::about, &numbers::short_ratio);
        if all.width() <= WIDTH {
            return all.to_string();
        }
        let cost = |it: &Figure, unit| numbers::cost(it.cost.median, unit);
        let quotient = |it: Spread| numbers::quotient(it.median);
        let some = self.table(&numbers::about, &quotient);
        match some.width() <= WIDTH {
            true => some.to_string(),
            false => self.table(&cost, &quotient).to_string(),
        }
    }

    fn table(
        &self,
        cost: &dyn Fn(&Figure, Unit) -> String,
        ratio: &dyn Fn(Spread) -> String,
    ) -> Table {
        let headings: Vec<String> = self.places.iter().map(|it| heading(*it)).collect();
        let headings = headings.iter().map(|it| (it.as_str(), Side::Right));
        let title = [(self.title.as_str(), Side::Left)].into_iter();
        let mut table = Table::new(title.chain(headings).chain([("goal", Side::Left)]));
        for (name, _) in &self.names {
            self.row(&mut table, name, |it| cost(it.figure, it.row.unit));
        }
        self.ratios(&mut table, ratio);
        self.rest(&mut table, "lost", |it| numbers::percent(it.figure.loss()));
        self.rest(&mut table, "allocations", |it| {
            let allocations = it.figure.allocations.filter(|it| *it > 0.0);
            let count = allocations.filter(|_| it.figure.role == Role::Library);
            count.map_or(String::new(), numbers::number)
        });
        table
    }

    fn ratios(&self, table: &mut Table, ratio: &dyn Fn(Spread) -> String) {
        let pairs = self.pairs();
        if let (Some(_), Some(point)) = (pairs.first(), self.points.first()) {
            table.row([format!("{} beside", kind(point.row))]);
        }
        for (contender, reference) in pairs {
            let at = |place: &Option<f64>| self.compared(contender, *place, reference);
            let found: Vec<Option<&Compared>> = self.places.iter().map(at).collect();
            let goal = found.iter().flatten().find_map(|it| {
                let goal = it.goal?;
                Some(numbers::limit(goal, it.better))
            });
            let cells = found.iter().map(|it| {
                it.map_or(String::new(), |it| {
                    let text = format!("{} {}", ratio(it.value), numbers::mark(it));
                    text.trim_end().to_owned()
                })
            });
            let name = match contender == reference {
                true => format!("  {contender} / itself at {}", self.first_place(contender)),
                false => format!("  {contender} / {reference}"),
            };
            let goal = [goal.unwrap_or_default()];
            table.row([name].into_iter().chain(cells).chain(goal));
        }
    }

    /// Each of the library's beside its most telling reference, and whoever has a goal or is compared with itself.
    fn pairs(&self) -> Vec<(&'a str, &'a str)> {
        let mut pairs = Vec::new();
        let library = self.names.iter().filter(|it| it.1 == Role::Library);
        for (contender, _) in library {
            let mut points = self.points.iter();
            let main = points.find_map(|point| {
                let mut references = references(point.row).into_iter();
                references.find(|it| self.has(contender, it))
            });
            pairs.extend(main.map(|reference| (*contender, reference)));
        }
        for it in self.points.iter().flat_map(|it| &it.row.comparisons) {
            let pair = (it.contender.as_str(), it.reference.as_str());
            if (it.goal.is_some() || pair.0 == pair.1) && !pairs.contains(&pair) {
                pairs.push(pair);
            }
        }
        pairs
    }

    fn has(&self, contender: &str, reference: &str) -> bool {
        let mut places = self.places.iter();
        places.any(|place| self.compared(contender, *place, reference).is_some())
    }

    fn compared(
        &self,
        contender: &str,
        place: Option<f64>,
        reference: &str,
    ) -> Option<&'a Compared> {
        let point = self.point(contender, place)?;
        compared(point.row, contender, point.figure.at, reference)
    }

    fn point(&self, name: &str, place: Option<f64>) -> Option<&Point<'a>> {
        let mut points = self.points.iter();
        points.find(|it| it.figure.contestant == name && it.place == place)
    }

    /// Where the contestant that is compared with itself begins.
    fn first_place(&self, name: &str) -> String {
        let mut places = self.places.iter();
        let first = places.find(|place| self.point(name, **place).is_some());
        heading(first.copied().flatten())
    }

    fn row(&self, table: &mut Table, name: &str, cell: impl Fn(&Point<'a>) -> String) {
        self.row_below("", table, name, cell);
    }

    fn row_below(
        &self,
        indent: &str,
        table: &mut Table,
        name: &str,
        cell: impl Fn(&Point<'a>) -> String,
    ) {
        let places = self.places.iter();
        let cells = places.map(|place| self.point(name, *place).map_or(String::new(), &cell));
        table.row([format!("{indent}{name}")].into_iter().chain(cells));
    }

    /// Lines of those contestants that have something to say, below what it is.
    fn rest(&self, table: &mut Table, what: &str, cell: impl Fn(&Point<'a>) -> String) {
        let has = |name: &str| {
            let mut points = self.points.iter().filter(|it| it.figure.contestant == name);
            points.any(|it| !cell(it).is_empty())
        };
        let names: Vec<&str> = self.names.iter().map(|it| it.0).collect();
        let told: Vec<&str> = names.into_iter().filter(|name| has(name)).collect();
        if !told.is_empty() {
            table.row([what.to_owned()]);
        }
        for name in told {
            self.row_below("  ", table, name, &cell);
        }
    }
}

fn heading(place: Option<f64>) -> String {
    let Some(place) = place else {
        return "-".to_owned();
    };
    match place / 1024.0 {
        kibi if kibi >= 10.0 && kibi.fract() == 0.0 => format!("{kibi}K"),
        _ => place.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{figure, row};
    use super::*;
    use crate::bench::row::Goal;

    fn sent(bytes: u32, cost: f64) -> Row {
        let figures = vec![
            figure("tap:", Role::Library, cost),
            figure("write(2) on a tap", Role::ByHand, cost - 10.0),
            figure("tun-rs", Role::Peer, cost * 1.5),
        ];
        let mut row = row(&format!("frames/send {bytes} bytes"), figures);
        row.at = Some(bytes.into());
        row
    }

    #[test]
    fn rows_that_differ_by_a_number_are_columns() {
        let [mut first, second] = [sent(64, 1410.0), sent(65536, 12_010.0)];
        first.figures[2].lost = 100;
        first.comparisons[0].goal = Some(Goal {
            limit: 1.01,
            aim: None,
            margin: 0.05,
        });
        assert_eq!(family(&first), family(&second));
        let text = of_family(&[&first, &second]);
        let expected = "\
frames/send … bytes, ns/frame           64        64K  goal
  tap:                            1410 ±1%  12010 ±1%
  write(2) on a tap               1400 ±1%  12000 ±1%
  tun-rs                          2115 ±1%  18015 ±1%
  cost beside
    tap: / write(2) on a tap   1.007 ±0% ✓  1.001 ±0%  ≤ 1.01
  lost
    tun-rs                          10.0 %
";
        assert_eq!(text, expected);
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH));
    }

    #[test]
    fn what_does_not_fit_has_fewer_details() {
        let rows: Vec<Row> = (0..9).map(|it| sent(64 << it, 12_345.0)).collect();
        let text = |count: usize| of_family(&rows.iter().take(count).collect::<Vec<&Row>>());
        let narrow = text(6);
        assert!(narrow.contains("12345 ±1%"), "{narrow}");
        assert!(narrow.contains("1.001 ±0%"), "{narrow}");
        let wide = text(9);
        assert!(wide.contains("12345  12345"), "{wide}");
        assert!(wide.contains("1.001  1.001"), "{wide}");
        let fits = |text: &str| text.lines().all(|line| line.chars().count() <= WIDTH);
        assert!(fits(&narrow) && fits(&wide), "{narrow}{wide}");
    }

    #[test]
    fn contestants_in_several_places_are_columns() {
        let at = |name: &str, role, place: f64, cost| {
            let mut figure = figure(name, role, cost);
            figure.at = Some(place);
            figure
        };
        let figures = vec![
            at("slirp:", Role::Library, 400.0, 30.0),
            at("slirp:", Role::Library, 0.0, 20.0),
            at("passt", Role::Peer, 0.0, 40.0),
            figure("loopback TCP", Role::Limit, 10.0),
        ];
        let mut row = row("idle/round trip", figures);
        let own = Compared {
            reference: "slirp:".to_owned(),
            value: Spread::of(&[1.5]),
            ..row.comparisons[0].clone()
        };
        row.comparisons.push(own);
        assert!(is_scale(&row));
        let text = of_scale(&row);
        let lines: Vec<&str> = text.lines().collect();
        assert!(
            lines[0]
                .split_whitespace()
                .eq("idle/round trip, ns/frame - 0 400".split(' '))
        );
        assert!(
            lines[1]
                .split_whitespace()
                .eq("slirp: 20.0 ±1% 30.0 ±1%".split(' '))
        );
        let itself = "slirp: / itself at 0 1.50 ±0%";
        assert!(
            lines
                .iter()
                .any(|it| it.split_whitespace().eq(itself.split(' '))),
            "{text}"
        );
        let limit = "slirp: / loopback TCP 2.00 ±0% 3.00 ±0%";
        assert!(
            lines
                .iter()
                .any(|it| it.split_whitespace().eq(limit.split(' '))),
            "{text}"
        );
    }

    #[test]
    fn names_without_a_number_are_no_family() {
        let mut row = sent(64, 1.0);
        row.name = "send".to_owned();
        assert_eq!(family(&row), None);
        row.name = "send 64 bytes".to_owned();
        row.at = None;
        assert_eq!(family(&row), None);
    }
}
