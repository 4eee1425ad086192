//! What a link of netgraph says that does not take a frame, and what that means.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use net_backend_core::frame_io::{self, Attachment, FrameIo, ReceiveFailure, SendFailure};
use net_backend_core::layers::{NativeTransmit, offload_transmit};
use net_backend_core::{
    Activation, DropReason, Features, HeaderLength, QueuePair, RxSlice, Source, TxSlice, gather,
    total_length,
};

use super::is_of_sandbox;
use crate::gate::LONGEST_OF_DEVICE;

/// The system calls of one half, on a descriptor of its own.
pub(crate) trait Port: Send {
    /// Whether it is a device, whose own errors are other ones than a socket's.
    const IS_DEVICE: bool = false;

    /// Sends one frame. Does not block.
    fn send(&mut self, frame: &[TxSlice<'_>]) -> io::Result<usize>;

    /// Receives one frame; what does not fit is lost. Does not block.
    ///
    /// # Errors
    ///
    /// `ENOTCONN` when the node is gone.
    fn receive(&mut self, into: &mut [RxSlice<'_>]) -> io::Result<usize>;

    /// What to wait for.
    fn source(&self) -> Source<'_>;
}

/// A queue pair for what was negotiated. netgraph knows neither header nor offloads.
pub(crate) fn pair(
    rx: impl Port + 'static,
    tx: impl Port + 'static,
    with: &Activation,
    patience: Duration,
    attachment: &Arc<Attachment>,
) -> QueuePair {
    const PLAIN: HeaderLength = HeaderLength::None;
    let (rx, tx) = (Link::new(rx, patience), Link::new(tx, patience));
    let rx = frame_io::receive(rx, PLAIN, with.header, attachment);
    let transmit = |header| frame_io::transmit(tx, PLAIN, header, Features::empty(), attachment);
    let tx = match with.features.is_empty() {
        true => transmit(with.header),
        false => offload_transmit(transmit(PLAIN), NativeTransmit::PLAIN, with),
    };
    QueuePair { rx, tx }
}

/// After this time a receiver may have room again; no descriptor tells. Four times as long each time that it has not:
/// a node that does not know yet where the receiver is gives the frame to others each time.
const FIRST_RETRY: Duration = Duration::from_millis(1);
const MOST_STRETCHES: u32 = 3;

/// For so many times the patience, a receiver that wore it out is not waited for.
const REST: u32 = 10;

/// One half: a port, and how often it refused.
struct Link<P> {
    port: P,
    patience: Duration,
    refused: Refused,
    /// Since when a frame is busy, and how often it was.
    busy: Option<(Instant, u32)>,
    /// Until then nobody is waited for.
    resting: Option<Instant>,
}

/// The frame that was not taken.
#[derive(Clone, Copy, Debug, Default)]
struct Refused {
    length: usize,
    /// Whether it is for several receivers.
    is_group: bool,
}

impl<P> Link<P> {
    fn new(port: P, patience: Duration) -> Self {
        Self {
            port,
            patience,
            refused: Refused::default(),
            busy: None,
            resting: None,
        }
    }

    /// Somebody has no room for a frame. Others may have got it: netgraph says nothing about them. So a frame for a group
    /// is not sent again, nor is one for ever: somebody who never receives must not stop whoever sends to him.
    fn no_room(&mut self, now: Instant) -> SendFailure {
        let is_resting = self.resting.is_some_and(|until| now < until);
        if self.refused.is_group || is_resting {
            return SendFailure::Dropped(DropReason::NoRoom);
        }
        let (since, times) = self.busy.unwrap_or((now, 0));
        if now.saturating_duration_since(since) >= self.patience {
            self.busy = None;
            self.resting = now.checked_add(self.patience.saturating_mul(REST));
            return SendFailure::Dropped(DropReason::NoRoom);
        }
        self.busy = Some((since, times.saturating_add(1)));
        SendFailure::Busy(Some(FIRST_RETRY * 4_u32.pow(times.min(MOST_STRETCHES))))
    }
}

impl<P: Port> FrameIo for Link<P> {
    #[inline]
    fn write(&mut self, frame: &[TxSlice<'_>]) -> io::Result<usize> {
        let written = self.port.send(frame);
        match written {
            Ok(_) => self.busy = None,
            Err(_) => self.refused = Refused::new(frame),
        }
        written
    }

    #[inline]
    fn read(&mut self, into: &mut [RxSlice<'_>]) -> io::Result<usize> {
        self.port.receive(into)
    }

    fn source(&self) -> Source<'_> {
        self.port.source()
    }

    /// Nodes are called one by another, so that whatever one of them says comes back to the sender (`ng_snd_item` in
    /// sys/netgraph/ng_base.c). What is not an error of the socket itself is therefore about the frame. `EDESTADDRREQ` is
    /// said while our node has no hook or more than one, which may pass; a node that goes with its hook says `EPIPE`.
    fn send_failure(&mut self, errno: i32) -> SendFailure {
        match errno {
            libc::EINTR => SendFailure::Interrupted,
            libc::EAGAIN => SendFailure::Busy(None),
            libc::ENOBUFS | libc::ENOMEM => self.no_room(Instant::now()),
            libc::EMSGSIZE => SendFailure::Dropped(DropReason::TooLong),
            libc::EIO if P::IS_DEVICE && self.refused.length > LONGEST_OF_DEVICE => {
                SendFailure::Dropped(DropReason::TooLong)
            }
            libc::EINVAL => SendFailure::Dropped(DropReason::Malformed),
            libc::ENXIO if P::IS_DEVICE => SendFailure::Gone,
            libc::EIO
            | libc::EDESTADDRREQ
            | libc::ENETDOWN
            | libc::EHOSTDOWN
            | libc::ENOTCONN
            | libc::ENXIO => SendFailure::Dropped(DropReason::LinkDown),
            libc::EPIPE | libc::EBADF => SendFailure::Gone,
            libc::EFAULT | libc::ENOTSOCK | 0 => SendFailure::Other,
            _ if is_of_sandbox(errno) => SendFailure::Other,
            _ => SendFailure::Dropped(DropReason::Policy),
        }
    }

    fn receive_failure(&mut self, errno: i32) -> ReceiveFailure {
        match errno {
            libc::EINTR => ReceiveFailure::Again,
            libc::EAGAIN | libc::ENOBUFS | libc::ENOMEM => ReceiveFailure::Empty,
            libc::ENOTCONN | libc::EPIPE | libc::EBADF | libc::ENXIO => ReceiveFailure::Gone,
            _ => ReceiveFailure::Other,
        }
    }
}

impl Refused {
    #[cold]
    fn new(frame: &[TxSlice<'_>]) -> Self {
        let mut first = [0];
        gather(frame, 0, &mut first);
        let [first] = first;
        Self {
            length: total_length(frame),
            is_group: first & 1 != 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use net_backend_core::{Bell, Interest};

    use super::*;

    /// A port that nobody calls.
    struct Silent(Bell);

    impl Port for Silent {
        fn send(&mut self, _: &[TxSlice<'_>]) -> io::Result<usize> {
            unreachable!()
        }

        fn receive(&mut self, _: &mut [RxSlice<'_>]) -> io::Result<usize> {
            unreachable!()
        }

        fn source(&self) -> Source<'_> {
            Source {
                descriptor: self.0.descriptor(),
                interest: Interest::Readable,
            }
        }
    }

    fn link() -> Link<Silent> {
        let patience = Duration::from_millis(100);
        Link::new(Silent(Bell::new().unwrap()), patience)
    }

    const DROPPED: SendFailure = SendFailure::Dropped(DropReason::NoRoom);

    #[test]
    fn a_receiver_without_room_is_waited_for_longer_each_time() {
        let mut link = link();
        let now = Instant::now();
        let waits = [1, 4, 16, 64, 64];
        for milliseconds in waits {
            let busy = SendFailure::Busy(Some(Duration::from_millis(milliseconds)));
            assert_eq!(link.no_room(now), busy);
        }
    }

    #[test]
    fn patience_ends_and_comes_back_after_a_rest() {
        let mut link = link();
        let begin = Instant::now();
        let after = |milliseconds| begin + Duration::from_millis(milliseconds);
        assert!(matches!(link.no_room(begin), SendFailure::Busy(_)));
        assert!(matches!(link.no_room(after(99)), SendFailure::Busy(_)));
        assert_eq!(link.no_room(after(100)), DROPPED);
        assert_eq!(link.no_room(after(1099)), DROPPED);
        assert!(matches!(link.no_room(after(1100)), SendFailure::Busy(_)));
        assert!(matches!(link.no_room(after(1199)), SendFailure::Busy(_)));
        assert_eq!(link.no_room(after(1200)), DROPPED);
    }

    #[test]
    fn a_frame_for_a_group_is_not_sent_twice() {
        let mut link = link();
        link.refused = Refused::new(&[TxSlice::EMPTY, TxSlice::new(&[0xff; 60])]);
        assert_eq!(link.no_room(Instant::now()), DROPPED);
        link.refused = Refused::new(&[TxSlice::new(&[2; 60])]);
        assert!(matches!(link.no_room(Instant::now()), SendFailure::Busy(_)));
    }

    #[test]
    fn failed_sends_have_their_meaning() {
        let dropped = SendFailure::Dropped;
        for (errno, meaning) in [
            (libc::EINTR, SendFailure::Interrupted),
            (libc::EMSGSIZE, dropped(DropReason::TooLong)),
            (libc::EINVAL, dropped(DropReason::Malformed)),
            (libc::ENETDOWN, dropped(DropReason::LinkDown)),
            (libc::EDESTADDRREQ, dropped(DropReason::LinkDown)),
            (libc::ENXIO, dropped(DropReason::LinkDown)),
            (libc::ELOOP, dropped(DropReason::Policy)),
            (libc::EHOSTUNREACH, dropped(DropReason::Policy)),
            (libc::EPIPE, SendFailure::Gone),
            (libc::EBADF, SendFailure::Gone),
            (libc::EFAULT, SendFailure::Other),
        ] {
            assert_eq!(link().send_failure(errno), meaning, "errno {errno}");
        }
    }

    #[test]
    fn failed_receives_have_their_meaning() {
        for (errno, meaning) in [
            (libc::EINTR, ReceiveFailure::Again),
            (libc::EAGAIN, ReceiveFailure::Empty),
            (libc::ENOTCONN, ReceiveFailure::Gone),
            (libc::ENXIO, ReceiveFailure::Gone),
            (libc::EFAULT, ReceiveFailure::Other),
        ] {
            assert_eq!(link().receive_failure(errno), meaning, "errno {errno}");
        }
    }
}
