// UNSAFETY: a port of netmap is an ioctl(2) that takes addresses, and memory that the kernel writes to.
#![expect(
    unsafe_code,
    reason = "ioctl, mmap and rings in shared memory are about addresses"
)]
#![expect(
    clippy::unwrap_used,
    reason = "what is not as it should be fails the test"
)]

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::ptr::{self, NonNull};

/// `NIOCCTRL` (the same on both systems) and `NIOCTXSYNC`, in which the systems differ.
const CONTROL: u32 = 0xc058_6997;
#[cfg(target_os = "linux")]
const TRANSMIT_SYNC: u32 = 0x6994;
#[cfg(target_os = "freebsd")]
const TRANSMIT_SYNC: u32 = 0x2000_6994;

/// Bytes of `struct nmreq_header` and `struct nmreq_register` (sys/net/netmap.h), and where things are in them.
const HEADER: usize = 88;
const HEADER_BODY: usize = 80;
const REGISTER: usize = 56;
const REGISTER_OFFSET: usize = 0;
const REGISTER_MEMORY: usize = 8;
const REGISTER_MODE: usize = 36;
const REGISTER_FLAGS: usize = 48;

/// `NETMAP_REQ_REGISTER`, `NR_REG_ALL_NIC`, `NR_NO_TX_POLL | NR_ACCEPT_VNET_HDR`.
const VERSION: u16 = 14;
const REQUEST: u16 = 1;
const ALL_RINGS: u32 = 1;
const FLAGS: u64 = 0x2_8000;

/// Where things are in `struct netmap_if` and `struct netmap_ring`, in bytes.
const TRANSMIT_RINGS: usize = 24;
const RECEIVE_RINGS: usize = 28;
const HOST_TRANSMIT_RINGS: usize = 36;
const FIRST_RING: usize = 56;
const BUFFERS: usize = 0;
const SLOTS: usize = 8;
const BUFFER_SIZE: usize = 12;
const HEAD: usize = 20;
const CUR: usize = 24;
const TAIL: usize = 28;
const FIRST_SLOT: usize = 256;
const SLOT: usize = 16;

/// The first transmit ring of a port, bound to a descriptor of its own.
#[derive(Debug)]
pub(crate) struct RawPort {
    device: File,
    memory: NonNull<u8>,
    length: usize,
    interface: usize,
    /// The first transmit ring.
    ring: usize,
    head: u32,
}

// SAFETY: the mapping belongs to this value alone in this process, whichever thread has it.
unsafe impl Send for RawPort {}

