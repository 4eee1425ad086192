//! The conformance suite on real taps, with the host's side of the tap at the far end, or another tap.
//!
//! On Linux the process makes a network namespace of its own, so that it needs no privilege where users may make
//! namespaces, and nothing outlives it. On FreeBSD it needs root, and deletes the interfaces that it makes.

use std::env::consts::OS;
use std::fs::File;
use std::io;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use net_backend_core::testing::{self, BackendPeer, Failure, Opened, Peer, Rig, RigTraits, Seen};
use net_backend_core::{
    Driver, Environment, Features, HeaderLength, MacAddr, NetBackend, Registry, VirtioNetHeader,
};
use net_backend_tap::DRIVER;
use net_backend_tap::testing::{Interface, PacketSocket, prepare_interfaces};

fn main() -> ExitCode {
    let prepared = prepare_interfaces().map_err(|error| error.to_string());
    let rigs = match OS {
        "freebsd" => ON_FREEBSD,
        _ => ON_LINUX,
    };
    let rig = |rig: &TapRig| -> Box<dyn Rig> {
        Box::new(TapRig {
            prepared: prepared.clone(),
            ..rig.clone()
        })
    };
    testing::main(rigs.iter().map(rig).collect())
}

const ON_LINUX: &[TapRig] = &[
    rig("tap", "nbt", "", ON_SOCKET, Far::Host),
    rig(
        "tap/plain",
        "nbt",
        "?header=off&queues=2",
        plain(ON_SOCKET),
        Far::Host,
    ),
    rig("tap/queues", "nbt", "?queues=4", ON_SOCKET, Far::Host),
    rig(
        "tap/jumbo",
        "nbt",
        "?mtu=9000&queues=2",
        jumbo(ON_SOCKET),
        Far::Host,
    ),
];

/// A tap has one queue, and stays as long as somebody has it open: nobody can take it away from its user.
const ON_FREEBSD: &[TapRig] = &[
    rig("tap", "tap", "", ON_BPF, Far::Host),
    rig("tap/plain", "tap", "?header=off", ON_BPF, Far::Host),
    rig("tap/jumbo", "tap", "?mtu=9000", jumbo(ON_BPF), Far::Host),
    rig("tap/vmnet", "vmnet", "", ON_BPF, Far::Host),
    rig(
        "tap/bridge",
        "tap",
        "?mtu=9000",
        jumbo(ON_BRIDGE),
        Far::Bridge,
    ),
];

/// The host's side as a packet socket of Linux shows it.
const ON_SOCKET: RigTraits = RigTraits {
    path: testing::Path::Wire,
    min_frame: 14,
    max_frame: 1514,
    window: 64,
    fills: false,
    link: true,
    kill: true,
    offloads: SEEN,
    steers: false,
    serial: false,
    receiver: MacAddr::BROADCAST,
};

/// Offloads whose headers a packet socket passes on as they are. The kernel knows no UFO segments to give any more.
const SEEN: Features = Features::OFFLOADS
    .difference(Features::GUEST_UFO)
    .difference(Features::HOST_UFO);

/// As bpf(4) of FreeBSD shows it. The queue of a tap holds 50 frames, unless net.link.ifqmaxlen says otherwise.
const ON_BPF: RigTraits = RigTraits {
    window: 32,
    kill: false,
    offloads: Features::empty(),
    ..ON_SOCKET
};

/// What the queue of the other tap has no room for is lost.
const ON_BRIDGE: RigTraits = RigTraits {
    link: false,
    ..ON_BPF
};

const fn plain(traits: RigTraits) -> RigTraits {
    RigTraits {
        offloads: Features::empty(),
        ..traits
    }
}

const fn jumbo(traits: RigTraits) -> RigTraits {
    RigTraits {
        max_frame: 9014,
        ..traits
    }
}

/// What is at the far end.
#[derive(Clone, Copy, Debug)]
enum Far {
    /// The host's side of the tap.
    Host,
    /// Another tap, in the same bridge.
    Bridge,
}

#[derive(Clone, Debug)]
struct TapRig {
    name: &'static str,
    /// What names of its interfaces begin with.
    prefix: &'static str,
    options: &'static str,
    traits: RigTraits,
    far: Far,
    prepared: Result<(), String>,
}

const fn rig(
    name: &'static str,
    prefix: &'static str,
    options: &'static str,
    traits: RigTraits,
    far: Far,
) -> TapRig {
    TapRig {
        name,
        prefix,
        options,
        traits,
        far,
        prepared: Ok(()),
    }
}

impl TapRig {
    /// Opens a tap whose name no other case takes while this one closes it and opens it again.
    fn tap(&self) -> Result<(Box<dyn NetBackend>, Made), Failure> {
        let uri = format!("tap:{}{}{}", self.prefix, number(), self.options);
        let backend = Registry::new([&DRIVER]).open(&uri, &Environment::default())?;
        let interface = Interface::named(backend.describe().target());
        interface.disable_ipv6()?;
        Ok((backend, Made(interface)))
    }

