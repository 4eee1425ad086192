use super::*;
use crate::bench::text::samples::{figure, report, row};

fn run(library: f64, hand: f64) -> Report {
    let figures = vec![
        figure("library", Role::Library, library),
        figure("by hand", Role::ByHand, hand),
    ];
    report(vec![row("tap/send", figures)])
}

#[test]
fn the_same_run_has_no_changes() {
    let run = run(11.0, 10.0);
    let changes = Changes::between(&run, &run);
    assert_eq!((changes.compared, changes.agree), (2, 2));
    assert_eq!(
        changes.to_string(),
        "2 of 2 agree within their quartiles; 0 differ by 5 % or less, 0 changed\n"
    );
}

#[test]
fn of_the_library_quotients_are_compared_and_of_others_costs() {
    let changes = Changes::between(&run(11.0, 10.0), &run(22.0, 20.0));
    assert_eq!((changes.compared, changes.agree), (2, 1));
    let [change] = &*changes.changed else {
        panic!("{changes:?}")
    };
    assert_eq!(change.measure, Measure::Cost(Unit::Frame));
    assert!(!change.is_better());
    assert_eq!(
        change.to_string(),
        "worse   tap/send: by hand  10.0 ns/frame [9.9-10.1] → 20.0 ns/frame [19.8-20.2]  +100 %"
    );
    let changes = Changes::between(&run(11.0, 10.0), &run(10.0, 10.0));
    let text = changes.to_string();
    let better =
        "better  tap/send: library / by hand  1.100 [1.100-1.100] → 1.000 [1.000-1.000]  -9 %";
    assert!(text.contains(better), "{text}");
}

#[test]
fn what_is_lost_is_a_change() {
    let (old, mut new) = (run(11.0, 10.0), run(11.0, 10.0));
    let lose = |run: &mut Report, lost: u64| {
        let figure = &mut run.rows[0].figures[0];
        (figure.units, figure.lost) = (10_000, lost);
    };
    lose(&mut new, 5);
    assert_eq!(Changes::between(&old, &new).changed, []);
    lose(&mut new, 400);
    let changes = Changes::between(&old, &new);
    assert_eq!((changes.compared, changes.agree), (2, 2));
    let text = changes.to_string();
    let worse = "worse   tap/send: library  0 % lost → 4.0 % lost\n";
    assert!(text.contains(worse), "{text}");
    let text = Changes::between(&new, &old).to_string();
    assert!(text.contains("better  tap/send: library  4.0 % lost → 0 % lost"));
    // Not if it varies by more than that.
    new.rows[0].figures[0].lost_part = Some(Spread::of(&[0.0, 0.04, 0.08]));
    assert_eq!(Changes::between(&old, &new).changed, []);
}

#[test]
fn little_is_no_change() {
    let changes = Changes::between(&run(10.0, 10.0), &run(10.4, 10.0));
    assert_eq!((changes.agree, changes.changed.len()), (1, 0));
    assert!(changes.to_string().contains("1 differ by 5 % or less"));
}

#[test]
fn what_moved_the_controls_may_move_the_rest() {
    let (old, mut new) = (run(10.0, 10.0), run(10.8, 10.0));
    let changed = |new: &Report| Changes::between(&old, new).changed.len();
    assert_eq!(changed(&new), 1);
    new.call = new.call.times(1.06);
    assert_eq!(changed(&new), 0);
    new = run(10.8, 10.0);
    new.plan.quick = true;
    assert_eq!(changed(&new), 0);
}

#[test]
fn what_is_in_one_run_only_is_told() {
    let mut old = run(1.0, 1.0);
    let mut new = old.clone();
    new.rows[0].figures.push(figure("tun-rs", Role::Peer, 1.0));
    old.rows.push(row("tap/receive", vec![]));
    let changes = Changes::between(&old, &new);
    assert_eq!(changes.added, ["tap/send: tun-rs"]);
    assert_eq!(changes.gone, ["tap/receive"]);
    old.rows[0].unit = Unit::Memory;
    let changes = Changes::between(&old, &new);
    assert_eq!(changes.compared, 0, "other things are counted");
}

#[test]
fn rates_go_up_where_costs_go_down() {
    let mut runs = [run(1.0, 2.0), run(1.0, 1.0)];
    for run in &mut runs {
        run.rows[0].unit = Unit::Byte;
        run.rows[0].comparisons.clear();
    }
    let changes = Changes::between(&runs[0], &runs[1]);
    let text = changes.to_string();
    assert!(
        text.contains("better  tap/send: by hand  4.00 Gbit/s"),
        "{text}"
    );
    assert!(text.contains("+100 %"), "{text}");
}

#[test]
fn time_on_the_wall_is_compared_as_cpu_time() {
    let mut runs = [run(1.0, 2.0), run(1.0, 2.0)];
    for (run, cpu) in runs.iter_mut().zip([2.0, 1.0]) {
        run.rows[0].unit = Unit::Byte;
        run.rows[0].clock = Clock::Wall;
        run.rows[0].figures[1].cpu = Spread::of(&[cpu]);
    }
    let text = Changes::between(&runs[0], &runs[1]).to_string();
    let change =
        "better  tap/send: by hand  CPU ms/Gbit 250 [250-250] → CPU ms/Gbit 125 [125-125]  -50 %";
    assert!(text.contains(change), "{text}");
    runs[1].rows[0].figures[1].cost = Spread::of(&[99.0]);
    runs[0].rows[0].figures[1].cpu = Spread::of(&[1.0]);
    let changes = Changes::between(&runs[0], &runs[1]);
    assert_eq!(changes.agree, 2, "somebody else was busy: {changes}");
}

#[test]
fn other_conditions_are_warned_of() {
    let old = run(1.0, 1.0);
    let mut new = old.clone();
    new.machine.kernel = "7.0".to_owned();
    new.plan.quick = true;
    new.call = Spread::of(&[1.0, 2.0, 3.0]);
    let warnings = Changes::between(&old, &new).warnings;
    assert_eq!(
        warnings,
        [
            "another kernel: 6.18 before, 7.0 after",
            "another way to measure: runs of full length before, a first look after",
            "the machine was too busy in the later run"
        ]
    );
}

#[test]
fn what_was_nothing_is_told_without_percent() {
    let mut runs = [run(1.0, 0.0), run(1.0, 5.0)];
    for run in &mut runs {
        run.rows[0].comparisons.clear();
    }
    let same = Changes::between(&runs[0], &runs[0]);
    assert_eq!((same.compared, same.agree), (2, 2));
    let text = Changes::between(&runs[0], &runs[1]).to_string();
    let worse =
        "worse   tap/send: by hand  0.00 ns/frame [0.00-0.00] → 5.00 ns/frame [4.95-5.05]\n";
    assert!(text.contains(worse), "{text}");
}
