//! DHCP: who gets what, and what the options say.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use smoltcp::socket::dhcpv4;

use crate::guest::{Guest, Setup};
use crate::harness::{Case, Mode, Outcome, ensure};
use crate::packets::{GATEWAY, GUEST_MAC, Packet, arp, udp};
use crate::wire::{Arrived, Wire};

pub(super) const CASES: &[Case] = &[
    Case::new("dhcp/a-lease-has-address-router-and-name-server", lease),
    Case::new("dhcp/the-network-and-its-addresses-can-be-chosen", network),
    Case::new("dhcp/the-same-guest-keeps-its-address", same_guest),
    Case::new("dhcp/there-are-16-addresses", sixteen),
    Case::new("dhcp/names-are-told", names),
    Case::new("dhcp/what-to-boot-is-told", boot),
    Case::new("dhcp/a-restricted-guest-gets-no-router", restricted),
    Case::new("dhcp/switched-off-it-is-silent", off),
];

/// Address with prefix, router and name server that a guest gets.
fn configured(guest: &mut Guest) -> Outcome<(String, Option<Ipv4Addr>, Vec<Ipv4Addr>)> {
    let socket = guest.add(dhcpv4::Socket::new());
    guest.until("a lease", |guest| {
        match guest.socket::<dhcpv4::Socket>(socket).poll()? {
            dhcpv4::Event::Configured(config) => Some((
                config.address.to_string(),
                config.router,
                config.dns_servers.to_vec(),
            )),
            dhcpv4::Event::Deconfigured => None,
        }
    })
}

fn lease_of(mode: Mode, uri: &str) -> Outcome<(String, Option<Ipv4Addr>, Vec<Ipv4Addr>)> {
    configured(&mut Guest::unconfigured(mode, uri, &Setup::default())?)
}

fn expect_lease(mode: Mode, uri: &str, address: &str, router: [u8; 4], dns: [u8; 4]) -> Outcome {
    let got = lease_of(mode, uri)?;
    let expected = (address.to_owned(), Some(router.into()), vec![dns.into()]);
    ensure!(got == expected, "{uri}: {got:?} instead of {expected:?}");
    Ok(())
}

fn lease(mode: Mode) -> Outcome {
    let (router, dns) = ([10, 0, 2, 2], [10, 0, 2, 3]);
    expect_lease(mode, "slirp:", "10.0.2.15/24", router, dns)
}

fn network(mode: Mode) -> Outcome {
    let (router, dns) = ([192, 168, 55, 2], [192, 168, 55, 3]);
    expect_lease(
        mode,
        "slirp:192.168.55.0/24",
        "192.168.55.15/24",
        router,
        dns,
    )?;
    expect_lease(
        mode,
        "slirp:172.16.0.0/16?host=172.16.9.1&dns=172.16.9.2&dhcpstart=172.16.200.7",
        "172.16.200.7/16",
        [172, 16, 9, 1],
        [172, 16, 9, 2],
    )
}

fn same_guest(mode: Mode) -> Outcome {
    let mut wire = Wire::open(mode, "slirp:?dhcpstart=10.0.2.100")?;
    for (last, expected) in [(1, 100), (2, 101), (1, 100), (3, 102), (2, 101)] {
        let mac = [2, 0, 0, 0, 0, last];
        let reply = discover(&mut wire, mac)?;
        let expected = Ipv4Addr::new(10, 0, 2, expected);
        ensure!(
            reply.address == expected,
            "guest {last}: {} instead of {expected}",
            reply.address
        );
    }
    Ok(())
}

fn sixteen(mode: Mode) -> Outcome {
    let mut wire = Wire::open(mode, "slirp:?dhcpstart=10.0.2.100")?;
    for number in 0..16 {
        let reply = discover(&mut wire, [2, 0, 0, 0, 1, number])?;
        let expected = Ipv4Addr::new(10, 0, 2, 100 + number);
        ensure!(reply.address == expected, "{} for {number}", reply.address);
    }
    wire.send(&question([2, 0, 0, 0, 1, 16]))?;
    expect_no_offer(&mut wire)
}

/// What a DHCP server says.
#[derive(Debug)]
pub(super) struct Reply {
    address: Ipv4Addr,
    /// The field for the file to boot, without its zeros.
    file: String,
    options: BTreeMap<u8, Vec<u8>>,
}

