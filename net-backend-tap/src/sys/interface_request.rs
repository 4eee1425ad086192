//! `struct ifreq` as bytes, so that its union is read and written without `unsafe`. What the value means, each system
//! says in an `impl` of its own.

const NAME: usize = libc::IFNAMSIZ;
const VALUE: usize = size_of::<libc::ifreq>() - NAME;

/// Argument of the requests about interfaces: a name and a value.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(8))]
pub(in crate::sys) struct InterfaceRequest {
    name: [u8; NAME],
    pub(in crate::sys) value: [u8; VALUE],
}

const _: () = {
    assert!(size_of::<InterfaceRequest>() == size_of::<libc::ifreq>());
    assert!(align_of::<InterfaceRequest>() >= align_of::<libc::ifreq>());
    assert!(std::mem::offset_of!(libc::ifreq, ifr_ifru) == NAME);
};

impl InterfaceRequest {
    /// About the interface `name`, which was checked to fit.
    pub(in crate::sys) fn new(name: &str) -> Self {
        let mut bytes = [0; NAME];
        for (place, byte) in bytes.iter_mut().take(NAME - 1).zip(name.bytes()) {
            *place = byte;
        }
        Self {
            name: bytes,
            value: [0; VALUE],
        }
    }

    /// The name, which the system may have chosen.
    pub(in crate::sys) fn name(&self) -> String {
        let name = self.name.split(|byte| *byte == 0).next();
        String::from_utf8_lossy(name.unwrap_or_default()).into_owned()
    }
}
