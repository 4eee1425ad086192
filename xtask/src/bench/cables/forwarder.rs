//! The crate tun-rs between two networks: packets out of one device and into the other, as many at a time as it can.

use std::io::{self, ErrorKind};
use std::iter;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use anyhow::{Context, Result};
use net_backend::Bell;
use net_backend::wake::Doorbell;
use net_backend_tap::testing::Interface;
use rustix::event::{PollFd, PollFlags, poll};
use tun_rs::{DeviceBuilder, GROTable, IDEAL_BATCH_SIZE, SyncDevice, VIRTIO_NET_HDR_LEN};

use super::joint::Cable;
use super::network::{Ends, MTU, PREFIX, QUEUE};

/// Whether packets go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Batches {
    /// The kernel hands over super-frames, which the crate cuts, and makes new ones of.
    Offloaded,
    /// One packet for each system call.
    None,
}

/// A thread between two devices. Dropped, it ends.
pub(super) struct Forwarder {
    stop: Arc<Bell>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Forwarder {
    /// Makes the devices and the thread.
    ///
    /// # Errors
    ///
    /// What the crate says.
    pub(super) fn start(ends: &Ends, batches: Batches) -> Result<Self> {
        let [left, right] = ends
            .both()
            .map(|(network, name, address)| network.run(move || device(name, address, batches)));
        let devices = [left, right].map(|it| it.context("tun-rs cannot make a device"));
        let [left, right] = devices;
        let (left, right) = (left?, right?);
        let stop = Arc::new(Bell::new()?);
        let stopped = Arc::clone(&stop);
        let forward = move || match batches {
            Batches::Offloaded => forward(&left, &right, &stopped, Batch::new),
            Batches::None => forward(&left, &right, &stopped, || Packet([0; MTU as usize])),
        };
        Ok(Self {
            stop,
            thread: Some(Builder::new().name("tun-rs".to_owned()).spawn(forward)?),
        })
    }
}

impl Cable for Forwarder {}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.stop.ring();
        if let Some(thread) = self.thread.take() {
            // Traffic has stopped before, if it did not end well.
            let _outcome = thread.join();
        }
    }
}

fn device(name: &str, address: Ipv4Addr, batches: Batches) -> io::Result<SyncDevice> {
    let device = DeviceBuilder::new()
        .name(name)
        .mtu(MTU)
        .ipv4(address, PREFIX, None)
        .offload(batches == Batches::Offloaded)
        .build_sync()?;
    device.set_nonblocking(true)?;
    let interface = Interface::named(name);
    interface.disable_ipv6()?;
    // By rtnetlink, for which one need not be root of the whole system.
    interface.set_transmit_queue_length(QUEUE)?;
    Ok(device)
}

/// After so many reads it is the other direction's turn.
const TURN: usize = 64;

/// Forwards both ways until `stop` is rung.
fn forward<W: Way>(
    left: &SyncDevice,
    right: &SyncDevice,
    stop: &Bell,
    way: impl Fn() -> W,
) -> io::Result<()> {
    let (mut forth, mut back) = (way(), way());
    loop {
        let is_over = turn(|| forth.pass(left, right))? & turn(|| back.pass(right, left))?;
        if !is_over {
            continue;
        }
        let mut sources = [
            PollFd::from_borrowed_fd(stop.descriptor(), PollFlags::IN),
            PollFd::new(left, PollFlags::IN),
            PollFd::new(right, PollFlags::IN),
        ];
        match poll(&mut sources, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let [stop, ..] = sources;
        if !stop.revents().is_empty() {
            return Ok(());
        }
    }
}

/// Whether there was nothing more to do.
fn turn(mut pass: impl FnMut() -> io::Result<()>) -> io::Result<bool> {
    for _ in 0..TURN {
        match pass() {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

/// Out of one device, into the other.
trait Way {
    /// Reads once, and writes what came.
    fn pass(&mut self, from: &SyncDevice, to: &SyncDevice) -> io::Result<()>;
}

/// One packet.
struct Packet([u8; MTU as usize]);

impl Way for Packet {
    fn pass(&mut self, from: &SyncDevice, to: &SyncDevice) -> io::Result<()> {
        let length = from.recv(&mut self.0)?;
        to.send(self.0.get(..length).unwrap_or_default())?;
        Ok(())
    }
}

/// The packets of one super-frame.
struct Batch {
    table: GROTable,
    received: Vec<u8>,
    packets: Vec<Vec<u8>>,
    lengths: Vec<usize>,
}

impl Batch {
    /// The longest packet of IP.
    const LONGEST: usize = 65_535;
    /// Room in front of a packet for the header.
    const OFFSET: usize = VIRTIO_NET_HDR_LEN;

    fn new() -> Self {
        // The first packet of a super-frame takes the others in, if it has room for them.
        let packets = iter::repeat_with(|| Vec::with_capacity(Self::OFFSET + Self::LONGEST));
        Self {
            table: GROTable::default(),
            received: vec![0; VIRTIO_NET_HDR_LEN + Self::LONGEST],
            packets: packets.take(IDEAL_BATCH_SIZE).collect(),
            lengths: vec![0; IDEAL_BATCH_SIZE],
        }
    }
}

impl Way for Batch {
    fn pass(&mut self, from: &SyncDevice, to: &SyncDevice) -> io::Result<()> {
        let packets = &mut self.packets;
        packets
            .iter_mut()
            .for_each(|it| it.resize(Self::OFFSET + usize::from(MTU), 0));
        let count =
            from.recv_multiple(&mut self.received, packets, &mut self.lengths, Self::OFFSET)?;
        let packets = packets.get_mut(..count).unwrap_or_default();
        for (packet, length) in packets.iter_mut().zip(&self.lengths) {
            packet.truncate(Self::OFFSET + length);
        }
        to.send_multiple(&mut self.table, packets, Self::OFFSET)?;
        Ok(())
    }
}
