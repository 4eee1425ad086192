//! Super-frames that are cut in software, since netgraph has no header that says what to do with them.

use std::iter;

use anyhow::{Result, ensure};
use net_backend::bench::Unit;
use net_backend::layers::{NativeTransmit, SOFTWARE_OFFLOADS, offload_transmit};
use net_backend::{
    Activation, HeaderFlags, HeaderLength, Segmentation, Sent, TxQueue, TxSlice, VirtioNetHeader,
};

use super::super::MakeCase;
use super::super::case::{Case, LIBRARY, Who};
use super::socket::{Ends, Sockets};

/// Payload bytes of a segment that fits an MTU of 1500.
const SEGMENT: u16 = 1460;
/// Segments of a super-frame: as many as an IPv4 packet of 64 KiB has room for.
const SEGMENTS: usize = 44;
/// Bytes of Ethernet, IPv4 and TCP header, without options.
const HEADERS: u16 = 54;

/// All cases of this file.
pub(super) fn cases() -> impl Iterator<Item = MakeCase> {
    iter::once(Box::new(|| Ok(Box::new(Cut::new()?) as Box<dyn Case>)) as MakeCase)
}

/// One super-frame for the library, its segments ready-made for the bare loop. The unit is a segment.
struct Cut {
    tx: Box<dyn TxQueue>,
    ends: Ends,
    super_frame: Vec<u8>,
    segments: Vec<Vec<u8>>,
    arrived: Vec<u8>,
}

impl Cut {
    fn new() -> Result<Self> {
        let Sockets { library, ends } = Sockets::new(HeaderLength::None)?;
        let negotiated = Activation {
            queue_pairs: 1,
            header: HeaderLength::Twelve,
            features: SOFTWARE_OFFLOADS,
        };
        let mut case = Self {
            tx: offload_transmit(library.tx, NativeTransmit::PLAIN, &negotiated),
            ends,
            super_frame: super_frame()?,
            segments: Vec::new(),
            arrived: vec![0; usize::from(HEADERS + SEGMENT)],
        };
        case.run_library()?;
        while let Some(length) = case.ends.far.receive(&mut case.arrived)? {
            let segment = case.arrived.get(..length).unwrap_or_default();
            case.segments.push(segment.to_vec());
        }
        let count = case.segments.len();
        ensure!(count == SEGMENTS, "{count} of {SEGMENTS} segments came");
        Ok(case)
    }

    fn run_library(&mut self) -> Result<()> {
        let sent = self.tx.send(&[TxSlice::new(&self.super_frame)])?;
        ensure!(sent == Sent::Queued, "{sent:?}");
        Ok(self.tx.flush()?)
    }

    fn run_by_hand(&self) -> Result<()> {
        for segment in &self.segments {
            let sent = self.ends.bare.send(segment)?;
            ensure!(sent == segment.len(), "only {sent} bytes went");
        }
        Ok(())
    }
}

impl Case for Cut {
    fn name(&self) -> String {
        "netgraph segment of 64 KiB in software, ready-made by hand".to_owned()
    }

    fn unit(&self) -> Unit {
        Unit::Frame
    }

    fn prepare(&mut self, _: Who) -> Result<()> {
        let frames = self.ends.drain(&mut self.arrived)?;
        ensure!(frames == 0 || frames == SEGMENTS, "{frames} segments came");
        Ok(())
    }

    fn run(&mut self, contestant: Who) -> Result<u64> {
        match contestant {
            LIBRARY => self.run_library()?,
            _ => self.run_by_hand()?,
        }
        Ok(u64::try_from(SEGMENTS)?)
    }
}

/// TCP over IPv4 (RFC 9293, RFC 791) over Ethernet, behind a header that says how to cut it.
fn super_frame() -> Result<Vec<u8>> {
    let payload = usize::from(SEGMENT) * SEGMENTS;
    let header = VirtioNetHeader {
        flags: HeaderFlags::NEEDS_CSUM,
        segmentation: Segmentation::Tcp4,
        header_length: HEADERS,
        segment_size: SEGMENT,
        checksum_start: 34,
        checksum_offset: 16,
        buffers: 0,
        ..VirtioNetHeader::default()
    };
    let mut bytes = header.encode().to_vec();
    bytes.extend([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0x00]);
    // The checksums of IPv4 and TCP are made for each segment.
    bytes.extend([0x45, 0]);
    bytes.extend(u16::try_from(payload + 40)?.to_be_bytes());
    bytes.extend([0, 0, 0x40, 0, 64, 6, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
    bytes.extend([
        0xc0, 0, 0, 80, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 0xff, 0xff,
    ]);
    bytes.extend([0; 4]);
    bytes.resize(bytes.len() + payload, 0x5a);
    Ok(bytes)
}
