//! Frames beside the host's own network stack: bpf(4).
//!
//! What is written to the device goes out of the interface, so it comes out of a tap, or arrives at the other end of an epair.
//! What comes in is read: what a guest writes to the tap, or what the other end sends. What goes out is not, neither
//! the host's nor one's own (`BPF_D_IN`).

use std::collections::VecDeque;
use std::ffi::c_ulong;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::mem::offset_of;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::failed;
use super::request::{self, Argument, IFREQ, INT};

/// sys/net/bpf.h.
const BIOCGBLEN: c_ulong = 0x4004_4266;
const BIOCSBLEN: c_ulong = 0xc004_4266;
const BIOCPROMISC: c_ulong = 0x2000_4269;
const BIOCSETIF: c_ulong = 0x8020_426c;
const BIOCIMMEDIATE: c_ulong = 0x8004_4270;
const BIOCSHDRCMPLT: c_ulong = 0x8004_4275;
const BIOCSDIRECTION: c_ulong = 0x8004_4277;
/// `BPF_D_IN`.
const INCOMING: u32 = 0;
/// Bytes of frames that wait to be read, with a header each. The kernel has two such buffers, and takes no longer ones
/// by default (`net.bpf.maxbufsize`).
const COLLECTED: u32 = 1 << 19;

#[derive(Debug)]
pub(crate) struct PacketSocket {
    device: File,
    received: Mutex<Received>,
}

#[derive(Debug)]
struct Received {
    /// As long as the kernel's, which gives all that it has at once.
    buffer: Vec<u8>,
    /// Not given away yet.
    frames: VecDeque<Vec<u8>>,
}

impl PacketSocket {
    pub(crate) fn open(interface: &str, header: bool) -> io::Result<Self> {
        if header {
            let message = "bpf(4) knows no virtio-net header";
            return Err(io::Error::new(ErrorKind::Unsupported, message));
        }
        let mut options = File::options();
        options.read(true).write(true);
        let device = options
            .custom_flags(libc::O_NONBLOCK)
            .open("/dev/bpf")
            .map_err(failed("/dev/bpf"))?;
        set(&device, "BIOCSBLEN", BIOCSBLEN, COLLECTED)?;
        Argument::<IFREQ>::named(interface)?
            .control(&device, BIOCSETIF)
            .map_err(failed(format!("BIOCSETIF for {interface}")))?;
        set(&device, "BIOCIMMEDIATE", BIOCIMMEDIATE, 1)?;
        set(&device, "BIOCSHDRCMPLT", BIOCSHDRCMPLT, 1)?;
        set(&device, "BIOCSDIRECTION", BIOCSDIRECTION, INCOMING)?;
        // A tap throws away what is for others than itself, unless somebody wants to see that.
        request::switch(&device, BIOCPROMISC).map_err(failed("BIOCPROMISC"))?;
        let length = set(&device, "BIOCGBLEN", BIOCGBLEN, 0)?;
        let length = usize::try_from(length).map_err(io::Error::other)?;
        Ok(Self {
            device,
            received: Mutex::new(Received {
                buffer: vec![0; length],
                frames: VecDeque::new(),
            }),
        })
    }

    pub(crate) fn send(&self, frame: &[u8]) -> io::Result<()> {
        let written = (&self.device).write(frame)?;
        match written == frame.len() {
            true => Ok(()),
            false => Err(io::Error::other(format!("{written} bytes were written"))),
        }
    }

    pub(crate) fn receive(&self, into: &mut [u8], timeout: Duration) -> io::Result<Option<usize>> {
        let deadline = Instant::now().checked_add(timeout);
        let mut received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(frame) = received.frames.pop_front() {
                for (place, byte) in into.iter_mut().zip(&frame) {
                    *place = *byte;
                }
                return Ok(Some(frame.len()));
            }
            match (&self.device).read(&mut received.buffer) {
                Ok(length) => received.take(length),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if !self.wait(deadline)? {
                        return Ok(None);
                    }
                }
                Err(error) => return Err(failed("reading from /dev/bpf")(error)),
            }
        }
    }

    /// Whether there is something to read before the deadline, if there is one.
    fn wait(&self, deadline: Option<Instant>) -> io::Result<bool> {
        let left = deadline.map(|it| it.saturating_duration_since(Instant::now()));
        let left = left.map(Timespec::try_from).transpose();
        let left = left.map_err(io::Error::other)?;
        let mut waited = [PollFd::new(&self.device, PollFlags::IN)];
        match poll(&mut waited, left.as_ref()) {
            Err(rustix::io::Errno::INTR) => Ok(true),
            count => Ok(count? > 0),
        }
    }
}

impl Received {
    /// Takes the frames out of what was read, each behind a `struct bpf_hdr` of a length that is in it.
    fn take(&mut self, length: usize) {
        let mut rest = self.buffer.get(..length).unwrap_or_default();
        while let Some((frame, after)) = first(rest) {
            self.frames.push_back(frame.to_vec());
            rest = after;
        }
    }
}

/// The first frame, and what is behind it.
fn first(read: &[u8]) -> Option<(&[u8], &[u8])> {
    let captured = read.get(offset_of!(libc::bpf_hdr, bh_caplen)..)?;
    let captured = u32::from_ne_bytes(*captured.first_chunk()?);
    let captured = usize::try_from(captured).ok()?;
    let header = read.get(offset_of!(libc::bpf_hdr, bh_hdrlen)..)?;
    let header = usize::from(u16::from_ne_bytes(*header.first_chunk()?));
    let end = header.checked_add(captured)?;
    let frame = read.get(header..end)?;
    let next = libc::BPF_WORDALIGN(end);
    Some((frame, read.get(next..).unwrap_or_default()))
}

/// Sets an integer, and tells what it is then where the kernel says that.
fn set(device: &File, name: &str, number: c_ulong, value: u32) -> io::Result<u32> {
    let mut argument = Argument::<INT>::new().with(0, &value.to_ne_bytes());
    argument.control(device, number).map_err(failed(name))?;
    Ok(u32::from_ne_bytes(argument.bytes(0)))
}
