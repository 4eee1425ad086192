use super::super::case::Unit;
use super::*;

/// Work that takes no time, of two; the other one may fail.
#[derive(Default)]
struct Nothing {
    fails_in: Option<usize>,
    runs: usize,
}

impl Case for Nothing {
    fn section(&self) -> String {
        "nothing".to_owned()
    }

    fn name(&self) -> String {
        "at all".to_owned()
    }

    fn unit(&self) -> Unit {
        Unit::Frame
    }

    fn clock(&self) -> Clock {
        Clock::Value
    }

    fn contestants(&self) -> Vec<Contestant> {
        [("library", Role::Library), ("other", Role::Peer)]
            .map(|(name, role)| Contestant::new(name, role))
            .to_vec()
    }

    fn prepare(&mut self, _: usize) -> Outcome<()> {
        Ok(())
    }

    fn run(&mut self, contestant: usize) -> Outcome<u64> {
        if contestant == 0 {
            return Ok(30);
        }
        self.runs += 1;
        match self.fails_in == Some(self.runs) {
            true => Err("it broke".into()),
            false => Ok(10),
        }
    }

    fn settle(&mut self, contestant: usize) -> Outcome<u64> {
        Ok(contestant as u64)
    }

    fn latencies(&mut self, contestant: usize) -> Vec<u32> {
        vec![7; contestant]
    }
}

fn plan(only: &str) -> Plan {
    Plan {
        rounds: 3,
        only: only.to_owned(),
        ..Plan::default()
    }
}

#[test]
fn all_are_measured_and_compared() {
    let row = Bench::new(plan("")).measure(&mut Nothing::default());
    assert_eq!(row.id(), "nothing/at all");
    let [library, other] = &*row.figures else {
        panic!("{row:?}")
    };
    assert_eq!((library.cost.median, other.cost.median), (30.0, 10.0));
    assert_eq!((other.units, other.lost), (30, 3));
    assert_eq!(library.latency, None);
    assert_eq!(other.latency.as_ref().map(|it| it.p50.median), Some(7.0));
    let [compared] = &*row.comparisons else {
        panic!("{row:?}")
    };
    assert_eq!(compared.value.median, 3.0);
    assert_eq!(
        (&*compared.contender, &*compared.reference),
        ("library", "other")
    );
}

#[test]
fn whoever_fails_is_left_out_with_the_reason() {
    let mut case = Nothing {
        fails_in: Some(3),
        ..Nothing::default()
    };
    let row = Bench::new(plan("")).measure(&mut case);
    assert_eq!(row.figures.len(), 1);
    assert_eq!(row.left_out[0].why, "it broke");
    assert!(!row.left_out[0].is_failure);
    assert!(row.comparisons.is_empty());
}

#[test]
fn contestants_can_be_left_out() {
    let row = Bench::new(plan("oth")).measure(&mut Nothing::default());
    assert_eq!(row.figures.len(), 1);
    assert_eq!(row.figures[0].contestant, "other");
}

#[test]
fn rounds_of_several_processes_are_put_together() {
    let gather = |fails_in| {
        Bench::new(plan("")).gather(&mut Nothing {
            fails_in,
            ..Nothing::default()
        })
    };
    let (mut first, second) = (gather(None), gather(None));
    first.absorb(second);
    assert_eq!(first.row().figures[1].units, 60);
    assert_eq!(first.row().comparisons[0].value.median, 3.0);
    // Whoever fails in one of them is out, whichever comes first.
    first.absorb(gather(Some(2)));
    assert_eq!(first.row().figures.len(), 1);
    assert_eq!(first.row().left_out.len(), 1);
    let mut failed = gather(Some(2));
    failed.absorb(gather(None));
    assert_eq!(failed.row().figures.len(), 1);
}

/// Loses half of what it does: each unit takes a millisecond on the wall.
struct Half;

impl Case for Half {
    fn section(&self) -> String {
        "half".to_owned()
    }

    fn name(&self) -> String {
        "lost".to_owned()
    }

    fn unit(&self) -> Unit {
        Unit::Frame
    }

    fn clock(&self) -> Clock {
        Clock::Wall
    }

    fn duration(&self) -> Duration {
        Duration::ZERO
    }

    fn contestants(&self) -> Vec<Contestant> {
        vec![Contestant::new("other", Role::Peer)]
    }

    fn prepare(&mut self, _: usize) -> Outcome<()> {
        Ok(())
    }

    fn run(&mut self, _: usize) -> Outcome<u64> {
        std::thread::sleep(Duration::from_millis(4));
        Ok(4)
    }

    fn settle(&mut self, _: usize) -> Outcome<u64> {
        Ok(2)
    }
}

#[test]
fn what_was_lost_does_not_count() {
    let row = Bench::new(plan("")).measure(&mut Half);
    let other = &row.figures[0];
    assert_eq!((other.units, other.lost), (12, 6));
    assert!(other.cost.lower >= 2e6, "4 ms for 2 of them: {other:?}");
    assert_eq!(other.lost_part.map(|it| it.median), Some(0.5));
}

/// A thread of its own does the work: some of it at once, some before it has settled. It claims two seconds in all.
#[derive(Default)]
struct Worker {
    clock: Option<Clock>,
    spent: Duration,
}

