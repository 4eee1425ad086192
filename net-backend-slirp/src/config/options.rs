use net_backend_core::OptionSpec;

/// The options of `slirp:` URIs.
pub(crate) const OPTIONS: &[OptionSpec] = &[
    OptionSpec::new("ipv4", "on|off", "whether the guest has IPv4 (on)"),
    OptionSpec::new("host", "ADDR", "the host in the guest's network (.2)"),
    OptionSpec::new(
        "dhcpstart",
        "ADDR",
        "the first of the 16 addresses that DHCP gives (.15)",
    ),
    OptionSpec::new("dns", "ADDR", "the name server for the guest (.3)"),
    OptionSpec::new("ipv6", "on|off", "whether the guest has IPv6 (on)"),
    OptionSpec::new("ipv6-net", "ADDR/LEN", "the IPv6 network (fd00::/64)"),
    OptionSpec::new("ipv6-host", "ADDR", "the host in it (::2)"),
    OptionSpec::new("ipv6-dns", "ADDR", "the name server in it (::3)"),
    OptionSpec::new(
        "hostname",
        "NAME",
        "the name that DHCP gives to the guest, up to 32 bytes",
    ),
    OptionSpec::new("domainname", "NAME", "its domain, up to 255 bytes"),
    OptionSpec::new("dnssearch", "DOMAIN", "a domain to look names up in").repeatable(),
    OptionSpec::new(
        "tftp",
        "DIRECTORY",
        "serve the files of this directory by TFTP, for reading",
    ),
    OptionSpec::new(
        "tftp-server-name",
        "NAME",
        "the TFTP server that DHCP names, up to 255 bytes",
    ),
    OptionSpec::new("bootfile", "FILE", "the file to boot from, up to 127 bytes"),
    OptionSpec::new("restrict", "on|off", "let out only what is forwarded (off)"),
    OptionSpec::new(
        "mtu",
        "BYTES",
        "the IP MTU, 68 to 32768; with IPv6 from 1280 (1500)",
    ),
    OptionSpec::new(
        "outbound-addr",
        "ADDR",
        "the address of the host that connections leave from, one for IPv4, one for IPv6",
    )
    .repeatable(),
    OptionSpec::new(
        "disable-dns",
        "on|off",
        "no name server of our own; dns may then be any (off)",
    ),
    OptionSpec::new("disable-dhcp", "on|off", "no DHCP server (off)"),
    OptionSpec::new(
        "host-loopback",
        "on|off",
        "whether the guest reaches what listens on the host's loopback (on)",
    ),
    OptionSpec::new(
        "hostfwd",
        "RULE",
        "a port of the host that leads into the guest, as tcp::2222-:22",
    )
    .repeatable(),
    OptionSpec::new(
        "guestfwd",
        "RULE",
        "a service for the guest, as tcp:10.0.2.100:80-cmd:/usr/bin/httpd -i",
    )
    .repeatable(),
    OptionSpec::new("mac", "MAC", "the address that the guest's NIC should have"),
    OptionSpec::new(
        "library",
        "PATH",
        "libslirp to load, for one that the system does not find",
    ),
    OptionSpec::new(
        "thread",
        "own|none",
        "a thread of its own, or whoever waits for frames does its work (own)",
    ),
];