    fn bridge(&self, near: Made) -> Result<Box<dyn Peer>, Failure> {
        let (far, interface) = self.tap()?;
        let bridge = Interface::named(format!("nbb{}", number()));
        bridge.add_bridge()?;
        let bridge = Made(bridge);
        near.0.join_bridge(&bridge.0)?;
        interface.0.join_bridge(&bridge.0)?;
        Ok(Box::new(Bridged {
            peer: BackendPeer::new(far)?,
            _made: [bridge, near, interface],
        }))
    }
}

/// A number that no other case and no other process has, and that can be one of an interface of FreeBSD.
fn number() -> u32 {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    let number = TAKEN.fetch_add(1, Ordering::Relaxed);
    1000 + std::process::id() % 30 * 1000 + number % 1000
}

impl Rig for TapRig {
    fn name(&self) -> &str {
        self.name
    }

    fn traits(&self) -> RigTraits {
        self.traits
    }

    fn open(&self) -> Result<Opened, Failure> {
        self.prepared.clone().map_err(Failure::unavailable)?;
        let needed: &[&str] = match OS {
            "freebsd" => &["/dev/bpf"],
            _ => &["/dev/net/tun"],
        };
        for path in needed {
            let opened = File::options().read(true).write(true).open(path);
            opened.map_err(|error| Failure::unavailable(format!("{path}: {error}")))?;
        }
        let (backend, near) = self.tap()?;
        let peer = match self.far {
            Far::Host => Box::new(FarEnd {
                socket: Some(socket(&near.0)?),
                interface: near,
                buffer: vec![0; 70_000],
            }),
            Far::Bridge => self.bridge(near)?,
        };
        Ok(Opened { backend, peer })
    }

    fn driver(&self) -> Option<&'static Driver> {
        Some(&DRIVER)
    }
}

/// An interface that goes with this. Whoever has it open has closed it by then.
struct Made(Interface);

impl Drop for Made {
    fn drop(&mut self) {
        // On Linux a tap goes by itself.
        let _gone = self.0.delete();
    }
}

/// Another tap.
struct Bridged {
    /// Dropped first.
    peer: BackendPeer,
    _made: [Made; 3],
}

impl Peer for Bridged {
    fn send(&mut self, queue: u16, it: &VirtioNetHeader, frame: &[u8]) -> Result<bool, Failure> {
        self.peer.send(queue, it, frame)
    }

    fn recv(&mut self, timeout: Duration) -> Result<Option<Seen>, Failure> {
        self.peer.recv(timeout)
    }
}

/// The host's side of the tap.
struct FarEnd {
    /// `None` while the interface is down: the socket would only tell that. Dropped before the interface.
    socket: Option<PacketSocket>,
    interface: Made,
    buffer: Vec<u8>,
}

/// Bytes of the header that a socket has in front of each frame.
fn header() -> usize {
    match OS {
        "freebsd" => 0,
        _ => PacketSocket::HEADER,
    }
}

fn socket(interface: &Interface) -> io::Result<PacketSocket> {
    match header() {
        0 => PacketSocket::plain(interface),
        _ => PacketSocket::with_header(interface),
    }
}

impl FarEnd {
    fn socket(&mut self) -> io::Result<&PacketSocket> {
        if self.socket.is_none() {
            self.socket = Some(socket(&self.interface.0)?);
        }
        self.socket
            .as_ref()
            .ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl Peer for FarEnd {
    fn send(&mut self, _: u16, it: &VirtioNetHeader, frame: &[u8]) -> Result<bool, Failure> {
        let mut bytes: Vec<u8> = it.encode().into_iter().take(header()).collect();
        bytes.extend_from_slice(frame);
        let full = rustix::io::Errno::NOBUFS.raw_os_error();
        match self.socket()?.send(&bytes) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) if error.raw_os_error() == Some(full) => Ok(false),
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
            let Some((wire, bytes)) = frame.split_at_checked(header()) else {
                return Err(Failure::new("a packet without its header"));
            };
            let mut decoded = [0; 12];
            decoded
                .iter_mut()
                .zip(wire)
                .for_each(|(to, from)| *to = *from);
            let decoded = VirtioNetHeader::decode(decoded, HeaderLength::Ten);
            return Ok(Some(Seen {
                queue: None,
                header: decoded.filter(|_| header() != 0),
                bytes: bytes.to_vec(),
            }));
        }
    }

    fn set_link(&mut self, up: bool) -> Result<(), Failure> {
        if up {
            self.interface.0.set_up()?;
        } else {
            self.interface.0.set_down()?;
        }
        Ok(())
    }

    fn kill(&mut self) -> Result<(), Failure> {
        self.socket = None;
        Ok(self.interface.0.delete()?)
    }
}
