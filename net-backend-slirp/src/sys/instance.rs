// UNSAFETY: libslirp is C: its state is behind a pointer, and it keeps pointers to our callbacks and to the host.
#![expect(unsafe_code, reason = "calls of libslirp's functions")]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::time::Instant;

use net_backend_core::{Error, Result};
use rustix::net::SocketAddrAny;

use super::callbacks::{Context, Host, add_poll, get_events};
use super::forwards::in_addr;
use super::layout::{BOOTFILE_LENGTH, MTU, Slirp, SlirpConfig};
use super::library::{Library, Report, exclusive};
use super::timers::TimerAction;
use super::{clock, imp};

/// What an instance is made with: the fields of libslirp's `SlirpConfig` up to version 5.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Settings<'a> {
    /// Nothing gets out but what is forwarded.
    pub(crate) restricted: bool,
    /// The guest's IPv4 network; none without.
    pub(crate) ipv4: Option<Ipv4Settings>,
    /// The guest's IPv6 network; none without.
    pub(crate) ipv6: Option<Ipv6Settings>,
    /// DHCP option 12, of which libslirp takes 32 bytes.
    pub(crate) hostname: Option<&'a CStr>,
    /// DHCP option 15.
    pub(crate) domain_name: Option<&'a CStr>,
    /// DHCP option 119.
    pub(crate) dns_search: &'a [CString],
    /// DHCP option 66.
    pub(crate) tftp_server_name: Option<&'a CStr>,
    /// The directory that TFTP serves, read-only.
    pub(crate) tftp_path: Option<&'a CStr>,
    /// The boot file in DHCP answers, at most 127 bytes.
    pub(crate) bootfile: Option<&'a CStr>,
    /// IP MTU in bytes, 68 to 65521; 0 stands for 1500.
    pub(crate) mtu: u16,
    /// The host's loopback is not reached through the virtual host address.
    pub(crate) disable_host_loopback: bool,
    /// No DNS through the virtual name server.
    pub(crate) disable_dns: bool,
    /// No answers to DHCP.
    pub(crate) disable_dhcp: bool,
    /// What IPv4 sockets to the outside are bound to.
    pub(crate) outbound4: Option<Ipv4Addr>,
    /// What IPv6 sockets to the outside are bound to.
    pub(crate) outbound6: Option<Ipv6Addr>,
}

/// The guest's IPv4 network.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ipv4Settings {
    pub(crate) network: Ipv4Addr,
    pub(crate) mask: Ipv4Addr,
    /// The virtual host: gateway, DHCP and TFTP server.
    pub(crate) host: Ipv4Addr,
    /// The first of 16 addresses for leases.
    pub(crate) dhcp_start: Ipv4Addr,
    /// The virtual name server.
    pub(crate) dns: Ipv4Addr,
}

/// The guest's IPv6 network.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ipv6Settings {
    pub(crate) prefix: Ipv6Addr,
    pub(crate) prefix_length: u8,
    /// The virtual host.
    pub(crate) host: Ipv6Addr,
    /// The virtual name server.
    pub(crate) dns: Ipv6Addr,
}

/// A libslirp instance, and the host that it calls. Dropping it closes all its sockets.
pub(crate) struct Instance<H: Host> {
    pub(super) slirp: NonNull<Slirp>,
    context: NonNull<Context<H>>,
    /// The program has not taken care of SIGPIPE.
    shields_program: bool,
    pub(super) library: Arc<Library>,
    /// Where libslirp puts guest forwards that name no address.
    pub(super) guest_server: Ipv4Addr,
    /// What is forwarded already: libslirp compares ports of different byte orders, and takes the same twice.
    pub(super) guest_forwards: Vec<SocketAddrV4>,
}

// SAFETY: libslirp has no thread-local state; every call needs `&mut self` or is under the process-wide lock; the
// host, which goes along, is Send.
unsafe impl<H: Host> Send for Instance<H> {}

