//! The host's interfaces, and the nodes that belong to them: sys/netgraph/ng_eiface.c and ng_ether.c.

use std::collections::{BTreeSet, VecDeque};

use rustix::io::Errno;

use super::graph::{Answer, Graph, HookId, NodeId};
use super::item::{Envelope, Item};
use super::kind::Kind;
use super::message::{Message, cookie, field, number};

/// `struct ifnet`.
#[derive(Debug)]
pub(super) struct Interface {
    index: u32,
    mac: [u8; 6],
    /// Multicast addresses.
    groups: BTreeSet<[u8; 6]>,
    /// `IFF_UP`, and `IFF_DRV_RUNNING` with it.
    pub(super) is_up: bool,
    /// Frames that went to the wire.
    pub(super) wire: VecDeque<Vec<u8>>,
    /// Frames that came to the host's protocols.
    pub(super) host: VecDeque<Vec<u8>>,
}

/// `struct ng_eiface_private`.
#[derive(Debug)]
pub(super) struct Eiface {
    pub(super) interface: String,
    pub(super) hook: Option<HookId>,
}

/// `struct private` of ng_ether.c.
#[derive(Debug)]
pub(super) struct Ether {
    pub(super) interface: String,
    pub(super) upper: Option<HookId>,
    pub(super) lower: Option<HookId>,
    orphans: Option<HookId>,
    pub(super) is_promiscuous: bool,
    overwrites_source: bool,
}

/// `IFNAMSIZ`.
const NAME: usize = 16;

impl Eiface {
    /// `ng_eiface_newhook`.
    pub(super) fn admit(&mut self, hook: HookId, name: &[u8]) -> Answer {
        if name != b"ether" {
            return Err(Errno::PFNOSUPPORT);
        }
        take(&mut self.hook, hook)
    }
}

impl Ether {
    /// `ng_ether_newhook`.
    pub(super) fn admit(&mut self, hook: HookId, name: &[u8]) -> Answer {
        match name {
            b"upper" => take(&mut self.upper, hook),
            b"lower" | b"divert" => take(&mut self.lower, hook),
            b"orphans" => take(&mut self.orphans, hook),
            _ => Err(Errno::INVAL),
        }
    }

    pub(super) fn remove(&mut self, hook: HookId) {
        for place in [&mut self.upper, &mut self.lower, &mut self.orphans] {
            place.take_if(|it| *it == hook);
        }
    }
}

impl Graph {
    /// A new interface of the host, which is up. It gets a node where ng_ether(4) is loaded.
    pub(super) fn add_interface(&mut self, name: &str) {
        self.make_interface(name, true);
        self.attach_ether(name);
    }

    /// Nodes for the interfaces that have none, as when the module is loaded.
    pub(super) fn attach_ethers(&mut self) {
        let names: Vec<_> = self.interfaces.keys().cloned().collect();
        for name in names {
            self.attach_ether(&name);
        }
    }

    /// `ng_ether_attach`.
    fn attach_ether(&mut self, name: &str) {
        let node_name = name.replace(['.', ':'], "_");
        if !self.has_type(b"ether") || self.find_node(node_name.as_bytes()).is_some() {
            return;
        }
        let id = self.make_node_common(Kind::Ether(Ether {
            interface: name.to_owned(),
            upper: None,
            lower: None,
            orphans: None,
            is_promiscuous: false,
            overwrites_source: false,
        }));
        // "Try to."
        let _taken = self.name_node(id, node_name.as_bytes());
    }

    /// `ng_ether_detach`, and the end of the interface.
    pub(super) fn remove_interface(&mut self, name: &str) {
        if let Some(id) = self.ether(name) {
            self.detach_ether(id);
        }
        self.settle();
        self.interfaces.remove(name);
    }

    fn detach_ether(&mut self, id: NodeId) {
        if let Some(node) = self.nodes.get_mut(&id) {
            node.must_die = true;
        }
        self.remove_node_self(id);
    }

    /// The node of an interface.
    pub(super) fn ether(&self, name: &str) -> Option<NodeId> {
        let mut nodes = self.nodes.iter();
        let found = nodes.find(|(_, node)| match &node.kind {
            Kind::Ether(ether) => ether.interface == name,
            Kind::Eiface(eiface) => eiface.interface == name,
            _ => false,
        });
        found.map(|(id, _)| *id)
    }

