//! What can be measured, in terms of this program.

use std::error::Error;
use std::time::Duration;

use anyhow::Result;
use net_backend::bench::{self, Clock, Contestant, Outcome, Pair, Role, Unit};

/// A case of [`net_backend::bench`], with errors that say where they are from.
pub(super) trait Case {
    /// Its group in one word, a space, and what it is in a few words.
    fn name(&self) -> String;

    /// Its place among the cases of a plot: bytes of a frame, say.
    fn at(&self) -> Option<f64> {
        None
    }

    /// What is counted.
    fn unit(&self) -> Unit;

    /// What its cost is measured with.
    fn clock(&self) -> Clock {
        Clock::ThisThread
    }

    /// How long to go on in each round.
    fn duration(&self) -> Duration {
        Duration::from_millis(15)
    }

    /// Who does it.
    fn contestants(&self) -> Vec<Contestant> {
        two("library", "by hand")
    }

    /// Who is compared with whom.
    fn pairs(&self) -> Vec<Pair> {
        Pair::by_role(&self.contestants())
    }

    /// What the table has to say beside the figures, one line each.
    fn remarks(&self) -> Vec<String> {
        Vec::new()
    }

    /// Makes everything ready for one run. Not measured.
    ///
    /// # Errors
    ///
    /// If something is in the way.
    fn prepare(&mut self, contestant: Who) -> Result<()>;

    /// Does it at least once; returns how many units were done.
    ///
    /// # Errors
    ///
    /// If it did not work.
    fn run(&mut self, contestant: Who) -> Result<u64>;

    /// Ends a run; returns how many of its units did not arrive. Not measured.
    ///
    /// # Errors
    ///
    /// If it did not work.
    fn settle(&mut self, contestant: Who) -> Result<u64> {
        let _all_arrived = contestant;
        Ok(0)
    }

    /// Hands over how many nanoseconds each unit of the last run took, where units take different times. Not measured.
    fn latencies(&mut self, contestant: Who) -> Vec<u32> {
        let _not_told = contestant;
        Vec::new()
    }

    /// The CPU time that other processes have spent for this contestant so far. Not measured.
    fn time_of_others(&mut self, contestant: Who) -> Duration {
        let _nobody_helps = contestant;
        Duration::ZERO
    }
}

/// Who runs: a place in [`Case::contestants`].
pub(super) type Who = usize;

/// The library, where there are two.
pub(super) const LIBRARY: Who = 0;
/// The loop without it, where there are two.
pub(super) const BY_HAND: Who = 1;

/// The library, and a loop without it.
pub(super) fn two(library: &str, by_hand: &str) -> Vec<Contestant> {
    vec![
        Contestant::new(library, Role::Library),
        Contestant::new(by_hand, Role::ByHand),
    ]
}

/// The same error, so that it is still known what is no failure ([`bench::Unavailable`]).
pub(super) fn boxed(error: anyhow::Error) -> Box<dyn Error + Send + Sync> {
    error.reallocate_into_boxed_dyn_error_without_backtrace()
}

/// A case as the library wants it.
pub(super) struct Adapted(pub(super) Box<dyn Case>);

impl bench::Case for Adapted {
    fn section(&self) -> String {
        let name = self.0.name();
        name.split(' ').next().unwrap_or_default().to_owned()
    }

    fn name(&self) -> String {
        let name = self.0.name();
        let rest = name.split_once(' ').map(|(_, rest)| rest.to_owned());
        rest.unwrap_or(name)
    }

    fn at(&self) -> Option<f64> {
        self.0.at()
    }

    fn unit(&self) -> Unit {
        self.0.unit()
    }

    fn clock(&self) -> Clock {
        self.0.clock()
    }

    fn duration(&self) -> Duration {
        self.0.duration()
    }

    fn contestants(&self) -> Vec<Contestant> {
        self.0.contestants()
    }

    fn pairs(&self) -> Vec<Pair> {
        self.0.pairs()
    }

    fn remarks(&self) -> Vec<String> {
        self.0.remarks()
    }

    fn prepare(&mut self, contestant: Who) -> Outcome<()> {
        self.0.prepare(contestant).map_err(boxed)
    }

    fn run(&mut self, contestant: Who) -> Outcome<u64> {
        self.0.run(contestant).map_err(boxed)
    }

    fn settle(&mut self, contestant: Who) -> Outcome<u64> {
        self.0.settle(contestant).map_err(boxed)
    }

    fn latencies(&mut self, contestant: Who) -> Vec<u32> {
        self.0.latencies(contestant)
    }

    fn time_of_others(&mut self, contestant: Who) -> Duration {
        self.0.time_of_others(contestant)
    }
}
