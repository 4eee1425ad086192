//! `struct ifreq` (include/uapi/linux/if.h) as bytes, so that its union is read and written without `unsafe`.

const NAME: usize = libc::IFNAMSIZ;
const VALUE: usize = size_of::<libc::ifreq>() - NAME;

/// Argument of the requests about interfaces: a name and a value.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(8))]
pub(super) struct InterfaceRequest {
    name: [u8; NAME],
    value: [u8; VALUE],
}

const _: () = {
    assert!(size_of::<InterfaceRequest>() == size_of::<libc::ifreq>());
    assert!(align_of::<InterfaceRequest>() >= align_of::<libc::ifreq>());
    assert!(std::mem::offset_of!(libc::ifreq, ifr_ifru) == NAME);
};

impl InterfaceRequest {
    /// About the interface `name`, which was checked to fit.
    pub(super) fn new(name: &str) -> Self {
        let mut bytes = [0; NAME];
        for (place, byte) in bytes.iter_mut().take(NAME - 1).zip(name.bytes()) {
            *place = byte;
        }
        Self {
            name: bytes,
            value: [0; VALUE],
        }
    }

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

    pub(super) fn name(&self) -> String {
        let name = self
            .name
            .split(|byte| *byte == 0)
            .next()
            .unwrap_or_default();
        String::from_utf8_lossy(name).into_owned()
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
        self.value = [0; VALUE];
        for (place, byte) in self.value.iter_mut().zip(bytes) {
            *place = *byte;
        }
    }
}
