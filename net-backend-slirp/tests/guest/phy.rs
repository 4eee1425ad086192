//! A NIC for smoltcp, with the offloads that the NIC has and smoltcp has not.

use net_backend_core::{Features, HeaderFlags, HeaderLength, Segmentation, VirtioNetHeader};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::Instant;

use crate::harness::{Outcome, Stop, ensure, failed};
use crate::packets::{Packet, SYN, TCP, UDP, pseudo_header, sum};
use crate::wire::{Arrived, Wire};

/// Ethernet header, in bytes.
const ETHERNET: usize = 14;

pub(crate) struct Phy {
    pub(crate) wire: Wire,
    /// Largest IP packet of the guest, super-frames apart.
    pub(crate) mtu: usize,
    pub(crate) seen: Seen,
    /// What went wrong where smoltcp cannot be told.
    fault: Option<Stop>,
}

/// What passed by.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    /// Super-frames received.
    pub(crate) received_super: usize,
    /// Largest segment size of those.
    pub(crate) received_segment: u16,
    /// Frames received that left the checksum to the guest.
    pub(crate) received_partial: usize,
    /// The longest frame received that is no super-frame.
    pub(crate) received_longest: usize,
    /// Super-frames sent.
    pub(crate) sent_super: usize,
    /// The longest frame sent.
    pub(crate) sent_longest: usize,
}

impl Phy {
    pub(crate) fn new(wire: Wire, mtu: usize) -> Self {
        Self {
            wire,
            mtu,
            seen: Seen::default(),
            fault: None,
        }
    }

    /// Complains about what went wrong while smoltcp had the word.
    pub(crate) fn check(&mut self) -> Outcome {
        match self.fault.take() {
            Some(fault) => Err(fault),
            None => Ok(()),
        }
    }

    fn has(&self, feature: Features) -> bool {
        self.wire.with.features.contains(feature)
    }

    fn take(&mut self) -> Outcome<Option<Vec<u8>>> {
        let Some(Arrived { header, mut bytes }) = self.wire.now()? else {
            return Ok(None);
        };
        if self.wire.with.header != HeaderLength::None {
            self.look_at(&header, &bytes)?;
        }
        if header.flags.contains(HeaderFlags::NEEDS_CSUM) {
            self.seen.received_partial += 1;
            complete(&header, &mut bytes)?;
        }
        if header.segmentation == Segmentation::None {
            self.seen.received_longest = self.seen.received_longest.max(bytes.len());
            let most = self.mtu + ETHERNET;
            ensure!(
                bytes.len() <= most.max(60),
                "a frame of {} bytes, with an MTU of {}",
                bytes.len(),
                self.mtu
            );
        }
        if self.has(Features::HOST_TSO4) {
            // So that smoltcp makes segments that the NIC has to cut.
            set_segment_size(&mut bytes, 32_000);
        }
        Ok(Some(bytes))
    }

    /// Complains about a header that was not negotiated or is wrong (virtio 1.2, 5.1.6.4).
    fn look_at(&mut self, header: &VirtioNetHeader, bytes: &[u8]) -> Outcome {
        let needed = header.receive_features();
        let missing = needed.difference(self.wire.with.features);
        ensure!(
            missing.is_empty(),
            "{header:?} needs {missing}, which was not negotiated"
        );
        if header.segmentation == Segmentation::None {
            return Ok(());
        }
        let packet = Packet::of(bytes).and_then(|packet| packet.tcp());
        let packet = packet.ok_or_else(|| failed(format!("{header:?} is no TCP")))?;
        let (size, payload) = (header.segment_size, packet.payload.len());
        ensure!(
            size > 0 && usize::from(size) < payload,
            "segments of {size} of {payload} bytes"
        );
        ensure!(
            header.flags.contains(HeaderFlags::NEEDS_CSUM),
            "a super-frame without partial checksum: {header:?}"
        );
        let headers = bytes.len() - payload;
        ensure!(
            usize::from(header.header_length) == headers,
            "headers of {headers} bytes: {header:?}"
        );
        ensure!(
            headers - ETHERNET + usize::from(size) <= self.mtu,
            "segments of {size} bytes do not fit the MTU {}",
            self.mtu
        );
        self.seen.received_super += 1;
        self.seen.received_segment = self.seen.received_segment.max(size);
        Ok(())
    }

