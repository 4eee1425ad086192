//! Rows of the library and a loop by hand: a line each.

use net_backend::bench::{Role, Row};

use super::super::cells::{Table, compared, escape, goal};
use super::{heading, shown};
use crate::bench::quantity::Quantity;

/// Whether a row is of this kind.
pub(super) fn is_pair(row: &Row) -> bool {
    let roles: Vec<Role> = row.figures.iter().map(|it| it.role).collect();
    let is_pair = matches!(*roles, [Role::Library, Role::ByHand | Role::Limit]);
    is_pair && row.figures.iter().all(|it| it.at.is_none())
}

/// Whether two rows can be in one table.
pub(super) fn are_alike(one: &Row, other: &Row) -> bool {
    let names = |row: &Row| -> Vec<String> {
        let figures = row.figures.iter();
        figures.map(|it| it.contestant.clone()).collect()
    };
    one.unit == other.unit && names(one) == names(other)
}

/// The table of such rows.
pub(super) fn table(rows: &[&Row]) -> Vec<String> {
    let Some(first) = rows.first() else {
        return Vec::new();
    };
    let quantity = Quantity::of(first);
    let names = first.figures.iter().map(|it| escape(&it.contestant));
    let rest = ["ratio", "goal"].map(str::to_owned);
    let headings = [String::new()].into_iter().chain(names).chain(rest);
    let mut table = Table::new(headings.collect());
    for row in rows {
        let figures = row.figures.iter();
        let figures = figures.map(|figure| shown(quantity.shown(figure)));
        let judged = row.comparisons.first();
        let asked = judged.and_then(|it| Some(goal(it.goal?, it.better)));
        let rest = [judged.map(compared), asked].map(Option::unwrap_or_default);
        table.line([escape(&row.name)].into_iter().chain(figures).chain(rest));
    }
    let names: Vec<&str> = first.figures.iter().map(|it| &*it.contestant).collect();
    let text = table.without_empty_columns().to_string();
    vec![heading(&names.join(" and "), quantity.unit), text]
}
