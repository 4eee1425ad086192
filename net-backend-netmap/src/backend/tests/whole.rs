//! Frames that are moved between ports and cannot be by exchange of buffers, and the buffers of a port that is closed.

use net_backend_core::{Activation, HeaderLength, TxQueue};

use super::buffers::List;
use super::{frame, model, open, queues, receive};
use crate::testing::Far;
use crate::{ReceiveQueue, Stopped, TransmitQueue};

/// A switch takes less in the first buffer than a pipe gives: such frames are copied. With headers on both sides that
/// the ports do not have, there is none to leave behind.
#[test]
fn frames_that_are_copied_behind_an_added_header_stay_whole() {
    for header in HeaderLength::ALL {
        let model = model();
        let mut port = open(&model, "netmap:vale0:x");
        let mut pipe = open(&model, "netmap:vale0:x{1");
        let (source, sink) = (
            model.port("vale0:x}1").unwrap(),
            model.port("vale0:sink").unwrap(),
        );
        let with = Activation {
            header,
            ..Activation::plain()
        };
        let (mut from_switch, mut to_switch) = port.queues(&with).unwrap().remove(0);
        let (mut from_pipe, mut to_pipe) = pipe.queues(&with).unwrap().remove(0);
        for length in [60, 1000, 1920, 1921, 2000, 2048, 3000, 5000] {
            move_one(&source, &mut from_pipe, &mut to_switch, &sink, length);
            move_one(&sink, &mut from_switch, &mut to_pipe, &source, length);
        }
        let counted = to_switch.counters().snapshot();
        assert_eq!((counted.frames, counted.dropped_in_all()), (8, 0));
    }
}

fn move_one(
    source: &Far,
    from: &mut ReceiveQueue,
    to: &mut TransmitQueue,
    sink: &Far,
    length: usize,
) {
    assert!(source.send(&frame(length, length)).unwrap());
    let forwarded = to.forward(from, 10).unwrap();
    let expected = (1, Stopped::Empty);
    assert_eq!((forwarded.frames, forwarded.stopped), expected, "{length}");
    to.flush().unwrap();
    let arrived = sink.receive().unwrap();
    assert!(
        arrived.as_deref() == Some(&frame(length, length)),
        "of {length} bytes {:?} arrived",
        arrived.map(|it| it.len())
    );
}

/// Of a process that is killed the kernel would follow what was in the list, and find frames there.
#[test]
fn the_kernel_finds_extra_buffers_only_when_none_can_have_a_frame() {
    const EXTRA: usize = 8;
    let model = model();
    let far = model.port("vale0:far").unwrap();
    let mut near = open(&model, "netmap:vale0:near?extra-bufs=8&slots=16");
    let list = List::of(&near);
    assert_eq!(list.walk(), [0_u32; 0], "when it is open");
    let (mut rx, tx) = queues(&mut near);
    let mut taken = Vec::new();
    for number in 0..100 {
        assert!(far.send(&frame(number, 5000)).unwrap());
        taken.push(rx.lend().unwrap().unwrap().take().unwrap().unwrap());
        assert_eq!(list.walk(), [0_u32; 0], "with frames taken");
        if taken.len() == 2 {
            drop(taken.remove(0));
        }
        assert!(far.send(&frame(number, 60)).unwrap());
        assert_eq!(receive(&mut rx), Some(frame(number, 60)));
    }
    drop((rx, tx, near));
    assert_eq!(list.walk(), [0_u32; 0], "a frame is still kept");
    drop(taken);
    let mut whole = list.walk();
    whole.dedup();
    assert_eq!(whole.len(), EXTRA, "when nobody has any");
}
