//! Beside whom the library is shown.

use crate::bench::case::Role;
use crate::bench::row::{Compared, Figure, Row};

/// Whom the library was compared with, the most telling first: the same by hand, what the machine can do, then others,
/// the best of them first. Each once.
pub(in crate::bench) fn references(row: &Row) -> Vec<&str> {
    let mut found: Vec<&Figure> = Vec::new();
    for figure in &row.figures {
        let is_new = found.iter().all(|it| it.contestant != figure.contestant);
        if is_new && figure.role != Role::Library && is_reference(row, &figure.contestant) {
            found.push(figure);
        }
    }
    // Stable: those alike stay in the order of the case.
    found.sort_by(|one, other| {
        let rank = rank(one.role).cmp(&rank(other.role));
        rank.then_with(|| match one.role {
            Role::Peer => one.cost.median.total_cmp(&other.cost.median),
            _ => std::cmp::Ordering::Equal,
        })
    });
    found.iter().map(|it| it.contestant.as_str()).collect()
}

/// What came out for a contender beside somebody.
pub(in crate::bench) fn compared<'a>(
    row: &'a Row,
    contender: &str,
    at: Option<f64>,
    reference: &str,
) -> Option<&'a Compared> {
    let mut comparisons = row.comparisons.iter();
    comparisons.find(|it| it.contender == contender && it.at == at && it.reference == reference)
}

fn is_reference(row: &Row, name: &str) -> bool {
    let mut comparisons = row.comparisons.iter();
    comparisons.any(|it| it.reference == name && it.contender != name)
}

fn rank(role: Role) -> u8 {
    match role {
        Role::Library => 0,
        Role::ByHand => 1,
        Role::Limit => 2,
        Role::Peer => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{figure, row};
    use super::*;

    #[test]
    fn the_most_telling_reference_is_first() {
        let row = row(
            "tcp/upload",
            vec![
                figure("slirp:", Role::Library, 2.0),
                figure("slow", Role::Peer, 9.0),
                figure("fast", Role::Peer, 3.0),
                figure("loopback TCP", Role::Limit, 1.0),
                figure("by hand", Role::ByHand, 2.0),
            ],
        );
        let expected = ["by hand", "loopback TCP", "fast", "slow"];
        assert_eq!(references(&row), expected);
        let compared = compared(&row, "slirp:", None, "slow").unwrap();
        assert_eq!(compared.value.median, 2.0 / 9.0);
    }
}
