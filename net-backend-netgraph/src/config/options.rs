use std::ops::RangeInclusive;
use std::time::Duration;

use net_backend_core::OptionSpec;

/// The options of `netgraph:` URIs.
pub(crate) const OPTIONS: &[OptionSpec] = without_last(OPTIONS_AND_QUEUES);

/// The options of `ngd:` URIs.
pub(crate) const NGD_OPTIONS: &[OptionSpec] = without_last(NGD_OPTIONS_AND_QUEUES);

/// With the one that is known only to be refused with the reason.
pub(super) const OPTIONS_AND_QUEUES: &[OptionSpec] = &[
    OptionSpec::new(
        "peerhook",
        "HOOK",
        "the hook of the node at PATH, or of the new one (the usual one of its type)",
    ),
    OptionSpec::new(
        "bridge",
        "NAME",
        "a free link of the ng_bridge of this name, which is made if there is none",
    ),
    OptionSpec::new(
        "uplink",
        "INTERFACE",
        "an Ethernet interface that is in the bridge as well",
    ),
    OptionSpec::new(
        "persist",
        "on|off",
        "whether the bridge stays when its last link is gone (off)",
    ),
    OptionSpec::new(
        "mkpeer",
        "TYPE",
        "make a node of this type, which is called what stands before the question mark",
    ),
    OptionSpec::new(
        "fd",
        "N",
        "use descriptor N of this process, a data socket whose node has its hook",
    ),
    OptionSpec::new("hook", "HOOK", "the hook of our own node (vmlink)"),
    OptionSpec::new("socket", "NAME", "what our own node is called (nothing)"),
    OptionSpec::new(
        "linger",
        "on|off",
        "whether our node outlives its hook, to be connected again; otherwise the backend is gone (off)",
    ),
    OptionSpec::new(
        "sndbuf",
        "BYTES",
        "the socket's send buffer, from 2048; no frame can be longer (as much as is of use)",
    ),
    OptionSpec::new(
        "rcvbuf",
        "BYTES",
        "the socket's receive buffer, from 2048; what finds it full is lost (as much as is of use)",
    ),
    PATIENCE_OPTION,
    OFFLOADS_OPTION,
    MAC_OPTION,
    QUEUES_OPTION,
];

/// The same.
pub(super) const NGD_OPTIONS_AND_QUEUES: &[OptionSpec] = &[
    OptionSpec::new(
        "fd",
        "N",
        "use descriptor N of this process, an open /dev/ngdN",
    ),
    PATIENCE_OPTION,
    OFFLOADS_OPTION,
    MAC_OPTION,
    QUEUES_OPTION,
];

const PATIENCE_OPTION: OptionSpec = OptionSpec::new(
    "patience",
    "MILLISECONDS",
    "how long a frame may be busy because a receiver has no room, before it is dropped; 0 drops it at once (100)",
);

const OFFLOADS_OPTION: OptionSpec = OptionSpec::new(
    "offloads",
    "on|off",
    "checksums and segmentation in software, for guests that leave them to their NIC (on)",
);

const MAC_OPTION: OptionSpec =
    OptionSpec::new("mac", "MAC", "the address that the guest's NIC should have");

const QUEUES_OPTION: OptionSpec = OptionSpec::new("queues", "N", "queue pairs");

/// The hook of our node, as bhyve(8) calls it.
pub(super) const OUR_HOOK: &str = "vmlink";

/// How long a frame is busy if nothing else is said.
pub(super) const PATIENCE: Duration = Duration::from_millis(100);

/// How long it may be, in milliseconds.
pub(super) const PATIENCE_RANGE: RangeInclusive<u64> = 0..=60_000;

/// Bytes of a socket buffer, at least a frame of 1514 bytes with what surrounds it; `setsockopt(2)` takes an `int`.
pub(super) const BUFFER_RANGE: RangeInclusive<u32> = 2048..=i32::MAX.unsigned_abs();

/// The longest name of an interface (`IFNAMSIZ`, which counts the NUL).
pub(super) const LONGEST_INTERFACE: usize = 15;

/// The last `/dev/ngdN` (`MAX_NGD` in ng_device.c).
pub(super) const LAST_DEVICE: u16 = 999;

const fn without_last(options: &'static [OptionSpec]) -> &'static [OptionSpec] {
    match options.split_last() {
        Some((_, others)) => others,
        None => options,
    }
}
