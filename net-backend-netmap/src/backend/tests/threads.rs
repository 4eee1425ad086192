//! The halves of a pair in different threads.

use std::thread;
use std::time::Duration;

use net_backend_core::testing::ready;
use net_backend_core::{RxQueue, RxSlice, Sent, TxQueue};

use super::{frame, model, open, queues, send};
use crate::testing::Far;
use crate::{ReceiveQueue, TransmitQueue};

/// Numbers that a frame can say.
const NUMBERS: usize = 1000;
const NAP: Duration = Duration::from_millis(10);

#[test]
fn halves_in_two_threads_pass_everything_in_order() {
    for (rings, count) in [(1, 100_000), (2, 20_000)] {
        let model = model();
        let name = format!("netmap:vale0:x{{1?slots=128&rings={rings}");
        let mut near = open(&model, &name);
        let far = model.port("vale0:x}1").unwrap();
        let (rx, tx) = queues(&mut near);
        thread::scope(|scope| {
            scope.spawn(|| transmit(tx, count));
            scope.spawn(|| bounce(&far, count));
            assert_eq!(scope.spawn(|| collect(rx, count)).join().unwrap(), count);
        });
    }
}

fn transmit(mut tx: TransmitQueue, count: usize) {
    let frames: Vec<_> = (0..NUMBERS)
        .map(|number| frame(number, 60 + number))
        .collect();
    for number in 0..count {
        while send(&mut tx, &frames[number % NUMBERS]) != Sent::Queued {
            tx.flush().unwrap();
            ready(tx.source(), NAP).unwrap();
        }
        if number % 7 == 0 {
            tx.flush().unwrap();
        }
    }
    tx.flush().unwrap();
}

/// Sends back what comes.
fn bounce(far: &Far, count: usize) {
    for _ in 0..count {
        let bytes = loop {
            match far.receive().unwrap() {
                Some(bytes) => break bytes,
                None => thread::yield_now(),
            }
        };
        while !far.send(&bytes).unwrap() {
            far.receive_sync().unwrap();
            thread::yield_now();
        }
    }
    far.receive_sync().unwrap();
}

/// How many frames came, in order.
fn collect(mut rx: ReceiveQueue, count: usize) -> usize {
    let frames: Vec<_> = (0..NUMBERS)
        .map(|number| frame(number, 60 + number))
        .collect();
    let mut buffer = vec![0; 2000];
    for number in 0..count {
        let bytes = loop {
            let received = rx.recv(&mut [RxSlice::new(&mut buffer)]).unwrap();
            match received {
                Some(received) => break &buffer[..received.length],
                None => ready(rx.source(), NAP).map(drop).unwrap(),
            }
        };
        assert!(*bytes == frames[number % NUMBERS], "frame {number}");
    }
    count
}
