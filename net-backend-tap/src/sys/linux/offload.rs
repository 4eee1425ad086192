use net_backend_core::Features;

const CHECKSUM: u32 = libc::TUN_F_CSUM;
const TCP: u32 = libc::TUN_F_TSO4 | libc::TUN_F_TSO6;
const ECN: u32 = libc::TUN_F_TSO_ECN;
const UFO: u32 = libc::TUN_F_UFO;
const USO: u32 = libc::TUN_F_USO4 | libc::TUN_F_USO6;

/// Masks to try, from everything down to nothing: USO came with Linux 6.2, UFO was away in some versions.
pub(super) const MASKS: [u32; 7] = [
    CHECKSUM | TCP | ECN | UFO | USO,
    CHECKSUM | TCP | ECN | USO,
    CHECKSUM | TCP | ECN | UFO,
    CHECKSUM | TCP | ECN,
    CHECKSUM | TCP,
    CHECKSUM,
    0,
];

/// What a device that takes `mask` can be asked for. Whatever it can give to the reader, it takes from the writer.
pub(super) fn offered(mask: u32) -> Features {
    let pairs = [
        (CHECKSUM, Features::GUEST_CSUM | Features::CSUM),
        (libc::TUN_F_TSO4, Features::GUEST_TSO4 | Features::HOST_TSO4),
        (libc::TUN_F_TSO6, Features::GUEST_TSO6 | Features::HOST_TSO6),
        (ECN, Features::GUEST_ECN | Features::HOST_ECN),
        (UFO, Features::GUEST_UFO | Features::HOST_UFO),
        (
            USO,
            Features::GUEST_USO4 | Features::GUEST_USO6 | Features::HOST_USO,
        ),
    ];
    pairs
        .into_iter()
        .filter(|(bit, _)| mask & bit == *bit)
        .fold(Features::empty(), |all, (_, features)| all | features)
}

/// The mask that lets the reader have these offloads and no others. The kernel takes both USO bits or none: with
/// one, the guest gets UDP frames that are segmented already.
pub(super) fn mask(features: Features) -> u32 {
    let pairs = [
        (Features::GUEST_CSUM, CHECKSUM),
        (Features::GUEST_TSO4, libc::TUN_F_TSO4),
        (Features::GUEST_TSO6, libc::TUN_F_TSO6),
        (Features::GUEST_ECN, ECN),
        (Features::GUEST_UFO, UFO),
        (Features::GUEST_USO4 | Features::GUEST_USO6, USO),
    ];
    pairs
        .into_iter()
        .filter(|(needed, _)| features.contains(*needed))
        .fold(0, |mask, (_, bit)| mask | bit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_offered_can_be_had() {
        for mask_of_device in MASKS {
            let features = offered(mask_of_device);
            assert_eq!(features.missing_dependency(), None, "{features}");
            assert_eq!(mask(features), mask_of_device);
        }
    }

    #[test]
    fn transmit_offloads_are_not_the_readers_matter() {
        assert_eq!(mask(Features::TRANSMIT_OFFLOADS), 0);
    }

    #[test]
    fn half_of_uso_is_none() {
        let half = Features::GUEST_CSUM | Features::GUEST_USO4;
        assert_eq!(mask(half), CHECKSUM);
    }
}
