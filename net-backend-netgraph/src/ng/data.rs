use std::io;

use net_backend_core::{Interest, Source};

use super::remedies::{LOAD, SOCKET};
use super::{Error, HookName, NodeId};
use crate::gate::{Data, Kernel};
use crate::sys::SystemKernel;

/// A data socket: frames to and from the hooks of a [`Client`](super::Client)'s node, of which there may be several.
///
/// ```no_run
/// use net_backend_netgraph::ng::{Address, Client, DataSocket, HookName};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut client = Client::open()?;
/// let mut socket = DataSocket::open()?;
/// socket.join(client.id()?)?;
/// let hook = HookName::new("echo")?;
/// client.make_peer(&Address::own(), &"echo".parse()?, &hook, &HookName::new("there")?)?;
/// socket.send(&hook, b"hello")?;
/// let mut frame = [0; 2048];
/// if let Some((length, from)) = socket.receive(&mut frame)? {
///     println!("{:?} by {from}", &frame[..length]);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct DataSocket(Box<dyn Data>);

impl DataSocket {
    /// A data socket that belongs to no node. Loads ng_socket(4) when the kernel does not have it, which blocks for as
    /// long as that takes.
    ///
    /// # Errors
    ///
    /// [`Error`] when ng_socket(4) is neither there nor can be loaded; on other systems than FreeBSD.
    pub fn open() -> Result<Self, Error> {
        Self::open_on(&SystemKernel)
    }

    /// The same, of another kernel.
    pub(crate) fn open_on(kernel: &dyn Kernel) -> Result<Self, Error> {
        with_module(kernel, "NG_DATA", || kernel.data()).map(Self)
    }

    /// Makes it the data socket of a node of type `socket`, as a client is one. A node has at most one; its frames are lost
    /// until it has. It keeps the node alive, also without the client. Hooks that are connected before take no frames
    /// from who writes without an address, as backends do.
    ///
    /// # Errors
    ///
    /// [`Error`] with `ENOENT` when there is no such node, `EINVAL` when it is of another type, `EADDRINUSE` when it has a
    /// data socket, `EISCONN` when this one has a node.
    pub fn join(&mut self, node: NodeId) -> Result<(), Error> {
        self.0
            .connect(node.address().as_str())
            .map_err(|cause| Error::system("connect", node, cause))
    }

    /// Sends a frame by a hook. Does not block.
    ///
    /// # Errors
    ///
    /// [`Error`] with `EHOSTUNREACH` when there is no such hook, `EMSGSIZE` when the frame is longer than the send buffer,
    /// `ENOBUFS` when a receiver has no room; and whatever the nodes on the way say.
    pub fn send(&self, hook: &HookName, frame: &[u8]) -> Result<(), Error> {
        self.0
            .send_by(hook.as_str(), frame)
            .map_err(|cause| Error::system("sendto", hook, cause))
    }

    /// Receives a frame: its bytes, and the hook that it came by; `None` when there is none now. What does not fit is
    /// lost. Does not block.
    ///
    /// # Errors
    ///
    /// [`Error`] when the node is gone.
    pub fn receive(&self, into: &mut [u8]) -> Result<Option<(usize, HookName)>, Error> {
        loop {
            return match self.0.receive_from(into) {
                Ok((length, hook)) => match HookName::of_kernel(hook.as_bytes()) {
                    Ok(hook) => Ok(Some((length, hook))),
                    Err(problem) => Err(Error::malformed("recvfrom", "NG_DATA", problem)),
                },
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => continue,
                Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => Ok(None),
                Err(cause) if cause.raw_os_error() == Some(libc::ENOTCONN) => {
                    Err(Error::gone(cause))
                }
                Err(cause) => Err(Error::system("recvfrom", "NG_DATA", cause)),
            };
        }
    }

    /// Sets send and receive buffer to so many bytes; 0 leaves one as it is. Returns what they are then. No frame can be
    /// longer than the send buffer; at first they have 20 KiB (`net.graph.maxdgram`, `net.graph.recvspace`).
    ///
    /// # Errors
    ///
    /// [`Error`] with `ENOBUFS` when that is more than `kern.ipc.maxsockbuf` allows.
    pub fn set_buffers(&mut self, send: usize, receive: usize) -> Result<(usize, usize), Error> {
        match self.0.set_buffers(send, receive) {
            Ok(buffers) => Ok((buffers.send, buffers.receive)),
            Err(cause) => Err(Error::system("setsockopt", "NG_DATA", cause)),
        }
    }

    /// Readable when there is a frame, and when the node is gone.
    pub fn source(&self) -> Source<'_> {
        Source {
            descriptor: self.0.descriptor(),
            interest: Interest::Readable,
        }
    }

    pub(crate) fn into_data(self) -> Box<dyn Data> {
        self.0
    }
}

/// Makes a socket; once more with ng_socket(4), if the kernel does not know such sockets.
pub(super) fn with_module<T>(
    kernel: &dyn Kernel,
    what: &str,
    make: impl Fn() -> io::Result<T>,
) -> Result<T, Error> {
    let made = match make() {
        Err(cause) if cause.raw_os_error() == Some(libc::EAFNOSUPPORT) => {
            kernel
                .load("ng_socket")
                .map_err(|cause| Error::system(LOAD, "ng_socket", cause))?;
            make()
        }
        other => other,
    };
    made.map_err(|cause| Error::system(SOCKET, what, cause))
}
