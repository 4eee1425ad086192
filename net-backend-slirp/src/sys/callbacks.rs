// UNSAFETY: libslirp calls these functions with the pointer that it was given, and hands frames and texts over by
// address.
#![expect(
    unsafe_code,
    reason = "C functions that turn pointers from libslirp into references"
)]

use std::cell::{Cell, RefCell, UnsafeCell};
use std::ffi::{CStr, c_char, c_int, c_void};
use std::mem;
use std::os::fd::RawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::slice;

use rustix::net::SocketAddrAny;

use super::layout::Slirp;
use super::timers::{TimerAction, Timers};
use super::{Events, clock, sockets};

/// What libslirp calls. Called with the process-wide lock held, on the thread that called into libslirp; must
/// not block, and cannot call back into libslirp.
pub(crate) trait Host: Send {
    /// Takes a frame for the guest: Ethernet header first, without check sequence.
    fn send_packet(&mut self, frame: &[u8]);

    /// Hears what the guest did wrong, in libslirp's words.
    fn guest_error(&mut self, message: &str);

    /// libslirp opened or accepted this socket. Versions before 4.9 do not tell about listeners of forwards.
    fn register(&mut self, descriptor: RawFd);

    /// libslirp closes this socket next. It may be one that was never registered.
    fn unregister(&mut self, descriptor: RawFd);

    /// What libslirp waits for has changed: it wants to be asked again.
    fn notify(&mut self);

    /// libslirp waits for `events` on `descriptor`. Returns a number, not negative, for
    /// [`ready`](Self::ready).
    fn want(&mut self, descriptor: RawFd, events: Events) -> i32;

    /// What is ready of what was wanted under `index`, and nothing else.
    fn ready(&mut self, index: i32) -> Events;
}

/// A timer's function, for applications that do not use timer numbers.
pub(super) type TimerFunction = unsafe extern "C" fn(opaque: *mut c_void);
/// Says what to wait for; returns the index to ask about afterwards.
pub(super) type AddPoll =
    unsafe extern "C" fn(descriptor: c_int, events: c_int, opaque: *mut c_void) -> c_int;
/// Asks what is ready at an index.
pub(super) type GetEvents = unsafe extern "C" fn(index: c_int, opaque: *mut c_void) -> c_int;

/// `SlirpCb` of `libslirp.h`, the largest version of it. Kept by pointer; all slots are filled, whatever version the
/// library is, as one that knows a slot reads it.
#[repr(C)]
#[derive(Debug)]
pub(super) struct SlirpCb {
    // Version 1, libslirp 4.1.
    pub(super) send_packet:
        unsafe extern "C" fn(frame: *const c_void, length: usize, opaque: *mut c_void) -> isize,
    pub(super) guest_error: unsafe extern "C" fn(message: *const c_char, opaque: *mut c_void),
    pub(super) clock_get_ns: unsafe extern "C" fn(opaque: *mut c_void) -> i64,
    pub(super) timer_new: unsafe extern "C" fn(
        function: TimerFunction,
        argument: *mut c_void,
        opaque: *mut c_void,
    ) -> *mut c_void,
    pub(super) timer_free: unsafe extern "C" fn(timer: *mut c_void, opaque: *mut c_void),
    /// `expiry` in milliseconds on the time line of `clock_get_ns`.
    pub(super) timer_mod:
        unsafe extern "C" fn(timer: *mut c_void, expiry: i64, opaque: *mut c_void),
    pub(super) register_poll_fd: unsafe extern "C" fn(descriptor: c_int, opaque: *mut c_void),
    pub(super) unregister_poll_fd: unsafe extern "C" fn(descriptor: c_int, opaque: *mut c_void),
    pub(super) notify: unsafe extern "C" fn(opaque: *mut c_void),
    // Configuration version 4, libslirp 4.7.
    pub(super) init_completed: unsafe extern "C" fn(slirp: *mut Slirp, opaque: *mut c_void),
    pub(super) timer_new_opaque: unsafe extern "C" fn(
        number: c_int,
        argument: *mut c_void,
        opaque: *mut c_void,
    ) -> *mut c_void,
    // Configuration version 6, libslirp 4.9, which calls these instead of register_poll_fd and unregister_poll_fd.
    pub(super) register_poll_socket: unsafe extern "C" fn(socket: c_int, opaque: *mut c_void),
    pub(super) unregister_poll_socket: unsafe extern "C" fn(socket: c_int, opaque: *mut c_void),
}

