//! Messages that all nodes understand: `ng_generic_msg` in sys/netgraph/ng_base.c.

use rustix::io::Errno;

use super::graph::{Answer, Graph, HookId, NodeId};
use super::item::Envelope;
use super::kind::TYPES;
use super::message::{Message, NAME, PATH, READ_ONLY, field};

/// `NGM_READONLY | NGM_HASREPLY`.
const ASKS: u32 = READ_ONLY | 0x2000_0000;

const SHUTDOWN: u32 = 1;
const MKPEER: u32 = 2;
const CONNECT: u32 = 3;
const RENAME: u32 = 4;
const RMHOOK: u32 = 5;
const NODEINFO: u32 = 6 | ASKS;
const LISTHOOKS: u32 = 7 | ASKS;
const LISTNAMES: u32 = 8 | ASKS;
const LISTNODES: u32 = 9 | ASKS;
const LISTTYPES: u32 = 10 | ASKS;
const TEXT_STATUS: u32 = 11 | ASKS;
const BINARY2ASCII: u32 = 12 | ASKS;
const ASCII2BINARY: u32 = 13 | ASKS;
const TEXT_CONFIG: u32 = 14;

impl Graph {
    pub(super) fn generic(&mut self, here: NodeId, envelope: &Envelope) -> Answer {
        let message = &envelope.message;
        let answer = match message.command {
            SHUTDOWN => {
                self.remove_node(here);
                return Ok(());
            }
            MKPEER | CONNECT | RENAME | RMHOOK => return self.change(here, message),
            NODEINFO => self.node_info(here),
            LISTHOOKS => self.list_hooks(here),
            LISTNAMES => self.list_nodes(true),
            LISTNODES => self.list_nodes(false),
            LISTTYPES => self.list_types(),
            BINARY2ASCII => self.to_ascii(here, message)?,
            ASCII2BINARY => self.to_binary(here, message)?,
            // A matter of the type, after all.
            TEXT_STATUS | TEXT_CONFIG => return self.receive_message(here, envelope),
            _ => return Err(Errno::INVAL),
        };
        self.respond(here, envelope.from, message.answer(answer))
    }

    /// The type of the node that a message wants to be made.
    pub(super) fn wanted_type(message: &Message) -> Option<Vec<u8>> {
        let is_generic = message.cookie == super::message::cookie::GENERIC;
        (is_generic && message.command == MKPEER).then(|| message.name(0, NAME))
    }

    fn change(&mut self, here: NodeId, message: &Message) -> Answer {
        let length = match message.command {
            MKPEER => 3 * NAME,
            CONNECT => PATH + 2 * NAME,
            _ => NAME,
        };
        if message.arguments.len() != length {
            return Err(Errno::INVAL);
        }
        match message.command {
            MKPEER => {
                let [kind, ours, theirs] = [0, 1, 2].map(|at| message.name(at * NAME, NAME));
                self.make_peer(here, &ours, &theirs, &kind)
            }
            CONNECT => {
                let (other, _) = self.follow(Some(here), &message.name(0, PATH))?;
                let [ours, theirs] = [0, 1].map(|at| message.name(PATH + at * NAME, NAME));
                self.connect(here, &ours, other, &theirs)
            }
            RENAME => self.name_node(here, &message.name(0, NAME)),
            _ => {
                if let Some(hook) = self.find_hook(here, &message.name(0, NAME)) {
                    self.destroy_hook(hook);
                }
                Ok(())
            }
        }
    }

    /// `struct nodeinfo`.
    fn node_info(&self, id: NodeId) -> Vec<u8> {
        let node = self.nodes.get(&id);
        let name = node.and_then(|node| node.name.as_deref());
        let kind = node.map_or("", |node| node.kind.name());
        let hooks = node.map_or(0, |node| node.hooks.len());
        let mut info = field(name.unwrap_or_default(), NAME);
        info.extend(field(kind.as_bytes(), NAME));
        info.extend(id.to_ne_bytes());
        info.extend(count(hooks));
        info
    }

    /// `struct hooklist`.
    fn list_hooks(&self, id: NodeId) -> Vec<u8> {
        let hooks = self.nodes.get(&id).map(|node| node.hooks.as_slice());
        let hooks = hooks.unwrap_or_default();
        let links: Vec<_> = hooks
            .iter()
            .filter_map(|hook| self.link_info(*hook))
            .collect();
        let mut list = self.node_info(id);
        list.truncate(2 * NAME + size_of::<NodeId>());
        list.extend(count(links.len()));
        list.extend(links.concat());
        // There was room for all hooks, also for those that are about to go.
        list.resize(list.len() + (hooks.len() - links.len()) * LINK_INFO, 0);
        list
    }

    /// `struct linkinfo`.
    fn link_info(&self, id: HookId) -> Option<Vec<u8>> {
        let hook = self.hooks.get(&id).filter(|hook| !hook.is_invalid)?;
        let peer = self.hooks.get(&hook.peer?)?;
        let mut info = field(&hook.name, NAME);
        info.extend(field(&peer.name, NAME));
        info.extend(self.node_info(peer.node?));
        Some(info)
    }

    /// `struct namelist`.
    fn list_nodes(&self, named: bool) -> Vec<u8> {
        let nodes = self.nodes.iter();
        let nodes = nodes.filter(|(_, node)| !node.is_invalid && (!named || node.name.is_some()));
        let nodes: Vec<_> = nodes.map(|(id, _)| self.node_info(*id)).collect();
        let mut list = count(nodes.len()).to_vec();
        list.extend(nodes.concat());
        list
    }

    /// `struct typelist`.
    fn list_types(&self) -> Vec<u8> {
        let types: Vec<_> = TYPES
            .iter()
            .filter(|name| self.has_type(name.as_bytes()))
            .map(|&name| {
                let nodes = self.nodes.values();
                let alive = nodes.filter(|node| node.kind.name() == name).count();
                let mut info = field(name.as_bytes(), NAME);
                info.extend(count(alive));
                info
            })
            .collect();
        let mut list = count(types.len()).to_vec();
        list.extend(types.concat());
        list
    }
}

/// Bytes of `struct linkinfo`.
const LINK_INFO: usize = 4 * NAME + 2 * size_of::<u32>();

fn count(number: usize) -> [u8; 4] {
    u32::try_from(number).unwrap_or(u32::MAX).to_ne_bytes()
}
