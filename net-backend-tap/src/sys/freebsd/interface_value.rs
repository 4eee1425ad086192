//! The value of a `struct ifreq` (sys/net/if.h).

use crate::sys::interface_request::InterfaceRequest;

impl InterfaceRequest {
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
