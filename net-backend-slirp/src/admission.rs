//! Which frames of a guest reach libslirp, and how they are changed before.
//!
//! libslirp is C and as old as the internet; a guest can send anything. So it gets whole packets with lengths that are
//! right, and nothing that is known to do harm in one of its versions.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Instant;

use net_backend_core::offload::checksum::{self, Sum};
use net_backend_core::offload::{Checksum, Headers, Protocol, TcpFlags, segment};
use net_backend_core::{DropReason, Segmentation, VirtioNetHeader};

use crate::config::{Ipv4Config, Ipv6Config};
use crate::flow::Flow;
use crate::hooks::Hooks;
use crate::stack::Stack;

/// EtherTypes (IEEE 802).
const IPV4: [u8; 2] = [0x08, 0x00];
const ARP: [u8; 2] = [0x08, 0x06];
const IPV6: [u8; 2] = [0x86, 0xdd];
/// libslirp's own servers (RFC 2131, 1350, 8415).
const DHCP: u16 = 67;
const TFTP: u16 = 69;
const DHCPV6: u16 = 547;
const ALL_DHCPV6_SERVERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);
/// RFC 792 and RFC 4443.
const ICMP: u8 = 1;
const ICMPV6: u8 = 58;
const ECHO_REQUEST: u8 = 8;
const ECHO_REQUEST6: u8 = 128;
/// Router solicitation to neighbour advertisement.
const NEIGHBOUR_DISCOVERY: RangeInclusive<u8> = 133..=136;
/// The sender's IPv4 address in an ARP frame (RFC 826).
const ARP_SENDER: usize = 28;

/// What a guest's frame may be.
pub(crate) struct Policy {
    /// Whether the guest may reach the host's loopback addresses.
    pub(crate) host_loopback: bool,
    /// The longest IPv6 packet that libslirp takes, in bytes; IPv4 has no limit.
    pub(crate) longest_ipv6: usize,
    /// Whether urgent data has to become ordinary data: earlier versions of libslirp send as much of their memory as
    /// the urgent pointer says (CVE-2026-9539).
    pub(crate) strips_urgent: bool,
    /// Only what is forwarded gets out. libslirp sees to that, but lets an IPv6 guest out whose own address looks like a
    /// server of a guest forward.
    pub(crate) restrict: bool,
    /// The networks that the guest's addresses are from. libslirp keeps answers to others until somebody has the address.
    pub(crate) ipv4: Option<Ipv4Config>,
    pub(crate) ipv6: Option<Ipv6Config>,
    /// The addresses whose pings libslirp answers by itself.
    pub(crate) answers_pings: Vec<IpAddr>,
    /// Whether other pings over IPv6 may pass: versions before 4.8 write a line to standard error for each, with which a
    /// guest could fill a disk.
    pub(crate) passes_pings_over_ipv6: bool,
}

impl Stack {
    /// Gives libslirp a frame of the guest.
    pub(crate) fn submit(
        &mut self,
        frame: &mut [u8],
        mut header: VirtioNetHeader,
    ) -> Result<(), DropReason> {
        if self.is_too_long(frame) {
            return match header.segmentation {
                Segmentation::None => Err(DropReason::TooLong),
                _ => self.submit_in_pieces(frame, header),
            };
        }
        checksum::complete(frame, &mut header).map_err(|_| DropReason::Malformed)?;
        let admission = match Headers::parse(frame) {
            Some(headers) if headers.is_fragment => return self.submit_fragment(frame, &headers),
            Some(headers) => self.admit(frame, &headers)?,
            None => self.admit_unparsed(frame)?,
        };
        if let Admission::Passes(flow) = admission {
            self.input(frame, flow);
        }
        Ok(())
    }