impl<H: Host> Instance<H> {
    /// Makes a network, which `host` looks after.
    ///
    /// # Errors
    ///
    /// If libslirp refuses the settings.
    pub(crate) fn new(library: &Arc<Library>, settings: &Settings<'_>, host: H) -> Result<Self> {
        let failed = |why: String| {
            let object = format!("libslirp {}", library.version());
            let cause = io::Error::new(io::ErrorKind::InvalidInput, why);
            Error::system("slirp_new", object, cause, None)
        };
        if let Some(why) = refusal(settings) {
            return Err(failed(why));
        }
        let outbound4 = settings.outbound4.map(|ip| SocketAddrV4::new(ip, 0));
        let outbound6 = settings.outbound6.map(|ip| SocketAddrV6::new(ip, 0, 0, 0));
        let context = Box::new(Context::new(
            host,
            outbound4.map(SocketAddrAny::from),
            outbound6.map(SocketAddrAny::from),
        ));
        let context = NonNull::from(Box::leak(context));
        let Some(slirp) = create(library, settings, context) else {
            // SAFETY: it was leaked above, and a libslirp that returned null keeps nothing.
            drop(unsafe { Box::from_raw(context.as_ptr()) });
            let version = library.configuration();
            return Err(failed(format!(
                "it refused a configuration of version {version} and wrote the reason to standard error"
            )));
        };
        Ok(Self {
            slirp,
            context,
            shields_program: imp::is_pipe_signal_deadly(),
            library: Arc::clone(library),
            guest_server: settings
                .ipv4
                .map_or(Ipv4Addr::UNSPECIFIED, |it| it.guest_server()),
            guest_forwards: Vec::new(),
        })
    }

    /// The host.
    pub(crate) fn host(&self) -> &H {
        // SAFETY: a `&mut H` is made only by callbacks, and libslirp runs only under `&mut self`.
        unsafe { &*self.context().host.get() }
    }

    /// The host.
    pub(crate) fn host_mut(&mut self) -> &mut H {
        // SAFETY: as `self` is borrowed mutably, no other reference to the host exists, and libslirp does not run.
        unsafe { &mut *self.context().host.get() }
    }

    /// Gives libslirp a frame from the guest. May send to sockets, some of which block (UDP).
    ///
    /// Frames longer than libslirp can be told, 2 GiB, are left out.
    pub(crate) fn input(&mut self, frame: &[u8]) {
        let Ok(length) = c_int::try_from(frame.len()) else {
            return;
        };
        self.call(|functions, slirp| {
            // SAFETY: an instance that lives; libslirp reads `length` bytes and keeps none.
            unsafe { (functions.input)(slirp, frame.as_ptr(), length) }
        });
    }

    /// Asks what libslirp waits for, through [`Host::want`], and returns the milliseconds after which it wants to be
    /// [polled](Self::poll) at the latest: at most `timeout`, whose `u32::MAX` stands for no limit.
    ///
    /// Sockets that nobody used for long are closed by this.
    pub(crate) fn fill(&mut self, timeout: u32) -> u32 {
        let opaque = self.opaque();
        let mut limit = timeout;
        self.call(|functions, slirp| {
            // SAFETY: an instance that lives, and the context that the callback takes.
            unsafe { (functions.fill)(slirp, &mut limit, add_poll::<H>, opaque) }
        });
        limit
    }

    /// Lets libslirp work: its clock and timers, and the sockets that are [ready](Host::ready). With `select_error`
    /// only the former.
    ///
    /// libslirp's clock stands still between two polls. A UDP socket that it opens minutes after the last one has
    /// expired at the next, so a network that was idle wants this, with `select_error`, before its next frame.
    pub(crate) fn poll(&mut self, select_error: bool) {
        let opaque = self.opaque();
        self.call(|functions, slirp| {
            // SAFETY: an instance that lives, and the context that the callback takes.
            unsafe { (functions.poll)(slirp, select_error.into(), get_events::<H>, opaque) }
        });
    }

