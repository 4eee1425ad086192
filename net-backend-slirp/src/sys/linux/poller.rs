use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

use net_backend_core::BorrowedDescriptor;
use rustix::event::epoll;
use rustix::io::{Errno, read};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime,
};

use crate::sys::sockets::borrowed;
use crate::sys::{Events, READY_AT_ONCE, Ready, timespec};

/// Stands for the timer in events; no descriptor has this number.
const TIMER: u64 = u64::MAX;

/// What libslirp waits for: an epoll set with a timer in it.
///
/// One thread may change it while another waits.
#[derive(Debug)]
pub(crate) struct Poller {
    set: OwnedFd,
    timer: OwnedFd,
}

impl Poller {
    /// Makes an empty set.
    ///
    /// # Errors
    ///
    /// What epoll_create1(2) and timerfd_create(2) say, in practice that there are too many open files.
    pub(crate) fn new() -> io::Result<Self> {
        let set = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        let data = epoll::EventData::new_u64(TIMER);
        epoll::add(&set, &timer, data, epoll::EventFlags::IN)?;
        Ok(Self { set, timer })
    }

    /// What is readable while something is ready or the deadline has passed; it can be put into another set. Nobody
    /// but [`wait`](Self::wait) reads it.
    pub(crate) fn descriptor(&self) -> BorrowedDescriptor<'_> {
        self.set.as_fd()
    }

    /// All descriptors of the poller's own, which a sandbox must leave open.
    pub(crate) fn descriptors(&self) -> impl Iterator<Item = BorrowedDescriptor<'_>> {
        [self.set.as_fd(), self.timer.as_fd()].into_iter()
    }

    /// Waits for `events` on a descriptor, as long as they last (level-triggered). One that is there already is
    /// changed.
    ///
    /// # Errors
    ///
    /// What epoll_ctl(2) says: that the number is not open, that memory or `max_user_watches` are used up.
    pub(crate) fn add(&self, descriptor: RawFd, events: Events) -> io::Result<()> {
        let socket = borrowed(descriptor).ok_or(Errno::BADF)?;
        match epoll::add(&self.set, socket, data(descriptor), flags(events)) {
            Err(Errno::EXIST) => {
                epoll::modify(&self.set, socket, data(descriptor), flags(events))?;
            }
            result => result?,
        }
        Ok(())
    }

    /// Changes what a descriptor is waited for. One that is not there, because it was closed meanwhile and its
    /// number is another's, is added.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add).
    pub(crate) fn modify(&self, descriptor: RawFd, events: Events) -> io::Result<()> {
        let socket = borrowed(descriptor).ok_or(Errno::BADF)?;
        match epoll::modify(&self.set, socket, data(descriptor), flags(events)) {
            Err(Errno::NOENT) => epoll::add(&self.set, socket, data(descriptor), flags(events))?,
            result => result?,
        }
        Ok(())
    }

    /// Waits for a descriptor no longer. One that is not there, or closed, is no error.
    pub(crate) fn remove(&self, descriptor: RawFd) {
        if let Some(socket) = borrowed(descriptor) {
            let _absent = epoll::delete(&self.set, socket);
        }
    }

    /// Sets when the poller becomes ready although nothing happens, once; a deadline that has passed and was not
    /// reported is forgotten.
    ///
    /// # Errors
    ///
    /// What timerfd_settime(2) says, which a valid time does not make fail.
    pub(crate) fn set_deadline(&self, deadline: Option<Instant>) -> io::Result<()> {
        // Zero stops the timer, so a deadline that has passed is one nanosecond away.
        let delay = deadline.map_or(Duration::ZERO, |deadline| {
            let delay = deadline.saturating_duration_since(Instant::now());
            delay.max(Duration::from_nanos(1))
        });
        let value = Itimerspec {
            it_interval: timespec(Duration::ZERO),
            it_value: timespec(delay),
        };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &value)?;
        Ok(())
    }

    /// Waits until something is ready, the deadline passes or `timeout` is over (`None`: without limit); a signal
    /// ends it too. Puts what is ready, each descriptor once and at most 256, in place of what `ready` held. Returns
    /// whether the deadline has passed, which is told once.
    ///
    /// # Errors
    ///
    /// What epoll_wait(2) says; never `EINTR`.
    pub(crate) fn wait(
        &self,
        ready: &mut Vec<Ready>,
        timeout: Option<Duration>,
    ) -> io::Result<bool> {
        ready.clear();
        let timeout = timeout.map(timespec);
        let mut buffer = [MaybeUninit::uninit(); READY_AT_ONCE];
        let events = match epoll::wait(&self.set, &mut buffer, timeout.as_ref()) {
            Ok((events, _)) => &*events,
            Err(Errno::INTR) => &[],
            Err(errno) => return Err(errno.into()),
        };
        let mut expired = false;
        for event in events {
            let (data, flags) = (event.data, event.flags);
            match RawFd::try_from(data.u64()) {
                Ok(descriptor) => ready.push(Ready {
                    descriptor,
                    events: ready_events(flags),
                }),
                Err(_) => expired = self.take_expiry(),
            }
        }
        Ok(expired)
    }

    /// Whether the timer has expired and was not set again meanwhile.
    fn take_expiry(&self) -> bool {
        let mut expirations = [0; 8];
        read(&self.timer, &mut expirations).is_ok()
    }
}

fn data(descriptor: RawFd) -> epoll::EventData {
    epoll::EventData::new_u64(u64::try_from(descriptor).unwrap_or(TIMER))
}

/// Pairs of what we and what epoll call the same.
const NAMES: [(Events, epoll::EventFlags); 5] = [
    (Events::IN, epoll::EventFlags::IN),
    (Events::OUT, epoll::EventFlags::OUT),
    (Events::PRIORITY, epoll::EventFlags::PRI),
    (Events::ERROR, epoll::EventFlags::ERR),
    (Events::HANG_UP, epoll::EventFlags::HUP),
];

fn flags(events: Events) -> epoll::EventFlags {
    let wanted = NAMES.iter().filter(|(event, _)| events.contains(*event));
    wanted.fold(epoll::EventFlags::empty(), |all, (_, flag)| all | *flag)
}

fn ready_events(flags: epoll::EventFlags) -> Events {
    let set = NAMES.iter().filter(|(_, flag)| flags.contains(*flag));
    set.fold(Events::empty(), |all, (event, _)| all | *event)
}
