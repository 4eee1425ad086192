//! User-mode networking: QEMU's `user` and bhyve's `slirp`.

use net_backend::{Uri, compat};

use super::refuses;

const GOOD: &[(&str, &str)] = &[
    // QEMU
    ("user", "slirp:?ipv6-net=fec0::/64"),
    ("user,id=n0", "slirp:?ipv6-net=fec0::/64"),
    ("type=user,id=n0", "slirp:?ipv6-net=fec0::/64"),
    ("user,ipv6=off", "slirp:?ipv6=off"),
    ("user,ipv4=on", "slirp:?ipv6=off"),
    ("user,ipv4", "slirp:?ipv6=off"),
    ("user,ipv4=off", "slirp:?ipv4=off&ipv6-net=fec0::/64"),
    ("user,ipv6=on", "slirp:?ipv4=off&ipv6-net=fec0::/64"),
    ("user,ipv4=on,ipv6=on", "slirp:?ipv6-net=fec0::/64"),
    (
        "user,ipv4=off,ipv6=yes",
        "slirp:?ipv4=off&ipv6-net=fec0::/64",
    ),
    (
        "user,ipv6=n,net=192.168.76.0/24",
        "slirp:192.168.76.0/24?ipv6=off",
    ),
    (
        "user,ipv6=no,net=192.168.76.9/24",
        "slirp:192.168.76.0/24?ipv6=off",
    ),
    (
        "user,ipv6=off,net=10.0.2.0/255.255.255.0",
        "slirp:10.0.2.0/24?ipv6=off",
    ),
    (
        "user,ipv6=off,net=172.16.0.0/255.240.0.0",
        "slirp:172.16.0.0/12?ipv6=off",
    ),
    ("user,ipv6=off,net=10.1.2.3", "slirp:10.0.0.0/8?ipv6=off"),
    (
        "user,ipv6=off,net=172.17.5.0",
        "slirp:172.16.0.0/12?ipv6=off",
    ),
    (
        "user,ipv6=off,net=172.32.5.0",
        "slirp:172.32.0.0/16?ipv6=off",
    ),
    (
        "user,ipv6=off,net=192.168.76.0",
        "slirp:192.168.0.0/16?ipv6=off",
    ),
    (
        "user,ipv6=off,net=198.19.0.0",
        "slirp:198.18.0.0/15?ipv6=off",
    ),
    (
        "user,ipv6=off,ip=192.168.76.0",
        "slirp:192.168.76.0/24?ipv6=off",
    ),
    (
        "user,ipv6=off,ip=192.168.76.9",
        "slirp:192.168.76.0/24?ipv6=off",
    ),
    (
        "user,ipv6=off,net=10.0.2.0/24,dns=10.0.2.9,host=10.0.2.1,dhcpstart=10.0.2.100",
        "slirp:10.0.2.0/24?host=10.0.2.1&dhcpstart=10.0.2.100&dns=10.0.2.9&ipv6=off",
    ),
    (
        "user,ipv6-net=2001:db8::/32,ipv6-host=2001:db8::9,ipv6-dns=2001:db8::a",
        "slirp:?ipv6-net=2001:db8::/32&ipv6-host=2001:db8::9&ipv6-dns=2001:db8::a",
    ),
    ("user,ipv6-net=fd01::", "slirp:?ipv6-net=fd01::/64"),
    ("user,ipv6-prefix=fd01::", "slirp:?ipv6-net=fd01::/64"),
    (
        "user,ipv6-prefix=fd01::,ipv6-prefixlen=48",
        "slirp:?ipv6-net=fd01::/48",
    ),
    ("user,ipv6-prefixlen=60", "slirp:?ipv6-net=fec0::/60"),
    ("user,ipv6=off,restrict=on", "slirp:?ipv6=off&restrict=on"),
    ("user,ipv6=off,restrict", "slirp:?ipv6=off&restrict=on"),
    ("user,ipv6=off,restrict=n", "slirp:?ipv6=off"),
    (
        "user,ipv6=off,bootfile=/pxe,tftp=/srv/a,,b,hostname=vm,domainname=example,tftp-server-name=boot",
        "slirp:?ipv6=off&hostname=vm&domainname=example&tftp=/srv/a,b&tftp-server-name=boot&bootfile=/pxe",
    ),
    (
        "user,ipv6=off,dnssearch=a.example,id=n0,dnssearch=b.example",
        "slirp:?ipv6=off&dnssearch=a.example&dnssearch=b.example",
    ),
    (
        "user,id=n0,ipv6=off,hostfwd=tcp::2222-:22,hostfwd=udp:127.0.0.1:5353-10.0.2.15:53",
        "slirp:?ipv6=off&hostfwd=tcp::2222-:22&hostfwd=udp:127.0.0.1:5353-10.0.2.15:53",
    ),
    (
        "user,ipv6=off,hostfwd=unix:/tmp/a&b-:22",
        "slirp:?ipv6=off&hostfwd=unix:/tmp/a%26b-:22",
    ),
    (
        "user,ipv6=off,guestfwd=tcp:10.0.2.100:1234-cmd:/bin/cat -A a,,b,guestfwd=:10.0.2.101:80-tcp:127.0.0.1:80",
        "slirp:?ipv6=off&guestfwd=tcp:10.0.2.100:1234-cmd:/bin/cat%20-A%20a,b\
         &guestfwd=:10.0.2.101:80-tcp:127.0.0.1:80",
    ),
    (
        "user,ipv6=off,guestfwd=tcp::80-unix:/run/a",
        "slirp:?ipv6=off&guestfwd=tcp::80-unix:/run/a",
    ),
    // bhyve
    ("slirp", "slirp:?ipv6=off&restrict=on"),
    ("slirp,open", "slirp:?ipv6=off"),
    ("slirp,open=true", "slirp:?ipv6=off"),
    ("slirp,open=false", "slirp:?ipv6=off&restrict=on"),
    (
        "slirp,hostfwd=tcp::2222-:22;udp::53-:53",
        "slirp:?ipv6=off&restrict=on&hostfwd=tcp::2222-:22&hostfwd=udp::53-:53",
    ),
    (
        "slirp,hostfwd=tcp:127.0.0.1:10022-:22,open,mac=00:A0:98:12:34:56,mtu=9000",
        "slirp:?ipv6=off&hostfwd=tcp:127.0.0.1:10022-:22&mac=00:a0:98:12:34:56&mtu=9000",
    ),
    ("net0,type=slirp,open", "slirp:?ipv6=off"),
];

