//! What the guest has of a network stack: ARP, one TCP connection at a time and a clock for what it lost, and UDP.

mod datagrams;

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};

use super::arrived::{Arrived, is_intact, parse};
use super::flow::{Flow, SYN_OPTIONS, State};
use super::frame::{self, Addresses, Checksum, Template, flags};
use super::link::Link;

/// When nothing came for so long, what is not acknowledged is sent again.
const RETRANSMIT: Duration = Duration::from_millis(200);
/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// What the guest's large data consists of.
pub(super) const PAYLOAD: u8 = 0x5a;
/// Ports of the guest, one connection after the other.
const PORTS: std::ops::Range<u16> = 1024..65_000;

/// A network stack.
pub(super) struct Stack {
    link: Box<dyn Link>,
    addresses: Addresses,
    port: u16,
    /// The link had no room for the last frame.
    is_blocked: bool,
    /// Whether checksums of the frames that arrive are looked at.
    is_careful: bool,
    turns: u64,
    /// Since when nothing has moved.
    idle: Option<Instant>,
    /// Until when what is being done must be finished.
    deadline: Instant,
    retransmissions: u64,
    /// Of the guest and of the host: datagrams between others are not looked at.
    datagrams: [u16; 2],
}

/// A connection, and the frames for it.
pub(super) struct Connection {
    pub(super) flow: Flow,
    acknowledgement: Template,
}

impl Connection {
    /// Whether both sides have closed; the guest's stream ended before `end`. The host closes after it has read
    /// everything, so whether that was acknowledged does not matter: passt of 2023 forgets it now and then.
    fn is_closed(&self, end: u32) -> bool {
        let flow = &self.flow;
        let is_over = flow.state == State::HostClosed && !flow.acknowledge;
        is_over && flow.highest() == end.wrapping_add(1)
    }
}

impl Stack {
    /// Plugs the cable in, and asks for the gateway.
    ///
    /// # Errors
    ///
    /// If nobody answers.
    pub(super) fn start(link: Box<dyn Link>, guest: Ipv4Addr, gateway: Ipv4Addr) -> Result<Self> {
        let mut stack = Self {
            link,
            addresses: Addresses::new(guest, gateway),
            port: PORTS.start,
            is_blocked: false,
            is_careful: false,
            turns: 0,
            idle: None,
            deadline: Instant::now() + PATIENCE,
            retransmissions: 0,
            datagrams: [0; 2],
        };
        while !stack.addresses.is_complete() {
            ensure!(Instant::now() < stack.deadline, "nobody answers ARP");
            let request = frame::arp(&stack.addresses, None);
            stack.send(&request)?;
            stack.link.flush()?;
            stack.link.wait(stack.is_blocked, RETRANSMIT)?;
            while stack.take(None, &mut |_| {})? {}
        }
        Ok(stack)
    }

    /// How often something had to be sent again so far.
    pub(super) fn retransmissions(&self) -> u64 {
        self.retransmissions
    }

    /// Checks checksums of what arrives, or does not.
    pub(super) fn be_careful(&mut self, careful: bool) {
        self.is_careful = careful;
    }

    /// What is begun now may take so much longer than the usual patience.
    pub(super) fn begin(&mut self, duration: Duration) {
        self.deadline = Instant::now() + duration + PATIENCE;
        self.idle = None;
    }

    /// A segment to send often over a connection.
    pub(super) fn template(&self, flow: &Flow, payload: &[u8], checksum: Checksum) -> Template {
        let flags = flags::ACK | if payload.len() == 1 { flags::PSH } else { 0 };
        Template::new(&self.addresses, flow.ports, flags, payload, checksum)
    }

    /// Opens a connection to a port of the gateway.
    ///
    /// # Errors
    ///
    /// If it is refused, or there is no answer.
    pub(super) fn connect(&mut self, port: u16) -> Result<Connection> {
        self.port = if self.port + 1 < PORTS.end {
            self.port + 1
        } else {
            PORTS.start
        };
        let ports = [self.port, port];
        // Each in a place of its own, so that nothing of an older one is taken for one of this.
        let flow = Flow::new(ports, u32::from(self.port) << 16);
        let mut connection = Connection {
            acknowledgement: self.template(&flow, &[], Checksum::Full),
            flow,
        };
        while connection.flow.state == State::Opening {
            // Not all that is there: behind the answer there may be data already.
            let mut moved = self.take(Some(&mut connection), &mut |_| {})?;
            if connection.flow.state == State::Opening && connection.flow.in_flight() == 0 {
                moved |= self.send_once(&mut connection, flags::SYN, &SYN_OPTIONS, &[])?;
            }
            self.turn(&mut connection, moved)?;
        }
        ensure!(connection.flow.state == State::Open, "port {port} refuses");
        Ok(connection)
    }

    /// Closes the guest's side, and waits for the host's.
    ///
    /// # Errors
    ///
    /// If the host does not close its side, or does not answer.
    pub(super) fn close(&mut self, mut connection: Connection) -> Result<()> {
        let end = connection.flow.highest();
        while !connection.is_closed(end) {
            let mut moved = self.take_all(&mut connection, &mut |_| {})?;
            let flow = &connection.flow;
            let left = flow
                .left_before(end)
                .min(flow.segment_size())
                .min(flow.room());
            if flow.next() == end {
                moved |= self.send_once(&mut connection, flags::ACK | flags::FIN, &[], &[])?;
            } else if left > 0 {
                // Rare enough to be slow.
                let payload = vec![PAYLOAD; usize::try_from(left)?];
                moved |= self.send_once(&mut connection, flags::ACK, &[], &payload)?;
            }
            self.turn(&mut connection, moved)?;
        }
        self.forget(&connection);
        Ok(())
    }

