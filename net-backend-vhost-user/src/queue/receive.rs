//! Frames for the driver.

use std::cell::RefCell;
use std::fmt;

use net_backend::{GuestBuffers, Received, RxQueue, RxSlice};
use virtio_queue::{Queue, QueueT};
use vm_memory::{Bytes, GuestMemory};

use super::chain::{Check, Direction, pieces};
use super::rings::{Piece, Rings};
use super::{BURST, End, Failure, Turn};

/// Where a header of 12 bytes says in how many buffers a frame is (virtio 1.2, 5.1.6).
const BUFFERS: usize = 10;

/// Moves frames from a backend to a driver's receive queue.
pub struct Receive {
    backend: Box<dyn RxQueue>,
    buffers: GuestBuffers,
    room: Room,
    /// Chains that are offered for a frame, in order, and how many bytes each has.
    offered: RefCell<Vec<(u16, usize)>>,
}

/// How much room a frame is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    /// One chain, whatever it holds: the driver did not negotiate to merge buffers.
    Chain,
    /// As many chains as any frame needs, in bytes: cheaper than to ask.
    Most(usize),
    /// As many chains as the next frame needs, which the backend tells.
    Peeked,
}

impl Receive {
    /// Where offering buffers for any frame is better than asking for the next one's length, in bytes: the buffers are few.
    const FEW: usize = 4096;

    /// From this half of a queue pair, whose header length is what the driver negotiated. `merges` is whether it
    /// negotiated `MRG_RXBUF`, and `longest` the length of the longest frame that can come, header included.
    #[must_use]
    pub fn new(backend: Box<dyn RxQueue>, merges: bool, longest: usize) -> Self {
        let room = match merges {
            false => Room::Chain,
            true if longest <= Self::FEW => Room::Most(longest),
            true => Room::Peeked,
        };
        Self {
            backend,
            buffers: GuestBuffers::new(),
            room,
            offered: RefCell::new(Vec::new()),
        }
    }

    /// The half that frames come from.
    #[must_use]
    pub fn backend(&self) -> &dyn RxQueue {
        &*self.backend
    }

    /// Moves a burst of frames. Kicks of the driver are wanted only while it has no buffers.
    ///
    /// # Errors
    ///
    /// When the backend is gone, or the rings are not in the guest's memory.
    pub fn turn<M: GuestMemory>(&mut self, queue: &mut Queue, memory: &M) -> Result<Turn, Failure> {
        let rings = Rings::new(queue, memory)?;
        let (mut turn, before) = (Turn::default(), queue.next_used());
        rings.refuse_kicks();
        let outcome = self.burst(queue, &rings, memory, &mut turn);
        turn.interrupt = rings.show(queue, before);
        turn.after(outcome)
    }

    fn burst<'m, M: GuestMemory>(
        &mut self,
        queue: &mut Queue,
        rings: &Rings<'m, M>,
        memory: &'m M,
        turn: &mut Turn,
    ) -> Result<(), Failure> {
        // Not until nothing is left: a driver can say other things each time it is looked at.
        for _ in 0..BURST {
            self.frame(queue, rings, memory, turn)?;
            if turn.end == End::NoBuffers {
                // The same may be there that do not suffice: a kick says that there are more.
                let seen = u16::try_from(self.offered.borrow().len()).unwrap_or(u16::MAX);
                if rings.ask_for_kicks(queue, seen)? != seen {
                    turn.end = End::More;
                }
            }
            if turn.end != End::More {
                break;
            }
        }
        Ok(())
    }

    fn frame<'m, M: GuestMemory>(
        &mut self,
        queue: &mut Queue,
        rings: &Rings<'m, M>,
        memory: &'m M,
        turn: &mut Turn,
    ) -> Result<(), Failure> {
        let needed = match self.room {
            Room::Chain => 1,
            Room::Most(bytes) => bytes,
            Room::Peeked => match self.backend.peek()? {
                Some(length) => length,
                None => {
                    turn.end = End::Idle;
                    return Ok(());
                }
            },
        };
        let first = queue.next_avail();
        let last = first.wrapping_add(rings.offered(queue)?);
        let offer = self.offer(rings, (first, last), memory, needed)?;
        let offered = self.offered.borrow();
        let taken = match offer {
            // It does not fit in what the driver has; the chains are as good as before.
            Offer::Taken(received) if received.truncated => {
                turn.refused += 1;
                0
            }
            Offer::Taken(received) => {
                turn.frames += 1;
                let count = fill(queue, rings, &offered, received);
                if count > 1 {
                    tell(rings, &offered, memory, count);
                }
                count
            }
            // None of them is of use: a driver that makes such chains loses what it made with them.
            Offer::Bad => {
                for (head, _) in &*offered {
                    rings.put(queue, *head, 0);
                }
                turn.refused += 1;
                u16::try_from(offered.len()).unwrap_or(u16::MAX)
            }
            Offer::TooLittle => {
                turn.end = End::NoBuffers;
                0
            }
            Offer::NoFrame => {
                turn.end = End::Idle;
                0
            }
        };
        queue.set_next_avail(first.wrapping_add(taken));
        Ok(())
    }

    /// Offers chains to the next frame, of those from place `first` to `last` of the available ring.
    fn offer<'m, M: GuestMemory>(
        &mut self,
        rings: &Rings<'m, M>,
        (first, last): (u16, u16),
        memory: &'m M,
        needed: usize,
    ) -> Result<Offer, Failure> {
        let check = Check::default();
        let offered = &self.offered;
        offered.borrow_mut().clear();
        let mut next = first;
        let heads = std::iter::from_fn(|| {
            let head = (next != last).then(|| rings.head(next));
            next = next.wrapping_add(1);
            head
        });
        let pieces = gather(rings, heads.fuse(), memory, needed, offered, &check);
        let backend = &mut self.backend;
        let mut is_tried = false;
        let received = self.buffers.with(pieces, |pieces| {
            let room = pieces.iter().map(RxSlice::len);
            let is_enough = room.fold(0, usize::saturating_add) >= needed;
            // A frame that is too long for all that a driver can offer is taken and lost, lest all others wait behind it.
            is_tried = check.is_good() && (is_enough || check.is_all_of(rings.size()));
            match is_tried {
                true => backend.recv(pieces),
                false => Ok(None),
            }
        })?;
        Ok(match received {
            Some(received) => Offer::Taken(received),
            None if is_tried => Offer::NoFrame,
            None if check.is_bad() => Offer::Bad,
            None => Offer::TooLittle,
        })
    }
}