#[test]
fn translates() {
    for (text, uri) in GOOD {
        let translated = compat::parse(text).unwrap();
        assert_eq!(translated.to_string(), *uri, "{text}");
        assert_eq!(uri.parse::<Uri>().unwrap(), translated, "{text}");
        assert!(compat::recognizes(text), "{text}");
    }
}

#[cfg(feature = "slirp")]
#[test]
fn what_it_makes_is_a_network() {
    for (text, uri) in GOOD {
        let uri = uri.parse().unwrap();
        let config = net_backend::slirp::SlirpConfig::from_uri(&uri);
        assert!(config.is_ok(), "{text}: {config:?}");
    }
}

/// Each text with what is wrong below the place where it is wrong.
const BAD: &str = r#"
user,net=10.0.2.0/3
         ^ BadValue: net=10.0.2.0/3 is not an IPv4 network; write ADDRESS/LENGTH with a length from 4 to 32, as 10.0.2.0/24
user,net=10.0.2.0/33
         ^ BadValue: net=10.0.2.0/33 is not an IPv4 network; write ADDRESS/LENGTH with a length from 4 to 32, as 10.0.2.0/24
user,net=10.0.2.0/024
         ^ BadValue: net=10.0.2.0/024 is not an IPv4 network; write ADDRESS/LENGTH with a length from 4 to 32, as 10.0.2.0/24
user,net=10.0.2.0/255.0.255.0
         ^ BadValue: net=10.0.2.0/255.0.255.0 is not an IPv4 network; write ADDRESS/LENGTH with a length from 4 to 32, as 10.0.2.0/24
user,net=10.0.2/24
         ^ BadValue: net=10.0.2/24 is not an IPv4 network; write ADDRESS/LENGTH with a length from 4 to 32, as 10.0.2.0/24
user,net=192.0.2.0
         ^ BadValue: net=192.0.2.0 has no length, and none is guessed for such an address; write 192.0.2.0/24
user,net=224.0.0.0
         ^ BadValue: net=224.0.0.0 has no length, and none is guessed for such an address; write 224.0.0.0/24
user,net=
         ^ BadValue: net= is not an IPv4 address; write four decimal numbers, as 10.0.2.0
user,ip=10.0.2.0/24
        ^ BadValue: ip=10.0.2.0/24 is not an IPv4 address; write four decimal numbers, as 10.0.2.0
user,net=10.0.2.0/24,ip=10.0.2.0
                     ^ Conflict: net and ip exclude one another; give one of them
user,ipv4=off,ipv6=off
                   ^ BadValue: ipv6=off leaves no IP version with ipv4=off; leave one of them on
user,ipv6=0
          ^ BadValue: ipv6=0 is neither on nor off
user,restrict=1
              ^ BadValue: restrict=1 is neither on nor off
user,ipv6-net=fd00::/127
              ^ BadValue: ipv6-net=fd00::/127 has a length that is not a decimal number from 0 to 126
user,ipv6-net=10.0.2.0/24
              ^ BadValue: ipv6-net=10.0.2.0/24 is not an IPv6 network; write ADDRESS/LENGTH, as fd00::/64
user,ipv6-prefix=fd00::/64
                 ^ BadValue: ipv6-prefix=fd00::/64 is not an IPv6 network; write ADDRESS/LENGTH, as fd00::/64
user,ipv6-prefixlen=0x40
                    ^ BadValue: ipv6-prefixlen=0x40 is not a decimal number from 0 to 126
user,ipv6-net=fd00::/64,ipv6-prefixlen=64
                        ^ Conflict: ipv6-net and ipv6-prefixlen exclude one another; give one of them
