use std::fmt;

use crate::{Features, FrameLength, HeaderLength, MacAddr, Mtu};

/// What a backend can do. Known before activation, and never less afterwards: it is a promise to the guest.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// The scheme of the URI that opens such a backend.
    pub scheme: &'static str,
    /// Offloads that can be negotiated: a subset of [`Features::OFFLOADS`].
    pub features: Features,
    /// Header lengths that cost nothing. The others are accepted too, and adapted with one more piece a frame.
    pub header_lengths: &'static [HeaderLength],
    /// Queue pairs that can be activated at the same time; at least 1.
    pub max_queue_pairs: u16,
    /// The longest frame to send or to expect, super-frames included, header not.
    pub max_frame: FrameLength,
    /// The MTU of the link, where there is one to know.
    pub mtu: Option<Mtu>,
    /// The address that the guest's NIC should have, where the backend or its options say one.
    pub mac: Option<MacAddr>,
    /// What [`RxQueue::peek`](crate::RxQueue::peek) costs.
    pub peek: PeekCost,
}

/// What a look at the next frame's length costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PeekCost {
    /// Nothing to speak of.
    Look,
    /// A system call.
    SystemCall,
    /// A system call and a copy of the frame. Offering buffers for a frame of any length instead is cheaper.
    Copy,
}

impl Capabilities {
    /// The least that a backend can do: no offloads, no header, one queue pair, frames of an MTU of 1500.
    pub const fn new(scheme: &'static str) -> Self {
        Self {
            scheme,
            features: Features::empty(),
            header_lengths: &[HeaderLength::None],
            max_queue_pairs: 1,
            max_frame: Mtu::ETHERNET.frame_length().with_vlan_tag(),
            mtu: None,
            mac: None,
            peek: PeekCost::Copy,
        }
    }

    /// The native header length with which frames of `wanted` are made most cheaply: the same if possible,
    /// otherwise the longest.
    pub fn native_header(&self, wanted: HeaderLength) -> HeaderLength {
        let mut native = self.header_lengths.iter().copied();
        native
            .find(|length| *length == wanted)
            .or_else(|| self.header_lengths.iter().copied().max())
            .unwrap_or_default()
    }
}

impl fmt::Display for PeekCost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Look => "a look",
            Self::SystemCall => "a system call",
            Self::Copy => "a copy",
        })
    }
}
