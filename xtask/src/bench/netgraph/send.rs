//! Frames to a socket.

use std::io::IoSlice;

use anyhow::{Result, ensure};
use net_backend::bench::Unit;
use net_backend::{HeaderLength, Sent, TxSlice, VirtioNetHeader};

use super::super::MakeCase;
use super::super::case::{Case, LIBRARY, Who};
use super::socket::Sockets;
use super::{BURST, Pieces, frame, label, shapes, split_at};

/// All cases of this file.
pub(super) fn cases() -> impl Iterator<Item = MakeCase> {
    shapes().map(|(header, length, pieces)| -> MakeCase {
        Box::new(move || Ok(Box::new(Send::new(header, length, pieces)?)))
    })
}

struct Send {
    sockets: Sockets,
    header: HeaderLength,
    length: usize,
    /// With its header.
    frame: Vec<u8>,
    pieces: Pieces,
    arrived: Vec<u8>,
}

impl Send {
    fn new(header: HeaderLength, length: usize, pieces: Pieces) -> Result<Self> {
        let encoded = VirtioNetHeader::default().encode();
        let mut bytes = encoded.get(..header.bytes()).unwrap_or_default().to_vec();
        bytes.extend(frame(length));
        Ok(Self {
            sockets: Sockets::new(header)?,
            header,
            length,
            frame: bytes,
            pieces,
            arrived: vec![0; length],
        })
    }

    fn run_library(&mut self) -> Result<()> {
        let tx = &mut self.sockets.library.tx;
        let (first, second) = self.frame.split_at(split_at(self.header));
        for _ in 0..BURST {
            let sent = match self.pieces {
                Pieces::One => tx.send(&[TxSlice::new(&self.frame)])?,
                Pieces::Two => tx.send(&[TxSlice::new(first), TxSlice::new(second)])?,
            };
            ensure!(sent == Sent::Queued, "{sent:?}");
        }
        Ok(tx.flush()?)
    }

    /// Whoever knows that there is a header leaves it out, and has one piece in any case.
    fn run_by_hand(&self) -> Result<()> {
        let bare = &self.sockets.ends.bare;
        let (first, second) = self.frame.split_at(split_at(self.header));
        for _ in 0..BURST {
            let (sent, length) = match (self.header, self.pieces) {
                (HeaderLength::None, Pieces::One) => (bare.send(&self.frame)?, self.frame.len()),
                (HeaderLength::None, Pieces::Two) => {
                    let pieces = [first, second].map(IoSlice::new);
                    (bare.send_pieces(&pieces)?, self.frame.len())
                }
                (HeaderLength::Ten | HeaderLength::Twelve, _) => (bare.send(second)?, second.len()),
            };
            ensure!(sent == length, "only {sent} bytes went");
        }
        Ok(())
    }
}

impl Case for Send {
    fn name(&self) -> String {
        label("send", self.header, self.length, self.pieces)
    }

    fn unit(&self) -> Unit {
        Unit::Frame
    }

    fn prepare(&mut self, _: Who) -> Result<()> {
        Ok(())
    }

    fn run(&mut self, contestant: Who) -> Result<u64> {
        match contestant {
            LIBRARY => self.run_library()?,
            _ => self.run_by_hand()?,
        }
        Ok(u64::try_from(BURST)?)
    }
    fn settle(&mut self, _: Who) -> Result<u64> {
        let frames = self.sockets.ends.drain(&mut self.arrived)?;
        ensure!(frames <= BURST, "{frames} of {BURST} frames came");
        Ok(u64::try_from(BURST - frames)?)
    }
}
