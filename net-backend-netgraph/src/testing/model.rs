//! The model as tests see it.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;

use super::control::ControlSocket;
use super::counts::{Call, Calls, Counts};
use super::data::{DataSocket, Plug};
use super::endpoint::Endpoint;
use super::far::Far;
use super::graph::{Answer, Graph};
use super::kind::Kind;
use super::lock::Lock;
use super::settings::{Mischief, Settings};
use crate::gate::{Control, Data, Kernel};
use crate::sys::inherited::duplicate;

/// A netgraph kernel in the process. Clones are the same kernel.
#[derive(Clone, Debug)]
pub struct Model(Arc<Inner>);

/// What sockets share.
pub(super) struct Inner {
    pub(super) graph: Lock<Graph>,
    pub(super) calls: Calls,
}

impl Default for Model {
    fn default() -> Self {
        Self::new()
    }
}

impl Model {
    /// A kernel without interfaces, with everything loaded or to be loaded.
    pub fn new() -> Self {
        Self::with(Settings::default())
    }

    /// A kernel without interfaces.
    pub fn with(settings: Settings) -> Self {
        Self(Arc::new(Inner {
            graph: Lock::new(Graph::new(settings)),
            calls: Calls::default(),
        }))
    }

    /// What a backend is opened on.
    pub(crate) fn kernel(&self) -> Arc<dyn Kernel> {
        Arc::new(self.clone())
    }

    /// The data socket with this descriptor.
    #[cfg(test)]
    pub(super) fn plug(&self, descriptor: net_backend_core::BorrowedDescriptor<'_>) -> Arc<Plug> {
        let number = std::os::fd::AsRawFd::as_raw_fd(&descriptor);
        self.0.graph.lock().socket(number).unwrap()
    }

    /// Changes what the kernel has and allows. Sockets that are open keep their buffers.
    pub fn configure(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.0.graph.lock().settings);
    }

    /// A program with a node of type socket, and a data socket at it: somebody else on the graph. It has its own
    /// messages, and is neither counted nor made to fail.
    ///
    /// # Errors
    ///
    /// The errno of what the kernel refused, or the host.
    pub fn far(&self) -> io::Result<Far> {
        let control = ControlSocket::new(&self.0, true)?;
        let data = Plug::socket(&self.0, true)?;
        Far::on_model(control, data)
    }

    /// An Ethernet interface of the host, which is up. With `ng_ether` loaded it has a node of its name.
    pub fn add_interface(&self, name: &str) {
        self.0.graph.lock().add_interface(name);
    }

    /// Takes an interface out of the host, and its node out of the graph.
    pub fn remove_interface(&self, name: &str) {
        self.0.graph.lock().remove_interface(name);
    }

    /// Marks an interface up or down (`ifconfig em0 up`).
    pub fn set_interface_up(&self, name: &str, is_up: bool) {
        if let Some(interface) = self.0.graph.lock().interfaces.get_mut(name) {
            interface.is_up = is_up;
        }
    }

    /// The cable of an interface was plugged in or pulled out: its node tells the nodes at `lower` and `orphans`.
    pub fn set_link(&self, name: &str, is_up: bool) {
        self.0.graph.lock().link_state(name, is_up);
    }

    /// A frame comes in by an interface's wire.
    ///
    /// # Errors
    ///
    /// `ENXIO` when there is no such interface with a node, `ENETDOWN` when it is down; what nodes said.
    pub fn send_from_wire(&self, interface: &str, frame: &[u8]) -> io::Result<()> {
        Ok(self.0.graph.lock().frame_from_wire(interface, frame)?)
    }

    /// The host sends a frame by an interface.
    ///
    /// # Errors
    ///
    /// As [`send_from_wire`](Self::send_from_wire).
    pub fn send_from_host(&self, interface: &str, frame: &[u8]) -> io::Result<()> {
        Ok(self.0.graph.lock().frame_from_host(interface, frame)?)
    }

    /// The next frame that went to an interface's wire.
    pub fn receive_on_wire(&self, interface: &str) -> Option<Vec<u8>> {
        let mut graph = self.0.graph.lock();
        graph.interfaces.get_mut(interface)?.wire.pop_front()
    }

    /// The next frame that an interface gave to the host's protocols.
    pub fn receive_on_host(&self, interface: &str) -> Option<Vec<u8>> {
        let mut graph = self.0.graph.lock();
        graph.interfaces.get_mut(interface)?.host.pop_front()
    }

    /// What was called so far, on all sockets but those of [`far`](Self::far).
    pub fn counts(&self) -> Counts {
        self.0.calls.counts()
    }

    /// Lets `times` calls fail with `errno`, after `skip` more were successful.
    pub fn fail(&self, call: Call, skip: u32, times: u32, errno: i32) {
        self.0.calls.plan(call, skip, times, errno);
    }

    /// What befalls the next answer that no earlier call of this befalls.
    pub fn spoil(&self, mischief: Mischief) {
        self.0.graph.lock().mischief.push_back(mischief);
    }

    /// Lets time go by, for what bridges forget.
    pub fn elapse(&self, time: Duration) {
        self.0.graph.lock().skip(time);
    }

    /// The nodes that there are: name, or `[5]`, and type.
    pub fn nodes(&self) -> Vec<(String, &'static str)> {
        let graph = self.0.graph.lock();
        let nodes = graph.nodes.iter().map(|(id, node)| {
            let name = match &node.name {
                Some(name) => String::from_utf8_lossy(name).into_owned(),
                None => format!("[{id:x}]"),
            };
            (name, node.kind.name())
        });
        nodes.collect()
    }

    /// The hooks of a node, which is given by its name or as `[5]`: its own, and that at the other side.
    pub fn hooks(&self, node: &str) -> Vec<(String, String)> {
        let graph = self.0.graph.lock();
        let id = graph.find_node(node.as_bytes());
        let hooks = id
            .and_then(|id| graph.nodes.get(&id))
            .map(|node| &node.hooks);
        let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
        let pairs = hooks.into_iter().flatten().filter_map(|hook| {
            let hook = graph.hooks.get(hook)?;
            let peer = graph.hooks.get(&hook.peer?)?;
            Some((text(&hook.name), text(&peer.name)))
        });
        pairs.collect()
    }
}

