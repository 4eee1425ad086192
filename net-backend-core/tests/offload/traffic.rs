//! Made-up traffic of a few TCP connections that do everything that TCP may do, and some things that it may
//! not.

use net_backend_core::VirtioNetHeader;
use proptest::prelude::*;

use super::frames::{ACK, CWR, ECE, FIN, PSH, Packet, RST, SYN, URG, pattern};
use super::reader::STAMP;

/// Connections that are open at the same time: more than are collected.
pub(crate) const FLOWS: u16 = 12;
const FIRST_PORT: u16 = 40000;

/// The ports of all connections.
pub(crate) fn ports() -> Vec<u16> {
    (FIRST_PORT..FIRST_PORT + FLOWS).collect()
}

/// What a connection does next.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Action {
    Data,
    Short,
    Push,
    Again,
    Overlap,
    Gap,
    Acknowledge,
    Flags(u8),
    Urgent,
    Window(u16),
    Congestion,
    Stamp(u32, u32),
    SelectiveAcknowledgement,
    Identification,
    HopLimit,
    Class,
    Address,
    Padding,
    IpOptions,
    Fragment,
    OtherChecksum,
    Super,
    WrongChecksum,
    WrongNetworkChecksum,
    Datagram,
    Nonsense,
}

/// What every connection does when all is well.
pub(crate) fn calm() -> impl Strategy<Value = Action> {
    prop_oneof![
        20 => Just(Action::Data),
        2 => Just(Action::Short),
        2 => Just(Action::Push),
        1 => Just(Action::Acknowledge),
        1 => Just(Action::Flags(FIN | ACK)),
        1 => Just(Action::Window(0)),
        1 => Just(Action::Again),
        1 => Just(Action::Gap),
        1 => Just(Action::Urgent),
        1 => Just(Action::OtherChecksum),
        1 => Just(Action::Class),
    ]
}

/// All that can happen, with right checksums.
pub(crate) fn wild() -> impl Strategy<Value = Action> {
    let rare = prop_oneof![
        Just(Action::Overlap),
        Just(Action::Flags(SYN)),
        Just(Action::Flags(SYN | ACK)),
        Just(Action::Flags(RST | ACK)),
        Just(Action::Flags(CWR | ACK)),
        Just(Action::Flags(PSH)),
        Just(Action::Flags(0)),
        any::<u16>().prop_map(Action::Window),
        Just(Action::Congestion),
        (0_u32..3, 0_u32..3).prop_map(|(value, echo)| Action::Stamp(value, echo)),
        (0_u32..3).prop_map(|value| Action::Stamp(value.wrapping_sub(2), 0)),
        (0_u32..3).prop_map(|echo| Action::Stamp(0, echo.wrapping_sub(2))),
        Just(Action::SelectiveAcknowledgement),
        Just(Action::Identification),
        Just(Action::HopLimit),
        Just(Action::Address),
        Just(Action::Padding),
        Just(Action::IpOptions),
        Just(Action::Fragment),
        Just(Action::Super),
        Just(Action::Datagram),
        Just(Action::Nonsense),
    ];
    prop_oneof![3 => calm(), 1 => rare]
}

/// What is calm, and wrong checksums.
pub(crate) fn damaged() -> impl Strategy<Value = Action> {
    prop_oneof![
        15 => calm(),
        1 => Just(Action::WrongChecksum),
        1 => Just(Action::WrongNetworkChecksum),
    ]
}

/// Frames of connections whose segments have `size` bytes.
pub(crate) fn frames(steps: &[(u16, Action)], size: usize) -> Vec<(Vec<u8>, VirtioNetHeader)> {
    let mut flows: Vec<Flow> = (0..FLOWS).map(|number| Flow::new(number, size)).collect();
    let mut frames = Vec::new();
    for (flow, action) in steps {
        let flow = &mut flows[usize::from(flow % FLOWS)];
        frames.push(flow.step(*action));
    }
    frames
}

struct Flow {
    packet: Packet,
    size: usize,
    is_partial: bool,
}

impl Flow {
    fn new(number: u16, size: usize) -> Self {
        let options = match number / 4 % 2 {
            0 => Vec::new(),
            _ => [&STAMP[..], &[0xff, 0xff, 0xff, 0xfe, 0, 0, 0, 1]].concat(),
        };
        let packet = Packet {
            is_ipv6: number % 2 == 1,
            port: FIRST_PORT + number,
            identification: 0xfff0,
            dont_fragment: number % 3 != 0,
            // Some pass zero on their way.
            sequence: if number % 5 == 0 { 0xffff_ff00 } else { 7 },
            options,
            ..Packet::default()
        };
        Self {
            packet,
            size,
            is_partial: number / 2 % 3 == 0,
        }
    }

