//! Requests of `NIOCCTRL`: `struct nmreq_header` and the bodies that follow it.

use super::bytes::{Field, layout};
use super::{API, BODY_BYTES, HEADER_BYTES, NAME_BYTES};

/// What a request asks for (`NETMAP_REQ_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(crate) enum RequestKind {
    /// Binds the descriptor to rings of a port.
    Register = 1,
    /// Rings, slots and memory of a port or of a memory region.
    PortInfoGet = 2,
    /// Puts a port into a VALE switch.
    ValeAttach = 3,
    /// Takes it out again.
    ValeDetach = 4,
    /// The next port of the next switch, or where a port is.
    ValeList = 5,
    /// Sets the length of the virtio-net header of a VALE port.
    PortHeaderSet = 6,
    /// Asks for it.
    PortHeaderGet = 7,
    /// Makes a persistent VALE interface.
    ValeInterfaceNew = 8,
    /// Deletes it. Has no body.
    ValeInterfaceDelete = 9,
    /// Lets kernel threads poll a NIC in a VALE switch.
    PollingEnable = 10,
    /// Ends that.
    PollingDisable = 11,
    /// Where which objects are in a memory region.
    PoolsInfoGet = 12,
}

impl RequestKind {
    /// Whether a body goes with the header; the kernel refuses one that it does not expect.
    pub(crate) fn has_body(self) -> bool {
        self != Self::ValeInterfaceDelete
    }
}

impl TryFrom<u16> for RequestKind {
    /// The number that is no request we know.
    type Error = u16;

    fn try_from(kind: u16) -> Result<Self, u16> {
        Ok(match kind {
            1 => Self::Register,
            2 => Self::PortInfoGet,
            3 => Self::ValeAttach,
            4 => Self::ValeDetach,
            5 => Self::ValeList,
            6 => Self::PortHeaderSet,
            7 => Self::PortHeaderGet,
            8 => Self::ValeInterfaceNew,
            9 => Self::ValeInterfaceDelete,
            10 => Self::PollingEnable,
            11 => Self::PollingDisable,
            12 => Self::PoolsInfoGet,
            other => return Err(other),
        })
    }
}

layout! {
    /// `struct nmreq_header`: what every request begins with.
    Header, 88 bytes {
        /// The version of the sender's interface; comes back as the version of the kernel's.
        version: u16,
        /// A [`RequestKind`].
        kind: u16,
        /// Always 0.
        reserved: u32,
        /// The port, NUL-padded.
        name: [u8; NAME_BYTES],
        /// The address of the first option; always 0 here.
        options: u64,
        /// The address of the body; filled in and taken out again by the one who sends.
        body: u64,
    }
}

impl Header {
    /// A request about a port, in our version.
    pub(crate) fn new(kind: RequestKind, name: [u8; NAME_BYTES]) -> Self {
        Self {
            version: API,
            kind: kind as u16,
            reserved: 0,
            name,
            options: 0,
            body: 0,
        }
    }

    pub(crate) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        self.put(&mut bytes);
        bytes
    }

    pub(crate) fn decode(bytes: &[u8; HEADER_BYTES]) -> Self {
        Self::take(bytes)
    }
}

/// The body of a request.
pub(crate) trait Body: Field + Default {
    fn encode(&self) -> [u8; BODY_BYTES] {
        let mut bytes = [0; BODY_BYTES];
        self.put(&mut bytes);
        bytes
    }

    fn decode(bytes: &[u8; BODY_BYTES]) -> Self {
        Self::take(bytes)
    }
}