    /// `ng_eiface_constructor`.
    pub(super) fn make_eiface(&mut self) -> NodeId {
        let mut names = (0..u32::MAX).map(|unit| format!("ngeth{unit}"));
        let free = names.find(|name| !self.interfaces.contains_key(name));
        let name = free.unwrap_or_default();
        let id = self.make_node_common(Kind::Eiface(Eiface {
            interface: name.clone(),
            hook: None,
        }));
        // "If possible."
        let _taken = self.name_node(id, name.as_bytes());
        self.make_interface(&name, false);
        id
    }

    fn make_interface(&mut self, name: &str, is_up: bool) {
        let indices = self.interfaces.values().map(|it| it.index);
        let index = indices.max().unwrap_or(0) + 1;
        let [a, b, c, _] = index.to_le_bytes();
        let interface = Interface {
            index,
            mac: [0x58, 0x9c, 0xfc, c, b, a],
            groups: BTreeSet::new(),
            is_up,
            wire: VecDeque::new(),
            host: VecDeque::new(),
        };
        self.interfaces.insert(name.to_owned(), interface);
    }

    /// `ng_eiface_rcvdata`, `ng_ether_rcv_lower` and `ng_ether_rcv_upper`.
    pub(super) fn interface_frame(&mut self, id: NodeId, hook: HookId, frame: &[u8]) -> Answer {
        let kind = self.nodes.get(&id).map(|node| &node.kind);
        let (name, to_host, source) = match kind {
            Some(Kind::Eiface(eiface)) => (&eiface.interface, true, false),
            Some(Kind::Ether(it)) if it.upper == Some(hook) => (&it.interface, true, false),
            Some(Kind::Ether(it)) => (&it.interface, false, it.overwrites_source),
            _ => return Err(Errno::INVAL),
        };
        let is_eiface = matches!(kind, Some(Kind::Eiface(_)));
        let interface = self.interfaces.get_mut(name).ok_or(Errno::NETDOWN)?;
        if !interface.is_up && (is_eiface || !to_host) {
            return Err(Errno::NETDOWN);
        }
        if frame.len() < 14 {
            return Err(Errno::INVAL);
        }
        let mut frame = frame.to_vec();
        if source {
            frame.splice(6..12, interface.mac);
        }
        let queue = match to_host {
            true => &mut interface.host,
            false => &mut interface.wire,
        };
        queue.push_back(frame);
        Ok(())
    }

    /// `ng_eiface_rcvmsg`; the answer, if there is one.
    pub(super) fn eiface_message(
        &mut self,
        id: NodeId,
        message: &Message,
    ) -> Answer<Option<Vec<u8>>> {
        let Some(Kind::Eiface(eiface)) = self.nodes.get(&id).map(|node| &node.kind) else {
            return Err(Errno::INVAL);
        };
        let name = eiface.interface.clone();
        let interface = self.interfaces.get_mut(&name).ok_or(Errno::INVAL)?;
        match (message.cookie, message.command) {
            (cookie::EIFACE, 1) => Ok(Some(field(name.as_bytes(), NAME))),
            (cookie::EIFACE, 2) => Ok(Some(interface.link_address(&name))),
            (cookie::EIFACE, 3) => {
                interface.mac = mac(message)?;
                Ok(None)
            }
            (cookie::FLOW, _) => Ok(None),
            _ => Err(Errno::INVAL),
        }
    }

    /// `ng_ether_rcvmsg`; the answer, if there is one.
    pub(super) fn ether_message(
        &mut self,
        id: NodeId,
        message: &Message,
    ) -> Answer<Option<Vec<u8>>> {
        if message.cookie != cookie::ETHER {
            return Err(Errno::INVAL);
        }
        if message.command == 11 {
            self.detach_ether(id);
            return Ok(None);
        }
        let Some(Kind::Ether(ether)) = self.nodes.get_mut(&id).map(|node| &mut node.kind) else {
            return Err(Errno::INVAL);
        };
        let interface = self.interfaces.get_mut(&ether.interface);
        let interface = interface.ok_or(Errno::INVAL)?;
        let switch = |on: bool| Some(u32::from(on).to_ne_bytes().to_vec());
        Ok(match message.command {
            1 => Some(field(ether.interface.as_bytes(), NAME)),
            2 => Some(interface.index.to_ne_bytes().to_vec()),
            3 => Some(interface.mac.to_vec()),
            4 => {
                interface.mac = mac(message)?;
                None
            }
            5 => switch(ether.is_promiscuous),
            6 => {
                ether.is_promiscuous = flag(message)?;
                None
            }
            7 => switch(ether.overwrites_source),
            8 => {
                ether.overwrites_source = flag(message)?;
                None
            }
            9 if !interface.groups.insert(mac(message)?) => return Err(Errno::ADDRINUSE),
            10 if !interface.groups.remove(&mac(message)?) => return Err(Errno::NOENT),
            9 | 10 => None,
            _ => return Err(Errno::INVAL),
        })
    }

