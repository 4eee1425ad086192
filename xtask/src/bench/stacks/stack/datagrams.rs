//! The guest's UDP: one flow to a port of the gateway.

use std::time::Duration;

use anyhow::Result;

use super::super::frame;
use super::{PORTS, Stack};

impl Stack {
    /// The process behind the link, if there is one.
    pub(in super::super) fn process(&self) -> Option<u32> {
        self.link.process()
    }

    /// From here on datagrams go to this port of the gateway and are expected from there.
    pub(in super::super) fn bind(&mut self, port: u16) {
        self.datagrams = [PORTS.end, port];
    }

    /// A datagram for the port that was bound, ready to be sent any number of times.
    pub(in super::super) fn datagram(&self, payload: &[u8]) -> Vec<u8> {
        frame::datagram(&self.addresses, self.datagrams, payload)
    }

    /// Sends a datagram: `false` when there is no room in the link.
    ///
    /// # Errors
    ///
    /// If the link is gone.
    pub(in super::super) fn send_datagram(&mut self, packet: &[u8]) -> Result<bool> {
        self.send(packet)
    }

    /// Takes one frame, if there is one. What a datagram says goes to `sink`.
    ///
    /// # Errors
    ///
    /// If the link is gone.
    pub(in super::super) fn take_datagram(&mut self, sink: &mut dyn FnMut(&[u8])) -> Result<bool> {
        self.take(None, sink)
    }

    /// Sends what is due, and waits for a frame, or for room where there was none.
    ///
    /// # Errors
    ///
    /// If the link is gone.
    pub(in super::super) fn wait(&mut self, timeout: Duration) -> Result<()> {
        self.link.flush()?;
        self.link.wait(self.is_blocked, timeout)
    }

    /// Sends what is due.
    ///
    /// # Errors
    ///
    /// If the link is gone.
    pub(in super::super) fn flush(&mut self) -> Result<()> {
        self.link.flush()
    }
}
