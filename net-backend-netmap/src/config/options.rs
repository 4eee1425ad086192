use net_backend_core::OptionSpec;

/// The options of `netmap:` URIs.
pub(crate) const OPTIONS: &[OptionSpec] = &[
    OptionSpec::new(
        "rings",
        "N",
        "ring pairs of a VALE port (1 to 16) or a pipe (1 to 256) that is made by opening it (1)",
    ),
    OptionSpec::new(
        "slots",
        "N",
        "slots of each ring, 2 to 4096, of what is made by opening it, or of a monitor",
    ),
    OptionSpec::new(
        "extra-bufs",
        "N",
        "buffers for received frames that are taken out of their ring and kept, 1 to 524288 (none)",
    ),
    OptionSpec::new(
        "vnet-hdr",
        "auto|on|off",
        "whether frames carry the virtio-net header, which offloads need: where the port has it, always, or never (auto)",
    ),
    OptionSpec::new(
        "fragments",
        "N",
        "slots that a frame may take, 1 to 64 (64; 1 for interfaces, whose drivers may not know better)",
    ),
    OptionSpec::new(
        "monitor",
        "tx|rx|both|zero-copy",
        "only watch a port that is open: copies of what it sends, receives, or both, or the frames themselves",
    ),
    OptionSpec::new(
        "persist",
        "on|off",
        "make the VALE port an interface of the host as well, which stays until it is deleted (off)",
    ),
    OptionSpec::new("mac", "MAC", "the address that the guest's NIC should have"),
    OptionSpec::new(
        "fd",
        "N",
        "use descriptor N of this process, an open /dev/netmap that is bound to no port; several for several rings",
    )
    .repeatable(),
];

/// The most ring pairs and slots that a port of VALE has (`NM_BDG_MAXRINGS`, `NM_BDG_MAXSLOTS`).
pub(super) const MOST_VALE_RINGS: u16 = 16;
pub(super) const MOST_SLOTS: u32 = 4096;

/// The most ring pairs that a pipe has (`NM_PIPE_MAXRINGS`).
pub(super) const MOST_PIPE_RINGS: u16 = 256;

/// The most extra buffers that a port of VALE has: 128 for each slot that a ring may have.
pub(super) const MOST_EXTRA_BUFFERS: u32 = 128 * MOST_SLOTS;
