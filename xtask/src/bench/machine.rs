//! The process and its place on the machine, before anything is measured.

use anyhow::{Context, Result};
use net_backend::bench::Cpus;
use net_backend_tap::testing::enter_private_network;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Enters a private network if rows with `only` in their names need one, and raises limits; the CPUs that this process may use. Must
/// be called before there is a second thread.
///
/// # Errors
///
/// If the system refuses.
pub(super) fn prepare(only: &str) -> Result<Cpus> {
    if needs_network(only) {
        enter_private_network().context("cannot make a private network")?;
    }
    raise_limits()?;
    Ok(Cpus::usable()?)
}

/// Whether one of the rows with `only` in their names needs a network: rings and pairs of sockets do without.
pub(super) fn needs_network(only: &str) -> bool {
    !["netgraph", "netmap"].iter().any(|it| only.starts_with(it))
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
