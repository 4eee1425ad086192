//! A row by itself: a table of the contestants, and one of their quotients.

use net_backend::bench::{Better, Compared, Figure, Row, Spread};

use super::super::cells::{Table, compared, escape, goal, percent};
use super::{heading, name, shown};
use crate::bench::quantity::{Quantity, digits};

/// The tables of a row.
pub(super) fn block(row: &Row) -> Vec<String> {
    let quantity = Quantity::of(row);
    let mut parts = vec![
        heading(&row.name, quantity.unit),
        figures(row, quantity).to_string(),
    ];
    parts.extend(quotients(row));
    parts
}

fn figures(row: &Row, quantity: Quantity) -> Table {
    let cpu = Quantity::cpu(row);
    let cpu_unit = cpu.map_or("CPU", |it| it.unit);
    let headings = [
        "",
        quantity.unit,
        "p50 µs",
        "p99 µs",
        "p99.9 µs",
        cpu_unit,
        "lost",
    ];
    let mut table = Table::new(headings.map(str::to_owned).into());
    for figure in &row.figures {
        let cpu = cpu.and_then(|it| it.shown(figure));
        let [p50, p99, p999] = latencies(figure);
        table.line([
            name(figure),
            shown(quantity.shown(figure)),
            p50,
            p99,
            p999,
            cpu.map(|it| digits(it.median)).unwrap_or_default(),
            percent(figure.loss()),
        ]);
    }
    table.without_empty_columns()
}

fn latencies(figure: &Figure) -> [String; 3] {
    let Some(latency) = &figure.latency else {
        return Default::default();
    };
    let microseconds = |it: Spread| it.times(1e-3);
    // Of too few to tell.
    let few = || "–".to_owned();
    [
        shown(Some(microseconds(latency.p50))),
        latency
            .p99
            .map_or_else(few, |it| shown(Some(microseconds(it)))),
        latency.p999.map_or_else(few, |it| digits(it * 1e-3)),
    ]
}

/// Who is judged at the left, beside whom at the top.
fn quotients(row: &Row) -> Option<String> {
    let mut contenders: Vec<&str> = Vec::new();
    let mut references: Vec<&str> = Vec::new();
    for it in &row.comparisons {
        if !contenders.contains(&&*it.contender) {
            contenders.push(&it.contender);
        }
        if !references.contains(&&*it.reference) {
            references.push(&it.reference);
        }
    }
    let first = row.comparisons.first()?;
    let better = match first.better == Better::More {
        true => "rate by rate of",
        false => "cost by cost of",
    };
    let headings = references.iter().map(|it| escape(it));
    let mut table = Table::new([better.to_owned()].into_iter().chain(headings).collect());
    for contender in contenders {
        let cells = references.iter().map(|reference| {
            let is_it = |it: &&Compared| it.contender == contender && it.reference == *reference;
            let mut all = row.comparisons.iter();
            all.find(is_it).map(cell).unwrap_or_default()
        });
        let contender = format!("**{}**", escape(contender));
        table.line([contender].into_iter().chain(cells));
    }
    Some(table.to_string())
}

fn cell(it: &Compared) -> String {
    let asked = it.goal.map(|limit| goal(limit, it.better));
    let asked = asked.map_or(String::new(), |asked| format!(" {asked}"));
    format!("{}{asked}", compared(it))
}
