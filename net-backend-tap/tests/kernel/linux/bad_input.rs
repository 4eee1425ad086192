//! Everything that users get wrong about taps, and the exact words that they read then.

use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};

use libtest_mimic::Failed;
use net_backend_core::{Activation, Features, HeaderLength, NetBackend};
use net_backend_tap::Tap;

use super::without_capabilities;
use crate::support::{Case, Outcome, all_refused, config, open, refused, said};

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::anywhere("bad-input/targets", || all_refused(TARGETS)),
        Case::anywhere("bad-input/options", || all_refused(OPTIONS)),
        Case::anywhere("bad-input/descriptors", || all_refused(DESCRIPTORS)),
        Case::with_taps("bad-input/in-use", in_use),
        Case::with_taps("bad-input/single-queue", single_queue),
        Case::with_taps("bad-input/no-tap", no_tap),
        Case::with_taps("bad-input/no-permission", no_permission),
        Case::with_taps("bad-input/foreign-descriptors", foreign_descriptors),
        Case::with_taps("bad-input/not-offered", not_offered),
    ]
}

const TARGETS: &[(&str, &str)] = &[
    (
        "tap:",
        "no device; write tap:NAME, or tap:?fd=N for an open one (at byte 4 of \"tap:\")",
    ),
    (
        "tap:a-name-too-long1",
        "the name a-name-too-long1 has 16 bytes; an interface name has at most 15 \
         (at byte 4 of \"tap:a-name-too-long1\")",
    ),
    (
        "tap:my/tap",
        "the name my/tap has a character that cannot be in it: a slash, a colon, a question mark or white space \
         (at byte 4 of \"tap:my/tap\")",
    ),
    (
        "tap:tap%s",
        "the name tap%s has a percent sign that is not one %d, which stands for a free number \
         (at byte 4 of \"tap:tap%s\")",
    ),
    (
        "tap:..",
        "the name .. is not an interface name (at byte 4 of \"tap:..\")",
    ),
    (
        "tap:/dev/no-such-tap",
        "open on /dev/no-such-tap: No such file or directory",
    ),
];

const OPTIONS: &[(&str, &str)] = &[
    (
        "tap:t?quues=2",
        "unknown option quues; tap takes fd, fds, queues, mtu, mac, up, txqueuelen, persist, header, sndbuf \
         (at byte 6 of \"tap:t?quues=2\")",
    ),
    (
        "tap:t?up=on&up=on",
        "up was given before; give it once (at byte 12 of \"tap:t?up=on&up=on\")",
    ),
    (
        "tap:t?queues=two",
        "queues=two is not a number from 1 to 256 (at byte 13 of \"tap:t?queues=two\")",
    ),
    (
        "tap:t?queues=0",
        "queues=0 is not a number from 1 to 256 (at byte 13 of \"tap:t?queues=0\")",
    ),
    (
        "tap:t?mtu=67",
        "mtu=67 is not a number from 68 to 65521 (at byte 10 of \"tap:t?mtu=67\")",
    ),
    (
        "tap:t?mtu=65522",
        "mtu=65522 is not a number from 68 to 65521 (at byte 10 of \"tap:t?mtu=65522\")",
    ),
    (
        "tap:t?mac=01:00:5e:00:00:01",
        "mac=01:00:5e:00:00:01 is a multicast address; a NIC's own address has an even first byte \
         (at byte 10 of \"tap:t?mac=01:00:5e:00:00:01\")",
    ),
    (
        "tap:t?header=yes",
        "header=yes is neither on nor off (at byte 13 of \"tap:t?header=yes\")",
    ),
    (
        "tap:t?persist",
        "persist has no value; write persist=VALUE (at byte 6 of \"tap:t?persist\")",
    ),
];

