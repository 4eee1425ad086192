use crate::bench::{Bench, Outcome, Plan};

use super::*;

fn plan() -> Plan {
    Plan {
        rounds: 3,
        ..Plan::default()
    }
}

#[test]
fn quotients_are_of_the_same_round() {
    let [one, other] = [[2.0, 20.0, 0.0, 1.0, 0.0], [4.0, 40.0, 0.0, 0.0, 1.0]];
    assert_eq!(quotients(&one, &other, Better::Less), [0.5, 0.5]);
    assert_eq!(quotients(&one, &other, Better::More), [2.0, 2.0]);
}

/// Somebody in several places on a scale, of which one fails.
struct Scale {
    places: Vec<u32>,
    fails_at: Option<u32>,
}

impl Case for Scale {
    fn section(&self) -> String {
        "idle".to_owned()
    }

    fn name(&self) -> String {
        "beside others".to_owned()
    }

    fn unit(&self) -> Unit {
        Unit::Memory
    }

    fn clock(&self) -> Clock {
        Clock::Value
    }

    fn contestants(&self) -> Vec<Contestant> {
        let places = self.places.iter();
        let all = places.map(|it| Contestant::new("library", Role::Library).at(f64::from(*it)));
        all.collect()
    }

    fn prepare(&mut self, contestant: usize) -> Outcome<()> {
        match Some(self.places[contestant]) == self.fails_at {
            true => Err("it broke".into()),
            false => Ok(()),
        }
    }

    fn run(&mut self, contestant: usize) -> Outcome<u64> {
        Ok(self.places[contestant].into())
    }
}

fn on_scale(places: &[u32], fails_at: Option<u32>) -> Measured {
    Bench::new(plan()).gather(&mut Scale {
        places: places.to_vec(),
        fails_at,
    })
}

fn places(measured: &Measured) -> Vec<(f64, u64)> {
    let figures = measured.row().figures;
    let places = figures.iter().map(|it| (it.at.unwrap(), it.units));
    places.collect()
}

#[test]
fn whoever_fails_in_one_place_stays_in_the_others() {
    let all = [10, 20, 30];
    let mut first = on_scale(&all, Some(20));
    assert_eq!(places(&first), [(10.0, 30), (30.0, 90)]);
    first.absorb(on_scale(&all, Some(10)));
    assert_eq!(places(&first), [(30.0, 180)]);
    let left_out = first.row().left_out;
    let told: Vec<_> = left_out.iter().map(|it| (&*it.what, &*it.why)).collect();
    let expected = ["it broke (at 20)", "it broke (at 10)"].map(|why| ("library", why));
    assert_eq!(told, expected);
}

#[test]
fn whoever_is_in_one_process_only_is_left_out_and_the_others_stay() {
    let mut first = on_scale(&[10, 20], None);
    first.absorb(on_scale(&[30, 20], None));
    assert_eq!(places(&first), [(20.0, 120)]);
    let left_out = first.row().left_out;
    assert_eq!(left_out.len(), 2);
    assert!(left_out.iter().all(|it| it.is_failure));
    assert!(left_out[0].why.ends_with("(at 10)"), "{left_out:?}");
    assert!(left_out[1].why.ends_with("(at 30)"), "{left_out:?}");
    // As many rounds of each, so that quotients are of the same.
    first.absorb(on_scale(&[10, 20, 30], None));
    assert_eq!(places(&first), [(20.0, 180)]);
}

#[test]
fn who_needs_nothing_has_a_figure_and_no_quotient() {
    let mut measured = on_scale(&[0, 7], None);
    measured.pairs = vec![Pair {
        contender: 1,
        reference: 0,
    }];
    let row = measured.row();
    assert_eq!(row.left_out, []);
    let costs: Vec<f64> = row.figures.iter().map(|it| it.cost.median).collect();
    assert_eq!(costs, [0.0, 7.0]);
    assert_eq!(row.comparisons, []);
    let all = row
        .figures
        .iter()
        .flat_map(|it| [it.cost, it.wall, it.cpu])
        .flat_map(|it| [it.lower, it.median, it.upper]);
    assert!(all.into_iter().all(f64::is_finite), "{row:?}");
}
