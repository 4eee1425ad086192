//! The Internet checksum (RFC 1071), and who has to fill it in.

use std::net::IpAddr;
use std::ops::{Add, Sub};

use super::bytes::{be16, put};
use super::{Headers, Malformed, Protocol};
use crate::{HeaderFlags, VirtioNetHeader};

/// A one's complement sum of 16-bit words in network byte order (RFC 1071). 0 and 0xffff are the same sum.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum(u16);

impl Sum {
    /// The sum of no words.
    pub const ZERO: Self = Self(0);

    /// The sum of `bytes`, as words that begin at the first of them; a last odd byte is followed by a zero.
    #[inline]
    pub fn of(bytes: &[u8]) -> Self {
        Self(fold(sum(bytes)).to_be())
    }

    /// The sum of one word, such as a port, or the checksum field itself.
    #[inline]
    pub const fn word(word: u16) -> Self {
        Self(word)
    }

    /// The sum of the two words of a 32-bit field, such as a sequence number.
    #[inline]
    pub fn double_word(word: u32) -> Self {
        Self(fold(u64::from(word)))
    }

    /// The sum of the same bytes when they begin at the second byte of a word (RFC 1071, 2 (B)).
    #[inline]
    #[must_use]
    pub const fn at_odd(self) -> Self {
        Self(self.0.swap_bytes())
    }

    /// The sum of these bytes and, behind them, those of `next`. `length` is the number of these bytes.
    #[inline]
    #[must_use]
    pub fn followed_by(self, length: usize, next: Self) -> Self {
        self + if length % 2 == 0 { next } else { next.at_odd() }
    }

    /// The sum as a number: what stands in the checksum field of a frame that needs its checksum completed.
    #[inline]
    pub const fn value(self) -> u16 {
        self.0
    }

    /// The checksum: the complement of the sum.
    #[inline]
    pub const fn checksum(self) -> u16 {
        !self.0
    }

    /// The checksum as UDP has it, whose 0 stands for "none" (RFC 768): 0xffff instead of 0, which is the same
    /// to everybody else.
    #[inline]
    pub const fn nonzero_checksum(self) -> u16 {
        match self.checksum() {
            0 => 0xffff,
            checksum => checksum,
        }
    }
}

impl Add for Sum {
    type Output = Self;

    #[inline]
    fn add(self, other: Self) -> Self {
        let (sum, carry) = self.0.overflowing_add(other.0);
        Self(sum + u16::from(carry))
    }
}

impl Sub for Sum {
    type Output = Self;

    #[inline]
    fn sub(self, other: Self) -> Self {
        self + Self(!other.0)
    }
}

impl PartialEq for Sum {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        matches!((*self - *other).0, 0 | 0xffff)
    }
}

impl Eq for Sum {}

/// The sum of the pseudo-header of TCP and UDP (RFC 9293, 3.1; RFC 8200, 8.1). `length` is that of the
/// transport header and its payload, in bytes.
#[inline]
pub fn pseudo_header(source: IpAddr, destination: IpAddr, protocol: u8, length: usize) -> Sum {
    let address = |address| match address {
        IpAddr::V4(address) => Sum::of(&address.octets()),
        IpAddr::V6(address) => Sum::of(&address.octets()),
    };
    let length = Sum(fold(length as u64));
    address(source) + address(destination) + Sum::word(u16::from(protocol)) + length
}

/// The checksum after words of the sum `old` were replaced by words of the sum `new` (RFC 1624, equation 3).
///
/// Both begin at an even byte of what the checksum covers, or are turned by [`Sum::at_odd`].
#[inline]
pub fn update(checksum: u16, old: Sum, new: Sum) -> u16 {
    (Sum(!checksum) - old + new).checksum()
}

