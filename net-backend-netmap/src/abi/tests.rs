//! Bytes that a C compiler made from the kernel's headers, on a 64-bit little-endian machine; there alone they are
//! compared.
#![cfg(all(target_pointer_width = "64", target_endian = "little"))]

use std::fmt::Debug;

use super::*;
use crate::ring::Slot;

/// Bytes of hexadecimal digits; spaces are skipped.
fn bytes(digits: &str) -> Vec<u8> {
    let digits: Vec<char> = digits.chars().filter(|digit| *digit != ' ').collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap())
        .collect()
}

fn name(text: &str) -> [u8; NAME_BYTES] {
    let mut name = [0; NAME_BYTES];
    name[..text.len()].copy_from_slice(text.as_bytes());
    name
}

fn check<B: Body + Debug + PartialEq>(body: &B, kernel: &str) {
    let mut kernel = bytes(kernel);
    kernel.resize(BODY_BYTES, 0);
    let kernel: [u8; BODY_BYTES] = kernel.try_into().unwrap();
    assert_eq!(body.encode(), kernel);
    assert_eq!(B::decode(&kernel), *body);
}

const REGISTER: Register = Register {
    offset: 0x0102_0304_0506_0708,
    memory_size: 0x1112_1314_1516_1718,
    transmit_slots: 0x2122_2324,
    receive_slots: 0x2526_2728,
    transmit_rings: 0x3132,
    receive_rings: 0x3334,
    host_transmit_rings: 0x3536,
    host_receive_rings: 0x3738,
    memory: 0x4142,
    ring: 0x4344,
    mode: 0x4546_4748,
    extra_buffers: 0x5152_5354,
    flags: 0x6162_6364_6566_6768,
};

const REGISTER_BYTES: &str = "0807060504030201 1817161514131211 2423222128272625 3231343336353837 \
                              4241444348474645 5453525100000000 6867666564636261";

#[test]
fn headers_are_the_kernels() {
    let header = Header::new(RequestKind::ValeList, name("vale0:guest1"));
    let mut kernel = bytes("0e00050000000000 76616c65303a6775 65737431");
    kernel.resize(HEADER_BYTES, 0);
    let kernel: [u8; HEADER_BYTES] = kernel.try_into().unwrap();
    assert_eq!(header.encode(), kernel);
    assert_eq!(Header::decode(&kernel), header);
    assert_eq!(std::mem::offset_of!(Header, options), 72);
    assert_eq!(std::mem::offset_of!(Header, body), 80);
}

#[test]
fn registrations_are_the_kernels() {
    check(&REGISTER, REGISTER_BYTES);
    check(
        &ValeAttach {
            register: REGISTER,
            port_index: 0x7172_7374,
        },
        &format!("{REGISTER_BYTES} 7473727100000000"),
    );
    check(
        &ValeDetach {
            port_index: 0x0102_0304,
        },
        "0403020100000000",
    );
}

#[test]
fn questions_are_the_kernels() {
    check(
        &PortInfo {
            memory_size: 0x0102_0304_0506_0708,
            transmit_slots: 0x1112_1314,
            receive_slots: 0x1516_1718,
            transmit_rings: 0x2122,
            receive_rings: 0x2324,
            host_transmit_rings: 0x2526,
            host_receive_rings: 0x2728,
            memory: 0x3132,
        },
        "0807060504030201 1413121118171615 2221242326252827 3231000000000000",
    );
    check(
        &ValeList {
            bridge: 0x0102,
            port: 0x0304_0506,
        },
        "0201000006050403",
    );
}

#[test]
fn settings_are_the_kernels() {
    check(
        &PortHeader {
            length: 0x0102_0304,
        },
        "0403020100000000",
    );
    check(
        &ValeInterface {
            transmit_slots: 0x0102_0304,
            receive_slots: 0x0506_0708,
            transmit_rings: 0x1112,
            receive_rings: 0x1314,
            memory: 0x1516,
        },
        "0403020108070605 1211141316150000",
    );
    check(
        &Polling {
            mode: 0x0102_0304,
            first_cpu: 0x0506_0708,
            cpus: 0x1112_1314,
        },
        "0403020108070605 1413121100000000",
    );
}

#[test]
fn slots_are_the_kernels() {
    let kernel = bytes("0403020112111413 2827262524232221");
    assert_eq!(kernel.len(), SLOT_BYTES);
    let slot = Slot {
        buffer: 0x0102_0304,
        length: 0x1112,
        flags: 0x1314,
    };
    let word = u64::from_ne_bytes(kernel[..8].try_into().unwrap());
    assert_eq!(Slot::from_word(word), slot);
    assert_eq!(slot.word(), word);
}

/// The bytes at `offset`, as a number.
fn number<const N: usize>(bytes: &[u8], offset: usize) -> u64 {
    let bytes: [u8; N] = bytes[offset..offset + N].try_into().unwrap();
    bytes
        .iter()
        .rev()
        .fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

#[test]
fn rings_are_the_kernels() {
    let kernel =
        bytes("f8f8f9fafbfcfdfe 1413121118171615 2221242334333231 3837363544434241 48474645");
    assert_eq!(
        number::<8>(&kernel, ring::BUFFERS_OFFSET),
        0u64.wrapping_sub(0x0102_0304_0506_0708)
    );
    assert_eq!(number::<4>(&kernel, ring::SLOTS), 0x1112_1314);
    assert_eq!(number::<4>(&kernel, ring::BUFFER_SIZE), 0x1516_1718);
    assert_eq!(number::<4>(&kernel, ring::HEAD), 0x3132_3334);
    assert_eq!(number::<4>(&kernel, ring::CUR), 0x3536_3738);
    assert_eq!(number::<4>(&kernel, ring::TAIL), 0x4142_4344);
    assert_eq!(ring::SLOT_ARRAY, 256);
}

#[test]
fn interfaces_are_the_kernels() {
    let kernel = bytes(
        "76616c65303a6775 6573743100000000 0403020108070605 1413121118171615 \
         2423222128272625 3433323100000000 0000000000000000",
    );
    assert_eq!(number::<4>(&kernel, interface::TX_RINGS), 0x1112_1314);
    assert_eq!(number::<4>(&kernel, interface::RX_RINGS), 0x1516_1718);
    assert_eq!(number::<4>(&kernel, interface::HOST_TX_RINGS), 0x2526_2728);
    assert_eq!(number::<4>(&kernel, interface::HOST_RX_RINGS), 0x3132_3334);
    assert_eq!(interface::RING_OFFSETS, kernel.len());
}

#[test]
fn kinds_are_numbers_and_back() {
    for number in 0..=u16::MAX {
        match RequestKind::try_from(number) {
            Ok(kind) => assert_eq!(kind as u16, number),
            Err(unknown) => assert!(unknown == number && !(1..=12).contains(&number)),
        }
    }
}
