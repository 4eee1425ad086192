//! A user program of the plainest kind, at a port of the model: the far end of a test.

use std::fmt;
use std::io;
use std::sync::Arc;

use net_backend_core::BorrowedDescriptor;
use rustix::io::Errno;

use super::body::{ACCEPTS_HEADER, Register};
use super::bytes::put;
use super::memory::{RING_BYTES, SLOT_BYTES};
use super::parking::Lock;
use super::ring::{Direction, MOREFRAG};
use crate::abi::{BODY_BYTES, HEADER_BYTES};
use crate::gate::Control;
use crate::sys::Region;

const BUFFERS: usize = 0;
const SLOTS: usize = 8;
const BUFFER_SIZE: usize = 12;
const HEAD: usize = 20;
const CUR: usize = 24;
const TAIL: usize = 28;

/// A frame, as it was found in a ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// Its bytes, with the virtio-net header if the port has one.
    pub bytes: Vec<u8>,
    /// The flags of each of its slots (`NS_*`).
    pub flags: Vec<u16>,
    /// The number of the receive ring, the host's behind the others.
    pub ring: usize,
}

/// A user program at a port: registered, with all its rings mapped. Its calls are not counted and do not fail.
pub struct Far {
    control: Box<dyn Control>,
    region: Arc<Region>,
    transmit: Vec<Option<Face>>,
    receive: Vec<Option<Face>>,
    /// Slots that were received and not given back yet.
    unreleased: Lock<usize>,
}

impl Far {
    /// Binds a descriptor of any kernel, the real one too, to the rings of a port that `mode` (`NR_REG_*`) says.
    ///
    /// # Errors
    ///
    /// The errno of what the kernel refused.
    pub(crate) fn new(
        control: Box<dyn Control>,
        name: &str,
        mode: u32,
        flags: u64,
    ) -> io::Result<Self> {
        let mut register = Register {
            mode,
            flags: flags | ACCEPTS_HEADER,
            ..Register::default()
        };
        let mut body = [0; BODY_BYTES];
        register.write(&mut body);
        control.request(&mut header(1, name), &mut body)?;
        register = Register::read(&body);
        let size = usize::try_from(register.memory_size).map_err(|_| Errno::NOMEM)?;
        let region = control.map(size)?;
        let interface = usize::try_from(register.offset).map_err(|_| Errno::INVAL)?;
        let count = |offset| region.load_u32(interface + offset).unwrap_or(0) as usize;
        let transmit = count(24) + count(36);
        let receive = count(28) + count(40);
        let face = |index: usize| {
            let offset = region.load_u64(interface + 56 + 8 * index)?;
            let place = interface.wrapping_add(usize::try_from(offset).ok()?);
            (offset != 0).then(|| Face::new(&region, place)).flatten()
        };
        Ok(Self {
            transmit: (0..transmit).map(face).collect(),
            receive: (transmit..transmit + receive).map(face).collect(),
            region: region.clone(),
            control,
            unreleased: Lock::default(),
        })
    }

    /// Sends a frame on the first ring; `false`, and nothing was sent, when there is no room.
    ///
    /// # Errors
    ///
    /// The errno of the synchronisation.
    pub fn send(&self, frame: &[u8]) -> io::Result<bool> {
        self.send_on(0, frame)
    }

    /// Sends a frame on a ring, in as many slots as it takes.
    ///
    /// # Errors
    ///
    /// `ENXIO` when the port has no such ring, and as [`send`](Self::send).
    pub fn send_on(&self, ring: usize, frame: &[u8]) -> io::Result<bool> {
        let _turn = self.unreleased.lock();
        let face = self.transmit.get(ring).and_then(Option::as_ref);
        let face = face.ok_or(Errno::NXIO)?;
        if !face.put(&self.region, frame) {
            self.control.transmit_sync()?;
            if !face.put(&self.region, frame) {
                return Ok(false);
            }
        }
        self.control.transmit_sync()?;
        Ok(true)
    }

    /// The next frame of any ring; synchronises when there is none, and when a quarter of a ring was received since.
    ///
    /// # Errors
    ///
    /// The errno of the synchronisation.
    pub fn receive(&self) -> io::Result<Option<Vec<u8>>> {
        Ok(self.receive_whole()?.map(|received| received.bytes))
    }

    /// As [`receive`](Self::receive), with what the slots say.
    ///
    /// # Errors
    ///
    /// As `receive`.
    pub fn receive_whole(&self) -> io::Result<Option<Received>> {
        let mut unreleased = self.unreleased.lock();
        let mut received = self.take();
        if received.is_none() {
            self.control.receive_sync()?;
            *unreleased = 0;
            received = self.take();
        }
        *unreleased += received.as_ref().map_or(0, |received| received.flags.len());
        let smallest = self.receive.iter().flatten().map(|face| face.slots).min();
        if *unreleased * 4 >= smallest.unwrap_or(0) as usize {
            self.control.receive_sync()?;
            *unreleased = 0;
        }
        Ok(received)
    }

    /// Synchronises the receive rings, so that slots of frames that were received are free.
    ///
    /// # Errors
    ///
    /// The errno of the synchronisation.
    pub fn receive_sync(&self) -> io::Result<()> {
        let mut unreleased = self.unreleased.lock();
        *unreleased = 0;
        self.control.receive_sync()
    }

