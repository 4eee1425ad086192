//! Pages that the device writes to are dirty, all of them and no others: a guest that moves to another host while it runs
//! has nothing else to go by.

#![expect(clippy::unwrap_used, reason = "tests may fail so")]

mod guest;
mod receiving;

use guest::{BUFFER, Guest, Ring, pages};
use net_backend::Features;
use net_backend_vhost_user::queue::{Answer, End, Request};
use net_backend_vhost_user::testing::Descriptor;

#[test]
fn of_frames_that_are_sent_the_used_ring_is_dirty() {
    for event_index in [false, true] {
        let mut guest = Guest::new(1000, Features::empty());
        let mut ring = Ring::new(&guest, event_index);
        let good = guest.put(100);
        for _ in 0..700 {
            ring.driver.offer(&[good]).unwrap();
        }
        // One that is refused.
        ring.driver.offer(&[Descriptor::readable(BUFFER, 3)]);
        let mut end = End::More;
        let (mut before, mut turns) = (0, 0);
        while end != End::Idle {
            guest.clean();
            let turn = guest.transmit.turn(&mut ring.queue, &guest.memory);
            let turn = turn.unwrap();
            end = turn.end;
            let after = before + turn.frames + turn.refused;
            let mut written = vec![ring.elements(before..after), ring.index(), ring.no_kicks()];
            if end == End::Idle {
                written.push(ring.kicks());
            }
            assert_eq!(guest.dirty(), pages(&written), "{before} to {after}");
            (before, turns) = (after, turns + 1);
        }
        assert_eq!((before, turns), (701, 11));
    }
}

#[test]
fn a_frame_that_waits_leaves_no_dirt() {
    let mut guest = Guest::new(1, Features::empty());
    let mut ring = Ring::new(&guest, true);
    let frame = guest.put(100);
    ring.driver.offer(&[frame]).unwrap();
    ring.driver.offer(&[frame]).unwrap();
    guest.clean();
    let turn = guest.transmit.turn(&mut ring.queue, &guest.memory);
    assert!(matches!(turn.unwrap().end, End::Busy(_)));
    assert_eq!(guest.dirty(), pages(&[ring.elements(0..1), ring.index()]));
    guest.clean();
    let turn = guest.transmit.turn(&mut ring.queue, &guest.memory);
    assert!(matches!(turn.unwrap().end, End::Busy(_)));
    assert_eq!(guest.dirty(), pages(&[]));
}

#[test]
fn of_a_command_its_answer_is_dirty() {
    let guest = Guest::new(1, Features::empty());
    let mut ring = Ring::new(&guest, true);
    let answer = Descriptor::writable(BUFFER + 0x1fff, 100);
    ring.driver.offer(&[guest.put(100), answer]).unwrap();
    guest.clean();
    let request = Request::next(&ring.queue, &guest.memory).unwrap().unwrap();
    assert_eq!(guest.dirty(), pages(&[]));
    let answered = request.answer(Answer::Done, &mut ring.queue, &guest.memory);
    assert!(answered.is_ok());
    let written = [
        (answer.address, 1),
        ring.elements(0..1),
        ring.index(),
        ring.kicks(),
    ];
    assert_eq!(guest.dirty(), pages(&written));
}
