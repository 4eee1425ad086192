//! What lies in the mapped memory: interfaces, rings, slots.

/// Bytes of a slot (`struct netmap_slot`): number of the buffer, 32 bits; length, 16 bits; flags, 16 bits; an address
/// that only indirect buffers use, 64 bits.
pub(crate) const SLOT_BYTES: usize = 16;

/// Flags of a slot (`NS_*`).
pub(crate) mod slot_flag {
    /// The buffer's number was changed.
    pub(crate) const BUF_CHANGED: u16 = 0x1;
    /// The NIC is to tell when this slot is done.
    #[cfg(test)]
    pub(crate) const REPORT: u16 = 0x2;
    /// The data are at the slot's address.
    #[cfg(test)]
    pub(crate) const INDIRECT: u16 = 0x10;
    /// The frame goes on in the next slot.
    pub(crate) const MOREFRAG: u16 = 0x20;
}

/// `struct netmap_ring`. What differs by version and system lies between `flags` and `lock`.
#[repr(C, align(128))]
struct NetmapRing {
    buffers_offset: i64,
    slots: u32,
    buffer_size: u32,
    ring_id: u16,
    direction: u16,
    head: u32,
    cur: u32,
    tail: u32,
    flags: u32,
    timestamp: [u8; 20],
    offset_mask: u64,
    others: [u8; 64],
    lock: [u8; 128],
}

const _: () = assert!(size_of::<NetmapRing>() == ring::SLOT_ARRAY);
const _: () = assert!(std::mem::offset_of!(NetmapRing, lock) == 128);

/// Offsets in bytes in a ring.
pub(crate) mod ring {
    use super::NetmapRing;
    use std::mem::offset_of;

    /// From the ring to buffer 0, a signed 64-bit number of bytes.
    pub(crate) const BUFFERS_OFFSET: usize = offset_of!(NetmapRing, buffers_offset);
    /// Number of slots, 32 bits.
    pub(crate) const SLOTS: usize = offset_of!(NetmapRing, slots);
    /// Bytes of each buffer, 32 bits.
    pub(crate) const BUFFER_SIZE: usize = offset_of!(NetmapRing, buffer_size);
    /// The first slot that is ours, 32 bits.
    pub(crate) const HEAD: usize = offset_of!(NetmapRing, head);
    /// A wait ends when `tail` moves past this slot, 32 bits.
    pub(crate) const CUR: usize = offset_of!(NetmapRing, cur);
    /// The first slot that is the kernel's, 32 bits.
    pub(crate) const TAIL: usize = offset_of!(NetmapRing, tail);
    /// Which bits of a slot's pointer say where its packet begins in the buffer, 64 bits; 0 where kernels do not know
    /// that.
    pub(crate) const OFFSET_MASK: usize = offset_of!(NetmapRing, offset_mask);
    /// The slots.
    pub(crate) const SLOT_ARRAY: usize = 256;
}

/// `struct netmap_if`, without the array of rings behind it.
#[repr(C)]
struct NetmapIf {
    name: [u8; 16],
    version: u32,
    flags: u32,
    tx_rings: u32,
    rx_rings: u32,
    buffers_head: u32,
    host_tx_rings: u32,
    host_rx_rings: u32,
    spare: [u32; 3],
}

const _: () = assert!(size_of::<NetmapIf>() == 56);

/// Offsets in bytes in an interface.
pub(crate) mod interface {
    use super::NetmapIf;
    use std::mem::offset_of;

    /// Transmit rings of the NIC, 32 bits.
    pub(crate) const TX_RINGS: usize = offset_of!(NetmapIf, tx_rings);
    /// Receive rings of the NIC, 32 bits.
    pub(crate) const RX_RINGS: usize = offset_of!(NetmapIf, rx_rings);
    /// The first of the buffers that are in no ring, 32 bits.
    pub(crate) const BUFFERS_HEAD: usize = offset_of!(NetmapIf, buffers_head);
    /// Transmit rings of the host's side, 32 bits.
    pub(crate) const HOST_TX_RINGS: usize = offset_of!(NetmapIf, host_tx_rings);
    /// Receive rings of the host's side, 32 bits.
    pub(crate) const HOST_RX_RINGS: usize = offset_of!(NetmapIf, host_rx_rings);
    /// From the interface to each ring, signed numbers of bytes as wide as addresses: the NIC's transmit rings, the
    /// host's, the NIC's receive rings, the host's. A ring that the descriptor is not bound to may be 0.
    pub(crate) const RING_OFFSETS: usize = size_of::<NetmapIf>();
}
