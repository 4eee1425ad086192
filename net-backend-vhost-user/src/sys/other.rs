//! Systems without epoll.

use std::process::ExitCode;

/// The program `net-backend-vhost-user`, which says that it needs Linux.
#[must_use]
pub fn run() -> ExitCode {
    eprintln!(
        "net-backend-vhost-user: vhost-user needs Linux (epoll and eventfd). On this system a device model calls the library itself: \
         net_backend_vhost_user::queue"
    );
    ExitCode::FAILURE
}