macro_rules! bodies {
    ($(
        $(#[$about:meta])*
        $name:ident, $bytes:literal bytes {
            $($(#[$about_field:meta])* $field:ident: $type:ty,)*
        }
    )*) => {$(
        layout! {
            $(#[$about])*
            #[derive(Default)]
            $name, $bytes bytes {
                $($(#[$about_field])* $field: $type,)*
            }
        }

        impl Body for $name {}
    )*};
}

bodies! {
    /// `struct nmreq_register`. Numbers of rings and slots are wishes (0: none) on the way in, and facts on the way out.
    Register, 56 bytes {
        /// Where the [`interface`](super::interface) is in the memory region. Out.
        offset: u64,
        /// Bytes of the memory region. Out.
        memory_size: u64,
        transmit_slots: u32,
        receive_slots: u32,
        transmit_rings: u16,
        receive_rings: u16,
        host_transmit_rings: u16,
        host_receive_rings: u16,
        /// The memory region's number; 0 is for the kernel to choose.
        memory: u16,
        /// Which ring, for modes of one.
        ring: u16,
        /// One of [`mode`].
        mode: u32,
        /// Buffers besides those of the rings: asked for, and given.
        extra_buffers: u32,
        /// Of [`flag`].
        flags: u64,
    }

    /// `struct nmreq_port_info_get`.
    PortInfo, 32 bytes {
        memory_size: u64,
        transmit_slots: u32,
        receive_slots: u32,
        transmit_rings: u16,
        receive_rings: u16,
        host_transmit_rings: u16,
        host_receive_rings: u16,
        /// Asked about, when there is no name; told otherwise.
        memory: u16,
    }

    /// `struct nmreq_vale_attach`.
    ValeAttach, 64 bytes {
        register: Register,
        /// The port's number in the switch. Out.
        port_index: u32,
    }

    /// `struct nmreq_vale_detach`.
    ValeDetach, 8 bytes {
        /// The number that the port had in the switch. Out.
        port_index: u32,
    }

    /// `struct nmreq_vale_list`.
    ValeList, 8 bytes {
        /// The switch's number: where to look on from, and where something was found.
        bridge: u16,
        /// The port's number in the switch, likewise.
        port: u32,
    }

    /// `struct nmreq_port_hdr`.
    PortHeader, 8 bytes {
        /// Bytes of the virtio-net header.
        length: u32,
    }

    /// `struct nmreq_vale_newif`. 0 is for the kernel to choose.
    ValeInterface, 16 bytes {
        transmit_slots: u32,
        receive_slots: u32,
        transmit_rings: u16,
        receive_rings: u16,
        memory: u16,
    }

    /// `struct nmreq_vale_polling`.
    Polling, 16 bytes {
        /// One of [`polling_mode`].
        mode: u32,
        /// The first CPU with a polling thread.
        first_cpu: u32,
        /// How many CPUs have one.
        cpus: u32,
    }
}

/// Which rings a descriptor is bound to (`NR_REG_*`).
pub(crate) mod mode {
    /// All rings of the NIC; of a VALE port or a pipe, all that there are.
    pub(crate) const ALL_NIC: u32 = 1;
    /// The host's side.
    pub(crate) const SW: u32 = 2;
    /// Both.
    pub(crate) const NIC_SW: u32 = 3;
    /// One pair of the NIC's.
    pub(crate) const ONE_NIC: u32 = 4;
    /// One pair of the host's.
    pub(crate) const ONE_SW: u32 = 8;
}

/// Flags of a registration (`NR_*`).
pub(crate) mod flag {
    /// Sees what is transmitted.
    pub(crate) const MONITOR_TX: u64 = 0x100;
    /// Sees what is received.
    pub(crate) const MONITOR_RX: u64 = 0x200;
    /// Sees it without a copy.
    pub(crate) const ZERO_COPY_MONITOR: u64 = 0x400;
    /// Nobody else may bind the same rings.
    pub(crate) const EXCLUSIVE: u64 = 0x800;
    /// Binds only receive rings.
    pub(crate) const RX_RINGS_ONLY: u64 = 0x2000;
    /// Binds only transmit rings.
    pub(crate) const TX_RINGS_ONLY: u64 = 0x4000;
    /// Frames may begin with a virtio-net header.
    pub(crate) const ACCEPT_VNET_HDR: u64 = 0x8000;
    /// Waiting for something else does not synchronise the transmit rings.
    pub(crate) const NO_TX_POLL: u64 = 0x2_0000;
}

/// How a NIC is polled (`NETMAP_POLLING_MODE_*`).
pub(crate) mod polling_mode {
    /// All rings by one CPU.
    pub(crate) const SINGLE_CPU: u32 = 1;
    /// Each ring by a CPU of its own.
    pub(crate) const MULTI_CPU: u32 = 2;
}
