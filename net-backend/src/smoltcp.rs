//! A TCP/IP stack of the program's own on any backend: [`Device`] is a device of [smoltcp](https://docs.rs/smoltcp/0.12) 0.12.
//!
//! ```
//! use net_backend::smoltcp::Device;
//! use smoltcp::iface::{Config, Interface, PollResult, SocketSet};
//! use smoltcp::time::Instant;
//! use smoltcp::wire::EthernetAddress;
//!
//! # fn main() -> net_backend::Result<()> {
//! let mut device = Device::open("loopback:")?;            // or slirp:, tap:tap0
//! let config = Config::new(EthernetAddress([2, 0, 0, 0, 0, 1]).into());
//! let mut interface = Interface::new(config, &mut device, Instant::now());
//! let mut sockets = SocketSet::new(vec![]);
//! loop {
//!     let now = Instant::now();
//!     while interface.poll(now, &mut device, &mut sockets) == PollResult::SocketStateChanged {}
//!     // Here is what the program does with its sockets.
//!     let wait = device.settle()?;
//!     let at_most = wait.at_most(interface.poll_delay(now, &sockets));
//!     // Wait for wait.frame, and wait.room if there is one, no longer than that. smoltcp has nothing to do:
//!     assert_eq!(at_most, None);
//!     # break;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! `examples/smoltcp.rs` is a whole program.

mod receiver;
mod sender;

use std::time::Duration;

use ::smoltcp::phy::{self, Checksum, DeviceCapabilities, Medium};
use ::smoltcp::time::{Duration as Delay, Instant};
use net_backend_core::{
    Activation, Counters, Error, Features, HeaderLength, Mtu, NetBackend, Nic, QueuePair, Result,
    Source,
};

use self::receiver::Receiver;
use self::sender::Sender;

/// A queue pair as a device of smoltcp. Nothing here blocks, and nothing allocates for each frame.
///
/// TCP's checksums are left to the backend, and super-frames of TCP are received whole, where the backend offers that.
/// Checksums of UDP and ICMP are computed and looked at by smoltcp: datagrams may come and go in fragments, which only
/// smoltcp sees together. A TCP segment that comes in IP fragments is not looked at.
///
/// smoltcp cannot be told that a frame could not be sent. One frame that the backend is too busy for is therefore kept,
/// smoltcp is given no room for more, and [`settle`](Self::settle) says what to wait for. What it receives meanwhile it can
/// answer only by the way: such answers are lost while the backend is busy, and counted.
#[derive(Debug)]
pub struct Device {
    // The halves go before the backend.
    receiver: Receiver,
    sender: Sender,
    mtu: Mtu,
    features: Features,
    backend: Option<Box<dyn NetBackend>>,
}

impl Device {
    /// The offloads that are used where they are offered.
    pub const FEATURES: Features = Features::CSUM
        .union(Features::GUEST_CSUM)
        .union(Features::GUEST_TSO4)
        .union(Features::GUEST_TSO6)
        .union(Features::GUEST_ECN);

    /// Opens the backend that `uri` names, with all offloads of [`FEATURES`](Self::FEATURES) that it offers.
    ///
    /// # Errors
    ///
    /// As [`open`](crate::open), and as [`NetBackend::activate`].
    pub fn open(uri: &str) -> Result<Self> {
        Self::activate(crate::open(uri)?)
    }

    /// Activates one queue pair of the backend, with all offloads of [`FEATURES`](Self::FEATURES) that it offers. The MTU is the
    /// backend's, or 1500 if it tells none.
    ///
    /// # Errors
    ///
    /// As [`NetBackend::activate`].
    pub fn activate(backend: Box<dyn NetBackend>) -> Result<Self> {
        let offered = backend.features() & Self::FEATURES;
        let features = offered.with_dependencies_met();
        let capabilities = backend.capabilities();
        let mtu = capabilities.mtu.unwrap_or(Mtu::ETHERNET);
        let header = match features.is_empty() {
            true => capabilities.native_header(HeaderLength::None),
            false => HeaderLength::Twelve,
        };
        let with = Activation {
            queue_pairs: 1,
            header,
            features,
        };
        let Nic { queue, backend } = Nic::activate(backend, &with)?;
        let device = Self::new(queue, &with, mtu)?;
        Ok(Self {
            backend: Some(backend),
            ..device
        })
    }

