use crate::ng::{Address, Client, HookName, NodeId};

/// What was made in the graph, and would stay when our own node goes.
#[derive(Debug, Default)]
pub(crate) struct Made {
    /// Nodes of kinds that stay without a hook.
    nodes: Vec<Address>,
    /// Hooks of nodes that were there before.
    hooks: Vec<(Address, HookName)>,
    /// A bridge, which goes with its last hook as long as nobody keeps it.
    bridge: Option<NodeId>,
}

impl Made {
    pub(super) fn note_node(&mut self, node: Address) {
        self.nodes.push(node);
    }

    pub(super) fn note_hook(&mut self, node: &Address, hook: &HookName) {
        self.hooks.push((node.clone(), hook.clone()));
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
        for (node, hook) in &self.hooks {
            let _best_effort = client.remove_hook(node, hook);
        }
        for node in &self.nodes {
            let _best_effort = client.shut_down(node);
        }
    }
}
