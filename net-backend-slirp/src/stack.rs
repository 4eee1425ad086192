//! A libslirp context and what surrounds it. Everything here runs under the lock of the network.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use net_backend_core::offload::checksum::{self, Sum};
use net_backend_core::offload::{Checksum, Headers, Protocol, TcpFlags, segment};
use net_backend_core::{DropReason, Segmentation, VirtioNetHeader};

use crate::flow::Flow;
use crate::forwards::Forwards;
use crate::hooks::Hooks;
use crate::relay::Relay;
use crate::sys::{Instance, Poller, Ready};

/// What libslirp answers when it has no timer at all.
const IDLE_MILLISECONDS: u32 = 1000;
/// How often it is looked whether listeners may accept again that wait for descriptors.
const RETRY: Duration = Duration::from_millis(250);

/// EtherTypes (IEEE 802).
const IPV4: [u8; 2] = [0x08, 0x00];
const ARP: [u8; 2] = [0x08, 0x06];
const IPV6: [u8; 2] = [0x86, 0xdd];
const ICMPV6: u8 = 58;

/// One NIC's user-mode network.
pub(crate) struct Stack {
    pub(crate) instance: Instance<Hooks>,
    pub(crate) forwards: Forwards,
    poller: Arc<Poller>,
    policy: Policy,
    /// When the poller's timer is due.
    deadline: Option<Instant>,
    /// libslirp was called since the last round of wants.
    is_stale: bool,
    /// For super-frames that are cut.
    scratch: Vec<u8>,
    /// libslirp learnt an address, for which frames may be waiting.
    is_resolved: bool,
}

/// What a guest's frame may be.
pub(crate) struct Policy {
    /// Whether the guest may reach the host's loopback addresses.
    pub(crate) host_loopback: bool,
    /// The longest IPv6 packet that libslirp takes, in bytes; IPv4 has no limit.
    pub(crate) longest_ipv6: usize,
    /// Whether urgent data has to become ordinary data: earlier versions of libslirp send as much of their memory as
    /// the urgent pointer says (CVE-2026-9539).
    pub(crate) strips_urgent: bool,
}

impl Stack {
    pub(crate) fn new(
        instance: Instance<Hooks>,
        forwards: Forwards,
        poller: Arc<Poller>,
        policy: Policy,
    ) -> Self {
        Self {
            instance,
            forwards,
            poller,
            policy,
            deadline: None,
            is_stale: true,
            scratch: Vec::new(),
            is_resolved: false,
        }
    }

    pub(crate) fn poller(&self) -> &Arc<Poller> {
        &self.poller
    }

    /// libslirp was called by somebody else.
    pub(crate) fn mark_stale(&mut self) {
        self.is_stale = true;
    }

    pub(crate) fn hooks(&mut self) -> &mut Hooks {
        self.instance.host_mut()
    }

