//! Nodes, hooks and names, as sys/netgraph/ng_base.c keeps them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::data::Plug;
use super::endpoint::Endpoint;
use super::item::Queued;
use super::kind::Kind;
use super::nic::Interface;
use super::settings::{Mischief, Settings};

/// What a kernel's functions return.
pub(super) type Answer<T = ()> = Result<T, Errno>;

/// `ng_ID_t`.
pub(super) type NodeId = u32;

/// A hook, as its address is one in the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct HookId(u64);

/// `struct ng_node`.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) name: Option<Vec<u8>>,
    pub(super) kind: Kind,
    /// The youngest first, as in `nd_hooks`.
    pub(super) hooks: Vec<HookId>,
    /// `NGF_INVALID`.
    pub(super) is_invalid: bool,
    /// `NGF_CLOSING`.
    pub(super) is_closing: bool,
    /// `NGF_REALLY_DIE`.
    pub(super) must_die: bool,
    pub(super) readers: u32,
    pub(super) has_writer: bool,
}

/// `struct ng_hook`.
#[derive(Debug)]
pub(super) struct Hook {
    pub(super) name: Vec<u8>,
    /// `None`: ng_deadnode.
    pub(super) node: Option<NodeId>,
    /// `None`: ng_deadhook.
    pub(super) peer: Option<HookId>,
    /// `HK_INVALID`.
    pub(super) is_invalid: bool,
}

/// Everything.
#[derive(Debug)]
pub(super) struct Graph {
    pub(super) settings: Settings,
    pub(super) nodes: BTreeMap<NodeId, Node>,
    pub(super) hooks: BTreeMap<HookId, Hook>,
    pub(super) interfaces: BTreeMap<String, Interface>,
    next_node: NodeId,
    next_hook: u64,
    /// What waits for nodes: `ng_worklist` and the input queues.
    pub(super) queue: VecDeque<Queued>,
    /// How deep nodes call each other.
    pub(super) depth: u32,
    /// The error of the message that is dealt with: `struct ng_apply_info`.
    pub(super) error: Option<Errno>,
    pub(super) mischief: VecDeque<Mischief>,
    /// An answer that comes late.
    pub(super) late: Option<(Weak<Endpoint>, Vec<u8>, String)>,
    /// Data sockets by the number of their descriptor.
    pub(super) sockets: Vec<(i32, Weak<Plug>)>,
    began: Instant,
    skipped: Duration,
}