    /// libslirp gets whole packets only: what it does with a fragment that nothing precedes is up to the guest.
    fn submit_fragment(&mut self, frame: &[u8], headers: &Headers) -> Result<(), DropReason> {
        self.check_addresses(headers)?;
        let mut reassembler = std::mem::take(&mut self.reassembler);
        let became = match reassembler.push(frame, headers, Instant::now()) {
            Some(whole) if is_fragment(whole) => Err(DropReason::Malformed),
            Some(whole) => self.submit(whole, VirtioNetHeader::default()),
            None => Ok(()),
        };
        self.reassembler = reassembler;
        became
    }

    /// Whether a frame is longer than libslirp takes.
    fn is_too_long(&self, frame: &[u8]) -> bool {
        frame.len() > Headers::NETWORK + self.policy.longest_ipv6 && ether_type(frame) == Some(IPV6)
    }

    fn submit_in_pieces(
        &mut self,
        frame: &[u8],
        header: VirtioNetHeader,
    ) -> Result<(), DropReason> {
        // Room for the longest headers.
        let size = self.policy.longest_ipv6 - 256;
        let mut scratch = std::mem::take(&mut self.scratch);
        let mut piece = Vec::new();
        let mut became = Ok(());
        let mut submit = |bytes: &[u8], _: &VirtioNetHeader| {
            piece.clear();
            piece.extend_from_slice(bytes);
            became = became.and(self.submit(&mut piece, VirtioNetHeader::default()));
        };
        let cut = segment(
            frame,
            &header,
            size,
            Checksum::Complete,
            &mut scratch,
            &mut submit,
        );
        self.scratch = scratch;
        cut.map_err(|_| DropReason::Malformed).and(became)
    }

    /// Decides about a frame with known addresses.
    fn admit(&mut self, frame: &mut [u8], headers: &Headers) -> Result<Admission, DropReason> {
        if is_neighbour_discovery(frame, headers) {
            self.neighbours.learn(headers.source);
        }
        self.check_addresses(headers)?;
        if self.policy.strips_urgent && headers.flags.contains(TcpFlags::URG) {
            strip_urgent(frame, headers);
        }
        let flow = Flow::outward(headers);
        match (headers.protocol, flow) {
            (Protocol::Tcp, Some(flow)) => self.admit_tcp(frame, headers, flow),
            (Protocol::Udp, Some(flow)) => self.admit_udp(frame, headers, flow),
            _ => self.admit_other(frame, headers),
        }
    }

    fn admit_tcp(
        &mut self,
        frame: &mut [u8],
        headers: &Headers,
        flow: Flow,
    ) -> Result<Admission, DropReason> {
        if !headers.flags.contains(TcpFlags::SYN) {
            return self.admit_segment(headers, flow);
        }
        let opens = !headers.flags.contains(TcpFlags::ACK);
        if opens {
            self.admit_connection(&flow)?;
        }
        let output = &mut self.hooks().output;
        let takes_super_frames = output.takes_super_frames(headers);
        output
            .sizes
            .outward(frame, headers, &flow, takes_super_frames);
        Ok(Admission::Passes(opens.then_some(flow)))
    }

    /// A connection that the guest begins.
    fn admit_connection(&mut self, flow: &Flow) -> Result<(), DropReason> {
        let servers = &self.forwards.servers;
        let is_mistaken = servers.are_mistaken(flow.guest.ip(), flow.remote.port());
        if is_mistaken && self.policy.restrict || !self.hooks().sockets.admits(flow) {
            return Err(DropReason::Policy);
        }
        let servers = &mut self.forwards.servers;
        if servers.has(flow.remote) && !servers.begin(Instant::now()) {
            return Err(DropReason::Policy);
        }
        Ok(())
    }

    /// A segment of a connection that has begun. One to a guest forward may be what completes it.
    fn admit_segment(&mut self, headers: &Headers, flow: Flow) -> Result<Admission, DropReason> {
        let is_served = self.forwards.servers.has(flow.remote);
        let Hooks { sockets, output } = self.instance.host_mut();
        if headers.flags.contains(TcpFlags::RST) {
            output.sizes.forget(&flow);
        } else if is_served && !sockets.admits(&flow) {
            return Err(DropReason::Policy);
        }
        Ok(Admission::Passes(is_served.then_some(flow)))
    }

