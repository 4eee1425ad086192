//! What the kernel's network costs without a backend: packet sockets at both ends of a veth.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result};
use net_backend::FrameLength;
use net_backend::bench::frames::{FarEnd, Path, Shape, Subject};
use net_backend::bench::{Outcome, Role};
use net_backend_tap::testing::{Interface, NetworkNamespace, PacketSocket};

use super::counted::{Counted, is_full, kept_by_socket, on_packet_socket};

/// How long it may take until frames pass.
const PATIENCE: Duration = Duration::from_secs(2);

/// A system call for each frame, which comes out of the kernel in another network.
pub(super) fn subject() -> Subject {
    let subject = Subject::new("veth", Role::Limit, |shape| Ok(Box::new(Veth::new(shape)?)));
    // What stays in this process does without the kernel's network.
    subject.beside("tap:").beside("slirp:")
}

struct Veth {
    near: PacketSocket,
    far: Counted,
    /// With the header of a packet socket.
    frame: Vec<u8>,
    buffer: Vec<u8>,
    shape: Shape,
    interface: Interface,
    _network: NetworkNamespace,
}

impl Veth {
    fn new(shape: Shape) -> Result<Self> {
        let network = NetworkNamespace::new()?;
        let [interface, other] = names().map(Interface::named);
        interface.add_veth(&other, &network)?;
        ready(&interface, shape)?;
        let table = table(&network)?;
        let far = network.run(move || -> Result<Counted> {
            ready(&other, shape)?;
            Counted::at(other.name(), shape, &table)
        })?;
        let near = match shape {
            Shape::Plain(_) => PacketSocket::plain(&interface),
            Shape::Super => PacketSocket::with_header(&interface),
        };
        let mut veth = Self {
            near: near?,
            far,
            frame: on_packet_socket(shape),
            buffer: vec![0; FrameLength::MAX.bytes() + PacketSocket::HEADER],
            shape,
            interface,
            _network: network,
        };
        veth.wait().map_err(Error::from_boxed)?;
        Ok(veth)
    }

    /// Until frames pass both ways: the kernel takes a moment to notice that both ends are up, and drops them until then.
    fn wait(&mut self) -> Outcome<()> {
        let deadline = Instant::now() + PATIENCE;
        let (mut out, mut back) = (0, 0);
        while out == 0 || back == 0 {
            if Instant::now() > deadline {
                return Err("no frame passes".into());
            }
            self.send(1)?;
            self.offer(1)?;
            thread::sleep(Duration::from_millis(1));
            out += self.arrived()?;
            back += self.receive(1)?;
        }
        self.arrived()?;
        self.receive(usize::MAX)?;
        Ok(())
    }
}

impl Path for Veth {
    fn burst(&self) -> usize {
        self.shape.burst().min(kept_by_socket(self.shape))
    }

    fn send(&mut self, count: usize) -> Outcome<usize> {
        for sent in 0..count {
            match self.near.send(&self.frame) {
                Ok(()) => {}
                Err(error) if is_full(&error) => return Ok(sent),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(count)
    }

    fn receive(&mut self, count: usize) -> Outcome<usize> {
        let mut received = 0;
        while received < count {
            match self.near.receive(&mut self.buffer, Duration::ZERO)? {
                Some(length) => received += usize::from(length == self.frame.len()),
                None => break,
            }
        }
        Ok(received)
    }

    fn offer(&mut self, count: usize) -> Outcome<usize> {
        self.far.send(count)
    }

    fn arrived(&mut self) -> Outcome<usize> {
        self.far.arrived()
    }
}

impl Drop for Veth {
    fn drop(&mut self) {
        // Otherwise the end of its network deletes it, some time later.
        let _gone = self.interface.delete();
    }
}

/// Of two interfaces that nobody else has.
fn names() -> [String; 2] {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    let number = TAKEN.fetch_add(1, Ordering::Relaxed);
    ["near", "far"].map(|end| format!("{end}{number}"))
}

fn ready(interface: &Interface, shape: Shape) -> Result<()> {
    interface.disable_ipv6()?;
    interface.set_mtu(shape.mtu().bytes())?;
    interface.set_up()?;
    Ok(())
}

/// The table of interfaces of another network, beside the file that it is entered by.
fn table(network: &NetworkNamespace) -> Result<PathBuf> {
    let thread = network.path().ancestors().nth(2);
    let thread = thread.context("a network without a thread")?;
    Ok(thread.join("net/dev"))
}
