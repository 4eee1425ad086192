//! Frames from the driver.

use std::fmt;

use net_backend::{DropReason, GuestFrame, Sent, TxQueue};
use virtio_queue::{Queue, QueueT};
use vm_memory::GuestMemory;

use super::chain::{Check, Direction, pieces};
use super::rings::Rings;
use super::{BURST, End, Failure, Turn};

/// Moves frames from a driver's transmit queue to a backend.
pub struct Transmit {
    backend: Box<dyn TxQueue>,
    frame: GuestFrame,
}

impl Transmit {
    /// To this half of a queue pair, whose header length is what the driver negotiated.
    #[must_use]
    pub fn new(backend: Box<dyn TxQueue>) -> Self {
        Self {
            backend,
            frame: GuestFrame::new(),
        }
    }

    /// The half that frames go to.
    #[must_use]
    pub fn backend(&self) -> &dyn TxQueue {
        &*self.backend
    }

    /// Moves a burst of frames. Kicks of the driver are not wanted until all is sent, nor while the backend is busy.
    ///
    /// A chain that is not a frame is given back to the driver unsent, and counted.
    ///
    /// # Errors
    ///
    /// When the backend is gone, or the rings are not in the guest's memory.
    pub fn turn<M: GuestMemory>(&mut self, queue: &mut Queue, memory: &M) -> Result<Turn, Failure> {
        let rings = Rings::new(queue, memory)?;
        let (mut turn, before) = (Turn::default(), queue.next_used());
        rings.refuse_kicks();
        let outcome = self.burst(queue, &rings, memory, &mut turn);
        let flushed = match turn.frames {
            0 => Ok(()),
            _ => self.backend.flush(),
        };
        turn.interrupt = rings.show(queue, before);
        flushed?;
        turn.after(outcome)
    }

    fn burst<'m, M: GuestMemory>(
        &mut self,
        queue: &mut Queue,
        rings: &Rings<'m, M>,
        memory: &'m M,
        turn: &mut Turn,
    ) -> Result<(), Failure> {
        let mut left = rings.offered(queue)?;
        while turn.frames + turn.refused < BURST {
            if left == 0 {
                left = rings.offered(queue)?;
            }
            if left == 0 {
                // What came before the driver knew is taken too.
                left = rings.ask_for_kicks(queue, 0)?;
            }
            if left == 0 {
                turn.end = End::Idle;
                return Ok(());
            }
            let head = rings.head(queue.next_avail());
            match self.send(rings, head, memory)? {
                Sent::Queued => turn.frames += 1,
                Sent::Dropped(_) => turn.refused += 1,
                Sent::Busy { retry_after } => {
                    turn.end = End::Busy(retry_after);
                    return Ok(());
                }
            }
            queue.set_next_avail(queue.next_avail().wrapping_add(1));
            rings.put(queue, head, 0);
            left -= 1;
        }
        Ok(())
    }

    fn send<'m, M: GuestMemory>(
        &mut self,
        rings: &Rings<'m, M>,
        head: u16,
        memory: &'m M,
    ) -> net_backend::Result<Sent> {
        let check = Check::default();
        let pieces = pieces(rings, head, memory, Direction::Readable, &check);
        let backend = &mut self.backend;
        self.frame.with(pieces, |pieces| match check.is_good() {
            true => backend.send(pieces),
            false => Ok(Sent::Dropped(DropReason::Malformed)),
        })
    }
}

impl fmt::Debug for Transmit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transmit")
            .field("source", &self.backend.source())
            .finish_non_exhaustive()
    }
}
