//! The seam between this crate and a netgraph kernel. Behind it stands FreeBSD's, or the model that the tests play
//! against.

use std::fmt::Debug;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use net_backend_core::frame_io::Attachment;
use net_backend_core::{Activation, BorrowedDescriptor, QueuePair};

/// A netgraph kernel. Errors are io errors with the errno of the system call.
pub(crate) trait Kernel: Send + Sync + Debug {
    /// A control socket, and with it a node of type `socket` without name:
    /// `socket(AF_NETGRAPH, SOCK_DGRAM, NG_CONTROL)`.
    ///
    /// # Errors
    ///
    /// `EAFNOSUPPORT` without ng_socket(4), `EPERM` without privilege.
    fn control(&self) -> io::Result<Box<dyn Control>>;

    /// A data socket that belongs to no node: `socket(AF_NETGRAPH, SOCK_DGRAM, NG_DATA)`.
    ///
    /// # Errors
    ///
    /// `EAFNOSUPPORT` without ng_socket(4).
    fn data(&self) -> io::Result<Box<dyn Data>>;

    /// A duplicate of a descriptor of this process, which has to be a data socket.
    ///
    /// # Errors
    ///
    /// `EBADF` when it is not open, `EPROTOTYPE` when it is something else, `ENOTCONN` when it belongs to no node.
    fn passed_data(&self, number: i32) -> io::Result<Box<dyn Data>>;

    /// A device of ng_device(4), by its path: `open("/dev/ngd0", O_RDWR | O_NONBLOCK)`.
    ///
    /// # Errors
    ///
    /// What `open(2)` said; `EOPNOTSUPP` when nobody can wait for it.
    fn device(&self, path: &str) -> io::Result<Box<dyn Data>>;

    /// A duplicate of a descriptor of this process, which has to be a character device.
    ///
    /// # Errors
    ///
    /// `EBADF` when it is not open, `ENOTTY` when it is something else, `EOPNOTSUPP` when nobody can wait for it.
    fn passed_device(&self, number: i32) -> io::Result<Box<dyn Data>>;

    /// Loads a kernel module, `ng_socket`: kldload(2). That it is there already is no error.
    ///
    /// # Errors
    ///
    /// `EPERM` without privilege, `ENOENT` when there is no such file.
    fn load(&self, module: &str) -> io::Result<()>;

    /// Whether the host has a network interface of this name (if_nametoindex(3)).
    fn has_interface(&self, name: &str) -> bool;

    /// The most bytes that a socket buffer may take (`kern.ipc.maxsockbuf`), bookkeeping included.
    ///
    /// # Errors
    ///
    /// What `sysctl(3)` said.
    fn socket_buffer_limit(&self) -> io::Result<u64>;
}

/// A control socket. Closing it, and the data socket of its node, makes the node go away.
pub(crate) trait Control: Send + Debug {
    /// Names the node: `bind(2)`. Names are 1 to 31 bytes.
    ///
    /// # Errors
    ///
    /// `EADDRINUSE` when another node has the name; `EINVAL` for names with a dot or a colon, or like an identifier.
    fn bind(&self, name: &str) -> io::Result<()>;

    /// Sends a message to a node: `sendto(2)`. The address is a path of 1 to 32 bytes, as seen from this socket's
    /// node. Returns when the node has dealt with it; what it answered waits to be received then.
    ///
    /// # Errors
    ///
    /// `EINVAL` for an address or a message that is none, `ENOENT` when no node or hook is there, `EMSGSIZE` when it is
    /// longer than the send buffer, `EMFILE`; and whatever the node said.
    fn send(&self, address: &str, message: &[u8]) -> io::Result<()>;

    /// Receives a message, and the address of its sender, `[5]:`. Does not block. Length 0 when the node is gone.
    ///
    /// # Errors
    ///
    /// `EAGAIN` when there is none.
    fn receive(&self, into: &mut [u8]) -> io::Result<(usize, String)>;

    /// Waits until there is something to receive; returns whether there is. A signal does not end the wait.
    ///
    /// # Errors
    ///
    /// What `poll(2)` said.
    fn wait(&self, timeout: Duration) -> io::Result<bool>;