impl Reply {
    /// RFC 2131, 2 and RFC 2132, 2.
    fn of(arrived: &Arrived) -> Option<Self> {
        let (from, _, message) = Packet::of(&arrived.bytes)?.udp()?;
        let address: [u8; 4] = message.get(16..20)?.try_into().ok()?;
        let file = message.get(108..236)?.split(|byte| *byte == 0).next()?;
        let mut rest = message.get(236..)?.strip_prefix(&[99, 130, 83, 99])?;
        let mut options = BTreeMap::new();
        while let [code, length, behind @ ..] = rest {
            if *code == 255 {
                break;
            }
            let (value, behind) = behind.split_at_checked(usize::from(*length))?;
            options.insert(*code, value.to_vec());
            rest = behind;
        }
        (from.port() == 67).then(|| Self {
            address: address.into(),
            file: String::from_utf8_lossy(file).into_owned(),
            options,
        })
    }

    fn text(&self, code: u8) -> Option<String> {
        let value = self.options.get(&code)?;
        Some(String::from_utf8_lossy(value).into_owned())
    }
}

fn question(mac: [u8; 6]) -> Vec<u8> {
    let mut message = vec![1, 1, 6, 0, 0x12, 0x34, 0x56, 0x78];
    message.resize(28, 0);
    message.extend(mac);
    message.resize(236, 0);
    // The magic cookie, DHCPDISCOVER, the end.
    message.extend([99, 130, 83, 99, 53, 1, 1, 255]);
    let nobody = SocketAddr::new(IpAddr::from([0, 0, 0, 0]), 68);
    let everybody = SocketAddr::new(IpAddr::from([255; 4]), 67);
    udp(nobody, everybody, &message)
}

pub(super) fn discover(wire: &mut Wire, mac: [u8; 6]) -> Outcome<Reply> {
    wire.send(&question(mac))?;
    wire.expect("an offer", Reply::of)
}

fn names(mode: Mode) -> Outcome {
    let uri =
        "slirp:?hostname=crocus&domainname=example.org&dnssearch=a.example.org&dnssearch=b.test";
    let reply = discover(&mut Wire::open(mode, uri)?, GUEST_MAC)?;
    ensure!(
        reply.text(12).as_deref() == Some("crocus"),
        "host name: {reply:?}"
    );
    ensure!(
        reply.text(15).as_deref() == Some("example.org"),
        "domain: {reply:?}"
    );
    // RFC 3397: labels, and pointers to what was there before.
    let search = reply.options.get(&119).cloned().unwrap_or_default();
    let domains = domains(&search);
    ensure!(
        domains == ["a.example.org", "b.test"],
        "{domains:?} in {search:?}"
    );
    Ok(())
}

/// The names in a list with compression (RFC 1035, 4.1.4).
fn domains(list: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    let mut at = 0;
    while at < list.len() {
        let (mut labels, mut here, mut end) = (Vec::new(), at, None);
        while let Some(&length) = list.get(here).filter(|length| **length != 0) {
            if length >= 0xc0 {
                end = end.or(Some(here + 2));
                here = list.get(here + 1).copied().map_or(list.len(), usize::from);
                continue;
            }
            let next = here + 1 + usize::from(length);
            let label = list.get(here + 1..next).unwrap_or_default();
            labels.push(String::from_utf8_lossy(label).into_owned());
            here = next;
        }
        at = end.unwrap_or(here + 1);
        names.push(labels.join("."));
    }
    names
}

fn boot(mode: Mode) -> Outcome {
    let uri = "slirp:?tftp-server-name=boot.example.org&bootfile=pxe/start.efi";
    let reply = discover(&mut Wire::open(mode, uri)?, GUEST_MAC)?;
    ensure!(
        reply.text(66).as_deref() == Some("boot.example.org"),
        "TFTP server: {reply:?}"
    );
    ensure!(reply.file == "pxe/start.efi", "file: {reply:?}");
    let plain = discover(&mut Wire::open(mode, "slirp:")?, GUEST_MAC)?;
    ensure!(
        plain.file.is_empty() && plain.text(66).is_none(),
        "nothing was asked for: {plain:?}"
    );
    Ok(())
}

fn restricted(mode: Mode) -> Outcome {
    let (address, router, dns) = lease_of(mode, "slirp:?restrict=on")?;
    ensure!(
        address == "10.0.2.15/24" && router.is_none() && dns.is_empty(),
        "{address}, router {router:?}, name servers {dns:?}"
    );
    Ok(())
}

fn off(mode: Mode) -> Outcome {
    let mut wire = Wire::open(mode, "slirp:?disable-dhcp=on")?;
    wire.send(&question(GUEST_MAC))?;
    expect_no_offer(&mut wire)
}

/// Complains about an offer before the gateway answers an ARP request.
fn expect_no_offer(wire: &mut Wire) -> Outcome {
    wire.send(&arp(GATEWAY))?;
    let is_silent = wire.expect("the gateway's answer", |arrived| match Reply::of(arrived) {
        Some(_) => Some(false),
        None => (arrived.bytes.get(12..14) == Some(&[8, 6])).then_some(true),
    })?;
    ensure!(is_silent, "there is an offer");
    Ok(())
}
