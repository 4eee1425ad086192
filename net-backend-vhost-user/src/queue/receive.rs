//! Frames for the driver.

use std::cell::{Cell, RefCell};
use std::fmt;

use net_backend::{GuestBuffers, Received, RxQueue};
use virtio_queue::{DescriptorChain, Queue, QueueOwnedT, QueueT};
use vm_memory::{Bytes, GuestMemory};

use super::chain::{Check, Direction, Piece, pieces};
use super::used::Used;
use super::{BURST, End, Failure, Turn};

/// Where a header of 12 bytes says in how many buffers a frame is (virtio 1.2, 5.1.6).
const BUFFERS: [usize; 2] = [10, 11];

/// Moves frames from a backend to a driver's receive queue.
pub struct Receive {
    backend: Box<dyn RxQueue>,
    buffers: GuestBuffers,
    room: Room,
    /// Chains that are offered for a frame, in order, and how many bytes each has.
    offered: RefCell<Vec<(u16, usize)>>,
    used: Option<Used>,
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
            used: None,
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
        let mut used = self.used.take().filter(|used| used.follows(queue));
        let used = used.get_or_insert_with(|| Used::new(queue));
        let mut turn = Turn {
            frames: 0,
            refused: 0,
            interrupt: false,
            end: End::More,
        };
        queue.disable_notification(memory)?;
        while turn.end == End::More && turn.frames + turn.refused < BURST {
            self.frame(queue, memory, &mut turn)?;
            if turn.end == End::NoBuffers && queue.enable_notification(memory)? {
                // Buffers came; or the same are there that do not suffice, which a kick will change.
                let is_same = self.offered.borrow().len() == usize::from(available(queue, memory)?);
                turn.end = if is_same { End::NoBuffers } else { End::More };
            }
        }
        turn.interrupt = used.show(queue, memory)?;
        self.used = Some(*used);
        Ok(turn)
    }

    fn frame<M: GuestMemory>(
        &mut self,
        queue: &mut Queue,
        memory: &M,
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
        let header = Header::default();
        let offer = self.offer(queue, memory, needed, &header);
        let offered = self.offered.borrow();
        let taken = match offer {
            // It does not fit in what the driver has; the chains are as good as before.
            Ok(Offer::Taken(received)) if received.truncated => {
                turn.refused += 1;
                0
            }
            Ok(Offer::Taken(received)) => {
                turn.frames += 1;
                let count = fill(queue, memory, &offered, received)?;
                if count > 1 {
                    header.tell(count);
                }
                count
            }
            // None of them is of use: a driver that makes such chains loses what it made with them.
            Ok(Offer::Bad) => {
                for (head, _) in &*offered {
                    Used::put(queue, memory, *head, 0)?;
                }
                turn.refused += 1;
                u16::try_from(offered.len()).unwrap_or(u16::MAX)
            }
            Ok(Offer::TooLittle) => {
                turn.end = End::NoBuffers;
                0
            }
            Ok(Offer::NoFrame) => {
                turn.end = End::Idle;
                0
            }
            Err(error) => {
                queue.set_next_avail(first);
                return Err(error);
            }
        };
        queue.set_next_avail(first.wrapping_add(taken));
        Ok(())
    }

    fn offer<'m, M: GuestMemory>(
        &mut self,
        queue: &mut Queue,
        memory: &'m M,
        needed: usize,
        header: &Header<'m, M>,
    ) -> Result<Offer, Failure> {
        let check = Check::default();
        let offered = &self.offered;
        offered.borrow_mut().clear();
        let room = || -> usize { offered.borrow().iter().map(|(_, bytes)| bytes).sum() };
        let chains = queue.iter(memory)?;
        let pieces = gather(chains, memory, needed, offered, &check);
        let noted = pieces.inspect(|piece| header.note(piece));
        let backend = &mut self.backend;
        let received =
            self.buffers
                .with(noted, |pieces| match check.is_good() && room() >= needed {
                    true => backend.recv(pieces),
                    false => Ok(None),
                })?;
        let is_bad = !check.is_good() && !offered.borrow().is_empty();
        Ok(match received {
            Some(received) => Offer::Taken(received),
            None if is_bad => Offer::Bad,
            None if room() < needed => Offer::TooLittle,
            None => Offer::NoFrame,
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

/// Pieces of as many chains as it takes to have `needed` bytes. Which ones is noted, and whether they are good.
fn gather<'m, 'c, M: GuestMemory>(
    mut chains: impl Iterator<Item = DescriptorChain<&'m M>>,
    memory: &'m M,
    needed: usize,
    offered: &'c RefCell<Vec<(u16, usize)>>,
    check: &'c Check,
) -> impl Iterator<Item = Piece<'m, M>> {
    let room = Cell::new(0);
    let mut current = None;
    std::iter::from_fn(move || {
        loop {
            if let Some(piece) = current.as_mut().and_then(Iterator::next) {
                let piece: Piece<'m, M> = piece;
                room.set(room.get() + piece.len());
                if let Some((_, bytes)) = offered.borrow_mut().last_mut() {
                    *bytes += piece.len();
                }
                return Some(piece);
            }
            let is_bad = current.is_some() && !check.is_good();
            if is_bad || (room.get() >= needed && current.is_some()) {
                return None;
            }
            let chain = chains.next()?;
            offered.borrow_mut().push((chain.head_index(), 0));
            check.begin();
            current = Some(pieces(chain, memory, Direction::Writable, check));
        }
    })
}

/// Puts those of the chains that a frame is in into the used ring; how many there are.
fn fill<M: GuestMemory>(
    queue: &mut Queue,
    memory: &M,
    offered: &[(u16, usize)],
    received: Received,
) -> Result<u16, Failure> {
    let (mut left, mut count) = (received.length, 0);
    for (head, room) in offered {
        let here = left.min(*room);
        Used::put(
            queue,
            memory,
            *head,
            u32::try_from(here).unwrap_or(u32::MAX),
        )?;
        count += 1;
        left -= here;
        if left == 0 {
            break;
        }
    }
    Ok(count)
}

/// Chains that the driver has for us.
fn available<M: GuestMemory>(queue: &Queue, memory: &M) -> Result<u16, Failure> {
    let index = queue.avail_idx(memory, std::sync::atomic::Ordering::Acquire)?;
    Ok(index.0.wrapping_sub(queue.next_avail()))
}

/// Where in guest memory the header says in how many buffers its frame is: the two bytes may be in two descriptors.
struct Header<'m, M: GuestMemory> {
    /// Bytes that were noted.
    seen: Cell<usize>,
    bytes: [RefCell<Option<Piece<'m, M>>>; 2],
}

impl<M: GuestMemory> Default for Header<'_, M> {
    fn default() -> Self {
        Self {
            seen: Cell::new(0),
            bytes: [RefCell::new(None), RefCell::new(None)],
        }
    }
}

impl<'m, M: GuestMemory> Header<'m, M> {
    /// Looks at the next piece.
    fn note(&self, piece: &Piece<'m, M>) {
        let from = self.seen.get();
        if from > BUFFERS[1] {
            return;
        }
        self.seen.set(from + piece.len());
        for (place, byte) in BUFFERS.iter().zip(&self.bytes) {
            let within = place.checked_sub(from);
            let found = within.and_then(|at| piece.subslice(at, 1).ok());
            if found.is_some() {
                byte.replace(found);
            }
        }
    }

    /// Writes it.
    fn tell(&self, count: u16) {
        for (value, byte) in count.to_le_bytes().into_iter().zip(&self.bytes) {
            if let Some(byte) = &*byte.borrow() {
                // One byte at its beginning is there.
                let _written = byte.write_obj(value, 0);
            }
        }
    }
}
