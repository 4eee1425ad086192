//! Frames into a tap and out of it.

use std::fs::File;
use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use net_backend::bench::Unit;
use net_backend::{
    Activation, Features, FrameLength, HeaderLength, Nic, RxSlice, Sent, Source, TxSlice,
    VirtioNetHeader,
};
use net_backend_tap::testing::{Interface, PacketSocket};

use super::MakeCase;
use super::case::{Case, LIBRARY, Who};
use super::frames::Counter;
use crate::demo::lab;

/// Frames in one run; the tap's queue has room for them.
const BURST: u16 = 256;
/// The buffer to receive into, and what the bare loop does with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Buffer {
    /// Good for everything.
    Any,
    /// Just good for the frame; that a longer one does not fit shows in both loops.
    Tight,
    /// Just good for the frame; the bare loop would not notice that a longer one does not fit.
    Unsafe,
}

/// The pieces that a frame is sent in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pieces {
    /// All in one.
    One,
    /// The header by itself.
    Two,
}

/// All cases of this file.
pub(super) fn cases() -> impl Iterator<Item = MakeCase> {
    let shapes = [HeaderLength::None, HeaderLength::Twelve]
        .into_iter()
        .flat_map(|header| [64, 1514].map(|length| (header, length)));
    let send = shapes.clone().map(|(header, length)| -> MakeCase {
        Box::new(move || Send::make(header, length, Pieces::One))
    });
    let split: MakeCase = Box::new(|| Send::make(HeaderLength::Twelve, 1514, Pieces::Two));
    let receive = shapes.map(|(header, length)| -> MakeCase {
        Box::new(move || Receive::make(header, length, Buffer::Any))
    });
    let tight = [Buffer::Tight, Buffer::Unsafe].map(|buffer| -> MakeCase {
        Box::new(move || Receive::make(HeaderLength::Twelve, 1514, buffer))
    });
    send.chain([split]).chain(receive).chain(tight)
}

/// A tap without offloads, made without virtio-net header when none is wanted.
fn tap(header: HeaderLength) -> Result<(Nic, Interface)> {
    let option = match header {
        HeaderLength::None => "header=off",
        HeaderLength::Ten | HeaderLength::Twelve => "header=on",
    };
    let with = Activation {
        queue_pairs: 1,
        header,
        features: Features::empty(),
    };
    let (backend, interface) = lab::open("bench0", option)?;
    Ok((Nic::activate(backend, &with)?, interface))
}

/// The same queue of the same device, to use by hand. The standard library calls the same functions of libc as the
/// backend does.
fn file(source: Source<'_>) -> Result<File> {
    Ok(source.descriptor.try_clone_to_owned()?.into())
}

/// A broadcast of a protocol that no host knows (IEEE Std 802: 0x88b5 is for experiments).
fn frame(length: usize) -> Vec<u8> {
    let mut frame = vec![0xff; 6];
    frame.extend([2, 0, 0, 0, 0, 1, 0x88, 0xb5]);
    frame.resize(length, 0x5a);
    frame
}

fn label(what: &str, header: HeaderLength, length: usize) -> String {
    format!("tap {what} {length} bytes, header {header}")
}

struct Send {
    nic: Nic,
    bare: File,
    header: HeaderLength,
    length: usize,
    /// With its header.
    frame: Vec<u8>,
    pieces: Pieces,
    arrived: Counter,
}

impl Send {
    fn make(header: HeaderLength, length: usize, pieces: Pieces) -> Result<Box<dyn Case>> {
        let (nic, interface) = tap(header)?;
        let encoded = VirtioNetHeader::default().encode();
        let mut bytes = encoded.get(..header.bytes()).unwrap_or_default().to_vec();
        bytes.extend(frame(length));
        Ok(Box::new(Self {
            bare: file(nic.queue.tx.source())?,
            nic,
            header,
            length,
            frame: bytes,
            pieces,
            arrived: Counter::new(interface.name())?,
        }))
    }

    fn run_library(&mut self) -> Result<u64> {
        let tx = &mut self.nic.queue.tx;
        let (header, frame) = self.frame.split_at(self.header.bytes());
        for _ in 0..BURST {
            let sent = match self.pieces {
                Pieces::One => tx.send(&[TxSlice::new(&self.frame)])?,
                Pieces::Two => tx.send(&[TxSlice::new(header), TxSlice::new(frame)])?,
            };
            ensure!(sent == Sent::Queued, "{sent:?}");
        }
        tx.flush()?;
        Ok(u64::from(BURST))
    }

