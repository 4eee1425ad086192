use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

/// A ring in ordinary memory.
struct Plain {
    slots: Vec<Cell<Slot>>,
    head: Cell<u32>,
    cur: Cell<u32>,
    tail: Cell<u32>,
}

impl Plain {
    fn new(slots: u32, head: u32, tail: u32) -> Self {
        let slot = |buffer| {
            Cell::new(Slot {
                buffer,
                ..Slot::default()
            })
        };
        Self {
            slots: (2..slots + 2).map(slot).collect(),
            head: Cell::new(head),
            cur: Cell::new(head),
            tail: Cell::new(tail),
        }
    }

    fn fill(&self, from: u32, lengths: &[u16]) {
        let last = lengths.len() - 1;
        for (count, length) in lengths.iter().enumerate() {
            let cell = &self.slots[(from as usize + count) % self.slots.len()];
            cell.set(Slot {
                length: *length,
                flags: if count < last { slot_flag::MOREFRAG } else { 0 },
                ..cell.get()
            });
        }
    }
}

impl RingWords for Plain {
    fn slots(&self) -> u32 {
        u32::try_from(self.slots.len()).unwrap()
    }

    fn tail(&self) -> u32 {
        self.tail.get()
    }

    fn publish(&self, head: u32, cur: u32) {
        self.head.set(head);
        self.cur.set(cur);
    }

    fn slot(&self, index: u32) -> Slot {
        self.slots[index as usize].get()
    }

    fn set_slot(&self, index: u32, slot: Slot) {
        self.slots[index as usize].set(slot);
    }
}

fn window(ring: &Plain) -> Window {
    Window::new(ring.slots(), ring.head.get(), ring.tail.get()).unwrap()
}

#[test]
fn a_slot_is_laid_out_as_the_header_has_it() {
    let slot = Slot {
        buffer: 0x0102_0304,
        length: 0x0506,
        flags: 0x0708,
    };
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&slot.buffer.to_ne_bytes());
    bytes[4..6].copy_from_slice(&slot.length.to_ne_bytes());
    bytes[6..].copy_from_slice(&slot.flags.to_ne_bytes());
    assert_eq!(slot.word().to_ne_bytes(), bytes);
    assert_eq!(Slot::from_word(slot.word()), slot);
}

#[test]
fn a_window_refuses_what_cannot_be() {
    assert_eq!(Window::new(8, 8, 0).unwrap_err().word, "head");
    assert_eq!(Window::new(8, 0, u32::MAX).unwrap_err().word, "tail");
    let mut window = Window::new(8, 6, 2).unwrap();
    assert_eq!((window.ours(), window.tail()), (4, 2));
    for (tail, grows) in [
        (2, Some(false)),
        (1, None),
        (7, None),
        (8, None),
        (5, Some(true)),
    ] {
        assert_eq!(window.learn(tail).ok(), grows, "tail {tail}");
    }
    assert_eq!(window.ours(), 7);
    let told = window.learn(4).unwrap_err().to_string();
    assert_eq!(told, "the ring of 8 slots is corrupt: its tail became 4");
    window.advance(u32::MAX);
    assert_eq!(
        (window.head(), window.ours()),
        (5, 0),
        "no further than what is ours"
    );
}

#[test]
fn a_frame_is_one_only_with_its_last_slot() {
    let ring = Plain::new(7, 5, 5);
    ring.fill(5, &[2048, 2048, 100]);
    for (tail, next) in [
        (5, Next::Nothing),
        (6, Next::Nothing),
        (0, Next::Nothing),
        (
            1,
            Next::Frame {
                slots: 3,
                length: 4196,
            },
        ),
        (
            3,
            Next::Frame {
                slots: 3,
                length: 4196,
            },
        ),
    ] {
        ring.tail.set(tail);
        assert_eq!(next_frame(&ring, &window(&ring), 2048), next, "tail {tail}");
    }
}

#[test]
fn what_is_no_frame_is_told_from_one() {
    let ring = Plain::new(100, 90, 70);
    let next = |lengths: &[u16]| {
        ring.fill(90, lengths);
        next_frame(&ring, &window(&ring), 2048)
    };
    assert_eq!(next(&[0]), Next::Empty { slots: 1 });
    assert_eq!(next(&[0, 0]), Next::Empty { slots: 2 });
    assert_eq!(next(&[2049]), Next::Malformed { slots: 1 });
    assert_eq!(next(&[60, u16::MAX]), Next::Malformed { slots: 2 });
    assert_eq!(
        next(&[100; 64]),
        Next::Frame {
            slots: 64,
            length: 6400
        }
    );
    assert_eq!(next(&[100; 65]), Next::Malformed { slots: 64 });
}

#[test]
fn a_frame_without_an_end_does_not_stop_a_full_ring() {
    let ring = Plain::new(16, 3, 2);
    for slot in &ring.slots {
        slot.set(Slot {
            flags: slot_flag::MOREFRAG,
            length: 9,
            ..slot.get()
        });
    }
    let next = next_frame(&ring, &window(&ring), 2048);
    assert_eq!(next, Next::Malformed { slots: 15 });
}

