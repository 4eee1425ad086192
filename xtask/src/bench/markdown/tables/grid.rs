//! The same contestants at several places: a column for each place.

use net_backend::bench::{Better, Compared, Figure, Role, Row};

use super::super::cells::{Table, compared, escape, goal, percent};
use super::{heading, name, shown};
use crate::bench::about::family;
use crate::bench::quantity::{Quantity, round};

/// Whether contestants of a row take part at several places.
pub(super) fn is_scale(row: &Row) -> bool {
    row.figures.iter().any(|it| it.at.is_some())
}

/// Rows that differ by their place.
pub(super) fn of_family(rows: &[&Row]) -> Vec<String> {
    let places = rows.iter().map(|row| Place {
        label: row.at.map(round).unwrap_or_default(),
        row,
        at: None,
    });
    let Some(first) = rows.first() else {
        return Vec::new();
    };
    let title = format!("{}, by size", family(first));
    grid(&title, first, &places.collect::<Vec<_>>())
}

/// A row whose contestants take part at several places.
pub(super) fn of_scale(row: &Row) -> Vec<String> {
    let mut at: Vec<f64> = row.figures.iter().filter_map(|it| it.at).collect();
    at.sort_by(f64::total_cmp);
    at.dedup();
    let places = at.into_iter().map(|at| Place {
        label: round(at),
        row,
        at: Some(at),
    });
    grid(&row.name, row, &places.collect::<Vec<_>>())
}

/// A column.
struct Place<'a> {
    label: String,
    row: &'a Row,
    at: Option<f64>,
}

impl Place<'_> {
    fn figure(&self, name: &str) -> Option<&Figure> {
        let everywhere = || self.row.figure(name, None);
        self.row.figure(name, self.at).or_else(everywhere)
    }

    fn compared(&self, (contender, reference): (&str, &str)) -> Option<&Compared> {
        let mut all = self.row.comparisons.iter();
        all.find(|it| it.contender == contender && it.reference == reference && it.at == self.at)
    }
}

fn grid(title: &str, first: &Row, places: &[Place<'_>]) -> Vec<String> {
    let quantity = Quantity::of(first);
    let mut names: Vec<&Figure> = Vec::new();
    for figure in places.iter().flat_map(|place| &place.row.figures) {
        if !names.iter().any(|it| it.contestant == figure.contestant) {
            names.push(figure);
        }
    }
    let labels = places.iter().map(|it| it.label.clone());
    let labels = [String::new()].into_iter().chain(labels);
    let mut table = Table::new(labels.collect());
    for figure in &names {
        let cells = places.iter().map(|place| {
            let figure = place.figure(&figure.contestant);
            figure.map(|it| cell(quantity, it)).unwrap_or_default()
        });
        table.line([name(figure)].into_iter().chain(cells));
    }
    let mut parts = vec![heading(title, quantity.unit), table.to_string()];
    parts.extend(quotients(places, &names));
    parts
}

fn cell(quantity: Quantity, figure: &Figure) -> String {
    let value = shown(quantity.shown(figure));
    match percent(figure.loss()) {
        lost if lost.is_empty() => value,
        lost => format!("{value}, {lost} lost"),
    }
}

fn quotients(places: &[Place<'_>], names: &[&Figure]) -> Option<String> {
    let pairs = pairs(places, names);
    let is_more = |place: &Place<'_>| {
        let mut all = place.row.comparisons.iter();
        all.any(|it| it.better == Better::More)
    };
    let better = match places.iter().any(is_more) {
        true => "rate by rate",
        false => "cost by cost",
    };
    let labels = places.iter().map(|it| it.label.clone());
    let headings = [better.to_owned()].into_iter().chain(labels);
    let mut table = Table::new(headings.chain(["goal".to_owned()]).collect());
    for pair in &pairs {
        let all = places.iter().map(|place| place.compared(*pair));
        let cells = all.clone().map(|it| it.map(compared).unwrap_or_default());
        let mut goals: Vec<String> = Vec::new();
        for it in all.flatten() {
            let asked = it.goal.map(|asked| goal(asked, it.better));
            goals.extend(asked.filter(|it| !goals.contains(it)));
        }
        let (contender, reference) = (escape(pair.0), escape(pair.1));
        let name = match pair.0 == pair.1 {
            true => format!(
                "**{contender}** / itself at {}",
                first_place(places, pair.0)
            ),
            false => format!("**{contender}** / {reference}"),
        };
        let line = [name].into_iter().chain(cells);
        table.line(line.chain([goals.join(", ")]));
    }
    (!pairs.is_empty()).then(|| table.without_empty_columns().to_string())
}

/// What is compared: with goals, by hand and with peers; with limits only whoever has nothing nearer.
fn pairs<'a>(places: &[Place<'a>], names: &[&Figure]) -> Vec<(&'a str, &'a str)> {
    let mut near: Vec<(&str, &str)> = Vec::new();
    let mut far: Vec<(&str, &str)> = Vec::new();
    for it in places.iter().flat_map(|place| &place.row.comparisons) {
        let pair = (&*it.contender, &*it.reference);
        let mut figures = names.iter();
        let reference = figures.find(|figure| figure.contestant == it.reference);
        let is_limit = reference.is_some_and(|figure| figure.role == Role::Limit);
        let list = match is_limit && it.goal.is_none() {
            true => &mut far,
            false => &mut near,
        };
        if !list.contains(&pair) {
            list.push(pair);
        }
    }
    far.retain(|pair| near.iter().all(|(other, _)| *other != pair.0));
    near.extend(far);
    near
}

/// Where a contestant that is compared with itself begins.
fn first_place(places: &[Place<'_>], name: &str) -> String {
    let mut with = places
        .iter()
        .filter(|place| place.row.figure(name, place.at).is_some());
    let first = with.next().and_then(|place| place.at);
    first.map(round).unwrap_or_default()
}
