//! Frames for tests.

use super::bytes::put;
use super::checksum::{self, Sum};
use super::segment::{be_bytes, put_ipv4_checksum};
use super::{Headers, TcpFlags};

/// A segment from port 40000 to port 80 over IPv4, with the don't-fragment bit.
pub(super) fn tcp(sequence: u32, flags: TcpFlags, payload: &[u8]) -> Vec<u8> {
    tcp_with(sequence, flags, &[], payload)
}

/// The same with options, of a multiple of 4 bytes.
pub(super) fn tcp_with(sequence: u32, flags: TcpFlags, options: &[u8], payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(20 + options.len()).unwrap();
    let mut header = vec![0x9c, 0x40, 0, 80];
    header.extend(sequence.to_be_bytes());
    header.extend([
        0,
        0,
        0,
        1,
        length << 2,
        flags.bits(),
        0xff,
        0xff,
        0,
        0,
        0,
        0,
    ]);
    header.extend(options);
    let mut frame = ipv4(6, &[&header[..], payload].concat());
    repair(&mut frame);
    frame
}

/// A datagram with the same addresses and ports.
pub(super) fn udp(payload: &[u8]) -> Vec<u8> {
    let [l0, l1] = be_bytes(8 + payload.len()).unwrap();
    let header = [0x9c, 0x40, 0, 80, l0, l1, 0, 0];
    let mut frame = ipv4(17, &[&header[..], payload].concat());
    repair(&mut frame);
    frame
}

/// Computes all checksums anew.
pub(super) fn repair(frame: &mut [u8]) {
    put_ipv4_checksum(&mut frame[14..34]).unwrap();
    let headers = Headers::parse(frame).unwrap();
    if let Some(offset) = headers.checksum_offset() {
        put(frame, headers.transport + offset, [0; 2]).unwrap();
        let covered = &frame[headers.transport..headers.end];
        let sum = Sum::of(covered) + checksum::pseudo(&headers, covered.len());
        let checksum = sum.checksum().to_be_bytes();
        put(frame, headers.transport + offset, checksum).unwrap();
    }
}

fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
    let [l0, l1] = be_bytes(20 + payload.len()).unwrap();
    frame.extend([0x45, 0, l0, l1, 0, 0, 0x40, 0, 64, protocol, 0, 0]);
    frame.extend([10, 0, 2, 15, 10, 0, 2, 2]);
    frame.extend(payload);
    frame
}
