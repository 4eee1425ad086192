mod flow;
mod template;
#[cfg(test)]
mod tests;

use flow::{Appended, Flow};
use template::{Beginning, HEAD, is_between};

use super::headers::NETWORK;
use super::{Headers, LONGEST_FRAME, Malformed, Protocol};
use crate::{TxSlice, VirtioNetHeader, gather, total_length};

/// Flows that are collected at the same time.
const FLOWS: usize = 8;

/// Makes super-frames of consecutive TCP segments: generic receive offload, for frames that a guest sends.
///
/// Segments of a flow are merged while each continues the one before it exactly, and has the same headers but
/// for what differs by nature: lengths, checksums, IPv4 identification, sequence number, PSH and timestamps.
/// That includes MAC addresses, traffic class, hop limit, acknowledgement number, window, ECE and options. A
/// timestamp option (RFC 7323, in the layout of its appendix A) may be equal or advance; the merged frame has
/// the last one. With the don't-fragment bit the identification has no meaning (RFC 6864) and is not looked at;
/// without it, it has to count up by one.
///
/// All segments are as long as the first; a shorter one is the last, as is one with PSH. Segments with SYN,
/// FIN, RST, URG or CWR, without payload or ACK, with IPv4 options, IPv6 extension headers or a wrong IPv4
/// checksum are not merged, and neither is what is no TCP, or is a super-frame already. They go straight
/// through, after what is pending of the same flow: the order within a flow never changes.
///
/// Checksums survive without a look at the payload. Of complete ones the merged one is computed, so that a
/// wrong one leaves a wrong one; of partial ones ([`NEEDS_CSUM`](crate::HeaderFlags::NEEDS_CSUM)) a partial one
/// is made. The two are not mixed.
///
/// What goes out is a contiguous frame without virtio-net header, and the header for it: that of the only
/// segment, or one with [`Tcp4`](crate::Segmentation::Tcp4) or [`Tcp6`](crate::Segmentation::Tcp6) and the
/// length of the first segment. The frame may be changed in place, and ends where its packet ends: merged
/// frames and segments that waited to be merged have no padding.
///
/// Memory is allocated for the first frames of each flow and for the longest frame that goes straight through,
/// and kept.
#[derive(Debug)]
pub struct Coalescer {
    /// The most bytes that a merged packet has, by IP version.
    limits: [usize; 2],
    /// The first `pending` collect, oldest first; the others lend their buffers.
    flows: Vec<Flow>,
    pending: usize,
    /// For frames that go straight through.
    through: Vec<u8>,
}

/// What became of a frame that was [pushed](Coalescer::push).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// It waits to be merged with those that follow.
    Kept,
    /// It went out.
    Passed,
}

impl Coalescer {
    /// One whose merged IP packets have at most `limit` bytes, and never more than 65535.
    pub fn new(limit: usize) -> Self {
        Self {
            limits: [limit.min(65535); 2],
            flows: Vec::new(),
            pending: 0,
            through: Vec::new(),
        }
    }

    /// The same with another limit for merged IPv6 packets, in bytes: that of [`new`](Self::new) at most.
    #[must_use]
    pub fn with_ipv6_limit(mut self, limit: usize) -> Self {
        let [ipv4, ipv6] = &mut self.limits;
        *ipv6 = limit.min(*ipv4);
        self
    }

    /// Takes a frame, the first `skip` bytes of which are something else, such as a virtio-net header, that is
    /// given decoded as `header`. Zero, one or more frames go to `sink`, of which the last one is or contains this frame
    /// if it [`Passed`](Pushed::Passed).
    ///
    /// The pieces may be guest memory: they are read only here, and what goes out has the headers that were looked
    /// at, even if the guest writes others meanwhile.
    ///
    /// # Errors
    ///
    /// When the frame is shorter than an Ethernet header or longer than [`LONGEST_FRAME`]. It is forgotten,
    /// nothing else changes.
    pub fn push(
        &mut self,
        frame: &[TxSlice<'_>],
        skip: usize,
        header: &VirtioNetHeader,
        sink: &mut impl FnMut(&mut [u8], VirtioNetHeader),
    ) -> Result<Pushed, Malformed> {
        let length = total_length(frame).saturating_sub(skip);
        if !(NETWORK..=LONGEST_FRAME).contains(&length) {
            return Err(Malformed);
        }
        let segment = Segment {
            head: &head(frame, skip),
            length,
            frame,
            skip,
            header,
        };
        for index in 0..self.pending {
            let Some(flow) = self.flows.get_mut(index) else {
                break;
            };
            match flow.append(&segment) {
                Appended::Open => return Ok(Pushed::Kept),
                Appended::Full => {
                    self.emit(index, sink);
                    return Ok(Pushed::Passed);
                }
                Appended::No => {}
            }
        }
        Ok(self.begin(&segment, sink))
    }

    /// Gives out all that is pending, oldest first: the end of a burst.
    pub fn flush(&mut self, sink: &mut impl FnMut(&mut [u8], VirtioNetHeader)) {
        for flow in self.flows.iter_mut().take(self.pending) {
            flow.emit(sink);
        }
        self.pending = 0;
    }

    /// Whether nothing is pending.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.pending == 0
    }

