//! What nodes are given, and when: `ng_snd_item`, `ng_apply_item` and the queues in sys/netgraph/ng_base.c. Where the
//! kernel has threads for what waits, the model deals with it before the system call returns.

use rustix::io::Errno;

use super::graph::{Answer, Graph, HookId, NodeId};
use super::message::{Message, READ_ONLY, cookie};

/// `struct ng_item`.
#[derive(Debug)]
pub(super) enum Item {
    /// A frame that came in by this hook.
    Frame(HookId, Vec<u8>),
    Message(Envelope),
    /// `ng_rmnode`.
    RemoveNode,
    /// `ng_rmhook_part2`.
    RemoveHook(HookId),
    /// `ng_con_part2`.
    Join(HookId),
    /// `ng_con_part3`.
    Joined(HookId),
}

/// A message, the hook it came in by, if by one, and the node that gets the answer.
#[derive(Debug)]
pub(super) struct Envelope {
    pub(super) message: Message,
    pub(super) hook: Option<HookId>,
    pub(super) from: NodeId,
}

/// An item that waits for its node.
#[derive(Debug)]
pub(super) struct Queued {
    node: NodeId,
    item: Item,
    is_awaited: bool,
}

/// So deep nodes call each other; then the stack counts as used up, and items wait.
const DEEPEST: u32 = 24;

/// So many items are dealt with for one system call; a kernel would go on for ever.
const MOST: usize = 20_000;

impl Graph {
    /// `ng_snd_item`: gives an item to a node, or lets it wait when the node is busy. `is_awaited`: the sender of the
    /// message that led to it hears of its error even if it waited.
    pub(super) fn give(&mut self, node: NodeId, item: Item, is_awaited: bool) -> Answer {
        let waits = self.queue.iter().any(|queued| queued.node == node);
        let is_free = self
            .nodes
            .get(&node)
            .is_some_and(|node| !node.has_writer && (node.readers == 0 || !item.is_for_writer()));
        if waits || !is_free || self.depth >= DEEPEST {
            self.wait(node, item, is_awaited);
            return Ok(());
        }
        self.apply(node, item)
    }

    /// `ng_snd_item` with `NG_QUEUE`.
    pub(super) fn wait(&mut self, node: NodeId, item: Item, is_awaited: bool) {
        self.queue.push_back(Queued {
            node,
            item,
            is_awaited,
        });
    }

    /// Deals with everything that waits: `ngthread`.
    pub(super) fn settle(&mut self) {
        for _ in 0..MOST {
            let Some(queued) = self.queue.pop_front() else {
                return;
            };
            let result = self.apply(queued.node, queued.item);
            if let (true, Err(error)) = (queued.is_awaited, result) {
                self.error = Some(error);
            }
        }
        self.queue.clear();
    }

    /// `ng_flush_input_queue`.
    pub(super) fn forget_queue(&mut self, node: NodeId) {
        let is_awaited = |queued: &Queued| queued.node == node && queued.is_awaited;
        if self.queue.iter().any(is_awaited) {
            self.error = Some(Errno::NOENT);
        }
        self.queue.retain(|queued| queued.node != node);
    }

    /// `ng_address_hook` and `ng_snd_item`: sends a frame out of a hook.
    pub(super) fn forward(&mut self, hook: HookId, frame: &[u8]) -> Answer {
        let (node, peer) = self.address(hook)?;
        self.give(node, Item::Frame(peer, frame.to_vec()), false)
    }

    /// `ng_address_hook`: the other end of a hook.
    pub(super) fn address(&self, hook: HookId) -> Answer<(NodeId, HookId)> {
        let valid = |id: &HookId| self.hooks.get(id).filter(|hook| !hook.is_invalid);
        let hook = valid(&hook).ok_or(Errno::NETDOWN)?;
        let peer = hook.peer.ok_or(Errno::NETDOWN)?;
        let node = valid(&peer).and_then(|peer| peer.node);
        let node = node.filter(|node| self.is_valid(*node));
        Ok((node.ok_or(Errno::NETDOWN)?, peer))
    }

    /// `NG_RESPOND_MSG`: answers always wait.
    pub(super) fn respond(&mut self, here: NodeId, to: NodeId, message: Message) -> Answer {
        if !self.nodes.contains_key(&to) {
            return Err(Errno::INVAL);
        }
        let envelope = Envelope {
            message,
            hook: None,
            from: here,
        };
        self.wait(to, Item::Message(envelope), true);
        Ok(())
    }

    /// `ng_apply_item`.
    fn apply(&mut self, id: NodeId, item: Item) -> Answer {
        let is_writer = item.is_for_writer();
        let Some(node) = self.nodes.get_mut(&id) else {
            return Err(match item {
                Item::Frame(..) => Errno::IO,
                _ => Errno::INVAL,
            });
        };
        let is_valid = !node.is_invalid;
        match is_writer {
            true => node.has_writer = true,
            false => node.readers += 1,
        }
        self.depth += 1;
        let result = self.deal(id, item, is_valid);
        self.depth -= 1;
        if let Some(node) = self.nodes.get_mut(&id) {
            match is_writer {
                true => node.has_writer = false,
                false => node.readers -= 1,
            }
        }
        result
    }

    fn deal(&mut self, id: NodeId, item: Item, is_valid: bool) -> Answer {
        match item {
            Item::RemoveNode => {
                self.remove_node(id);
                Ok(())
            }
            Item::Frame(hook, frame) => {
                if !is_valid || !self.is_valid_hook(hook) {
                    return Err(Errno::IO);
                }
                self.receive_frame(id, hook, &frame)
            }
            _ if !is_valid => Err(Errno::INVAL),
            Item::Message(mut envelope) => {
                envelope.hook = envelope.hook.filter(|hook| self.is_valid_hook(*hook));
                let message = &envelope.message;
                if message.cookie == cookie::GENERIC && !message.is_answer() {
                    return self.generic(id, &envelope);
                }
                self.receive_message(id, &envelope)
            }
            Item::RemoveHook(hook) => {
                self.destroy_hook(hook);
                Ok(())
            }
            Item::Join(hook) => self.join(id, hook),
            Item::Joined(hook) => self.joined(hook),
        }
    }

    fn is_valid_hook(&self, hook: HookId) -> bool {
        self.hooks.get(&hook).is_some_and(|hook| !hook.is_invalid)
    }
}

impl Item {
    fn is_for_writer(&self) -> bool {
        match self {
            Self::Frame(..) => false,
            Self::Message(envelope) => envelope.message.command & READ_ONLY == 0,
            _ => true,
        }
    }
}
