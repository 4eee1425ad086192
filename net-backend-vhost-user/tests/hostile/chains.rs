//! Chains that no driver makes.

use net_backend::Features;
use net_backend_vhost_user::queue::{BURST, End};
use net_backend_vhost_user::testing::{Descriptor, Driver, flags};
use vm_memory::{Bytes, GuestAddress};

use super::guests::{BORDER, BUFFER, END, FRAMES, Guest, HEADER, RINGS, frame};

#[test]
fn a_frame_too_long_for_all_buffers_does_not_hold_up_the_next() {
    for parts in [1, 2] {
        let mut guest = Guest::new(Features::MRG_RXBUF);
        let (_transmit, mut receive) = guest.halves();
        guest.is_sent(3000);
        guest.is_sent(60);
        let mut driver = Driver::new(guest.memory(), RINGS, 4);
        let mut queue = driver.queue(true);
        while driver.free() > 0 {
            let part = Descriptor::writable(BUFFER, 200);
            driver.offer(&[part, part][..parts]).unwrap();
        }
        let turn = receive.turn(&mut queue, guest.memory()).unwrap();
        assert_eq!((turn.frames, turn.refused), (1, 1));
        assert_eq!(driver.take().map(|it| it.1), Some(72));
        assert_eq!(driver.take(), None);
    }
}

#[test]
fn buffers_without_room_are_given_back() {
    for features in [Features::MRG_RXBUF, Features::empty()] {
        let mut guest = Guest::new(features);
        let (_transmit, mut receive) = guest.halves();
        guest.is_sent(60);
        let mut driver = Driver::new(guest.memory(), RINGS, 8);
        let mut queue = driver.queue(false);
        let empty = driver.offer(&[Descriptor::writable(BUFFER, 0)]).unwrap();
        let good = driver.offer(&[Descriptor::writable(BUFFER, 80)]).unwrap();
        let turn = receive.turn(&mut queue, guest.memory()).unwrap();
        assert_eq!((turn.frames, turn.refused), (1, 1));
        assert_eq!(driver.take(), Some((empty, 0)));
        assert_eq!(driver.take(), Some((good, 72)));
        let header: [u8; HEADER] = guest.memory().read_obj(GuestAddress(BUFFER)).unwrap();
        assert_eq!(header[10..], [1, 0], "one buffer");
    }
}

#[test]
fn buffers_that_are_no_buffers_are_given_back() {
    let mut guest = Guest::new(Features::MRG_RXBUF);
    let (_transmit, mut receive) = guest.halves();
    guest.is_sent(1000);
    let good = Descriptor::writable(BUFFER, 500);
    for bad in [
        Descriptor::readable(BUFFER, 500),
        Descriptor::writable(END - 100, 500),
        Descriptor::writable(u64::MAX - 100, 500),
        Descriptor::writable(0, u32::MAX),
    ] {
        let mut driver = Driver::new(guest.memory(), RINGS, 8);
        let mut queue = driver.queue(false);
        let heads = [driver.offer(&[good]), driver.offer(&[good, bad])];
        let turn = receive.turn(&mut queue, guest.memory()).unwrap();
        let expected = (0, 1, End::NoBuffers);
        assert_eq!((turn.frames, turn.refused, turn.end), expected, "{bad:?}");
        let used = [driver.take(), driver.take()].map(|it| it.map(|it| it.0));
        assert_eq!(used, heads, "{bad:?}");
    }
}

/// Each chain is 1000 descriptors of one byte, and all are the same.
#[test]
fn chains_of_the_same_descriptors_are_not_followed_for_long() {
    let mut guest = Guest::new(Features::MRG_RXBUF);
    let (_transmit, mut receive) = guest.halves();
    guest.is_sent(20_000);
    let mut driver = Driver::new(guest.memory(), RINGS, 1024);
    let mut queue = driver.queue(false);
    for place in 0..1000 {
        let mut descriptor = Descriptor::writable(BUFFER, 1);
        if place < 999 {
            descriptor.flags |= flags::NEXT;
            descriptor.next = place + 1;
        }
        driver.write(place, descriptor);
    }
    (0..1000).for_each(|_| driver.show(0));
    let turn = receive.turn(&mut queue, guest.memory()).unwrap();
    // A few chains each time, and never all of them.
    assert_eq!((turn.frames, turn.refused), (0, BURST));
}

