//! ARP and ICMP: who is there.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use crate::guest::{GATEWAY6, GUEST6};
use crate::harness::{Case, Mode, Outcome, ensure};
use crate::machine;
use crate::packets::{
    GATEWAY, GATEWAY_MAC, GUEST, GUEST_MAC, ICMP, ICMP6, NAME_SERVER, Packet, arp, ethernet, ping,
    pseudo_header, sum,
};
use crate::wire::{Arrived, Wire};

pub(super) const CASES: &[Case] = &[
    Case::new("arp/gateway-and-name-server-answer", they_answer),
    Case::new("arp/nobody-else-answers", nobody_else),
    Case::new(
        "arp/without-introduction-the-guest-is-asked",
        guest_is_asked,
    ),
    Case::new("arp/a-gratuitous-request-is-remembered", gratuitous),
    Case::new("icmp/the-gateway-answers", gateway_answers),
    Case::new("icmp/the-gateway-answers-over-ipv6", gateway_answers_ipv6),
    Case::new("icmp/a-ping-goes-out", ping_goes_out),
];

/// The hardware and IP addresses of whoever answers an ARP request.
fn answer_to_arp(arrived: &Arrived) -> Option<([u8; 6], Ipv4Addr)> {
    let (frame, _) = arrived.bytes.split_first_chunk::<42>()?;
    let is_answer = frame[12..14] == [0x08, 0x06] && frame[20..22] == [0, 2];
    let mac = [
        frame[22], frame[23], frame[24], frame[25], frame[26], frame[27],
    ];
    is_answer.then(|| {
        (
            mac,
            Ipv4Addr::new(frame[28], frame[29], frame[30], frame[31]),
        )
    })
}

fn they_answer(mode: Mode) -> Outcome {
    let mut wire = Wire::open(mode, "slirp:")?;
    for (address, last) in [(GATEWAY, 2), (NAME_SERVER, 3)] {
        wire.send(&arp(address))?;
        let answer = wire.expect("an answer to ARP", answer_to_arp)?;
        let expected = ([0x52, 0x55, 10, 0, 2, last], address);
        ensure!(answer == expected, "{answer:x?} instead of {expected:x?}");
    }
    Ok(())
}

fn nobody_else(mode: Mode) -> Outcome {
    let mut wire = Wire::open(mode, "slirp:")?;
    for address in [[10, 0, 2, 77], [10, 0, 3, 2], [192, 0, 2, 1]] {
        wire.send(&arp(address.into()))?;
        wire.send(&arp(GATEWAY))?;
        let (_, who) = wire.expect("the gateway's answer", answer_to_arp)?;
        ensure!(who == GATEWAY, "{who} answers");
    }
    Ok(())
}

/// An answer to a ping, with its payload.
fn answer_to_ping(arrived: &Arrived) -> Option<(IpAddr, Vec<u8>)> {
    let packet = Packet::of(&arrived.bytes)?;
    let (head, payload) = packet.transport.split_first_chunk::<8>()?;
    let is_answer = match packet.protocol {
        ICMP => head[0] == 0 && sum(&[packet.transport]) == 0xffff,
        ICMP6 => {
            let length = packet.transport.len();
            let pseudo = pseudo_header(packet.from, packet.to, ICMP6, length);
            head[0] == 129 && sum(&[&pseudo, packet.transport]) == 0xffff
        }
        _ => false,
    };
    is_answer.then(|| (packet.from, payload.to_vec()))
}

fn is_question_to_arp(arrived: &Arrived) -> bool {
    arrived.bytes.get(12..14) == Some(&[0x08, 0x06])
        && arrived.bytes.get(20..22) == Some(&[0, 1])
        && arrived.bytes.get(38..42) == Some(&GUEST.octets())
}

fn guest_is_asked(mode: Mode) -> Outcome {
    let mut wire = Wire::open(mode, "slirp:")?;
    wire.send(&ping(GUEST.into(), GATEWAY.into(), 7, b"who am I?"))?;
    wire.expect("a question for the guest's address", |arrived| {
        is_question_to_arp(arrived).then_some(())
    })?;
    let answer = [
        &[0, 1, 8, 0, 6, 4, 0, 2][..],
        &GUEST_MAC,
        &GUEST.octets(),
        &GATEWAY_MAC,
        &GATEWAY.octets(),
    ];
    wire.send(&ethernet(0x0806, &answer.concat()))?;
    // What waited for the address goes out at the next opportunity; a second ping makes one.
    wire.send(&ping(GUEST.into(), GATEWAY.into(), 7, b"who am I?"))?;
    let (_, payload) = wire.expect("the answer that waited", answer_to_ping)?;
    ensure!(payload.starts_with(b"who am I?"), "{payload:?}");
    Ok(())
}

fn gratuitous(mode: Mode) -> Outcome {
    let mut wire = Wire::open(mode, "slirp:")?;
    wire.send(&arp(GUEST))?;
    wire.send(&ping(GUEST.into(), GATEWAY.into(), 7, b"it is me"))?;
    let asked = wire.expect("an answer", |arrived| {
        let answered = answer_to_ping(arrived).map(|_| false);
        answered.or_else(|| is_question_to_arp(arrived).then_some(true))
    })?;
    ensure!(!asked, "it asks for an address that it was told");
    Ok(())
}

fn gateway_answers(mode: Mode) -> Outcome {
    let mut wire = Wire::open(mode, "slirp:")?;
    wire.send(&arp(GUEST))?;
    for to in [GATEWAY, NAME_SERVER] {
        for length in [0, 1, 56, 1472] {
            let payload = crate::job::pattern(1, length);
            wire.send(&ping(GUEST.into(), to.into(), 7, &payload))?;
            let (from, answer) = wire.expect("an answer to a ping", answer_to_ping)?;
            ensure!(from == IpAddr::from(to), "{from} answers for {to}");
            crate::job::same("the payload of a ping", &answer, &payload)?;
        }
    }
    Ok(())
}

fn gateway_answers_ipv6(mode: Mode) -> Outcome {
    let mut wire = Wire::open(mode, "slirp:")?;
    wire.send(&crate::packets::neighbour_solicitation(GUEST6, GATEWAY6))?;
    wire.send(&ping(GUEST6.into(), GATEWAY6.into(), 7, b"six"))?;
    let (from, answer) = wire.expect("an answer to a ping", answer_to_ping)?;
    ensure!(from == IpAddr::from(GATEWAY6), "{from} answers");
    crate::job::same("the payload of a ping", &answer, b"six")
}

fn ping_goes_out(mode: Mode) -> Outcome {
    let outside = machine::outside()?;
    machine::may_ping()?;
    let mut wire = Wire::open(mode, "slirp:")?;
    wire.send(&arp(GUEST))?;
    wire.send(&ping(
        GUEST.into(),
        outside.into(),
        7,
        b"is somebody there?",
    ))?;
    let (from, answer) = wire.expect("an answer from outside", answer_to_ping)?;
    ensure!(from == IpAddr::from(outside), "{from} answers");
    crate::job::same("the payload of a ping", &answer, b"is somebody there?")?;
    // Nothing else may come of it.
    let more = wire.within(Duration::from_millis(50), answer_to_ping)?;
    ensure!(more.is_none(), "a second answer: {more:?}");
    Ok(())
}
