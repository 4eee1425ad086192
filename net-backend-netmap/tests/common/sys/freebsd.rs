// UNSAFETY: interfaces are made, and bpf(4) is told what to do, by ioctl(2); their driver comes by kldload(2).
#![expect(unsafe_code, reason = "ioctl and kldload take addresses")]
#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "what is not as it should be fails the test"
)]
//! FreeBSD: epairs, bpf(4).

use std::collections::VecDeque;
use std::ffi::{c_char, c_int, c_ulong};
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::mem::offset_of;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::ptr;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

/// `_IOW` and `_IOWR` of `struct ifreq` (sys/sys/ioccom.h, sys/sys/sockio.h).
const SIOCSIFFLAGS: c_ulong = 0x8020_6910;
const SIOCGIFFLAGS: c_ulong = 0xc020_6911;
const SIOCIFDESTROY: c_ulong = 0x8020_6979;
const SIOCIFCREATE2: c_ulong = 0xc020_697c;
/// `BIOCSDIRECTION` and `BPF_D_IN` (sys/net/bpf.h).
const BIOCSDIRECTION: c_ulong = 0x8004_4277;
const INCOMING: u32 = 0;
/// What bpf(4) may collect, in bytes.
const COLLECTED: u32 = 1 << 18;

// SAFETY: as kldload(2) has it (sys/sys/linker.h); the libc crate does not.
unsafe extern "C" {
    fn kldload(file: *const c_char) -> c_int;
}

pub(crate) fn is_supported() -> bool {
    true
}

/// ifconfig(8) loads the driver of epairs when it makes one; the kernel itself does not.
pub(crate) fn prepare() {
    // SAFETY: the name ends with a zero. That it is there already, or built in, is no matter.
    let _loaded = unsafe { kldload(c"if_epair".as_ptr()) };
}

/// The system chooses the names, and there is nothing to say about queues.
pub(crate) fn add_wire(_: [String; 2], _: u32) -> io::Result<[String; 2]> {
    let mut request = Request::new("epair");
    request.ask(SIOCIFCREATE2)?;
    let near = request.name();
    let base = near.strip_suffix('a');
    let base = base.ok_or_else(|| io::Error::other(format!("an epair called {near}")))?;
    Ok([near.clone(), format!("{base}b")])
}

pub(crate) fn set_up(name: &str, up: bool) -> io::Result<()> {
    let bit = u16::try_from(libc::IFF_UP).unwrap();
    let mut request = Request::new(name);
    request.ask(SIOCGIFFLAGS)?;
    let [low, high, ..] = request.value;
    let flags = u16::from_ne_bytes([low, high]);
    let flags = if up { flags | bit } else { flags & !bit };
    request.value[..2].copy_from_slice(&flags.to_ne_bytes());
    request.ask(SIOCSIFFLAGS)
}

/// Deletes an interface, whoever has it open.
pub(crate) fn delete(name: &str) -> Option<JoinHandle<()>> {
    let _gone = Request::new(name).ask(SIOCIFDESTROY);
    None
}

pub(crate) fn forget(_: JoinHandle<()>) {}

/// `struct ifreq`: a name, and a value that depends on the request.
#[repr(C, align(8))]
struct Request {
    name: [u8; libc::IFNAMSIZ],
    value: [u8; 16],
}

const _: () = assert!(size_of::<Request>() == size_of::<libc::ifreq>());

impl Request {
    fn new(name: &str) -> Self {
        let mut bytes = [0; libc::IFNAMSIZ];
        bytes[..name.len()].copy_from_slice(name.as_bytes());
        Self {
            name: bytes,
            value: [0; 16],
        }
    }

    fn name(&self) -> String {
        let name = self.name.split(|byte| *byte == 0).next();
        String::from_utf8_lossy(name.unwrap_or_default()).into_owned()
    }

    fn ask(&mut self, number: c_ulong) -> io::Result<()> {
        let family = AddressFamily::UNIX;
        let socket = socket_with(family, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
        self.control(&socket, number)
    }

    fn control(&mut self, descriptor: &impl AsFd, number: c_ulong) -> io::Result<()> {
        let descriptor = descriptor.as_fd().as_raw_fd();
        // SAFETY: the descriptor is open; the request is about a struct ifreq, which this is in size and alignment, and any
        // bytes are valid in it.
        check(unsafe { libc::ioctl(descriptor, number, ptr::from_mut(self)) })
    }
}

/// A bpf(4) device.
#[derive(Debug)]
pub(crate) struct HostSocket {
    device: File,
    buffer: Vec<u8>,
    /// Received, and not given away yet: bpf(4) gives several at once.
    frames: VecDeque<Vec<u8>>,
}

impl HostSocket {
    pub(crate) fn open(interface: &str) -> io::Result<Self> {
        let mut options = File::options();
        options.read(true).write(true);
        let device = options.custom_flags(libc::O_NONBLOCK).open("/dev/bpf")?;
        let mut length = COLLECTED;
        set(&device, libc::BIOCSBLEN, &mut length)?;
        Request::new(interface).control(&device, libc::BIOCSETIF)?;
        set(&device, libc::BIOCIMMEDIATE, &mut 1)?;
        set(&device, libc::BIOCSHDRCMPLT, &mut 1)?;
        set(&device, BIOCSDIRECTION, &mut { INCOMING })?;
        set(&device, libc::BIOCGBLEN, &mut length)?;
        Ok(Self {
            device,
            buffer: vec![0; length as usize],
            frames: VecDeque::new(),
        })
    }

    pub(crate) fn send(&self, frame: &[u8]) -> io::Result<bool> {
        match (&self.device).write(frame) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn receive(&mut self, timeout: Duration) -> io::Result<Option<Vec<u8>>> {
        let deadline = Instant::now() + timeout;
        loop {
            if let Some(frame) = self.frames.pop_front() {
                return Ok(Some(frame));
            }
            match (&self.device).read(&mut self.buffer) {
                Ok(length) => self.take(length),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if !self.wait(left)? {
                        return Ok(None);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes the frames out of what was read, each behind a `struct bpf_hdr`.
    fn take(&mut self, length: usize) {
        let mut rest = &self.buffer[..length];
        while rest.len() >= size_of::<libc::bpf_hdr>() {
            let word = |at: usize| u32::from_ne_bytes(rest[at..at + 4].try_into().unwrap());
            let captured = word(offset_of!(libc::bpf_hdr, bh_caplen)) as usize;
            let at = offset_of!(libc::bpf_hdr, bh_hdrlen);
            let header = usize::from(u16::from_ne_bytes([rest[at], rest[at + 1]]));
            self.frames
                .push_back(rest[header..header + captured].to_vec());
            let next = libc::BPF_WORDALIGN(header + captured);
            rest = rest.get(next..).unwrap_or_default();
        }
    }

    fn wait(&self, timeout: Duration) -> io::Result<bool> {
        let timeout = Timespec::try_from(timeout).map_err(io::Error::other)?;
        let mut waited = [PollFd::new(&self.device, PollFlags::IN)];
        match poll(&mut waited, Some(&timeout)) {
            Err(rustix::io::Errno::INTR) => Ok(true),
            count => Ok(count? > 0),
        }
    }
}

/// Sets or asks an integer.
fn set(device: &File, number: c_ulong, value: &mut u32) -> io::Result<()> {
    let device = device.as_raw_fd();
    // SAFETY: the descriptor is open; the request is about an integer, which outlives the call.
    check(unsafe { libc::ioctl(device, number, ptr::from_mut(value)) })
}

fn check(outcome: c_int) -> io::Result<()> {
    match outcome {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
