//! What is refused, where, and what is said to do instead.

use net_backend_core::ConfigError;

use super::read;

/// Each text with what is wrong below the place where it is wrong.
const BAD: &str = r#"
netgraph:
         ^ BadTarget: no node to connect with; write netgraph:em0:?peerhook=lower, netgraph:?bridge=vmbr0, netgraph:?mkpeer=eiface or netgraph:?fd=N
netgraph:?socket=a
         ^ BadTarget: no node to connect with; write netgraph:em0:?peerhook=lower, netgraph:?bridge=vmbr0, netgraph:?mkpeer=eiface or netgraph:?fd=N
netgraph:em0:
         ^ BadTarget: em0: needs the hook that is to be ours; write netgraph:em0:?peerhook=HOOK, as lower, link1 or ether
netgraph:em0?peerhook=lower
         ^ BadTarget: em0 has no colon, so that it is a hook of our own node, which has none yet; write em0: for a node
netgraph:em0.lower?peerhook=a
         ^ BadTarget: em0.lower has no colon, so that it is a hook of our own node, which has none yet; write em0: for a node
netgraph:.:?peerhook=lower
         ^ BadTarget: .: is our own node; write the name of another, as em0:
netgraph:.:vmlink?peerhook=lower
         ^ BadTarget: .: is our own node; write the name of another, as em0:
netgraph::?peerhook=lower
         ^ BadTarget: path ":" has no node in front of the colon; .: is one's own
netgraph:a.b:?peerhook=lower
          ^ BadTarget: path "a.b:" has a dot in front of the colon, in the node's name
netgraph:a:b..c?peerhook=lower
            ^ BadTarget: path "a:b..c" has two dots together
netgraph:a:b:c?peerhook=lower
            ^ BadTarget: path "a:b:c" has a second colon
netgraph:em0:?peerhook=
                       ^ BadValue: peerhook= is empty; write 1 to 31 bytes
netgraph:em0:?peerhook=12345678901234567890123456789012
                                                      ^ BadValue: peerhook=12345678901234567890123456789012 has 32 bytes; at most 31 are possible
netgraph:em0:?peerhook=a.b
                        ^ BadValue: peerhook=a.b has a . in it; paths are made of these
netgraph:em0:?peerhook=lower&hook=a:b
                                   ^ BadValue: hook=a:b has a : in it; paths are made of these
netgraph:em0:?peerhook=lower&socket=[1f]
                                    ^ BadValue: socket=[1f] is an identifier; take another name
netgraph:em0:?peerhook=lower&socket=em0
                                    ^ BadValue: socket=em0 is the name of the node to connect with; ours needs another, or none
netgraph:em0:upper?peerhook=link1&socket=em0
                                         ^ BadValue: socket=em0 is the name of the node to connect with; ours needs another, or none
netgraph:em0:?peerhook=lower&queues=4
                                    ^ BadValue: queues=4 cannot be had: netgraph hands frames to one socket or device, which is one queue pair; leave it out
netgraph:em0:?peerhook=lower&mtu=1500&queues=4
                             ^ UnknownKey: unknown option mtu; netgraph takes peerhook, bridge, uplink, persist, mkpeer, fd, hook, socket, linger, sndbuf, rcvbuf, patience, offloads, mac
netgraph:em0:?peerhook=lower&peerhook=upper
                             ^ DuplicateKey: peerhook was given before; give it once
netgraph:em0:?peerhook=lower&uplink=em0
                                    ^ BadValue: uplink=em0 is for bridge=NAME only; leave it out
netgraph:em0:?peerhook=lower&persist=on
                                     ^ BadValue: persist=on is for bridge=NAME only; leave it out
netgraph:em0:?peerhook=lower&persist=yes
                                     ^ BadValue: persist=yes is for bridge=NAME only; leave it out
netgraph:em0:?peerhook=lower&linger=1
                                    ^ BadValue: linger=1 is neither on nor off
netgraph:em0:?peerhook=lower&sndbuf=2047
                                    ^ BadValue: sndbuf=2047 is not a number from 2048 to 2147483647
netgraph:em0:?peerhook=lower&rcvbuf=2147483648
                                    ^ BadValue: rcvbuf=2147483648 is not a number from 2048 to 2147483647
netgraph:em0:?peerhook=lower&patience=60001
                                      ^ BadValue: patience=60001 is not a number from 0 to 60000
netgraph:em0:?peerhook=lower&offloads=auto
                                      ^ BadValue: offloads=auto is neither on nor off
netgraph:em0:?peerhook=lower&mac=00:00:00:00:00:00
                                 ^ BadValue: mac=00:00:00:00:00:00 is all zero; a NIC needs an address of its own
netgraph:?bridge=vmbr0&mkpeer=bridge
                       ^ Conflict: bridge and mkpeer exclude one another; give one of them
netgraph:?fd=7&bridge=vmbr0
               ^ Conflict: bridge and fd exclude one another; give one of them
netgraph:?mkpeer=hub&fd=7
                     ^ Conflict: mkpeer and fd exclude one another; give one of them
