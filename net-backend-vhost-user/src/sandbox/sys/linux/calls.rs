//! System calls that a daemon makes while it serves.

use libc::c_long;

/// Whatever their arguments are. `openat` is restricted by another filter, and by Landlock.
pub(super) const ALWAYS: &[c_long] = &[
    // Frames, messages, files of TFTP.
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_lseek,
    libc::SYS_openat,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_readlinkat,
    libc::SYS_unlinkat,
    libc::SYS_fcntl,
    // Where we are, which a panic wants to know.
    libc::SYS_getcwd,
    libc::SYS_dup,
    // Sockets that are there, or that `socket` let be made.
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_bind,
    libc::SYS_connect,
    libc::SYS_getpeername,
    libc::SYS_getsockname,
    libc::SYS_getsockopt,
    libc::SYS_listen,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_sendmsg,
    libc::SYS_sendto,
    libc::SYS_setsockopt,
    libc::SYS_shutdown,
    // Events.
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_eventfd2,
    libc::SYS_pipe2,
    libc::SYS_ppoll,
    libc::SYS_pselect6,
    libc::SYS_signalfd4,
    libc::SYS_timerfd_create,
    libc::SYS_timerfd_gettime,
    libc::SYS_timerfd_settime,
    // Memory.
    libc::SYS_brk,
    libc::SYS_ftruncate,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    libc::SYS_memfd_create,
    libc::SYS_mremap,
    libc::SYS_munmap,
    // Threads.
    libc::SYS_clone3,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_futex,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_rseq,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    // Signals.
    libc::SYS_restart_syscall,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_rt_sigtimedwait,
    libc::SYS_sigaltstack,
    // What time it is, and who we are.
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getrandom,
    libc::SYS_gettimeofday,
    libc::SYS_getuid,
    libc::SYS_nanosleep,
    libc::SYS_sysinfo,
    libc::SYS_uname,
];

/// Older ones, which later architectures do not have.
#[cfg(target_arch = "x86_64")]
pub(super) const OLDER: &[c_long] = &[
    libc::SYS_access,
    libc::SYS_epoll_wait,
    libc::SYS_lstat,
    libc::SYS_poll,
    libc::SYS_readlink,
    libc::SYS_rmdir,
    libc::SYS_select,
    libc::SYS_stat,
    libc::SYS_time,
    libc::SYS_unlink,
];

/// As above.
#[cfg(not(target_arch = "x86_64"))]
pub(super) const OLDER: &[c_long] = &[];

/// Requests (ioctl(2)) of any backend: about sockets, and whether messages go to a terminal.
pub(super) const REQUESTS: &[libc::Ioctl] =
    &[libc::FIOCLEX, libc::FIONBIO, libc::FIONREAD, libc::TCGETS];

/// Those of networks: interfaces in addresses of name servers, as `fe80::1%eth0`.
pub(super) const INTERNET_REQUESTS: &[libc::Ioctl] = &[libc::SIOCGIFINDEX, libc::SIOCGIFNAME];

/// Those of taps, see `net-backend-tap/src/sys/linux/`: what a reset of the guest's driver needs, and looking at the interface.
pub(super) const TAP_REQUESTS: &[libc::Ioctl] = &[
    libc::SIOCGIFFLAGS,
    libc::SIOCGIFHWADDR,
    libc::SIOCGIFINDEX,
    libc::SIOCGIFMTU,
    libc::TUNGETIFF,
    libc::TUNGETVNETHDRSZ,
    libc::TUNSETOFFLOAD,
    libc::TUNSETQUEUE,
    libc::TUNSETVNETHDRSZ,
    libc::TUNSETVNETLE,
];

/// Those of netmap have this letter (net/netmap.h).
pub(super) const NETMAP_LETTER: u8 = b'i';