    /// Sets the length of the virtio-net header of the port with that name.
    ///
    /// # Errors
    ///
    /// The errno of the request.
    pub fn set_header(&self, name: &str, length: u32) -> io::Result<()> {
        let mut body = [0; BODY_BYTES];
        put(&mut body, 0, length.to_ne_bytes());
        self.control.request(&mut header(6, name), &mut body)
    }

    /// Readable when there are frames.
    pub fn receive_source(&self) -> BorrowedDescriptor<'_> {
        self.control.receive_source()
    }

    /// Writable when there is room.
    pub fn transmit_source(&self) -> BorrowedDescriptor<'_> {
        self.control.transmit_source()
    }

    /// How many rings it has in a direction, the host's and those that it is not bound to included.
    pub fn rings(&self, direction: Direction) -> usize {
        match direction {
            Direction::Transmit => self.transmit.len(),
            Direction::Receive => self.receive.len(),
        }
    }

    /// Where the slots of a ring end that are this program's (`tail`).
    pub fn tail(&self, direction: Direction, ring: usize) -> Option<u32> {
        let rings = match direction {
            Direction::Transmit => &self.transmit,
            Direction::Receive => &self.receive,
        };
        rings.get(ring)?.as_ref()?.word(&self.region, TAIL)
    }

    fn take(&self) -> Option<Received> {
        let rings = self.receive.iter().enumerate();
        rings
            .into_iter()
            .find_map(|(ring, face)| face.as_ref()?.take(&self.region, ring))
    }
}

impl fmt::Debug for Far {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Far")
            .field("control", &self.control)
            .finish_non_exhaustive()
    }
}

/// A ring, as mapped.
#[derive(Clone, Copy, Debug)]
struct Face {
    place: usize,
    slots: u32,
    buffers: usize,
    size: usize,
}

impl Face {
    fn new(region: &Region, place: usize) -> Option<Self> {
        let offset = region.load_u64(place + BUFFERS)?;
        Some(Self {
            place,
            slots: region.load_u32(place + SLOTS)?,
            buffers: place.wrapping_add(usize::try_from(offset).ok()?),
            size: region.load_u32(place + BUFFER_SIZE)? as usize,
        })
    }

    fn put(&self, region: &Region, frame: &[u8]) -> bool {
        let chunks = frame.chunks(self.size);
        let count = chunks.len();
        let (Some(mut head), Some(tail)) = (self.index(region, HEAD), self.index(region, TAIL))
        else {
            return false;
        };
        let room = (tail + self.slots - head) % self.slots;
        if room as usize <= count.saturating_sub(1) {
            return false;
        }
        for (number, chunk) in chunks.enumerate() {
            let slot = self.slot(head);
            let buffer = region.load_u32(slot).unwrap_or(0);
            region.write(self.buffer(buffer), chunk);
            region.store_u16(slot + 4, u16::try_from(chunk.len()).unwrap_or(u16::MAX));
            let is_last = number + 1 == count;
            let flags = region.load_u16(slot + 6).unwrap_or(0) & 1;
            region.store_u16(slot + 6, flags | if is_last { 0 } else { MOREFRAG });
            head = (head + 1) % self.slots;
        }
        self.advance(region, head);
        true
    }

    fn take(&self, region: &Region, ring: usize) -> Option<Received> {
        let (mut head, tail) = (self.index(region, HEAD)?, self.index(region, TAIL)?);
        let mut received = Received {
            bytes: Vec::new(),
            flags: Vec::new(),
            ring,
        };
        while head != tail {
            let slot = self.slot(head);
            let buffer = region.load_u32(slot)?;
            let length = usize::from(region.load_u16(slot + 4)?);
            let start = received.bytes.len();
            received.bytes.resize(start + length, 0);
            region.read(self.buffer(buffer), received.bytes.get_mut(start..)?);
            let flags = region.load_u16(slot + 6)?;
            received.flags.push(flags);
            head = (head + 1) % self.slots;
            if flags & MOREFRAG == 0 {
                self.advance(region, head);
                return Some(received);
            }
        }
        None
    }

    fn word(&self, region: &Region, offset: usize) -> Option<u32> {
        region.load_u32(self.place + offset)
    }

    /// A pointer of the ring; `None` when it points to no slot.
    fn index(&self, region: &Region, offset: usize) -> Option<u32> {
        self.word(region, offset)
            .filter(|&index| index < self.slots)
    }

    fn buffer(&self, number: u32) -> usize {
        let offset = (number as usize).wrapping_mul(self.size);
        self.buffers.wrapping_add(offset)
    }

    fn slot(&self, index: u32) -> usize {
        self.place + RING_BYTES + index as usize * SLOT_BYTES
    }

    fn advance(&self, region: &Region, head: u32) {
        region.store_u32(self.place + CUR, head);
        region.store_u32(self.place + HEAD, head);
    }
}

/// A request header.
pub(super) fn header(kind: u16, name: &str) -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    put(&mut bytes, 0, 14_u16.to_ne_bytes());
    put(&mut bytes, 2, kind.to_ne_bytes());
    for (to, from) in bytes.iter_mut().skip(8).take(63).zip(name.bytes()) {
        *to = from;
    }
    bytes
}