impl Graph {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            nodes: BTreeMap::new(),
            hooks: BTreeMap::new(),
            interfaces: BTreeMap::new(),
            next_node: 1,
            next_hook: 0,
            queue: VecDeque::new(),
            depth: 0,
            error: None,
            mischief: VecDeque::new(),
            late: None,
            sockets: Vec::new(),
            began: Instant::now(),
            skipped: Duration::ZERO,
        }
    }

    /// Time since the kernel was started.
    pub(super) fn uptime(&self) -> Duration {
        self.began.elapsed().saturating_add(self.skipped)
    }

    pub(super) fn skip(&mut self, time: Duration) {
        self.skipped = self.skipped.saturating_add(time);
    }

    /// `ng_make_node_common`.
    pub(super) fn make_node_common(&mut self, kind: Kind) -> NodeId {
        let id = self.next_node;
        self.next_node = id.wrapping_add(1).max(1);
        let node = Node {
            name: None,
            kind,
            hooks: Vec::new(),
            is_invalid: false,
            is_closing: false,
            must_die: false,
            readers: 0,
            has_writer: false,
        };
        self.nodes.insert(id, node);
        id
    }

    pub(super) fn make_hook(&mut self, name: &[u8], node: Option<NodeId>) -> HookId {
        let id = HookId(self.next_hook);
        self.next_hook += 1;
        let mut name = name.to_vec();
        name.truncate(super::message::NAME - 1);
        let hook = Hook {
            name,
            node,
            peer: None,
            is_invalid: true,
        };
        self.hooks.insert(id, hook);
        id
    }

    pub(super) fn is_valid(&self, node: NodeId) -> bool {
        self.nodes.get(&node).is_some_and(|node| !node.is_invalid)
    }

    pub(super) fn hook_count(&self, node: NodeId) -> usize {
        self.nodes.get(&node).map_or(0, |node| node.hooks.len())
    }

    /// `ng_name_node`.
    pub(super) fn name_node(&mut self, id: NodeId, name: &[u8]) -> Answer {
        let has = self.nodes.get(&id).and_then(|node| node.name.as_deref());
        if self.settings.release >= 15 && has.unwrap_or_default() == name {
            return Ok(());
        }
        let has_room = name.len() < super::message::NAME;
        if name.is_empty() || !has_room || name.iter().any(|byte| b".:".contains(byte)) {
            return Err(Errno::INVAL);
        }
        if decode_id(name).is_some() {
            return Err(Errno::INVAL);
        }
        if self.find_named(name).is_some() {
            return Err(Errno::ADDRINUSE);
        }
        if let Some(node) = self.nodes.get_mut(&id) {
            node.name = Some(name.to_vec());
        }
        Ok(())
    }

    /// `ng_name2noderef`, for names that are not `.`.
    pub(super) fn find_node(&self, name: &[u8]) -> Option<NodeId> {
        match decode_id(name) {
            Some(id) => self.nodes.contains_key(&id).then_some(id),
            None => self.find_named(name),
        }
    }

    fn find_named(&self, name: &[u8]) -> Option<NodeId> {
        let mut nodes = self.nodes.iter();
        let found = nodes.find(|(_, node)| !node.is_invalid && node.name.as_deref() == Some(name));
        found.map(|(id, _)| *id)
    }

    /// `ng_findhook`; nodes of type socket have a look-up of their own, which does not mind invalid hooks.
    pub(super) fn find_hook(&self, node: NodeId, name: &[u8]) -> Option<HookId> {
        let node = self.nodes.get(&node)?;
        let any = matches!(node.kind, Kind::Socket(_));
        let mut hooks = node.hooks.iter().copied();
        hooks.find(|id| {
            let hook = self.hooks.get(id);
            hook.is_some_and(|hook| (any || !hook.is_invalid) && hook.name == name)
        })
    }

    /// `ng_path2noderef`: a node, and the hook by which the path came to it.
    pub(super) fn follow(
        &self,
        here: Option<NodeId>,
        path: &[u8],
    ) -> Answer<(NodeId, Option<HookId>)> {
        let mut path = super::message::until_nul(path);
        path = path.get(..super::message::PATH - 1).unwrap_or(path);
        let (name, steps) = parse_path(path).ok_or(Errno::INVAL)?;
        let mut node = match name {
            Some(b".") => here.ok_or(Errno::INVAL)?,
            Some(name) => self.find_node(name).ok_or(Errno::NOENT)?,
            None => here.ok_or(Errno::INVAL)?,
        };
        let mut last = None;
        for step in steps {
            let hook = self.find_hook(node, step).ok_or(Errno::NOENT)?;
            let hook = self.hooks.get(&hook).filter(|hook| !hook.is_invalid);
            let peer = hook.and_then(|hook| hook.peer).ok_or(Errno::NOENT)?;
            let far = self.hooks.get(&peer).filter(|hook| !hook.is_invalid);
            node = far.and_then(|hook| hook.node).ok_or(Errno::NOENT)?;
            if !self.is_valid(node) {
                return Err(Errno::NXIO);
            }
            last = Some(peer);
        }
        Ok((node, last))
    }

    /// The data socket with this descriptor. What is returned must not be dropped under the lock.
    pub(super) fn socket(&self, number: i32) -> Option<Arc<Plug>> {
        let sockets = self.sockets.iter().filter(|(it, _)| *it == number);
        let mut sockets = sockets.filter_map(|(_, plug)| plug.upgrade());
        sockets.next()
    }
}

/// `ng_decodeidname`.
fn decode_id(name: &[u8]) -> Option<NodeId> {
    let digits = name.strip_prefix(b"[")?.strip_suffix(b"]")?;
    if !digits.first()?.is_ascii_hexdigit() {
        return None;
    }
    let digits = digits.strip_prefix(b"0x").unwrap_or(digits);
    let digits = std::str::from_utf8(digits).ok()?;
    let number = u64::from_str_radix(digits, 16).ok()?;
    let [low @ .., _, _, _, _] = number.to_le_bytes();
    let id = NodeId::from_le_bytes(low);
    (number != u64::MAX && id != 0).then_some(id)
}

/// A path: the node that it begins with, and hooks.
type Parsed<'a> = (Option<&'a [u8]>, Vec<&'a [u8]>);

/// `ng_path_parse`: the node, if it is named, and the hooks from there.
fn parse_path(path: &[u8]) -> Option<Parsed<'_>> {
    let colon = path.iter().position(|byte| *byte == b':');
    let (name, path) = match colon {
        Some(at) => (path.get(..at), path.get(at + 1..)?),
        None => (None, path),
    };
    if name.is_some_and(|name| name.is_empty() || (name != b"." && name.contains(&b'.'))) {
        return None;
    }
    if path.contains(&b':') || path.windows(2).any(|two| two == b"..") {
        return None;
    }
    let path = path.strip_prefix(b".").unwrap_or(path);
    let path = path.strip_suffix(b".").unwrap_or(path);
    if path.is_empty() {
        return Some((name, Vec::new()));
    }
    Some((name, path.split(|byte| *byte == b'.').collect()))
}
