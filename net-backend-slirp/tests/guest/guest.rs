//! A guest with a TCP/IP stack of its own, smoltcp, on a NIC of the backend.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use net_backend_core::Activation;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::socket::{AnySocket, tcp, udp};
use smoltcp::wire::{EthernetAddress, IpCidr};

use crate::harness::{Mode, Outcome, ensure, failed, open};
use crate::job::Job;
use crate::packets::{GATEWAY, GUEST, GUEST_MAC};
use crate::phy::Phy;
use crate::wire::{PATIENCE, Wire};

/// libslirp's link-local address, the guest's, and the guest's in the default prefix.
pub(crate) const ROUTER6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2);
pub(crate) const LOCAL6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0x5054, 0xff, 0xfe12, 0x3456);
pub(crate) const GUEST6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0x5054, 0xff, 0xfe12, 0x3456);
pub(crate) const GATEWAY6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2);

/// Bytes in each direction of a socket of the guest.
const ROOM: usize = 65_535;

pub(crate) struct Guest {
    pub(crate) phy: Phy,
    interface: Interface,
    sockets: SocketSet<'static>,
    next_port: u16,
}

/// What the guest is told by nobody.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) address: Ipv4Addr,
    pub(crate) prefix: u8,
    pub(crate) gateway: Ipv4Addr,
    pub(crate) mtu: usize,
    pub(crate) with: Activation,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            address: GUEST,
            prefix: 24,
            gateway: GATEWAY,
            mtu: 1500,
            with: Activation::plain(),
        }
    }
}

impl Guest {
    /// A guest of the default network, with the addresses that it would get.
    pub(crate) fn open(mode: Mode, uri: &str) -> Outcome<Self> {
        Self::with(mode, uri, &Setup::default())
    }

    pub(crate) fn with(mode: Mode, uri: &str, setup: &Setup) -> Outcome<Self> {
        let mut guest = Self::unconfigured(mode, uri, setup)?;
        guest.configure(setup)?;
        Ok(guest)
    }

    /// A guest that has no address yet.
    pub(crate) fn unconfigured(mode: Mode, uri: &str, setup: &Setup) -> Outcome<Self> {
        let wire = Wire::activate(open(&mode.with(uri))?, setup.with)?;
        let mut phy = Phy::new(wire, setup.mtu);
        let config = Config::new(EthernetAddress(GUEST_MAC).into());
        let interface = Interface::new(config, &mut phy, now());
        Ok(Self {
            phy,
            interface,
            sockets: SocketSet::new(Vec::new()),
            next_port: 49_152,
        })
    }

    /// Gives it its addresses.
    pub(crate) fn configure(&mut self, setup: &Setup) -> Outcome {
        let addresses: [(IpAddr, u8); 3] = [
            (setup.address.into(), setup.prefix),
            (LOCAL6.into(), 64),
            (GUEST6.into(), 64),
        ];
        let mut fits = true;
        self.interface.update_ip_addrs(|list| {
            list.clear();
            for (address, prefix) in addresses {
                fits &= list.push(IpCidr::new(address.into(), prefix)).is_ok();
            }
        });
        ensure!(fits, "too many addresses");
        let routes = self.interface.routes_mut();
        let (old, older) = (
            routes.add_default_ipv4_route(setup.gateway),
            routes.add_default_ipv6_route(ROUTER6),
        );
        ensure!(old.is_ok() && older.is_ok(), "too many routes");
        Ok(())
    }

