//! Frontends that say what they should not. Their connection ends at most: the next one is served.

use std::fs::File;
use std::io::{IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use rustix::pipe::pipe;

use crate::guest::{Guest, Looks, SIZE, memory_file};
use crate::program::{Home, Program, until};

const FRAME: [u8; 60] = [7; 60];

/// Requests (vhost-user, "Front-end message types").
const GET_FEATURES: u32 = 1;
const SET_FEATURES: u32 = 2;
const SET_OWNER: u32 = 3;
const SET_MEM_TABLE: u32 = 5;
const SET_LOG_BASE: u32 = 6;
const SET_VRING_NUM: u32 = 8;
const SET_VRING_ADDR: u32 = 9;
const SET_VRING_BASE: u32 = 10;
const GET_VRING_BASE: u32 = 11;
const SET_VRING_KICK: u32 = 12;
const SET_VRING_CALL: u32 = 13;
const SET_PROTOCOL_FEATURES: u32 = 16;
const SET_VRING_ENABLE: u32 = 18;
const GET_CONFIG: u32 = 24;
/// One more than those that there are.
const REQUESTS: u32 = 50;

/// A daemon, and frontends without manners.
struct Rig {
    _home: Home,
    socket: PathBuf,
    program: Program,
    descriptors: usize,
}

impl Rig {
    fn new() -> Self {
        let home = Home::new();
        let socket = home.path("socket");
        let program = home.serve(&socket, &["loopback:"]);
        works(&socket);
        let mut rig = Self {
            _home: home,
            socket,
            descriptors: program.descriptors(),
            program,
        };
        rig.recovers();
        rig
    }

    fn connect(&self) -> Rude {
        Rude(UnixStream::connect(&self.socket).unwrap())
    }

    /// The same, as far as every frontend comes.
    fn greet(&self) -> Rude {
        let rude = self.connect();
        rude.say(SET_OWNER, &[], &[]);
        rude.say(
            SET_FEATURES,
            &((1_u64 << 32) | (1 << 30)).to_le_bytes(),
            &[],
        );
        rude.say(SET_PROTOCOL_FEATURES, &0x209_u64.to_le_bytes(), &[]);
        rude
    }

    /// The next frontend is served, and nothing of the last is kept.
    fn recovers(&mut self) {
        assert!(self.program.is_alive(), "{}", self.program.said());
        works(&self.socket);
        let most = self.descriptors;
        until(|| (self.program.descriptors() <= most).then_some(()));
    }
}

fn works(socket: &Path) {
    let mut guest = Guest::boot(socket, Looks::default());
    assert!(guest.exchange(0, &FRAME) == FRAME);
}

struct Rude(UnixStream);

impl Rude {
    /// Says this, if it is still heard.
    fn say(&self, request: u32, rest: &[u8], descriptors: &[BorrowedFd<'_>]) {
        let length = u32::try_from(rest.len()).unwrap();
        self.claim(request, length, rest, descriptors);
    }

    /// The same, with another length in its header.
    fn claim(&self, request: u32, length: u32, rest: &[u8], descriptors: &[BorrowedFd<'_>]) {
        let header = [request, 1, length].map(u32::to_le_bytes).concat();
        let bytes = [&header, rest].concat();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(64))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() {
            assert!(control.push(SendAncillaryMessage::ScmRights(descriptors)));
        }
        let flags = SendFlags::NOSIGNAL;
        let _unheard = sendmsg(&self.0, &[IoSlice::new(&bytes)], &mut control, flags);
    }

    /// Waits until the daemon has heard all, or has closed the connection.
    fn finish(mut self) {
        self.say(GET_FEATURES, &[], &[]);
        let _closed = self.0.read(&mut [0; 1000]);
    }
}

fn words(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// A table of memory: the number of regions that it claims, and address, size, the frontend's address and offset of each.
fn table(count: u32, regions: &[[u64; 4]]) -> Vec<u8> {
    [words(&[count.into()]), words(&regions.concat())].concat()
}

#[test]
fn what_is_no_message_is_refused() {
    let mut rig = Rig::new();
    for bytes in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        &[0; 100],
        &[0xff; 5000],
        &[1],
        &[],
    ] {
        let mut rude = rig.connect();
        let _unheard = rude.0.write_all(bytes);
        drop(rude);
        rig.recovers();
    }
    for length in [0x1001, 0x1_0000, u32::MAX] {
        let rude = rig.connect();
        rude.claim(SET_FEATURES, length, &[], &[]);
        drop(rude);
        rig.recovers();
    }
}

#[test]
fn messages_may_be_cut_off() {
    let mut rig = Rig::new();
    for length in [1, 11, 12, 13, 19] {
        let mut rude = rig.greet();
        let message = [&[2, 0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0][..], &[0; 8]].concat();
        rude.0.write_all(&message[..length]).unwrap();
        drop(rude);
        rig.recovers();
    }
}

#[test]
fn every_request_may_say_anything() {
    let mut rig = Rig::new();
    let null = File::open("/dev/null").unwrap();
    for request in 0..REQUESTS {
        for rest in [&[][..], &[0; 8], &[0xff; 8], &[0; 40], &[0xff; 264]] {
            for descriptors in [0, 1, 9] {
                let rude = rig.greet();
                rude.say(request, rest, &vec![null.as_fd(); descriptors]);
                rude.finish();
            }
        }
    }
    rig.recovers();
}

#[test]
fn memory_that_is_not_there_is_refused() {
    let mut rig = Rig::new();
    let small = memory_file(0x1000);
    let null = File::open("/dev/null").unwrap();
    let (pipe, _other): (OwnedFd, OwnedFd) = pipe().unwrap();
    let good = [0, 0x1000, 0x1000, 0];
    for (table, descriptors) in [
        (table(1, &[good]), vec![]),
        (table(1, &[good]), vec![null.as_fd()]),
        (table(1, &[good]), vec![pipe.as_fd()]),
        (table(1, &[good]), vec![small.as_fd(); 2]),
        (table(2, &[good, good]), vec![small.as_fd(); 2]),
        (table(8, &[good]), vec![small.as_fd(); 8]),
        (table(200, &[good]), vec![small.as_fd(); 8]),
        (table(33, &[good; 33]), vec![small.as_fd(); 33]),
        (table(0, &[]), vec![]),
        (table(1, &[[0, 0, 0, 0]]), vec![small.as_fd()]),
        (table(1, &[[0, SIZE, 0, 0]]), vec![small.as_fd()]),
        (table(1, &[[0, 0x1000, 0, 0x1000]]), vec![small.as_fd()]),
        (table(1, &[[0, 0x1000, 0, u64::MAX]]), vec![small.as_fd()]),
        (
            table(1, &[[u64::MAX - 5, 0x1000, 0, 0]]),
            vec![small.as_fd()],
        ),
        (
            table(1, &[[0, 0x1000, u64::MAX - 5, 0]]),
            vec![small.as_fd()],
        ),
        (table(1, &[[0, u64::MAX, 1, 0]]), vec![small.as_fd()]),
    ] {
        let rude = rig.greet();
        rude.say(SET_MEM_TABLE, &table, &descriptors);
        rude.say(
            SET_VRING_ADDR,
            &words(&[0, u64::MAX, u64::MAX, u64::MAX, 0]),
            &[],
        );
        rude.finish();
        rig.recovers();
    }
}

#[test]
fn rings_may_be_anywhere() {
    let mut rig = Rig::new();
    let memory = memory_file(SIZE);
    let kick = File::from(rustix::event::eventfd(1, rustix::event::EventfdFlags::empty()).unwrap());
    let last = SIZE - 16;
    for (size, table_at, used, available) in [
        (256, 0, 0x2000, 0x1000),
        (256, last, last, last),
        (3, 0, 0x2000, 0x1000),
        (0, 0, 0, 0),
        (0xffff, 0, 0, 0),
        (256, 1, 1, 1),
        (256, u64::MAX - 8, 0, 0),
    ] {
        for base in [0, 0xffff_u32] {
            let rude = rig.greet();
            rude.say(
                SET_MEM_TABLE,
                &table(1, &[[0, SIZE, 0, 0]]),
                &[memory.as_fd()],
            );
            for ring in 0..4_u32 {
                let state = |value: u32| [ring, value].map(u32::to_le_bytes).concat();
                rude.say(SET_VRING_NUM, &state(size), &[]);
                let address = words(&[ring.into(), table_at, used, available, 0]);
                rude.say(SET_VRING_ADDR, &address, &[]);
                rude.say(SET_VRING_BASE, &state(base), &[]);
                rude.say(SET_VRING_CALL, &words(&[ring.into()]), &[kick.as_fd()]);
                rude.say(SET_VRING_KICK, &words(&[ring.into()]), &[kick.as_fd()]);
                rude.say(SET_VRING_ENABLE, &state(1), &[]);
            }
            rude.finish();
            rig.recovers();
        }
    }
}

#[test]
fn descriptors_that_block_hold_nobody_up() {
    let mut rig = Rig::new();
    let memory = memory_file(SIZE);
    let null = File::open("/dev/null").unwrap();
    let (reader, writer) = pipe().unwrap();
    let (socket, _open) = UnixStream::pair().unwrap();
    (&socket).write_all(b"no").unwrap();
    // Full, and never emptied; something to read is there, but too little.
    rustix::io::ioctl_fionbio(&writer, true).unwrap();
    while rustix::io::write(&writer, &[0; 4096]).is_ok() {}
    rustix::io::ioctl_fionbio(&writer, false).unwrap();
    let kicks = [reader.as_fd(), socket.as_fd(), null.as_fd(), memory.as_fd()];
    for kick in kicks {
        let rude = rig.greet();
        rude.say(
            SET_MEM_TABLE,
            &table(1, &[[0, SIZE, 0, 0]]),
            &[memory.as_fd()],
        );
        for ring in 0..2_u32 {
            let state = |value: u32| [ring, value].map(u32::to_le_bytes).concat();
            rude.say(SET_VRING_NUM, &state(256), &[]);
            let at = 0x4000 * u64::from(ring);
            let address = words(&[ring.into(), at, at + 0x2000, at + 0x1000, 0]);
            rude.say(SET_VRING_ADDR, &address, &[]);
            rude.say(SET_VRING_CALL, &words(&[ring.into()]), &[writer.as_fd()]);
            rude.say(SET_VRING_KICK, &words(&[ring.into()]), &[kick]);
            rude.say(SET_VRING_ENABLE, &state(1), &[]);
        }
        rude.say(GET_VRING_BASE, &[0; 8], &[]);
        rude.finish();
        rig.recovers();
    }
}

#[test]
fn logs_and_configuration_may_be_asked_for_anyhow() {
    let mut rig = Rig::new();
    let memory = memory_file(SIZE);
    let log = memory_file(0x1000);
    for (size, offset) in [(0, 0), (1, 0), (u64::MAX, 0), (0x1000, 0x1000), (64, 3)] {
        let rude = rig.greet();
        rude.say(
            SET_MEM_TABLE,
            &table(1, &[[0, SIZE, 0, 0]]),
            &[memory.as_fd()],
        );
        rude.say(SET_LOG_BASE, &words(&[size, offset]), &[log.as_fd()]);
        rude.finish();
        rig.recovers();
    }
    for (offset, size) in [(0, 0), (0, 256), (0, 257), (u32::MAX, 8), (255, u32::MAX)] {
        let rude = rig.greet();
        let mut config = [offset, size, 0].map(u32::to_le_bytes).concat();
        config.extend([0; 256]);
        rude.say(GET_CONFIG, &config, &[]);
        rude.finish();
        rig.recovers();
    }
}

#[test]
fn a_frontend_that_does_not_read_ends_with_the_daemon() {
    let rig = Rig::new();
    let rude = rig.greet();
    rude.0.set_nonblocking(true).unwrap();
    // Until both directions are full.
    let message = [GET_FEATURES, 1, 0].map(u32::to_le_bytes).concat();
    let mut refused = 0;
    while refused < 100 {
        let written = (&rude.0).write(&message);
        if written.is_ok_and(|length| length > 0) {
            refused = 0;
        } else {
            refused += 1;
            sleep(Duration::from_millis(1));
        }
    }
    let (status, said) = rig.program.terminate();
    assert!(status.success() && !said.contains("did not end"), "{said}");
}
