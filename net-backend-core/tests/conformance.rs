//! The conformance suite, run on the backends in memory.

use std::process::ExitCode;

use net_backend_core::layers::adapt_header;
use net_backend_core::memory::{LOOPBACK, Loopback, NULL, Null, PairConfig, pair};
use net_backend_core::testing::{self, BackendPeer, Failure, NoPeer, Opened, Path, Rig, RigTraits};
use net_backend_core::{
    Activation, BorrowedDescriptor, Capabilities, Driver, Error, Event, Features, FrameLength,
    HeaderLength, LinkState, NetBackend, QueuePair, Source, Uri, check_features,
};

struct NullRig;

impl Rig for NullRig {
    fn name(&self) -> &str {
        "null"
    }

    fn traits(&self) -> RigTraits {
        RigTraits {
            path: Path::Nowhere,
            ..RigTraits::default()
        }
    }

    fn open(&self) -> Result<Opened, Failure> {
        Ok(Opened {
            backend: Box::new(Null::new()),
            peer: Box::new(NoPeer),
        })
    }

    fn driver(&self) -> Option<&'static Driver> {
        Some(&NULL)
    }
}

struct LoopbackRig {
    name: &'static str,
    config: PairConfig,
}

impl Rig for LoopbackRig {
    fn name(&self) -> &str {
        self.name
    }

    fn traits(&self) -> RigTraits {
        RigTraits {
            path: Path::Echo,
            max_frame: FrameLength::MAX.bytes(),
            window: self.config.capacity,
            fills: true,
            offloads: Features::OFFLOADS,
            steers: true,
            ..RigTraits::default()
        }
    }

    fn open(&self) -> Result<Opened, Failure> {
        Ok(Opened {
            backend: Box::new(Loopback::new(&self.config)?),
            peer: Box::new(NoPeer),
        })
    }

    fn driver(&self) -> Option<&'static Driver> {
        Some(&LOOPBACK)
    }
}

struct PairRig {
    name: &'static str,
    config: PairConfig,
}

impl Rig for PairRig {
    fn name(&self) -> &str {
        self.name
    }

    fn traits(&self) -> RigTraits {
        RigTraits {
            path: Path::Wire,
            max_frame: FrameLength::MAX.bytes(),
            window: self.config.capacity,
            fills: true,
            link: true,
            kill: true,
            offloads: self.config.features,
            steers: true,
            ..RigTraits::default()
        }
    }

    fn open(&self) -> Result<Opened, Failure> {
        let (near, far) = pair(&self.config)?;
        Ok(Opened {
            backend: Box::new(near),
            peer: Box::new(BackendPeer::new(Box::new(far))?),
        })
    }
}

/// Any rig with the header layer around its backend, which has headers of `native` length.
struct AdaptedRig<R> {
    name: &'static str,
    inner: R,
    native: HeaderLength,
}

impl<R: Rig> Rig for AdaptedRig<R> {
    fn name(&self) -> &str {
        self.name
    }

    fn traits(&self) -> RigTraits {
        self.inner.traits()
    }

    fn open(&self) -> Result<Opened, Failure> {
        let Opened { backend, peer } = self.inner.open()?;
        let mut capabilities = backend.capabilities().clone();
        if self.native == HeaderLength::None {
            capabilities.features = Features::empty();
        }
        let backend = Box::new(Adapted {
            backend,
            capabilities,
            native: self.native,
            header: HeaderLength::None,
        });
        Ok(Opened { backend, peer })
    }
}

struct Adapted {
    backend: Box<dyn NetBackend>,
    capabilities: Capabilities,
    native: HeaderLength,
    header: HeaderLength,
}

impl NetBackend for Adapted {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn activate(&mut self, with: &Activation) -> Result<Vec<QueuePair>, Error> {
        with.check(&self.capabilities)?;
        let native = Activation {
            header: self.native,
            ..*with
        };
        let pairs = self.backend.activate(&native)?.into_iter();
        self.header = with.header;
        Ok(pairs
            .map(|pair| adapt_header(pair, self.native, with.header))
            .collect())
    }

    fn set_receive_offloads(&mut self, features: Features) -> Result<(), Error> {
        let features = features & Features::RECEIVE_OFFLOADS;
        check_features(features, self.header, &self.capabilities)?;
        self.backend.set_receive_offloads(features)
    }

    fn describe(&self) -> Uri {
        self.backend.describe()
    }

    fn link(&self) -> LinkState {
        self.backend.link()
    }

    fn events(&self) -> Option<Source<'_>> {
        self.backend.events()
    }

    fn next_event(&mut self) -> Option<Event> {
        self.backend.next_event()
    }

    fn descriptors(&self) -> Vec<BorrowedDescriptor<'_>> {
        self.backend.descriptors()
    }
}

fn loopback(name: &'static str, config: PairConfig) -> LoopbackRig {
    LoopbackRig { name, config }
}

fn pair_of(name: &'static str, config: PairConfig) -> PairRig {
    PairRig { name, config }
}

fn main() -> ExitCode {
    let usual = PairConfig::default();
    let queues = PairConfig {
        queue_pairs: 4,
        ..usual
    };
    let small = PairConfig {
        capacity: 2,
        ..usual
    };
    let plain = PairConfig {
        features: Features::empty(),
        ..usual
    };
    let mut rigs: Vec<Box<dyn Rig>> = vec![
        Box::new(NullRig),
        Box::new(loopback("loopback", usual)),
        Box::new(loopback("loopback/queues", queues)),
        Box::new(loopback("loopback/small", small)),
        Box::new(pair_of("pair", usual)),
        Box::new(pair_of("pair/queues", queues)),
        Box::new(pair_of("pair/small", small)),
        Box::new(pair_of("pair/plain", plain)),
    ];
    let natives = [
        ("adapted/pair-0", "adapted/loopback-0", HeaderLength::None),
        ("adapted/pair-10", "adapted/loopback-10", HeaderLength::Ten),
        (
            "adapted/pair-12",
            "adapted/loopback-12",
            HeaderLength::Twelve,
        ),
    ];
    for (pair, echo, native) in natives {
        rigs.push(Box::new(AdaptedRig {
            name: pair,
            inner: pair_of("pair", usual),
            native,
        }));
        rigs.push(Box::new(AdaptedRig {
            name: echo,
            inner: loopback("loopback", usual),
            native,
        }));
    }
    testing::main(rigs)
}
