//! A row with many contestants: a line for each, and what the library's are beside the others.

use super::beside::{compared, references};
use super::numbers;
use super::table::{Side, Table, WIDTH};
use crate::bench::case::{Role, Unit};
use crate::bench::row::{Better, Figure, Row};

/// All of it.
pub(super) fn block(row: &Row) -> String {
    let references = references(row);
    let mut text = figures(row, references.first().copied()).to_string();
    let others = references.get(1..).unwrap_or_default();
    if !others.is_empty() {
        text.push_str(&beside(row, others));
    }
    text
}

fn figures(row: &Row, reference: Option<&str>) -> Table {
    let id = row.id();
    let ratio = format!("{} / {}", kind(row), reference.unwrap_or_default());
    let mut table = Table::new([
        (id.as_str(), Side::Left),
        (row.unit.symbol(), Side::Right),
        ("", Side::Left),
        ("Mpps", Side::Right),
        ("p50", Side::Right),
        ("p99", Side::Right),
        ("p99.9", Side::Right),
        (numbers::cpu_heading(row.unit), Side::Right),
        ("lost", Side::Right),
        (&ratio, Side::Left),
        ("goal", Side::Left),
    ]);
    for figure in &row.figures {
        let beside = reference.and_then(|it| compared(row, &figure.contestant, figure.at, it));
        let [p50, p99, p999] = latency(figure);
        table.row([
            figure.contestant.clone(),
            numbers::cost(figure.cost.median, row.unit),
            numbers::quartiles(figure.cost, row.unit),
            packets(figure, row.unit),
            p50,
            p99,
            p999,
            numbers::cpu(figure, row.unit, row.clock),
            numbers::percent(figure.loss()),
            beside.map_or(String::new(), |it| numbers::ratio(it.value)),
            beside.map_or(String::new(), numbers::goal),
        ]);
    }
    table
}

/// The library's contestants beside all `others`, with quartiles where these fit.
fn beside(row: &Row, others: &[&str]) -> String {
    let table = |with_quartiles: bool| {
        let first = format!("  {} /", kind(row));
        let headings = others.iter().map(|it| (*it, Side::Left));
        let mut table = Table::new([(first.as_str(), Side::Left)].into_iter().chain(headings));
        let all = row.figures.iter().filter(|it| it.role == Role::Library);
        for one in all {
            let cells = others.iter().map(|other| {
                let Some(it) = compared(row, &one.contestant, one.at, other) else {
                    return String::new();
                };
                let value = match with_quartiles {
                    true => numbers::ratio(it.value),
                    false => numbers::quotient(it.value.median),
                };
                format!("{value} {}", numbers::mark(it))
                    .trim_end()
                    .to_owned()
            });
            table.row([one.contestant.clone()].into_iter().chain(cells));
        }
        table
    };
    let wide = table(true);
    match wide.width() <= WIDTH {
        true => wide.to_string(),
        false => table(false).to_string(),
    }
}

/// What quotients are of.
pub(super) fn kind(row: &Row) -> &'static str {
    match row.unit.better() {
        Better::Less => "cost",
        Better::More => "rate",
    }
}

fn packets(figure: &Figure, unit: Unit) -> String {
    match unit {
        Unit::Frame => numbers::number(1e3 / figure.cost.median),
        _ => String::new(),
    }
}

/// In microseconds; a dash where there were too few to tell.
fn latency(figure: &Figure) -> [String; 3] {
    let Some(latency) = &figure.latency else {
        return Default::default();
    };
    let all = [
        Some(latency.p50.median),
        latency.p99.map(|it| it.median),
        latency.p999,
    ];
    all.map(|it| it.map_or("-".to_owned(), |it| numbers::number(it / 1e3)))
}

#[cfg(test)]
mod tests {
    use super::super::samples::{figure, row};
    use super::*;
    use crate::bench::case::Clock;
    use crate::bench::row::{Goal, Latency};
    use crate::bench::spread::Spread;

    fn upload() -> Row {
        let peers = ["slirp4netns", "passt", "QEMU user"];
        let mut figures = vec![
            figure("slirp:", Role::Library, 0.5),
            figure("slirp:, guest with TSO", Role::Library, 0.4),
        ];
        figures.extend(peers.map(|it| figure(it, Role::Peer, 4.0)));
        figures.push(figure("loopback TCP", Role::Limit, 0.1));
        let mut row = row("tcp/upload", figures);
        row.unit = Unit::Byte;
        row.clock = Clock::Wall;
        for it in &mut row.comparisons {
            it.better = Better::More;
            it.value = Spread::of(&[1.0 / it.value.median]);
        }
        row
    }

    #[test]
    fn all_contestants_and_references_fit_the_screen() {
        let mut row = upload();
        row.comparisons[0].goal = Some(Goal {
            limit: 9.0,
            aim: None,
            margin: 0.05,
        });
        row.figures[2].lost = 31;
        let text = block(&row);
        let longest = text.lines().map(|line| line.chars().count()).max();
        assert!(longest <= Some(WIDTH), "{text}");
        let lines: Vec<Vec<&str>> = text
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        let is_there = |words: &[&str]| lines.iter().any(|it| it == words);
        let first = ["slirp:", "16.0", "[15.8-16.2]", "62.5"];
        assert!(
            is_there(&[&first[..], &["0.20", "[0.20-0.20]"]].concat()),
            "{text}"
        );
        let lossy = ["slirp4netns", "2.00", "[1.98-2.02]", "500", "3.1", "%"];
        assert!(is_there(&lossy), "{text}");
        let beside = "  slirp:                  8.00 [8.00-8.00] ✗";
        assert!(text.contains(beside), "{text}");
    }

    #[test]
    fn latencies_are_told_in_microseconds() {
        let mut round_trip = figure("slirp:", Role::Library, 20_000.0);
        round_trip.latency = Some(Latency {
            p50: Spread::of(&[19_000.0]),
            p99: Some(Spread::of(&[40_000.0])),
            p999: None,
            count: 1000,
            curve: Vec::new(),
        });
        let mut row = row("tcp/round trip", vec![round_trip]);
        row.unit = Unit::RoundTrip;
        let text = block(&row);
        assert!(text.contains("19.0  40.0      -"), "{text}");
        assert!(!text.contains("cost"), "nobody to compare with: {text}");
    }
}
