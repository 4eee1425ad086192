//! Work that a NIC takes from its guest: checksums and segments, in both directions.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use net_backend_core::{Activation, Features, HeaderLength};

use super::tcp::pass_both_ways;
use crate::guest::{GATEWAY6, Guest, Setup};
use crate::harness::{Case, Mode, Outcome, ensure};
use crate::job::{pattern, read_to_end, same, serve};
use crate::packets::GATEWAY;
use crate::talk::Talk;

pub(super) const CASES: &[Case] = &[
    Case::new("offload/what-is-offered", offered),
    Case::new("offload/downloads-come-in-super-frames", downloads),
    Case::new(
        "offload/downloads-over-ipv6-come-in-super-frames",
        downloads_ipv6,
    ),
    Case::new("offload/uploads-go-out-in-super-frames", uploads),
    Case::new(
        "offload/uploads-over-ipv6-go-out-in-super-frames",
        uploads_ipv6,
    ),
    Case::new("offload/both-ways-at-once", both_ways),
    Case::new("offload/with-a-header-of-10-bytes", legacy),
    Case::new("offload/checksums-alone", checksums),
    Case::new("offload/each-combination-passes-bytes", combinations),
    Case::new("offload/switched-off-at-run-time", switched_off),
    Case::new("offload/a-guest-with-small-segments", small_segments),
];

/// What slirp offers.
pub(super) const ALL: Features = Features::CSUM
    .union(Features::HOST_TSO4)
    .union(Features::HOST_TSO6)
    .union(Features::GUEST_CSUM)
    .union(Features::GUEST_TSO4)
    .union(Features::GUEST_TSO6);

const MEGABYTES: usize = 4 << 20;

fn offered(mode: Mode) -> Outcome {
    let guest = Guest::open(mode, "slirp:")?;
    let offered = guest.phy.wire.backend.features();
    ensure!(offered.contains(ALL), "{offered} is offered");
    Ok(())
}

fn guest(mode: Mode, header: HeaderLength, features: Features) -> Outcome<Guest> {
    guest_with_mtu(mode, header, features, 1500)
}

fn guest_with_mtu(
    mode: Mode,
    header: HeaderLength,
    features: Features,
    mtu: usize,
) -> Outcome<Guest> {
    let with = Activation {
        queue_pairs: 1,
        header,
        features,
    };
    let setup = Setup {
        mtu,
        with,
        ..Setup::default()
    };
    Guest::with(mode, "slirp:", &setup)
}

/// The addresses of the host's loopback and of the gateway.
type Ends = (IpAddr, IpAddr);

const IPV4: Ends = (IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V4(GATEWAY));
const IPV6: Ends = (IpAddr::V6(Ipv6Addr::LOCALHOST), IpAddr::V6(GATEWAY6));

fn download(guest: &mut Guest, (localhost, gateway): Ends) -> Outcome {
    let bytes = pattern(30, MEGABYTES);
    let sent = bytes.clone();
    let (server, job) = serve(localhost, move |mut stream| Ok(stream.write_all(&sent)?))?;
    let socket = guest.connect(SocketAddr::new(gateway, server.port()))?;
    let mut talk = Talk::listens(socket);
    guest.both("a download", job, |guest| talk.step(guest).then_some(()))?;
    guest.remove(socket);
    same("the download", &talk.incoming, &bytes)
}

fn upload(guest: &mut Guest, (localhost, gateway): Ends) -> Outcome {
    let (server, job) = serve(localhost, |mut stream| read_to_end(&mut stream))?;
    let socket = guest.connect(SocketAddr::new(gateway, server.port()))?;
    let bytes = pattern(31, MEGABYTES);
    let mut talk = Talk::says(socket, &bytes);
    let (got, ()) = guest.both("an upload", job, |guest| talk.step(guest).then_some(()))?;
    guest.remove(socket);
    same("the upload", &got, &bytes)
}

/// Headers and segment sizes are looked at where frames arrive.
fn expect_super_frames(guest: &Guest, most: u16) -> Outcome {
    let seen = guest.phy.seen;
    ensure!(seen.received_super > 10, "{seen:?}");
    ensure!(
        seen.received_segment <= most && seen.received_segment > most / 2,
        "segments of at most {most}: {seen:?}"
    );
    Ok(())
}

