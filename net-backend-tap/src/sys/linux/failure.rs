use std::time::Duration;

use net_backend_core::DropReason;
use net_backend_core::frame_io::{ReceiveFailure, SendFailure};

/// After this time there may be memory again; no descriptor tells.
const MEMORY_RETRY: Duration = Duration::from_millis(1);

/// What a failed write to a tap means (`tun_get_user` in drivers/net/tun.c, `tap_get_user` in drivers/net/tap.c).
pub(super) fn send_failure(errno: i32) -> SendFailure {
    match errno {
        libc::EINTR => SendFailure::Interrupted,
        libc::EAGAIN => SendFailure::Busy(None),
        libc::ENOBUFS | libc::ENOMEM => SendFailure::Busy(Some(MEMORY_RETRY)),
        libc::EIO | libc::ENETDOWN => SendFailure::Dropped(DropReason::LinkDown),
        libc::EINVAL | libc::EPROTO => SendFailure::Dropped(DropReason::Malformed),
        libc::EMSGSIZE => SendFailure::Dropped(DropReason::TooLong),
        libc::EPERM => SendFailure::Dropped(DropReason::Policy),
        libc::EBADFD | libc::EBADF | libc::ENODEV | libc::ENXIO | libc::EPIPE => SendFailure::Gone,
        _ => SendFailure::Other,
    }
}

/// What a failed read from a tap means (`tun_do_read` in drivers/net/tun.c, `tap_do_read` in drivers/net/tap.c).
pub(super) fn receive_failure(errno: i32) -> ReceiveFailure {
    match errno {
        libc::EINTR => ReceiveFailure::Again,
        // tun_put_user: a super-frame of a kind that the header cannot tell.
        libc::EINVAL => ReceiveFailure::Again,
        libc::EAGAIN | libc::ENOBUFS | libc::ENOMEM | libc::EIO | libc::ENETDOWN => {
            ReceiveFailure::Empty
        }
        libc::EBADFD | libc::EBADF | libc::ENODEV | libc::ENXIO | libc::EPIPE => {
            ReceiveFailure::Gone
        }
        _ => ReceiveFailure::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failed_write_has_its_meaning() {
        let later = SendFailure::Busy(Some(Duration::from_millis(1)));
        let table = [
            (libc::EINTR, SendFailure::Interrupted),
            (libc::EAGAIN, SendFailure::Busy(None)),
            (libc::ENOBUFS, later),
            (libc::ENOMEM, later),
            (libc::EIO, SendFailure::Dropped(DropReason::LinkDown)),
            (libc::ENETDOWN, SendFailure::Dropped(DropReason::LinkDown)),
            (libc::EINVAL, SendFailure::Dropped(DropReason::Malformed)),
            (libc::EMSGSIZE, SendFailure::Dropped(DropReason::TooLong)),
            (libc::EBADFD, SendFailure::Gone),
            (libc::EPIPE, SendFailure::Gone),
            (libc::ENODEV, SendFailure::Gone),
            (libc::ENXIO, SendFailure::Gone),
            (libc::EFAULT, SendFailure::Other),
            (0, SendFailure::Other),
        ];
        for (errno, meaning) in table {
            assert_eq!(send_failure(errno), meaning, "errno {errno}");
        }
    }

    #[test]
    fn every_failed_read_has_its_meaning() {
        let table = [
            (libc::EINTR, ReceiveFailure::Again),
            (libc::EAGAIN, ReceiveFailure::Empty),
            (libc::EINVAL, ReceiveFailure::Again),
            (libc::ENOBUFS, ReceiveFailure::Empty),
            (libc::EIO, ReceiveFailure::Empty),
            (libc::EBADFD, ReceiveFailure::Gone),
            (libc::EPIPE, ReceiveFailure::Gone),
            (libc::EFAULT, ReceiveFailure::Other),
            (0, ReceiveFailure::Other),
        ];
        for (errno, meaning) in table {
            assert_eq!(receive_failure(errno), meaning, "errno {errno}");
        }
    }
}
