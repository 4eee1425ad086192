//! The MSS of connections: libslirp may send large segments to guests that take them whole, and small ones to others.
//!
//! libslirp sends segments as long as the MSS option that the guest's SYN carries. Guests that accept super-frames get a
//! SYN with a large one passed on, and libslirp's long segments as super-frames of the segment size that the guest really
//! asked for.

use net_backend_core::offload::Headers;
use net_backend_core::offload::checksum::{self, Sum};

use crate::flow::{Flow, FlowKey};
use crate::recent::Recent;

/// Connections with a segment size of their own that are remembered.
const REMEMBERED: usize = 4096;
/// The MSS of a SYN without the option (RFC 9293, 3.7.1), by IP version.
const UNSAID: [u16; 2] = [536, 1220];
/// The smallest MSS that is respected, as Linux has it: less would make thousands of frames of a segment.
const LEAST: u16 = 48;
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
    unusual: Recent<FlowKey, u16>,
}

impl SegmentSizes {
    /// For an IP MTU of the guest's link, and one of libslirp, both in bytes.
    pub(crate) fn new(mtu: u16, libslirp_mtu: u16) -> Self {
        let sizes = |mtu: u16| [mtu.saturating_sub(40), mtu.saturating_sub(60)];
        Self {
            usual: sizes(mtu),
            raised: sizes(libslirp_mtu),
            unusual: Recent::new(REMEMBERED),
        }
    }

    /// The segment size of the connection that a frame for the guest belongs to, in bytes of payload.
    pub(crate) fn inward_size(&mut self, headers: &Headers) -> u16 {
        let usual = by_version(self.usual, headers);
        if self.unusual.is_empty() {
            return usual;
        }
        let flow = Flow::inward(headers);
        let unusual = flow.and_then(|flow| self.unusual.renew(&flow.key()));
        unusual.copied().unwrap_or(usual)
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
        let size = size.clamp(LEAST.min(usual), usual);
        self.remember(flow, size, usual);
        if let Some((position, asked)) = asked {
            let passed_on = if takes_super_frames {
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

    /// A connection was reset. Those that end otherwise are forgotten when there are many.
    pub(crate) fn forget(&mut self, flow: &Flow) {
        if !self.unusual.is_empty() {
            self.unusual.remove(&flow.key());
        }
    }

    fn remember(&mut self, flow: &Flow, size: u16, usual: u16) {
        if size == usual {
            self.forget(flow);
        } else {
            self.unusual.insert(flow.key(), size);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Flow;

    const MSS: usize = 14 + 20 + 20 + 2;

    /// A SYN from 10.0.2.15:4096 with an MSS option behind `before`, and a right checksum.
    fn syn(mss: u16, before: &[u8]) -> Vec<u8> {
        let options = [before, &[2, 4], &mss.to_be_bytes(), &[1; 4]].concat();
        let options = &options[..options.len() / 4 * 4];
        let tcp = 20 + options.len();
        let mut frame = vec![0; 12];
        frame.extend([
            0x08,
            0x00,
            0x45,
            0,
            0,
            20 + u8::try_from(tcp).unwrap(),
            0,
            0,
            0x40,
            0,
            64,
            6,
            0,
            0,
        ]);
        frame.extend([10, 0, 2, 15, 192, 0, 2, 1]);
        frame.extend([0x10, 0, 0, 80, 1, 2, 3, 4, 0, 0, 0, 0]);
        frame.extend([
            u8::try_from(tcp / 4).unwrap() << 4,
            2,
            0xff,
            0xff,
            0,
            0,
            0,
            0,
        ]);
        frame.extend(options);
        let headers = Headers::parse(&frame).unwrap();
        let mut header = checksum::make_partial(&mut frame, &headers).unwrap();
        checksum::complete(&mut frame, &mut header).unwrap();
        frame
    }

    /// The headers of a frame in the other direction.
    fn answer(headers: &Headers) -> Headers {
        let mut answer = *headers;
        (answer.source, answer.destination) = (headers.destination, headers.source);
        answer.source_port = headers.destination_port;
        answer.destination_port = headers.source_port;
        answer
    }

    fn mss(frame: &[u8]) -> u16 {
        option(frame, &Headers::parse(frame).unwrap()).unwrap().1
    }

    #[test]
    fn guests_that_take_super_frames_get_a_large_mss_and_keep_their_own() {
        for before in [&[][..], &[1], &[1, 1, 1], &[3, 3, 7]] {
            let mut sizes = SegmentSizes::new(1500, 32000);
            let mut frame = syn(1200, before);
            let headers = Headers::parse(&frame).unwrap();
            let flow = Flow::outward(&headers).unwrap();
            sizes.outward(&mut frame, &headers, &flow, true);
            assert_eq!(mss(&frame), 31960);
            assert!(checksum::is_valid(&frame, &headers), "{before:?}");
            let answer = answer(&headers);
            assert_eq!(sizes.inward_size(&answer), 1200);
            sizes.forget(&flow);
            assert_eq!(sizes.inward_size(&answer), 1460);
        }
    }

    #[test]
    fn others_get_no_more_than_the_mtu() {
        let mut sizes = SegmentSizes::new(1500, 32000);
        for (asked, passed_on) in [(8960, 1460), (1460, 1460), (900, 900), (0, 48)] {
            let mut frame = syn(asked, &[]);
            let headers = Headers::parse(&frame).unwrap();
            let flow = Flow::outward(&headers).unwrap();
            sizes.outward(&mut frame, &headers, &flow, false);
            assert_eq!(mss(&frame), passed_on);
            assert!(checksum::is_valid(&frame, &headers));
        }
        let mut frame = syn(31960, &[]);
        let headers = Headers::parse(&frame).unwrap();
        sizes.inward(&mut frame, &headers);
        assert_eq!(mss(&frame), 1460);
    }

    #[test]
    fn options_that_lie_are_left_alone() {
        let mut sizes = SegmentSizes::new(1500, 32000);
        for (at, byte) in [(MSS - 1, 0), (MSS - 1, 200), (MSS - 2, 0), (MSS - 1, 3)] {
            let mut frame = syn(1460, &[]);
            frame[at] = byte;
            let before = frame.clone();
            let headers = Headers::parse(&frame).unwrap();
            let flow = Flow::outward(&headers).unwrap();
            sizes.outward(&mut frame, &headers, &flow, true);
            assert_eq!(frame, before, "{byte} at {at}");
        }
    }
}
