//! UDP, in bursts, to a socket of the host and back.

use std::net::{SocketAddr, UdpSocket};

use net_backend_core::{Features, HeaderLength};

use crate::guest::{Guest, Outcome, PATIENCE, ensure};
use crate::packets::{GATEWAY, GUEST, Packet, fragments, udp};

/// Datagrams on the way at the same time.
const BURST: usize = 16;

/// Bytes of a datagram in one fragment: a multiple of 8 that fits the MTU.
const FRAGMENT: usize = 1480;

pub(crate) fn both_ways(uri: &str) -> Outcome {
    exchange(uri, HeaderLength::None, 1000)
}

pub(crate) fn behind_a_header(uri: &str) -> Outcome {
    exchange(uri, HeaderLength::Twelve, 1000)
}

/// Datagrams that are put together before libslirp gets them, and cut for the guest.
pub(crate) fn in_fragments(uri: &str) -> Outcome {
    exchange(uri, HeaderLength::None, 4000)
}

fn exchange(uri: &str, header: HeaderLength, length: usize) -> Outcome {
    let host = UdpSocket::bind("127.0.0.1:0")?;
    host.set_read_timeout(Some(PATIENCE))?;
    let port = host.local_addr()?.port();
    let mut guest = Guest::open(uri, header, Features::empty())?;
    let (from, to) = (SocketAddr::from((GUEST, 5000)), (GATEWAY, port).into());
    let burst = burst(&guest, &udp(from, to, &vec![7; length]));
    let mut buffer = vec![0; length + 1];
    guest.rounds(|guest| {
        guest.send(&burst)?;
        let mut asker = None;
        for _ in 0..BURST {
            let (count, from) = host.recv_from(&mut buffer)?;
            ensure(count == length, || format!("{count} of {length} bytes"))?;
            asker = Some(from);
        }
        let asker = asker.ok_or("nobody asked")?;
        for _ in 0..BURST {
            host.send_to(buffer.get(..length).unwrap_or_default(), asker)?;
        }
        let mut missing = BURST * length;
        guest.expect("the answers", |frame| {
            missing = missing.saturating_sub(payload(frame));
            (missing == 0).then_some(())
        })
    })
}

/// Bytes of the datagram that are in a frame.
fn payload(frame: &[u8]) -> usize {
    let Some(packet) = Packet::of(frame) else {
        return 0;
    };
    let is_first = matches!(frame.get(20..22), Some([high, 0]) if high & 0x1f == 0);
    packet.transport.len() - if is_first { 8 } else { 0 }
}

/// Datagrams as the guest sends them; those that do not fit in fragments, each with an identification of its own.
fn burst(guest: &Guest, frame: &[u8]) -> Vec<Vec<u8>> {
    let one = |number: u16| match frame.len() <= 1514 {
        true => vec![frame.to_vec()],
        false => fragments(frame, number, FRAGMENT),
    };
    (1..)
        .take(BURST)
        .flat_map(one)
        .map(|frame| guest.wire(&frame))
        .collect()
}
