use crate::abi::{interface, mode};
use crate::sys::Region;

/// The table of rings of a `struct netmap_if`: transmit rings of the NIC, of the host, receive rings of the NIC, of
/// the host.
pub(crate) struct RingTable<'r> {
    region: &'r Region,
    interface: usize,
    transmit: u32,
    host_transmit: u32,
    receive: u32,
    host_receive: u32,
}

/// More rings than this no port has.
const MOST_RINGS: u32 = 4096;

impl<'r> RingTable<'r> {
    pub(crate) fn new(region: &'r Region, offset: u64) -> Option<Self> {
        let interface = usize::try_from(offset).ok()?;
        let word = |at: usize| {
            let count = region.load_u32(interface.checked_add(at)?)?;
            (count <= MOST_RINGS).then_some(count)
        };
        Some(Self {
            transmit: word(interface::TX_RINGS)?,
            receive: word(interface::RX_RINGS)?,
            host_transmit: word(interface::HOST_TX_RINGS)?,
            host_receive: word(interface::HOST_RX_RINGS)?,
            region,
            interface,
        })
    }

    /// The rings that a registration in `mode` binds. A direction with fewer rings than the other has none for the last
    /// pairs, where the kernel binds its first one again.
    pub(crate) fn find(
        &self,
        mode: u32,
        ring: u32,
        receive: bool,
        transmit: bool,
    ) -> Option<RingOffsets> {
        let host = mode == mode::SW || mode == mode::ONE_SW;
        let one = mode == mode::ONE_NIC || mode == mode::ONE_SW;
        let (receive_base, receive_count) = match mode {
            mode::SW | mode::ONE_SW => (self.receive, self.host_receive),
            mode::NIC_SW => (0, self.receive + self.host_receive),
            _ => (0, self.receive),
        };
        let (transmit_base, transmit_count) = match host {
            false => (0, self.transmit),
            true => (self.transmit, self.host_transmit),
        };
        let first = if one { ring } else { 0 };
        let receive_rings = match (receive, one) {
            (false, _) => 0..0,
            (true, true) => ring..receive_count.min(ring.saturating_add(1)),
            (true, false) => 0..receive_count,
        };
        let behind = self.transmit + self.host_transmit;
        let receive_rings = receive_rings.map(|index| self.offset(behind + receive_base + index));
        let has_transmit = transmit && first < transmit_count;
        Some(RingOffsets {
            receive: receive_rings.collect::<Option<_>>()?,
            transmit: match has_transmit {
                true => Some(self.offset(transmit_base + first)?),
                false => None,
            },
        })
    }

    /// Where the ring at `index` of the table begins in the region, in bytes.
    fn offset(&self, index: u32) -> Option<usize> {
        let entry = interface::RING_OFFSETS.checked_add(index as usize * size_of::<u64>())?;
        let offset = self.region.load_u64(self.interface.checked_add(entry)?)?;
        // Relative to the interface, and signed.
        usize::try_from((self.interface as u64).wrapping_add(offset)).ok()
    }
}

/// Where the rings of one registration begin in the region, in bytes.
pub(crate) struct RingOffsets {
    pub(crate) receive: Vec<usize>,
    pub(crate) transmit: Option<usize>,
}
