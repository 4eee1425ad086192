//! The rules in force: ports of the host that lead into the guest, and services of the host in the guest's network.

use std::ffi::CString;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, ToSocketAddrs};
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use net_backend_core::{Forwarding, Result};
use rustix::net::{SocketAddrAny, SocketAddrUnix};

use crate::config::{Ipv4Config, SlirpConfig};
use crate::forward::{GuestForward, GuestForwardTarget, HostForward, HostSide, Transport};
use crate::guest_servers::GuestServers;
use crate::relay::Relay;
use crate::remedies::{Remedies, failed};
use crate::stack::Stack;
use crate::sys::sockets::SocketAddress;
use crate::sys::{HostAddress, sockets};

/// Connections that wait for libslirp to accept them; the system may have a lower limit. libslirp itself asks for 1.
const BACKLOG: i32 = 4096;

/// The rules in force.
#[derive(Default)]
pub(crate) struct Forwards {
    bound: Vec<BoundForward>,
    pub(crate) relays: Vec<Relay>,
    pub(crate) servers: GuestServers,
}

/// A rule of the host side, and its sockets.
pub(crate) struct BoundForward {
    pub(crate) rule: HostForward,
    ports: Vec<BoundPort>,
}

/// A listener of libslirp.
struct BoundPort {
    /// `None` if libslirp did not show it.
    socket: Option<RawFd>,
    host: HostPort,
    guest: SocketAddr,
    /// The file of a unix socket, to know it again.
    file: Option<FileIdentity>,
}

/// Device and number of a file.
type FileIdentity = (u64, u64);

impl Drop for BoundPort {
    /// libslirp leaves the file of a unix socket behind. Somebody else may have put another one in its place.
    fn drop(&mut self) {
        if let HostPort::Unix(path) = &self.host {
            if self.file.is_some() && identity(path) == self.file {
                let _gone_already = std::fs::remove_file(path);
            }
        }
    }
}

/// Where it listens.
#[derive(Clone, Debug)]
enum HostPort {
    Socket(SocketAddr),
    Unix(PathBuf),
}

impl HostPort {
    fn address(&self) -> HostAddress<'_> {
        match self {
            Self::Socket(address) => HostAddress::Socket(*address),
            Self::Unix(path) => HostAddress::Unix(path),
        }
    }

    fn socket_address(&self) -> Option<SocketAddr> {
        match self {
            Self::Socket(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }
}

impl BoundForward {
    /// As the outside sees it.
    pub(crate) fn forwarding(&self) -> Forwarding {
        Forwarding::new(self.rule.to_string(), self.bound())
    }

    /// Where it listens: one address for each port, none for a unix socket.
    pub(crate) fn bound(&self) -> Vec<SocketAddr> {
        let addresses = self.ports.iter().map(|port| port.host.socket_address());
        addresses.flatten().collect()
    }

    /// Where the guest's end is, if a connection that was accepted at `local` came in by this rule.
    pub(crate) fn guest_of(&self, local: &SocketAddress) -> Option<SocketAddr> {
        let is_it = |port: &&BoundPort| match (local, &port.host) {
            (SocketAddress::Ip(local), HostPort::Socket(bound)) => {
                local.port() == bound.port()
                    && local.is_ipv4() == bound.is_ipv4()
                    && (bound.ip().is_unspecified() || bound.ip() == local.ip())
            }
            (SocketAddress::Unix(Some(path)), HostPort::Unix(bound)) => path == bound,
            _ => false,
        };
        self.ports.iter().find(is_it).map(|port| port.guest)
    }
}

impl Forwards {
    pub(crate) fn bound(&self) -> &[BoundForward] {
        &self.bound
    }

    /// The listeners of relays.
    pub(crate) fn listeners(&self) -> impl Iterator<Item = RawFd> + use<'_> {
        self.relays.iter().map(Relay::listener)
    }

    /// Whether datagrams are forwarded to this port of the guest, whose usual addresses are `usual`.
    pub(crate) fn leads_to(&self, guest: SocketAddr, usual: &[IpAddr]) -> bool {
        let udp = self
            .bound
            .iter()
            .filter(|forward| forward.rule.protocol == Transport::Udp);
        let mut ports = udp.flat_map(|forward| &forward.ports);
        ports.any(|port| {
            let address = port.guest.ip();
            let is_usual = address.is_unspecified()
                && address.is_ipv4() == guest.is_ipv4()
                && usual.contains(&guest.ip());
            port.guest.port() == guest.port() && (is_usual || address == guest.ip())
        })
    }
}

