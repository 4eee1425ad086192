//! Hooks are made, joined and destroyed, nodes made and removed: the composite routines of sys/netgraph/ng_base.c.

use rustix::io::Errno;

use super::graph::{Answer, Graph, HookId, NodeId};
use super::item::Item;

impl Graph {
    /// `ng_con_nodes`.
    pub(super) fn connect(
        &mut self,
        node: NodeId,
        name: &[u8],
        other: NodeId,
        other_name: &[u8],
    ) -> Answer {
        if self.find_hook(other, other_name).is_some() {
            return Err(Errno::EXIST);
        }
        let hook = self.add_hook(node, name)?;
        let far = self.make_hook(other_name, None);
        self.link(hook, far);
        let result = self.give(other, Item::Join(far), true);
        if result.is_err() {
            self.destroy_hook(hook);
        }
        result
    }

    /// `ng_con_part2`.
    pub(super) fn join(&mut self, node: NodeId, hook: HookId) -> Answer {
        let name = self.hooks.get(&hook).ok_or(Errno::NOENT)?.name.clone();
        let is_taken = self.find_hook(node, &name).is_some();
        let allowed = match is_taken {
            true => Err(Errno::EXIST),
            false => self.admit_hook(node, hook, &name),
        };
        if let Err(error) = allowed {
            self.destroy_hook(hook);
            return Err(error);
        }
        self.attach(node, hook);
        self.connected(node);
        let peer = self.hooks.get(&hook).and_then(|hook| hook.peer);
        let Some(peer) = peer else {
            self.destroy_hook(hook);
            return Err(Errno::NOENT);
        };
        let far = self.hooks.get(&peer).and_then(|peer| peer.node);
        let joined = match far {
            Some(far) => self.give(far, Item::Joined(peer), true),
            None => Err(Errno::NOENT),
        };
        match joined {
            Ok(()) => self.validate(hook),
            Err(_) => self.destroy_hook(hook),
        }
        joined
    }

    /// `ng_con_part3`.
    pub(super) fn joined(&mut self, hook: HookId) -> Answer {
        let node = self.hooks.get(&hook).and_then(|hook| hook.node);
        self.connected(node.ok_or(Errno::NOENT)?);
        self.validate(hook);
        Ok(())
    }

    /// `ng_mkpeer`.
    pub(super) fn make_peer(
        &mut self,
        node: NodeId,
        name: &[u8],
        peer_name: &[u8],
        kind: &[u8],
    ) -> Answer {
        let other = self.make_node(kind)?;
        let hook = self.add_hook(node, name).inspect_err(|_| {
            self.remove_node(other);
        })?;
        let peer = match self.add_hook(other, peer_name) {
            Ok(peer) => peer,
            Err(error) => {
                self.remove_node(other);
                self.destroy_hook(hook);
                return Err(error);
            }
        };
        self.link(hook, peer);
        for id in [node, other] {
            self.connected(id);
        }
        self.validate(hook);
        self.validate(peer);
        Ok(())
    }

    /// `ng_add_hook`.
    fn add_hook(&mut self, node: NodeId, name: &[u8]) -> Answer<HookId> {
        if self.find_hook(node, name).is_some() {
            return Err(Errno::EXIST);
        }
        let hook = self.make_hook(name, Some(node));
        if let Err(error) = self.admit_hook(node, hook, name) {
            self.hooks.remove(&hook);
            return Err(error);
        }
        self.attach(node, hook);
        Ok(hook)
    }

    fn attach(&mut self, node: NodeId, id: HookId) {
        if let Some(hook) = self.hooks.get_mut(&id) {
            hook.node = Some(node);
        }
        if let Some(node) = self.nodes.get_mut(&node) {
            node.hooks.insert(0, id);
        }
    }

    fn link(&mut self, one: HookId, other: HookId) {
        for (hook, peer) in [(one, other), (other, one)] {
            if let Some(hook) = self.hooks.get_mut(&hook) {
                hook.peer = Some(peer);
            }
        }
    }

    fn validate(&mut self, hook: HookId) {
        if let Some(hook) = self.hooks.get_mut(&hook) {
            hook.is_invalid = false;
        }
    }

    /// `ng_destroy_hook`.
    pub(super) fn destroy_hook(&mut self, id: HookId) {
        let Some(hook) = self.hooks.get_mut(&id) else {
            return;
        };
        hook.is_invalid = true;
        let (node, peer) = (hook.node, hook.peer.take());
        if let Some(peer) = peer {
            let other = self.hooks.get_mut(&peer).and_then(|hook| {
                hook.peer = None;
                hook.node
            });
            match other {
                // Its own item, so that it happens when the other node has time.
                Some(other) => {
                    let _queued = self.give(other, Item::RemoveHook(peer), false);
                }
                None => {
                    self.hooks.remove(&peer);
                }
            }
        }
        let Some(node) = node else {
            self.hooks.remove(&id);
            return;
        };
        if let Some(node) = self.nodes.get_mut(&node) {
            node.hooks.retain(|other| *other != id);
        }
        self.disconnected(node, id);
        self.hooks.remove(&id);
    }

    /// `ng_rmnode_self`.
    pub(super) fn remove_node_self(&mut self, id: NodeId) {
        let Some(node) = self.nodes.get_mut(&id) else {
            return;
        };
        node.is_invalid = true;
        if !node.is_closing {
            let _queued = self.give(id, Item::RemoveNode, false);
        }
    }

    /// `ng_rmnode`.
    pub(super) fn remove_node(&mut self, id: NodeId) {
        let Some(node) = self.nodes.get_mut(&id).filter(|node| !node.is_closing) else {
            return;
        };
        node.is_invalid = true;
        node.is_closing = true;
        while let Some(hook) = self
            .nodes
            .get(&id)
            .and_then(|node| node.hooks.first().copied())
        {
            self.destroy_hook(hook);
        }
        self.forget_queue(id);
        if self.shut_down(id) {
            self.nodes.remove(&id);
        } else if let Some(node) = self.nodes.get_mut(&id) {
            node.is_invalid = false;
            node.is_closing = false;
        }
    }
}
