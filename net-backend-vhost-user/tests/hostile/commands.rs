//! Control queues that no driver has.

use net_backend::Features;
use net_backend_vhost_user::queue::{Answer, Command, Request};
use net_backend_vhost_user::testing::{Descriptor, Driver, flags};
use virtio_queue::QueueT;
use vm_memory::{Bytes, GuestAddress};

use super::guests::{BUFFER, END, FRAMES, Guest, RINGS};

/// Where an answer goes.
const ANSWER: Descriptor = Descriptor::writable(BUFFER, 1);

#[test]
fn every_command_is_kicked_for() {
    let guest = Guest::new(Features::empty());
    let mut driver = Driver::new(guest.memory(), RINGS, 8);
    let mut queue = driver.queue(true);
    let event = || {
        let event = GuestAddress(driver.end() - 2);
        guest.memory().read_obj::<u16>(event).unwrap()
    };
    assert_eq!(event(), 0);
    let command = guest.put(&[4, 0, 3, 0]);
    for count in 1..20_u16 {
        driver.offer(&[command, ANSWER]).unwrap();
        let request = Request::next(&queue, guest.memory()).unwrap().unwrap();
        assert_eq!(request.command, Some(Command::Pairs(3)));
        let interrupt = request.answer(Answer::Done, &mut queue, guest.memory());
        assert!(interrupt.is_ok());
        let event = GuestAddress(driver.end() - 2);
        assert_eq!(guest.memory().read_obj::<u16>(event).unwrap(), count);
        assert_eq!(Request::next(&queue, guest.memory()).unwrap(), None);
        assert!(driver.take().is_some());
    }
}

/// Commands in pieces, and what is none: each is answered where there is room for it.
#[test]
fn what_is_no_command_is_answered_too() {
    let guest = Guest::new(Features::empty());
    let command = guest.put(&[4, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let part = |at, length| Descriptor::readable(FRAMES + at, length);
    let readable = |length| Descriptor { length, ..command };
    let pairs = Some(Command::Pairs(3));
    let cases = [
        (&[readable(4), ANSWER][..], pairs, 1),
        (
            &[part(0, 1), part(1, 0), part(1, 1), part(2, 2), ANSWER],
            pairs,
            1,
        ),
        (&[readable(4), Descriptor::writable(0, 0), ANSWER], pairs, 1),
        // Too short, too long, much too long, nothing; not answered, or nowhere.
        (&[readable(3), ANSWER], None, 1),
        (&[readable(5), ANSWER], None, 1),
        (&[readable(11), ANSWER], None, 1),
        (&[Descriptor::readable(0, 0xc_0000); 8], None, 0),
        (&[ANSWER], None, 1),
        (&[readable(4)], pairs, 0),
        (&[readable(4), Descriptor::writable(END, 1)], None, 0),
        // What the device writes comes last; elsewhere there is no memory.
        (&[ANSWER, readable(4)], None, 0),
        (&[Descriptor::readable(END - 2, 4), ANSWER], None, 0),
        (&[Descriptor::readable(u64::MAX - 1, 4), ANSWER], None, 0),
    ];
    for (parts, expected, written) in cases {
        let mut driver = Driver::new(guest.memory(), RINGS, 16);
        let mut queue = driver.queue(false);
        let head = driver.offer(parts).unwrap();
        guest
            .memory()
            .write_obj(0xff_u8, GuestAddress(BUFFER))
            .unwrap();
        let request = Request::next(&queue, guest.memory()).unwrap().unwrap();
        assert_eq!(request.command, expected, "{parts:?}");
        let answered = request.answer(Answer::Refused, &mut queue, guest.memory());
        assert!(answered.unwrap(), "an interrupt");
        assert_eq!(driver.take(), Some((head, written)), "{parts:?}");
        let byte: u8 = guest.memory().read_obj(GuestAddress(BUFFER)).unwrap();
        assert_eq!(byte, if written == 1 { 1 } else { 0xff }, "{parts:?}");
    }
}

#[test]
fn loops_and_tables_without_end_are_no_commands() {
    let guest = Guest::new(Features::empty());
    let command = guest.put(&[4, 0, 3, 0]);
    let endless = Descriptor {
        flags: flags::NEXT,
        next: 0,
        ..command
    };
    let table = Descriptor {
        flags: flags::INDIRECT,
        ..Descriptor::readable(FRAMES + 0x1000, 16 * 0xffff)
    };
    let short = Descriptor {
        length: 0x4_0000,
        ..table
    };
    for first in [endless, table, short] {
        let mut driver = Driver::new(guest.memory(), RINGS, 16);
        let mut queue = driver.queue(false);
        driver.write(0, first);
        for place in 0..0x4000 {
            let next = Descriptor {
                next: place + 1,
                length: 0,
                ..endless
            };
            driver.write_at(FRAMES + 0x1000 + 16 * u64::from(place), next);
        }
        driver.show(0);
        let request = Request::next(&queue, guest.memory()).unwrap().unwrap();
        assert_eq!(request.command, None);
        let answered = request.answer(Answer::Refused, &mut queue, guest.memory());
        assert!(answered.is_ok());
        assert_eq!((queue.next_avail(), queue.next_used()), (1, 1));
    }
}

#[test]
fn a_queue_that_was_set_up_anew_gets_no_answer_for_the_old_one() {
    let guest = Guest::new(Features::empty());
    let mut driver = Driver::new(guest.memory(), RINGS, 8);
    let mut queue = driver.queue(false);
    let command = guest.put(&[4, 0, 3, 0]);
    driver.offer(&[command, ANSWER]).unwrap();
    let request = Request::next(&queue, guest.memory()).unwrap().unwrap();
    queue.set_next_avail(5);
    let answered = request.answer(Answer::Done, &mut queue, guest.memory());
    assert!(!answered.unwrap());
    assert_eq!((queue.next_avail(), driver.take()), (5, None));

    queue.set_ready(false);
    let answered = request.answer(Answer::Done, &mut queue, guest.memory());
    assert!(answered.is_err());
}
