//! Interfaces of a host that are nodes.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use net_backend_core::testing::{Failure, ready};
use net_backend_core::{Interest, Source};
use net_backend_netgraph::testing::Model;
use net_backend_tap::testing::{Interface, PacketSocket, prepare_interfaces};

use super::world::{World, unique};

/// An interface, and what is at its other side: a cable, or the host.
#[derive(Debug)]
pub(crate) struct Nic {
    name: String,
    side: Side,
    buffer: Vec<u8>,
}

#[derive(Debug)]
enum Side {
    /// The wire of an interface of a model, or the host behind it.
    Model { model: Model, is_host: bool },
    /// bpf(4) on the other end of an epair(4), or at the host's side of an interface.
    Packets(PacketSocket),
    /// The device of a tap(4), closed while its link is down.
    Tap(Option<File>),
}

/// The longest frame, and more.
const BUFFER: usize = 1 << 17;

impl Nic {
    /// An interface with a cable: one of a model, or one end of an epair, to whose other end `send` and `receive` belong.
    pub(crate) fn wired(world: &World) -> Result<Self, Failure> {
        if let World::Model(model) = world {
            return Ok(Self::of_model(model));
        }
        let [near, far] = cable()?;
        let socket = PacketSocket::plain(&far)?;
        Ok(Self::new(near.name(), Side::Packets(socket)))
    }

    /// An interface whose cable can be pulled out: one of a model, or a tap, whose device is the cable.
    pub(crate) fn pluggable(world: &World) -> Result<Self, Failure> {
        if let World::Model(model) = world {
            return Ok(Self::of_model(model));
        }
        prepare().map_err(Failure::unavailable)?;
        let name = tap();
        let mut nic = Self::new(&name, Side::Tap(None));
        nic.set_link(true)?;
        Interface::named(&name).disable_ipv6()?;
        Ok(nic)
    }

    /// The host behind an interface that is a node, as a node of type `eiface` is; it is brought up.
    pub(crate) fn host_of(world: &World, interface: &str) -> Result<Self, Failure> {
        if let World::Model(model) = world {
            model.set_interface_up(interface, true);
            let model = model.clone();
            return Ok(Self::new(
                interface,
                Side::Model {
                    model,
                    is_host: true,
                },
            ));
        }
        prepare().map_err(Failure::unavailable)?;
        let host = Interface::named(interface);
        host.disable_ipv6()?;
        host.set_up()?;
        Ok(Self::new(
            interface,
            Side::Packets(PacketSocket::plain(&host)?),
        ))
    }

    fn of_model(model: &Model) -> Self {
        // Names of interfaces are at most 15 bytes.
        let name = format!("em{}", unique().replace("nb", ""));
        model.add_interface(&name);
        let model = model.clone();
        Self::new(
            &name,
            Side::Model {
                model,
                is_host: false,
            },
        )
    }

    fn new(name: &str, side: Side) -> Self {
        Self {
            name: name.to_owned(),
            side,
            buffer: vec![0; BUFFER],
        }
    }

