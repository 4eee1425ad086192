//! sched_getaffinity(2) and sched_setaffinity(2).

use std::io::{self, ErrorKind};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// How many this thread may use.
pub(in super::super) fn usable() -> io::Result<usize> {
    Ok(numbers(&sched_getaffinity(None)?).count())
}

/// Keeps this thread to so many of those that it may use: the last ones, which have the least interrupts to serve.
pub(in super::super) fn keep_to(count: usize) -> io::Result<()> {
    let allowed = sched_getaffinity(None)?;
    let there = numbers(&allowed).count();
    if count == 0 || count > there {
        let message = format!("{count} CPUs are asked for, and this thread may use {there}");
        return Err(io::Error::new(ErrorKind::InvalidInput, message));
    }
    let mut few = CpuSet::new();
    let last = numbers(&allowed).skip(there - count);
    last.for_each(|cpu| few.set(cpu));
    Ok(sched_setaffinity(None, &few)?)
}

fn numbers(set: &CpuSet) -> impl Iterator<Item = usize> + '_ {
    (0..CpuSet::MAX_CPU).filter(|cpu| set.is_set(*cpu))
}
