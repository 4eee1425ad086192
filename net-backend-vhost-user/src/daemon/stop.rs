//! What ends daemons.

use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// Ends the daemons that were given it, from any thread. Once it has ended them it ends all that get it later.
#[derive(Clone, Debug)]
pub struct Stop(Arc<Ends>);

/// What is written at one end is never read at the other, which so stays readable for everybody who waits for it.
#[derive(Debug)]
struct Ends {
    watched: UnixStream,
    written: UnixStream,
}

impl Stop {
    /// One that nobody has used yet.
    ///
    /// # Errors
    ///
    /// When the process has no descriptors left.
    pub fn new() -> io::Result<Self> {
        let (watched, written) = UnixStream::pair()?;
        written.set_nonblocking(true)?;
        Ok(Self(Arc::new(Ends { watched, written })))
    }

    /// Ends them. Does not block, nor wait until they have ended.
    pub fn stop(&self) {
        // It fails when so many have said so already that the socket is full.
        let _full = (&self.0.written).write(b"x");
    }

    /// Whether they are to end.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        matches!(
            self.wait([], Some(Duration::ZERO)),
            Ok(Waited::Stopped) | Err(_)
        )
    }

    /// A socket that ends them when something is written to it: for handlers of signals.
    pub(super) fn writer(&self) -> io::Result<UnixStream> {
        self.0.written.try_clone()
    }

    /// Waits for so long, or until they are to end.
    pub(super) fn pause(&self, time: Duration) {
        // It fails where there is no memory; then there is no pause.
        let _waited = self.wait([], Some(time));
    }

    /// Waits until one of these is ready, or at its end.
    pub(crate) fn wait<const N: usize>(
        &self,
        what: [(BorrowedFd<'_>, PollFlags); N],
        time: Option<Duration>,
    ) -> io::Result<Waited<N>> {
        let time = time.map(|time| Timespec {
            tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: time.subsec_nanos().into(),
        });
        let all = what
            .into_iter()
            .chain([(self.0.watched.as_fd(), PollFlags::IN)]);
        let mut all: Vec<PollFd<'_>> = all
            .map(|(descriptor, flags)| PollFd::from_borrowed_fd(descriptor, flags))
            .collect();
        match poll(&mut all, time.as_ref()) {
            // A pause may be shorter then, and others wait again.
            Err(Errno::INTR) => return Ok(Waited::Ready([false; N])),
            result => result?,
        };
        let mut ready = all.iter().map(|it| !it.revents().is_empty());
        let mut each = [false; N];
        each.iter_mut()
            .zip(&mut ready)
            .for_each(|(to, from)| *to = from);
        match ready.next() {
            Some(true) => Ok(Waited::Stopped),
            _ => Ok(Waited::Ready(each)),
        }
    }
}

/// What was waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waited<const N: usize> {
    /// Which are ready: none of them, if the time is over or a signal came.
    Ready([bool; N]),
    /// All is to end.
    Stopped,
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn everybody_who_waits_is_told() {
        let stop = Stop::new().unwrap();
        assert!(!stop.is_stopped());
        let waiting: Vec<_> = (0..3)
            .map(|_| {
                let stop = stop.clone();
                let (silent, open) = UnixStream::pair().unwrap();
                thread::spawn(move || {
                    let waited = stop.wait([(silent.as_fd(), PollFlags::IN)], None);
                    drop(open);
                    waited.unwrap()
                })
            })
            .collect();
        for _ in 0..100_000 {
            stop.stop();
        }
        for thread in waiting {
            assert_eq!(thread.join().unwrap(), Waited::Stopped);
        }
        assert!(stop.is_stopped());
        stop.pause(Duration::from_secs(1000));
    }
}
