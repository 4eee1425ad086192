//! Data sockets and devices as the library gets them.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use net_backend_core::frame_io::{Attachment, LONGEST};
use net_backend_core::{
    Activation, BorrowedDescriptor, Interest, QueuePair, RxSlice, Source, TxSlice, gather,
    total_length,
};
use rustix::io::Errno;

use super::counts::Call;
use super::endpoint::Endpoint;
use super::graph::{Answer, NodeId};
use super::model::Inner;
use crate::gate::{Buffers, Data, LONGEST_OF_DEVICE};
use crate::sys::link::{self, Port};

/// An open data socket or device; the halves of queue pairs keep it open.
#[derive(Debug)]
pub(super) struct Plug {
    pub(super) model: Arc<Inner>,
    pub(super) end: Arc<Endpoint>,
    /// The node of a device.
    device: Option<NodeId>,
    /// `limit` was called.
    is_limited: AtomicBool,
    /// Of a program in the test.
    is_own: bool,
}

impl Plug {
    pub(super) fn socket(model: &Arc<Inner>, is_own: bool) -> io::Result<Arc<Self>> {
        let plug = Arc::new(Self {
            end: Arc::new(model.endpoint(is_own)?),
            model: model.clone(),
            device: None,
            is_limited: AtomicBool::new(false),
            is_own,
        });
        let mut graph = model.graph.lock();
        graph.sockets.retain(|(_, plug)| plug.strong_count() > 0);
        graph.sockets.push((plug.number(), Arc::downgrade(&plug)));
        drop(graph);
        Ok(plug)
    }

    pub(super) fn device(model: &Arc<Inner>, end: Arc<Endpoint>, node: NodeId) -> Arc<Self> {
        Arc::new(Self {
            model: model.clone(),
            end,
            device: Some(node),
            is_limited: AtomicBool::new(false),
            is_own: false,
        })
    }

    pub(super) fn number(&self) -> i32 {
        self.end.number()
    }

    pub(super) fn note(&self, call: Call) -> io::Result<()> {
        match self.is_own {
            true => Ok(()),
            false => self.model.calls.note(call),
        }
    }

    /// `ng_connect_data`.
    pub(super) fn join(&self, address: &str) -> Answer {
        if self.device.is_some() {
            return Err(Errno::ISCONN);
        }
        let mut graph = self.model.graph.lock();
        graph.attach_data(&self.end, address.as_bytes())
    }

    /// `sosend_generic` and `ngd_send`; `ngdwrite` for devices.
    pub(super) fn send(&self, to: Option<&str>, frame: &[u8]) -> Answer {
        let mut graph = self.model.graph.lock();
        if let Some(device) = self.device {
            return graph.write_device(device, frame);
        }
        if self.end.is_gone() {
            return Err(Errno::PIPE);
        }
        if to.is_none() && !self.end.is_connected() {
            return Err(Errno::DESTADDRREQ);
        }
        if frame.len() > self.end.longest() {
            return Err(Errno::MSGSIZE);
        }
        let node = self.end.node().ok_or(Errno::NOTCONN)?;
        let hook = match to.filter(|name| !name.is_empty()) {
            Some(name) if name.len() >= super::message::NAME => return Err(Errno::INVAL),
            Some(name) => graph
                .find_hook(node, name.as_bytes())
                .ok_or(Errno::HOSTUNREACH)?,
            None => match graph.nodes.get(&node).map(|node| node.hooks.as_slice()) {
                Some([hook]) => *hook,
                _ => return Err(Errno::DESTADDRREQ),
            },
        };
        let result = graph.forward(hook, frame);
        graph.settle();
        result
    }

    /// What a reception means to the kernel that is played.
    fn received(&self, result: io::Result<usize>) -> io::Result<usize> {
        match result {
            Ok(length) => {
                let _from = self.end.taken(length);
                Ok(length)
            }
            Err(error) if self.device.is_some() => {
                let gone = error.raw_os_error() == Some(Errno::NOTCONN.raw_os_error());
                Err(if gone { Errno::NXIO.into() } else { error })
            }
            Err(error) => Err(error),
        }
    }
}

impl Drop for Plug {
    fn drop(&mut self) {
        if self.device.is_none() {
            self.model.graph.lock().detach(&self.end);
        }
    }
}

/// One descriptor of a [`Plug`].
#[derive(Debug)]
pub(super) struct DataSocket(pub(super) Arc<Plug>);

