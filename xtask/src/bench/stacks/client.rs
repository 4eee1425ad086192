//! What everybody who is measured here has to do.

use std::time::Duration;

use anyhow::{Result, bail};

use super::exchange::Delivery;

/// The client's end of a network stack: talks to a [`Host`](super::host::Host), whose ports it is given.
///
/// Somebody else's is a file beside this with an implementation, and a variant of [`Entrant`](super::entrant::Entrant), which
/// starts it and says [what it does](super::entrant::Entrant::does). It works for `duration` and returns what came of that, errs
/// where it is stuck for some seconds, and allocates nothing while it is measured.
pub(in crate::bench) trait Client {
    /// Sends to the sink for `duration` over one connection, and waits until it has read everything: bytes.
    ///
    /// # Errors
    ///
    /// If it does not work; so all of these.
    fn upload(&mut self, port: u16, duration: Duration) -> Result<u64>;

    /// Receives over one connection what the source sends for `duration`, until it ends: bytes.
    fn download(&mut self, port: u16, duration: Duration) -> Result<u64>;

    /// Opens a connection for [`round_trips`](Self::round_trips). Not measured.
    fn open_echo(&mut self, port: u16) -> Result<()>;

    /// Sends a byte and waits for the answer, for `duration`, and closes the connection: how many came. How many
    /// nanoseconds each took goes to `took`, as far as there is room.
    fn round_trips(&mut self, duration: Duration, took: &mut Vec<u32>) -> Result<u64>;

    /// Makes connections with one round trip each for `duration`: how many there were.
    fn connections(&mut self, port: u16, duration: Duration) -> Result<u64> {
        let _not = (port, duration);
        bail!("it makes no connections one after the other")
    }

    /// Opens connections that stay as they are. Not measured.
    fn hold(&mut self, port: u16, count: usize) -> Result<()> {
        let _not = (port, count);
        bail!("it keeps no connections")
    }

    /// Sends datagrams of `length` bytes for `duration` as fast as it can.
    fn send_datagrams(&mut self, port: u16, length: usize, duration: Duration) -> Result<Delivery> {
        let _not = (port, length, duration);
        bail!("it has no UDP")
    }

    /// Has datagrams of `length` bytes sent to it, for as long as the host does.
    fn receive_datagrams(&mut self, port: u16, length: usize) -> Result<Delivery> {
        let _not = (port, length);
        bail!("it has no UDP")
    }

    /// How often something had to be sent again so far, as far as one can see.
    fn retransmissions(&self) -> u64 {
        0
    }

    /// The process that does the work, if it is one of its own.
    fn process(&self) -> Option<u32> {
        None
    }
}

/// Notes how long something took, if there is room.
pub(super) fn note(took: &mut Vec<u32>, time: Duration) {
    if took.len() < took.capacity() {
        took.push(u32::try_from(time.as_nanos()).unwrap_or(u32::MAX));
    }
}
