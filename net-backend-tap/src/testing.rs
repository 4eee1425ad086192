//! The far end of a tap, for tests and benchmarks: interfaces, what joins them, and what is needed to look at their
//! other side. No tool is started. What a system does not have says [`io::ErrorKind::Unsupported`].
//!
//! On Linux there are network namespaces to make taps in: no privilege is needed where users may make namespaces,
//! and nothing outlives the process. On FreeBSD interfaces are made in the network of the system, which needs root, and
//! whoever makes one has to [delete](Interface::delete) it; there are neither namespaces nor addresses, but for
//! [those of the loopback interface](ensure_loopback).

mod dhcp;
mod namespace;

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use net_backend_core::MacAddr;

use crate::sys::testing as imp;

pub use dhcp::Lease;
pub use namespace::NetworkNamespace;

/// Gets ready to make interfaces that are in nobody's way. First thing in `main`, while there is one thread.
///
/// Linux: [`enter_private_network`]. FreeBSD: loads the drivers of taps, epairs and bridges where they are modules; names of
/// interfaces are the whole system's.
///
/// # Errors
///
/// What the system says, with what to change about it; `PermissionDenied` on FreeBSD for others than root.
pub fn prepare_interfaces() -> io::Result<()> {
    imp::prepare_interfaces()
}

/// Lets programs of this machine talk to each other by 127.0.0.1, and by ::1 where that is possible. May be called from
/// any thread, at any time.
///
/// FreeBSD: brings lo0 up and gives it the addresses that it lacks (lo(4)), which needs root and stays when the program
/// ends. Others: does nothing.
///
/// # Errors
///
/// What the system says; `PermissionDenied` where something is missing and we may not add it. None because of ::1.
pub fn ensure_loopback() -> io::Result<()> {
    imp::ensure_loopback()
}

/// Puts this process into a network namespace of its own, in which it may do everything: make taps, open raw
/// sockets. Its loopback interface is up. Threads that are made later are in it too.
///
/// Without the privilege for that, the process gets a user namespace first. This is only possible as long as it
/// has one thread, so call it first thing in `main`.
///
/// # Errors
///
/// What the system says, with what to change about it.
pub fn enter_private_network() -> io::Result<()> {
    imp::enter_private_network()
}

/// Lets this process make [network namespaces](NetworkNamespace), and leaves it in the network that it is in: for
/// tests of what joins a private network to that of the host.
///
/// Without the privilege for that, the process gets a user namespace. This is only possible as long as it has one
/// thread, so call it first thing in `main`.
///
/// # Errors
///
/// What the system says, with what to change about it.
pub fn allow_namespaces() -> io::Result<()> {
    imp::allow_namespaces()
}

/// An interface in the namespace of the calling thread.
#[derive(Clone, Debug)]
pub struct Interface {
    name: String,
}

