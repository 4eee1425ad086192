//! `bridge=NAME`: a free link of a bridge, whoever else takes links at the same time.

use std::io;

use net_backend_core::{Error, Result};

use super::{Wirer, named, pause};
use crate::ng::bridge::{self, Link};
use crate::ng::{Address, HookList, HookName, NodeInfo, NodeName, Path, ether};

/// How often a bridge may appear or vanish under our hands.
const ATTEMPTS: usize = 64;

/// Numbers of links are tried up to this one.
const MOST_LINKS: u32 = 1 << 16;

/// The two hooks of an interface: its cable, and the host behind it (ng_ether(4)).
const UPLINK_HOOKS: [&str; 2] = [ether::LOWER, ether::UPPER];

impl Wirer<'_> {
    pub(super) fn join_bridge(&mut self, name: &NodeName, uplink: Option<&str>) -> Result<()> {
        let bridge = Path::from(name);
        self.join(name, &bridge)?;
        match uplink {
            Some(interface) => self.add_uplink(interface, &bridge),
            None => Ok(()),
        }
    }

    /// Takes a free link of the bridge, or makes the bridge.
    fn join(&mut self, name: &NodeName, bridge: &Path) -> Result<()> {
        let mut last = None;
        for _ in 0..ATTEMPTS {
            match self.take_link(name, bridge) {
                Ok(false) => {}
                Err(error) if is_of_ending(&error) => last = Some(error),
                other => return other.map(drop),
            }
            if self.make_bridge(name)? {
                return Ok(());
            }
            pause();
        }
        Err(last.unwrap_or_else(|| {
            Error::system(
                "NGM_CONNECT",
                bridge.as_str(),
                io::ErrorKind::WouldBlock.into(),
                Some("the bridge is made and removed all the time; make it once, with persist=on"),
            )
        }))
    }

    /// Whether we have a link of the bridge; not when there is no bridge.
    fn take_link(&mut self, name: &NodeName, bridge: &Path) -> Result<bool> {
        match self.bridge_hooks(name)? {
            Some(list) => self.take_free(&list, bridge, &Address::own(), self.hook),
            None => Ok(false),
        }
    }

    /// Connects a hook of the node at `from` with a link of the bridge that is free; `false` when there is no bridge any
    /// more.
    fn take_free(
        &mut self,
        list: &HookList,
        bridge: &Path,
        from: &Address,
        hook: &HookName,
    ) -> Result<bool> {
        let is_taken = |link: &HookName| list.hooks.iter().any(|info| info.our_hook == *link);
        for number in 0..MOST_LINKS {
            let link = Link::Link(number).hook();
            if is_taken(&link) {
                continue;
            }
            match self.client.connect(from, bridge, hook, &link) {
                Ok(()) => self.made.note_hook(from, hook, list.node.id),
                // Somebody else took the link since, or connected the hook, if it is not our own.
                Err(error) if error.raw_os_error() == Some(libc::EEXIST) => {}
                Err(error) if error.raw_os_error() == Some(libc::ENOENT) => return Ok(false),
                Err(error) => return Err(error.into()),
            }
            if self.settled(from, hook)? {
                return Ok(true);
            }
        }
        Err(Error::system(
            "NGM_CONNECT",
            bridge.as_str(),
            io::ErrorKind::QuotaExceeded.into(),
            Some("the bridge has no free link"),
        ))
    }

    /// The hooks of the bridge; `None` when there is none.
    fn bridge_hooks(&mut self, name: &NodeName) -> Result<Option<HookList>> {
        match self.client.hooks(&Address::from(name)) {
            Ok(list) if list.node.type_name.as_str() == bridge::TYPE => Ok(Some(list)),
            Ok(list) => Err(Error::system(
                "NGM_LISTHOOKS",
                format!("{name}: of type {}", list.node.type_name),
                io::ErrorKind::InvalidInput.into(),
                Some(
                    "bridge= is about bridges; connect with another node by its path and peerhook=",
                ),
            )),
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes a bridge on our hook; `false` when somebody else was faster, and ours is gone again.
    fn make_bridge(&mut self, name: &NodeName) -> Result<bool> {
        let type_name = named(bridge::TYPE)?;
        let link = Link::Link(0).hook();
        match self
            .client
            .make_peer(&Address::own(), &type_name, self.hook, &link)
        {
            // What was given up comes true late.
            Err(error) if error.raw_os_error() == Some(libc::EEXIST) => {
                self.client.remove_hook(&Address::own(), self.hook)?;
                return Ok(false);
            }
            made => made?,
        }
        let id = self.peer_id()?;
        match self.client.name_node(&id.address(), name) {
            Ok(()) => {
                self.made.note_bridge(id);
                Ok(true)
            }
            Err(error) if error.raw_os_error() == Some(libc::EADDRINUSE) => {
                self.client.remove_hook(&Address::own(), self.hook)?;
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Puts an interface of the host into the bridge, if it is not in it already.
    fn add_uplink(&mut self, interface: &str, bridge: &Path) -> Result<()> {
        // As ng_ether(4) names the nodes of VLANs and the like.
        let node = named(&format!("{}:", interface.replace(['.', ':'], "_")))?;
        for hook in UPLINK_HOOKS {
            self.add_uplink_hook(interface, &node, &named(hook)?, bridge)?;
        }
        // Frames for guests are for the interface too, and theirs leave with their own addresses.
        self.client.set_promiscuous(&node, true)?;
        Ok(self.client.set_auto_source(&node, false)?)
    }

    fn add_uplink_hook(
        &mut self,
        interface: &str,
        node: &Address,
        hook: &HookName,
        bridge: &Path,
    ) -> Result<()> {
        let ours = self.peer_id()?;
        for _ in 0..ATTEMPTS {
            let has = self.with_ether(Some(interface), |wirer| wirer.client.hooks(node))?;
            if let Some(there) = has.hooks.iter().find(|info| info.our_hook == *hook) {
                return match there.peer.id == ours {
                    true => Ok(()),
                    false => Err(taken(interface, hook, &described(&there.peer))),
                };
            }
            let list = self.client.hooks(&ours.address())?;
            if !self.take_free(&list, bridge, node, hook)? {
                return Err(super::lost(self.hook));
            }
        }
        Err(taken(interface, hook, "others, one after another"))
    }
}

/// Whether a node said so because it ends just now (`ng_apply_item` and `ng_path2noderef` in sys/netgraph/ng_base.c).
fn is_of_ending(error: &Error) -> bool {
    let Error::System { cause, .. } = error else {
        return false;
    };
    matches!(cause.raw_os_error(), Some(libc::EINVAL | libc::ENXIO))
}

fn described(node: &NodeInfo) -> String {
    match &node.name {
        Some(name) => format!("{name}, a {}", node.type_name),
        None => format!("{}, a {}", node.id, node.type_name),
    }
}

fn taken(interface: &str, hook: &HookName, by: &str) -> Error {
    Error::system(
        "NGM_CONNECT",
        format!("{interface}:{hook}, which is connected with {by}"),
        io::ErrorKind::AddrInUse.into(),
        Some("give the bridge another uplink=, or disconnect it with ngctl rmhook"),
    )
}
