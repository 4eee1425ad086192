//! Frames for smoltcp.

use std::fmt;

use net_backend_core::offload::checksum::{Sum, complete, pseudo_header};
use net_backend_core::offload::{Headers, Protocol};
use net_backend_core::{
    Activation, Counters, Error, Features, FrameLength, HeaderFlags, HeaderLength, Received,
    Result, RxQueue, RxSlice, Source, VirtioNetHeader,
};

/// Where TCP's checksum is in its header (RFC 9293, 3.1).
const TCP_CHECKSUM: u16 = 16;

/// The receive half, with one frame.
pub(super) struct Receiver {
    queue: Box<dyn RxQueue>,
    header: HeaderLength,
    /// Whether the virtio-net header tells about checksums, which smoltcp does not look at then.
    is_told: bool,
    /// Room for any frame, so that none is cut.
    buffer: Vec<u8>,
    lost: u64,
    error: Option<Error>,
}

impl Receiver {
    pub(super) fn new(queue: Box<dyn RxQueue>, with: &Activation) -> Self {
        Self {
            queue,
            header: with.header,
            is_told: with.features.contains(Features::GUEST_CSUM),
            buffer: vec![0; FrameLength::MAX.buffer_length(with.header)],
            lost: 0,
            error: None,
        }
    }

    /// The next good frame, without its virtio-net header.
    #[inline]
    pub(super) fn next(&mut self) -> Option<&[u8]> {
        let length = loop {
            match self.queue.recv(&mut [RxSlice::new(&mut self.buffer)]) {
                Ok(Some(received)) if self.accept(received) => break received.length,
                Ok(Some(_)) => self.lost += 1,
                Ok(None) => return None,
                Err(error) => {
                    self.error = Some(error);
                    return None;
                }
            }
        };
        self.buffer.get(self.header.bytes()..length)
    }

    /// Says what went wrong, if anything did.
    pub(super) fn settle(&mut self) -> Result<()> {
        self.error.take().map_or(Ok(()), Err)
    }

    pub(super) fn source(&self) -> Source<'_> {
        self.queue.source()
    }

    pub(super) fn counters(&self) -> Counters {
        self.queue.counters()
    }

    pub(super) fn lost(&self) -> u64 {
        self.lost
    }

    fn accept(&mut self, received: Received) -> bool {
        let frame = self.buffer.get_mut(..received.length);
        let parts = frame.and_then(|frame| frame.split_at_mut_checked(self.header.bytes()));
        match parts {
            Some(_) if received.truncated => false,
            Some((wire, frame)) => !self.is_told || is_good(wire, self.header, frame),
            None => false,
        }
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("source", &self.queue.source())
            .finish_non_exhaustive()
    }
}

/// Does about checksums what smoltcp does not: looks at those of TCP that nobody looked at, and completes those of others.
fn is_good(wire: &[u8], length: HeaderLength, frame: &mut [u8]) -> bool {
    let mut bytes = [0; 12];
    bytes
        .iter_mut()
        .zip(wire)
        .for_each(|(to, from)| *to = *from);
    let Some(mut header) = VirtioNetHeader::decode(bytes, length) else {
        return false;
    };
    if header.flags.contains(HeaderFlags::NEEDS_CSUM) {
        return header.checksum_offset == TCP_CHECKSUM || complete(frame, &mut header).is_ok();
    }
    header.flags.contains(HeaderFlags::DATA_VALID) || !has_wrong_checksum(frame)
}

/// Whether it is a TCP segment, whole, whose checksum is wrong.
fn has_wrong_checksum(frame: &[u8]) -> bool {
    let headers = Headers::parse(frame).filter(|it| it.protocol == Protocol::Tcp);
    headers.filter(|it| !it.is_fragment).is_some_and(|it| {
        let covered = frame.get(it.transport..it.end).unwrap_or_default();
        let number = Protocol::Tcp.number();
        let pseudo = pseudo_header(it.source, it.destination, number, covered.len());
        Sum::of(covered) + pseudo != Sum::ZERO
    })
}

#[cfg(test)]
mod tests {
    use net_backend_core::offload::checksum::{is_valid, make_partial};

    use super::*;

    /// An IPv4 packet with this protocol, whose transport header is `transport`.
    fn frame(protocol: Protocol, transport: &[u8]) -> Vec<u8> {
        let length = u8::try_from(20 + transport.len()).unwrap();
        let ip = [0x45, 0, 0, length, 0, 0, 0, 0, 64, protocol.number(), 0, 0];
        let addresses = [10, 0, 2, 2, 10, 0, 2, 15];
        [&[2; 12][..], &[8, 0], &ip, &addresses, transport].concat()
    }

    #[test]
    fn what_somebody_looked_at_is_not_looked_at_again() {
        let mut wrong = frame(
            Protocol::Tcp,
            &[
                1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0, 0, 0, 9, 9, 0, 0,
            ],
        );
        let seen = VirtioNetHeader {
            flags: HeaderFlags::DATA_VALID,
            ..VirtioNetHeader::default()
        };
        for (header, is_taken) in [(seen, true), (VirtioNetHeader::default(), false)] {
            let good = is_good(&header.encode(), HeaderLength::Twelve, &mut wrong);
            assert_eq!(good, is_taken, "{header:?}");
        }
    }

    #[test]
    fn datagrams_get_the_checksum_that_smoltcp_looks_at() {
        let mut partial = frame(Protocol::Udp, &[1, 2, 3, 4, 0, 11, 9, 9, 5, 6, 7]);
        let headers = Headers::parse(&partial).unwrap();
        let header = make_partial(&mut partial, &headers).unwrap();
        assert!(!is_valid(&partial, &headers));
        let wire = header.encode();
        assert!(is_good(&wire[..10], HeaderLength::Ten, &mut partial));
        assert!(is_valid(&partial, &headers));
        let beyond = VirtioNetHeader {
            checksum_start: 1000,
            ..header
        };
        assert!(!is_good(
            &beyond.encode(),
            HeaderLength::Twelve,
            &mut partial
        ));
    }
}
