//! The process and its place on the machine, before anything is measured.

use anyhow::{Context, Result, ensure};
use net_backend_tap::testing::enter_private_network;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Enters a private network if rows with `only` in their names need one, keeps to some CPUs, and raises limits. Must be
/// called before there is a second thread.
///
/// # Errors
///
/// If the system refuses.
pub(super) fn prepare(only: &str, cpus: usize) -> Result<()> {
    // Rings and pairs of sockets need no network.
    if !["netgraph", "netmap"].iter().any(|it| only.starts_with(it)) {
        enter_private_network().context("cannot make a private network")?;
    }
    pin(cpus)?;
    raise_limits()
}

/// Keeps this thread and those that it makes on some CPUs: the last ones, which have the least interrupts to serve.
///
/// # Errors
///
/// If there are not so many.
pub(super) fn pin(count: usize) -> Result<()> {
    let allowed = sched_getaffinity(None)?;
    let last = (0..CpuSet::MAX_CPU)
        .rev()
        .filter(|cpu| allowed.is_set(*cpu));
    let mut few = CpuSet::new();
    last.take(count).for_each(|cpu| few.set(cpu));
    ensure!(
        few.count() as usize == count,
        "--cpus {count}: this process may use {}",
        allowed.count()
    );
    Ok(sched_setaffinity(None, &few)?)
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
