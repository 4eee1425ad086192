//! Lines: by size of frames, and by what else there is a scale of.

use net_backend::bench::{Better, Clock, Figure, Row, Spread, Unit};

use super::super::Plot;
use super::super::lines::{Axis, Lines, Series};
use super::super::scale::Scale;
use super::{PLACES, heading};
use crate::bench::about::{families, family, sentence};
use crate::bench::quantity::Quantity;

/// Of each group of rows that differ by their place.
pub(in super::super) fn sizes(section: &str, rows: &[&Row]) -> Vec<Plot> {
    let families = families(rows);
    let families = families.iter().filter(|family| family.len() >= PLACES);
    let plots = families.filter_map(|rows| {
        let first = rows.first()?;
        let name = family(first);
        let quantity = Quantity::as_rate(first);
        let figures = rows.iter().flat_map(|row| {
            row.figures.iter().filter_map(|figure| {
                let value = quantity.shown(figure)?;
                Some((figure, row.at?, value))
            })
        });
        let figures: Vec<_> = figures.collect();
        let lines = Lines {
            title: heading(section, &format!("{name}, by size")),
            explanation: format!(
                "{} Both axes are logarithmic; higher is better.",
                clock(first)
            ),
            x: Axis {
                label: "bytes of a frame".to_owned(),
                scale: places(&figures),
            },
            y: axis(quantity, &figures),
            series: series(&figures),
        };
        (!lines.series.is_empty()).then(|| lines.plot(section, &name))
    });
    plots.collect()
}

/// Of each row whose contestants took part at several places.
pub(in super::super) fn scales(section: &str, rows: &[&Row]) -> Vec<Plot> {
    let plots = rows.iter().filter_map(|row| {
        let quantity = Quantity::as_rate(row);
        let figures = row.figures.iter().filter_map(|figure| {
            let value = quantity.shown(figure)?;
            Some((figure, figure.at?, value))
        });
        let figures: Vec<_> = figures.collect();
        let places = places(&figures);
        if places.ticks().len() < 2 {
            return None;
        }
        let good = match quantity.better == Better::More {
            true => "higher",
            false => "lower",
        };
        let lines = Lines {
            title: heading(section, &row.name),
            explanation: format!(
                "{} Both axes are logarithmic; {good} is better.",
                clock(row)
            ),
            x: Axis {
                label: scale(section).to_owned(),
                scale: places,
            },
            y: axis(quantity, &figures),
            series: series(&figures),
        };
        Some(lines.plot(section, &row.name))
    });
    plots.collect()
}

/// A figure, its place, and what is shown of it.
type Placed<'a> = (&'a Figure, f64, Spread);

fn places(figures: &[Placed<'_>]) -> Scale {
    let mut places: Vec<f64> = figures.iter().map(|(_, at, _)| *at).collect();
    places.sort_by(f64::total_cmp);
    places.dedup();
    Scale::places(&places)
}

fn axis(quantity: Quantity, figures: &[Placed<'_>]) -> Axis {
    let values = || figures.iter().map(|(.., value)| value);
    let low = values().map(|it| it.lower).fold(f64::INFINITY, f64::min);
    let high = values().map(|it| it.upper).fold(low, f64::max);
    Axis {
        label: sentence(quantity.unit),
        scale: Scale::factors(low, high),
    }
}

fn series(figures: &[Placed<'_>]) -> Vec<Series> {
    let mut all: Vec<Series> = Vec::new();
    for (figure, at, value) in figures {
        let mut known = all.iter_mut();
        match known.find(|it| it.name == figure.contestant) {
            Some(series) => series.points.push((*at, *value)),
            None => all.push(Series {
                name: figure.contestant.clone(),
                role: figure.role,
                points: vec![(*at, *value)],
            }),
        }
    }
    for series in &mut all {
        series
            .points
            .sort_by(|(one, _), (other, _)| one.total_cmp(other));
    }
    all
}

/// What the time of a row is.
fn clock(row: &Row) -> &'static str {
    match (row.clock, row.unit) {
        (Clock::ThisThread, Unit::Frame) => {
            "Seconds are CPU time of the thread that sends or receives."
        }
        (Clock::ThisThread, _) => "Time is CPU time of the measuring thread.",
        (Clock::Wall, _) => "Time is time on the wall.",
        _ => "",
    }
}

/// What contestants of a section are at different places of.
fn scale(section: &str) -> &'static str {
    match section {
        "queues" => "pairs of queues, one thread each",
        "idle" => "idle connections",
        _ => "place",
    }
}
