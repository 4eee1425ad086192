mod device;
mod options;
mod read;
mod wiring;
mod write;

use std::time::Duration;

use net_backend_core::{ConfigError, MacAddr, Uri};

use crate::ng::{HookName, NodeName, Path, TypeName};

pub use device::NgdConfig;
pub(crate) use options::{NGD_OPTIONS, OPTIONS};

/// A netgraph node of our own to make, what to connect it with, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NetgraphConfig {
    /// What our node is connected with.
    pub wiring: Wiring,
    /// The hook of our node.
    pub hook: HookName,
    /// What our node is called; `None` leaves it without name.
    pub socket: Option<NodeName>,
    /// Whether our node outlives its last hook, so that it can be connected again, with ngctl(8) or another program.
    /// Otherwise the backend is gone then.
    pub lingers: bool,
    /// Bytes of the socket's send buffer; `None` is as much as is of use. No frame can be longer.
    pub send_buffer: Option<u32>,
    /// Bytes of the socket's receive buffer; `None` is as much as is of use. What finds it full is lost.
    pub receive_buffer: Option<u32>,
    /// How long a frame may be busy because a receiver has no room, before it is dropped. Zero drops it at once. At most
    /// a minute; a URI has whole milliseconds.
    pub patience: Duration,
    /// Checksums and segmentation in software, for guests that leave them to their NIC.
    pub offloads: bool,
    /// The address that the guest's NIC should have.
    pub mac: Option<MacAddr>,
    /// A descriptor of this process, by number: a data socket that is connected already, with
    /// [`Wiring::Connected`]. The backend works on a duplicate: it stays open, and yours.
    pub descriptor: Option<i32>,
}

/// What a node of our own is connected with.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wiring {
    /// A node that there is.
    Path {
        /// Where it is. The path is absolute, as `em0:` or `[5]:lower`, because our node has no hooks to follow yet.
        path: Path,
        /// The hook of it that is ours.
        peer_hook: HookName,
    },
    /// A node that is made.
    MakePeer {
        /// Of this type.
        type_name: TypeName,
        /// The hook of it that is ours.
        peer_hook: HookName,
        /// What it is called; `None` leaves it the name that its type gives, if any.
        name: Option<NodeName>,
    },
    /// A free link of a bridge, which is made if there is none of this name.
    Bridge {
        /// The bridge.
        name: NodeName,
        /// An Ethernet interface that is in the bridge as well, by its name of at most 15 bytes.
        uplink: Option<String>,
        /// The bridge stays when it has no link any more.
        persistent: bool,
    },
    /// Whatever the passed descriptor is connected with.
    Connected,
}

impl NetgraphConfig {
    /// A node on hook `vmlink` that is connected like this, with everything else left as it is.
    pub fn new(wiring: Wiring) -> Self {
        Self {
            wiring,
            hook: HookName::known(options::OUR_HOOK),
            socket: None,
            lingers: false,
            send_buffer: None,
            receive_buffer: None,
            patience: options::PATIENCE,
            offloads: true,
            mac: None,
            descriptor: None,
        }
    }

    /// Reads `netgraph:PATH?…`.
    ///
    /// # Errors
    ///
    /// Whatever in it is not right, before anything is touched.
    pub fn from_uri(uri: &Uri) -> Result<Self, ConfigError> {
        read::config(uri)
    }

    /// Checks what only a config that was not read from a URI can have wrong.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        Self::from_uri(&self.to_uri()).map(drop)
    }

    /// The URI that reads as this.
    pub fn to_uri(&self) -> Uri {
        let hook = (self.hook.as_str() != options::OUR_HOOK).then_some(&self.hook);
        let options = [
            ("fd", write::text(self.descriptor.as_ref())),
            ("hook", write::text(hook)),
            ("socket", write::text(self.socket.as_ref())),
            ("linger", write::on(self.lingers)),
            ("sndbuf", write::text(self.send_buffer.as_ref())),
            ("rcvbuf", write::text(self.receive_buffer.as_ref())),
            ("patience", write::patience(self.patience)),
            ("offloads", write::off(self.offloads)),
            ("mac", write::text(self.mac.as_ref())),
        ];
        write::with_options(wiring::uri(&self.wiring), options)
    }
}
