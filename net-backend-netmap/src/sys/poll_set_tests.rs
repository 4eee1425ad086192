//! What both systems' sets have to do, on sockets.
#![cfg(any(target_os = "linux", target_os = "freebsd"))]

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use net_backend_core::{BorrowedDescriptor, Interest};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::PollSet;

/// Whether a wait for `descriptor` ends.
fn is_readable(descriptor: BorrowedDescriptor<'_>) -> bool {
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let mut waited = [PollFd::new(&descriptor, PollFlags::IN)];
    poll(&mut waited, Some(&now)).unwrap() > 0
}

fn pairs(count: usize) -> (Vec<UnixStream>, Vec<UnixStream>) {
    let pair = |_| {
        let (near, far) = UnixStream::pair().unwrap();
        near.set_nonblocking(true).unwrap();
        (near, far)
    };
    (0..count).map(pair).unzip()
}

fn set(of: &[UnixStream], interest: Interest) -> PollSet {
    let descriptors: Vec<_> = of.iter().map(AsFd::as_fd).collect();
    PollSet::new(&descriptors, interest).unwrap()
}

#[test]
fn a_set_is_ready_while_one_of_its_members_is() {
    let (near, mut far) = pairs(3);
    let set = set(&near, Interest::Readable);
    assert!(!is_readable(set.source()) && !set.settle().unwrap());

    for (mut near, far) in near.iter().zip(&mut far) {
        far.write_all(&[1]).unwrap();
        assert!(is_readable(set.source()));
        assert!(set.settle().unwrap() && set.settle().unwrap());
        assert!(is_readable(set.source()));

        assert_eq!(near.read(&mut [0; 8]).unwrap(), 1);
        assert!(!set.settle().unwrap());
        assert!(!is_readable(set.source()));
    }
}

#[test]
fn what_comes_between_the_last_look_and_the_wait_is_seen() {
    let (near, mut far) = pairs(2);
    let set = set(&near, Interest::Readable);
    far[0].write_all(&[1]).unwrap();
    assert!(set.settle().unwrap());
    assert_eq!((&near[0]).read(&mut [0; 8]).unwrap(), 1);
    far[1].write_all(&[1]).unwrap();
    assert!(is_readable(set.source()) && set.settle().unwrap());
}

#[test]
fn a_set_can_wait_for_room() {
    let (near, mut far) = pairs(2);
    let set = set(&near, Interest::Writable);
    assert!(is_readable(set.source()) && set.settle().unwrap());
    let fill = |mut to: &UnixStream| while to.write(&[0; 4096]).is_ok() {};
    near.iter().for_each(fill);
    assert!(!set.settle().unwrap());
    assert!(!is_readable(set.source()));

    far[1].set_nonblocking(true).unwrap();
    let mut buffer = [0; 4096];
    while far[1].read(&mut buffer).is_ok() {}
    assert!(is_readable(set.source()) && set.settle().unwrap());
}

#[test]
fn more_members_than_one_look_tells_are_all_seen() {
    let (near, mut far) = pairs(100);
    let set = set(&near, Interest::Readable);
    for far in &mut far {
        far.write_all(&[1]).unwrap();
    }
    assert!(set.settle().unwrap());
    for (left, mut near) in near.iter().enumerate().rev() {
        assert!(set.settle().unwrap(), "{left} and one more are ready");
        assert_eq!(near.read(&mut [0; 8]).unwrap(), 1);
    }
    assert!(!set.settle().unwrap());
    assert!(!is_readable(set.source()));
}
