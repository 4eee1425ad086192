//! Frames that no honest guest sends. Whatever they are, the process lives, nothing hangs, and the NIC still answers.

use std::io::Read;
use std::time::Duration;

use net_backend_core::{Activation, HeaderLength, Sent};
use proptest::collection::vec;
use proptest::prelude::any;
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use super::hostfwd::LOCALHOST;
use super::offload::ALL;
use super::tcp::through_gateway;
use crate::guest::{GATEWAY6, GUEST6};
use crate::harness::{self, Case, Mode, Outcome, Stop, ensure, failed, open};
use crate::job::serve;
use crate::packets::{
    self, ACK, FIN, GATEWAY, GUEST, PSH, Packet, RST, SYN, Segment, TCP, UDP, arp, checksum,
    ethernet, ping,
};
use crate::samples::{four, samples, six};
use crate::wire::Wire;

pub(super) const CASES: &[Case] = &[
    Case::new("hostile/every-frame-cut-at-every-length", cut),
    Case::new(WRONG_BYTES, wrong_bytes),
    Case::new("hostile/no-frame-writes-to-the-error-output", quiet),
    Case::new("hostile/lengths-that-lie", lying_lengths),
    Case::new("hostile/fragments-that-overlap", fragments),
    Case::new("hostile/random-bytes", random),
    Case::new(
        "hostile/random-headers-in-front-of-good-frames",
        random_headers,
    ),
    Case::new("hostile/segments-out-of-nowhere", segments),
    Case::new("hostile/urgent-data-gives-nothing-away", urgent),
];

/// A NIC without header, and one that has negotiated everything.
fn wires(mode: Mode) -> Outcome<[Wire; 2]> {
    let uri = mode.with("slirp:?guestfwd=tcp::99-cmd:cat&tftp=/tmp");
    let with = Activation {
        queue_pairs: 1,
        header: HeaderLength::Twelve,
        features: ALL,
    };
    Ok([
        Wire::activate(open(&uri)?, Activation::plain())?,
        Wire::activate(open(&uri)?, with)?,
    ])
}

/// Takes whatever came, and complains unless ARP and a ping are answered.
fn alive(wire: &mut Wire) -> Outcome {
    while wire.now()?.is_some() {}
    wire.send(&arp(GATEWAY))?;
    wire.expect("an answer to ARP", |arrived| {
        (arrived.bytes.get(12..14) == Some(&[8, 6])).then_some(())
    })?;
    let payload = b"are you there?";
    wire.send(&arp(GUEST))?;
    wire.send(&ping(GUEST.into(), GATEWAY.into(), 77, payload))?;
    wire.expect("an answer to a ping", |arrived| {
        let packet = Packet::of(&arrived.bytes)?;
        packet.transport.ends_with(payload).then_some(())
    })
}

/// Whatever becomes of it, as long as it is no error.
fn throw(wire: &mut Wire, frame: &[u8]) -> Outcome {
    let sent = wire.offer(&Default::default(), frame)?;
    ensure!(!matches!(sent, Sent::Busy { .. }), "busy: {sent:?}");
    // A guest that reads nothing would only stop them.
    while wire.now()?.is_some() {}
    Ok(())
}

fn cut(mode: Mode) -> Outcome {
    for wire in &mut wires(mode)? {
        for sample in samples() {
            for length in 0..=sample.len() {
                throw(wire, sample.get(..length).unwrap_or_default())?;
            }
            alive(wire)?;
        }
    }
    Ok(())
}

fn wrong_bytes(mode: Mode) -> Outcome {
    for wire in &mut wires(mode)? {
        for sample in samples() {
            for at in 12..sample.len().min(14 + 40 + 40) {
                for value in [0, 1, 0x7f, 0x80, 0xff] {
                    let mut frame = sample.clone();
                    frame.splice(at..=at, [value]);
                    throw(wire, &frame)?;
                    mend(&mut frame);
                    throw(wire, &frame)?;
                }
            }
            alive(wire)?;
        }
    }
    Ok(())
}

const WRONG_BYTES: &str = "hostile/every-byte-of-every-header-wrong";

/// A VMM's error output is no place for a guest to write to.
fn quiet(mode: Mode) -> Outcome {
    let output = harness::run_alone(mode, WRONG_BYTES, &[])?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(complaint.is_empty(), "{complaint}");
    Ok(())
}