impl RawPort {
    /// Binds the port of this name, as the kernel knows it.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(crate) fn open(name: &str) -> io::Result<Self> {
        let device = File::options().read(true).write(true).open("/dev/netmap")?;
        let (interface, length) = register(&device, name)?;
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let number = device.as_raw_fd();
        // SAFETY: maps `length` bytes at a place that the kernel chooses; nothing else is there.
        let memory = unsafe {
            let flags = libc::MAP_SHARED;
            libc::mmap(ptr::null_mut(), length, protection, flags, number, 0)
        };
        if memory == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let memory = NonNull::new(memory.cast()).ok_or(io::ErrorKind::InvalidData)?;
        let mut port = Self {
            device,
            memory,
            length,
            interface,
            ring: 0,
            head: 0,
        };
        port.ring = port.ring_at(0);
        port.head = port.read(port.ring + HEAD);
        Ok(port)
    }

    /// The numbers of the buffers in all slots of the port.
    pub(crate) fn buffers(&self) -> Vec<u32> {
        let count = |at| self.read::<u32>(self.interface + at) as usize;
        let transmit = count(TRANSMIT_RINGS);
        let receive = transmit + count(HOST_TRANSMIT_RINGS);
        let rings = (0..transmit).chain(receive..receive + count(RECEIVE_RINGS));
        let slots = rings.flat_map(|index| {
            let ring = self.ring_at(index);
            let slots = self.read::<u32>(ring + SLOTS) as usize;
            (0..slots).map(move |slot| ring + FIRST_SLOT + slot * SLOT)
        });
        slots.map(|slot| self.read(slot)).collect()
    }

    /// Where the ring at this place of the interface's table is.
    fn ring_at(&self, index: usize) -> usize {
        let from_interface: u64 = self.read(self.interface + FIRST_RING + index * 8);
        let from_interface = usize::try_from(from_interface).unwrap();
        self.interface.wrapping_add(from_interface)
    }

    /// Bytes of a buffer.
    pub(crate) fn buffer_size(&self) -> usize {
        self.read::<u32>(self.ring + BUFFER_SIZE) as usize
    }

    /// Fills the next slot. The kernel does not know of it yet. There is room, as the test knows.
    pub(crate) fn put(&mut self, bytes: &[u8], flags: u16) {
        let tail: u32 = self.read(self.ring + TAIL);
        assert_ne!(self.head, tail, "the ring is full");
        assert!(bytes.len() <= self.buffer_size());
        let slot = self.ring + FIRST_SLOT + self.head as usize * SLOT;
        let buffer = self.read::<u32>(slot) as usize * self.buffer_size();
        let buffers = usize::try_from(self.read::<u64>(self.ring + BUFFERS)).unwrap();
        let begin = self.ring.wrapping_add(buffers) + buffer;
        for (at, byte) in (begin..).zip(bytes) {
            self.write(at, *byte);
        }
        self.write(slot + 4, u16::try_from(bytes.len()).unwrap());
        self.write(slot + 6, flags);
        self.head = (self.head + 1) % self.read::<u32>(self.ring + SLOTS);
    }

    /// Hands the slots over.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(crate) fn synchronise(&mut self) -> io::Result<()> {
        self.write(self.ring + HEAD, self.head);
        self.write(self.ring + CUR, self.head);
        // SAFETY: the descriptor is open; the request takes no argument.
        check(unsafe { libc::ioctl(self.device.as_raw_fd(), TRANSMIT_SYNC as _, 0) })
    }

    fn read<T: Copy>(&self, at: usize) -> T {
        let place = self.place::<T>(at);
        // SAFETY: the place is in the mapping and aligned, and T is an integer.
        unsafe { place.read_volatile() }
    }

    fn write<T: Copy>(&mut self, at: usize, value: T) {
        let place = self.place::<T>(at);
        // SAFETY: the place is in the mapping and aligned.
        unsafe { place.write_volatile(value) }
    }

    fn place<T>(&self, at: usize) -> *mut T {
        assert!(at % align_of::<T>() == 0 && at + size_of::<T>() <= self.length);
        // SAFETY: the offset is inside of the mapping, as was just checked.
        unsafe { self.memory.as_ptr().add(at) }.cast()
    }
}

impl Drop for RawPort {
    fn drop(&mut self) {
        // SAFETY: the mapping is as long as this, and nothing points into it any more.
        let _unmapped = unsafe { libc::munmap(self.memory.as_ptr().cast(), self.length) };
    }
}

/// What the kernel reads and writes.
#[repr(C, align(8))]
struct Request<const BYTES: usize>([u8; BYTES]);

impl<const BYTES: usize> Request<BYTES> {
    fn put(&mut self, at: usize, bytes: &[u8]) {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
    }

    fn word(&self, at: usize) -> usize {
        let bytes = self.0[at..at + 8].try_into().unwrap();
        usize::try_from(u64::from_ne_bytes(bytes)).unwrap()
    }
}

/// Where the interface is in the memory, and how long that is.
fn register(device: &File, name: &str) -> io::Result<(usize, usize)> {
    let mut body = Request([0; REGISTER]);
    body.put(REGISTER_MODE, &ALL_RINGS.to_ne_bytes());
    body.put(REGISTER_FLAGS, &FLAGS.to_ne_bytes());
    let mut header = Request([0; HEADER]);
    header.put(0, &VERSION.to_ne_bytes());
    header.put(2, &REQUEST.to_ne_bytes());
    header.put(8, name.as_bytes());
    let address = (&raw mut body).expose_provenance() as u64;
    header.put(HEADER_BODY, &address.to_ne_bytes());
    // SAFETY: the descriptor is open; header and body, whose address is in the header, outlive the call and are as long
    // as the kernel takes them for.
    check(unsafe { libc::ioctl(device.as_raw_fd(), CONTROL as _, &raw mut header) })?;
    // SAFETY: the body is initialised; read again because the kernel wrote to it by its address.
    let body = unsafe { (&raw const body).read_volatile() };
    Ok((body.word(REGISTER_OFFSET), body.word(REGISTER_MEMORY)))
}

fn check(outcome: libc::c_int) -> io::Result<()> {
    match outcome {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