/// The same for one to send: it lies in one descriptor of 1024, but that comes last, and all others are empty.
#[test]
fn a_chain_of_nothing_but_ends_is_not_followed_forever() {
    let mut guest = Guest::new(Features::empty());
    let (mut transmit, _receive) = guest.halves();
    let good = guest.put(&frame(60));
    for (length, frames) in [(1023, 1), (1024, 0)] {
        let mut driver = Driver::new(guest.memory(), RINGS, 2048);
        let mut queue = driver.queue(false);
        let mut parts = vec![Descriptor::readable(FRAMES, 0); length];
        parts.push(good);
        driver.offer(&parts).unwrap();
        let turn = transmit.turn(&mut queue, guest.memory()).unwrap();
        assert_eq!((turn.frames, turn.refused), (frames, 1 - frames));
    }
}

#[test]
fn frames_lie_over_borders_and_not_over_ends() {
    let mut guest = Guest::new(Features::empty());
    let (mut transmit, _receive) = guest.halves();
    let memory = guest.memory().clone();
    let mut driver = Driver::new(&memory, RINGS, 16);
    let mut queue = driver.queue(false);
    let sent = frame(60);
    for (at, frames) in [
        (BORDER - 30, 1),
        (END - 72, 1),
        (END - 71, 0),
        (u64::MAX, 0),
    ] {
        if frames == 1 {
            memory.write_slice(&sent, GuestAddress(at)).unwrap();
        }
        driver.offer(&[Descriptor::readable(at, 72)]).unwrap();
        let turn = transmit.turn(&mut queue, &memory).unwrap();
        assert_eq!((turn.frames, turn.refused), (frames, 1 - frames), "{at:#x}");
        let mut expected = sent.clone();
        expected[10] = 1;
        assert_eq!(guest.arrived(), (frames == 1).then_some(expected));
    }
}

/// Longer than any frame, by one byte and by as much as descriptors can say.
#[test]
fn frames_of_any_length_are_refused_but_for_those_that_are_some() {
    let mut guest = Guest::new(Features::empty());
    let (mut transmit, _receive) = guest.halves();
    let all = u32::try_from(END).unwrap();
    let most = u32::try_from(HEADER + net_backend::FrameLength::MAX.bytes()).unwrap();
    let long = vec![Descriptor::readable(0, all); 1024];
    let whole = [Descriptor::readable(FRAMES, most)];
    let more = [Descriptor::readable(FRAMES, most + 1)];
    let less = [Descriptor::readable(FRAMES, 13)];
    let nothing = [Descriptor::readable(FRAMES, 0); 3];
    for (parts, frames) in [
        (&whole[..], 1),
        (&more, 0),
        (&less, 0),
        (&nothing, 0),
        (&long, 0),
    ] {
        let mut driver = Driver::new(guest.memory(), RINGS, 1024);
        let mut queue = driver.queue(false);
        driver.offer(parts).unwrap();
        let turn = transmit.turn(&mut queue, guest.memory()).unwrap();
        assert_eq!((turn.frames, turn.refused), (frames, 1 - frames));
        assert_eq!(guest.arrived().is_some(), frames == 1);
    }
}

