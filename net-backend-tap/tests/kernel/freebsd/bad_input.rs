//! What is refused, and the exact words.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use net_backend_core::{Activation, Features, HeaderLength, NetBackend};
use net_backend_tap::Tap;
use net_backend_tap::testing::Interface;
use rustix::io::Errno;

use super::Made;
use crate::support::{Case, Outcome, all_refused, config, ensure, open, refused, said};

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::anywhere("bad-input/names", || all_refused(NAMES)),
        Case::anywhere("bad-input/options", || all_refused(OPTIONS)),
        Case::anywhere("bad-input/descriptors", || all_refused(DESCRIPTORS)),
        Case::anywhere("bad-input/foreign-descriptor", foreign_descriptor),
        Case::with_taps("bad-input/in-use", in_use),
        Case::with_taps("bad-input/no-tap", no_tap).if_possible(epairs),
        Case::with_taps("bad-input/not-offered", not_offered),
    ]
}

/// Whether there are epairs.
fn epairs() -> io::Result<()> {
    let [probe, _] = Interface::add_epair()?;
    probe.delete()
}

const NAMES: &[(&str, &str)] = &[
    (
        "tap:a-name-too-long1",
        "the name a-name-too-long1 has 16 bytes; an interface name has at most 15 \
         (at byte 4 of \"tap:a-name-too-long1\")",
    ),
    (
        "tap:..",
        "the name .. is not an interface name (at byte 4 of \"tap:..\")",
    ),
    (
        "tap:tap",
        "the name tap has no number; write tap%d or vmnet%d for a free one (at byte 4 of \"tap:tap\")",
    ),
    (
        "tap:tun%d",
        "the name tun%d has a percent sign; only tap%d and vmnet%d stand for a free number \
         (at byte 4 of \"tap:tun%d\")",
    ),
    (
        "tap:null",
        "SIOCGIFINDEX on null: no such interface; make it, ifconfig tap create name NAME, or write a name that can be \
         made, tap0",
    ),
];

const OPTIONS: &[(&str, &str)] = &[
    (
        "tap:tap0?queues=2",
        "queues=2 is not a number from 1 to 1 (at byte 16 of \"tap:tap0?queues=2\")",
    ),
    (
        "tap:tap0?txqueuelen=100",
        "txqueuelen is not possible here: FreeBSD has one length for all interfaces, the loader tunable \
         net.link.ifqmaxlen",
    ),
    (
        "tap:tap0?sndbuf=65536",
        "sndbuf is not possible here: FreeBSD is done with a frame when the write to the tap returns",
    ),
    (
        "tap:/dev/tap0",
        "tap:/dev/tap0 is not possible here: macvtap and ipvtap exist on Linux only; write the name of a tap, tap:tap0",
    ),
];

const DESCRIPTORS: &[(&str, &str)] = &[
    (
        "tap:?fd=2",
        "fd=2 is not the number of a descriptor above 2; for several write fds=N,N (at byte 8 of \"tap:?fd=2\")",
    ),
    (
        "tap:?fd=999",
        "descriptor 999 is not open; pass it without close-on-exec (at byte 8 of \"tap:?fd=999\")",
    ),
];

fn foreign_descriptor() -> Outcome {
    let descriptor: OwnedFd = File::options()
        .read(true)
        .write(true)
        .open("/dev/null")?
        .into();
    let number = descriptor.as_raw_fd();
    let uri = format!("tap:?fd={number}");
    let words = format!("descriptor {number} is not a tap (at byte 8 of \"{uri}\")");
    refused(&uri, &words)
}

fn in_use() -> Outcome {
    let tap = Made::new("tap");
    let name = tap.name();
    let _held = open(&format!("tap:{name}"))?;
    let busy = words(Errno::BUSY);
    refused(
        &format!("tap:{name}"),
        &format!(
            "open on /dev/{name}: {busy}; another program has it open; close that one or take another name"
        ),
    )
}

fn no_tap() -> Outcome {
    let [near, _far] = Interface::add_epair()?;
    let near = Made(near);
    let missing = words(Errno::NOENT);
    refused(
        &format!("tap:{}", near.name()),
        &format!(
            "open on /dev/{}: {missing}; the interface is no tap, or its device is hidden: look at devfs.rules",
            near.name()
        ),
    )
}

fn not_offered() -> Outcome {
    let made = Made::new("tap");
    let mut tap = Tap::open(&config(&format!("tap:{}", made.name()))?)?;
    let ask = |features, queue_pairs| Activation {
        queue_pairs,
        header: HeaderLength::Twelve,
        features,
    };
    let offered = Features::GUEST_CSUM | Features::GUEST_TSO4 | Features::GUEST_TSO6;
    let found = tap.features();
    ensure(found == offered, &format!("it offers {found}"))?;
    // A super-frame would go on as one frame, and partial checksums would leave by a bridge.
    let refused = tap.activate(&ask(Features::CSUM, 1));
    ensure(refused.is_err(), "it takes partial checksums")?;
    let error = tap.activate(&ask(offered, 2));
    said(error, "2 queue pairs asked for; tap was opened for 1 to 1")
}

/// What the system says, without the number.
fn words(errno: Errno) -> String {
    let text = io::Error::from(errno).to_string();
    let words = text.split(" (os error").next();
    words.unwrap_or_default().to_owned()
}
