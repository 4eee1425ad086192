//! Connects a node of our own with the graph.

mod bridge;
mod modules;

use std::io;
use std::str::FromStr;

use net_backend_core::{Error, Result};

use crate::config::{NetgraphConfig, Wiring};
use crate::gate::{Data, Kernel};
use crate::ng::{
    Address, Client, DataSocket, HookInfo, HookName, NameError, NodeName, Path, TypeName,
};

/// A node of our own, and what it is connected with.
#[derive(Debug)]
pub(crate) struct Wired {
    pub(crate) client: Client,
    pub(crate) data: Box<dyn Data>,
    pub(crate) peer: HookInfo,
}

/// Makes a node and connects it. When that fails, nothing of it stays.
pub(crate) fn wire(kernel: &dyn Kernel, config: &NetgraphConfig) -> Result<Wired> {
    let mut client = Client::open_on(kernel)?;
    if let Some(name) = &config.socket {
        client.name(name)?;
    }
    let data = data_socket(kernel, &mut client)?;
    let mut wiring = Wirer {
        kernel,
        client: &mut client,
        hook: &config.hook,
    };
    match &config.wiring {
        Wiring::Path { path, peer_hook } => wiring.connect(path, peer_hook)?,
        Wiring::MakePeer {
            type_name,
            peer_hook,
            name,
        } => wiring.make_peer(type_name, peer_hook, name.as_ref())?,
        Wiring::Bridge {
            name,
            uplink,
            persistent,
        } => wiring.join_bridge(name, uplink.as_deref(), *persistent)?,
        Wiring::Connected => {}
    }
    if !config.lingers {
        client.linger(false)?;
    }
    // What happened before it was told not to linger, it does not tell.
    let peer = peer(&mut client, &config.hook)?.ok_or_else(|| lost(&config.hook))?;
    Ok(Wired { client, data, peer })
}

/// The data socket of the client's node. The hook comes later: a socket that is made the node's after that takes no
/// frames without address (`ngs_connect` in sys/netgraph/ng_socket.c).
fn data_socket(kernel: &dyn Kernel, client: &mut Client) -> Result<Box<dyn Data>> {
    let mut data = DataSocket::open_on(kernel)?;
    data.join(client.id()?)?;
    Ok(data.into_data())
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
}

impl Wirer<'_> {
    fn connect(&mut self, path: &Path, peer_hook: &HookName) -> Result<()> {
        let node = path.as_str().split_once(':').map(|(node, _)| node);
        self.with_ether(node, |wirer| {
            wirer
                .client
                .connect(&Address::own(), path, wirer.hook, peer_hook)
        })?;
        // When the other node is busy, the kernel refuses only after it said that all is well.
        match peer(self.client, self.hook)? {
            Some(_) => Ok(()),
            None => Err(Error::system(
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
        let Some(name) = name else {
            return Ok(());
        };
        let node = Address::from(self.hook);
        let Err(error) = self.client.name_node(&node, name) else {
            return Ok(());
        };
        // Some kinds stay without a hook.
        let _best_effort = self.client.shut_down(&node);
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
}
