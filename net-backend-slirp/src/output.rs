//! What becomes of a frame on its way from libslirp to the guest.

use std::net::{IpAddr, Ipv6Addr};

use net_backend_core::offload::{
    Checksum, Headers, Protocol, TcpFlags, checksum, fragment, segment,
};
use net_backend_core::{Features, HeaderFlags, Segmentation, VirtioNetHeader};

use crate::flow::Flow;
use crate::replies::Replies;
use crate::ring::Producer;
use crate::segment_size::SegmentSizes;

const ETHERNET_HEADER: usize = 14;

/// Puts libslirp's frames into the ring, in the form that the guest accepts.
pub(crate) struct Output {
    pub(crate) producer: Producer,
    pub(crate) sizes: SegmentSizes,
    pub(crate) replies: Option<Replies>,
    /// Where libslirp led the last connection to an IPv6 guest.
    pub(crate) guest6: Option<Ipv6Addr>,
    /// The offloads that the guest accepts; `None` when there is no receiver.
    accepted: Option<Features>,
    /// IP MTU of the guest's link, in bytes.
    mtu: usize,
    /// For the identification of IPv6 fragments.
    fragmented: u32,
    scratch: Vec<u8>,
}

impl Output {
    pub(crate) fn new(
        producer: Producer,
        sizes: SegmentSizes,
        replies: Option<Replies>,
        mtu: u16,
    ) -> Self {
        Self {
            producer,
            sizes,
            replies,
            guest6: None,
            accepted: None,
            mtu: mtu.into(),
            fragmented: 0,
            scratch: Vec::new(),
        }
    }

    /// A receiver comes, which accepts these offloads.
    pub(crate) fn accept(&mut self, features: Features) {
        self.accepted = Some(features & Features::RECEIVE_OFFLOADS);
    }

    /// Whether the guest takes super-frames of this IP version.
    pub(crate) fn takes_super_frames(&self, headers: &Headers) -> bool {
        let feature = if headers.source.is_ipv4() {
            Features::GUEST_TSO4
        } else {
            Features::GUEST_TSO6
        };
        self.accepted
            .is_some_and(|accepted| accepted.contains(feature))
    }

    /// A frame from libslirp, whose checksums are complete.
    pub(crate) fn deliver(&mut self, frame: &[u8]) {
        let Some(accepted) = self.accepted else {
            return;
        };
        let Some(headers) = Headers::parse(frame) else {
            return self.plain(frame, VirtioNetHeader::default());
        };
        let fits = headers.end <= ETHERNET_HEADER + self.mtu;
        self.note_end(&headers);
        self.note_peer(&headers);
        match headers.protocol {
            Protocol::Tcp if headers.flags.contains(TcpFlags::SYN) => {
                self.handshake(frame, &headers);
            }
            Protocol::Tcp if !headers.is_fragment => self.segment(frame, &headers, accepted),
            _ if fits => self.plain(frame, verified(&headers, accepted)),
            _ => self.fragments(frame),
        }
    }

    fn plain(&mut self, frame: &[u8], header: VirtioNetHeader) {
        self.producer.push(|bytes| {
            bytes.extend_from_slice(frame);
            header
        });
    }

    /// The beginning of a connection.
    fn handshake(&mut self, frame: &[u8], headers: &Headers) {
        if let (IpAddr::V6(guest), false) =
            (headers.destination, headers.flags.contains(TcpFlags::ACK))
        {
            self.guest6 = Some(guest);
        }
        let sizes = &self.sizes;
        self.producer.push(|bytes| {
            bytes.extend_from_slice(frame);
            sizes.inward(bytes, headers);
            VirtioNetHeader::default()
        });
    }

    /// Perhaps the end of one.
    fn note_end(&mut self, headers: &Headers) {
        if headers.flags.contains(TcpFlags::RST) {
            if let Some(flow) = Flow::inward(headers) {
                self.sizes.forget(&flow);
            }
        }
    }

    /// A TCP segment, which may be longer than the guest asked for: whole for guests that take it so, cut for others.
    fn segment(&mut self, frame: &[u8], headers: &Headers, accepted: Features) {
        let size = self.sizes.inward_size(headers);
        if headers.payload_length() <= size.into() {
            return self.plain(frame, verified(headers, accepted));
        }
        let super_frame = VirtioNetHeader {
            segmentation: if headers.source.is_ipv4() {
                Segmentation::Tcp4
            } else {
                Segmentation::Tcp6
            },
            segment_size: size,
            header_length: u16::try_from(headers.payload).unwrap_or(u16::MAX),
            ..VirtioNetHeader::default()
        };
        if self.takes_super_frames(headers) {
            self.producer.push(|bytes| {
                bytes.extend_from_slice(frame);
                let partial = checksum::make_partial(bytes, headers).unwrap_or_default();
                VirtioNetHeader {
                    segmentation: super_frame.segmentation,
                    segment_size: super_frame.segment_size,
                    header_length: super_frame.header_length,
                    ..partial
                }
            });
            return;
        }
        let producer = &mut self.producer;
        let mut sink = |piece: &[u8], _: &VirtioNetHeader| {
            producer.push(|bytes| {
                bytes.extend_from_slice(piece);
                VirtioNetHeader::default()
            });
        };
        // What cannot be cut is malformed, and lost as on any cable.
        let _malformed = segment(
            frame,
            &super_frame,
            size.into(),
            Checksum::Complete,
            &mut self.scratch,
            &mut sink,
        );
    }

    /// A datagram that does not fit the MTU.
    fn fragments(&mut self, frame: &[u8]) {
        self.fragmented = self.fragmented.wrapping_add(1);
        let producer = &mut self.producer;
        let identification = self.fragmented;
        // As there.
        let _malformed = fragment(
            frame,
            self.mtu,
            identification,
            &mut self.scratch,
            &mut |piece| {
                producer.push(|bytes| {
                    bytes.extend_from_slice(piece);
                    VirtioNetHeader::default()
                });
            },
        );
    }

    /// Somebody on the host sent to a forwarded UDP port: the guest may answer, whatever else is restricted.
    fn note_peer(&mut self, headers: &Headers) {
        if let (Some(replies), Protocol::Udp) = (&mut self.replies, headers.protocol) {
            replies.note(headers);
        }
    }
}

/// The header of a frame whose checksum libslirp has just made, so that the guest need not look at it.
fn verified(headers: &Headers, accepted: Features) -> VirtioNetHeader {
    let has_checksum =
        matches!(headers.protocol, Protocol::Tcp | Protocol::Udp) && !headers.is_fragment;
    let mut header = VirtioNetHeader::default();
    if has_checksum && accepted.contains(Features::GUEST_CSUM) {
        header.flags = HeaderFlags::DATA_VALID;
    }
    header
}
