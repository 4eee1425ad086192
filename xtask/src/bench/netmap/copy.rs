//! Frames copied into rings.

use std::array;

use anyhow::{Result, bail, ensure};
use net_backend::bench::{Contestant, Role, Unit};
use net_backend::{Nic, Sent, TxSlice};
use net_backend_netmap::testing::Model;

use super::super::MakeCase;
use super::super::case::{Case, LIBRARY, Who, two};
use super::super::sys::BareTransmit;
use super::model::{self, BATCH, BUFFER, Header};

/// Batches in one run.
pub(super) const BATCHES: usize = 8;
/// Buffers of the guest, as many as in virtio-net's usual queue; used in turn.
pub(super) const GUEST: usize = 4 * BATCH;
/// Slots of each ring, so that a quarter of it is a batch; those of switches have more.
const SLOTS: u32 = 256;
/// Where buffers of the program begin, so that they have other places in the CPU's cache than those of rings.
pub(super) const SHIFT: usize = 640;
/// By hand without a call for each frame.
pub(super) const ONE_LOOP: Who = 2;

/// All cases of this file.
pub(super) fn cases() -> impl Iterator<Item = MakeCase> {
    let headers = [Header::None, Header::Added, Header::Native];
    let shapes = headers
        .into_iter()
        .flat_map(|header| [64, 1514].map(|length| (header, length)));
    let send = shapes.clone().map(|(header, length)| -> MakeCase {
        Box::new(move || Ok(Box::new(Send::new(header, length, Pieces::One)?)))
    });
    let split = shapes
        .clone()
        .filter(|(header, _)| *header != Header::None)
        .map(|(header, length)| -> MakeCase {
            Box::new(move || Ok(Box::new(Send::new(header, length, Pieces::Two)?)))
        });
    let receive = shapes.map(|(header, length)| -> MakeCase {
        Box::new(move || Ok(Box::new(super::receive::Receive::new(header, length)?)))
    });
    send.chain(split).chain(receive)
}

/// The pieces that a frame is sent in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pieces {
    /// All in one.
    One,
    /// The header by itself.
    Two,
}

/// Names of the ports: the library's, and that of who does it by hand. Whoever does as many frames as a ring has slots
/// leaves it as it was, so that both can have the same memory: what is where in the CPU's caches matters.
pub(super) fn ports(header: Header) -> [&'static str; 2] {
    match header {
        Header::None | Header::Added => ["gen0", "gen0"],
        Header::Native => ["vale0:library", "vale1:hand"],
    }
}

/// A guest's memory: buffers that all begin with `frame`.
pub(super) fn guest(frame: &[u8]) -> Vec<u8> {
    let mut memory = vec![0; SHIFT + GUEST * BUFFER];
    for buffer in memory
        .get_mut(SHIFT..)
        .unwrap_or_default()
        .chunks_exact_mut(BUFFER)
    {
        buffer
            .iter_mut()
            .zip(frame)
            .for_each(|(to, from)| *to = *from);
    }
    memory
}

pub(super) fn contestants() -> Vec<Contestant> {
    let mut contestants = two("library", "by hand");
    contestants.push(Contestant::new("by hand in one loop", Role::ByHand));
    contestants
}

pub(super) fn make_ports(header: Header, length: Option<u16>) -> Result<Model> {
    let model = model::kernel()?;
    if header != Header::Native {
        model.generator("gen0", 1, SLOTS, length);
    }
    Ok(model)
}

pub(super) fn label(what: &str, header: Header, length: usize) -> String {
    format!("netmap {what} {length} bytes, {}", header.label())
}

struct Send {
    nic: Nic,
    bare: BareTransmit,
    header: Header,
    length: usize,
    /// The guest's memory. Frames are behind their headers.
    frames: Vec<u8>,
    pieces: Pieces,
    _model: Model,
}

