//! Frames from a socket.

use std::io::IoSliceMut;
use std::time::Duration;

use anyhow::{Result, ensure};
use net_backend::bench::Unit;
use net_backend::{FrameLength, HeaderLength, RxSlice, VirtioNetHeader};

use super::super::MakeCase;
use super::super::case::{Case, LIBRARY, Who};
use super::socket::Sockets;
use super::{BURST, Pieces, frame, label, shapes, split_at};

/// The buffer to receive into, and what the bare loop does with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Buffer {
    /// Good for everything.
    Any,
    /// Just good for the frame; the bare loop receives what does not fit into a second one, so that it knows how long
    /// the frame was, as the library does.
    Tight,
    /// Just good for the frame; the bare loop looks at a flag, and knows that something is missing, not how much.
    Flag,
}

/// All cases of this file.
pub(super) fn cases() -> impl Iterator<Item = MakeCase> {
    let make = |header, length, pieces, buffer| -> MakeCase {
        Box::new(move || Ok(Box::new(Receive::new(header, length, pieces, buffer)?)))
    };
    let any =
        shapes().map(move |(header, length, pieces)| make(header, length, pieces, Buffer::Any));
    let tight = [Buffer::Tight, Buffer::Flag]
        .into_iter()
        .flat_map(|buffer| [64, 1514].map(|length| (length, buffer)))
        .map(move |(length, buffer)| make(HeaderLength::None, length, Pieces::One, buffer));
    any.chain(tight)
}

struct Receive {
    sockets: Sockets,
    header: HeaderLength,
    frame: Vec<u8>,
    pieces: Pieces,
    kind: Buffer,
    buffer: Vec<u8>,
    /// Where the end of a frame goes for which the buffer is too short.
    spare: Vec<u8>,
}

impl Receive {
    fn new(header: HeaderLength, length: usize, pieces: Pieces, kind: Buffer) -> Result<Self> {
        let room = match kind {
            Buffer::Any => FrameLength::MAX.buffer_length(header),
            Buffer::Tight | Buffer::Flag => header.bytes() + length,
        };
        Ok(Self {
            sockets: Sockets::new(header)?,
            header,
            frame: frame(length),
            pieces,
            kind,
            buffer: vec![0; room],
            spare: vec![0; FrameLength::MAX.bytes()],
        })
    }

    fn run_library(&mut self) -> Result<usize> {
        let rx = &mut self.sockets.library.rx;
        let mut frames = 0;
        loop {
            let received = match self.pieces {
                Pieces::One => rx.recv(&mut [RxSlice::new(&mut self.buffer)])?,
                Pieces::Two => {
                    let (first, second) = self.buffer.split_at_mut(split_at(self.header));
                    rx.recv(&mut [RxSlice::new(first), RxSlice::new(second)])?
                }
            };
            match received {
                Some(received) => ensure!(!received.truncated, "a frame was cut"),
                None => return Ok(frames),
            }
            frames += 1;
        }
    }

    fn run_by_hand(&mut self) -> Result<usize> {
        let bare = &self.sockets.ends.bare;
        let header = VirtioNetHeader::default().encode();
        let mut frames = 0;
        loop {
            let (first, second) = self.buffer.split_at_mut(split_at(self.header));
            let is_there = match (self.kind, self.header, self.pieces) {
                (Buffer::Any, HeaderLength::None, Pieces::One) => {
                    bare.receive(&mut self.buffer)?.is_some()
                }
                (Buffer::Any, HeaderLength::None, Pieces::Two) => {
                    let pieces = &mut [first, second].map(IoSliceMut::new);
                    bare.receive_pieces(pieces)?.is_some()
                }
                (Buffer::Any, HeaderLength::Ten | HeaderLength::Twelve, _) => {
                    first
                        .iter_mut()
                        .zip(header)
                        .for_each(|(to, byte)| *to = byte);
                    bare.receive(second)?.is_some()
                }
                (Buffer::Tight, _, _) => {
                    let pieces = [&mut *self.buffer, &mut *self.spare].map(IoSliceMut::new);
                    let received = bare.receive_pieces(&mut { pieces })?;
                    let length = received.map(|it| it.length);
                    ensure!(
                        length.is_none_or(|it| it <= self.buffer.len()),
                        "a frame was cut"
                    );
                    length.is_some()
                }
                (Buffer::Flag, _, _) => {
                    let received = bare.receive_pieces(&mut [IoSliceMut::new(&mut self.buffer)])?;
                    let is_cut = received.map(|it| it.is_cut);
                    ensure!(is_cut != Some(true), "a frame was cut");
                    is_cut.is_some()
                }
            };
            if !is_there {
                return Ok(frames);
            }
            frames += 1;
        }
    }
}

impl Case for Receive {
    fn name(&self) -> String {
        let name = label("receive", self.header, self.frame.len(), self.pieces);
        match self.kind {
            Buffer::Any => name,
            Buffer::Tight => format!("{name}, tight buffer"),
            Buffer::Flag => format!("{name}, tight, only a flag by hand"),
        }
    }

    fn unit(&self) -> Unit {
        Unit::Frame
    }

    fn duration(&self) -> Duration {
        Duration::from_millis(10)
    }

    fn prepare(&mut self, _: Who) -> Result<()> {
        self.sockets.ends.fill(&self.frame)
    }

    fn run(&mut self, contestant: Who) -> Result<u64> {
        let frames = match contestant {
            LIBRARY => self.run_library()?,
            _ => self.run_by_hand()?,
        };
        ensure!(frames == BURST, "{frames} of {BURST} frames came");
        Ok(u64::try_from(frames)?)
    }
}