    fn admit_udp(
        &mut self,
        frame: &[u8],
        headers: &Headers,
        flow: Flow,
    ) -> Result<Admission, DropReason> {
        if let Some(transfers) = &mut self.transfers {
            transfers.note(frame, headers);
        }
        let Hooks { sockets, output } = self.instance.host_mut();
        let replies = output.replies.as_ref();
        if replies.is_some_and(|replies| replies.send(frame, headers)) {
            return Ok(Admission::Answered);
        }
        if sockets.admits(&flow) {
            Ok(Admission::Passes(Some(flow)))
        } else if self.is_forwarded(flow.guest) || self.serves(flow.remote) {
            Ok(Admission::Passes(None))
        } else {
            Err(DropReason::Policy)
        }
    }

    /// Whether datagrams of this port of the guest leave by the socket of a forward.
    fn is_forwarded(&mut self, guest: SocketAddr) -> bool {
        let ipv4 = self.policy.ipv4.map(|ipv4| IpAddr::V4(ipv4.dhcp_start));
        let ipv6 = self.hooks().output.guest6.map(IpAddr::V6);
        let usual: Vec<IpAddr> = ipv4.into_iter().chain(ipv6).collect();
        self.forwards.leads_to(guest, &usual)
    }

    /// Whether libslirp itself answers there, without a socket: DHCP, TFTP, DHCPv6.
    fn serves(&self, server: SocketAddr) -> bool {
        let Policy { ipv4, ipv6, .. } = &self.policy;
        let is_host = match server.ip() {
            IpAddr::V4(address) => ipv4.is_some_and(|ipv4| address == ipv4.host),
            IpAddr::V6(address) => ipv6.is_some_and(|ipv6| address == ipv6.host),
        };
        match (server.ip(), server.port()) {
            (_, TFTP) => is_host,
            (IpAddr::V4(address), DHCP) => is_host || address.is_broadcast(),
            (IpAddr::V6(address), DHCPV6) => is_host || address == ALL_DHCPV6_SERVERS,
            _ => false,
        }
    }

    /// Neither TCP nor UDP. Of these only pings open sockets, unless libslirp answers them itself.
    fn admit_other(&mut self, frame: &[u8], headers: &Headers) -> Result<Admission, DropReason> {
        let kind = frame.get(headers.transport).copied();
        let passes = match (headers.protocol, kind) {
            (Protocol::Other(ICMP), Some(ECHO_REQUEST)) => !self.hooks().sockets.is_full(),
            (Protocol::Other(ICMPV6), Some(ECHO_REQUEST6)) => {
                self.policy.passes_pings_over_ipv6 && !self.hooks().sockets.is_full()
            }
            _ => true,
        };
        if !passes && !self.policy.answers_pings.contains(&headers.destination) {
            return Err(DropReason::Policy);
        }
        if headers.protocol == Protocol::Other(ICMPV6) {
            self.is_resolved = true;
        }
        Ok(Admission::Passes(None))
    }

    fn check_addresses(&mut self, headers: &Headers) -> Result<(), DropReason> {
        let is_own = match (headers.source, &self.policy.ipv4, &self.policy.ipv6) {
            (IpAddr::V4(source), Some(ipv4), _) => ipv4.contains(source) || source.is_unspecified(),
            (IpAddr::V6(source), _, Some(ipv6)) => {
                let is_link_local = source.segments().first() == Some(&0xfe80);
                ipv6.contains(source) || is_link_local || source.is_unspecified()
            }
            // A family that is off has nobody who would listen.
            _ => true,
        };
        let is_loopback = !self.policy.host_loopback && is_host(headers.destination);
        if is_own && !is_loopback && self.neighbours.may_send(headers.source, Instant::now) {
            Ok(())
        } else {
            Err(DropReason::Policy)
        }
    }

