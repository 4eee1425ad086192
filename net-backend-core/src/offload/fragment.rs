use std::ops::Range;

use super::bytes::{be16, chunk, put};
use super::headers::{NETWORK, extension};
use super::segment::{be_bytes, put_ipv4_checksum};
use super::{Headers, Malformed};

/// Cuts an IP packet into fragments of at most `mtu` bytes, IP header included (RFC 791, 3.2; RFC 8200, 4.5).
/// Each goes to `sink` as a frame, in order; a packet that is no longer than `mtu` goes there as it is.
///
/// Checksums have to be complete: only the whole packet can complete them. The don't-fragment bit is ignored
/// and kept; see [`Headers::dont_fragment`]. IPv4 packets keep their identification, and a fragment is cut
/// further. IPv6 fragments carry `identification`, which has to differ between packets of the same addresses
/// that may be on their way at the same time.
///
/// `scratch` is where fragments are built: it grows to the largest, and no allocation is needed once it has.
///
/// # Errors
///
/// When the frame is no IP, is an IPv6 fragment already, or its headers leave no room for payload in `mtu`
/// bytes. Nothing went to `sink`.
pub fn fragment(
    frame: &[u8],
    mtu: usize,
    identification: u32,
    scratch: &mut Vec<u8>,
    sink: &mut impl FnMut(&[u8]),
) -> Result<(), Malformed> {
    let headers = Headers::parse(frame).ok_or(Malformed)?;
    if headers.end - NETWORK <= mtu {
        sink(frame);
        return Ok(());
    }
    let cutter = Cutter::new(frame, &headers, mtu, identification).ok_or(Malformed)?;
    let head_length = cutter.head_length();
    let largest = head_length + cutter.step;
    if scratch.len() < largest {
        scratch.resize(largest, 0);
    }
    let mut next = Some(cutter.first());
    while let Some(part) = next.map(|start| cutter.part(start)) {
        let length = head_length + part.len();
        let built = scratch.get_mut(..length).ok_or(Malformed)?;
        let (head, payload) = built.split_at_mut_checked(head_length).ok_or(Malformed)?;
        payload.copy_from_slice(frame.get(part.clone()).ok_or(Malformed)?);
        cutter.cut(frame, part.clone(), head).ok_or(Malformed)?;
        sink(built);
        next = cutter.following(&part);
    }
    Ok(())
}

/// "More fragments" in an IPv4 header.
const MORE: u16 = 0x2000;

/// How one packet is cut into fragments, one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cutter {
    version: u8,
    /// End of the headers that every fragment has.
    head: usize,
    /// Length of the fragment header behind them.
    added: usize,
    /// Where the type of the header behind them stands.
    next: usize,
    /// Payload bytes in each fragment but the last.
    step: usize,
    end: usize,
    identification: u32,
}

impl Cutter {
    /// As [`fragment()`], but for a packet that may be short enough; `None` for what that refuses.
    pub(crate) fn new(
        frame: &[u8],
        headers: &Headers,
        mtu: usize,
        identification: u32,
    ) -> Option<Self> {
        let version = headers.version();
        let (head, next, added) = match version {
            4 => (headers.transport, 0, 0),
            _ if headers.is_fragment => return None,
            _ => {
                let (head, next) = per_fragment_headers(frame, headers)?;
                (head, next, 8)
            }
        };
        let step = (NETWORK + mtu).checked_sub(head + added)? & !7;
        // The offset has 13 bits. An IPv4 fragment may claim to reach further than that.
        let before = match version {
            4 => usize::from(be16(frame, NETWORK + 6)? & 0x1fff),
            _ => 0,
        };
        if before + (headers.end - head) / 8 > 0x1fff {
            return None;
        }
        (step > 0).then_some(Self {
            version,
            head,
            added,
            next,
            step,
            end: headers.end,
            identification,
        })
    }

    /// Length of the headers that every fragment has, in bytes.
    #[inline]
    pub(crate) fn head_length(&self) -> usize {
        self.head + self.added
    }

    /// Where the first part of the packet begins.
    #[inline]
    pub(crate) fn first(&self) -> usize {
        self.head
    }

    /// The part of the packet that is in the fragment that begins at `start`.
    #[inline]
    pub(crate) fn part(&self, start: usize) -> Range<usize> {
        start..self.end.min(start + self.step)
    }

    /// Where the part behind this one begins; `None` behind the last.
    #[inline]
    pub(crate) fn following(&self, part: &Range<usize>) -> Option<usize> {
        (part.end < self.end).then_some(part.end)
    }

    /// Builds the headers of the fragment with that part of the frame in `head`, which has their length.
    pub(crate) fn cut(&self, frame: &[u8], part: Range<usize>, head: &mut [u8]) -> Option<()> {
        head.get_mut(..self.head)?
            .copy_from_slice(frame.get(..self.head)?);
        match self.version {
            4 => self.put_ipv4(frame, part, head),
            _ => self.put_ipv6(frame, part, head),
        }
    }

