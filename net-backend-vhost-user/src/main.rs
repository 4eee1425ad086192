//! Any backend of the library as a vhost-user device.

use std::process::ExitCode;

fn main() -> ExitCode {
    net_backend_vhost_user::run()
}