impl Stack {
    /// Opens all ports of a rule, or none.
    ///
    /// # Errors
    ///
    /// [`Error::System`] that names the rule.
    pub(crate) fn add_host_forward(
        &mut self,
        config: &SlirpConfig,
        rule: &HostForward,
    ) -> Result<Forwarding> {
        let mut forward = BoundForward {
            rule: rule.clone(),
            ports: Vec::new(),
        };
        let is_range = rule.ports().nth(1).is_some();
        for (host, guest) in ports(config, rule) {
            let address = host.socket_address();
            match self.bind(rule.protocol, host, guest) {
                Ok(port) => forward.ports.push(port),
                Err(cause) => {
                    self.unbind(&forward);
                    let object = match address {
                        Some(address) if is_range => format!("{rule} at {address}"),
                        _ => rule.to_string(),
                    };
                    return Err(failed("hostfwd", object, cause, Remedies::of(rule)));
                }
            }
        }
        let forwarding = forward.forwarding();
        self.forwards.bound.push(forward);
        Ok(forwarding)
    }

    /// Closes the ports of the first rule that `matches`; `false` when there is none.
    pub(crate) fn remove_host_forward(&mut self, matches: impl Fn(&BoundForward) -> bool) -> bool {
        let Some(index) = self.forwards.bound.iter().position(matches) else {
            return false;
        };
        let forward = self.forwards.bound.remove(index);
        self.unbind(&forward);
        true
    }

    /// Puts a service of the host into the guest's network.
    ///
    /// # Errors
    ///
    /// [`Error::System`] that names the rule.
    pub(crate) fn add_guest_forward(
        &mut self,
        config: &SlirpConfig,
        rule: &GuestForward,
    ) -> Result<()> {
        let added = match &rule.target {
            GuestForwardTarget::Command(command) => c_string(command.as_bytes())
                .and_then(|command| self.instance.add_command(server(rule), &command)),
            GuestForwardTarget::Unix(path) => SocketAddrUnix::new(path)
                .map_err(io::Error::from)
                .and_then(|target| self.add_relay(rule, vec![target.into()])),
            GuestForwardTarget::Tcp(host, port) => (host.as_str(), *port)
                .to_socket_addrs()
                .and_then(|targets| self.add_relay(rule, targets.map(Into::into).collect())),
        };
        added.map_err(|cause| failed("guestfwd", rule.to_string(), cause, Remedies::GUEST))?;
        let usual = config.ipv4.as_ref().map(Ipv4Config::default_server);
        if let Some(address) = rule.server.or(usual) {
            let address = SocketAddrV4::new(address, rule.port);
            self.forwards.servers.add(address);
        }
        Ok(())
    }

    /// libslirp connects only to unix sockets, and blocks until that is done: so it gets one that is always ready.
    fn add_relay(&mut self, rule: &GuestForward, targets: Vec<SocketAddrAny>) -> io::Result<()> {
        let relay = Relay::new(targets, Arc::clone(self.poller()))?;
        let path = c_string(relay.path().as_os_str().as_bytes())?;
        self.instance.add_unix(server(rule), &path)?;
        self.forwards.relays.push(relay);
        Ok(())
    }