impl Send {
    fn new(header: Header, length: usize, pieces: Pieces) -> Result<Self> {
        let model = make_ports(header, None)?;
        let [library, hand] = ports(header);
        let frame = model::frame(length, 1);
        let frame = match header {
            Header::None => frame,
            Header::Added | Header::Native => model::behind_header(&frame),
        };
        Ok(Self {
            nic: model::library(&model, library, header)?,
            bare: BareTransmit::new(&model::by_hand(&model, hand, header)?),
            header,
            length,
            frames: guest(&frame),
            pieces,
            _model: model,
        })
    }

    /// A switch does so much in a synchronisation that nothing else would be seen beside it.
    fn synchronises(&self) -> bool {
        self.header != Header::Native
    }
}

fn send_library(nic: &mut Nic, frames: &[&[TxSlice<'_>]], synchronise: bool) -> Result<()> {
    let tx = &mut nic.queue.tx;
    for frames in frames.chunks(BATCH).cycle().take(BATCHES) {
        for frame in frames {
            match tx.send(frame)? {
                Sent::Queued => {}
                Sent::Busy { .. } => bail!("no room"),
                Sent::Dropped(reason) => bail!("{reason:?}"),
            }
        }
        if synchronise {
            tx.flush()?;
        }
    }
    Ok(())
}

fn send_by_hand(
    bare: &mut BareTransmit,
    frames: &[&[TxSlice<'_>]],
    skip: usize,
    is_one_loop: bool,
    synchronise: bool,
) -> Result<()> {
    for frames in frames.chunks(BATCH).cycle().take(BATCHES) {
        match is_one_loop {
            true => ensure!(bare.put_all(frames, skip) == frames.len(), "no room"),
            false => {
                for frame in frames {
                    ensure!(bare.put(frame, skip), "no room");
                }
            }
        }
        if synchronise {
            bare.synchronise()?;
        }
    }
    Ok(())
}

impl Case for Send {
    fn name(&self) -> String {
        let name = label("send", self.header, self.length);
        match self.pieces {
            Pieces::One => name,
            Pieces::Two => format!("{name}, by itself"),
        }
    }

    fn unit(&self) -> Unit {
        Unit::Frame
    }

    fn contestants(&self) -> Vec<Contestant> {
        contestants()
    }

    fn prepare(&mut self, contestant: Who) -> Result<()> {
        match contestant {
            LIBRARY => self.nic.queue.tx.flush()?,
            _ if self.synchronises() => self.bare.look(),
            _ => self.bare.synchronise()?,
        }
        Ok(())
    }

    fn run(&mut self, contestant: Who) -> Result<u64> {
        let header = self.header.bytes();
        let length = header + self.length;
        let memory = self.frames.get(SHIFT..).unwrap_or_default();
        let mut buffers = memory.chunks_exact(BUFFER);
        let lists: [[TxSlice<'_>; 2]; GUEST] = array::from_fn(|_| {
            let frame = buffers.next().unwrap_or_default();
            let frame = frame.get(..length).unwrap_or_default();
            match self.pieces {
                Pieces::One => [TxSlice::new(frame), TxSlice::EMPTY],
                Pieces::Two => {
                    let (header, frame) = frame.split_at(header.min(frame.len()));
                    [TxSlice::new(header), TxSlice::new(frame)]
                }
            }
        });
        let count = match self.pieces {
            Pieces::One => 1,
            Pieces::Two => 2,
        };
        let frames = lists
            .each_ref()
            .map(|list| list.get(..count).unwrap_or_default());
        let synchronises = self.synchronises();
        match contestant {
            LIBRARY => send_library(&mut self.nic, &frames, synchronises)?,
            _ => {
                let (skip, is_loop) = (self.header.missing(), contestant == ONE_LOOP);
                send_by_hand(&mut self.bare, &frames, skip, is_loop, synchronises)?;
            }
        }
        Ok(u64::try_from(BATCHES * BATCH)?)
    }
}
