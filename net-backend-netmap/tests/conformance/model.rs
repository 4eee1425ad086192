//! Ports of the model of a netmap kernel, which every machine has.

use std::time::{Duration, Instant};

use net_backend_core::testing::{BackendPeer, Failure, Opened, Path, Peer, Rig, RigTraits, Seen};
use net_backend_core::{Features, MacAddr, NetBackend, VirtioNetHeader};
use net_backend_netmap::NetmapConfig;
use net_backend_netmap::control::{AttachedRings, ControlDevice, InterfaceShape, RingShape};
use net_backend_netmap::testing::{Model, Polling, Settings, Spread};

/// One of each kind of port, and the kinds of kernels that there are.
pub(crate) fn rigs() -> Vec<Box<dyn Rig>> {
    let rigs = switches().into_iter().chain(pipes()).chain(wires());
    rigs.map(|rig| -> Box<dyn Rig> { Box::new(rig) }).collect()
}

fn switches() -> Vec<ModelRig> {
    let vale = between("vale0:near", "vale0:far");
    vec![
        rig("vale", SWITCH, vale),
        rig("vale-hint", SWITCH, vale).with(only_wakes()),
        rig(
            "vale-rings",
            SWITCH,
            between("vale0:near?rings=4", "vale0:far?rings=4"),
        ),
        rig(
            "vale-small",
            SMALL_SWITCH,
            between("vale0:near?slots=16", "vale0:far?slots=16"),
        ),
        rig(
            "vale-odd",
            SWITCH,
            between("vale0:near?slots=251", "vale0:far?slots=509"),
        ),
        rig("vale-short-buffers", SWITCH, vale).with(Settings {
            buffer_size: 256,
            ..Settings::default()
        }),
        rig(
            "vale-persistent",
            PERSISTENT,
            between("vale0:vm1?persist=on", "vale0:vm2?persist=on"),
        ),
        rig(
            "vale-more-receive",
            PERSISTENT,
            between("vale0:vm1?persist=on", "vale0:far"),
        )
        .after(|model| interface(model, 1, 4)),
        rig(
            "vale-more-transmit",
            PERSISTENT,
            between("vale0:vm1?persist=on", "vale0:far"),
        )
        .after(|model| interface(model, 4, 1)),
    ]
}

fn pipes() -> Vec<ModelRig> {
    let pipe = between("vale0:x{1", "vale0:x}1");
    vec![
        rig("pipe", PIPE, pipe),
        rig("pipe-hint", PIPE, pipe).with(only_wakes()),
        rig(
            "pipe-rings",
            PIPE,
            between("vale0:x{1?rings=4", "vale0:x}1?rings=4"),
        ),
        rig(
            "pipe-small",
            SMALL_PIPE,
            between("vale0:x{1?slots=16", "vale0:x}1?slots=16"),
        ),
        rig(
            "pipe-odd",
            PIPE,
            between("vale0:x{1?slots=257", "vale0:x}1?slots=257"),
        ),
    ]
}

fn wires() -> Vec<ModelRig> {
    let wire = between("em0", "em1");
    let one_ring = |model: &Model| wired(model, 1, 256);
    let slow = |receive_delay, completion_delay, polling| Settings {
        receive_delay,
        completion_delay,
        polling,
        ..Settings::default()
    };
    let host = |near| Ends {
        near,
        far: Far::Host,
    };
    vec![
        rig("wire", WIRE, wire).after(one_ring),
        rig("wire-hint", WIRE, wire)
            .with(only_wakes())
            .after(one_ring),
        rig("wire-odd", WIRE, wire).after(|model| wired(model, 1, 131)),
        rig("wire-slow", WIRE, wire)
            .with(slow(0, 4, Polling::Synchronises))
            .after(one_ring),
        rig("wire-slow-hint", WIRE, wire)
            .with(slow(2, 4, Polling::OnlyWakes))
            .after(one_ring),
        rig(
            "wire-jumbo",
            JUMBO_WIRE,
            Ends {
                near: "em0?fragments=64",
                far: Far::Port("em1?fragments=64"),
            },
        )
        .after(|model| wired(model, 1, 512)),
        rig("wire-rings", WIRE, wire)
            .with(by_sender())
            .after(|model| wired(model, 4, 256)),
        rig("wire-more-receive", WIRE, wire)
            .with(by_sender())
            .after(|model| uneven(model, 2, 5)),
        rig("wire-more-transmit", WIRE, wire)
            .with(by_sender())
            .after(|model| uneven(model, 5, 2)),
        rig("wire-host", HOST, host("em0^")).after(one_ring),
    ]
}

/// A pipe holds what is not received; nothing is lost.
const PIPE: RigTraits = RigTraits {
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
    receiver: MacAddr::BROADCAST,
};

/// With 16 slots.
const SMALL_PIPE: RigTraits = RigTraits {
    max_frame: 4000,
    window: 4,
    ..PIPE
};

/// A switch loses what a port has no room for.
const SWITCH: RigTraits = RigTraits {
    fills: false,
    offloads: super::SWITCHED,
    ..PIPE
};

/// With 16 slots, which do not hold a super-frame.
const SMALL_SWITCH: RigTraits = RigTraits {
    max_frame: 4000,
    window: 4,
    offloads: Features::empty(),
    ..SWITCH
};

/// Without a header.
const PERSISTENT: RigTraits = RigTraits {
    offloads: Features::empty(),
    ..SWITCH
};

