//! The conformance suite on libslirp, whose gateway answers pings itself, without any socket of the host.

use std::net::Ipv4Addr;
use std::process::ExitCode;

use net_backend_core::testing::{
    self, Failure, NoPeer, Opened, Path, Ping, Rig, RigTraits, Station,
};
use net_backend_core::{Driver, Environment, ErrorKind, MacAddr, Registry};
use net_backend_slirp::DRIVER;

fn main() -> ExitCode {
    let rig = |name, uri, max_frame| -> Box<dyn Rig> {
        Box::new(SlirpRig {
            name,
            uri,
            max_frame,
        })
    };
    testing::main(vec![
        rig("slirp", "slirp:", 1514),
        rig("slirp/threadless", "slirp:?thread=none", 1514),
        rig("slirp/jumbo", "slirp:?mtu=9000", 9014),
        rig("slirp/small", "slirp:?mtu=1000&ipv6=off&thread=none", 1014),
    ])
}

struct SlirpRig {
    name: &'static str,
    uri: &'static str,
    max_frame: usize,
}

/// The first guest of the default network, and the gateway with the address that libslirp makes from 10.0.2.2.
const PING: Ping = Ping {
    guest: Station {
        mac: MacAddr::new([0x52, 0x54, 0x00, 0x12, 0x34, 0x56]),
        ip: Ipv4Addr::new(10, 0, 2, 15),
    },
    host: Station {
        mac: MacAddr::new([0x52, 0x55, 10, 0, 2, 2]),
        ip: Ipv4Addr::new(10, 0, 2, 2),
    },
};

impl Rig for SlirpRig {
    fn name(&self) -> &str {
        self.name
    }

    fn traits(&self) -> RigTraits {
        RigTraits {
            path: Path::Ping(PING),
            // libslirp 4.8 pads shorter ones.
            min_frame: 60,
            max_frame: self.max_frame,
            ..RigTraits::default()
        }
    }

    fn open(&self) -> Result<Opened, Failure> {
        let opened = Registry::new([&DRIVER]).open(self.uri, &Environment::default());
        let backend = opened.map_err(|error| match error.kind() {
            ErrorKind::NotFound | ErrorKind::Unsupported => Failure::unavailable(error),
            _ => error.into(),
        })?;
        Ok(Opened {
            backend,
            peer: Box::new(NoPeer),
        })
    }

    fn driver(&self) -> Option<&'static Driver> {
        Some(&DRIVER)
    }
}
