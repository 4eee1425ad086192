//! Bars: how much passes in a second, how much CPU that takes, how much memory.

use net_backend::bench::{Better, Figure, Row, Spread, Unit};

use super::super::Plot;
use super::super::bars::{Bar, Bars, Group};
use super::super::scale::Scale;
use super::{PLACES, heading};
use crate::bench::about::{families, sentence};
use crate::bench::quantity::{Quantity, digits, round};

/// Of all rows that count the same: one plot for throughput, one for connections.
pub(in super::super) fn amounts(section: &str, rows: &[&Row]) -> Vec<Plot> {
    let units = [
        (Unit::Byte, "throughput"),
        (Unit::Datagram, "datagrams"),
        (Unit::RoundTrip, "round trips"),
        (Unit::Connection, "connections"),
        (Unit::Frame, "frames"),
        (Unit::Memory, "memory"),
    ];
    let plots = units.into_iter().flat_map(|(unit, name)| {
        let rows = of_unit(rows, unit);
        // A connection has a thousandth of a NIC's.
        let parts = match unit {
            Unit::Memory => rows.iter().map(|row| (&*row.name, vec![*row])).collect(),
            _ => vec![(name, rows)],
        };
        let plots = parts.into_iter().filter_map(|(name, rows)| {
            let quantity = Quantity::as_rate(rows.first()?);
            let is_shown = |figure: &Figure| figure.at.is_none();
            Some(bars(section, name, &rows, quantity, is_shown)?.plot(section, name))
        });
        plots.collect::<Vec<_>>()
    });
    plots.collect()
}

/// Of all rows of throughput: what CPUs had to do for it.
pub(in super::super) fn cpu(section: &str, rows: &[&Row]) -> Vec<Plot> {
    let rows = of_unit(rows, Unit::Byte);
    let quantity = rows.first().and_then(|row| Quantity::cpu(row));
    let bars = quantity.and_then(|quantity| {
        bars(section, "CPU for each gigabit", &rows, quantity, |figure| {
            figure.at.is_none()
        })
    });
    let plot = bars.map(|mut bars| {
        bars.explanation += " Everybody who takes part counts: guest, backend, peer and servers.";
        bars.plot(section, "cpu")
    });
    plot.into_iter().collect()
}

/// Rows for bars: no lines are drawn of them, and the ratio of two contestants does not say all.
fn of_unit<'a>(rows: &[&'a Row], unit: Unit) -> Vec<&'a Row> {
    let families = families(rows);
    let few = families.into_iter().filter(|family| family.len() < PLACES);
    let rows = few.flatten().filter(|row| row.unit == unit);
    let said = |row: &&Row| row.unit != Unit::Frame || row.figures.len() > 2;
    rows.filter(said).collect()
}

fn bars(
    section: &str,
    name: &str,
    rows: &[&Row],
    quantity: Quantity,
    is_shown: impl Fn(&Figure) -> bool,
) -> Option<Bars> {
    let groups = rows.iter().map(|row| {
        let figures = row.figures.iter().filter(|figure| is_shown(figure));
        let bars = figures.filter_map(|figure| Some(bar(figure, quantity.shown(figure)?)));
        Group {
            heading: sentence(&row.name),
            bars: bars.collect(),
        }
    });
    let groups: Vec<Group> = groups.filter(|group| !group.bars.is_empty()).collect();
    let bars = || groups.iter().flat_map(|group| &group.bars);
    // Whiskers too; one that is far out is cut, and says so by reaching the edge, so that the bars remain to be seen.
    let longest = bars().map(|bar| bar.value.median).fold(0.0, f64::max);
    let longest = bars()
        .map(|bar| bar.value.upper.min(longest * 1.5))
        .fold(longest, f64::max);
    let good = match quantity.better == Better::More {
        true => "Longer is better.",
        false => "Shorter is better.",
    };
    (longest > 0.0).then(|| Bars {
        title: heading(section, name),
        explanation: format!("{good} Bars are medians, whiskers quartiles of the rounds."),
        label: quantity.unit.to_owned(),
        scale: Scale::from_zero(longest * 1.02),
        origin: 0.0,
        groups,
    })
}

fn bar(figure: &Figure, value: Spread) -> Bar {
    Bar {
        name: figure.contestant.clone(),
        role: figure.role,
        value,
        number: match figure.loss() {
            loss if loss < 0.005 => digits(value.median),
            loss => format!(
                "{}, {} % lost",
                digits(value.median),
                round((loss * 100.0).round())
            ),
        },
    }
}
