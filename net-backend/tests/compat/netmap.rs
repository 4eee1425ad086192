//! The same for netmap.

use net_backend::{Uri, compat};

use super::refuses;

const GOOD: &[(&str, &str)] = &[
    // QEMU
    ("netmap,ifname=em0", "netmap:em0"),
    ("netmap,ifname=netmap:em0", "netmap:em0"),
    ("netmap,id=n0,ifname=vale0:a", "netmap:vale0:a"),
    (
        "netmap,id=n0,ifname=vale0:a,devname=/dev/netmap",
        "netmap:vale0:a",
    ),
    ("type=netmap,ifname=vale0:a{1", "netmap:vale0:a{1"),
    ("netmap,ifname=em0-1@2/x", "netmap:em0-1@2/x"),
    // bhyve
    ("vale0:vm1", "netmap:vale0:vm1"),
    ("vale:a", "netmap:vale:a"),
    ("valeA_1:a}2", "netmap:valeA_1:a}2"),
    (
        "vale0:p,mac=00:A0:98:12:34:56",
        "netmap:vale0:p?mac=00:a0:98:12:34:56",
    ),
    (
        "netmap:em0^,mac=00:a0:98:12:34:56",
        "netmap:em0^?mac=00:a0:98:12:34:56",
    ),
    ("netmap:em0*/x,type=netmap", "netmap:em0*/x"),
    ("netmap:em0,type=vale", "netmap:em0"),
];

#[test]
fn translates() {
    for (text, uri) in GOOD {
        assert_eq!(compat::parse(text).unwrap().to_string(), *uri, "{text}");
        assert!(compat::recognizes(text), "{text}");
        let parsed: Uri = uri.parse().unwrap();
        assert_eq!(compat::parse(text).unwrap(), parsed, "{text}");
    }
}

#[cfg(feature = "netmap")]
#[test]
fn what_it_makes_is_what_the_backend_reads() {
    for (text, uri) in GOOD {
        let parsed = compat::parse(text).unwrap();
        let config = net_backend::netmap::NetmapConfig::from_uri(&parsed).unwrap();
        assert_eq!(config.to_uri().to_string(), *uri, "{text}");
    }
}

/// Each text with what is wrong below the place where it is wrong.
const BAD: &str = r#"
netmap
^ BadTarget: QEMU's netmap needs a port; write ifname=netmap:em0 or ifname=vale0:vm1
netmap,id=n0
^ BadTarget: QEMU's netmap needs a port; write ifname=netmap:em0 or ifname=vale0:vm1
netmap,ifname=
              ^ BadTarget: ifname= is no netmap port; write netmap:em0 or vale0:vm1
netmap,ifname=netmap:
              ^ BadTarget: ifname=netmap: is no netmap port; write netmap:em0 or vale0:vm1
netmap,ifname=em 0
                ^ BadTarget: ifname=em 0 has white space, a comma or a question mark, which no netmap port has
netmap,ifname=netmap:a,,mac=b
                      ^ BadTarget: ifname=netmap:a,mac=b has white space, a comma or a question mark, which no netmap port has
netmap,ifname=em0,devname=/dev/netmap1
                          ^ BadValue: devname=/dev/netmap1 cannot be had: netmap has no other device; leave it out
netmap,ifname=em0,type=tap
                       ^ BadValue: type=tap cannot be had: the first word says netmap already; leave type out
netmap,ifname=em0,queues=2
                  ^ UnknownKey: unknown option queues; QEMU's netmap has ifname, devname, id, type
netmap,ifname
       ^ Syntax: ifname has no value; write ifname=VALUE
vale0:p,mtu=1500
            ^ BadValue: mtu=1500 cannot be had: a netmap port has no MTU to set; tell the guest by its NIC, and leave it out
vale0:p,rings=2
        ^ UnknownKey: unknown option rings; bhyve's netmap has type, mac, mtu
netmap:em0,mac=x
               ^ BadValue: mac=x is not six pairs of hexadecimal digits as in 52:54:00:12:34:56
vale0:p,mac=x?rings=2
            ^ BadValue: mac=x?rings=2 is not six pairs of hexadecimal digits as in 52:54:00:12:34:56
netmap:,mac=00:a0:98:12:34:56
^ BadTarget: netmap: is no netmap port; write netmap:em0 or vale0:vm1
vale0
^ BadTarget: vale0 is no netmap port; write netmap:em0 or vale0:vm1
vale.0:a
^ BadTarget: vale.0:a is no netmap port; write netmap:em0 or vale0:vm1
em0,type=netmap
^ BadTarget: em0 is no netmap port; write netmap:em0 or vale0:vm1
netmap:em0
^ UnknownScheme: this is a URI already; open it as it is
netmap:em0?fd=3,4
^ UnknownScheme: this is a URI already; open it as it is
vale0:p?rings=2
^ UnknownScheme: this is a URI already; open it as it is
netmap:em0 b,mac=00:a0:98:12:34:56
          ^ BadTarget: netmap:em0 b has white space, a comma or a question mark, which no netmap port has
"#;

#[test]
fn refuses_with_place_and_remedy() {
    refuses(BAD);
}
