//! sched_getaffinity(2) and sched_setaffinity(2).

use std::io::{self, ErrorKind};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// CPUs that a thread may use.
#[derive(Clone, Debug)]
pub(in super::super) struct Set(CpuSet);

impl Set {
    /// Those of this thread.
    pub(in super::super) fn usable() -> io::Result<Self> {
        Ok(Self(sched_getaffinity(None)?))
    }

    /// How many there are.
    pub(in super::super) fn count(&self) -> usize {
        self.numbers().count()
    }

    /// Keeps this thread to so many of them: the last ones, which have the least interrupts to serve.
    pub(in super::super) fn keep_to(&self, count: usize) -> io::Result<()> {
        let there = self.count();
        if count == 0 || count > there {
            let message = format!("{count} CPUs are asked for, and this thread may use {there}");
            return Err(io::Error::new(ErrorKind::InvalidInput, message));
        }
        let mut few = CpuSet::new();
        let last = self.numbers().skip(there - count);
        last.for_each(|cpu| few.set(cpu));
        Ok(sched_setaffinity(None, &few)?)
    }

    fn numbers(&self) -> impl Iterator<Item = usize> + '_ {
        (0..CpuSet::MAX_CPU).filter(|cpu| self.0.is_set(*cpu))
    }
}
