//! A guest that changes its frames while they are sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use net_backend_core::{Activation, Features, HeaderLength, Sent, TxQueue};

use super::{frame, model, open};
use crate::TransmitQueue;
use crate::abi::ring;
use crate::sys::{Region, RingMemory};
use crate::testing::Far;

/// Bytes in the guest's memory before its buffers, the longest frame, the buffer that has one (0 and 1 are nobody's),
/// and where that is.
const BUFFERS: usize = 4096;
const LONGEST: usize = 8192;
const NUMBER: u32 = 2;
const PLACE: usize = BUFFERS + 2 * LONGEST;
const HEADER: usize = 12;
/// Frames that are sent at least, and at most until some were sent and some were refused.
const SENT: usize = 100_000;
const MOST_SENT: usize = 100 * SENT;
/// Frames between two flushes.
const BATCH: usize = 32;
/// Where sums may begin, and where they must not.
const STARTS: [u16; 2] = [14, 60_000];
/// Where they go.
const TO: u16 = 16;
/// Flags (`VIRTIO_NET_HDR_F_*`) in the first byte, kinds of segments (`VIRTIO_NET_HDR_GSO_*`) in the second: nothing,
/// a checksum, and what is refused.
const ASKED: [[u8; 2]; 5] = [[0, 0], [1, 0], [0, 1], [1, 1], [1, 4]];

/// No switch is handed a header that was not checked: what was checked is what it gets.
#[test]
fn a_switch_gets_only_headers_that_were_checked() {
    for length in [60, 1000, 5000] {
        let guest = Guest::new(length);
        let model = model();
        let far = model.port("vale0:far").unwrap();
        far.set_header("vale0:far", 12).unwrap();
        let mut near = open(&model, "netmap:vale0:near");
        let with = Activation {
            header: HeaderLength::Twelve,
            features: Features::CSUM,
            ..Activation::plain()
        };
        let (_rx, mut tx) = near.queues(&with).unwrap().remove(0);
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| guest.change_until(&is_over));
            let over = Over(&is_over);
            send_meanwhile(&guest, &mut tx, &far);
            drop(over);
        });
    }
}

fn send_meanwhile(guest: &Guest, tx: &mut TransmitQueue, far: &Far) {
    let (mut queued, mut dropped) = (0, 0);
    for number in 0..MOST_SENT {
        if number >= SENT && queued > 0 && dropped > 0 {
            break;
        }
        let piece = guest.memory.piece(NUMBER, guest.length).unwrap();
        match tx.send(&[piece]).unwrap() {
            Sent::Queued => queued += 1,
            Sent::Dropped(_) => dropped += 1,
            Sent::Busy { .. } => panic!("a switch takes everything"),
        }
        if number % BATCH == 0 {
            tx.flush().unwrap();
            while let Some(bytes) = far.receive().unwrap() {
                assert_eq!(bytes.len(), guest.length);
                assert_checked(&bytes);
            }
        }
    }
    assert!(
        queued > 0 && dropped > 0,
        "of frames of {} bytes {queued} were sent and {dropped} dropped: nothing changed",
        guest.length
    );
}

/// Whether the header asks for nothing, or for the one thing that was negotiated and can be done.
fn assert_checked(bytes: &[u8]) {
    let header = &bytes[..HEADER];
    let word = |at| u16::from_le_bytes([header[at], header[at + 1]]);
    match (header[0], header[1]) {
        (0, 0) => {}
        (1, 0) => assert_eq!((word(6), word(8)), (STARTS[0], TO), "{header:?}"),
        _ => panic!("nobody checked {header:?}"),
    }
}

/// Memory of a guest with one frame in it.
struct Guest {
    region: Arc<Region>,
    /// The same memory as a ring with a buffer that is the frame.
    memory: RingMemory,
    length: usize,
}

impl Guest {
    fn new(length: usize) -> Self {
        let region = Region::anonymous(PLACE + LONGEST).unwrap();
        assert!(region.store_u32(ring::SLOTS, 2));
        assert!(region.store_u32(ring::BUFFER_SIZE, LONGEST as u32));
        assert!(region.store_u64(ring::BUFFERS_OFFSET, BUFFERS as u64));
        assert!(region.write(PLACE + HEADER, &frame(1, length)));
        assert!(region.store_u16(PLACE + 8, TO.to_le()));
        Self {
            memory: RingMemory::new(&region, 0).unwrap(),
            length: HEADER + length,
            region,
        }
    }

    fn change_until(&self, is_over: &AtomicBool) {
        let mut number = 0_usize;
        while !is_over.load(Ordering::Relaxed) {
            let asked = ASKED[number % ASKED.len()];
            self.region.store_u16(PLACE, u16::from_ne_bytes(asked));
            let start = STARTS[number / ASKED.len() % STARTS.len()];
            self.region.store_u16(PLACE + 6, start.to_le());
            number += 1;
        }
    }
}

/// Ends the changes also when an assertion fails.
struct Over<'o>(&'o AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
