//! What opens a socket.

use std::net::SocketAddr;

use net_backend_core::offload::{Headers, Protocol};

use crate::forward::Transport;

/// A flow that a guest began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flow {
    pub(crate) transport: Transport,
    pub(crate) guest: SocketAddr,
    /// For UDP, where the first frame went.
    pub(crate) remote: SocketAddr,
}

/// How libslirp tells flows apart: connections by both ends, UDP by the guest's end.
pub(crate) type FlowKey = (Transport, SocketAddr, Option<SocketAddr>);

impl Flow {
    /// The flow that a frame from the guest belongs to; `None` for fragments, and other
    /// protocols than TCP and UDP.
    pub(crate) fn outward(headers: &Headers) -> Option<Self> {
        Some(Self {
            transport: transport(headers)?,
            guest: SocketAddr::new(headers.source, headers.source_port),
            remote: SocketAddr::new(headers.destination, headers.destination_port),
        })
    }

    /// The flow that a frame for the guest belongs to.
    pub(crate) fn inward(headers: &Headers) -> Option<Self> {
        Some(Self {
            transport: transport(headers)?,
            guest: SocketAddr::new(headers.destination, headers.destination_port),
            remote: SocketAddr::new(headers.source, headers.source_port),
        })
    }

    pub(crate) fn key(&self) -> FlowKey {
        let remote = (self.transport == Transport::Tcp).then_some(self.remote);
        (self.transport, self.guest, remote)
    }
}

/// Fragments have no ports to know them by.
fn transport(headers: &Headers) -> Option<Transport> {
    match headers.protocol {
        _ if headers.is_fragment => None,
        Protocol::Tcp => Some(Transport::Tcp),
        Protocol::Udp => Some(Transport::Udp),
        Protocol::Other(_) => None,
    }
}
