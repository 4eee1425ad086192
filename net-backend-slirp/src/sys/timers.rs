use std::ffi::{c_int, c_void};
use std::ptr;

use super::callbacks::TimerFunction;

/// The timers of one instance. libslirp has one, which sends router advertisements.
#[derive(Debug, Default)]
pub(super) struct Timers {
    /// A timer's handle is its place here plus one, so that it is never a null pointer.
    timers: Vec<Option<Timer>>,
}

#[derive(Debug)]
struct Timer {
    action: TimerAction,
    /// Milliseconds on libslirp's time line.
    deadline: Option<i64>,
}

/// What to do when a timer expires.
#[derive(Clone, Copy, Debug)]
pub(super) enum TimerAction {
    /// Pass both to `slirp_handle_timer`.
    Number(c_int, *mut c_void),
    /// Call the function with the argument.
    Function(TimerFunction, *mut c_void),
}

impl Timers {
    /// Adds a timer that does not run and returns its handle.
    pub(super) fn add(&mut self, action: TimerAction) -> *mut c_void {
        self.timers.push(Some(Timer {
            action,
            deadline: None,
        }));
        ptr::without_provenance_mut(self.timers.len())
    }

    /// Removes a timer. Its place is not used again; libslirp makes its timer once.
    pub(super) fn remove(&mut self, handle: *mut c_void) {
        if let Some(place) = self.place(handle) {
            *place = None;
        }
    }

    /// Sets when a timer expires, in milliseconds on libslirp's time line.
    pub(super) fn set(&mut self, handle: *mut c_void, deadline: i64) {
        if let Some(Some(timer)) = self.place(handle) {
            timer.deadline = Some(deadline);
        }
    }

    /// The earliest expiry.
    pub(super) fn next(&self) -> Option<i64> {
        let timers = self.timers.iter().flatten();
        timers.filter_map(|timer| timer.deadline).min()
    }

    /// Stops one timer that has expired at `now`, and tells what to do.
    pub(super) fn take_expired(&mut self, now: i64) -> Option<TimerAction> {
        let mut timers = self.timers.iter_mut().flatten();
        let timer = timers.find(|timer| timer.deadline.is_some_and(|it| it <= now))?;
        timer.deadline = None;
        Some(timer.action)
    }

    fn place(&mut self, handle: *mut c_void) -> Option<&mut Option<Timer>> {
        self.timers.get_mut(handle.addr().checked_sub(1)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expired_timers_are_taken_once() {
        let mut timers = Timers::default();
        let first = timers.add(TimerAction::Number(0, ptr::null_mut()));
        let second = timers.add(TimerAction::Number(1, ptr::null_mut()));
        assert!(!first.is_null() && first != second);
        assert_eq!(timers.next(), None);
        timers.set(first, 20);
        timers.set(second, 10);
        assert_eq!(timers.next(), Some(10));
        assert!(timers.take_expired(9).is_none());
        let action = timers.take_expired(10);
        assert!(matches!(action, Some(TimerAction::Number(1, _))));
        assert!(timers.take_expired(10).is_none());
        assert_eq!(timers.next(), Some(20));
    }

    #[test]
    fn removed_and_unknown_timers_are_nothing() {
        let mut timers = Timers::default();
        let timer = timers.add(TimerAction::Number(0, ptr::null_mut()));
        timers.set(timer, 1);
        timers.remove(timer);
        timers.set(timer, 1);
        timers.set(ptr::null_mut(), 1);
        timers.set(ptr::without_provenance_mut(9), 1);
        assert_eq!(timers.next(), None);
    }
}