    /// A segment that continues no pending flow begins one, or goes straight through.
    fn begin(
        &mut self,
        segment: &Segment<'_>,
        sink: &mut impl FnMut(&mut [u8], VirtioNetHeader),
    ) -> Pushed {
        let prefix = segment.head.get(..segment.length).unwrap_or(segment.head);
        let headers = Headers::parse_prefix(prefix, segment.length);
        self.emit_before(prefix, headers.as_ref(), sink);
        let [ipv4, ipv6] = self.limits;
        let limit = match &headers {
            Some(headers) if headers.version() == 6 => ipv6,
            _ => ipv4,
        };
        let beginning = headers.and_then(|it| Beginning::new(segment, &it, limit));
        let Some(beginning) = beginning else {
            self.pass(segment, sink);
            return Pushed::Passed;
        };
        if self.pending == FLOWS {
            self.emit(0, sink);
        }
        if self.flows.len() == self.pending {
            self.flows.push(Flow::new(NETWORK + ipv4));
        }
        if let Some(flow) = self.flows.get_mut(self.pending) {
            flow.begin(segment, &beginning, NETWORK + limit);
            self.pending += 1;
        }
        Pushed::Kept
    }

    /// Gives out what has to go before a frame that is not appended to it.
    fn emit_before(
        &mut self,
        prefix: &[u8],
        headers: Option<&Headers>,
        sink: &mut impl FnMut(&mut [u8], VirtioNetHeader),
    ) {
        let by_ports = match headers {
            Some(headers) if headers.protocol != Protocol::Tcp => return,
            // A fragment may be of any flow between its addresses, and so may what cannot be understood.
            Some(headers) => !headers.is_fragment && headers.transport == headers.plain_transport(),
            None => false,
        };
        let mut index = 0;
        while index < self.pending {
            match self.flows.get(index) {
                Some(flow) if is_between(flow.frame(), prefix, by_ports) => self.emit(index, sink),
                _ => index += 1,
            }
        }
    }

    /// Gives out one flow.
    fn emit(&mut self, index: usize, sink: &mut impl FnMut(&mut [u8], VirtioNetHeader)) {
        if let Some(flow) = self.flows.get_mut(index) {
            flow.emit(sink);
        }
        if let Some(flows) = self.flows.get_mut(index..self.pending) {
            flows.rotate_left(1);
            self.pending -= 1;
        }
    }

    fn pass(&mut self, segment: &Segment<'_>, sink: &mut impl FnMut(&mut [u8], VirtioNetHeader)) {
        if self.through.len() < segment.length {
            self.through.resize(segment.length, 0);
        }
        if let Some(frame) = self.through.get_mut(..segment.length) {
            // The headers that were looked at, whatever a guest makes of them meanwhile.
            for (to, from) in frame.iter_mut().zip(segment.head) {
                *to = *from;
            }
            let rest = frame.get_mut(HEAD..).unwrap_or_default();
            gather(segment.frame, segment.skip + HEAD, rest);
            sink(frame, *segment.header);
        }
    }
}

/// A frame as it comes.
struct Segment<'a> {
    /// Its beginning, which nobody changes any more; behind its end there is anything.
    head: &'a [u8; HEAD],
    length: usize,
    frame: &'a [TxSlice<'a>],
    skip: usize,
    header: &'a VirtioNetHeader,
}

/// The beginning of a frame.
#[inline]
fn head(frame: &[TxSlice<'_>], skip: usize) -> [u8; HEAD] {
    let mut before = skip;
    for piece in frame {
        if before < piece.len() {
            match piece.skip(before).first_chunk() {
                Some(head) => return head,
                None => break,
            }
        }
        before -= piece.len();
    }
    let mut head = [0; HEAD];
    gather(frame, skip, &mut head);
    head
}
