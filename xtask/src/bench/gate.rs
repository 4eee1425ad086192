//! What is asked of the library, and whether it does it.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use net_backend::bench::{Compared, Goals, LeftOut, Report, Row, Unused, Verdict};

/// The file of the goals, from the root of the repository.
const FILE: &str = "bench/goals.toml";
/// By what part of all units somebody with a goal may lose more than whom it is compared with: what is lost costs little.
const LOSS: f64 = 0.01;

/// Reads the goals.
///
/// # Errors
///
/// If the file cannot be read, or has a key that means nothing.
pub(super) fn goals() -> Result<Goals> {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let text = fs::read_to_string(root.join(FILE)).context(FILE)?;
    parse(&text)
}

/// What to say of goals that were not judged, since somebody was left out: how many of how many, and why; nothing if there
/// are none.
pub(super) fn unjudged(goals: &Goals, report: &Report) -> String {
    let unjudged = goals.unjudged(report);
    if unjudged.is_empty() {
        return String::new();
    }
    let comparisons = report.rows.iter().flat_map(|row| &row.comparisons);
    let judged = comparisons.filter(|it| it.goal.is_some()).count();
    let mut reasons: Vec<(&LeftOut, usize)> = Vec::new();
    for it in &unjudged {
        match reasons.iter_mut().find(|(known, _)| *known == &it.left_out) {
            Some((_, count)) => *count += 1,
            None => reasons.push((&it.left_out, 1)),
        }
    }
    let reasons = reasons.iter().map(|(it, count)| {
        let (what, why) = (&it.what, &it.why);
        format!("  {count} with {what}, because {why}\n")
    });
    let reasons: String = reasons.collect();
    let count = unjudged.len();
    format!(
        "--gate: {judged} goals are judged, {count} are not, since somebody was left out:\n{reasons}"
    )
}

/// Fails if a goal is missed by more than its margin, and says which.
///
/// # Errors
///
/// That; somebody of the library's with a goal failed, or loses more than whom it is compared with; nothing was measured
/// that there is a goal for.
pub(super) fn gate(goals: &Goals, report: &Report) -> Result<()> {
    let judged = report.rows.iter().flat_map(|row| {
        let comparisons = row.comparisons.iter();
        comparisons.filter_map(move |it| Some((row, it, it.verdict()?)))
    });
    let judged: Vec<_> = judged.collect();
    let failed = goals.unjudged(report).into_iter();
    let failed = failed.filter(|it| it.is_contender && it.left_out.is_failure);
    let failed = failed.map(|it| {
        let (row, what, why) = (it.row, it.left_out.what, it.left_out.why);
        format!("\n  {row}: {what}, because {why}")
    });
    let failed: BTreeSet<String> = failed.collect();
    ensure!(
        failed.is_empty(),
        "--gate: who has a goal failed:{}",
        failed.into_iter().collect::<String>()
    );
    ensure!(
        !judged.is_empty(),
        "--gate: nothing was measured that {FILE} has a goal for"
    );
    let missed = judged.iter().filter(|it| it.2 == Verdict::Missed);
    let missed = missed.map(|(row, compared, _)| {
        let why = goals.rule(row, compared).map_or("", |it| it.why.as_str());
        format!("\n  {}\n    {why}", row.describe(compared))
    });
    let missed: Vec<String> = missed.collect();
    ensure!(
        missed.is_empty(),
        "--gate: {} of {} goals are missed by more than their margin:{}",
        missed.len(),
        judged.len(),
        missed.concat()
    );
    let lossy = judged.iter().filter_map(|it| loses(it.0, it.1));
    let lossy: Vec<String> = lossy.map(|it| format!("\n  {it}")).collect();
    ensure!(
        lossy.is_empty(),
        "--gate: more is lost than by whom it is compared with:{}",
        lossy.concat()
    );
    Ok(())
}

/// What to say of rules that were used for nothing.
pub(super) fn complaints(unused: &[Unused]) -> String {
    let lines = unused.iter().map(|Unused { rule, why }| {
        let (rows, contender, reference) = (&rule.rows, &rule.contender, &rule.reference);
        format!("WARNING: {FILE}: the goal of {contender} / {reference} in {rows} is for nothing: {why}\n")
    });
    lines.collect()
}

/// What to say where the contender loses more.
fn loses(row: &Row, it: &Compared) -> Option<String> {
    let contender = row.figure(&it.contender, it.at)?;
    let mut others = row.figures.iter();
    let reference = others.find(|other| other.contestant == it.reference)?;
    let (mine, others) = (contender.losses().median, reference.losses().median);
    (mine > others + LOSS).then(|| {
        let (mine, others) = (mine * 100.0, others * 100.0);
        let (id, name, other) = (row.id(), &it.contender, &it.reference);
        format!("{id}: {name} loses {mine:.1} %, {other} {others:.1} %")
    })
}

fn parse(text: &str) -> Result<Goals> {
    toml::from_str(text).context(FILE)
}

#[cfg(test)]
mod tests;
