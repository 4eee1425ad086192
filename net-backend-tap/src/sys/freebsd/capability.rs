//! Offloads of a tap: virtio-net features and interface capabilities.
//!
//! Host to guest, the kernel does what virtio-net means (`tunread` in sys/net/if_tuntap.c,
//! `virtio_net_tx_offload` in sys/dev/virtio/network/virtio_net.h): with `IFCAP_TXCSUM` on, frames come with the sum
//! of the pseudo-header only, with `IFCAP_TSO4` as super-frames, and the header says so.
//! Super-frames with CWR it drops; the senders repeat them without. So `GUEST_ECN` is not offered.
//!
//! Guest to host, nothing is offered:
//!
//! - `CSUM`: a written frame whose header says that its checksum is partial becomes one whose checksum counts as
//!   verified (`virtio_net_rx_csum`). That is good for the host itself. When the host bridges or forwards it, and
//!   mostly a guest's frames are bridged, it leaves with the partial checksum, and the receiver drops it. Newer
//!   kernels may complete it, and do not say so.
//! - `HOST_TSO4`, `HOST_TSO6`, `HOST_ECN`: `tunwrite_l2` does not look at the segmentation fields; a super-frame would
//!   go on as one frame of 64 KiB.
//! - UFO and USO, in either direction: FreeBSD has no such thing.

use net_backend_core::Features;

/// `IFCAP_TXCSUM`, `IFCAP_TXCSUM_IPV6`, `IFCAP_TSO4`, `IFCAP_TSO6` (sys/net/if.h).
const CHECKSUM: u32 = 0x2;
const CHECKSUM6: u32 = 0x40_0000;
const TSO4: u32 = 0x100;
const TSO6: u32 = 0x200;

const _: () = {
    assert!(CHECKSUM == libc::IFCAP_TXCSUM.unsigned_abs());
    assert!(CHECKSUM6 == libc::IFCAP_TXCSUM_IPV6.unsigned_abs());
    assert!(TSO4 == libc::IFCAP_TSO4.unsigned_abs());
    assert!(TSO6 == libc::IFCAP_TSO6.unsigned_abs());
};

/// The capabilities that are about frames for the guest.
pub(super) const RECEIVE: u32 = CHECKSUM | CHECKSUM6 | TSO4 | TSO6;

/// A feature and what it needs of the interface.
const PAIRS: [(Features, u32); 3] = [
    (Features::GUEST_CSUM, CHECKSUM | CHECKSUM6),
    (Features::GUEST_TSO4, TSO4),
    (Features::GUEST_TSO6, TSO6),
];

/// The features that an interface with `capabilities` can have.
pub(super) fn offered(capabilities: u32) -> Features {
    let there = |needs: u32| capabilities & needs == needs;
    let features: Features = PAIRS
        .into_iter()
        .filter(|(_, needs)| there(*needs))
        .map(|(feature, _)| feature)
        .collect();
    features.with_dependencies_met()
}

/// What has to be on for `features`, and nothing more.
pub(super) fn wanted(features: Features) -> u32 {
    PAIRS
        .into_iter()
        .filter(|(feature, _)| features.contains(*feature))
        .fold(0, |mask, (_, needs)| mask | needs)
}
