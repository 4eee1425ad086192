//! Which thread serves which queue pair, and what it calls what it waits for.

/// Queue pairs, dealt to threads in turn. The first thread has the control queue, which is the last, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Threads {
    pairs: usize,
    threads: usize,
}

/// What a thread waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listener {
    /// Frames for this pair, or the driver's buffers for them.
    Receive(usize),
    /// The driver's frames, or room for them.
    Transmit(usize),
    /// It is time for this pair to look again.
    Retry(usize),
    /// The driver's commands.
    Control,
    /// The backend has something to tell.
    Events,
    /// The connection is over.
    Exit,
}

impl Threads {
    /// There is a pair, and a thread for each at most.
    pub(super) fn new(pairs: u16, threads: u16) -> Self {
        Self {
            pairs: pairs.into(),
            threads: threads.clamp(1, pairs.max(1)).into(),
        }
    }

    /// Pairs of a thread, in the order in which it has their queues.
    pub(super) fn pairs_of(self, thread: usize) -> impl Iterator<Item = usize> {
        (thread..self.pairs).step_by(self.threads)
    }

    /// The queues of each thread, as bits.
    pub(super) fn masks(self) -> Vec<u64> {
        let control = 1 << (2 * self.pairs);
        let mask = |thread| {
            let own = self.pairs_of(thread).map(|pair| 0b11 << (2 * pair));
            own.fold(if thread == 0 { control } else { 0 }, |all, it| all | it)
        };
        (0..self.threads).map(mask).collect()
    }

    /// The number by which a poller tells of this. Behind the queues' numbers and one more, which are for
    /// `vhost-user-backend`: it tells of kicks by the place of a queue among those of its thread.
    pub(super) fn number(self, listener: Listener) -> u16 {
        let place = match listener {
            Listener::Receive(pair) => 3 * pair,
            Listener::Transmit(pair) => 3 * pair + 1,
            Listener::Retry(pair) => 3 * pair + 2,
            Listener::Events => 3 * self.pairs,
            Listener::Exit => 3 * self.pairs + 1,
            Listener::Control => 3 * self.pairs + 2,
        };
        u16::try_from(self.first() + place).unwrap_or(u16::MAX)
    }

    /// What a thread is told of.
    pub(super) fn meaning(self, number: u16, thread: usize) -> Option<Listener> {
        let number = usize::from(number);
        let Some(own) = number.checked_sub(self.first()) else {
            return self.kick(number, thread);
        };
        let pair = own / 3;
        Some(match own.checked_sub(3 * self.pairs) {
            Some(0) => Listener::Events,
            Some(1) => Listener::Exit,
            Some(_) => return None,
            None if own % 3 == 0 => Listener::Receive(pair),
            None if own % 3 == 1 => Listener::Transmit(pair),
            None => Listener::Retry(pair),
        })
    }

    fn kick(self, number: usize, thread: usize) -> Option<Listener> {
        let pair = self.pairs_of(thread).nth(number / 2);
        match pair {
            Some(pair) if number % 2 == 0 => Some(Listener::Receive(pair)),
            Some(pair) => Some(Listener::Transmit(pair)),
            None => (thread == 0).then_some(Listener::Control),
        }
    }

    fn first(self) -> usize {
        2 * self.pairs + 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_queue_has_one_thread() {
        assert_eq!(Threads::new(1, 1).masks(), [0b111]);
        assert_eq!(Threads::new(3, 9).masks(), [0b100_0011, 0b1100, 0b11_0000]);
        assert_eq!(Threads::new(3, 2).masks(), [0b111_0011, 0b1100]);
        assert_eq!(Threads::new(2, 0).masks(), [0b1_1111]);
        let most = Threads::new(31, 31).masks();
        let all = most.iter().fold(0, |all, mask| all ^ mask);
        assert_eq!(all, (1 << 63) - 1);
    }

    #[test]
    fn kicks_are_told_by_place_among_the_thread_s_queues() {
        let threads = Threads::new(3, 2);
        let meanings = |thread| (0..6).map(move |number| threads.meaning(number, thread));
        use Listener::{Control, Receive, Transmit};
        let first = [Receive(0), Transmit(0), Receive(2), Transmit(2), Control];
        assert!(meanings(0).take(5).eq(first.map(Some)));
        assert!(
            meanings(1)
                .take(3)
                .eq([Some(Receive(1)), Some(Transmit(1)), None])
        );
    }

    #[test]
    fn numbers_mean_what_they_were_made_of() {
        let threads = Threads::new(2, 1);
        let pairs = (0..2).flat_map(|pair| {
            [
                Listener::Receive(pair),
                Listener::Transmit(pair),
                Listener::Retry(pair),
            ]
        });
        for listener in pairs.chain([Listener::Events, Listener::Exit]) {
            let number = threads.number(listener);
            assert!(number > 5, "{listener:?} is {number}");
            assert_eq!(threads.meaning(number, 0), Some(listener));
        }
        assert_eq!(threads.meaning(threads.number(Listener::Control), 0), None);
    }
}
