//! What is tried with a guest, in this order. A step leaves the guest as it found it.

mod changes;
mod traffic;

use anyhow::{Context, Result, bail, ensure};

use super::agent::{Answer, Request};
use super::report::Verdict;
use super::session::Session;

/// What a step is called, and what it does.
pub(super) type Step = (&'static str, fn(&mut Session<'_>) -> Result<Verdict>);

/// What the others cannot do without.
pub(super) const FIRST: &[Step] = &[("boot", boot), ("DHCP lease", lease)];

/// The others.
pub(super) const STEPS: &[Step] = &[
    ("ping", traffic::ping),
    ("page from the host", traffic::page_from_host),
    ("upload", traffic::upload),
    ("download", traffic::download),
    ("upload and download at once", traffic::both),
    ("forwarded port", traffic::forwarded),
    ("IPv6", traffic::ipv6),
    ("link down and up", changes::link),
    ("offloads off and on", changes::offloads),
    ("two queues", changes::queues),
    ("jumbo frames", changes::jumbo),
    ("driver unbound and bound", changes::driver),
    ("daemon killed and restarted", changes::daemon),
    ("reboot", changes::reboot),
];

fn boot(session: &mut Session<'_>) -> Result<Verdict> {
    let version = session.machine.wait_until_ready()?;
    Ok(Verdict::Done(format!("Linux {version}")))
}

fn lease(session: &mut Session<'_>) -> Result<Verdict> {
    let Answer::Addresses(addresses) = session.ask(&Request::Lease)? else {
        bail!("no addresses");
    };
    let host = session.host.address(false)?;
    ensure!(
        addresses.get(1) == Some(&host),
        "the gateway is not {host}: {addresses:?}"
    );
    let own = addresses.first().context("no address")?;
    Ok(Verdict::Done(format!("{own}, gateway {host}")))
}
