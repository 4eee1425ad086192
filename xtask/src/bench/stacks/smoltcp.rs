//! The crate smoltcp as a guest: its TCP, and its driver for a tap. Behind that is a kernel's.

use std::os::fd::{AsFd, IntoRawFd, OwnedFd};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use net_backend::{Activation, Features, HeaderLength, Nic};
use net_backend_tap::testing::Interface as Tap;
use rustix::event::PollFlags;
use smoltcp::iface::{Config, Interface, PollResult, SocketHandle, SocketSet};
use smoltcp::phy::{Medium, TunTapInterface};
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::time::Instant as Timestamp;
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpCidr};

use super::client::{Client, note};
use super::host::Service;
use super::link;
use super::site::{Far, Site};

/// A tap as smoltcp makes one, but for the frames that may wait: more than any window of TCP.
const URI: &str = "tap:smoltcp?header=off&mtu=1500&txqueuelen=10000";
/// The longest frame, with its Ethernet header.
const FRAME: usize = 1514;
const MAC: EthernetAddress = EthernetAddress([0x52, 0x54, 0, 0x12, 0x34, 0x57]);
/// Bytes that wait for the network, and for us: no window is longer.
const BUFFER: usize = 1 << 20;
/// Bytes that are given to it at a time.
const CHUNK: usize = 64 * 1024;
/// Bytes that are sent and compared before anything is measured.
const VERIFIED: usize = 1 << 20;
/// How long nothing may happen.
const PATIENCE: Duration = Duration::from_secs(3);
/// The first of the ports that connections are from, in turn.
const FIRST_PORT: u16 = 49152;

/// A guest with one connection at a time.
pub(super) struct Smoltcp {
    interface: Interface,
    device: TunTapInterface,
    /// The device too, to wait for it.
    descriptor: OwnedFd,
    sockets: SocketSet<'static>,
    socket: SocketHandle,
    /// Where the last connection was from.
    port: u16,
    /// The last time that something happened.
    moved: Instant,
    chunk: Vec<u8>,
}

impl Smoltcp {
    /// A guest behind a tap in a network with servers, which has made sure that it works.
    ///
    /// # Errors
    ///
    /// If it does not, or there can be no such tap.
    pub(super) fn start(site: &Site) -> Result<(Self, Far)> {
        let (descriptor, far) = site.behind(|| {
            let backend = net_backend::open(URI).with_context(|| format!("cannot open {URI}"))?;
            let with = Activation {
                queue_pairs: 1,
                header: HeaderLength::None,
                features: Features::empty(),
            };
            let tap = Tap::named(backend.describe().target());
            let nic = Nic::activate(backend, &with)?;
            let source = nic.queue.rx.source();
            Ok((source.descriptor.try_clone_to_owned()?, tap))
        })?;
        let mut guest = Self::new(descriptor)?;
        guest.verify(far.host.port(Service::Echo))?;
        Ok((guest, far))
    }

    fn new(descriptor: OwnedFd) -> Result<Self> {
        let own = descriptor.try_clone()?.into_raw_fd();
        let mut device = TunTapInterface::from_fd(own, Medium::Ethernet, FRAME)?;
        let config = Config::new(HardwareAddress::Ethernet(MAC));
        let mut interface = Interface::new(config, &mut device, Timestamp::now());
        let address = IpCidr::new(Site::GUEST.into(), Site::PREFIX);
        interface.update_ip_addrs(|all| {
            // There is room for the first one.
            let _full = all.push(address);
        });
        let [receive, send] = [(); 2].map(|()| SocketBuffer::new(vec![0; BUFFER]));
        let mut socket = Socket::new(receive, send);
        socket.set_nagle_enabled(false);
        let mut sockets = SocketSet::new(Vec::new());
        Ok(Self {
            interface,
            device,
            descriptor,
            socket: sockets.add(socket),
            sockets,
            port: FIRST_PORT,
            moved: Instant::now(),
            chunk: vec![0x5a; CHUNK],
        })
    }

