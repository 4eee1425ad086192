//! System calls: counted, and made to fail.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use super::lock::Lock;

/// A system call, or what the library makes of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// `socket(2)` for a control socket.
    Control,
    /// `socket(2)` for a data socket.
    Data,
    /// `open(2)` of a device.
    Device,
    /// `bind(2)` of a control socket.
    Bind,
    /// `sendto(2)` on a control socket.
    Tell,
    /// `recvfrom(2)` on a control socket.
    Hear,
    /// `poll(2)` on a control socket.
    Wait,
    /// `connect(2)` of a data socket.
    Connect,
    /// `setsockopt(2)`.
    SetBuffers,
    /// `cap_rights_limit(2)`.
    Limit,
    /// `kldload(2)`.
    Load,
    /// Sending a frame.
    Send,
    /// Receiving a frame.
    Receive,
}

/// How often was called what, on all sockets but those of [`Far`](super::Far)s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts([u64; CALLS]);

impl Counts {
    /// How often this was called.
    pub fn of(&self, call: Call) -> u64 {
        self.0.get(call as usize).copied().unwrap_or_default()
    }
}

const CALLS: usize = Call::Receive as usize + 1;

/// Calls that fail: after `skip` successful ones `times` calls in a row.
#[derive(Clone, Copy, Debug)]
struct Fault {
    call: Call,
    skip: u32,
    times: u32,
    errno: i32,
}

/// Counters and faults.
#[derive(Debug, Default)]
pub(super) struct Calls {
    counts: [AtomicU64; CALLS],
    faults: Lock<Vec<Fault>>,
}

impl Calls {
    /// Counts a call; an error when it is to fail.
    pub(super) fn note(&self, call: Call) -> io::Result<()> {
        if let Some(count) = self.counts.get(call as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let mut faults = self.faults.lock();
        let Some(fault) = faults.iter_mut().find(|fault| fault.call == call) else {
            return Ok(());
        };
        if fault.skip > 0 {
            fault.skip -= 1;
            return Ok(());
        }
        let errno = fault.errno;
        fault.times -= 1;
        faults.retain(|fault| fault.times > 0);
        Err(io::Error::from_raw_os_error(errno))
    }

    pub(super) fn plan(&self, call: Call, skip: u32, times: u32, errno: i32) {
        if times == 0 {
            return;
        }
        self.faults.lock().push(Fault {
            call,
            skip,
            times,
            errno,
        });
    }

    pub(super) fn counts(&self) -> Counts {
        Counts(
            self.counts
                .each_ref()
                .map(|count| count.load(Ordering::Relaxed)),
        )
    }
}
