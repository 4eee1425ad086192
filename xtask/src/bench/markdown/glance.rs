//! The best of everybody, row by row.

use net_backend::bench::{Better, Compared, Figure, Report, Role, Row};

use super::cells::{Table, escape};
use crate::bench::about::{backend, families, sections, title};
use crate::bench::quantity::{Quantity, advantage, digits, quotients};

/// A table of the rows in which others take part; `None` if there are none.
pub(super) fn glance(report: &Report) -> Option<String> {
    let headings = ["", "this library", "others", "times as good", "limit"];
    let mut table = Table::new(headings.map(str::to_owned).into());
    let mut is_empty = true;
    for (section, rows) in sections(&report.rows) {
        for row in families(&rows).iter().filter_map(|family| usual(family)) {
            for cells in lines(row) {
                let name = format!("{}: {}", escape(title(section)), escape(&row.name));
                table.line([name].into_iter().chain(cells));
                is_empty = false;
            }
        }
    }
    let text = "Of each row and each backend: its fastest way, and the fastest of the other programs and libraries that it is compared with. Beside them is how many \
                times as good the first is, in the median round: above 1 this library is better. A limit is what the machine does without either.";
    (!is_empty).then(|| {
        format!(
            "## At a glance\n\n{text}\n\n{}",
            table.without_empty_columns()
        )
    })
}

/// Of rows that differ by size, that of a full frame.
fn usual<'a>(family: &[&'a Row]) -> Option<&'a Row> {
    let distance = |row: &Row| (row.at.unwrap_or(FULL) - FULL).abs();
    let rows = family.iter().copied();
    rows.min_by(|one, other| distance(one).total_cmp(&distance(other)))
}

/// Bytes of a frame that carries an MTU of 1500.
const FULL: f64 = 1514.0;

/// A line for each backend that is compared with others.
fn lines(row: &Row) -> Vec<[String; 4]> {
    let mut backends: Vec<&str> = Vec::new();
    for it in &row.comparisons {
        if !backends.contains(&backend(&it.contender)) {
            backends.push(backend(&it.contender));
        }
    }
    let lines = backends.into_iter().filter_map(|name| line(row, name));
    lines.collect()
}

fn line(row: &Row, name: &str) -> Option<[String; 4]> {
    let quantity = Quantity::of(row);
    let pairs = row.comparisons.iter().filter_map(|it| {
        let one = row.figure(&it.contender, None)?;
        let other = row.figure(&it.reference, None)?;
        (backend(&it.contender) == name && it.at.is_none()).then_some((one, other))
    });
    let pairs: Vec<(&Figure, &Figure)> = pairs.collect();
    let beside = |role| pairs.iter().filter(move |(_, other)| other.role == role);
    let library = best(quantity, beside(Role::Peer).map(|(one, _)| *one))?;
    let peer = best(quantity, beside(Role::Peer).map(|(_, other)| *other))?;
    let limits = |role| best(quantity, beside(role).map(|(_, other)| *other));
    // What is done by hand is nearer than what the machine could do at most.
    let limit = limits(Role::ByHand).or_else(|| limits(Role::Limit));
    let is_pair =
        |it: &&Compared| it.contender == library.contestant && it.reference == peer.contestant;
    let compared = row.comparisons.iter().find(is_pair).and_then(advantage);
    let written = |figure: &Figure| {
        let value = quantity.shown(figure).map(|it| digits(it.median));
        let (value, unit) = (value.unwrap_or_default(), quantity.unit);
        format!("{value} {unit}<br>{}", escape(&figure.contestant))
    };
    Some([
        written(library),
        written(peer),
        compared.map(quotients).unwrap_or_default(),
        limit.map(written).unwrap_or_default(),
    ])
}

fn best<'a>(quantity: Quantity, figures: impl Iterator<Item = &'a Figure>) -> Option<&'a Figure> {
    let shown = figures.filter_map(|it| Some((it, quantity.shown(it)?.median)));
    let best = shown.max_by(|(_, one), (_, other)| {
        let order = one.total_cmp(other);
        match quantity.better == Better::More {
            true => order,
            false => order.reverse(),
        }
    });
    best.map(|(figure, _)| figure)
}

#[cfg(test)]
mod tests {
    use super::super::super::synthetic;
    use super::*;

    #[test]
    fn the_best_of_both_are_beside_one_another() {
        let mut report = synthetic::report();
        let text = glance(&report).unwrap();
        let lines: Vec<&str> = text.lines().filter(|it| it.starts_with("| ")).collect();
        let frames = "| Frames one by one: send 1514 bytes | 1430 ns per frame<br>tap: | 1530 ns per frame<br>tun-rs |";
        assert!(lines[1].starts_with(frames), "{text}");
        let upload = "8.89 Gbit/s<br>slirp: | 0.444 Gbit/s<br>slirp4netns | 21.6 [20.5–22.9] | 44.4 Gbit/s<br>loopback TCP |";
        assert!(lines[2].ends_with(upload), "{text}");
        let rows = report.rows.iter_mut();
        rows.for_each(|row| row.figures.retain(|it| it.role != Role::Peer));
        assert_eq!(glance(&report), None);
    }
}