    fn step(&mut self, action: Action) -> (Vec<u8>, VirtioNetHeader) {
        let size = u32::try_from(self.size).unwrap();
        match action {
            Action::Short => return self.send(self.size.div_ceil(2), |_| {}),
            Action::Push => return self.send(self.size, |it| it.flags |= PSH),
            Action::Again => self.move_to(0_u32.wrapping_sub(size)),
            Action::Overlap => self.move_to(0_u32.wrapping_sub(size / 2)),
            Action::Gap => self.move_to(size),
            Action::Acknowledge => {
                self.packet.acknowledgement = self.packet.acknowledgement.wrapping_add(1000);
                return self.send(0, |_| {});
            }
            Action::Flags(flags) => return self.send(self.size, |it| it.flags = flags),
            Action::Urgent => {
                return self.send(self.size, |it| {
                    it.flags |= URG;
                    it.urgent = 3;
                });
            }
            Action::Window(window) => self.packet.window = window,
            Action::Congestion => self.packet.flags ^= ECE,
            Action::Stamp(value, echo) => self.stamp(value, echo),
            Action::SelectiveAcknowledgement => self.acknowledge_selectively(),
            Action::Identification => {
                self.packet.identification = self.packet.identification.wrapping_add(5);
            }
            Action::HopLimit => self.packet.hop_limit ^= 1,
            Action::Class => self.packet.traffic_class ^= 3,
            Action::Address => self.packet.mac ^= 2,
            Action::IpOptions => return self.send(self.size, |it| it.ip_options = 8),
            Action::Super => return self.send_super(),
            Action::Datagram => return self.send_datagram(),
            Action::Nonsense => return (pattern(60, size), VirtioNetHeader::default()),
            Action::OtherChecksum => {
                self.is_partial = !self.is_partial;
                let sent = self.send(self.size, |_| {});
                self.is_partial = !self.is_partial;
                return sent;
            }
            Action::Padding | Action::Fragment => return self.send_odd(action),
            Action::WrongChecksum | Action::WrongNetworkChecksum => return self.send_wrong(action),
            Action::Data => {}
        }
        self.send(self.size, |_| {})
    }

    fn move_to(&mut self, distance: u32) {
        self.packet.sequence = self.packet.sequence.wrapping_add(distance);
    }

    /// The next segment, after `change`.
    fn send(
        &mut self,
        length: usize,
        change: impl FnOnce(&mut Packet),
    ) -> (Vec<u8>, VirtioNetHeader) {
        let mut packet = self.packet.clone();
        packet.payload = pattern(length, packet.sequence);
        change(&mut packet);
        self.move_to(u32::try_from(length).unwrap());
        self.packet.identification = self.packet.identification.wrapping_add(1);
        match self.is_partial {
            true => packet.partial_frame(),
            false => (packet.frame(), VirtioNetHeader::default()),
        }
    }

    fn stamp(&mut self, value: u32, echo: u32) {
        for (at, by) in [(4, value), (8, echo)] {
            if let Some(bytes) = self.packet.options.get_mut(at..at + 4) {
                let old = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
                bytes.copy_from_slice(&old.wrapping_add(by).to_be_bytes());
            }
        }
    }

    /// With a block, or without again.
    fn acknowledge_selectively(&mut self) {
        let stamp = self.packet.options.len() / 12 * 12;
        let had = self.packet.options.len() > 12;
        self.packet.options.truncate(stamp.min(12));
        if !had {
            let block = [1, 1, 5, 10, 0, 0, 0, 9, 0, 0, 0, 20];
            self.packet.options.extend(block);
        }
    }

    fn send_super(&mut self) -> (Vec<u8>, VirtioNetHeader) {
        let length = 3 * self.size + 1;
        let mut packet = self.packet.clone();
        packet.payload = pattern(length, packet.sequence);
        self.move_to(u32::try_from(length).unwrap());
        self.packet.identification = self.packet.identification.wrapping_add(4);
        packet.super_frame(u16::try_from(self.size).unwrap())
    }

    fn send_datagram(&self) -> (Vec<u8>, VirtioNetHeader) {
        let packet = Packet {
            is_udp: true,
            payload: pattern(100, 1),
            ..self.packet.clone()
        };
        (packet.frame(), VirtioNetHeader::default())
    }

    fn send_odd(&mut self, action: Action) -> (Vec<u8>, VirtioNetHeader) {
        let is_fragment = matches!(action, Action::Fragment) && !self.packet.is_ipv6;
        let (mut frame, header) = self.send(self.size, |_| {});
        if is_fragment {
            frame[20] = 0x20;
        } else {
            frame.extend([0; 7]);
        }
        (frame, header)
    }

    fn send_wrong(&mut self, action: Action) -> (Vec<u8>, VirtioNetHeader) {
        let (mut frame, header) = self.send(self.size, |_| {});
        let of_network = matches!(action, Action::WrongNetworkChecksum) && !self.packet.is_ipv6;
        let at = match (of_network, self.packet.is_ipv6) {
            (true, _) => 24,
            (false, true) => 54 + 16,
            (false, false) => 34 + 16,
        };
        // All errors in the same direction, since in a sum two could undo each other.
        let sum = u16::from_be_bytes([frame[at], frame[at + 1]]);
        let wrong = sum.checked_add(1).unwrap_or(1);
        frame[at..at + 2].copy_from_slice(&wrong.to_be_bytes());
        (frame, header)
    }
}