impl DataSocket {
    fn half(&self, interest: Interest) -> io::Result<Half> {
        Ok(Half {
            descriptor: self.0.end.descriptor().try_clone_to_owned()?,
            plug: self.0.clone(),
            interest,
            frame: Vec::new(),
        })
    }

    fn unlimited(&self) -> Answer {
        match self.0.is_limited.load(Ordering::Relaxed) {
            // ENOTCAPABLE, where there is one.
            true => Err(Errno::PERM),
            false => Ok(()),
        }
    }
}

impl Data for DataSocket {
    fn connect(&self, address: &str) -> io::Result<()> {
        self.0.note(Call::Connect)?;
        self.unlimited()?;
        Ok(self.0.join(address)?)
    }

    fn set_buffers(&self, send: usize, receive: usize) -> io::Result<Buffers> {
        self.0.note(Call::SetBuffers)?;
        self.unlimited()?;
        if self.0.device.is_some() {
            return Ok(Buffers {
                send: LONGEST_OF_DEVICE,
                receive: usize::MAX,
            });
        }
        let most = self.0.model.graph.lock().settings.socket_buffer_limit;
        let (send, receive) = self.0.end.set_buffers(send, receive, most)?;
        Ok(Buffers { send, receive })
    }

    fn send_by(&self, hook: &str, frame: &[u8]) -> io::Result<()> {
        self.0.note(Call::Send)?;
        self.unlimited()?;
        match self.0.device {
            Some(_) => Err(Errno::OPNOTSUPP.into()),
            None => Ok(self.0.send(Some(hook), frame)?),
        }
    }

    fn receive_from(&self, into: &mut [u8]) -> io::Result<(usize, String)> {
        self.0.note(Call::Receive)?;
        if self.0.device.is_some() {
            return Err(Errno::OPNOTSUPP.into());
        }
        let mut into = [RxSlice::new(into)];
        let length = crate::sys::socket::receive(self.0.end.descriptor(), &mut into)?;
        let hook = self.0.end.taken(length);
        Ok((length, String::from_utf8_lossy(&hook).into_owned()))
    }

    fn drain(&self) {
        let mut bytes = vec![0; LONGEST];
        let mut into = [RxSlice::new(&mut bytes)];
        while let Ok(length) = crate::sys::socket::receive(self.0.end.descriptor(), &mut into) {
            let _from = self.0.end.taken(length);
        }
    }

    fn limit(&self) -> io::Result<()> {
        self.0.note(Call::Limit)?;
        self.0.is_limited.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn pair(
        &self,
        with: &Activation,
        patience: Duration,
        attachment: &Arc<Attachment>,
    ) -> io::Result<QueuePair> {
        let rx = self.half(Interest::Readable)?;
        let tx = self.half(Interest::Writable)?;
        Ok(match self.0.device {
            Some(_) => link::pair(DeviceHalf(rx), DeviceHalf(tx), with, patience, attachment),
            None => link::pair(rx, tx, with, patience, attachment),
        })
    }

    fn descriptor(&self) -> BorrowedDescriptor<'_> {
        self.0.end.descriptor()
    }
}

/// A port over a descriptor of its own.
struct Half {
    plug: Arc<Plug>,
    descriptor: OwnedFd,
    interest: Interest,
    /// What is sent, in one piece.
    frame: Vec<u8>,
}

impl Port for Half {
    fn send(&mut self, frame: &[TxSlice<'_>]) -> io::Result<usize> {
        self.plug.note(Call::Send)?;
        self.frame.resize(total_length(frame), 0);
        gather(frame, 0, &mut self.frame);
        self.plug.send(None, &self.frame)?;
        Ok(self.frame.len())
    }

    fn receive(&mut self, into: &mut [RxSlice<'_>]) -> io::Result<usize> {
        self.plug.note(Call::Receive)?;
        let result = crate::sys::socket::receive(self.descriptor.as_fd(), into);
        self.plug.received(result)
    }

    fn source(&self) -> Source<'_> {
        Source {
            descriptor: self.descriptor.as_fd(),
            interest: self.interest,
        }
    }
}

/// The same for a device.
struct DeviceHalf(Half);

impl Port for DeviceHalf {
    const IS_DEVICE: bool = true;

    fn send(&mut self, frame: &[TxSlice<'_>]) -> io::Result<usize> {
        self.0.send(frame)
    }

    fn receive(&mut self, into: &mut [RxSlice<'_>]) -> io::Result<usize> {
        self.0.receive(into)
    }

    fn source(&self) -> Source<'_> {
        self.0.source()
    }
}
