use std::rc::Rc;

use super::*;
use crate::Features;
use crate::bench::{Bench, Case, Outcome, Plan, Role, Row, Unavailable};
use crate::memory::{Null, PairConfig, pair};

/// A pair that offers this, with its other end at the far end.
fn pair_of(config: PairConfig) -> Subject {
    Subject::backend("pair", move |shape| {
        let (near, far) = pair(&config)?;
        Ok(Opened::new(
            Box::new(near),
            BackendEnd::new(Box::new(far), shape)?,
        ))
    })
}

fn echo() -> Subject {
    Subject::backend("loopback:", |shape| {
        let uri = format!("loopback:?mtu={}", shape.mtu());
        Ok(Opened::echo(crate::open(&uri)?))
    })
}

/// Two rounds, half as long as usual.
fn measure(subject: Subject, direction: Direction, shape: Shape) -> Row {
    let plan = Plan {
        rounds: 2,
        quick: true,
        ..Plan::default()
    };
    Bench::new(plan).measure(&mut Frames::new(Rc::new([subject]), direction, shape))
}

#[test]
fn every_shape_goes_every_way() {
    for mut case in cases(vec![pair_of(PairConfig::default()), echo()]) {
        // Once is enough to see that it works.
        let (name, is_jumbo) = (case.name(), case.name().contains("9014"));
        for contestant in 0..2 {
            match case.prepare(contestant) {
                Err(error) if is_jumbo && contestant == 0 => {
                    let reason = "its MTU is 1500, and not 9000";
                    assert_eq!(error.to_string(), reason);
                    assert!(error.is::<Unavailable>());
                    continue;
                }
                prepared => prepared.unwrap_or_else(|error| panic!("{name}: {error}")),
            }
            let count = case.run(contestant).unwrap();
            let both = u64::from(name.contains("both"));
            let burst = match () {
                () if is_jumbo => 116,
                () if name.contains("64294") => 16,
                () => 256,
            };
            assert_eq!(count, burst << both, "{name}, {contestant}");
            assert_eq!(case.settle(contestant).unwrap(), 0, "{name}, {contestant}");
        }
    }
}

#[test]
fn a_row_is_named_and_placed_by_the_length() {
    let row = measure(echo(), Direction::Both, Shape::Super);
    assert_eq!(row.id(), "frames/both ways 64294 bytes");
    assert_eq!(row.at, Some(64294.0));
    assert_eq!(row.remarks.len(), 2);
    let [figure] = &*row.figures else {
        panic!("{row:?}")
    };
    assert_eq!(figure.units % 32, 0);
    assert_eq!(figure.lost, 0);
}

#[test]
fn whoever_has_no_super_frames_is_left_out_without_a_failure() {
    let config = PairConfig {
        features: Features::CSUM | Features::GUEST_CSUM,
        ..PairConfig::default()
    };
    let row = measure(pair_of(config), Direction::Send, Shape::Super);
    assert!(row.figures.is_empty());
    let [left_out] = &*row.left_out else {
        panic!("{row:?}")
    };
    assert_eq!(left_out.why, "it does not offer GUEST_TSO4 | HOST_TSO4");
    assert!(!left_out.is_failure);
}

#[test]
fn a_queue_that_is_shorter_than_a_burst_bounds_it() {
    let config = PairConfig {
        capacity: 10,
        ..PairConfig::default()
    };
    for direction in Direction::ALL {
        let subjects = Rc::new([pair_of(config)]);
        let mut case = Frames::new(subjects, direction, Shape::Plain(64));
        for _ in 0..3 {
            case.prepare(0).unwrap();
            let count = case.run(0).unwrap();
            let expected = if direction == Direction::Both { 20 } else { 10 };
            assert_eq!(count, expected, "{direction:?}");
            assert_eq!(case.settle(0).unwrap(), 0, "{direction:?}");
        }
    }
}

/// Loses every third frame on its way out, and every fourth on its way in.
#[derive(Default)]
struct Lossy {
    sent: usize,
    offered: usize,
    waiting: usize,
}

impl Path for Lossy {
    fn burst(&self) -> usize {
        12
    }

    fn send(&mut self, count: usize) -> Outcome<usize> {
        self.sent += count;
        Ok(count)
    }

    fn receive(&mut self, count: usize) -> Outcome<usize> {
        let received = self.waiting.min(count);
        self.waiting -= received;
        Ok(received)
    }

    fn offer(&mut self, count: usize) -> Outcome<usize> {
        self.offered += count;
        self.waiting += count - count / 4;
        Ok(count)
    }

    fn arrived(&mut self) -> Outcome<usize> {
        let sent = std::mem::take(&mut self.sent);
        Ok(sent - sent / 3)
    }
}

#[test]
fn what_does_not_arrive_is_lost() {
    let lossy = || Subject::new("lossy", Role::Peer, |_| Ok(Box::<Lossy>::default()));
    let lost = |direction, units, lost| {
        let mut case = Frames::new(Rc::new([lossy()]), direction, Shape::Plain(64));
        for _ in 0..3 {
            case.prepare(0).unwrap();
            assert_eq!(case.run(0).unwrap(), units, "{direction:?}");
            assert_eq!(case.settle(0).unwrap(), lost, "{direction:?}");
        }
    };
    lost(Direction::Send, 12, 4);
    lost(Direction::Receive, 12, 3);
    lost(Direction::Both, 12 + 12, 4 + 3);
}

/// Gives back three of four frames.
#[derive(Default)]
struct LossyEcho(Lossy);

impl Path for LossyEcho {
    fn burst(&self) -> usize {
        12
    }

