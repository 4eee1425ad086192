//! What bhyve and QEMU write, and what becomes of it: exact texts.

mod netgraph;
mod netmap;
mod slirp;

use net_backend::{Error, Uri, compat};
use proptest::prelude::*;

const GOOD: &[(&str, &str)] = &[
    // QEMU
    ("tap", "tap:tap%d"),
    ("tap,id=n0", "tap:tap%d"),
    ("tap,ifname=tap0", "tap:tap0"),
    ("tap,ifname=vm%d", "tap:vm%d"),
    (
        "tap,id=n0,ifname=tap0,script=no,downscript=no,queues=2,vnet_hdr=on",
        "tap:tap0?queues=2&header=on",
    ),
    ("tap,ifname=tap0,script=,downscript=", "tap:tap0"),
    ("tap,ifname=tap0,vnet_hdr=off", "tap:tap0?header=off"),
    ("tap,ifname=tap0,vnet_hdr", "tap:tap0?header=on"),
    ("tap,ifname=tap0,vhost=off,vhostforce=no", "tap:tap0"),
    ("tap,ifname=tap0,poll-us=0", "tap:tap0"),
    ("tap,ifname=tap0,sndbuf=1048576", "tap:tap0?sndbuf=1048576"),
    ("tap,ifname=tap0,sndbuf=64k", "tap:tap0?sndbuf=65536"),
    ("tap,ifname=tap0,sndbuf=2M", "tap:tap0?sndbuf=2097152"),
    ("tap,ifname=tap0,sndbuf=0", "tap:tap0"),
    ("tap,ifname=tap0,sndbuf=8G", "tap:tap0"),
    ("tap,ifname=a,,b", "tap:a,b"),
    ("tap,ifname=100%", "tap:100%"),
    ("tap,fd=7", "tap:?fd=7"),
    ("tap,fd=0,script=no", "tap:?fd=0"),
    ("tap,fds=7:8", "tap:?fds=7,8"),
    ("tap,fds=7,vnet_hdr=on", "tap:?fds=7&header=on"),
    ("type=tap,ifname=tap0", "tap:tap0"),
    ("id=n0,type=tap,ifname=tap0", "tap:tap0"),
    // bhyve
    ("tap0", "tap:tap0"),
    ("vmnet0", "tap:vmnet0"),
    ("tapestry", "tap:tapestry"),
    (
        "tap0,mac=00:A0:98:12:34:56,mtu=9000",
        "tap:tap0?mac=00:a0:98:12:34:56&mtu=9000",
    ),
    (
        "tap0,mtu=1500,mac=00:a0:98:12:34:56",
        "tap:tap0?mac=00:a0:98:12:34:56&mtu=1500",
    ),
    ("mytap,type=tap", "tap:mytap"),
    ("mytap,mtu=1500,type=vmnet0", "tap:mytap?mtu=1500"),
    ("slirp,type=tap", "tap:slirp"),
    ("null", "null:"),
    ("loopback", "loopback:"),
    ("loopback,mtu=9000", "loopback:?mtu=9000"),
];

#[test]
fn translates() {
    for (text, uri) in GOOD {
        assert_eq!(compat::parse(text).unwrap().to_string(), *uri, "{text}");
        assert!(compat::recognizes(text), "{text}");
    }
}

#[test]
fn what_it_makes_is_read_back() {
    for (text, _) in GOOD {
        let uri = compat::parse(text).unwrap();
        assert_eq!(uri.to_string().parse::<Uri>().unwrap(), uri, "{text}");
    }
}

/// Each text with what is wrong below the place where it is wrong.
const BAD: &str = r#"
em0
^ UnknownScheme: neither bhyve nor QEMU has a backend em0; write em0,type=tap for a tap of this name
id=n0,ifname=tap0
^ UnknownScheme: no backend; begin with one, as in tap,ifname=tap0 or tap0
,ifname=tap0
^ UnknownScheme: no backend; begin with one, as in tap,ifname=tap0 or tap0
em 0
^ UnknownScheme: neither bhyve nor QEMU has a backend em 0
bridge,br=br0
^ UnknownScheme: net-backend has no backend for QEMU's bridge; it has loopback, netgraph, netmap, ngd, null, slirp, tap
slirpx
^ UnknownScheme: neither bhyve nor QEMU has a backend slirpx; write slirpx,type=tap for a tap of this name
tap,ifname=tap0,
                ^ Syntax: an option is missing; write KEY=VALUE, or leave out the comma
tap,,ifname=tap0
    ^ Syntax: an option is missing; write KEY=VALUE, or leave out the comma