    /// Gives libslirp a frame of the guest.
    pub(crate) fn submit(
        &mut self,
        frame: &mut [u8],
        mut header: VirtioNetHeader,
    ) -> Result<(), DropReason> {
        if self.is_too_long(frame) {
            return self.submit_in_pieces(frame, header);
        }
        checksum::complete(frame, &mut header).map_err(|_| DropReason::Malformed)?;
        let arriving = match Headers::parse(frame) {
            Some(headers) => match self.admit(frame, &headers)? {
                Admission::Answered => return Ok(()),
                Admission::Passes(flow) => flow,
            },
            None => self.admit_unparsed(frame)?,
        };
        self.hooks().sockets.arriving = arriving;
        self.instance.input(frame);
        self.hooks().sockets.arriving = None;
        self.is_stale = true;
        Ok(())
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

    /// One turn of libslirp, with what the poller found.
    pub(crate) fn turn(&mut self, ready: &[Ready], is_due: bool) {
        for relay in &mut self.forwards.relays {
            relay.turn(ready);
        }
        self.hooks().sockets.begin_turn(ready);
        if is_due {
            self.deadline = None;
            self.instance.run_timers(Instant::now());
        }
        self.instance.poll(false);
        self.is_stale = true;
    }

    /// The same while nothing may be read from sockets.
    pub(crate) fn turn_timers(&mut self) {
        self.deadline = None;
        self.instance.run_timers(Instant::now());
        self.instance.poll(true);
        self.is_stale = true;
    }

    /// Tells the poller what libslirp waits for, and the receiver what came of it; whether the poller was told something
    /// new, so that something may be ready that was not.
    pub(crate) fn settle(&mut self) -> bool {
        if std::mem::take(&mut self.is_resolved) {
            self.instance.poll(true);
        }
        let mut is_changed = false;
        if std::mem::take(&mut self.is_stale) {
            self.hooks().sockets.begin_round();
            let timeout = self.instance.fill(u32::MAX);
            self.set_deadline(timeout);
            is_changed = self.hooks().sockets.is_changed();
        }
        self.publish();
        is_changed
    }

    /// Shows the receiver what there is.
    pub(crate) fn publish(&mut self) {
        self.hooks().output.producer.publish();
    }

    /// When the next timer is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Decides about a frame with known addresses.
    fn admit(&mut self, frame: &mut [u8], headers: &Headers) -> Result<Admission, DropReason> {
        if !self.policy.host_loopback && is_host(headers.destination) {
            return Err(DropReason::Policy);
        }
        if self.policy.strips_urgent && headers.flags.contains(TcpFlags::URG) {
            strip_urgent(frame, headers);
        }
        let flow = Flow::outward(headers);
        match (headers.protocol, flow) {
            (Protocol::Tcp, Some(flow)) => self.admit_tcp(frame, headers, flow),
            (Protocol::Udp, Some(flow)) => self.admit_udp(frame, headers, flow),
            (Protocol::Other(ICMPV6), _) => {
                self.is_resolved = true;
                Ok(Admission::Passes(None))
            }
            (Protocol::Other(_), _) if self.hooks().sockets.is_full() => Err(DropReason::Policy),
            _ => Ok(Admission::Passes(None)),
        }
    }

    fn admit_tcp(
        &mut self,
        frame: &mut [u8],
        headers: &Headers,
        flow: Flow,
    ) -> Result<Admission, DropReason> {
        if !headers.flags.contains(TcpFlags::SYN) {
            if headers.flags.intersects(TcpFlags::FIN | TcpFlags::RST) {
                let output = &mut self.hooks().output;
                output.sizes.note_end(&flow, headers.flags);
            }
            return Ok(Admission::Passes(None));
        }
        let opens = !headers.flags.contains(TcpFlags::ACK);
        if opens {
            // libslirp may connect to one, which must not block.
            self.forwards.relays.iter_mut().for_each(Relay::accept);
        }
        let Hooks { sockets, output } = self.instance.host_mut();
        if opens && !sockets.admits(&flow) {
            return Err(DropReason::Policy);
        }
        let takes_super_frames = output.takes_super_frames(headers);
        output
            .sizes
            .outward(frame, headers, &flow, takes_super_frames);
        Ok(Admission::Passes(opens.then_some(flow)))
    }

    fn admit_udp(
        &mut self,
        frame: &[u8],
        headers: &Headers,
        flow: Flow,
    ) -> Result<Admission, DropReason> {
        let Hooks { sockets, output } = self.instance.host_mut();
        let replies = output.replies.as_ref();
        if replies.is_some_and(|replies| replies.send(frame, headers)) {
            return Ok(Admission::Answered);
        }
        if sockets.admits(&flow) {
            Ok(Admission::Passes(Some(flow)))
        } else {
            Err(DropReason::Policy)
        }
    }

    /// Decides about a frame that is not IP, or not well-formed: that never gets past the filter for addresses.
    fn admit_unparsed(&mut self, frame: &[u8]) -> Result<Option<Flow>, DropReason> {
        match ether_type(frame) {
            Some(IPV4 | IPV6) | None => Err(DropReason::Malformed),
            Some(ARP) => {
                self.is_resolved = true;
                Ok(None)
            }
            Some(_) => Ok(None),
        }
    }

    /// Sets the timer to the earliest deadline. One that is set already and earlier stays: moving it costs more than
    /// a turn too many.
    fn set_deadline(&mut self, timeout: u32) {
        let now = Instant::now();
        let after = |milliseconds: u32| now + Duration::from_millis(milliseconds.into());
        let waits = self.hooks().sockets.is_full();
        let deadlines = [
            (timeout < IDLE_MILLISECONDS).then(|| after(timeout)),
            self.instance.next_timer(),
            waits.then(|| now + RETRY),
        ];
        let Some(next) = deadlines.into_iter().flatten().min() else {
            return;
        };
        if self.deadline.is_none_or(|set| set > next)
            && self.poller.set_deadline(Some(next)).is_ok()
        {
            self.deadline = Some(next);
        }
    }
}

fn ether_type(frame: &[u8]) -> Option<[u8; 2]> {
    frame.get(12..)?.first_chunk().copied()
}

/// What becomes of a frame that is not refused.
enum Admission {
    /// It goes to libslirp, and may open a socket for this flow.
    Passes(Option<Flow>),
    /// It was sent already.
    Answered,
}

/// Takes the urgent flag and pointer out of a TCP header; the data stays where it is (RFC 6093, 5).
fn strip_urgent(frame: &mut [u8], headers: &Headers) {
    let Some(header) = frame.get_mut(headers.transport..headers.payload) else {
        return;
    };
    if let [
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        offset,
        flags,
        _,
        _,
        sum_high,
        sum_low,
        pointer_high,
        pointer_low,
        ..,
    ] = header
    {
        let word = |high: &u8, low: &u8| u16::from_be_bytes([*high, *low]);
        let before = Sum::word(word(offset, flags)) + Sum::word(word(pointer_high, pointer_low));
        *flags &= !TcpFlags::URG.bits();
        let after = Sum::word(word(offset, flags));
        let sum = checksum::update(word(sum_high, sum_low), before, after);
        [*sum_high, *sum_low] = sum.to_be_bytes();
        [*pointer_high, *pointer_low] = [0, 0];
    }
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