    /// Leaves a connection as it is, with everything acknowledged that came.
    ///
    /// # Errors
    ///
    /// If the link is gone.
    pub(super) fn leave(&mut self, mut connection: Connection) -> Result<()> {
        connection.flow.settle();
        while connection.flow.acknowledge {
            self.turn(&mut connection, true)?;
        }
        self.forget(&connection);
        Ok(())
    }

    /// Sends a template's segment at its place: `false` when there is no room in the link.
    ///
    /// # Errors
    ///
    /// If the link is gone.
    pub(super) fn send_template(
        &mut self,
        flow: &mut Flow,
        template: &mut Template,
    ) -> Result<bool> {
        let packet = template.stamp(flow.next(), flow.expected);
        if !self.send(packet)? {
            return Ok(false);
        }
        flow.sent(template.payload());
        Ok(true)
    }

    /// Makes a segment and sends it: `false` when there is no room in the link.
    ///
    /// # Errors
    ///
    /// If the link is gone.
    pub(super) fn send_once(
        &mut self,
        connection: &mut Connection,
        flags: u8,
        options: &[u8],
        payload: &[u8],
    ) -> Result<bool> {
        let flow = &mut connection.flow;
        let numbers = [flow.next(), flow.expected];
        let packet = frame::once(
            &self.addresses,
            flow.ports,
            flags,
            numbers,
            options,
            payload,
        );
        if !self.send(&packet)? {
            return Ok(false);
        }
        let phantom = u32::from(flags & (flags::SYN | flags::FIN) != 0);
        flow.sent(u32::try_from(payload.len())? + phantom);
        Ok(true)
    }

    /// Takes all that is there, and acknowledges it; whether there was anything. Each piece of the connection's
    /// stream goes to `sink`, in order.
    ///
    /// # Errors
    ///
    /// If the link is gone, or something arrived damaged.
    pub(super) fn take_all(
        &mut self,
        connection: &mut Connection,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<bool> {
        let mut moved = false;
        while self.take(Some(connection), sink)? {
            moved = true;
            if connection.flow.acknowledge {
                self.acknowledge(connection)?;
            }
        }
        Ok(moved)
    }

    /// Ends a turn of a loop: sends what is due. If nothing `moved` in it, waits for something, and sends again what
    /// was lost.
    ///
    /// # Errors
    ///
    /// If the link is gone, the connection was reset, or all this takes too long.
    pub(super) fn turn(&mut self, connection: &mut Connection, moved: bool) -> Result<()> {
        if connection.flow.state == State::Reset {
            bail!(
                "the connection to port {} was reset",
                connection.flow.ports[1]
            );
        }
        if !moved {
            connection.flow.settle();
        }
        if connection.flow.acknowledge {
            self.acknowledge(connection)?;
        }
        self.link.flush()?;
        self.turns += 1;
        if moved && self.turns % 256 != 0 {
            self.idle = None;
            return Ok(());
        }
        let now = Instant::now();
        let Connection { flow, .. } = connection;
        ensure!(
            now < self.deadline,
            "stuck: {flow}, blocked: {}",
            self.is_blocked
        );
        if moved {
            return Ok(());
        }
        if now.saturating_duration_since(*self.idle.get_or_insert(now)) < RETRANSMIT {
            return self.link.wait(self.is_blocked, RETRANSMIT);
        }
        self.idle = None;
        connection.flow.time_out();
        Ok(())
    }

    fn forget(&mut self, connection: &Connection) {
        self.retransmissions += connection.flow.retransmissions;
    }

    fn acknowledge(&mut self, connection: &mut Connection) -> Result<()> {
        let Connection {
            flow,
            acknowledgement,
        } = connection;
        if self.send_template(flow, acknowledgement)? {
            flow.acknowledged();
        }
        Ok(())
    }

    fn send(&mut self, packet: &[u8]) -> Result<bool> {
        self.is_blocked = !self.link.send(packet)?;
        Ok(!self.is_blocked)
    }

    /// Takes one frame, if there is one.
    fn take(
        &mut self,
        connection: Option<&mut Connection>,
        sink: &mut dyn FnMut(&[u8]),
    ) -> Result<bool> {
        let Some(packet) = self.link.receive()? else {
            return Ok(false);
        };
        match parse(packet.frame) {
            Arrived::Segment(segment) => {
                if self.is_careful {
                    let intact = is_intact(packet.frame, packet.is_trusted);
                    ensure!(intact, "a frame with a wrong checksum came");
                }
                let flow = connection.map(|it| &mut it.flow);
                let [guest, host] = [segment.ports[1], segment.ports[0]];
                if let Some(flow) = flow.filter(|flow| flow.ports == [guest, host]) {
                    sink(flow.arrive(&segment));
                }
            }
            Arrived::Datagram(datagram) => {
                let [guest, host] = self.datagrams;
                if connection.is_none() && datagram.ports == [host, guest] {
                    sink(datagram.payload);
                }
            }
            Arrived::ArpReply(reply) if reply.address == self.addresses.gateway => {
                self.addresses.gateway_mac = reply.mac;
            }
            Arrived::ArpRequest(asker) if asker.target == self.addresses.guest => {
                let answer = frame::arp(&self.addresses, Some(&asker));
                // Lost without room; whoever wants to know asks again.
                self.link.send(&answer)?;
            }
            _ => {}
        }
        Ok(true)
    }
}
