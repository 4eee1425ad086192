//! A stream between two stacks asks for no memory once it is under way.

#![expect(clippy::unwrap_used, reason = "tests may fail so")]

#[path = "../smoltcp/stack.rs"]
#[expect(dead_code, reason = "the other tests wait, and use slirp")]
mod stack;
mod sys;

use net_backend::Features;
use net_backend::memory::{PairConfig, pair};

use crate::stack::{Stack, exchange};
use crate::sys::allocations;

#[test]
fn frames_ask_for_no_memory() {
    for features in [Features::OFFLOADS, Features::empty()] {
        let (left, right) = pair(&PairConfig {
            features,
            ..PairConfig::default()
        })
        .unwrap();
        let mut stacks = [
            Stack::new(Box::new(left), 1),
            Stack::new(Box::new(right), 2),
        ];
        // The connection, the neighbours, and the longest bursts.
        exchange(&mut stacks, 1 << 20);
        let before = stacks
            .each_ref()
            .map(|stack| stack.device.sent().snapshot());
        let memory = allocations();
        for _ in 0..1000 {
            for stack in &mut stacks {
                let socket = stack.socket();
                let _sent = socket.send_slice(&[0x5a; 4096]).unwrap();
                socket.recv(|bytes| (bytes.len(), ())).unwrap();
                stack.turn();
            }
        }
        assert_eq!(allocations() - memory, 0);
        for (stack, before) in stacks.iter().zip(before) {
            let sent = stack.device.sent().snapshot().frames - before.frames;
            assert!(sent > 1000, "{sent} frames");
        }
    }
}