#[test]
fn frames_take_as_many_slots_as_they_need() {
    let slots = |length, most| Shape::new(length, 1920, 2048, most).map(|shape| shape.slots);
    for (length, expected) in [
        (1, 1),
        (1920, 1),
        (1921, 2),
        (3968, 2),
        (3969, 3),
        (9014, 5),
    ] {
        assert_eq!(slots(length, 64), Some(expected), "{length} bytes");
        assert_eq!(slots(length, expected), Some(expected), "{length} bytes");
        assert_eq!(slots(length, expected - 1), None, "{length} bytes");
    }
    assert_eq!(slots(usize::MAX, 64), None);
}

#[test]
fn a_changed_buffer_stays_news_until_it_was_told() {
    let ring = Plain::new(4, 0, 3);
    ring.slots[0].set(Slot {
        buffer: 7,
        length: 1514,
        flags: slot_flag::BUF_CHANGED | slot_flag::INDIRECT | slot_flag::REPORT,
    });
    let shape = Shape::new(60, 2048, 2048, 1).unwrap();
    put_frame(&ring, &window(&ring), shape, |_, _, _| Ok::<_, ()>(())).unwrap();
    let expected = Slot {
        buffer: 7,
        length: 60,
        flags: slot_flag::BUF_CHANGED,
    };
    assert_eq!(ring.slots[0].get(), expected);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 4 } else { 256 },
        // Miri has no files to keep failures in.
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Frames that are put into a transmit ring and moved slot by slot, as a pipe moves them, into a receive ring of the
    /// same size come out whole and in order, wherever the rings begin and however much is moved at a time.
    #[test]
    fn rings_are_a_queue_of_frames(
        slots in 2_u32..80,
        start in 0_u32..80,
        first in 1_usize..40,
        buffer in 1_usize..40,
        steps in proptest::collection::vec((0_u8..3, 1_usize..300), 1..200),
    ) {
        let start = start % slots;
        let first = first.min(buffer);
        let transmit = Plain::new(slots, start, (start + slots - 1) % slots);
        let receive = Plain::new(slots, start, start);
        let (mut outgoing, mut incoming) = (window(&transmit), window(&receive));
        // The kernel's side: how many slots are on their way, and where the next one goes.
        let mut moved = start;
        let mut expected = VecDeque::new();
        let pieces = RefCell::new(Vec::new());
        for (step, size) in steps {
            match step {
                0 => {
                    let most = MOST_FRAGMENTS.min(slots - 1);
                    let Some(shape) = Shape::new(size, first, buffer, most) else { continue };
                    if outgoing.ours() < shape.slots {
                        continue;
                    }
                    pieces.borrow_mut().clear();
                    put_frame(&transmit, &outgoing, shape, |_, from, count| {
                        pieces.borrow_mut().push((from, count));
                        Ok::<_, ()>(())
                    }).unwrap();
                    let mut end = 0;
                    for (from, count) in pieces.borrow().iter() {
                        prop_assert_eq!(*from, end);
                        end += count;
                    }
                    prop_assert_eq!(end, size);
                    outgoing.advance(shape.slots);
                    transmit.publish(outgoing.head(), outgoing.head());
                    expected.push_back((shape.slots, size));
                }
                1 => {
                    for _ in 0..size {
                        let full = (moved + 1) % slots == receive.head.get();
                        if moved == transmit.head.get() || full {
                            break;
                        }
                        let slot = transmit.slot(moved);
                        receive.set_slot(moved, slot);
                        moved = (moved + 1) % slots;
                    }
                    receive.tail.set(moved);
                    transmit.tail.set((receive.head.get() + slots - 1) % slots);
                    outgoing.learn(transmit.tail()).unwrap();
                }
                _ => {
                    incoming.learn(receive.tail()).unwrap();
                    while let Next::Frame { slots, length } =
                        next_frame(&receive, &incoming, u32::try_from(buffer).unwrap())
                    {
                        prop_assert_eq!(expected.pop_front(), Some((slots, length)));
                        incoming.advance(slots);
                        receive.publish(incoming.head(), incoming.head());
                    }
                }
            }
        }
    }

    /// Whatever stands in a ring, looking at it ends, and tells of no more slots than are ours.
    #[test]
    fn no_garbage_leads_out_of_the_window(
        words in proptest::collection::vec(any::<u64>(), 2..80),
        head in 0_u32..80,
        tail in 0_u32..80,
        buffer in 1_u32..70_000,
    ) {
        let slots = u32::try_from(words.len()).unwrap();
        let ring = Plain::new(slots, head % slots, tail % slots);
        for (cell, word) in ring.slots.iter().zip(words) {
            cell.set(Slot::from_word(word));
        }
        let mut window = window(&ring);
        while window.ours() > 0 {
            let slots = match next_frame(&ring, &window, buffer) {
                Next::Nothing => break,
                Next::Frame { slots, length } => {
                    prop_assert!(length <= slots as usize * buffer as usize);
                    slots
                }
                Next::Empty { slots } | Next::Malformed { slots } => slots,
            };
            prop_assert!((1..=window.ours().min(MOST_FRAGMENTS)).contains(&slots));
            window.advance(slots);
        }
    }
}
