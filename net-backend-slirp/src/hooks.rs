//! What libslirp calls.

use std::os::fd::RawFd;

use crate::output::Output;
use crate::sockets::Sockets;
use crate::sys::{Events, Host};

/// The host side of one libslirp context. Everything in it runs under the lock of its network; nothing in it calls
/// the VMM.
pub(crate) struct Hooks {
    pub(crate) sockets: Sockets,
    pub(crate) output: Output,
}

impl Host for Hooks {
    fn send_packet(&mut self, frame: &[u8]) {
        self.output.deliver(frame);
    }

    /// What a guest does wrong is the guest's; there is nobody to tell.
    fn guest_error(&mut self, _: &str) {}

    fn register(&mut self, descriptor: RawFd) {
        self.sockets.register(descriptor);
    }

    fn unregister(&mut self, descriptor: RawFd) {
        self.sockets.unregister(descriptor);
    }

    /// Every call into libslirp is followed by a new round of wants, which sees what changed.
    fn notify(&mut self) {}

    fn want(&mut self, descriptor: RawFd, events: Events) -> i32 {
        self.sockets.want(descriptor, events)
    }

    fn ready(&mut self, index: i32) -> Events {
        let has_room = !self.output.producer.is_full();
        if let Some(replies) = &mut self.output.replies {
            replies.reading = Some(index);
        }
        self.sockets.take_ready(index, has_room)
    }
}
