use std::io;
use std::sync::Arc;

use net_backend_core::{
    Activation, BorrowedDescriptor, Capabilities, Driver, Environment, Error, Event, Features,
    LinkState, NetBackend, QueuePair, Result, Source, Uri,
};

use crate::buffers;
use crate::config::{NetgraphConfig, OPTIONS};
use crate::gate::{Buffers, Data, Farewell, Kernel};
use crate::line::{Abilities, Line};
use crate::ng::flow::Signal;
use crate::ng::{Client, HookInfo};
use crate::sys::SystemKernel;
use crate::wiring::{self, Made};

/// `netgraph:`, for a registry.
pub const DRIVER: Driver = Driver {
    scheme: "netgraph",
    summary: "a node in FreeBSD's netgraph: a bridge, an interface, or any other node",
    target: "PATH",
    options: OPTIONS,
    platforms: "FreeBSD",
    privilege: "root, also in a jail with a network of its own; or a socket that root connected",
    open: open_uri,
};

/// An open socket of netgraph: a node of our own, and its hook.
#[derive(Debug)]
pub struct Netgraph {
    config: NetgraphConfig,
    line: Line,
    buffers: Buffers,
    /// What tells events; a descriptor that was passed has none.
    client: Option<Client>,
    peer: Option<HookInfo>,
    link: LinkState,
}

impl Netgraph {
    /// Makes a node and connects it, or takes a descriptor that is connected. This is what needs privilege, and may
    /// wait for nodes of the graph to answer.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] before anything has changed; [`Error::System`] with the message or the system call that was
    /// refused, and then nothing that was made stays; [`Error::Unsupported`] where there is no netgraph.
    pub fn open(config: &NetgraphConfig) -> Result<Self> {
        Self::open_on(&SystemKernel, config)
    }

    pub(crate) fn open_on(kernel: &dyn Kernel, config: &NetgraphConfig) -> Result<Self> {
        config.check()?;
        if let Some(number) = config.descriptor {
            let data = kernel.passed_data(number);
            let data = data.map_err(|error| not_passed(number, error))?;
            let buffers = buffers::adopt(&*data, config)?;
            return Self::over(config, data, buffers);
        }
        let mut client = Client::open_on(kernel)?;
        // To the end of this: what was made cannot be taken back by a node that is gone.
        let farewell = client.farewell()?;
        let mut made = Made::default();
        match Self::attach(kernel, config, &mut client, farewell.clone(), &mut made) {
            Ok(attached) => Ok(Self {
                client: Some(client),
                ..attached
            }),
            Err(error) => {
                made.undo(&mut client);
                Err(error)
            }
        }
    }

    /// Names and connects the client's node.
    fn attach(
        kernel: &dyn Kernel,
        config: &NetgraphConfig,
        client: &mut Client,
        farewell: Option<Arc<dyn Farewell>>,
        made: &mut Made,
    ) -> Result<Self> {
        if let Some(name) = &config.socket {
            client.name(name)?;
        }
        let mut data = wiring::data_socket(kernel, client)?;
        let buffers = buffers::set(kernel, &*data, config)?;
        if let Some(farewell) = farewell {
            data.keep(farewell);
        }
        let peer = wiring::connect(kernel, config, client, made)?;
        let opened = Self::over(config, data, buffers)?;
        wiring::finish(config, client, peer.peer.id, made)?;
        Ok(Self {
            peer: Some(peer),
            ..opened
        })
    }

    fn over(config: &NetgraphConfig, data: Box<dyn Data>, buffers: Buffers) -> Result<Self> {
        let patience = config.patience;
        let abilities = Abilities {
            scheme: DRIVER.scheme,
            longest: buffers.send,
            offloads: config.offloads,
            mac: config.mac,
        };
        let name = config.to_uri().to_string();
        Ok(Self {
            line: Line::new(name, data, patience, &abilities)?,
            config: config.clone(),
            buffers,
            client: None,
            peer: None,
            link: LinkState::Up,
        })
    }