impl fmt::Debug for Receive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receive")
            .field("source", &self.backend.source())
            .field("room", &self.room)
            .finish_non_exhaustive()
    }
}

/// What became of chains that were offered.
enum Offer {
    Taken(Received),
    /// There was none.
    NoFrame,
    /// They are too short for it, or there are none.
    TooLittle,
    /// The last one is not what a driver should make.
    Bad,
}

/// Pieces of as many chains as it takes to have `needed` bytes. Which ones is noted, and whether they are good: none is
/// empty.
fn gather<'m, M: GuestMemory>(
    rings: &Rings<'m, M>,
    mut heads: impl Iterator<Item = u16>,
    memory: &'m M,
    needed: usize,
    offered: &RefCell<Vec<(u16, usize)>>,
    check: &Check,
) -> impl Iterator<Item = Piece<'m, M>> {
    let mut room: usize = 0;
    let mut current = None;
    std::iter::from_fn(move || {
        loop {
            if let Some(piece) = current.as_mut().and_then(Iterator::next) {
                let piece: Piece<'m, M> = piece;
                if let Some((_, bytes)) = offered.borrow_mut().last_mut() {
                    *bytes = piece.len().saturating_add(*bytes);
                }
                return Some(piece);
            }
            if let Some((_, bytes)) = offered.borrow().last() {
                room = bytes.saturating_add(room);
                if *bytes == 0 {
                    check.fail();
                }
                if check.is_bad() || room >= needed {
                    return None;
                }
            }
            let head = heads.next()?;
            offered.borrow_mut().push((head, 0));
            current = Some(pieces(rings, head, memory, Direction::Writable, check));
        }
    })
}

/// Puts those of the chains that a frame is in into the used ring; how many there are.
fn fill<M: GuestMemory>(
    queue: &mut Queue,
    rings: &Rings<'_, M>,
    offered: &[(u16, usize)],
    received: Received,
) -> u16 {
    let (mut left, mut count) = (received.length, 0);
    for (head, room) in offered {
        let here = left.min(*room);
        rings.put(queue, *head, u32::try_from(here).unwrap_or(u32::MAX));
        count += 1;
        left -= here;
        if left == 0 {
            break;
        }
    }
    count
}

/// Says in the header in how many buffers its frame is: the two bytes may be in two descriptors.
fn tell<'m, M: GuestMemory>(
    rings: &Rings<'m, M>,
    offered: &[(u16, usize)],
    memory: &'m M,
    count: u16,
) {
    let check = Check::default();
    let heads = offered.iter().map(|(head, _)| *head);
    let chains = heads.map(|head| pieces(rings, head, memory, Direction::Writable, &check));
    let mut from: usize = 0;
    for piece in chains.flatten() {
        let value = count.to_le_bytes();
        for (place, byte) in (BUFFERS..).zip(value) {
            if let Some(at) = place.checked_sub(from) {
                // It fails for a byte that is further on.
                let _further = piece.write_obj(byte, at);
            }
        }
        from = from.saturating_add(piece.len());
        if from >= BUFFERS + value.len() {
            return;
        }
    }
}