    pub(crate) fn add<T: AnySocket<'static>>(&mut self, socket: T) -> SocketHandle {
        self.sockets.add(socket)
    }

    pub(crate) fn remove(&mut self, socket: SocketHandle) {
        let _socket = self.sockets.remove(socket);
    }

    pub(crate) fn socket<T: AnySocket<'static>>(&mut self, socket: SocketHandle) -> &mut T {
        self.sockets.get_mut(socket)
    }

    /// Runs the stack once, without waiting.
    pub(crate) fn step(&mut self) -> Outcome {
        self.interface.poll(now(), &mut self.phy, &mut self.sockets);
        self.phy.check()?;
        self.phy.wire.flush()?;
        Ok(())
    }

    /// Runs until `look` sees something; waits for nothing but frames and the stack's own timers.
    pub(crate) fn until<T>(
        &mut self,
        what: &str,
        look: impl FnMut(&mut Self) -> Option<T>,
    ) -> Outcome<T> {
        let seen = self.within(PATIENCE, look)?;
        seen.ok_or_else(|| failed(format!("not within {PATIENCE:?}: {what}")))
    }

    /// As [`until`](Self::until), for what may not happen.
    pub(crate) fn within<T>(
        &mut self,
        timeout: Duration,
        mut look: impl FnMut(&mut Self) -> Option<T>,
    ) -> Outcome<Option<T>> {
        let deadline = Instant::now() + timeout;
        let mut left = timeout;
        // What comes to light only when the time is over, without anybody being woken, does not count.
        while !left.is_zero() {
            self.step()?;
            let seen = look(self);
            if seen.is_some() {
                self.step()?;
                return Ok(seen);
            }
            self.rest(left, None)?;
            left = deadline.saturating_duration_since(Instant::now());
        }
        Ok(None)
    }

    /// Runs until the host has done its work.
    pub(crate) fn during<T: Send + 'static>(&mut self, job: Job<T>) -> Outcome<T> {
        let (outcome, ()) = self.both("the host's side", job, |_| Some(()))?;
        Ok(outcome)
    }

    /// Runs until the host has done its work and `look` has seen something.
    pub(crate) fn both<T: Send + 'static, U>(
        &mut self,
        what: &str,
        job: Job<T>,
        mut look: impl FnMut(&mut Self) -> Option<U>,
    ) -> Outcome<(T, U)> {
        let deadline = Instant::now() + 2 * PATIENCE;
        let mut seen = None;
        let mut is_done = false;
        loop {
            self.step()?;
            seen = seen.or_else(|| look(self));
            if is_done && seen.is_some() {
                self.step()?;
                break;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() && is_done {
                // It says more than we could.
                job.join()?;
                return Err(failed(format!("not within {:?}: {what}", 2 * PATIENCE)));
            }
            ensure!(!left.is_zero(), "not within {:?}: {what}", 2 * PATIENCE);
            is_done |= self.rest(left, (!is_done).then_some(&job.done))?;
        }
        let seen = seen.ok_or_else(|| failed(what))?;
        Ok((job.join()?, seen))
    }

    /// Waits for a frame, a timer, room, or for `also` to hang up; returns whether it did.
    fn rest(
        &mut self,
        left: Duration,
        also: Option<&std::os::unix::net::UnixStream>,
    ) -> Outcome<bool> {
        let delay = self.interface.poll_delay(now(), &self.sockets);
        let delay = delay.map_or(left, |delay| left.min(delay.into()));
        let timeout: Timespec = delay.try_into().map_err(std::io::Error::other)?;
        let is_full = self.phy.wire.is_full();
        let pair = self.phy.wire.pair();
        let (rx, tx) = (pair.rx.source().descriptor, pair.tx.source().descriptor);
        let mut waiting = vec![PollFd::from_borrowed_fd(rx, PollFlags::IN)];
        if is_full {
            waiting.push(PollFd::from_borrowed_fd(tx, PollFlags::OUT | PollFlags::IN));
        }
        waiting.extend(also.map(|also| PollFd::new(also, PollFlags::IN)));
        match poll(&mut waiting, Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let last = waiting.last().filter(|_| also.is_some());
        Ok(last.is_some_and(|last| !last.revents().is_empty()))
    }

    // TCP

    /// A connection that the guest begins, established.
    pub(crate) fn connect(&mut self, remote: SocketAddr) -> Outcome<SocketHandle> {
        let socket = self.begin(remote)?;
        let state = self.until("the handshake of TCP", |guest| guest.settled(socket))?;
        ensure!(
            state == tcp::State::Established,
            "connecting to {remote}: {state}"
        );
        Ok(socket)
    }

    /// A connection that the guest begins.
    pub(crate) fn begin(&mut self, remote: SocketAddr) -> Outcome<SocketHandle> {
        self.begin_with(remote, ROOM)
    }

    /// A connection that the guest begins, with room for so many bytes in each direction.
    pub(crate) fn begin_with(&mut self, remote: SocketAddr, room: usize) -> Outcome<SocketHandle> {
        self.next_port = self.next_port.checked_add(1).unwrap_or(49_152);
        let port = self.next_port;
        let mut socket = new_tcp(room);
        socket
            .connect(self.interface.context(), remote, port)
            .map_err(|error| failed(format!("connect to {remote}: {error:?}")))?;
        Ok(self.add(socket))
    }

    /// The state of a connection that is neither on its way nor waited for.
    pub(crate) fn settled(&mut self, socket: SocketHandle) -> Option<tcp::State> {
        let state = self.socket::<tcp::Socket>(socket).state();
        let is_settled = !matches!(
            state,
            tcp::State::Listen | tcp::State::SynSent | tcp::State::SynReceived
        );
        is_settled.then_some(state)
    }

    /// A socket that waits for one connection.
    pub(crate) fn listen(&mut self, port: u16) -> Outcome<SocketHandle> {
        let mut socket = new_tcp(ROOM);
        socket
            .listen(port)
            .map_err(|error| failed(format!("listen to {port}: {error:?}")))?;
        Ok(self.add(socket))
    }

    /// Whether the other side wants no more of it: it reset the connection, or finished it.
    pub(crate) fn is_finished(&mut self, socket: SocketHandle) -> bool {
        let socket = self.socket::<tcp::Socket>(socket);
        !socket.may_recv() && socket.recv_queue() == 0
    }

    /// Puts as much of `bytes` into the socket as there is room for; returns how much.
    pub(crate) fn put(&mut self, socket: SocketHandle, bytes: &[u8]) -> usize {
        let socket = self.socket::<tcp::Socket>(socket);
        socket.send_slice(bytes).unwrap_or(0)
    }

    /// Takes what there is.
    pub(crate) fn take(&mut self, socket: SocketHandle, into: &mut Vec<u8>) {
        let socket = self.socket::<tcp::Socket>(socket);
        while let Ok(count) = socket.recv(|bytes| {
            into.extend_from_slice(bytes);
            (bytes.len(), bytes.len())
        }) {
            if count == 0 {
                break;
            }
        }
    }

    pub(crate) fn close(&mut self, socket: SocketHandle) {
        self.socket::<tcp::Socket>(socket).close();
    }

    // UDP

    pub(crate) fn udp(&mut self, port: u16) -> Outcome<SocketHandle> {
        let buffer = || {
            let metadata = vec![udp::PacketMetadata::EMPTY; 64];
            udp::PacketBuffer::new(metadata, vec![0; 2 * ROOM])
        };
        let mut socket = udp::Socket::new(buffer(), buffer());
        socket
            .bind(port)
            .map_err(|error| failed(format!("bind to {port}: {error:?}")))?;
        Ok(self.add(socket))
    }

    pub(crate) fn send_to(
        &mut self,
        socket: SocketHandle,
        to: SocketAddr,
        payload: &[u8],
    ) -> Outcome {
        let socket = self.socket::<udp::Socket>(socket);
        let sent = socket.send_slice(payload, smoltcp::wire::IpEndpoint::from(to));
        sent.map_err(|error| failed(format!("send to {to}: {error:?}")))?;
        self.step()
    }

    /// A datagram, if there is one.
    pub(crate) fn datagram(&mut self, socket: SocketHandle) -> Option<(SocketAddr, Vec<u8>)> {
        let socket = self.socket::<udp::Socket>(socket);
        let (bytes, metadata) = socket.recv().ok()?;
        let from = metadata.endpoint;
        let from = SocketAddr::new(from.addr.into(), from.port);
        Some((from, bytes.to_vec()))
    }
}

fn new_tcp(room: usize) -> tcp::Socket<'static> {
    let buffer = || tcp::SocketBuffer::new(vec![0; room]);
    let mut socket = tcp::Socket::new(buffer(), buffer());
    socket.set_nagle_enabled(false);
    socket
}

fn now() -> smoltcp::time::Instant {
    smoltcp::time::Instant::now()
}