    /// Decides about a frame that is not IP, or not well-formed: that never gets past the filter for addresses.
    fn admit_unparsed(&mut self, frame: &[u8]) -> Result<Admission, DropReason> {
        match ether_type(frame) {
            Some(IPV4 | IPV6) | None => Err(DropReason::Malformed),
            Some(ARP) => {
                self.is_resolved = true;
                let sender = frame.get(ARP_SENDER..).and_then(<[u8]>::first_chunk::<4>);
                if let Some(sender) = sender {
                    self.neighbours.learn(IpAddr::from(*sender));
                }
                Ok(Admission::Passes(None))
            }
            // Nobody in this network speaks anything else.
            Some(_) => Ok(Admission::Answered),
        }
    }
}

/// What becomes of a frame that is not refused.
enum Admission {
    /// It goes to libslirp, and may open a socket for this flow.
    Passes(Option<Flow>),
    /// There is nothing left to do.
    Answered,
}

fn ether_type(frame: &[u8]) -> Option<[u8; 2]> {
    frame.get(12..)?.first_chunk().copied()
}

/// Takes the urgent flag and pointer out of a TCP header; the data stays where it is (RFC 6093, 5).
fn strip_urgent(frame: &mut [u8], headers: &Headers) {
    let header = frame.get_mut(headers.transport..headers.payload);
    let fields = header.and_then(|header| header.get_mut(12..)?.first_chunk_mut::<8>());
    let Some([offset, flags, _, _, sum_high, sum_low, pointer @ ..]) = fields else {
        return;
    };
    let before = Sum::of(&[*offset, *flags]) + Sum::of(pointer);
    *flags &= !TcpFlags::URG.bits();
    *pointer = [0, 0];
    let sum = u16::from_be_bytes([*sum_high, *sum_low]);
    let sum = checksum::update(sum, before, Sum::of(&[*offset, *flags]));
    [*sum_high, *sum_low] = sum.to_be_bytes();
}

/// Whether the guest makes its address known, as it has to before libslirp can answer (RFC 4861, 4).
fn is_neighbour_discovery(frame: &[u8], headers: &Headers) -> bool {
    let kind = frame.get(headers.transport);
    headers.protocol == Protocol::Other(ICMPV6)
        && kind.is_some_and(|kind| NEIGHBOUR_DISCOVERY.contains(kind))
}

fn is_fragment(frame: &[u8]) -> bool {
    Headers::parse(frame).is_some_and(|headers| headers.is_fragment)
}

/// Whether the host takes an address for its own, whatever network it is in: loopback and "this host", by themselves
/// and mapped into IPv6.
fn is_host(address: IpAddr) -> bool {
    let is_host4 = |address: Ipv4Addr| matches!(address.octets(), [0 | 127, ..]);
    match address {
        IpAddr::V4(address) => is_host4(address),
        IpAddr::V6(address) => {
            let [.., a, b, c, d] = address.octets();
            let embeds = matches!(address.segments(), [0, 0, 0, 0, 0, 0 | 0xffff, _, _]);
            embeds && is_host4(Ipv4Addr::new(a, b, c, d))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_known_by_all_its_names() {
        for host in [
            "127.0.0.1",
            "127.255.1.2",
            "0.0.0.0",
            "0.1.2.3",
            "::1",
            "::",
            "::ffff:127.0.0.1",
            "::ffff:0.0.0.0",
            "::127.0.0.1",
        ] {
            assert!(is_host(host.parse().unwrap()), "{host}");
        }
        for other in [
            "10.0.2.2",
            "128.0.0.1",
            "126.255.255.255",
            "fe80::1",
            "::ffff:10.0.0.1",
            "fec0::2",
        ] {
            assert!(!is_host(other.parse().unwrap()), "{other}");
        }
    }
}
