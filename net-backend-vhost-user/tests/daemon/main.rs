//! The daemon as a virtual machine sees it: the program is started, and a frontend shares its memory with it.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may fail so"
)]

mod guest;
mod hostile;
mod life;
mod program;
mod serving;
mod sockets;
