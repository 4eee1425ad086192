use crate::ng::{Address, Client, HookInfo, HookName, NodeId};

/// What was made in the graph, and would stay when our own node goes.
#[derive(Debug, Default)]
pub(crate) struct Made {
    /// Nodes of kinds that stay without a hook.
    nodes: Vec<Address>,
    /// Hooks of nodes that were there before, and the bridge that they should lead to.
    hooks: Vec<(Address, HookName, NodeId)>,
    /// A bridge, which goes with its last hook as long as nobody keeps it.
    bridge: Option<NodeId>,
}

impl Made {
    pub(super) fn note_node(&mut self, node: Address) {
        self.nodes.push(node);
    }

    pub(super) fn note_hook(&mut self, node: &Address, hook: &HookName, bridge: NodeId) {
        self.hooks.push((node.clone(), hook.clone(), bridge));
    }

    pub(super) fn note_bridge(&mut self, bridge: NodeId) {
        self.bridge = Some(bridge);
    }

    /// The bridge stays from now on.
    pub(super) fn note_kept(&mut self) {
        self.nodes.extend(self.bridge.map(NodeId::address));
    }

    /// Takes all of it back, as far as the kernel lets us. An interface with one of its two hooks has no network.
    pub(crate) fn undo(self, client: &mut Client) {
        for (node, hook, bridge) in &self.hooks {
            // Somebody else may have been faster.
            let list = client.hooks(node);
            let is_ours = |info: &HookInfo| info.our_hook == *hook && info.peer.id == *bridge;
            if list.is_ok_and(|list| list.hooks.iter().any(is_ours)) {
                let _best_effort = client.remove_hook(node, hook);
            }
        }
        for node in &self.nodes {
            let _best_effort = client.shut_down(node);
        }
    }
}
