use bitflags::bitflags;

bitflags! {
    /// What a socket is ready for, or waited for; the numbers are libslirp's `SLIRP_POLL_*`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub(crate) struct Events: u8 {
        /// Can be read from, or has a connection to accept.
        const IN = 1;
        /// Can be written to, or the connection is made.
        const OUT = 1 << 1;
        /// Has urgent data.
        const PRIORITY = 1 << 2;
        /// Has an error. Reported whether it was waited for or not.
        const ERROR = 1 << 3;
        /// The peer is gone. Reported whether it was waited for or not.
        const HANG_UP = 1 << 4;
    }
}

impl Events {
    /// From the bits that libslirp passes; unknown ones are left out.
    pub(super) fn from_libslirp(bits: i32) -> Self {
        let known = u8::try_from(bits & i32::from(Self::all().bits()));
        known.map_or(Self::empty(), Self::from_bits_truncate)
    }
}
