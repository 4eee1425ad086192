//! The conformance suite on netgraph: on a kernel in the process, and on the system's where there is one.

mod common;
#[path = "conformance/peers.rs"]
mod peers;

use std::process::ExitCode;
use std::sync::Arc;

use net_backend_core::testing::{
    self, BackendPeer, Failure, NoPeer, Opened, Path, Peer, Rig, RigTraits,
};
use net_backend_core::{Driver, Features, MacAddr};
use net_backend_netgraph::{DRIVER, Netgraph};

use common::nic::{Cable, Nic};
use common::world::{World, unique};
use peers::{Cabled, HostOfNode, Program, Wired};

fn main() -> ExitCode {
    let worlds = [
        ("netgraph", World::system as fn() -> Result<World, Failure>),
        ("netgraph-model", World::model),
    ];
    let rigs = worlds.into_iter().flat_map(|(group, world)| {
        let shapes = SHAPES.iter().filter(move |(shape, _)| {
            // What is made of interfaces of the system.
            *shape != Shape::Cable || group == "netgraph"
        });
        shapes.map(move |(shape, traits)| -> Box<dyn Rig> {
            Box::new(GraphRig {
                name: format!("{group}/{}", shape.name()),
                shape: *shape,
                traits: *traits,
                world: Arc::new(world),
            })
        })
    });
    testing::main(rigs.collect())
}

const SHAPES: &[(Shape, RigTraits)] = &[
    (Shape::Direct, WIRE),
    (Shape::Passed, PASSED),
    (Shape::Hub, HUB),
    (Shape::Bridge, SWITCHED),
    (Shape::BridgeWithoutOffloads, SWITCHED),
    (Shape::Echo, ECHO),
    (Shape::Interface, INTERFACE),
    (Shape::Cable, CABLE),
    (Shape::Plug, PLUG),
    (Shape::Host, HOST),
];

/// Two sockets, and no node between them.
const WIRE: RigTraits = RigTraits {
    path: Path::Wire,
    min_frame: 14,
    max_frame: 9014,
    window: 64,
    fills: true,
    link: false,
    kill: true,
    offloads: Features::empty(),
    steers: false,
    serial: false,
    // What is for several is not sent again.
    receiver: MacAddr::new([2, 0, 0, 0, 0, 1]),
};

/// A socket that somebody else made, and so lives on without its hook.
const PASSED: RigTraits = RigTraits {
    kill: false,
    ..WIRE
};

/// The node in the middle stays when the far end leaves.
const HUB: RigTraits = RigTraits {
    kill: false,
    ..WIRE
};

const SWITCHED: RigTraits = HUB;

const ECHO: RigTraits = RigTraits {
    path: Path::Echo,
    kill: false,
    ..WIRE
};

/// The cable of an interface: what comes in while the socket is full is lost. FreeBSD reuses the names of interfaces, and does
/// not survive messages to one that is being removed.
const INTERFACE: RigTraits = RigTraits {
    serial: true,
    max_frame: 1514,
    window: 16,
    fills: false,
    kill: false,
    ..WIRE
};

/// Nothing is busy: who sends does not hear of what is lost.
const CABLE: RigTraits = INTERFACE;

const PLUG: RigTraits = RigTraits {
    link: true,
    ..INTERFACE
};

/// The node of an interface of the host can be removed.
const HOST: RigTraits = RigTraits {
    kill: true,
    ..INTERFACE
};

/// Bytes of buffers: room for the longest frame, and not for many.
const SEND_BUFFER: usize = 100_000;
const RECEIVE_BUFFER: usize = 40_000;

/// What is between backend and far end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// Nothing: the far end's own hook.
    Direct,
    /// Nothing, and the backend's socket was made by somebody else.
    Passed,
    /// A hub.
    Hub,
    /// A bridge.
    Bridge,
    /// A bridge, between backends of plain frames.
    BridgeWithoutOffloads,
    /// A node that sends everything back.
    Echo,
    /// An interface, with somebody at the other end of its cable.
    Interface,
    /// Two interfaces with a cable between them, and a backend at each.
    Cable,
    /// An interface whose cable is pulled out and plugged in.
    Plug,
    /// An interface of the host, which sends and receives through it.
    Host,
}

impl Shape {
    fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Passed => "passed",
            Self::Hub => "hub",
            Self::Bridge => "bridge",
            Self::BridgeWithoutOffloads => "bridge-plain",
            Self::Echo => "echo",
            Self::Interface => "interface",
            Self::Cable => "cable",
            Self::Plug => "plug",
            Self::Host => "host",
        }
    }

    /// Buffers that a case fills soon, and patience until it goes on.
    fn options(self) -> String {
        let offloads = match self {
            Self::BridgeWithoutOffloads => "&offloads=off",
            _ => "",
        };
        format!("&patience=60000&sndbuf={SEND_BUFFER}&rcvbuf={RECEIVE_BUFFER}{offloads}")
    }
}

