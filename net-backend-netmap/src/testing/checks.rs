//! What the kernel thinks of the user program's pointers.

use super::ring::{CUR, HEAD, Ring, State, TAIL};

/// What a synchronisation does before and after its own work.
impl Ring {
    /// Checks `head` and `cur` of a transmit ring, and takes them (`nm_txsync_prologue`); `false` when they are wrong.
    pub(super) fn begin_transmit(&self, state: &mut State) -> bool {
        let (head, cur) = (self.word(HEAD), self.word(CUR));
        if !between(state.rhead, head, cur, state.rtail) {
            return false;
        }
        self.restore_tail(state);
        state.rhead = head;
        state.rcur = cur;
        head < self.slots
    }

    /// Checks `head` and `cur` of a receive ring, and takes them (`nm_rxsync_prologue`); `false` when they are wrong,
    /// and they are taken all the same, as the real one does.
    pub(super) fn begin_receive(&self, state: &mut State) -> bool {
        state.rcur = self.word(CUR);
        state.rhead = self.word(HEAD);
        if !between(state.hwcur, state.rhead, state.rcur, state.hwtail) {
            return false;
        }
        self.restore_tail(state);
        state.rhead < self.slots
    }

    /// Takes `head` and `cur` of a receive ring, if they are right.
    pub(super) fn adopt(&self, state: &mut State) -> bool {
        let (cur, head) = (self.word(CUR), self.word(HEAD));
        let is_right = head < self.slots && between(state.hwcur, head, cur, state.hwtail);
        if is_right {
            state.rcur = cur;
            state.rhead = head;
        }
        is_right
    }

    /// Takes `cur` of a transmit ring, up to which there is not enough room, if it is right: `netmap_poll` compares it
    /// with `tail` as it stands in the ring.
    pub(super) fn adopt_wish(&self, state: &mut State) {
        let cur = self.word(CUR);
        if cur < self.slots && between(state.rhead, cur, cur, state.rtail) {
            state.rcur = cur;
        }
    }

    /// After a mistake of the user program (`netmap_ring_reinit`): bad slots lose their buffer or length, and only
    /// pointers outside of the ring make the ring begin anew.
    pub(super) fn reinit(&self, state: &mut State) {
        let words = [HEAD, CUR, TAIL].map(|offset| self.word(offset));
        [state.rhead, state.rcur, state.rtail] = words;
        let total = self.memory.buffers.total;
        let size = self.memory.buffer_size();
        for index in 0..self.slots {
            let mut slot = self.slot(index);
            if slot.buffer < 2 || slot.buffer >= total {
                slot.buffer = 0;
                slot.length = 0;
            } else if usize::from(slot.length) > size {
                slot.length = 0;
            } else {
                continue;
            }
            self.set_slot(index, slot);
        }
        if words.iter().any(|&word| word >= self.slots) {
            state.rhead = state.hwcur;
            state.rcur = state.hwcur;
            state.rtail = state.hwtail;
            self.set_word(HEAD, state.hwcur);
            self.set_word(CUR, state.hwcur);
            self.set_word(TAIL, state.hwtail);
        }
    }

    /// Tells the user program what it may have (`nm_sync_finalize`).
    pub(super) fn finish(&self, state: &mut State) {
        state.rtail = state.hwtail;
        self.set_word(TAIL, state.hwtail);
    }

    fn restore_tail(&self, state: &State) {
        if self.word(TAIL) != state.rtail {
            self.set_word(TAIL, state.rtail);
        }
    }
}

/// Whether `first <= head <= cur <= last`, going around the ring from `first`.
fn between(first: u32, head: u32, cur: u32, last: u32) -> bool {
    if last >= first {
        return head >= first && head <= cur && cur <= last;
    }
    if head > last && head < first {
        return false;
    }
    if head <= last {
        cur >= head && cur <= last
    } else {
        cur <= last || cur >= head
    }
}

#[cfg(test)]
mod tests {
    use super::between;

    #[test]
    fn pointers_are_in_order() {
        assert!(between(2, 3, 4, 5) && between(2, 2, 2, 2));
        assert!(!between(2, 1, 4, 5) && !between(2, 6, 6, 5) && !between(2, 4, 3, 5));
        assert!(!between(2, 3, 6, 5));
    }

    #[test]
    fn pointers_are_in_order_around_the_end() {
        assert!(between(6, 7, 1, 2) && between(6, 0, 1, 2) && between(6, 7, 7, 2));
        assert!(!between(6, 3, 3, 2) && !between(6, 7, 3, 2) && !between(6, 1, 7, 2));
        assert!(
            between(6, 7, 900, 2),
            "the real one lets any large cur pass"
        );
        assert!(
            between(6, 900, 900, 2),
            "and leaves a large head to its caller"
        );
    }
}
