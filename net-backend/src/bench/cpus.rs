//! The CPUs that everything runs on.

use std::io;

use super::sys;

/// CPUs that a thread may use. Whoever keeps this may keep the thread to fewer of them, and to more of them again.
#[derive(Clone, Debug)]
pub struct Cpus(sys::Set);

impl Cpus {
    /// Those that this thread may use at this time.
    ///
    /// # Errors
    ///
    /// If the system does not say.
    pub fn usable() -> io::Result<Self> {
        sys::Set::usable().map(Self)
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.count()
    }

    /// Keeps this thread, and those and the processes that it makes from now on, to `count` of these: the last ones, which have
    /// the least interrupts to serve.
    ///
    /// # Errors
    ///
    /// If there are not so many, or `count` is 0; if the system refuses, or is not Linux (sched_setaffinity(2)). On FreeBSD
    /// cpuset(1) does it for a whole program.
    pub fn keep_to(&self, count: usize) -> io::Result<()> {
        self.0.keep_to(count)
    }
}

/// How many CPUs this thread may use, and those and the processes that it makes from now on; 1 where the system does not say.
#[must_use]
pub fn usable_cpus() -> usize {
    Cpus::usable().map_or(1, |it| it.count().max(1))
}

/// Keeps this thread, and those and the processes that it makes from now on, to `count` of the CPUs that it may use. Goals are for
/// one.
///
/// # Errors
///
/// As [`Cpus::usable`] and [`Cpus::keep_to`].
pub fn keep_to_cpus(count: usize) -> io::Result<()> {
    Cpus::usable()?.keep_to(count)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::super::{Bench, Plan};
    use super::*;

    /// What a thread of its own says, since others go on where they are.
    fn told<T: Send>(by: impl FnOnce() -> T + Send) -> T {
        thread::scope(|scope| scope.spawn(by).join().unwrap())
    }

    #[test]
    fn a_thread_is_kept_where_it_should_be() {
        let there = usable_cpus();
        let outcome = told(|| keep_to_cpus(1).map(|()| (usable_cpus(), told(usable_cpus))));
        match outcome {
            Ok(both) => assert_eq!(both, (1, 1), "its own threads as well"),
            Err(error) => println!("skipped: {error}"),
        }
        assert!(told(move || keep_to_cpus(there + 1)).is_err());
        assert!(told(|| keep_to_cpus(0)).is_err());
        assert_eq!(usable_cpus(), there);
    }

    #[test]
    fn a_plan_says_what_is_true() {
        let cpus = |said| {
            let plan = Plan {
                cpus: said,
                ..Plan::default()
            };
            Bench::new(plan).plan().cpus
        };
        assert_eq!([1, 77].map(cpus), [usable_cpus(); 2]);
        match told(|| keep_to_cpus(1).map(|()| cpus(77))) {
            Ok(pinned) => assert_eq!(pinned, 1),
            Err(error) => println!("skipped: {error}"),
        }
    }
}