netgraph:?bridge=vm.br0
                   ^ BadValue: bridge=vm.br0 has a . in it; paths are made of these
netgraph:?bridge=12345678901234567890123456789012
                                                ^ BadValue: bridge=12345678901234567890123456789012 has 32 bytes; at most 31 are possible
netgraph:vmbr0:?bridge=vmbr0
         ^ BadTarget: bridge=vmbr0 says already what to connect with; write netgraph:?bridge=vmbr0
netgraph:?bridge=vmbr0&peerhook=link3
                                ^ BadValue: peerhook=link3 is not for bridge=vmbr0, where a link that is free is taken; leave it out, or write netgraph:vmbr0:?peerhook=link0
netgraph:?bridge=vmbr0&uplink=
                              ^ BadValue: uplink= is no name of an interface; write one, as em0
netgraph:?bridge=vmbr0&uplink=1234567890123456
                              ^ BadValue: uplink=1234567890123456 has 16 bytes; an interface's name has at most 15
netgraph:?bridge=em0_5&uplink=em0.5
                              ^ BadValue: uplink=em0.5 has a node of this name already; give the bridge another, as bridge=vmbr0
netgraph:?bridge=vmbr0&socket=vmbr0
                              ^ BadValue: socket=vmbr0 is the name of the node to connect with; ours needs another, or none
netgraph:?bridge=vmbr0&uplink=em0.5&socket=em0_5
                                           ^ BadValue: socket=em0_5 is the name of the node to connect with; ours needs another, or none
netgraph:?bridge=vmbr0&persist=yes
                               ^ BadValue: persist=yes is neither on nor off
netgraph:vm1?mkpeer=vlan
                    ^ BadValue: mkpeer=vlan needs the hook of the new node as well; write peerhook=HOOK
netgraph:vm1:?mkpeer=eiface
         ^ BadTarget: mkpeer=eiface makes a node, so that this is its name; write netgraph:vm1?mkpeer=eiface
netgraph:v.m?mkpeer=eiface
          ^ BadTarget: node name "v.m" has a . in it; paths are made of these
netgraph:?mkpeer=ether
                 ^ BadValue: mkpeer=ether cannot be made: every Ethernet interface has such a node when ng_ether is loaded; write netgraph:em0:?peerhook=lower
netgraph:?mkpeer=socket
                 ^ BadValue: mkpeer=socket cannot be made: such a node belongs to a program; write its name, as netgraph:NAME:?peerhook=HOOK
netgraph:?mkpeer=ng_eiface
                 ^ BadValue: mkpeer=ng_eiface is the name of a module; the type is eiface
netgraph:?mkpeer=a/b
                  ^ BadValue: mkpeer=a/b has a / in it; the type is the name of a kernel module behind ng_
netgraph:?mkpeer=
                 ^ BadValue: mkpeer= is empty; write 1 to 31 bytes
netgraph:vm1?mkpeer=hub&socket=vm1
                               ^ BadValue: socket=vm1 is the name of the node to connect with; ours needs another, or none
netgraph:vm1?mkpeer=hub&persist=on
                                ^ BadValue: persist=on is for bridge=NAME only; leave it out
netgraph:?fd=2
             ^ BadValue: fd=2 is not a number from 3 to 2147483647
netgraph:?fd=7&peerhook=lower
                        ^ BadValue: peerhook=lower is about a node of our own, but descriptor 7 has one that is connected; leave it out
netgraph:?fd=7&hook=vmlink
                    ^ BadValue: hook=vmlink is about a node of our own, but descriptor 7 has one that is connected; leave it out
netgraph:?fd=7&socket=vm
                      ^ BadValue: socket=vm is about a node of our own, but descriptor 7 has one that is connected; leave it out
netgraph:?fd=7&linger=on
                      ^ BadValue: linger=on is about a node of our own, but descriptor 7 has one that is connected; leave it out
netgraph:em0:?fd=7
         ^ BadTarget: descriptor 7 is connected already; leave out the path, or fd=7
netgraph:?fd=7&fd=8
               ^ DuplicateKey: fd was given before; give it once
netgraph:?fd=7&uplink=em0
                      ^ BadValue: uplink=em0 is for bridge=NAME only; leave it out
"#;

#[test]
fn refuses_with_place_and_remedy() {
    refuses(BAD, |text| read(text).map(drop));
}

/// Tries lines of texts, each with its complaint in the next.
pub(crate) fn refuses(cases: &str, read: impl Fn(&str) -> Result<(), ConfigError>) {
    let lines: Vec<_> = cases.trim().lines().collect();
    assert_eq!(lines.len() % 2, 0, "half a case");
    let (texts, complaints) = (lines.iter().step_by(2), lines.iter().skip(1).step_by(2));
    for (text, complaint) in texts.zip(complaints) {
        let found = match read(text) {
            Err(error) => {
                let (place, problem) = (" ".repeat(error.position()), error.problem());
                format!("{place}^ {problem:?}: {}", error.message())
            }
            Ok(()) => "accepted".to_owned(),
        };
        assert_eq!(found, *complaint, "{text}");
    }
}