tap,=x
    ^ Syntax: an option is missing; write KEY=VALUE, or leave out the comma
tap,ifname
    ^ Syntax: ifname has no value; write ifname=VALUE
tap,ifname=
           ^ BadTarget: ifname= is no name of a device, which is not empty and has no space, /, : or ? in it
tap,ifname=a/b
           ^ BadTarget: ifname=a/b is no name of a device, which is not empty and has no space, /, : or ? in it
tap,ifname=a?b
           ^ BadTarget: ifname=a?b is no name of a device, which is not empty and has no space, /, : or ? in it
tap,name=tap0
    ^ UnknownKey: unknown option name; QEMU's tap has ifname, fd, fds, queues, vnet_hdr, sndbuf, id, type, script, downscript, br, helper, vhost, vhostforce, vhostfd, vhostfds, poll-us
tap,ifname=tap0,ifname=tap1
                ^ DuplicateKey: ifname was given before; give it once
tap,ifname=tap0,fd=7
                ^ Conflict: ifname and fd exclude one another; give one of them
tap,fds=7:8,ifname=tap0
            ^ Conflict: ifname and fds exclude one another; give one of them
tap,fd=7,queues=2
         ^ Conflict: queues and fd exclude one another; give one of them
tap,fd=net0
       ^ BadValue: fd=net0 has "net0" for a descriptor; write the number of one that is open
tap,fd=007
       ^ BadValue: fd=007 has "007" for a descriptor; write the number of one that is open
tap,fd=-1
       ^ BadValue: fd=-1 has "-1" for a descriptor; write the number of one that is open
tap,fds=7:x:9
          ^ BadValue: fds=7:x:9 has "x" for a descriptor; write the number of one that is open
tap,fds=7:
          ^ BadValue: fds=7: has "" for a descriptor; write the number of one that is open
tap,fds=
        ^ BadValue: fds= has "" for a descriptor; write the number of one that is open
tap,queues=0
           ^ BadValue: queues=0 is not a decimal number from 1 to 1024
tap,queues=2048
           ^ BadValue: queues=2048 is not a decimal number from 1 to 1024
tap,queues=0x2
           ^ BadValue: queues=0x2 is not a decimal number from 1 to 1024
tap,vnet_hdr=maybe
             ^ BadValue: vnet_hdr=maybe is neither on nor off
tap,sndbuf=1.5M
           ^ BadValue: sndbuf=1.5M is not a size in bytes, as 65536 or 64K
tap,sndbuf=M
           ^ BadValue: sndbuf=M is not a size in bytes, as 65536 or 64K
tap,script=/etc/qemu-ifup
           ^ BadValue: script=/etc/qemu-ifup cannot be had: no script is run here; set the interface up beforehand, and write no
tap,downscript=/etc/qemu-ifdown
               ^ BadValue: downscript=/etc/qemu-ifdown cannot be had: no script is run here; set the interface up beforehand, and write no
tap,br=br0
       ^ BadValue: br=br0 cannot be had: no interface is put into a bridge here; make one that is in it, and give it as ifname
tap,helper=/usr/lib/qemu/qemu-bridge-helper
           ^ BadValue: helper=/usr/lib/qemu/qemu-bridge-helper cannot be had: no helper is run here; run it beforehand, and give the descriptor that it returns as fd
tap,vhost=on
          ^ BadValue: vhost=on cannot be had: frames pass through this process, not through the kernel's vhost; write off
tap,vhost
    ^ BadValue: vhost=on cannot be had: frames pass through this process, not through the kernel's vhost; write off
tap,vhostforce=on
               ^ BadValue: vhostforce=on cannot be had: frames pass through this process, not through the kernel's vhost; write off
tap,vhostfd=9
            ^ BadValue: vhostfd=9 cannot be had: frames pass through this process, not through the kernel's vhost; leave it out
tap,vhostfds=9:10
             ^ BadValue: vhostfds=9:10 cannot be had: frames pass through this process, not through the kernel's vhost; leave it out
tap,poll-us=50
            ^ BadValue: poll-us=50 cannot be had: it is about vhost, which is not used; leave it out
tap,type=user
         ^ BadValue: type=user cannot be had: the first word says tap already; leave type out
tap0,type=tap,mtu=67
                  ^ BadValue: mtu=67 is not a decimal number from 68 to 65535
tap0,mtu=0x5dc
         ^ BadValue: mtu=0x5dc is not a decimal number from 68 to 65535
tap0,mtu=01500
         ^ BadValue: mtu=01500 is not a decimal number from 68 to 65535
