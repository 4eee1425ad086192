//! Every interleaving of a few producers with one consumer, by the model checker loom.
//!
//! Run by `RUSTFLAGS="--cfg loom" cargo test -p net-backend-core --release --lib loom`. A lost wake-up is a
//! consumer that waits for ever, which loom reports as a deadlock.

use loom::model::Builder;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

use super::{Doorbell, Wake};

/// A bell like a socket that epoll watches.
#[derive(Default)]
struct MockBell {
    state: Mutex<State>,
    rung: Condvar,
}

#[derive(Default)]
struct State {
    /// Bytes in the socket.
    rings: usize,
    /// The descriptor is on epoll's list of those that may be ready.
    edge: bool,
}

impl Doorbell for MockBell {
    fn ring(&self) {
        let mut state = self.state.lock().unwrap();
        state.rings += 1;
        state.edge = true;
        drop(state);
        self.rung.notify_one();
    }

    fn silence(&self) -> usize {
        std::mem::take(&mut self.state.lock().unwrap().rings)
    }
}

impl MockBell {
    /// Waits as level-triggered epoll does.
    fn wait_level(&self) {
        let mut state = self.state.lock().unwrap();
        while state.rings == 0 {
            state = self.rung.wait(state).unwrap();
        }
    }

    /// Waits as edge-triggered epoll does: takes the descriptor off its list, and wakes if it is readable now.
    fn wait_edge(&self) {
        let mut state = self.state.lock().unwrap();
        loop {
            if std::mem::take(&mut state.edge) && state.rings != 0 {
                return;
            }
            state = self.rung.wait(state).unwrap();
        }
    }

    fn is_silent(&self) -> bool {
        self.state.lock().unwrap().rings == 0
    }
}

struct Shared {
    wake: Wake<MockBell>,
    items: AtomicUsize,
}

impl Shared {
    fn produce(&self, count: usize) {
        for _ in 0..count {
            self.items.fetch_add(1, Ordering::Release);
            self.wake.notify();
        }
    }

    fn take(&self) -> usize {
        match self.items.load(Ordering::Acquire) {
            0 => 0,
            _ => self.items.swap(0, Ordering::Acquire),
        }
    }

    /// Takes `count` items by the protocol; `wait` is either of the waits.
    fn consume(&self, mut count: usize, disarms: bool, wait: fn(&MockBell)) {
        while count != 0 {
            count -= self.take();
            if count == 0 {
                break;
            }
            self.wake.arm();
            let found = self.take();
            count -= found;
            if found == 0 {
                wait(self.wake.bell());
            } else if disarms {
                self.wake.disarm();
            }
        }
    }
}

fn check(producers: &'static [usize], disarms: bool, wait: fn(&MockBell)) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(move || {
        let shared = Arc::new(Shared {
            wake: Wake::new(MockBell::default()),
            items: AtomicUsize::new(0),
        });
        let threads: Vec<_> = producers
            .iter()
            .map(|count| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || shared.produce(*count))
            })
            .collect();
        shared.consume(producers.iter().sum(), disarms, wait);
        for thread in threads {
            thread.join().unwrap();
        }
        // A ring that came late is silenced the next time that nothing is found, and then it stays silent.
        shared.wake.arm();
        assert!(shared.wake.bell().is_silent(), "rings for ever");
        assert_eq!(shared.wake.rings.load(Ordering::Relaxed), 0);
        shared.produce(1);
        assert!(!shared.wake.bell().is_silent(), "armed, and does not ring");
    });
}

#[test]
fn one_producer_level() {
    check(&[3], false, MockBell::wait_level);
}

#[test]
fn one_producer_edge() {
    check(&[3], true, MockBell::wait_edge);
}

#[test]
fn two_producers_level() {
    check(&[1, 1], false, MockBell::wait_level);
}

#[test]
fn two_producers_edge() {
    check(&[1, 1], false, MockBell::wait_edge);
}

#[test]
fn two_producers_with_disarm_level() {
    check(&[2, 1], true, MockBell::wait_level);
}

#[test]
fn two_producers_with_disarm_edge() {
    check(&[2, 1], true, MockBell::wait_edge);
}
