//! What goes through the NIC.

use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use super::super::agent::{Answer, GREETING, Request, Transfer};
use super::super::report::Verdict;
use super::super::session::Session;
use super::super::wire::Wire;
use super::super::{page, pattern};

/// What the host's page says.
const FROM_HOST: &str = "hello from the host";

/// Bytes of an ordinary echo request.
const PAYLOAD: usize = 56;

/// Which way bytes go, and how many.
#[derive(Clone, Copy, Debug)]
pub(super) enum Flow {
    /// From the guest.
    Up(u64),
    /// To the guest.
    Down(u64),
}

/// Echo requests to the host.
pub(super) fn ping(session: &mut Session<'_>) -> Result<Verdict> {
    echo(session, PAYLOAD).map(Verdict::Done)
}

/// A page of the host.
pub(super) fn page_from_host(session: &mut Session<'_>) -> Result<Verdict> {
    fetch(session, false)?;
    Ok(Verdict::Done(FROM_HOST.to_owned()))
}

/// Bytes from the guest.
pub(super) fn upload(session: &mut Session<'_>) -> Result<Verdict> {
    let flow = Flow::Up(session.bytes);
    transfer(session, false, &[flow]).map(Verdict::Done)
}

/// Bytes to the guest.
pub(super) fn download(session: &mut Session<'_>) -> Result<Verdict> {
    let flow = Flow::Down(session.bytes);
    transfer(session, false, &[flow]).map(Verdict::Done)
}

/// Both at once.
pub(super) fn both(session: &mut Session<'_>) -> Result<Verdict> {
    let flows = [Flow::Up(session.bytes), Flow::Down(session.bytes)];
    transfer(session, false, &flows).map(Verdict::Done)
}

/// The guest's page, through a port of the host.
pub(super) fn forwarded(session: &mut Session<'_>) -> Result<Verdict> {
    if session.wire == Wire::Tap {
        return Ok(Verdict::Skipped("a tap forwards no ports".to_owned()));
    }
    let text = session.host.fetch()?;
    ensure!(text == GREETING, "{GREETING:?} became {text:?} on its way");
    Ok(Verdict::Done(text))
}

/// Addresses, a page and bytes both ways. Where there is no router, the addresses are those of the link.
pub(super) fn ipv6(session: &mut Session<'_>) -> Result<Verdict> {
    let global = session.wire.host6().is_some();
    let Answer::Addresses(addresses) = session.ask(&Request::Ipv6 { global })? else {
        bail!("no addresses");
    };
    fetch(session, true)?;
    let flows = [Flow::Up(session.part()), Flow::Down(session.part())];
    let rate = transfer(session, true, &flows)?;
    let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    Ok(Verdict::Done(format!("{}, {rate}", addresses.join(" "))))
}

/// Whether packets pass, after something has changed: an echo request, a page, some bytes both ways.
pub(super) fn works(session: &mut Session<'_>) -> Result<String> {
    echo(session, PAYLOAD)?;
    fetch(session, false)?;
    let flows = [Flow::Up(session.part()), Flow::Down(session.part())];
    transfer(session, false, &flows)
}

/// Echo requests to the host, until one is answered.
pub(super) fn echo(session: &mut Session<'_>, payload: usize) -> Result<String> {
    let address = session.wire.host();
    match session.ask(&Request::Ping { address, payload })? {
        Answer::Text(time) => Ok(time),
        other => bail!("no time, but {other:?}"),
    }
}

/// Does all of these at once, and compares every byte; how fast they were together.
pub(super) fn transfer(session: &mut Session<'_>, ipv6: bool, flows: &[Flow]) -> Result<String> {
    let (mut transfers, mut services, mut total) = (Vec::new(), Vec::new(), 0);
    for &flow in flows {
        let seed = session.seed();
        let (upload, bytes) = match flow {
            Flow::Up(bytes) => (true, bytes),
            Flow::Down(bytes) => (false, bytes),
        };
        let (address, service) = session.host.serve(ipv6, move |stream| {
            if upload {
                pattern::receive(stream, seed, bytes)
            } else {
                pattern::send(stream, seed, bytes)
            }
        })?;
        services.push(service);
        total += bytes;
        transfers.push(Transfer {
            address,
            upload,
            bytes,
            seed,
        });
    }
    let start = Instant::now();
    let outcome = session.ask(&Request::Transfer(transfers));
    let time = start.elapsed();
    for service in services {
        // If the guest did not connect, it knows better why.
        if outcome.is_ok() || service.is_finished() {
            service.finish().context("the host")?;
        }
    }
    outcome?;
    #[expect(
        clippy::cast_precision_loss,
        reason = "it is a rate, and is printed with three digits"
    )]
    let (bytes, seconds) = (total as f64, time.as_secs_f64());
    let (megabytes, rate) = (bytes / 1e6, bytes * 8.0 / 1e9 / seconds);
    Ok(format!("{megabytes:.0} MB at {rate:.2} Gbit/s"))
}

fn fetch(session: &mut Session<'_>, ipv6: bool) -> Result<()> {
    let serve = |stream: &_| page::serve(stream, pattern::PATIENCE, FROM_HOST);
    let (address, service) = session.host.serve(ipv6, serve)?;
    let Answer::Text(text) = session.ask(&Request::Page(address))? else {
        bail!("no page");
    };
    ensure!(
        text == FROM_HOST,
        "{FROM_HOST:?} became {text:?} on its way"
    );
    service.finish()
}