impl Kernel for Model {
    fn control(&self) -> io::Result<Box<dyn Control>> {
        self.0.calls.note(Call::Control)?;
        self.0.graph.lock().may_have_sockets()?;
        if !self.0.graph.lock().settings.privileged {
            return Err(Errno::PERM.into());
        }
        Ok(Box::new(ControlSocket::new(&self.0, false)?))
    }

    fn data(&self) -> io::Result<Box<dyn Data>> {
        self.0.calls.note(Call::Data)?;
        self.0.graph.lock().may_have_sockets()?;
        Ok(Box::new(DataSocket(Plug::socket(&self.0, false)?)))
    }

    fn passed_data(&self, number: i32) -> io::Result<Box<dyn Data>> {
        self.0.calls.note(Call::Data)?;
        let plug = self.0.graph.lock().socket(number);
        let Some(plug) = plug else {
            let _it_is_open = duplicate(number)?;
            return Err(Errno::PROTOTYPE.into());
        };
        if plug.end.node().is_none() {
            return Err(Errno::NOTCONN.into());
        }
        Ok(Box::new(DataSocket(plug)))
    }

    fn device(&self, path: &str) -> io::Result<Box<dyn Data>> {
        self.0.calls.note(Call::Device)?;
        let found = self.0.graph.lock().find_device(path);
        let (end, node) = found.ok_or(Errno::NOENT)?;
        Ok(Box::new(DataSocket(Plug::device(&self.0, end, node))))
    }

    fn passed_device(&self, number: i32) -> io::Result<Box<dyn Data>> {
        self.0.calls.note(Call::Device)?;
        let found = self.0.graph.lock().find_device_number(number);
        let (end, node) = found.ok_or(Errno::NOTTY)?;
        Ok(Box::new(DataSocket(Plug::device(&self.0, end, node))))
    }

    fn load(&self, module: &str) -> io::Result<()> {
        self.0.calls.note(Call::Load)?;
        Ok(self.0.graph.lock().load(module)?)
    }

    fn has_interface(&self, name: &str) -> bool {
        self.0.graph.lock().interfaces.contains_key(name)
    }

    fn socket_buffer_limit(&self) -> io::Result<u64> {
        Ok(self.0.graph.lock().settings.socket_buffer_limit as u64)
    }
}

impl Inner {
    /// A socket with the buffers that all have at first.
    pub(super) fn endpoint(&self, is_own: bool) -> io::Result<Endpoint> {
        let graph = self.graph.lock();
        let (bytes, most) = (
            graph.settings.socket_buffer,
            graph.settings.socket_buffer_limit,
        );
        drop(graph);
        Endpoint::new(bytes, most, is_own)
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner")
            .field("calls", &self.calls)
            .finish_non_exhaustive()
    }
}

impl Graph {
    /// `kern_kldload`.
    pub(super) fn load(&mut self, module: &str) -> Answer {
        let settings = &mut self.settings;
        let is = |name: &String| name == module;
        if settings.loaded.iter().any(is) {
            return Ok(());
        }
        if !settings.may_load {
            return Err(Errno::PERM);
        }
        if !settings.loadable.iter().any(is) {
            return Err(Errno::NOENT);
        }
        settings.loaded.push(module.to_owned());
        self.attach_ethers();
        Ok(())
    }

    fn may_have_sockets(&self) -> Answer {
        match self.settings.loaded.iter().any(|name| name == "ng_socket") {
            true => Ok(()),
            false => Err(Errno::AFNOSUPPORT),
        }
    }

    fn find_device(&self, path: &str) -> Option<(Arc<Endpoint>, u32)> {
        let unit: u32 = path.strip_prefix("/dev/ngd")?.parse().ok()?;
        self.devices()
            .find(|(it, ..)| *it == unit)
            .map(|(_, end, id)| (end, id))
    }

    fn find_device_number(&self, number: i32) -> Option<(Arc<Endpoint>, u32)> {
        let mut devices = self.devices();
        let found = devices.find(|(_, end, _)| end.number() == number);
        found.map(|(_, end, id)| (end, id))
    }

    fn devices(&self) -> impl Iterator<Item = (u32, Arc<Endpoint>, u32)> {
        self.nodes.iter().filter_map(|(id, node)| match &node.kind {
            Kind::Device(device) => Some((device.unit, device.end.clone(), *id)),
            _ => None,
        })
    }
}
