mod fragment;
mod packet;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use fragment::{Fragment, Key};
use packet::Packet;

use super::Headers;
use super::bytes::{be16, chunk, put};
use super::headers::NETWORK;
use super::segment::{be_bytes, put_ipv4_checksum};

/// Packets of which fragments are remembered at the same time.
const PACKETS: usize = 32;
/// Memory for them all, in bytes.
const MEMORY: usize = 1 << 20;
/// How long the fragments of a packet are remembered, from the one that came first.
const LIFETIME: Duration = Duration::from_secs(30);
/// What the length field of an IP header can say.
const LONGEST: usize = 65535;

/// Makes whole packets of IP fragments (RFC 791, 3.2; RFC 8200, 4.5).
///
/// Fragments may come in any order. Those of an IPv4 packet have the addresses, the protocol and the
/// identification in common, those of an IPv6 packet the addresses and the identification. The first fragment
/// supplies the headers: Ethernet addresses, traffic class, hop limit, IPv4 options, IPv6 extension headers, and
/// the type of what follows them. An IPv6 fragment that is a whole packet concerns no other fragments (RFC 6946).
///
/// A fragment is ignored when it has no payload, when it is not the last and its payload is no multiple of
/// 8 bytes, when it reaches beyond what an IP packet can have, or has a wrong IPv4 header checksum; and when it
/// was there before, byte by byte.
///
/// A packet is refused when its fragments overlap (RFC 5722, for IPv4 too), do not agree where it ends, or make
/// more than 65535 bytes: what there is of it is dropped, and what is still to come.
///
/// At most 32 packets wait, with 1 MiB of memory: when there are more, the oldest is dropped. What is missing has
/// to come within 30 seconds of the fragment that came first, and a refusal ends then too. That is Linux's limit
/// for IPv4; RFC 8200 and Linux have 60 seconds for IPv6, and RFC 1122 has 60 to 120 seconds for IPv4.
///
/// Memory is allocated for the first packets, and kept.
#[derive(Debug, Default)]
pub struct Reassembler {
    /// The first `held` have fragments, oldest first; the others lend their buffers.
    packets: Vec<Packet>,
    held: usize,
    /// The packet that was completed last.
    whole: Vec<u8>,
}

impl Reassembler {
    /// One without fragments, which has no memory until the first comes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes an Ethernet frame with a fragment, and its [`Headers`]. `now` is when it came; fragments whose time
    /// is over are forgotten first.
    ///
    /// The packet, as an Ethernet frame, when nothing of it is missing any more. It ends where its packet ends,
    /// has neither fragment header nor fragment bits (the don't-fragment bit stays), and its lengths and the
    /// checksum of the IPv4 header are right. It may be changed in place. [`Headers::parse`] takes it; packets
    /// that it does not take, or that are fragments again, are dropped, as are frames that are no fragments.
    pub fn push(&mut self, frame: &[u8], headers: &Headers, now: Instant) -> Option<&mut [u8]> {
        let fragment = Fragment::read(frame, headers)?;
        self.expire(now);
        self.whole.clear();
        if fragment.is_whole() {
            fragment.put_head(&mut self.whole);
            self.whole.extend_from_slice(fragment.payload);
        } else {
            let index = self.find(&fragment.key, now);
            let packet = self.packets.get_mut(index)?;
            let is_complete = packet.add(&fragment);
            if is_complete {
                packet.put(&mut self.whole)?;
                self.retire(index);
            }
            self.shrink();
            if !is_complete {
                return None;
            }
        }
        finish(&mut self.whole)?;
        Headers::parse(&self.whole).filter(|it| !it.is_fragment)?;
        Some(&mut self.whole)
    }

    /// Packets of which something is there and something is missing, without those that were refused. Those whose
    /// time is over count until the next fragment comes.
    pub fn pending(&self) -> usize {
        let held = self.packets.iter().take(self.held);
        held.filter(|it| !it.is_refused).count()
    }

    fn expire(&mut self, now: Instant) {
        let is_over = |it: &Packet| now.saturating_duration_since(it.since) >= LIFETIME;
        while self.held > 0 && self.packets.first().is_some_and(is_over) {
            self.retire(0);
        }
    }

    /// Where the packet with that key is, or begins.
    fn find(&mut self, key: &Key, now: Instant) -> usize {
        let mut held = self.packets.iter().take(self.held);
        if let Some(index) = held.position(|it| it.key == *key) {
            return index;
        }
        if self.held == PACKETS {
            self.retire(0);
        }
        let index = self.held;
        match self.packets.get_mut(index) {
            Some(packet) => packet.begin(*key, now),
            None => self.packets.push(Packet::new(*key, now)),
        }
        self.held += 1;
        index
    }

    /// Forgets a packet, and keeps its buffers.
    fn retire(&mut self, index: usize) {
        if let Some(packets) = self.packets.get_mut(index..self.held) {
            packets.rotate_left(1);
            self.held -= 1;
        }
    }

    /// Gives memory back while there is too much of it: first what nobody uses.
    fn shrink(&mut self) {
        while self.memory() > MEMORY && !self.packets.is_empty() {
            if self.held == self.packets.len() {
                self.retire(0);
            }
            self.packets.pop();
        }
    }

    fn memory(&self) -> usize {
        self.packets.iter().map(Packet::memory).sum::<usize>() + self.whole.capacity()
    }
}

/// Makes lengths, fragment bits and header checksum those of a whole packet.
fn finish(frame: &mut [u8]) -> Option<()> {
    let length = frame.len().checked_sub(NETWORK)?;
    let [first] = chunk(frame, NETWORK)?;
    if first >> 4 == 6 {
        return put(frame, NETWORK + 4, be_bytes(length.checked_sub(40)?)?);
    }
    let flags = be16(frame, NETWORK + 6)? & 0xc000;
    put(frame, NETWORK + 2, be_bytes(length)?)?;
    put(frame, NETWORK + 6, flags.to_be_bytes())?;
    let header = NETWORK..NETWORK + usize::from(first & 0xf) * 4;
    put_ipv4_checksum(frame.get_mut(header)?)
}