impl Interface {
    /// The interface of that name. It need not exist yet.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into() }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Brings it up.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn set_up(&self) -> io::Result<()> {
        imp::set_up(&self.name, true)
    }

    /// Takes it down.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn set_down(&self) -> io::Result<()> {
        imp::set_up(&self.name, false)
    }

    /// Sets the IP MTU.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn set_mtu(&self, mtu: u16) -> io::Result<()> {
        imp::set_mtu(&self.name, mtu)
    }

    /// Sets how many frames the host queues for whoever reads its other end.
    ///
    /// # Errors
    ///
    /// What the system says; `Unsupported` on others than Linux.
    pub fn set_transmit_queue_length(&self, frames: u32) -> io::Result<()> {
        imp::set_transmit_queue_length(&self.name, frames)
    }

    /// Gives it an address in a network of `prefix` bits.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn set_ipv4(&self, address: Ipv4Addr, prefix: u8) -> io::Result<()> {
        imp::add_ipv4(&self.name, address, prefix)
    }

    /// Sets its Ethernet address.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn set_mac(&self, address: MacAddr) -> io::Result<()> {
        imp::set_mac(&self.name, address)
    }

    /// Sends whatever has no other route through it: to a gateway, or straight to the neighbours when `None`. A
    /// default route of IPv4 that is there already is replaced.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn set_default_route(&self, gateway: Option<Ipv4Addr>) -> io::Result<()> {
        imp::set_default_route(&self.name, gateway)
    }

    /// Lets it configure IPv6 by what routers advertise, at once: it asks for them without delay, and uses its
    /// addresses without looking whether others do.
    ///
    /// # Errors
    ///
    /// What the system says; `NotFound` in kernels without IPv6.
    pub fn enable_ipv6(&self) -> io::Result<()> {
        imp::enable_ipv6(&self.name)
    }

    /// Its addresses of IPv6.
    ///
    /// # Errors
    ///
    /// What the system says; `NotFound` in kernels without IPv6.
    pub fn ipv6_addresses(&self) -> io::Result<Vec<Ipv6Addr>> {
        imp::ipv6_addresses(&self.name)
    }

    /// Keeps it from sending packets of IPv6 on its own. Nothing to do where there is no IPv6.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn disable_ipv6(&self) -> io::Result<()> {
        imp::disable_ipv6(&self.name)
    }

    /// Makes a bridge of this name, and brings it up.
    ///
    /// # Errors
    ///
    /// What the system says, in kernels without bridges too.
    pub fn add_bridge(&self) -> io::Result<()> {
        imp::add_bridge(&self.name)
    }

    /// Makes it a port of a bridge.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn join_bridge(&self, bridge: &Self) -> io::Result<()> {
        imp::join_bridge(&self.name, &bridge.name)
    }

    /// Limits what the host sends on it; up to 1 MiB waits for its turn.
    ///
    /// # Errors
    ///
    /// What the system says, in kernels without token bucket filters too.
    pub fn throttle(&self, bytes_per_second: u32) -> io::Result<()> {
        imp::throttle(&self.name, bytes_per_second)
    }

    /// Makes two interfaces of FreeBSD with a cable between them, an epair(4). The system chooses the names; deleting one
    /// deletes both.
    ///
    /// # Errors
    ///
    /// What the system says; `Unsupported` on others.
    pub fn add_epair() -> io::Result<[Self; 2]> {
        Ok(imp::add_epair()?.map(Self::named))
    }

    /// Makes two interfaces of Linux with a cable between them, a veth(4): this one, and one of the name of
    /// `other` in `namespace`. Both are down. Deleting one deletes both, and so does the end of a namespace.
    ///
    /// # Errors
    ///
    /// What the system says; `Unsupported` on others.
    pub fn add_veth(&self, other: &Self, namespace: &NetworkNamespace) -> io::Result<()> {
        imp::add_veth(&self.name, &other.name, namespace.path())
    }

    /// Whether there is an interface of this name.
    pub fn exists(&self) -> bool {
        imp::exists(&self.name)
    }

    /// Deletes it when its last user is gone, and keeps the calling thread and everybody else who deletes an interface
    /// waiting until then, as FreeBSD does it with taps. On other systems, and for other interfaces, at once.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn delete_when_closed(&self) -> io::Result<()> {
        imp::delete_when_closed(&self.name)
    }

    /// Deletes it, even while it is in use, but for a tap of FreeBSD.
    ///
    /// # Errors
    ///
    /// What the system says; `ResourceBusy` for a tap of FreeBSD that somebody has open.
    pub fn delete(&self) -> io::Result<()> {
        imp::delete(&self.name)
    }
}

/// A raw socket on an interface, or bpf(4) on FreeBSD: the far end of a tap. What it sends comes out of the tap, what is
/// written to the tap arrives here. It does not see what the host itself sends.
#[derive(Debug)]
pub struct PacketSocket(imp::PacketSocket);

impl PacketSocket {
    /// Bytes of the virtio-net header of [`with_header`](Self::with_header).
    pub const HEADER: usize = 10;

    /// A socket for plain Ethernet frames, which are complete and no longer than the MTU allows.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn plain(interface: &Interface) -> io::Result<Self> {
        imp::PacketSocket::open(&interface.name, false).map(Self)
    }

    /// A socket for frames behind a virtio-net header of 10 bytes: partial checksums and super-frames pass.
    ///
    /// # Errors
    ///
    /// What the system says; `Unsupported` on FreeBSD.
    pub fn with_header(interface: &Interface) -> io::Result<Self> {
        imp::PacketSocket::open(&interface.name, true).map(Self)
    }

    /// Sends one frame.
    ///
    /// # Errors
    ///
    /// What the system says: `WouldBlock` or ENOBUFS when there is no room.
    pub fn send(&self, frame: &[u8]) -> io::Result<()> {
        self.0.send(frame)
    }

    /// Waits for the next frame and returns its true length; `None` when none came within `timeout`. The end of a
    /// frame that is longer than the buffer is lost.
    ///
    /// # Errors
    ///
    /// What the system says: `NetworkDown` after the interface went down.
    pub fn receive(&self, into: &mut [u8], timeout: Duration) -> io::Result<Option<usize>> {
        self.0.receive(into, timeout)
    }
}

/// Sends echo requests (RFC 792) from the namespace of the thread that opened it.
#[derive(Debug)]
pub struct IcmpSocket {
    socket: imp::IcmpSocket,
    sequence: u16,
}

impl IcmpSocket {
    /// Opens a raw socket.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            socket: imp::IcmpSocket::open()?,
            sequence: 0,
        })
    }

    /// Sends one request with `payload` bytes and waits for its answer: the time that this took; `None` without an
    /// answer within `timeout`.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn ping(
        &mut self,
        address: Ipv4Addr,
        payload: usize,
        timeout: Duration,
    ) -> io::Result<Option<Duration>> {
        self.sequence = self.sequence.wrapping_add(1);
        self.socket.ping(address, self.sequence, payload, timeout)
    }
}
