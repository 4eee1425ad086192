//! The MSS of connections: libslirp may send large segments to guests that take them whole, and small ones to others.
//!
//! libslirp sends segments as long as the MSS option that the guest's SYN carries. Guests that accept super-frames get a
//! SYN with a large one passed on, and libslirp's long segments as super-frames of the segment size that the guest really
//! asked for.

use std::collections::HashMap;

use net_backend_core::offload::{Headers, checksum, checksum::Sum};

use crate::flow::{Flow, FlowKey};

/// Connections with a segment size of their own that are remembered. Beyond them libslirp cuts the segments itself.
const REMEMBERED: usize = 4096;
/// The MSS of a SYN without the option (RFC 9293, 3.7.1), by IP version.
const UNSAID: [u16; 2] = [536, 1220];
/// TCP header fields and options (RFC 9293, 3.1 and 3.2).
const CHECKSUM: usize = 16;
const END_OF_OPTIONS: u8 = 0;
const NO_OPERATION: u8 = 1;
const MAXIMUM_SEGMENT_SIZE: u8 = 2;

/// Payload bytes of the segments of each connection.
pub(crate) struct SegmentSizes {
    /// The largest that fits the guest's MTU, and the largest that libslirp is told, by IP version.
    usual: [u16; 2],
    raised: [u16; 2],
    unusual: HashMap<FlowKey, u16>,
}

impl SegmentSizes {
    /// For an IP MTU of the guest's link, and one of libslirp, both in bytes.
    pub(crate) fn new(mtu: u16, libslirp_mtu: u16) -> Self {
        let sizes = |mtu: u16| [mtu.saturating_sub(40), mtu.saturating_sub(60)];
        Self {
            usual: sizes(mtu),
            raised: sizes(libslirp_mtu),
            unusual: HashMap::new(),
        }
    }

    /// The segment size of a connection, in bytes of payload.
    pub(crate) fn of(&self, headers: &Headers, flow: &Flow) -> u16 {
        let usual = by_version(self.usual, headers);
        match self.unusual.is_empty() {
            true => usual,
            false => self.unusual.get(&flow.key()).copied().unwrap_or(usual),
        }
    }

    /// A SYN of the guest, on its way to libslirp: lets libslirp send long segments if the guest takes super-frames, and
    /// none that do not fit the MTU otherwise.
    pub(crate) fn outward(
        &mut self,
        frame: &mut [u8],
        headers: &Headers,
        flow: &Flow,
        takes_super_frames: bool,
    ) {
        let usual = by_version(self.usual, headers);
        let asked = option(frame, headers);
        let size = asked.map_or(by_version(UNSAID, headers), |(_, size)| size);
        let size = size.clamp(1, usual);
        let is_remembered = self.remember(flow, size, usual);
        if let Some((position, asked)) = asked {
            let passed_on = if takes_super_frames && is_remembered {
                by_version(self.raised, headers)
            } else {
                size
            };
            replace(frame, headers, position, asked, passed_on);
        }
    }

    /// A SYN for the guest: tells it no more than fits the MTU.
    pub(crate) fn inward(&self, frame: &mut [u8], headers: &Headers) {
        if let Some((position, asked)) = option(frame, headers) {
            let size = asked.min(by_version(self.usual, headers));
            replace(frame, headers, position, asked, size);
        }
    }

    /// Remembers a segment size that is not the usual one; `false` when there is no room for it.
    fn remember(&mut self, flow: &Flow, size: u16, usual: u16) -> bool {
        if size == usual {
            self.unusual.remove(&flow.key());
            return true;
        }
        let has_room = self.unusual.len() < REMEMBERED || self.unusual.contains_key(&flow.key());
        if has_room {
            self.unusual.insert(flow.key(), size);
        }
        has_room
    }

    /// A connection ended.
    pub(crate) fn forget(&mut self, flow: &Flow) {
        if !self.unusual.is_empty() {
            self.unusual.remove(&flow.key());
        }
    }
}

fn by_version(sizes: [u16; 2], headers: &Headers) -> u16 {
    let [four, six] = sizes;
    if headers.source.is_ipv4() { four } else { six }
}

/// Where the value of the MSS option stands in the frame, and the value.
fn option(frame: &[u8], headers: &Headers) -> Option<(usize, u16)> {
    let options = headers.tcp_options();
    let mut at = options.start;
    while at < options.end {
        let kind = *frame.get(at)?;
        let length = match kind {
            END_OF_OPTIONS => return None,
            NO_OPERATION => 1,
            _ => usize::from(*frame.get(at + 1)?).max(2),
        };
        if kind == MAXIMUM_SEGMENT_SIZE && length == 4 && at + length <= options.end {
            let value = frame.get(at + 2..at + 4)?.first_chunk()?;
            return Some((at + 2, u16::from_be_bytes(*value)));
        }
        at += length;
    }
    None
}

/// Writes another value, and mends the checksum.
fn replace(frame: &mut [u8], headers: &Headers, position: usize, old: u16, new: u16) {
    if old == new {
        return;
    }
    let field = headers.transport + CHECKSUM;
    let Some(sum) = frame.get(field..).and_then(<[u8]>::first_chunk) else {
        return;
    };
    let mut sum = u16::from_be_bytes(*sum);
    // An option at an odd offset has its two bytes in different words of the sum.
    let is_odd = (position - headers.transport) % 2 != 0;
    let word = |value| match is_odd {
        true => Sum::word(value).at_odd(),
        false => Sum::word(value),
    };
    sum = checksum::update(sum, word(old), word(new));
    write(frame, position, new);
    write(frame, field, sum);
}

fn write(frame: &mut [u8], at: usize, value: u16) {
    if let Some(place) = frame.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
        *place = value.to_be_bytes();
    }
}