tap0,mac=01:00:5e:00:00:01
         ^ BadValue: mac=01:00:5e:00:00:01 is a multicast address; a NIC's own address has an even first byte
tap0,mac=0:a0:98:1:2:3
         ^ BadValue: mac=0:a0:98:1:2:3 is not six pairs of hexadecimal digits as in 52:54:00:12:34:56
tap0,ifname=tap1
     ^ UnknownKey: unknown option ifname; bhyve's tap has type, mac, mtu
tap0,mac
     ^ Syntax: mac has no value; write mac=VALUE
tap0:x
^ BadTarget: tap0:x is no name of a device, which is not empty and has no space, /, : or ? in it
tap../etc,mtu=1500
^ BadTarget: tap../etc is no name of a device, which is not empty and has no space, /, : or ? in it
null,mtu=1500
     ^ UnknownKey: unknown option mtu; null has type
loopback,mac=00:a0:98:12:34:56
         ^ UnknownKey: unknown option mac; loopback has type, mtu
tap,id
    ^ Syntax: id has no value; write id=VALUE
tap0,type
^ UnknownScheme: neither bhyve nor QEMU has a backend tap0; write tap0,type=tap for a tap of this name
loopback:?mtu=9000
^ UnknownScheme: this is a URI already; open it as it is
tap:tap0
^ UnknownScheme: this is a URI already; open it as it is
tap:tap0,mtu=9000
^ UnknownScheme: this is a URI already; open it as it is
"#;

#[test]
fn refuses_with_place_and_remedy() {
    refuses(BAD);
}

/// Tries lines of texts, each with its complaint in the next.
fn refuses(cases: &str) {
    let lines: Vec<_> = cases.trim().lines().collect();
    assert_eq!(lines.len() % 2, 0, "half a case");
    let (texts, complaints) = (lines.iter().step_by(2), lines.iter().skip(1).step_by(2));
    for (text, complaint) in texts.zip(complaints) {
        let found = match compat::parse(text) {
            Err(Error::Config(error)) => {
                let (place, problem) = (" ".repeat(error.position()), error.problem());
                format!("{place}^ {problem:?}: {}", error.message())
            }
            other => format!("{other:?}"),
        };
        assert_eq!(found, *complaint, "{text}");
    }
}

#[test]
fn nothing_is_no_backend() {
    let error = compat::parse("").unwrap_err().to_string();
    let expected = "no backend; begin with one, as in tap,ifname=tap0 or tap0 (at byte 0 of \"\")";
    assert_eq!(error, expected);
}

const PIECES: &[&str] = &[
    "tap",
    "tap0",
    "vmnet",
    "netmap",
    "netmap:",
    "em0",
    "vale0:",
    "devname",
    "netgraph",
    "ngd0",
    "path",
    "peerhook",
    "hook",
    "socket",
    "slirp",
    "user",
    "null",
    "loopback",
    "type",
    "id",
    "ifname",
    "fd",
    "fds",
    "queues",
    "vnet_hdr",
    "sndbuf",
    "script",
    "ipv6",
    "net",
    "ipv6-net",
    "hostfwd",
    "guestfwd",
    "dnssearch",
    "open",
    "10.0.2.0/24",
    "fd00::/64",
    "tcp::1-:2",
    "tcp::1-cmd:a",
    "mac",
    "mtu",
    "on",
    "no",
    "7",
    "010",
    "99999999999999999999",
    "00:a0:98:12:34:56",
    "64K",
    "%d",
    "ü",
    " ",
    ",",
    ",,",
    "=",
    ":",
    ";",
    "?",
    "&",
    "%",
    "/",
];

/// Texts out of the pieces of which these spellings are made.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(PIECES);
    prop::collection::vec(piece, 0..16).prop_map(|pieces| pieces.concat())
}

fn holds_for(text: &str) -> Result<(), TestCaseError> {
    match compat::parse(text) {
        Ok(uri) => {
            let printed = uri.to_string();
            prop_assert_eq!(printed.parse::<Uri>().ok(), Some(uri), "{}", printed);
            prop_assert!(compat::recognizes(text));
        }
        Err(Error::Config(error)) => {
            prop_assert!(text.is_char_boundary(error.position()), "{}", error);
        }
        Err(error) => prop_assert!(false, "{}", error),
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_translated_or_refused(text in ".*") {
        holds_for(&text)?;
    }

    #[test]
    fn any_pieces_are_translated_or_refused(text in pieces()) {
        holds_for(&text)?;
    }
}