    fn bind(
        &mut self,
        protocol: Transport,
        host: HostPort,
        guest: SocketAddr,
    ) -> io::Result<BoundPort> {
        if let HostPort::Unix(path) = &host {
            make_way(path)?;
        }
        let is_udp = protocol == Transport::Udp;
        let v6_only = host.socket_address().is_some_and(|host| host.is_ipv6());
        // What libslirp shows first from here on is the listener.
        self.refresh();
        self.hooks().sockets.watch_for_fresh();
        let added = self
            .instance
            .add_host_forward(is_udp, &host.address(), guest, v6_only);
        self.refresh();
        let fresh = self.hooks().sockets.take_fresh();
        let socket = fresh.filter(|socket| is_udp || sockets::is_listener(*socket));
        added?;
        let file = match &host {
            HostPort::Unix(path) => identity(path),
            HostPort::Socket(_) => None,
        };
        let mut port = BoundPort {
            socket,
            host,
            guest,
            file,
        };
        if let Err(cause) = self.equip(&mut port, is_udp) {
            let _removed = self
                .instance
                .remove_host_forward(is_udp, &port.host.address());
            return Err(cause);
        }
        self.look_for_neighbour();
        Ok(port)
    }

    /// Gives a listener of libslirp what it lacks, and finds out the port that the system chose.
    fn equip(&mut self, port: &mut BoundPort, is_udp: bool) -> io::Result<()> {
        let Some(socket) = port.socket else {
            return Ok(());
        };
        if let (HostPort::Socket(address), Some(SocketAddress::Ip(bound))) =
            (&mut port.host, sockets::local_address(socket))
        {
            address.set_port(bound.port());
        }
        let hooks = self.hooks();
        hooks.sockets.set_forward(socket, !is_udp);
        if !is_udp {
            // A connection that is gone again when it is accepted must not block libslirp.
            sockets::set_nonblocking(socket)?;
            return sockets::set_backlog(socket, BACKLOG);
        }
        if port.guest.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED) {
            hooks.sockets.set_waiting(socket);
        }
        if let Some(replies) = &mut hooks.output.replies {
            let address = Some(port.guest.ip()).filter(|address| !address.is_unspecified());
            replies.add(socket, address, port.guest.port());
        }
        Ok(())
    }

    fn unbind(&mut self, forward: &BoundForward) {
        let is_udp = forward.rule.protocol == Transport::Udp;
        for port in &forward.ports {
            // It was added, so there is nothing that could be wrong.
            let _removed = self
                .instance
                .remove_host_forward(is_udp, &port.host.address());
            if let (Some(replies), Some(socket)) = (&mut self.hooks().output.replies, port.socket) {
                replies.remove(socket);
            }
        }
        self.refresh();
    }

    /// A round of wants, after which libslirp has shown all its sockets.
    fn refresh(&mut self) {
        self.mark_stale();
        self.settle();
    }
}

/// The single ports of a rule: where the host listens, and where in the guest each leads to.
fn ports(config: &SlirpConfig, rule: &HostForward) -> impl Iterator<Item = (HostPort, SocketAddr)> {
    let (host, guest) = config.addresses_of(rule);
    let path = match &rule.host {
        HostSide::Unix(path) => path.clone(),
        HostSide::Ip { .. } => PathBuf::new(),
    };
    rule.ports().map(move |(host_port, guest_port)| {
        let host = match host.zip(host_port) {
            Some((address, port)) => HostPort::Socket(SocketAddr::new(address, port)),
            None => HostPort::Unix(path.clone()),
        };
        (host, SocketAddr::new(guest, guest_port))
    })
}

/// Where the guest finds the service; libslirp chooses the address when there is none.
fn server(rule: &GuestForward) -> SocketAddrV4 {
    SocketAddrV4::new(rule.server.unwrap_or(Ipv4Addr::UNSPECIFIED), rule.port)
}

/// Takes away a socket that somebody left behind; anything else stays, and is in the way.
fn make_way(path: &PathBuf) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(there) if !there.file_type().is_socket() => Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "there is a file of that name, which is no socket",
        )),
        Ok(_) if sockets::is_in_use(path)? => Err(io::ErrorKind::AddrInUse.into()),
        Ok(_) => std::fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn identity(path: &Path) -> Option<FileIdentity> {
    let file = std::fs::symlink_metadata(path).ok()?;
    Some((file.dev(), file.ino()))
}

fn c_string(text: &[u8]) -> io::Result<CString> {
    CString::new(text).map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "a zero byte in it"))
}