/// Makes the checksums right again, so that more of the frame is believed.
fn mend(frame: &mut [u8]) {
    let Some(head) = frame.get_mut(14..34) else {
        return;
    };
    if head.first() == Some(&0x45) {
        write(head, 10, [0, 0]);
        let sum = checksum(&[head]);
        write(head, 10, sum);
    }
    let Some(packet) = Packet::of(frame) else {
        return;
    };
    let at = match packet.protocol {
        TCP => 16,
        UDP => 6,
        packets::ICMP | packets::ICMP6 => 2,
        _ => return,
    };
    let (from, to, protocol) = (packet.from, packet.to, packet.protocol);
    let mut transport = packet.transport.to_vec();
    let start = packet.start;
    write(&mut transport, at, [0, 0]);
    let pseudo = match protocol {
        packets::ICMP => Vec::new(),
        _ => packets::pseudo_header(from, to, protocol, transport.len()),
    };
    let sum = checksum(&[&pseudo, &transport]);
    write(frame, start + at, sum);
}

fn write(bytes: &mut [u8], at: usize, value: [u8; 2]) {
    if let Some(place) = bytes.get_mut(at..at + 2) {
        place.copy_from_slice(&value);
    }
}

/// Fields that say how long something is, each with lengths that are not.
fn lying_lengths(mode: Mode) -> Outcome {
    const FIELDS: [usize; 8] = [14, 16, 18, 20, 38, 46, 54, 58];
    let lengths = [
        0, 1, 7, 8, 19, 20, 21, 39, 40, 0x7fff, 0x8000, 0xfffe, 0xffff_u16,
    ];
    for wire in &mut wires(mode)? {
        for sample in samples() {
            for field in FIELDS {
                for length in lengths {
                    let mut frame = sample.clone();
                    write(&mut frame, field, length.to_be_bytes());
                    throw(wire, &frame)?;
                    mend(&mut frame);
                    throw(wire, &frame)?;
                    frame.resize(1514, 0xaa);
                    mend(&mut frame);
                    throw(wire, &frame)?;
                }
            }
            alive(wire)?;
        }
    }
    Ok(())
}

/// IPv4 fragments (RFC 791, 3.2) in any order, with holes, overlaps, and beyond 65535 bytes.
fn fragments(mode: Mode) -> Outcome {
    let whole = packets::udp(four(GUEST, 3000), four(GATEWAY, 9), &[0x42; 1000]);
    for wire in &mut wires(mode)? {
        for (identification, shape) in (0..).zip(0..512_u16) {
            for piece in 0..5 {
                let mut frame = whole.clone();
                let offset = (shape.wrapping_mul(piece * 37 + 11) >> 2) & 0x1fff;
                let more = u16::from(shape & (1 << piece) != 0) << 13;
                let length = 28 + ((shape * 8 + piece * 64) & 0x3f8);
                write(&mut frame, 16, length.to_be_bytes());
                write(&mut frame, 18, u16::to_be_bytes(identification));
                write(&mut frame, 20, (more | offset).to_be_bytes());
                frame.truncate(14 + usize::from(length));
                mend(&mut frame);
                throw(wire, &frame)?;
            }
        }
        alive(wire)?;
    }
    Ok(())
}

/// Runs `test` on random values; says which it was that failed.
fn try_random<S: Strategy>(
    strategy: &S,
    cases: u32,
    mut test: impl FnMut(&S::Value) -> Outcome,
) -> Outcome {
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 0,
        ..Config::default()
    };
    let test = std::cell::RefCell::new(&mut test);
    let outcome = TestRunner::new(config).run(strategy, |value| {
        (test.borrow_mut())(&value).map_err(|stop| match stop {
            Stop::Failed(message) | Stop::Skipped(message) => TestCaseError::fail(message),
        })
    });
    outcome.map_err(|error| failed(error.to_string()))
}

fn random(mode: Mode) -> Outcome {
    let kinds = proptest::sample::select(vec![0x0800, 0x86dd, 0x0806, 0x88f8, 0x8100_u16]);
    let frames = vec((kinds, vec(any::<u8>(), 0..200), any::<bool>()), 1..20);
    let wires = &mut wires(mode)?;
    try_random(&frames, 200, |frames| {
        for wire in &mut *wires {
            for (kind, bytes, looks_right) in frames {
                let mut frame = ethernet(*kind, bytes);
                if *looks_right {
                    let first = if *kind == 0x0800 { 0x45 } else { 0x60 };
                    frame.splice(14..frame.len().min(15), [first]);
                    let length = u16::try_from(frame.len()).unwrap_or(0).saturating_sub(14);
                    write(&mut frame, 16, length.to_be_bytes());
                    mend(&mut frame);
                }
                throw(wire, &frame)?;
            }
        }
        Ok(())
    })?;
    wires.iter_mut().try_for_each(alive)
}

