use crate::ring::{Corrupt, RingWords, Slot, Window};
use crate::sys::RingMemory;

/// What both kinds of rings do not put up with.
impl RingMemory {
    /// The slot at `index`, if its buffer exists.
    pub(crate) fn checked_slot(&self, index: u32) -> Result<Slot, Corrupt> {
        let slot = self.slot(index);
        match self.has_buffer(slot.buffer) {
            true => Ok(slot),
            false => Err(self.no_buffer(slot.buffer)),
        }
    }

    /// Fails when the kernel did not accept our head (`netmap_ring_reinit` in netmap.c).
    pub(crate) fn check_head(&self, window: &Window) -> Result<(), Corrupt> {
        let head = self.head();
        match head == window.head() {
            true => Ok(()),
            false => Err(self.corrupt("head", head)),
        }
    }

    #[cold]
    pub(crate) fn no_buffer(&self, buffer: u32) -> Corrupt {
        self.corrupt("buffer number", buffer)
    }

    fn corrupt(&self, word: &'static str, value: u32) -> Corrupt {
        Corrupt {
            word,
            value,
            slots: self.slots(),
        }
    }
}
