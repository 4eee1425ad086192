//! The table for people.

mod beside;
mod block;
mod grid;
mod lines;
mod numbers;
#[cfg(test)]
pub(super) mod samples;
mod table;

use std::fmt;

use super::case::Unit;
use super::report::{LeftOut, Report};
use super::row::{Compared, Row, Verdict};
use super::spread::Spread;
use table::paragraph;

pub(super) use beside::{compared, references};

/// Tables, as wide as a screen where that can be: what it was measured on, each section, what was left out, what became
/// of the goals, and warnings.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&head(self))?;
        for rows in sections(&self.rows) {
            f.write_str("\n")?;
            f.write_str(&section(&rows))?;
        }
        f.write_str(&left_out(self))?;
        f.write_str(&goals(self))?;
        for warning in self.warnings() {
            write!(f, "\n{}", paragraph("WARNING: ", &warning))?;
        }
        Ok(())
    }
}

impl Report {
    /// Percent of the CPU time that other machines may take before it matters.
    const STEAL: f64 = 2.0;

    /// Why the figures may be worth little, each in a sentence; none if the machine was quiet.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.noise() > Self::NOISE {
            let percent = self.noise() * 100.0;
            warnings.push(format!(
                "work that is always the same varied by {percent:.0} %; something else is busy here, so do not trust the figures"
            ));
        }
        let steal = self.machine.steal_percent;
        if steal > Self::STEAL {
            warnings.push(format!(
                "other machines on this host took {steal:.0} % of the CPUs' time; do not trust what is measured on the wall"
            ));
        }
        warnings.extend(self.vague());
        let loads = [&self.machine.load_before, &self.machine.load_after];
        let most = loads.into_iter().filter_map(|it| it.parse::<f64>().ok());
        let most = most.fold(0.0, f64::max);
        let cpus = self.machine.cpus;
        // Two for the run itself: those at both ends of a connection.
        if u32::try_from(cpus).is_ok_and(|cpus| most > f64::from(cpus.max(2))) {
            warnings.push(format!(
                "with a load of {most} on {cpus} CPUs other programs ran too; of times on the wall only quotients tell something"
            ));
        }
        warnings
    }

    /// Which rows' quotients are so far apart that they tell little.
    fn vague(&self) -> Option<String> {
        let is_vague = |row: &&Row| {
            let mut compared = row.comparisons.iter();
            compared.any(|it| it.value.relative() > Self::VAGUE)
        };
        let vague: Vec<String> = self.rows.iter().filter(is_vague).map(Row::id).collect();
        let percent = Self::VAGUE * 100.0;
        (!vague.is_empty()).then(|| {
            format!(
                "quartiles of quotients are more than {percent:.0} % apart in {}: these tell little",
                vague.join("; ")
            )
        })
    }
}

impl Row {
    /// One of its comparisons in a line: who beside whom, the quotient, and what was asked for.
    #[must_use]
    pub fn describe(&self, compared: &Compared) -> String {
        let Compared {
            contender,
            reference,
            better,
            ..
        } = compared;
        let at = compared.at.map_or(String::new(), |at| format!(" at {at}"));
        let goal = compared.goal.map_or(String::new(), |goal| {
            format!(", asked for {}", numbers::limit(goal, *better))
        });
        let (id, value) = (self.id(), numbers::ratio(compared.value));
        format!("{id}: {contender}{at} / {reference} {value}{goal}")
    }
}

/// Rows with the same shape that stand together.
#[derive(Debug, PartialEq, Eq)]
enum Shape {
    /// One line each, with these contestants.
    Lines(Vec<String>, &'static str),
    /// One column each.
    Family(String, String),
    /// A table by itself, with a column for each place.
    Scale,
    /// A table by itself.
    Block,
}

impl Shape {
    fn of(row: &Row) -> Self {
        let names = || row.figures.iter().map(|it| it.contestant.clone()).collect();
        if grid::is_scale(row) {
            Self::Scale
        } else if let Some((before, after)) = grid::family(row) {
            Self::Family(before, after)
        } else if lines::fits(row) {
            Self::Lines(names(), row.unit.symbol())
        } else {
            Self::Block
        }
    }

