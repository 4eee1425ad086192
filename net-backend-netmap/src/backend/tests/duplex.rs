//! Random use of one port, against queues that remember what was sent.

use net_backend_core::HeaderLength;

use super::random::Random;
use super::world::{Kind, World};

#[test]
fn switches_lose_double_and_change_nothing() {
    for seed in 0..150 {
        let mut random = Random(seed);
        let slots = random.pick(&[16, 17, 33, 64, 256]);
        let rings = random.pick(&[1, 1, 2, 4]);
        let options = format!("slots={slots}&rings={rings}");
        let far = random.pick(&HeaderLength::ALL);
        let kind = Kind {
            near: format!("netmap:vale0:near?{options}"),
            far: "vale0:far",
            far_header: far.bytes(),
            slots,
            rings,
            ..Kind::default()
        };
        run(random, kind);
    }
}

#[test]
fn pipes_lose_double_and_change_nothing() {
    for seed in 1000..1100 {
        let mut random = Random(seed);
        let slots = random.pick(&[16, 17, 33, 64, 256]);
        let rings = random.pick(&[1, 1, 2, 4]);
        let kind = Kind {
            near: format!("netmap:vale0:x{{1?slots={slots}&rings={rings}"),
            far: "vale0:x}1",
            fills: true,
            slots,
            rings,
            ..Kind::default()
        };
        run(random, kind);
    }
}

#[test]
fn wires_lose_double_and_change_nothing() {
    for seed in 2000..2100 {
        let mut random = Random(seed);
        let slots = random.pick(&[16, 17, 33, 64, 256]);
        let rings = random.pick(&[1, 1, 2, 4]);
        let kind = Kind {
            near: "netmap:em0?fragments=64".to_owned(),
            far: "em1",
            is_wire: true,
            slots,
            rings,
            ..Kind::default()
        };
        run(random, kind);
    }
}

fn run(mut random: Random, kind: Kind) {
    let extra = random.pick(&[0, 0, 4, 64]);
    let mut world = World::new(&mut random, kind, extra);
    println!("{:?}, extra {extra}", world.kind);
    for _ in 0..1500 {
        world.step(&mut random);
        if random.one_in(50) {
            world.activate(&mut random);
        }
    }
    world.finish(&mut random);
}
