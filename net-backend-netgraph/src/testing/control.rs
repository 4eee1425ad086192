//! Control sockets as the library gets them: sys/netgraph/ng_socket.c, from above.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use net_backend_core::BorrowedDescriptor;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};

use super::counts::Call;
use super::endpoint::Endpoint;
use super::graph::{Answer, Graph, NodeId};
use super::item::{Envelope, Item};
use super::message::{Message, NAME};
use super::model::Inner;
use crate::gate::Control;

/// A control socket.
#[derive(Debug)]
pub(super) struct ControlSocket {
    model: Arc<Inner>,
    end: Arc<Endpoint>,
    node: NodeId,
    /// `limit` was called.
    is_limited: AtomicBool,
    /// Of a program in the test.
    is_own: bool,
}

impl ControlSocket {
    pub(super) fn new(model: &Arc<Inner>, is_own: bool) -> io::Result<Self> {
        let end = Arc::new(model.endpoint(is_own)?);
        let node = model.graph.lock().attach_control(&end);
        Ok(Self {
            model: model.clone(),
            end,
            node,
            is_limited: AtomicBool::new(false),
            is_own,
        })
    }

    fn note(&self, call: Call) -> io::Result<()> {
        if !self.is_own {
            self.model.calls.note(call)?;
        }
        let is_allowed = matches!(call, Call::Hear | Call::Wait | Call::Limit);
        match self.is_limited.load(Ordering::Relaxed) && !is_allowed {
            // ENOTCAPABLE, where there is one.
            true => Err(Errno::PERM.into()),
            false => Ok(()),
        }
    }

    /// `sosend_generic` and `ngc_send`.
    fn tell(&self, address: &str, message: &[u8]) -> Answer {
        if self.end.is_gone() {
            return Err(Errno::PIPE);
        }
        if message.len() > self.end.longest() {
            return Err(Errno::MSGSIZE);
        }
        if address.is_empty() || address.len() > NAME {
            return Err(Errno::INVAL);
        }
        let message = Message::parse(message).ok_or(Errno::INVAL)?;
        let mut graph = self.model.graph.lock();
        if let Some(wanted) = Graph::wanted_type(&message) {
            if !graph.has_type(&wanted) {
                graph.load(&format!("ng_{}", String::from_utf8_lossy(&wanted)))?;
                if !graph.has_type(&wanted) {
                    return Err(Errno::NXIO);
                }
            }
        }
        let (node, hook) = graph.follow(Some(self.node), address.as_bytes())?;
        let item = Item::Message(Envelope {
            message,
            hook,
            from: self.node,
        });
        graph.error = None;
        if let Err(error) = graph.give(node, item, true) {
            graph.error = Some(error);
        }
        graph.settle();
        match graph.error.take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

impl Control for ControlSocket {
    fn bind(&self, name: &str) -> io::Result<()> {
        self.note(Call::Bind)?;
        if self.end.is_gone() {
            return Err(Errno::INVAL.into());
        }
        let mut graph = self.model.graph.lock();
        Ok(graph.name_node(self.node, name.as_bytes())?)
    }

    fn send(&self, address: &str, message: &[u8]) -> io::Result<()> {
        self.note(Call::Tell)?;
        Ok(self.tell(address, message)?)
    }

    fn receive(&self, into: &mut [u8]) -> io::Result<(usize, String)> {
        self.note(Call::Hear)?;
        let (length, _) = recv(self.end.descriptor(), into, RecvFlags::DONTWAIT)?;
        let from = self.end.taken(length);
        Ok((length, String::from_utf8_lossy(&from).into_owned()))
    }

    fn wait(&self, timeout: Duration) -> io::Result<bool> {
        self.note(Call::Wait)?;
        let end = Instant::now() + timeout;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let left = Timespec::try_from(left).map_err(|_| Errno::INVAL)?;
            let descriptor = self.end.descriptor();
            let mut polled = [PollFd::from_borrowed_fd(descriptor, PollFlags::IN)];
            match poll(&mut polled, Some(&left)) {
                Ok(ready) => return Ok(ready > 0),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn set_receive_buffer(&self, bytes: usize) -> io::Result<usize> {
        self.note(Call::SetBuffers)?;
        let most = self.model.graph.lock().settings.socket_buffer_limit;
        let mut bytes = bytes;
        loop {
            match self.end.set_buffers(0, bytes, most) {
                Ok((_, receive)) => return Ok(receive),
                Err(_) => bytes /= 2,
            }
        }
    }

    fn limit(&self) -> io::Result<()> {
        self.note(Call::Limit)?;
        self.is_limited.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn descriptor(&self) -> BorrowedDescriptor<'_> {
        self.end.descriptor()
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        self.model.graph.lock().detach(&self.end);
    }
}
