use std::net::IpAddr;
use std::ops::Range;

use super::super::Headers;
use super::super::bytes::{be16, be32, chunk};
use super::super::checksum::Sum;
use super::super::headers::NETWORK;
use super::LONGEST;

/// What the fragments of a packet have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) source: IpAddr,
    destination: IpAddr,
    /// 0 for IPv6, whose later fragments may say something else.
    protocol: u8,
    identification: u32,
}

/// A fragment that is right by itself.
pub(super) struct Fragment<'a> {
    pub(super) key: Key,
    /// The headers that the packet has too, if this is its first fragment.
    pub(super) head: &'a [u8],
    /// Where in them the type of what follows stands.
    next: usize,
    /// What follows.
    kind: u8,
    /// Which part of the packet's payload this is.
    pub(super) part: Range<usize>,
    pub(super) payload: &'a [u8],
    pub(super) is_last: bool,
}

impl<'a> Fragment<'a> {
    pub(super) fn read(frame: &'a [u8], headers: &Headers) -> Option<Self> {
        if !headers.is_fragment {
            return None;
        }
        let fragment = match headers.version() {
            4 => Self::ipv4(frame, headers)?,
            _ => Self::ipv6(frame, headers)?,
        };
        let length = fragment.part.len();
        let is_right = fragment.is_whole()
            || length > 0 && (fragment.is_last || length % 8 == 0) && fragment.part.end <= LONGEST;
        is_right.then_some(fragment)
    }

    fn ipv4(frame: &'a [u8], headers: &Headers) -> Option<Self> {
        let head = frame.get(..headers.transport)?;
        if Sum::of(head.get(NETWORK..)?) != Sum::ZERO {
            return None;
        }
        let field = be16(head, NETWORK + 6)?;
        let [kind] = chunk(head, NETWORK + 9)?;
        let payload = frame.get(headers.transport..headers.end)?;
        let offset = usize::from(field & 0x1fff) * 8;
        Some(Self {
            key: Key {
                source: headers.source,
                destination: headers.destination,
                protocol: kind,
                identification: u32::from(be16(head, NETWORK + 4)?),
            },
            head,
            next: NETWORK + 9,
            kind,
            part: offset..offset + payload.len(),
            payload,
            is_last: field & MORE == 0,
        })
    }

    fn ipv6(frame: &'a [u8], headers: &Headers) -> Option<Self> {
        let head = frame.get(..headers.transport.checked_sub(8)?)?;
        let payload = frame.get(headers.transport..headers.end)?;
        let [kind, _, o0, o1] = chunk(frame, head.len())?;
        let field = u16::from_be_bytes([o0, o1]);
        let offset = usize::from(field & !7);
        Some(Self {
            key: Key {
                source: headers.source,
                destination: headers.destination,
                protocol: 0,
                identification: be32(frame, head.len() + 4)?,
            },
            head,
            next: last_next(head)?,
            kind,
            part: offset..offset + payload.len(),
            payload,
            is_last: field & 1 == 0,
        })
    }

    /// Whether nothing of the packet is missing.
    pub(super) fn is_whole(&self) -> bool {
        self.part.start == 0 && self.is_last
    }

    /// Appends the headers, with the type of the payload instead of that of a fragment header.
    pub(super) fn put_head(&self, into: &mut Vec<u8>) {
        let at = into.len();
        into.extend_from_slice(self.head);
        if let Some(next) = into.get_mut(at + self.next) {
            *next = self.kind;
        }
    }
}

/// "More fragments" in an IPv4 header.
const MORE: u16 = 0x2000;

/// Where the type of what follows stands in a frame's IPv6 headers, which end with `head`.
fn last_next(head: &[u8]) -> Option<usize> {
    let mut at = NETWORK + 40;
    let mut next = NETWORK + 6;
    while at < head.len() {
        let [_, units] = chunk(head, at)?;
        next = at;
        at += 8 + 8 * usize::from(units);
    }
    Some(next)
}