    fn socket(&mut self) -> &mut Socket<'static> {
        self.sockets.get_mut(self.socket)
    }

    /// Receives and sends what it can. If there is nothing to do, waits for something.
    fn turn(&mut self) -> Result<()> {
        let now = Timestamp::now();
        let polled = self
            .interface
            .poll(now, &mut self.device, &mut self.sockets);
        if polled == PollResult::SocketStateChanged {
            self.moved = Instant::now();
            return Ok(());
        }
        ensure!(self.moved.elapsed() < PATIENCE, "nothing happens any more");
        let delay = self.interface.poll_delay(now, &self.sockets);
        let delay = delay.map_or(PATIENCE, |it| Duration::from_micros(it.total_micros()));
        link::wait(&[(self.descriptor.as_fd(), PollFlags::IN)], delay)
    }

    /// Opens the connection.
    fn connect(&mut self, port: u16) -> Result<()> {
        self.port = self.port.checked_add(1).unwrap_or(FIRST_PORT);
        let local = self.port;
        let socket = self.sockets.get_mut::<Socket<'_>>(self.socket);
        let target = (Site::GATEWAY, port);
        socket
            .connect(self.interface.context(), target, local)
            .map_err(|error| anyhow!("connect: {error}"))?;
        self.moved = Instant::now();
        while self.socket().state() == State::SynSent {
            self.turn()?;
        }
        ensure!(self.socket().state() == State::Established, "refused");
        Ok(())
    }

    /// Gives as much of the chunk as there is room for: bytes.
    fn send(&mut self) -> Result<usize> {
        let socket = self.sockets.get_mut::<Socket<'_>>(self.socket);
        let sent = socket.send_slice(&self.chunk);
        sent.map_err(|error| anyhow!("send: {error}"))
    }

    /// Takes what has come: bytes. `None` at the end.
    fn receive(&mut self) -> Result<Option<usize>> {
        let socket = self.sockets.get_mut::<Socket<'_>>(self.socket);
        if !socket.may_recv() {
            return Ok(None);
        }
        let received = socket.recv_slice(&mut self.chunk);
        received
            .map(Some)
            .map_err(|error| anyhow!("receive: {error}"))
    }

    /// Ends the connection, and waits until the host has ended it too: it has read everything then.
    fn close(&mut self) -> Result<()> {
        self.socket().close();
        while self.socket().is_open() {
            self.turn()?;
        }
        // The last acknowledgement.
        self.turn_once();
        Ok(())
    }

    fn turn_once(&mut self) {
        let _moved = self
            .interface
            .poll(Timestamp::now(), &mut self.device, &mut self.sockets);
    }

    /// Sends a lot to the echo, all different, and compares what comes back.
    fn verify(&mut self, port: u16) -> Result<()> {
        self.connect(port)?;
        let (mut there, mut back) = (0, 0);
        while back < VERIFIED {
            let end = VERIFIED.min(there + CHUNK);
            let piece: Vec<u8> = (there..end).map(pattern).collect();
            let sent = self.socket().send_slice(&piece);
            there += sent.map_err(|error| anyhow!("send: {error}"))?;
            let length = self.receive()?.context("the echo ended")?;
            let received = self.chunk.get(..length).unwrap_or_default();
            let is_same = (back..).zip(received).all(|(at, it)| *it == pattern(at));
            ensure!(is_same, "what came back is not what was sent");
            back += length;
            if length == 0 {
                self.turn()?;
            }
        }
        self.close()
    }
}

impl Client for Smoltcp {
    fn upload(&mut self, port: u16, duration: Duration) -> Result<u64> {
        self.connect(port)?;
        let (start, mut bytes) = (Instant::now(), 0);
        while start.elapsed() < duration {
            bytes += self.send()?;
            self.turn()?;
        }
        self.close()?;
        Ok(u64::try_from(bytes)?)
    }

    fn download(&mut self, port: u16, _: Duration) -> Result<u64> {
        self.connect(port)?;
        let mut bytes = 0;
        while let Some(length) = self.receive()? {
            bytes += length;
            if length == 0 {
                self.turn()?;
            }
        }
        self.close()?;
        Ok(u64::try_from(bytes)?)
    }

    fn open_echo(&mut self, port: u16) -> Result<()> {
        self.connect(port)
    }

    fn round_trips(&mut self, duration: Duration, took: &mut Vec<u32>) -> Result<u64> {
        let (start, mut count) = (Instant::now(), 0);
        let mut last = start;
        while last.saturating_duration_since(start) < duration {
            let sent = self.socket().send_slice(b"x");
            ensure!(sent == Ok(1), "no room for a byte");
            while self.receive()?.context("the echo ended")? == 0 {
                self.turn()?;
            }
            let now = Instant::now();
            note(took, now.saturating_duration_since(last));
            last = now;
            count += 1;
        }
        self.close()?;
        Ok(count)
    }
}

/// A byte that differs from those around it.
fn pattern(at: usize) -> u8 {
    let [low, middle, ..] = at.to_le_bytes();
    low ^ middle.wrapping_mul(31)
}
