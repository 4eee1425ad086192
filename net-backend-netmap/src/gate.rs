//! The seam between the backend and a netmap kernel. Behind it stands `/dev/netmap`, or the model that the tests
//! play against.

use std::fmt::Debug;
use std::io;
use std::sync::Arc;

use net_backend_core::BorrowedDescriptor;

use crate::abi::{BODY_BYTES, Body, HEADER_BYTES, Header, NAME_BYTES, PortHeader, RequestKind};
use crate::sys::Region;

/// A netmap kernel.
pub(crate) trait Kernel: Send + Sync + Debug {
    /// A new descriptor of the control device, bound to no port yet.
    ///
    /// # Errors
    ///
    /// What `open(2)` said about `/dev/netmap`.
    fn open(&self) -> io::Result<Box<dyn Control>>;
}

/// One descriptor of the control device. Bound to rings by a register request, it is what these are synchronised,
/// mapped and waited for through. Dropping it unbinds them.
///
/// Nothing here blocks.
pub(crate) trait Control: Send + Sync + Debug {
    /// Sends one request (`NIOCCTRL`): header and body as netmap(4) lays them out. Both come back as the kernel left
    /// them, also after an error. The pointer fields of the header are 0 on both ways.
    ///
    /// # Errors
    ///
    /// The errno of the request.
    fn request(
        &self,
        header: &mut [u8; HEADER_BYTES],
        body: &mut [u8; BODY_BYTES],
    ) -> io::Result<()>;

    /// Hands what is before `head` of the bound transmit rings to the kernel, and learns what was transmitted
    /// (`NIOCTXSYNC`).
    ///
    /// # Errors
    ///
    /// `ENXIO` when bound to nothing, `EIO` when the port went away.
    fn transmit_sync(&self) -> io::Result<()>;

    /// Gives what is before `head` of the bound receive rings back to the kernel, and learns what arrived
    /// (`NIOCRXSYNC`).
    ///
    /// # Errors
    ///
    /// As [`transmit_sync`](Self::transmit_sync).
    fn receive_sync(&self) -> io::Result<()>;

    /// Maps the memory region of the bound port, `length` bytes.
    ///
    /// # Errors
    ///
    /// What `mmap(2)` said.
    fn map(&self, length: usize) -> io::Result<Arc<Region>>;

    /// Gives up the right to map, and whatever else only opening a port needs.
    ///
    /// # Errors
    ///
    /// What the system said about that.
    fn limit(&self) -> io::Result<()> {
        Ok(())
    }

    /// Readable when a bound receive ring has frames; waiting for it synchronises.
    fn receive_source(&self) -> BorrowedDescriptor<'_>;

    /// Writable when a bound transmit ring has room; waiting for it synchronises. Another number than
    /// [`receive_source`](Self::receive_source).
    fn transmit_source(&self) -> BorrowedDescriptor<'_>;
}

impl dyn Control + '_ {
    /// Sends a request about the port of this name, and takes the kernel's answer into `body`.
    ///
    /// # Errors
    ///
    /// The errno of the request; `body` is as it was.
    pub(crate) fn ask<B: Body>(
        &self,
        kind: RequestKind,
        name: [u8; NAME_BYTES],
        body: &mut B,
    ) -> io::Result<()> {
        let mut header = Header::new(kind, name).encode();
        let mut bytes = body.encode();
        self.request(&mut header, &mut bytes)?;
        *body = B::decode(&bytes);
        Ok(())
    }

    /// Bytes of the virtio-net header that the port of this name has.
    ///
    /// # Errors
    ///
    /// The errno of `NETMAP_REQ_PORT_HDR_GET`.
    pub(crate) fn header_length(&self, name: [u8; NAME_BYTES]) -> io::Result<u32> {
        let mut body = PortHeader::default();
        self.ask(RequestKind::PortHeaderGet, name, &mut body)?;
        Ok(body.length)
    }

    /// Sets it.
    ///
    /// # Errors
    ///
    /// The errno of `NETMAP_REQ_PORT_HDR_SET`.
    pub(crate) fn set_header_length(&self, name: [u8; NAME_BYTES], length: u32) -> io::Result<()> {
        let mut body = PortHeader { length };
        self.ask(RequestKind::PortHeaderSet, name, &mut body)
    }
}
