//! The model against facts of the real kernel.

mod bind;
mod differential;
mod monitor;
mod nic;
mod pipe;
mod robust;
mod vale;
mod wrap;

use net_backend_core::BorrowedDescriptor;

use super::{Far, Model, Settings};

/// A frame from one station to another.
fn frame(to: u8, from: u8, length: usize) -> Vec<u8> {
    let mut frame = vec![0; length];
    frame[..6].copy_from_slice(&[2, 0, 0, 0, 0, to]);
    frame[6..12].copy_from_slice(&[2, 0, 0, 0, 0, from]);
    for (index, byte) in frame.iter_mut().enumerate().skip(14) {
        *byte = index.to_le_bytes()[0];
    }
    frame
}

fn model() -> Model {
    Model::new(Settings::default()).unwrap()
}

fn is_ready(far: &Far) -> bool {
    is_readable(far.receive_source())
}

fn is_readable(source: BorrowedDescriptor<'_>) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let mut wait = [PollFd::new(&source, PollFlags::IN)];
    poll(&mut wait, Some(&Timespec::default())).unwrap() == 1
}
