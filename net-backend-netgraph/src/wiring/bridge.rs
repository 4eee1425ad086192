//! `bridge=NAME`: a free link of a bridge, whoever else takes links at the same time.

use net_backend_core::{Error, Result};

use super::{Wirer, named, peer};
use crate::ng::bridge::{self, Link};
use crate::ng::{Address, HookList, HookName, NodeInfo, NodeName, Path, ether};

/// How often a bridge may appear or vanish under our hands.
const ATTEMPTS: usize = 64;

/// Numbers of links are tried up to this one.
const MOST_LINKS: u32 = 1 << 16;

/// The two hooks of an interface: its cable, and the host behind it (ng_ether(4)).
const UPLINK_HOOKS: [&str; 2] = [ether::LOWER, ether::UPPER];

impl Wirer<'_> {
    pub(super) fn join_bridge(
        &mut self,
        name: &NodeName,
        uplink: Option<&str>,
        persistent: bool,
    ) -> Result<()> {
        let bridge = Path::from(name);
        self.join(name, &bridge)?;
        if let Some(interface) = uplink {
            self.add_uplink(interface, &bridge)?;
        }
        if persistent {
            self.client.keep_bridge(&Address::from(self.hook))?;
        }
        Ok(())
    }

    /// Takes a free link of the bridge, or makes the bridge.
    fn join(&mut self, name: &NodeName, bridge: &Path) -> Result<()> {
        for _ in 0..ATTEMPTS {
            if self.take_link(name, bridge)? || self.make_bridge(name)? {
                return Ok(());
            }
        }
        Err(Error::system(
            "NGM_CONNECT",
            format!("{bridge}"),
            std::io::ErrorKind::WouldBlock.into(),
            Some("the bridge is made and removed all the time; make it once, with persist=on"),
        ))
    }

    /// Whether we have a link of the bridge; not when there is no bridge.
    fn take_link(&mut self, name: &NodeName, bridge: &Path) -> Result<bool> {
        let Some(list) = self.bridge_hooks(name)? else {
            return Ok(false);
        };
        let own = Address::own();
        let hook = self.hook.clone();
        self.take_free(&list, bridge, &own, &hook)
    }

    /// Connects a hook of the node at `from` with a link of the bridge that is free; `false` when bridge or hook is not
    /// what it was.
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
                // A busy bridge refuses only after the kernel said that all is well.
                Ok(()) if self.is_connected(from, hook)? => return Ok(true),
                Ok(()) => {}
                // Somebody else took the link since, or our end.
                Err(error) if error.raw_os_error() == Some(libc::EEXIST) => {
                    if self.is_connected(from, hook)? {
                        return Ok(false);
                    }
                }
                Err(error) if error.raw_os_error() == Some(libc::ENOENT) => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::system(
            "NGM_CONNECT",
            format!("{bridge}"),
            std::io::ErrorKind::QuotaExceeded.into(),
            Some("the bridge has no free link"),
        ))
    }

    fn is_connected(&mut self, node: &Address, hook: &HookName) -> Result<bool> {
        let list = self.client.hooks(node)?;
        Ok(list.hooks.iter().any(|info| info.our_hook == *hook))
    }

    /// The hooks of the bridge; `None` when there is none.
    fn bridge_hooks(&mut self, name: &NodeName) -> Result<Option<HookList>> {
        match self.client.hooks(&Address::from(name)) {
            Ok(list) if list.node.type_name.as_str() == bridge::TYPE => Ok(Some(list)),
            Ok(list) => Err(Error::system(
                "NGM_LISTHOOKS",
                format!("{name}: of type {}", list.node.type_name),
                std::io::ErrorKind::InvalidInput.into(),
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
        self.client.make_peer(
            &Address::own(),
            &type_name,
            self.hook,
            &Link::Link(0).hook(),
        )?;
        match self.client.name_node(&Address::from(self.hook), name) {
            Ok(()) => Ok(true),
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
        let mut added = Vec::new();
        let outcome = self.add_uplink_hooks(interface, &node, bridge, &mut added);
        if outcome.is_err() {
            // With one hook only, the host itself has no network.
            for hook in &added {
                let _best_effort = self.client.remove_hook(&node, hook);
            }
        }
        outcome
    }

    fn add_uplink_hooks(
        &mut self,
        interface: &str,
        node: &Address,
        bridge: &Path,
        added: &mut Vec<HookName>,
    ) -> Result<()> {
        for hook in UPLINK_HOOKS {
            let hook = named(hook)?;
            if self.add_uplink_hook(interface, node, &hook, bridge)? {
                added.push(hook);
            }
        }
        // Frames for guests are for the interface too, and theirs leave with their own addresses.
        self.client.set_promiscuous(node, true)?;
        Ok(self.client.set_auto_source(node, false)?)
    }

    /// Whether it was not there already.
    fn add_uplink_hook(
        &mut self,
        interface: &str,
        node: &Address,
        hook: &HookName,
        bridge: &Path,
    ) -> Result<bool> {
        for _ in 0..ATTEMPTS {
            let has = self.with_ether(Some(interface), |wirer| wirer.client.hooks(node))?;
            let ours = peer(self.client, self.hook)?.ok_or_else(|| super::lost(self.hook))?;
            if let Some(there) = has.hooks.iter().find(|info| info.our_hook == *hook) {
                return match there.peer.id == ours.peer.id {
                    true => Ok(false),
                    false => Err(taken(interface, hook, &described(&there.peer))),
                };
            }
            let list = self.client.hooks(&Address::from(self.hook))?;
            if self.take_free(&list, bridge, node, hook)? {
                return Ok(true);
            }
        }
        Err(taken(interface, hook, "others, one after another"))
    }
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
        std::io::ErrorKind::AddrInUse.into(),
        Some("give the bridge another uplink=, or disconnect it with ngctl rmhook"),
    )
}
