//! System calls: counted, and made to fail.

use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::parking::Lock;

/// A system call on the control device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// `open(2)`.
    Open,
    /// `NIOCCTRL`, with the type of the request (`NETMAP_REQ_*`).
    Request(u16),
    /// `NIOCTXSYNC`.
    TransmitSync,
    /// `NIOCRXSYNC`.
    ReceiveSync,
    /// `mmap(2)`.
    Map,
}

/// How often was called what, on all descriptors but the model's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// `open(2)`.
    pub opened: u64,
    /// `NIOCCTRL` of any type.
    pub requests: u64,
    /// `NIOCTXSYNC`.
    pub transmit_syncs: u64,
    /// `NIOCRXSYNC`.
    pub receive_syncs: u64,
    /// `mmap(2)`.
    pub maps: u64,
}

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
    counts: [AtomicU64; 5],
    planned: AtomicUsize,
    faults: Lock<Vec<Fault>>,
}

impl Calls {
    /// Counts a call; an error when it is to fail.
    pub(super) fn note(&self, call: Call) -> io::Result<()> {
        let [opened, requests, transmit, receive, maps] = &self.counts;
        let counter = match call {
            Call::Open => opened,
            Call::Request(_) => requests,
            Call::TransmitSync => transmit,
            Call::ReceiveSync => receive,
            Call::Map => maps,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        if self.planned.load(Ordering::Acquire) == 0 {
            return Ok(());
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
        self.planned.store(faults.len(), Ordering::Release);
        Err(io::Error::from_raw_os_error(errno))
    }

    pub(super) fn plan(&self, call: Call, skip: u32, times: u32, errno: i32) {
        if times == 0 {
            return;
        }
        let mut faults = self.faults.lock();
        faults.push(Fault {
            call,
            skip,
            times,
            errno,
        });
        self.planned.store(faults.len(), Ordering::Release);
    }

    pub(super) fn counts(&self) -> Counts {
        let [opened, requests, transmit_syncs, receive_syncs, maps] = self
            .counts
            .each_ref()
            .map(|count| count.load(Ordering::Relaxed));
        Counts {
            opened,
            requests,
            transmit_syncs,
            receive_syncs,
            maps,
        }
    }
}
