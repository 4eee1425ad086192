use std::collections::BTreeMap;
use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::abi::{BODY_BYTES, HEADER_BYTES};
use crate::gate::{Control, Kernel};
use crate::sys::Region;
use crate::testing::body::Register;
use crate::testing::far::header;

/// The kernel is one for all tests.
pub(super) fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A user program that writes down what it sees.
pub(super) struct Program<'a> {
    kernel: &'a dyn Kernel,
    log: Vec<String>,
    open: BTreeMap<&'static str, Open>,
    /// The first number of a private memory region, which depends on what was before.
    first_memory: u16,
}

struct Open {
    control: Box<dyn Control>,
    region: Option<Arc<Region>>,
    interface: usize,
}

impl<'a> Program<'a> {
    pub(super) fn run(kernel: &'a dyn Kernel, script: fn(&mut Program<'_>)) -> Vec<String> {
        let mut program = Program {
            kernel,
            log: Vec::new(),
            open: BTreeMap::new(),
            first_memory: 0,
        };
        script(&mut program);
        program.log
    }

    pub(super) fn say(&mut self, what: impl Debug) {
        self.log.push(format!("{what:?}"));
    }

    /// A request on a descriptor of its own.
    pub(super) fn request(
        &mut self,
        kind: u16,
        name: &str,
        body: [u8; BODY_BYTES],
    ) -> [u8; BODY_BYTES] {
        let control = self.kernel.open().unwrap();
        let mut body = body;
        let mut header = header(kind, name);
        let result = control.request(&mut header, &mut body);
        let errno = result.map_or_else(|error| error.raw_os_error().unwrap(), |()| 0);
        let shown = self.show(kind, &body);
        self.log.push(format!(
            "request {kind} {name}: {errno}, {} {shown}",
            name_in(&header)
        ));
        body
    }

    /// Registers with plain wishes and keeps the descriptor as `as_name`.
    pub(super) fn bind(&mut self, as_name: &'static str, name: &str, mode: u32, flags: u64) {
        let wishes = Register {
            mode,
            flags,
            ..Register::default()
        };
        self.register(as_name, name, wishes);
    }

    pub(super) fn register(&mut self, as_name: &'static str, name: &str, wishes: Register) {
        let control = self.kernel.open().unwrap();
        let mut body = [0; BODY_BYTES];
        wishes.write(&mut body);
        let result = control.request(&mut header(1, name), &mut body);
        let errno = result.map_or_else(|error| error.raw_os_error().unwrap(), |()| 0);
        let shown = self.show(1, &body);
        self.log
            .push(format!("bind {as_name} to {name}: {errno}, {shown}"));
        if errno != 0 {
            return;
        }
        let got = Register::read(&body);
        let size = usize::try_from(got.memory_size).unwrap();
        let mapped = control.map(size);
        self.log
            .push(format!("mapped: {:?}", mapped.as_ref().err()));
        let open = Open {
            control,
            region: mapped.ok(),
            interface: usize::try_from(got.offset).unwrap(),
        };
        self.open.insert(as_name, open);
    }

    pub(super) fn close(&mut self, name: &str) {
        self.open.remove(name);
    }

    pub(super) fn transmit_sync(&mut self, name: &str) {
        let result = self.open[name].control.transmit_sync();
        let errno = result.err().and_then(|error| error.raw_os_error());
        self.log.push(format!("{name} transmit: {errno:?}"));
    }

    pub(super) fn receive_sync(&mut self, name: &str) {
        let result = self.open[name].control.receive_sync();
        let errno = result.err().and_then(|error| error.raw_os_error());
        self.log.push(format!("{name} receive: {errno:?}"));
    }

    /// What a wait without time says, once it is settled by a synchronisation.
    pub(super) fn poll(&mut self, name: &str) {
        let open = &self.open[name];
        let sources = [
            open.control.receive_source(),
            open.control.transmit_source(),
        ];
        let mut waits = [
            PollFd::new(&sources[0], PollFlags::IN),
            PollFd::new(&sources[1], PollFlags::OUT),
        ];
        poll(&mut waits, Some(&Timespec::default())).unwrap();
        let ready = waits.map(|wait| !wait.revents().is_empty());
        self.log.push(format!("{name} is ready: {ready:?}"));
    }

    /// Places of rings: all of transmit, then all of receive.
    pub(super) fn ring(&self, name: &str, index: usize) -> Option<Ring> {
        let open = &self.open[name];
        let region = open.region.clone().unwrap();
        let offset = region.load_u64(open.interface + 56 + 8 * index).unwrap();
        let place = open
            .interface
            .wrapping_add(usize::try_from(offset).unwrap());
        (offset != 0).then_some(Ring { region, place })
    }

    pub(super) fn word(&self, name: &str, offset: usize) -> u32 {
        let open = &self.open[name];
        open.region
            .as_ref()
            .unwrap()
            .load_u32(open.interface + offset)
            .unwrap()
    }

    pub(super) fn bytes(&self, name: &str, buffer: u32, ring: &Ring, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.open[name]
            .region
            .as_ref()
            .unwrap()
            .read(ring.buffer(buffer), &mut bytes);
        bytes
    }

    /// Pointers of a ring.
    pub(super) fn pointers(&mut self, name: &str, index: usize) {
        let words = self
            .ring(name, index)
            .map(|ring| [20, 24, 28].map(|at| ring.word(at)));
        self.log.push(format!("{name} ring {index}: {words:?}"));
    }

    /// Slots of a ring: buffer, length, flags.
    pub(super) fn slots(&mut self, name: &str, index: usize, slots: std::ops::Range<u32>) {
        let ring = self.ring(name, index).unwrap();
        for slot in slots {
            let line = format!("{name} ring {index} slot {slot}: {:x?}", ring.slot(slot));
            self.log.push(line);
        }
    }

    /// The bytes of a slot, in short.
    pub(super) fn contents(&mut self, name: &str, index: usize, slot: u32) {
        let ring = self.ring(name, index).unwrap();
        let (buffer, length, _) = ring.slot(slot);
        let bytes = self.bytes(name, buffer, &ring, usize::from(length));
        let head = bytes.get(..bytes.len().min(80)).unwrap();
        let sum = bytes.iter().fold(0_u32, |sum, &byte| {
            sum.wrapping_mul(31).wrapping_add(u32::from(byte))
        });
        self.log.push(format!(
            "{name} ring {index} slot {slot}: {length} bytes {sum:x} {head:02x?}"
        ));
    }

    fn show(&mut self, kind: u16, body: &[u8; BODY_BYTES]) -> String {
        let mut body = *body;
        // Numbers of memory regions go on from boot to boot; their order is what can be compared.
        let at = match kind {
            1 | 3 => 32,
            2 => 24,
            12 => 8,
            8 => 12,
            _ => usize::MAX - 8,
        };
        if let Some(place) = body.get_mut(at..at + 2) {
            let id = u16::from_ne_bytes([place[0], place[1]]);
            if (2..900).contains(&id) {
                if self.first_memory == 0 {
                    self.first_memory = id;
                }
                let relative = id.wrapping_sub(self.first_memory).wrapping_add(2);
                place.copy_from_slice(&relative.to_ne_bytes());
            }
        }
        body.chunks(4).fold(String::new(), |mut line, word| {
            let _never = write!(line, " {:x}", u32::from_ne_bytes(word.try_into().unwrap()));
            line
        })
    }
}