#[test]
fn headers_that_ask_for_what_was_not_negotiated_are_refused() {
    let csum = Features::CSUM | Features::GUEST_CSUM;
    // Flags, kind of segments, and whether it goes: as it is; with a partial checksum; TCP over IPv4; a kind that is none.
    let cases = [
        (Features::empty(), [0, 0], true),
        (Features::empty(), [1, 0], false),
        (csum, [1, 0], true),
        (csum, [1, 1], false),
        (csum | Features::HOST_TSO4, [1, 1], false),
        (csum, [0, 0x80], false),
        (Features::OFFLOADS, [1, 2], false),
        (Features::OFFLOADS, [1, 1], true),
    ];
    for (features, beginning, goes) in cases {
        let mut guest = Guest::new(features);
        let (mut transmit, _receive) = guest.halves();
        let mut driver = Driver::new(guest.memory(), RINGS, 8);
        let mut queue = driver.queue(false);
        let mut sent = frame(60);
        sent[..2].copy_from_slice(&beginning);
        // Nor does it say that the frame came in so many buffers, nor that somebody looked at the checksum.
        sent[0] |= 2;
        sent[10..12].copy_from_slice(&[77, 7]);
        driver.offer(&[guest.put(&sent)]).unwrap();
        let turn = transmit.turn(&mut queue, guest.memory()).unwrap();
        assert_eq!(turn.frames == 1, goes, "{features:?} {beginning:?}");
        let header = guest.arrived().map(|it| [it[0], it[1], it[10], it[11]]);
        let expected = [beginning[0], beginning[1], 1, 0];
        assert_eq!(header, goes.then_some(expected));
    }
}

/// What is in the table is a frame; how it is named is not as it should be.
#[test]
fn indirect_tables_are_as_the_standard_has_them() {
    let table = FRAMES + 0x1000;
    let named = |address, length, flags: u16| Descriptor {
        flags: flags::INDIRECT | flags,
        ..Descriptor::readable(address, length)
    };
    let cases = [
        (named(table, 32, 0), 1),
        // That flag says nothing here (virtio 1.2, 2.7.5.3.2).
        (named(table, 32, flags::WRITE), 1),
        (named(table + 0x1001, 32, 0), 1),
        (named(table, 0, 0), 0),
        (named(table, 8, 0), 0),
        (named(table, 33, 0), 0),
        (named(table, 16, 0), 0),
        (named(table, 16 * 0x1_0000, 0), 0),
        (named(table, u32::MAX - 15, 0), 0),
        (named(table, 32, flags::NEXT), 0),
        (named(BORDER - 16, 32, 0), 0),
        (named(u64::MAX - 15, 32, 0), 0),
    ];
    for (descriptor, frames) in cases {
        let mut guest = Guest::new(Features::empty());
        let (mut transmit, _receive) = guest.halves();
        let mut driver = Driver::new(guest.memory(), RINGS, 16);
        let mut queue = driver.queue(false);
        guest.put(&frame(60));
        let header = Descriptor {
            flags: flags::NEXT,
            next: 1,
            ..Descriptor::readable(FRAMES, 12)
        };
        for at in [table, table + 0x1001, BORDER - 16] {
            driver.write_at(at, header);
            driver.write_at(at + 16, Descriptor::readable(FRAMES + 12, 60));
        }
        driver.write(0, descriptor);
        driver.show(0);
        let turn = transmit.turn(&mut queue, guest.memory()).unwrap();
        let expected = (frames, 1 - frames);
        assert_eq!((turn.frames, turn.refused), expected, "{descriptor:?}");
    }
}

#[test]
fn a_table_in_a_table_is_refused_and_one_behind_descriptors_is_not() {
    for nests in [false, true] {
        let mut guest = Guest::new(Features::empty());
        let (mut transmit, _receive) = guest.halves();
        let mut driver = Driver::new(guest.memory(), RINGS, 16);
        let mut queue = driver.queue(false);
        guest.put(&frame(60));
        let table = |address| Descriptor {
            flags: flags::INDIRECT,
            ..Descriptor::readable(address, 16)
        };
        let first = Descriptor::readable(FRAMES, 12);
        driver.offer(&[first, table(FRAMES + 0x1000)]).unwrap();
        let inner = match nests {
            true => table(FRAMES + 0x2000),
            false => Descriptor::readable(FRAMES + 12, 60),
        };
        driver.write_at(FRAMES + 0x1000, inner);
        driver.write_at(FRAMES + 0x2000, Descriptor::readable(FRAMES + 12, 60));
        let turn = transmit.turn(&mut queue, guest.memory()).unwrap();
        assert_eq!(turn.refused == 1, nests);
        assert_eq!(turn.frames == 1, !nests);
    }
}
