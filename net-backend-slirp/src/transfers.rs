//! File transfers (TFTP, RFC 1350) that libslirp may have open. Versions before 4.8 forget to close the files in the end.

use std::collections::VecDeque;
use std::net::SocketAddr;

use net_backend_core::offload::checksum::{self, Sum};
use net_backend_core::offload::{Headers, Protocol};

/// libslirp's port, and its packets.
const PORT: u16 = 69;
const READ: u16 = 1;
const ERROR: u16 = 5;
/// Transfers that are remembered. libslirp has 20 at a time.
const REMEMBERED: usize = 64;
/// Where UDP has its checksum.
const CHECKSUM: usize = 6;

/// The last requests, each of another port of the guest.
#[derive(Default)]
pub(crate) struct Transfers {
    requests: VecDeque<(SocketAddr, Vec<u8>)>,
}

impl Transfers {
    /// A frame of the guest passes.
    pub(crate) fn note(&mut self, frame: &[u8], headers: &Headers) {
        let is_request = headers.protocol == Protocol::Udp
            && headers.destination_port == PORT
            && word(frame, headers.payload) == Some(READ);
        if !is_request {
            return;
        }
        let client = SocketAddr::new(headers.source, headers.source_port);
        self.requests.retain(|(other, _)| *other != client);
        if self.requests.len() >= REMEMBERED {
            self.requests.pop_front();
        }
        self.requests.push_back((client, frame.to_vec()));
    }

    /// Frames that end them all: an error that the guest could have sent.
    pub(crate) fn end(&mut self) -> impl Iterator<Item = Vec<u8>> + use<'_> {
        let requests = self.requests.drain(..);
        requests.filter_map(|(_, request)| turned_into_error(request))
    }
}

fn turned_into_error(mut request: Vec<u8>) -> Option<Vec<u8>> {
    let headers = Headers::parse(&request)?;
    let field = headers.transport + CHECKSUM;
    // 0 stands for none.
    if let Some(sum) = word(&request, field).filter(|sum| *sum != 0) {
        let sum = checksum::update(sum, Sum::word(READ), Sum::word(ERROR));
        put(&mut request, field, sum)?;
    }
    put(&mut request, headers.payload, ERROR)?;
    Some(request)
}

fn word(frame: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*frame.get(at..)?.first_chunk()?))
}

fn put(frame: &mut [u8], at: usize, value: u16) -> Option<()> {
    *frame.get_mut(at..)?.first_chunk_mut()? = value.to_be_bytes();
    Some(())
}
