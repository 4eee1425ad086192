//! What is asked of the library, and whether it does it.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use net_backend::bench::{Compared, Goals, Report, Row, Unused, Verdict};

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

/// Fails if a goal is missed by more than its margin, and says which.
///
/// # Errors
///
/// That, or nothing was measured that there is a goal for.
pub(super) fn gate(goals: &Goals, report: &Report) -> Result<()> {
    let judged = report.rows.iter().flat_map(|row| {
        let comparisons = row.comparisons.iter();
        comparisons.filter_map(move |it| Some((row, it, it.verdict()?)))
    });
    let judged: Vec<_> = judged.collect();
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
mod tests {
    use net_backend::bench::{Better, Clock, Goal, Machine, Plan, Spread, Unit};

    use super::super::synthetic;

    use super::*;

    /// A quotient of 1.1, with a goal if there is a limit.
    fn report(limit: Option<f64>) -> Report {
        let compared = Compared {
            contender: "library".to_owned(),
            reference: "by hand".to_owned(),
            at: None,
            better: Better::Less,
            value: Spread::of(&[1.1]),
            goal: limit.map(|limit| Goal {
                limit,
                aim: None,
                margin: 0.05,
            }),
        };
        let row = Row {
            section: "tap".to_owned(),
            name: "send 64 bytes".to_owned(),
            at: None,
            unit: Unit::Frame,
            clock: Clock::ThisThread,
            figures: Vec::new(),
            comparisons: vec![compared],
            left_out: Vec::new(),
            remarks: Vec::new(),
        };
        Report {
            format: Report::FORMAT,
            machine: Machine::default(),
            plan: Plan::default(),
            copy: Spread::default(),
            call: Spread::default(),
            rows: vec![row],
            left_out: Vec::new(),
        }
    }

    #[test]
    fn the_goals_of_this_repository_are_understood() {
        let goals = goals().unwrap();
        assert!(!goals.rules.is_empty());
        let mut report = report(None);
        goals.attach(&mut report);
        assert!(report.rows[0].comparisons[0].goal.is_some());
    }

    #[test]
    fn a_key_that_means_nothing_is_named_with_its_line() {
        let text = "# goals\n[[goal]]\nrows = \"a/b\"\ncontender = \"c\"\nreference = \"d\"\nwhy = \"e\"\natmost = 1.0\n";
        let error = format!("{:#}", parse(text).unwrap_err());
        assert!(error.contains("line 7"), "{error}");
        assert!(error.contains("`atmost`"), "{error}");
        assert!(error.starts_with(FILE), "{error}");
        let error = format!(
            "{:#}",
            parse(&text.replace("atmost", "margin")).unwrap_err()
        );
        assert!(error.contains("`at-most` or `at-least`"), "{error}");
        assert!(error.contains("line 2"), "{error}");
    }

    #[test]
    fn a_miss_beyond_the_margin_fails_and_is_named() {
        let goals = goals().unwrap();
        gate(&goals, &report(Some(1.1))).unwrap();
        gate(&goals, &report(Some(1.06))).unwrap();
        let error = gate(&goals, &report(Some(1.03))).unwrap_err().to_string();
        assert!(error.contains("1 of 1 goals"), "{error}");
        assert!(
            error.contains("tap/send 64 bytes: library / by hand 1.100"),
            "{error}"
        );
        let error = gate(&goals, &report(None)).unwrap_err().to_string();
        assert!(error.contains("nothing was measured"), "{error}");
    }

    #[test]
    fn whoever_loses_more_fails() {
        let goals = goals().unwrap();
        let mut lossy = synthetic::report();
        let row = lossy.rows.iter_mut().find(|it| it.section == "tap");
        let row = row.unwrap();
        row.comparisons[0].goal = Some(Goal {
            limit: 100.0,
            aim: None,
            margin: 0.05,
        });
        let [library, by_hand] = &mut row.figures[..] else {
            panic!("{row:?}")
        };
        (library.units, library.lost) = (1000, 20);
        (by_hand.units, by_hand.lost) = (1000, 15);
        lossy.rows.retain(|it| it.section == "tap");
        gate(&goals, &lossy).unwrap();
        lossy.rows[0].figures[1].lost = 0;
        let error = gate(&goals, &lossy).unwrap_err().to_string();
        assert!(
            error.ends_with("library loses 2.0 %, by hand 0.0 %"),
            "{error}"
        );
    }

    #[test]
    fn rules_for_nothing_are_complained_of() {
        let rule = goals().unwrap().rules.remove(0);
        let why = "no row has that name".to_owned();
        let text = complaints(&[Unused { rule, why }]);
        let end =
            "the goal of library / by hand in tap/send * is for nothing: no row has that name\n";
        assert!(text.ends_with(end), "{text}");
    }
}
