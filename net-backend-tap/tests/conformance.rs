//! The conformance suite on real taps, each with a packet socket or its own interface at the far end.
//!
//! The process makes a network namespace of its own, so that it needs no privilege where users may make namespaces, and
//! nothing outlives it.

use std::io;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use net_backend_core::testing::{self, Failure, Opened, Peer, Rig, RigTraits, Seen};
use net_backend_core::{Driver, Environment, Features, HeaderLength, Registry, VirtioNetHeader};
use net_backend_tap::DRIVER;
use net_backend_tap::testing::{Interface, PacketSocket, enter_private_network};

fn main() -> ExitCode {
    let entered = enter_private_network().map_err(|error| error.to_string());
    let rig = |name, options, traits| TapRig {
        name,
        options,
        traits,
        entered: entered.clone(),
    };
    let wire = RigTraits {
        max_frame: 1514,
        link: true,
        kill: true,
        offloads: SEEN,
        ..RigTraits::default()
    };
    testing::main(vec![
        Box::new(rig("tap", "", wire)),
        Box::new(rig("tap/plain", "?header=off&queues=2", plain(wire))),
        Box::new(rig("tap/queues", "?queues=4", wire)),
        Box::new(rig("tap/jumbo", "?mtu=9000&queues=2", jumbo(wire))),
    ])
}

/// Offloads whose headers a packet socket passes on as they are. The kernel knows no UFO segments to give any more.
const SEEN: Features = Features::OFFLOADS
    .difference(Features::GUEST_UFO)
    .difference(Features::HOST_UFO);

fn plain(traits: RigTraits) -> RigTraits {
    RigTraits {
        offloads: Features::empty(),
        ..traits
    }
}

fn jumbo(traits: RigTraits) -> RigTraits {
    RigTraits {
        max_frame: 9014,
        ..traits
    }
}

static OPENED: AtomicUsize = AtomicUsize::new(0);

struct TapRig {
    name: &'static str,
    options: &'static str,
    traits: RigTraits,
    entered: Result<(), String>,
}

impl Rig for TapRig {
    fn name(&self) -> &str {
        self.name
    }

    fn traits(&self) -> RigTraits {
        self.traits
    }

    fn open(&self) -> Result<Opened, Failure> {
        self.entered.clone().map_err(Failure::unavailable)?;
        if let Err(error) = std::fs::File::options()
            .read(true)
            .write(true)
            .open("/dev/net/tun")
        {
            return Err(Failure::unavailable(format!("/dev/net/tun: {error}")));
        }
        // A name that no other case takes while this one closes its tap and opens it again.
        let number = OPENED.fetch_add(1, Ordering::Relaxed);
        let uri = format!("tap:nbt{number}{}", self.options);
        let backend = Registry::new([&DRIVER]).open(&uri, &Environment::default())?;
        let interface = Interface::named(backend.describe().target());
        interface.disable_ipv6()?;
        let peer = Box::new(FarEnd {
            socket: Some(PacketSocket::with_header(&interface)?),
            interface,
            buffer: vec![0; 70_000],
        });
        Ok(Opened { backend, peer })
    }

    fn driver(&self) -> Option<&'static Driver> {
        Some(&DRIVER)
    }
}

/// The host's side of the tap.
struct FarEnd {
    interface: Interface,
    /// `None` while the interface is down: the socket would only tell that.
    socket: Option<PacketSocket>,
    buffer: Vec<u8>,
}

impl FarEnd {
    fn socket(&mut self) -> io::Result<&PacketSocket> {
        if self.socket.is_none() {
            self.socket = Some(PacketSocket::with_header(&self.interface)?);
        }
        self.socket
            .as_ref()
            .ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl Peer for FarEnd {
    fn send(&mut self, _: u16, header: &VirtioNetHeader, frame: &[u8]) -> Result<bool, Failure> {
        let wire = header.encode();
        let mut bytes = wire[..PacketSocket::HEADER].to_vec();
        bytes.extend_from_slice(frame);
        match self.socket()?.send(&bytes) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) if error.raw_os_error() == Some(105) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn recv(&mut self, timeout: Duration) -> Result<Option<Seen>, Failure> {
        let deadline = Instant::now() + timeout;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let mut buffer = std::mem::take(&mut self.buffer);
            let received = self
                .socket()
                .and_then(|socket| socket.receive(&mut buffer, left));
            self.buffer = buffer;
            let length = match received {
                Ok(Some(length)) => length,
                Ok(None) => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::NetworkDown => continue,
                Err(error) => return Err(error.into()),
            };
            let frame = self.buffer.get(..length).unwrap_or_default();
            let Some((wire, bytes)) = frame.split_at_checked(PacketSocket::HEADER) else {
                return Err(Failure::new("a packet without its header"));
            };
            let mut header = [0; 12];
            header[..PacketSocket::HEADER].copy_from_slice(wire);
            return Ok(Some(Seen {
                queue: None,
                header: VirtioNetHeader::decode(header, HeaderLength::Ten),
                bytes: bytes.to_vec(),
            }));
        }
    }

    fn set_link(&mut self, up: bool) -> Result<(), Failure> {
        if up {
            self.interface.set_up()?;
        } else {
            self.interface.set_down()?;
        }
        Ok(())
    }

    fn kill(&mut self) -> Result<(), Failure> {
        self.socket = None;
        Ok(self.interface.delete()?)
    }
}
