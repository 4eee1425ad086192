//! The rows of a section as tables.

mod block;
mod grid;
mod pairs;

use net_backend::bench::{Figure, Role, Row, Spread};

use super::cells::escape;
use crate::bench::about::{families, sentence};
use crate::bench::quantity::digits;

/// All rows of a section: tables with their headings, and what there is to say beside them.
pub(super) fn tables(rows: &[&Row]) -> Vec<String> {
    let measured = rows.iter().filter(|row| !row.figures.is_empty());
    let measured: Vec<&Row> = measured.copied().collect();
    let mut parts = Vec::new();
    for part in in_parts(&measured) {
        match &*part {
            [row] if grid::is_scale(row) => parts.extend(grid::of_scale(row)),
            rows if rows.iter().all(|row| pairs::is_pair(row)) => parts.extend(pairs::table(rows)),
            [row] => parts.extend(block::block(row)),
            rows => parts.extend(grid::of_family(rows)),
        }
    }
    parts.extend(notes(rows));
    parts
}

/// Rows that are in one table.
fn in_parts<'a>(rows: &[&'a Row]) -> Vec<Vec<&'a Row>> {
    let mut parts: Vec<Vec<&Row>> = Vec::new();
    for family in families(rows) {
        let are_pairs = |rows: &[&Row]| rows.iter().all(|row| pairs::is_pair(row));
        let last = parts
            .last_mut()
            .filter(|last| are_pairs(last) && are_pairs(&family));
        let is_like = |last: &&mut Vec<&Row>| {
            let [one, other] = [last.first(), family.first()];
            one.zip(other)
                .is_some_and(|(one, other)| pairs::are_alike(one, other))
        };
        match last.filter(is_like) {
            Some(last) => last.extend(family),
            None => parts.push(family),
        }
    }
    parts
}

/// What there is to say beside the figures, each thing once.
fn notes(rows: &[&Row]) -> Option<String> {
    let mut notes: Vec<String> = allocations(rows).into_iter().collect();
    for remark in rows.iter().flat_map(|row| &row.remarks) {
        let remark = escape(remark);
        if !notes.contains(&remark) {
            notes.push(remark);
        }
    }
    let lines: Vec<String> = notes.iter().map(|note| format!("- {note}")).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// What the library allocates for a frame, where it was counted.
fn allocations(rows: &[&Row]) -> Option<String> {
    let figures = rows.iter().flat_map(|row| {
        let figures = row.figures.iter();
        figures
            .filter(|it| it.role == Role::Library)
            .map(move |it| (row, it))
    });
    let counted = figures.filter_map(|(row, it)| Some((row, it, it.allocations?)));
    let counted: Vec<_> = counted.collect();
    let most = counted
        .iter()
        .max_by(|one, other| one.2.total_cmp(&other.2));
    let (row, figure, most) = most?;
    // One for a whole run is none for a frame.
    Some(match *most < 0.001 {
        true => "The library allocated nothing for a frame.".to_owned(),
        false => format!(
            "The library allocated at most {} times for a frame: {}, {}.",
            digits(*most),
            escape(&figure.contestant),
            escape(&row.name)
        ),
    })
}

/// The name of a contestant: the library's in bold letters, limits in italics.
fn name(figure: &Figure) -> String {
    let name = escape(&figure.contestant);
    match figure.role {
        Role::Library => format!("**{name}**"),
        Role::Limit | Role::ByHand => format!("*{name}*"),
        _ => name,
    }
}

/// A heading, with the unit behind it.
fn heading(name: &str, unit: &str) -> String {
    format!("### {}: {unit}", escape(&sentence(name)))
}

/// Median and quartiles; nothing where there is no figure.
fn shown(value: Option<Spread>) -> String {
    value.map(super::cells::spread).unwrap_or_default()
}
