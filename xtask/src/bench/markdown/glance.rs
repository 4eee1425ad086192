//! The best of everybody, row by row.

use net_backend::bench::{Better, Figure, Report, Role, Row, Spread};

use super::cells::{Table, escape};
use crate::bench::about::{families, sections, title};
use crate::bench::quantity::{Quantity, advantage, digits, quotients};

/// A table of the rows in which others take part; `None` if there are none.
pub(super) fn glance(report: &Report) -> Option<String> {
    let headings = ["", "this library", "others", "times as good", "limit"];
    let mut table = Table::new(headings.map(str::to_owned).into());
    let mut is_empty = true;
    for (section, rows) in sections(&report.rows) {
        for row in families(&rows).iter().filter_map(|family| usual(family)) {
            if let Some(cells) = line(row) {
                let name = format!("{}: {}", escape(title(section)), escape(&row.name));
                table.line([name].into_iter().chain(cells));
                is_empty = false;
            }
        }
    }
    let text = "The fastest of this library, and the fastest of the other programs and libraries that take part in the row. Beside them is how many times \
                as good the first is, in the median round: above 1 this library is better. A limit is what the machine does without either.";
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

fn line(row: &Row) -> Option<[String; 4]> {
    if row.figures.iter().any(|it| it.at.is_some()) {
        return None;
    }
    let quantity = Quantity::of(row);
    let (library, value) = best(row, quantity, &[Role::Library])?;
    let (peer, other) = best(row, quantity, &[Role::Peer])?;
    let is_pair = |it: &&net_backend::bench::Compared| {
        it.contender == library.contestant && it.reference == peer.contestant
    };
    let compared = row.comparisons.iter().find(is_pair).and_then(advantage);
    let written = |figure: &Figure, value: Spread| {
        let (value, unit) = (digits(value.median), quantity.unit);
        format!("{value} {unit}<br>{}", escape(&figure.contestant))
    };
    let limit = best(row, quantity, &[Role::Limit, Role::ByHand]);
    Some([
        written(library, value),
        written(peer, other),
        compared.map(quotients).unwrap_or_default(),
        limit
            .map(|(figure, value)| written(figure, value))
            .unwrap_or_default(),
    ])
}

fn best<'a>(row: &'a Row, quantity: Quantity, roles: &[Role]) -> Option<(&'a Figure, Spread)> {
    let figures = row.figures.iter().filter(|it| roles.contains(&it.role));
    let shown = figures.filter_map(|it| Some((it, quantity.shown(it)?)));
    shown.max_by(|(_, one), (_, other)| {
        let order = one.median.total_cmp(&other.median);
        match quantity.better == Better::More {
            true => order,
            false => order.reverse(),
        }
    })
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
