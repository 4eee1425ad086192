//! The same for netgraph, which QEMU does not have.

use net_backend::{Uri, compat};

use super::refuses;

const GOOD: &[(&str, &str)] = &[
    (
        "netgraph,path=em0:,peerhook=lower",
        "netgraph:em0:?peerhook=lower",
    ),
    (
        "netgraph,path=vmbridge:,peerhook=link1,hook=eth0,socket=vm",
        "netgraph:vmbridge:?peerhook=link1&hook=eth0&socket=vm",
    ),
    (
        "netgraph,mac=00:A0:98:12:34:56,socket=vm,peerhook=link1,path=[1f]:lower.link2",
        "netgraph:[1f]:lower.link2?peerhook=link1&socket=vm&mac=00:a0:98:12:34:56",
    ),
    (
        "netgraph,type=netgraph,path=a:,peerhook=b=c&d",
        "netgraph:a:?peerhook=b=c%26d",
    ),
    (
        "mine,type=netgraph,path=a:,peerhook=b",
        "netgraph:a:?peerhook=b",
    ),
    ("ngd0", "ngd:ngd0"),
    (
        "ngd17,mac=00:a0:98:12:34:56",
        "ngd:ngd17?mac=00:a0:98:12:34:56",
    ),
    ("ngd1,type=ngd", "ngd:ngd1"),
    ("ngd2,type=ngd0", "ngd:ngd2"),
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

#[cfg(feature = "netgraph")]
#[test]
fn what_it_makes_is_what_the_backend_reads() {
    use net_backend::netgraph::{NetgraphConfig, NgdConfig};
    for (text, uri) in GOOD {
        let parsed = compat::parse(text).unwrap();
        let read = match parsed.scheme() {
            "ngd" => NgdConfig::from_uri(&parsed).unwrap().to_uri(),
            _ => NetgraphConfig::from_uri(&parsed).unwrap().to_uri(),
        };
        assert_eq!(read.to_string(), *uri, "{text}");
    }
}

/// Each text with what is wrong below the place where it is wrong.
const BAD: &str = r#"
netgraph
^ BadTarget: bhyve's netgraph needs path; write path=em0: for a node
netgraph,peerhook=lower
^ BadTarget: bhyve's netgraph needs path; write path=em0: for a node
netgraph,path=em0:
^ BadTarget: bhyve's netgraph needs peerhook; write peerhook=lower for a hook of it
netgraph,path=,peerhook=lower
              ^ BadTarget: path= is no path; write one to a node, as em0:
netgraph,path=a?b:,peerhook=lower
               ^ BadTarget: path=a?b: has a question mark, which no URI can have there; write [ID]: instead of the name
netgraph,path,peerhook=lower
         ^ Syntax: path has no value; write path=VALUE
netgraph,path=em0:,peerhook
                   ^ Syntax: peerhook has no value; write peerhook=VALUE
netgraph,path=em0:,path=em1:,peerhook=lower
                   ^ DuplicateKey: path was given before; give it once
netgraph,path=em0:,peerhook=lower,bridge=b
                                  ^ UnknownKey: unknown option bridge; bhyve's netgraph has path, peerhook, hook, socket, type, mac, mtu
netgraph,path=em0:,peerhook=lower,mtu=1500
                                      ^ BadValue: mtu=1500 cannot be had: a netgraph node has no MTU to set; tell the guest by its NIC, and leave it out
netgraph,path=em0:,peerhook=lower,mac=x
                                      ^ BadValue: mac=x is not six pairs of hexadecimal digits as in 52:54:00:12:34:56
netgraphx,path=em0:,peerhook=lower
^ UnknownScheme: neither bhyve nor QEMU has a backend netgraphx; write netgraphx,type=tap for a tap of this name
ngd0,mtu=9000
         ^ BadValue: mtu=9000 cannot be had: a netgraph node has no MTU to set; tell the guest by its NIC, and leave it out
ngd0,peerhook=lower
     ^ UnknownKey: unknown option peerhook; bhyve's ngd has type, mac, mtu
ngd0/x
^ BadTarget: ngd0/x is no name of a device, which is not empty and has no space, /, : or ? in it
netgraph:em0:?peerhook=lower
^ UnknownScheme: this is a URI already; open it as it is
ngd:ngd0
^ UnknownScheme: this is a URI already; open it as it is
"#;

#[test]
fn refuses_with_place_and_remedy() {
    refuses(BAD);
}