user,smb=/srv
         ^ BadValue: smb=/srv cannot be had: no smbd is run here; run one on the host, which the guest has at 10.0.2.2, and leave it out
user,smbserver=10.0.2.4
               ^ BadValue: smbserver=10.0.2.4 cannot be had: no smbd is run here; run one on the host, which the guest has at 10.0.2.2, and leave it out
user,guestfwd=tcp:10.0.2.100:80
              ^ BadValue: guestfwd=tcp:10.0.2.100:80 has no - between server and target; write tcp:10.0.2.100:80-cmd:COMMAND
user,guestfwd=tcp:10.0.2.100:80-chardev0
                                ^ BadValue: guestfwd=tcp:10.0.2.100:80-chardev0 is answered by a chardev, of which there are none here; write cmd:COMMAND, tcp:HOST:PORT or unix:/PATH
user,guestfwd=tcp:10.0.2.100:80-file:/tmp/log
                                ^ BadValue: guestfwd=tcp:10.0.2.100:80-file:/tmp/log is answered by a chardev, of which there are none here; write cmd:COMMAND, tcp:HOST:PORT or unix:/PATH
user,guestfwd=tcp:10.0.2.100:80-unix:/a,,server=on
                                ^ BadValue: guestfwd=tcp:10.0.2.100:80-unix:/a,server=on has options behind its target, which would be a chardev's; leave them out
user,guestfwd=tcp:10.0.2.100:80-tcp:127.0.0.1:80,,nodelay
                                ^ BadValue: guestfwd=tcp:10.0.2.100:80-tcp:127.0.0.1:80,nodelay has options behind its target, which would be a chardev's; leave them out
user,hostfwd
     ^ Syntax: hostfwd has no value; write hostfwd=VALUE
user,dnssearch
     ^ Syntax: dnssearch has no value; write dnssearch=VALUE
user,host=10.0.2.2,host=10.0.2.3
                   ^ DuplicateKey: host was given before; give it once
user,hostfwd=a,hostname=b,hostfwd=c,hostname=d
                                    ^ DuplicateKey: hostname was given before; give it once
user,vlan=0
     ^ UnknownKey: unknown option vlan; QEMU's user has ipv4, ipv6, net, ip, host, dhcpstart, dns, ipv6-net, ipv6-prefix, ipv6-prefixlen, ipv6-host, ipv6-dns, restrict, hostname, domainname, dnssearch, tftp, tftp-server-name, bootfile, hostfwd, guestfwd, smb, smbserver, id, type
user,type=tap
          ^ BadValue: type=tap cannot be had: the first word says user already; leave type out
user,mtu=1500
     ^ UnknownKey: unknown option mtu; QEMU's user has ipv4, ipv6, net, ip, host, dhcpstart, dns, ipv6-net, ipv6-prefix, ipv6-prefixlen, ipv6-host, ipv6-dns, restrict, hostname, domainname, dnssearch, tftp, tftp-server-name, bootfile, hostfwd, guestfwd, smb, smbserver, id, type
slirp,hostfwd=tcp::2222-:22;
                            ^ BadValue: hostfwd=tcp::2222-:22; has an empty rule; write one, or leave out the semicolon
slirp,hostfwd=
              ^ BadValue: hostfwd= has an empty rule; write one, or leave out the semicolon
slirp,hostfwd=;tcp::2222-:22
              ^ BadValue: hostfwd=;tcp::2222-:22 has an empty rule; write one, or leave out the semicolon
slirp,open=maybe
           ^ BadValue: open=maybe is neither true nor false
slirp,hostfwd
      ^ Syntax: hostfwd has no value; write hostfwd=VALUE
slirp,hostfwd=tcp::1-:1,hostfwd=tcp::2-:2
                        ^ DuplicateKey: hostfwd was given before; give it once
slirp,mtu=67
          ^ BadValue: mtu=67 is not a decimal number from 68 to 65535
slirp,restrict=on
      ^ UnknownKey: unknown option restrict; bhyve's slirp has type, hostfwd, open, mac, mtu
slirp,guestfwd=tcp::80-cmd:a
      ^ UnknownKey: unknown option guestfwd; bhyve's slirp has type, hostfwd, open, mac, mtu
user,ipv6=off,ipv6-host=fd00::2
                        ^ BadValue: ipv6-host=fd00::2 needs ipv6, which is off, as it also is when only the other is switched on; write ipv6=on, or leave it out
user,ipv4=on,ipv6-net=fd00::/64
                      ^ BadValue: ipv6-net=fd00::/64 needs ipv6, which is off, as it also is when only the other is switched on; write ipv6=on, or leave it out
user,ipv6=on,net=10.0.2.0/24
                 ^ BadValue: net=10.0.2.0/24 needs ipv4, which is off, as it also is when only the other is switched on; write ipv4=on, or leave it out
user,guestfwd=,,,,ü-x
                     ^ BadValue: guestfwd=,,ü-x is answered by a chardev, of which there are none here; write cmd:COMMAND, tcp:HOST:PORT or unix:/PATH
"#;

#[test]
fn refuses_with_place_and_remedy() {
    refuses(BAD);
}
