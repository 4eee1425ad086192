//! What can be measured.

use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

/// Something that the library does, and the same thing done by hand.
pub(super) trait Case {
    /// What it is, in a few words.
    fn name(&self) -> String;

    /// What is counted, in the singular.
    fn unit(&self) -> Unit;

    /// What its time is measured with.
    fn clock(&self) -> Clock {
        Clock::ThisThread
    }

    /// How long to go on in each round.
    fn duration(&self) -> Duration {
        Duration::from_millis(15)
    }

    /// The most that the library's cost may be, seen from that of the hand-made one; `None` for a row that only
    /// informs.
    fn goal(&self) -> Option<f64>;

    /// Makes everything ready for one run of `contestant`. Not measured.
    ///
    /// # Errors
    ///
    /// If something is in the way.
    fn prepare(&mut self, contestant: Contestant) -> Result<()>;

    /// Does it through the library, at least once; returns how many units were done.
    ///
    /// # Errors
    ///
    /// If it did not work.
    fn run_contender(&mut self) -> Result<u64>;

    /// Does it by hand, at least once; returns how many units were done.
    ///
    /// # Errors
    ///
    /// If it did not work.
    fn run_bare(&mut self) -> Result<u64>;

    /// Does it once more.
    ///
    /// # Errors
    ///
    /// If it did not work.
    fn run(&mut self, contestant: Contestant) -> Result<u64> {
        match contestant {
            Contestant::Contender => self.run_contender(),
            Contestant::Bare => self.run_bare(),
        }
    }
}

/// Who runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Contestant {
    /// The library.
    Contender,
    /// The loop without it.
    Bare,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Unit {
    /// Frames: the time of each counts.
    Frame,
    /// Bytes of a stream: how many pass in a second counts.
    Byte,
}

/// What time is measured with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clock {
    /// CPU time of the measuring thread: what others do meanwhile does not count.
    ThisThread,
    /// Time on the wall, for work of several threads and the kernel.
    Wall,
}