fn downloads(mode: Mode) -> Outcome {
    let mut guest = guest(mode, HeaderLength::Twelve, ALL)?;
    download(&mut guest, IPV4)?;
    expect_super_frames(&guest, 1460)
}

fn downloads_ipv6(mode: Mode) -> Outcome {
    let mut guest = guest(mode, HeaderLength::Twelve, ALL)?;
    download(&mut guest, IPV6)?;
    expect_super_frames(&guest, 1440)
}

fn expect_sent_super_frames(guest: &Guest) -> Outcome {
    let seen = guest.phy.seen;
    ensure!(
        seen.sent_super > 10 && seen.sent_longest > 10_000,
        "{seen:?}"
    );
    Ok(())
}

fn uploads(mode: Mode) -> Outcome {
    let mut guest = guest(mode, HeaderLength::Twelve, ALL)?;
    upload(&mut guest, IPV4)?;
    expect_sent_super_frames(&guest)
}

fn uploads_ipv6(mode: Mode) -> Outcome {
    let mut guest = guest(mode, HeaderLength::Twelve, ALL)?;
    upload(&mut guest, IPV6)?;
    expect_sent_super_frames(&guest)
}

fn both_ways(mode: Mode) -> Outcome {
    let mut guest = guest(mode, HeaderLength::Twelve, ALL)?;
    pass_both_ways(&mut guest, MEGABYTES)?;
    expect_sent_super_frames(&guest)?;
    ensure!(guest.phy.seen.received_super > 10, "{:?}", guest.phy.seen);
    Ok(())
}

fn legacy(mode: Mode) -> Outcome {
    let mut guest = guest(mode, HeaderLength::Ten, ALL)?;
    pass_both_ways(&mut guest, 1 << 20)?;
    expect_sent_super_frames(&guest)
}

fn checksums(mode: Mode) -> Outcome {
    let features = Features::CSUM | Features::GUEST_CSUM;
    let mut guest = guest(mode, HeaderLength::Twelve, features)?;
    download(&mut guest, IPV4)?;
    upload(&mut guest, IPV6)?;
    let seen = guest.phy.seen;
    ensure!(
        seen.received_super == 0 && seen.sent_super == 0,
        "segments were not negotiated: {seen:?}"
    );
    Ok(())
}

fn combinations(mode: Mode) -> Outcome {
    let transmit = [
        Features::empty(),
        Features::CSUM,
        Features::CSUM | Features::HOST_TSO4 | Features::HOST_TSO6,
    ];
    let receive = [
        Features::empty(),
        Features::GUEST_CSUM,
        Features::GUEST_CSUM | Features::GUEST_TSO4,
        Features::GUEST_CSUM | Features::GUEST_TSO6,
        Features::GUEST_CSUM | Features::GUEST_TSO4 | Features::GUEST_TSO6,
    ];
    for transmit in transmit {
        for receive in receive {
            let mut guest = guest(mode, HeaderLength::Twelve, transmit | receive)?;
            pass_both_ways(&mut guest, 300_000)?;
        }
    }
    Ok(())
}

fn switched_off(mode: Mode) -> Outcome {
    let mut guest = guest(mode, HeaderLength::Twelve, ALL)?;
    download(&mut guest, IPV4)?;
    ensure!(guest.phy.seen.received_super > 0, "{:?}", guest.phy.seen);
    guest
        .phy
        .wire
        .backend
        .set_receive_offloads(Features::empty())?;
    // What was on its way before has arrived with the end of the download.
    guest.step()?;
    let transmit = ALL & Features::TRANSMIT_OFFLOADS;
    guest.phy.wire.with.features = transmit;
    download(&mut guest, IPV4)?;
    guest
        .phy
        .wire
        .backend
        .set_receive_offloads(ALL & Features::RECEIVE_OFFLOADS)?;
    guest.phy.wire.with.features = ALL;
    let before = guest.phy.seen.received_super;
    download(&mut guest, IPV4)?;
    let after = guest.phy.seen.received_super;
    ensure!(after > before, "switched on again, and no super-frame");
    Ok(())
}

fn small_segments(mode: Mode) -> Outcome {
    let mut guest = guest_with_mtu(mode, HeaderLength::Twelve, ALL, 600)?;
    download(&mut guest, IPV4)?;
    expect_super_frames(&guest, 560)?;
    upload(&mut guest, IPV4)
}
