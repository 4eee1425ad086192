//! The first act: what a guest on a user-mode network can do, and how fast.

use std::fmt::Display;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use indicatif::ProgressBar;
use net_backend::Features;
use net_backend_tap::testing::Lease;

use super::guest::{Guest, HOST, HOST6, PORT, URI};
use super::say;
use super::services::{Server, fetch_from, look_up};
use super::table::Table;
use super::traffic::{PATIENCE, connect, echo, flow};
use crate::vm::page;

/// A name that everybody may use (RFC 2606), and that has an address.
const NAME: &str = "example.com";
const FROM_HOST: &str = "hello from the host";
const FROM_GUEST: &str = "hello from the guest";

/// Shows it.
///
/// # Errors
///
/// If something does not work that has to.
pub(super) fn show(duration: Duration, progress: &ProgressBar) -> Result<()> {
    let guest = Guest::new(Features::OFFLOADS)?;
    let row = Rows(progress);
    row.say("opened", URI, None);
    let start = Instant::now();
    let lease = guest.configure()?;
    row.say("DHCP", describe(&lease), Some(start));
    let ping = echo(&guest.network, HOST)?;
    let (best, average) = (ping.best.as_micros(), ping.average.as_micros());
    row.say(
        "ping",
        format!("{HOST} in {average} µs, at best {best} µs"),
        None,
    );
    name(&guest, &lease, &row);
    page(&guest, &row)?;
    forwarded(&guest, &row)?;
    page6(&guest, &row)?;
    let (out, back) = throughput(&guest, duration, progress, "with offloads")?;
    guest.unplug()?;
    let guest = Guest::new(Features::empty())?;
    guest.configure()?;
    let (plain_out, plain_back) = throughput(&guest, duration, progress, "without offloads")?;
    guest.unplug()?;
    let mut table = Table::new();
    table.rate("TCP, guest to host", [out, plain_out]);
    table.rate("TCP, host to guest", [back, plain_back]);
    say(progress, &format!("\n{}", table.0.trim_end()));
    Ok(())
}

/// Prints what was done, what came of it, and how long it took.
struct Rows<'a>(&'a ProgressBar);

impl Rows<'_> {
    fn say(&self, what: &str, outcome: impl Display, start: Option<Instant>) {
        let time = start.map(|start| format!("{:.1} ms", start.elapsed().as_secs_f64() * 1e3));
        let time = time.unwrap_or_default();
        let outcome = outcome.to_string();
        say(
            self.0,
            format!("{what:<10}{outcome:<62}{time:>9}").trim_end(),
        );
    }
}

fn describe(lease: &Lease) -> String {
    let Lease {
        address, prefix, ..
    } = lease;
    let router = lease.router.map(|router| format!(", gateway {router}"));
    let servers: Vec<String> = lease.name_servers.iter().map(Ipv4Addr::to_string).collect();
    let router = router.unwrap_or_default();
    format!(
        "{address}/{prefix}{router}, name server {}",
        servers.join(" ")
    )
}

/// Not every host has a name server that answers, so this may fail.
fn name(guest: &Guest, lease: &Lease, row: &Rows<'_>) {
    let start = Instant::now();
    let Some(server) = lease.name_servers.first().copied() else {
        return row.say("name", "the network has no name server", None);
    };
    match look_up(&guest.network, server, NAME) {
        Ok(Some(address)) => row.say("name", format!("{NAME} is {address}"), Some(start)),
        Ok(None) => row.say(
            "name",
            format!("the host's resolver knows no {NAME}"),
            Some(start),
        ),
        Err(_) => row.say("name", "skipped: the host's resolver does not answer", None),
    }
}

/// From the host's loopback, under the address that the host has for the guest.
fn page(guest: &Guest, row: &Rows<'_>) -> Result<()> {
    let server = Server::new(Ipv4Addr::LOCALHOST, 0, FROM_HOST)?;
    let address = SocketAddr::from((HOST, server.port));
    let start = Instant::now();
    let text = fetch_from(&guest.network, address)?;
    row.say(
        "web page",
        format!("http://{address}/ says {text}"),
        Some(start),
    );
    check(&text, FROM_HOST)?;
    server.finish()
}

fn page6(guest: &Guest, row: &Rows<'_>) -> Result<()> {
    let Ok(server) = Server::new(Ipv6Addr::LOCALHOST, 0, FROM_HOST) else {
        row.say("IPv6", "skipped: the host has none", None);
        return Ok(());
    };
    let start = Instant::now();
    let Some(own) = guest.configure_ipv6() else {
        row.say("IPv6", "skipped: the guest has none", None);
        return Ok(());
    };
    row.say("IPv6", format!("{own}, from the router"), Some(start));
    let start = Instant::now();
    let address = SocketAddr::from((HOST6, server.port));
    let text = fetch_from(&guest.network, address)?;
    row.say("", format!("http://{address}/ says {text}"), Some(start));
    check(&text, FROM_HOST)?;
    server.finish()
}

fn forwarded(guest: &Guest, row: &Rows<'_>) -> Result<()> {
    let listen = || Server::new(Ipv4Addr::UNSPECIFIED, PORT, FROM_GUEST);
    let server = guest.network.run(listen)?;
    let start = Instant::now();
    let stream = std::net::TcpStream::connect(guest.forwarded)?;
    let text = page::fetch(&stream, PATIENCE)?;
    let address = guest.forwarded;
    row.say(
        "hostfwd",
        format!("http://{address}/ says {text}"),
        Some(start),
    );
    check(&text, FROM_GUEST)?;
    server.finish()
}

fn check(text: &str, expected: &str) -> Result<()> {
    ensure!(text == expected, "{expected:?} became {text:?} on its way");
    Ok(())
}

/// Bits per second from the guest to the host, and back.
fn throughput(
    guest: &Guest,
    duration: Duration,
    progress: &ProgressBar,
    how: &str,
) -> Result<(f64, f64)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = SocketAddr::from((HOST, listener.local_addr()?.port()));
    progress.set_message(format!("TCP from guest to host, {how}"));
    let stream = connect(&guest.network, address)?;
    let out = flow(&stream, listener.accept()?.0, duration)?;
    progress.set_message(format!("TCP from host to guest, {how}"));
    let stream = connect(&guest.network, address)?;
    let back = flow(&listener.accept()?.0, stream, duration)?;
    Ok((out.rate(), back.rate()))
}