    /// Of one of the queue pairs that an activation `with` this made. The backend stays with the caller.
    ///
    /// # Errors
    ///
    /// [`Error::NotOffered`] for receive offloads that are not among [`FEATURES`](Self::FEATURES).
    pub fn new(queue: QueuePair, with: &Activation, mtu: Mtu) -> Result<Self> {
        let missing = (with.features & Features::RECEIVE_OFFLOADS).difference(Self::FEATURES);
        if !missing.is_empty() {
            return Err(Error::NotOffered {
                scheme: "smoltcp",
                missing,
                offered: Self::FEATURES,
            });
        }
        Ok(Self {
            receiver: Receiver::new(queue.rx, with),
            sender: Sender::new(queue.tx, with, mtu),
            mtu,
            features: with.features,
            backend: None,
        })
    }

    /// Ends a turn of the stack: call it when `Interface::poll` has nothing more to do, before waiting. What smoltcp sent is
    /// made visible to the other side, and what to wait for is told.
    ///
    /// # Errors
    ///
    /// [`Error::Gone`] when the backend will never take or give a frame again; nobody else can tell.
    pub fn settle(&mut self) -> Result<Wait<'_>> {
        self.receiver.settle()?;
        let busy = self.sender.settle()?;
        Ok(Wait {
            frame: self.receiver.source(),
            room: busy.map(|_| self.sender.source()),
            retry_after: busy.flatten(),
        })
    }

    /// The backend, for its events, unless it stayed with the caller.
    pub fn backend(&mut self) -> Option<&mut dyn NetBackend> {
        match &mut self.backend {
            Some(backend) => Some(&mut **backend),
            None => None,
        }
    }

    /// Frames that were lost here, which the counters of the halves do not tell.
    pub fn lost(&self) -> Lost {
        Lost {
            answers: self.sender.lost(),
            received: self.receiver.lost(),
        }
    }

    /// The counters of the receive half.
    pub fn received(&self) -> Counters {
        self.receiver.counters()
    }

    /// The counters of the transmit half.
    pub fn sent(&self) -> Counters {
        self.sender.counters()
    }
}

impl phy::Device for Device {
    type RxToken<'a> = RxToken<'a>;
    type TxToken<'a> = TxToken<'a>;

    fn receive(&mut self, _: Instant) -> Option<(RxToken<'_>, TxToken<'_>)> {
        let frame = self.receiver.next()?;
        Some((RxToken(frame), TxToken(&mut self.sender)))
    }

    fn transmit(&mut self, _: Instant) -> Option<TxToken<'_>> {
        let has_room = self.sender.retry();
        has_room.then_some(TxToken(&mut self.sender))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = self.mtu.frame_length().bytes();
        let leaves = self.features.contains(Features::CSUM);
        let is_told = self.features.contains(Features::GUEST_CSUM);
        capabilities.checksum.tcp = match (leaves, is_told) {
            (true, true) => Checksum::None,
            (true, false) => Checksum::Rx,
            (false, true) => Checksum::Tx,
            (false, false) => Checksum::Both,
        };
        capabilities
    }
}

/// A frame for smoltcp.
#[derive(Debug)]
pub struct RxToken<'a>(&'a [u8]);

impl phy::RxToken for RxToken<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, take: F) -> R {
        take(self.0)
    }
}

/// Room for a frame of smoltcp's.
#[derive(Debug)]
pub struct TxToken<'a>(&'a mut Sender);

impl phy::TxToken for TxToken<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, fill: F) -> R {
        self.0.send(length, fill)
    }
}

/// What to wait for before the stack is polled again.
#[derive(Clone, Copy, Debug)]
#[must_use = "the stack has nothing to do before one of these"]
pub struct Wait<'a> {
    /// Tells that there is a frame.
    pub frame: Source<'a>,
    /// Tells that there is room, if a frame waits for that.
    pub room: Option<Source<'a>>,
    retry_after: Option<Duration>,
}

impl Wait<'_> {
    /// How long to wait at most, `None` for as long as it takes. `delay` is what `Interface::poll_delay` says; that there is something to
    /// send does not count while there is no room.
    pub fn at_most(&self, delay: Option<Delay>) -> Option<Duration> {
        let delay = delay.map(Duration::from);
        let delay = delay.filter(|it| self.room.is_none() || !it.is_zero());
        delay.into_iter().chain(self.retry_after).min()
    }
}

/// Frames that were lost between smoltcp and a backend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lost {
    /// Answers of smoltcp to what it received while the backend was busy.
    pub answers: u64,
    /// Frames whose TCP checksum is wrong, or that are not what their virtio-net header says.
    pub received: u64,
}