    /// When [`run_timers`](Self::run_timers) has something to do.
    pub(crate) fn next_timer(&self) -> Option<Instant> {
        let deadline = self.context().timers.borrow().next()?;
        clock::instant(deadline)
    }

    /// Runs the timers that have expired at `now`: router advertisements.
    pub(crate) fn run_timers(&mut self, now: Instant) {
        let now = clock::milliseconds(now);
        // Each at most once: a timer that sets itself to the past must not keep us here.
        let mut expired = Vec::new();
        while let Some(action) = self.context().timers.borrow_mut().take_expired(now) {
            expired.push(action);
        }
        for action in expired {
            self.call(|functions, slirp| match action {
                TimerAction::Number(number, argument) => {
                    // SAFETY: an instance that lives, and what it asked to be passed.
                    unsafe { (functions.handle_timer)(slirp, number, argument) }
                }
                TimerAction::Function(function, argument) => {
                    // SAFETY: the function and the argument of an instance that lives.
                    unsafe { function(argument) }
                }
            });
        }
    }

    /// The connections as a table for people, one per line; `None` if this libslirp cannot tell.
    pub(crate) fn connection_info(&mut self) -> Option<String> {
        let report = self.library.functions().connection_info?;
        self.report(report)
    }

    /// The addresses of the guest that libslirp knows, as a table for people, one per line; `None` if it cannot tell.
    pub(crate) fn neighbor_info(&mut self) -> Option<String> {
        let report = self.library.functions().neighbor_info?;
        self.report(report)
    }

    /// Whether the host panicked in a callback. Since then every call does nothing.
    pub(crate) fn has_panicked(&self) -> bool {
        self.context().panicked.get()
    }

    /// Calls into libslirp; `None` after a panic.
    pub(super) fn call<R>(
        &mut self,
        call: impl FnOnce(&super::library::Functions, *mut Slirp) -> R,
    ) -> Option<R> {
        if self.has_panicked() {
            return None;
        }
        let call = || call(self.library.functions(), self.slirp.as_ptr());
        let _exclusive = exclusive();
        Some(match self.shields_program {
            true => imp::without_pipe_signal(call),
            false => call(),
        })
    }

    fn report(&mut self, report: Report) -> Option<String> {
        self.call(|functions, slirp| {
            // SAFETY: an instance that lives.
            let text = NonNull::new(unsafe { report(slirp) })?;
            // SAFETY: libslirp returns a string that is ours.
            let copy = unsafe { CStr::from_ptr(text.as_ptr()) }
                .to_string_lossy()
                .into_owned();
            // SAFETY: the string is ours, comes from g_malloc, and nothing points to it any more.
            unsafe { (functions.free)(text.as_ptr().cast()) };
            Some(copy)
        })?
    }

    fn context(&self) -> &Context<H> {
        // SAFETY: the context lives as long as `self`, and only shared references to it are ever made.
        unsafe { self.context.as_ref() }
    }

    fn opaque(&self) -> *mut c_void {
        self.context.as_ptr().cast()
    }
}

impl<H: Host> Drop for Instance<H> {
    fn drop(&mut self) {
        let exclusive = exclusive();
        // SAFETY: an instance that lives, and is not used again.
        unsafe { (self.library.functions().cleanup)(self.slirp.as_ptr()) };
        drop(exclusive);
        // SAFETY: it was leaked by `new`, and the instance that pointed to it is gone.
        drop(unsafe { Box::from_raw(self.context.as_ptr()) });
    }
}

impl<H: Host + fmt::Debug> fmt::Debug for Instance<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance")
            .field("library", &self.library.version())
            .field("host", self.host())
            .finish_non_exhaustive()
    }
}

impl Ipv4Settings {
    /// The fourth address of the second 256, as far as the mask lets it.
    fn guest_server(&self) -> Ipv4Addr {
        self.network | (Ipv4Addr::new(0, 0, 2, 4) & !self.mask)
    }
}

