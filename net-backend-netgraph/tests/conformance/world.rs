//! Where nodes are made.

use std::sync::atomic::{AtomicUsize, Ordering};

use net_backend_core::testing::Failure;
use net_backend_core::{Environment, NetBackend, Registry, Uri};
use net_backend_netgraph::ng::bridge;
use net_backend_netgraph::testing::{Far, Model};
use net_backend_netgraph::{DRIVER, NetgraphConfig};

/// A kernel with netgraph.
#[derive(Clone, Debug)]
pub(crate) enum World {
    /// The system's.
    System,
    /// One in the process.
    Model(Model),
}

impl World {
    pub(crate) fn system() -> Result<Self, Failure> {
        match Far::on_system() {
            Ok(_) => Ok(Self::System),
            Err(error) => Err(Failure::unavailable(format!("netgraph: {error}"))),
        }
    }

    pub(crate) fn model() -> Result<Self, Failure> {
        Ok(Self::Model(Model::new()))
    }

    pub(crate) fn open(&self, uri: &str) -> Result<Box<dyn NetBackend>, Failure> {
        match self {
            Self::System => Ok(Registry::new([&DRIVER]).open(uri, &Environment::default())?),
            Self::Model(model) => {
                let config = NetgraphConfig::from_uri(&uri.parse::<Uri>()?)?;
                Ok(Box::new(model.open(&config)?))
            }
        }
    }

    /// Lets addresses move from link to link of a bridge as often as they like. The suite's frames have the same addresses in
    /// both directions, which otherwise looks like a loop.
    pub(crate) fn allow_moves(&self, bridge: &str) -> Result<(), Failure> {
        let config = bridge::Config {
            debug_level: 0,
            loop_timeout: 60,
            max_staleness: 60,
            min_stable_age: 0,
        };
        let mut far = self.far()?;
        let command = bridge::SET_CONFIG;
        far.tell(
            &format!("{bridge}:"),
            command.cookie,
            command.number,
            &config.encode(),
        )?;
        Ok(())
    }

    /// A program that has a node.
    pub(crate) fn far(&self) -> Result<Far, Failure> {
        Ok(match self {
            Self::System => Far::on_system()?,
            Self::Model(model) => model.far()?,
        })
    }
}

/// A name that no other case has, nor another process.
pub(crate) fn unique() -> String {
    static TAKEN: AtomicUsize = AtomicUsize::new(0);
    let number = TAKEN.fetch_add(1, Ordering::Relaxed);
    format!("nb{:x}n{number:x}", std::process::id())
}
