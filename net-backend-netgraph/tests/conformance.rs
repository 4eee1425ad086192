//! The conformance suite on netgraph: on a kernel in the process, and on the system's where there is one.

#[path = "conformance/peers.rs"]
mod peers;
#[path = "conformance/world.rs"]
mod world;

use std::process::ExitCode;
use std::sync::Arc;

use net_backend_core::testing::{self, BackendPeer, Failure, NoPeer, Opened, Path, Rig, RigTraits};
use net_backend_core::{Driver, Features, MacAddr};
use net_backend_netgraph::DRIVER;

use peers::Program;
use world::World;

fn main() -> ExitCode {
    let worlds = [
        ("netgraph", World::system as fn() -> Result<World, Failure>),
        ("netgraph-model", World::model),
    ];
    let rigs = worlds.into_iter().flat_map(|(group, world)| {
        SHAPES.iter().map(move |(shape, traits)| -> Box<dyn Rig> {
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
        }
    }

    /// Buffers that a case fills soon, and patience until it goes on.
    fn options(self) -> &'static str {
        match self {
            Self::BridgeWithoutOffloads => {
                "&patience=60000&sndbuf=100000&rcvbuf=300000&offloads=off"
            }
            _ => "&patience=60000&sndbuf=100000&rcvbuf=300000",
        }
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
        let id = world::unique();
        match self.shape {
            Shape::Direct => {
                let far = world.far()?;
                let uri = format!("netgraph:[{:x}]:?peerhook=far{options}", far.id());
                let backend = world.open(&uri)?;
                let peer = Box::new(Program::new(far, world)?);
                Ok(Opened { backend, peer })
            }
            Shape::Passed => {
                let far = world.far()?;
                let mut near = world.far()?;
                near.connect(".:", &format!("[{:x}]:", far.id()), "near", "far")?;
                far.set_buffers(100_000, 300_000)?;
                let backend = world.open(&format!("netgraph:?fd={}{options}", near.number()))?;
                let peer = Box::new(Program::with_maker(far, near, world)?);
                Ok(Opened { backend, peer })
            }
            Shape::Hub => {
                let uri = |hook| format!("netgraph:{id}:?peerhook={hook}{options}");
                let made = format!("netgraph:{id}?mkpeer=hub&peerhook=far{options}");
                let far = world.open(&made)?;
                let backend = world.open(&uri("near"))?;
                let peer = Box::new(BackendPeer::new(far)?);
                Ok(Opened { backend, peer })
            }
            Shape::Bridge | Shape::BridgeWithoutOffloads => {
                let uri = format!("netgraph:?bridge={id}{options}");
                let far = world.open(&uri)?;
                world.allow_moves(&id)?;
                let backend = world.open(&uri)?;
                let peer = Box::new(BackendPeer::new(far)?);
                Ok(Opened { backend, peer })
            }
            Shape::Echo => {
                let uri = format!("netgraph:?mkpeer=echo&peerhook=e{options}");
                let backend = world.open(&uri)?;
                let peer = Box::new(NoPeer);
                Ok(Opened { backend, peer })
            }
        }
    }

    /// What `describe` says can be opened by the system's kernel only, and again only if it takes no hook that is
    /// taken.
    fn driver(&self) -> Option<&'static Driver> {
        let again = matches!(
            self.shape,
            Shape::Bridge | Shape::BridgeWithoutOffloads | Shape::Echo
        );
        (again && self.group() == "netgraph").then_some(&DRIVER)
    }
}
