//! Beside whom the library is shown.

use crate::bench::case::Role;
use crate::bench::row::{Compared, Figure, Row};

/// Whom the library was compared with, the most telling first: the same by hand, what the machine can do, others, the
/// best of them first, and the library used in another way. Each once.
pub(in crate::bench) fn references(row: &Row) -> Vec<&str> {
    let mut found: Vec<&Figure> = Vec::new();
    for figure in &row.figures {
        let is_new = found.iter().all(|it| it.contestant != figure.contestant);
        if is_new && is_reference(row, &figure.contestant) {
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
        Role::ByHand => 0,
        Role::Limit => 1,
        Role::Peer => 2,
        Role::Library => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{figure, row};
    use super::*;

    #[test]
    fn the_most_telling_reference_is_first() {
        let mut row = row(
            "tcp/upload",
            vec![
                figure("slirp:, plain", Role::Library, 4.0),
                figure("slirp:", Role::Library, 2.0),
                figure("slow", Role::Peer, 9.0),
                figure("fast", Role::Peer, 3.0),
                figure("loopback TCP", Role::Limit, 1.0),
                figure("by hand", Role::ByHand, 2.0),
            ],
        );
        let other_way = Compared {
            contender: "slirp:".to_owned(),
            reference: "slirp:, plain".to_owned(),
            ..row.comparisons[0].clone()
        };
        row.comparisons.push(other_way);
        let expected = ["by hand", "loopback TCP", "fast", "slow", "slirp:, plain"];
        assert_eq!(references(&row), expected);
        let compared = compared(&row, "slirp:", None, "slow").unwrap();
        assert_eq!(compared.value.median, 2.0 / 9.0);
    }
}
