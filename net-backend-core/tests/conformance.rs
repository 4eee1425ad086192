//! The conformance suite, run on the backends in memory.

use std::process::ExitCode;

use net_backend_core::memory::{LOOPBACK, Loopback, NULL, Null, PairConfig, pair};
use net_backend_core::testing::{self, BackendPeer, Failure, NoPeer, Opened, Path, Rig, RigTraits};
use net_backend_core::{Driver, Features, FrameLength};

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

fn main() -> ExitCode {
    let config = PairConfig::default();
    testing::main(vec![
        Box::new(NullRig),
        Box::new(LoopbackRig {
            name: "loopback",
            config,
        }),
        Box::new(PairRig {
            name: "pair",
            config,
        }),
        Box::new(PairRig {
            name: "pair/small",
            config: PairConfig {
                capacity: 2,
                ..config
            },
        }),
    ])
}