    fn run_by_hand(&mut self) -> Result<u64> {
        let (header, frame) = self.frame.split_at(self.header.bytes());
        for _ in 0..BURST {
            let written = match self.pieces {
                Pieces::One => self.bare.write(&self.frame)?,
                Pieces::Two => {
                    let pieces = [IoSlice::new(header), IoSlice::new(frame)];
                    self.bare.write_vectored(&pieces)?
                }
            };
            ensure!(written == self.frame.len(), "only {written} bytes went");
        }
        Ok(u64::from(BURST))
    }
}

impl Case for Send {
    fn name(&self) -> String {
        let name = label("send", self.header, self.length);
        match self.pieces {
            Pieces::One => name,
            Pieces::Two => format!("{name} by itself"),
        }
    }

    fn unit(&self) -> Unit {
        Unit::Frame
    }

    fn prepare(&mut self, _: Who) -> Result<()> {
        Ok(())
    }

    fn run(&mut self, contestant: Who) -> Result<u64> {
        match contestant {
            LIBRARY => self.run_library(),
            _ => self.run_by_hand(),
        }
    }

    fn settle(&mut self, _: Who) -> Result<u64> {
        let arrived = u64::try_from(self.arrived.more()?)?;
        Ok(u64::from(BURST).saturating_sub(arrived))
    }
}

struct Receive {
    nic: Nic,
    bare: File,
    header: HeaderLength,
    frame: Vec<u8>,
    far_end: PacketSocket,
    kind: Buffer,
    buffer: Vec<u8>,
    /// Where the end of a frame goes for which the buffer is too short.
    spare: Vec<u8>,
}

impl Receive {
    fn make(header: HeaderLength, length: usize, kind: Buffer) -> Result<Box<dyn Case>> {
        let (nic, interface) = tap(header)?;
        let room = match kind {
            Buffer::Any => FrameLength::MAX.buffer_length(header),
            Buffer::Tight | Buffer::Unsafe => header.bytes() + length,
        };
        Ok(Box::new(Self {
            bare: file(nic.queue.rx.source())?,
            nic,
            header,
            frame: frame(length),
            far_end: PacketSocket::plain(&interface)?,
            kind,
            buffer: vec![0; room],
            spare: vec![0; FrameLength::MAX.bytes()],
        }))
    }

    fn all(frames: u64) -> Result<u64> {
        ensure!(
            frames >= u64::from(BURST),
            "{frames} of {BURST} frames came"
        );
        Ok(frames)
    }

    fn run_library(&mut self) -> Result<u64> {
        let rx = &mut self.nic.queue.rx;
        let mut frames = 0;
        while rx.recv(&mut [RxSlice::new(&mut self.buffer)])?.is_some() {
            frames += 1;
        }
        Self::all(frames)
    }

    fn run_by_hand(&mut self) -> Result<u64> {
        let mut frames = 0;
        loop {
            let outcome = match self.kind {
                Buffer::Any | Buffer::Unsafe => self.bare.read(&mut self.buffer),
                Buffer::Tight => {
                    let first = IoSliceMut::new(&mut self.buffer);
                    let pieces = &mut [first, IoSliceMut::new(&mut self.spare)];
                    self.bare.read_vectored(pieces)
                }
            };
            match outcome {
                Ok(_) => frames += 1,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Self::all(frames),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Case for Receive {
    fn name(&self) -> String {
        let name = label("receive", self.header, self.frame.len());
        match self.kind {
            Buffer::Any => name,
            Buffer::Tight => format!("{name}, tight buffer"),
            Buffer::Unsafe => format!("{name}, tight, cut unnoticed by hand"),
        }
    }

    fn unit(&self) -> Unit {
        Unit::Frame
    }

    fn duration(&self) -> Duration {
        Duration::from_millis(10)
    }

    fn prepare(&mut self, _: Who) -> Result<()> {
        for _ in 0..BURST {
            self.far_end.send(&self.frame).context("filling the tap")?;
        }
        Ok(())
    }

    fn run(&mut self, contestant: Who) -> Result<u64> {
        match contestant {
            LIBRARY => self.run_library(),
            _ => self.run_by_hand(),
        }
    }
}
