use net_backend::bench::{Better, Clock, Goal, Machine, Plan, Spread, Unit};

use crate::bench::synthetic;

use super::*;

/// A quotient of 1.1, with a goal if there is a limit.
fn report(limit: Option<f64>) -> Report {
    let value = Spread::of(&[1.1]);
    let mut compared = Compared::new("library", "by hand", Better::Less, value);
    compared.goal = limit.map(|limit| Goal {
        limit,
        aim: None,
        margin: 0.05,
    });
    let mut row = Row::new("tap", "send 64 bytes", Unit::Frame, Clock::ThisThread);
    row.comparisons.push(compared);
    Report::new(Machine::default(), Plan::default(), vec![row])
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
    let end = "the goal of library / by hand in tap/send * is for nothing: no row has that name\n";
    assert!(text.ends_with(end), "{text}");
}

#[test]
fn whoever_has_a_goal_and_failed_fails_the_gate() {
    let goals = goals().unwrap();
    let mut report = report(Some(1.1));
    assert_eq!(unjudged(&goals, &report), "");
    report.rows[0].left_out.push(LeftOut {
        what: "by hand".to_owned(),
        why: "there is none".to_owned(),
        is_failure: false,
    });
    gate(&goals, &report).unwrap();
    let text = unjudged(&goals, &report);
    let expected = "--gate: 1 goals are judged, 1 are not, since somebody was left out:\n  1 with by hand, because there is none\n";
    assert_eq!(text, expected);
    report.rows[0].left_out[0].what = "library".to_owned();
    report.rows[0].left_out[0].is_failure = true;
    let error = gate(&goals, &report).unwrap_err().to_string();
    let end = "who has a goal failed:\n  tap/send 64 bytes: library, because there is none";
    assert!(error.ends_with(end), "{error}");
}
