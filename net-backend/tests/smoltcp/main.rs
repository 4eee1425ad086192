//! smoltcp on backends: two of them on a cable, one with a cable's other end in our hands, and one on slirp.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "tests may fail so"
)]

mod frames;
mod slirp;
mod stack;

use net_backend::memory::{PairConfig, pair};
use net_backend::smoltcp::Device;
use net_backend::{
    Activation, Error, Features, HeaderFlags, HeaderLength, Mtu, NetBackend, Nic, VirtioNetHeader,
};
use smoltcp::phy::Device as _;

use crate::frames::{CHECKSUM, Frame};
use crate::stack::{Stack, exchange};

/// A stack on one end, and the other end, with these offloads in use.
fn with_other_end(features: Features) -> (Stack, Nic) {
    let (near, far) = pair(&PairConfig {
        features,
        ..PairConfig::default()
    })
    .unwrap();
    let with = Activation {
        queue_pairs: 1,
        header: HeaderLength::Twelve,
        features,
    };
    let far = Nic::activate(Box::new(far), &with).unwrap();
    (Stack::new(Box::new(near), 1), far)
}

/// The frames that came, with their headers.
fn received(nic: &mut Nic) -> Vec<(VirtioNetHeader, Frame)> {
    let mut buffer = vec![0; 70_000];
    let mut frames = vec![];
    while let Some(received) = nic.recv(&mut buffer).unwrap() {
        let (wire, frame) = buffer[..received.length].split_at(12);
        let header = VirtioNetHeader::decode(wire.try_into().unwrap(), HeaderLength::Twelve);
        frames.push((header.unwrap(), Frame(frame.to_vec())));
    }
    frames
}

fn send(nic: &mut Nic, header: &VirtioNetHeader, frame: &Frame) {
    let bytes = [&header.encode()[..], &frame.0].concat();
    assert_eq!(nic.send(&bytes).unwrap(), net_backend::Sent::Queued);
}

/// Answers the stack's question for the other end's Ethernet address, and then has it connect: its SYN.
fn syn(stack: &mut Stack, far: &mut Nic) -> (VirtioNetHeader, Frame) {
    stack.connect(2);
    stack.turn();
    let frames = received(far);
    let (_, question) = frames.first().unwrap();
    send(far, &VirtioNetHeader::default(), &question.arp_answer(2));
    stack.turn();
    received(far).pop().unwrap()
}

#[test]
fn two_stacks_exchange_a_stream() {
    let checksums = Features::CSUM | Features::GUEST_CSUM;
    for features in [Features::OFFLOADS, checksums, Features::empty()] {
        let (left, right) = pair(&PairConfig {
            features,
            ..PairConfig::default()
        })
        .unwrap();
        let mut stacks = [
            Stack::new(Box::new(left), 1),
            Stack::new(Box::new(right), 2),
        ];
        exchange(&mut stacks, 1 << 20);
        for stack in &stacks {
            assert_eq!(stack.device.lost(), net_backend::smoltcp::Lost::default());
        }
    }
}

#[test]
fn a_full_cable_holds_nobody_up_for_ever() {
    let (left, right) = pair(&PairConfig {
        capacity: 1,
        ..PairConfig::default()
    })
    .unwrap();
    let mut stacks = [
        Stack::new(Box::new(left), 1),
        Stack::new(Box::new(right), 2),
    ];
    exchange(&mut stacks, 1 << 18);
    let busy = stacks.map(|stack| stack.device.sent().snapshot().busy);
    assert!(busy.iter().any(|times| *times > 0), "it was never full");
}

#[test]
fn what_there_is_no_room_for_is_kept_and_told() {
    let (near, far) = pair(&PairConfig {
        capacity: 1,
        ..PairConfig::default()
    })
    .unwrap();
    let mut far = Nic::activate(Box::new(far), &Activation::plain()).unwrap();
    let mut stack = Stack::new(Box::new(near), 1);
    let mut put = |byte: u8| {
        let token = stack.device.transmit(stack::now());
        let fill = |frame: &mut [u8]| frame.fill(byte);
        let put = token.map(|token| smoltcp::phy::TxToken::consume(token, 60, fill));
        let is_full = stack.device.settle().unwrap().room.is_some();
        (put.is_some(), is_full)
    };
    assert_eq!(put(1), (true, false));
    assert_eq!(put(2), (true, true));
    assert_eq!(put(3), (false, true));
    let mut buffer = [0; 100];
    for byte in [1, 2] {
        let received = far.recv(&mut buffer).unwrap().unwrap();
        assert_eq!(buffer[..received.length], [byte; 60]);
        assert!(!stack.wait().1, "there is room");
    }
    assert_eq!(far.recv(&mut buffer).unwrap(), None);
}

#[test]
fn checksums_are_left_to_a_backend_that_offers_it() {
    let (mut stack, mut far) = with_other_end(Features::OFFLOADS);
    let (header, frame) = syn(&mut stack, &mut far);
    assert_eq!(header.flags, HeaderFlags::NEEDS_CSUM);
    assert_eq!((header.checksum_start, header.checksum_offset), (34, 16));
    assert_eq!(frame.u16_at(CHECKSUM), frame.pseudo_header());
}

#[test]
fn checksums_are_made_for_a_backend_that_offers_nothing() {
    let (mut stack, mut far) = with_other_end(Features::GUEST_CSUM);
    let (header, frame) = syn(&mut stack, &mut far);
    assert_eq!(header, VirtioNetHeader::default());
    assert!(frame.is_valid());
}

#[test]
fn segments_are_looked_at_when_nobody_else_has() {
    let partial = VirtioNetHeader {
        flags: HeaderFlags::NEEDS_CSUM,
        checksum_start: 34,
        checksum_offset: 16,
        ..VirtioNetHeader::default()
    };
    let plain = VirtioNetHeader::default();
    // Whether the header says something, whether the checksum is wrong, and whether there is an answer.
    for (header, breaks, is_taken) in [
        (plain, false, true),
        (plain, true, false),
        (partial, true, true),
    ] {
        let (mut stack, mut far) = with_other_end(Features::OFFLOADS);
        let (_, question) = syn(&mut stack, &mut far);
        let mut refusal = question.refusal();
        if breaks {
            refusal.0[CHECKSUM] ^= 1;
        }
        send(&mut far, &header, &refusal);
        stack.turn();
        assert_eq!(stack.socket().is_open(), !is_taken, "{header:?} {breaks}");
        assert_eq!(stack.device.lost().received, u64::from(!is_taken));
    }
}

#[test]
fn the_end_of_a_backend_is_told() {
    let (mut stack, far) = with_other_end(Features::empty());
    assert!(stack.device.settle().is_ok());
    drop(far);
    stack.connect(2);
    stack.poll();
    assert!(matches!(stack.device.settle(), Err(Error::Gone { .. })));
}

#[test]
fn a_queue_pair_is_a_device_without_its_backend() {
    let (mut near, far) = pair(&PairConfig::default()).unwrap();
    let mtu = Mtu::new(9000).unwrap();
    let mut activate = |features| {
        let with = Activation {
            header: HeaderLength::Ten,
            features,
            ..Activation::plain()
        };
        let queue = near.activate(&with).unwrap().pop().unwrap();
        Device::new(queue, &with, mtu)
    };
    let device = activate(Features::CSUM).unwrap();
    assert_eq!(device.capabilities().max_transmission_unit, 9014);
    drop(device);
    let fragments = Features::GUEST_CSUM | Features::GUEST_UFO;
    assert!(matches!(activate(fragments), Err(Error::NotOffered { .. })));
    drop(far);
}
