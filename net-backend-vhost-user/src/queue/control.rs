//! Commands in a control queue's chains (virtio 1.2, 5.1.6.5): bytes that the driver wrote, and behind them one to answer
//! in.

use virtio_queue::{Queue, QueueT};
use vm_memory::{Bytes, GuestMemory, Permissions};

use super::RingError;
use super::chain::{Check, Direction, Walk};
use super::rings::{Piece, Rings};
use crate::control::{Answer, Command, LONGEST};

/// A command of the driver's that waits for its answer. It stays in the queue until then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the driver waits for the answer"]
pub struct Request {
    /// What the driver asks for; `None` if nothing that there is.
    pub command: Option<Command>,
    head: u16,
    /// Where in the available ring it was.
    place: u16,
}

impl Request {
    /// The next one, if there is any: else the driver is asked to kick. The queue need not be locked until it is answered.
    ///
    /// # Errors
    ///
    /// When the rings are not in the guest's memory.
    pub fn next<M: GuestMemory>(queue: &Queue, memory: &M) -> Result<Option<Self>, RingError> {
        let rings = Rings::new(queue, memory)?;
        if rings.offered(queue)? == 0 && rings.ask_for_kicks(queue, 0)? == 0 {
            return Ok(None);
        }
        let place = queue.next_avail();
        let head = rings.head(place);
        let chain = Chain::read(&rings, head, memory);
        let command = chain.as_ref().and_then(Chain::bytes);
        Ok(Some(Self {
            command: command.and_then(Command::decode),
            head,
            place,
        }))
    }

    /// Answers it; whether the driver wants an interrupt. Nothing is done if the queue was set up anew meanwhile.
    ///
    /// # Errors
    ///
    /// When the rings are not in the guest's memory.
    pub fn answer<M: GuestMemory>(
        self,
        answer: Answer,
        queue: &mut Queue,
        memory: &M,
    ) -> Result<bool, RingError> {
        let rings = Rings::new(queue, memory)?;
        if queue.next_avail() != self.place {
            return Ok(false);
        }
        let before = queue.next_used();
        let place = Chain::read(&rings, self.head, memory).and_then(|it| it.answer);
        let written = place.map(|place| place.write_obj(answer.byte(), 0));
        queue.set_next_avail(self.place.wrapping_add(1));
        let written = u32::from(matches!(written, Some(Ok(()))));
        rings.put(queue, self.head, written);
        // The next one that comes is kicked for, whether somebody looks for it before or not.
        let _more = rings.ask_for_kicks(queue, 0);
        Ok(rings.show(queue, before))
    }
}

/// What is in a chain.
struct Chain<'m, M: GuestMemory> {
    /// The beginning of what the driver wrote, and how long all of it is.
    bytes: [u8; LONGEST],
    length: usize,
    /// Where its answer goes.
    answer: Option<Piece<'m, M>>,
}

impl<'m, M: GuestMemory> Chain<'m, M> {
    /// `None` for a chain that no driver should make.
    fn read(rings: &Rings<'m, M>, head: u16, memory: &'m M) -> Option<Self> {
        let check = Check::default();
        let mut walk = Walk::new(rings, head, &check);
        let mut chain = Self {
            bytes: [0; LONGEST],
            length: 0,
            answer: None,
        };
        let mut direction = Direction::Readable;
        while let Some(descriptor) = walk.next(memory) {
            if direction == Direction::Writable && descriptor.direction() != direction {
                return None;
            }
            direction = descriptor.direction();
            let access = match direction {
                Direction::Readable => Permissions::Read,
                Direction::Writable => Permissions::Write,
            };
            for piece in descriptor.slices(memory, access)? {
                let piece = piece.filter(|_| check.step())?;
                match direction {
                    Direction::Readable => chain.add(&piece),
                    Direction::Writable if chain.answer.is_none() => {
                        chain.answer = piece.subslice(0, 1).ok();
                    }
                    Direction::Writable => {}
                }
            }
        }
        check.is_good().then_some(chain)
    }

    fn add(&mut self, piece: &Piece<'m, M>) {
        let room = self.bytes.get_mut(self.length..).unwrap_or_default();
        piece.copy_to(room);
        self.length = self.length.saturating_add(piece.len());
    }

    /// What the driver wrote; `None` if it is longer than any command.
    fn bytes(&self) -> Option<&[u8]> {
        self.bytes.get(..self.length)
    }
}