    fn joins(&self, other: &Self) -> bool {
        matches!(self, Self::Lines(..) | Self::Family(..)) && self == other
    }
}

fn sections(rows: &[Row]) -> Vec<Vec<&Row>> {
    let mut sections: Vec<Vec<&Row>> = Vec::new();
    for row in rows {
        let known = sections.iter_mut();
        let mut known = known.filter(|it| it.first().is_some_and(|it| it.section == row.section));
        match known.next() {
            Some(section) => section.push(row),
            None => sections.push(vec![row]),
        }
    }
    sections
}

fn head(report: &Report) -> String {
    let (machine, plan) = (&report.machine, &report.plan);
    let mitigations = match machine.mitigations.is_empty() {
        true => "none".to_owned(),
        false => machine.mitigations.join("; "),
    };
    let on = format!(
        "kernel {}, {}, {} CPUs",
        machine.kernel, machine.cpu, machine.cpus
    );
    let busy = format!(
        "load {} before, {} after; {:.1} % of the time went to other machines; took {:.0} s",
        machine.load_before, machine.load_after, machine.steal_percent, machine.seconds
    );
    let control = |name: &str, it: Spread| {
        let quartiles = numbers::quartiles(it, Unit::Frame);
        format!("{name} in {} ns {quartiles}", numbers::number(it.median))
    };
    let (copy, call) = (
        control("1514 bytes copied", report.copy),
        control("a system call", report.call),
    );
    let cpus = match plan.cpus {
        1 => "on one CPU".to_owned(),
        cpus => format!("on {cpus} CPUs, so that goals do not count"),
    };
    let quick = match plan.quick {
        true => "; a first look, with short runs",
        false => "",
    };
    let software = match machine.software.is_empty() {
        true => "none that is known of".to_owned(),
        false => machine.software.join(", "),
    };
    let lines = [
        ("machine   ", on),
        ("", format!("mitigations: {mitigations}")),
        ("", busy),
        ("others    ", software),
        ("control   ", format!("{copy}; {call}")),
        ("rounds    ", format!("{}, {cpus}{quick}", plan.rounds)),
        (
            "legend    ",
            "medians; in brackets the quartiles, behind ± half of their distance; quotients are of the same round; \
             ★ aim reached, ✓ goal reached, ~ missed by no more than its margin, ✗ MISSED"
                .to_owned(),
        ),
    ];
    let lines = lines.map(|(first, text)| paragraph(&format!("{first:<10}"), &text));
    lines.concat()
}

fn section(rows: &[&Row]) -> String {
    let shaped: Vec<(Shape, &Row)> = rows.iter().map(|row| (Shape::of(row), *row)).collect();
    let chunks = shaped.chunk_by(|(one, _), (other, _)| one.joins(other));
    let parts = chunks.map(|chunk| {
        let rows: Vec<&Row> = chunk.iter().map(|(_, row)| *row).collect();
        part(&rows)
    });
    let parts: Vec<String> = parts.collect();
    parts.join("\n")
}

fn part(rows: &[&Row]) -> String {
    let measured: Vec<&Row> = rows
        .iter()
        .filter(|it| !it.figures.is_empty())
        .copied()
        .collect();
    let mut text = match &*measured {
        [] => nobody(rows),
        [row] if grid::is_scale(row) => grid::of_scale(row),
        [row] if !lines::fits(row) => block::block(row),
        [row, _, ..] if grid::family(row).is_some() => grid::of_family(&measured),
        rows => lines::lines(rows),
    };
    let mut remarks: Vec<&str> = Vec::new();
    for remark in rows.iter().flat_map(|row| &row.remarks) {
        if !remarks.contains(&remark.as_str()) {
            remarks.push(remark);
        }
    }
    for remark in remarks {
        text.push_str(&paragraph("  ", remark));
    }
    text
}

fn nobody(rows: &[&Row]) -> String {
    let lines: Vec<String> = rows
        .iter()
        .map(|row| format!("{}: nobody could do it\n", row.id()))
        .collect();
    lines.concat()
}

/// Each reason once, with all that it is the reason for.
fn left_out(report: &Report) -> String {
    let mut reasons: Vec<(&LeftOut, Vec<String>)> = Vec::new();
    let general = report.left_out.iter().map(|it| (it, None));
    let in_rows = report.rows.iter();
    let in_rows = in_rows.flat_map(|row| row.left_out.iter().map(|it| (it, Some(row.id()))));
    for (it, row) in general.chain(in_rows) {
        match reasons.iter_mut().find(|(known, _)| *known == it) {
            Some((_, rows)) => rows.extend(row),
            None => reasons.push((it, row.into_iter().collect())),
        }
    }
    let mut text = match reasons.is_empty() {
        true => String::new(),
        false => "\nleft out\n".to_owned(),
    };
    for (it, rows) in reasons {
        let place = match rows.is_empty() {
            true => String::new(),
            false => format!(" in {}", rows.join(", ")),
        };
        let first = if it.is_failure { "  FAILED  " } else { "  " };
        text.push_str(&paragraph(
            first,
            &format!("{}{place}, because {}", it.what, it.why),
        ));
    }
    text
}

/// How many were reached, and those that were not.
fn goals(report: &Report) -> String {
    let judged = report.rows.iter().flat_map(|row| {
        let comparisons = row.comparisons.iter();
        comparisons.filter_map(move |it| Some((row, it, it.verdict()?)))
    });
    let judged: Vec<(&Row, &Compared, Verdict)> = judged.collect();
    if judged.is_empty() {
        return String::new();
    }
    let count = |verdict| judged.iter().filter(|it| it.2 == verdict).count();
    let (aim, reached) = (count(Verdict::Aim), count(Verdict::Reached));
    let (margin, missed) = (count(Verdict::Margin), count(Verdict::Missed));
    let mut text = format!(
        "\ngoals: {} of {} reached, {aim} of them as far as was hoped for; {margin} missed within the margin, {missed} MISSED\n",
        aim + reached,
        judged.len()
    );
    for (row, compared, verdict) in judged {
        let first = match verdict {
            Verdict::Missed => "  ✗ ",
            Verdict::Margin => "  ~ ",
            Verdict::Reached | Verdict::Aim => continue,
        };
        text.push_str(&paragraph(first, &row.describe(compared)));
    }
    text
}

/// A cost in what people count in, with its quartiles.
pub(super) fn cost_text(spread: Spread, unit: Unit) -> String {
    let value = numbers::cost(spread.median, unit);
    let quartiles = numbers::quartiles(spread, unit);
    format!("{value} {} {quartiles}", unit.symbol())
}

/// A quotient with its quartiles.
pub(super) fn ratio_text(spread: Spread) -> String {
    numbers::ratio(spread)
}

/// CPU time for a unit, with its quartiles.
pub(super) fn cpu_text(spread: Spread, unit: Unit) -> String {
    numbers::cpu_text(spread, unit)
}

/// The part of units that did not arrive: `3.1 % lost`.
pub(super) fn lost_text(spread: Spread) -> String {
    match &*numbers::percent(spread.median) {
        "" => "0 % lost".to_owned(),
        percent => format!("{percent} lost"),
    }
}

#[cfg(test)]
mod tests;
