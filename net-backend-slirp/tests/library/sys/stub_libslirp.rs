//! A library that plays libslirp. Its file name says which: `4.8.0.so` is that version; behind a comma comes what it
//! does otherwise: `4.9.0,refuse.so` makes no instance.
//!
//! It reads the structures that it is given by the offsets of the C header, and reports what it saw as the table of
//! connections.

// UNSAFETY: C functions that read and call what their caller passes by pointer.
#![expect(unsafe_code, reason = "the functions of a C library")]

mod report;

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::fmt::Write;
use std::path::Path;
use std::process;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use report::{read, report};

/// A call is under way.
static IS_BUSY: AtomicBool = AtomicBool::new(false);
/// There were two at once, which libslirp does not stand.
static WAS_OVERLAPPED: AtomicBool = AtomicBool::new(false);

/// A call, from its beginning to its end.
struct Call;

impl Call {
    fn begin() -> Self {
        if IS_BUSY.swap(true, Ordering::SeqCst) {
            WAS_OVERLAPPED.store(true, Ordering::SeqCst);
        }
        // Others have their chance to come in between.
        thread::yield_now();
        Self
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        IS_BUSY.store(false, Ordering::SeqCst);
    }
}

/// An instance.
#[derive(Debug)]
pub struct Slirp {
    callbacks: *const usize,
    opaque: *mut c_void,
    report: String,
}

type Opaque = *mut c_void;
type GuestError = unsafe extern "C" fn(*const c_char, Opaque);
type SendPacket = unsafe extern "C" fn(*const c_void, usize, Opaque) -> isize;
type TimerFunction = unsafe extern "C" fn(Opaque);
type TimerNew = unsafe extern "C" fn(TimerFunction, Opaque, Opaque) -> Opaque;
type TimerNewOpaque = unsafe extern "C" fn(c_int, Opaque, Opaque) -> Opaque;
type TimerMod = unsafe extern "C" fn(Opaque, i64, Opaque);
type Clock = unsafe extern "C" fn(Opaque) -> i64;
type Register = unsafe extern "C" fn(c_int, Opaque);
type AddPoll = unsafe extern "C" fn(c_int, c_int, Opaque) -> c_int;
type GetEvents = unsafe extern "C" fn(c_int, Opaque) -> c_int;

/// The file name up to its extension, which is the version, and what follows a comma.
#[unsafe(no_mangle)]
pub extern "C" fn slirp_version_string() -> *const c_char {
    let (version, _) = behaviour();
    CString::new(version).unwrap_or_default().into_raw()
}

/// Refuses a configuration that is too new for the version, as libslirp does.
///
/// # Safety
///
/// As libslirp's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn slirp_new(
    configuration: *const u8,
    callbacks: *const usize,
    opaque: Opaque,
) -> *mut Slirp {
    let _call = Call::begin();
    let (version, how) = behaviour();
    // SAFETY: the first field.
    let asked: u32 = unsafe { read(configuration, 0) };
    let most = match version.as_str() {
        "4.7.0" => 4,
        "4.8.0" => 5,
        _ => 6,
    };
    if asked > most || how == "refuse" {
        return ptr::null_mut();
    }
    // SAFETY: as long as the largest version of the structures, which is what callers have to pass.
    let report = unsafe { report(configuration, callbacks) };
    Box::into_raw(Box::new(Slirp {
        callbacks,
        opaque,
        report,
    }))
}

/// # Safety
///
/// As libslirp's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn slirp_cleanup(slirp: *mut Slirp) {
    let _call = Call::begin();
    // SAFETY: made by `slirp_new`.
    drop(unsafe { Box::from_raw(slirp) });
}

/// Complains if two calls were under way at once; sends the frame back, and announces and withdraws socket 1000 in both ways.
///
/// # Safety
///
/// As libslirp's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn slirp_input(slirp: *mut Slirp, frame: *const u8, length: c_int) {
    let _call = Call::begin();
    // SAFETY: an instance.
    let Slirp {
        callbacks, opaque, ..
    } = unsafe { &*slirp };
    if WAS_OVERLAPPED.load(Ordering::SeqCst) {
        // SAFETY: the type of that slot.
        let complain: GuestError = unsafe { callback(*callbacks, 1) };
        // SAFETY: a string.
        unsafe { complain(c"two calls at once".as_ptr(), *opaque) };
    }
    // SAFETY: the type of that slot.
    let send: SendPacket = unsafe { callback(*callbacks, 0) };
    // SAFETY: the frame of the caller.
    let sent = unsafe { send(frame.cast(), usize::try_from(length).unwrap_or(0), *opaque) };
    if sent != isize::try_from(length).unwrap_or(-1) {
        process::abort();
    }
    for (slot, socket) in [(6, 1000), (7, 1000), (11, 1001), (12, 1001)] {
        // SAFETY: the type of these slots.
        let register: Register = unsafe { callback(*callbacks, slot) };
        // SAFETY: any number will do.
        unsafe { register(socket, *opaque) };
    }
}

/// # Safety
///
/// As libslirp's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn slirp_pollfds_fill(
    slirp: *mut Slirp,
    timeout: *mut u32,
    add_poll: AddPoll,
    opaque: Opaque,
) {
    // SAFETY: arguments of the caller.
    unsafe { fill(slirp, timeout, add_poll, opaque, "slirp_pollfds_fill") }
}

