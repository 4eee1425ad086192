//! TCP handshakes by hand, for guests that stop in the middle of them.

use std::net::SocketAddr;

use crate::packets::{self, ACK, Packet, SYN, Segment};
use crate::wire::Arrived;

/// The guest's first sequence number.
const FIRST: u32 = 1000;

/// A connection as far as its handshake.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Begun {
    pub(crate) guest: SocketAddr,
    pub(crate) server: SocketAddr,
    /// The next byte that the guest expects.
    pub(crate) next: u32,
}

/// The first segment of a connection that the guest begins.
pub(crate) fn syn(guest: SocketAddr, server: SocketAddr, options: &[u8]) -> Vec<u8> {
    let segment = Segment {
        sequence: FIRST,
        flags: SYN,
        options,
        ..Segment::default()
    };
    packets::tcp(guest, server, segment)
}

impl Begun {
    /// The answer to a SYN.
    pub(crate) fn of(arrived: &Arrived) -> Option<Self> {
        let packet = Packet::of(&arrived.bytes)?;
        let (from, to) = packet.ports()?;
        let segment = packet.tcp()?;
        (segment.flags & (SYN | ACK) == SYN | ACK).then(|| Self {
            guest: to,
            server: from,
            next: segment.sequence.wrapping_add(1),
        })
    }

    /// Acknowledges all that came, the handshake first.
    pub(crate) fn acknowledge(&self) -> Vec<u8> {
        let segment = Segment {
            sequence: FIRST + 1,
            acknowledgement: self.next,
            flags: ACK,
            ..Segment::default()
        };
        packets::tcp(self.guest, self.server, segment)
    }

    /// The next data that came in order.
    pub(crate) fn take(&mut self, arrived: &Arrived) -> Option<Vec<u8>> {
        let packet = Packet::of(&arrived.bytes)?;
        let segment = packet.tcp()?;
        let is_next = packet.ports()? == (self.server, self.guest) && segment.sequence == self.next;
        let payload = segment.payload;
        if !is_next || payload.is_empty() {
            return None;
        }
        self.next = self.next.wrapping_add(u32::try_from(payload.len()).ok()?);
        Some(payload.to_vec())
    }
}