#[cfg(target_pointer_width = "64")]
const _: () = {
    use std::mem::{offset_of, size_of};

    assert!(size_of::<SlirpCb>() == 104);
    assert!(offset_of!(SlirpCb, send_packet) == 0);
    assert!(offset_of!(SlirpCb, notify) == 64);
    assert!(offset_of!(SlirpCb, init_completed) == 72);
    assert!(offset_of!(SlirpCb, timer_new_opaque) == 80);
    assert!(offset_of!(SlirpCb, register_poll_socket) == 88);
    assert!(offset_of!(SlirpCb, unregister_poll_socket) == 96);
};

/// What libslirp keeps pointers to, in an allocation of its own that outlives the instance.
pub(super) struct Context<H> {
    callbacks: SlirpCb,
    pub(super) outbound4: Option<SocketAddrAny>,
    pub(super) outbound6: Option<SocketAddrAny>,
    pub(super) timers: RefCell<Timers>,
    pub(super) panicked: Cell<bool>,
    /// In a cell, because callbacks make a `&mut` to it while the rest of the block is shared with libslirp.
    pub(super) host: UnsafeCell<H>,
}

impl<H: Host> Context<H> {
    pub(super) fn new(
        host: H,
        outbound4: Option<SocketAddrAny>,
        outbound6: Option<SocketAddrAny>,
    ) -> Self {
        Self {
            callbacks: SlirpCb {
                send_packet: send_packet::<H>,
                guest_error: guest_error::<H>,
                clock_get_ns,
                timer_new: timer_new::<H>,
                timer_free: timer_free::<H>,
                timer_mod: timer_mod::<H>,
                register_poll_fd: register::<H>,
                unregister_poll_fd: unregister::<H>,
                notify: notify::<H>,
                init_completed,
                timer_new_opaque: timer_new_opaque::<H>,
                register_poll_socket: register::<H>,
                unregister_poll_socket: unregister::<H>,
            },
            outbound4,
            outbound6,
            timers: RefCell::default(),
            panicked: Cell::new(false),
            host: UnsafeCell::new(host),
        }
    }

    pub(super) fn callbacks(&self) -> *const SlirpCb {
        &self.callbacks
    }
}

/// Passed to `slirp_pollfds_fill`.
///
/// # Safety
///
/// As for [`guarded`].
pub(super) unsafe extern "C" fn add_poll<H: Host>(
    descriptor: c_int,
    events: c_int,
    opaque: *mut c_void,
) -> c_int {
    let want = |host: &mut H| host.want(descriptor, Events::from_libslirp(events));
    // SAFETY: libslirp passes back the context that it was given.
    unsafe { guarded(opaque, -1, want) }
}

/// Passed to `slirp_pollfds_poll`.
///
/// # Safety
///
/// As for [`guarded`].
pub(super) unsafe extern "C" fn get_events<H: Host>(index: c_int, opaque: *mut c_void) -> c_int {
    let ready = |host: &mut H| c_int::from(host.ready(index).bits());
    // SAFETY: libslirp passes back the context that it was given.
    unsafe { guarded(opaque, 0, ready) }
}

unsafe extern "C" fn send_packet<H: Host>(
    frame: *const c_void,
    length: usize,
    opaque: *mut c_void,
) -> isize {
    let send = |host: &mut H| {
        // SAFETY: libslirp passes a frame that it built, which nobody writes to before this returns.
        host.send_packet(unsafe { slice::from_raw_parts(frame.cast(), length) });
    };
    // SAFETY: libslirp passes back the context that it was given.
    unsafe { guarded(opaque, (), send) };
    isize::try_from(length).unwrap_or(isize::MAX)
}

unsafe extern "C" fn guest_error<H: Host>(message: *const c_char, opaque: *mut c_void) {
    let hear = |host: &mut H| {
        // SAFETY: libslirp passes a string constant.
        let message = unsafe { CStr::from_ptr(message) };
        host.guest_error(&message.to_string_lossy());
    };
    // SAFETY: libslirp passes back the context that it was given.
    unsafe { guarded(opaque, (), hear) }
}

