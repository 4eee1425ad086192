//! Lines: how times of single round trips are spread.

use net_backend::bench::{Row, Spread};

use super::super::Plot;
use super::super::lines::{Axis, Lines, Series};
use super::super::scale::Scale;
use super::heading;

/// Of each row that tells times of single units.
pub(in super::super) fn latencies(section: &str, rows: &[&Row]) -> Vec<Plot> {
    let plots = rows.iter().filter_map(|row| {
        let series: Vec<Series> = row.figures.iter().filter_map(series).collect();
        let values = || series.iter().flat_map(|it| &it.points);
        let values = || values().map(|(_, value)| value.median);
        let low = values().fold(f64::INFINITY, f64::min);
        let high = values().fold(low, f64::max);
        let lines = Lines {
            title: heading(section, &format!("{}, how times are spread", row.name)),
            explanation: "Of all round trips, the part below took no longer than the line shows. Lower is better. The vertical \
                          axis is logarithmic, and below each nine is as much room as below the one before."
                .to_owned(),
            x: Axis {
                label: "part of all round trips".to_owned(),
                scale: Scale::quantiles(),
            },
            y: Axis {
                label: "µs".to_owned(),
                scale: Scale::factors(low, high),
            },
            series: series.clone(),
        };
        let name = format!("{} times", row.name);
        (!series.is_empty()).then(|| lines.plot(section, &name))
    });
    plots.collect()
}

/// Without the slowest of all: that is the machine's more than the contestant's.
fn series(figure: &net_backend::bench::Figure) -> Option<Series> {
    let latency = figure.latency.as_ref()?;
    if figure.at.is_some() {
        return None;
    }
    let points = latency
        .curve
        .iter()
        .filter(|(part, time)| *part < 1.0 && *time > 0.0);
    let points = points.map(|(part, time)| {
        let median = time * 1e-3;
        let [lower, upper] = [median; 2];
        let value = Spread {
            lower,
            median,
            upper,
        };
        (*part, value)
    });
    let points: Vec<_> = points.collect();
    (!points.is_empty()).then(|| Series {
        name: figure.contestant.clone(),
        role: figure.role,
        points,
    })
}
