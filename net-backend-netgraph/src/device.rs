use net_backend_core::{
    Activation, BorrowedDescriptor, Capabilities, Driver, Environment, Error, Features, NetBackend,
    QueuePair, Result, Uri,
};

use crate::config::{NGD_OPTIONS, NgdConfig};
use crate::gate::{Kernel, LONGEST_OF_DEVICE};
use crate::line::{Abilities, Line};
use crate::sys::SystemKernel;

/// `ngd:`, for a registry.
pub const NGD_DRIVER: Driver = Driver {
    scheme: "ngd",
    summary: "a device node in FreeBSD's netgraph, for processes that may not make sockets of it",
    target: "NAME",
    options: NGD_OPTIONS,
    platforms: "FreeBSD",
    privilege: "permission on the device, which is root's at first",
    open: open_uri,
};

/// An open device of ng_device(4).
#[derive(Debug)]
pub struct Ngd {
    config: NgdConfig,
    line: Line,
}

impl Ngd {
    /// Opens a device, or takes a descriptor of one.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] before anything has changed; [`Error::System`] when the device cannot be opened;
    /// [`Error::Unsupported`] where there is no netgraph, and for kernels that cannot wait for such a device.
    pub fn open(config: &NgdConfig) -> Result<Self> {
        Self::open_on(&SystemKernel, config)
    }

    pub(crate) fn open_on(kernel: &dyn Kernel, config: &NgdConfig) -> Result<Self> {
        config.check()?;
        let (name, opened) = match config.descriptor {
            Some(number) => (format!("fd={number}"), kernel.passed_device(number)),
            None => {
                let path = format!("/dev/{}", config.name);
                let opened = kernel.device(&path);
                (path, opened)
            }
        };
        let data = opened.map_err(|error| refused(&name, error))?;
        let patience = config.patience;
        let abilities = Abilities {
            scheme: NGD_DRIVER.scheme,
            longest: LONGEST_OF_DEVICE,
            offloads: config.offloads,
            mac: config.mac,
        };
        Ok(Self {
            line: Line::new(name, data, patience, &abilities)?,
            config: config.clone(),
        })
    }
}

impl NetBackend for Ngd {
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

    fn descriptors(&self) -> Vec<BorrowedDescriptor<'_>> {
        self.line.descriptors().collect()
    }
}

fn refused(name: &str, error: std::io::Error) -> Error {
    let reason = match error.raw_os_error() {
        Some(libc::EOPNOTSUPP) => Some(
            "this kernel cannot wait for devices of ng_device(4), as kernels can since October 2025; use netgraph:",
        ),
        None if error.kind() == std::io::ErrorKind::Unsupported => Some("netgraph is FreeBSD's"),
        _ => None,
    };
    if let Some(reason) = reason {
        return Error::Unsupported {
            what: name.to_owned(),
            reason,
        };
    }
    let remedy = match error.raw_os_error() {
        Some(libc::ENOENT) => Some(
            "there is no such device; make its node first: ngctl mkpeer em0: device lower d (em0: and lower as you need them)",
        ),
        Some(libc::EACCES | libc::EPERM) => {
            Some("needs permission on the device: root, or chown it to you, or a devfs rule")
        }
        Some(libc::EBADF) => Some("pass the number of a descriptor that is open in this process"),
        Some(libc::ENOTTY) => Some("it is no character device"),
        _ => None,
    };
    Error::system("open", name, error, remedy)
}

fn open_uri(uri: &Uri, _: &Environment) -> Result<Box<dyn NetBackend>> {
    Ok(Box::new(Ngd::open(&NgdConfig::from_uri(uri)?)?))
}