/// Calls `slirp_new`.
fn create<H: Host>(
    library: &Library,
    settings: &Settings<'_>,
    context: NonNull<Context<H>>,
) -> Option<NonNull<Slirp>> {
    // SAFETY: the context lives, and only shared references to it are ever made.
    let shared = unsafe { context.as_ref() };
    let search: Vec<*const c_char> = settings
        .dns_search
        .iter()
        .map(|domain| domain.as_ptr())
        .chain([ptr::null()])
        .collect();
    let search = match settings.dns_search {
        [] => ptr::null(),
        _ => search.as_ptr(),
    };
    let configuration = SlirpConfig {
        version: library.configuration(),
        outbound_addr: address_of(shared.outbound4.as_ref()).cast(),
        outbound_addr6: address_of(shared.outbound6.as_ref()).cast(),
        vdnssearch: search,
        ..configuration(settings)
    };
    let _exclusive = exclusive();
    let new = library.functions().new;
    // SAFETY: the configuration is of the version that it says, everything that it points to lives until the call
    // returns, and what libslirp keeps, which is in the context, until the instance is gone.
    let slirp = unsafe { new(&configuration, shared.callbacks(), context.as_ptr().cast()) };
    NonNull::new(slirp)
}

/// What needs no memory of ours but the strings.
fn configuration(settings: &Settings<'_>) -> SlirpConfig {
    let ipv4 = settings.ipv4.as_ref();
    let ipv6 = settings.ipv6.as_ref();
    let string = |text: Option<&CStr>| text.map_or(ptr::null(), CStr::as_ptr);
    let four = |of: fn(&Ipv4Settings) -> Ipv4Addr| in_addr(ipv4.map_or(Ipv4Addr::UNSPECIFIED, of));
    let six = |of: fn(&Ipv6Settings) -> Ipv6Addr| libc::in6_addr {
        s6_addr: ipv6.map_or(Ipv6Addr::UNSPECIFIED, of).octets(),
    };
    SlirpConfig {
        version: 0,
        restricted: settings.restricted.into(),
        in_enabled: ipv4.is_some(),
        vnetwork: four(|it| it.network),
        vnetmask: four(|it| it.mask),
        vhost: four(|it| it.host),
        in6_enabled: ipv6.is_some(),
        vprefix_addr6: six(|it| it.prefix),
        vprefix_len: ipv6.map_or(0, |it| it.prefix_length),
        vhost6: six(|it| it.host),
        vhostname: string(settings.hostname),
        tftp_server_name: string(settings.tftp_server_name),
        tftp_path: string(settings.tftp_path),
        bootfile: string(settings.bootfile),
        vdhcp_start: four(|it| it.dhcp_start),
        vnameserver: four(|it| it.dns),
        vnameserver6: six(|it| it.dns),
        vdnssearch: ptr::null(),
        vdomainname: string(settings.domain_name),
        if_mtu: settings.mtu.into(),
        if_mru: settings.mtu.into(),
        disable_host_loopback: settings.disable_host_loopback,
        enable_emu: false,
        outbound_addr: ptr::null(),
        outbound_addr6: ptr::null(),
        disable_dns: settings.disable_dns,
        disable_dhcp: settings.disable_dhcp,
        mfr_id: 0,
        oob_eth_addr: [0; 6],
    }
}

/// Why libslirp would refuse the settings, which it does with no more than a line on standard error.
fn refusal(settings: &Settings<'_>) -> Option<String> {
    let (low, high) = (MTU.start(), MTU.end());
    if settings.mtu != 0 && !MTU.contains(&settings.mtu) {
        return Some(format!(
            "an MTU of {}; {low} to {high} is possible",
            settings.mtu
        ));
    }
    let length = settings.bootfile.map_or(0, CStr::count_bytes);
    (length > BOOTFILE_LENGTH)
        .then(|| format!("a boot file's name of {length} bytes; {BOOTFILE_LENGTH} are possible"))
}

fn address_of(address: Option<&SocketAddrAny>) -> *const c_void {
    address.map_or(ptr::null(), |address| address.as_ptr().cast())
}