const DESCRIPTORS: &[(&str, &str)] = &[
    (
        "tap:?fd=2",
        "fd=2 is not the number of a descriptor above 2; for several write fds=N,N (at byte 8 of \"tap:?fd=2\")",
    ),
    (
        "tap:?fds=7,x",
        "fds=7,x is not a list of descriptor numbers above 2, with commas between them \
         (at byte 9 of \"tap:?fds=7,x\")",
    ),
    (
        "tap:?fds=7,7",
        "fds=7,7 names a descriptor twice; each queue has its own (at byte 9 of \"tap:?fds=7,7\")",
    ),
    (
        "tap:?fd=7&fds=8",
        "fd and fds exclude one another; give one of them (at byte 10 of \"tap:?fd=7&fds=8\")",
    ),
    (
        "tap:t?fd=7",
        "a name and descriptors exclude one another; write tap:?fd=N (at byte 4 of \"tap:t?fd=7\")",
    ),
    (
        "tap:?fd=7&queues=2",
        "fd and queues exclude one another; give one of them (at byte 10 of \"tap:?fd=7&queues=2\")",
    ),
    (
        "tap:?fd=999",
        "descriptor 999 is not open; pass it without close-on-exec (at byte 8 of \"tap:?fd=999\")",
    ),
];

fn in_use() -> Outcome {
    let _held = open("tap:held")?;
    refused(
        "tap:held",
        "TUNSETIFF on held: Device or resource busy; another program has it open; \
         close that one or take another name",
    )
}

fn single_queue() -> Outcome {
    drop(open("tap:single?persist=on")?);
    let outcome = refused(
        "tap:single?queues=2",
        "TUNSETIFF on single: Invalid argument; it exists and is no tap, or a tap with a single queue; \
         leave out queues or delete it",
    );
    drop(open("tap:single?persist=off")?);
    outcome
}

fn no_tap() -> Outcome {
    refused(
        "tap:lo",
        "TUNSETIFF on lo: Invalid argument; it exists and is no tap; take another name",
    )
}

fn no_permission() -> Outcome {
    without_capabilities(|| {
        refused(
            "tap:notmine",
            "TUNSETIFF on notmine: Operation not permitted; needs CAP_NET_ADMIN or a tap owned by you",
        )
    })
}

fn foreign_descriptors() -> Outcome {
    let descriptor = |path: &str| -> Result<OwnedFd, Failed> {
        Ok(File::options().read(true).write(true).open(path)?.into())
    };
    let cases = [
        (descriptor("/dev/null")?, "is not a tap"),
        (
            descriptor("/dev/net/tun")?,
            "is /dev/net/tun without an interface; do TUNSETIFF before passing it",
        ),
    ];
    for (descriptor, complaint) in cases {
        let number = descriptor.as_raw_fd();
        let uri = format!("tap:?fd={number}");
        let words = format!("descriptor {number} {complaint} (at byte 8 of \"{uri}\")");
        refused(&uri, &words)?;
    }
    Ok(())
}

fn not_offered() -> Outcome {
    let mut plain = Tap::open(&config("tap:plain?header=off")?)?;
    let mut with_header = Tap::open(&config("tap:header?queues=2")?)?;
    let ask = |features, header, queue_pairs| Activation {
        queue_pairs,
        header,
        features,
    };
    let csum = Features::CSUM;
    let error = plain.activate(&ask(csum, HeaderLength::Twelve, 1));
    said(error, "tap does not offer CSUM; it offers none")?;
    let error = with_header.activate(&ask(Features::HOST_TSO4, HeaderLength::Twelve, 1));
    said(error, "HOST_TSO4 needs CSUM; ask for both or for neither")?;
    let error = with_header.activate(&ask(csum, HeaderLength::None, 1));
    said(
        error,
        "CSUM needs the virtio-net header; activate with a header of 10 or 12 bytes",
    )?;
    let error = with_header.activate(&ask(csum, HeaderLength::Twelve, 3));
    said(error, "3 queue pairs asked for; tap was opened for 1 to 2")?;
    let _live = with_header.activate(&Activation::plain())?;
    let error = with_header.activate(&Activation::plain());
    said(
        error,
        "header is active; drop the queue pairs of the last activation first",
    )
}
