//! The value of a `struct ifreq` (include/uapi/linux/if.h).

use crate::sys::interface_request::InterfaceRequest;

impl InterfaceRequest {
    /// With a `short` as value: flags.
    pub(super) fn with_flags(mut self, flags: libc::c_short) -> Self {
        self.put(&flags.to_ne_bytes());
        self
    }

    /// With an `int` as value: MTU, queue length.
    pub(super) fn with_number(mut self, number: libc::c_int) -> Self {
        self.put(&number.to_ne_bytes());
        self
    }

    pub(super) fn flags(&self) -> libc::c_short {
        let [a, b, ..] = self.value;
        libc::c_short::from_ne_bytes([a, b])
    }

    pub(super) fn number(&self) -> libc::c_int {
        let [a, b, c, d, ..] = self.value;
        libc::c_int::from_ne_bytes([a, b, c, d])
    }

    /// The address in a `sockaddr`, behind its family.
    pub(super) fn hardware_address(&self) -> [u8; 6] {
        let [_, _, a, b, c, d, e, f, ..] = self.value;
        [a, b, c, d, e, f]
    }

    fn put(&mut self, bytes: &[u8]) {
        for (place, byte) in self.value.iter_mut().zip(bytes) {
            *place = *byte;
        }
    }
}