fn random_headers(mode: Mode) -> Outcome {
    let samples = samples();
    let pick = (0..samples.len(), vec(any::<u8>(), 12), 0_usize..3000);
    let [_, wire] = &mut wires(mode)?;
    try_random(&pick, 2000, |(index, header, padding)| {
        let mut header = header.clone();
        // Nearly right is worse than wrong.
        header.splice(0..1, [header.first().copied().unwrap_or(0) & 3]);
        let kinds = [0, 1, 3, 4, 5, 0x81, 0x84, 0xff];
        header.splice(1..2, kinds.into_iter().nth(index % kinds.len()));
        let mut bytes = header;
        bytes.extend(samples.get(*index).into_iter().flatten());
        bytes.extend(std::iter::repeat_n(0x33, *padding));
        let _any = wire.offer_raw(&bytes)?;
        while wire.now()?.is_some() {}
        Ok(())
    })?;
    alive(wire)
}

/// Segments of connections that are not, with every combination of flags and odd numbers.
fn segments(mode: Mode) -> Outcome {
    let options: [&[u8]; 6] = [
        &[],
        &[2, 0, 0, 0],
        &[2, 4, 0, 0],
        &[2, 4, 0, 1],
        &[3, 3, 255, 1],
        &[254, 255, 1, 1],
    ];
    for wire in &mut wires(mode)? {
        for flags in 0..=u8::MAX {
            for (port, options) in (40_000..).zip(options) {
                let segment = Segment {
                    sequence: 0xffff_fff0_u32.wrapping_add(flags.into()),
                    acknowledgement: u32::from(flags).wrapping_mul(0x0101_0101),
                    flags,
                    urgent: 0xffff,
                    options,
                    payload: &[0x11; 33],
                };
                let from = four(GUEST, port);
                throw(wire, &packets::tcp(from, four(GATEWAY, 9), segment))?;
                let from = six(GUEST6, port);
                throw(wire, &packets::tcp(from, six(GATEWAY6, 9), segment))?;
            }
        }
        alive(wire)?;
    }
    Ok(())
}

/// An urgent pointer beyond the data once made libslirp send what was behind it in memory.
fn urgent(mode: Mode) -> Outcome {
    for pointer in [0, 1, 5, 6, 100, 1460, 0x7fff, 0xfffe, 0xffff] {
        let mut wire = Wire::open(mode, "slirp:")?;
        wire.send(&arp(GUEST))?;
        let (server, job) = serve(LOCALHOST, |mut stream| {
            stream.set_read_timeout(Some(Duration::from_millis(300)))?;
            let (mut heard, mut buffer) = (Vec::new(), [0; 4096]);
            while let Ok(length @ 1..) = stream.read(&mut buffer) {
                heard.extend_from_slice(buffer.get(..length).unwrap_or_default());
                ensure!(heard.len() < 1 << 20, "no end of it");
            }
            Ok(heard)
        })?;
        let (guest, server) = (four(GUEST, 50_000), through_gateway(server));
        let mut segment = Segment {
            sequence: 1000,
            flags: SYN,
            ..Segment::default()
        };
        wire.send(&packets::tcp(guest, server, segment))?;
        let theirs = wire.expect("a SYN-ACK", |arrived| {
            let segment = Packet::of(&arrived.bytes)?.tcp()?;
            (segment.flags & (SYN | ACK) == SYN | ACK).then_some(segment.sequence)
        })?;
        segment.acknowledgement = theirs.wrapping_add(1);
        segment.sequence = 1001;
        const URG: u8 = 0x20;
        for flags in [ACK, ACK | PSH | URG, ACK | URG, ACK | URG | FIN] {
            segment.flags = flags;
            segment.urgent = if flags & URG == 0 { 0 } else { pointer };
            segment.payload = if flags == ACK { &[] } else { b"12345" };
            throw(&mut wire, &packets::tcp(guest, server, segment))?;
            let length = u32::try_from(segment.payload.len()).unwrap_or(0);
            segment.sequence = segment.sequence.wrapping_add(length);
        }
        // Without somebody who drives libslirp, nothing would come of it.
        let _acknowledgements = wire.within(Duration::from_millis(300), |_| None::<()>)?;
        let heard = job.join()?;
        let is_ours = heard.iter().all(|byte| b"12345".contains(byte)) && heard.len() <= 15;
        ensure!(is_ours, "pointer {pointer}: the host hears {heard:?}");
        alive(&mut wire)?;
        segment.flags = RST;
        throw(&mut wire, &packets::tcp(guest, server, segment))?;
    }
    Ok(())
}
