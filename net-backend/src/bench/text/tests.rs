use super::samples::{figure, report, row};
use super::*;
use crate::bench::case::Role;
use crate::bench::row::Goal;

fn pair(id: &str, cost: f64, limit: Option<f64>) -> Row {
    let figures = vec![
        figure("library", Role::Library, cost),
        figure("by hand", Role::ByHand, 1400.0),
    ];
    let mut row = row(id, figures);
    row.comparisons[0].goal = limit.map(|limit| Goal {
        limit,
        aim: None,
        margin: 0.05,
    });
    row
}

#[test]
fn rows_of_a_section_stand_together() {
    let many = vec![
        figure("slirp:", Role::Library, 2.0),
        figure("passt", Role::Peer, 3.0),
        figure("loopback TCP", Role::Limit, 1.0),
    ];
    let rows = vec![
        pair("tap/send", 1400.0, None),
        row("tcp/upload", many),
        pair("tap/receive", 1400.0, None),
    ];
    let text = report(rows).to_string();
    let headings = text.lines().filter(|line| line.contains("tap, ns/frame"));
    assert_eq!(headings.count(), 1, "{text}");
    assert!(text.contains("tcp/upload"), "{text}");
    let longest = text.lines().map(|line| line.chars().count()).max();
    assert!(longest <= Some(table::WIDTH), "{text}");
}

#[test]
fn goals_that_are_missed_are_listed() {
    let rows = vec![
        pair("tap/a", 1400.0, Some(1.03)),
        pair("tap/b", 1456.0, Some(1.03)),
        pair("tap/c", 1540.0, Some(1.03)),
        pair("tap/d", 1540.0, None),
    ];
    let text = report(rows).to_string();
    let end = "\
goals: 1 of 3 reached, 0 of them as far as was hoped for; 1 missed within the margin, 1 MISSED
  ~ tap/b: library / by hand 1.040 [1.040-1.040], asked for ≤ 1.03
  ✗ tap/c: library / by hand 1.100 [1.100-1.100], asked for ≤ 1.03
";
    assert!(text.ends_with(end), "{text}");
}

#[test]
fn reasons_are_told_once() {
    let mut rows = vec![pair("tcp/up", 1.0, None), pair("tcp/down", 1.0, None)];
    for row in &mut rows {
        row.left_out.push(LeftOut {
            what: "passt".to_owned(),
            why: "it broke".to_owned(),
            is_failure: true,
        });
    }
    let text = report(rows).to_string();
    let once = "left out\n  FAILED  passt in tcp/up, tcp/down, because it broke\n";
    assert!(text.contains(once), "{text}");
}

#[test]
fn noise_is_warned_of() {
    let quiet = report(vec![pair("tap/a", 1400.0, None)]);
    assert_eq!(quiet.warnings(), Vec::<String>::new());
    let mut busy = quiet;
    busy.copy = Spread::of(&[1.5, 2.0, 2.5]);
    busy.machine.steal_percent = 12.0;
    busy.machine.load_before = "7.5".to_owned();
    assert_eq!(busy.warnings().len(), 3, "{:?}", busy.warnings());
    let text = busy.to_string();
    let warning = "WARNING: work that is always the same varied by 50 %";
    assert!(text.contains(warning), "{text}");
}

#[test]
fn a_row_without_figures_is_told_of() {
    let text = report(vec![row("tap/send", Vec::new())]).to_string();
    assert!(text.contains("tap/send: nobody could do it"), "{text}");
}