unsafe extern "C" fn clock_get_ns(_opaque: *mut c_void) -> i64 {
    clock::nanoseconds()
}

unsafe extern "C" fn timer_new<H: Host>(
    function: TimerFunction,
    argument: *mut c_void,
    opaque: *mut c_void,
) -> *mut c_void {
    let action = TimerAction::Function(function, argument);
    // SAFETY: libslirp passes back the context that it was given.
    unsafe { with_timers::<H, _>(opaque, ptr::null_mut(), |timers| timers.add(action)) }
}

unsafe extern "C" fn timer_new_opaque<H: Host>(
    number: c_int,
    argument: *mut c_void,
    opaque: *mut c_void,
) -> *mut c_void {
    let action = TimerAction::Number(number, argument);
    // SAFETY: libslirp passes back the context that it was given.
    unsafe { with_timers::<H, _>(opaque, ptr::null_mut(), |timers| timers.add(action)) }
}

unsafe extern "C" fn timer_free<H: Host>(timer: *mut c_void, opaque: *mut c_void) {
    // SAFETY: libslirp passes back the context that it was given.
    unsafe { with_timers::<H, _>(opaque, (), |timers| timers.remove(timer)) }
}

unsafe extern "C" fn timer_mod<H: Host>(timer: *mut c_void, expiry: i64, opaque: *mut c_void) {
    // SAFETY: libslirp passes back the context that it was given.
    unsafe { with_timers::<H, _>(opaque, (), |timers| timers.set(timer, expiry)) }
}

unsafe extern "C" fn register<H: Host>(descriptor: c_int, opaque: *mut c_void) {
    sockets::refuse_pipe_signals(descriptor);
    // SAFETY: libslirp passes back the context that it was given.
    unsafe { guarded(opaque, (), |host: &mut H| host.register(descriptor)) }
}

unsafe extern "C" fn unregister<H: Host>(descriptor: c_int, opaque: *mut c_void) {
    // SAFETY: libslirp passes back the context that it was given.
    unsafe { guarded(opaque, (), |host: &mut H| host.unregister(descriptor)) }
}

unsafe extern "C" fn notify<H: Host>(opaque: *mut c_void) {
    // SAFETY: libslirp passes back the context that it was given.
    unsafe { guarded(opaque, (), H::notify) }
}

/// `slirp_new` returns the same pointer, and nothing needs it earlier.
unsafe extern "C" fn init_completed(_slirp: *mut Slirp, _opaque: *mut c_void) {}

/// Runs a callback with the host. A panic must not unwind into C: it is noted, and this and all later calls do
/// nothing and return `fallback`.
///
/// # Safety
///
/// `opaque` is the address of a living `Context<H>`, and a call into libslirp for its instance is under way.
unsafe fn guarded<H: Host, R>(
    opaque: *mut c_void,
    fallback: R,
    callback: impl FnOnce(&mut H) -> R,
) -> R {
    // SAFETY: the caller says that the context lives; only shared references to it are ever made.
    let context = unsafe { &*opaque.cast::<Context<H>>() };
    if context.panicked.get() {
        return fallback;
    }
    let call = || {
        // SAFETY: while libslirp runs its instance is borrowed mutably, so that nobody else has a reference to the
        // host; and libslirp makes one callback after the other, none within another.
        let host = unsafe { &mut *context.host.get() };
        callback(host)
    };
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result,
        Err(payload) => {
            context.panicked.set(true);
            // What a panic carries may panic when it is dropped.
            mem::forget(payload);
            fallback
        }
    }
}

/// Runs `change` on the timers, which works without the host.
///
/// # Safety
///
/// `opaque` is the address of a living `Context<H>`.
unsafe fn with_timers<H, R>(
    opaque: *mut c_void,
    fallback: R,
    change: impl FnOnce(&mut Timers) -> R,
) -> R {
    // SAFETY: the caller says that the context lives; only shared references to it are ever made.
    let context = unsafe { &*opaque.cast::<Context<H>>() };
    match context.timers.try_borrow_mut() {
        Ok(mut timers) => change(&mut timers),
        Err(_) => fallback,
    }
}
