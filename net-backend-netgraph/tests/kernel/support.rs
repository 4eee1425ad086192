//! What the cases are made of.

use std::time::{Duration, Instant};

use net_backend_core::testing::{Failure, ready};
use net_backend_core::{
    Activation, DropReason, Error, NetBackend, QueuePair, RxSlice, Sent, TxSlice,
};
use net_backend_netgraph::Netgraph;
use net_backend_netgraph::testing::Far;

use crate::common::world::World;

pub(crate) type Outcome<T = ()> = Result<T, Failure>;

pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&World) -> Outcome,
}

impl Case {
    pub(crate) const fn new(name: &'static str, run: fn(&World) -> Outcome) -> Self {
        Self { name, run }
    }
}

/// How long a frame may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// How long to listen to be sure that nothing comes.
pub(crate) const SILENCE: Duration = Duration::from_millis(50);

/// Fails the case with what was found.
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err(net_backend_core::testing::Failure::new(format!($($message)+)));
        }
    };
}
pub(crate) use ensure;

/// A frame of `length` bytes, at least 14, from a station of this number to another one, or to everybody.
pub(crate) fn frame(from: u8, to: Option<u8>, length: usize) -> Vec<u8> {
    let mut bytes = match to {
        Some(to) => vec![2, 0, 0, 0, 0, to],
        None => vec![0xff; 6],
    };
    bytes.extend([2, 0, 0, 0, 0, from, 0x88, 0xb5]);
    let rest = (0_u8..251).cycle().map(|byte| byte.wrapping_mul(7) ^ from);
    bytes.extend(rest.take(length - bytes.len()));
    bytes
}

/// A backend that was activated, plain.
#[derive(Debug)]
pub(crate) struct Active {
    /// Before the backend, so that it is dropped first.
    pub(crate) pair: QueuePair,
    pub(crate) backend: Netgraph,
}

impl Active {
    pub(crate) fn new(world: &World, uri: &str) -> Outcome<Self> {
        Self::of(world.open(uri)?)
    }

    pub(crate) fn of(mut backend: Netgraph) -> Outcome<Self> {
        let pair = backend.activate(&Activation::plain())?.pop();
        let pair = pair.ok_or_else(|| Failure::new("no queue pair"))?;
        Ok(Self { pair, backend })
    }

    pub(crate) fn try_send(&mut self, frame: &[u8]) -> Result<Sent, Error> {
        let sent = self.pair.tx.send(&[TxSlice::new(frame)])?;
        self.pair.tx.flush()?;
        Ok(sent)
    }

    pub(crate) fn send(&mut self, frame: &[u8]) -> Outcome {
        self.expect_sent(frame, Sent::Queued)
    }

    pub(crate) fn expect_sent(&mut self, frame: &[u8], expected: Sent) -> Outcome {
        let sent = self.try_send(frame)?;
        ensure!(
            sent == expected,
            "send of {} bytes: {sent:?} instead of {expected:?}",
            frame.len()
        );
        Ok(())
    }

    /// Waits for the next frame.
    pub(crate) fn receive(&mut self) -> Outcome<Vec<u8>> {
        let frame = self.receive_within(PATIENCE)?;
        frame.ok_or_else(|| Failure::new("no frame arrived"))
    }

    /// The next frame of these tests, if it comes in time.
    pub(crate) fn receive_within(&mut self, timeout: Duration) -> Outcome<Option<Vec<u8>>> {
        let deadline = Instant::now() + timeout;
        let mut buffer = vec![0; 1 << 17];
        loop {
            let received = self.pair.rx.recv(&mut [RxSlice::new(&mut buffer)])?;
            if let Some(received) = received {
                ensure!(!received.truncated, "cut to {} bytes", buffer.len());
                let frame = &buffer[..received.length];
                if is_of_tests(frame) {
                    return Ok(Some(frame.to_vec()));
                }
                continue;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || !ready(self.pair.rx.source(), left)? {
                return Ok(None);
            }
        }
    }

    /// The next frame has to be this one.
    pub(crate) fn expect(&mut self, frame: &[u8]) -> Outcome {
        same(&self.receive()?, frame)
    }

    pub(crate) fn expect_nothing(&mut self) -> Outcome {
        match self.receive_within(SILENCE)? {
            Some(frame) => Err(Failure::new(format!(
                "a frame of {} bytes arrived",
                frame.len()
            ))),
            None => Ok(()),
        }
    }

    /// What the other side of our hook is called.
    pub(crate) fn peer_hook(&self) -> Outcome<String> {
        let peer = self.backend.peer();
        let peer = peer.ok_or_else(|| Failure::new("it has no peer"))?;
        Ok(peer.peer_hook.to_string())
    }
}

/// Whether others than these tests would not have sent it.
fn is_of_tests(frame: &[u8]) -> bool {
    frame.get(12..14) == Some(&[0x88, 0xb5]) || frame.len() < 14
}

/// Waits for a frame at a program of the test.
pub(crate) fn receive(far: &Far) -> Outcome<Vec<u8>> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match far.receive() {
            Ok((_, frame)) if is_of_tests(&frame) => return Ok(frame),
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                ensure!(Instant::now() < deadline, "no frame arrived at the far end");
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// How many frames wait at a program of the test.
pub(crate) fn count(far: &Far) -> usize {
    std::iter::from_fn(|| far.receive().ok()).count()
}

pub(crate) fn same(found: &[u8], expected: &[u8]) -> Outcome {
    ensure!(
        found == expected,
        "{} bytes arrived that are not the {} that were sent",
        found.len(),
        expected.len()
    );
    Ok(())
}

/// Frames pass in both directions between a backend and a program.
pub(crate) fn expect_passage(near: &mut Active, far: &Far) -> Outcome {
    for length in [60, 1514] {
        let out = frame(1, Some(2), length);
        near.send(&out)?;
        same(&receive(far)?, &out)?;
        let back = frame(2, Some(1), length);
        far.send(None, &back)?;
        near.expect(&back)?;
    }
    Ok(())
}

/// Frames pass in both directions between two backends.
pub(crate) fn expect_exchange(one: &mut Active, other: &mut Active) -> Outcome {
    for length in [60, 1514] {
        let out = frame(1, Some(2), length);
        one.send(&out)?;
        other.expect(&out)?;
        let back = frame(2, Some(1), length);
        other.send(&back)?;
        one.expect(&back)?;
    }
    Ok(())
}

/// Opening has to fail and leave all nodes as they are; gives the error.
pub(crate) fn refused(world: &World, uri: &str) -> Outcome<Error> {
    let before = world.nodes()?;
    let error = match world.open(uri) {
        Ok(_) => return Err(Failure::new(format!("{uri} was opened"))),
        Err(error) => error,
    };
    let left = world.expect_nodes(&before);
    left.map_err(|failure| Failure::new(format!("{uri}: {}", failure.message())))?;
    Ok(error)
}

/// Opening has to fail with all of these in what is said, and leave all nodes as they are.
pub(crate) fn expect_refusal(world: &World, uri: &str, words: &[&str]) -> Outcome {
    let text = refused(world, uri)?.to_string();
    for word in words {
        ensure!(text.contains(word), "{uri}: {word:?} is not in: {text}");
    }
    Ok(())
}

pub(crate) const NO_ROOM: Sent = Sent::Dropped(DropReason::NoRoom);
pub(crate) const LINK_DOWN: Sent = Sent::Dropped(DropReason::LinkDown);
