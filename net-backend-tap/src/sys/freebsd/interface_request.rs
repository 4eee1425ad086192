//! `struct ifreq` (sys/net/if.h) as bytes, so that its union is read and written without `unsafe`.

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

    /// With one `int` as value: an MTU, capabilities.
    pub(super) fn with_number(mut self, number: u32) -> Self {
        let [a, b, c, d, ..] = &mut self.value;
        [*a, *b, *c, *d] = number.to_ne_bytes();
        self
    }

    /// With flags as value: `ifr_flags` is their low half, `ifr_flagshigh` behind it their high half.
    pub(super) fn with_flags(mut self, flags: u32) -> Self {
        let [a, b, c, d] = flags.to_le_bytes();
        let (low, high) = (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]));
        let [a, b, c, d, ..] = &mut self.value;
        [*a, *b] = low.to_ne_bytes();
        [*c, *d] = high.to_ne_bytes();
        self
    }

    pub(super) fn name(&self) -> String {
        let name = self.name.split(|byte| *byte == 0).next();
        String::from_utf8_lossy(name.unwrap_or_default()).into_owned()
    }

    pub(super) fn flags(&self) -> u32 {
        let [a, b, c, d, ..] = self.value;
        let (low, high) = (u16::from_ne_bytes([a, b]), u16::from_ne_bytes([c, d]));
        (u32::from(high) << 16) | u32::from(low)
    }

    /// The `short` that an interface's index is.
    pub(super) fn index(&self) -> u16 {
        let [a, b, ..] = self.value;
        u16::from_ne_bytes([a, b])
    }

    pub(super) fn number(&self) -> u32 {
        let [a, b, c, d, ..] = self.value;
        u32::from_ne_bytes([a, b, c, d])
    }

    /// The second `int`: `ifr_curcap`, the capabilities in use.
    pub(super) fn second_number(&self) -> u32 {
        let [_, _, _, _, a, b, c, d, ..] = self.value;
        u32::from_ne_bytes([a, b, c, d])
    }
}
