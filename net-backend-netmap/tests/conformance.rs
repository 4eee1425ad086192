//! The conformance suite on ports of a real netmap kernel, where there is one.

use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};

use net_backend_core::testing::{self, BackendPeer, Failure, Opened, Rig, RigTraits};
use net_backend_core::{Driver, Environment, Features, NetBackend, Registry};
use net_backend_netmap::DRIVER;

fn main() -> ExitCode {
    let pipe = RigTraits {
        max_frame: 9014,
        fills: true,
        serial: true,
        ..RigTraits::default()
    };
    let vale = RigTraits {
        offloads: OFFLOADS,
        fills: false,
        ..pipe
    };
    let rig = |name, near, far, traits| KernelRig {
        name,
        near,
        far,
        traits,
    };
    testing::main(vec![
        Box::new(rig("netmap/vale", "vale_nb#:near", "vale_nb#:far", vale)),
        Box::new(rig(
            "netmap/pipe",
            "vale_nb#:base{1",
            "vale_nb#:base}1",
            pipe,
        )),
        Box::new(rig(
            "netmap/pipe-rings",
            "vale_nb#:base{1?rings=4",
            "vale_nb#:base}1?rings=4",
            pipe,
        )),
    ])
}

const OFFLOADS: Features = Features::CSUM
    .union(Features::GUEST_CSUM)
    .union(Features::HOST_TSO4)
    .union(Features::HOST_TSO6)
    .union(Features::GUEST_TSO4)
    .union(Features::GUEST_TSO6);

static OPENED: AtomicUsize = AtomicUsize::new(0);

/// Two ports of the kernel of this machine; `#` in their names is a number that no other case has.
struct KernelRig {
    name: &'static str,
    near: &'static str,
    far: &'static str,
    traits: RigTraits,
}

impl Rig for KernelRig {
    fn name(&self) -> &str {
        self.name
    }

    fn traits(&self) -> RigTraits {
        self.traits
    }

    fn open(&self) -> Result<Opened, Failure> {
        if let Err(error) = std::fs::File::options()
            .read(true)
            .write(true)
            .open("/dev/netmap")
        {
            return Err(Failure::unavailable(format!("/dev/netmap: {error}")));
        }
        let number = OPENED.fetch_add(1, Ordering::Relaxed);
        let open = |port: &str| -> Result<Box<dyn NetBackend>, Failure> {
            let uri = format!("netmap:{}", port.replace('#', &number.to_string()));
            Ok(Registry::new([&DRIVER]).open(&uri, &Environment::default())?)
        };
        let backend = open(self.near)?;
        let peer = Box::new(BackendPeer::new(open(self.far)?)?);
        Ok(Opened { backend, peer })
    }

    fn driver(&self) -> Option<&'static Driver> {
        Some(&DRIVER)
    }
}
