mod options;
mod read;

use net_backend_core::{ConfigError, MacAddr, Uri};

use crate::PortName;

pub(crate) use options::OPTIONS;

/// A netmap port to open.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NetmapConfig {
    /// Which port, which of its rings, and whether it is only watched.
    pub port: PortName,
    /// Ring pairs of a VALE port or a pipe that opening it makes; `None` is one. What exists keeps what it has.
    pub rings: Option<u16>,
    /// Slots of each ring of what opening it makes, and of a monitor; `None` is the kernel's choice.
    pub slots: Option<u32>,
    /// Buffers besides those in the rings; `None` is none.
    pub extra_buffers: Option<u32>,
    /// Whether frames carry the virtio-net header.
    pub virtio_header: VirtioHeader,
    /// Slots that a frame may take, from 1 to 64; `None` is as many as the kind of port is known to take.
    pub fragments: Option<u8>,
    /// Make an interface of the host that is the VALE port, where there is none. It stays when the backend is dropped.
    pub persist: bool,
    /// The address that the guest's NIC should have.
    pub mac: Option<MacAddr>,
    /// Descriptors of this process, by number, each an open `/dev/netmap` that is bound to no port. The backend works on
    /// duplicates: they stay open, and yours. With none it opens its own, which is what needs privilege.
    pub descriptors: Vec<i32>,
}

/// Whether frames carry the virtio-net header, which offloads need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VirtioHeader {
    /// Where the port has it: on a port of a VALE switch.
    #[default]
    Auto,
    /// Always; opening a port that does not have it is refused.
    On,
    /// Never.
    Off,
}

impl NetmapConfig {
    /// The port of this name, with everything else left as it is.
    pub fn new(port: PortName) -> Self {
        Self {
            port,
            rings: None,
            slots: None,
            extra_buffers: None,
            virtio_header: VirtioHeader::Auto,
            fragments: None,
            persist: false,
            mac: None,
            descriptors: Vec::new(),
        }
    }

    /// Reads `netmap:PORT?…`.
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

    /// The URI that reads as this. What is watched stands in the port's name, as `/t`, `/r` or `/z`.
    pub fn to_uri(&self) -> Uri {
        let header = match self.virtio_header {
            VirtioHeader::Auto => None,
            VirtioHeader::On => Some("on".to_owned()),
            VirtioHeader::Off => Some("off".to_owned()),
        };
        let options = [
            ("rings", self.rings.map(|rings| rings.to_string())),
            ("slots", self.slots.map(|slots| slots.to_string())),
            (
                "extra-bufs",
                self.extra_buffers.map(|buffers| buffers.to_string()),
            ),
            ("vnet-hdr", header),
            ("fragments", self.fragments.map(|slots| slots.to_string())),
            ("persist", self.persist.then(|| "on".to_owned())),
            ("mac", self.mac.map(|mac| mac.to_string())),
        ];
        let mut uri = Uri::new("netmap").with_target(&self.port.to_string());
        for (key, value) in options {
            if let Some(value) = value {
                uri = uri.with_option(key, value);
            }
        }
        let descriptors = self.descriptors.iter();
        descriptors.fold(uri, |uri, number| uri.with_option("fd", number))
    }
}
