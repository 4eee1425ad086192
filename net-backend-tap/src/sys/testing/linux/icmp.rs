//! Echo requests over a raw socket (icmp(7), raw(7)).

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, ipproto, recv, sendto,
    socket_with,
};

/// Type of an echo reply (RFC 792).
const REPLY: u8 = 0;
/// Type of an echo request.
const REQUEST: u8 = 8;
/// ICMP header of both, in bytes.
const HEADER: usize = 8;

#[derive(Debug)]
pub(crate) struct IcmpSocket {
    socket: OwnedFd,
    identifier: u16,
}

impl IcmpSocket {
    pub(crate) fn open() -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let protocol = Some(ipproto::ICMP);
        let socket = socket_with(AddressFamily::INET, SocketType::RAW, flags, protocol)
            .map_err(super::failed("raw socket for ICMP (needs CAP_NET_RAW)"))?;
        let [_, _, high, low] = std::process::id().to_be_bytes();
        Ok(Self {
            socket,
            identifier: u16::from_be_bytes([high, low]),
        })
    }

    pub(crate) fn ping(
        &self,
        address: Ipv4Addr,
        sequence: u16,
        payload: usize,
        timeout: Duration,
    ) -> io::Result<Option<Duration>> {
        let request = self.request(sequence, payload);
        let mut answer = [0; 256];
        let start = Instant::now();
        let deadline = super::deadline(timeout);
        let address = SocketAddrV4::new(address, 0);
        sendto(&self.socket, &request, SendFlags::empty(), &address)
            .map_err(super::failed("sending an echo request"))?;
        loop {
            match recv(&self.socket, answer.as_mut_slice(), RecvFlags::empty()) {
                Ok((_, length)) => {
                    let elapsed = start.elapsed();
                    let answer = answer.get(..length).unwrap_or_default();
                    if self.is_reply(answer, sequence) {
                        return Ok(Some(elapsed));
                    }
                }
                Err(Errno::AGAIN) if !super::wait(&self.socket, deadline)? => return Ok(None),
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    fn request(&self, sequence: u16, payload: usize) -> Vec<u8> {
        let mut request = vec![REQUEST, 0, 0, 0];
        request.extend(self.identifier.to_be_bytes());
        request.extend(sequence.to_be_bytes());
        request.resize(HEADER + payload, 0x5a);
        let sum = checksum(&request).to_be_bytes();
        if let Some(field) = request.get_mut(2..4) {
            field.copy_from_slice(&sum);
        }
        request
    }

    /// Whether `packet`, which begins with its IP header, answers that request.
    fn is_reply(&self, packet: &[u8], sequence: u16) -> bool {
        let Some(first) = packet.first() else {
            return false;
        };
        let header = usize::from(first & 0xf) * 4;
        let [i0, i1] = self.identifier.to_be_bytes();
        let [s0, s1] = sequence.to_be_bytes();
        matches!(packet.get(header..header + HEADER),
            Some(&[REPLY, 0, _, _, a, b, c, d]) if [a, b, c, d] == [i0, i1, s0, s1])
    }
}

/// The checksum of the Internet protocols (RFC 1071).
fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|pair| match *pair {
        [high, low] => u16::from_be_bytes([high, low]),
        [high] => u16::from_be_bytes([high, 0]),
        _ => 0,
    });
    let sum = words.fold(0_u64, |sum, word| sum + u64::from(word));
    let folded = (0..3).fold(sum, |sum, _| (sum & 0xffff) + (sum >> 16));
    let [.., high, low] = (!folded).to_be_bytes();
    u16::from_be_bytes([high, low])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_rfc_1071() {
        let example = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(checksum(&example), !0xddf2);
        assert_eq!(checksum(&[]), 0xffff);
        assert_eq!(checksum(&[0xff]), 0x00ff);
    }

    #[test]
    fn with_its_checksum_in_place_a_packet_sums_up_to_zero() {
        let mut packet = vec![0x12, 0x34, 0, 0, 0x56];
        let sum = checksum(&packet).to_be_bytes();
        packet[2..4].copy_from_slice(&sum);
        assert_eq!(checksum(&packet), 0);
    }
}
