//! Bars from the line of 1: the library beside what the machine can do, and beside others.

use net_backend::bench::{Compared, Role, Row, Unit};

use super::super::Plot;
use super::super::bars::{Bar, Bars, Group};
use super::super::scale::Scale;
use super::{PLACES, heading};
use crate::bench::about::{backend, families, sentence};
use crate::bench::quantity::{advantage, quotient};

/// Of all rows: beside limits and loops by hand, and beside peers.
pub(in super::super) fn ratios(section: &str, rows: &[&Row]) -> Vec<Plot> {
    let kinds = [
        (true, "beside limits", "beside limits of the machine"),
        (false, "beside peers", "beside other programs and libraries"),
    ];
    let label = match rows.iter().all(|row| row.unit == Unit::Memory) {
        true => "times as little memory as the other",
        false => "times as fast as the other",
    };
    let plots = kinds.into_iter().flat_map(|(of_machine, name, words)| {
        let groups: Vec<Group> = families(rows)
            .iter()
            .flat_map(|family| {
                let is_line = family.len() >= PLACES;
                family
                    .iter()
                    .filter_map(move |row| group(row, of_machine, is_line))
            })
            .collect();
        let words = match is_by_hand(&groups) {
            true => "beside the same by hand",
            false => words,
        };
        let parts = parts(joined(groups));
        let count = parts.len();
        let plots = parts.into_iter().enumerate().map(move |(at, groups)| {
            let (name, words) = match count {
                1 => (name.to_owned(), words.to_owned()),
                _ => {
                    let at = at + 1;
                    (format!("{name} {at}"), format!("{words}, {at} of {count}"))
                }
            };
            bars(section, &words, label, groups).plot(section, &name)
        });
        plots.collect::<Vec<_>>()
    });
    plots.collect()
}

/// More bars are another picture.
const BARS: usize = 40;

fn bars(section: &str, words: &str, label: &str, groups: Vec<Group>) -> Bars {
    let values = || {
        groups
            .iter()
            .flat_map(|group| &group.bars)
            .map(|bar| bar.value)
    };
    let low = values().map(|it| it.lower).fold(0.9, f64::min);
    let high = values().map(|it| it.upper).fold(1.1, f64::max);
    Bars {
        title: heading(section, words),
        explanation: "Right of 1 this library is better, left of it the other, by the factor at the axis. Bars are medians of the quotients in \
                      each round, whiskers their quartiles."
            .to_owned(),
        label: label.to_owned(),
        scale: Scale::factors(low, high),
        origin: 1.0,
        groups,
    }
}

fn is_by_hand(groups: &[Group]) -> bool {
    let mut bars = groups.iter().flat_map(|group| &group.bars);
    bars.all(|bar| bar.role == Role::ByHand)
}

/// The comparisons of a row that are shown. Of rows that are a line in another plot, this is only the same by hand.
fn group(row: &Row, of_machine: bool, is_line: bool) -> Option<Group> {
    let mut shown: Vec<&Compared> = Vec::new();
    for compared in &row.comparisons {
        let role = role(row, &compared.reference);
        let is_wanted = match role {
            Some(Role::ByHand) => of_machine,
            Some(Role::Limit) => of_machine && !is_line,
            Some(Role::Peer) => {
                !of_machine && !is_line && is_first_of_its_kind(row, &compared.contender)
            }
            _ => false,
        };
        if is_wanted && compared.at.is_none() {
            shown.push(compared);
        }
    }
    let bars = shown.into_iter().filter_map(|compared| bar(row, compared));
    let group = Group {
        heading: sentence(&row.name),
        bars: bars.collect(),
    };
    (!group.bars.is_empty()).then_some(group)
}

/// Whether nobody before it in the row has the same backend.
fn is_first_of_its_kind(row: &Row, contestant: &str) -> bool {
    let library = row.figures.iter().filter(|it| it.role == Role::Library);
    let mut alike = library.filter(|it| backend(&it.contestant) == backend(contestant));
    alike.next().is_some_and(|it| it.contestant == contestant)
}

fn role(row: &Row, contestant: &str) -> Option<Role> {
    let mut figures = row.figures.iter();
    let figure = figures.find(|it| it.contestant == contestant)?;
    Some(figure.role)
}

fn bar(row: &Row, compared: &Compared) -> Option<Bar> {
    let value = advantage(compared)?;
    Some(Bar {
        name: format!("{} / {}", compared.contender, compared.reference),
        role: role(row, &compared.reference)?,
        value,
        number: quotient(value.median),
    })
}

/// Groups of one bar each are together by what is compared, and their bars have the names of the groups.
fn joined(groups: Vec<Group>) -> Vec<Group> {
    if groups.len() < 2 || groups.iter().any(|group| group.bars.len() != 1) {
        return groups;
    }
    let mut joined: Vec<Group> = Vec::new();
    for Group { heading, bars } in groups {
        for bar in bars {
            let pair = bar.name;
            let bar = Bar {
                name: heading.clone(),
                ..bar
            };
            match joined.last_mut().filter(|last| last.heading == pair) {
                Some(last) => last.bars.push(bar),
                None => joined.push(Group {
                    heading: pair,
                    bars: vec![bar],
                }),
            }
        }
    }
    joined
}

/// Groups in pictures that are not too high.
fn parts(groups: Vec<Group>) -> Vec<Vec<Group>> {
    let mut parts: Vec<Vec<Group>> = Vec::new();
    for group in groups {
        let count = |part: &Vec<Group>| part.iter().map(|it| it.bars.len()).sum::<usize>();
        match parts.last_mut() {
            Some(part) if count(part) + group.bars.len() <= BARS => part.push(group),
            _ => parts.push(vec![group]),
        }
    }
    parts
}