impl Case for Worker {
    fn section(&self) -> String {
        "worker".to_owned()
    }

    fn name(&self) -> String {
        "late".to_owned()
    }

    fn unit(&self) -> Unit {
        Unit::Frame
    }

    fn clock(&self) -> Clock {
        self.clock.unwrap_or(Clock::ThisThread)
    }

    fn duration(&self) -> Duration {
        Duration::ZERO
    }

    fn contestants(&self) -> Vec<Contestant> {
        vec![Contestant::new("threaded", Role::Library)]
    }

    fn prepare(&mut self, _: usize) -> Outcome<()> {
        self.spent += Duration::from_secs(100);
        Ok(())
    }

    fn run(&mut self, _: usize) -> Outcome<u64> {
        self.spent += Duration::from_secs(1);
        Ok(1)
    }

    fn settle(&mut self, _: usize) -> Outcome<u64> {
        self.spent += Duration::from_secs(1);
        Ok(0)
    }

    fn time_of_others(&mut self, _: usize) -> Duration {
        self.spent
    }
}

#[test]
fn what_others_do_until_all_has_arrived_counts() {
    let seconds = |clock| {
        let mut case = Worker {
            clock: Some(clock),
            ..Worker::default()
        };
        let row = Bench::new(plan("")).measure(&mut case);
        (row.figures[0].cpu.median / 1e9).floor()
    };
    assert_eq!(seconds(Clock::ThisThread), 2.0);
    assert_eq!(seconds(Clock::Wall), 1.0, "the others' clock stops as well");
}

/// Every so many runs it hangs, and claims a thousand seconds.
struct Hanging {
    every: usize,
    runs: usize,
    /// Whether it was prepared since it hung.
    is_up: bool,
    spent: Duration,
}

impl Case for Hanging {
    fn section(&self) -> String {
        "peers".to_owned()
    }

    fn name(&self) -> String {
        "hang".to_owned()
    }

    fn unit(&self) -> Unit {
        Unit::Byte
    }

    fn clock(&self) -> Clock {
        Clock::Wall
    }

    fn duration(&self) -> Duration {
        Duration::ZERO
    }

    fn contestants(&self) -> Vec<Contestant> {
        vec![Contestant::new("peer", Role::Peer).at(400.0)]
    }

    fn prepare(&mut self, _: usize) -> Outcome<()> {
        self.is_up = true;
        Ok(())
    }

    fn run(&mut self, _: usize) -> Outcome<u64> {
        assert!(self.is_up);
        self.runs += 1;
        if self.runs % self.every == 0 {
            self.is_up = false;
            self.spent += Duration::from_secs(1000);
            return Err(Stuck::new("silent").into());
        }
        Ok(1)
    }

    fn time_of_others(&mut self, _: usize) -> Duration {
        self.spent
    }
}

#[test]
fn whoever_gets_stuck_begins_anew_and_does_not_pay_for_it() {
    let case = |every| Hanging {
        every,
        runs: 0,
        is_up: false,
        spent: Duration::ZERO,
    };
    // A warm-up and three rounds.
    let row = Bench::new(plan("")).measure(&mut case(3));
    let [peer] = &*row.figures else {
        panic!("{row:?}")
    };
    assert_eq!(peer.units, 3);
    assert!(peer.cpu.upper < 1e12, "hanging is not counted: {peer:?}");
    let remark = "peer at 400 got stuck and was started again 1 time; the last time it was silent";
    assert_eq!(row.remarks, [remark]);
    let row = Bench::new(plan("")).measure(&mut case(1));
    assert_eq!(row.figures, []);
    assert_eq!(row.left_out[0].why, "silent (at 400)");
    assert!(row.remarks[0].contains("again 5 times"));
}

/// Each run only waits.
struct Waiting;

impl Case for Waiting {
    fn section(&self) -> String {
        "waiting".to_owned()
    }

    fn name(&self) -> String {
        "for ever".to_owned()
    }

    fn unit(&self) -> Unit {
        Unit::Frame
    }

    fn duration(&self) -> Duration {
        // More CPU time than there will be.
        Duration::from_millis(200)
    }

    fn contestants(&self) -> Vec<Contestant> {
        vec![Contestant::new("other", Role::Peer)]
    }

    fn prepare(&mut self, _: usize) -> Outcome<()> {
        Ok(())
    }

    fn run(&mut self, _: usize) -> Outcome<u64> {
        std::thread::sleep(Duration::from_millis(500));
        Ok(1)
    }
}

#[test]
fn whoever_only_waits_ends_at_some_time_and_rows_make_a_report() {
    let machine = Machine::now();
    let mut bench = Bench::new(Plan {
        rounds: 1,
        quick: true,
        ..Plan::default()
    });
    let row = bench.measure(&mut Waiting);
    assert!(row.figures[0].units <= 4, "2 s of {row:?}");
    let report = bench.report(machine, vec![row]);
    assert_eq!(report.plan, *bench.plan());
    assert!(report.copy.median > 0.0 && report.machine.seconds > 1.0);
    assert!(report.to_string().contains("waiting/for ever"));
}
