//! Connects a node of our own with the graph.

mod bridge;
mod made;
mod modules;

use std::io;
use std::str::FromStr;
use std::time::Duration;

use net_backend_core::{Error, Result};

pub(crate) use made::Made;

use crate::config::{NetgraphConfig, Wiring};
use crate::gate::{Data, Kernel};
use crate::ng::{
    Address, Client, DataSocket, HookInfo, HookName, NameError, NodeId, NodeName, Path, TypeName,
};

/// The data socket of the client's node. The hook comes later: a socket that is made the node's after that takes no
/// frames without address (`ngs_connect` in sys/netgraph/ng_socket.c).
pub(crate) fn data_socket(kernel: &dyn Kernel, client: &mut Client) -> Result<Box<dyn Data>> {
    let mut data = DataSocket::open_on(kernel)?;
    data.join(client.id()?)?;
    Ok(data.into_data())
}

/// Connects the client's node as it was asked; tells with what. What is made for that is noted in `made` at once.
pub(crate) fn connect(
    kernel: &dyn Kernel,
    config: &NetgraphConfig,
    client: &mut Client,
    made: &mut Made,
) -> Result<HookInfo> {
    let mut wiring = Wirer {
        kernel,
        client,
        hook: &config.hook,
        made,
    };
    match &config.wiring {
        Wiring::Path { path, peer_hook } => wiring.connect(path, peer_hook)?,
        Wiring::MakePeer {
            type_name,
            peer_hook,
            name,
        } => wiring.make_peer(type_name, peer_hook, name.as_ref())?,
        Wiring::Bridge { name, uplink, .. } => wiring.join_bridge(name, uplink.as_deref())?,
        Wiring::Connected => {}
    }
    if !config.lingers {
        client.linger(false)?;
    }
    // What happened before it was told not to linger, it does not tell.
    peer(client, &config.hook)?.ok_or_else(|| lost(&config.hook))
}

/// The last messages, after which the client only listens.
pub(crate) fn finish(
    config: &NetgraphConfig,
    client: &mut Client,
    peer: NodeId,
    made: &mut Made,
) -> Result<()> {
    if matches!(config.wiring, Wiring::Bridge { persistent, .. } if persistent) {
        client.keep_bridge(&peer.address())?;
        made.note_kept();
    }
    Ok(client.limit()?)
}

/// What is at the other end of our hook.
fn peer(client: &mut Client, hook: &HookName) -> Result<Option<HookInfo>> {
    let list = client.hooks(&Address::own())?;
    Ok(list.hooks.into_iter().find(|info| info.our_hook == *hook))
}

fn lost(hook: &HookName) -> Error {
    Error::Gone {
        object: format!("the peer of hook {hook}"),
        cause: io::ErrorKind::NotConnected.into(),
    }
}

/// A name or an address that we made.
fn named<N: FromStr<Err = NameError>>(text: &str) -> Result<N> {
    text.parse().map_err(|error| {
        let cause = io::Error::new(io::ErrorKind::InvalidInput, error);
        Error::system("netgraph", text, cause, None)
    })
}

/// What is needed to connect our node.
struct Wirer<'a> {
    kernel: &'a dyn Kernel,
    client: &'a mut Client,
    hook: &'a HookName,
    made: &'a mut Made,
}

impl Wirer<'_> {
    fn connect(&mut self, path: &Path, peer_hook: &HookName) -> Result<()> {
        let node = path.as_str().split_once(':').map(|(node, _)| node);
        self.with_ether(node, |wirer| {
            wirer
                .client
                .connect(&Address::own(), path, wirer.hook, peer_hook)
        })?;
        match self.settled(&Address::own(), self.hook)? {
            true => Ok(()),
            false => Err(Error::system(
                "NGM_CONNECT",
                format!("{path} hook {peer_hook}"),
                io::ErrorKind::ConnectionRefused.into(),
                Some("the node does not take this hook; ngctl show tells which it has"),
            )),
        }
    }

    fn make_peer(
        &mut self,
        type_name: &TypeName,
        peer_hook: &HookName,
        name: Option<&NodeName>,
    ) -> Result<()> {
        self.client
            .make_peer(&Address::own(), type_name, self.hook, peer_hook)?;
        let node = match self.peer_id() {
            Ok(id) => id.address(),
            Err(error) => {
                self.made.note_node(Address::from(self.hook));
                return Err(error);
            }
        };
        self.made.note_node(node.clone());
        let Some(name) = name else {
            return Ok(());
        };
        let Err(error) = self.client.name_node(&node, name) else {
            return Ok(());
        };
        Err(match error.raw_os_error() {
            Some(libc::EADDRINUSE) => Error::system(
                "NGM_NAME",
                name.as_str(),
                io::Error::from_raw_os_error(libc::EADDRINUSE),
                Some(
                    "if it was made before, leave out mkpeer= and connect with it: netgraph:NAME:?peerhook=HOOK",
                ),
            ),
            _ => error.into(),
        })
    }

    /// The node at the other end of our hook. Paths over hooks that others may disconnect meanwhile are nothing for
    /// messages: the kernel follows them without a lock (`ng_path2noderef` in sys/netgraph/ng_base.c).
    fn peer_id(&mut self) -> Result<NodeId> {
        match peer(self.client, self.hook)? {
            Some(info) => Ok(info.peer.id),
            None => Err(lost(self.hook)),
        }
    }

    /// Whether a hook is connected. When the other node is busy, the kernel says that all is well, and only then connects
    /// or refuses; until then the hook is counted, and not listed.
    fn settled(&mut self, node: &Address, hook: &HookName) -> Result<bool> {
        for _ in 0..LOOKS {
            let list = self.client.hooks(node)?;
            if list.hooks.iter().any(|info| info.our_hook == *hook) {
                return Ok(true);
            }
            let hooks = usize::try_from(self.client.node_info(node)?.hooks);
            if hooks.is_ok_and(|hooks| hooks <= list.hooks.len()) {
                return Ok(false);
            }
            pause();
        }
        Ok(false)
    }
}

/// How often a hook is looked at that is neither connected nor refused.
const LOOKS: usize = 1000;

/// Lets the kernel go on. Unlike sleeping, this may be done in capability mode, too.
fn pause() {
    std::thread::park_timeout(Duration::from_millis(1));
}
