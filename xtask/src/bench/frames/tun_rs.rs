//! The crate tun-rs, with its batches and its offloads.

use std::io::ErrorKind;

use anyhow::Result;
use net_backend::FrameLength;
use net_backend::bench::frames::{FarEnd, Path, Shape, Subject};
use net_backend::bench::{Outcome, Role, Unavailable};
use net_backend_tap::testing::Interface;
use tun_rs::{DeviceBuilder, GROTable, IDEAL_BATCH_SIZE, Layer, SyncDevice, VIRTIO_NET_HDR_LEN};

use super::counted::Counted;

/// A tap in batches.
pub(super) fn subject() -> Subject {
    let subject = Subject::new("tun-rs", Role::Peer, |shape| match shape {
        Shape::Plain(_) => Ok(Box::new(Batches::open(shape)?)),
        Shape::Super => {
            let reason = "it makes super-frames of IP packets, not of Ethernet frames";
            Err(Unavailable::new(reason).into())
        }
    });
    subject.beside("tap:")
}

struct Batches {
    device: SyncDevice,
    far: Counted,
    shape: Shape,
    /// Frames behind room for a header.
    frames: Vec<Vec<u8>>,
    table: GROTable,
    /// A frame as it is read, and those that are made of it.
    original: Vec<u8>,
    received: Vec<Vec<u8>>,
    lengths: Vec<usize>,
}

impl Batches {
    fn open(shape: Shape) -> Result<Self> {
        let device = DeviceBuilder::new()
            .layer(Layer::L2)
            .mtu(shape.mtu().bytes())
            .with(|device| {
                device.offload(true);
            })
            .build_sync()?;
        device.set_nonblocking(true)?;
        let name = device.name()?;
        Interface::named(&name).disable_ipv6()?;
        let frame = [&[0; VIRTIO_NET_HDR_LEN][..], &shape.frame()].concat();
        Ok(Self {
            far: Counted::new(&name, shape)?,
            device,
            shape,
            frames: vec![frame; IDEAL_BATCH_SIZE],
            table: GROTable::new(),
            original: vec![0; VIRTIO_NET_HDR_LEN + FrameLength::MAX.bytes()],
            received: vec![vec![0; shape.length()]; IDEAL_BATCH_SIZE],
            lengths: vec![0; IDEAL_BATCH_SIZE],
        })
    }
}

impl Path for Batches {
    fn burst(&self) -> usize {
        self.shape.burst()
    }

    fn send(&mut self, count: usize) -> Outcome<usize> {
        let mut sent = 0;
        while sent < count {
            let most = self.frames.len().min(count - sent);
            let batch = self.frames.get_mut(..most).unwrap_or_default();
            self.device
                .send_multiple(&mut self.table, batch, VIRTIO_NET_HDR_LEN)?;
            sent += most;
        }
        Ok(sent)
    }

    fn receive(&mut self, count: usize) -> Outcome<usize> {
        let mut received = 0;
        while received < count {
            let (original, frames) = (&mut self.original, &mut self.received);
            let lengths = &mut self.lengths;
            match self.device.recv_multiple(original, frames, lengths, 0) {
                Ok(frames) => {
                    let mut lengths = lengths.iter().take(frames);
                    received += lengths
                        .by_ref()
                        .filter(|it| **it == self.shape.length())
                        .count();
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(received)
    }

    fn offer(&mut self, count: usize) -> Outcome<usize> {
        self.far.send(count)
    }

    fn arrived(&mut self) -> Outcome<usize> {
        self.far.arrived()
    }
}
