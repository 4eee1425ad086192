//! Request bodies, decoded at the offsets of the C structures.

use super::bytes::{put, u16_at, u32_at, u64_at};
use crate::abi::BODY_BYTES;

/// `NR_MONITOR_TX`.
pub(super) const MONITOR_TRANSMITTED: u64 = 0x100;
/// `NR_MONITOR_RX`.
pub(super) const MONITOR_RECEIVED: u64 = 0x200;
/// `NR_ZCOPY_MON`.
pub(super) const MONITOR_SWAPPING: u64 = 0x400;
/// `NR_EXCLUSIVE`.
pub(super) const EXCLUSIVE: u64 = 0x800;
/// `NR_RX_RINGS_ONLY`.
pub(super) const RECEIVE_ONLY: u64 = 0x2000;
/// `NR_TX_RINGS_ONLY`.
pub(super) const TRANSMIT_ONLY: u64 = 0x4000;
/// `NR_ACCEPT_VNET_HDR`.
pub(super) const ACCEPTS_HEADER: u64 = 0x8000;

/// `struct nmreq_register`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Register {
    pub(super) offset: u64,
    pub(super) memory_size: u64,
    pub(super) transmit_slots: u32,
    pub(super) receive_slots: u32,
    pub(super) transmit_rings: u16,
    pub(super) receive_rings: u16,
    pub(super) host_transmit_rings: u16,
    pub(super) host_receive_rings: u16,
    pub(super) memory: u16,
    pub(super) ring: u16,
    pub(super) mode: u32,
    pub(super) extra_buffers: u32,
    pub(super) flags: u64,
}

impl Register {
    pub(super) fn read(body: &[u8; BODY_BYTES]) -> Self {
        Self {
            offset: u64_at(body, 0),
            memory_size: u64_at(body, 8),
            transmit_slots: u32_at(body, 16),
            receive_slots: u32_at(body, 20),
            transmit_rings: u16_at(body, 24),
            receive_rings: u16_at(body, 26),
            host_transmit_rings: u16_at(body, 28),
            host_receive_rings: u16_at(body, 30),
            memory: u16_at(body, 32),
            ring: u16_at(body, 34),
            mode: u32_at(body, 36),
            extra_buffers: u32_at(body, 40),
            flags: u64_at(body, 48),
        }
    }

    pub(super) fn write(&self, body: &mut [u8; BODY_BYTES]) {
        put(body, 0, self.offset.to_ne_bytes());
        put(body, 8, self.memory_size.to_ne_bytes());
        put(body, 16, self.transmit_slots.to_ne_bytes());
        put(body, 20, self.receive_slots.to_ne_bytes());
        put(body, 24, self.transmit_rings.to_ne_bytes());
        put(body, 26, self.receive_rings.to_ne_bytes());
        put(body, 28, self.host_transmit_rings.to_ne_bytes());
        put(body, 30, self.host_receive_rings.to_ne_bytes());
        put(body, 32, self.memory.to_ne_bytes());
        put(body, 34, self.ring.to_ne_bytes());
        put(body, 36, self.mode.to_ne_bytes());
        put(body, 40, self.extra_buffers.to_ne_bytes());
        put(body, 48, self.flags.to_ne_bytes());
    }

    /// The body for a port whose rings and slots are asked for.
    pub(super) fn for_information(body: &[u8; BODY_BYTES]) -> Self {
        Self {
            transmit_slots: u32_at(body, 8),
            receive_slots: u32_at(body, 12),
            transmit_rings: u16_at(body, 16),
            receive_rings: u16_at(body, 18),
            host_transmit_rings: u16_at(body, 20),
            host_receive_rings: u16_at(body, 22),
            memory: u16_at(body, 24),
            mode: 1,
            ..Self::default()
        }
    }

    /// Writes it as `struct nmreq_port_info_get`.
    pub(super) fn write_information(&self, body: &mut [u8; BODY_BYTES]) {
        put(body, 0, self.memory_size.to_ne_bytes());
        put(body, 8, self.transmit_slots.to_ne_bytes());
        put(body, 12, self.receive_slots.to_ne_bytes());
        put(body, 16, self.transmit_rings.to_ne_bytes());
        put(body, 18, self.receive_rings.to_ne_bytes());
        put(body, 20, self.host_transmit_rings.to_ne_bytes());
        put(body, 22, self.host_receive_rings.to_ne_bytes());
        put(body, 24, self.memory.to_ne_bytes());
    }

    /// `struct nmreq_vale_newif`.
    pub(super) fn for_interface(body: &[u8; BODY_BYTES]) -> Self {
        Self {
            transmit_slots: u32_at(body, 0),
            receive_slots: u32_at(body, 4),
            transmit_rings: u16_at(body, 8),
            receive_rings: u16_at(body, 10),
            memory: u16_at(body, 12),
            ..Self::default()
        }
    }

    /// Writes it as `struct nmreq_vale_newif`.
    pub(super) fn write_interface(&self, body: &mut [u8; BODY_BYTES]) {
        put(body, 0, self.transmit_slots.to_ne_bytes());
        put(body, 4, self.receive_slots.to_ne_bytes());
        put(body, 8, self.transmit_rings.to_ne_bytes());
        put(body, 10, self.receive_rings.to_ne_bytes());
        put(body, 12, self.memory.to_ne_bytes());
    }

    /// Takes the numbers of a port (`nm_update_info`).
    pub(super) fn describe(&mut self, port: &super::port::Port) {
        let shape = port.shape();
        self.transmit_rings = shape.transmit_rings;
        self.receive_rings = shape.receive_rings;
        self.transmit_slots = shape.transmit_slots;
        self.receive_slots = shape.receive_slots;
        self.host_transmit_rings = shape.host_transmit_rings;
        self.host_receive_rings = shape.host_receive_rings;
        let memory = port.memory();
        self.memory_size = memory.region.length() as u64;
        self.memory = memory.id;
    }
}