/// # Safety
///
/// As libslirp's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn slirp_pollfds_fill_socket(
    slirp: *mut Slirp,
    timeout: *mut u32,
    add_poll: AddPoll,
    opaque: Opaque,
) {
    // SAFETY: arguments of the caller.
    unsafe {
        fill(
            slirp,
            timeout,
            add_poll,
            opaque,
            "slirp_pollfds_fill_socket",
        )
    }
}

/// Starts both kinds of timers.
///
/// # Safety
///
/// As libslirp's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn slirp_pollfds_poll(
    slirp: *mut Slirp,
    select_error: c_int,
    get_events: GetEvents,
    opaque: Opaque,
) {
    let _call = Call::begin();
    // SAFETY: an instance.
    let instance = unsafe { &mut *slirp };
    if select_error != 0 {
        // SAFETY: an instance.
        unsafe { start_timers(slirp) };
        return;
    }
    // SAFETY: the index that `add_poll` returned.
    let events = unsafe { get_events(0, opaque) };
    let _never = writeln!(instance.report, "ready {events}");
}

/// # Safety
///
/// As libslirp's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn slirp_handle_timer(slirp: *mut Slirp, number: c_int, argument: Opaque) {
    // SAFETY: an instance.
    let report = unsafe { &mut (*slirp).report };
    let _never = writeln!(report, "timer {number} with {}", argument.addr());
}

/// # Safety
///
/// As libslirp's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn slirp_connection_info(slirp: *mut Slirp) -> *mut c_char {
    // SAFETY: an instance.
    let report = unsafe { &(*slirp).report };
    let report = CString::new(report.as_str()).unwrap_or_default();
    // SAFETY: a string.
    unsafe { libc::strdup(report.as_ptr()) }
}

unsafe extern "C" fn note_expiry(argument: Opaque) {
    let slirp: *mut Slirp = argument.cast();
    // SAFETY: the instance that started the timer.
    unsafe { (*slirp).report.push_str("timer with a function\n") };
}

/// # Safety
///
/// An instance.
unsafe fn start_timers(slirp: *mut Slirp) {
    // SAFETY: an instance.
    let callbacks = unsafe { (*slirp).callbacks };
    // SAFETY: an instance.
    let opaque = unsafe { (*slirp).opaque };
    // SAFETY: the type of that slot.
    let clock: Clock = unsafe { callback(callbacks, 2) };
    // SAFETY: the type of that slot.
    let with_function: TimerNew = unsafe { callback(callbacks, 3) };
    // SAFETY: the type of that slot.
    let with_number: TimerNewOpaque = unsafe { callback(callbacks, 10) };
    // SAFETY: the type of that slot.
    let set: TimerMod = unsafe { callback(callbacks, 5) };
    // SAFETY: the pointer of the caller.
    let now = unsafe { clock(opaque) } / 1_000_000;
    // SAFETY: a function of ours, and what it takes.
    let first = unsafe { with_function(note_expiry, slirp.cast(), opaque) };
    // SAFETY: any number and pointer will do.
    let second = unsafe { with_number(3, ptr::without_provenance_mut(77), opaque) };
    // SAFETY: a timer.
    unsafe { set(first, now + 5_000, opaque) };
    // SAFETY: a timer.
    unsafe { set(second, now + 7_000, opaque) };
}

unsafe fn fill(
    slirp: *mut Slirp,
    timeout: *mut u32,
    add_poll: AddPoll,
    opaque: Opaque,
    name: &str,
) {
    let _call = Call::begin();
    // SAFETY: what the caller passes.
    let index = unsafe { add_poll(1000, 0xffff, opaque) };
    // SAFETY: what the caller passes.
    unsafe { *timeout = 321 };
    // SAFETY: an instance.
    let report = unsafe { &mut (*slirp).report };
    let _never = writeln!(report, "{name}: {index}");
}

/// A callback by its place in the table.
///
/// # Safety
///
/// `T` is the type of that slot.
unsafe fn callback<T: Copy>(callbacks: *const usize, slot: usize) -> T {
    // SAFETY: there are 13 slots.
    unsafe { read(callbacks.cast(), slot * size_of::<usize>()) }
}

/// The version and what is to be different, from this library's file name.
fn behaviour() -> (String, String) {
    let mut information = libc::Dl_info {
        dli_fname: ptr::null(),
        dli_fbase: ptr::null_mut(),
        dli_sname: ptr::null(),
        dli_saddr: ptr::null_mut(),
    };
    let here: fn() -> (String, String) = behaviour;
    // SAFETY: the address of a function, and where to write the answer.
    unsafe { libc::dladdr(here as *const c_void, &mut information) };
    // SAFETY: the loader's copy of the path.
    let path = unsafe { CStr::from_ptr(information.dli_fname) };
    let path = path.to_string_lossy().into_owned();
    let name = Path::new(&path).file_stem().unwrap_or_default();
    let name = name.to_string_lossy().into_owned();
    match name.split_once(',') {
        Some((version, how)) => (version.to_owned(), how.to_owned()),
        None => (name, String::new()),
    }
}
