//! Nodes of type socket: sys/netgraph/ng_socket.c, from below.

use std::sync::Arc;

use rustix::io::Errno;

use super::endpoint::Endpoint;
use super::graph::{Answer, Graph, NodeId};
use super::item::Envelope;
use super::kind::Kind;
use super::message::{Message, cookie};
use super::settings::Mischief;

/// `struct ngsock`.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    pub(super) control: Option<Arc<Endpoint>>,
    pub(super) data: Option<Arc<Endpoint>>,
    /// `NGS_FLAG_NOLINGER`.
    pub(super) goes_with_last_hook: bool,
}

impl Sockets {
    /// `ngs_connect` and `ngs_disconnect`: write(2) works with exactly one hook.
    pub(super) fn count_hooks(&self, hooks: usize) {
        if let Some(data) = &self.data {
            data.set_connected(hooks == 1);
        }
    }

    /// `ngs_rcvdata`. Without a data socket there is a black hole.
    pub(super) fn receive_frame(&self, hook: &[u8], frame: &[u8]) -> Answer {
        match &self.data {
            Some(data) => data.put(hook, frame, None),
            None => Ok(()),
        }
    }

    /// `ngs_shutdown`.
    pub(super) fn disconnect(&self) {
        for end in self.data.iter().chain(&self.control) {
            end.disconnect();
        }
    }
}

impl Graph {
    /// `ngs_rcvmsg`.
    pub(super) fn socket_message(&mut self, id: NodeId, envelope: &Envelope) -> Answer {
        let node = self.nodes.get_mut(&id).ok_or(Errno::INVAL)?;
        let Kind::Socket(sockets) = &mut node.kind else {
            return Err(Errno::INVAL);
        };
        let control = sockets.control.clone().ok_or(Errno::INVAL)?;
        let message = &envelope.message;
        if message.cookie == cookie::SOCKET {
            sockets.goes_with_last_hook = match message.command {
                1 => true,
                2 => false,
                _ => return Err(Errno::INVAL),
            };
            return Ok(());
        }
        let from = format!("[{:x}]:", envelope.from);
        let mischief = match message.is_answer() && !control.is_own() {
            true => self.mischief.pop_front(),
            false => None,
        };
        self.deliver(&control, message, &from, mischief)
    }

    /// Puts a message into a control socket's buffer.
    fn deliver(
        &mut self,
        control: &Arc<Endpoint>,
        message: &Message,
        from: &str,
        mischief: Option<Mischief>,
    ) -> Answer {
        let mut bytes = message.bytes();
        let mut times = 1;
        match mischief {
            Some(Mischief::Lost) => return Ok(()),
            Some(Mischief::Late) => {
                self.late = Some((Arc::downgrade(control), bytes, from.to_owned()));
                return Ok(());
            }
            Some(Mischief::Foreign) => {
                let token = message.token.wrapping_add(0x5555_5555);
                let foreign = Message {
                    token,
                    ..message.clone()
                };
                control.put_message(from, &foreign.bytes())?;
            }
            Some(Mischief::Twice) => times = 2,
            Some(Mischief::Cut(length)) => bytes.truncate(length),
            Some(Mischief::Claims(length)) => {
                bytes.splice(4..8, length.to_ne_bytes());
            }
            None => {}
        }
        for _ in 0..times {
            control.put_message(from, &bytes)?;
        }
        let late = self.late.take_if(|(to, ..)| {
            let to = to.upgrade();
            to.is_none_or(|to| Arc::ptr_eq(&to, control))
        });
        if let Some((_, bytes, from)) = late {
            control.put_message(&from, &bytes)?;
        }
        Ok(())
    }

    /// `ng_attach_cntl`.
    pub(super) fn attach_control(&mut self, end: &Arc<Endpoint>) -> NodeId {
        let id = self.make_node_common(Kind::Socket(Sockets {
            control: Some(end.clone()),
            ..Sockets::default()
        }));
        end.set_node(id);
        id
    }

    /// `ng_connect_data`.
    pub(super) fn attach_data(&mut self, end: &Arc<Endpoint>, address: &[u8]) -> Answer {
        if end.node().is_some() {
            return Err(Errno::ISCONN);
        }
        let (id, _) = self.follow(None, address)?;
        let node = self.nodes.get_mut(&id).ok_or(Errno::NOENT)?;
        let Kind::Socket(sockets) = &mut node.kind else {
            return Err(Errno::INVAL);
        };
        if sockets.data.is_some() {
            return Err(Errno::ADDRINUSE);
        }
        sockets.data = Some(end.clone());
        end.set_node(id);
        Ok(())
    }

    /// `ng_detach_common`.
    pub(super) fn detach(&mut self, end: &Arc<Endpoint>) {
        let Some(id) = end.node() else {
            return;
        };
        let node = self.nodes.get_mut(&id).map(|node| &mut node.kind);
        let Some(Kind::Socket(sockets)) = node else {
            return;
        };
        for side in [&mut sockets.control, &mut sockets.data] {
            side.take_if(|side| Arc::ptr_eq(side, end));
        }
        if sockets.control.is_none() && sockets.data.is_none() {
            self.remove_node_self(id);
        }
        self.settle();
    }
}
