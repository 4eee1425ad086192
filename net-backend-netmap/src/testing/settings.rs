//! How a model behaves.

/// What waiting for a descriptor does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Polling {
    /// Whoever waits sees what arrived as soon as it wakes up: Linux always, FreeBSD mostly.
    #[default]
    Synchronises,
    /// A wake-up is a hint; what arrived is seen after `NIOCRXSYNC`.
    OnlyWakes,
}

/// Which receive ring of a NIC a frame goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Spread {
    /// One that follows from its first bytes, addresses and ports among them, as NICs choose it.
    #[default]
    ByFlow,
    /// The one with the number of the ring that it was sent on, as virtual NICs choose it.
    BySender,
}

/// How a model of a netmap kernel behaves. [`Settings::default`] is like Linux with nothing unusual.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What waiting does.
    pub polling: Polling,
    /// Bytes of each buffer.
    pub buffer_size: usize,
    /// Buffers in the memory that all NICs share (163840 in a real one; memory that nobody touches costs nothing).
    pub shared_buffers: usize,
    /// How many `NIOCRXSYNC` it takes more until a NIC's frames are seen.
    pub receive_delay: u32,
    /// Which ring a NIC puts a frame into.
    pub spread: Spread,
    /// How many `NIOCTXSYNC` it takes until a NIC gives slots back; 0 is the same one.
    pub completion_delay: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            polling: Polling::default(),
            buffer_size: 2048,
            shared_buffers: 16384,
            receive_delay: 0,
            spread: Spread::default(),
            completion_delay: 1,
        }
    }
}