    /// `ng_ether_link_state`: tells the peers of `lower` and `orphans`.
    pub(super) fn link_state(&mut self, name: &str, is_up: bool) {
        let Some(id) = self.ether(name) else {
            return;
        };
        let Some(Kind::Ether(ether)) = self.nodes.get(&id).map(|node| &node.kind) else {
            return;
        };
        let command = if is_up { 32 } else { 33 };
        for hook in [ether.lower, ether.orphans].into_iter().flatten() {
            let Ok((node, peer)) = self.address(hook) else {
                continue;
            };
            let envelope = Envelope {
                message: Message::new(cookie::FLOW, command, Vec::new()),
                hook: Some(peer),
                from: id,
            };
            // Nobody hears of an error.
            let _lost = self.give(node, Item::Message(envelope), false);
        }
        self.settle();
    }

    /// A frame that comes in by the wire: `ng_ether_input`.
    pub(super) fn frame_from_wire(&mut self, name: &str, frame: &[u8]) -> Answer {
        let lower = match self.interface_kind(name)? {
            Kind::Ether(ether) => ether.lower,
            _ => None,
        };
        self.out_or(lower, name, frame, false)
    }

    /// A frame that the host sends: `ng_ether_output`, `ng_eiface_start2`.
    pub(super) fn frame_from_host(&mut self, name: &str, frame: &[u8]) -> Answer {
        let hook = match self.interface_kind(name)? {
            Kind::Ether(ether) => ether.upper,
            Kind::Eiface(eiface) => {
                return match eiface.hook {
                    Some(hook) => self.out_or(Some(hook), name, frame, true),
                    None => Err(Errno::NETDOWN),
                };
            }
            _ => None,
        };
        self.out_or(hook, name, frame, true)
    }

    fn interface_kind(&self, name: &str) -> Answer<&Kind> {
        let id = self.ether(name).ok_or(Errno::NXIO)?;
        self.nodes
            .get(&id)
            .map(|node| &node.kind)
            .ok_or(Errno::NXIO)
    }

    fn out_or(&mut self, hook: Option<HookId>, name: &str, frame: &[u8], out: bool) -> Answer {
        let interface = self.interfaces.get_mut(name).ok_or(Errno::NXIO)?;
        if !interface.is_up {
            return Err(Errno::NETDOWN);
        }
        let Some(hook) = hook else {
            let queue = match out {
                true => &mut interface.wire,
                false => &mut interface.host,
            };
            queue.push_back(frame.to_vec());
            return Ok(());
        };
        let result = self.forward(hook, frame);
        self.settle();
        result
    }
}

impl Interface {
    /// `struct sockaddr_dl`, as long as `if_attach` makes it.
    fn link_address(&self, name: &str) -> Vec<u8> {
        const LENGTH: u8 = 56;
        const AF_LINK: u8 = 18;
        const IFT_ETHER: u8 = 6;
        let [low, high, ..] = self.index.to_le_bytes();
        let index = u16::from_le_bytes([low, high]).to_ne_bytes();
        let mut address = vec![LENGTH, AF_LINK];
        address.extend(index);
        address.extend([IFT_ETHER, u8::try_from(name.len()).unwrap_or(0), 6, 0]);
        address.extend(name.as_bytes());
        address.extend(self.mac);
        address.resize(usize::from(LENGTH), 0);
        address
    }
}

fn take(place: &mut Option<HookId>, hook: HookId) -> Answer {
    match place {
        Some(_) => Err(Errno::ISCONN),
        None => {
            *place = Some(hook);
            Ok(())
        }
    }
}

fn mac(message: &Message) -> Answer<[u8; 6]> {
    let arguments = message.arguments.as_slice();
    arguments.try_into().map_err(|_| Errno::INVAL)
}

fn flag(message: &Message) -> Answer<bool> {
    match message.arguments.len() {
        4 => Ok(number(&message.arguments, 0) != Some(0)),
        _ => Err(Errno::INVAL),
    }
}
