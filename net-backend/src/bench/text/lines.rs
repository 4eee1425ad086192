//! Rows of the library beside the same by hand: a line each.

use super::beside::{compared, references};
use super::block::kind;
use super::numbers;
use super::table::{Side, Table};
use crate::bench::case::Role;
use crate::bench::row::Row;

/// Whether a row fits in one line.
pub(super) fn fits(row: &Row) -> bool {
    let roles: Vec<Role> = row.figures.iter().map(|it| it.role).collect();
    let is_plain = row.figures.iter().all(|it| it.latency.is_none());
    let is_short = matches!(
        &*roles,
        [Role::Library, Role::ByHand | Role::Peer] | [Role::Library, Role::ByHand, Role::ByHand]
    );
    is_plain && is_short
}

/// A table of rows with the same contestants, which all fit in a line.
pub(super) fn lines(rows: &[&Row]) -> String {
    let Some(first) = rows.first() else {
        return String::new();
    };
    let title = format!("{}, {}", first.section, first.unit.symbol());
    let reference = references(first).first().copied().unwrap_or_default();
    let ratio = format!("{} / {reference}", kind(first));
    let names = first.figures.iter();
    let names = names.map(|it| (it.contestant.as_str(), Side::Right));
    let headings = [(title.as_str(), Side::Left)].into_iter().chain(names);
    let mut table = Table::new(headings.chain([
        (ratio.as_str(), Side::Left),
        ("goal", Side::Left),
        ("allocations", Side::Right),
        ("lost", Side::Right),
    ]));
    for row in rows {
        let costs = row.figures.iter();
        let costs = costs.map(|it| numbers::cost(it.cost.median, row.unit));
        let contender = row.figures.first();
        let beside = contender.and_then(|it| compared(row, &it.contestant, it.at, reference));
        let allocations = contender.and_then(|it| it.allocations);
        let lost = row.figures.iter().map(|it| it.loss()).fold(0.0, f64::max);
        let cells = [row.name.clone()].into_iter().chain(costs).chain([
            beside.map_or(String::new(), |it| numbers::ratio(it.value)),
            beside.map_or(String::new(), numbers::goal),
            allocations.map_or(String::new(), numbers::number),
            numbers::percent(lost),
        ]);
        table.row(cells);
    }
    table.to_string()
}

#[cfg(test)]
mod tests {
    use super::super::samples::{figure, row};
    use super::*;
    use crate::bench::row::Goal;

    #[test]
    fn two_contestants_are_one_line() {
        let mut rows = ["tap/send 64 bytes", "tap/send 1514 bytes"].map(|id| {
            let library = figure("library", Role::Library, 1424.0);
            row(id, vec![library, figure("by hand", Role::ByHand, 1400.0)])
        });
        assert!(rows.iter().all(fits));
        rows[0].comparisons[0].goal = Some(Goal {
            limit: 1.01,
            aim: None,
            margin: 0.0,
        });
        let text = lines(&[&rows[0], &rows[1]]);
        let expected = "\
tap, ns/frame      library  by hand  cost / by hand       goal             allocations
  send 64 bytes       1424     1400  1.017 [1.017-1.017]  ≤ 1.01 ✗ MISSED         0.00
  send 1514 bytes     1424     1400  1.017 [1.017-1.017]                          0.00
";
        assert_eq!(text, expected);
    }

    #[test]
    fn rows_of_many_or_without_a_partner_do_not_fit() {
        let library = || figure("library", Role::Library, 1.0);
        assert!(!fits(&row("a/b", vec![library()])));
        let limit = figure("memcpy", Role::Limit, 1.0);
        assert!(!fits(&row("a/b", vec![library(), limit])));
        let peers = ["x", "y", "z"].map(|it| figure(it, Role::Peer, 1.0));
        assert!(!fits(&row("a/b", peers.to_vec())));
    }
}
