//! What a guest may ask of a VALE switch.

use net_backend_core::offload::{Headers, Protocol};
use net_backend_core::{
    DropReason, Features, HeaderFlags, HeaderLength, Segmentation, VirtioNetHeader,
};

/// Bytes of a frame that are looked at: the virtio-net header, and far more than the other headers and VLAN tags take.
pub(crate) const PREFIX: usize = HeaderLength::Twelve.bytes() + 320;

/// A frame with a virtio-net header, as it lies in the ring. What lies in guest memory could change after it was
/// checked and before it is copied.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'f> {
    /// The beginning of the frame, as far as it is in its first buffer, up to [`PREFIX`] bytes.
    pub(crate) prefix: &'f [u8],
    /// Length of its header.
    pub(crate) header: HeaderLength,
    /// Bytes of the whole frame, header included.
    pub(crate) length: usize,
    /// Bytes of it in its first buffer.
    pub(crate) first: usize,
}

impl Request<'_> {
    /// What the header asks for, cleared of what is not the sender's to say; `None` when that is nothing.
    ///
    /// A VALE switch believes the header (`bdg_mismatch_datapath` in netmap's netmap_offloadings.c): it sums from
    /// `csum_start` on also when that is behind the end, and takes for headers whatever looks so. A guest must not get
    /// at the host's kernel by that.
    pub(crate) fn check(&self, features: Features) -> Result<Option<VirtioNetHeader>, DropReason> {
        if self.prefix.starts_with(&[0, 0]) {
            return Ok(None);
        }
        let header = self.header().ok_or(DropReason::Malformed)?;
        if !features.contains(header.transmit_features()) {
            return Err(DropReason::NotNegotiated);
        }
        match self.can_be_done(&header) {
            Some(true) => Ok(Some(header)),
            _ => Err(DropReason::Malformed),
        }
    }

    fn header(&self) -> Option<VirtioNetHeader> {
        let mut wire = VirtioNetHeader::default().encode();
        let bytes = self.prefix.get(..self.header.bytes())?;
        wire.get_mut(..bytes.len())?.copy_from_slice(bytes);
        let header = VirtioNetHeader::decode(wire, self.header)?;
        Some(VirtioNetHeader {
            flags: header.flags & HeaderFlags::NEEDS_CSUM,
            buffers: 1,
            ..header
        })
    }

    fn can_be_done(&self, header: &VirtioNetHeader) -> Option<bool> {
        let skip = self.header.bytes();
        let first = self.first.checked_sub(skip)?;
        let needs_checksum = header.flags.contains(HeaderFlags::NEEDS_CSUM);
        let start = usize::from(header.checksum_start);
        if needs_checksum && start + usize::from(header.checksum_offset) + 2 > first {
            return None;
        }
        if header.segmentation == Segmentation::None {
            return Some(true);
        }
        let frame = self.prefix.get(skip..)?;
        let length = self.length.checked_sub(skip)?;
        let is_request = needs_checksum && header.segment_size > 0;
        Some(is_request && is_super_frame(header.segmentation, frame, length)?)
    }
}

/// Whether a frame of `length` bytes that begins like this is TCP of the version that the header says, with all of its
/// headers here.
fn is_super_frame(segmentation: Segmentation, prefix: &[u8], length: usize) -> Option<bool> {
    let tags = tags(prefix)?;
    let mut bytes = [0; PREFIX];
    let (addresses, rest) = (prefix.get(..ADDRESSES)?, prefix.get(ADDRESSES + tags..)?);
    bytes.get_mut(..ADDRESSES)?.copy_from_slice(addresses);
    bytes
        .get_mut(ADDRESSES..ADDRESSES + rest.len())?
        .copy_from_slice(rest);
    let untagged = bytes.get(..ADDRESSES + rest.len())?;
    let headers = Headers::parse_prefix(untagged, length.checked_sub(tags)?)?;
    let version = match segmentation {
        Segmentation::Tcp4 => 4,
        Segmentation::Tcp6 => 6,
        _ => return None,
    };
    let is_tcp = headers.protocol == Protocol::Tcp && !headers.is_fragment;
    Some(is_tcp && headers.version() == version)
}

/// Bytes of the two addresses of a frame, which are before its tags.
const ADDRESSES: usize = 12;

