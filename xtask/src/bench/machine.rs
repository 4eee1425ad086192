//! The process and its place on the machine, before anything is measured.

use anyhow::{Context, Result, ensure};
use net_backend_tap::testing::enter_private_network;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Enters a private network if rows with `only` in their names need one, and raises limits. Must be called before there is a
/// second thread.
///
/// # Errors
///
/// If the system refuses.
pub(super) fn prepare(only: &str) -> Result<Cpus> {
    if needs_network(only) {
        enter_private_network().context("cannot make a private network")?;
    }
    raise_limits()?;
    let allowed = sched_getaffinity(None)?;
    Ok(Cpus { allowed })
}

/// Whether one of the rows with `only` in their names needs a network: rings and pairs of sockets do without.
pub(super) fn needs_network(only: &str) -> bool {
    !["netgraph", "netmap"].iter().any(|it| only.starts_with(it))
}

/// The CPUs that this process may use.
pub(super) struct Cpus {
    allowed: CpuSet,
}

impl Cpus {
    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.allowed.count() as usize
    }

    /// Keeps this thread, and those and the processes that it makes from now on, to some of them: the last ones, which have
    /// the least interrupts to serve.
    ///
    /// # Errors
    ///
    /// If there are not so many.
    pub(super) fn keep_to(&self, count: usize) -> Result<()> {
        let last = (0..CpuSet::MAX_CPU)
            .rev()
            .filter(|cpu| self.allowed.is_set(*cpu));
        let mut few = CpuSet::new();
        last.take(count).for_each(|cpu| few.set(cpu));
        ensure!(
            few.count() as usize == count,
            "--cpus {count}: this process may use {}",
            self.allowed.count()
        );
        Ok(sched_setaffinity(None, &few)?)
    }
}

/// Idle connections take a descriptor on each side of each network.
fn raise_limits() -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let most = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    Ok(setrlimit(Resource::Nofile, most)?)
}