/// Whether the checksum of TCP or UDP in the frame is right, or UDP over IPv4 has none. `false` for other
/// protocols, fragments and IPv6 extension headers. Reads the payload.
pub fn is_valid(frame: &[u8], headers: &Headers) -> bool {
    let Some(offset) = headers.checksum_offset().filter(|_| is_plain(headers)) else {
        return false;
    };
    let absent = headers.protocol == Protocol::Udp
        && headers.version() == 4
        && be16(frame, headers.transport + offset) == Some(0);
    let length = checksummed_length(frame, headers);
    let bytes = frame.get(headers.transport..headers.transport + length);
    absent || bytes.is_some_and(|it| Sum::of(it) + pseudo(headers, length) == Sum::ZERO)
}

/// Fills in the checksum that the header says is missing, and takes the request out of the header. Does nothing
/// when it says no such thing. Reads the frame from `checksum_start` to its end.
///
/// # Errors
///
/// If the frame has no checksum field where the header says. The frame and the header are untouched.
pub fn complete(frame: &mut [u8], header: &mut VirtioNetHeader) -> Result<(), Malformed> {
    if !header.flags.contains(HeaderFlags::NEEDS_CSUM) {
        return Ok(());
    }
    let start = usize::from(header.checksum_start);
    let covered = frame.get_mut(start..).ok_or(Malformed)?;
    let checksum = Sum::of(covered).nonzero_checksum().to_be_bytes();
    put(covered, usize::from(header.checksum_offset), checksum).ok_or(Malformed)?;
    header.flags.remove(HeaderFlags::NEEDS_CSUM);
    header.checksum_start = 0;
    header.checksum_offset = 0;
    Ok(())
}

/// Puts the sum of the pseudo-header in the place of a complete checksum of TCP or UDP, and returns the header
/// that asks the receiver to complete it. The payload is not read: whoever calls this says that the checksum is
/// right.
///
/// `None`, and an untouched frame, for other protocols, fragments, IPv6 extension headers, UDP without a
/// checksum, and UDP that is shorter than its packet.
pub fn make_partial(frame: &mut [u8], headers: &Headers) -> Option<VirtioNetHeader> {
    let offset = headers.checksum_offset().filter(|_| is_plain(headers))?;
    let length = headers.transport_length();
    if headers.protocol == Protocol::Udp
        && (be16(frame, headers.transport + 6)? == 0
            || checksummed_length(frame, headers) != length)
    {
        return None;
    }
    let partial = partial_header(headers)?;
    let sum = pseudo(headers, length).value().to_be_bytes();
    put(frame, headers.transport + offset, sum)?;
    Some(partial)
}

/// The header that asks for the checksum of TCP or UDP.
#[inline]
pub(super) fn partial_header(headers: &Headers) -> Option<VirtioNetHeader> {
    Some(VirtioNetHeader {
        flags: HeaderFlags::NEEDS_CSUM,
        checksum_start: u16::try_from(headers.transport).ok()?,
        checksum_offset: u16::try_from(headers.checksum_offset()?).ok()?,
        ..VirtioNetHeader::default()
    })
}

/// The sum of the pseudo-header for a transport header and payload of `length` bytes.
#[inline]
pub(super) fn pseudo(headers: &Headers, length: usize) -> Sum {
    let protocol = headers.protocol.number();
    pseudo_header(headers.source, headers.destination, protocol, length)
}

/// Whether the addresses of the IP header are those of the pseudo-header, which a routing header may change.
#[inline]
pub(super) fn is_plain(headers: &Headers) -> bool {
    headers.source.is_ipv4() || headers.transport == headers.plain_transport()
}

/// Length of what the checksum covers besides the pseudo-header: UDP may be shorter than its packet.
#[inline]
fn checksummed_length(frame: &[u8], headers: &Headers) -> usize {
    match (headers.protocol, be16(frame, headers.transport + 4)) {
        (Protocol::Udp, Some(length)) => usize::from(length),
        _ => headers.transport_length(),
    }
}

/// Bytes summed in one step: enough for the widest vectors.
const STEP: usize = 64;
/// 32-bit words in a step, each with a sum of its own.
type Lanes = [u64; STEP / 4];

