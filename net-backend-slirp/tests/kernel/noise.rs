//! A bad cable: it loses frames, doubles them, and lets some be overtaken by others. From a seed, so that what happened
//! happens again.

use std::collections::VecDeque;

/// One frame in so many is lost, another one comes twice, another one late.
const ODDS: u64 = 100;
/// A frame that is late is overtaken by at most so many.
const LATEST: u64 = 4;

/// One direction of the cable.
pub(crate) struct Noise {
    state: u64,
    late: Vec<Late>,
    /// What was done.
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
    pub(crate) delayed: u64,
}

struct Late {
    frame: Vec<u8>,
    /// Frames that have yet to overtake it.
    overtakers: u64,
}

impl Noise {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            // Zero would stay zero.
            state: seed | 1,
            late: Vec::new(),
            lost: 0,
            doubled: 0,
            delayed: 0,
        }
    }

    /// A frame comes in; what comes out is appended to `out`.
    pub(crate) fn pass(&mut self, frame: &[u8], out: &mut VecDeque<Vec<u8>>) {
        match self.below(ODDS) {
            0 => self.lost += 1,
            1 => {
                self.doubled += 1;
                out.extend([frame.to_vec(), frame.to_vec()]);
            }
            2 => {
                self.delayed += 1;
                let overtakers = 1 + self.below(LATEST);
                let frame = frame.to_vec();
                self.late.push(Late { frame, overtakers });
                return;
            }
            _ => out.push_back(frame.to_vec()),
        }
        for late in &mut self.late {
            late.overtakers -= 1;
            if late.overtakers == 0 {
                out.push_back(std::mem::take(&mut late.frame));
            }
        }
        self.late.retain(|late| late.overtakers > 0);
    }

    /// Nothing comes in that could overtake; what was late comes out.
    pub(crate) fn settle(&mut self, out: &mut VecDeque<Vec<u8>>) {
        out.extend(self.late.drain(..).map(|late| late.frame));
    }

    /// A number below `bound`, by xorshift64* (Vigna 2016).
    fn below(&mut self, bound: u64) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        (self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound
    }
}
