//! Node types, and the methods of `struct ng_type`.

use std::sync::Arc;

use rustix::io::Errno;

use super::bridge::Bridge;
use super::endpoint::Endpoint;
use super::graph::{Answer, Graph, HookId, NodeId};
use super::item::Envelope;
use super::message::cookie;
use super::nic::{Eiface, Ether};
use super::socket::Sockets;

/// A node's type, and what it keeps.
#[derive(Debug)]
pub(super) enum Kind {
    Socket(Sockets),
    Bridge(Bridge),
    Hub { is_persistent: bool },
    Echo,
    Hole,
    Eiface(Eiface),
    Ether(Ether),
    Device(Device),
}

/// Private data of ng_device(4).
#[derive(Debug)]
pub(super) struct Device {
    pub(super) unit: u32,
    pub(super) hook: Option<HookId>,
    /// The queue of frames to be read, one for all who opened the device.
    pub(super) end: Arc<Endpoint>,
}

/// All types but `socket`, by the order in which they are listed.
pub(super) const TYPES: [&str; 8] = [
    "socket", "bridge", "hub", "echo", "hole", "eiface", "ether", "device",
];

/// Frames that wait in a device (`ifqmaxlen`).
const LONGEST_QUEUE: usize = 50;

impl Kind {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Socket(_) => "socket",
            Self::Bridge(_) => "bridge",
            Self::Hub { .. } => "hub",
            Self::Echo => "echo",
            Self::Hole => "hole",
            Self::Eiface(_) => "eiface",
            Self::Ether(_) => "ether",
            Self::Device(_) => "device",
        }
    }
}

impl Graph {
    /// Whether a type is there: its module is loaded, and brought it.
    pub(super) fn has_type(&self, kind: &[u8]) -> bool {
        let mut loaded = self.settings.loaded.iter();
        let is_known = TYPES.iter().any(|name| name.as_bytes() == kind);
        is_known && loaded.any(|name| name.strip_prefix("ng_").map(str::as_bytes) == Some(kind))
    }

    /// `ng_make_node`, and the constructors of the types.
    pub(super) fn make_node(&mut self, kind: &[u8]) -> Answer<NodeId> {
        if !self.has_type(kind) {
            return Err(Errno::NXIO);
        }
        let kind = match kind {
            b"bridge" => Kind::Bridge(Bridge::new(self.uptime())),
            b"hub" => Kind::Hub {
                is_persistent: false,
            },
            b"echo" => Kind::Echo,
            b"hole" => Kind::Hole,
            b"eiface" => return Ok(self.make_eiface()),
            b"device" => return self.make_device(),
            // Sockets are made by socket(2), and ether nodes with their interface.
            _ => return Err(Errno::INVAL),
        };
        Ok(self.make_node_common(kind))
    }

    /// `newhook`: whether a node wants a hook of this name.
    pub(super) fn admit_hook(&mut self, id: NodeId, hook: HookId, name: &[u8]) -> Answer {
        let peer = self.hooks.get(&hook).and_then(|hook| hook.peer);
        let far = peer.and_then(|peer| self.hooks.get(&peer)?.node);
        let Some(node) = self.nodes.get_mut(&id) else {
            return Err(Errno::INVAL);
        };
        match &mut node.kind {
            Kind::Bridge(bridge) => {
                let number_names = self.settings.release >= 15;
                let name = bridge.admit(hook, name, number_names, far == Some(id))?;
                if let Some(hook) = self.hooks.get_mut(&hook) {
                    hook.name = name;
                }
                Ok(())
            }
            Kind::Eiface(eiface) => eiface.admit(hook, name),
            Kind::Ether(ether) => ether.admit(hook, name),
            Kind::Device(device) => match device.hook {
                Some(_) => Err(Errno::ISCONN),
                None => {
                    device.hook = Some(hook);
                    Ok(())
                }
            },
            Kind::Socket(_) | Kind::Hub { .. } | Kind::Echo | Kind::Hole => Ok(()),
        }
    }

    /// `connect`, which only sockets have, and which refuses nothing.
    pub(super) fn connected(&mut self, id: NodeId) {
        let hooks = self.hook_count(id);
        if let Some(Kind::Socket(sockets)) = self.nodes.get(&id).map(|node| &node.kind) {
            sockets.count_hooks(hooks);
        }
    }

    /// `disconnect`.
    pub(super) fn disconnected(&mut self, id: NodeId, hook: HookId) {
        let hooks = self.hook_count(id);
        let is_valid = self.is_valid(id);
        let Some(node) = self.nodes.get_mut(&id) else {
            return;
        };
        let goes = match &mut node.kind {
            Kind::Socket(sockets) => {
                sockets.count_hooks(hooks);
                sockets.goes_with_last_hook
            }
            Kind::Bridge(bridge) => {
                bridge.remove_link(hook);
                !bridge.is_persistent
            }
            Kind::Hub { is_persistent } => !*is_persistent,
            Kind::Echo | Kind::Hole => true,
            Kind::Eiface(eiface) => {
                eiface.hook = None;
                false
            }
            // Removing it only resets it.
            Kind::Ether(ether) => {
                ether.remove(hook);
                true
            }
            Kind::Device(device) => {
                device.hook = None;
                device.end.disconnect();
                true
            }
        };
        if goes && hooks == 0 && is_valid {
            self.remove_node_self(id);
        }
    }