const WIRE: RigTraits = RigTraits {
    max_frame: 1514,
    ..PERSISTENT
};

const JUMBO_WIRE: RigTraits = PERSISTENT;

const HOST: RigTraits = WIRE;

/// Name of the interface whose rings the rig chooses.
const INTERFACE: &str = "vm1";

fn only_wakes() -> Settings {
    Settings {
        polling: Polling::OnlyWakes,
        ..Settings::default()
    }
}

fn by_sender() -> Settings {
    Settings {
        spread: Spread::BySender,
        ..Settings::default()
    }
}

fn uneven(model: &Model, transmit: u16, receive: u16) -> Result<(), Failure> {
    model.uneven_wire(["em0", "em1"], [transmit, receive], 256);
    Ok(())
}

fn wired(model: &Model, rings: u16, slots: u32) -> Result<(), Failure> {
    model.wire(["em0", "em1"], rings, slots);
    Ok(())
}

/// Makes a persistent interface with so many rings, and attaches it.
fn interface(model: &Model, transmit: u16, receive: u16) -> Result<(), Failure> {
    let control = ControlDevice::of_model(model)?;
    let rings = |rings| RingShape { rings, slots: 256 };
    let shape = InterfaceShape {
        transmit: rings(transmit),
        receive: rings(receive),
        memory: 0,
    };
    control.create_interface(INTERFACE, &shape)?;
    control.attach(&format!("vale0:{INTERFACE}"), AttachedRings::Nic)?;
    Ok(())
}

/// What is opened, and what is at its far end.
#[derive(Clone, Copy, Debug)]
struct Ends {
    near: &'static str,
    far: Far,
}

/// Two ports.
fn between(near: &'static str, far: &'static str) -> Ends {
    Ends {
        near,
        far: Far::Port(far),
    }
}

#[derive(Clone, Copy, Debug)]
enum Far {
    /// Another port.
    Port(&'static str),
    /// The host's network stack.
    Host,
}

type Prepare = fn(&Model) -> Result<(), Failure>;

struct ModelRig {
    name: String,
    traits: RigTraits,
    ends: Ends,
    settings: Settings,
    prepare: Prepare,
}

fn rig(name: &str, traits: RigTraits, ends: Ends) -> ModelRig {
    ModelRig {
        name: format!("netmap-model/{name}"),
        traits,
        ends,
        settings: Settings::default(),
        prepare: |_| Ok(()),
    }
}

impl ModelRig {
    fn with(self, settings: Settings) -> Self {
        Self { settings, ..self }
    }

    fn after(self, prepare: Prepare) -> Self {
        Self { prepare, ..self }
    }
}

impl Rig for ModelRig {
    fn name(&self) -> &str {
        &self.name
    }

    fn traits(&self) -> RigTraits {
        self.traits
    }

    fn open(&self) -> Result<Opened, Failure> {
        let model = Model::new(self.settings.clone())?;
        (self.prepare)(&model)?;
        let near = self.ends.near;
        let backend = open(&model, near)?;
        let (name, options) = near.split_once('?').unwrap_or((near, ""));
        // A persistent port is an interface of its own.
        let name = match options.contains("persist") {
            true => INTERFACE,
            false => name.trim_end_matches('^'),
        };
        let peer = ModelPeer {
            far: match self.ends.far {
                Far::Port(far) => Box::new(BackendPeer::new(open(&model, far)?)?),
                Far::Host => Box::new(Host(model.clone())),
            },
            removable: name.to_owned(),
            model,
        };
        Ok(Opened {
            backend,
            peer: Box::new(peer),
        })
    }
}

fn open(model: &Model, port: &str) -> Result<Box<dyn NetBackend>, Failure> {
    let config = NetmapConfig::from_uri(&format!("netmap:{port}").parse()?)?;
    Ok(Box::new(model.open(&config)?))
}

/// Whatever is at the far end, with a hand on the near one.
struct ModelPeer {
    far: Box<dyn Peer>,
    model: Model,
    /// What is pulled out.
    removable: String,
}

impl Peer for ModelPeer {
    fn send(
        &mut self,
        queue: u16,
        header: &VirtioNetHeader,
        frame: &[u8],
    ) -> Result<bool, Failure> {
        self.far.send(queue, header, frame)
    }

    fn recv(&mut self, timeout: Duration) -> Result<Option<Seen>, Failure> {
        self.far.recv(timeout)
    }

    fn kill(&mut self) -> Result<(), Failure> {
        Ok(self.model.remove(&self.removable)?)
    }
}

/// The host's network stack behind the first interface.
struct Host(Model);

impl Peer for Host {
    fn send(&mut self, _: u16, _: &VirtioNetHeader, frame: &[u8]) -> Result<bool, Failure> {
        Ok(self.0.host_send("em0", 0, frame)?)
    }

    fn recv(&mut self, timeout: Duration) -> Result<Option<Seen>, Failure> {
        let deadline = Instant::now() + timeout;
        loop {
            if let Some(bytes) = self.0.host_receive("em0")? {
                return Ok(Some(Seen {
                    queue: None,
                    header: None,
                    bytes,
                }));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            // FreeBSD's capability mode has no clock_nanosleep(2), with which the standard library sleeps.
            std::thread::park_timeout(left.min(Duration::from_micros(200)));
        }
    }
}