    /// The interface, which is also its node's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Sends a frame towards the interface; `false` when there is no room.
    pub(crate) fn send(&self, frame: &[u8]) -> io::Result<bool> {
        let sent = match &self.side {
            Side::Model {
                model,
                is_host: true,
            } => model.send_from_host(&self.name, frame),
            Side::Model { model, .. } => model.send_from_wire(&self.name, frame),
            Side::Packets(socket) => socket.send(frame),
            Side::Tap(Some(device)) => write(device, frame),
            Side::Tap(None) => Err(ErrorKind::NetworkDown.into()),
        };
        match sent {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The next frame that came through the interface, if it comes in time.
    pub(crate) fn receive(&mut self, timeout: Duration) -> io::Result<Option<Vec<u8>>> {
        let deadline = Instant::now() + timeout;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let frame = match &self.side {
                Side::Model {
                    model,
                    is_host: true,
                } => model.receive_on_host(&self.name),
                Side::Model { model, .. } => model.receive_on_wire(&self.name),
                Side::Packets(socket) => {
                    let length = socket.receive(&mut self.buffer, left)?;
                    length.and_then(|length| Some(self.buffer.get(..length)?.to_vec()))
                }
                Side::Tap(Some(device)) => read(device, &mut self.buffer, left)?,
                Side::Tap(None) => None,
            };
            if frame.is_some() || left.is_zero() {
                return Ok(frame);
            }
            std::thread::sleep(left.min(Duration::from_millis(1)));
        }
    }

    /// Pulls the cable out, or plugs it in, of what is [pluggable](Self::pluggable).
    pub(crate) fn set_link(&mut self, up: bool) -> io::Result<()> {
        match &mut self.side {
            Side::Model { model, .. } => {
                model.set_interface_up(&self.name, up);
                model.set_link(&self.name, up);
                Ok(())
            }
            Side::Packets(_) => Err(ErrorKind::Unsupported.into()),
            Side::Tap(device) if up => {
                let mut options = File::options();
                let options = options.read(true).write(true);
                let path = format!("/dev/{}", self.name);
                *device = Some(options.custom_flags(libc::O_NONBLOCK).open(path)?);
                Interface::named(&self.name).set_up()
            }
            Side::Tap(device) => {
                *device = None;
                Ok(())
            }
        }
    }
}

impl Drop for Nic {
    fn drop(&mut self) {
        match &mut self.side {
            Side::Model { model, is_host } if !*is_host => model.remove_interface(&self.name),
            Side::Model { .. } => return,
            Side::Packets(_) => {}
            Side::Tap(device) => *device = None,
        }
        // The interface of a node goes with it.
        let _gone = Interface::named(&self.name).delete();
    }
}

/// Two interfaces with a cable between them; deleting one deletes both.
fn cable() -> Result<[Interface; 2], Failure> {
    prepare().map_err(Failure::unavailable)?;
    let ends = Interface::add_epair()?;
    for end in &ends {
        end.disable_ipv6()?;
        end.set_up()?;
    }
    Ok(ends)
}

/// Two interfaces of the system with a cable between them, for a backend at each end; not there on a model.
#[derive(Debug)]
pub(crate) struct Cable([Interface; 2]);

impl Cable {
    pub(crate) fn new() -> Result<Self, Failure> {
        cable().map(Self)
    }

    pub(crate) fn ends(&self) -> [&str; 2] {
        self.0.each_ref().map(Interface::name)
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        let [near, _] = &self.0;
        let _gone = near.delete();
    }
}

/// The name of a tap that no other case has, nor another process: FreeBSD 15 panics when a tap is made while one of the
/// same name is being deleted.
fn tap() -> String {
    const FIRST: u32 = 100;
    const EACH: u32 = 64;
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    let number = TAKEN.fetch_add(1, Ordering::Relaxed) % EACH;
    // Numbers end at 32767.
    format!("tap{}", FIRST + std::process::id() % 500 * EACH + number)
}

fn prepare() -> io::Result<()> {
    static PREPARED: OnceLock<Result<(), String>> = OnceLock::new();
    let prepared = PREPARED.get_or_init(|| prepare_interfaces().map_err(|it| it.to_string()));
    prepared.clone().map_err(io::Error::other)
}

fn write(mut device: &File, frame: &[u8]) -> io::Result<()> {
    device.write(frame).map(drop)
}

fn read(mut device: &File, buffer: &mut [u8], timeout: Duration) -> io::Result<Option<Vec<u8>>> {
    let source = Source {
        descriptor: device.as_fd(),
        interest: Interest::Readable,
    };
    if !ready(source, timeout)? {
        return Ok(None);
    }
    match device.read(buffer) {
        Ok(length) => Ok(buffer.get(..length).map(<[u8]>::to_vec)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}
