use super::*;
use crate::bench::case::Role;
use crate::bench::text::samples::{figure, report, row};

fn rule(rows: &str, contender: &str, reference: &str, limit: f64) -> Rule {
    Rule {
        rows: rows.to_owned(),
        contender: contender.to_owned(),
        reference: reference.to_owned(),
        at: None,
        better: Better::Less,
        goal: Goal {
            limit,
            aim: None,
            margin: 0.05,
        },
        why: String::new(),
        needs: None,
    }
}

fn measured() -> Report {
    let figures = vec![
        figure("library", Role::Library, 1.1),
        figure("by hand", Role::ByHand, 1.0),
    ];
    report(vec![
        row("tap/send 64 bytes", figures.clone()),
        row("tap/receive 64 bytes", figures),
    ])
}

#[test]
fn stars_stand_for_any_text() {
    let yes = [
        ("tap/*", "tap/send"),
        ("*", ""),
        ("a*b*c", "a-b-b-c"),
        ("*µ", "1 µ"),
        ("tap", "tap"),
    ];
    assert!(yes.iter().all(|(pattern, text)| matches(pattern, text)));
    let no = [
        ("tap/*", "tcp/send"),
        ("a*b", "a-b-c"),
        ("tap", "taps"),
        ("", "x"),
    ];
    assert!(!no.iter().any(|(pattern, text)| matches(pattern, text)));
}

#[test]
fn the_first_rule_that_fits_is_the_goal() {
    let goals = Goals {
        rules: vec![
            rule("tap/send*", "library", "by *", 1.2),
            rule("tap/*", "lib*", "by hand", 1.0),
        ],
    };
    let mut report = measured();
    assert_eq!(goals.attach(&mut report), []);
    let limits = report
        .rows
        .iter()
        .map(|row| row.comparisons[0].goal.unwrap().limit);
    assert_eq!(limits.collect::<Vec<_>>(), [1.2, 1.0]);
    let row = &report.rows[0];
    assert_eq!(goals.rule(row, &row.comparisons[0]), goals.rules.first());
}

#[test]
fn goals_are_for_one_cpu() {
    let rules = vec![rule("tap/*", "library", "by hand", 1.2)];
    let mut report = measured();
    report.plan.cpus = 2;
    assert_eq!(Goals { rules }.attach(&mut report), []);
    assert_eq!(report.rows[0].comparisons[0].goal, None);
}

#[test]
fn a_rule_for_nothing_is_told_of_where_the_machine_is_no_excuse() {
    let why = |rule: Rule| {
        let mut report = measured();
        let left_out = LeftOut {
            what: "passt".to_owned(),
            why: "it is not installed".to_owned(),
            is_failure: false,
        };
        report.rows[0].left_out.push(left_out);
        let rules = vec![rule];
        let unused = Goals { rules }.attach(&mut report);
        unused.into_iter().map(|it| it.why).next()
    };
    let missing = why(rule("tap/snd*", "library", "by hand", 1.0)).unwrap();
    assert_eq!(missing, "no row has that name");
    let missing = why(rule("tap/*", "library", "by hnd", 1.0)).unwrap();
    assert!(missing.contains("in tap/send 64 bytes") || missing.contains("nobody"));
    let mut turned = rule("tap/*", "library", "by hand", 1.0);
    turned.better = Better::More;
    assert!(why(turned).unwrap().contains("at-least where less"));
    assert_eq!(why(rule("tap/*", "library", "passt", 1.0)), None);
    assert_eq!(why(rule("netmap/*", "library", "by hand", 1.0)), None);
    let mut rare = rule("tap/snd*", "library", "by hand", 1.0);
    rare.needs = Some("another kernel".to_owned());
    assert_eq!(why(rare), None);
}

#[test]
fn what_means_nothing_is_refused() {
    let entry = |at_most, at_least, aim, margin| Entry {
        rows: "tap/*".to_owned(),
        contender: String::new(),
        reference: String::new(),
        at: None,
        at_most,
        at_least,
        aim,
        margin,
        why: String::new(),
        needs: None,
    };
    let good = Rule::try_from(entry(None, Some(2.0), Some(3.0), None)).unwrap();
    assert_eq!((good.better, good.goal.margin), (Better::More, 0.05));
    let bad = [
        entry(None, None, None, None),
        entry(Some(1.0), Some(1.0), None, None),
        entry(Some(1.0), None, Some(1.1), None),
        entry(None, Some(1.0), Some(0.9), None),
        entry(Some(0.0), None, None, None),
        entry(Some(1.0), None, None, Some(5.0)),
    ];
    assert!(bad.into_iter().all(|it| Rule::try_from(it).is_err()));
}

#[test]
fn goals_of_who_is_left_out_are_not_judged() {
    let out = |what: &str, is_failure| LeftOut {
        what: what.to_owned(),
        why: "it broke".to_owned(),
        is_failure,
    };
    let mut report = measured();
    report.rows[1].left_out = vec![out("library, two pieces", true), out("nobody", true)];
    report.left_out = vec![out("passt", false)];
    let goals = Goals {
        rules: vec![
            rule("tap/receive*", "library*", "by hand", 1.0),
            rule("tap/*", "library", "passt", 1.0),
        ],
    };
    let unjudged = goals.unjudged(&report);
    let told: Vec<_> = unjudged
        .iter()
        .map(|it| (&*it.row, &*it.left_out.what, it.is_contender))
        .collect();
    let expected = [
        ("tap/send 64 bytes", "passt", false),
        ("tap/receive 64 bytes", "library, two pieces", true),
        ("tap/receive 64 bytes", "passt", false),
    ];
    assert_eq!(told, expected);
}
