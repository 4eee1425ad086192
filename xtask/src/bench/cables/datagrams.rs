//! UDP from left to right, in frames of one length.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::io::Errno;
use rustix::net::sockopt::set_socket_recv_buffer_size;
use rustix::net::{RecvFlags, recv};

use super::cases::Traffic;
use super::network::Ends;

/// Headers of Ethernet, IP and UDP, in bytes.
const HEADERS: usize = 14 + 20 + 8;
/// Datagrams on their way at most: every queue has room for them, so that what is lost is lost by the cable.
const WINDOW: u64 = 128;
/// Datagrams that are sent before it is looked who arrived.
const BURST: u64 = 32;
/// Bytes that the socket may keep. Users get less, which is room for the window too.
const ROOM: usize = 4 << 20;
/// What has not arrived after so long without any is lost.
const PATIENCE: Duration = Duration::from_millis(200);

/// As many datagrams as get through, but only some on their way at a time: whoever forwards them is not drowned.
pub(super) struct Datagrams {
    payload: Vec<u8>,
    sockets: Option<[UdpSocket; 2]>,
    sent: u64,
    arrived: u64,
    /// Not waited for any more.
    missed: u64,
}

impl Datagrams {
    /// In Ethernet frames of so many bytes.
    pub(super) fn new(frame: usize) -> Self {
        Self {
            payload: vec![0x5a; frame.saturating_sub(HEADERS)],
            sockets: None,
            sent: 0,
            arrived: 0,
            missed: 0,
        }
    }

    fn on_their_way(&self) -> u64 {
        self.sent.saturating_sub(self.arrived + self.missed)
    }

    fn send(&mut self) -> Result<()> {
        let [left, _] = self.sockets.as_ref().context("there are no sockets")?;
        for _ in 0..BURST {
            left.send(&self.payload)?;
        }
        self.sent += BURST;
        Ok(())
    }

    /// Takes what has arrived until so many are on their way at most.
    fn wait(&mut self, most: u64) -> Result<()> {
        while self.receive(RecvFlags::DONTWAIT)? {}
        while self.on_their_way() > most {
            if !self.receive(RecvFlags::empty())? {
                self.missed += self.on_their_way();
            }
        }
        Ok(())
    }

    /// Takes one; whether there was one.
    fn receive(&mut self, flags: RecvFlags) -> Result<bool> {
        let [_, right] = self.sockets.as_ref().context("there are no sockets")?;
        match recv(right, &mut [0; 1], flags) {
            Ok(_) => self.arrived += 1,
            Err(Errno::AGAIN) => return Ok(false),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(true)
    }
}

impl Traffic for Datagrams {
    fn prepare(&mut self, ends: &Ends) -> Result<()> {
        if self.sockets.is_none() {
            self.sockets = Some(connect(ends)?);
        }
        while self.receive(RecvFlags::DONTWAIT)? {}
        (self.sent, self.arrived, self.missed) = (0, 0, 0);
        Ok(())
    }

    fn run(&mut self, _: &Ends, duration: Duration) -> Result<u64> {
        let start = Instant::now();
        while start.elapsed() < duration {
            self.send()?;
            self.wait(WINDOW - BURST)?;
        }
        self.wait(0)?;
        Ok(self.sent)
    }

    fn settle(&mut self) -> Result<u64> {
        // Who was not waited for may have been late.
        while self.sent > self.arrived && self.receive(RecvFlags::empty())? {}
        Ok(self.sent.saturating_sub(self.arrived))
    }
}

/// A socket at each end.
fn connect(ends: &Ends) -> Result<[UdpSocket; 2]> {
    let [left, right] = ends
        .both()
        .map(|(network, _, address)| network.run(move || UdpSocket::bind((address, 0))));
    let (left, right) = (left?, right?);
    left.connect(right.local_addr()?)?;
    right.connect(left.local_addr()?)?;
    right.set_read_timeout(Some(PATIENCE))?;
    set_socket_recv_buffer_size(&right, ROOM)?;
    Ok([left, right])
}
