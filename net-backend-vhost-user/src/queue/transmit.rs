//! Frames from the driver.

use std::{array, fmt};

use net_backend::{DropReason, GuestFrame, Sent, TxQueue};
use virtio_queue::{DescriptorChain, Queue, QueueOwnedT, QueueT};
use vm_memory::GuestMemory;

use super::chain::{Check, Direction, pieces};
use super::used::Used;
use super::{BURST, End, Failure, Turn};

/// Chains that are looked up at a time.
const BATCH: usize = 16;

/// Moves frames from a driver's transmit queue to a backend.
pub struct Transmit {
    backend: Box<dyn TxQueue>,
    frame: GuestFrame,
    used: Option<Used>,
}

impl Transmit {
    /// To this half of a queue pair, whose header length is what the driver negotiated.
    #[must_use]
    pub fn new(backend: Box<dyn TxQueue>) -> Self {
        Self {
            backend,
            frame: GuestFrame::new(),
            used: None,
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
            self.batch(queue, memory, &mut turn)?;
            // What came since the driver was told to kick again is in the next turn.
            if turn.end == End::Idle && queue.enable_notification(memory)? {
                turn.end = End::More;
            }
        }
        if turn.frames > 0 {
            self.backend.flush()?;
        }
        turn.interrupt = used.show(queue, memory)?;
        self.used = Some(*used);
        Ok(turn)
    }

    fn batch<M: GuestMemory>(
        &mut self,
        queue: &mut Queue,
        memory: &M,
        turn: &mut Turn,
    ) -> Result<(), Failure> {
        let mut chains = queue.iter(memory)?;
        let batch: [Option<DescriptorChain<&M>>; BATCH] = array::from_fn(|_| chains.next());
        let end = queue.next_avail();
        let mut left = u16::try_from(batch.iter().flatten().count()).unwrap_or(0);
        if left == 0 {
            turn.end = End::Idle;
        }
        for chain in batch.into_iter().flatten() {
            let head = chain.head_index();
            match self.send(chain, memory) {
                Ok(Sent::Busy { retry_after }) => {
                    turn.end = End::Busy(retry_after);
                    break;
                }
                Ok(Sent::Queued) => turn.frames += 1,
                Ok(Sent::Dropped(_)) => turn.refused += 1,
                Err(error) => {
                    queue.set_next_avail(end.wrapping_sub(left));
                    return Err(error.into());
                }
            }
            Used::put(queue, memory, head, 0)?;
            left -= 1;
        }
        queue.set_next_avail(end.wrapping_sub(left));
        Ok(())
    }

    fn send<M: GuestMemory>(
        &mut self,
        chain: DescriptorChain<&M>,
        memory: &M,
    ) -> net_backend::Result<Sent> {
        let check = Check::default();
        let pieces = pieces(chain, memory, Direction::Readable, &check);
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
