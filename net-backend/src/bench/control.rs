//! Work that is always the same: where its time varies, so do all others.

use std::hint::black_box;
use std::time::Duration;

use rustix::process::getppid;
use serde::{Deserialize, Serialize};

use super::clock::thread_time;
use super::spread::float;

/// What is done in every round beside the contestants: memory is copied, and the kernel is asked for nothing much.
#[derive(Debug)]
pub(super) struct Control {
    from: Vec<u8>,
    to: Vec<u8>,
    times: Controls,
}

/// Times of work that is always the same, one for each round.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Controls {
    /// Nanoseconds for a copy of 1514 bytes.
    pub copies: Vec<f64>,
    /// Nanoseconds for a system call that does nothing.
    pub calls: Vec<f64>,
}

impl Control {
    /// The length of what is copied.
    const BYTES: usize = 1514;
    /// How often in a round; less than a millisecond.
    const COPIES: u64 = 20_000;
    /// System calls in a round; less than a millisecond.
    const CALLS: u64 = 2000;

    /// Not run yet.
    pub(super) fn new() -> Self {
        Self {
            from: vec![0x5a; Self::BYTES],
            to: vec![0; Self::BYTES],
            times: Controls::default(),
        }
    }

    /// Does it.
    pub(super) fn round(&mut self) {
        let start = thread_time();
        for _ in 0..Self::COPIES {
            black_box(&mut self.to).copy_from_slice(black_box(&self.from));
        }
        let between = thread_time();
        for _ in 0..Self::CALLS {
            black_box(getppid());
        }
        let end = thread_time();
        self.times.copies.push(each(between - start, Self::COPIES));
        self.times.calls.push(each(end - between, Self::CALLS));
    }

    /// How long it took.
    pub(super) fn times(&self) -> &Controls {
        &self.times
    }
}

fn each(time: Duration, count: u64) -> f64 {
    time.as_secs_f64() * 1e9 / float(count)
}