    /// `rcvdata`.
    pub(super) fn receive_frame(&mut self, id: NodeId, hook: HookId, frame: &[u8]) -> Answer {
        let Some(node) = self.nodes.get_mut(&id) else {
            return Err(Errno::IO);
        };
        match &mut node.kind {
            Kind::Socket(sockets) => {
                let name = self.hooks.get(&hook).map(|hook| hook.name.clone());
                sockets.receive_frame(&name.unwrap_or_default(), frame)
            }
            Kind::Bridge(_) => self.bridge_frame(id, hook, frame),
            Kind::Hub { .. } => self.hub_frame(id, hook, frame),
            Kind::Echo => self.forward(hook, frame),
            Kind::Hole => Ok(()),
            Kind::Eiface(_) | Kind::Ether(_) => self.interface_frame(id, hook, frame),
            Kind::Device(device) => device.end.put(b"", frame, Some(LONGEST_QUEUE)),
        }
    }

    /// `rcvmsg`.
    pub(super) fn receive_message(&mut self, id: NodeId, envelope: &Envelope) -> Answer {
        let message = &envelope.message;
        let Some(node) = self.nodes.get_mut(&id) else {
            return Err(Errno::INVAL);
        };
        let answer = match &mut node.kind {
            Kind::Socket(_) => return self.socket_message(id, envelope),
            Kind::Bridge(_) => self.bridge_message(id, envelope)?,
            Kind::Hub { is_persistent } => match (message.cookie, message.command) {
                (cookie::HUB, 1) => {
                    *is_persistent = true;
                    None
                }
                _ => return Err(Errno::INVAL),
            },
            Kind::Echo => Some(message.arguments.clone()),
            // Without NGM_HOLE_GET_STATS and its like.
            Kind::Hole => return Err(Errno::INVAL),
            Kind::Eiface(_) => self.eiface_message(id, message)?,
            Kind::Ether(_) => self.ether_message(id, message)?,
            Kind::Device(device) => match (message.cookie, message.command) {
                // The room for the name is that of three digits, whatever the number is.
                (cookie::DEVICE, 0) => {
                    let name = format!("ngd{}", device.unit);
                    Some(super::message::field(name.as_bytes(), 7))
                }
                (cookie::DEVICE, 1) => None,
                _ => return Err(Errno::INVAL),
            },
        };
        match answer {
            Some(answer) => self.respond(id, envelope.from, message.answer(answer)),
            None => Ok(()),
        }
    }

    /// `shutdown`; returns whether the node goes away.
    pub(super) fn shut_down(&mut self, id: NodeId) -> bool {
        let Some(node) = self.nodes.get_mut(&id) else {
            return true;
        };
        match &mut node.kind {
            Kind::Socket(sockets) => {
                sockets.disconnect();
                true
            }
            Kind::Eiface(eiface) => {
                self.interfaces.remove(&eiface.interface);
                true
            }
            Kind::Ether(ether) => {
                ether.is_promiscuous = false;
                node.must_die
            }
            _ => true,
        }
    }

    /// `ng_hub_rcvdata`.
    fn hub_frame(&mut self, id: NodeId, from: HookId, frame: &[u8]) -> Answer {
        let hooks = self.nodes.get(&id).map(|node| node.hooks.clone());
        let mut result = Ok(());
        for hook in hooks.unwrap_or_default() {
            if hook != from {
                result = self.forward(hook, frame);
            }
        }
        result
    }

    /// `ng_device_constructor`.
    fn make_device(&mut self) -> Answer<NodeId> {
        let is_taken = |unit: &u32| {
            let mut nodes = self.nodes.values();
            nodes.any(|node| matches!(&node.kind, Kind::Device(it) if it.unit == *unit))
        };
        let unit = (0..).find(|unit| !is_taken(unit)).unwrap_or_default();
        let end = Endpoint::new(0, 0, true).map_err(|_| Errno::INVAL)?;
        let id = self.make_node_common(Kind::Device(Device {
            unit,
            hook: None,
            end: Arc::new(end),
        }));
        // "If possible."
        let _taken = self.name_node(id, format!("ngd{unit}").as_bytes());
        Ok(id)
    }

    /// `ngdwrite`.
    pub(super) fn write_device(&mut self, id: NodeId, frame: &[u8]) -> Answer {
        let Some(Kind::Device(device)) = self.nodes.get(&id).map(|node| &node.kind) else {
            return Err(Errno::NXIO);
        };
        if frame.is_empty() {
            return Ok(());
        }
        if frame.len() > crate::gate::LONGEST_OF_DEVICE {
            return Err(Errno::IO);
        }
        let result = self.forward(device.hook.ok_or(Errno::NETDOWN)?, frame);
        self.settle();
        result
    }
}