    fn comes_back(&self) -> bool {
        true
    }

    fn send(&mut self, count: usize) -> Outcome<usize> {
        self.0.offer(count)
    }

    fn receive(&mut self, count: usize) -> Outcome<usize> {
        self.0.receive(count)
    }

    fn offer(&mut self, _: usize) -> Outcome<usize> {
        Err("nobody is there".into())
    }

    fn arrived(&mut self) -> Outcome<usize> {
        Err("nobody is there".into())
    }
}

#[test]
fn what_does_not_come_back_is_lost_both_ways() {
    let lossy = Subject::new("lossy", Role::Peer, |_| Ok(Box::<LossyEcho>::default()));
    let mut case = Frames::new(Rc::new([lossy]), Direction::Both, Shape::Plain(64));
    for _ in 0..3 {
        case.prepare(0).unwrap();
        assert_eq!((case.run(0).unwrap(), case.settle(0).unwrap()), (24, 6));
    }
}

#[test]
fn frames_that_are_lost_make_the_others_dearer() {
    for direction in Direction::ALL {
        let lossy = Subject::new("lossy", Role::Peer, |_| Ok(Box::<Lossy>::default()));
        let row = measure(lossy, direction, Shape::Plain(64));
        let [figure] = &*row.figures else {
            panic!("{row:?}")
        };
        // In every round the same part.
        let (part, spread) = (figure.loss(), figure.losses());
        assert!(part > 0.24, "{direction:?} {part}");
        assert!((spread.median - part).abs() < 1e-9, "{direction:?}");
    }
}

/// Neither sends nor receives.
struct Silent;

impl FarEnd for Silent {
    fn send(&mut self, _: usize) -> Outcome<usize> {
        Ok(0)
    }

    fn arrived(&mut self) -> Outcome<usize> {
        Ok(0)
    }
}

#[test]
fn where_nothing_arrives_something_is_wrong() {
    let nobody = Subject::backend("nobody", |_| Ok(Opened::new(Box::new(Null::new()), Silent)));
    let row = measure(nobody, Direction::Send, Shape::Plain(64));
    let [left_out] = &*row.left_out else {
        panic!("{row:?}")
    };
    assert!(
        left_out.why.contains("none of 256 frames arrived"),
        "{left_out:?}"
    );
    assert!(left_out.is_failure);
}

#[test]
fn a_bare_loop_is_beside_those_that_it_stands_for() {
    let path = |name, role| Subject::new(name, role, |_| Ok(Box::<Lossy>::default()));
    let subjects = [
        path("tap:", Role::Library),
        path("slirp:", Role::Library),
        path("write(2)", Role::ByHand).beside("tap:"),
        path("memcpy", Role::Limit),
        path("loopback:", Role::Library),
        path("veth", Role::Limit).beside("tap:").beside("slirp:"),
    ];
    let case = Frames::new(Rc::new(subjects), Direction::Send, Shape::Plain(64));
    let pairs = case.pairs();
    let pairs: Vec<_> = pairs
        .iter()
        .map(|it| (it.contender, it.reference))
        .collect();
    let all = [(0, 2), (0, 3), (0, 5), (1, 3), (1, 5), (4, 3)];
    assert_eq!(pairs, all);
}

#[cfg(feature = "testing")]
mod rigs {
    use super::*;
    use crate::testing::{self, BackendPeer, Failure, NoPeer, Rig, RigTraits};

    struct Fixture(testing::Path, usize);

    impl Rig for Fixture {
        fn name(&self) -> &'static str {
            "fixture"
        }

        fn traits(&self) -> RigTraits {
            RigTraits {
                path: self.0,
                max_frame: self.1,
                window: 20,
                ..RigTraits::default()
            }
        }

        fn open(&self) -> Result<testing::Opened, Failure> {
            if self.0 == testing::Path::Echo {
                let backend = crate::open("loopback:")?;
                let peer = Box::new(NoPeer);
                return Ok(testing::Opened { backend, peer });
            }
            let (near, far) = pair(&PairConfig::default())?;
            Ok(testing::Opened {
                backend: Box::new(near),
                peer: Box::new(BackendPeer::new(Box::new(far))?),
            })
        }
    }

    #[test]
    fn a_rig_is_a_subject() {
        for path in [testing::Path::Wire, testing::Path::Echo] {
            for direction in Direction::ALL {
                let row = measure(
                    Subject::rig(Fixture(path, 1514)),
                    direction,
                    Shape::Plain(1514),
                );
                let [figure] = &*row.figures else {
                    panic!("{row:?}")
                };
                assert_eq!(figure.contestant, "fixture");
                assert_eq!((figure.units % 20, figure.lost), (0, 0));
            }
        }
    }

    #[test]
    fn what_a_rig_cannot_do_is_no_failure() {
        let nowhere = Fixture(testing::Path::Nowhere, 1514);
        let short = Fixture(testing::Path::Wire, 500);
        let blind = Fixture(testing::Path::Wire, 1514);
        for (rig, shape, why) in [
            (nowhere, Shape::Plain(64), "nobody is at its far end"),
            (short, Shape::Plain(512), "its frames have 14 to 500 bytes"),
            (
                blind,
                Shape::Super,
                "its far end sees no CSUM | GUEST_CSUM | GUEST_TSO4 | HOST_TSO4",
            ),
        ] {
            let row = measure(Subject::rig(rig), Direction::Send, shape);
            assert_eq!(row.left_out[0].why, why);
            assert!(!row.left_out[0].is_failure);
        }
    }
}
