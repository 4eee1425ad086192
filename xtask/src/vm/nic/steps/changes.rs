//! What changes while the guest runs, after which everything has to go on.

use std::collections::BTreeMap;

use anyhow::{Result, bail, ensure};

use super::super::agent::{Answer, Feature, Request};
use super::super::report::Verdict;
use super::super::session::Session;
use super::super::wire::Wire;
use super::traffic::{Flow, echo, transfer, works};

/// What a NIC does for the guest when the daemon is behind it.
const EXPECTED: &[&str] = &["tx-checksum-ip-generic", "tx-tcp-segmentation"];

/// What is switched off and on, as far as it is on and can be switched.
const OFFLOADS: &[&str] = &[
    "tx-checksum-ip-generic",
    "tx-generic-segmentation",
    "tx-tcp-segmentation",
    "tx-tcp-ecn-segmentation",
    "tx-tcp6-segmentation",
    "rx-gro",
    "rx-gro-hw",
    "rx-lro",
];

/// What the driver counts of both queue pairs.
const PACKETS: &[&str] = &[
    "rx_queue_0_packets",
    "rx_queue_1_packets",
    "tx_queue_0_packets",
    "tx_queue_1_packets",
];

/// An IP MTU that needs long frames, the bytes of an echo request that fills most of one, and the ordinary one.
const JUMBO: u16 = 9000;
const JUMBO_PAYLOAD: usize = 8900;
const MTU: u16 = 1500;

/// The plug is pulled and put back.
pub(super) fn link(session: &mut Session<'_>) -> Result<Verdict> {
    session.machine.set_link(false)?;
    let noticed = session.ask(&Request::Carrier(false));
    session.machine.set_link(true)?;
    noticed?;
    session.ask(&Request::Carrier(true))?;
    works(session).map(Verdict::Done)
}

/// What the NIC does is done by the guest's kernel, and then by the NIC again.
pub(super) fn offloads(session: &mut Session<'_>) -> Result<Verdict> {
    let before = features(session)?;
    if session.daemon.is_some() {
        for name in EXPECTED {
            ensure!(is_on(&before, name), "the NIC does no {name}");
        }
    }
    let can = |it: &&Feature| OFFLOADS.contains(&it.name.as_str()) && it.active && it.changeable;
    let names: Vec<String> = before
        .iter()
        .filter(can)
        .map(|it| it.name.clone())
        .collect();
    ensure!(!names.is_empty(), "nothing can be switched: {before:?}");
    let mut rates = Vec::new();
    for on in [false, true] {
        let request = Request::SwitchFeatures {
            names: names.clone(),
            on,
        };
        session.ask(&request)?;
        let after = features(session)?;
        let stuck = names.iter().find(|name| is_on(&after, name) != on);
        ensure!(stuck.is_none(), "this did not switch: {stuck:?}");
        rates.push(works(session)?);
    }
    let (rates, names) = (rates.join(", then "), names.join(" "));
    Ok(Verdict::Done(format!("{rates} ({names})")))
}

/// One queue pair, and then both, with as many connections that both get some.
pub(super) fn queues(session: &mut Session<'_>) -> Result<Verdict> {
    const CONNECTIONS: u64 = 8;
    let wanted = session.wire.queues();
    let (_, most) = channels(session, None)?;
    ensure!(most == wanted, "{most} queue pairs, not {wanted}");
    if most < 2 {
        let reason = format!("{} has one queue pair", session.wire.name());
        return Ok(Verdict::Skipped(reason));
    }
    channels(session, Some(1))?;
    works(session)?;
    channels(session, Some(2))?;
    let before = statistics(session)?;
    let bytes = session.bytes / CONNECTIONS;
    let flows: Vec<Flow> = (0..CONNECTIONS)
        .map(|number| match number % 2 {
            0 => Flow::Up(bytes),
            _ => Flow::Down(bytes),
        })
        .collect();
    let rate = transfer(session, false, &flows)?;
    let after = statistics(session)?;
    for counter in PACKETS {
        let count = |of: &BTreeMap<String, u64>| of.get(*counter).copied();
        ensure!(count(&after) > count(&before), "{counter} stays: {after:?}");
    }
    Ok(Verdict::Done(rate))
}

/// Frames of 9000 bytes.
pub(super) fn jumbo(session: &mut Session<'_>) -> Result<Verdict> {
    if session.wire != Wire::Tap {
        let reason = "the MTU of this network is set when it is opened";
        return Ok(Verdict::Skipped(reason.to_owned()));
    }
    session.host.set_mtu(JUMBO)?;
    session.ask(&Request::Mtu(JUMBO))?;
    echo(session, JUMBO_PAYLOAD)?;
    let rate = works(session)?;
    session.ask(&Request::Mtu(MTU))?;
    session.host.set_mtu(MTU)?;
    echo(session, JUMBO_PAYLOAD)?;
    Ok(Verdict::Done(rate))
}

/// The NIC loses its driver and gets it back.
pub(super) fn driver(session: &mut Session<'_>) -> Result<Verdict> {
    session.ask(&Request::Driver(false))?;
    session.ask(&Request::Driver(true))?;
    super::lease(session)?;
    works(session).map(Verdict::Done)
}

/// The daemon dies without a word, and another one takes its place.
pub(super) fn daemon(session: &mut Session<'_>) -> Result<Verdict> {
    let Session {
        daemon,
        host,
        machine,
        ..
    } = session;
    let Some(daemon) = daemon else {
        return Ok(Verdict::Skipped("there is none".to_owned()));
    };
    daemon.replace(host, || machine.ask(&Request::Carrier(false)).map(drop))?;
    host.dress()?;
    machine.ask(&Request::Carrier(true))?;
    works(session).map(Verdict::Done)
}

/// The guest starts again, with the same QEMU and the same daemon.
pub(super) fn reboot(session: &mut Session<'_>) -> Result<Verdict> {
    session.ask(&Request::Restart)?;
    super::boot(session)?;
    super::lease(session)?;
    works(session).map(Verdict::Done)
}

fn features(session: &mut Session<'_>) -> Result<Vec<Feature>> {
    match session.ask(&Request::Features)? {
        Answer::Features(features) => Ok(features),
        other => bail!("no features, but {other:?}"),
    }
}

fn is_on(features: &[Feature], name: &str) -> bool {
    features.iter().any(|it| it.name == name && it.active)
}

fn channels(session: &mut Session<'_>, wanted: Option<u32>) -> Result<(u32, u32)> {
    match session.ask(&Request::Channels(wanted))? {
        Answer::Channels { used, most } => {
            let is_right = wanted.is_none_or(|wanted| wanted == used);
            ensure!(is_right, "{used} of {most} queue pairs are in use");
            Ok((used, most))
        }
        other => bail!("no queues, but {other:?}"),
    }
}

fn statistics(session: &mut Session<'_>) -> Result<BTreeMap<String, u64>> {
    match session.ask(&Request::Statistics)? {
        Answer::Counts(counts) => Ok(counts),
        other => bail!("no counts, but {other:?}"),
    }
}
