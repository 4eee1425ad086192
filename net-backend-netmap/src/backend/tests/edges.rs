//! Short rings, long frames, and a receiver that only an edge wakes.

use std::time::Duration;

use net_backend_core::testing::{Edge, ready};
use net_backend_core::{RxQueue, Sent, TxQueue};

use super::{frame, open, queues, receive, send};
use crate::testing::{Model, Polling, Settings};
use crate::{ReceiveQueue, TransmitQueue};

/// Wakes both sides so often while nothing can be sent. In the model each call has happened when it returns.
const ROUNDS: usize = 5;
const NOW: Duration = Duration::ZERO;

#[test]
fn long_frames_pass_through_short_rings_on_edges() {
    for polling in [Polling::Synchronises, Polling::OnlyWakes] {
        for slots in [8, 9, 16, 32, 33, 64, 128] {
            for rings in [1, 2] {
                let model = Model::new(Settings {
                    polling,
                    ..Settings::default()
                });
                let model = model.unwrap();
                let [near, far] = ["{1", "}1"].map(|end| {
                    let name = format!("netmap:vale0:x{end}?slots={slots}&rings={rings}");
                    open(&model, &name)
                });
                let (mut near, mut far) = (near, far);
                let (_, mut tx) = queues(&mut near);
                let (mut rx, _) = queues(&mut far);
                println!("{polling:?}, {rings} rings of {slots} slots");
                // One slot is never used, and a frame is never longer than 64 KiB.
                pass(&mut tx, &mut rx, 2048 * (slots - 1).min(31));
            }
        }
    }
}

fn pass(tx: &mut TransmitQueue, rx: &mut ReceiveQueue, longest: usize) {
    let edge = Edge::new(rx.source()).unwrap();
    let mut received = 0;
    let lengths = [60, 60, longest, 60, longest, longest, 60, 60, 60];
    let lengths: Vec<_> = lengths.iter().copied().cycle().take(200).collect();
    for (number, &length) in lengths.iter().enumerate() {
        let bytes = frame(number, length);
        let sent = (0..ROUNDS).any(|_| {
            let sent = send(tx, &bytes);
            tx.flush().unwrap();
            if edge.wait(NOW).unwrap() {
                while let Some(bytes) = receive(rx) {
                    assert!(bytes == frame(received, lengths[received]));
                    received += 1;
                }
            }
            let _has_room = ready(tx.source(), NOW).unwrap();
            sent == Sent::Queued
        });
        assert!(sent, "frame {number} of {length} bytes waits for ever");
    }
    assert_eq!(received, lengths.len());
}