    /// What our hook was connected with when it was opened: node, type, identifier and hook, as `ngctl show` tells
    /// them; `None` for a descriptor that was passed.
    pub fn peer(&self) -> Option<&HookInfo> {
        self.peer.as_ref()
    }

    /// Bytes of the send buffer that the system gave, which no frame can exceed.
    pub fn send_buffer(&self) -> usize {
        self.buffers.send
    }

    /// Bytes of the receive buffer that the system gave; 0 when a passed descriptor may not be asked. Frames that do not
    /// fit are lost, or their senders told to wait.
    pub fn receive_buffer(&self) -> usize {
        self.buffers.receive
    }
}

impl NetBackend for Netgraph {
    fn capabilities(&self) -> &Capabilities {
        self.line.capabilities()
    }

    fn activate(&mut self, with: &Activation) -> Result<Vec<QueuePair>> {
        self.line.activate(with)
    }

    fn set_receive_offloads(&mut self, features: Features) -> Result<()> {
        self.line.set_receive_offloads(features)
    }

    fn describe(&self) -> Uri {
        self.config.to_uri()
    }

    fn link(&self) -> LinkState {
        self.link
    }

    fn events(&self) -> Option<Source<'_>> {
        self.client.as_ref().map(Client::source)
    }

    /// Interfaces tell their peers when their cable is plugged in or out (ng_ether(4)).
    fn next_event(&mut self) -> Option<Event> {
        let event = match self.client.as_mut()?.next_event() {
            Ok(None) => return None,
            Ok(Some(event)) => match event.signal {
                Signal::LinkUp => Event::LinkUp,
                Signal::LinkDown => Event::LinkDown,
            },
            Err(_) => Event::Gone,
        };
        match event {
            Event::LinkUp => self.link = LinkState::Up,
            Event::LinkDown => self.link = LinkState::Down,
            _ => {
                self.link = LinkState::Down;
                self.line.set_gone();
                // It stays readable, and has nothing more to tell.
                self.client = None;
            }
        }
        Some(event)
    }

    fn descriptors(&self) -> Vec<BorrowedDescriptor<'_>> {
        let client = self
            .client
            .as_ref()
            .map(|client| client.source().descriptor);
        self.line.descriptors().chain(client).collect()
    }
}

fn not_passed(number: i32, error: io::Error) -> Error {
    let remedy = match error.raw_os_error() {
        Some(libc::EBADF) => "pass the number of a descriptor that is open in this process",
        Some(libc::EPROTOTYPE | libc::ENOTSOCK) => {
            "it is no data socket of netgraph: NG_DATA, not NG_CONTROL"
        }
        Some(libc::ENOTCONN) => "connect it with its node and give the node a hook first",
        _ => return Error::system("getsockname", format!("fd={number}"), error, None),
    };
    Error::system("getsockname", format!("fd={number}"), error, Some(remedy))
}

fn open_uri(uri: &Uri, _: &Environment) -> Result<Box<dyn NetBackend>> {
    Ok(Box::new(Netgraph::open(&NetgraphConfig::from_uri(uri)?)?))
}

#[cfg(any(test, feature = "testing"))]
impl crate::testing::Model {
    /// Opens a backend on this kernel.
    ///
    /// # Errors
    ///
    /// As [`Netgraph::open`].
    pub fn open(&self, config: &NetgraphConfig) -> Result<Netgraph> {
        Netgraph::open_on(&*self.kernel(), config)
    }

    /// Opens a device of this kernel.
    ///
    /// # Errors
    ///
    /// As [`Ngd::open`](crate::Ngd::open).
    pub fn open_device(&self, config: &crate::NgdConfig) -> Result<crate::Ngd> {
        crate::Ngd::open_on(&*self.kernel(), config)
    }
}