/// The sum of 32-bit words in this machine's byte order, which folds to that of its 16-bit words.
#[inline]
fn sum(bytes: &[u8]) -> u64 {
    let mut lanes = Lanes::default();
    let mut steps = bytes.chunks_exact(STEP);
    for step in &mut steps {
        add_words(&mut lanes, step);
    }
    let mut sum: u64 = lanes.iter().sum();
    let mut words = steps.remainder().chunks_exact(4);
    for word in &mut words {
        sum += u64::from(word_of(word));
    }
    let mut last = [0; 4];
    last.iter_mut()
        .zip(words.remainder())
        .for_each(|(to, from)| *to = *from);
    sum + u64::from(word_of(&last))
}

#[inline]
fn add_words(lanes: &mut Lanes, step: &[u8]) {
    for (lane, word) in lanes.iter_mut().zip(step.chunks_exact(4)) {
        *lane += u64::from(word_of(word));
    }
}

#[inline]
fn word_of(bytes: &[u8]) -> u32 {
    bytes.first_chunk().copied().map_or(0, u32::from_ne_bytes)
}

/// Folds carries into 16 bits.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "what is cut off is 0")]
fn fold(sum: u64) -> u16 {
    let sum = (sum >> 32) + (sum & 0xffff_ffff);
    let sum = (sum >> 16) + (sum & 0xffff);
    let sum = (sum >> 16) + (sum & 0xffff);
    let sum = (sum >> 16) + (sum & 0xffff);
    sum as u16
}

#[cfg(test)]
mod tests {
    use super::super::samples::{tcp, udp};
    use super::super::{Headers, TcpFlags};
    use super::*;

    #[test]
    fn the_example_of_the_rfc() {
        // RFC 1071, 3.
        let bytes = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(Sum::of(&bytes).value(), 0xddf2);
        assert_eq!(Sum::of(&bytes).checksum(), 0x220d);
        assert_eq!(Sum::of(&[0, 0]).checksum(), 0xffff);
        assert_eq!(Sum::of(&[0xff, 0xff]).nonzero_checksum(), 0xffff);
    }

    #[test]
    fn the_example_of_an_update() {
        // RFC 1624, 4: a word changes from 0x5555 to 0x3285 under the checksum 0xdd2f.
        let updated = update(0xdd2f, Sum::word(0x5555), Sum::word(0x3285));
        assert_eq!(updated, 0x0000);
    }

    #[test]
    fn two_zeros_are_one_sum() {
        assert_eq!(Sum::word(0), Sum::word(0xffff));
        assert_ne!(Sum::word(0), Sum::word(1));
        assert_eq!(Sum::word(5) - Sum::word(5), Sum::ZERO);
    }

    #[test]
    fn a_completed_zero_does_not_say_that_there_is_no_checksum() {
        let mut header = VirtioNetHeader {
            flags: HeaderFlags::NEEDS_CSUM,
            checksum_start: 1,
            checksum_offset: 2,
            ..VirtioNetHeader::default()
        };
        let mut frame = [7, 0xff, 0xff, 0, 0];
        complete(&mut frame, &mut header).unwrap();
        assert_eq!(frame, [7, 0xff, 0xff, 0xff, 0xff]);
        assert_eq!(header, VirtioNetHeader::default());
    }

    #[test]
    fn a_datagram_without_checksum_stays_without() {
        let mut frame = udp(b"abc");
        put(&mut frame, 40, [0; 2]);
        let headers = Headers::parse(&frame).unwrap();
        assert!(is_valid(&frame, &headers));
        let before = frame.clone();
        assert_eq!(make_partial(&mut frame, &headers), None);
        assert_eq!(frame, before);
    }

    #[test]
    fn what_has_no_checksum_of_its_own_is_left_alone() {
        let mut fragment = tcp(1, TcpFlags::ACK, b"abc");
        fragment[20] = 0x20;
        let mut ping = fragment.clone();
        ping[20] = 0;
        ping[23] = 1;
        for mut frame in [fragment, ping] {
            let headers = Headers::parse(&frame).unwrap();
            assert_eq!(make_partial(&mut frame, &headers), None);
            assert!(!is_valid(&frame, &headers));
        }
    }
}
