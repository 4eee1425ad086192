//! Frames copied out of rings.

use std::array;

use anyhow::{Result, ensure};
use net_backend::bench::{Contestant, Unit};
use net_backend::{Nic, Received, RxSlice};
use net_backend_netmap::testing::{Far, Model};

use super::super::case::{BY_HAND, Case, LIBRARY, Who};
use super::super::sys::BareReceive;
use super::copy::{BATCHES, GUEST, ONE_LOOP, SHIFT, contestants, guest, label, make_ports, ports};
use super::model::{self, BATCH, BUFFER, Header};

/// Frames out of the ring, one at a time and by a loop.
pub(super) struct Receive {
    nic: Nic,
    bare: BareReceive,
    header: Header,
    length: usize,
    /// The guest's memory.
    buffers: Vec<u8>,
    /// Who sends to the library and to the loop, where somebody has to.
    far: Option<[Far; 2]>,
    _model: Model,
}

impl Receive {
    pub(super) fn new(header: Header, length: usize) -> Result<Self> {
        let model = make_ports(header, Some(u16::try_from(length)?))?;
        let [library, hand] = ports(header);
        let nic = model::library(&model, library, header)?;
        let bare = model::by_hand(&model, hand, header)?;
        let far = match header {
            Header::None | Header::Added => None,
            Header::Native => {
                let far = [model.port("vale0:far")?, model.port("vale1:far")?];
                for (far, name) in far.iter().zip(["vale0:far", "vale1:far"]) {
                    far.set_header(name, 12)?;
                }
                Some(far)
            }
        };
        let mut bare = BareReceive::new(&bare);
        bare.synchronise()?;
        Ok(Self {
            nic,
            bare,
            header,
            length,
            buffers: guest(&[]),
            far,
            _model: model,
        })
    }
}

fn receive_library(
    nic: &mut Nic,
    buffers: &mut [&mut [RxSlice<'_>]],
    length: usize,
) -> Result<u64> {
    let rx = &mut nic.queue.rx;
    let mut count = 0;
    for _ in 0..BATCHES * BATCH / GUEST {
        for buffer in &mut *buffers {
            let Some(Received {
                length: came,
                truncated,
            }) = rx.recv(buffer)?
            else {
                return Ok(count);
            };
            ensure!(came == length && !truncated, "{came} bytes came");
            count += 1;
        }
    }
    Ok(count)
}

fn receive_by_hand(
    bare: &mut BareReceive,
    buffers: &mut [&mut [RxSlice<'_>]],
    header: &[u8],
    length: usize,
    is_one_loop: bool,
) -> Result<u64> {
    let mut count = 0;
    let mut lengths = [0; BATCH];
    for batch in 0..BATCHES {
        let first = batch * BATCH % GUEST;
        let buffers = buffers.get_mut(first..first + BATCH).unwrap_or_default();
        if is_one_loop {
            let taken = bare.take_all(buffers, header, &mut lengths);
            let other = lengths.iter().take(taken).find(|it| **it != length);
            ensure!(other.is_none(), "{other:?} bytes came");
            count += u64::try_from(taken)?;
        } else {
            for buffer in buffers {
                match bare.take(buffer, header) {
                    Some(it) if it == length => count += 1,
                    other => ensure!(other.is_none(), "{other:?} bytes came"),
                }
            }
        }
        bare.synchronise()?;
    }
    Ok(count)
}

impl Case for Receive {
    fn name(&self) -> String {
        label("receive", self.header, self.length)
    }

    fn unit(&self) -> Unit {
        Unit::Frame
    }

    fn contestants(&self) -> Vec<Contestant> {
        contestants()
    }

    fn prepare(&mut self, contestant: Who) -> Result<()> {
        let Some(far) = self
            .far
            .as_ref()
            .and_then(|far| far.get(contestant.min(BY_HAND)))
        else {
            self.bare.look();
            return Ok(());
        };
        let frame = model::behind_header(&model::frame(self.length, 1));
        for _ in 0..BATCHES * BATCH {
            ensure!(far.send(&frame)?, "no room");
        }
        if contestant != LIBRARY {
            self.bare.synchronise()?;
        }
        Ok(())
    }

    fn run(&mut self, contestant: Who) -> Result<u64> {
        let buffers = self.buffers.get_mut(SHIFT..).unwrap_or_default();
        let mut buffers = buffers.chunks_exact_mut(BUFFER);
        let mut lists: [[RxSlice<'_>; 1]; GUEST] =
            array::from_fn(|_| [RxSlice::new(buffers.next().unwrap_or_default())]);
        let mut buffers = lists.each_mut().map(|list| &mut list[..]);
        let length = self.header.bytes() + self.length;
        let empty = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0];
        let header = empty.get(..self.header.missing()).unwrap_or_default();
        let count = match contestant {
            LIBRARY => receive_library(&mut self.nic, &mut buffers, length)?,
            _ => {
                let is_loop = contestant == ONE_LOOP;
                receive_by_hand(&mut self.bare, &mut buffers, header, length, is_loop)?
            }
        };
        let wanted = u64::try_from(BATCHES * BATCH)?;
        ensure!(count == wanted, "{count} of {wanted} frames came");
        Ok(count)
    }
}
