//! The MTU: what the guest is told, what fits, and what does not.

use std::io::Write;
use std::net::SocketAddr;

use net_backend_core::{DropReason, Sent};

use super::hostfwd::LOCALHOST;
use super::tcp::{pass_both_ways, through_gateway};
use crate::guest::{Guest, Setup};
use crate::handshake::{Begun, syn};
use crate::harness::{Case, Mode, Outcome, ensure};
use crate::job::{pattern, same, serve};
use crate::packets::{self, ACK, GATEWAY, GUEST, Packet, SYN, Segment, arp, ping};
use crate::wire::Wire;

pub(super) const CASES: &[Case] = &[
    Case::new("mtu/is-a-capability", capability),
    Case::new("mtu/the-segment-size-follows", segment_size),
    Case::new("mtu/a-longer-frame-is-dropped-and-counted", longer),
    Case::new("mtu/jumbo-frames-pass-both-ways", jumbo),
    Case::new("mtu/a-small-network-passes-small-frames", small),
    Case::new(
        "mtu/a-guest-with-a-smaller-one-gets-smaller-segments",
        smaller_guest,
    ),
    Case::new("mtu/tiny-segments-are-not-made", tiny_segments),
];

fn uri(mtu: usize) -> String {
    let ipv6 = if mtu < 1280 { "&ipv6=off" } else { "" };
    format!("slirp:?mtu={mtu}{ipv6}")
}

fn capability(mode: Mode) -> Outcome {
    for mtu in [576, 1280, 1500, 9000, 16_000] {
        let wire = Wire::open(mode, &uri(mtu))?;
        let told = wire.backend.capabilities().mtu;
        let told = told.map(|mtu| usize::from(mtu.bytes()));
        ensure!(told == Some(mtu), "{told:?} instead of {mtu}");
    }
    Ok(())
}

fn segment_size(mode: Mode) -> Outcome {
    for mtu in [576, 1500, 9000] {
        let (server, job) = serve(LOCALHOST, |_| Ok(()))?;
        let mut wire = Wire::open(mode, &uri(mtu))?;
        wire.send(&arp(GUEST))?;
        let segment = Segment {
            sequence: 1,
            flags: SYN,
            options: &[2, 4, 0xff, 0xff],
            ..Segment::default()
        };
        let guest = SocketAddr::new(GUEST.into(), 50_000);
        wire.send(&packets::tcp(guest, through_gateway(server), segment))?;
        let told = wire.expect("a SYN-ACK", |arrived| {
            let segment = Packet::of(&arrived.bytes)?.tcp()?;
            (segment.flags & (SYN | ACK) == SYN | ACK).then(|| segment.segment_size())
        })?;
        let told = told.map(usize::from);
        ensure!(told == Some(mtu - 40), "MTU {mtu}: segments of {told:?}");
        job.join()?;
    }
    Ok(())
}

/// A ping in a frame of `length` bytes.
fn frame(length: usize) -> Vec<u8> {
    let payload = vec![0x55; length - 14 - 20 - 8];
    ping(GUEST.into(), GATEWAY.into(), 3, &payload)
}

fn longer(mode: Mode) -> Outcome {
    for mtu in [576, 1500, 9000] {
        let mut wire = Wire::open(mode, &uri(mtu))?;
        wire.send(&arp(GUEST))?;
        let most = wire.backend.capabilities().max_frame.bytes();
        ensure!(most >= mtu + 14, "the longest frame has {most} bytes");
        for length in [mtu + 19, mtu + 100, 60_000] {
            let sent = wire.offer(&Default::default(), &frame(length))?;
            let expected = Sent::Dropped(DropReason::TooLong);
            ensure!(sent == expected, "{length} bytes of {mtu}: {sent:?}");
        }
        let dropped = wire.sent().dropped(DropReason::TooLong);
        ensure!(dropped == 3, "{dropped} dropped");
        wire.send(&frame(mtu + 14))?;
        wire.expect("an answer to the longest ping", |arrived| {
            let packet = Packet::of(&arrived.bytes)?;
            (packet.transport.len() == mtu - 20).then_some(())
        })?;
    }
    Ok(())
}

fn transfer(mode: Mode, network: usize, guest: usize) -> Outcome<Guest> {
    let setup = Setup {
        mtu: guest,
        ..Setup::default()
    };
    let mut guest = Guest::with(mode, &uri(network), &setup)?;
    pass_both_ways(&mut guest, 1 << 20)?;
    Ok(guest)
}

fn jumbo(mode: Mode) -> Outcome {
    let guest = transfer(mode, 9000, 9000)?;
    let seen = guest.phy.seen;
    ensure!(
        seen.sent_longest == 9014 && seen.received_longest > 8000,
        "{seen:?}"
    );
    Ok(())
}

fn small(mode: Mode) -> Outcome {
    let guest = transfer(mode, 576, 576)?;
    ensure!(guest.phy.seen.sent_longest == 590, "{:?}", guest.phy.seen);
    Ok(())
}

/// The guest complains about frames that are too long for it.
fn smaller_guest(mode: Mode) -> Outcome {
    let guest = transfer(mode, 1500, 700)?;
    ensure!(
        guest.phy.seen.received_longest <= 714,
        "{:?}",
        guest.phy.seen
    );
    Ok(())
}

/// A guest may ask for segments of one byte, which would be thousands of frames for each window.
fn tiny_segments(mode: Mode) -> Outcome {
    let bytes = pattern(60, 20_000);
    let said = bytes.clone();
    let (server, job) = serve(LOCALHOST, move |mut stream| Ok(stream.write_all(&said)?))?;
    let server = through_gateway(server);
    let mut wire = Wire::open(mode, "slirp:")?;
    wire.send(&arp(GUEST))?;
    let guest = SocketAddr::new(GUEST.into(), 50_000);
    wire.send(&syn(guest, server, &[2, 4, 0, 1]))?;
    let mut connection = wire.expect("a SYN-ACK", Begun::of)?;
    wire.send(&connection.acknowledge())?;
    let (mut heard, mut tiny, mut count) = (Vec::new(), 0, 0);
    while heard.len() < bytes.len() {
        let piece = wire.expect("the next segment", |arrived| connection.take(arrived))?;
        tiny += usize::from(piece.len() < 48);
        count += 1;
        heard.extend(piece);
        wire.send(&connection.acknowledge())?;
    }
    job.join()?;
    same("the download", &heard, &bytes)?;
    // What is left at the end of what libslirp sends at a time may be short.
    ensure!(tiny < count / 4, "{tiny} of {count} segments are tiny");
    Ok(())
}