fn name_in(header: &[u8; HEADER_BYTES]) -> String {
    let name = header[8..72].split(|&byte| byte == 0).next().unwrap();
    String::from_utf8_lossy(name).into_owned()
}

/// A mapped ring.
pub(super) struct Ring {
    region: Arc<Region>,
    pub(super) place: usize,
}

impl Ring {
    pub(super) fn word(&self, offset: usize) -> u32 {
        self.region.load_u32(self.place + offset).unwrap()
    }

    pub(super) fn set(&self, offset: usize, word: u32) {
        assert!(self.region.store_u32(self.place + offset, word));
    }

    pub(super) fn buffer(&self, buffer: u32) -> usize {
        let offset = self.region.load_u64(self.place).unwrap();
        let size = self.word(12) as usize;
        self.place + usize::try_from(offset).unwrap() + buffer as usize * size
    }

    pub(super) fn slot(&self, slot: u32) -> (u32, u16, u16) {
        let place = self.place + 256 + 16 * slot as usize;
        (
            self.region.load_u32(place).unwrap(),
            self.region.load_u16(place + 4).unwrap(),
            self.region.load_u16(place + 6).unwrap(),
        )
    }

    pub(super) fn set_slot(&self, slot: u32, (buffer, length, flags): (u32, u16, u16)) {
        let place = self.place + 256 + 16 * slot as usize;
        assert!(self.region.store_u32(place, buffer));
        assert!(self.region.store_u16(place + 4, length));
        assert!(self.region.store_u16(place + 6, flags));
    }

    /// Writes a frame into slots from `head` on, cut at `size` bytes, and moves `head` and `cur`.
    pub(super) fn put(&self, frame: &[u8], size: usize) {
        let slots = self.word(8);
        let mut head = self.word(20);
        let mut chunks = frame.chunks(size).peekable();
        while let Some(chunk) = chunks.next() {
            let (buffer, _, flags) = self.slot(head);
            assert!(self.region.write(self.buffer(buffer), chunk));
            let more = if chunks.peek().is_some() { 0x20 } else { 0 };
            let length = u16::try_from(chunk.len()).unwrap();
            self.set_slot(head, (buffer, length, (flags & 1) | more));
            head = (head + 1) % slots;
        }
        self.set(24, head);
        self.set(20, head);
    }

    /// Gives all slots back.
    pub(super) fn release(&self) {
        let tail = self.word(28);
        self.set(24, tail);
        self.set(20, tail);
    }
}
