//! Where nodes are made.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use net_backend_core::testing::Failure;
use net_backend_core::{Error, Uri};
use net_backend_netgraph::ng::{Client, bridge, ether};
use net_backend_netgraph::testing::{Far, Model};
use net_backend_netgraph::{Netgraph, NetgraphConfig};

/// How long nodes may need to go away: a kernel removes some of them later.
const PATIENCE: Duration = Duration::from_secs(5);

/// A kernel with netgraph.
#[derive(Clone, Debug)]
pub(crate) enum World {
    /// The system's.
    System,
    /// One in the process.
    Model(Model),
}

impl World {
    /// # Errors
    ///
    /// Unavailable, and why.
    pub(crate) fn system() -> Result<Self, Failure> {
        match Far::on_system() {
            Ok(_) => Ok(Self::System),
            Err(error) => Err(Failure::unavailable(format!("netgraph: {error}"))),
        }
    }

    /// # Errors
    ///
    /// None.
    pub(crate) fn model() -> Result<Self, Failure> {
        Ok(Self::Model(Model::new()))
    }

    /// # Errors
    ///
    /// What the driver says.
    pub(crate) fn open(&self, uri: &str) -> Result<Netgraph, Error> {
        let uri: Uri = uri.parse()?;
        let config = NetgraphConfig::from_uri(&uri)?;
        match self {
            Self::System => Netgraph::open(&config),
            Self::Model(model) => model.open(&config),
        }
    }

    /// A program that has a node.
    pub(crate) fn far(&self) -> Result<Far, Failure> {
        Ok(match self {
            Self::System => Far::on_system()?,
            Self::Model(model) => model.far()?,
        })
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

    /// Has an interface take frames for others too, as those of guests are.
    pub(crate) fn set_promiscuous(&self, interface: &str) -> Result<(), Failure> {
        let command = ether::SET_PROMISC;
        let on = ether::number(1);
        let mut far = self.far()?;
        far.tell(
            &format!("{interface}:"),
            command.cookie,
            command.number,
            &on,
        )?;
        Ok(())
    }

    /// All nodes, as `name type`, with an identifier for the ones that have no name.
    pub(crate) fn nodes(&self) -> Result<BTreeSet<String>, Failure> {
        let model = match self {
            Self::System => return system_nodes(),
            Self::Model(model) => model,
        };
        let nodes = model.nodes().into_iter();
        Ok(nodes.map(|(name, kind)| format!("{name} {kind}")).collect())
    }

    /// Waits until there are these nodes and no others.
    pub(crate) fn expect_nodes(&self, expected: &BTreeSet<String>) -> Result<(), Failure> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let nodes = self.nodes()?;
            if nodes == *expected {
                return Ok(());
            }
            if Instant::now() >= deadline {
                let more: Vec<_> = nodes.difference(expected).collect();
                let fewer: Vec<_> = expected.difference(&nodes).collect();
                let message = format!("too many nodes: {more:?}; missing nodes: {fewer:?}");
                return Err(Failure::new(message));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The hooks of the node of this name, each with that at the other side; none when there is no such node.
    pub(crate) fn hooks(&self, node: &str) -> Result<Vec<(String, String)>, Failure> {
        if let Self::Model(model) = self {
            return Ok(model.hooks(node));
        }
        let list = match Client::open()?.hooks(&format!("{node}:").parse()?) {
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => return Ok(Vec::new()),
            other => other?,
        };
        let hooks = list.hooks.iter();
        let pairs = hooks.map(|hook| (hook.our_hook.to_string(), hook.peer_hook.to_string()));
        Ok(pairs.collect())
    }
}

fn system_nodes() -> Result<BTreeSet<String>, Failure> {
    let mut client = Client::open()?;
    let own = client.id()?;
    let nodes = client.nodes()?.into_iter().filter(|node| node.id != own);
    let described = nodes.map(|node| match node.name {
        Some(name) => format!("{name} {}", node.type_name),
        None => format!("{} {}", node.id, node.type_name),
    });
    Ok(described.collect())
}

/// A name that no other case has, nor another process.
pub(crate) fn unique() -> String {
    static TAKEN: AtomicUsize = AtomicUsize::new(0);
    let number = TAKEN.fetch_add(1, Ordering::Relaxed);
    format!("nb{:x}n{number:x}", std::process::id())
}
