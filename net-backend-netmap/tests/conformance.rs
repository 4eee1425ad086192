//! The conformance suite on ports of a real netmap kernel, where there is one, and on those of a model.

mod common;
#[cfg(feature = "testing")]
#[path = "conformance/model.rs"]
mod model;

use std::process::ExitCode;
use std::time::Duration;

use net_backend_core::testing::{self, BackendPeer, Failure, Opened, Peer, Rig, RigTraits, Seen};
use net_backend_core::{Driver, Features, MacAddr, NetBackend, VirtioNetHeader};
use net_backend_netmap::DRIVER;

use common::{HostSocket, Wire};

fn main() -> ExitCode {
    let unavailable = common::prepare().err();
    let rig = |name, traits, far| -> Box<dyn Rig> {
        Box::new(KernelRig {
            name,
            traits,
            far,
            unavailable: unavailable.clone(),
        })
    };
    let switch = |options| Far::Port {
        near: format!("vale#:near{options}"),
        far: format!("vale#:far{options}"),
    };
    let pipe = |options| Far::Port {
        near: format!("vale#:base{{1{options}"),
        far: format!("vale#:base}}1{options}"),
    };
    let wire = |queues, suffixes| Far::Wire { queues, suffixes };
    let mut rigs = vec![
        rig("netmap/vale", SWITCH, switch("")),
        rig("netmap/vale-rings", SWITCH, switch("?rings=4")),
        rig("netmap/pipe", PIPE, pipe("")),
        rig("netmap/pipe-rings", PIPE, pipe("?rings=4")),
        rig("netmap/wire", WIRE, wire(1, ["", ""])),
        rig("netmap/wire-queues", WIRE_OF_QUEUES, wire(4, ["", ""])),
        rig(
            "netmap/wire-pipe",
            PIPE_ON_WIRE,
            Far::SameWire(["{1", "}1"]),
        ),
        rig(
            "netmap/wire-and-host",
            HOST,
            Far::Host {
                near: "",
                is_same: false,
            },
        ),
        rig(
            "netmap/host",
            HOST,
            Far::Host {
                near: "^",
                is_same: true,
            },
        ),
    ];
    #[cfg(feature = "testing")]
    rigs.extend(model::rigs());
    testing::main(rigs)
}

const PIPE: RigTraits = RigTraits {
    path: testing::Path::Wire,
    min_frame: 14,
    max_frame: 9014,
    window: 64,
    fills: true,
    link: false,
    kill: false,
    offloads: Features::empty(),
    steers: false,
    serial: true,
    receiver: MacAddr::BROADCAST,
};

/// A switch drops what a port has no room for.
const SWITCH: RigTraits = RigTraits {
    fills: false,
    offloads: SWITCHED,
    ..PIPE
};

/// The offloads of a switch.
const SWITCHED: Features = Features::CSUM
    .union(Features::GUEST_CSUM)
    .union(Features::HOST_TSO4)
    .union(Features::HOST_TSO6)
    .union(Features::GUEST_TSO4)
    .union(Features::GUEST_TSO6);

/// So does an emulated NIC. Its MTU is 1500.
const WIRE: RigTraits = RigTraits {
    max_frame: 1514,
    fills: false,
    kill: true,
    ..PIPE
};

/// The kernel wakes nobody when an interface goes away, and a set of descriptors that is asked again asks none of them.
const WIRE_OF_QUEUES: RigTraits = RigTraits {
    kill: false,
    ..WIRE
};

/// More than these do not find room in a socket of the host.
const HOST: RigTraits = RigTraits { window: 32, ..WIRE };

const PIPE_ON_WIRE: RigTraits = PIPE;

