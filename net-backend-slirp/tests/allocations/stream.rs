//! One TCP connection to a server of the host, and much data on it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use net_backend_core::offload::{Headers, checksum};
use net_backend_core::{Features, HeaderLength, Segmentation, VirtioNetHeader};

use crate::guest::{Guest, Outcome, PATIENCE};
use crate::packets::{ACK, GATEWAY, GUEST, PSH, Packet, SYN, Segment, tcp};

/// Payload of a segment that fits the MTU.
const SEGMENT: usize = 1460;
/// Bytes on the way at the same time: fewer than any window.
const BURST: usize = 28 * SEGMENT;

pub(crate) fn upload(uri: &str) -> Outcome {
    let mut connection = Connection::open(uri, HeaderLength::None, Features::empty())?;
    connection.upload(SEGMENT)
}

pub(crate) fn upload_of_super_frames(uri: &str) -> Outcome {
    let features = Features::CSUM | Features::HOST_TSO4;
    let mut connection = Connection::open(uri, HeaderLength::Twelve, features)?;
    connection.upload(BURST)
}

pub(crate) fn download(uri: &str) -> Outcome {
    let mut connection = Connection::open(uri, HeaderLength::None, Features::empty())?;
    connection.download()
}

pub(crate) fn download_of_super_frames(uri: &str) -> Outcome {
    let features = Features::GUEST_CSUM | Features::GUEST_TSO4;
    let mut connection = Connection::open(uri, HeaderLength::Twelve, features)?;
    connection.download()
}

struct Connection {
    guest: Guest,
    host: TcpStream,
    ends: Ends,
    data: Vec<u8>,
}

/// Where both sides are.
#[derive(Clone, Copy)]
struct Ends {
    server: SocketAddr,
    /// The next byte that the guest sends, and the next one that it expects.
    next: u32,
    expected: u32,
}

impl Connection {
    fn open(uri: &str, header: HeaderLength, features: Features) -> Outcome<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let mut ends = Ends {
            server: (GATEWAY, listener.local_addr()?.port()).into(),
            next: 1000,
            expected: 0,
        };
        let mut guest = Guest::open(uri, header, features)?;
        // An MSS of 1460.
        let syn = ends.frame(SYN, &[2, 4, 5, 0xb4], &[]);
        guest.send(&[guest.wire(&syn)])?;
        ends.next += 1;
        ends.expected = guest.expect("an answer to the SYN", |frame| {
            let segment = Packet::of(frame)?.tcp()?;
            let is_answer = segment.flags & (SYN | ACK) == SYN | ACK;
            is_answer.then(|| segment.sequence.wrapping_add(1))
        })?;
        guest.send(&[guest.wire(&ends.frame(ACK, &[], &[]))])?;
        let (host, _) = listener.accept()?;
        host.set_read_timeout(Some(PATIENCE))?;
        host.set_write_timeout(Some(PATIENCE))?;
        Ok(Self {
            guest,
            host,
            ends,
            data: vec![7; BURST],
        })
    }

    /// Sends bursts of frames with so much payload each.
    fn upload(&mut self, size: usize) -> Outcome {
        let Self {
            guest,
            host,
            ends,
            data,
        } = self;
        let mut buffer = vec![0; BURST];
        guest.rounds(|guest| {
            let frames: Vec<_> = data
                .chunks(size)
                .map(|payload| ends.data(guest, payload))
                .collect();
            guest.send(&frames)?;
            host.read_exact(&mut buffer)?;
            let all = ends.next;
            guest.expect("an acknowledgement", |frame| {
                let last = acknowledgement(frame)?;
                (last == all).then_some(())
            })
        })
    }

    /// Receives bursts, of each of which the guest acknowledges the last byte.
    fn download(&mut self) -> Outcome {
        let Self {
            guest,
            host,
            ends,
            data,
        } = self;
        guest.rounds(|guest| {
            host.write_all(data)?;
            let mut missing = data.len();
            guest.expect("the data", |frame| {
                let segment = Packet::of(frame)?.tcp()?;
                let length = segment.payload.len();
                if segment.sequence == ends.expected {
                    ends.expected = ends.expected.wrapping_add(u32::try_from(length).ok()?);
                    missing = missing.saturating_sub(length);
                }
                (missing == 0).then_some(())
            })?;
            guest.send(&[guest.wire(&ends.frame(ACK, &[], &[]))])
        })
    }
}

impl Ends {
    /// The next data, behind a header that leaves checksums and cutting to the NIC when that is much.
    fn data(&mut self, guest: &Guest, payload: &[u8]) -> Vec<u8> {
        let mut frame = self.frame(ACK | PSH, &[], payload);
        self.next = self
            .next
            .wrapping_add(u32::try_from(payload.len()).unwrap_or(0));
        if payload.len() <= SEGMENT {
            return guest.wire(&frame);
        }
        let partial = Headers::parse(&frame)
            .and_then(|headers| checksum::make_partial(&mut frame, &headers))
            .unwrap_or_default();
        let header = VirtioNetHeader {
            segmentation: Segmentation::Tcp4,
            segment_size: u16::try_from(SEGMENT).unwrap_or(u16::MAX),
            header_length: 54,
            ..partial
        };
        guest.wire_with(header, &frame)
    }

    fn frame(&self, flags: u8, options: &[u8], payload: &[u8]) -> Vec<u8> {
        let segment = Segment {
            sequence: self.next,
            acknowledgement: self.expected,
            flags,
            options,
            payload,
            ..Segment::default()
        };
        tcp((GUEST, 5000).into(), self.server, segment)
    }
}

/// What a segment says that the host has.
fn acknowledgement(frame: &[u8]) -> Option<u32> {
    let packet = Packet::of(frame)?;
    let bytes = packet.tcp().and_then(|_| packet.transport.get(8..12))?;
    bytes.try_into().ok().map(u32::from_be_bytes)
}
