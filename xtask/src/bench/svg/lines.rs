//! Plots of lines.

use net_backend::bench::{Role, Spread};

use super::picture::{LEADING, MARGIN, Picture, Text, WIDTH};
use super::scale::Scale;
use super::style::{self, Mark, TEXT};
use super::words::{cut, spread, width};
use crate::bench::quantity::digits;

/// Lines over a scale.
#[derive(Clone, Debug)]
pub(super) struct Lines {
    pub(super) title: String,
    /// What is to be known to read it.
    pub(super) explanation: String,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) series: Vec<Series>,
}

/// One of the sides.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    /// What the numbers are, with their unit.
    pub(super) label: String,
    pub(super) scale: Scale,
}

/// One line.
#[derive(Clone, Debug)]
pub(super) struct Series {
    pub(super) name: String,
    pub(super) role: Role,
    /// Where on the scale, and what was measured there.
    pub(super) points: Vec<(f64, Spread)>,
}

impl Lines {
    /// The document.
    pub(super) fn draw(&self) -> String {
        let explanation = format!("{} {}", self.explanation, self.legend());
        let mut picture = Picture::new(&self.title, explanation.trim(), self.description());
        picture.top += LEADING;
        let label = Text::new(self.y.label.clone()).quiet();
        picture.text(label, MARGIN, picture.top - 5.0);
        // Bold letters are wider.
        let labels = self.series.iter().map(|it| width(&it.name, TEXT) * 1.08);
        let labels = labels.fold(0.0, f64::max).min(LABELS);
        let numbers = self.y.scale.ticks().iter();
        let numbers = numbers.map(|it| width(&it.label, TEXT)).fold(0.0, f64::max);
        let rows = self.series.iter().fold(0.0, |sum, _| sum + LEADING);
        let area = Area {
            left: MARGIN + numbers + 8.0,
            right: WIDTH - MARGIN - labels - LEADER,
            top: picture.top + 8.0,
            bottom: picture.top + 8.0 + rows.max(HEIGHT),
        };
        self.draw_axes(&mut picture, &area);
        self.draw_labels(&mut picture, &area);
        // The library's are in front of the others.
        for front in [false, true] {
            let series = self.series.iter().enumerate();
            let series = series.filter(|(_, it)| (it.role == Role::Library) == front);
            for (at, series) in series {
                self.draw_series(&mut picture, &area, at, series);
            }
        }
        picture.top = area.bottom + 2.0 * LEADING + 6.0;
        picture.finish()
    }

    /// What it shows, for those who do not see it.
    pub(super) fn description(&self) -> String {
        let series = self.series.iter().map(|it| {
            let points = it.points.iter().map(|(_, value)| digits(value.median));
            format!("{}: {}", it.name, points.collect::<Vec<_>>().join(", "))
        });
        let series: Vec<String> = series.collect();
        let (x, y) = (&self.x.label, &self.y.label);
        let ticks = self.x.scale.ticks().iter().map(|it| &*it.label);
        let places = ticks.collect::<Vec<_>>().join(", ");
        format!("{y} over {x} ({places}). {}.", series.join("; "))
    }

    /// Which kinds of lines there are.
    fn legend(&self) -> String {
        let is_there = |role| self.series.iter().any(|it| it.role == role);
        let kinds = [
            (Role::Library, "thick: this library"),
            (Role::ByHand, "dotted: the same by hand"),
            (Role::Limit, "dashed: limits of the machine"),
            (Role::Peer, "thin: other programs and libraries"),
        ];
        let there = kinds.into_iter().filter(|(role, _)| is_there(*role));
        let there: Vec<&str> = there.map(|(_, kind)| kind).collect();
        format!("Lines — {}.", there.join(", "))
    }

    fn draw_axes(&self, picture: &mut Picture, area: &Area) {
        for tick in self.y.scale.ticks() {
            let y = area.y(self.y.scale.place(tick.value));
            picture.line("grid", (area.left, y), (area.right, y));
            let label = Text::new(tick.label.clone()).quiet().at_its_end();
            picture.text(label, area.left - 8.0, y + 4.5);
        }
        for tick in self.x.scale.ticks() {
            let x = area.x(self.x.scale.place(tick.value));
            picture.line("grid", (x, area.top), (x, area.bottom));
            let label = Text::new(tick.label.clone()).quiet().centred();
            picture.text(label, x, area.bottom + LEADING);
        }
        picture.line("axis", (area.left, area.bottom), (area.right, area.bottom));
        let label = Text::new(self.x.label.clone()).quiet().centred();
        let middle = f64::midpoint(area.left, area.right);
        picture.text(label, middle, area.bottom + 2.0 * LEADING);
    }

    fn draw_labels(&self, picture: &mut Picture, area: &Area) {
        let ends = self.series.iter().map(|it| {
            let last = it.points.last();
            last.map_or((area.left, area.bottom), |(x, value)| {
                self.point(area, *x, value)
            })
        });
        let ends: Vec<(f64, f64)> = ends.collect();
        let wanted: Vec<f64> = ends.iter().map(|(_, y)| *y).collect();
        let places = spread(&wanted, LEADING, area.top, area.bottom);
        let labels = self.series.iter().zip(&ends).zip(places).enumerate();
        for (at, ((series, (x, y)), place)) in labels {
            let begin = area.right + LEADER;
            let turn = (area.right + 6.0, *y);
            picture.polyline("leader", &[(*x, *y), turn, (begin - 22.0, place)]);
            let class = style::line(series.role, at);
            let ends = [(begin - 20.0, place), (begin - 4.0, place)];
            picture.polyline(&format!("line {class}"), &ends);
            picture.mark(Mark::of(at), &class, (begin - 12.0, place), &series.name);
            let name = cut(&series.name, TEXT, LABELS);
            let label = match series.role {
                Role::Library => Text::new(name).strong(),
                _ => Text::new(name),
            };
            picture.text(label, begin, place + 4.5);
        }
    }

    fn draw_series(&self, picture: &mut Picture, area: &Area, at: usize, series: &Series) {
        let class = style::line(series.role, at);
        let points = series.points.iter();
        let points: Vec<_> = points
            .map(|(x, value)| self.point(area, *x, value))
            .collect();
        picture.polyline(&format!("line {class}"), &points);
        for (x, value) in &series.points {
            let (left, middle) = self.point(area, *x, value);
            let [low, high] = [value.lower, value.upper].map(|it| area.y(self.y.scale.place(it)));
            if low - high > 3.0 {
                picture.line(&format!("range {class}"), (left, low), (left, high));
            }
            let hint = format!("{}, {}: {}", series.name, digits(*x), digits(value.median));
            picture.mark(Mark::of(at), &class, (left, middle), &hint);
        }
    }

    fn point(&self, area: &Area, x: f64, value: &Spread) -> (f64, f64) {
        let across = area.x(self.x.scale.place(x));
        (across, area.y(self.y.scale.place(value.median)))
    }
}

/// Where lines are drawn.
#[derive(Clone, Copy, Debug)]
struct Area {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

impl Area {
    fn x(&self, part: f64) -> f64 {
        self.left + part * (self.right - self.left)
    }

    fn y(&self, part: f64) -> f64 {
        self.bottom - part * (self.bottom - self.top)
    }
}

/// Pixels between the axes, at least.
const HEIGHT: f64 = 380.0;
/// Pixels for names, at most.
const LABELS: f64 = 260.0;
/// Pixels from the end of lines to their names.
const LEADER: f64 = 46.0;