    fn put(&mut self, mut bytes: Vec<u8>) -> Outcome {
        let mut header = VirtioNetHeader::default();
        let segment = Packet::of(&bytes)
            .and_then(|packet| Some((packet.from.is_ipv4(), packet.tcp()?.payload.len())));
        if let Some((is_ipv4, payload)) = segment {
            let headers = bytes.len() - payload;
            let room = self.mtu + ETHERNET - headers;
            if self.has(Features::HOST_TSO4) {
                let ip = if is_ipv4 { 20 } else { 40 };
                set_segment_size(&mut bytes, self.mtu - ip - 20);
            }
            if self.has(Features::CSUM) {
                uncomplete(&mut header, &mut bytes);
            }
            if payload > room {
                header.segmentation = match is_ipv4 {
                    true => Segmentation::Tcp4,
                    false => Segmentation::Tcp6,
                };
                header.segment_size = u16::try_from(room).unwrap_or(u16::MAX);
                header.header_length = u16::try_from(headers).unwrap_or(u16::MAX);
                self.seen.sent_super += 1;
            }
        }
        self.seen.sent_longest = self.seen.sent_longest.max(bytes.len());
        self.wire.queue(&header, &bytes)
    }
}

impl Device for Phy {
    type RxToken<'a> = Incoming;
    type TxToken<'a> = Outgoing<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Incoming, Outgoing<'_>)> {
        match self.take() {
            Ok(bytes) => bytes.map(|bytes| (Incoming(bytes), Outgoing(self))),
            Err(fault) => {
                self.fault.get_or_insert(fault);
                None
            }
        }
    }

    fn transmit(&mut self, _: Instant) -> Option<Outgoing<'_>> {
        (!self.wire.is_full()).then_some(Outgoing(self))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = match self.has(Features::HOST_TSO4) {
            true => 40_000,
            false => self.mtu + ETHERNET,
        };
        capabilities
    }
}

pub(crate) struct Incoming(Vec<u8>);

impl RxToken for Incoming {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, take: F) -> R {
        take(&self.0)
    }
}

pub(crate) struct Outgoing<'a>(&'a mut Phy);

impl TxToken for Outgoing<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, fill: F) -> R {
        let mut bytes = vec![0; length];
        let result = fill(&mut bytes);
        if let Err(fault) = self.0.put(bytes) {
            self.0.fault.get_or_insert(fault);
        }
        result
    }
}

/// Does what the header leaves to the receiver; complains when it points nowhere.
fn complete(header: &VirtioNetHeader, bytes: &mut [u8]) -> Outcome {
    let start = usize::from(header.checksum_start);
    let field = start + usize::from(header.checksum_offset);
    let packet = Packet::of(bytes).ok_or_else(|| failed("a partial checksum, and no IP"))?;
    let right = match packet.protocol {
        TCP => 16,
        UDP => 6,
        other => return Err(failed(format!("a partial checksum in protocol {other}"))),
    };
    let (begin, length) = (packet.start, packet.transport.len());
    ensure!(
        start == begin && usize::from(header.checksum_offset) == right,
        "the checksum is at {begin} + {right}: {header:?}"
    );
    let rest = bytes.get(start..start + length).unwrap_or_default();
    let value = (!sum(&[rest])).to_be_bytes();
    write(bytes, field, value);
    Ok(())
}

/// Leaves the checksum of a TCP segment to the other side.
fn uncomplete(header: &mut VirtioNetHeader, bytes: &mut [u8]) {
    let Some(packet) = Packet::of(bytes) else {
        return;
    };
    let (start, length) = (packet.start, packet.transport.len());
    let partial = sum(&[&pseudo_header(packet.from, packet.to, TCP, length)]);
    header.flags = HeaderFlags::NEEDS_CSUM;
    header.checksum_start = u16::try_from(start).unwrap_or(u16::MAX);
    header.checksum_offset = 16;
    write(bytes, start + 16, partial.to_be_bytes());
}

/// Changes the maximum segment size in a SYN.
fn set_segment_size(bytes: &mut [u8], size: usize) {
    let Some(packet) = Packet::of(bytes) else {
        return;
    };
    let (from, to) = (packet.from, packet.to);
    let (start, length) = (packet.start, packet.transport.len());
    let Some(segment) = packet.tcp().filter(|segment| segment.flags & SYN != 0) else {
        return;
    };
    let Some(at) = segment.options.windows(2).position(|it| it == [2, 4]) else {
        return;
    };
    let size = u16::try_from(size).unwrap_or(u16::MAX);
    write(bytes, start + 20 + at + 2, size.to_be_bytes());
    write(bytes, start + 16, [0, 0]);
    let transport = bytes.get(start..start + length).unwrap_or_default();
    let value = !sum(&[&pseudo_header(from, to, TCP, length), transport]);
    write(bytes, start + 16, value.to_be_bytes());
}

fn write(bytes: &mut [u8], at: usize, value: [u8; 2]) {
    if let Some(place) = bytes.get_mut(at..at + 2) {
        place.copy_from_slice(&value);
    }
}
