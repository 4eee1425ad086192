use std::time::Duration;

use net_backend_core::DropReason;
use net_backend_core::frame_io::{ReceiveFailure, SendFailure};

/// After this time there may be memory again; no descriptor tells, a tap is always writable.
const MEMORY_RETRY: Duration = Duration::from_millis(1);

/// What a failed write to a tap means (`tunwrite` in sys/net/if_tuntap.c). A device that was destroyed says
/// `ENXIO` (`devfs_fp_check` in sys/fs/devfs/devfs_vnops.c).
pub(super) fn send_failure(errno: i32) -> SendFailure {
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
pub(super) fn receive_failure(errno: i32) -> ReceiveFailure {
    match errno {
        libc::EINTR => ReceiveFailure::Again,
        // EHOSTDOWN: the device is being made or unmade.
        libc::EAGAIN | libc::EHOSTDOWN | libc::ENOBUFS => ReceiveFailure::Empty,
        libc::ENXIO | libc::ENODEV | libc::EBADF => ReceiveFailure::Gone,
        _ => ReceiveFailure::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_full_for_a_moment() {
        let retry = SendFailure::Busy(Some(Duration::from_millis(1)));
        assert_eq!(send_failure(libc::ENOBUFS), retry);
    }

    #[test]
    fn a_frame_that_is_too_long_is_dropped() {
        let dropped = SendFailure::Dropped(DropReason::TooLong);
        assert_eq!(send_failure(libc::EIO), dropped);
    }

    #[test]
    fn a_destroyed_device_is_gone() {
        assert_eq!(send_failure(libc::ENXIO), SendFailure::Gone);
        assert_eq!(receive_failure(libc::ENXIO), ReceiveFailure::Gone);
    }

    #[test]
    fn an_empty_queue_and_a_device_that_is_not_ready_have_no_frame() {
        assert_eq!(receive_failure(libc::EWOULDBLOCK), ReceiveFailure::Empty);
        assert_eq!(receive_failure(libc::EHOSTDOWN), ReceiveFailure::Empty);
    }
}