/// What is opened, and what is at its far end. `#` in names is an identifier that no other case has.
#[derive(Clone, Debug)]
enum Far {
    /// Another port.
    Port { near: String, far: String },
    /// Both ends of a wire, with these suffixes.
    Wire {
        queues: u32,
        suffixes: [&'static str; 2],
    },
    /// Two ports of one end of a wire.
    SameWire([&'static str; 2]),
    /// One end of a wire with a suffix, and the host's stack at the same end or the other one.
    Host { near: &'static str, is_same: bool },
}

struct KernelRig {
    name: &'static str,
    traits: RigTraits,
    far: Far,
    unavailable: Option<String>,
}

impl Rig for KernelRig {
    fn name(&self) -> &str {
        self.name
    }

    fn traits(&self) -> RigTraits {
        self.traits
    }

    fn open(&self) -> Result<Opened, Failure> {
        if let Some(reason) = &self.unavailable {
            return Err(Failure::unavailable(reason));
        }
        match &self.far {
            Far::Port { near, far } => {
                let id = common::unique();
                let backend = common::open(&near.replace('#', &id))?;
                let far = common::open(&far.replace('#', &id))?;
                let peer = Box::new(BackendPeer::new(far)?);
                Ok(Opened { backend, peer })
            }
            Far::Wire { queues, suffixes } => {
                let wire = Wire::with_queues(*queues)?;
                let [near, far] = suffixes;
                let ports = [
                    format!("{}{near}", wire.near()),
                    format!("{}{far}", wire.far()),
                ];
                between(wire, &ports)
            }
            Far::SameWire(suffixes) => {
                let wire = Wire::new()?;
                let ports = suffixes.map(|suffix| format!("{}{suffix}", wire.near()));
                between(wire, &ports)
            }
            Far::Host { near, is_same } => {
                let wire = Wire::new()?;
                // Or the host's frames go to the wire.
                let nic = is_same.then(|| common::open(wire.near())).transpose()?;
                let backend = common::open(&format!("{}{near}", wire.near()))?;
                let interface = if *is_same { wire.near() } else { wire.far() };
                let socket = HostSocket::new(interface)?;
                let peer = Box::new(HostPeer { socket, nic, wire });
                Ok(Opened { backend, peer })
            }
        }
    }

    fn driver(&self) -> Option<&'static Driver> {
        Some(&DRIVER)
    }
}

fn between(wire: Wire, [near, far]: &[String; 2]) -> Result<Opened, Failure> {
    let backend = common::open(near)?;
    let peer = BackendPeer::new(common::open(far)?)?;
    let peer = Box::new(WiredPeer { peer, wire });
    Ok(Opened { backend, peer })
}

/// A port at the other end of a wire.
struct WiredPeer {
    peer: BackendPeer,
    wire: Wire,
}

impl Peer for WiredPeer {
    fn send(
        &mut self,
        queue: u16,
        header: &VirtioNetHeader,
        frame: &[u8],
    ) -> Result<bool, Failure> {
        self.peer.send(queue, header, frame)
    }

    fn recv(&mut self, timeout: Duration) -> Result<Option<Seen>, Failure> {
        self.peer.recv(timeout)
    }

    fn kill(&mut self) -> Result<(), Failure> {
        self.peer.kill()?;
        self.wire.unplug();
        Ok(())
    }
}

/// The host's stack.
struct HostPeer {
    socket: HostSocket,
    /// Only held open.
    nic: Option<Box<dyn NetBackend>>,
    wire: Wire,
}

impl Peer for HostPeer {
    fn send(&mut self, _: u16, _: &VirtioNetHeader, frame: &[u8]) -> Result<bool, Failure> {
        Ok(self.socket.send(frame)?)
    }

    fn recv(&mut self, timeout: Duration) -> Result<Option<Seen>, Failure> {
        let frame = self.socket.receive(timeout)?;
        Ok(frame.map(|bytes| Seen {
            queue: None,
            header: None,
            bytes,
        }))
    }

    fn kill(&mut self) -> Result<(), Failure> {
        self.nic = None;
        self.wire.unplug();
        Ok(())
    }
}