struct GraphRig {
    name: String,
    shape: Shape,
    traits: RigTraits,
    world: Arc<fn() -> Result<World, Failure>>,
}

impl Rig for GraphRig {
    fn name(&self) -> &str {
        &self.name
    }

    fn traits(&self) -> RigTraits {
        self.traits
    }

    fn open(&self) -> Result<Opened, Failure> {
        let world = (self.world)()?;
        let options = self.shape.options();
        match self.shape {
            Shape::Direct | Shape::Passed => self.open_with_program(world),
            Shape::Interface | Shape::Cable | Shape::Plug | Shape::Host => {
                self.open_with_interface(world)
            }
            Shape::Hub => {
                let id = unique();
                let made = format!("netgraph:{id}?mkpeer=hub&peerhook=far{options}");
                let far = world.open(&made)?;
                let backend = world.open(&format!("netgraph:{id}:?peerhook=near{options}"))?;
                opened(backend, BackendPeer::new(Box::new(far))?)
            }
            Shape::Bridge | Shape::BridgeWithoutOffloads => {
                let id = unique();
                let [far, near] = bridged(&world, &id).map(|uri| format!("{uri}{options}"));
                let far = world.open(&far)?;
                world.allow_moves(&id)?;
                opened(world.open(&near)?, BackendPeer::new(Box::new(far))?)
            }
            Shape::Echo => {
                let uri = format!("netgraph:?mkpeer=echo&peerhook=e{options}");
                opened(world.open(&uri)?, NoPeer)
            }
        }
    }

    /// What `describe` says can be opened by the system's kernel only, and again only if it takes no hook that is
    /// taken.
    fn driver(&self) -> Option<&'static Driver> {
        (self.shape == Shape::Echo && self.group() == "netgraph").then_some(&DRIVER)
    }
}

impl GraphRig {
    fn open_with_program(&self, world: World) -> Result<Opened, Failure> {
        let options = self.shape.options();
        let far = world.far()?;
        far.set_buffers(SEND_BUFFER, RECEIVE_BUFFER)?;
        if self.shape == Shape::Direct {
            let uri = format!("netgraph:[{:x}]:?peerhook=far{options}", far.id());
            return opened(world.open(&uri)?, Program::new(far, None, world));
        }
        let mut near = world.far()?;
        near.connect(".:", &format!("[{:x}]:", far.id()), "near", "far")?;
        let uri = format!("netgraph:?fd={}{options}", near.number());
        opened(world.open(&uri)?, Program::new(far, Some(near), world))
    }

    fn open_with_interface(&self, world: World) -> Result<Opened, Failure> {
        let options = self.shape.options();
        let uri = |name: &str| format!("netgraph:{name}:?peerhook=lower{options}");
        match self.shape {
            Shape::Cable => {
                let cable = Cable::new()?;
                let [near, far] = cable.ends().map(|end| world.open(&uri(end)));
                let far = BackendPeer::new(Box::new(far?))?;
                opened(near?, Cabled::new(far, cable))
            }
            Shape::Host => {
                let backend = world.open(&format!("netgraph:?mkpeer=eiface{options}"))?;
                let node = backend.peer().and_then(|peer| peer.peer.name.clone());
                let node = node.ok_or_else(|| Failure::new("an interface without name"))?;
                let nic = Nic::host_of(&world, node.as_str())?;
                opened(backend, HostOfNode::new(nic, world))
            }
            _ => {
                let nic = match self.shape {
                    Shape::Plug => Nic::pluggable(&world)?,
                    _ => Nic::wired(&world)?,
                };
                let backend = world.open(&uri(nic.name()))?;
                world.set_promiscuous(nic.name())?;
                opened(backend, Wired(nic))
            }
        }
    }
}

/// The two ends of a bridge. For each sender that is new, as all of the suite's are, a bridge of the system has a note to
/// write for a link, and has what comes then wait: whoever sent it does not hear of a receiver that is full, and a later
/// frame may overtake it. It learns nothing about uplinks.
fn bridged(world: &World, id: &str) -> [String; 2] {
    match world {
        World::System => [
            format!("netgraph:{id}?mkpeer=bridge&peerhook=uplink1"),
            format!("netgraph:{id}:?peerhook=uplink2"),
        ],
        World::Model(_) => [(); 2].map(|()| format!("netgraph:?bridge={id}")),
    }
}

fn opened(backend: Netgraph, peer: impl Peer + 'static) -> Result<Opened, Failure> {
    let (backend, peer) = (Box::new(backend), Box::new(peer));
    Ok(Opened { backend, peer })
}