/// Bytes of the 802.1Q tags of a frame.
fn tags(frame: &[u8]) -> Option<usize> {
    let mut length = 0;
    while frame.get(ADDRESSES + length..)?.starts_with(&[0x81, 0x00]) {
        length += 4;
    }
    Some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Features = Features::CSUM
        .union(Features::HOST_TSO4)
        .union(Features::HOST_TSO6);

    type Change = fn(&mut Vec<u8>);

    /// A TCP/IPv4 frame of 1000 bytes behind `tags` VLAN tags and a header that asks for segments of 500 bytes.
    fn frame(tags: u16) -> Vec<u8> {
        let header = VirtioNetHeader {
            flags: HeaderFlags::NEEDS_CSUM | HeaderFlags::DATA_VALID,
            segmentation: Segmentation::Tcp4,
            segment_size: 500,
            checksum_start: 34 + 4 * tags,
            checksum_offset: 16,
            buffers: 77,
            ..VirtioNetHeader::default()
        };
        let mut bytes = header.encode().to_vec();
        bytes.extend([2; ADDRESSES]);
        bytes.extend([0x81, 0x00, 0, 1].repeat(tags.into()));
        bytes.extend([0x08, 0x00, 0x45, 0, 0x03, 0xda, 0, 1, 0x40, 0, 64, 6, 0, 0]);
        bytes.extend([10, 0, 0, 1, 10, 0, 0, 2]);
        bytes.extend([
            0x10, 0, 0x20, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 1, 0, 0, 0, 0, 0,
        ]);
        bytes.resize(12 + 1000 + 4 * usize::from(tags), 7);
        bytes
    }

    fn check(bytes: &[u8], first: usize) -> Result<Option<VirtioNetHeader>, DropReason> {
        let count = bytes.len().min(first).min(PREFIX);
        let request = Request {
            prefix: &bytes[..count],
            header: HeaderLength::Twelve,
            length: bytes.len(),
            first: first.min(bytes.len()),
        };
        request.check(ALL)
    }

    #[test]
    fn what_can_be_done_is_asked_for_in_clean_words() {
        for tags in [0, 1, 2] {
            let header = check(&frame(tags), 1920).unwrap().unwrap();
            assert_eq!(header.flags, HeaderFlags::NEEDS_CSUM);
            assert_eq!((header.segment_size, header.buffers), (500, 1));
        }
        let mut plain = frame(0);
        plain[..2].fill(0);
        assert_eq!(check(&plain, 1920), Ok(None));
    }

    #[test]
    fn what_the_kernel_would_stumble_over_is_malformed() {
        let changes: [(&str, Change); 9] = [
            ("a kind of segments that nobody knows", |bytes| bytes[1] = 2),
            ("segments without a checksum", |bytes| bytes[0] = 2),
            ("segments of no bytes", |bytes| bytes[4..6].fill(0)),
            ("a sum from behind the end", |bytes| {
                bytes[6..8].copy_from_slice(&60_000_u16.to_le_bytes())
            }),
            ("a sum that goes behind the end", |bytes| {
                bytes[8..10].fill(0xff)
            }),
            ("the other version", |bytes| bytes[1] = 4),
            ("UDP", |bytes| bytes[12 + 23] = 17),
            ("a fragment", |bytes| bytes[12 + 20] = 0x20),
            ("a TCP header behind the end", |bytes| {
                bytes[12 + 46] |= 0xf0
            }),
        ];
        for (what, change) in changes {
            let mut bytes = frame(0);
            change(&mut bytes);
            if what == "a TCP header behind the end" {
                bytes.truncate(12 + 34 + 30);
            }
            assert_eq!(check(&bytes, 1920), Err(DropReason::Malformed), "{what}");
        }
        assert_eq!(
            check(&frame(370), 1920),
            Err(DropReason::Malformed),
            "tags without an end"
        );
        assert_eq!(
            check(&frame(0), 12 + 40),
            Err(DropReason::Malformed),
            "headers in two buffers"
        );
    }

    #[test]
    fn what_was_not_negotiated_is_refused() {
        let bytes = frame(0);
        let request = Request {
            prefix: &bytes[..PREFIX],
            header: HeaderLength::Twelve,
            length: bytes.len(),
            first: bytes.len(),
        };
        let refused = Err(DropReason::NotNegotiated);
        assert_eq!(request.check(Features::CSUM | Features::HOST_TSO6), refused);
    }
}
