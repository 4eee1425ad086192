//! What the device offers.

use net_backend::{Capabilities, Features};
use vhost::vhost_user::message::VhostUserProtocolFeatures;

/// Bits of the transport, besides those of the NIC (virtio 1.2, 6; vhost-user, "Feature bits").
mod transport {
    /// Bit 26: dirty memory is logged.
    pub(super) const LOG_ALL: u64 = 1 << 26;
    /// Bit 28: indirect descriptors.
    pub(super) const INDIRECT: u64 = 1 << 28;
    /// Bit 29: events at an index.
    pub(super) const EVENT_INDEX: u64 = 1 << 29;
    /// Bit 30: the frontend may ask for protocol features.
    pub(super) const PROTOCOL: u64 = 1 << 30;
}

/// Bit 27, of drivers before virtio 1.0: a header may be in one descriptor with the frame.
const ANY_LAYOUT: u64 = 1 << 27;

/// All bits for a backend with these capabilities, of which `pairs` queue pairs are shown.
pub(crate) fn offered(
    capabilities: &Capabilities,
    pairs: u16,
    has_mac: bool,
    has_mtu: bool,
) -> u64 {
    let mut nic = capabilities.features
        | Features::VERSION_1
        | Features::MRG_RXBUF
        | Features::STATUS
        | Features::CTRL_VQ;
    nic.set(Features::MQ, pairs > 1);
    nic.set(Features::MAC, has_mac);
    nic.set(Features::MTU, has_mtu);
    let receives = capabilities.features.intersects(Features::RECEIVE_OFFLOADS);
    nic.set(Features::CTRL_GUEST_OFFLOADS, receives);
    use transport::{EVENT_INDEX, INDIRECT, LOG_ALL, PROTOCOL};
    nic.bits() | LOG_ALL | INDIRECT | EVENT_INDEX | PROTOCOL | ANY_LAYOUT
}

/// What of the acknowledged bits is about the NIC.
pub(crate) fn of_nic(acknowledged: u64) -> Features {
    Features::from_bits_truncate(acknowledged)
}

/// Extensions of the protocol that are understood.
pub(crate) fn of_protocol() -> VhostUserProtocolFeatures {
    VhostUserProtocolFeatures::MQ
        | VhostUserProtocolFeatures::LOG_SHMFD
        | VhostUserProtocolFeatures::REPLY_ACK
        | VhostUserProtocolFeatures::CONFIG
        | VhostUserProtocolFeatures::BACKEND_REQ
        | VhostUserProtocolFeatures::RESET_DEVICE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_offered_that_the_backend_has_not() {
        let mut capabilities = Capabilities::new("test");
        let plain = of_nic(offered(&capabilities, 1, false, false));
        assert!(!plain.intersects(Features::OFFLOADS | Features::MQ | Features::MAC));
        assert!(!plain.contains(Features::CTRL_GUEST_OFFLOADS));
        capabilities.features = Features::CSUM | Features::GUEST_CSUM | Features::GUEST_TSO4;
        let more = of_nic(offered(&capabilities, 2, true, true));
        assert!(
            more.contains(capabilities.features | Features::MQ | Features::MAC | Features::MTU)
        );
        assert!(more.contains(Features::CTRL_GUEST_OFFLOADS));
        assert!(!more.contains(Features::HOST_TSO4));
    }
}