    fn put_ipv4(&self, frame: &[u8], part: Range<usize>, head: &mut [u8]) -> Option<()> {
        let field = be16(frame, NETWORK + 6)?;
        let units = u16::try_from((part.start - self.head) / 8).ok()?;
        let offset = (field & 0x1fff) + units;
        let more = if part.end < self.end {
            MORE
        } else {
            field & MORE
        };
        let length = self.head_length() - NETWORK + part.len();
        put(head, NETWORK + 2, be_bytes(length)?)?;
        put(
            head,
            NETWORK + 6,
            (field & 0xc000 | more | offset).to_be_bytes(),
        )?;
        let header = head.get_mut(NETWORK..self.head)?;
        if part.start > self.head {
            drop_first_only_options(header.get_mut(20..)?);
        }
        put_ipv4_checksum(header)
    }

    fn put_ipv6(&self, frame: &[u8], part: Range<usize>, head: &mut [u8]) -> Option<()> {
        let offset = u16::try_from(part.start - self.head).ok()?;
        let more = u16::from(part.end < self.end);
        let [o0, o1] = (offset | more).to_be_bytes();
        let [i0, i1, i2, i3] = self.identification.to_be_bytes();
        let [next] = chunk(frame, self.next)?;
        let length = self.head_length() - NETWORK - 40 + part.len();
        put(head, NETWORK + 4, be_bytes(length)?)?;
        put(head, self.next, [extension::FRAGMENT])?;
        put(head, self.head, [next, 0, o0, o1, i0, i1, i2, i3])
    }
}

/// Where the headers end that every fragment of an IPv6 packet has, which are those up to a routing header, or
/// else a hop-by-hop header (RFC 8200, 4.5), and where the type of the next header stands.
fn per_fragment_headers(frame: &[u8], headers: &Headers) -> Option<(usize, usize)> {
    let mut at = NETWORK + 40;
    let mut next = NETWORK + 6;
    let mut found = (at, next);
    while at < headers.transport {
        let [kind] = chunk(frame, next)?;
        let [_, units] = chunk(frame, at)?;
        next = at;
        at += 8 + 8 * usize::from(units);
        if kind != extension::DESTINATION {
            found = (at, next);
        }
    }
    Some(found)
}

/// Overwrites the IPv4 options that only the first fragment has with "no operation" (RFC 791, 3.1).
fn drop_first_only_options(options: &mut [u8]) {
    const END: u8 = 0;
    const NO_OPERATION: u8 = 1;
    const COPIED: u8 = 0x80;
    let mut rest = options;
    while let Some((&mut kind, _)) = rest.split_first_mut() {
        let length = match kind {
            END => return,
            NO_OPERATION => 1,
            _ => rest.get(1).map_or(0, |length| usize::from(*length)),
        };
        if length == 0 {
            return;
        }
        let Some((option, behind)) = std::mem::take(&mut rest).split_at_mut_checked(length) else {
            return;
        };
        if kind & COPIED == 0 {
            option.fill(NO_OPERATION);
        }
        rest = behind;
    }
}

#[cfg(test)]
mod tests {
    use super::super::TcpFlags;
    use super::super::samples::{tcp_with, udp};
    use super::*;

    fn cut(frame: &[u8], mtu: usize) -> Result<Vec<Vec<u8>>, Malformed> {
        let mut out = Vec::new();
        fragment(frame, mtu, 7, &mut Vec::new(), &mut |it| {
            out.push(it.to_vec());
        })?;
        Ok(out)
    }

    #[test]
    fn a_packet_that_fits_stays_as_it_is() {
        let mut frame = udp(&[1; 100]);
        frame.extend([0; 3]);
        assert_eq!(cut(&frame, 128), Ok(vec![frame.clone()]));
        assert_eq!(cut(&frame, 127).unwrap().len(), 2);
    }

    #[test]
    fn options_for_the_first_fragment_are_only_there() {
        // Security (copied), record route (not copied), end.
        let options = [0x82, 3, 9, 7, 4, 9, 9, 0];
        let mut frame = udp(&[1; 60]);
        frame.splice(34..34, options);
        frame[14] = 0x47;
        put(&mut frame, 16, [0, 28 + 68]);
        let out = cut(&frame, 68).unwrap();
        assert_eq!(out.len(), 2);
        assert_eq!(out[0][34..42], options);
        assert_eq!(out[1][34..42], [0x82, 3, 9, 1, 1, 1, 1, 0]);
    }

    #[test]
    fn the_bits_of_the_packet_are_kept() {
        let frame = tcp_with(1, TcpFlags::ACK, &[], &[1; 60]);
        let field = |it: &[u8]| be16(it, 20).unwrap();
        let fields: Vec<_> = cut(&frame, 60)
            .unwrap()
            .iter()
            .map(|it| field(it))
            .collect();
        assert_eq!(fields, [0x6000, 0x4000 | 5]);
    }

    #[test]
    fn what_cannot_be_cut_is_refused() {
        let frame = udp(&[1; 100]);
        assert_eq!(cut(&frame, 27), Err(Malformed));
        assert_eq!(cut(&frame, 0), Err(Malformed));
        assert!(cut(&frame, 28).is_ok());
        let mut last = frame.clone();
        put(&mut last, 20, 0x1ff8_u16.to_be_bytes());
        assert_eq!(cut(&last, 60), Err(Malformed));
        assert_eq!(cut(&[0; 60], 40), Err(Malformed));
    }
}