    /// Sets the receive buffer to so many bytes, or as many as there may be; returns what it is then.
    ///
    /// # Errors
    ///
    /// What `setsockopt(2)` said.
    fn set_receive_buffer(&self, bytes: usize) -> io::Result<usize>;

    /// What shuts the node down before its last socket is closed, where that is needed.
    ///
    /// # Errors
    ///
    /// `EMFILE` when there are too many descriptors; what `cap_rights_limit(2)` said.
    fn farewell(&self) -> io::Result<Option<Arc<dyn Farewell>>> {
        Ok(None)
    }

    /// From now on it can only receive and be waited for.
    ///
    /// # Errors
    ///
    /// What `cap_rights_limit(2)` said.
    fn limit(&self) -> io::Result<()>;

    /// What is readable when there is a message, or the node is gone.
    fn descriptor(&self) -> BorrowedDescriptor<'_>;
}

/// What frames go through: a data socket, or a device.
pub(crate) trait Data: Send + Debug {
    /// Makes it the data socket of a node of type `socket`, by its address, `[5]:`.
    ///
    /// # Errors
    ///
    /// `ENOENT` when there is no such node, `EINVAL` when it is of another type, `EADDRINUSE` when it has one already,
    /// `EISCONN` when this socket has a node already.
    fn connect(&self, address: &str) -> io::Result<()>;

    /// Sets send and receive buffer to so many bytes each; returns what they are then. 0 leaves one as it is.
    ///
    /// # Errors
    ///
    /// `ENOBUFS` when that is more than the system allows.
    fn set_buffers(&self, send: usize, receive: usize) -> io::Result<Buffers>;

    /// Sends a frame by the hook of this name: `sendto(2)`. Does not block.
    ///
    /// # Errors
    ///
    /// `EHOSTUNREACH` when there is no such hook, `EMSGSIZE` when the frame is longer than the send buffer, `EOPNOTSUPP`
    /// for a device; and whatever the nodes on the way said.
    fn send_by(&self, hook: &str, frame: &[u8]) -> io::Result<()>;

    /// Receives a frame, and the name of the hook that it came by: `recvfrom(2)`. What does not fit is lost. Does not
    /// block.
    ///
    /// # Errors
    ///
    /// `EAGAIN` when there is none, `ENOTCONN` when the node is gone, `EOPNOTSUPP` for a device.
    fn receive_from(&self, into: &mut [u8]) -> io::Result<(usize, String)>;

    /// Throws away the frames that wait.
    fn drain(&self);

    /// From now on it can only send, receive and be waited for.
    ///
    /// # Errors
    ///
    /// What `cap_rights_limit(2)` said.
    fn limit(&self) -> io::Result<()>;

    /// A queue pair of plain frames over it, whose halves have descriptors of their own. A frame is busy for as long as
    /// the patience lasts, and then dropped.
    ///
    /// # Errors
    ///
    /// `EMFILE` when there are too many descriptors.
    fn pair(
        &self,
        with: &Activation,
        patience: Duration,
        attachment: &Arc<Attachment>,
    ) -> io::Result<QueuePair>;

    /// The descriptor.
    fn descriptor(&self) -> BorrowedDescriptor<'_>;

    /// Has it dropped before the last descriptor is closed, those of halves included.
    fn keep(&mut self, _: Arc<dyn Farewell>) {}

    /// What is kept.
    fn kept(&self) -> Option<&dyn Farewell> {
        None
    }
}

/// Shuts a node down when it is dropped.
pub(crate) trait Farewell: Send + Sync + Debug {
    /// Its descriptor.
    fn descriptor(&self) -> BorrowedDescriptor<'_>;
}

/// Bytes that a socket keeps, in frames and their addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Buffers {
    /// No frame may be longer.
    pub(crate) send: usize,
    pub(crate) receive: usize,
}

/// Bytes of the longest frame that ng_device(4) takes: `IP_MAXPACKET`, as `ngdwrite` in sys/netgraph/ng_device.c has it.
pub(crate) const LONGEST_OF_DEVICE: usize = 65535;
