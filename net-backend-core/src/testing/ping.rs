//! Frames that are pings, for far ends that answer them and take nothing else of the suite.

use std::net::Ipv4Addr;
use std::ops::Range;

use super::frames::pattern;
use super::segments::sum;
use crate::MacAddr;

/// Who pings whom, for [`Path::Ping`](super::Path::Ping).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ping {
    /// Who asks: the addresses that the frames of the suite come from.
    pub guest: Station,
    /// Who answers, with all the bytes that it was asked with.
    pub host: Station,
}

/// The addresses of one side of a [`Ping`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Station {
    /// The Ethernet address.
    pub mac: MacAddr,
    /// The IP address.
    pub ip: Ipv4Addr,
}

/// What the host decides in an answer: IP identification, fragment flags, time to live, header checksum.
pub(super) const FREE: [Range<usize>; 3] = [18..22, 22..23, 24..26];
/// Bytes of an Ethernet, an IP and an ICMP header: there is no shorter ping.
pub(super) const SHORTEST: usize = 14 + IP + ICMP;

const IP: usize = 20;
const ICMP: usize = 8;
/// Types of ICMP (RFC 792).
const ECHO: u8 = 8;
const ECHO_REPLY: u8 = 0;
/// Where things are in a frame.
const TYPES: Range<usize> = 12..14;
const PROTOCOL: usize = 23;
const ICMP_TYPE: usize = 34;
const IDENTIFIER: Range<usize> = 38..42;
/// What every identifier of the suite begins with; the number of the frame follows.
const PREFIX: u8 = 0x4e;

impl Ping {
    /// The question and its answer, both of `length` bytes; `None` when that is too short or too long for one.
    pub(super) fn frames(&self, number: u32, length: usize) -> Option<(Vec<u8>, Vec<u8>)> {
        u16::try_from(length).ok()?;
        let payload: Vec<u8> = pattern(number)
            .take(length.checked_sub(SHORTEST)?)
            .collect();
        let question = message(self.guest, self.host, ECHO, number, &payload);
        let answer = message(self.host, self.guest, ECHO_REPLY, number, &payload);
        Some((question, answer))
    }

    /// A frame that tells the host who has the guest's address: a gratuitous ARP request (RFC 5227, 3).
    pub(super) fn introduction(&self) -> Vec<u8> {
        let Station { mac, ip } = self.guest;
        let ethernet = ethernet(MacAddr::BROADCAST, mac, [0x08, 0x06]);
        let request = [0, 1, 8, 0, 6, 4, 0, 1];
        let (mac, ip) = (mac.bytes(), ip.octets());
        let mut frame = [&ethernet[..], &request, &mac, &ip, &[0; 6], &ip].concat();
        frame.resize(60, 0);
        frame
    }
}

/// The number of an answer to a ping of the suite; `None` for any other frame.
pub(super) fn number_of(bytes: &[u8]) -> Option<u32> {
    let is_answer = bytes.get(TYPES) == Some(&[0x08, 0x00])
        && bytes.get(PROTOCOL) == Some(&1)
        && bytes.get(ICMP_TYPE) == Some(&ECHO_REPLY);
    let identifier: [u8; 4] = bytes.get(IDENTIFIER)?.try_into().ok()?;
    let [prefix, a, b, c] = identifier;
    (is_answer && prefix == PREFIX).then(|| u32::from_be_bytes([0, a, b, c]))
}

fn message(from: Station, to: Station, kind: u8, number: u32, payload: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = number.to_be_bytes();
    let icmp = |[c0, c1]: [u8; 2]| [&[kind, 0, c0, c1, PREFIX, a, b, c], payload].concat();
    let icmp = icmp((!sum(&icmp([0, 0]))).to_be_bytes());
    let [l0, l1] = u16::try_from(IP + icmp.len())
        .unwrap_or(u16::MAX)
        .to_be_bytes();
    let addresses = [from.ip.octets(), to.ip.octets()].concat();
    let ip = |[c0, c1]: [u8; 2]| {
        let head = [0x45, 0, l0, l1, 0, 0, 0, 0, 64, 1, c0, c1];
        [&head[..], &addresses].concat()
    };
    let ip = ip((!sum(&ip([0, 0]))).to_be_bytes());
    [ethernet(to.mac, from.mac, [0x08, 0x00]), ip, icmp].concat()
}

fn ethernet(to: MacAddr, from: MacAddr, kind: [u8; 2]) -> Vec<u8> {
    [&to.bytes()[..], &from.bytes(), &kind].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PING: Ping = Ping {
        guest: Station {
            mac: MacAddr::new([2, 0, 0, 0, 0, 1]),
            ip: Ipv4Addr::new(10, 0, 2, 15),
        },
        host: Station {
            mac: MacAddr::new([0x52, 0x55, 10, 0, 2, 2]),
            ip: Ipv4Addr::new(10, 0, 2, 2),
        },
    };

    #[test]
    fn questions_and_answers_are_whole() {
        for length in [42, 43, 60, 1514] {
            let (question, answer) = PING.frames(0x12_3456, length).unwrap();
            for frame in [&question, &answer] {
                assert_eq!(frame.len(), length);
                assert_eq!(sum(&frame[14..34]), 0xffff);
                assert_eq!(sum(&frame[34..]), 0xffff);
            }
            assert_eq!(number_of(&question), None);
            assert_eq!(number_of(&answer), Some(0x12_3456));
            assert_eq!(question[42..], answer[42..]);
        }
    }

    #[test]
    fn what_is_no_ping_has_no_number() {
        assert_eq!(PING.frames(1, 41), None);
        assert_eq!(PING.frames(1, 1 << 17), None);
        assert_eq!(number_of(&[]), None);
        assert_eq!(number_of(&[0; 60]), None);
        assert_eq!(number_of(&PING.introduction()), None);
    }

    #[test]
    fn addresses_are_swapped() {
        let (question, answer) = PING.frames(1, 60).unwrap();
        assert_eq!(question[26..34], [10, 0, 2, 15, 10, 0, 2, 2]);
        assert_eq!(answer[26..34], [10, 0, 2, 2, 10, 0, 2, 15]);
        assert_eq!(question[..6], answer[6..12]);
    }
}
