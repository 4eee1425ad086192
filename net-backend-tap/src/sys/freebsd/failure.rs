use std::time::Duration;

use net_backend_core::DropReason;

use crate::sys::{ReceiveFailure, SendFailure};

/// After this time there may be memory again; no descriptor tells, a tap is always writable.
const MEMORY_RETRY: Duration = Duration::from_millis(1);

/// What a failed write to a tap means (`tunwrite` in sys/net/if_tuntap.c). A device that was destroyed says
/// `ENXIO` (`devfs_fp_check` in sys/fs/devfs/devfs_vnops.c).
pub(crate) fn send_failure(errno: i32) -> SendFailure {
    match errno {
        libc::EINTR => SendFailure::Interrupted,
        libc::ENOBUFS | libc::ENOMEM | libc::EAGAIN => SendFailure::Busy(Some(MEMORY_RETRY)),
        libc::EIO => SendFailure::Dropped(DropReason::TooLong),
        libc::ENETDOWN | libc::EHOSTDOWN => SendFailure::Dropped(DropReason::LinkDown),
        libc::ENXIO | libc::ENODEV | libc::EBADF => SendFailure::Gone,
        _ => SendFailure::Other,
    }
}

/// What a failed read from a tap means (`tunread` in sys/net/if_tuntap.c).
pub(crate) fn receive_failure(errno: i32) -> ReceiveFailure {
    match errno {
        libc::EINTR => ReceiveFailure::Interrupted,
        // EHOSTDOWN: the device is being made or unmade.
        libc::EAGAIN | libc::EHOSTDOWN | libc::ENOBUFS => ReceiveFailure::Empty,
        libc::ENXIO | libc::ENODEV | libc::EBADF => ReceiveFailure::Gone,
        _ => ReceiveFailure::Other,
    }
}
