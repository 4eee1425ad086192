//! What smoltcp sends, and what is answered by hand: ARP, and TCP over IPv4.

use net_backend::offload::checksum::{Sum, is_valid, pseudo_header};
use net_backend::offload::{Headers, Protocol};

/// Where TCP's checksum is in a frame without options of IP.
pub(crate) const CHECKSUM: usize = 34 + 16;

/// An Ethernet frame.
pub(crate) struct Frame(pub(crate) Vec<u8>);

impl Frame {
    /// The answer of the host with this number to an ARP request (RFC 826).
    pub(crate) fn arp_answer(&self, number: u8) -> Self {
        let Self(question) = self;
        assert_eq!(question[12..22], [8, 6, 0, 1, 8, 0, 6, 4, 0, 1]);
        let mac = [2, 0, 0, 0, 0, number];
        let asker = &question[22..32];
        let address = &question[38..42];
        let head = [8, 6, 0, 1, 8, 0, 6, 4, 0, 2];
        Self([&asker[..6], &mac, &head, &mac, address, asker].concat())
    }

    /// A segment that refuses the connection, with a good checksum.
    pub(crate) fn refusal(&self) -> Self {
        let Self(syn) = self;
        let headers = Headers::parse(syn).unwrap();
        let acknowledged = (headers.sequence + 1).to_be_bytes();
        // Without options, from there to here.
        let ip = [
            &[0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0],
            &syn[30..34],
            &syn[26..30],
        ]
        .concat();
        let flags = [0x50, 0x14, 0, 0, 0, 0, 0, 0];
        let tcp = [&syn[36..38], &syn[34..36], &[0; 4], &acknowledged, &flags].concat();
        let mut frame = [&syn[6..12], &syn[..6], &[8, 0], &ip, &tcp].concat();
        let header = Sum::of(&frame[14..34]).checksum();
        frame[24..26].copy_from_slice(&header.to_be_bytes());
        let mut refusal = Self(frame);
        let sum = Sum::of(&refusal.0[34..]) + Sum::word(refusal.pseudo_header());
        refusal.0[CHECKSUM..CHECKSUM + 2].copy_from_slice(&sum.checksum().to_be_bytes());
        assert!(refusal.is_valid());
        refusal
    }

    pub(crate) fn u16_at(&self, place: usize) -> u16 {
        u16::from_be_bytes([self.0[place], self.0[place + 1]])
    }

    /// The sum of the pseudo-header.
    pub(crate) fn pseudo_header(&self) -> u16 {
        let headers = Headers::parse(&self.0).unwrap();
        let length = headers.transport_length();
        let number = Protocol::Tcp.number();
        pseudo_header(headers.source, headers.destination, number, length).value()
    }

    /// Whether it is TCP with a good checksum.
    pub(crate) fn is_valid(&self) -> bool {
        let headers = Headers::parse(&self.0).unwrap();
        headers.protocol == Protocol::Tcp && is_valid(&self.0, &headers)
    }
}
