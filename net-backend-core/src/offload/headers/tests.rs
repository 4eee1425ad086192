use super::*;
use crate::offload::bytes::put;
use crate::offload::samples::{tcp_with, udp};

#[test]
fn everything_is_where_it_is() {
    let flags = TcpFlags::ACK | TcpFlags::PSH;
    let mut frame = tcp_with(0x0102_0304, flags, &[1; 8], b"abc");
    frame.extend([0; 5]);
    let headers = Headers::parse(&frame).unwrap();
    assert_eq!(headers.version(), 4);
    assert_eq!(headers.source, IpAddr::from([10, 0, 2, 15]));
    assert_eq!(headers.destination, IpAddr::from([10, 0, 2, 2]));
    let ports = (headers.source_port, headers.destination_port);
    assert_eq!((headers.protocol, ports), (Protocol::Tcp, (40000, 80)));
    assert_eq!(
        (headers.transport, headers.payload, headers.end),
        (34, 62, 65)
    );
    assert_eq!(headers.tcp_options(), 54..62);
    assert_eq!(
        (headers.transport_length(), headers.payload_length()),
        (31, 3)
    );
    assert_eq!(
        (headers.sequence, headers.acknowledgement),
        (0x0102_0304, 1)
    );
    assert_eq!((headers.flags, headers.window), (flags, 0xffff));
    assert!(headers.dont_fragment && !headers.is_fragment);
}

#[test]
fn a_prefix_is_enough_when_it_has_the_headers() {
    let frame = tcp_with(1, TcpFlags::ACK, &[1; 8], b"abc");
    for length in 0..=frame.len() {
        let headers = Headers::parse_prefix(&frame[..length], frame.len());
        assert_eq!(headers.is_some(), length >= 62, "{length}");
    }
    assert_eq!(Headers::parse_prefix(&frame, frame.len() - 1), None);
}

#[test]
fn lengths_that_lie_are_found() {
    let tcp = tcp_with(1, TcpFlags::ACK, &[], b"abc");
    let lies: [(usize, &[u8]); 6] = [
        (14, &[0x44]),
        (14, &[0x4f]),
        (14, &[0x65]),
        (16, &[0, 19]),
        (16, &[0, 39]),
        (46, &[0x60]),
    ];
    for (at, bytes) in lies {
        let mut frame = tcp.clone();
        frame[at..at + bytes.len()].copy_from_slice(bytes);
        assert_eq!(Headers::parse(&frame), None, "{at}: {bytes:x?}");
    }
    for length in [[0, 7], [0, 12]] {
        let mut frame = udp(b"abc");
        put(&mut frame, 38, length);
        assert_eq!(Headers::parse(&frame), None, "{length:?}");
    }
    assert!(Headers::parse(&tcp).is_some());
}

#[test]
fn a_fragment_is_not_looked_into() {
    for field in [[0x20, 0], [0, 1], [0x60, 0]] {
        let mut frame = udp(b"abc");
        put(&mut frame, 20, field);
        let headers = Headers::parse(&frame).unwrap();
        assert!(headers.is_fragment);
        assert_eq!((headers.payload, headers.source_port), (34, 0));
        assert_eq!(headers.checksum_offset(), None);
    }
}

#[test]
fn extension_headers_are_skipped() {
    let parse = |first: u8, extensions: &[u8]| {
        let length = u8::try_from(extensions.len() + 8).unwrap();
        let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x86, 0xdd];
        frame.extend([0x60, 0, 0, 0, 0, length, first, 64]);
        frame.extend([1; 32]);
        frame.extend(extensions);
        frame.extend([0, 1, 0, 2, 0, 8, 0, 0]);
        Headers::parse(&frame)
    };
    let plain = parse(17, &[]).unwrap();
    assert_eq!((plain.transport, plain.destination_port), (54, 2));
    let options = [60, 0, 0, 0, 0, 0, 0, 0];
    let long = [
        [17, 1],
        [0; 2],
        [0; 2],
        [0; 2],
        [0; 2],
        [0; 2],
        [0; 2],
        [0; 2],
    ]
    .concat();
    let headers = parse(0, &[&options[..], &long].concat()).unwrap();
    assert_eq!((headers.transport, headers.source_port), (78, 1));
    let fragment = parse(44, &[17, 0, 0, 1, 0, 0, 0, 1]).unwrap();
    assert!(fragment.is_fragment);
    assert_eq!((fragment.protocol, fragment.payload), (Protocol::Udp, 62));
    assert_eq!(parse(0, &[17, 9, 0, 0, 0, 0, 0, 0]), None);
    assert_eq!(parse(60, &options.repeat(9)), None);
}
